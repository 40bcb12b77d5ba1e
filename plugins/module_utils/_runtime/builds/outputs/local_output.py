# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the files of an image into a directory of the host (``--output type=local``).

Times are not compared, and other files in the directory stay. Devices, set-id files and file
capabilities are meant for the image, not the host: they are written only on request
(``privileged``).
"""

from __future__ import annotations

import os
import stat

from ...kernel.files import same_file
from ...untrusted.text import printable
from ..parse.expansion import Trouble
from ..trees import source_tree
from ..trees.placer import Placer, harmless, is_device

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..trees.source_tree import Entry


SHOWN = 3  # names in a sentence
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


def write(seen: int, directory: str, privileged: bool = False) -> None:
    """Copy the image's files.

    :param seen: descriptor of them.
    :param directory: an existing one.
    :raises Trouble: where something is in the way.
    """
    tree = source_tree.Tree(os.dup(seen), "the image")
    top = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    placer = Placer(top, follow=False, privileged=privileged)
    try:
        placer.tree(tree, tree.find("/")[0], "")
    finally:
        os.close(top)
        tree.close()


def different(
    seen: int, directory: str, privileged: bool = False
) -> tuple[dict[str, str], list[str]]:
    """Compare the image's files with a directory.

    :returns: ``{path: "missing" or "different"}`` of files that differ from the image's, a
        directory before its entries; and sentences about what is not written.
    :raises Trouble: where a directory is in the place of a file, or the reverse.
    """
    found: dict[str, str] = {}
    absent: set[str] = set()  # directories whose contents are missing with them
    devices: list[str] = []
    lessened: list[str] = []
    tree = source_tree.Tree(os.dup(seen), "the image")
    try:
        for name, entry in tree.selection(tree.find("/")[0]):
            if not privileged and is_device(entry.status):
                devices.append(name)
                continue
            if not privileged and _is_privileged(entry):
                lessened.append(name)
            path = os.path.join(directory, name)
            there = None if name.rpartition("/")[0] in absent else _status(path)
            if there is None:
                found[name] = "missing"
                if stat.S_ISDIR(entry.status.st_mode):
                    absent.add(name)
                continue
            _check_kind(entry, there, path)
            if not _same(entry, there, path, privileged):
                found[name] = "different"
    finally:
        tree.close()
    return found, _lost(directory, devices, lessened)


def _check_kind(entry: Entry, there: os.stat_result, path: str) -> None:
    """Check that a directory replaces only a directory, and a file no directory.

    :raises Trouble: where it is not so.
    """
    is_directory = stat.S_ISDIR(there.st_mode)
    if stat.S_ISDIR(entry.status.st_mode) == is_directory:
        return
    if is_directory:
        raise Trouble(f"{path}: a file of the image can't take the place of a directory")
    raise Trouble(f"{path}: a directory of the image can't take the place of what is there")


def _lost(directory: str, devices: list[str], lessened: list[str]) -> list[str]:
    """Return sentences about what is not written to a directory of the host."""
    found = []
    if devices:
        found.append(
            f"{directory} is given no device nodes, so it lacks {_first(devices)} (privileged "
            "takes them)"
        )
    if lessened:
        found.append(
            f"{directory} is given no set-id bits and file capabilities, which the image has at "
            f"{_first(lessened)} (privileged takes them)"
        )
    return found


def _first(names: list[str]) -> str:
    return ", ".join(printable(name, 100) for name in names[:SHOWN]) + (
        f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    )


def _is_privileged(entry: Entry) -> bool:
    if not stat.S_ISREG(entry.status.st_mode):
        return False
    if stat.S_IMODE(entry.status.st_mode) != harmless(stat.S_IMODE(entry.status.st_mode)):
        return True
    try:
        return "security.capability" in os.listxattr(
            f"/proc/self/fd/{entry.parent}/{entry.name}", follow_symlinks=False
        )
    except OSError:
        return False


def _status(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _same(entry: Entry, there: os.stat_result, path: str, privileged: bool) -> bool:
    status = entry.status
    mode = status.st_mode
    if stat.S_ISREG(mode) and not privileged:
        mode = stat.S_IFREG | harmless(stat.S_IMODE(mode))
    if (mode, status.st_uid, status.st_gid) != (there.st_mode, there.st_uid, there.st_gid):
        return False
    if stat.S_ISLNK(status.st_mode):
        return os.readlink(entry.name, dir_fd=entry.parent) == os.readlink(path)
    if not stat.S_ISREG(status.st_mode):
        return stat.S_ISDIR(status.st_mode) or status.st_rdev == there.st_rdev
    return status.st_size == there.st_size and _content_is(entry, path, privileged)


def _content_is(entry: Entry, path: str, privileged: bool) -> bool:
    ours, theirs = entry.open(), os.open(path, _FILE)
    try:
        return same_file.same(ours, theirs, privileged)
    finally:
        os.close(ours)
        os.close(theirs)
