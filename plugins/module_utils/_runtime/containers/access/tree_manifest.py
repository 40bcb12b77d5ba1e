# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say what a file or directory holds, as a list of entries, so that two of them can be compared.

A controller makes one of its files and sends it to the host, which then asks for the files that
differ. It is read by descriptors: no link in it is followed, and nothing but regular files is
opened.
"""

from __future__ import annotations

import base64
import hashlib
import os
import stat

from ...errors import HostError, InvalidInput, reason
from ...layers.tar.writer import open_regular
from .unpacking import DEEPEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .unpacking import Ids

FILE, DIRECTORY, LINK, NODE = "file", "directory", "link", "node"
WORDS = {FILE: "a file", DIRECTORY: "a directory", LINK: "a link", NODE: "a device or a pipe"}
LONGEST_TEXT = 104448  # bytes of a file that a diff shows, as Ansible's own modules have it
MOST = 100000  # entries of one copy: they are held in memory, and go through a task's arguments
PIECE = 1 << 20
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Entry:
    """One file of a tree.

    :ivar path: below the top, with ``/``; b"" is the top itself. :ivar kind: FILE, DIRECTORY, LINK
        or NODE.
    :ivar mode: permissions. :ivar ids: uid and gid. :ivar size: bytes of a file.
    :ivar digest: SHA-256 of a file's content, hexadecimal. :ivar link: where a link leads.
    :ivar device: of a NODE, its type and its number. :ivar text: a file's content, where a diff is
        to show it.
    """

    __slots__ = ("path", "kind", "mode", "ids", "size", "digest", "link", "device", "text")

    def __init__(self, path: bytes, kind: str, mode: int, ids: tuple[int, int] = (0, 0)) -> None:
        self.path, self.kind, self.mode, self.ids = path, kind, mode, ids
        self.size, self.digest, self.link, self.device = 0, "", b"", [0, 0]
        self.text: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what :func:`from_json` reads."""
        return {
            "path": base64.b64encode(self.path).decode(),
            "kind": self.kind,
            "mode": self.mode,
            "ids": list(self.ids),
            "size": self.size,
            "digest": self.digest,
            "link": base64.b64encode(self.link).decode(),
            "device": self.device,
            "text": self.text,
        }


def from_json(found: dict[str, Any]) -> Entry:
    """Read an entry that the controller's engine has written."""
    entry = Entry(
        base64.b64decode(found["path"]),
        found["kind"],
        int(found["mode"]),
        (int(found["ids"][0]), int(found["ids"][1])),
    )
    entry.size, entry.digest = int(found["size"]), found["digest"]
    entry.link, entry.device = base64.b64decode(found["link"]), found["device"]
    entry.text = found["text"]
    return entry


def of_content(data: bytes, mode: int) -> Entry:
    """Describe a file that a task gives the content of."""
    entry = Entry(b"", FILE, mode)
    entry.size, entry.digest = len(data), hashlib.sha256(data).hexdigest()
    entry.text = as_text(data)
    return entry


def of(handle: int, ids: Ids, texts: bool = False) -> list[Entry]:
    """Describe what ``handle`` (of O_PATH) is open on, with all that is below it, parents first.

    Sockets are left out.

    :param ids: turns the ids of a file into those that the entries say. :param texts: whether small
        files' contents are kept, for a diff.
    :raises HostError: it can't be read, or has more than ``MOST`` entries.
    """
    status = os.fstat(handle)
    entry = _entry(b"", status, ids)
    found = [entry]
    try:
        if entry.kind == FILE:
            fd = os.open(f"/proc/self/fd/{handle}", os.O_RDONLY | os.O_CLOEXEC)
            try:
                read(fd, entry, texts)
            finally:
                os.close(fd)
        elif entry.kind == LINK:
            entry.link = os.fsencode(os.readlink("", dir_fd=handle))
        elif entry.kind == DIRECTORY:
            fd = os.open(".", _DIRECTORY, dir_fd=handle)
            try:
                for below in _below(fd, b"", ids, texts, 0):
                    found.append(below)
                    if len(found) > MOST:
                        raise HostError(
                            f"there are more than {MOST} files in it; copy them as an archive"
                        )
            finally:
                os.close(fd)
    except OSError as error:
        raise HostError(f"it can't be read: {reason(error, named=True)}") from None
    return found


def _below(fd: int, prefix: bytes, ids: Ids, texts: bool, depth: int) -> Iterator[Entry]:
    if depth > DEEPEST:
        raise HostError(
            f"{os.fsdecode(prefix[:200])}: its directories are nested deeper than {DEEPEST}"
        )
    for name in sorted(os.fsencode(item) for item in os.listdir(fd)):
        path = prefix + name
        try:
            status = os.lstat(name, dir_fd=fd)
            if stat.S_ISSOCK(status.st_mode):
                continue
            entry = _entry(path, status, ids)
            if entry.kind == FILE:
                file = open_regular(fd, name, os.O_RDONLY | os.O_NONBLOCK)
                try:
                    read(file, entry, texts)
                finally:
                    os.close(file)
            elif entry.kind == LINK:
                entry.link = os.fsencode(os.readlink(name, dir_fd=fd))
        except FileNotFoundError:
            continue  # it went meanwhile
        except OSError as error:
            raise HostError(
                f"{os.fsdecode(path)} can't be read: {reason(error, named=True)}"
            ) from None
        yield entry
        if entry.kind == DIRECTORY:
            inner = os.open(name, _DIRECTORY, dir_fd=fd)
            try:
                yield from _below(inner, path + b"/", ids, texts, depth + 1)
            finally:
                os.close(inner)


def kind_of(status: os.stat_result) -> str:
    """Return the kind of what a status is of."""
    kind = stat.S_IFMT(status.st_mode)
    return {stat.S_IFREG: FILE, stat.S_IFDIR: DIRECTORY, stat.S_IFLNK: LINK}.get(kind, NODE)


def _entry(path: bytes, status: os.stat_result, ids: Ids) -> Entry:
    entry = Entry(
        path, kind_of(status), stat.S_IMODE(status.st_mode), ids(status.st_uid, status.st_gid)
    )
    if entry.kind == FILE:
        entry.size = status.st_size
    elif entry.kind == NODE:
        entry.device = device_of(status)
    return entry


def device_of(status: os.stat_result) -> list[int]:
    """Return type and number of a device node, or of a pipe."""
    return [stat.S_IFMT(status.st_mode), status.st_rdev]


def read(fd: int, entry: Entry, texts: bool) -> None:
    """Read an open file for its size and digest."""
    digest, size, kept = hashlib.sha256(), 0, b""
    while True:
        piece = os.read(fd, PIECE)
        if not piece:
            break
        digest.update(piece)
        size += len(piece)
        if texts and size <= LONGEST_TEXT:
            kept += piece
    entry.size, entry.digest = size, digest.hexdigest()
    if texts and size <= LONGEST_TEXT:
        entry.text = as_text(kept)


def as_text(data: bytes) -> str | None:
    """Return a file's content as text, None where it is none, or too long for a diff."""
    if len(data) > LONGEST_TEXT or b"\0" in data:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def mode_of(value: Any, option: str) -> int:
    """Read a file mode: octal digits as a text, or the number that YAML made of ``0644``.

    :raises InvalidInput: it is none, or looks as if its zero in front was forgotten.
    """
    accepted = "octal permissions as a text, such as '0644'"
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise InvalidInput(option, value, accepted)
    if isinstance(value, str):
        digits = value.strip()
        digits = digits[2:] if digits[:2] in ("0o", "0O") else digits
        if not digits.isascii() or not digits.isdigit() or set(digits) & set("89"):
            raise InvalidInput(option, value, accepted)
        value = int(digits, 8)
    elif value >= 0o1000 and len(str(value)) == 3 and not set(str(value)) & set("89"):
        raise InvalidInput(option, value, f"{accepted}: without the zero in front it is decimal")
    if not 0 <= value <= 0o7777:
        raise InvalidInput(option, value, accepted)
    return int(value)
