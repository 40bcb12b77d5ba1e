# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The upper directory of an overlay mount as a layer: what is no change does not count, and the rest is its archive.

A build's directory is cleaned (:func:`clean`) and kept as the unpacked layer, so nothing is copied. Times are cut to whole seconds, as the
archive has them, and to SOURCE_DATE_EPOCH where that is given; so a layer that is pulled again is the same tree. A container's is only
looked at (:func:`changes`).
"""

from __future__ import annotations

import errno
import os
import stat

from ..errors import HostError
from ..kernel.files import same_file
from ..untrusted import trees
from .tar import writer

OPAQUE = "trusted.overlay.opaque"
MAX_DEPTH = 250
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_BILLION = 1000000000


class TooDeep(HostError):
    """Directories that are nested deeper than any archive should have them."""


def clean(upper, lower, epoch=None):
    """Take out of the directory ``upper`` what is as it is below, and put its times in order.

    :param lower: descriptor of what is below it, or None for nothing. :param epoch: seconds: the latest time that is kept.
    :returns: bytes of all regular files that are left. :raises TooDeep:
    """
    fd = os.open(upper, _DIRECTORY)
    try:
        size = _clean(fd, lower, epoch, 0, set())[0]
        _strip(fd)
        os.utime(fd, ns=(0, 0))
    finally:
        os.close(fd)
    return size


def _clean(fd, lower, epoch, depth, counted):
    """``(bytes, whether anything is left)`` of one directory.

    ``lower``: the same directory below, or None. ``counted``: inodes of the files with several names that were counted.
    """
    if depth > MAX_DEPTH:
        raise TooDeep("the step made directories that are nested deeper than %d" % MAX_DEPTH)
    total, left = 0, False
    for name in os.listdir(fd):
        status, below = os.lstat(name, dir_fd=fd), _status(lower, name)
        if is_whiteout(status):
            if below is None:
                os.unlink(name, dir_fd=fd)
            else:
                left = True
        elif stat.S_ISDIR(status.st_mode):
            size, kept = _directory(fd, name, (status, below), lower, epoch, depth, counted)
            total, left = total + size, left or kept
        elif stat.S_ISSOCK(status.st_mode) or _same_file(fd, name, status, lower, below):
            os.unlink(name, dir_fd=fd)
        else:
            _settle(fd, name, status, epoch)
            if stat.S_ISREG(status.st_mode) and status.st_ino not in counted:
                total += status.st_size
            if status.st_nlink > 1:
                counted.add(status.st_ino)
            left = True
    return total, left


def _directory(fd, name, statuses, lower, epoch, depth, counted):
    status, below = statuses
    inner, under = os.open(name, _DIRECTORY, dir_fd=fd), None
    try:
        opaque = _opaque(inner)
        if below is not None and stat.S_ISDIR(below.st_mode):
            under = os.open(name, _DIRECTORY, dir_fd=lower)
        if opaque and under is None:
            os.removexattr(inner, OPAQUE)
        size, left = _clean(inner, None if opaque else under, epoch, depth + 1, counted)
        if (
            not left
            and not opaque
            and under is not None
            and _same_directory(inner, under, status, below)
        ):
            os.rmdir(name, dir_fd=fd)
            return 0, False
        _strip(inner)
        os.utime(inner, ns=(status.st_atime_ns, _time(status, epoch)))
        return size, True
    finally:
        os.close(inner)
        if under is not None:
            os.close(under)


def _status(fd, name):
    if fd is None:
        return None
    try:
        return os.lstat(name, dir_fd=fd)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return None
        raise


def is_whiteout(status):
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def _opaque(fd):
    try:
        return os.getxattr(fd, OPAQUE) in (b"y", b"x")
    except OSError:
        return False


def _attributes(status):
    return status.st_mode, status.st_uid, status.st_gid


def _same_directory(inner, under, status, below):
    """Times don't count: a file that came and went is no change."""
    return _attributes(status) == _attributes(below) and same_file.xattrs(
        inner
    ) == same_file.xattrs(under)


def _same_file(fd, name, status, lower, below):
    if (
        below is None
        or _attributes(status) != _attributes(below)
        or (status.st_mtime_ns, status.st_size, status.st_rdev)
        != (below.st_mtime_ns, below.st_size, below.st_rdev)
        or (status.st_nlink > 1) != (below.st_nlink > 1)
    ):
        return False
    if stat.S_ISLNK(status.st_mode):
        return os.readlink(name, dir_fd=fd) == os.readlink(name, dir_fd=lower)
    if not stat.S_ISREG(status.st_mode):
        return True
    ours, theirs = os.open(name, _FILE, dir_fd=fd), os.open(name, _FILE, dir_fd=lower)
    try:
        return same_file.same(ours, theirs)
    finally:
        os.close(ours)
        os.close(theirs)


def _time(status, epoch):
    """A file's time in whole seconds, as nanoseconds."""
    seconds = status.st_mtime_ns // _BILLION
    return (seconds if epoch is None else min(seconds, epoch)) * _BILLION


def _settle(fd, name, status, epoch):
    if stat.S_ISREG(status.st_mode):
        file = os.open(name, _FILE, dir_fd=fd)
        try:
            _strip(file)
        finally:
            os.close(file)
    wanted = _time(status, epoch)
    if wanted != status.st_mtime_ns:
        os.utime(name, ns=(status.st_atime_ns, wanted), dir_fd=fd, follow_symlinks=False)


def _strip(fd):
    """Remove overlayfs' notes of where a file came from; they mean nothing in a layer."""
    for name in os.listxattr(fd):
        if name.startswith("trusted.overlay.") and name != OPAQUE:
            os.removexattr(fd, name)


# ------------------------------------------------------------------------------------------------------------- looking

ADDED, CHANGED, DELETED = "A", "C", "D"


class Changes:
    """What an upper directory changes of what is below it.

    :ivar kinds: ``{path: "A", "C" or "D"}``, sorted, a directory before what is in it; one is changed, too, when something in it is.
    :ivar opaques: directories of it that hide what is below them; what is gone by that is "D" in ``kinds``.
    :ivar root: whether owner or mode of the root are others.
    """

    def __init__(self):
        self.kinds, self.opaques, self.root = {}, set(), False

    def names(self):
        """``[{"Path", "Kind"}]``, paths as text, absolute."""
        return [
            {"Path": "/" + os.fsdecode(path), "Kind": kind} for path, kind in self.kinds.items()
        ]


def changes(upper, lower, ignored=frozenset()):
    """The :class:`Changes` of the directory ``upper`` over ``lower`` (descriptors; None for nothing). Nothing is written.

    :param ignored: paths (bytes) that are no change where they are an empty file or directory that is not below; nor is a directory
        that is not below and has nothing else.
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
    """A directory of the upper one that is looked into. ``below``: status of what is below in its place; ``lower``: the directory below it, or None.

    :ivar changed, passed: whether something in it is changed; whether something in it was ignored.
    """

    def __init__(self, path, below, lower):
        self.path, self.below, self.lower = path, below, lower
        self.under, self.changed, self.passed, self.differs = None, False, False, True

    @property
    def prefix(self):
        return self.path + b"/" if self.path else b""

    def end(self, above, ignored, found):
        """Everything in it was seen."""
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

    def close(self):
        if self.under is not None:
            os.close(self.under)
            self.under = None


def _look(entry, levels, ignored, found):
    level, name, status = levels[-1], os.fsencode(entry.name), entry.status
    path = level.prefix + name
    try:
        below = _status(level.lower, name)
        if entry.is_directory():
            levels.append(_enter(entry, level, below, path, found))
            return
        if is_whiteout(status):
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


def _enter(entry, level, below, path, found):
    """The level of a directory."""
    new = _Level(path, below, None)
    found.kinds[path] = None  # its place is before what is in it
    if below is None or not stat.S_ISDIR(below.st_mode):
        return new
    try:
        inner = os.open(entry.name, _DIRECTORY, dir_fd=entry.directory)
    except FileNotFoundError:
        return new
    try:
        new.under = os.open(entry.name, _DIRECTORY, dir_fd=level.lower)
        opaque = _opaque(inner)
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


def _note_hidden(inner, under, path, found):
    there = {name for name in os.listdir(inner) if not is_whiteout(os.lstat(name, dir_fd=inner))}
    for name in sorted(set(os.listdir(under)) - there):
        found.kinds[path + b"/" + os.fsencode(name)] = DELETED


# ------------------------------------------------------------------------------------------------------------- archive


class Whiteout:
    """What tarwrite.header wants of a whiteout's status."""

    st_mode, st_uid, st_gid, st_rdev, st_mtime_ns = 0o600, 0, 0, 0, 0


def archive(upper):
    """The pieces of a cleaned directory's archive: sorted, whiteouts before the rest of a directory, the root only where it is not 0755 of root.

    :raises HostError: when a file changes meanwhile.
    """
    fd = os.open(upper, _DIRECTORY)
    try:
        status = os.fstat(fd)
        if _attributes(status) != (stat.S_IFDIR | 0o755, 0, 0):
            yield writer.header(b"./", writer.DIRECTORY, status)
        yield from _contents(fd, b"", {})
        yield b"\0" * 1024
    finally:
        os.close(fd)


def archive_of(upper, found):
    """As :func:`archive`, of what ``found`` (a :class:`Changes`) says of the open directory ``upper``, which is left as it is."""
    if found.root:
        yield writer.header(b"./", writer.DIRECTORY, os.fstat(upper))
    yield from _contents(upper, b"", {}, found)
    yield b"\0" * 1024


def _contents(fd, prefix, links, found=None):
    if prefix.count(b"/") > MAX_DEPTH:
        raise TooDeep("/%s... is nested deeper than %d" % (os.fsdecode(prefix[:100]), MAX_DEPTH))
    names = sorted(os.fsencode(name) for name in os.listdir(fd))
    if found is not None:
        names = [name for name in names if prefix + name in found.kinds]
    if _opaque(fd) if found is None else prefix[:-1] in found.opaques and prefix:
        yield writer.header(prefix + b".wh..wh..opq", writer.REGULAR, Whiteout)
    with writer.steady(prefix):
        statuses = [(name, os.lstat(name, dir_fd=fd)) for name in names]
    for name, status in statuses:
        if is_whiteout(status):
            yield writer.header(prefix + b".wh." + name, writer.REGULAR, Whiteout)
    for name, status in statuses:
        if is_whiteout(status):
            continue
        if stat.S_ISDIR(status.st_mode):
            with writer.steady(prefix + name):
                inner = os.open(name, _DIRECTORY, dir_fd=fd)
            try:
                yield writer.header(
                    prefix + name + b"/", writer.DIRECTORY, status, xattrs=same_file.xattrs(inner)
                )
                yield from _contents(inner, prefix + name + b"/", links, found)
            finally:
                os.close(inner)
        else:
            yield from writer.entry(fd, name, prefix + name, status, links)
