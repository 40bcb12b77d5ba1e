# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS with an authority of one's own, client certificates, certs.d, and what is said where the two sides don't fit."""

from __future__ import annotations

import http.server
import os
import shutil
import ssl
import subprocess
import threading

import pytest
from pycontainer.errors import InvalidInput, RegistryError
from pycontainer.images.client import retry, transport
from support.layouts import need
from support.registries.faulty_registry import MANIFEST, Handler, serving


def openssl(*words):
    subprocess.run(
        ["openssl"] + [str(word) for word in words],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A directory with ``ca.pem``, and ``server`` and ``client``, ``.pem`` and ``.key``, signed by it; ``other.pem`` is another authority."""
    need("openssl")
    place = tmp_path_factory.mktemp("certificates")
    for name in ("ca", "other"):
        openssl(
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            place / (name + ".key"),
            "-out",
            place / (name + ".pem"),
            "-days",
            "2",
            "-subj",
            "/CN=" + name,
        )
    (place / "names").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    for name in ("server", "client"):
        openssl(
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            place / (name + ".key"),
            "-out",
            place / (name + ".csr"),
            "-subj",
            "/CN=" + name,
        )
        openssl(
            "x509",
            "-req",
            "-in",
            place / (name + ".csr"),
            "-CA",
            place / "ca.pem",
            "-CAkey",
            place / "ca.key",
            "-CAcreateserial",
            "-out",
            place / (name + ".pem"),
            "-days",
            "2",
            "-extfile",
            place / "names",
        )
    return place


@pytest.fixture
def make(certificates):
    """Start a registry over TLS; ``make(client=True)``: it wants a client's certificate."""
    started = []

    def start(client=False, version=None, address="127.0.0.1"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
        if client:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(certificates / "ca.pem")
        if version:
            context.maximum_version = version
        server = http.server.ThreadingHTTPServer((address, 0), Handler)
        server.handle_error = lambda *_arguments: None  # a handshake that fails is meant to
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        server.seen, server.fault, server.manifest, server.connections, server.daemon_threads = (
            [],
            None,
            MANIFEST,
            set(),
            True,
        )
        server.host = "%s:%d" % (address, server.server_port)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        started.append((server, thread))
        return server

    yield start
    for server, thread in started:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(autouse=True)
def strict(monkeypatch, tmp_path):
    """Loopback is a host like any other here, and nothing of this machine's certs.d counts."""
    monkeypatch.setattr(transport, "is_loopback", lambda host: False)
    monkeypatch.setattr(transport, "CERTIFICATE_DIRECTORIES", (str(tmp_path / "certs.d"),))
    monkeypatch.setattr(retry, "pause", lambda tries: 0.01)


def test_an_authority_of_ones_own(engine, task, make, certificates):
    server = make()
    name = server.host + "/a/b:1"
    with pytest.raises(RegistryError, match="its certificate can't be verified: .*issuer"):
        task(engine, name=name)
    with pytest.raises(RegistryError, match="its certificate can't be verified"):
        task(engine, name=name, ca_path=str(certificates / "other.pem"))
    assert task(engine, name=name, ca_path=str(certificates / "ca.pem"))["changed"]
    assert not task(engine, name=name, ca_path=str(certificates / "ca.pem"), pull="always")[
        "changed"
    ]
    assert not task(engine, name=name, validate_certs=False, pull="always")["changed"]
    assert not task(engine, name=name, insecure=True, pull="always")["changed"]


def test_what_a_container_needs_to_reach_its_image(engine, make, certificates):
    """The options of the pull, of one container and of those of a list."""
    from pycontainer.containers import task as containers
    from pycontainer.reconcile import carry_out

    engine.check = True
    params = {
        "name": "web",
        "image": make().host + "/a/b:1",
        "state": "present",
        "command": "x",
        "network_mode": "none",
    }
    for more in (
        {"ca_path": str(certificates / "ca.pem")},
        {"validate_certs": False},
        {"insecure": True},
    ):
        with pytest.raises(RegistryError, match="its certificate can't be verified"):
            carry_out(containers.container(engine, params), True)
        assert carry_out(containers.container(engine, dict(params, **more)), True)["changed"]
        assert containers.container(engine, {"containers": [dict(params, **more)]})["changed"]
    with pytest.raises(InvalidInput, match="insecure: .*nothing beside containers"):
        containers.container(engine, {"containers": [params], "insecure": True})


def test_another_name(engine, task, make, certificates):
    """The certificate is for 127.0.0.1 and localhost, not for this address of the same machine."""
    server = make(address="127.0.0.2")
    with pytest.raises(
        RegistryError, match="its certificate can't be verified: .*(mismatch|not valid for)"
    ):
        task(engine, name=server.host + "/a/b:1", ca_path=str(certificates / "ca.pem"))


def test_client_certificates(engine, task, make, certificates):
    server = make(client=True)
    name, ca = server.host + "/a/b:1", str(certificates / "ca.pem")
    with pytest.raises(RegistryError, match="it asks for a client's certificate"):
        task(engine, name=name, ca_path=ca)
    options = {
        "client_cert": str(certificates / "client.pem"),
        "client_key": str(certificates / "client.key"),
    }
    assert task(engine, name=name, ca_path=ca, **options)["changed"]
    for wrong in (
        {
            "client_cert": str(certificates / "client.pem"),
            "client_key": str(certificates / "server.key"),
        },
        {"client_cert": str(certificates / "names")},
    ):
        with pytest.raises(InvalidInput, match="^client_cert: "):
            task(engine, name=name, ca_path=ca, pull="always", **wrong)
    with pytest.raises(InvalidInput, match="^ca_path: "):
        task(engine, name=name, ca_path=str(certificates / "names"), pull="always")


@pytest.mark.parametrize("directory", (0, 1), ids=("containers", "docker"))
def test_certs_d(engine, task, make, certificates, tmp_path, monkeypatch, directory):
    """ca.crt and a client's .cert and .key, by the registry's host and port."""
    server = make(client=True)
    places = [tmp_path / "first", tmp_path / "second"]
    monkeypatch.setattr(transport, "CERTIFICATE_DIRECTORIES", tuple(str(place) for place in places))
    place = places[directory] / server.host
    place.mkdir(parents=True)
    for source, target in (
        ("ca.pem", "ca.crt"),
        ("client.pem", "me.cert"),
        ("client.key", "me.key"),
    ):
        shutil.copy(certificates / source, place / target)
    assert task(engine, name=server.host + "/a/b:1")["changed"]
    os.rename(place, str(place) + "0")
    with pytest.raises(RegistryError, match="can't be verified"):
        task(engine, name=server.host + "/a/b:1", pull="always")


def test_one_that_speaks_no_tls(engine, task):
    with serving() as server:
        with pytest.raises(
            RegistryError, match="it does not speak TLS; insecure lets it be spoken to without"
        ):
            task(engine, name=server.host + "/a/b:1")
        assert task(engine, name=server.host + "/a/b:1", insecure=True)["changed"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_old_version_of_tls(engine, task, make, certificates):
    if not getattr(ssl, "HAS_TLSv1_1", False):
        pytest.skip("this Python can't serve it")
    server = make(version=ssl.TLSVersion.TLSv1_1)
    with pytest.raises(RegistryError, match="can't be reached"):
        task(engine, name=server.host + "/a/b:1", ca_path=str(certificates / "ca.pem"))
