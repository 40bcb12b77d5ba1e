# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The upper directory of an overlay mount becomes a layer: what is no change goes out of it, and the rest is its archive.

The directory itself is kept as the unpacked layer, so nothing is copied. Times are cut to whole seconds, as the archive has them,
and to SOURCE_DATE_EPOCH where that is given; so a layer that is pulled again is the same tree.
"""

from __future__ import annotations

import errno
import os
import stat

from ..errors import HostError
from . import tarwrite

OPAQUE = "trusted.overlay.opaque"
MAX_DEPTH = 250
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
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
        size = _clean(fd, lower, epoch, 0)[0]
        _strip(fd)
        os.utime(fd, ns=(0, 0))
    finally:
        os.close(fd)
    return size


def _clean(fd, lower, epoch, depth):
    """``(bytes, whether anything is left)`` of one directory. ``lower``: the same directory below, or None."""
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
            size, kept = _directory(fd, name, (status, below), lower, epoch, depth)
            total, left = total + size, left or kept
        elif stat.S_ISSOCK(status.st_mode) or _same_file(fd, name, status, lower, below):
            os.unlink(name, dir_fd=fd)
        else:
            _settle(fd, name, status, epoch)
            total += status.st_size if stat.S_ISREG(status.st_mode) else 0
            left = True
    return total, left


def _directory(fd, name, statuses, lower, epoch, depth):
    status, below = statuses
    inner, under = os.open(name, _DIRECTORY, dir_fd=fd), None
    try:
        opaque = _opaque(inner)
        if below is not None and stat.S_ISDIR(below.st_mode):
            under = os.open(name, _DIRECTORY, dir_fd=lower)
        if opaque and under is None:
            os.removexattr(inner, OPAQUE)
        size, left = _clean(inner, None if opaque else under, epoch, depth + 1)
        if not left and not opaque and under is not None and _same_directory(inner, under, status, below):
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
    return _attributes(status) == _attributes(below) and tarwrite.xattrs(inner) == tarwrite.xattrs(under)


def _same_file(fd, name, status, lower, below):
    if below is None or _attributes(status) != _attributes(below) or (status.st_mtime_ns, status.st_size, status.st_rdev) != (
            below.st_mtime_ns, below.st_size, below.st_rdev) or (status.st_nlink > 1) != (below.st_nlink > 1):
        return False
    if stat.S_ISLNK(status.st_mode):
        return os.readlink(name, dir_fd=fd) == os.readlink(name, dir_fd=lower)
    if not stat.S_ISREG(status.st_mode):
        return True
    ours, theirs = os.open(name, _FILE, dir_fd=fd), os.open(name, _FILE, dir_fd=lower)
    try:
        if tarwrite.xattrs(ours) != tarwrite.xattrs(theirs):
            return False
        while True:
            piece = os.read(ours, 1 << 18)
            if piece != os.read(theirs, 1 << 18):
                return False
            if not piece:
                return True
    finally:
        os.close(ours)
        os.close(theirs)


def _time(status, epoch):
    """A file's time in whole seconds, as nanoseconds."""
    seconds = status.st_mtime_ns // _BILLION
    return (seconds if epoch is None else min(seconds, epoch)) * _BILLION


def _settle(fd, name, status, epoch):
    if stat.S_ISREG(status.st_mode):
        file = os.open(name, _FILE | os.O_NONBLOCK, dir_fd=fd)
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


# ------------------------------------------------------------------------------------------------------------- archive


class _Status:
    """What tarwrite.header wants of a whiteout's status."""

    st_mode, st_uid, st_gid, st_rdev, st_mtime_ns = 0o600, 0, 0, 0, 0


def archive(upper):
    """The pieces of the layer's archive: sorted, whiteouts before the rest of a directory, the root only where it is not 0755 of root.

    :raises HostError: when a file changes meanwhile.
    """
    fd = os.open(upper, _DIRECTORY)
    try:
        status = os.fstat(fd)
        if _attributes(status) != (stat.S_IFDIR | 0o755, 0, 0):
            yield tarwrite.header(b"./", tarwrite.DIRECTORY, status)
        yield from _contents(fd, b"", {})
        yield b"\0" * 1024
    finally:
        os.close(fd)


def _contents(fd, prefix, links):
    names = sorted(os.fsencode(name) for name in os.listdir(fd))
    if _opaque(fd):
        yield tarwrite.header(prefix + b".wh..wh..opq", tarwrite.REGULAR, _Status)
    statuses = [(name, os.lstat(name, dir_fd=fd)) for name in names]
    for name, status in statuses:
        if is_whiteout(status):
            yield tarwrite.header(prefix + b".wh." + name, tarwrite.REGULAR, _Status)
    for name, status in statuses:
        if is_whiteout(status):
            continue
        if stat.S_ISDIR(status.st_mode):
            inner = os.open(name, _DIRECTORY, dir_fd=fd)
            try:
                yield tarwrite.header(prefix + name + b"/", tarwrite.DIRECTORY, status, xattrs=tarwrite.xattrs(inner))
                yield from _contents(inner, prefix + name + b"/", links)
            finally:
                os.close(inner)
        else:
            yield from tarwrite.entry(fd, name, prefix + name, status, links)
