# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mounting EROFS from a file, with no loop device: Linux 6.12 with CONFIG_EROFS_FS_BACKED_BY_FILE, on file systems that it reads through."""

from __future__ import annotations

import contextlib
import os
import struct

from ...errors import reason
from ..calls import constants as c
from . import mounts

MAX_VALUE = 255  # bytes of a parameter, fsconfig(2)


def mount(path: str, attributes: int = c.MOUNT_ATTR_RDONLY) -> int:
    """A detached mount of the EROFS image in the file ``path``. :raises OSError: with the kernel's explanation."""
    with contextlib.ExitStack() as stack:
        source = path
        if len(os.fsencode(path)) > MAX_VALUE:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            stack.callback(os.close, fd)
            source = f"/proc/self/fd/{fd}"
        return mounts.new_fs("erofs", None, attributes, source)


def why_not(directory: str) -> str:
    """Why EROFS can't be mounted from a file in ``directory``, tried with one that has no name; "" where it can."""
    try:
        fd = os.open(directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        return f"no file could be made in {directory}: {reason(error, named=True)}"
    try:
        os.pwrite(fd, _smallest(), 0)
        mounted = mount(f"/proc/self/fd/{fd}")
        try:
            found = os.listdir(f"/proc/self/fd/{mounted}")
        finally:
            os.close(mounted)
        return "" if found == ["works"] else "a mounted EROFS file does not show what is in it"
    except OSError as error:
        return f"the kernel does not mount EROFS from a file in {directory}: {reason(error, named=True)}"
    finally:
        os.close(fd)


def _smallest() -> bytes:
    """An image with blocks of 512 bytes whose root directory has the one entry ``works``, which is the root again."""
    names = b"...works"
    entries = struct.pack("<QHBBQHBBQHBB", 2, 36, 2, 0, 2, 37, 2, 0, 2, 39, 2, 0) + names
    root = struct.pack("<HHHHQIIIIqII", 1, 0, 0o40755, 0, len(entries), 9, 2, 0, 0, 0, 0, 2)
    sup = struct.pack("<IIIBBHQQIIII", 0xE0F5E1E2, 0, 0, 9, 0, 2, 0, 0, 0, 10, 8, 0)
    return b"".join(
        (
            bytes(1024),
            sup.ljust(3072, b"\0"),
            bytes(64),
            root.ljust(448, b"\0"),
            entries.ljust(512, b"\0"),
        )
    )
