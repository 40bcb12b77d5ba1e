# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server as such: connections, slow and false clients, TLS, users, an orderly end and a sudden one."""

from __future__ import annotations

import base64
import errno
import gc
import http.client
import json
import os
import resource
import signal
import socket
import ssl
import threading
import time

import pytest
from pycontainer.errors import Conflict, InvalidInput
from pycontainer.registry.content import collect, uploads
from pycontainer.registry.http import registry_users, wire
from pycontainer.registry.http import server as servers

# --- requests that are not what they should be ---


@pytest.mark.parametrize(
    "data, status",
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /v2/ HTTP/2.0\r\n\r\n", 400),
        (b"GET http://x/v2/ HTTP/1.1\r\n\r\n", 400),
        (b"GET /v2/ HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET /v2/ HTTP/1.1\r\nName : value\r\n\r\n", 400),
        (b"GET /v2/ HTTP/1.1\r\na: b\r\n folded\r\n\r\n", 400),
        (b"GET /v2/ HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n", 431),
        (b"GET /v2/" + b"x" * 20000 + b" HTTP/1.1\r\n\r\n", 431),
        (b"POST /v2/a/blobs/uploads/ HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /v2/a/blobs/uploads/ HTTP/1.1\r\nContent-Length: 1, 2\r\n\r\n", 400),
        (
            b"POST /v2/a/blobs/uploads/ HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
            400,
        ),
        (
            b"POST /v2/a/blobs/uploads/ HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (b"POST /v2/a/blobs/uploads/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST /v2/a/blobs/uploads/ HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
    ],
)
def test_false_requests_are_refused_and_end_the_connection(client, data, status):
    answer = client.raw(data + b"GET /v2/_catalog HTTP/1.1\r\n\r\n")
    assert (
        answer.startswith(b"HTTP/1.1 %d " % status)
        and answer.count(b"HTTP/1.1 ") == 1
        and b"Connection: close" in answer
    )


@pytest.mark.parametrize(
    "body",
    [
        b"zz\r\n",
        b"-1\r\n",
        b"0x5\r\nhello\r\n",
        b"5\r\nhelloX\r\n0\r\n\r\n",
        b"\r\n",
        b"1" * 17 + b"\r\n",
    ],
)
def test_false_chunks(client, body):
    location = client.begin()
    answer = client.raw(
        b"PATCH %s HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" % location.encode() + body,
        half_close=True,
    )
    assert answer.startswith(b"HTTP/1.1 400 ") and b"Connection: close" in answer


def test_http_1_0_and_keep_alive(client):
    assert b"Connection: close" in client.raw(b"GET /v2/ HTTP/1.0\r\n\r\n")
    answer = client.raw(
        b"\r\nGET /v2/ HTTP/1.1\r\n\r\nGET /v2/_catalog HTTP/1.1\r\nConnection: close\r\n\r\n"
    )
    assert answer.count(b"HTTP/1.1 200 OK") == 2


def test_a_connection_is_closed_although_something_still_refers_to_it(server, client, monkeypatch):
    kept = []
    forget = server._forget
    monkeypatch.setattr(
        server, "_forget", lambda connection: (kept.append(connection), forget(connection))
    )
    began = time.monotonic()
    assert b"200 OK" in client.raw(b"GET /v2/ HTTP/1.0\r\n\r\n")
    assert time.monotonic() - began < 5 and len(kept) == 1


def test_expect_continue(client):
    with socket.create_connection(("127.0.0.1", client.port), timeout=10) as sock:
        sock.sendall(
            b"PATCH %s HTTP/1.1\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
            % client.begin().encode()
        )
        assert sock.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"data")
        assert b"HTTP/1.1 202" in sock.recv(1000)
    with socket.create_connection(("127.0.0.1", client.port), timeout=10) as sock:
        sock.sendall(
            b"PATCH /v2/a/blobs/uploads/x HTTP/1.1\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
        )
        answer = b"".join(iter(lambda: sock.recv(1000), b""))
        assert answer.startswith(b"HTTP/1.1 404") and b"Connection: close" in answer


def test_a_refusal_reaches_a_client_that_is_still_sending(client):
    """Were the connection just closed, the unread bytes would have TCP reset it and the client would see no answer."""
    size = 8 << 20
    answer = client("PATCH", "blobs/uploads/none", b"x" * size)
    assert answer.code == "BLOB_UPLOAD_UNKNOWN" and answer.headers["Connection"] == "close"


def test_what_a_small_refused_request_carried_is_skipped(client):
    assert client("PATCH", "blobs/uploads/none", b"x" * 1000).headers["Connection"] == "keep-alive"
    assert client("GET", "/v2/").status == 200


# --- slow clients and many ---


def test_a_client_that_never_ends_its_request_is_dropped(server, client, monkeypatch):
    monkeypatch.setattr(servers, "IDLE", 0.5)
    with socket.create_connection(("127.0.0.1", client.port), timeout=20) as sock:
        began = time.monotonic()
        with pytest.raises(OSError):  # closed, or reset
            while True:
                sock.sendall(b"x")
                time.sleep(0.1)
                assert time.monotonic() - began < 10


def test_a_client_that_trickles_its_body_is_dropped(client, monkeypatch):
    monkeypatch.setattr(wire, "PATIENCE", 0.5)
    location = client.begin()
    with socket.create_connection(("127.0.0.1", client.port), timeout=20) as sock:
        sock.sendall(b"PATCH %s HTTP/1.1\r\nContent-Length: 1000\r\n\r\n" % location.encode())
        began = time.monotonic()
        with pytest.raises(OSError):
            while True:
                sock.sendall(b"x")
                time.sleep(0.1)
                assert time.monotonic() - began < 10


def test_a_client_that_does_not_read_is_dropped(make_server, new_client, monkeypatch):
    monkeypatch.setattr(servers, "STALL", 1.0)
    server = make_server()
    client = new_client(server.addresses[0][1])
    digest = client.push_blob(os.urandom(1 << 20) * 30)
    with socket.create_connection(("127.0.0.1", client.port), timeout=20) as sock:
        sock.sendall(b"GET /v2/test/one/blobs/%s HTTP/1.1\r\n\r\n" % digest.encode())
        end = time.monotonic() + 10
        while len(server._clients) > 1 and time.monotonic() < end:
            time.sleep(0.05)
        assert len(server._clients) <= 1


def test_one_more_connection_takes_the_place_of_an_idle_one(make_server, new_client, monkeypatch):
    monkeypatch.setattr(servers, "CONNECTIONS", 4)
    server = make_server()
    idle = [socket.create_connection(server.addresses[0], timeout=10) for _number in range(4)]
    try:
        for _number in range(3):
            assert new_client(server.addresses[0][1])("GET", "/v2/").status == 200
        assert len(server._clients) <= 4
    finally:
        for sock in idle:
            sock.close()


def test_uploads_are_bounded_and_expire(server, client, monkeypatch):
    monkeypatch.setattr(uploads, "SESSIONS", 2)
    first = client.begin()
    client.begin()
    answer = client("POST", "blobs/uploads/")
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (
        429,
        "TOOMANYREQUESTS",
        "60",
    )
    client("PATCH", first, b"x")
    assert len(os.listdir(server.storage.path("uploads"))) == 1
    monkeypatch.setattr(uploads, "IDLE", -1)
    server.uploads.expire()
    assert os.listdir(server.storage.path("uploads")) == [] and client("GET", first).status == 404
    assert client.begin()


def test_two_requests_on_one_upload(client, new_client, monkeypatch):
    monkeypatch.setattr(uploads, "WAIT", 0.2)
    location = client.begin()
    with socket.create_connection(("127.0.0.1", client.port), timeout=10) as sock:
        sock.sendall(b"PATCH %s HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf" % location.encode())
        time.sleep(0.2)
        assert new_client(client.port)("PATCH", location, b"x").status == 409
        sock.sendall(b"whole!")
        assert b" 202 " in sock.recv(1000)
    assert client("GET", location).headers["Range"] == "0-9"


def test_a_broken_upload_goes_on_where_it_stopped(client):
    location = client.begin()
    with socket.create_connection(("127.0.0.1", client.port), timeout=10) as sock:
        sock.sendall(b"PATCH %s HTTP/1.1\r\nContent-Length: 10\r\n\r\n01234" % location.encode())
    end = time.monotonic() + 5
    while client("GET", location).headers["Range"] != "0-4" and time.monotonic() < end:
        time.sleep(0.02)
    assert client("PATCH", location, b"56789", Content_Range="5-9").headers["Range"] == "0-9"
    assert client("PUT", f"{location}?digest={client.digest(b'0123456789')}").status == 201


def test_eight_pushes_at_once(client, new_client):
    errors = []

    def push(number):
        try:
            mine = new_client(client.port)
            mine.repository = "parallel/%d" % (
                number % 4
            )  # two in each repository, on the same blobs
            shared, own = b"shared" * 200000, os.urandom(1 << 20)
            for _turn in range(3):
                digests = [mine.push_blob(data) for data in (shared, own)]
                assert [mine("GET", "blobs/" + digest).body for digest in digests] == [shared, own]
                tag = "t%d" % number
                manifest = mine.image(b"%d" % number)
                assert (
                    mine.put(tag, manifest).status == 201
                    and mine("GET", "manifests/" + tag).body == manifest
                )
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=push, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert client("GET", "/v2/_catalog").json()["repositories"] == [
        "parallel/%d" % number for number in range(4)
    ]


# --- disk ---


def test_a_full_disk_is_said_and_room_is_made(server, client, monkeypatch):
    location = client.begin()

    def full(*_arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(uploads.os, "pwrite", full)
    answer = client("PATCH", location, b"data")
    assert answer.status == 507 and answer.code == "UNKNOWN"
    monkeypatch.undo()
    assert (
        os.listdir(server.storage.path("uploads")) == [] and client("GET", location).status == 404
    )
    client.push_blob(b"data")


# --- addresses ---


def test_several_addresses(make_server, new_client):
    server = make_server(listen=[("127.0.0.1", 0), ("127.0.0.2", 0), ("::1", 0)])
    for address, port in server.addresses:
        connection = http.client.HTTPConnection(address, port, timeout=10)
        connection.request("GET", "/v2/")
        assert connection.getresponse().status == 200
        connection.close()


def test_a_taken_port_and_a_strange_address(make_server, server, tmp_path):
    with pytest.raises(Conflict, match="is taken by another process"):
        make_server(root=str(tmp_path / "other"), listen=server.addresses)
    with pytest.raises(Conflict, match="192.0.2.1 is not an address of this host"):
        make_server(root=str(tmp_path / "other"), listen=[("192.0.2.1", 0)])
    assert not (tmp_path / "other").exists()


# --- TLS and users ---


def tls_client(new_client, server, cafile):
    client = new_client(server.addresses[0][1])
    client.connection = http.client.HTTPSConnection(
        "127.0.0.1", client.port, timeout=30, context=ssl.create_default_context(cafile=cafile)
    )
    return client


def test_tls(make_server, new_client, certificate):
    server = make_server(tls_cert=certificate[0], tls_key=certificate[1])
    client = tls_client(new_client, server, certificate[0])
    data = os.urandom(3 << 20)
    assert client("GET", "blobs/" + client.push_blob(data)).body == data
    plain = new_client(server.addresses[0][1]).raw(b"GET /v2/ HTTP/1.1\r\n\r\n")
    assert plain.startswith(b"HTTP/1.1 400 ") and b"speaks HTTPS" in plain
    assert client("GET", "/v2/").status == 200
    refused = tls_client(new_client, server, certificate[0])
    answer = refused("PATCH", "blobs/uploads/none", b"x" * 200000)
    assert answer.status == 404


def test_a_renewed_certificate_is_used_without_a_restart(
    make_server, new_client, certificate, new_certificate, tmp_path
):
    server = make_server(tls_cert=certificate[0], tls_key=certificate[1])
    old = open(certificate[0]).read()
    assert tls_client(new_client, server, certificate[0])("GET", "/v2/").status == 200
    new_certificate(tmp_path, "renewed")
    assert open(certificate[0]).read() != old
    assert tls_client(new_client, server, certificate[0])("GET", "/v2/").status == 200


def test_false_certificates(make_server, certificate, tmp_path):
    (tmp_path / "none.pem").write_text("nothing")
    for arguments in (
        (str(tmp_path / "missing"), None),
        (str(tmp_path / "none.pem"), None),
        (certificate[0], str(tmp_path / "none.pem")),
        (certificate[0], None),
    ):
        with pytest.raises(InvalidInput, match="tls_cert"):
            make_server(tls_cert=arguments[0], tls_key=arguments[1])


def test_users(make_server, new_client, tmp_path, monkeypatch):
    path = tmp_path / "users"
    path.write_text(registry_users.write({"ann": registry_users.derive("secret")}))
    client = new_client(make_server(users=str(path)).addresses[0][1])
    for method, where in (
        ("GET", "/v2/"),
        ("GET", "/v2/_catalog"),
        ("POST", "blobs/uploads/"),
        ("GET", "manifests/latest"),
    ):
        answer = client(method, where)
        assert (answer.status, answer.code) == (401, "UNAUTHORIZED") and answer.headers[
            "WWW-Authenticate"
        ].startswith("Basic realm=")
    good = "Basic " + base64.b64encode(b"ann:secret").decode()
    derived, matches = [], registry_users.matches
    monkeypatch.setattr(
        registry_users,
        "matches",
        lambda password, secret: derived.append(password) or matches(password, secret),
    )
    for _turn in range(5):
        assert client("GET", "/v2/", Authorization=good).status == 200
    assert derived == ["secret"]  # once: it costs a core's tenth of a second
    assert client("GET", "/v2/", Authorization=good[:-2] + "xx").status == 401


# --- its end ---


def half_an_upload(client):
    """Begin an upload and send half of it: the socket that waits for the rest."""
    location = client.begin()
    sock = socket.create_connection(("127.0.0.1", client.port), timeout=10)
    sock.sendall(
        b"PUT %s?digest=%s HTTP/1.1\r\nContent-Length: 2000000\r\n\r\n"
        % (location.encode(), client.digest(b"x" * 2000000).encode())
    )
    sock.sendall(b"x" * 1000000)
    return sock


def files_below(path):
    return [
        os.path.join(where, file) for where, _directories, files in os.walk(path) for file in files
    ]


def test_a_killed_server_leaves_nothing_half(process, root, new_client):
    running, port = process()
    client = new_client(port)
    whole = client.push_blob(b"whole")
    with half_an_upload(client):
        end = time.monotonic() + 5
        while (
            not any(os.path.getsize(path) for path in files_below(root + "/uploads"))
            and time.monotonic() < end
        ):
            time.sleep(0.01)
        running.send_signal(signal.SIGKILL)
        running.wait()
    assert files_below(root + "/uploads")  # it was in the middle of it
    _again, port = process()
    client = new_client(port)
    assert files_below(root + "/uploads") == [] and files_below(root + "/tmp") == []
    assert client("HEAD", "blobs/" + client.digest(b"x" * 2000000)).status == 404
    assert client("GET", "blobs/" + whole).body == b"whole"
    assert len(files_below(root + "/blobs")) == 1


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_requests_under_way_are_finished(process, new_client, signal_number):
    running, port = process()
    client = new_client(port)
    with half_an_upload(client) as sock:
        time.sleep(0.2)
        running.send_signal(signal_number)
        time.sleep(0.2)
        sock.sendall(b"x" * 1000000)
        assert sock.recv(1000).startswith(b"HTTP/1.1 201 ")
    assert running.wait(10) == 0


def test_an_idle_server_ends_at_once(process, new_client):
    running, port = process()
    client = new_client(port)
    client("GET", "/v2/")
    began = time.monotonic()
    running.terminate()
    assert running.wait(10) == 0 and time.monotonic() - began < 2


def test_memory_stays_flat(process, new_client):
    running, port = process()
    client = new_client(port)

    def peak():
        with open("/proc/%d/status" % running.pid) as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))

    client.push_blob(b"small")
    before = peak()
    data = os.urandom(1 << 20) * 64
    digest = client.push_blob(data)
    assert client("GET", "blobs/" + digest).body == data
    client("POST", "blobs/uploads/?digest=" + client.digest(data + b"x"), data + b"x")
    assert peak() - before < 4096  # KiB, for 3 times 64 MiB


def test_file_descriptors_are_given_back(server, client):
    digest = client.push_blob(b"data")
    client.put("latest", client.image())
    gc.collect()  # what other tests left open
    before = len(os.listdir("/proc/self/fd"))
    for _turn in range(20):
        for path, headers in (
            ("blobs/" + digest, {}),
            ("blobs/" + digest, {"Range": "bytes=99-"}),
            ("blobs/" + digest, {"If_None_Match": "*"}),
            ("manifests/latest", {"Accept": "x/y"}),
            ("manifests/latest", {}),
        ):
            client("GET", path, **headers)
            client("HEAD", path, **headers)
        client("POST", "blobs/uploads/?digest=sha256:" + "0" * 64, b"x")
    assert len(os.listdir("/proc/self/fd")) == before
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > before


def test_content_of_deleted_manifests_is_collected(make_server, new_client, monkeypatch):
    monkeypatch.setattr(collect, "EVERY", 0.1)
    client = new_client(make_server().addresses[0][1])
    first, second = client.image(b"1"), client.image(b"2")  # with one config
    layers = [json.loads(manifest)["layers"][0]["digest"] for manifest in (first, second)]
    for manifest in (first, second):
        assert client.put(client.digest(manifest), manifest).status == 201
    assert client("DELETE", "manifests/" + client.digest(first)).status == 202
    assert client("GET", "blobs/" + layers[0]).status == 200
    monkeypatch.setattr(collect, "KEEP", 0.1)
    end = time.monotonic() + 60
    while client("GET", "blobs/" + layers[0]).status == 200:  # HEAD would keep it
        assert time.monotonic() < end
        time.sleep(0.1)
    assert client("GET", "blobs/" + layers[1]).status == 200
    assert client("GET", "blobs/" + json.loads(second)["config"]["digest"]).status == 200
