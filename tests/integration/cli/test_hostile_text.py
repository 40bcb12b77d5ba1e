# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images and registries whose words would colour a terminal or make lines of their own, through the real commands."""

from __future__ import annotations

import hashlib
import http.server
import io
import json
import tarfile
import threading

import pytest

EVIL = "a\x1b[31mred\x07\r\nok: [host] \u202egnp\u2028\x9b2J"


def harmless(said):
    return [
        one for one in said if not one.isprintable() and one not in "\n\t"
    ] == [] and "\nok: [host]" not in said


@pytest.fixture
def archive(tmp_path):
    """An image in Docker's form: everything in it that is free text is hostile."""

    def tar(members):
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w") as file:
            for name, content in members:
                item = tarfile.TarInfo(name)
                item.size = len(content)
                file.addfile(item, io.BytesIO(content))
        return data.getvalue()

    layer = tar([("evil\x1b[31m\nok: [host]", b"x")])
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "author": EVIL,
            "comment": EVIL,
            "created": "2026-01-01T00:00:00Z",
            "config": {
                "Labels": {"note": EVIL, EVIL: "x"},
                "Cmd": [EVIL],
                "Env": ["X=" + EVIL],
                "Entrypoint": ["/" + EVIL],
            },
            "history": [
                {
                    "created_by": EVIL,
                    "comment": EVIL,
                    "author": EVIL,
                    "created": "2026-01-01T00:00:00Z",
                }
            ],
            "rootfs": {
                "type": "layers",
                "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()],
            },
        }
    ).encode()
    path = tmp_path / "evil.tar"
    path.write_bytes(
        tar(
            [
                ("layer.tar", layer),
                ("config.json", config),
                (
                    "manifest.json",
                    json.dumps(
                        [{"Config": "config.json", "RepoTags": ["evil:1"], "Layers": ["layer.tar"]}]
                    ).encode(),
                ),
            ]
        )
    )
    return str(path)


def test_an_image(docker, archive):
    assert docker.on_host("load", "-i", archive)[0] == 0
    docker("create", "--network", "none", "--name", "web", "evil:1")
    for words in (
        ["images", "--format", "{{.Repository}} {{.Labels}}"],
        ["history", "evil:1"],
        ["history", "--no-trunc", "evil:1"],
        ["history", "--no-trunc", "--format", "{{.CreatedBy}} {{.Comment}}", "evil:1"],
        ["inspect", "evil:1"],
        ["inspect", "-f", "{{.Author}} {{.Comment}} {{.Config.Labels}} {{.Config.Env}}", "evil:1"],
        ["ps", "-a", "--no-trunc"],
        ["ps", "-a", "--format", '{{.Labels}} {{.Command}} {{.Label "note"}}'],
        ["inspect", "web"],
        ["image", "diff", "box:1", "evil:1"],
        ["image", "waste", "evil:1"],
        ["run", "--rm", "--network", "none", "evil:1"],
        ["start", "web"],
        ["inspect", EVIL],
        ["rm", EVIL],
        ["pull", EVIL],
        ["tag", "evil:1", EVIL],
        ["image", "squash", "evil:1", EVIL],
    ):
        result = docker.task(*words)
        assert harmless(result["stdout"]) and harmless(result["stderr"]), (
            words,
            result["stdout"],
            result["stderr"],
        )
    for words in (
        ["history", "--no-trunc", "evil:1"],
        ["ps", "-a", "--format", "{{.Labels}}"],
        ["start", "web"],
        ["inspect", EVIL],
    ):
        _code, out, err = docker.on_host(*words)
        assert harmless(out) and harmless(err), (words, out, err)
    assert json.loads(docker("inspect", "evil:1"))[0]["Author"] == EVIL


def test_top(docker):
    docker(
        "run",
        "-d",
        "--network",
        "none",
        "--name",
        "web",
        "box:1",
        "sh",
        "-c",
        f"sleep 1000; : {EVIL}",
    )
    result = docker.task("top", "web")
    assert result["rc"] == 0 and "red" in result["stdout"] and harmless(result["stdout"])


class Registry(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_arguments):
        pass

    def do_GET(self):
        status, headers, body = self.server.answers
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_HEAD = do_GET


LATIN = EVIL.replace("\r\n", " ").replace("\u202e", "").replace("\u2028", "")


@pytest.mark.parametrize(
    "answers",
    [
        (403, {}, json.dumps({"errors": [{"code": "DENIED" + EVIL, "message": EVIL}]}).encode()),
        (500, {}, (f"<title>{EVIL}</title>").encode()),
        (401, {"WWW-Authenticate": f'Bearer realm="ftp://x/{LATIN}{"x" * 60000}"'}, b""),
        (401, {"WWW-Authenticate": f"{LATIN} realm=x"}, b""),
        (
            200,
            {"Content-Type": "application/vnd.oci.image.manifest.v1+json"},
            json.dumps(
                {"schemaVersion": 2, "mediaType": EVIL * 1000, "config": {}, "layers": []}
            ).encode(),
        ),
        (
            200,
            {},
            json.dumps(
                {
                    "schemaVersion": 2,
                    "layers": [],
                    "config": {
                        "mediaType": "application/" + EVIL,
                        "size": 2,
                        "digest": "sha256:" + "a" * 64,
                    },
                }
            ).encode(),
        ),
        (307, {"Location": "http://127.0.0.1:1/" + LATIN + "x" * 5000}, b""),
    ],
    ids=["errors", "page", "realm", "scheme", "media type", "config", "location"],
)
def test_a_registry(docker, answers):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    server.answers, server.daemon_threads = answers, True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        result = docker.task("pull", "--insecure", "127.0.0.1:%d/web:1" % server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
    assert (
        result["rc"]
        and harmless(result["stderr"])
        and len(result["stderr"].splitlines()) == 1
        and len(result["stderr"]) < 5000
    ), result["stderr"]
