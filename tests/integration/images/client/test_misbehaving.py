# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A registry that answers with nonsense at one stage of a pull or a push: a sentence each time, never another exception, never without end."""

from __future__ import annotations

import contextlib
import http.server
import os
import threading
from urllib.parse import urlsplit

import pytest
from pycontainer.errors import EngineError
from pycontainer.images.client import client as clients
from pycontainer.images.client import retry, transport, upload
from pycontainer.images.client.basic_auth import Credentials
from pycontainer.images.configuration import login
from pycontainer.images.model import manifest, reference
from support.registries import faulty_registry as faulty
from support.registries.faulty_registry import CONFIG, LAYER, MANIFEST

CONFIG_DIGEST, LAYER_DIGEST = manifest.digest_of(CONFIG), manifest.digest_of(LAYER)


class Handler(faulty.Handler):
    """Pulls of a/b:1, and uploads to x/y that are taken and forgotten. At the stage ``server.stage`` it says ``server.says`` (bytes), once or always."""

    def handle_any(self):
        path, method = urlsplit(self.path).path, self.command
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked += 1
        if self.server.stage == self.stage(path, method):
            self.wfile.write(
                self.server.says(path) if callable(self.server.says) else self.server.says
            )
            self.close_connection = True
            self.wfile.flush()
            with contextlib.suppress(OSError):
                self.connection.shutdown(2)
        elif (
            self.server.stage == "token"
            and path != "/token"
            and "Authorization" not in self.headers
        ):
            self.answer(
                401,
                b"{}",
                {"WWW-Authenticate": f'Bearer realm="http://{self.server.host}/token",service="s"'},
            )
        elif path == "/token":
            self.answer(200, b'{"token": "good"}')
        elif path.startswith("/v2/x/y/blobs/uploads/"):
            if self.server.stage == "resume" and method == "PUT" and body:
                self.close_connection = True
                self.connection.shutdown(2)
                return
            self.answer(
                {"POST": 202, "PUT": 201, "PATCH": 202, "GET": 204}[method],
                b"",
                {"Location": "/v2/x/y/blobs/uploads/1", "Range": "0-0"},
            )
        elif path == "/v2/x/y/tags/list":
            self.answer(200, b'{"tags": ["1"]}')
        elif path.startswith("/v2/x/y/referrers/"):
            self.answer(
                200, b'{"schemaVersion": 2, "manifests": []}', {"Content-Type": manifest.OCI_INDEX}
            )
        elif path.startswith("/v2/x/y/"):
            self.answer(201 if method == "PUT" else 404, b"{}")
        else:
            super().do_GET()

    def stage(self, path, method):
        kind = next(
            (
                kind
                for kind in ("manifests", "uploads", "blobs", "tags", "referrers")
                if f"/{kind}/" in path
            ),
            path,
        )
        if path.startswith("/v2/a/b/blobs/"):
            kind = "config" if path.endswith(CONFIG_DIGEST) else "layer"
        if (kind, method) == ("uploads", "GET"):
            return "resume"
        return {"/token": "token", "/v2/": "ping"}.get(kind) or f"{method} {kind}"

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = handle_any


@pytest.fixture
def server(monkeypatch):
    found = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.handle_error = lambda *_arguments: None  # a connection that is cut is meant to be
    found.seen, found.fault, found.manifest, found.connections, found.daemon_threads = (
        [],
        None,
        MANIFEST,
        set(),
        True,
    )
    found.stage, found.says, found.asked = None, b"", 0
    found.host = "127.0.0.1:%d" % found.server_port
    thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    monkeypatch.setattr(retry, "pause", lambda tries: 0.0)
    monkeypatch.setattr(
        retry,
        "asked_pause",
        lambda header, tries, real=retry.asked_pause: 0.0 * real(header, tries),
    )
    yield found
    found.shutdown()
    thread.join()
    found.server_close()


def answer(status, *fields, body=b""):
    lines = [b"HTTP/1.1 %d x" % status] + [
        field if isinstance(field, bytes) else field.encode("latin-1") for field in fields
    ]
    return b"\r\n".join(lines + [b"Content-Length: %d" % len(body), b"", body])


WRONG = [
    "http://[::1",
    "http://[::1]x/",
    "http://127.0.0.1:99999/",
    "http://127.0.0.1:0/",
    "http://127.0.0.1:x/",
    "http://é/",
    "/é",
    "/\xff\xfe",
    "http://a b/",
    "/a b",
    f"http://{'a' * 64}/",
    "http://.a/",
    "http://a..b/",
    "/\x1b[31mred",
    "/\x01",
    "file:///etc/passwd",
    "http://",
    "//",
    "http:///",
    "/" + "a" * 9000,
    "http://%00/",
    "/%",
    "http://127.0.0.1:1/",
]
CASES = {
    "nothing": b"",
    "garbage": b"\x00\xff\x1b[31m\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
    "half a status": b"HTTP/1.1 2",
    "no status": b"HTTP/1.1\r\n\r\n",
    "a status that is none": b"HTTP/1.1 \xb2\xb2\xb2 x\r\n\r\n",
    "a status too large": b"HTTP/1.1 99999 x\r\n\r\n",
    "a status too long": b"HTTP/1.1 200 " + b"x" * 70000 + b"\r\n\r\n",
    "a header too long": answer(200, b"X: " + b"x" * 70000),
    "too many headers": answer(200, *[b"X: x"] * 150),
    "a header that is none": b"HTTP/1.1 200 x\r\nnonsense\r\n\r\n",
    "interim answers without end": b"HTTP/1.1 100 Continue\r\n\r\n" * 2000,
    "a length that is none": b"HTTP/1.1 200 x\r\nContent-Length: \xb2\r\n\r\n{}",
    "a length too long": b"HTTP/1.1 200 x\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n{}",
    "a negative length": b"HTTP/1.1 200 x\r\nContent-Length: -5\r\n\r\n{}",
    "cut short": b"HTTP/1.1 200 x\r\nContent-Length: 100\r\n\r\n{",
    "a chunk that is none": b"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "a chunk too long": b"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"f" * 30
    + b"\r\n{}",
    "chunks cut short": b"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    "trailers without end": b"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
    + b"X: x\r\n" * 2000,
    "a chunk's line too long": (
        b"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n2;"
        + b"x" * 70000
        + b"\r\n{}\r\n0\r\n\r\n"
    ),
    "a pause that is none": answer(503, b"Retry-After: \xb2"),
    "a pause too long": answer(429, b"Retry-After: " + b"9" * 5000),
    "a pause as a bad date": answer(503, b"Retry-After: Mon, 99 Foo 99999 99:99:99 +9999"),
    "a challenge that is none": answer(401, b"WWW-Authenticate: \xff\x1b"),
    "a challenge without end": answer(401, b'WWW-Authenticate: Bearer realm="' + b"a=" * 4000),
    "a challenge too long": answer(401, b"WWW-Authenticate: " + b'Bearer a="\\' * 1500),
    "a challenge and no realm": answer(401, "WWW-Authenticate: Bearer"),
    "two challenges": answer(401, b"WWW-Authenticate: Digest x=y\r\nWWW-Authenticate: \x01"),
    "ranges that are none": answer(206, b"Content-Range: bytes " + b"9" * 5000 + b"-1/\xb2"),
    "a range of uploads that is none": answer(
        202, b"Range: 0-" + b"9" * 5000, b"Location: /v2/x/y/blobs/uploads/1"
    ),
    "more than was sent": answer(202, b"Range: 0-99999999", b"Location: /v2/x/y/blobs/uploads/1"),
    "never any further": answer(
        202,
        b"Range: 0-4",
        b"Location: /v2/x/y/blobs/uploads/1",
        b"OCI-Chunk-Min-Length: " + b"9" * 5000,
    ),
    "a digest that is none": answer(
        200, b"Docker-Content-Digest: sha256:\xff\x1b", b"Content-Type: \xff\x00", body=b"{}"
    ),
    "warnings": answer(200, b'Warning: 299 - "' + b"\\" * 999 + b'"', body=b"{}"),
    "links that are none": answer(
        200, b"Link: " + b"<" * 8000, b"Content-Type: " + manifest.OCI_INDEX.encode(), body=b"{}"
    ),
    "an error in no text": answer(400, body=b'{"errors": [{"code": "\xff\x1b", "message": 7}]}'),
    "an error in brackets": answer(400, body=b"[" * 50000),
    "an error that is a page": answer(502, body=b"<title" * 600 + b">" + b" " * 2000),
    "a switch of protocols": answer(101),
    "no content": answer(204),
    "not modified": answer(304),
    "a token that is none": answer(200, body=b'{"token": "a\\r\\nX-Evil: 1"}'),
    "a token in no text": answer(200, body='{"token": "é"}'.encode()),
    "a token too long": answer(200, body=b'{"token": "' + b"x" * 100000 + b'"}'),
    "a token that is a number": answer(200, body=b'{"token": 7, "expires_in": "x"}'),
}
CASES.update(
    (
        "location %d" % number,
        lambda path, text=text: answer(
            307 if "uploads" not in path else 202,
            ("Location: " + text).encode("utf-8" if number % 2 else "latin-1", "replace"),
        ),
    )
    for number, text in enumerate(WRONG)
)
CASES.update(
    (
        "link %d" % number,
        answer(
            200,
            (f'Link: <{text}>; rel="next"').encode("latin-1", "replace"),
            b"Content-Type: " + manifest.OCI_INDEX.encode(),
            body=b'{"schemaVersion": 2, "manifests": [], "tags": []}',
        ),
    )
    for number, text in enumerate(WRONG[::5])
)
CASES.update(
    (
        "realm %d" % number,
        answer(
            401,
            (f'WWW-Authenticate: Bearer realm="{text}",service="\xff\x1b"').encode(
                "latin-1", "replace"
            ),
        ),
    )
    for number, text in enumerate(WRONG[::5])
)
PULLING = {  # stage -> what comes by it
    "GET manifests": lambda client: client.manifest("1"),
    "HEAD manifests": lambda client: client.digest("1"),
    "GET config": lambda client: client.small_blob(CONFIG_DIGEST, 1 << 20),
    "GET layer": lambda client: list(client.blob(LAYER_DIGEST, len(LAYER))),
    "HEAD layer": lambda client: client.blob_size(LAYER_DIGEST),
    "token": lambda client: client.manifest("1"),
    "ping": lambda client: login.verify(client.registry, "me", "secret"),
}
PUSHING = {
    "HEAD blobs": lambda client: pushed(client),
    "POST uploads": lambda client: pushed(client),
    "PUT uploads": lambda client: pushed(client),
    "resume": lambda client: pushed(client),
    "PUT manifests": lambda client: pushed(client),
    "GET tags": lambda client: client.tags(),
    "GET referrers": lambda client: client.referrers("sha256:" + "1" * 64),
}


def act(what, *stage):
    """Do what may fail; only an EngineError may come out, whose sentence can be shown. :returns: the sentence."""
    try:
        what()
    except EngineError as error:
        assert str(error).isprintable() and len(str(error)) < 2000, (stage, str(error))
        return str(error)
    return ""


class Data:
    size = 100

    def pieces(self, offset, count):
        yield (b"x" * 100)[offset : offset + count]


def client_of(server, repository):
    """A client without anything remembered."""
    return clients.Client(
        reference.parse(f"{server.host}/{repository}:1"),
        transport.Transport(),
        Credentials("me", "secret"),
        tries=2,
    )


def pushed(client):
    upload.push_blob(client.for_push(), "sha256:" + "1" * 64, Data())
    client.put_manifest("1", MANIFEST, manifest.OCI_MANIFEST)


@pytest.mark.parametrize("case", CASES)
def test_every_stage(server, case):
    for stages, repository in ((PULLING, "a/b"), (PUSHING, "x/y")):
        for stage, what in stages.items():
            server.stage, server.says, server.asked = stage, CASES[case], 0
            act(
                lambda what=what, repository=repository: what(client_of(server, repository)),
                case,
                stage,
            )
            assert server.asked <= (200 if case.startswith("link") else 30), (
                case,
                stage,
            )  # a list may have a hundred pages


@pytest.mark.parametrize(
    "case",
    [
        "nothing",
        "cut short",
        "location 0",
        "location 5",
        "realm 0",
        "a header too long",
        "links that are none",
        "a token that is none",
    ],
)
def test_whole_tasks(engine, task, server, case):
    """Through processes and threads of a pull and a push, which hand errors on."""
    name = server.host + "/a/b:1"
    for stage in PULLING:
        server.stage, server.says = stage, CASES[case]
        act(lambda: task(engine, name=name, pull="always"), case, stage)
        assert os.listdir(engine.paths.tmp) == [] or stage == "GET layer"
    server.stage = None
    task(engine, name=name)
    for stage in list(PUSHING)[:5]:
        server.stage, server.says = stage, CASES[case]
        act(
            lambda: task(
                engine, source="local", name=name, repository=server.host + "/x/y:1", push=True
            ),
            case,
            stage,
        )


@pytest.mark.parametrize(
    "number", [number for number, text in enumerate(WRONG[:-1]) if text not in ("//", "/%")]
)
def test_what_can_never_work_is_tried_once(server, number):
    server.says = CASES["location %d" % number]
    for stage, least, what in (
        ("GET manifests", 1, lambda: client_of(server, "a/b").manifest("1")),
        ("POST uploads", 2, lambda: pushed(client_of(server, "x/y"))),
    ):
        server.stage, server.asked = stage, 0
        said = act(what)
        assert said and server.asked <= least + 3, (
            stage,
            said,
        )  # with the question whether TLS is spoken there
