# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A registry with one image that misbehaves as it is told."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import threading
from urllib.parse import urlsplit

from pycontainer.images.model import manifest

from support.layouts import layer, member

LAYER = layer([member(b"f", os.urandom(3 << 20))])
CONFIG = json.dumps(
    {
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [manifest.digest_of(LAYER)]},
    }
).encode()
MANIFEST = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": manifest.OCI_MANIFEST,
        "config": {
            "mediaType": manifest.OCI_CONFIG,
            "digest": manifest.digest_of(CONFIG),
            "size": len(CONFIG),
        },
        "layers": [
            {
                "mediaType": manifest.OCI_LAYER,
                "digest": manifest.digest_of(LAYER),
                "size": len(LAYER),
            }
        ],
    }
).encode()


class Handler(http.server.BaseHTTPRequestHandler):
    """A registry with one image; ``server.faults`` is asked before each answer: ``fault(handler, path) -> handled?``."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_arguments):
        pass

    def do_GET(self):
        self.server.seen.append((self.command, self.path, dict(self.headers)))
        self.server.connections.add(self.client_address)
        if self.server.fault and self.server.fault(self):
            return
        content = {
            "/v2/": b"{}",
            "/v2/a/b/manifests/1": self.server.manifest,
            "/v2/a/b/blobs/" + manifest.digest_of(CONFIG): CONFIG,
            "/v2/a/b/blobs/" + manifest.digest_of(LAYER): LAYER,
        }.get(urlsplit(self.path).path)
        if content is None:
            self.answer(404, b"{}")
            return
        start = int(self.headers.get("Range", "bytes=0-")[6:-1])
        headers = (
            {"Content-Range": "bytes %d-%d/%d" % (start, len(content) - 1, len(content))}
            if start
            else {}
        )
        self.answer(
            206 if start else 200,
            content[start:],
            dict(
                headers,
                **{
                    "Content-Type": manifest.OCI_MANIFEST if "manifests" in self.path else "x/y",
                    "Docker-Content-Digest": manifest.digest_of(content),
                },
            ),
        )

    do_HEAD = do_POST = do_GET

    def answer(self, status, content=b"", headers=None, cut=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content if cut is None else content[:cut])
        if cut is not None:
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(2)


@contextlib.contextmanager
def serving():
    """A server of :class:`Handler`: ``host``, ``fault``, ``manifest``, and ``seen``: ``[(method, path, headers)]``."""
    found = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.seen, found.fault, found.manifest, found.daemon_threads = [], None, MANIFEST, True
    found.connections = set()
    found.host = "127.0.0.1:%d" % found.server_port
    thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield found
    finally:
        found.shutdown()
        thread.join()
        found.server_close()


def blobs(server):
    """Range headers of the requests for the layer."""
    return [
        headers.get("Range")
        for _method, path, headers in server.seen
        if manifest.digest_of(LAYER) in path
    ]
