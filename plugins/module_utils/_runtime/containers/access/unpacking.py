# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unpack a tar archive into a directory that others may be changing at the same time.

Every name is reached through its directory's descriptor, one component at a time, and no link below
the directory is followed (CVE-2018-15664, CVE-2019-18466).
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat

from ...errors import Conflict, HostError, InvalidInput, reason
from ...layers import contents, hard_links
from ...layers.tar import reader
from ...layers.tar.writer import open_regular

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Ids = Callable[[int, int], tuple[int, int]]  # (uid, gid) to those of another place

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NODES = (reader.CHAR, reader.BLOCK_DEVICE, reader.FIFO)
DEEPEST = 250


class Unpacker:
    """Unpacks one archive.

    :param fd: of the directory.
    :param owner: turns the ids that the archive says into this process's.
    :param trusted: whether set-id bits, file capabilities and device nodes are taken; without it
        they are left out.
    :param modes: turns an entry's permissions into those that its file gets: ``modes(mode, whether
        it is a directory)``; None: as they are.
    :ivar left_out: names of device nodes that were left out.
    """

    def __init__(
        self,
        fd: int,
        owner: Ids,
        trusted: bool = True,
        modes: Callable[[int, bool], int] | None = None,
    ) -> None:
        self.fd, self.owner, self.trusted, self.modes = fd, owner, trusted, modes
        self.left_out: list[str] = []
        # Of directories: set last, since making a file in one changes them.
        self._times: list[tuple[list[bytes], int]] = []

    def take(self, pieces: Iterable[bytes], what: str) -> None:
        """Make what the archive holds.

        :param pieces: of the archive, uncompressed. :param what: it is, for sentences.
        :raises InvalidInput: an entry leads out of the directory.
        :raises Conflict: something of another type is in the way. :raises HostError: the disk says
            no.
        """
        stream = reader.Stream(pieces, what)
        for entry in reader.entries(stream):
            parts = [part for part in entry.name.split(b"/") if part not in (b"", b".")]
            if len(parts) > DEEPEST:
                raise HostError(
                    f"{os.fsdecode(entry.name[:200])}: its directories are nested deeper than "
                    f"{DEEPEST}"
                )
            if b".." in parts:
                raise InvalidInput(
                    "archive",
                    os.fsdecode(entry.name[:200]),
                    "names that stay inside of the directory",
                )
            if not parts or entry.kind == b"V":
                continue
            try:
                self._entry(entry, parts)
            except OSError as error:
                raise HostError(
                    f"{_show(parts)} could not be written: {reason(error, named=True)}"
                ) from None
        stream.drain()
        for parts, mtime in reversed(self._times):
            with contextlib.suppress(OSError), self._parent(parts + [b"."]) as fd:
                os.utime(fd, ns=(mtime, mtime))

    @contextlib.contextmanager
    def _parent(self, parts: list[bytes]) -> Iterator[int]:
        """Open the directory that ``parts[:-1]`` lead to, which is made where it is missing."""
        fd = os.dup(self.fd)
        try:
            for part in parts[:-1]:
                try:
                    inner = os.open(part, _DIRECTORY, dir_fd=fd)
                except FileNotFoundError:
                    os.mkdir(part, 0o755, dir_fd=fd)
                    inner = os.open(part, _DIRECTORY, dir_fd=fd)
                    os.fchown(inner, *self.owner(0, 0))
                except OSError as error:
                    if error.errno in (errno.ELOOP, errno.ENOTDIR):
                        raise Conflict(
                            f"{_show(parts)} is in the way: it is no directory"
                        ) from None
                    raise
                os.close(fd)
                fd = inner
            yield fd
        finally:
            os.close(fd)

    def _entry(self, entry: reader.Entry, parts: list[bytes]) -> None:
        name = parts[-1]
        with self._parent(parts) as fd:
            there = _status(fd, name)
            if entry.kind == reader.DIRECTORY:
                self._directory(fd, name, entry, parts, there)
                return
            if there is not None and stat.S_ISDIR(there.st_mode):
                raise Conflict(f"{_show(parts)} is a directory, and what is copied there is none")
            if entry.kind == reader.REGULAR:
                self._file(fd, name, entry, there)
            elif entry.kind == reader.LINK:
                self._hard_link(fd, name, entry)
            elif entry.kind == reader.SYMLINK:
                _unlink(fd, name)
                os.symlink(entry.link, name, dir_fd=fd)
                self._own(fd, name, entry)
            elif entry.kind in _NODES:
                self._node(fd, name, entry, parts)

    def _directory(
        self,
        fd: int,
        name: bytes,
        entry: reader.Entry,
        parts: list[bytes],
        there: os.stat_result | None,
    ) -> None:
        if there is None:
            os.mkdir(name, 0o700, dir_fd=fd)
        elif not stat.S_ISDIR(there.st_mode):
            raise Conflict(
                f"{_show(parts)} is there and no directory, which what is copied there is"
            )
        inner = os.open(name, _DIRECTORY, dir_fd=fd)
        try:
            self._attributes(inner, entry)
        finally:
            os.close(inner)
        self._times.append((parts, entry.mtime))

    def _file(
        self, fd: int, name: bytes, entry: reader.Entry, there: os.stat_result | None
    ) -> None:
        file = self._open(fd, name, there)
        try:
            size = 0
            for piece in contents.whole(entry):
                view = memoryview(piece)
                size += len(view)
                while view:
                    view = view[os.write(file, view) :]
            os.ftruncate(file, size)
            self._attributes(file, entry)
            os.utime(file, ns=(entry.mtime, entry.mtime))
        finally:
            os.close(file)

    def _open(self, fd: int, name: bytes, there: os.stat_result | None) -> int:
        """Make a new file in the place of what is there; one on which something is mounted is
        written into.
        """
        try:
            if there is not None:
                os.unlink(name, dir_fd=fd)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            return open_regular(fd, name, os.O_WRONLY)
        return os.open(name, _CREATE, 0o600, dir_fd=fd)

    def _hard_link(self, fd: int, name: bytes, entry: reader.Entry) -> None:
        target = [part for part in entry.link.split(b"/") if part not in (b"", b".")]
        if not target or b".." in target:
            raise InvalidInput(
                "archive", os.fsdecode(entry.link[:200]), "links that stay inside of the directory"
            )
        _unlink(fd, name)
        with self._parent(target) as home:
            os.link(target[-1], name, src_dir_fd=home, dst_dir_fd=fd, follow_symlinks=False)
        header = hard_links.Header(
            *self.owner(entry.uid, entry.gid), self._mode(entry), entry.mtime, self._kept(entry)
        )
        hard_links.on_disk(fd, name, header, os.fsdecode(name), lenient=True)

    def _node(self, fd: int, name: bytes, entry: reader.Entry, parts: list[bytes]) -> None:
        if entry.kind != reader.FIFO and not self.trusted:
            self.left_out.append(_show(parts))
            return
        _unlink(fd, name)
        kind = reader.FILE_TYPES[entry.kind]
        os.mknod(name, kind | 0o600, os.makedev(*entry.device), dir_fd=fd)
        handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
        try:
            if stat.S_IFMT(os.fstat(handle).st_mode) == kind:
                os.chmod(f"/proc/self/fd/{handle}", self._mode(entry))
        finally:
            os.close(handle)
        self._own(fd, name, entry)

    def _own(self, fd: int, name: bytes, entry: reader.Entry) -> None:
        os.chown(name, *self.owner(entry.uid, entry.gid), dir_fd=fd, follow_symlinks=False)
        os.utime(name, ns=(entry.mtime, entry.mtime), dir_fd=fd, follow_symlinks=False)

    def _attributes(self, fd: int, entry: reader.Entry) -> None:
        """Set owner before mode, since chown(2) takes set-id bits away."""
        os.fchown(fd, *self.owner(entry.uid, entry.gid))
        os.fchmod(fd, self._mode(entry))
        name = os.path.basename(entry.name)
        hard_links.put(fd, self._kept(entry), name, os.fsdecode(name), lenient=True)

    def _mode(self, entry: reader.Entry) -> int:
        """Return the mode that an entry's file gets."""
        directory = entry.kind == reader.DIRECTORY
        mode = entry.mode if self.modes is None else self.modes(entry.mode, directory)
        return mode & (0o7777 if self.trusted or directory else 0o1777)

    def _kept(self, entry: reader.Entry) -> dict[bytes, bytes]:
        """Return the attributes that an entry's file gets."""
        return {
            name: value
            for name, value in hard_links.kept(entry.xattrs).items()
            if self.trusted or name != hard_links.CAPABILITY
        }


def _status(fd: int, name: bytes) -> os.stat_result | None:
    try:
        return os.lstat(name, dir_fd=fd)
    except FileNotFoundError:
        return None


def _unlink(fd: int, name: bytes) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=fd)


def _show(parts: list[bytes]) -> str:
    return os.fsdecode(b"/".join(parts))
