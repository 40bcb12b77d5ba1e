# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mirrors: who is asked first, who when that one fails, and what nobody else is told."""

from __future__ import annotations

import base64
import json

import pytest
from pycontainer.errors import InvalidInput, NotFound, RegistryError, Untrusted
from pycontainer.images.client import retry
from pycontainer.images.model import manifest
from support.layouts import free_port
from support.registries.faulty_registry import CONFIG, LAYER, blobs, serving


@pytest.fixture
def server():
    with serving() as found:
        yield found


@pytest.fixture
def mirror():
    with serving() as found:
        yield found


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(retry, "pause", lambda tries: 0.01)


@pytest.fixture
def name(server):
    return server.host + "/a/b:1"


def test_a_mirror_gives_all(engine, task, server, mirror, name):
    result = task(engine, name=name, mirrors=[mirror.host])
    assert result["changed"] and result["image"]["RepoTags"] == [name]
    assert [path for _method, path, _headers in server.seen if path != "/v2/"] == []
    assert all(
        path == "/v2/" or path.endswith("ns=" + server.host.replace(":", "%3A"))
        for _method, path, _headers in mirror.seen
    )
    assert not task(engine, name=name, mirrors=[mirror.host], pull="always")["changed"]
    assert [path for _method, path, _headers in server.seen if path != "/v2/"] == []


def test_mirrors_that_lack_it_or_are_down(engine, task, server, mirror, name):
    mirror.fault = lambda handler: (
        "manifests" in handler.path and (handler.answer(404, b"{}") or True)
    )
    assert task(engine, name=name, mirrors=["127.0.0.1:%d" % free_port(), mirror.host])["changed"]
    assert not task(
        engine, name=name, mirrors=["127.0.0.1:%d" % free_port(), mirror.host], pull="always"
    )["changed"]
    with pytest.raises(NotFound, match=f"registry {server.host} has no image"):
        task(engine, name=server.host + "/no/thing:1", mirrors=[mirror.host])


@pytest.mark.parametrize("cut", (0, 1000, len(LAYER) - 1))
def test_a_blob_that_breaks_off_goes_on_elsewhere(engine, task, server, mirror, name, cut):
    mirror.fault = lambda handler: (
        manifest.digest_of(LAYER) in handler.path
        and (
            handler.answer(200, LAYER, cut=cut)
            if "Range" not in handler.headers
            else handler.answer(500, b"")
        )
        is None
    )
    assert task(engine, name=name, mirrors=[mirror.host])["changed"]
    assert blobs(server) == ["bytes=%d-" % cut if cut else None]


def test_everybody_fails(engine, task, server, mirror, name):
    for one in (server, mirror):
        one.fault = lambda handler: (
            "manifests" in handler.path and (handler.answer(503, b"") or True)
        )
    with pytest.raises(
        RegistryError,
        match=(
            f"registry {server.host} answered GET with status 503 .*; registry {mirror.host} "
            "answered"
        ),
    ):
        task(engine, name=name, mirrors=[mirror.host])


def test_credentials_are_each_ones_own(engine, task, server, mirror, name, tmp_path):
    def guarded(user):
        expected = "Basic " + base64.b64encode(user).decode()
        return lambda handler: (
            handler.path != "/v2/"
            and handler.headers.get("Authorization") != expected
            and (handler.answer(401, b"", {"WWW-Authenticate": 'Basic realm="r"'}) or True)
        )

    server.fault, mirror.fault = guarded(b"me:server"), guarded(b"me:mirror")
    (tmp_path / "auth.json").write_text(
        json.dumps(
            {
                "auths": {
                    one.host: {"auth": base64.b64encode(user).decode()}
                    for one, user in ((server, b"me:server"), (mirror, b"me:mirror"))
                }
            }
        )
    )
    assert task(engine, name=name, mirrors=[mirror.host], auth_file=str(tmp_path / "auth.json"))[
        "changed"
    ]
    assert {headers.get("Authorization") for _method, _path, headers in mirror.seen} == {
        None,
        "Basic " + base64.b64encode(b"me:mirror").decode(),
    }
    task(engine, name=name, state="absent")
    mirror.fault = lambda handler: handler.path != "/v2/" and (handler.answer(500, b"") or True)
    assert task(engine, name=name, mirrors=[mirror.host], auth_file=str(tmp_path / "auth.json"))[
        "changed"
    ]


def test_the_hosts_configuration(engine, task, server, mirror, tmp_path):
    """A name that leads nowhere is had from where the host's file says; a blocked one from nowhere."""
    engine.paths.registries_conf = str(tmp_path / "registries.conf")
    (tmp_path / "registries.conf").write_text(f"""
[[registry]]
prefix = "registry.example.com/team"
location = "{server.host}/a"
[[registry.mirror]]
location = "{mirror.host}/a"

[[registry]]
prefix = "blocked.example.com"
blocked = true
""")
    result = task(engine, name="registry.example.com/team/b:1")
    assert result["image"]["RepoTags"] == ["registry.example.com/team/b:1"]
    assert not [path for _method, path, _headers in server.seen if "/a/b/" in path]
    mirror.fault = lambda handler: handler.answer(500, b"") or True
    task(engine, name="registry.example.com/team/b:1", state="absent")
    assert task(engine, name="registry.example.com/team/b:1")["changed"]
    assert [path for _method, path, _headers in server.seen if "/a/b/" in path]
    for options in ({}, {"push": True, "source": "local", "repository": "blocked.example.com/x"}):
        with pytest.raises(Untrusted, match="registries.conf blocks blocked.example.com"):
            task(
                engine,
                **dict(
                    {"name": "blocked.example.com/x:1"},
                    **dict(options, name="registry.example.com/team/b:1") if options else {},
                ),
            )
    (tmp_path / "registries.conf").write_text("[[registry]]\nprefix = 1\n")
    with pytest.raises(InvalidInput, match="registries.conf: "):
        task(engine, name="registry.example.com/team/b:2")


def test_only_what_is_read_comes_from_mirrors(engine, task, server, mirror, name, tmp_path):
    with pytest.raises(InvalidInput, match="^mirrors: .*no mirrors with source local"):
        task(engine, name=name, source="local", mirrors=[mirror.host])
    with pytest.raises(InvalidInput, match="^mirrors: .*no mirrors with state absent"):
        task(engine, name=name, state="absent", mirrors=[mirror.host])


def test_insecure_goes_for_the_one_that_is_named(server, monkeypatch):
    """With insecure, an address that the registry leads to still has to prove itself."""
    from pycontainer.images.client import transport

    monkeypatch.setattr(transport, "is_loopback", lambda host: False)
    connection = transport.Transport(transport.Options(insecure=True))
    assert str(connection.base(server.host)) == "http://" + server.host
    import ssl

    assert (
        connection.options.context(
            "other.example.com", "other.example.com" in connection._insecure
        ).verify_mode
        == ssl.CERT_REQUIRED
    )
    assert (
        connection.options.context(server.host, server.host in connection._insecure).verify_mode
        == ssl.CERT_NONE
    )


def test_the_requests_of_a_pull(engine, task, server, name):
    """Manifest, configuration, layer: one request each, on one connection; the first finds out whether it is TLS."""
    task(engine, name=name)
    assert [(method, path) for method, path, _headers in server.seen] == [
        ("GET", "/v2/"),
        ("GET", "/v2/a/b/manifests/1"),
        ("GET", "/v2/a/b/blobs/" + manifest.digest_of(CONFIG)),
        ("GET", "/v2/a/b/blobs/" + manifest.digest_of(LAYER)),
    ]
    assert len(server.connections) == 1
    server.seen.clear()
    task(engine, name=name)
    assert server.seen == []
    task(engine, name=name, pull="always")
    assert [(method, path) for method, path, _headers in server.seen] == [
        ("GET", "/v2/"),
        ("HEAD", "/v2/a/b/manifests/1"),
    ]
