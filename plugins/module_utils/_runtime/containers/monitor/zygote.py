# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The zygote: a lean warm process from which monitors and exec workers are forked. It holds no state and may die at any time.

Started by containers/client/zygote_client.py; it imports what a monitor needs, freezes it (gc.freeze, so that the
pages stay shared with the forks) and waits. A request is one message on its socket:
    {"op": "start" | "adopt", "id", "command"}    a monitor, which answers on the connection and goes on; a descriptor that comes with
                                                  "start" is the container's standard input; "checkpoint" there is what to go on from
    {"op": "exec", ...}                           an exec worker (containers/access/execute.py)
    {"op": "retire"}                              the zygote ends: {"pid"}
"""

from __future__ import annotations

import _signal
import contextlib
import gc
import os
import resource
import select
import time

from ...errors import Unsupported
from ...kernel.calls import constants as c
from ...kernel.calls import fork, fork_hooks, syscalls
from ...oci.spec import process
from ...store import paths as stores
from ..client import messages
from ..records import state
from . import monitor, sleep

IDLE = 60.0  # seconds after which it looks whether it is still wanted, and after containers without a monitor
SOON, CALM = (
    0.05,
    10.0,
)  # seconds after a monitor's death to the second look, then twice as many to each; from one death to one that counts as another


def raise_limits():
    """Open files for the monitors' relays as many as are allowed; returns what it was, for the containers."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return {7: (soft, hard)}


def main(data, run, name, command):
    """Serve, and watch over the monitors, until another zygote has taken the socket's name, or the engine is gone from the host.

    :param data: :param run: the engine's directories. :param name: the socket's file name in ``run``.
    :param command: the arguments that zygote_main.py was executed with, without these three.
    """
    os.chdir("/")
    os.umask(0o022)
    syscalls.prctl(
        c.PR_SET_DUMPABLE, 0
    )  # what is forked from here never is looked into by a container
    syscalls.prctl(c.PR_SET_NAME, b"pyc-zygote\0")
    for number in (_signal.SIGHUP, _signal.SIGINT, _signal.SIGPIPE):
        _signal.signal(number, _signal.SIG_IGN)
    limits = raise_limits()
    paths = stores.Paths(data, run)
    place = _listen(paths, name)
    process.compile_default()
    with contextlib.suppress(Unsupported):  # the start says it
        fork_hooks.prepare()
    bed = sleep.Bed.make(command)
    gc.collect()
    gc.freeze()
    watch = Watch(paths, name)
    while place is not None:
        server, poll = place[0], select.poll()
        poll.register(server, select.POLLIN)
        poll.register(watch.reader, select.POLLIN)
        happened = dict(poll.poll(watch.pause() * 1000))
        if watch.reader in happened:
            watch.reap()
        if server.fileno() in happened:
            with contextlib.suppress(OSError):
                connection, _address = server.accept()
                _serve(paths, server, connection, limits, bed, watch)
                connection.close()
        if watch.due():
            place = _in_place(paths, name, *place)
            watch.look()


def _listen(paths, name):
    """The listening socket and the inode of its file."""
    server = messages.listen(paths.run, name)
    return server, os.stat(os.path.join(paths.run, name)).st_ino


def _in_place(paths, name, server, mine):
    """Both as of ``_listen``, anew where the directory was emptied; None when the zygote is not wanted any more."""
    try:
        others = [
            entry
            for entry in os.listdir(paths.run)
            if entry.startswith("zygote-") and entry.endswith(".sock")
        ]
        if name in others:
            return (server, mine) if os.stat(os.path.join(paths.run, name)).st_ino == mine else None
    except OSError:
        others = []
    if others or not os.path.isdir(paths.containers):
        return None
    server.close()
    paths.make()
    return _listen(paths, name)


class Watch:
    """Sees to it that containers whose monitors were killed get new ones, with no command run.

    Monitors are the zygote's children: the end of one that was killed, or failed, wakes it. Then, ever less often, and once a minute it looks
    after them all: a monitor that an earlier zygote has started is no child of this one. Looking is a child's, so that this memory stays as it is.
    """

    def __init__(self, paths, name):
        self.paths, self.name = paths, name
        self.gap, self.last, self.next = IDLE, 0.0, time.monotonic() + IDLE
        self.reader, self.writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        _signal.set_wakeup_fd(self.writer, warn_on_full_buffer=False)
        _signal.signal(_signal.SIGCHLD, lambda *_arguments: None)

    def pause(self):
        return max(0.0, self.next - time.monotonic())

    def due(self):
        return time.monotonic() >= self.next

    def reap(self):
        """Wait for the children that have ended."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.reader, 4096)
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                if status:
                    self._lost()

    def _lost(self):
        """A monitor that fails again at once is not what makes the looks frequent again."""
        now = time.monotonic()
        if now - self.last >= CALM:
            self.gap, self.next = SOON, now

    def look(self):
        self.last = time.monotonic()
        self.next, self.gap = self.last + self.gap, min(self.gap * 2, IDLE)
        fork.child(self._adopt)

    def leave(self):
        """In a child."""
        _signal.set_wakeup_fd(-1)
        _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
        os.close(self.reader)
        os.close(self.writer)

    def _adopt(self):
        self.leave()
        with contextlib.suppress(OSError):
            for ident in os.listdir(self.paths.containers):
                with contextlib.suppress(messages.Gone, OSError, ValueError):
                    if state.forsaken(self.paths, ident):
                        messages.ask(self.paths.run, self.name, {"op": "adopt", "id": ident})


def _serve(paths, server, connection, limits, bed, watch):
    """Fork for a request; the child never returns."""
    if not messages.from_root(connection):
        return

    def live():
        os.close(server.fileno())
        watch.leave()
        os.setsid()
        monitor.main(paths, connection, limits, bed)

    fork.child(live, failed=monitor.complain)
