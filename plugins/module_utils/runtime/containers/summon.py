# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The zygote from its clients' side: a connection to it, and where none runs, one is started."""

from __future__ import annotations

import fcntl
import os
import select
import sys
import time
import zlib

from ..errors import HostError
from ..kernel import daemon
from . import wire

PATIENCE = 15.0  # seconds that a new zygote may take

def package_directory():
    return os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def fingerprint():
    """What tells one runtime from another: its place, its interpreter and the state of its files."""
    package = package_directory()
    text = [package, sys.executable]
    for part in ("containers", "kernel", "kernel/cgroups", "networks"):
        directory = os.path.join(package, part)
        text += ["%s %d %d" % (entry.name, entry.stat().st_mtime_ns, entry.stat().st_size)
                 for entry in sorted(os.scandir(directory), key=lambda entry: entry.name) if entry.name.endswith(".py")]
    return "%08x" % zlib.crc32("\n".join(text).encode())


_known = []


def socket_name():
    if not _known:
        _known.append("zygote-%s.sock" % fingerprint())
    return _known[0]


def command(paths, name):
    """The zygote's command line."""
    import importlib.util

    backend = importlib.util.find_spec("_cffi_backend")
    if backend is None:
        raise HostError("Python's cffi is missing on this host (Debian, Ubuntu, Fedora: python3-cffi)")
    package = package_directory()
    return [sys.executable, "-I", "-S", os.path.join(package, "containers", "zygote_main.py"), package, os.path.dirname(backend.origin),
            paths.data, paths.run, name]


def connect(paths):
    """A connection to the zygote of this runtime. :raises HostError: when none can be started."""
    name = socket_name()
    try:
        return wire.connect(paths.run, name)
    except wire.Gone:
        pass
    lock = os.open(os.path.join(paths.locks, "zygote"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            return wire.connect(paths.run, name)  # another caller has started it meanwhile
        except wire.Gone:
            return _start(paths, name)
    finally:
        os.close(lock)


def _start(paths, name):
    for entry in os.listdir(paths.run):  # a zygote whose name is gone ends when it is idle
        if entry.startswith("zygote-") and entry.endswith(".sock"):
            os.unlink(os.path.join(paths.run, entry))
    log = os.path.join(paths.run, "zygote.log")
    daemon.start(name[:-len(".sock")], command(paths, name), stdout_path=log)
    end, pause = time.monotonic() + PATIENCE, 0.002
    while True:
        try:
            return wire.connect(paths.run, name)
        except wire.Gone:
            if time.monotonic() > end:
                raise HostError("the process that starts containers did not come up; its words are in %s" % log) from None
        time.sleep(pause)
        pause = min(pause * 1.3, 0.05)


def request(paths, message):
    """One message to the zygote, its answer. :raises HostError: when the process that should answer is killed."""
    return requests(paths, [message], 1)[0]


def requests(paths, messages, at_once):
    """Many messages, at most so many at once; the answers in the same order. A killed worker's is ``{"error"}``."""
    answers, waiting, under_way = [None] * len(messages), list(enumerate(messages)), {}
    poll = select.poll()
    waiting.reverse()
    while waiting or under_way:
        while waiting and len(under_way) < at_once:
            index, message = waiting.pop()
            connection = connect(paths)
            under_way[connection.fileno()] = (index, connection)
            poll.register(connection, select.POLLIN)
            try:
                wire.send(connection, message)
            except wire.Gone:
                pass  # said by the poll as well
        for fd, _events in poll.poll():
            index, connection = under_way.pop(fd)
            poll.unregister(fd)
            try:
                answers[index] = wire.receive(connection)[0]
            except wire.Gone:
                answers[index] = {"error": "container %s: its monitor was killed while it worked" % messages[index].get("id"), "killed": True}
            connection.close()
    return answers
