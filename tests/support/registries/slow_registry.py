# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A registry with one image, slow:1, whose layers come half and no further until a file is there: what happens meanwhile can be looked at.

What is pushed to it, to another repository or under another tag, is taken and forgotten.

    slow_registry.py ADDRESS PORT GATE     (the file; 0 for PORT: any; prints the port when it listens)
"""

from __future__ import annotations

import hashlib
import http.server
import io
import json
import os
import random
import sys
import tarfile
import time

LAYERS, SIZE = 3, 1 << 20
TAR, CONFIG, MANIFEST = (
    "application/vnd.oci.image.%s.v1+%s" % pair
    for pair in (("layer", "tar"), ("config", "json"), ("manifest", "json"))
)


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def described(data, kind):
    return {"mediaType": kind, "digest": digest(data), "size": len(data)}


def image():
    """``({digest: bytes}, the manifest's bytes)``."""
    layers = []
    for number in range(LAYERS):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            entry = tarfile.TarInfo("file%d" % number)
            entry.size = SIZE
            archive.addfile(entry, io.BytesIO(random.Random(number).randbytes(SIZE)))
        layers.append(buffer.getvalue())
    config = json.dumps(
        {
            "os": "linux",
            "architecture": {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine],
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [digest(data) for data in layers]},
        }
    ).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": described(config, CONFIG),
            "layers": [described(data, TAR.replace("+", ".")) for data in layers],
        }
    ).encode()
    return {digest(data): data for data in [config] + layers}, manifest


def handler(gate):
    blobs, manifest = image()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):  # noqa: N802 - http.server's name
            wanted = self.path.rpartition("/")[2]
            data = blobs.get(wanted) if self.path.startswith("/v2/slow/") else None
            if self.path == "/v2/slow/manifests/1":
                data = manifest
            if data is None:
                self.answer(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.send_header(
                "Content-Type", MANIFEST if data is manifest else "application/octet-stream"
            )
            self.send_header("Docker-Content-Digest", digest(data))
            self.end_headers()
            if self.command == "HEAD":
                return
            half = len(data) // 2 if len(data) > SIZE else len(data)
            self.wfile.write(data[:half])
            while half < len(data) and not os.path.exists(gate):
                time.sleep(0.05)
            self.wfile.write(data[half:])

        do_HEAD = do_GET  # noqa: N815

        def do_PUT(self):  # noqa: N802
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.answer(202 if self.command == "POST" else 201)

        do_POST = do_PATCH = do_PUT  # noqa: N815

        def answer(self, status):
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.send_header("Location", self.path.partition("?")[0] + "1")
            self.end_headers()

        def log_message(self, *_args):  # pylint: disable=arguments-differ
            pass

    return Handler


if __name__ == "__main__":
    server = http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), handler(sys.argv[3]))
    server.daemon_threads = True
    print("listening at port %d" % server.server_address[1], flush=True)
    server.serve_forever()
