# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A registry and clients that mean harm: documents without end. On every Python that this host has."""

from __future__ import annotations

import contextlib
import errno
import shutil
import subprocess
import sys

import pytest

NEWER = ["python3.%d" % minor for minor in range(9, 16) if minor != sys.version_info[1]]


def answers(interpreter):
    path = shutil.which(interpreter)
    return (
        path is not None
        and subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0
    )


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 10_000,
        b'{"a":' * 2_000 + b"1" + b"}" * 2_000,
        b'{"schemaVersion":2,"layers":' + b"[" * 60_000 + b"]" * 60_000 + b"}",
        b'{"a":' + b"9" * 10_000 + b"}",
    ],
    ids=["open", "objects", "balanced", "number"],
)
@pytest.mark.parametrize("interpreter", [sys.executable] + NEWER)
def test_a_nested_manifest_is_refused_and_the_registry_lives(
    process, new_client, interpreter, data
):
    if interpreter != sys.executable and not answers(interpreter):
        pytest.skip(f"no {interpreter} here")
    server, port = process(interpreter)
    client = new_client(port)
    answer = client.put("latest", data)
    assert (answer.status, answer.code) == (400, "MANIFEST_INVALID"), answer.body
    assert len(answer.body) < 500
    assert server.poll() is None and client("GET", "/v2/").status == 200


RAISED = [
    OSError(errno.ENOSPC, "x", "/x"),
    OSError(errno.EIO, "x"),
    ValueError("it"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x"),
    RecursionError("maximum recursion depth exceeded"),
    MemoryError(),
    KeyError("x\x1b[31m"),
]


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_an_exception_is_an_answer_and_the_connection_lives(
    make_server, new_client, monkeypatch, error
):
    from pycontainer.registry.http import api

    logged = []
    server = make_server(log=logged.append)
    client = new_client(server.addresses[0][1])
    assert client("GET", "/v2/").status == 200

    def fail(*_arguments):
        raise error

    sock = client.connection.sock
    with monkeypatch.context() as patch:
        patch.setattr(api.Api, "get_base", fail)
        answer = client("GET", "/v2/")
    assert (
        answer.status == (507 if getattr(error, "errno", None) == errno.ENOSPC else 500)
        and answer.code == "UNKNOWN"
    )
    assert len(answer.json()["errors"][0]["message"]) < 100
    assert client("GET", "/v2/").status == 200 and client.connection.sock is sock
    assert (
        len(logged) == 1
        and logged[0].startswith("GET /v2/: ")
        and all(one.isprintable() or one == "\n" for one in logged[0])
    )


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_the_registry_outlives_an_exception_outside_of_a_request(
    make_server, new_client, monkeypatch, error
):
    from pycontainer.registry.http import server as servers

    logged = []

    def once(function):
        """``function``, which fails the first time."""
        failing = [error]

        def called(*arguments):
            if failing:
                raise failing.pop()
            return function(*arguments)

        return called

    server = make_server(log=logged.append)
    port = server.addresses[0][1]
    monkeypatch.setattr(server, "_take", once(server._take))
    assert (
        new_client(port)("GET", "/v2/", Connection="close").status == 200
    )  # it does not wait for another request
    assert len(logged) == 1
    monkeypatch.setattr(servers, "read_request", once(servers.read_request))
    with contextlib.suppress(OSError):
        assert new_client(port)("GET", "/v2/").status == 500
    assert len(logged) == 2
    assert new_client(port)("GET", "/v2/").status == 200


def test_what_is_logged_of_a_request_is_one_line_and_harmless(make_server, new_client):
    logged, accessed = [], []
    server = make_server(log=logged.append, access_log=accessed.append)
    client = new_client(server.addresses[0][1])
    client.raw(
        b"G\x1b[31mT /v2/%0aforged%20%1b[2J%22%e2%80%ae"
        + b"x" * 8000
        + b" HTTP/1.1\r\nConnection: close\r\n\r\n"
    )
    assert (
        len(accessed) == 1
        and accessed[0].isprintable()
        and len(accessed[0]) < 1000
        and '\\"' in accessed[0]
    )
