# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A volume's content as a tar archive: written, unpacked, and compared with a directory.

An archive has all that the directory has: owners, modes, times to the nanosecond, extended
attributes with access lists, hard links, holes of sparse files, devices and pipes. Sockets are left
out. Names that mean something in a layer (``.wh.``) mean nothing here. The form is pax, with GNU's
sparse format 1.0, which GNU tar reads.

An archive of any other program is unpacked too. Nothing in it leads out of the directory
(``layers/unpack.py``).
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat

from ..errors import HostError, RegistryError, reason
from ..layers import confined_tree, entries, hard_links, unpack
from ..layers.tar import reader, writer
from ..untrusted import trees

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    # {path: digest of all that is known of what lies there}; the top is the empty path
    Described = dict[bytes, bytes]
    # what two names of one file share: its digest, and all of its names
    Group = tuple[bytes, list[bytes]]

KEPT = (b"user.", b"trusted.")  # beginnings of attributes that are kept
KEPT_NAMES = {b"security.capability", b"system.posix_acl_access", b"system.posix_acl_default"}
DEFAULT_ACL = b"system.posix_acl_default"  # makes what is created in the directory differ
PIECE = 1 << 18  # bytes
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_KINDS = {file_type: kind for kind, file_type in reader.FILE_TYPES.items()}


def kept(names: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """Return those extended attributes that belong to the content, not to the host (SELinux, IMA)."""
    return {
        name: value for name, value in names.items() if name in KEPT_NAMES or name.startswith(KEPT)
    }


def _attributes(fd: int) -> dict[bytes, bytes]:
    try:
        names = os.listxattr(fd)
    except OSError:
        return {}  # a file system without them
    return kept({os.fsencode(name): os.getxattr(fd, name) for name in names})


# ------------------------------------------------------------------------------------------ reading


class File:
    """Something in a directory that is read.

    :ivar path: its path from the top; empty for the top itself.
    :ivar link: the target of a symbolic link.
    :ivar fd: of a regular file, open to be read while the walk stands here; else None.
    :ivar parts: ``(offset, length)`` of a regular file's data between its holes.
    """

    __slots__ = ("path", "kind", "status", "link", "xattrs", "fd", "parts")

    def __init__(self, path: bytes, kind: bytes, status: os.stat_result) -> None:
        self.path, self.kind, self.status = path, kind, status
        self.link = b""
        self.xattrs: dict[bytes, bytes] = {}
        self.fd: int | None = None
        self.parts: list[tuple[int, int]] = []

    def data(self) -> Iterator[tuple[int, bytes]]:
        """Yield ``(offset, piece)`` of a regular file's data, without its holes.

        :raises HostError: when it becomes shorter meanwhile.
        """
        for offset, length in self.parts:
            end = offset + length
            while offset < end:
                piece = os.pread(self.fd or 0, min(PIECE, end - offset), offset)
                if not piece:
                    raise _changed(self.path)
                yield offset, piece
                offset += len(piece)


def _changed(path: bytes) -> HostError:
    return HostError(f"{confined_tree.show(path)} changed while it was read")


def _files(top: int) -> Iterator[File]:
    """Yield the directory ``top`` and all that is in it, by name; mounts below it are not entered.

    :raises HostError: for what an archive can't have, and what changes while it is read.
    """
    status = os.fstat(top)
    root = File(b"", reader.DIRECTORY, status)
    root.xattrs = _attributes(top)
    yield root
    for found in trees.walk(top, lambda found: found.status.st_dev == status.st_dev):
        path = os.fsencode(found.path)
        kind = _KINDS.get(stat.S_IFMT(found.status.st_mode))
        if kind is None:
            continue
        if found.depth >= confined_tree.MAX_DEPTH or len(path) > reader.MAX_NAME - 2:
            raise HostError(
                f"{confined_tree.show(path)} lies too deep for an archive: it has directories that "
                f"are nested deeper than {confined_tree.MAX_DEPTH - 1}"
            )
        file = File(path, kind, found.status)
        try:
            _open(file, found)
        except FileNotFoundError:
            continue  # it went meanwhile
        except OSError as error:
            if error.errno in (errno.ENOTDIR, errno.ELOOP, errno.EINVAL):
                raise _changed(path) from None
            raise
        try:
            yield file
        finally:
            if file.fd is not None:
                os.close(file.fd)


def _open(file: File, found: trees.Entry) -> None:
    """Read what a file has beside its status."""
    name = os.fsencode(found.name)
    if file.kind == reader.REGULAR:
        file.fd = writer.open_regular(found.directory, name, os.O_RDONLY)
        file.status = os.fstat(file.fd)
        file.parts = _data(file.fd, file.status)
        file.xattrs = _attributes(file.fd)
    elif file.kind == reader.SYMLINK:
        file.link = os.readlink(name, dir_fd=found.directory)
    elif file.kind == reader.DIRECTORY:
        inner = os.open(name, _OPEN | os.O_DIRECTORY, dir_fd=found.directory)
        try:
            file.xattrs = _attributes(inner)
        finally:
            os.close(inner)
    if sum(len(key) + len(value) for key, value in file.xattrs.items()) > reader.MAX_EXTENSION // 2:
        raise HostError(
            f"{confined_tree.show(file.path)} has more extended attributes than an archive takes"
        )


def _data(fd: int, status: os.stat_result) -> list[tuple[int, int]]:
    """Return where a file's data is, between its holes."""
    size = status.st_size
    if status.st_blocks * 512 >= size:
        return [(0, size)] if size else []
    parts: list[tuple[int, int]] = []
    end = 0
    while end < size and len(parts) < reader.MAX_SPARSE:
        try:
            start = os.lseek(fd, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return parts  # only a hole is left
            return [(0, size)]  # a file system that does not tell
        end = min(os.lseek(fd, start, os.SEEK_HOLE), size)
        if start < end:
            parts.append((start, end - start))
    return parts if end >= size else [(0, size)]


# ------------------------------------------------------------------------------------------ writing


def pieces(top: int) -> Iterator[bytes]:
    """Yield the pieces of an archive of all that is in the directory ``top``, and of itself.

    :raises HostError: when a file changes meanwhile, or lies too deep for an archive.
    """
    first: dict[tuple[int, int], bytes] = {}
    for file in _files(top):
        name = b"./" + file.path
        status = file.status
        # overlayfs makes one file of its whiteouts, with many names
        linked = status.st_nlink > 1 and file.kind not in (reader.DIRECTORY, reader.CHAR)
        if linked:
            other = first.setdefault((status.st_dev, status.st_ino), name)
            if other != name:
                yield writer.header(name, reader.LINK, status, link=other, fraction=True)
                continue
        if file.kind == reader.REGULAR:
            yield from _regular(file, name)
            continue
        if file.kind == reader.DIRECTORY and file.path:
            name += b"/"
        yield writer.header(
            name, file.kind, status, link=file.link, xattrs=file.xattrs, fraction=True
        )
    yield b"\0" * (2 * reader.BLOCK)


def _regular(file: File, name: bytes) -> Iterator[bytes]:
    size = file.status.st_size
    stored = sum(length for _offset, length in file.parts)
    head, more = b"", {}
    if stored < size:
        numbers = [len(file.parts), *(number for part in file.parts for number in part)]
        head = b"".join(b"%d\n" % number for number in numbers)
        head += b"\0" * (-len(head) % reader.BLOCK)
        more = {
            b"GNU.sparse.major": b"1",
            b"GNU.sparse.minor": b"0",
            b"GNU.sparse.name": name,
            b"GNU.sparse.realsize": b"%d" % size,
        }
        name = b"./GNUSparseFile.0/" + os.path.basename(name)
    yield writer.header(
        name,
        reader.REGULAR,
        file.status,
        size=len(head) + stored,
        xattrs=file.xattrs,
        fraction=True,
        more=more,
    )
    if head:
        yield head
    for _offset, piece in file.data():
        yield piece
    if stored % reader.BLOCK:
        yield b"\0" * (-stored % reader.BLOCK)


# ---------------------------------------------------------------------------------------- unpacking


def unpack_into(chunks: Iterable[bytes], directory: str, what: str) -> None:
    """Unpack an uncompressed archive into the empty ``directory``. It is read to its end.

    :param what: names the archive in errors.
    :raises RegistryError: when the archive is damaged, or an entry would leave the directory.
    :raises Unsupported: when the file system refuses an attribute.
    :raises HostError: when the disk does.
    """
    stream = reader.Stream(chunks, what)
    worker = _Unpacker(directory, what)
    with worker.tree:
        for entry in reader.entries(stream, ended=True):
            try:
                worker.take(entry)
            except OSError as error:
                raise HostError(
                    f"{what}: {confined_tree.show(entry.name)} could not be written: "
                    f"{reason(error, named=True)}"
                ) from None
        stream.drain()
        worker.finish()


class _Unpacker(unpack.Unpacker):
    """Create the entries of an archive that is no layer."""

    whiteouts = False

    def __init__(self, directory: str, what: str) -> None:
        super().__init__(directory, what)
        self._lists: list[tuple[int, list[bytes], bytes]] = []  # (inode, path, default ACL)

    def _directory(self, entry: reader.Entry, parts: list[bytes], position: int) -> None:
        super()._directory(entry, parts, position)
        if DEFAULT_ACL in entry.xattrs:
            inode = os.fstat(self.tree.directory(parts)).st_ino
            self._lists.append((inode, parts, entry.xattrs[DEFAULT_ACL]))

    def _attributes(self, fd: int, entry: reader.Entry) -> None:
        found = kept(entry.xattrs)
        found.pop(DEFAULT_ACL, None)  # set last: what is created in the directory would inherit it
        hard_links.put(fd, found, entry.name, self.what)

    def finish(self) -> list[bytes]:
        for inode, parts, value in self._lists:
            fd = self.tree.find(parts)
            if fd is not None and os.fstat(fd).st_ino == inode:
                hard_links.put(fd, {DEFAULT_ACL: value}, b"/".join(parts), self.what)
        if self.links:
            name = min(self.links)
            raise RegistryError(
                f"{self.what}: the hard link {confined_tree.show(name)} leads to nothing"
            )
        return super().finish()


# ---------------------------------------------------------------------------------------- comparing


def describe(top: int) -> Described:
    """Describe all that is in the directory ``top``; what :func:`describe_archive` returns of an
    archive that holds the same is equal.

    :raises HostError: as :func:`pieces`.
    """
    found: Described = {}
    groups: dict[tuple[int, int], Group] = {}
    for file in _files(top):
        status = file.status
        identity = status.st_dev, status.st_ino
        linked = status.st_nlink > 1 and file.kind not in (reader.DIRECTORY, reader.CHAR)
        if linked and identity in groups:
            groups[identity][1].append(file.path)
            continue
        device = (
            (os.major(status.st_rdev), os.minor(status.st_rdev))
            if file.kind in (reader.CHAR, reader.BLOCK_DEVICE)
            else (0, 0)
        )
        digest = _digest(
            file.kind,
            (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, status.st_mtime_ns),
            device,
            file.link,
            file.xattrs,
            status.st_size if file.kind == reader.REGULAR else 0,
            file.data(),
        )
        if linked:
            groups[identity] = digest, [file.path]
        found[file.path] = digest
    _mark_linked(found, groups.values())
    return found


def describe_archive(chunks: Iterable[bytes], what: str) -> Described:
    """Describe what the directory would hold that an archive is unpacked into.

    :raises RegistryError: when it is damaged.
    """
    stream = reader.Stream(chunks, what)
    found: Described = {}
    names: dict[bytes, Group] = {}  # of files with several names
    implied = _digest(reader.DIRECTORY, (0o755, 0, 0, 0), (0, 0), b"", {}, 0, ())
    for entry in reader.entries(stream, ended=True):
        parts = entries.checked(entry, what)
        path = b"/".join(parts)
        if entry.kind == reader.LINK:
            target = b"/".join(confined_tree.split(entry.link, what))
            group = names.setdefault(target, (found.get(target, b""), [target]))
            group[1].append(path)
            names[path] = group
            found[path] = group[0]
        elif entry.kind in reader.FILE_TYPES:
            names.pop(path, None)
            found[path] = _of_entry(entry)
        for depth in range(len(parts)):
            found.setdefault(b"/".join(parts[:depth]), implied)
    stream.drain()
    found.setdefault(b"", implied)
    _mark_linked(found, {id(group): group for group in names.values()}.values())
    return found


def _of_entry(entry: reader.Entry) -> bytes:
    return _digest(
        entry.kind,
        (0o777 if entry.kind == reader.SYMLINK else entry.mode, entry.uid, entry.gid, entry.mtime),
        entry.device,
        entry.link,
        kept(entry.xattrs) if entry.kind in (reader.REGULAR, reader.DIRECTORY) else {},
        entry.size if entry.kind == reader.REGULAR else 0,
        _data_of(entry) if entry.kind == reader.REGULAR else (),
    )


def _data_of(entry: reader.Entry) -> Iterator[tuple[int, bytes]]:
    """Yield ``(offset, piece)`` of the data of a regular file in an archive."""
    for offset, length in [(0, entry.size)] if entry.sparse is None else entry.sparse:
        for piece in entry.pieces(length):
            yield offset, piece
            offset += len(piece)


def _digest(
    kind: bytes,
    owner: tuple[int, int, int, int],
    device: tuple[int, int],
    link: bytes,
    xattrs: Mapping[bytes, bytes],
    size: int,
    data: Iterable[tuple[int, bytes]],
) -> bytes:
    """Return the digest of all that is known of a file.

    :param owner: mode, uid, gid, and time in nanoseconds.
    :param data: its ``(offset, piece)``, in order.
    """
    checksum = hashlib.sha256()
    facts: list[Any] = [kind, owner, device, link, sorted(xattrs.items()), size]
    checksum.update(repr(facts).encode())
    blocks = _Blocks(checksum)
    for offset, piece in data:
        blocks.put(offset, piece)
    blocks.end()
    return checksum.digest()


class _Blocks:
    """Hash a file's data, block by block, but for blocks of zeros: holes lie elsewhere on every
    file system, and cost nothing here.
    """

    SIZE = 4096
    ZERO = bytes(SIZE)

    def __init__(self, checksum: Any) -> None:
        self._checksum = checksum
        self._number, self._block = -1, bytearray()  # one of which a part has come

    def put(self, offset: int, piece: bytes) -> None:
        view = memoryview(piece)
        while view:
            number, start = divmod(offset, self.SIZE)
            part = view[: self.SIZE - start]
            if number != self._number:
                self.end()
            if len(part) == self.SIZE:
                self._hash(number, part)
            else:
                self._number = number
                self._block += bytes(start - len(self._block))
                self._block += part
            offset, view = offset + len(part), view[len(part) :]

    def end(self) -> None:
        """Hash the block of which a part has come."""
        if self._block:
            self._hash(self._number, self._block)
        self._number, self._block = -1, bytearray()

    def _hash(self, number: int, block: bytearray | memoryview) -> None:
        if block != self.ZERO[: len(block)]:
            data = bytes(block).rstrip(b"\0")
            self._checksum.update(b"%d %d " % (number, len(data)))
            self._checksum.update(data)


def _mark_linked(found: Described, groups: Iterable[Group]) -> None:
    """Have the names of one file say which names it has."""
    for digest, names in groups:
        if len(names) > 1:
            marked = hashlib.sha256(digest + b"\0".join(sorted(names))).digest()
            found.update(dict.fromkeys(names, marked))


def digest_of(described: Described) -> str:
    """Return the digest of a description: equal for equal content, whatever archive it is in."""
    checksum = hashlib.sha256()
    for path in sorted(described):
        checksum.update(b"%d %s %s" % (len(path), path, described[path]))
    return "sha256:" + checksum.hexdigest()
