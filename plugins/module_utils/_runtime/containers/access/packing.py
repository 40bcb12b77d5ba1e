# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pack a file or directory, which others may be changing at the same time, into a tar archive.

No link in it is followed, and nothing but regular files is opened.
"""

from __future__ import annotations

import os
import stat

from ...errors import HostError, reason
from ...kernel.files import same_file
from ...layers.tar import reader, writer
from ...layers.tar.writer import open_regular
from .unpacking import DEEPEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .unpacking import Ids

    Wanted = Callable[[bytes], bool]

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
PIECE = 1 << 18


class _Seen:
    """A status with other ids."""

    def __init__(self, status: os.stat_result, ids: Ids) -> None:
        self.st_mode, self.st_rdev, self.st_mtime_ns = (
            status.st_mode,
            status.st_rdev,
            status.st_mtime_ns,
        )
        self.st_uid, self.st_gid = ids(status.st_uid, status.st_gid)


class Packer:
    """Packs one archive.

    :param ids: turns the ids of a file into those that the archive says.
    :param wanted: says of a path in the archive whether it is packed; None: all are. Directories
        that are not are gone through.
    """

    def __init__(self, ids: Ids, wanted: Wanted | None = None) -> None:
        self.ids, self.wanted = ids, wanted
        self._links: dict[tuple[int, int], bytes] = {}

    def _is_wanted(self, path: bytes) -> bool:
        return self.wanted is None or self.wanted(path)

    def one(self, fd: int, name: bytes, called: bytes) -> Iterator[bytes]:
        """Pack ``name`` in the directory ``fd``, under the name ``called``; yields the archive's
        pieces.
        """
        try:
            yield from self._entry(fd, name, called, 0)
        except OSError as error:
            raise HostError(
                f"{os.fsdecode(name)} could not be read: {reason(error, named=True)}"
            ) from None
        yield b"\0" * (2 * reader.BLOCK)

    def opened(self, fd: int, called: bytes) -> Iterator[bytes]:
        """Pack an open regular file."""
        yield from self._file(fd, called, os.fstat(fd))
        yield b"\0" * (2 * reader.BLOCK)

    def directory(self, fd: int, called: bytes | None = None) -> Iterator[bytes]:
        """Pack an open directory under the name ``called``; None: only what is in it."""
        if called is not None and self._is_wanted(called):
            yield writer.header(
                called + b"/",
                reader.DIRECTORY,
                _Seen(os.fstat(fd), self.ids),
                xattrs=same_file.xattrs(fd),
                fraction=True,
            )
        yield from self._contents(fd, called + b"/" if called is not None else b"", 0)
        yield b"\0" * (2 * reader.BLOCK)

    def _contents(self, fd: int, prefix: bytes, depth: int) -> Iterator[bytes]:
        if depth > DEEPEST:
            raise HostError(
                f"{os.fsdecode(prefix[:200])}: its directories are nested deeper than {DEEPEST}"
            )
        for name in sorted(os.fsencode(item) for item in os.listdir(fd)):
            try:
                yield from self._entry(fd, name, prefix + name, depth)
            except FileNotFoundError:
                continue  # it went meanwhile
            except OSError as error:
                raise HostError(
                    f"{os.fsdecode(prefix + name)} could not be read: {reason(error, named=True)}"
                ) from None

    def _entry(self, fd: int, name: bytes, path: bytes, depth: int) -> Iterator[bytes]:
        status = os.lstat(name, dir_fd=fd)
        kind = stat.S_IFMT(status.st_mode)
        seen, wanted = _Seen(status, self.ids), self._is_wanted(path)
        if kind == stat.S_IFDIR:
            inner = os.open(name, _DIRECTORY, dir_fd=fd)
            try:
                if wanted:
                    yield writer.header(
                        path + b"/",
                        reader.DIRECTORY,
                        seen,
                        xattrs=same_file.xattrs(inner),
                        fraction=True,
                    )
                yield from self._contents(inner, path + b"/", depth + 1)
            finally:
                os.close(inner)
            return
        if kind == stat.S_IFSOCK or not wanted:
            return
        if status.st_nlink > 1:
            first = self._links.setdefault((status.st_dev, status.st_ino), path)
            if first != path:
                yield writer.header(path, reader.LINK, seen, link=first)
                return
        if kind == stat.S_IFREG:
            file = open_regular(fd, name, os.O_RDONLY | os.O_NONBLOCK)
            try:
                yield from self._file(file, path, os.fstat(file))
            finally:
                os.close(file)
        elif kind == stat.S_IFLNK:
            yield writer.header(
                path, reader.SYMLINK, seen, link=os.readlink(name, dir_fd=fd), fraction=True
            )
        else:
            yield writer.header(
                path,
                {
                    stat.S_IFCHR: reader.CHAR,
                    stat.S_IFBLK: reader.BLOCK_DEVICE,
                    stat.S_IFIFO: reader.FIFO,
                }[kind],
                seen,
                fraction=True,
            )

    def _file(self, file: int, path: bytes, status: os.stat_result) -> Iterator[bytes]:
        """Pack exactly as many bytes as the header promises.

        A file that becomes shorter meanwhile is filled up, as tar(1) does.
        """
        yield writer.header(
            path,
            reader.REGULAR,
            _Seen(status, self.ids),
            size=status.st_size,
            xattrs=same_file.xattrs(file),
            fraction=True,
        )
        left = status.st_size
        while left:
            piece = os.read(file, min(left, PIECE)) or b"\0" * min(left, PIECE)
            left -= len(piece)
            yield piece
        yield b"\0" * (-status.st_size % reader.BLOCK)
