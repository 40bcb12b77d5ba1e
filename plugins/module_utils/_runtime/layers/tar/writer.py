# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write a directory as a tar stream: the same bytes for the same tree.

Entries are sorted, owners are numbers, times whole seconds. Headers are ustar, with pax records
where a value does not fit (POSIX pax). Hard links stay links, sockets are left out, and mounts
below the directory are not entered.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat

from ...errors import HostError, InvalidInput, reason
from ...kernel.files import same_file
from ...untrusted import trees
from .reader import BLOCK, BLOCK_DEVICE, CHAR, DIRECTORY, FILE_TYPES, LINK, REGULAR, SYMLINK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Protocol

    class Status(Protocol):
        """The fields of a header, named as in ``os.stat_result``."""

        @property
        def st_mode(self) -> int: ...
        @property
        def st_uid(self) -> int: ...
        @property
        def st_gid(self) -> int: ...
        @property
        def st_rdev(self) -> int: ...
        @property
        def st_mtime_ns(self) -> int: ...

    # the files with several names so far: (device, inode) -> the first one's path
    Links = dict[tuple[int, int], bytes]

PIECE = 1 << 18
_KINDS = {file_type: kind for kind, file_type in FILE_TYPES.items()}
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


def directory(path: str, option: str = "path") -> Iterator[bytes]:
    """Yield the pieces of an archive of everything in ``path``; the directory's own entry is
    ``./``.

    :raises InvalidInput: naming ``option`` when it is no directory.
    :raises HostError: when a file changes meanwhile.
    """
    try:
        fd = os.open(path, _OPEN | os.O_DIRECTORY)
    except OSError as error:
        raise InvalidInput(
            option, path, f"an existing directory or archive ({reason(error, named=True)})"
        ) from None
    try:
        yield from tree(fd)
    finally:
        os.close(fd)


def tree(fd: int) -> Iterator[bytes]:
    """Yield the same as :func:`directory`, for an open directory."""
    status = os.fstat(fd)
    yield header(b"./", DIRECTORY, status, xattrs=same_file.xattrs(fd))
    links: Links = {}
    for found in trees.walk(fd, lambda found: found.status.st_dev == status.st_dev):
        path = b"./" + os.fsencode(found.path)
        if not found.is_directory():
            yield from entry(found.directory, os.fsencode(found.name), path, found.status, links)
            continue
        with steady(path):
            inner = os.open(found.name, _OPEN | os.O_DIRECTORY, dir_fd=found.directory)
        try:
            yield header(path + b"/", DIRECTORY, found.status, xattrs=same_file.xattrs(inner))
        finally:
            os.close(inner)
    yield b"\0" * (2 * BLOCK)


def entry(
    fd: int, name: bytes, path: bytes, status: os.stat_result, links: Links
) -> Iterator[bytes]:
    """Yield the pieces of one file, link or node; none for a socket.

    :param fd: its directory.
    :param path: its name in the archive.
    :param links: the files with several names so far; it is added to.
    :raises HostError: when it changes meanwhile.
    """
    kind = _KINDS.get(stat.S_IFMT(status.st_mode))
    if kind is None:
        return
    if status.st_nlink > 1:
        first = links.setdefault((status.st_dev, status.st_ino), path)
        if first != path:
            yield header(path, LINK, status, link=first)
            return
    if kind == REGULAR:
        yield from _file(fd, name, path)
    elif kind == SYMLINK:
        with steady(path):
            target = os.readlink(name, dir_fd=fd)
        yield header(path, kind, status, link=target)
    else:
        yield header(path, kind, status)


def _file(fd: int, name: bytes, path: bytes) -> Iterator[bytes]:
    with steady(path):
        file = open_regular(fd, name, os.O_RDONLY)
    try:
        status = os.fstat(file)
        yield header(path, REGULAR, status, size=status.st_size, xattrs=same_file.xattrs(file))
        left = status.st_size
        while left:
            piece = os.read(file, min(left, PIECE))
            if not piece:
                raise HostError(f"{os.fsdecode(path)} became shorter while it was read")
            left -= len(piece)
            yield piece
        if status.st_size % BLOCK:
            yield b"\0" * (-status.st_size % BLOCK)
    finally:
        os.close(file)


@contextlib.contextmanager
def steady(path: bytes) -> Iterator[None]:
    """Turn errors of the block that mean that a file was replaced meanwhile into one sentence.

    :raises HostError: for those.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EINVAL):
            raise
        raise HostError(f"{os.fsdecode(path)} changed while it was read") from None


def open_regular(fd: int, name: bytes, flags: int) -> int:
    """Open a regular file, and nothing else that another process may put in its place meanwhile.

    :raises OSError: EINVAL for something else. It is not opened, since opening a device can have
        effects.
    """
    handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", os.fsdecode(name))
        return os.open(f"/proc/self/fd/{handle}", flags | os.O_CLOEXEC)
    finally:
        os.close(handle)


def header(
    path: bytes,
    kind: bytes,
    status: Status,
    size: int = 0,
    link: bytes = b"",
    xattrs: Mapping[bytes, bytes] | None = None,
    fraction: bool = False,
    more: Mapping[bytes, bytes] | None = None,
) -> bytes:
    """Return a header block, with a pax header before it where one is needed.

    :param kind: one of reader's constants.
    :param size: bytes of the content that follows.
    :param fraction: keep the fraction of a second of the time.
    :param more: further pax records.
    """
    records = {b"SCHILY.xattr." + name: value for name, value in (xattrs or {}).items()}
    records.update(more or {})
    if len(path) > 100:
        records[b"path"] = path
    if len(link) > 100:
        records[b"linkpath"] = link
    for key, value, limit in (
        (b"size", size, 8**11),
        (b"uid", status.st_uid, 8**7),
        (b"gid", status.st_gid, 8**7),
    ):
        if value >= limit:
            records[key] = b"%d" % value
    mtime = int(status.st_mtime_ns // 1000000000)
    if fraction and status.st_mtime_ns % 1000000000:
        records[b"mtime"] = b"%s%d.%09d" % (
            b"-" if status.st_mtime_ns < 0 else b"",
            *divmod(abs(status.st_mtime_ns), 1000000000),
        )
    elif not 0 <= mtime < 8**11:
        records[b"mtime"] = b"%d" % mtime
    device = (
        (os.major(status.st_rdev), os.minor(status.st_rdev))
        if kind in (CHAR, BLOCK_DEVICE)
        else (0, 0)
    )
    owner = stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid
    block = _block(path[:100], kind, owner, size, mtime, link[:100], device)
    return (_pax(records) if records else b"") + block


def _octal(value: int, width: int) -> bytes:
    """Return a number field. A number that does not fit is written as zero, and a pax record has
    it.
    """
    return b"%0*o\0" % (width - 1, value if 0 <= value < 8 ** (width - 1) else 0)


def _block(
    path: bytes,
    kind: bytes,
    owner: tuple[int, int, int],
    size: int,
    mtime: int,
    link: bytes = b"",
    device: tuple[int, int] = (0, 0),
) -> bytes:
    """Return a ustar header.

    :param owner: mode, uid and gid.
    :param mtime: seconds.
    """
    start = (
        path.ljust(100, b"\0")
        + b"".join(_octal(number, 8) for number in owner)
        + _octal(size, 12)
        + _octal(mtime, 12)
    )
    end = (
        kind
        + link.ljust(100, b"\0")
        + b"ustar\x0000"
        + b"\0" * 64
        + _octal(device[0], 8)
        + _octal(device[1], 8)
    )
    end = end.ljust(BLOCK - len(start) - 8, b"\0")
    return start + b"%06o\0 " % (sum(start) + sum(end) + 8 * 32) + end


def _pax(records: dict[bytes, bytes]) -> bytes:
    """Return a pax header with its records, padded to a whole block."""
    data = b""
    for key, value in sorted(records.items()):
        body = b" " + key + b"=" + value + b"\n"
        length = len(body)
        while len(b"%d" % length) + len(body) != length:  # the length counts its own digits
            length = len(b"%d" % length) + len(body)
        data += b"%d" % length + body
    return (
        _block(b"./PaxHeaders", b"x", (0o644, 0, 0), len(data), 0)
        + data
        + b"\0" * (-len(data) % BLOCK)
    )
