# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proxy that the environment names: credentials in its address, and what is asked without it."""

from __future__ import annotations

import socket
import threading

import pytest
from pycontainer.errors import HostError
from pycontainer.images.client import redirects, transport


@pytest.fixture
def proxy():
    """A proxy that refuses all: ``(port, requests that came)``."""
    seen = []

    def serve():
        while True:
            try:
                connection = server.accept()[0]
            except OSError:
                return
            with connection:
                data = b""
                while b"\r\n\r\n" not in data:
                    data += connection.recv(1000)
                seen.append(data.decode())
                connection.sendall(
                    b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
                )

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1], seen
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.mark.parametrize(
    "credentials, header",
    [
        ("", None),
        ("me:secret@", "Basic bWU6c2VjcmV0"),
        ("me:se%3Acret@", "Basic bWU6c2U6Y3JldA=="),
        ("me@", "Basic bWU6"),
    ],
)
def test_credentials_in_the_address_of_a_proxy(monkeypatch, proxy, credentials, header):
    monkeypatch.setenv("https_proxy", "http://%s127.0.0.1:%d" % (credentials, proxy[0]))
    with pytest.raises(OSError, match="407"):
        transport.Transport().request(
            "GET", redirects.of_registry("https", "registry.example").at("/v2/")
        )
    lines = proxy[1][0].split("\r\n")
    assert lines[0].startswith("CONNECT registry.example:443 ")
    assert [line for line in lines if line.startswith("Proxy-Authorization")] == (
        ["Proxy-Authorization: " + header] if header else []
    )


@pytest.mark.parametrize(
    "name, none, asked",
    [
        ("registry.example", "", True),
        ("registry.example", "example", False),
        ("10.1.2.3", "10.0.0.0/8", False),
        ("11.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3", "other.example, 10.1.2.3/30", False),
        ("fd00::5", "fd00::/8", False),
        ("10.1.2.3", "nonsense/8,10.0.0.0/99", True),
        ("registry.example", "10.0.0.0/8", True),
        ("localhost", "", False),
    ],
)
def test_what_is_asked_without_a_proxy(monkeypatch, name, none, asked):
    monkeypatch.setenv("https_proxy", "http://proxy.example:8080")
    monkeypatch.setenv("no_proxy", none)
    assert transport.Transport()._proxy("https", name, 5000)[0] == (
        ("proxy.example", 8080) if asked else None
    )


@pytest.mark.parametrize("proxy", ["http://", "http://:3128", "http://[::1", "proxy:port"])
def test_a_proxy_that_is_no_address(monkeypatch, proxy):
    monkeypatch.setenv("https_proxy", proxy)
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(HostError, match="^the proxy that the environment names for https is no"):
        transport.Transport()._proxy("https", "registry.example", 5000)
