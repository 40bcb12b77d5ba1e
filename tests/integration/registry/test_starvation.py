# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients that hold connections to keep others out: whoever means it well gets through at once."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import time

import pytest
from pycontainer.registry.http import registry_users, wire
from pycontainer.registry.http import server as servers

PATIENT = (
    120  # seconds after which a test gives up; by the registry's own limits it would take longer
)
DRIP = b"PATCH /v2/a/blobs/uploads/x HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\nx"


@pytest.fixture
def hold():
    """Open connections and keep them: ``hold(address, count, data, source)``; ``data`` may be a function that is called for each."""
    with contextlib.ExitStack() as opened:

        def connect(address, count, data=b"", source="127.0.0.1"):
            found = []
            for _number in range(count):
                sock = opened.enter_context(
                    socket.create_connection(address, timeout=PATIENT, source_address=(source, 0))
                )
                with contextlib.suppress(OSError):
                    sock.sendall(data() if callable(data) else data)
                found.append(sock)
            return found

        yield connect


def ask(address, source="127.0.0.1", context=None, headers=None):
    """The status of GET /v2/."""
    kind = http.client.HTTPSConnection if context else http.client.HTTPConnection
    connection = kind(
        *address,
        timeout=PATIENT,
        source_address=(source, 0),
        **({"context": context} if context else {}),
    )
    with contextlib.closing(connection):
        connection.request("GET", "/v2/", headers=headers or {})
        return connection.getresponse().status


def upload(client):
    """What makes requests that have begun to send a blob, each another one."""
    return lambda: b"PATCH %s HTTP/1.1\r\nContent-Length: 60000\r\n\r\nx" % begun(client).encode()


def wait_until(condition):
    end = time.monotonic() + PATIENT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def begun(client):
    try:
        return client.begin()
    finally:
        client.connection.close()


@pytest.fixture
def users(tmp_path):
    path = tmp_path / "users"
    path.write_text(registry_users.write({"ann": registry_users.derive("secret", rounds=1)}))
    return str(path)


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(servers, "CONNECTIONS", 8)
    monkeypatch.setattr(servers, "PER_ADDRESS", 6)
    monkeypatch.setattr(servers, "WAITING", 8)
    monkeypatch.setattr(servers, "FRESH", 0.1)


LOGIN = {"Authorization": "Basic YW5uOnNlY3JldA=="}


@pytest.mark.parametrize(
    "data",
    [b"", b"GET /v2/ HT", DRIP, DRIP.replace(b"Content", b"Expect: 100-continue\r\nContent")],
)
def test_without_credentials_nobody_holds_others_out(make_server, hold, users, data):
    server = make_server(users=users)
    held = hold(server.addresses[0], 20, data)
    assert ask(server.addresses[0], headers=LOGIN) == 200
    assert ask(server.addresses[0], "127.0.0.2", headers=LOGIN) == 200
    assert len(server._clients) <= 8 and len(server._waiting) <= 8
    del held


def test_wrong_passwords_hold_nobody_out(make_server, hold, users, monkeypatch):
    """Checking one takes as long as on a host with much to do."""
    matches = registry_users.matches

    def slow(password, secret):
        time.sleep(2 if password == "wrong" else 0)
        return matches(password, secret)

    server = make_server(users=users)
    monkeypatch.setattr(registry_users, "matches", slow)
    wrong = b"GET /v2/ HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YW5uOndyb25n\r\n\r\n"
    held, began = hold(server.addresses[0], 20, wrong), time.monotonic()
    for source in ("127.0.0.2", "127.0.0.1"):
        assert ask(server.addresses[0], source, headers=LOGIN) == 200
    assert time.monotonic() - began < 8  # ten times two seconds by two at a time
    del held


def test_the_answer_comes_before_the_body(make_server, hold, users):
    server = make_server(users=users)
    (sock,) = hold(server.addresses[0], 1, DRIP)
    assert sock.recv(12) == b"HTTP/1.1 401"


def test_silent_connections_do_not_hold_up_tls(make_server, hold, certificate, users):
    server = make_server(tls_cert=certificate[0], tls_key=certificate[1], users=users)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    hold(server.addresses[0], 20)
    hold(server.addresses[0], 20, b"\x16\x03\x01\x02\x00")  # the beginning of a handshake
    assert ask(server.addresses[0], context=context, headers=LOGIN) == 200
    assert ask(server.addresses[0], "127.0.0.2", context=context, headers=LOGIN) == 200


def test_a_handshake_has_an_end(make_server, hold, certificate, monkeypatch):
    monkeypatch.setattr(servers, "HANDSHAKE", 0.1)
    server = make_server(tls_cert=certificate[0], tls_key=certificate[1])
    (sock,) = hold(server.addresses[0], 1)
    assert sock.recv(1) == b""


def test_bodies_that_drip_make_room_without_users_too(make_server, new_client, hold, monkeypatch):
    monkeypatch.setattr(wire, "SLOW", 0.2)
    server = make_server()
    client = new_client(server.addresses[0][1])
    locations = [client.begin().encode() for _number in range(8)]
    client.connection.close()
    for source in ("127.0.0.1", "127.0.0.2"):
        hold(
            server.addresses[0],
            4,
            lambda: b"PATCH %s HTTP/1.1\r\nContent-Length: 60000\r\n\r\nx" % locations.pop(),
            source,
        )
    wait_until(lambda: sum(not connection.idle for connection in list(server._clients)) == 8)
    assert ask(server.addresses[0], "127.0.0.4") == 200


def test_one_address_leaves_room_for_others(make_server, new_client, hold):
    """Uploads that are not slow: a whole address of them, and one request from elsewhere."""
    server = make_server()
    started = hold(server.addresses[0], 12, upload(new_client(server.addresses[0][1])))
    assert ask(server.addresses[0], "127.0.0.2") == 200
    assert len(server._clients) <= 7
    for sock in started:
        sock.close()
    assert ask(server.addresses[0]) == 200


def test_a_request_under_way_is_not_closed_for_another(make_server, new_client, hold, users):
    server = make_server(users=users)
    client = new_client(server.addresses[0][1])
    location = client("POST", "blobs/uploads/", **LOGIN).headers["Location"]
    (sock,) = hold(
        server.addresses[0],
        1,
        b"PATCH %s HTTP/1.1\r\nAuthorization: %s\r\nContent-Length: 4\r\n\r\nda"
        % (location.encode(), LOGIN["Authorization"].encode()),
    )
    wait_until(lambda: not all(connection.idle for connection in list(server._clients)))
    hold(server.addresses[0], 20, DRIP)
    assert ask(server.addresses[0], headers=LOGIN) == 200
    sock.sendall(b"ta")
    assert sock.recv(12) == b"HTTP/1.1 202"


def test_those_that_wait_are_served_in_their_turn(make_server, new_client, hold):
    server = make_server()
    held = hold(server.addresses[0], 6, upload(new_client(server.addresses[0][1])))
    answered = []
    threads = [
        threading.Thread(target=lambda: answered.append(ask(server.addresses[0])))
        for _number in range(4)
    ]
    for thread in threads:
        thread.start()
    for sock in held:
        sock.close()
    for thread in threads:
        thread.join()
    assert answered == [200] * 4


def test_a_head_is_bounded_as_a_whole(make_server, new_client):
    server = make_server()
    answer = new_client(server.addresses[0][1]).raw(
        b"GET /v2/ HTTP/1.1\r\n" + (b"a: " + b"x" * 16000 + b"\r\n") * 5 + b"\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 431")
