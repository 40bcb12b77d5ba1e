# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read tar archives from a stream of pieces: ustar, GNU and pax.

Names are bytes, times nanoseconds. ``tarfile`` loses fractions of a second and the times of
symbolic links, and takes twice as long. Sources: POSIX pax (IEEE 1003.1, "pax Interchange Format"),
GNU tar's manual ("Basic Tar Format", "Storing Sparse Files"), and the SCHILY.xattr records that
every image builder writes.
"""

from __future__ import annotations

import os
import stat
import zlib

from ...errors import RegistryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    Sink = Callable[[memoryview], object]
    # a pax value; a list of them for the keys that GNU's sparse format 0.0 repeats
    Records = dict[bytes, Any]
    Owner = tuple[int, int, int]  # mode, uid, gid

BLOCK = 512
PIECE = 1 << 17  # bytes that are handed on at once
MAX_EXTENSION = 1 << 20  # bytes of one pax header or long name
MAX_COMMON = 1 << 12  # bytes of all that is said for every entry of the archive
MAX_NAME = 1 << 15  # PATH_MAX is 4096; some room for links
MAX_SPARSE = 1 << 20  # parts of one sparse file

REGULAR, LINK, SYMLINK, CHAR, BLOCK_DEVICE, DIRECTORY, FIFO = (
    b"0",
    b"1",
    b"2",
    b"3",
    b"4",
    b"5",
    b"6",
)
FILE_TYPES = {  # of the kinds that have a file of their own: as of stat(2)
    REGULAR: stat.S_IFREG,
    SYMLINK: stat.S_IFLNK,
    CHAR: stat.S_IFCHR,
    BLOCK_DEVICE: stat.S_IFBLK,
    DIRECTORY: stat.S_IFDIR,
    FIFO: stat.S_IFIFO,
}
_REGULAR_TYPES = (b"0", b"\0", b"7")
_EXTENSIONS = (b"x", b"g", b"L", b"K")
_SPARSE_KEYS = {b"GNU.sparse.major", b"GNU.sparse.map", b"GNU.sparse.offset", b"GNU.sparse.name"}
_KEYS = {b"path", b"linkpath", b"size", b"uid", b"gid", b"mtime"}
_OWNERS = 256  # combinations of mode, uid and gid that are remembered: an archive has few
_ZERO = b"\0" * BLOCK
_XATTR = b"SCHILY.xattr."


class Stream:
    """A stream of pieces, read in portions of any size.

    :ivar what: names the stream in errors.
    :ivar offset: bytes read so far.
    """

    def __init__(self, chunks: Iterable[bytes], what: str = "the archive") -> None:
        self._chunks, self.what = iter(chunks), what
        self._piece, self._at = b"", 0
        self.offset = 0

    def _next(self) -> bool:
        for piece in self._chunks:
            if piece:
                self._piece, self._at = piece, 0
                return True
        return False

    def read(self, count: int) -> bytes:
        """Return the next ``count`` bytes, fewer only at the stream's end."""
        end = self._at + count
        if end <= len(self._piece):
            data = self._piece[self._at : end]
            self._at = end
            self.offset += count
            return data
        parts, missing = [], count
        while missing:
            if self._at == len(self._piece) and not self._next():
                break
            part = self._piece[self._at : self._at + missing]
            self._at += len(part)
            missing -= len(part)
            parts.append(part)
        self.offset += count - missing
        return b"".join(parts)

    def pour(self, count: int, sink: Sink) -> None:
        """Hand the next ``count`` bytes to ``sink`` in pieces, without joining them.

        :raises RegistryError: when the stream ends before.
        """
        missing = count
        while missing:
            if self._at == len(self._piece) and not self._next():
                raise RegistryError(f"{self.what} is cut short: an entry lacks {missing} bytes")
            view = memoryview(self._piece)[self._at : self._at + missing]
            self._at += len(view)
            missing -= len(view)
            sink(view)
        self.offset += count

    def skip(self, count: int) -> None:
        """Skip the next ``count`` bytes.

        :raises RegistryError: when the stream ends before.
        """
        end = self._at + count
        if end <= len(self._piece):
            self._at = end
            self.offset += count
        else:
            self.pour(count, _nothing)

    def drain(self) -> None:
        """Read to the end, so that a digest over the stream covers all of it."""
        self._at = len(self._piece)
        while self._next():
            self._at = len(self._piece)


def _nothing(_view: memoryview) -> None:
    pass


class FileStream(Stream):
    """An archive in a file; skipped bytes are not read.

    :param fd: the open file.
    :param start, end: where the archive is in it.
    """

    WINDOW = 1 << 12

    def __init__(self, fd: int, start: int, end: int, what: str = "the archive") -> None:
        super().__init__((), what)
        self._fd, self._position, self._end = fd, start, end  # the position behind the piece

    def _next(self) -> bool:
        piece = os.pread(self._fd, min(self.WINDOW, self._end - self._position), self._position)
        self._position += len(piece)
        self._piece, self._at = piece, 0
        return bool(piece)

    def skip(self, count: int) -> None:
        ahead = count - (len(self._piece) - self._at)
        if ahead <= 0 or self._position + ahead > self._end:
            super().skip(count)
            return
        self._position += ahead
        self._piece, self._at = b"", 0
        self.offset += count


class Entry:
    """One member of an archive.

    :ivar name: as in the archive.
    :ivar kind: one of this file's constants; others are unknown types.
    :ivar link: target of a hard or symbolic link, else empty.
    :ivar mode: permissions with set-id and sticky bits, without the type.
    :ivar mtime: nanoseconds since the epoch.
    :ivar size: bytes of the file's content, with its holes.
    :ivar stored: bytes of it that are in the archive.
    :ivar device: ``(major, minor)``.
    :ivar xattrs: ``{name: value}``.
    :ivar sparse: ``(offset, length)`` of the parts of a sparse file in order, else None.
    """

    __slots__ = (
        "name",
        "kind",
        "link",
        "mode",
        "uid",
        "gid",
        "mtime",
        "size",
        "device",
        "xattrs",
        "stored",
        "sparse",
        "_stream",
        "_left",
    )
    name: bytes
    kind: bytes
    link: bytes
    mode: int
    uid: int
    gid: int
    mtime: int
    size: int
    device: tuple[int, int]
    xattrs: dict[bytes, bytes]
    stored: int
    sparse: list[tuple[int, int]] | None

    def __init__(self, stream: Stream) -> None:
        self._stream, self._left = stream, 0

    def write_to(self, sink: Sink) -> None:
        """Pass the content to ``sink`` in pieces; call it once. For a sparse file see
        :meth:`parts`.
        """
        self._stream.pour(self._left, sink)
        self._left = 0

    def pieces(self, count: int) -> Iterator[bytes]:
        """Yield the next ``count`` bytes of the content, piece by piece.

        :raises RegistryError: when the archive ends before.
        """
        if count > self._left:
            raise RegistryError(
                f"{self._stream.what} is damaged: a file's content exceeds its entry"
            )
        while count:
            piece = self._stream.read(min(count, PIECE))
            if not piece:
                raise RegistryError(
                    f"{self._stream.what} is cut short: an entry lacks {count} bytes"
                )
            self._left -= len(piece)
            count -= len(piece)
            yield piece

    def parts(self) -> Iterator[tuple[int, int, Callable[[Sink], None]]]:
        """Yield ``(offset, length, write)`` of each part of a sparse file in order.

        Call ``write(sink)`` before going on.
        """
        for offset, length in self.sparse or ():

            def write(sink: Sink, length: int = length) -> None:
                if length > self._left:
                    raise RegistryError(
                        f"{self._stream.what} is damaged: a sparse file's parts exceed its size"
                    )
                self._stream.pour(length, sink)
                self._left -= length

            yield offset, length, write


class _Headers:
    """The extension headers that apply to the entries behind them.

    :ivar common: pax records for every entry that follows.
    :ivar pending: pax records for the next entry.
    :ivar name, link: GNU's long ones for it, or None.
    """

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.common: Records = {}
        self.forget()

    def forget(self) -> None:
        """Drop what applied to one entry."""
        self.pending: Records = {}
        self.name: bytes | None = None
        self.link: bytes | None = None

    def take(self, kind: bytes, size: int) -> None:
        """Read an extension header of ``size`` bytes."""
        data = _extension(self.stream, size)
        if kind == b"g":
            self._global(data)
        elif kind == b"x":
            self.pending = _records(data, self.stream.what)
        elif kind == b"L":
            self.name = data.split(b"\0", 1)[0]
        else:
            self.link = data.split(b"\0", 1)[0]

    def _global(self, data: bytes) -> None:
        what = self.stream.what
        self.common.update(
            (key, value)
            for key, value in _records(data, what).items()
            if key in _KEYS or key in _SPARSE_KEYS or key.startswith(_XATTR)
        )
        if sum(len(key) + len(value) for key, value in self.common.items()) > MAX_COMMON:
            raise RegistryError(
                f"{what} is damaged: its global headers have more than {MAX_COMMON} bytes"
            )

    def records(self) -> Records:
        """Return the pax records that apply to the next entry."""
        return {**self.common, **self.pending} if self.common else self.pending


def entries(stream: Stream, ended: bool = False) -> Iterator[Entry]:
    """Yield every :class:`Entry` of the archive in ``stream``. Content that was not read is
    skipped.

    :param ended: an archive without its end marker is cut short.
    :raises RegistryError: when the archive is damaged.
    """
    what, headers = stream.what, _Headers(stream)
    owners: dict[bytes, Owner] = {}
    zeros = 0
    while True:
        header = stream.read(BLOCK)
        if header == _ZERO:
            zeros += 1
            if zeros == 2:
                return
            continue
        zeros = 0
        if not header and not ended:
            return  # no end marker: GNU tar takes that too
        if not header:
            raise RegistryError(f"{what} is cut short: it has no end marker")
        if len(header) < BLOCK:
            raise RegistryError(f"{what} is cut short inside a header")
        _check(header, what)
        kind = header[156:157]
        size = _number(header[124:136], what)
        if kind in _EXTENSIONS:
            headers.take(kind, size)
            continue
        owner = owners.get(header[100:124])
        if owner is None:
            owner = _owner(header, what)
            if len(owners) < _OWNERS:
                owners[header[100:124]] = owner
        entry = _entry(headers, header, kind, size, owner)
        headers.forget()
        padding = -entry.stored % BLOCK
        yield entry
        if entry._left or padding:
            stream.skip(entry._left + padding)


def _check(header: bytes, what: str) -> None:
    """Check a header's checksum.

    :raises RegistryError: when it is wrong.
    """
    field = header[148:156].strip(b" \0")
    try:
        expected = int(field, 8)
    except ValueError:
        expected = -1
    # The lower half of Adler-32 is one more than the sum of the bytes, modulo 65521. 256 bytes
    # can't reach that, and this is ten times as fast as sum().
    total = (zlib.adler32(header[:256]) & 0xFFFF) + (zlib.adler32(header[256:]) & 0xFFFF) - 2
    if total - sum(header[148:156]) + 256 == expected:
        return
    body = header[:148] + b" " * 8 + header[156:]
    if (
        sum(byte - 256 if byte > 127 else byte for byte in body) != expected
    ):  # old tars summed signed characters
        raise RegistryError(
            f"{what} is not a tar archive, or is damaged: a header's checksum is wrong"
        )


def _number(field: bytes, what: str) -> int:
    """Read an octal number, or a GNU base-256 one."""
    if not field[-1]:
        try:
            return int(field[:-1], 8)
        except ValueError:
            pass  # of another form than the usual one
    first = field[0]
    if first & 0x80:
        if first == 0xFF:
            return int.from_bytes(field, "big", signed=True)
        return int.from_bytes(bytes([first & 0x7F]) + field[1:], "big")
    text = field.strip(b" \0").split(b"\0", 1)[0].strip()
    if not text:
        return 0
    try:
        return int(text, 8)
    except ValueError:
        raise RegistryError(
            f"{what} is damaged: {text!r} is not a number in a tar header"
        ) from None


def _extension(stream: Stream, size: int) -> bytes:
    if not 0 <= size <= MAX_EXTENSION:
        raise RegistryError(
            f"{stream.what} is damaged: an extended header of {size} bytes; at most "
            f"{MAX_EXTENSION} are accepted"
        )
    whole = size + -size % BLOCK
    data = stream.read(whole)
    if len(data) < whole:
        raise RegistryError(f"{stream.what} is cut short inside an extended header")
    return data[:size]


def _records(data: bytes, what: str) -> Records:
    """Read pax records: ``LENGTH KEY=VALUE\\n``.

    GNU's sparse format 0.0 repeats two keys, whose values are gathered in lists.
    """
    records: Records = {}
    position = 0
    while position < len(data):
        space = data.find(b" ", position, position + 20)
        digits = data[position:space] if space > 0 else b""
        length = int(digits) if digits.isdigit() else 0
        end = position + length
        equals = data.find(b"=", space, end) if length else -1
        if equals < 0 or end > len(data) or data[end - 1 : end] != b"\n":
            if not data[position:].strip(b"\0"):
                break
            raise RegistryError(f"{what} is damaged: a pax record can't be read")
        key, value = data[space + 1 : equals], data[equals + 1 : end - 1]
        if key in (b"GNU.sparse.offset", b"GNU.sparse.numbytes"):
            records.setdefault(key, []).append(value)
        else:
            records[key] = value
        position = end
    return records


def _owner(header: bytes, what: str) -> Owner:
    return (
        _number(header[100:108], what) & 0o7777,
        _number(header[108:116], what),
        _number(header[116:124], what),
    )


def _entry(headers: _Headers, header: bytes, kind: bytes, size: int, owner: Owner) -> Entry:
    """Return the entry that a header block describes, together with the extension headers before
    it.
    """
    stream, pax = headers.stream, headers.records()
    what, entry = stream.what, Entry(stream)
    name = header[:100].split(b"\0", 1)[0]
    if header[257:263] == b"ustar\0" and header[345] and headers.name is None:
        name = header[345:500].split(b"\0", 1)[0] + b"/" + name
    link = header[157:257].split(b"\0", 1)[0] if header[157] else b""
    entry.name = name if headers.name is None else headers.name
    entry.link = link if headers.link is None else headers.link
    entry.mode, entry.uid, entry.gid = owner
    if b"mtime" not in pax:
        entry.mtime = _number(header[136:148], what) * 1000000000
    entry.device = (0, 0)
    if kind in (CHAR, BLOCK_DEVICE):
        entry.device = _number(header[329:337], what), _number(header[337:345], what)
    entry.xattrs, entry.sparse = {}, None
    entry.stored = entry.size = size
    if pax:
        _apply_pax(entry, pax, what)
    if kind == b"\0" and entry.name.endswith(b"/"):
        kind = DIRECTORY  # a V7 archive has no type for it
    if kind in (LINK, SYMLINK, CHAR, BLOCK_DEVICE, DIRECTORY, FIFO):
        # some archivers give a link its target's size; no content follows
        entry.stored = entry.size = 0
    if entry.stored < 0 or len(entry.name) > MAX_NAME or len(entry.link) > MAX_NAME:
        raise RegistryError(f"{what} is damaged: an entry's size or name is out of range")
    entry.kind = REGULAR if kind in _REGULAR_TYPES or kind == b"S" else kind
    entry._left = entry.stored
    if kind == b"S":
        _old_sparse(entry, header, stream)
    elif pax and not _SPARSE_KEYS.isdisjoint(pax):
        _pax_sparse(entry, pax, stream)
    return entry


def _apply_pax(entry: Entry, pax: Records, what: str) -> None:
    for key, value in pax.items():
        if key == b"path":
            entry.name = value
        elif key == b"linkpath":
            entry.link = value
        elif key == b"size":
            entry.stored = entry.size = _decimal(value, what)
        elif key == b"uid":
            entry.uid = _decimal(value, what)
        elif key == b"gid":
            entry.gid = _decimal(value, what)
        elif key == b"mtime":
            entry.mtime = _time(value, what)
        elif key.startswith(_XATTR):
            entry.xattrs[key[len(_XATTR) :]] = value


def _decimal(value: bytes, what: str) -> int:
    if not value.isdigit() or len(value) > 20:
        raise RegistryError(f"{what} is damaged: {value!r} is not a number in a pax record")
    return int(value)


def _time(value: bytes, what: str) -> int:
    """Return a time such as ``1700000000.123456789`` in nanoseconds."""
    if len(value) == 20 and value[10:11] == b".":  # as Docker writes it
        digits = value[:10] + value[11:]
        if digits.isdigit():
            return int(digits)
    whole, _point, fraction = value.partition(b".")
    sign = -1 if whole.startswith(b"-") else 1
    digits = whole.lstrip(b"-") or b"0"
    if not digits.isdigit() or len(digits) > 20 or not (fraction or b"0").isdigit():
        raise RegistryError(f"{what} is damaged: {value!r} is not a time in a pax record")
    return sign * (int(digits) * 1000000000 + int((fraction + b"000000000")[:9]))


def _sparse_map(entry: Entry, numbers: list[int], size: int, what: str) -> None:
    """Set an entry's sparse map.

    :param numbers: offset and length of each part, in order.
    """
    if (
        size < 0
        or len(numbers) % 2
        or len(numbers) > 2 * MAX_SPARSE
        or any(number < 0 for number in numbers)
    ):
        raise RegistryError(f"{what} is damaged: a sparse file's map can't be read")
    parts = list(zip(numbers[::2], numbers[1::2]))
    position = 0
    for offset, length in parts:
        if offset < position or offset + length > size:
            raise RegistryError(f"{what} is damaged: a sparse file's map is not in order")
        position = offset + length
    entry.sparse, entry.size = [part for part in parts if part[1]], size


def _old_sparse(entry: Entry, header: bytes, stream: Stream) -> None:
    """Read the map of GNU's type S: four parts in the header, 21 in each block that follows."""
    what = stream.what
    numbers: list[int] = []

    def take(block: bytes, count: int) -> None:
        for index in range(count):
            field = block[index * 24 : index * 24 + 24]
            if field[0:1] == b"\0":
                break
            numbers.extend((_number(field[:12], what), _number(field[12:24], what)))

    take(header[386:482], 4)
    more, size = bool(header[482]), _number(header[483:495], what)
    while more:
        block = stream.read(BLOCK)
        if len(block) < BLOCK or len(numbers) > 2 * MAX_SPARSE:
            raise RegistryError(f"{what} is cut short inside a sparse file's map")
        take(block, 21)
        more = bool(block[504])
    _sparse_map(entry, numbers, size, what)


def _pax_sparse(entry: Entry, pax: Records, stream: Stream) -> None:
    """Read the map of GNU's sparse formats.

    Formats 0.0 and 0.1 have it in the pax records, 1.0 before the content.
    """
    what = stream.what
    entry.name = pax.get(b"GNU.sparse.name", entry.name)
    size = entry.size
    for key in (b"GNU.sparse.size", b"GNU.sparse.realsize"):
        if key in pax:
            size = _decimal(pax[key], what)
    if b"GNU.sparse.map" in pax:
        numbers = [_decimal(value, what) for value in pax[b"GNU.sparse.map"].split(b",") if value]
    elif b"GNU.sparse.offset" in pax:
        pairs = zip(pax[b"GNU.sparse.offset"], pax.get(b"GNU.sparse.numbytes", []))
        numbers = [_decimal(value, what) for pair in pairs for value in pair]
    elif pax.get(b"GNU.sparse.major") == b"1":
        numbers = _leading_map(entry, stream)
    else:
        return
    _sparse_map(entry, numbers, size, what)


def _leading_map(entry: Entry, stream: Stream) -> list[int]:
    """Read the map of format 1.0.

    Its lines hold the count, then offset and length of each part; it is padded to a block.
    """
    lines: list[bytes] = []
    rest = b""
    wanted = 1
    while len(lines) < wanted:
        if entry._left < BLOCK or wanted > 2 * MAX_SPARSE or len(rest) > BLOCK:
            raise RegistryError(f"{stream.what} is damaged: a sparse file's map can't be read")
        block = stream.read(BLOCK)
        entry._left -= BLOCK
        *more, rest = (rest + block).split(b"\n")
        lines += more
        if lines:
            wanted = 1 + 2 * _decimal(lines[0], stream.what)
    return [_decimal(value, stream.what) for value in lines[1:wanted]]
