# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""NOTIFY_SOCKET: the program gets a socket, and its READY comes to who waits for it, with the main process's id."""

from __future__ import annotations

import os
import socket
import subprocess

import pytest
from support.waiting import until

WORDS = "echo $NOTIFY_SOCKET > /tmp/place; test -S $NOTIFY_SOCKET && touch /tmp/there; touch $NOTIFY_SOCKET.x || touch /tmp/readonly; exec sleep 1000"


@pytest.fixture
def manager(tmp_path, monkeypatch):
    """systemd's end of the socket."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    server.bind(str(tmp_path / "manager"))
    server.settimeout(30)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "manager"))
    yield server
    server.close()


def say(runtime, *words):
    """What the program would say."""
    client = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    client.connect(os.path.join(runtime.root, "c", "notify", "notify.sock"))
    for word in words:
        client.send(word)
    client.close()


def heard(server):
    """The three words that come for a READY; the barrier's descriptor is closed, which lets the command go on."""
    found = [server.recv(100), server.recv(100)]
    data, ancillary, _flags, _address = server.recvmsg(100, socket.CMSG_SPACE(4))
    os.close(int.from_bytes(ancillary[0][2], "little"))
    return found + [data]


def begun(runtime, bundle, *words):
    output = open(bundle.path / "output", "w")
    process = subprocess.Popen(
        runtime.argv(*words), stdin=subprocess.DEVNULL, stdout=output, stderr=output
    )
    assert until(lambda: (bundle.rootfs / "tmp" / "readonly").exists()), (
        bundle.path / "output"
    ).read_text()
    assert (bundle.rootfs / "tmp" / "there").exists() and (
        bundle.rootfs / "tmp" / "place"
    ).read_text() == "/run/notify/notify.sock\n"
    return process


@pytest.mark.parametrize("how", ["start", "run --detach", "run"])
def test_ready_is_passed_on(runtime, bundle, manager, how):
    bundle.shell(WORDS)
    if how == "start":
        assert (
            runtime(
                "create",
                "--bundle",
                bundle.path,
                "c",
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            ).returncode
            == 0
        )
        process = begun(runtime, bundle, "start", "c")
    else:
        process = begun(runtime, bundle, *how.split(), "--bundle", bundle.path, "c")
    say(runtime, b"STATUS=half", b"X=1\nREADY=1\nSTATUS=done")
    main = process.pid if how == "run" else runtime.state("c")["pid"]
    assert heard(manager) == [b"READY=1\n", b"MAINPID=%d\n" % main, b"BARRIER=1"]
    if how == "run":
        runtime.ok("kill", "c", "KILL")
        assert process.wait(30) == 137
    else:
        assert process.wait(30) == 0 and runtime.state("c")["status"] == "running"
        runtime.ok("delete", "--force", "c")
    assert not os.path.exists(os.path.join(runtime.root, "c"))


def test_who_ends_is_waited_for_no_longer(runtime, bundle, manager):
    bundle.shell("exit 3")
    assert (
        runtime(
            "run",
            "--detach",
            "--bundle",
            bundle.path,
            "c",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ).returncode
        == 0
    )


def test_without_a_socket_there_is_none(runtime, bundle):
    bundle.shell("test -z $NOTIFY_SOCKET && test ! -e /run/notify")
    assert runtime("run", "--bundle", bundle.path, "c").returncode == 0
