# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resolve ``user[:group]`` inside a root file system, by its own /etc/passwd and /etc/group and nothing of the host.

Python's pwd and grp ask the C library, which would load the container's name service code; they are never used. Runs with the
host's /proc in place: before a container's root is entered.
"""

from __future__ import annotations

import errno
import os
import stat

from ...errors import InvalidInput
from . import rootfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypedDict

    class PasswdEntry(TypedDict):
        """A user of /etc/passwd (passwd(5)); ``name`` is "" for a number that has no line there."""

        name: str
        uid: int
        gid: int
        home: str


MAX_ID = (
    2**31 - 1
)  # as Docker: what a signed 32-bit number holds; 2^32-1 means "unchanged" to setuid(2)
MAX_FILE = 1 << 20  # bytes of passwd or group that are read (CVE-2024-9676)
_ACCEPTED = f"user, uid, user:group, uid:gid; numbers from 0 to {MAX_ID}"


def resolve(
    root_fd: int, user: str, groups: Iterable[str | int] = ()
) -> tuple[int, int, list[int], str]:
    """Resolve a user string inside the root that ``root_fd`` is open on.

    A number is always an id, never a name (CVE-2016-3697); it needs no line in passwd. Without a group in the string the
    user's own group of passwd (0 when unknown) and the groups that list the user are taken; with one, that alone.

    :param user: "", "name", "uid", "name:group", "uid:gid", ...; "" is root.
    :param groups: more groups, names or numbers.
    :returns: ``(uid, gid, additional_gids, home)``; additional_gids are sorted and gid is among them (CVE-2022-36109); home is an
        absolute path, "/" when unknown.
    :raises InvalidInput: a name that is not there, a number out of range, an empty part.
    """
    name, colon, group = (user or "0").partition(":")
    if not name or (colon and not group) or ":" in group:
        raise InvalidInput("user", user, _ACCEPTED)
    entry = _find_user(_lines(root_fd, "/etc/passwd", 7), name, user)
    table = _lines(root_fd, "/etc/group", 4) if colon or groups or entry["name"] else []
    if colon:
        gid, additional = _find_group(table, group, "user", user), set()
    else:
        gid = entry["gid"]
        additional = {
            int(line[2])
            for line in table
            if entry["name"] and _is_id(line[2]) and entry["name"] in line[3].split(",")
        }
    additional.update(_find_group(table, str(wanted), "groups", wanted) for wanted in groups)
    return entry["uid"], gid, sorted(additional | {gid}), entry["home"]


def add_line(root_fd: int, path: str, number: int, line: str) -> None:
    """Add a line to /etc/passwd or /etc/group of a root that has none for an id, through no link that leads out of it.

    :raises InvalidInput: there is no regular file. :raises OSError: it can't be written.
    """
    fields = 7 if path == "/etc/passwd" else 4
    if any(_is_id(line[2]) and int(line[2]) == number for line in _lines(root_fd, path, fields)):
        return
    place = rootfs.make_in_root(root_fd, path, directory=False)
    try:
        if not stat.S_ISREG(os.fstat(place).st_mode):
            raise InvalidInput(path, line, "a regular file to add it to")
        fd = os.open(f"/proc/self/fd/{place}", os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
    finally:
        os.close(place)
    try:
        size = os.fstat(fd).st_size
        whole = not size or os.pread(fd, 1, size - 1) == b"\n"
        os.write(fd, (b"" if whole else b"\n") + os.fsencode(line) + b"\n")
    finally:
        os.close(fd)


def _find_user(table: list[list[str]], name: str, value: str) -> PasswdEntry:
    number = _number(name, "user", value)
    for line in table:
        if _is_id(line[2]) and (line[0] == name if number is None else int(line[2]) == number):
            gid = int(line[3]) if _is_id(line[3]) else 0
            return {
                "name": line[0],
                "uid": int(line[2]),
                "gid": gid,
                "home": line[5] if line[5].startswith("/") else "/",
            }
    if number is None:
        raise InvalidInput(
            "user", value, f"a user in the image's /etc/passwd, or a number from 0 to {MAX_ID}"
        )
    return {"name": "", "uid": number, "gid": 0, "home": "/"}


def _find_group(table: list[list[str]], name: str, option: str, value: str | int) -> int:
    number = _number(name, option, value)
    if number is not None:
        return number
    for line in table:
        if line[0] == name and _is_id(line[2]):
            return int(line[2])
    raise InvalidInput(
        option, value, f"a group in the image's /etc/group, or a number from 0 to {MAX_ID}"
    )


def _number(text: str, option: str, value: str | int) -> int | None:
    """``text`` as an id, or None when it is a name. What looks like a number but is none is refused, not taken for a name."""
    if text.isascii() and text.lstrip("+-").isdigit():
        if not text.isdigit() or len(text) > 10 or int(text) > MAX_ID:
            raise InvalidInput(option, value, _ACCEPTED)
        return int(text)
    return None


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= MAX_ID


def _lines(root_fd: int, path: str, fields: int) -> list[list[str]]:
    """The lines of a colon-separated file inside the root that have all fields; none when the file is missing."""
    try:
        handle = rootfs.open_in_root(root_fd, path, os.O_PATH)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            return []
        raise
    try:
        if not stat.S_ISREG(
            os.fstat(handle).st_mode
        ):  # opening a FIFO would wait, opening a device may do anything
            return []
        fd = os.open(f"/proc/self/fd/{handle}", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(handle)
    try:
        data = _read(fd)
    finally:
        os.close(fd)
    return [
        line
        for line in (
            text.split(":") for text in data.decode("utf-8", "surrogateescape").split("\n")
        )
        if len(line) >= fields
    ]


def _read(fd: int) -> bytes:
    data = b""
    while len(data) < MAX_FILE:
        chunk = os.read(fd, MAX_FILE - len(data))
        if not chunk:
            return data
        data += chunk
    return data[: data.rfind(b"\n") + 1]  # cut after the last whole line
