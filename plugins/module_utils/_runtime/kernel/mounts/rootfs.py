# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Opening paths inside a container's root file system: no link, ``..`` or race in it ever leads outside.

openat2(2) with RESOLVE_IN_ROOT does it in one call (Linux 5.6). What it can't do, making what is missing behind dangling
links, and kernels 5.4 and 5.5 are served by a walk that opens one name at a time and never follows a link by itself.
"""

from __future__ import annotations

import errno
import os
import stat

from ..calls import constants as c
from ..calls import syscalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Union

    Path = Union[str, bytes]

FORCE_WALK = False  # tests: behave as a kernel without openat2
MAX_LINKS = 40  # as path_resolution(7)
_RETRIES = 128  # openat2 answers EAGAIN whenever anything on the host is renamed or mounted while it meets a ".."
_HANDLE = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


def open_in_root(root_fd: int, path: Path, flags: int, mode: int = 0) -> int:
    """Open ``path`` as a process with ``root_fd`` as its root directory would. Returns a close-on-exec descriptor.

    Links that are no paths (/proc/self/fd/1) are refused with ELOOP by openat2, and read as text by the walk.

    :param flags: as of open(2); O_CREAT makes the last name only.
    :raises OSError: as open(2).
    """
    resolve = c.RESOLVE_IN_ROOT | c.RESOLVE_NO_MAGICLINKS
    for _attempt in range(0 if FORCE_WALK else _RETRIES):
        try:
            return syscalls.openat2(root_fd, path, flags, mode, resolve)
        except OSError as error:
            if error.errno == errno.ENOSYS:
                break
            if error.errno != errno.EAGAIN:
                raise
    return _walk(root_fd, path, flags, mode)


def make_in_root(root_fd: int, path: Path, directory: bool, follow: bool = True) -> int:
    """Open ``path`` inside the root with O_PATH and make it when missing: a directory, else an empty file, 0755 and 0644 less the umask.

    Directories above it and the targets of dangling links on the way are made as well. Without ``follow`` the last name may be
    a link, and it is that which is opened.
    """
    try:
        return open_in_root(root_fd, path, os.O_PATH | (0 if follow else os.O_NOFOLLOW))
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
    return _Walk(root_fd, "directory" if directory else "file").handle(path, follow)


def _walk(root_fd: int, path: Path, flags: int, mode: int) -> int:
    """What openat2 does, by hand: a handle on the file, opened again with the flags that are wanted."""
    walk = _Walk(root_fd, None)
    if flags & os.O_CREAT:
        parent, _slash, name = os.fsdecode(path).rstrip("/").rpartition("/")
        directory = walk.handle(parent or "/")
        try:
            return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=directory)
        finally:
            os.close(directory)
    handle = walk.handle(path, follow=not flags & os.O_NOFOLLOW)
    if flags & os.O_PATH and not flags & os.O_DIRECTORY:
        return handle
    try:
        if stat.S_ISLNK(os.fstat(handle).st_mode):  # O_NOFOLLOW was asked for
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
        return os.open(f"/proc/self/fd/{handle}", (flags | os.O_CLOEXEC) & ~os.O_NOFOLLOW)
    finally:
        os.close(handle)


class _Walk:
    """One walk below ``root_fd``. ``make``: what to make where the last name is missing, "directory", "file" or None."""

    def __init__(self, root_fd: int, make: str | None) -> None:
        self.make = make
        self.links = 0
        self.above = [
            os.dup(root_fd)
        ]  # descriptors from the root down to where the walk is: ".." goes back, never up

    def handle(self, path: Path, follow: bool = True) -> int:
        """An O_PATH descriptor on what ``path`` names."""
        try:
            self._enter(path, follow)
            return os.dup(self.above[-1])
        finally:
            for fd in self.above:
                os.close(fd)

    def _enter(self, path: Path, follow: bool) -> None:
        names = [name for name in os.fsdecode(path).split("/") if name not in ("", ".")]
        while names:
            name = names.pop(0)
            if name == "..":
                if len(self.above) > 1:
                    os.close(self.above.pop())
                continue
            fd = self._open(name, last=not names)
            if not stat.S_ISLNK(os.fstat(fd).st_mode) or not (names or follow):
                self.above.append(fd)
                continue
            target = self._target(fd, path)
            if target.startswith("/"):
                while len(self.above) > 1:
                    os.close(self.above.pop())
            names[:0] = [part for part in target.split("/") if part not in ("", ".")]

    def _target(self, fd: int, path: Path) -> str:
        """The text of the link that ``fd`` is open on; closes it."""
        self.links += 1
        try:
            if self.links > MAX_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            return os.readlink("", dir_fd=fd)
        finally:
            os.close(fd)

    def _open(self, name: str, last: bool) -> int:
        directory = self.above[-1]
        try:
            return os.open(name, _HANDLE, dir_fd=directory)
        except FileNotFoundError:
            if self.make is None:
                raise
        if last and self.make == "file":
            os.close(
                os.open(
                    name,
                    os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC,
                    0o644,
                    dir_fd=directory,
                )
            )
        else:
            os.mkdir(name, 0o755, dir_fd=directory)
        return os.open(name, _HANDLE, dir_fd=directory)
