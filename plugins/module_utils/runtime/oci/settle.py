# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process in a user namespace: it takes what furnish.py made for it, and becomes that namespace's root."""

from __future__ import annotations

import _socket
import os
import struct

from ..kernel import constants as c
from ..kernel import syscalls
from . import channel, jsontext, terminal

AT_ONCE = 200  # descriptors in a message; the kernel takes 253 (SCM_MAX_FD)


def receive(launch, inside):
    """Take what ``furnish`` sent; the descriptors then are where the maker's own would be without a user namespace."""
    data = inside.recv(1 << 20)
    if data[:1] != b"u":
        os._exit(channel.FAILED)
    names = jsontext.load(data[1:].decode())
    fds = []
    while len(fds) < len(names):
        data, ancillary, _flags, _address = inside.recvmsg(16, _socket.CMSG_SPACE(4 * AT_ONCE), _socket.MSG_CMSG_CLOEXEC)
        if not ancillary:
            os._exit(channel.FAILED)
        fds += struct.unpack("%di" % (len(ancillary[0][2]) // 4), ancillary[0][2])
    launch.nodes = []
    for name, fd in zip(names, fds):
        if name[0] == "root":
            launch.root_fd = fd
        elif name[0] == "node":
            launch.nodes.append((name[1], fd))
        elif name[0] == "part":
            launch.mounts[name[1]].parts.append((name[2], fd))
        elif name[0] == "mount":
            launch.mounts[name[1]].fd = fd
        else:
            launch.mounts[name[1]].substitute = fd


def become_root(maps):
    """Be the namespace's root, whose files these are from now on; one without a root gets the first user that it has."""
    uid, gid = maps.root()
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    syscalls.prctl(c.PR_SET_DUMPABLE, 0)  # a change of ids takes it back


def hand_streams(inside, program, streams):
    """Have the maker give the streams to the program's user."""
    fds = [fd for fd in set(streams) if terminal.is_owned(fd)]
    sent = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, struct.pack("%di" % len(fds), *fds))] if fds else []
    inside.sendmsg([b"O%d %d" % (program.uid, program.gid)], sent)
    program.owns_streams = False
