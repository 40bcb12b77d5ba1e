# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a registry, or something in its place, can answer instead: each ends in one clear sentence, nothing is half-made, and a rerun works."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import socket
import time

import pytest
from pycontainer.errors import EngineError, NotFound, RegistryError, Unsupported
from pycontainer.images.client import client as clients
from pycontainer.images.client import min_speed, retry, transport
from pycontainer.images.library import garbage
from pycontainer.images.model import manifest, reference
from support.registries.faulty_registry import CONFIG, LAYER, MANIFEST, serving

CONFIG_DIGEST, LAYER_DIGEST = manifest.digest_of(CONFIG), manifest.digest_of(LAYER)
HTML = b"<html><head><title> Please sign in </title></head><body>portal</body></html>"


@pytest.fixture
def server():
    with serving() as found:
        yield found


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(retry, "pause", lambda tries: 0.01)
    monkeypatch.setattr(transport, "TIMEOUT", 0.5)
    monkeypatch.setattr(transport, "PROBE_TIMEOUT", 0.5)
    monkeypatch.setattr(min_speed, "PERIOD", 0.3)


def on(part, *answer, **options):
    """Answer requests whose path has ``part`` so."""
    return lambda handler: part in handler.path and (handler.answer(*answer, **options) or True)


def raw(part, data, wait=0.0):
    """Answer with just these bytes, and after ``wait`` seconds close the connection."""

    def fault(handler):
        if part not in handler.path:
            return False
        handler.wfile.write(data)
        handler.wfile.flush()
        time.sleep(wait)
        handler.close_connection = True
        handler.connection.shutdown(socket.SHUT_RDWR)
        return True

    return fault


def dripping(part, beginning):
    """After ``beginning`` a byte now and then, for ever."""

    def fault(handler):
        if part not in handler.path:
            return False
        handler.close_connection = True
        with contextlib.suppress(OSError):
            handler.wfile.write(beginning)
            while True:
                time.sleep(0.02)
                handler.wfile.write(b"x")
        return True

    return fault


def changed(**fields):
    return json.dumps(dict(json.loads(MANIFEST), **fields)).encode()


def layers(**fields):
    document = json.loads(MANIFEST)
    document["layers"][0].update(fields)
    return json.dumps(document).encode()


def document(**fields):
    return json.dumps(fields).encode()


OCI = {"Content-Type": manifest.OCI_MANIFEST}
INDEX = {"Content-Type": manifest.OCI_INDEX}
ENTRY = {
    "mediaType": manifest.OCI_MANIFEST,
    "digest": "sha256:" + "1" * 64,
    "size": 2,
    "platform": {"os": "linux", "architecture": manifest.host_platform()[1]},
}
LOOP = f"/v2/a/b/blobs/{LAYER_DIGEST}"

CASES = {
    # what stands in the registry's place
    "a page for a manifest": (
        on("manifests", 200, HTML, {"Content-Type": "text/html; charset=utf-8"}),
        "answered with a page \\(text/html\\) where a manifest",
    ),
    "a page with an error": (
        on("manifests", 502, HTML),
        "status 502 .*a page with the title 'Please sign in' .*tried 5 times",
    ),
    "a page for a refusal": (on("manifests", 403, HTML), "refuses access .*a page with the title"),
    "no HTTP": (raw("manifests", b"SSH-2.0-OpenSSH_9.2\r\n"), "does not speak HTTP"),
    "nothing": (raw("manifests", b""), "can't be reached"),
    "an endless header": (
        raw("manifests", b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70000 + b"\r\n\r\n"),
        "does not speak HTTP|can't be reached",
    ),
    "many headers": (
        raw("manifests", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n"),
        "does not speak HTTP|can't be reached",
    ),
    "a hanging registry": (raw("manifests", b"", 1.5), "no answer in time \\(tried 2 times"),
    "a hanging answer": (
        raw("manifests", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", 1.5),
        "no answer in time",
    ),
    "a hanging blob": (
        raw(LAYER_DIGEST, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\nx" % len(LAYER), 1.5),
        "no answer in time",
    ),
    "a dripping header": (
        dripping("manifests", b"HTTP/1.1 200 OK\r\nX-Y: "),
        "can't be reached: only \\d+ bytes came in .* \\(tried 2 times",
    ),
    "a dripping manifest": (
        dripping("manifests", b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n{"),
        "only \\d+ bytes came in",
    ),
    "a dripping blob": (
        dripping(
            LAYER_DIGEST,
            b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(LAYER) + LAYER[:400000],
        ),
        "only \\d+ bytes came in .* \\(tried 2 times",
    ),
    "a status of one's own": (on("manifests", 599), "status 599"),
    # going on and on
    "a redirect to itself": (
        on("manifests", 307, b"", {"Location": "/v2/a/b/manifests/1"}),
        "redirects without end",
    ),
    "a redirect of a blob to itself": (
        on(LAYER_DIGEST, 307, b"", {"Location": LOOP}),
        "redirects without end",
    ),
    "a redirect to a file": (
        on("manifests", 302, b"", {"Location": "file:///etc/passwd"}),
        "nobody can follow: file:///etc/passwd .it is not one of http or https",
    ),
    "a redirect to nowhere": (
        on("manifests", 302, b"", {"Location": "http://127.0.0.1:1/x"}),
        "can't be reached.*tried 3 times",
    ),
    "a redirect without an address": (on("manifests", 307), "status 307"),
    "asked to wait for ever": (
        on("manifests", 429, b"", {"Retry-After": "0"}),
        "wants fewer requests.*tried 5 times",
    ),
    "down for ever": (
        on(LAYER_DIGEST, 503, b"", {"Retry-After": "nonsense"}),
        "status 503 .*tried 5 times",
    ),
    # authorization
    "an unknown challenge": (
        on("manifests", 401, b"", {"WWW-Authenticate": "Negotiate"}),
        "a way to authenticate that is not known here: negotiate",
    ),
    "no challenge": (on("manifests", 401), "a way to authenticate that is not known here: none"),
    "a token service that is down": (
        on("manifests", 401, b"", {"WWW-Authenticate": 'Bearer realm="http://127.0.0.1:1/t"'}),
        "the token service http://127.0.0.1:1/t of registry .* can't be reached: .*tried 3 times",
    ),
    "a token service that is a file": (
        on("manifests", 401, b"", {"WWW-Authenticate": 'Bearer realm="file:///etc/passwd"'}),
        "nobody can follow: file:///etc/passwd .it is not one of http or https",
    ),
    # manifests
    "an empty manifest": (on("manifests", 200, b"", OCI), "not JSON"),
    "a list": (on("manifests", 200, b"[]", OCI), "the manifest is JSON, but not an object"),
    "a bomb of brackets": (
        on("manifests", 200, b"[" * 1000000, OCI),
        "the manifest is JSON of more than \\d+ values",
    ),
    "a bomb of digits": (
        on("manifests", 200, b'{"schemaVersion": ' + b"9" * 1000000 + b"}", OCI),
        "not acceptable JSON .a number of 1000000 digits",
    ),
    "a manifest that is too large": (
        on("manifests", 200, b" " * (manifest.MAX_MANIFEST + 1), OCI),
        "more than the 4194304 bytes",
    ),
    "compressed": (
        on("manifests", 200, gzip.compress(MANIFEST), dict(OCI, **{"Content-Encoding": "gzip"})),
        "the manifest is not text in UTF-8",
    ),
    "schema 1": (
        on(
            "manifests",
            200,
            document(schemaVersion=1, fsLayers=[]),
            {"Content-Type": manifest.SCHEMA1[1]},
        ),
        "manifest of schema 1",
    ),
    "schema 1 without a type": (
        on("manifests", 200, document(schemaVersion=1)),
        "manifest of schema 1",
    ),
    "schema 3": (on("manifests", 200, document(schemaVersion=3), OCI), "schemaVersion is 3"),
    "two types": (
        on("manifests", 200, MANIFEST, {"Content-Type": manifest.DOCKER_MANIFEST}),
        "the registry calls the manifest .* and the manifest itself",
    ),
    "an index and a manifest": (
        on("manifests", 200, changed(manifests=[ENTRY]), OCI),
        "either config and layers or",
    ),
    "a Helm chart": (
        on(
            "manifests",
            200,
            changed(config=dict(ENTRY, mediaType="application/vnd.cncf.helm.config.v1+json")),
            OCI,
        ),
        "not a container image but a Helm chart",
    ),
    "an artifact": (
        on(
            "manifests",
            200,
            changed(
                artifactType="application/x",
                config=dict(ENTRY, mediaType="application/vnd.oci.empty.v1+json"),
            ),
            OCI,
        ),
        "not a container image but an artifact \\(its config is application/x\\)",
    ),
    "a plugin": (
        on(
            "manifests",
            200,
            changed(config=dict(ENTRY, mediaType="application/vnd.docker.plugin.v1+json")),
            OCI,
        ),
        "but a plugin of Docker's",
    ),
    "a layer of another kind": (
        on("manifests", 200, layers(mediaType="text/plain"), OCI),
        "unknown media type text/plain",
    ),
    "a negative size": (on("manifests", 200, layers(size=-1), OCI), "no proper size"),
    "a size that is none": (on("manifests", 200, layers(size="9"), OCI), "no proper size"),
    "a huge size": (on("manifests", 200, layers(size=1 << 62), OCI), "no space left"),
    "a digest that is a path": (
        on("manifests", 200, layers(digest="sha256:../../etc/passwd"), OCI),
        "no proper digest",
    ),
    "too many layers": (
        on("manifests", 200, changed(layers=json.loads(MANIFEST)["layers"] * 501), OCI),
        "501 layers; overlayfs takes at most 500",
    ),
    "more layers than the config": (
        on("manifests", 200, changed(layers=json.loads(MANIFEST)["layers"] * 2), OCI),
        "2 layers and the image configuration 1",
    ),
    "another digest": (
        on(
            "manifests", 200, MANIFEST, dict(OCI, **{"Docker-Content-Digest": "sha256:" + "0" * 64})
        ),
        "whose digest is",
    ),
    "nothing for this host": (
        on(
            "manifests",
            200,
            document(
                schemaVersion=2,
                manifests=[dict(ENTRY, platform={"os": "linux", "architecture": "pdp11"})],
            ),
            INDEX,
        ),
        "it is for linux/pdp11",
    ),
    "an empty index": (
        on("manifests", 200, document(schemaVersion=2, manifests=[]), INDEX),
        "no platform at all",
    ),
    "an index of nothing": (
        on("manifests/1", 200, document(schemaVersion=2, manifests=[ENTRY]), INDEX),
        "has no image a/b@sha256:1111",
    ),
    # configurations
    "no configuration": (on(CONFIG_DIGEST, 404, b"{}"), "lacks blob"),
    "a false configuration": (on(CONFIG_DIGEST, 200, CONFIG[:-1] + b" "), "whose digest is not"),
    "half a configuration": (on(CONFIG_DIGEST, 200, CONFIG[:-1]), "whose digest is not"),
    # layers
    "no layer": (on(LAYER_DIGEST, 404, b"{}"), "lacks blob"),
    "half a layer": (on(LAYER_DIGEST, 200, LAYER[:1000]), "has only 1000 of the"),
    "an empty layer": (on(LAYER_DIGEST, 200, b""), "has only 0 of the"),
    "more than a layer": (on(LAYER_DIGEST, 200, LAYER + b"x"), "sent more than the"),
    "wrong bytes": (on(LAYER_DIGEST, 200, LAYER[:-1] + b"x"), "has the digest|damaged|promises"),
    "no length, cut": (
        raw(LAYER_DIGEST, b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + LAYER[:5000]),
        "has only 5000 of",
    ),
    "a length that is no number": (
        raw(
            LAYER_DIGEST,
            b"HTTP/1.1 200 OK\r\nContent-Length: many\r\nConnection: close\r\n\r\n" + LAYER[:10],
        ),
        "has only 10 of",
    ),
    "a part that nobody asked for": (
        on(
            LAYER_DIGEST,
            206,
            LAYER[100:],
            {"Content-Range": "bytes 100-%d/%d" % (len(LAYER) - 1, len(LAYER))},
        ),
        "answers a request for the bytes from 0 on",
    ),
    "a part of something else": (
        on(LAYER_DIGEST, 206, LAYER, {"Content-Range": "bytes 0-%d/99" % (len(LAYER) - 1)}),
        "answers a request for the bytes",
    ),
    "a part without a word": (on(LAYER_DIGEST, 206, LAYER), "answers a request for the bytes"),
    "a page for a layer": (on(LAYER_DIGEST, 200, HTML, {"Content-Type": "text/html"}), "has only"),
}


@pytest.mark.parametrize("case", sorted(CASES))
def test_faults(engine, task, server, case):
    fault, words = CASES[case]
    name = server.host + "/a/b:1"
    server.fault = fault
    with pytest.raises(EngineError, match=words) as caught:
        task(engine, name=name)
    assert isinstance(caught.value, (RegistryError, NotFound, Unsupported)) or "no space" in words
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 900
    assert engine.db.all("SELECT * FROM images") == engine.db.all("SELECT * FROM operations") == []
    assert (
        os.listdir(engine.paths.tmp)
        == os.listdir(engine.paths.layers)
        == list(garbage._all_blobs(engine))
        == []
    )
    server.fault = None
    assert task(engine, name=name)["changed"] and not task(engine, name=name)["changed"]
    assert os.listdir(engine.paths.tmp) == [] and not os.path.exists(engine.paths.partial)


def test_a_slow_registry_is_waited_for(engine, task, server):
    def fault(handler):
        time.sleep(0.1)
        return False

    server.fault = fault
    assert task(engine, name=server.host + "/a/b:1")["changed"]


def test_a_registry_that_has_a_warning(engine, task, server):
    """Shown once, however often the registry says it; what is not a warning of this form is passed over."""

    def fault(handler):
        if "manifests" not in handler.path:
            return False
        handler.answer(
            200,
            MANIFEST,
            {
                "Content-Type": manifest.OCI_MANIFEST,
                "Warning": '299 - "this repository goes away \\"soon\\""',
            },
        )
        return True

    server.fault = fault
    result = task(engine, name=server.host + "/a/b:1")
    assert result["warnings"] == [f'registry {server.host}: this repository goes away "soon"']


def test_tls_is_not_left_by_a_redirect(monkeypatch):
    """From an encrypted address to one that is not: refused before it is gone to."""
    connection = transport.Transport()
    client = clients.Client(reference.parse("registry.example.com/a/b:1"), connection)

    class Answer:
        status, headers = 307, {"Location": "http://cdn.example.com/x?secret=1"}

        def close(self):
            pass

    monkeypatch.setattr(client, "send", lambda *_arguments: Answer())
    with pytest.raises(
        RegistryError,
        match=(
            "leads from TLS to http://cdn.example.com/x for what was asked for, which is not "
            "encrypted"
        ),
    ):
        client.manifest("1")


def test_a_head_that_is_not_known(engine, task, server):
    """Without HEAD, and without the digest's header: the manifest itself tells."""

    def fault(handler):
        if handler.command != "HEAD":
            return False
        handler.answer(405)
        return True

    task(engine, name=server.host + "/a/b:1")
    server.fault = fault
    assert not task(engine, name=server.host + "/a/b:1", pull="always")["changed"]


def test_a_token_that_is_taken_back(server):
    """One that the registry does not take any more is renewed once, in the midst of things."""
    tokens = []

    def fault(handler):
        if handler.path.startswith("/token"):
            tokens.append(f"t{len(tokens)}")
            handler.answer(200, json.dumps({"token": tokens[-1], "expires_in": 3600}).encode())
        elif (
            not tokens
            or handler.headers.get("Authorization") != "Bearer " + tokens[-1]
            or handler.path.endswith(LAYER_DIGEST)
            and len(tokens) < 2
        ):
            handler.answer(
                401,
                b"",
                {"WWW-Authenticate": f'Bearer realm="http://{server.host}/token",service="s"'},
            )
        else:
            return False
        return True

    server.fault = fault
    client = clients.Client(reference.parse(server.host + "/a/b:1"), transport.Transport())
    assert (
        client.manifest("1")[0] == MANIFEST
        and b"".join(client.blob(LAYER_DIGEST, len(LAYER))) == LAYER
        and tokens == ["t0", "t1"]
    )
    server.fault = lambda handler: (
        fault(handler)
        if handler.path.startswith("/token")
        else handler.answer(
            401, b"", {"WWW-Authenticate": f'Bearer realm="http://{server.host}/token"'}
        )
        or True
    )
    with pytest.raises(RegistryError, match="asks for credentials"):
        client.manifest("1")
    assert len(tokens) == 3


def test_a_length_that_is_too_large(engine, task, server):
    """All that the manifest promises has come, and it is right: what else the registry said does not matter."""
    server.fault = raw(LAYER_DIGEST, b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + LAYER)
    assert task(engine, name=server.host + "/a/b:1")["changed"]
