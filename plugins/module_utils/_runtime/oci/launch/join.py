# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A further process in a running container: exec, and health checks.

It is forked by a process that stays outside, straight into the container's process namespace and cgroup. The child takes
all that it needs of the host first (user, terminal, /dev/null, by descriptors below the container's root), joins the other
namespaces as its last step before it gives up its rights, and can't be traced or looked into meanwhile, because it and its
parent are not dumpable (CVE-2016-9962). Its executable, the host's Python, is shown read-only (sealed_interpreter.py, CVE-2019-5736).
"""

from __future__ import annotations

import os

from ...errors import ContainerFailed
from ...kernel import cgroups
from ...kernel.calls import constants as c
from ...kernel.calls import syscalls
from ...kernel.isolation import namespaces
from ...kernel.mounts import userns
from ...kernel.processes import pidfd
from ..features import rlimits
from ..features.scheduling import affinity, reset_affinity
from ..spec import devices, id_maps
from ..spec.document import read_error
from . import channel, child, terminal, userns_inside


class Process:
    """One process to start in a running container; ``start()``, then ``pid``, ``pidfd``, ``terminal`` (fd or None), ``warnings``.

    :param name: the container's, for sentences. :param first: ``(pid, start time)`` of its process 1 (procfs.start_time).
    :param group: its cgroups.Group. :param program: the program.Program that is executed.
    :param state: the container's (Document.state), for the agent of a seccomp listener.
    :param stdio: three descriptors; None stands for the container's /dev/null. Not used with a terminal.
    """

    def __init__(self, name, first, group, program, stdio=(None, None, None), state=None):
        self.name, self.first, self.group, self.program, self.stdio, self.state = (
            name,
            first,
            group,
            program,
            stdio,
            state,
        )
        self.pid, self.pidfd, self.terminal, self.warnings = 0, None, None, list(program.warnings)
        self.below, self.paused_too = (
            None,
            False,
        )  # a group below its cgroup (Group.attach); whether a frozen container is no obstacle
        self.last = False  # as of launch.Launch
        self.spaces = None  # descriptors of the container's namespaces and root, where they can't be opened by its process (waiting.ask)
        self.maps = self.door = (
            None  # of its user namespace; in the process: its cgroup's (cgroups.fork)
        )

    def start(self):
        """Start it: when this returns, its program is being executed. :raises ContainerFailed: with the sentence why not."""
        target = pidfd.open_process(*self.first)
        if target is None:
            raise ContainerFailed(f"container {self.name} is not running")
        try:
            if not self.paused_too and self.group.frozen():
                raise ContainerFailed(f"container {self.name} is paused")
            self._start(target)
        except OSError as error:
            raise ContainerFailed(read_error(error)) from None
        finally:
            os.close(target)

    def _start(self, target):
        first = self.first[0]
        types = [
            name
            for name in namespaces.TYPES
            if namespaces.supported(name)
            and namespaces.identity("self", name)
            != (
                namespaces.identity(first, name)
                if self.spaces is None
                else namespaces.identity_of(self.spaces[name])
            )
        ]
        if "user" in types:
            self.maps = id_maps.Maps(*userns.read(first))
        root_fd = (
            os.open("/proc/%d/root" % first, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            if self.spaces is None
            else self.spaces["root"]
        )
        outside, inside = channel.pair()
        try:
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

    def _fork(self, target, types):
        """Fork into the container's process namespace and cgroup; this process itself joins neither."""
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

    def _enter(self, target, types):
        if self.spaces is None:
            namespaces.join_process(target, self.first[0], types)
        else:
            for name in types:  # in the order of namespaces.TYPES
                namespaces.join(self.spaces[name], name)

    def undo(self):
        if self.pidfd is not None and self.pid:
            pidfd.send(self.pidfd, c.SIGKILL)
            os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED)
            os.close(self.pidfd)
            self.pidfd = None

    # ------------------------------------------------------------------------------------------------------- in the child

    def _become(self, target, types, root_fd, inside):
        try:
            self._run(target, types, root_fd, inside)
        except BaseException as error:  # pylint: disable=broad-except # it must not return into the caller's code
            try:
                channel.report(inside, error)
            except OSError:
                pass
        finally:
            os._exit(channel.FAILED)

    def _run(self, target, types, root_fd, inside):
        program = self.program

        def warn(text):
            channel.warn(inside, text)

        if self.door is not None:
            self.door.enter()
        child.default_signals()
        syscalls.prctl(c.PR_SET_DUMPABLE, 0)
        if inside.recv(1) != b"c":
            return
        os.setsid()
        child.set_oom_score(program, warn)
        child.set_label(program)
        program.resolve_user(root_fd)
        if program.terminal:
            program.environment.setdefault(b"TERM", b"xterm")
            master, slave = terminal.open_inside(root_fd, program.plain)
            if program.size:
                terminal.set_size(
                    slave, program.size.get("height", 0), program.size.get("width", 0)
                )
            channel.send_terminal(inside, master)
            os.close(master)
            streams = [slave] * 3
        else:
            null = devices.open_null(root_fd, os.O_RDWR) if None in self.stdio else None
            streams = [null if fd is None else fd for fd in self.stdio]
        if self.maps is not None:
            self._own(streams)
        rlimits.allow(program, warn)
        if not program.scheduling.initial and not program.scheduling.final:
            reset_affinity()
        affinity("process.execCPUAffinity.final", program.scheduling.final)
        program.scheduling.apply()
        program.scheduling.apply_own()
        if program.listener:
            child.prepare_listener(program, self.state, lambda: inside)
        child.freeze()
        try:
            syscalls.keyctl_join_session()
        except OSError:
            pass
        self._enter(target, types)
        if self.maps is not None:
            userns_inside.become_root(self.maps)
        program.fit_capabilities(warn)
        terminal.take_over(*streams, terminal=program.terminal)
        child.close_others(inside.fileno(), program)
        child.enter_directory(program.cwd)
        child.execute(program)

    def _own(self, streams):
        """Give the streams to the program's user while this process has the host's rights."""
        program = self.program
        self.maps.check_user(program.uid, program.gid, program.additional)
        for fd in set(streams):
            if terminal.is_owned(fd):
                terminal.own_one(fd, self.maps.uid(program.uid), self.maps.gid(program.gid))
        program.owns_streams = False
