# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A layer as one file, which the kernel mounts as EROFS.

It holds the layer's uncompressed tar archive unchanged, and an index behind it:

    0        metadata of this file (HEAD)
    1024     the superblock
    4096     the archive
    behind   inodes and directories

The file system's blocks are as large as tar's. So a regular file's content stays where it is in the
archive, and nothing is unpacked. The superblock and the index are written here, from entries that
were checked. The kernel reads no byte of an archive as anything but a file's content.

Source of the format: Linux, Documentation/filesystems/erofs.rst and fs/erofs/erofs_fs.h. Blocks of
this size need Linux 6.4; a file as the device needs 6.12.
"""

from __future__ import annotations

import hashlib
import os
import stat
import struct

from .inodes import Node, Unfit

BLOCK_BITS = 9
BLOCK = 1 << BLOCK_BITS
START = 4096  # of the archive
MAX_XATTR = 65535  # bytes of an attribute's value
MAX_XATTRS = 1 << 17  # bytes of all attributes of one inode; the format takes twice as much

_MAGIC = 0xE0F5E1E2
_SUPER_OFFSET = 1024
_SUPER = struct.Struct("<III B B H Q Q I I I I 16s 16s I H H H B B I Q 24s")
_INODE = struct.Struct("<HHHHQIIIIqII16s")
_SLOT = 64  # inodes begin at multiples of it, so that none lies in two blocks
# i_format: extended inode; data in blocks of their own, or behind the inode
_PLAIN, _INLINE = 1 | 0 << 1, 1 | 2 << 1
_TYPES = {
    stat.S_IFREG: 1,
    stat.S_IFDIR: 2,
    stat.S_IFCHR: 3,
    stat.S_IFBLK: 4,
    stat.S_IFIFO: 5,
    stat.S_IFLNK: 7,
}  # of directory entries
_XATTR_PREFIXES = ((b"user.", 1), (b"trusted.", 4), (b"security.", 6))
_XATTR_COMPAT = 2  # SB_MTIME: inodes have their own times

_HEAD = struct.Struct("<16s Q Q Q 32s")  # magic, and the fields of Head
_HEAD_MAGIC = b"pycontainer/1\n\0\0"


class Head:
    """The metadata in a layer's file.

    :ivar length: bytes of the archive, which begins at START.
    :ivar index: where the index begins.
    :ivar size: bytes of the index.
    :ivar digest: its sha256.
    """

    __slots__ = ("length", "index", "size", "digest")

    def __init__(self, length: int, index: int, size: int, digest: bytes) -> None:
        self.length, self.index, self.size, self.digest = length, index, size, digest

    @property
    def end(self) -> int:
        """The size that the file must have, in bytes."""
        return self.index + self.size


def write(fd: int, root: Node, length: int, end: int = 0) -> None:
    """Write index and superblock of a layer's file whose archive is in place.

    :param fd: open for writing.
    :param length: bytes of the archive.
    :param end: where the data ends that was appended to it, in the file.
    :raises Unfit: when the format has no room for something.
    """
    base = aligned(max(end, START + length))
    index = _Index(base).build(root)
    if (base + len(index)) >> BLOCK_BITS >= 1 << 32:
        raise Unfit("the layer is larger than 2 TiB")
    _write_at(fd, index, base)
    head = bytearray(START)
    _HEAD.pack_into(head, 0, _HEAD_MAGIC, length, base, len(index), hashlib.sha256(index).digest())
    _SUPER.pack_into(
        head, _SUPER_OFFSET, _MAGIC, 0, _XATTR_COMPAT, BLOCK_BITS, 0, _SLOT >> 5, 0, 0, 0, (base + len(index)) >> BLOCK_BITS, base >> BLOCK_BITS,
        0, b"", b"", 0, 0, 0, 0, 0, 0, 0, 0, b"",
    )  # fmt: skip
    _write_at(fd, head, 0)


def _write_at(fd: int, data: bytes | bytearray, offset: int) -> None:
    view = memoryview(data)
    while view:
        count = os.pwrite(fd, view, offset)
        view, offset = view[count:], offset + count


class _Index:
    """The index of a tree.

    Inodes come first, the root's among the first 65536 slots of 32 bytes (its number has 16 bits),
    then the blocks of directories and of long links.

    :param base: where it begins in the file.
    """

    def __init__(self, base: int) -> None:
        self.base = base
        # each with its parent directory, in the order of their positions
        self.inodes: list[tuple[Node, Node]] = []
        self.end = _SLOT  # no inode has the number 0

    def build(self, root: Node) -> bytes:
        """Return the index. :raises Unfit: when the format has no room for something."""
        self._place(root, root)
        walk = [root]
        while walk:
            directory = walk.pop()
            for node in directory.inner.values():
                if not node.position:
                    self._place(node, directory)
                    if node.entries is not None:
                        walk.append(node)
                        node.links = 1  # its own "."
                        directory.links += 1
                node.links += 1
        root.links += 2
        blocks: list[bytes] = []
        first = -(-self.end // BLOCK)
        table = bytearray(first * BLOCK)
        first += self.base >> BLOCK_BITS
        for node, parent in self.inodes:
            self._inode(table, node, parent, first, blocks)
        return b"".join([table, *blocks])

    def _place(self, node: Node, parent: Node) -> None:
        size = _INODE.size + _xattr_size(node)
        position = self.end
        if _is_inline(node):
            size += len(node.target)
            if position % BLOCK + size > BLOCK:
                position = -(-position // BLOCK) * BLOCK
        node.position, node.links = position, 0
        self.inodes.append((node, parent))
        self.end = position + -(-size // _SLOT) * _SLOT

    def _inode(
        self, table: bytearray, node: Node, parent: Node, first: int, blocks: list[bytes]
    ) -> None:
        """Write one inode into ``table``, and the data that it needs behind the inodes into
        ``blocks``.
        """
        position = node.position
        form, size, where = _PLAIN, 0, 0
        kind = stat.S_IFMT(node.mode)
        attributes = _xattrs(node) if node.xattrs else b""
        if kind == stat.S_IFREG:
            offset, size = node.place
            where = offset >> BLOCK_BITS
        elif kind == stat.S_IFDIR:
            made, size = _directory(node, parent)
            where = first + len(blocks)
            blocks += made
        elif kind == stat.S_IFLNK:
            size = len(node.target)
            if _is_inline(node):
                form = _INLINE
                start = position + _INODE.size
                table[start : start + size] = node.target
            else:
                where = first + len(blocks)
                blocks += [
                    node.target[at : at + BLOCK].ljust(BLOCK, b"\0") for at in range(0, size, BLOCK)
                ]
        elif kind != stat.S_IFIFO:
            where = _device(node.device)
        _INODE.pack_into(
            table, position, form, 1 + (len(attributes) - 12) // 4 if attributes else 0, node.mode, 0, size, where, position >> 5,
            node.uid, node.gid, node.mtime // 1000000000, node.mtime % 1000000000, node.links, b"",
        )  # fmt: skip
        if attributes:
            start = position + _INODE.size
            table[start : start + len(attributes)] = attributes


def _is_inline(node: Node) -> bool:
    room = BLOCK - _INODE.size
    return stat.S_ISLNK(node.mode) and len(node.target) <= room and not node.xattrs


def _device(device: int) -> int:
    """Return a device's number, encoded as by Linux' new_encode_dev()."""
    major, minor = os.major(device), os.minor(device)
    return (minor & 0xFF) | major << 8 | (minor & ~0xFF) << 12


def _directory(node: Node, parent: Node) -> tuple[list[bytes], int]:
    """Return the blocks of a directory and its size: names in order, as many in a block as fit."""
    names = sorted([*node.inner, b".", b".."])
    blocks: list[bytes] = []
    chosen: list[bytes] = []
    used = 0
    for name in names:
        if used + 12 + len(name) > BLOCK:
            blocks.append(_directory_block(chosen, node, parent))
            chosen, used = [], 0
        chosen.append(name)
        used += 12 + len(name)
    blocks.append(_directory_block(chosen, node, parent))
    size = (len(blocks) - 1) * BLOCK + used
    return [block.ljust(BLOCK, b"\0") for block in blocks], size


_DIRENT = struct.Struct("<QHBB")


def _directory_block(names: list[bytes], node: Node, parent: Node) -> bytes:
    parts, offset = [], 12 * len(names)
    for name in names:
        inner = node.inner.get(name) or (node if name == b"." else parent)
        kind = _TYPES[stat.S_IFMT(inner.mode)]
        parts.append(_DIRENT.pack(inner.position >> 5, offset, kind, 0))
        offset += len(name)
    return b"".join(parts + names)


def _xattr_size(node: Node) -> int:
    """Return the bytes that an inode's attributes take.

    :raises Unfit: when there is no room.
    """
    if not node.xattrs:
        return 0
    size = 12
    for name, value in node.xattrs.items():
        for prefix, _number in _XATTR_PREFIXES:
            if name.startswith(prefix):
                break
        else:
            raise Unfit(f"the attribute {name!r}")
        if len(value) > MAX_XATTR or len(name) - len(prefix) > 255:
            raise Unfit(f"an attribute of {len(value)} bytes")
        size += -(-(4 + len(name) - len(prefix) + len(value)) // 4) * 4
    if size > MAX_XATTRS:
        raise Unfit(f"attributes of {size} bytes")
    return size


def _xattrs(node: Node) -> bytes:
    parts = [bytes(12)]
    for name, value in node.xattrs.items():
        prefix, number = next(item for item in _XATTR_PREFIXES if name.startswith(item[0]))
        name = name[len(prefix) :]
        entry = struct.pack("<BBH", len(name), number, len(value)) + name + value
        parts.append(entry + bytes(-len(entry) % 4))
    return b"".join(parts)


def aligned(offset: int) -> int:
    """Return the next offset in a file where content may begin."""
    return -(-offset // BLOCK) * BLOCK


def head(path: str | bytes) -> Head | None:
    """Read the metadata of a layer's file. Return None for another or a damaged file."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = os.pread(fd, _HEAD.size, 0)
    finally:
        os.close(fd)
    if len(data) != _HEAD.size or not data.startswith(_HEAD_MAGIC):
        return None
    _magic, length, index, size, digest = _HEAD.unpack(data)
    return Head(length, index, size, digest)
