# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The namespaces in which a user is root: make them, find them again, join them."""

from __future__ import annotations

import os

from ..errors import EngineError, HostError, reason
from ..kernel.calls import constants as c
from ..kernel.calls import fork, syscalls
from ..kernel.isolation import namespaces
from ..kernel.mounts import mounts
from ..kernel.net import loopback
from ..oci.command import rootless

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# In the order in which they are joined: with the first come the rights over the others.
TYPES = ("user", "mount", "network")


def join(spaces: Mapping[str, int]) -> None:
    """Go into namespaces, and be root there. The working directory stays the same path.

    :param spaces: descriptors of them, by TYPES.
    :raises OSError: the kernel refuses; one of several threads can't.
    """
    directory = os.getcwd()
    for name in TYPES:
        namespaces.join(spaces[name], name)
    become_root()
    try:
        os.chdir(directory)
    except OSError:
        os.chdir("/")


def become_root() -> None:
    """In the user's namespace, be its root whatever group the caller had."""
    if os.getegid() != 0:
        os.setresgid(0, 0, 0)
    if os.geteuid() != 0:
        os.setresuid(0, 0, 0)


def made() -> dict[str, int]:
    """Make the namespaces of a user; return descriptors of them, by TYPES.

    :raises EngineError: the host refuses.
    """
    ready, told = os.pipe()
    hold, let_go = os.pipe()

    def inside() -> int:
        os.close(ready)
        os.close(let_go)
        try:
            make_here()
            text = "ok"
        except (EngineError, OSError) as error:
            text = reason(error)
        os.write(told, text.encode("utf-8", "replace"))
        os.close(told)
        os.read(hold, 1)  # until its namespaces are held
        return 0

    pid = fork.child(inside)
    os.close(told)
    os.close(hold)
    text = os.read(ready, 4096).decode("utf-8", "replace")
    os.close(ready)
    try:
        if text != "ok":
            raise HostError(text or "the user's namespaces can't be made")
        return {name: namespaces.open_namespace(pid, name) for name in TYPES}
    finally:
        os.close(let_go)
        os.waitpid(pid, 0)


def make_here() -> None:
    """Put this process into new namespaces of a user, as their root.

    :raises EngineError, OSError: the host refuses.
    """
    rootless.enter(rootless.usual_maps())
    become_root()
    syscalls.unshare(c.CLONE_NEWNET)
    mounts.leave_host()
    loopback.up()


def found(inodes: dict[str, int]) -> dict[str, int]:
    """Return descriptors of namespaces that a process is in, {} where none is in all of them."""
    if set(inodes) != set(TYPES):
        return {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            if namespaces.identity(name, "user")[1] != inodes["user"]:
                continue
            opened = {kind: namespaces.open_namespace(name, kind) for kind in TYPES}
        except OSError:
            continue
        if all(os.fstat(fd).st_ino == inodes[kind] for kind, fd in opened.items()):
            return opened
        for fd in opened.values():  # a container's process
            os.close(fd)
    return {}
