# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Walk trees that others made: of any depth, by descriptors, without recursion, through no link."""

from __future__ import annotations

import os
import stat

from ..errors import HostError
from .text import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OPEN = 100  # directories held open at once: what lies higher is opened again by ".." on the way back, and seen to be the same
_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Entry:
    """Something in a tree.

    :ivar directory: descriptor of the directory that it is in, valid until the walk goes on.
    :ivar name: str (os.fsdecode). :ivar status: os.stat_result, of a link itself. :ivar depth: 0 for what is in the top.
    """

    __slots__ = ("directory", "name", "status", "depth", "_above")

    def __init__(
        self, directory: int, name: str, status: os.stat_result, above: list[_Frame]
    ) -> None:
        self.directory, self.name, self.status, self.depth, self._above = (
            directory,
            name,
            status,
            len(above) - 1,
            above,
        )

    @property
    def path(self) -> str:
        """From the top, ``a/b/c``; made when asked for, since it may be longer than any system call takes."""
        return "/".join([frame.name for frame in self._above[1:]] + [self.name])

    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.status.st_mode)


class _Frame:
    __slots__ = ("fd", "name", "identity", "left")

    def __init__(self, fd: int, name: str) -> None:
        status = os.fstat(fd)
        self.fd = fd  # -1 where it was closed on the way down
        self.name, self.identity = name, (status.st_dev, status.st_ino)
        self.left = sorted(os.listdir(fd), key=os.fsencode, reverse=True)

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def walk(top: str | int, enter: Callable[[Entry], bool] | None = None) -> Iterator[Entry]:
    """The entries of a tree, a directory before what is in it, each directory's in order of their names' bytes.

    :param top: a directory, by path or by descriptor (which stays the caller's).
    :param enter: ``enter(entry)`` says of a directory whether what is in it comes too; None: always.
    :raises HostError: where a directory is moved out of its place meanwhile. What vanishes while it is looked at is left out.
    """
    own = not isinstance(top, int)
    frames = [_Frame(top if isinstance(top, int) else os.open(top, _FLAGS), "")]
    try:
        while frames[-1].left or len(frames) > 1:
            frame = frames[-1]
            if not frame.left:
                _leave(frames)
                continue
            name = frame.left.pop()
            try:
                status = os.stat(name, dir_fd=frame.fd, follow_symlinks=False)
            except FileNotFoundError:
                continue
            entry = Entry(frame.fd, name, status, frames)
            yield entry
            if entry.is_directory() and (enter is None or enter(entry)):
                try:
                    frames.append(_Frame(os.open(name, _FLAGS, dir_fd=frame.fd), name))
                except (FileNotFoundError, NotADirectoryError):
                    continue
                if len(frames) > OPEN + 1:  # the top stays open: it may be the caller's
                    frames[-OPEN].close()
    finally:
        for frame in frames[0 if own else 1 :]:
            frame.close()


def _leave(frames: list[_Frame]) -> None:
    """Go back to the directory above, which is opened anew where it was closed."""
    done = frames.pop()
    try:
        if frames[-1].fd < 0:
            above = os.open("..", _FLAGS, dir_fd=done.fd)
            status = os.fstat(above)
            if (status.st_dev, status.st_ino) != frames[-1].identity:
                os.close(above)
                raise HostError(
                    f"the directory {printable(done.name)} was moved while it was looked at"
                )
            frames[-1].fd = above
    finally:
        done.close()
