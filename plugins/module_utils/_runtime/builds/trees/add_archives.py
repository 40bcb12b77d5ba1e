# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read tar archives for ADD and for a build's context. Their content identifies them, compressed or
not.
"""

from __future__ import annotations

import contextlib
import errno
import os

from ...errors import EngineError, reason
from ...kernel.mounts import rootfs
from ...layers import hard_links
from ...layers.compression import compressed_streams
from ...layers.tar import reader
from ...untrusted.text import printable
from ..parse import dockerignore
from ..parse.expansion import Trouble
from .placer import Placer, joined, write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Opener = Callable[[], int]  # opens a file; its descriptor


_NODES = (reader.CHAR, reader.BLOCK_DEVICE, reader.FIFO)


def is_archive(opener: Opener) -> bool:
    """Tell whether a file is a tar archive, compressed or not: by its content."""
    with os.fdopen(opener(), "rb") as file:
        start = file.read(512)
        if not compressed_streams.kind_of(start) and not (
            len(start) == 512 and start[257:262] == b"ustar"
        ):
            return False
        file.seek(0)
        try:
            stream = reader.Stream(
                compressed_streams.decompress(compressed_streams.pieces(file, 1 << 14), "a file"),
                "a file",
            )
            return next(reader.entries(stream), None) is not None
        except EngineError:
            return False


def extract(top: int, opener: Opener, name: str) -> None:
    """Unpack the archive that ``opener`` opens into the directory ``top``, with its owners and
    modes; its links stay inside.

    :param name: of the archive, for errors.
    :raises Trouble: for an entry that can't be made.
    :raises EngineError: for a damaged one.
    """
    inner = Placer(top)
    with os.fdopen(opener(), "rb") as file:
        times: list[tuple[str, int]] = []
        for entry in reader.entries(
            reader.Stream(
                compressed_streams.decompress(compressed_streams.pieces(file), name), name
            )
        ):
            try:
                _extract_entry(inner, entry, times, name)
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise
                raise Trouble(
                    f"{name}: the entry {printable(entry.name)}: {reason(error, named=True)}"
                ) from None
    for path, mtime in reversed(times):
        fd = inner.directory(path)
        os.utime(fd, ns=(mtime, mtime))
        os.close(fd)


def _extract_entry(
    placer: Placer, entry: reader.Entry, times: list[tuple[str, int]], what: str
) -> None:
    path = os.fsdecode(entry.name)
    if "\0" in path:
        raise Trouble(f"{what}: the entry {path[:200]!r} has a NUL in its name")
    path = joined(
        "", path
    )  # .. goes no higher than the directory, as where tar runs in a root of its own
    owner = entry.uid, entry.gid
    if entry.kind == reader.DIRECTORY:
        fd = _directory(placer, path)
        try:
            os.fchown(fd, *owner)
            os.fchmod(fd, entry.mode)
        finally:
            os.close(fd)
        times.append((path, entry.mtime))
        return
    if not path:
        return
    parent_path, dummy, name = path.rpartition("/")
    parent = placer.directory(parent_path)
    try:
        placer.clear(parent, name, True)
        if entry.kind == reader.REGULAR:
            _extract_file(entry, parent, name, owner)
        elif entry.kind == reader.SYMLINK:
            placer.link(os.fsdecode(entry.link), parent, name, owner, entry.mtime)
        elif entry.kind == reader.LINK:
            _extract_link(placer, entry, parent, name, what)
            header = hard_links.Header.of(entry)
            hard_links.on_disk(parent, os.fsencode(name), header, what)
        elif entry.kind in _NODES:
            kind = reader.FILE_TYPES[entry.kind]
            os.mknod(name, kind | 0o600, os.makedev(*entry.device), dir_fd=parent)
            os.chown(name, *owner, dir_fd=parent, follow_symlinks=False)
            os.chmod(name, entry.mode, dir_fd=parent)
            os.utime(name, ns=(entry.mtime, entry.mtime), dir_fd=parent, follow_symlinks=False)
    finally:
        os.close(parent)


def _directory(placer: Placer, path: str) -> int:
    """Open the directory that an entry describes. A file or link of that name is removed, as when a
    later entry of an archive replaces it.
    """
    parent_path, dummy, name = path.rpartition("/")
    if name:
        parent = placer.directory(parent_path)
        try:
            with contextlib.suppress(FileNotFoundError, IsADirectoryError, PermissionError):
                os.unlink(name, dir_fd=parent)
        finally:
            os.close(parent)
    return placer.directory(path)


def _extract_link(placer: Placer, entry: reader.Entry, parent: int, name: str, what: str) -> None:
    target = os.fsdecode(entry.link)
    first, dummy, last = dockerignore.clean("/" + target).rpartition("/")
    try:
        source = rootfs.open_in_root(placer.root, first or ".", os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.link(last, name, src_dir_fd=source, dst_dir_fd=parent, follow_symlinks=False)
        finally:
            os.close(source)
    except OSError as error:
        raise Trouble(
            f"{what}: the hard link {name!r} to {target[:200]!r}: {reason(error, named=True)}"
        ) from None


def _extract_file(entry: reader.Entry, parent: int, name: str, owner: tuple[int, int]) -> None:
    fd = os.open(
        name,
        os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC,
        0o600,
        dir_fd=parent,
    )

    def write(view: memoryview) -> None:
        write_all(fd, view)

    try:
        if entry.sparse is None:
            entry.write_to(write)
        else:
            for offset, _length, part in entry.parts():
                os.lseek(fd, offset, os.SEEK_SET)
                part(write)
            os.ftruncate(fd, entry.size)
        os.fchown(fd, *owner)
        os.fchmod(fd, entry.mode)
        for key, value in hard_links.kept(entry.xattrs).items():
            os.setxattr(fd, key, value)
        os.utime(fd, ns=(entry.mtime, entry.mtime))
    finally:
        os.close(fd)
