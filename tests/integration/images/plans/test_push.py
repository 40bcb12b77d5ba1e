# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pushes to a registry that breaks off, wants chunks, forgets uploads; indexes, referrers and signatures that are pushed."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import re
import subprocess
import threading
from urllib.parse import parse_qs, urlsplit

import pytest
from pycontainer import images
from pycontainer.errors import HostError, InvalidInput, NotFound, RegistryError, Untrusted
from pycontainer.images.client import client as clients
from pycontainer.images.client import referrers, retry, transport, upload
from pycontainer.images.client.basic_auth import Credentials
from pycontainer.images.model import manifest, reference
from pycontainer.images.plans import push
from pycontainer.images.trust import keys, signatures
from support import signing
from support.layouts import layer, layout, member, need, run

DATA = os.urandom(3 << 20)
DIGEST = manifest.digest_of(DATA)


class Handler(http.server.BaseHTTPRequestHandler):
    """Blobs and uploads in memory. ``server.fault(handler, method) -> handled?`` before each; ``server.takes``: bytes to read, then cut."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_arguments):
        pass

    def answer(self, status, headers=None, body=b""):
        self.send_response(status)
        for name, value in dict(headers or {}, **{"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def body(self):
        """The request's body into the upload; False where the connection is cut in it."""
        left, taken = (
            int(self.headers.get("Content-Length") or 0),
            self.server.takes.pop(0) if self.server.takes else None,
        )
        data = self.rfile.read(left if taken is None else min(left, taken))
        self.server.uploads[self.ident] += data
        if taken is None or taken >= left:
            return True
        self.close_connection = True
        self.connection.shutdown(2)
        return False

    def session(self, status):
        size = len(self.server.uploads[self.ident])
        self.server.states[self.ident] = "%d-%d" % (
            size,
            len(self.server.seen),
        )  # an address is good once, as distribution's are
        self.answer(
            status,
            {
                "Location": f"/v2/a/b/blobs/uploads/{self.ident}?state={self.server.states[self.ident]}",
                "Range": "0-%d" % max(0, size - 1),
            },
        )

    def handle_any(self):
        server, path = self.server, urlsplit(self.path)
        self.ident = path.path.rpartition("/")[2]
        with server.lock:
            server.seen.append(
                (
                    self.command,
                    int(self.headers.get("Content-Length") or 0),
                    self.headers.get("Content-Range"),
                )
            )
            if server.fault and server.fault(self):
                return
            if path.path == "/v2/":
                self.answer(200)
            elif self.command == "HEAD":
                self.answer(200 if path.path.rpartition("/")[2] in server.blobs else 404)
            elif self.command == "POST":
                self.ident = f"u{len(server.seen)}"
                server.uploads[self.ident] = b""
                self.session(202)
            elif self.ident not in server.uploads:
                self.answer(404)
            elif self.command == "GET":
                self.session(204)
            elif parse_qs(path.query).get("state") != [server.states[self.ident]]:
                self.answer(
                    400,
                    body=b'{"errors": [{"code": "BLOB_UPLOAD_INVALID", "message": "an old state"}]}',
                )
            elif self.command == "PATCH":
                self.patch()
            else:
                self.put(parse_qs(path.query)["digest"][0])

    def patch(self):
        start = int(self.headers["Content-Range"].partition("-")[0])
        assert re.fullmatch(r"\d+-\d+", self.headers["Content-Range"])
        if start != len(self.server.uploads[self.ident]):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.session(416)
        elif self.body():
            self.session(202)

    def put(self, digest):
        if not self.body():
            return
        data = self.server.uploads.pop(self.ident)
        if manifest.digest_of(data) != digest:
            self.answer(400, body=b'{"errors": [{"code": "DIGEST_INVALID", "message": "wrong"}]}')
            return
        self.server.blobs[digest] = data
        self.answer(201)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = handle_any


@pytest.fixture
def server():
    found = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.blobs, found.uploads, found.seen, found.takes, found.fault, found.states = (
        {},
        {},
        [],
        [],
        None,
        {},
    )
    found.lock, found.daemon_threads = threading.Lock(), True
    thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield found
    found.shutdown()
    thread.join()
    found.server_close()


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(retry, "pause", lambda tries: 0.01)


@pytest.fixture
def client(server):
    return clients.Client(
        reference.parse("127.0.0.1:%d/a/b:1" % server.server_port), transport.Transport()
    ).for_push()


class Source:
    def __init__(self, data=DATA):
        self.data, self.size = data, len(data)

    def pieces(self, offset, count):
        for start in range(offset, offset + count, 100000):
            yield self.data[start : min(start + 100000, offset + count)]


def sent(server):
    return [item for item in server.seen if item[0] in ("PUT", "PATCH")]


def test_in_one_request(server, client):
    assert upload.push_blob(client, DIGEST, Source()) == "pushed" and server.blobs[DIGEST] == DATA
    assert sent(server) == [("PUT", len(DATA), None)]
    assert upload.push_blob(client, DIGEST, Source()) == "present"
    assert upload.push_blob(client, manifest.digest_of(b""), Source(b"")) == "pushed"


@pytest.mark.parametrize(
    "takes",
    ([1000000], [1, 1000000, 0, 500000], [0, 0, 0, 0], [len(DATA) - 1]),
    ids=lambda value: "-".join(map(str, value)),
)
def test_one_that_breaks_off_goes_on(server, client, takes):
    server.takes = list(takes)
    assert upload.push_blob(client, DIGEST, Source()) == "pushed" and server.blobs[DIGEST] == DATA
    ranges = [item[2] for item in sent(server) if item[2]]
    total, expected, begun = 0, [], 1
    for count in takes:
        total += count
        if total > 1:
            expected.append("%d-%d" % (total, len(DATA) - 1))
        else:  # "0-0" says nothing of the first byte: another upload
            total, begun = 0, begun + 1
    assert ranges == expected and sum(1 for item in server.seen if item[0] == "POST") == begun


def test_one_that_always_breaks_off(server, client):
    server.takes = [0] * 100
    with pytest.raises(RegistryError, match="can't be reached: .*tried 5 times"):
        upload.push_blob(client, DIGEST, Source())
    assert server.blobs == {}


def test_an_upload_that_the_registry_forgets(server, client):
    server.takes = [1000000]
    forgotten = []

    def fault(handler):
        if handler.command == "GET" and handler.path != "/v2/" and not forgotten:
            forgotten.append(server.uploads.pop(handler.ident))
            handler.answer(404)
            return True
        return False

    server.fault = fault
    assert (
        upload.push_blob(client, DIGEST, Source()) == "pushed"
        and server.blobs[DIGEST] == DATA
        and len(forgotten[0]) == 1000000
    )


@pytest.mark.parametrize("status, limit", [(413, 1 << 20), (413, 600000), (405, 8 << 20)])
def test_what_is_too_large_for_one_request_goes_in_chunks(server, client, status, limit):
    def fault(handler):
        length = int(handler.headers.get("Content-Length") or 0)
        if handler.command in ("PUT", "PATCH") and (
            length > limit or status == 405 and handler.command == "PUT" and length
        ):
            handler.rfile.read(length)
            handler.answer(status)
            return True
        return False

    server.fault = fault
    assert upload.push_blob(client, DIGEST, Source()) == "pushed" and server.blobs[DIGEST] == DATA
    chunks = [item for item in sent(server) if item[0] == "PATCH" and item[1] <= limit]
    assert sum(item[1] for item in chunks) == len(DATA) and len(chunks) == -(
        -len(DATA) // max(item[1] for item in chunks)
    )


def test_the_least_chunk_that_a_registry_takes(server, client):
    least = 2 << 20

    def fault(handler):
        length = int(handler.headers.get("Content-Length") or 0)
        if handler.command == "POST":
            handler.ident = "least"
            server.uploads["least"] = b""
            server.states["least"] = "0"
            handler.answer(
                202,
                {
                    "Location": "/v2/a/b/blobs/uploads/least?state=0",
                    "OCI-Chunk-Min-Length": str(least),
                },
            )
            return True
        if handler.command in ("PUT", "PATCH") and length > least:
            handler.rfile.read(length)
            handler.answer(413)
            return True
        return False

    server.fault = fault
    assert upload.push_blob(client, DIGEST, Source()) == "pushed"
    assert [item[1] for item in sent(server) if item[1] <= least] == [least, len(DATA) - least, 0]


def test_a_proxy_that_takes_nothing(server, client):
    def fault(handler):
        if handler.command in ("PUT", "PATCH"):
            handler.rfile.read(int(handler.headers["Content-Length"]))
            handler.answer(413, body=b"<title>413 Request Entity Too Large</title>")
            return True
        return False

    server.fault = fault
    with pytest.raises(
        RegistryError, match="status 413 .*a page with the title '413 Request Entity Too Large'"
    ):
        upload.push_blob(client, DIGEST, Source())


def test_busy_and_refused(server, client):
    answers = iter([503, 429, 500])

    def fault(handler):
        status = next(answers, None) if handler.command == "PUT" else None
        if status:
            handler.rfile.read(int(handler.headers["Content-Length"]))
            handler.answer(status, {"Retry-After": "0"})
        return bool(status)

    server.fault = fault
    assert upload.push_blob(client, DIGEST, Source()) == "pushed"
    with pytest.raises(RegistryError, match="DIGEST_INVALID: wrong"):
        upload.push_blob(client, "sha256:" + "1" * 64, Source())
    server.fault = lambda handler: (
        handler.command == "POST" and (handler.answer(403, body=b"no") or True)
    )
    with pytest.raises(RegistryError, match="refuses access"):
        upload.push_blob(client, "sha256:" + "2" * 64, Source())


@pytest.mark.parametrize("status", (401, 403, 404, 405))
def test_a_mount_that_is_refused_is_no_reason_not_to_send_the_blob(server, client, status):
    mounts = []

    def fault(handler):
        if handler.command == "POST" and "mount=" in handler.path:
            mounts.append(handler.path)
            handler.answer(status, {"WWW-Authenticate": 'Basic realm="r"'} if status == 401 else {})
            return True
        return False

    server.fault = fault
    client.authorizer._credentials = Credentials("me", "secret")
    assert (
        upload.push_blob(client.for_push(["x/y"]), DIGEST, Source(), "x/y") == "pushed"
        and server.blobs[DIGEST] == DATA
    )
    assert "from=x%2Fy" in mounts[0] and client.scopes == ["repository:a/b:pull,push"]


def test_a_token_service_that_does_not_let_read_the_other_repository(
    engine, task, server, tmp_path
):
    """It gives nothing at all to one who asks for more than he may have."""

    def fault(handler):
        parts = urlsplit(handler.path)
        if parts.path == "/token":
            if any("x/y" in scope for scope in parse_qs(parts.query)["scope"]):
                handler.answer(403)
            else:
                handler.answer(200, body=b'{"token": "good"}')
            return True
        if handler.headers.get("Authorization") != "Bearer good":
            handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
            handler.answer(
                401,
                {
                    "WWW-Authenticate": 'Bearer realm="http://127.0.0.1:%d/token"'
                    % server.server_port
                },
            )
            return True
        if "/manifests/" in handler.path:
            handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
            handler.answer(404 if handler.command in ("GET", "HEAD") else 201)
            return True
        return False

    server.fault = fault
    layout(tmp_path / "layout", [layer([member(b"f", os.urandom(1000))])])
    host = "127.0.0.1:%d" % server.server_port
    ident = task(engine, name=host + "/a/b:1", source="load", path=str(tmp_path / "layout"))[
        "image"
    ]["Id"]
    engine.db.run(
        "INSERT INTO digests (repository, digest, image) VALUES (?, ?, ?)",
        host + "/x/y",
        "sha256:" + "1" * 64,
        ident,
    )
    assert (
        task(engine, name=host + "/a/b:1", source="local", push=True)["changed"]
        and len(server.blobs) == 2
    )


def test_an_id_is_no_name_to_push_to(engine, task, tmp_path):
    layout(tmp_path / "layout", [layer([member(b"f", b"x")])])
    ident = task(engine, name="a:1", source="load", path=str(tmp_path / "layout"))["image"]["Id"]
    for text in (ident[7:19], ident[:19], ident):
        with pytest.raises(
            InvalidInput,
            match=f"name: '{text}' is not valid; accepted: the name under which the image is pushed",
        ):
            task(engine, name=text, source="local", push=True)


def test_a_damaged_blob_of_the_store_is_named(engine, task, server, tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "file").write_bytes(os.urandom(100000))
    task(engine, name="a:1", source="import", path=str(tmp_path / "root"))
    digest = manifest.parse(engine.blobs.read(images.get(engine, "a:1")["manifest"]), "a")[
        "layers"
    ][0]["digest"]
    with open(engine.paths.blob(digest), "r+b") as file:
        file.write(b"xx")
    with pytest.raises(HostError, match=f"blob {digest} in the store is damaged"):
        task(
            engine,
            name="a:1",
            source="local",
            repository="127.0.0.1:%d/a/b" % server.server_port,
            push=True,
        )


def test_layers_go_several_at_once(engine, task, server, tmp_path):
    """All are sent, each once, the configuration first; one that is refused ends the others."""
    layers = [layer([member(b"f%d" % number, os.urandom(200000))]) for number in range(8)]
    layout(tmp_path / "layout", layers)
    task(engine, name="a:1", source="load", path=str(tmp_path / "layout"))
    name = "127.0.0.1:%d/a/b" % server.server_port
    server.fault = lambda handler: (
        "manifests" in handler.path
        and (
            handler.rfile.read(int(handler.headers.get("Content-Length") or 0)),
            handler.answer(404 if handler.command == "HEAD" else 201),
        )[1]
        is None
    )
    assert task(engine, name="a:1", source="local", repository=name, push=True)["changed"]
    assert len(server.blobs) == 9 and sum(1 for item in server.seen if item[0] == "POST") == 9
    server.blobs.clear()
    puts = []

    def fault(handler):
        if "manifests" in handler.path:
            handler.answer(404)
            return True
        if handler.command == "PUT":
            puts.append(1)
            if len(puts) > 2:
                handler.rfile.read(int(handler.headers["Content-Length"]))
                handler.answer(403)
                return True
        return False

    server.fault = fault
    with pytest.raises(RegistryError, match="refuses access"):
        task(engine, name="a:1", source="local", repository=name, push=True)


# --- with real registries ---


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    from pycontainer.registry.http.server import Server

    server = Server(
        str(tmp_path_factory.mktemp("own") / "registry"),
        [("127.0.0.1", 0)],
        log=print,
        access_log=None,
    )
    server.start()
    yield "127.0.0.1:%d" % server.addresses[0][1]
    server.stop(grace=2.0)


@pytest.fixture(params=("own", "distribution"))
def host(request):
    """Our registry, which has the referrers API, and CNCF's, which has not."""
    return request.getfixturevalue("own" if request.param == "own" else "registry")


_count = [0]


@pytest.fixture
def repository(host):
    _count[0] += 1
    return "%s/push/a%d" % (host, _count[0])


def load(engine, task, tmp_path, name, architecture="amd64"):
    layout(
        tmp_path / architecture,
        [layer([member(b"f", architecture.encode() * 1000)])],
        {"architecture": architecture},
    )
    task(
        engine,
        name=name,
        source="load",
        path=str(tmp_path / architecture),
        platform="linux/" + architecture,
    )


def test_an_index(engine, task, repository, tmp_path):
    need("skopeo")
    for architecture in ("amd64", "s390x"):
        load(engine, task, tmp_path, "app:" + architecture, architecture)
    options = {
        "name": "app:amd64",
        "source": "local",
        "repository": repository + ":1",
        "push": True,
        "index": ["app:s390x"],
    }
    foreseen = task(engine, True, **options)
    done = task(engine, **options)
    assert (
        foreseen["actions"]
        == done["actions"]
        == [f"tag image as {repository}:1", f"push index {repository}:1"]
        and foreseen["diff"] == done["diff"]
    )
    assert not task(engine, **options)["changed"]
    found = json.loads(
        run("skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{repository}:1")
    )
    assert [item["platform"] for item in found["manifests"]] == [
        {"architecture": name, "os": "linux"} for name in ("amd64", "s390x")
    ]
    for name in ("app:amd64", "app:s390x", repository + ":1"):
        task(engine, name=name, state="absent")
    for architecture in ("amd64", "s390x"):
        result = task(engine, name=repository + ":1", platform="linux/" + architecture)
        assert result["changed"] and result["image"]["Architecture"] == architecture


def test_in_a_check_an_image_that_is_here_is_no_other_tasks(engine, task, repository, tmp_path):
    """An earlier task that would give it one more name told all that it has; another image by its name would be in its place."""
    load(engine, task, tmp_path, "app:1")
    options = {"name": "app:1", "source": "local", "repository": repository + ":1", "push": True}
    ident = task(engine, **options)["image"]["Id"]
    for image, names, changed in (
        ({"Id": ident}, ["app:1", "app:2"], False),
        ({"Id": "sha256:" + "0" * 64}, ["app:1"], True),
        ({}, ["app:1"], True),
    ):
        engine.foretold = [{"names": names, "image": image, "task": "earlier"}]
        assert task(engine, True, **options)["changed"] == changed
    engine.foretold = [{"names": ["app:2"], "image": {"Id": ident}, "task": "earlier"}]
    assert not task(engine, True, name="app:2", source="local")["changed"]


def test_an_index_that_can_not_be(engine, task, repository, tmp_path):
    load(engine, task, tmp_path, "app:1")
    task(engine, name="app:1", source="local", tags=["app:2"])
    options = {"name": "app:1", "source": "local", "repository": repository, "push": True}
    with pytest.raises(InvalidInput, match="^index: .*for different platforms"):
        task(engine, index=["app:2"], **options)
    with pytest.raises(NotFound, match="no image nothing:1"):
        task(engine, index=["nothing:1"], **options)
    with pytest.raises(InvalidInput, match="^index: .*index together with push"):
        task(engine, index=["app:2"], **dict(options, push=False))


def test_what_refers_to_an_image(engine, task, repository, tmp_path):
    """By the API where there is one, else in the fallback tag's list; twice the same is there once."""
    load(engine, task, tmp_path, "app:1")
    digest = task(engine, name="app:1", source="local", repository=repository + ":1", push=True)[
        "image"
    ]["ManifestDigest"]
    client = clients.Client(reference.parse(repository + ":1"), transport.Transport()).for_push()
    assert client.referrers(digest) == []
    config = signing.put_blob(client, b"{}")
    for number in (1, 2, 2):
        data = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": manifest.OCI_MANIFEST,
                "artifactType": "application/x-note-%d" % number,
                "layers": [],
                "config": dict(config, mediaType="application/vnd.oci.empty.v1+json"),
                "annotations": {"n": str(number)},
                "subject": {"mediaType": manifest.OCI_MANIFEST, "digest": digest, "size": 1},
            }
        ).encode()
        assert referrers.put(client, data, digest) == manifest.digest_of(data)
    found = client.referrers(digest)
    assert sorted((item["artifactType"], item["annotations"]["n"]) for item in found) == [
        ("application/x-note-1", "1"),
        ("application/x-note-2", "2"),
    ]
    assert [item["artifactType"] for item in client.referrers(digest, "application/x-note-2")] == [
        "application/x-note-2"
    ]
    assert client.manifest(found[0]["digest"])[1] == manifest.OCI_MANIFEST
    from pycontainer.images import task as part

    shown = part.image_info(engine, {"name": [repository + ":1"], "referrers": True})["images"][0][
        "Referrers"
    ]
    assert sorted(
        (item["repository"], item["subject"], item["artifactType"]) for item in shown
    ) == [(repository, digest, "application/x-note-%d" % number) for number in (1, 2)]
    assert "Referrers" not in part.image_info(engine, {"name": [repository + ":1"]})["images"][0]


@pytest.mark.parametrize("referrer", (False, True), ids=("tag", "referrer"))
def test_signing(engine, task, repository, tmp_path, referrer):
    need("openssl")
    key, other = signing.Key(tmp_path / "key"), signing.Key(tmp_path / "other", "ed25519")
    load(engine, task, tmp_path, "app:1")
    name = repository + ":1"
    options = {
        "name": "app:1",
        "source": "local",
        "repository": name,
        "push": True,
        "sign": {"key": key.private, "referrer": referrer},
    }
    foreseen = task(engine, True, **options)
    done = task(engine, **options)
    assert (
        foreseen["actions"]
        == done["actions"]
        == ["tag image as " + name, "push image " + name, f"sign image {name} with {key.private}"]
        and foreseen["diff"] == done["diff"]
    )
    assert not task(engine, **options)["changed"]
    assert task(engine, **dict(options, sign={"key": other.private, "referrer": referrer}))[
        "actions"
    ] == [f"sign image {name} with {other.private}"]
    assert (
        not task(engine, **options)["changed"]
        and not task(engine, **dict(options, sign={"key": other.private}))["changed"]
    )
    for word in ("app:1", name):
        task(engine, name=word, state="absent")
    for public in (key.public, other.public):
        task(engine, name=name, verify={"key": public})


def test_what_another_one_pushes_meanwhile_is_not_signed(
    engine, task, repository, tmp_path, monkeypatch
):
    need("openssl")
    key = signing.Key(tmp_path / "key")
    load(engine, task, tmp_path, "app:1")
    load(engine, task, tmp_path, "evil:1", "s390x")
    real = push._push

    def twice(engine_, target, idents, platforms, full):
        real(engine_, target, idents, platforms, full)
        real(engine_, target, [images.find(engine_, "evil:1")["id"]], platforms, full)

    monkeypatch.setattr(push, "_push", twice)
    digest = images.inspect(engine, "app:1")["ManifestDigest"]
    task(
        engine,
        name="app:1",
        source="local",
        repository=repository + ":1",
        push=True,
        sign={"key": key.private},
    )
    with pytest.raises(Untrusted, match="it is not signed"):
        task(
            engine,
            name=repository + ":1",
            platform="linux/s390x",
            pull="always",
            verify={"key": key.public},
        )
    assert (
        task(engine, name=f"{repository}@{digest}", verify={"key": key.public})["image"][
            "ManifestDigest"
        ]
        == digest
    )


@pytest.mark.parametrize("kind", sorted(signing.KINDS))
@pytest.mark.parametrize("means", ("library", "openssl"))
def test_private_keys(tmp_path, monkeypatch, kind, means):
    """Both ways of signing give what both ways of checking accept, with a passphrase too."""
    need("openssl")
    if means == "library":
        pytest.importorskip("cryptography")
    plain = signing.Key(tmp_path / "key", kind)
    locked = str(tmp_path / "locked.key")
    subprocess.run(
        [
            "openssl",
            "pkcs8",
            "-topk8",
            "-in",
            plain.private,
            "-out",
            locked,
            "-passout",
            "pass:open sesame",
        ],
        check=True,
    )
    if means == "openssl":
        monkeypatch.setattr(keys, "means", lambda: "openssl")
    for path, passphrase in ((plain.private, None), (locked, "open sesame")):
        key = keys.PrivateKey(path, "sign.key", passphrase)
        made = key.sign(b"data")
        assert key.public.verifies(made, b"data") and not key.public.verifies(made, b"other")
        assert keys.load(plain.public, "x").verifies(made, b"data")
    for path, passphrase in (
        (locked, None),
        (locked, "wrong"),
        (plain.public, None),
        ("/nonexistent", None),
        ("relative", None),
    ):
        with pytest.raises(InvalidInput, match="^sign.key: "):
            keys.PrivateKey(path, "sign.key", passphrase)


def test_payloads_are_as_cosign_writes_them():
    digest = "sha256:" + hashlib.sha256(b"x").hexdigest()
    document = json.loads(signatures.payload(digest, "registry.example.com/a/b"))
    assert document == {
        "critical": {
            "identity": {"docker-reference": "registry.example.com/a/b"},
            "image": {"docker-manifest-digest": digest},
            "type": "cosign container image signature",
        },
        "optional": None,
    }


def test_an_image_that_goes_before_it_is_pushed(engine, task, repository, tmp_path, monkeypatch):
    load(engine, task, tmp_path, "app:1")
    real = push._push

    def gone(engine_, target, idents, platforms, full):
        images.remove(engine_, idents[0])
        real(engine_, target, idents, platforms, full)

    monkeypatch.setattr(push, "_push", gone)
    with pytest.raises(NotFound, match="there is no image with the ID"):
        task(engine, name="app:1", source="local", repository=repository + ":1", push=True)
