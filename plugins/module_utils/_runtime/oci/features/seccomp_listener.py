# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""SCMP_ACT_NOTIFY: calls that an agent outside decides upon. runtime-spec config-linux.md "Seccomp", "The Container Process State".

The process that installs the filter gets the listener's descriptor. It hands that to who makes it, with a file of what is to
be said, and who makes it sends both to the agent's socket, ``linux.seccomp.listenerPath``. From the filter's installation on
each of its own calls may be one that waits for the agent, so sendmsg(2), which it needs first, can't be among them; nor
write(2), as with runc.
"""

from __future__ import annotations

import os

from ... import json_text
from ...errors import ContainerFailed, Unsupported
from ...kernel.calls import fds

FORBIDDEN = ("write", "sendmsg")
VERSION = "0.2.0"  # of the container process state, as the specification's example has it


def read(profile):
    """``(path, metadata, whether the agent must be there)`` of a linux.seccomp, None when nobody is asked or told.

    An agent is given the listener of a filter that asks it nothing as well, as with crun; its absence is no error then, as with runc.

    :raises Unsupported: naming what can't be.
    """
    path, metadata = profile.get("listenerPath"), profile.get("listenerMetadata")
    if metadata and not path:
        raise Unsupported(
            "config.json: linux.seccomp.listenerMetadata is of no use without listenerPath"
        )
    from ...kernel.seccomp import compiler

    if not compiler.notifies(profile):
        return (path, metadata, False) if path else None
    if not path:
        return (
            "",
            metadata,
            False,
        )  # its calls fail with ENOSYS, as the kernel has it when nobody listens
    for entry in profile["syscalls"]:
        for name in (
            set(entry["names"]) & set(FORBIDDEN) if entry["action"] == "SCMP_ACT_NOTIFY" else ()
        ):
            raise Unsupported(
                f"config.json: linux.seccomp: SCMP_ACT_NOTIFY cannot be used for the {name} "
                "syscall: the runtime needs it itself"
            )
    return path, metadata, True


def words(listener, state):
    """A file (descriptor) with the agent's address and what it is told; written before a root is entered.

    :param listener: from read(). :param state: the container's (Document.state), its pid as the runtime sees it.
    """
    path, metadata, needed = listener
    told = {"ociVersion": VERSION, "fds": ["seccompFd"], "pid": state["pid"], "state": state}
    if metadata:
        told["metadata"] = metadata
    fd = os.memfd_create("seccomp", os.MFD_CLOEXEC)
    os.write(
        fd, (b"1" if needed else b"0") + os.fsencode(path) + b"\0" + json_text.dump(told).encode()
    )
    return fd


def own_pid():
    """The id of this process as the runtime sees it; while /proc is still the runtime's."""
    return int(os.readlink("/proc/self"))


def forward(listener_fd, words_fd):
    """Send a listener to its agent; both descriptors are closed. :raises ContainerFailed: when the agent does not take it."""
    import _socket

    path, dummy, told = os.pread(words_fd, os.fstat(words_fd).st_size, 0).partition(b"\0")
    needed, path = path[:1] == b"1", path[1:]
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    try:
        if path:
            connection.connect(b"\0" + path[1:] if path[:1] == b"@" else path)
            sent = fds.send(connection, told, [listener_fd])
            if told[
                sent:
            ]:  # sending nothing is an error as well once the agent, having what it wanted, has closed
                connection.sendall(told[sent:])
    except OSError as error:
        if not needed:
            return
        raise ContainerFailed(
            "linux.seccomp.listenerPath: failed to connect with seccomp agent at "
            f"{os.fsdecode(path)}: {os.strerror(error.errno) if error.errno else error}"
        ) from None
    finally:
        connection.close()
        os.close(listener_fd)
        os.close(words_fd)
