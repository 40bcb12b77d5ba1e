# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The start of a container: cgroup, root file system and namespaces made, network attached, process 1 let go.

It is done by a worker that the monitor forks (begin.py); process 1 is the monitor's child all the same (CLONE_PARENT).
What can be refused is refused before the process exists; what fails later
undoes everything.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import struct

from ..errors import ContainerFailed, EngineError, Unsupported
from ..kernel import cgroups, namespaces, overlay, pidfd, syscalls
from ..kernel import constants as c
from ..networks import attach, publish
from . import child, mounting, runfile
from .program import Program

CLONE_PARENT = 0x8000  # clone(2)

# Kernel parameters that belong to a namespace, and to which (ipc_namespaces(7), network_namespaces(7), uts_namespaces(7)).
_SYSCTLS = (
    ("ipc", re.compile(r"kernel[./](msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)|fs[./]mqueue[./][a-z_]+")),
    ("network", re.compile(r"net[./][A-Za-z0-9_./:-]+")),
    ("uts", re.compile(r"kernel[./]domainname")),
)


class Start:
    """One attempt to start a container, in a worker. After ``run()``: ``pid``, ``pidfd``, ``group``, ``network``, ``terminal`` (fd or None),
    ``warnings``.

    :param bundle: the runfile.Bundle. :param original_limits: rlimits to give back, ``{number: (soft, hard)}``.
    :param stdin: the descriptor that becomes its standard input, in place of its FIFO.
    """

    def __init__(self, bundle, original_limits=None, stdin=None):
        self.bundle, self.stdin = bundle, stdin
        annotations = bundle.annotations
        groups = [group for group in annotations.get(runfile.GROUPS, "").split(",") if group]
        self.program = Program(dict(bundle.process, terminal=bundle.run.get("tty") or bundle.process.get("terminal")), bundle.linux,
                               annotations.get(runfile.USER), groups, bundle.run.get("init"), original_limits)
        self.mounts, self.devices = mounting.read(bundle.config), mounting.devices(bundle.config)
        check_sysctls(bundle)
        self.joined, self.network, self.warnings = {}, None, []
        self.root_fd = self.group = self.pidfd = self.terminal = None
        self.pid = 0
        self._terminal_socket = None

    def run(self, announce):
        """Start the container: when this returns, its program is being executed.

        :param announce: called with ``facts()`` as soon as there is a pid: whatever happens later, somebody has written it down.
        :raises EngineError: with one sentence; nothing is left then.
        """
        try:
            self._prepare()
            self._clone(announce)
        except OSError as error:
            self._undo()
            raise ContainerFailed(runfile.read_error(error)) from None
        except BaseException:
            self._undo()
            raise
        finally:
            self._close()

    def facts(self):
        """What state.json says of the running container."""
        return {"pid": self.pid, "cgroup": self.group.paths, "network": self.network or self.bundle.run["network"]}

    def _prepare(self):
        bundle = self.bundle
        os.makedirs(os.path.join(bundle.run_directory, "rootfs"), 0o700, exist_ok=True)
        self.joined = bundle.joined()
        self.group = cgroups.create(bundle.ident, bundle.cgroup_parent())
        resources = bundle.linux.get("resources") or {}
        self.warnings += [sentence for _key, sentence in self.group.warnings(resources)]
        self.group.apply(resources)
        self.root_fd = overlay.overlay(bundle.run["layers"], os.path.join(bundle.directory, "upper"), os.path.join(bundle.directory, "work"))
        for mount in self.mounts:
            if isinstance(mount, mounting.CgroupMount):
                mount.open_sources(self.group.paths, cgroups.mode() == "v2")
            elif mount.bind:
                mount.open_source()

    def _clone(self, announce):
        mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._terminal_socket = its
        cgroup = self.group.fd()
        try:
            self.pid, self.pidfd = self._fork(cgroup)
            if self.pid == 0:
                mine.close()  # or it would never see the worker's end
                child.main(self, its.fileno())
            its.close()
            announce(self.facts())
            if cgroup is None:
                self.group.attach(self.pid)
            mine.send(b"c")
            self._connect()
            mine.send(b"g")
            self._listen(mine)
        except (BrokenPipeError, ConnectionResetError):
            self._listen(mine)
            raise ContainerFailed("the container's process was killed while it started") from None
        finally:
            mine.close()
            its.close()
            if cgroup is not None:
                os.close(cgroup)

    def _fork(self, cgroup):
        flags = self.bundle.new_namespaces()
        if "pid" not in self.joined:
            return self._clone3(flags, cgroup)
        home, pid = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC), -1
        try:
            namespaces.join(self.joined["pid"], "pid")
            pid, descriptor = self._clone3(flags, cgroup)
            return pid, descriptor
        finally:
            if pid != 0:
                syscalls.setns(home, c.CLONE_NEWPID)
            os.close(home)

    @staticmethod
    def _clone3(flags, cgroup):
        try:
            return syscalls.clone3(flags | CLONE_PARENT, 0, cgroup)
        except OSError as error:
            raise ContainerFailed("the container's namespaces can't be made: %s" % error.strerror) from None

    def _listen(self, channel):
        """Take the child's words until it executes its program (end of file) or fails."""
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

    def send_terminal(self, master):
        """In the child: hand the terminal's master to the monitor."""
        self._terminal_socket.sendmsg([b"T"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", master))])

    # --------------------------------------------------------------------------------------------------------- network

    def _connect(self):
        wanted = self.bundle.run["network"]
        if not self.bundle.private("network"):
            self.network = dict(wanted, attachments=[], ports=[])
            return
        self.network = dict(wanted, attachments=[], ports=[])
        netns = os.open("/proc/%d/ns/net" % self.pid, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if not wanted.get("attachments"):
                attach.loopback(netns)
            for index, attachment in enumerate(wanted.get("attachments") or ()):
                attach.connect(netns, attachment, index)
                self.network["attachments"].append(attachment)
        finally:
            os.close(netns)
        if wanted.get("ports") and self.network["attachments"]:
            publish.publish(self.bundle.ident, self.network["attachments"][0]["address"], wanted["ports"])
            self.network["ports"] = wanted["ports"]

    # --------------------------------------------------------------------------------------------------------- the end

    def _close(self):
        fds = list(self.joined.values())
        for mount in self.mounts:
            fds += [fd for _name, fd in mount.parts] if isinstance(mount, mounting.CgroupMount) else [mount.fd]
        for fd in fds + [self.root_fd]:
            if fd is not None:
                with contextlib.suppress(OSError):
                    os.close(fd)
        self.joined, self.root_fd = {}, None

    def _undo(self):
        """Take back what was made; what can't be taken back now is found by the next clean-up."""
        if self.pidfd is not None:
            pidfd.send(self.pidfd, c.SIGKILL)
            pidfd.ended(self.pidfd, 10.0)
            os.close(self.pidfd)
        if self.terminal is not None:
            os.close(self.terminal)
        self.pidfd, self.pid, self.terminal = None, 0, None
        if self.group is not None:
            with contextlib.suppress(EngineError, OSError):
                self.group.remove()
        disconnect(self.bundle.ident, self.network)


def disconnect(ident, network):
    """Take back a container's published ports and links; what is gone already is no error.

    :param network: state.json's ``network``: what was set up.
    """
    if not network:
        return
    if network.get("ports") and network.get("attachments"):
        with contextlib.suppress(EngineError, OSError):
            publish.unpublish(ident, network["attachments"][0]["address"], network["ports"])
    for attachment in network.get("attachments") or ():
        with contextlib.suppress(EngineError):
            attach.disconnect(attachment)


def check_sysctls(bundle):
    """:raises Unsupported: a parameter that is not of a namespace of the container's own: it would change the host's (CVE-2022-0811)."""
    for name, value in (bundle.linux.get("sysctl") or {}).items():
        kinds = [kind for kind, pattern in _SYSCTLS if pattern.fullmatch(name) and ".." not in name]
        if not kinds:
            raise Unsupported("sysctl %s: only parameters of a namespace can be set for a container: net.*, kernel.shm*, kernel.msg*, "
                              "kernel.sem, fs.mqueue.*, kernel.domainname" % name)
        if not bundle.private(kinds[0]):
            raise Unsupported("sysctl %s: the container has no %s namespace of its own" % (name, kinds[0]))
        if any(ord(character) < 32 and character != "\t" for character in value):
            raise Unsupported("sysctl %s: the value %r has control characters" % (name, value))
