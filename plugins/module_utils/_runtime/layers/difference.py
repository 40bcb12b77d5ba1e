# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turn the upper directory of an overlay mount into a layer.

What equals the layers below is dropped; the rest becomes the archive. A build's directory is
cleaned (:func:`clean`) and kept as the unpacked layer, so nothing is copied. Times are truncated to
whole seconds, as in the archive, and to SOURCE_DATE_EPOCH where that is set. So a layer that is
pulled again unpacks to the same tree. A container's directory is only read (:func:`changes`).
"""

from __future__ import annotations

import errno
import os
import stat

from ..errors import HostError
from ..kernel.files import same_file
from ..untrusted import trees
from . import whiteouts
from .tar import reader, writer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

MAX_DEPTH = 250  # of directories in one another
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_BILLION = 1000000000


class TooDeep(HostError):
    """Directories are nested deeper than an archive may have them."""


def clean(upper: str, lower: int | None, epoch: int | None = None) -> int:
    """Remove from the directory ``upper`` what equals the layers below, and normalise its times.

    :param epoch: seconds; later times are set to it.
    :param lower: descriptor of the directory below, or None for nothing.
    :returns: bytes of all regular files that are left.
    :raises TooDeep: when its directories are nested too deep.
    """
    fd = os.open(upper, _DIRECTORY)
    try:
        size = _Cleaning(epoch).clean(fd, lower, 0)[0]
        _strip(fd)
        os.utime(fd, ns=(0, 0))
    finally:
        os.close(fd)
    return size


class _Cleaning:
    """The cleaning of one directory.

    :param epoch: as for :func:`clean`.
    :ivar counted: inodes of the files with several names that are counted already.
    """

    def __init__(self, epoch: int | None) -> None:
        self.epoch = epoch
        self.counted: set[int] = set()

    def clean(self, fd: int, lower: int | None, depth: int) -> tuple[int, bool]:
        """Clean one directory.

        :param lower: the same directory below, or None.
        :returns: bytes of its files, and whether anything is left in it.
        """
        if depth > MAX_DEPTH:
            raise TooDeep(f"the step made directories that are nested deeper than {MAX_DEPTH}")
        total, left = 0, False
        for name in os.listdir(fd):
            status, below = os.lstat(name, dir_fd=fd), _status(lower, name)
            if _is_whiteout(status):
                if below is None:
                    os.unlink(name, dir_fd=fd)
                else:
                    left = True
            elif stat.S_ISDIR(status.st_mode):
                size, kept = self._inner(fd, name, status, below, lower, depth)
                total, left = total + size, left or kept
            elif stat.S_ISSOCK(status.st_mode) or _same_file(fd, name, status, lower, below):
                os.unlink(name, dir_fd=fd)
            else:
                _settle(fd, name, status, self.epoch)
                total += self._counted_size(status)
                left = True
        return total, left

    def _counted_size(self, status: os.stat_result) -> int:
        """Return the bytes of a file, counted once for all of its names."""
        seen = status.st_ino in self.counted
        if status.st_nlink > 1:
            self.counted.add(status.st_ino)
        return status.st_size if stat.S_ISREG(status.st_mode) and not seen else 0

    def _inner(
        self,
        fd: int,
        name: str,
        status: os.stat_result,
        below: os.stat_result | None,
        lower: int | None,
        depth: int,
    ) -> tuple[int, bool]:
        """Clean the directory ``name`` in the directory ``fd``; remove it where it is no change."""
        inner, under = os.open(name, _DIRECTORY, dir_fd=fd), None
        try:
            opaque = whiteouts.is_opaque(inner)
            if below is not None and stat.S_ISDIR(below.st_mode):
                under = os.open(name, _DIRECTORY, dir_fd=lower)
            if opaque and under is None:
                os.removexattr(inner, whiteouts.OPAQUE_ATTRIBUTE)
            size, left = self.clean(inner, None if opaque else under, depth + 1)
            if (
                not left
                and not opaque
                and under is not None
                and below is not None
                and _same_directory(inner, under, status, below)
            ):
                os.rmdir(name, dir_fd=fd)
                return 0, False
            _strip(inner)
            os.utime(inner, ns=(status.st_atime_ns, _time(status, self.epoch)))
            return size, True
        finally:
            os.close(inner)
            if under is not None:
                os.close(under)


def _is_whiteout(status: os.stat_result) -> bool:
    return whiteouts.is_whiteout(status.st_mode, status.st_rdev)


def _status(fd: int | None, name: str | bytes) -> os.stat_result | None:
    """Return the status of a name in a directory, or None. The directory may be None."""
    if fd is None:
        return None
    try:
        return os.lstat(name, dir_fd=fd)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return None
        raise


def _attributes(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_mode, status.st_uid, status.st_gid


def _same_directory(inner: int, under: int, status: os.stat_result, below: os.stat_result) -> bool:
    """Return whether a directory equals the one below.

    Times are ignored: creating and removing a file is no change.
    """
    same = _attributes(status) == _attributes(below)
    return same and same_file.xattrs(inner) == same_file.xattrs(under)


def _same_file(
    fd: int,
    name: str | bytes,
    status: os.stat_result,
    lower: int | None,
    below: os.stat_result | None,
) -> bool:
    if (
        below is None
        or _attributes(status) != _attributes(below)
        or (status.st_mtime_ns, status.st_size, status.st_rdev)
        != (below.st_mtime_ns, below.st_size, below.st_rdev)
        or (status.st_nlink > 1) != (below.st_nlink > 1)
    ):
        return False
    name = os.fsencode(name)
    if stat.S_ISLNK(status.st_mode):
        return os.readlink(name, dir_fd=fd) == os.readlink(name, dir_fd=lower)
    if not stat.S_ISREG(status.st_mode):
        return True
    ours, theirs = os.open(name, _FILE, dir_fd=fd), os.open(name, _FILE, dir_fd=lower)
    try:
        same: bool = same_file.same(ours, theirs)
        return same
    finally:
        os.close(ours)
        os.close(theirs)


def _time(status: os.stat_result, epoch: int | None) -> int:
    """Return a file's time in whole seconds, as nanoseconds."""
    seconds = status.st_mtime_ns // _BILLION
    return (seconds if epoch is None else min(seconds, epoch)) * _BILLION


def _settle(fd: int, name: str, status: os.stat_result, epoch: int | None) -> None:
    """Normalise a file that stays."""
    if stat.S_ISREG(status.st_mode):
        file = os.open(name, _FILE, dir_fd=fd)
        try:
            _strip(file)
        finally:
            os.close(file)
    wanted = _time(status, epoch)
    if wanted != status.st_mtime_ns:
        os.utime(name, ns=(status.st_atime_ns, wanted), dir_fd=fd, follow_symlinks=False)


def _strip(fd: int) -> None:
    """Remove overlayfs' origin attributes; they mean nothing in a layer."""
    for name in os.listxattr(fd):
        if name.startswith("trusted.overlay.") and name != whiteouts.OPAQUE_ATTRIBUTE:
            os.removexattr(fd, name)


# ------------------------------------------------------------------------------------ reading

ADDED, CHANGED, DELETED = "A", "C", "D"


class Changes:
    """What an upper directory changes in the layers below.

    :ivar kinds: ``{path: "A", "C" or "D"}``, sorted, a directory before its entries. A directory
        counts as changed when something in it is.
    :ivar opaques: its directories that hide the content below. What they hide is "D" in ``kinds``.
    :ivar root: whether owner or mode of the root differ.
    """

    def __init__(self) -> None:
        self.kinds: dict[bytes, str] = {}
        self.opaques: set[bytes] = set()
        self.root = False

    def names(self) -> list[dict[str, str]]:
        """Return ``[{"Path", "Kind"}]``, with absolute paths as text."""
        return [
            {"Path": "/" + os.fsdecode(path), "Kind": kind} for path, kind in self.kinds.items()
        ]


def changes(upper: int, lower: int | None, ignored: Collection[bytes] = frozenset()) -> Changes:
    """Compare the directory ``upper`` with ``lower``, which is below it. Nothing is written.

    :param upper, lower: descriptors; ``lower`` is None for nothing.
    :param ignored: paths that are no change where they are an empty file or directory that the
        layers below lack. A directory that the layers below lack and that has nothing else is none
        either.
    """
    found, levels = Changes(), [_Level(b"", None, lower)]
    try:
        for entry in trees.walk(upper):
            while len(levels) - 1 > entry.depth:
                levels.pop().end(levels[-1], ignored, found)
            _look(entry, levels, ignored, found)
        while len(levels) > 1:
            levels.pop().end(levels[-1], ignored, found)
    finally:
        for level in levels[1:]:
            level.close()
    found.kinds = dict(sorted(found.kinds.items()))
    found.root = _attributes(os.fstat(upper)) != (
        _attributes(os.fstat(lower)) if lower is not None else (stat.S_IFDIR | 0o755, 0, 0)
    )
    return found


class _Level:
    """A directory of the upper tree during the comparison.

    :ivar below: status of its counterpart below, or None.
    :ivar lower: the directory below it, or None where that is hidden or missing.
    :ivar under: a descriptor of its own of the directory below, to be closed.
    :ivar changed: whether something in it is changed.
    :ivar passed: whether something was ignored.
    :ivar differs: whether the directory itself differs.
    """

    def __init__(self, path: bytes, below: os.stat_result | None, lower: int | None) -> None:
        self.path, self.below, self.lower = path, below, lower
        self.under: int | None = None
        self.changed, self.passed, self.differs = False, False, True

    @property
    def prefix(self) -> bytes:
        return self.path + b"/" if self.path else b""

    def end(self, above: _Level, ignored: Collection[bytes], found: Changes) -> None:
        """Record the directory's change after all of its entries."""
        self.close()
        if self.below is None:
            kind = ADDED if self.changed or not (self.passed or self.path in ignored) else None
        else:
            kind = CHANGED if self.changed or self.differs else None
        if kind is None:
            found.kinds.pop(self.path, None)
        else:
            found.kinds[self.path] = kind
            above.changed = True
        above.passed = above.passed or (kind is None and self.below is None)

    def close(self) -> None:
        if self.under is not None:
            os.close(self.under)
            self.under = None


def _look(
    entry: trees.Entry, levels: list[_Level], ignored: Collection[bytes], found: Changes
) -> None:
    level, name, status = levels[-1], os.fsencode(entry.name), entry.status
    path = level.prefix + name
    try:
        below = _status(level.lower, name)
        if entry.is_directory():
            levels.append(_enter(entry, level, below, path, found))
            return
        if _is_whiteout(status):
            kind = DELETED if below is not None else None
        elif below is None:
            kind = (
                None
                if path in ignored and stat.S_ISREG(status.st_mode) and not status.st_size
                else ADDED
            )
            level.passed = level.passed or kind is None
        else:
            kind = (
                None if _same_file(entry.directory, name, status, level.lower, below) else CHANGED
            )
    except FileNotFoundError:
        return  # a running container has taken it away
    except OSError as error:
        with writer.steady(path):
            raise error
    if kind is not None:
        found.kinds[path] = kind
        level.changed = True


def _enter(
    entry: trees.Entry, level: _Level, below: os.stat_result | None, path: bytes, found: Changes
) -> _Level:
    """Return the level of a directory."""
    new = _Level(path, below, None)
    if below is None or not stat.S_ISDIR(below.st_mode):
        return new
    try:
        inner = os.open(entry.name, _DIRECTORY, dir_fd=entry.directory)
    except FileNotFoundError:
        return new
    try:
        new.under = os.open(entry.name, _DIRECTORY, dir_fd=level.lower)
        opaque = whiteouts.is_opaque(inner)
        if opaque:
            found.opaques.add(path)
            _note_hidden(inner, new.under, path, found)
        new.lower = None if opaque else new.under
        new.differs = opaque or not _same_directory(inner, new.under, entry.status, below)
    except BaseException:
        new.close()
        raise
    finally:
        os.close(inner)
    return new


def _note_hidden(inner: int, under: int, path: bytes, found: Changes) -> None:
    """Record what an opaque directory hides."""
    there = {name for name in os.listdir(inner) if not _is_whiteout(os.lstat(name, dir_fd=inner))}
    for name in sorted(set(os.listdir(under)) - there):
        found.kinds[path + b"/" + os.fsencode(name)] = DELETED


# ----------------------------------------------------------------------------------- archive


class Whiteout:
    """The status of a whiteout's entry, for ``writer.header``."""

    st_mode, st_uid, st_gid, st_rdev, st_mtime_ns = 0o600, 0, 0, 0, 0


WHITEOUT = Whiteout()


def archive(upper: str) -> Iterator[bytes]:
    """Yield the pieces of a cleaned directory's archive.

    Entries are sorted, and whiteouts come before the rest of a directory. The root has an entry
    only where it is not 0755 of root.

    :raises HostError: when a file changes meanwhile.
    """
    fd = os.open(upper, _DIRECTORY)
    try:
        status = os.fstat(fd)
        if _attributes(status) != (stat.S_IFDIR | 0o755, 0, 0):
            yield writer.header(b"./", reader.DIRECTORY, status)
        yield from _contents(fd, b"", {})
        yield b"\0" * 1024
    finally:
        os.close(fd)


def archive_of(upper: int, found: Changes) -> Iterator[bytes]:
    """Yield the archive of the changes ``found`` in an open directory, as :func:`archive` does.

    The directory stays as it is.
    """
    if found.root:
        yield writer.header(b"./", reader.DIRECTORY, os.fstat(upper))
    yield from _contents(upper, b"", {}, found)
    yield b"\0" * 1024


def _contents(
    fd: int, prefix: bytes, links: writer.Links, found: Changes | None = None
) -> Iterator[bytes]:
    if prefix.count(b"/") > MAX_DEPTH:
        raise TooDeep(f"/{os.fsdecode(prefix[:100])}... is nested deeper than {MAX_DEPTH}")
    names = sorted(os.fsencode(name) for name in os.listdir(fd))
    if found is not None:
        names = [name for name in names if prefix + name in found.kinds]
    if found is None:
        opaque = whiteouts.is_opaque(fd)
    else:
        opaque = bool(prefix) and prefix[:-1] in found.opaques
    if opaque:
        yield writer.header(prefix + whiteouts.OPAQUE_ENTRY, reader.REGULAR, WHITEOUT)
    with writer.steady(prefix):
        statuses = [(name, os.lstat(name, dir_fd=fd)) for name in names]
    for name, status in statuses:
        if _is_whiteout(status):
            yield writer.header(prefix + whiteouts.PREFIX + name, reader.REGULAR, WHITEOUT)
    for name, status in statuses:
        if _is_whiteout(status):
            continue
        if stat.S_ISDIR(status.st_mode):
            with writer.steady(prefix + name):
                inner = os.open(name, _DIRECTORY, dir_fd=fd)
            try:
                yield writer.header(
                    prefix + name + b"/", reader.DIRECTORY, status, xattrs=same_file.xattrs(inner)
                )
                yield from _contents(inner, prefix + name + b"/", links, found)
            finally:
                os.close(inner)
        else:
            yield from writer.entry(fd, name, prefix + name, status, links)
