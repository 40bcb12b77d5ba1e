# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A copy that changes only what differs: what there is to copy, what is there, and what leads from
one to the other.

The module ``container_copy`` is made of it. A source is told by its manifest (tree_manifest.py),
wherever it lies; the target is looked at, and written, by descriptors beneath its root, name by
name. What is written then goes through unpacking.py, like every copy.
"""

from __future__ import annotations

import contextlib
import errno
import os
import posixpath
import stat

from ...errors import Conflict, HostError, InvalidInput, NotFound, reason
from ...layers.tar.writer import open_regular
from ...store import tree_removal
from ...untrusted.text import printable
from . import copy, tree_manifest
from .unpacking import Unpacker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager
    from typing import Any, Protocol

    from ...reconcile import Plan
    from .tree_manifest import Entry
    from .unpacking import Ids

    class End(Protocol):
        """Where files are written: see copy.Side."""

        outer: Ids
        inner: Ids
        trusted: bool
        where: str

        def acting(self) -> AbstractContextManager[None]: ...


_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_ONE_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NOTHING = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
SHOWN = 20  # changes that are told one by one
DIFFS = 50  # files that a diff shows


class Place:
    """Where the top of what is copied goes to.

    :ivar fd: of a directory that is there. :ivar names: from there to the top; none when that is
        the directory itself.
    :ivar path: of the top, for sentences.
    """

    def __init__(self, fd: int, names: list[bytes], path: str) -> None:
        self.fd, self.names, self.path = fd, names, path

    def parts(self, entry: Entry) -> list[bytes]:
        """Return the names from ``fd`` to an entry."""
        return self.names + [part for part in entry.path.split(b"/") if part]

    def shown(self, entry: Entry) -> str:
        """Return an entry's path, for sentences."""
        below = os.fsdecode(entry.path)
        return self.path.rstrip("/") + "/" + below if below else self.path

    def called(self) -> bytes | None:
        """Return the name of the top in an archive that is unpacked at ``fd``."""
        return b"/".join(self.names) if self.names else None


class Rules:
    """How files are to be written.

    :param ids: of all files, None: those that their entries say.
    :param mode: of files, None: theirs. :param directory_mode: of directories, None: theirs.
    :param force: None: what differs is written; True: every file is; False: only what is not there.
    :param overwrite: whether a directory may give way to a file, and a file to a directory.
    :param keep_top: leave the top as it is, where it is there.
    """

    def __init__(
        self,
        ids: tuple[int, int] | None = None,
        mode: int | None = None,
        directory_mode: int | None = None,
        force: bool | None = None,
        overwrite: bool = False,
        keep_top: bool = False,
    ) -> None:
        self.ids, self.mode, self.directory_mode = ids, mode, directory_mode
        self.force, self.overwrite, self.keep_top = force, overwrite, keep_top

    def mode_of(self, mode: int, directory: bool) -> int:
        """Return the permissions that what has ``mode`` gets."""
        chosen = self.directory_mode if directory else self.mode
        return mode if chosen is None else chosen


class Difference:
    """What is not as it should be.

    :ivar entry: of the source. :ivar path: at the target, for sentences.
    :ivar written: whether the file is to be written; else only its attributes are set.
    :ivar cleared: whether what is there has to be removed first.
    :ivar before, after: ``{what: value}``. :ivar text: what a file holds, None where it is not
        shown.
    """

    def __init__(self, entry: Entry, path: str) -> None:
        self.entry, self.path = entry, path
        self.written = self.cleared = False
        self.before: dict[str, Any] = {}
        self.after: dict[str, Any] = {}
        self.text: str | None = ""

    def note(self, what: str, before: object, after: object) -> None:
        self.before[what], self.after[what] = before, after

    def action(self, where: str) -> str:
        """Say as a step of a plan what is done."""
        word = {tree_manifest.DIRECTORY: "make directory", tree_manifest.LINK: "make link"}.get(
            self.entry.kind, "write"
        )
        if self.written:
            return f"{word} {self.path} {where}"
        changes = [f"{what} {before} to {self.after[what]}" for what, before in self.before.items()]
        return f"change {self.path} {where}: {', '.join(changes)}"

    def diff(self, where: str) -> dict[str, Any]:
        """Return it as Ansible's diff mode shows it; control characters are made visible."""
        header = printable(f"{self.path} {where}")
        after = self.entry.text
        if "content" in self.after and self.text is not None and after is not None:
            before = printable(self.text, None, lines=True)
            return {
                "before_header": header,
                "after_header": header,
                "before": before,
                "after": printable(after, None, lines=True),
            }
        return {
            "before_header": header,
            "after_header": header,
            "before": dict(self.before),
            "after": dict(self.after),
        }


# ------------------------------------------------------------------------------------------- places


@contextlib.contextmanager
def place(
    side: copy.Side, path: str, name: str | None, kind: str, only_content: bool, follow: bool
) -> Iterator[Place]:
    """Find out where something goes to, by the rules of Ansible's copy.

    A directory goes below ``path`` under its name, or, when only its content is copied, into
    ``path``. Anything else goes to ``path``, and below it under its name where that is a directory
    or ends with ``/``.

    :param name: None for what has none. :param follow: whether a link at the end of the path leads
        on; else it is replaced.
    :raises NotFound: a file's directory is not there. :raises Conflict: a link is in the way.
    """
    is_directory = kind != tree_manifest.DIRECTORY and _leads_to_directory(side, path, follow)
    top = _top(path, name, kind, only_content, is_directory)
    link = _is_link(side, top)
    if link and follow:
        top = posixpath.normpath(copy.resolved(side, top))
    elif link and kind == tree_manifest.DIRECTORY:
        raise Conflict(f"{top} {side.where} is a link; with follow, the files go to where it leads")
    names: list[bytes] = []
    directory = side.open(top, _DIRECTORY) if kind == tree_manifest.DIRECTORY else None
    rest = top
    while directory is None:
        rest, last = posixpath.split(rest)
        if last in ("", ".", ".."):
            raise NotFound(f"there is no directory {top} {side.where}")
        names.insert(0, os.fsencode(last))
        directory = side.open(rest or "/", _DIRECTORY)
    try:
        _check_place(side, path, top, names, kind)
        yield Place(directory, names, top)
    finally:
        os.close(directory)


def _top(path: str, name: str | None, kind: str, only_content: bool, is_directory: bool) -> str:
    """Return where the top goes to. :param is_directory: whether ``path`` leads to a directory."""
    if kind == tree_manifest.DIRECTORY:
        path = path if only_content else posixpath.join(path, name or "")
    elif is_directory or path.endswith("/"):
        if name is None:
            raise InvalidInput("dest", path, "the path of a file, for a content has no name")
        path = posixpath.join(path, name)
    return posixpath.normpath(path)


def _check_place(side: copy.Side, path: str, top: str, names: list[bytes], kind: str) -> None:
    """Refuse a file whose directory is missing, unless the path says that it is one."""
    made = kind == tree_manifest.DIRECTORY or path.endswith("/")
    if len(names) > 1 and not made:
        raise NotFound(
            f"there is no directory {posixpath.dirname(top)} {side.where}; one that a path names "
            "with / at its end is made"
        )


def _is_link(side: copy.Side, path: str) -> bool:
    handle = side.open(path, os.O_PATH | os.O_NOFOLLOW)
    if handle is None:
        return False
    try:
        return stat.S_ISLNK(os.fstat(handle).st_mode)
    finally:
        os.close(handle)


def _leads_to_directory(side: copy.Side, path: str, follow: bool) -> bool:
    if not follow and _is_link(side, path):
        return False
    fd = side.open(path, _DIRECTORY)
    if fd is None:
        return False
    os.close(fd)
    return True


# -------------------------------------------------------------------------------------- differences


class _Walk:
    """Goes through a tree by names, never through a link."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.open: list[tuple[bytes, int]] = []

    def __enter__(self) -> _Walk:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._back(0)

    def _back(self, depth: int) -> None:
        while len(self.open) > depth:
            os.close(self.open.pop()[1])

    def parent(self, parts: list[bytes]) -> int | None:
        """Return a descriptor of the directory that ``parts[:-1]`` lead to; None where it is not
        there. It is this object's.
        """
        same = 0
        for had, part in zip([name for name, _fd in self.open], parts[:-1]):
            if had != part:
                break
            same += 1
        self._back(same)
        for part in parts[same:-1]:
            above = self.open[-1][1] if self.open else self.fd
            try:
                self.open.append((part, os.open(part, _ONE_DIRECTORY, dir_fd=above)))
            except OSError as error:
                if error.errno in _NOTHING:
                    return None
                raise
        return self.open[-1][1] if self.open else self.fd


def differences(end: End, where: Place, entries: Iterable[Entry], rules: Rules) -> list[Difference]:
    """Say what of ``entries`` is not at a place as it should be.

    :raises Conflict: something of another type is in the way. :raises HostError: it can't be read.
    """
    found = []
    with _Walk(where.fd) as walk:
        for entry in entries:
            if not entry.path and rules.keep_top and not where.names:
                continue
            parts = where.parts(entry)
            try:
                difference = _compare(end, walk, parts, entry, rules, where.shown(entry))
            except OSError as error:
                raise HostError(
                    f"{where.shown(entry)} {end.where} can't be read: {reason(error, named=True)}"
                ) from None
            if difference is not None:
                found.append(difference)
    return found


def _compare(
    end: End, walk: _Walk, parts: list[bytes], entry: Entry, rules: Rules, path: str
) -> Difference | None:
    if entry.kind == tree_manifest.NODE and not end.trusted:
        return None  # as unpacking leaves it out
    found = Difference(entry, path)
    if not parts:  # the directory of the place itself
        _attributes(found, end, os.fstat(walk.fd), rules)
        return found if found.after else None
    parent = walk.parent(parts)
    status = None if parent is None else _status(parent, parts[-1])
    if parent is None or status is None:
        return _absent(entry, path)
    if rules.force is False:
        return None
    if tree_manifest.kind_of(status) != entry.kind:
        _other_type(found, end, status, rules)
    elif entry.kind == tree_manifest.FILE:
        _file(found, parent, parts[-1], status, rules)
    elif entry.kind == tree_manifest.LINK:
        link = os.fsencode(os.readlink(parts[-1], dir_fd=parent))
        if link != entry.link:
            found.written = True
            found.note("link", os.fsdecode(link), os.fsdecode(entry.link))
    elif entry.kind == tree_manifest.NODE and tree_manifest.device_of(status) != entry.device:
        found.written = True
        found.note("device", tree_manifest.device_of(status), entry.device)
    _attributes(found, end, status, rules)
    return found if found.after or found.written else None


def _absent(entry: Entry, path: str) -> Difference:
    found = Difference(entry, path)
    found.written = True
    found.note("state", "absent", tree_manifest.WORDS[entry.kind])
    if entry.kind == tree_manifest.FILE:
        found.note("content", None, _content(entry.size, entry.digest))
    return found


def all_of(
    path: str, name: str | None, entries: list[Entry], only_content: bool
) -> list[Difference]:
    """Say that everything is to be written, where nothing can be looked at yet; see :func:`place`."""
    place_of = Place(-1, [], _top(path, name, entries[0].kind, only_content, False))
    return [
        _absent(entry, place_of.shown(entry))
        for entry in entries
        if entry.kind != tree_manifest.NODE and (entry.path or not only_content)
    ]


def _other_type(found: Difference, end: End, status: os.stat_result, rules: Rules) -> None:
    there, wanted = tree_manifest.kind_of(status), found.entry.kind
    if tree_manifest.DIRECTORY in (there, wanted):
        if not rules.overwrite:
            raise Conflict(
                f"{found.path} {end.where} is {tree_manifest.WORDS[there]}, and what is copied "
                f"there is {tree_manifest.WORDS[wanted]}; overwrite lets it give way"
            )
        found.cleared = True
    found.written = True
    found.note("state", tree_manifest.WORDS[there], tree_manifest.WORDS[wanted])


def _file(
    found: Difference, parent: int, name: bytes, status: os.stat_result, rules: Rules
) -> None:
    entry = found.entry
    there = tree_manifest.Entry(b"", tree_manifest.FILE, 0)
    there.size = status.st_size
    if rules.force or status.st_size <= tree_manifest.LONGEST_TEXT or there.size == entry.size:
        fd = open_regular(parent, name, os.O_RDONLY | os.O_NONBLOCK)
        try:
            tree_manifest.read(fd, there, True)
        finally:
            os.close(fd)
    if rules.force or (there.size, there.digest) != (entry.size, entry.digest):
        found.written, found.text = True, there.text
        found.note(
            "content", _content(there.size, there.digest), _content(entry.size, entry.digest)
        )


def _content(size: int, digest: str) -> str:
    return f"{size} bytes" + (f", sha256 {digest}" if digest else "")


def _attributes(found: Difference, end: End, status: os.stat_result, rules: Rules) -> None:
    """Compare owner and permissions. A link has no permissions of its own."""
    entry, directory = found.entry, found.entry.kind == tree_manifest.DIRECTORY
    if entry.kind != tree_manifest.LINK:
        wanted = rules.mode_of(entry.mode, directory)
        wanted &= 0o7777 if end.trusted or directory else 0o1777
        if stat.S_IMODE(status.st_mode) != wanted:
            found.note("mode", f"{stat.S_IMODE(status.st_mode):04o}", f"{wanted:04o}")
    ids, owner = end.inner(status.st_uid, status.st_gid), rules.ids or entry.ids
    if ids != owner:
        found.note("owner", "%d:%d" % ids, "%d:%d" % owner)


def _status(fd: int, name: bytes) -> os.stat_result | None:
    try:
        return os.lstat(name, dir_fd=fd)
    except OSError as error:
        if error.errno in _NOTHING:
            return None
        raise


# -------------------------------------------------------------------------------------- carried out


def apply(
    end: End,
    where: Place,
    found: list[Difference],
    rules: Rules,
    pieces: Iterable[bytes],
    what: str,
) -> list[str]:
    """Carry out what ``differences`` has found.

    :param pieces: of an archive that holds what is to be written, each file under its name at the
        place. :param what: it is, for sentences.
    :returns: names of device nodes that were left out.
    """

    def owner(uid: int, gid: int) -> tuple[int, int]:
        return end.outer(*(rules.ids or (uid, gid)))

    unpacker = Unpacker(where.fd, owner, end.trusted, rules.mode_of)
    with end.acting():
        with _Walk(where.fd) as walk:
            for difference in found:
                parts = where.parts(difference.entry)
                if difference.cleared:
                    _clear(walk.parent(parts), parts[-1])
                elif not difference.written:
                    _set(end, walk, parts, difference, rules)
        if any(difference.written for difference in found):
            unpacker.take(pieces, what)
    return unpacker.left_out


def _clear(parent: int | None, name: bytes) -> None:
    """Remove the tree, or the file, that is in the way."""
    if parent is not None:
        tree_removal.remove(os.fsdecode(b"/proc/self/fd/%d/" % parent + name))


def _set(end: End, walk: _Walk, parts: list[bytes], difference: Difference, rules: Rules) -> None:
    """Set owner and permissions of what is there, if it still is of the same kind."""
    parent = walk.parent(parts) if parts else walk.fd
    if parent is None:
        return
    entry = difference.entry
    name = parts[-1] if parts else b"."
    try:
        handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            status = os.fstat(handle)
            if tree_manifest.kind_of(status) != entry.kind:
                raise Conflict(f"{difference.path} {end.where} has been exchanged meanwhile")
            # Owner before mode: chown(2) takes set-id bits away.
            if "owner" in difference.after:
                os.chown(
                    f"/proc/self/fd/{handle}", *end.outer(*(rules.ids or entry.ids))
                ) if entry.kind != tree_manifest.LINK else os.chown(
                    parts[-1],
                    *end.outer(*(rules.ids or entry.ids)),
                    dir_fd=parent,
                    follow_symlinks=False,
                )
            if entry.kind != tree_manifest.LINK:
                directory = entry.kind == tree_manifest.DIRECTORY
                mode = rules.mode_of(entry.mode, directory)
                os.chmod(
                    f"/proc/self/fd/{handle}",
                    mode & (0o7777 if end.trusted or directory else 0o1777),
                )
        finally:
            os.close(handle)
    except OSError as error:
        raise HostError(
            f"{difference.path} {end.where} can't be changed: {reason(error, named=True)}"
        ) from None


def put_into(plan: Plan, found: list[Difference], where: str) -> None:
    """Add to a plan what was found: the first ones each, the others as a number."""
    for number, difference in enumerate(found):
        action: str | None = difference.action(where)
        if number == SHOWN:
            action = f"and {len(found) - SHOWN} more"
        elif number > SHOWN:
            action = None
        plan.add(difference.path, difference.before, difference.after, action)


def diffs(found: list[Difference], where: str) -> list[dict[str, Any]]:
    """Return what Ansible's diff mode shows."""
    shown = [difference.diff(where) for difference in found[:DIFFS]]
    if len(found) > DIFFS:
        rest = f"{len(found) - DIFFS} more differences are not shown"
        shown.append({"before_header": rest, "after_header": rest, "before": "", "after": rest})
    return shown
