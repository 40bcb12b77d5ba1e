# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file of a container, written from or read into a stream by a process that has become the
container's: with its user's rights, behind its seccomp filter, in its mounts.

It needs no program of the image. The exec worker (workers/exec_worker.py) runs it in place of a
program, and ``inside.py`` is who asks. Nothing is imported here that the zygote has not loaded.
"""

from __future__ import annotations

import errno
import os
import stat

from ...errors import reason
from ...oci.launch.channel import NOT_EXECUTABLE, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn, TypedDict

    class Transfer(TypedDict):
        """Which part of which file: ``path``, absolute or from the working directory.

        ``write``: from standard input into the file, else from the file to standard output, after
        a line ``<size> <inode> <modification time in ns>``. ``offset``: the first byte; a file
        that is written from 0 on is made, or emptied. ``size``: bytes; what is written must be
        that many.
        """

        path: str
        write: bool
        offset: int
        size: int


PIECE = 1 << 18
_FLAGS = os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK  # a FIFO of the container's stops nobody


def perform(transfer: Transfer, begun: Callable[[], object]) -> NoReturn:
    """Do it, and end this process: with 0, or with 1 and a sentence at standard error.

    :param begun: called when the file is open. :raises Failure: it can't be opened.
    """
    path = transfer["path"]
    try:
        fd = _open_to_write(transfer) if transfer["write"] else _open_to_read(path)
        os.set_blocking(fd, True)
        if transfer["offset"]:
            os.lseek(fd, transfer["offset"], os.SEEK_SET)
    except OSError as error:
        raise Failure(reason(error), NOT_EXECUTABLE) from None
    begun()
    try:
        problem = _take(fd, transfer["size"]) if transfer["write"] else _give(fd, transfer["size"])
    except OSError as error:
        problem = reason(error)
    if problem:
        os.write(2, f"{path}: {problem}\n".encode("utf-8", "surrogateescape"))
    os._exit(1 if problem else 0)


def _failure(path: str, why: str) -> Failure:
    return Failure(f"{path}: {why}", NOT_EXECUTABLE)


def _open_to_write(transfer: Transfer) -> int:
    flags = os.O_WRONLY | os.O_CREAT | (0 if transfer["offset"] else os.O_TRUNC)
    fd = os.open(transfer["path"], flags | _FLAGS, 0o666)
    if transfer["offset"] and os.fstat(fd).st_size != transfer["offset"]:
        raise _failure(transfer["path"], "it has been changed while it was written")
    return fd


def _open_to_read(path: str) -> int:
    fd = os.open(path, os.O_RDONLY | _FLAGS)
    if stat.S_ISDIR(os.fstat(fd).st_mode):
        raise IsADirectoryError(errno.EISDIR, "", path)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        raise _failure(path, "not a regular file")
    return fd


def _take(fd: int, size: int) -> str:
    """Write standard input to the file; return what is wrong, or ""."""
    left = size
    while left:
        piece = os.read(0, min(PIECE, left))
        if not piece:
            return f"{size - left} of {size} bytes came"
        left -= len(piece)
        _write(fd, piece)
    return ""


def _give(fd: int, size: int) -> str:
    """Write the file to standard output; return ""."""
    found = os.fstat(fd)
    _write(1, b"%d %d %d\n" % (found.st_size, found.st_ino, found.st_mtime_ns))
    while size > 0:
        piece = os.read(fd, min(PIECE, size))
        if not piece:
            break
        size -= len(piece)
        _write(1, piece)
    return ""


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
