# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open files that others put there: regular ones only, beneath a directory and through no link, and read no more than expected.

A link leads out, a FIFO waits for ever, a device has no end. It runs on controllers too, so it makes no system call that only
Linux has.
"""

from __future__ import annotations

import errno
import os
import stat

from ..errors import EngineError, reason
from .text import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Union

    Name = Union[str, bytes]

_LOOK = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class Unacceptable(EngineError):
    """A file is not what may be opened here. ``missing``: whether there is none."""

    def __init__(self, message: str, missing: bool = False) -> None:
        super().__init__(message)
        self.missing = missing


def open_regular(
    name: Name, beneath: Name | int | None = None, links: bool = False, title: str | None = None
) -> int:
    """Open a regular file to read and return its descriptor.

    :param name: a path; relative to ``beneath`` where that is given, and then without ``..``.
    :param beneath: a directory, by path or descriptor: no part of ``name`` may be a link. None: the path is the user's own, and
        only its last part is looked at.
    :param links: with ``beneath`` None: the last part may be a link to a regular file.
    :param title: what errors call the file; None: ``name``, which a descriptor's path is of no use for.
    :raises Unacceptable: where it is missing, a link, no regular file, or can't be opened.
    """
    shown = printable(os.fsdecode(name) if title is None else title)
    directory, opened = None, []
    try:
        if beneath is not None:
            parts = [part for part in os.fsdecode(name).split("/") if part not in ("", ".")]
            if not parts or ".." in parts:
                raise Unacceptable(f"{shown} is no path beneath its directory")
            directory = (
                beneath
                if isinstance(beneath, int)
                else os.open(beneath, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            )
            if directory is not beneath:
                opened.append(directory)
            for part in parts[:-1]:
                directory = os.open(part, _LOOK | os.O_DIRECTORY, dir_fd=directory)
                opened.append(directory)
            name = parts[-1]
        fd = os.open(
            name, _LOOK & ~(os.O_NOFOLLOW if links and beneath is None else 0), dir_fd=directory
        )
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK):
            raise Unacceptable(f"{shown} is a symbolic link; accepted: a regular file") from None
        if error.errno == errno.ENXIO:  # a socket, or a device that nobody serves
            raise Unacceptable(f"{shown} is not a regular file") from None
        missing = error.errno == errno.ENOENT
        raise Unacceptable(
            f"{shown} can't be opened: {reason(error, named=True)}", missing
        ) from None
    except ValueError:  # a NUL
        raise Unacceptable(f"{shown} is no file's name") from None
    finally:
        for one in opened:
            os.close(one)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise Unacceptable(f"{shown} is not a regular file")
    os.set_blocking(fd, True)
    return fd


def read(
    name: Name,
    limit: int,
    beneath: Name | int | None = None,
    links: bool = False,
    title: str | None = None,
) -> bytes:
    """The bytes of a regular file; see :func:`open_regular`. :raises Unacceptable: also where it has more than ``limit`` bytes."""
    with os.fdopen(open_regular(name, beneath, links, title), "rb") as file:
        return _whole(file.read(limit + 1), name if title is None else title, limit)


def read_given(name: Name, limit: int) -> bytes:
    """The bytes of a small document that a user names; it may be a pipe or terminal, as in ``--env-file <(command)``.

    :raises OSError: it can't be read. :raises Unacceptable: it has more than ``limit`` bytes, as a device without an end has.
    """
    with open(name, "rb") as file:
        return _whole(file.read(limit + 1), name, limit)


def _whole(data: bytes, name: Name, limit: int) -> bytes:
    if len(data) > limit:
        raise Unacceptable(f"{printable(os.fsdecode(name))} is larger than {limit} bytes")
    return data
