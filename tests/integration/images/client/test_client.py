# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client against a registry that misbehaves: broken connections, limits, redirects, tokens, lies."""

from __future__ import annotations

import base64
import json
import os
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from pycontainer.errors import RegistryError, Unsupported
from pycontainer.images.client import client as clients
from pycontainer.images.client import retry, transport
from pycontainer.images.client.basic_auth import Credentials
from pycontainer.images.library import garbage
from pycontainer.images.model import manifest, reference
from support.layouts import free_port, need, run
from support.registries.faulty_registry import CONFIG, LAYER, MANIFEST, serving


@pytest.fixture
def server():
    with serving() as found:
        yield found


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(retry, "pause", lambda tries: 0.01)


def connect(server, credentials=None):
    return clients.Client(
        reference.parse(server.host + "/a/b:1"), transport.Transport(), credentials
    )


def test_a_download_goes_on_where_it_broke_off(engine, task, server):
    cuts = iter([100000, 1, 0, 700000])

    def fault(handler):
        if "blobs/" + manifest.digest_of(LAYER) not in handler.path:
            return False
        cut = next(cuts, None)
        if cut is None:
            return False
        start = int(handler.headers.get("Range", "bytes=0-")[6:-1])
        handler.answer(
            206 if start else 200,
            LAYER[start:],
            {"Content-Range": "bytes %d-%d/%d" % (start, len(LAYER) - 1, len(LAYER))}
            if start
            else {},
            cut=cut,
        )
        return True

    server.fault = fault
    assert task(engine, name=server.host + "/a/b:1")["changed"]
    ranges = [
        headers.get("Range")
        for _command, path, headers in server.seen
        if manifest.digest_of(LAYER) in path
    ]
    assert (
        ranges[:2] == [None, "bytes=100000-"]
        and len(ranges) == 5
        and engine.blobs.size(manifest.digest_of(LAYER)) == len(LAYER)
    )


def test_a_server_without_ranges_is_read_from_the_start_again(server):
    cuts = iter([5000])

    def fault(handler):
        if "blobs" not in handler.path:
            return False
        handler.answer(200, LAYER, cut=next(cuts, None))
        return True

    server.fault = fault
    assert b"".join(connect(server).blob(manifest.digest_of(LAYER))) == LAYER


def test_a_connection_that_always_breaks_ends_in_an_error_and_leaves_nothing(engine, task, server):
    server.fault = lambda handler: (
        manifest.digest_of(LAYER) in handler.path and (handler.answer(200, LAYER, cut=0) or True)
    )
    with pytest.raises(RegistryError, match="can't be reached: the connection ended"):
        task(engine, name=server.host + "/a/b:1")
    assert (
        os.listdir(engine.paths.tmp)
        == os.listdir(engine.paths.layers)
        == list(garbage._all_blobs(engine))
        == []
    )
    assert engine.db.all("SELECT * FROM operations") == []


@pytest.mark.parametrize("status", (429, 503))
def test_a_registry_that_asks_to_wait_is_obeyed(server, status):
    answers = iter(["1"])

    def fault(handler):
        wait = next(answers, None) if "manifests" in handler.path else None
        if wait:
            handler.answer(status, b"", {"Retry-After": wait})
        return bool(wait)

    server.fault = fault
    began = time.monotonic()
    assert connect(server).manifest("1")[0] == MANIFEST and time.monotonic() - began >= 1


def test_one_that_refuses_for_ever(server):
    body = json.dumps({"errors": [{"code": "TOOMANYREQUESTS", "message": "slow down"}]}).encode()
    server.fault = lambda handler: (
        "manifests" in handler.path and (handler.answer(429, body) or True)
    )
    with pytest.raises(RegistryError, match="wants fewer requests.*TOOMANYREQUESTS: slow down"):
        connect(server).manifest("1")
    assert (
        len([1 for _command, path, _headers in server.seen if "manifests" in path]) == retry.TRIES
    )


def test_a_redirect_gets_no_authorization(server):
    with serving() as other:

        def fault(handler):
            if "Authorization" not in handler.headers:
                handler.answer(401, b"", {"WWW-Authenticate": 'Basic realm="r"'})
            elif "blobs" in handler.path:
                handler.answer(
                    307,
                    b"",
                    {
                        "Location": "http://localhost:%d%s?signed=1"
                        % (other.server_port, handler.path)
                    },
                )
            else:
                return False
            return True

        server.fault = fault
        assert (
            connect(server, Credentials("me", "secret")).small_blob(
                manifest.digest_of(CONFIG), 10000
            )
            == CONFIG
        )
        assert "Authorization" not in other.seen[-1][2]


@pytest.mark.parametrize(
    "credentials",
    (None, Credentials("me", "secr:et"), Credentials(identity_token="refresh")),
    ids=("anonymous", "basic", "identity"),
)
def test_tokens(server, credentials):
    issued = []

    def fault(handler):
        parts = urlsplit(handler.path)
        if parts.path == "/token":
            query = parse_qs(parts.query)
            if handler.command == "POST":
                query = parse_qs(
                    handler.rfile.read(int(handler.headers["Content-Length"])).decode()
                )
                assert query["grant_type"] == ["refresh_token"] and query["refresh_token"] == [
                    "refresh"
                ]
            issued.append((query["scope"], query["service"], handler.headers.get("Authorization")))
            handler.answer(
                200,
                json.dumps({"access_token": f"token-{len(issued)}", "expires_in": 300}).encode(),
            )
            return True
        if handler.headers.get("Authorization") != f"Bearer token-{len(issued)}" or not issued:
            handler.answer(
                401,
                b"",
                {
                    "WWW-Authenticate": f'Bearer realm="http://{server.host}/token",service="reg, istry",scope="x"'
                },
            )
            return True
        return False

    server.fault = fault
    client = connect(server, credentials)
    assert (
        client.manifest("1")[0] == MANIFEST
        and client.small_blob(manifest.digest_of(CONFIG), 10000) == CONFIG
    )
    assert len(issued) == 1 and issued[0][:2] == (["repository:a/b:pull"], ["reg, istry"])
    expected = (
        "Basic " + base64.b64encode(b"me:secr:et").decode()
        if credentials is not None and credentials.basic
        else None
    )
    assert issued[0][2] == expected


def test_refused_credentials(server):
    server.fault = lambda handler: (
        handler.answer(401, b"", {"WWW-Authenticate": 'Basic realm="r"'}) or True
    )
    with pytest.raises(RegistryError, match="refuses the credentials of me"):
        connect(server, Credentials("me", "wrong")).manifest("1")
    with pytest.raises(RegistryError, match="asks for credentials and there are none"):
        connect(server).manifest("1")


def test_lies_are_noticed(engine, task, server):
    name = server.host + "/a/b:1"
    for fault, words in (
        (
            lambda handler: (
                "manifests" in handler.path
                and (
                    handler.answer(200, MANIFEST, {"Docker-Content-Digest": "sha256:" + "0" * 64})
                    or True
                )
            ),
            "whose digest is",
        ),
        (
            lambda handler: (
                manifest.digest_of(CONFIG) in handler.path
                and (handler.answer(200, CONFIG[:-1] + b" ") or True)
            ),
            "whose digest is not",
        ),
        (
            lambda handler: (
                manifest.digest_of(LAYER) in handler.path
                and (handler.answer(200, LAYER[:-1024] + b"x" * 1024) or True)
            ),
            "damaged|digest|promises",
        ),
        (
            lambda handler: (
                manifest.digest_of(LAYER) in handler.path
                and (handler.answer(200, LAYER + b"\0" * 512) or True)
            ),
            "more than|larger than",
        ),
        (
            lambda handler: (
                manifest.digest_of(LAYER) in handler.path
                and (handler.answer(200, LAYER[:1000000]) or True)
            ),
            "has only 1000000 of",
        ),
        (
            lambda handler: (
                "manifests" in handler.path
                and (
                    handler.answer(200, MANIFEST, {"Content-Type": manifest.DOCKER_MANIFEST})
                    or True
                )
            ),
            "calls the manifest",
        ),
        (
            lambda handler: (
                "manifests" in handler.path and (handler.answer(200, b"<html>") or True)
            ),
            "not JSON",
        ),
    ):
        server.fault = fault
        with pytest.raises(RegistryError, match=words):
            task(engine, name=name)
        assert (
            engine.db.all("SELECT * FROM images") == []
            and os.listdir(engine.paths.tmp) == []
            and os.listdir(engine.paths.layers) == []
        )
    server.fault = None
    assert task(engine, name=name)["changed"]


def test_a_blob_that_unpacks_to_something_else(engine, task, server):
    other = json.loads(CONFIG)
    other["rootfs"]["diff_ids"] = ["sha256:" + "1" * 64]
    config = json.dumps(other).encode()
    document = json.loads(MANIFEST)
    document["config"].update(digest=manifest.digest_of(config), size=len(config))
    server.manifest = json.dumps(document).encode()
    server.fault = lambda handler: (
        manifest.digest_of(config) in handler.path and (handler.answer(200, config) or True)
    )
    with pytest.raises(RegistryError, match="not what the image configuration promises"):
        task(engine, name=server.host + "/a/b:1")
    assert os.listdir(engine.paths.layers) == [] and os.listdir(engine.paths.tmp) == []
    assert not engine.blobs.has(manifest.digest_of(LAYER))


def test_an_idle_connection_that_the_server_closed_is_opened_again(server):
    client = connect(server)
    server.fault = lambda handler: setattr(handler, "close_connection", True) and False
    for _number in range(3):
        assert client.manifest("1")[0] == MANIFEST


def test_encryption_is_not_given_up_silently(server, tmp_path):
    """A host that is not loopback is spoken to by TLS alone, unless the task says insecure."""
    name = "localhost.localdomain:%d" % server.server_port
    assert str(transport.Transport().base(name)) == "https://" + name
    with pytest.raises(RegistryError, match="does not answer"):
        transport.Transport(transport.Options(insecure=True)).base("127.0.0.1:%d" % free_port())
    assert (
        str(transport.Transport(transport.Options(insecure=True)).base(server.host))
        == "http://" + server.host
    )


@pytest.fixture
def tls_registry(tmp_path):
    """A CNCF registry with TLS and a password, and the file of its authority."""
    import subprocess

    need("docker-registry", "openssl", "perl")
    run(
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        str(tmp_path / "key"),
        "-out",
        str(tmp_path / "crt"),
        "-days",
        "2",
        "-subj",
        "/CN=127.0.0.1",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        stderr=subprocess.DEVNULL,
    )
    (tmp_path / "users").write_text(
        "me:" + run("perl", "-e", "print crypt('secret', '$2y$05$' . 'a' x 22)") + "\n"
    )
    port = free_port()
    (tmp_path / "config.yml").write_text(
        "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
        "storage: {filesystem: {rootdirectory: %s/data}}\nauth: "
        "{htpasswd: {realm: r, path: %s/users}}\n"
        "http: {addr: '127.0.0.1:%d', tls: {certificate: %s/crt, key: %s/key}}\n"
        % (tmp_path, tmp_path, port, tmp_path, tmp_path)
    )
    process = subprocess.Popen(
        ["docker-registry", "serve", str(tmp_path / "config.yml")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(0.5)
    yield "127.0.0.1:%d" % port, str(tmp_path / "crt")
    process.terminate()
    process.wait()


def test_tls_and_basic_credentials(engine, task, tls_registry, tmp_path):
    host, authority = tls_registry
    auth_file = tmp_path / "auth.json"
    auth_file.write_text(
        json.dumps({"auths": {host: {"auth": base64.b64encode(b"me:secret").decode()}}})
    )
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "file").write_text("x")
    name = host + "/a/b:1"
    options = {"ca_path": authority, "auth_file": str(auth_file)}
    assert task(
        engine, name=name, source="import", path=str(tmp_path / "root"), push=True, **options
    )["changed"]
    assert not task(
        engine, name=name, source="import", path=str(tmp_path / "root"), push=True, **options
    )["changed"]
    task(engine, name=name, state="absent")
    with pytest.raises(RegistryError, match="asks for credentials"):
        task(engine, name=name, ca_path=authority, auth_file=_empty(tmp_path))
    assert task(engine, name=name, **options)["changed"]


def _empty(tmp_path):
    (tmp_path / "empty.json").write_text("{}")
    return str(tmp_path / "empty.json")


def test_a_certificate_that_can_not_be_verified(tls_registry, monkeypatch):
    host, authority = tls_registry
    parsed = reference.parse(host + "/a/b:1")
    monkeypatch.setattr(transport, "is_loopback", lambda host: False)
    with pytest.raises(RegistryError, match="its certificate can't be verified"):
        clients.Client(parsed, transport.Transport()).manifest("1")
    for options in (
        transport.Options(ca_path=authority),
        transport.Options(validate_certs=False),
        transport.Options(insecure=True),
    ):
        with pytest.raises(RegistryError, match="asks for credentials"):
            clients.Client(parsed, transport.Transport(options)).manifest("1")


FOREIGN = "application/vnd.oci.image.layer.nondistributable.v1.tar"


def foreign(server, *urls):
    document = json.loads(MANIFEST)
    document["layers"][0].update(mediaType=FOREIGN, urls=list(urls))
    server.manifest = json.dumps(document).encode()


def test_foreign_layers_come_from_their_addresses(engine, task, server):
    """The first address fails in the midst, the second has the rest; the registry is not asked for what it lacks."""
    home = "http://" + server.host

    def fault(handler):
        if handler.path.endswith("/blobs/" + manifest.digest_of(LAYER)):
            handler.answer(404, b"{}")
        elif handler.path == "/broken":
            handler.answer(200, LAYER, cut=1000)
        elif handler.path == "/whole":
            start = int(handler.headers.get("Range", "bytes=0-")[6:-1])
            handler.answer(
                206,
                LAYER[start:],
                {"Content-Range": "bytes %d-%d/%d" % (start, len(LAYER) - 1, len(LAYER))},
            )
        else:
            return False
        return True

    server.fault = fault
    foreign(server, "ftp://127.0.0.1/", home + "/nothing")
    with pytest.raises(
        RegistryError,
        match=(
            "foreign layer .* can't be had elsewhere: ftp://.* .it is not one of http or https.; "
            ".*/nothing: "
        ),
    ):
        task(engine, name=server.host + "/a/b:1")
    foreign(server, home + "/broken", home + "/whole")
    assert task(engine, name=server.host + "/a/b:1")["changed"]
    assert "bytes=1000-" in [
        headers.get("Range") for _command, path, headers in server.seen if path == "/whole"
    ]
    assert all("Authorization" not in headers for _command, _path, headers in server.seen)
    with pytest.raises(Unsupported, match="can't be pushed: it has a foreign layer"):
        task(
            engine,
            name=server.host + "/a/b:1",
            source="local",
            repository=server.host + "/c/d",
            push=True,
        )


def test_a_foreign_layer_that_the_registry_has(engine, task, server):
    foreign(server, "http://127.0.0.1:1/")
    assert task(engine, name=server.host + "/a/b:1")["changed"]
