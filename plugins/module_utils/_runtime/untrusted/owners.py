# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell whether others than root could change what root is going to execute or import."""

from __future__ import annotations

import os
import stat

HOPS = 40  # of symbolic links on one way, as the kernel has it
UNMAPPED = 65534  # whose files are shown so in a user namespace: root's of the host among them


def writable(path: str) -> str:
    """The first part of the way to ``path`` that others than root can write to or put another in the place of; "" where there is none.

    Every directory above counts, and every link with the way that it leads. A sticky directory, as /tmp, may be on the way, but not be
    ``path``. What is not there is nobody's: root alone can make it, where "" is returned.
    """
    here, hops, todo = "/", 0, _parts(path)
    reason = _weak("/", not todo)
    while todo and not reason:
        part = todo.pop()
        if part == "..":
            here = os.path.dirname(here)
            continue
        child = os.path.join(here, part)
        try:
            status = os.lstat(child)
            if stat.S_ISLNK(status.st_mode):
                hops += 1
                if not _of_root(status.st_uid) or hops > HOPS:
                    return child
                target = os.readlink(child)
                here = "/" if target.startswith("/") else here
                todo += _parts(target)
                continue
            reason = _weak(child, not todo)
        except (FileNotFoundError, NotADirectoryError):
            return ""
        here = child
    return reason


def _parts(path: str) -> list[str]:
    """The parts of a path, the last first."""
    return [part for part in path.split("/") if part not in ("", ".")][::-1]


def _of_root(ident: int) -> bool:
    """Whether a user or group is root.

    In the user namespace of an engine without root, the host's root can't be told from others that are not in its maps.
    What such an engine runs was chosen before it was entered (rootless/enter.py).
    """
    if ident == UNMAPPED:
        with open("/proc/self/uid_map", encoding="ascii") as file:
            return file.read().split() != ["0", "0", "4294967295"]
    return ident == 0


def _weak(path: str, last: bool) -> str:
    status = os.lstat(path)
    if not _of_root(status.st_uid):
        return path
    if status.st_mode & stat.S_ISVTX and stat.S_ISDIR(status.st_mode) and not last:
        return ""
    others = status.st_mode & 0o002
    group = status.st_mode & 0o020 and (not _of_root(status.st_gid) or _has_list(path))
    return path if others or group else ""


def _has_list(path: str) -> bool:
    """Whether a file has an access control list: its group's bits are then what any entry of the list may have."""
    try:
        return "system.posix_acl_access" in os.listxattr(path)
    except OSError:
        return False
