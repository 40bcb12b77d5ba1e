# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process in a user namespace: it takes what userns_outside.py made for it, and becomes that
namespace's root.
"""

from __future__ import annotations

import _struct as struct
import os

from ...kernel.calls import constants as c
from ...kernel.calls import fds, syscalls
from ...kernel.isolation import capabilities
from ..spec.mount_entries import Mount
from . import channel, terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Iterable

    from ..spec.id_maps import Maps
    from ..spec.program import Program
    from .launch import Launch

AT_ONCE = 200  # descriptors in a message; the kernel takes 253 (SCM_MAX_FD)
ROOT = -1  # the root's number among the mounts


def receive(launch: Launch, inside: _socket.socket) -> None:
    """Take what UserNamespace.furnish sent: the root's descriptor, and those of mounts, each with
    its number.
    """
    more = True
    while more:
        data, sent = fds.receive(inside, 4096, AT_ONCE)
        if data[:1] != b"u" or not sent:
            os._exit(channel.FAILED)
        _word, more, *numbers = struct.unpack(f"=c?{len(sent)}i", data)
        for number, fd in zip(numbers, sent):
            if number == ROOT:
                launch.root_fd = fd
                continue
            mount = launch.mounts[number]
            if isinstance(mount, Mount):
                mount.fd = fd


def become_root(maps: Maps, keep_groups: bool = False) -> None:
    """Become the namespace's root, whose files these are from now on; one without a root gets the
    first user that it has.
    """
    uid, gid = maps.root()
    if not keep_groups:
        capabilities.set_groups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    syscalls.prctl(c.PR_SET_DUMPABLE, 0)  # a change of ids takes it back


def hand_streams(inside: _socket.socket, program: Program, streams: Iterable[int]) -> None:
    """Have the maker give the streams to the program's user."""
    owned = [fd for fd in set(streams) if terminal.is_owned(fd)]
    fds.send(inside, b"O%d %d" % (program.uid, program.gid), owned)
    program.owns_streams = False
