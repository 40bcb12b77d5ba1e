# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A further process in a running container: exec, and health checks.

It is forked by a process that stays outside, straight into the container's process namespace and cgroup. The child takes
all that it needs of the host first (user, terminal, /dev/null, by descriptors below the container's root), joins the other
namespaces as its last step before it gives up its rights, and can't be traced or looked into meanwhile, because it and its
parent are not dumpable (CVE-2016-9962). Its executable, the host's Python, is shown read-only (seal.py, CVE-2019-5736).
"""

from __future__ import annotations

import errno
import os
import socket
import struct

from ..errors import ContainerFailed
from ..kernel import capabilities, cgroups, namespaces, pidfd, syscalls
from ..kernel import constants as c
from . import child, mounting, runfile, stdio
from .program import Program


class Process:
    """One process to start in a running container; ``start()``, then ``pid``, ``pidfd``, ``terminal`` (fd or None), ``warnings``.

    :param bundle: the container's runfile.Bundle; :param state: its state.json. :param argv: the program and its arguments.
    :param stdio: three descriptors; None stands for the container's /dev/null. Not used with a terminal.
    :param user: ``user[:group]``, the container's where None. :param cwd: working directory, the container's where None.
    :param env: ``{name: value}`` in addition to the container's. :param tty: give it a terminal of its own.
    :param privileged: all capabilities. :param limits: rlimits to give back, ``{number: (soft, hard)}``.
    """

    def __init__(self, bundle, state, argv, stdio=(None, None, None), user=None, cwd=None, env=None, tty=False, privileged=False, limits=None):
        self.bundle, self.state, self.stdio = bundle, state, stdio
        self.group = cgroups.Group.open(state["cgroup"])
        self.pid, self.pidfd, self.terminal, self.warnings = 0, None, None, []
        process = dict(bundle.process, args=list(argv), terminal=tty)
        if cwd:
            process["cwd"] = cwd
        if env:
            process["env"] = list(process.get("env") or ()) + ["%s=%s" % item for item in env.items()]
        groups = [group for group in bundle.annotations.get(runfile.GROUPS, "").split(",") if group]
        self.program = Program(process, bundle.linux, bundle.annotations.get(runfile.USER) if user is None else user, groups,
                               original_limits=limits)
        if privileged:
            everything = capabilities.available()
            self.program.capabilities.update(effective=everything, permitted=everything, bounding=everything)

    def start(self):
        """Start it: when this returns, its program is being executed. :raises ContainerFailed: with the sentence why not."""
        target = pidfd.open_process(self.state["pid"], self.state["pid_start"])
        if target is None:
            raise ContainerFailed("container %s is not running" % self.bundle.ident)
        try:
            if self.group.frozen():
                raise ContainerFailed("container %s is paused" % self.bundle.ident)
            self._start(target)
        except OSError as error:
            raise ContainerFailed(runfile.read_error(error)) from None
        finally:
            os.close(target)

    def _start(self, target):
        types = [name for name in namespaces.TYPES if name != "user" and namespaces.supported(name)
                 and namespaces.identity("self", name) != namespaces.identity(self.state["pid"], name)]
        root_fd = os.open("/proc/%d/root" % self.state["pid"], os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self.pid, self.pidfd = self._fork(target, types)
            if self.pid == 0:
                mine.close()  # or it would never see the worker's end
                self._become(target, [name for name in types if name != "pid"], root_fd, its)
            its.close()
            mine.send(b"c")
            self._listen(mine)
        except BaseException:
            self._undo()
            raise
        finally:
            os.close(root_fd)
            mine.close()
            its.close()

    def _fork(self, target, types):
        """Fork into the container's process namespace and cgroup; this process itself joins neither."""
        cgroup, home, pid = self.group.fd(), os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC), -1
        try:
            if "pid" in types:
                namespaces.join_process(target, self.state["pid"], ["pid"])
            try:
                pid, descriptor = syscalls.clone3(0, cgroup_fd=cgroup)
            except OSError as error:
                if cgroup is None or error.errno not in (errno.EBUSY, errno.EINVAL, errno.EOPNOTSUPP):
                    raise
                os.close(cgroup)
                cgroup = None
                pid, descriptor = syscalls.clone3(0)
        finally:
            if pid != 0:
                syscalls.setns(home, c.CLONE_NEWPID)
            os.close(home)
        if pid != 0:
            self.pid, self.pidfd = pid, descriptor
            if cgroup is None:
                self.group.attach(pid, like=self.state["pid"])
        if cgroup is not None:
            os.close(cgroup)
        return pid, descriptor

    def _listen(self, channel):
        while True:
            try:
                data, ancillary, _flags, _address = channel.recvmsg(1 << 16, socket.CMSG_LEN(4), socket.MSG_CMSG_CLOEXEC)
            except ConnectionResetError:
                return
            if not data:
                return
            if data[:1] == b"T":
                self.terminal = struct.unpack("i", ancillary[0][2][:4])[0]
            elif data[:1] == b"W":
                self.warnings.append(data[1:].decode("utf-8", "replace"))
            elif data[:1] == b"E":
                code, _space, text = data[1:].decode("utf-8", "replace").partition(" ")
                raise ContainerFailed(text, exit_code=int(code))

    def _undo(self):
        if self.pidfd is not None and self.pid:
            pidfd.send(self.pidfd, c.SIGKILL)
            os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED)
            os.close(self.pidfd)
            self.pidfd = None

    # ------------------------------------------------------------------------------------------------------- in the child

    def _become(self, target, types, root_fd, channel):
        try:
            self._run(target, types, root_fd, channel)
        except BaseException as error:  # pylint: disable=broad-except # it must not return into the caller's code
            try:
                child.report(channel.fileno(), error)
            except OSError:
                pass
        finally:
            os._exit(child.FAILED)

    def _run(self, target, types, root_fd, channel):
        program = self.program

        def warn(text):
            os.write(channel.fileno(), b"W" + text.encode("utf-8", "replace"))

        child.default_signals()
        syscalls.prctl(c.PR_SET_DUMPABLE, 0)
        if os.read(channel.fileno(), 1) != b"c":
            return
        os.setsid()
        child.write_proc(program, warn)
        program.resolve_user(root_fd)
        if program.terminal:
            program.environment.setdefault(b"TERM", b"xterm")
            master, slave = stdio.open_terminal(root_fd)
            channel.sendmsg([b"T"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", master))])
            os.close(master)
            streams = [slave] * 3
        else:
            null = mounting.open_null(root_fd, os.O_RDWR) if None in self.stdio else None
            streams = [null if fd is None else fd for fd in self.stdio]
        child.set_limits(program, warn)
        child.schedule(program)
        child.freeze()
        try:
            syscalls.keyctl_join_session()
        except OSError:
            pass
        namespaces.join_process(target, self.state["pid"], types)
        stdio.take_over(*streams, terminal=program.terminal)
        child.close_others(channel.fileno(), program)
        child.enter_directory(program.cwd)
        child.execute(program)
