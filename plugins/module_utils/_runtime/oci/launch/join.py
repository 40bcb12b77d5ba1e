# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A further process in a running container: exec, and health checks.

It is forked by a process that stays outside, straight into the container's process namespace and
cgroup. The child takes all that it needs of the host first (user, terminal, /dev/null, by
descriptors below the container's root), joins the other namespaces as its last step before it gives
up its rights, and can't be traced or looked into meanwhile, because it and its parent are not
dumpable (CVE-2016-9962). Its executable, the host's Python, is shown read-only
(sealed_interpreter.py, CVE-2019-5736).
"""

from __future__ import annotations

import os

from ...errors import ContainerFailed, reason, required
from ...kernel import cgroups
from ...kernel.calls import constants as c
from ...kernel.calls import syscalls
from ...kernel.isolation import namespaces
from ...kernel.mounts import userns
from ...kernel.processes import pidfd
from ..features import rlimits
from ..spec import devices, id_maps
from ..spec.scheduling import affinity, reset_affinity
from . import channel, executing, terminal, userns_inside
from .executing import Execution
from .steps import perform

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Callable, Mapping, Sequence
    from typing import NoReturn

    from ...kernel.cgroups import Group
    from ...kernel.cgroups.entry import Door
    from ..spec.document import State
    from ..spec.program import Program
    from .steps import Steps, Trace


class Process:
    """One process to start in a running container.

    :param name: the container's, for sentences.
    :param first: ``(pid, start time)`` of its process 1 (procfs.start_time).
    :param group: its cgroups.Group.
    :param program: the process.Program that is executed.
    :param stdio: three descriptors; None stands for the container's /dev/null. Not used with a
        terminal.
    :param state: the container's (Document.state), for the agent of a seccomp listener.
    :param trace: is told of each step (steps.trace).
    :ivar pid, pidfd, terminal, warnings: after ``start``: the process, its terminal's master (a
        descriptor or None), sentences for the user.
    :ivar below: a group below the container's to go into (Group.attach).
    :ivar paused_too: whether a frozen container is no obstacle.
    :ivar last: as of site.Site.
    :ivar spaces: descriptors of the container's namespaces and root, where they can't be opened by
        its process (start_socket.ask).
    :ivar maps: of the container's user namespace.
    :ivar door: in the process: by which it goes into its group (cgroups.fork).
    :ivar instead: what it does in place of executing the program, in the container and with the
        program's rights: it gets a function to call when it has begun, and never returns.
    """

    def __init__(
        self,
        name: str,
        first: tuple[int, int | None],
        group: Group,
        program: Program,
        stdio: Sequence[int | None] = (None, None, None),
        state: State | None = None,
        trace: Trace | None = None,
    ):
        self.name, self.first, self.group, self.program = name, first, group, program
        self.stdio, self.state, self.trace = stdio, state, trace
        self.pid = 0
        self.pidfd: int | None = None
        self.terminal: int | None = None
        self.warnings = list(program.warnings)
        self.below: str | Mapping[str, str] | None = None
        self.paused_too = self.last = False
        self.spaces: Mapping[str, int] | None = None
        self.maps: id_maps.Maps | None = None
        self.door: Door | None = None
        self.instead: Callable[[Callable[[], object]], NoReturn] | None = None

    def start(self) -> None:
        """Start it: when this returns, its program is being executed.

        :raises ContainerFailed: with the sentence why not.
        """
        target = pidfd.open_process(*self.first)
        if target is None:
            raise ContainerFailed(f"container {self.name} is not running")
        try:
            if not self.paused_too and self.group.frozen():
                raise ContainerFailed(f"container {self.name} is paused")
            self._start(target)
        except OSError as error:
            raise ContainerFailed(reason(error)) from None
        finally:
            os.close(target)

    def _start(self, target: int) -> None:
        types = self._other_namespaces()
        if "user" in types:
            self.maps = id_maps.Maps(*userns.read(self.first[0]))
        root_fd = (
            os.open(f"/proc/{self.first[0]}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            if self.spaces is None
            else self.spaces["root"]
        )
        outside, inside = channel.pair()
        try:
            if self.trace is not None:
                self.trace.tell("make the process in the container's process namespace (clone3)")
            self.pid, self.pidfd = self._fork(target, types)
            if self.pid == 0:
                outside.close()  # or it would never see the worker's end
                self._become(target, [name for name in types if name != "pid"], root_fd, inside)
            inside.close()
            outside.send(b"c")
            self.terminal = channel.listen(outside, self.warnings)[1]
        except BaseException:
            self.undo()
            raise
        finally:
            os.close(root_fd)
            outside.close()
            inside.close()

    def _other_namespaces(self) -> list[str]:
        """Return the types of the namespaces in which the container's process 1 is and this process
        is not.
        """
        found = []
        for name in namespaces.TYPES:
            if namespaces.supported(name):
                its = (
                    namespaces.identity(self.first[0], name)
                    if self.spaces is None
                    else namespaces.identity_of(self.spaces[name])
                )
                if namespaces.identity("self", name) != its:
                    found.append(name)
        return found

    def _fork(self, target: int, types: Sequence[str]) -> tuple[int, int]:
        """Fork into the container's process namespace and cgroup; this process itself joins
        neither.
        """
        first = self.first[0]
        door = self.group.door() if self.below is None else None
        home, pid = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC), -1
        wanted, cpus = self.program.scheduling.initial, os.sched_getaffinity(0)
        try:
            affinity("process.execCPUAffinity.initial", wanted)
            if "pid" in types:
                self._enter(target, ["pid"])
            pid, descriptor, door = cgroups.fork(0, door, alone=self.last)
        finally:
            if pid != 0:
                namespaces.return_to_pid(home, self.last)
                affinity("process.execCPUAffinity.initial", cpus if wanted else None)
                if door is not None:
                    door.close()
            os.close(home)
        if pid == 0:
            self.door = door
        else:
            self.pid, self.pidfd = pid, descriptor
            if door is None:
                self.group.attach(pid, first if self.below is None else None, self.below or "")
        return pid, descriptor

    def _enter(self, target: int, types: Sequence[str]) -> None:
        if self.spaces is None:
            namespaces.join_process(target, self.first[0], types)
        else:
            for name in types:  # in the order of namespaces.TYPES
                namespaces.join(self.spaces[name], name)

    def undo(self) -> None:
        """End the process."""
        if self.pidfd is not None and self.pid:
            pidfd.send(self.pidfd, c.SIGKILL)
            os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED)
            os.close(self.pidfd)
            self.pidfd = None

    # --------------------------------------------------------------------------------- in the child

    def _become(
        self, target: int, types: Sequence[str], root_fd: int, inside: _socket.socket
    ) -> NoReturn:
        def become() -> int:
            self.trace = channel.trace(self.trace, inside)
            perform(self._steps(target, types, root_fd, inside), self.trace)
            return channel.FAILED  # its last step executes the program

        channel.end(inside, become)

    def _steps(
        self, target: int, types: Sequence[str], root_fd: int, inside: _socket.socket
    ) -> Steps:
        """All that the process does, in this order."""
        program = self.program

        def warn(text: str) -> None:
            channel.warn(inside, text)

        if self.door is not None:
            yield "go into the container's control group", self.door.enter
        yield "take every signal as a new program expects it", executing.default_signals
        yield "let nobody look into its memory", lambda: syscalls.prctl(c.PR_SET_DUMPABLE, 0)
        yield "wait until it is in its control group", lambda: channel.expect(inside, b"c")
        yield "begin a session", os.setsid
        yield "set its oom_score_adj", lambda: program.set_oom_score(warn)
        yield ("set the security label that its program gets", lambda: executing.set_label(program))
        yield "find its user and groups", lambda: program.resolve_user(root_fd)
        streams: list[int] = []
        yield "have its streams", lambda: streams.extend(self._make_streams(root_fd, inside))
        if self.maps is not None:
            maps = self.maps
            yield "give its streams to its user", lambda: self._own(maps, streams)
        yield (
            "raise the hard limits that are below those asked for",
            lambda: rlimits.allow(program, warn),
        )
        yield "choose its processors", self._choose_processors
        yield "set its scheduler and I/O priority", program.scheduling.apply
        yield "set its personality and memory policy", program.scheduling.apply_own
        if program.listener is not None:
            yield (
                "write down what the seccomp agent is told",
                lambda: self._prepare_listener(inside),
            )
        yield "let no file become code of this process", executing.freeze
        yield "join a new session keyring", _join_keyring
        yield "join the container's namespaces", lambda: self._enter(target, types)
        if self.maps is not None:
            yield ("become the root of its user namespace", lambda: userns_inside.become_root(maps))
        yield ("leave out capabilities that it can't give", lambda: program.fit_capabilities(warn))
        yield (
            "make its streams the standard ones",
            lambda: terminal.take_over(streams, program.terminal),
        )
        yield (
            "close all other descriptors",
            lambda: executing.close_others(inside.fileno(), program),
        )
        yield "enter the working directory", lambda: executing.enter_directory(program.cwd)
        yield from Execution(program, None, self.trace, self._own_work(inside)).steps()

    def _own_work(self, inside: _socket.socket) -> Callable[[], NoReturn] | None:
        instead = self.instead
        return None if instead is None else lambda: instead(inside.close)

    def _make_streams(self, root_fd: int, inside: _socket.socket) -> list[int]:
        program = self.program
        if program.terminal:
            program.environment.setdefault(b"TERM", b"xterm")
            return [terminal.make(program, inside, root_fd)] * 3
        null = devices.open_null(root_fd, os.O_RDWR) if None in self.stdio else -1
        return [null if fd is None else fd for fd in self.stdio]

    def _own(self, maps: id_maps.Maps, streams: Sequence[int]) -> None:
        """Give the streams to the program's user while this process has the host's rights."""
        program = self.program
        maps.check_user(program.uid, program.gid, program.additional)
        for fd in set(streams):
            if terminal.is_owned(fd):
                terminal.own_one(fd, maps.uid(program.uid), maps.gid(program.gid))
        program.owns_streams = False

    def _choose_processors(self) -> None:
        scheduling = self.program.scheduling
        if not scheduling.initial and not scheduling.final:
            reset_affinity()
        affinity("process.execCPUAffinity.final", scheduling.final)

    def _prepare_listener(self, inside: _socket.socket) -> None:
        from ..features import (
            seccomp_listener,
        )  # few containers have one; the host's files are still this process's

        listener = required(self.program.listener, "the listener of a seccomp filter")
        words = seccomp_listener.words(listener, required(self.state, "the state of a container"))
        executing.prepare_listener(self.program, words, inside)


def _join_keyring() -> None:
    try:
        syscalls.keyctl_join_session()
    except OSError:
        pass
