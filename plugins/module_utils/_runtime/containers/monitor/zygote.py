# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The zygote: a lean warm process from which monitors and exec workers are forked. It holds no
state and may die at any time.

client/zygote_client.py starts it. It imports what a monitor needs, freezes it (gc.freeze, so that
the pages stay shared with the forks) and waits. For each request on its socket (client/messages.py)
it forks a monitor, whose worker answers on the connection: a start and an adoption leave the
monitor behind, ``exec`` an exec worker, ``retire`` nothing.

It watches over the monitors (``Watch``), and its guard over it: a child that sleeps as monitors
do (sleep.py), wakes when the zygote ends, and takes its place if it was killed.
"""

from __future__ import annotations

import _signal
import contextlib
import fcntl
import gc
import json
import os
import resource
import select
import time

from ...errors import Unsupported
from ...kernel.calls import constants as c
from ...kernel.calls import fork, fork_hooks, syscalls
from ...kernel.net import rule_changes
from ...kernel.processes import detached
from ...networks import publish
from ...networks.names import name_service
from ...oci.spec import program
from ...rootless import keeper_client
from ...store import atomic_files
from ...store import paths as stores
from ..client import messages, names_client
from ..records import run_state
from ..workers import defects
from . import monitor, sleep

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from typing import Any

    from ...store.paths import Paths
    from ..workers.exec_worker import Limits

# Seconds after which it looks whether it is still wanted, and after containers without a monitor.
IDLE = 60.0
# Seconds after a monitor's death to the second look, then twice as many to each; and from one death
# to one that counts as another.
SOON, CALM = 0.05, 10.0
# Seconds from a change of the firewall's rules to the look whether they are there: who replaces them
# takes them away first. And seconds to the next look, so that nobody is mended against all the time.
SETTLED, PATIENCE = 0.3, 2.0


def raise_limits() -> Limits:
    """Allow as many open files as may be, for the monitors' relays; returns what it was, for
    containers.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return {7: (soft, hard)}


def main(data: str, run: str, name: str, command: list[str]) -> None:
    """Serve, and watch over the monitors.

    It ends when another zygote has taken the socket's name, or the engine is gone from the host.

    :param data: :param run: the engine's directories.
    :param name: the socket's file name in ``run``.
    :param command: the arguments that zygote_main.py was executed with, without these three.
    """
    paths = stores.Paths(data, run)
    _settle(paths)
    limits = raise_limits()
    _serve_all(paths, name, _listen(paths, name), limits, command)


def revive(text: str, command: list[str]) -> None:
    """Take the place of a zygote that was killed, as its guard (``Watch.guarded``).

    One that was ended on purpose has no name any more, and one that somebody else has followed is
    not followed again.

    :param text: JSON of what the zygote has told its guard. :param command: see :func:`main`.
    """
    words = json.loads(text)
    for fd in words.get("held", ()):
        os.close(fd)
    paths, name = stores.Paths(words["data"], words["run"]), words["name"]
    _settle(paths)
    place = _place_again(paths, name, words["mark"])
    if place is not None:
        _serve_all(paths, name, place, dict(words["limits"]), command, revived=True)


def _place_again(paths: Paths, name: str, before: str) -> tuple[socket.socket, str] | None:
    """Listen where a killed zygote did, whose socket had the mark ``before``; None where that is
    another one by now, or gone.
    """
    try:
        # Whoever finds no zygote starts one, and holds this meanwhile (client/zygote_client.py).
        lock = os.open(
            os.path.join(paths.locks, "zygote"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        fcntl.flock(lock, fcntl.LOCK_EX)
        there = _mark(paths, name) == before
        place = _listen(paths, name) if there else None
    except FileNotFoundError:
        return None
    os.close(lock)
    return place


def _settle(paths: Paths) -> None:
    """Become the process that a zygote is."""
    if paths.run != stores.RUN:
        keeper_client.resume(paths.run)
    os.chdir("/")
    os.umask(0o022)
    # A container never looks into what is forked from here.
    syscalls.prctl(c.PR_SET_DUMPABLE, 0)
    syscalls.prctl(c.PR_SET_NAME, b"pyc-zygote\0")
    for number in (_signal.SIGHUP, _signal.SIGINT, _signal.SIGPIPE):
        _signal.signal(number, _signal.SIG_IGN)


def _serve_all(
    paths: Paths,
    name: str,
    first: tuple[socket.socket, str],
    limits: Limits,
    command: list[str],
    revived: bool = False,
) -> None:
    """Serve until the zygote is not wanted any more.

    :param first: of :func:`_listen`. :param limits: of :func:`raise_limits`.
    :param revived: whether another one was killed: monitors may have been killed with it.
    """
    program.compile_default()
    with contextlib.suppress(Unsupported):  # the start says it
        fork_hooks.prepare()
    bed = sleep.Bed.make(command)
    name_service.load()
    gc.collect()
    gc.freeze()
    watch = Watch(paths, name, revived)
    place: tuple[socket.socket, str] | None = first
    watch.server = first[0]
    rules = Rules(paths, watch)
    names = name_service.NameService(
        paths,
        lambda: messages.listen(paths.run, names_client.SOCKET),
        lambda: _let_go(watch),
        defects.log,
    )
    watch.names = names
    while place is not None:
        server, poll = place[0], select.poll()
        watch.server = server
        poll.register(server, select.POLLIN)
        poll.register(watch.reader, select.POLLIN)
        if watch.changes is not None:
            poll.register(watch.changes.socket, select.POLLIN)
        names.wanted(poll)
        happened = dict(poll.poll(names.pause(min(watch.pause(), rules.pause())) * 1000))
        rules.look()
        if watch.reader in happened:
            watch.reap()
        names.due()
        if names.server.fileno() in happened and not names.pid:
            names.fork()
        if server.fileno() in happened:
            with contextlib.suppress(OSError):
                connection, _address = server.accept()
                _serve(paths, connection, limits, bed, watch)
                connection.close()
                watch.guarded(place[1], limits, command)
        if watch.due():
            before, place = place, _in_place(paths, name, *place)
            watch.server = None if place is None else place[0]
            if place is not None and place != before:
                names.listen_again()
            watch.look()
            if place is not None:
                watch.guarded(place[1], limits, command)


def _let_go(watch: Watch) -> None:
    """Let go, in the child that answers names, of what is the zygote's."""
    watch.names = None
    watch.leave()


def _listen(paths: Paths, name: str) -> tuple[socket.socket, str]:
    """Listen; returns the socket and the mark of its file."""
    atomic_files.sweep(paths.run)
    server = messages.listen(paths.run, name)
    return server, _mark(paths, name)


def _mark(paths: Paths, name: str) -> str:
    """Return what no other socket of this name has: on a disk, the next one may get its inode."""
    facts = os.stat(os.path.join(paths.run, name))
    return f"{facts.st_ino} {facts.st_ctime_ns}"


def _in_place(
    paths: Paths, name: str, server: socket.socket, mine: str
) -> tuple[socket.socket, str] | None:
    """Return both as of ``_listen``, anew where the directory was emptied; None when the zygote is
    not wanted any more.
    """
    try:
        others = [
            entry
            for entry in os.listdir(paths.run)
            if entry.startswith("zygote-") and entry.endswith(".sock")
        ]
        if name in others:
            return (server, mine) if _mark(paths, name) == mine else None
    except OSError:
        others = []
    if others or not os.path.isdir(paths.containers):
        return None
    server.close()
    paths.make()
    return _listen(paths, name)


class Watch:
    """Sees to it that containers whose monitors were killed get new ones, with no command run.

    Monitors are the zygote's children: the end of one that was killed, or failed, wakes it. Then,
    ever less often, and once a minute it looks after them all: a monitor that an earlier zygote has
    started is no child of this one. A child looks, so that this memory stays as it is.
    """

    def __init__(self, paths: Paths, name: str, soon: bool) -> None:
        self.paths, self.name = paths, name
        self.gap, self.last = SOON if soon else IDLE, 0.0
        self.next = time.monotonic() + self.gap
        self.guard, self.guarded_mark = 0, ""
        self.names: name_service.NameService | None = None
        self.server: socket.socket | None = None  # the zygote's
        self.reader, self.writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self.changes: rule_changes.Changes | None = None  # see Rules
        _signal.set_wakeup_fd(self.writer, warn_on_full_buffer=False)
        _signal.signal(_signal.SIGCHLD, lambda *_arguments: None)

    def pause(self) -> float:
        """Return the seconds until the next look."""
        return max(0.0, self.next - time.monotonic())

    def due(self) -> bool:
        """Tell whether it is time to look."""
        return time.monotonic() >= self.next

    def reap(self) -> None:
        """Reap the children that have ended."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.reader, 4096)
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                if pid == self.guard:
                    self.guard = 0
                if self.names is not None and pid == self.names.pid:
                    self.names.ended(status)
                elif status:
                    self._lost()

    def _lost(self) -> None:
        """Look soon; a monitor that fails again at once does not make the looks frequent again."""
        now = time.monotonic()
        if now - self.last >= CALM:
            self.gap, self.next = SOON, now

    def look(self) -> None:
        """Fork a child that has the containers adopted whose monitors are gone."""
        self.last = time.monotonic()
        self.next, self.gap = self.last + self.gap, min(self.gap * 2, IDLE)
        fork.child(self._adopt)

    def guarded(self, mark: str, limits: Limits, command: list[str]) -> None:
        """Have a guard, unless there is one: it takes the zygote's place when that is killed.

        :param mark: of :func:`_listen`.
        """
        if self.guard:
            if mark != self.guarded_mark:
                os.kill(self.guard, _signal.SIGKILL)  # and another follows
            return
        words = {
            "data": self.paths.data,
            "run": self.paths.run,
            "name": self.name,
            "mark": mark,
            "limits": list(limits.items()),
        }
        with contextlib.suppress(OSError):  # it is tried again
            zygote = syscalls.pidfd_open(os.getpid())
            try:
                self.guard = fork.child(lambda: self._guard(zygote, command, words))
                self.guarded_mark = mark
            finally:
                os.close(zygote)

    def _guard(self, zygote: int, command: list[str], words: dict[str, Any]) -> None:
        self.leave()
        os.setsid()
        epoll = select.epoll()
        epoll.register(zygote, select.EPOLLIN)
        bed = sleep.Bed.make(command, name="pyc-guard")
        if bed is not None:
            bed.lie_down(epoll.fileno(), [zygote], words, "revive")
        # Where processes can't sleep, this one waits as it is.
        syscalls.prctl(c.PR_SET_NAME, b"pyc-guard\0")
        epoll.poll()
        os.execv(command[0], [*command, "revive", json.dumps(words)])

    def leave(self) -> None:
        """Let go, in a child, of what wakes the zygote, and of the socket that it listens at.

        Who connects to a zygote that was killed would wait for the child, and the child for itself.
        """
        if self.server is not None:
            os.close(self.server.fileno())
        if self.changes is not None:
            self.changes.close()
        _signal.set_wakeup_fd(-1)
        _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
        os.close(self.reader)
        os.close(self.writer)
        if self.names is not None:  # or nobody would see that who answers names is gone
            os.close(self.names.server.fileno())

    def _adopt(self) -> None:
        self.leave()
        with contextlib.suppress(OSError):
            for ident in os.listdir(self.paths.containers):
                with contextlib.suppress(messages.Gone, OSError, ValueError):
                    if run_state.forsaken(self.paths, ident):
                        messages.ask(self.paths.run, self.name, {"op": "adopt", "id": ident})


class Rules:
    """Has the firewall's rules put back which others take away, as ``nft flush ruleset`` does.

    The kernel tells of each change. What is missing a moment later is put back by the host's
    command, as the documents of a container that runs on a network name it: who has none has no
    need of the rules before the next start, which sees to them.
    """

    def __init__(self, paths: Paths, watch: Watch) -> None:
        self.paths, self.watch = paths, watch
        self.taken: set[rule_changes.Place] = set()
        self.others = False
        self.next = self.free = 0.0
        with contextlib.suppress(OSError):  # a kernel without nf_tables
            watch.changes = rule_changes.Changes(publish.TABLE)

    def pause(self) -> float:
        """Return the seconds until the next look, where there is something to be looked after."""
        waits = self.taken or self.others
        return max(0.0, self.next - time.monotonic()) if waits else IDLE

    def look(self) -> None:
        """Hear what was taken away, and where it was long enough ago, have it put back."""
        if self.watch.changes is None:
            return
        now = time.monotonic()
        with contextlib.suppress(OSError):
            fresh = self.watch.changes.taken()
            others, self.watch.changes.others = self.watch.changes.others, False
            if (fresh or others) and not (self.taken or self.others):
                self.next = max(now + SETTLED, self.free)
            self.taken |= fresh
            self.others |= others
        if (self.taken or self.others) and now >= self.next:
            places, self.taken, self.free = self.taken, set(), now + PATIENCE
            others, self.others = self.others, False
            fork.child(lambda: self._put_back(places, others))

    def _put_back(self, places: set[rule_changes.Place], others: bool) -> None:
        self.watch.leave()
        if rule_changes.gone(publish.TABLE, places) or (others and self._shut()):
            command = self._command()
            if command:
                detached.run_detached([*command, "network", "repair"])

    def _shut(self) -> bool:
        """Tell whether another firewall drops what is of the running containers' networks."""
        # Here, in a child: most hosts have none.
        from ...networks.firewalls import other_firewalls

        bridges, versions = set(), {4}
        for found in self._on_networks():
            for place in (found["network"] or {"attachments": ()})["attachments"]:
                bridges.add(place.get("bridge") or "")
                versions |= {6} if place.get("address6") else set()
        return bool(other_firewalls.closed_to(sorted(bridges - {""}), sorted(versions)))

    def _command(self) -> list[str] | None:
        """Return the host's command, as a container that runs on a network knows it."""
        for found in self._on_networks():
            command: list[str] | None = found.get("command")
            if command:
                return command
        return None

    def _on_networks(self) -> Iterator[run_state.RunState]:
        """Yield the states of containers that run on a network."""
        for ident in os.listdir(self.paths.containers):
            with contextlib.suppress(OSError, atomic_files.Damaged):
                found = run_state.read(self.paths, ident)
                network = found.get("network")
                if run_state.alive(found) and network and network["attachments"]:
                    yield found


def _serve(
    paths: Paths, connection: socket.socket, limits: Limits, bed: sleep.Bed | None, watch: Watch
) -> None:
    """Fork for a request; the child never returns."""
    if not messages.from_root(connection):
        return

    def live() -> None:
        watch.leave()
        os.setsid()
        monitor.main(paths, connection, limits, bed)

    fork.child(live, failed=defects.log)
