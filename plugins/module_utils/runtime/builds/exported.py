# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of an image in a directory of the host: what of them is not there as in the image, and how they come there.

Times do not count, and what the directory has beside them stays.
"""

from __future__ import annotations

import os
import stat

from ..kernel import regular
from . import placing, sources
from .words import Trouble

_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


def write(seen, directory):
    """:param seen: descriptor of the image's files. :param directory: an existing one."""
    tree = sources.Tree(os.dup(seen), "the image")
    top = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    placer = placing.Placer(top, follow=False)
    try:
        placer.tree(tree, tree.find("/")[0], "")
    finally:
        os.close(top)
        tree.close()


def different(seen, directory):
    """``{path: "missing" or "different"}`` of what is not in ``directory`` as in the image, a directory before what is in it.

    :raises Trouble: where a directory is in the place of a file, or something else in that of a directory.
    """
    found, tree = {}, sources.Tree(os.dup(seen), "the image")
    try:
        absent = set()  # directories whose contents are missing with them
        for name, entry in tree.selection(tree.find("/")[0]):
            parent = name.rpartition("/")[0]
            there = None if parent in absent else _status(os.path.join(directory, name))
            if there is None:
                found[name] = "missing"
                if stat.S_ISDIR(entry.status.st_mode):
                    absent.add(name)
                continue
            wanted_directory, is_directory = stat.S_ISDIR(entry.status.st_mode), stat.S_ISDIR(there.st_mode)
            if wanted_directory != is_directory:
                raise Trouble("%s: %s" % (os.path.join(directory, name), "a file of the image can't take the place of a directory" if is_directory else
                                          "a directory of the image can't take the place of what is there"))
            if not _same(entry, there, os.path.join(directory, name)):
                found[name] = "different"
    finally:
        tree.close()
    return found


def _status(path):
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _same(entry, there, path):
    status = entry.status
    if (status.st_mode, status.st_uid, status.st_gid) != (there.st_mode, there.st_uid, there.st_gid):
        return False
    if stat.S_ISLNK(status.st_mode):
        return os.readlink(entry.name, dir_fd=entry.parent) == os.readlink(path)
    if not stat.S_ISREG(status.st_mode):
        return stat.S_ISDIR(status.st_mode) or status.st_rdev == there.st_rdev
    return status.st_size == there.st_size and _content_is(entry, path)


def _content_is(entry, path):
    ours, theirs = entry.open(), os.open(path, _FILE)
    try:
        return regular.same(ours, theirs)
    finally:
        os.close(ours)
        os.close(theirs)
