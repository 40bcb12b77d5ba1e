# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is attached to a container, and leaves."""

from __future__ import annotations

import socket

import pytest
from pycontainer.containers.monitor import control_socket


class Monitor:
    """What a monitor's clients ask of it: descriptors to watch, and what was typed."""

    def __init__(self):
        self.watched, self.typed, self.terminal = {}, b"", None

    def watch(self, fd, handler):
        self.watched[fd] = handler

    def forget(self, fd):
        del self.watched[fd]

    def write_input(self, data):
        self.typed += data


@pytest.fixture(name="attached")
def attached_fixture():
    """A monitor, its clients, and the other side of one that is attached."""
    monitor = Monitor()
    mine, theirs = socket.socketpair()
    served = control_socket.Clients(monitor)
    assert served.op_attach(theirs, {}, [mine.detach()]) == {}
    yield monitor, served, theirs
    theirs.close()


@pytest.mark.parametrize("unread", [b"", b"# "])
def test_what_was_typed_before_leaving_arrives_though_output_comes_first(attached, unread):
    monitor, served, theirs = attached
    served.feed(unread)
    theirs.sendall(b"cd /srv\n")
    theirs.close()
    served.feed(b"more output")
    assert monitor.typed == b"cd /srv\n"
    assert not monitor.watched and not served.attached


def test_who_leaves_is_forgotten_once(attached):
    monitor, served, theirs = attached
    theirs.sendall(b"pwd\n")
    (handler,) = monitor.watched.values()
    handler(0)
    theirs.close()
    handler(0)
    assert monitor.typed == b"pwd\n"
    assert not monitor.watched and not served.attached
