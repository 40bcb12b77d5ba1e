# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fill a volume at its first use with the image's files at its mount point, as Docker does.

Owner and mode are copied too. The image is foreign. Its path is resolved inside its own root
(kernel/mounts/rootfs.py), and every file is reached through its directory's descriptor without
following links (CVE-2022-23648: VOLUME paths with ``..`` and links copied host files). The copy
appears whole: it is made beside the volume's directory and replaces it by rename(2).
"""

from __future__ import annotations

import errno
import os
import stat

from ..errors import HostError, reason
from ..kernel.files import file_copy, project_quota
from ..kernel.mounts import overlay, rootfs
from ..store import tree_removal
from ..store.atomic_files import sync_directory
from . import catalog, driver, quota

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..engine import Engine
    from .catalog import Volume

    # (device, inode) of a file with several names -> descriptor of a directory, its name in it
    Seen = dict[tuple[int, int], tuple[int, str]]

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def populate(engine: Engine, name: str, layers: Sequence[str], target: str) -> None:
    """Fill an empty volume with the image's content at ``target``; leave any other volume alone.

    :param layers: the image's layer directories, topmost first.
    :param target: an absolute path in the container.
    :raises NotFound: when there is no such volume.
    :raises HostError: when reading or writing fails; the volume stays empty then.
    """
    volume = catalog.require(engine, name)
    data = catalog.path(engine, name)
    if (
        driver.is_mount(volume["driver_options"])
        or os.listdir(data)
        or catalog.used_by(engine, name)
    ):
        return
    with engine.locks.hold("volume", name):
        if os.listdir(data):
            return
        root = overlay.overlay(layers, read_only=True)
        try:
            source = _open_inside(root, target)
            if source is not None:
                try:
                    _fill(engine, volume, source)
                finally:
                    os.close(source)
        except OSError as error:
            raise HostError(
                f"volume {name}: can't copy the image's {target} into it: {reason(error, named=True)}"
            ) from None
        finally:
            os.close(root)


def _open_inside(root: int, target: str) -> int | None:
    """Return a descriptor of the directory at ``target`` inside the root, or None."""
    try:
        return rootfs.open_in_root(root, target, _DIRECTORY)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            return None
        raise


def _fill(engine: Engine, volume: Volume, source: int) -> None:
    directory: str = engine.paths.volume(volume["name"])
    half, data = os.path.join(directory, "copy"), os.path.join(directory, "_data")
    tree_removal.remove(half)
    os.mkdir(half, 0o700)
    if quota.has_had(data):  # one project, for one of the two is empty
        project_quota.assign(half, project_quota.project_of(data))
    to = os.open(half, _DIRECTORY)
    try:
        copy_directory(source, to)
    finally:
        os.close(to)
    os.sync()  # many small files: one sync of the file system costs less than one fsync(2) each
    quota.check_filled(half, volume["driver_options"])
    os.rename(half, data)
    sync_directory(directory)


def copy_directory(source: int, to: int, overlay: bool = False) -> None:
    """Copy the content of a directory into another, with its owner, mode and times.

    :param source, to: descriptors.
    :param overlay: copy overlayfs' attributes too.
    """
    seen: Seen = {}
    try:
        _copy(source, to, seen, 0, overlay)
    finally:
        for fd, _name in seen.values():
            os.close(fd)


def _copy(source: int, to: int, seen: Seen, depth: int, overlay: bool) -> None:
    if depth > 200:
        raise OSError(errno.ENAMETOOLONG, "directories nested too deeply")
    for name in os.listdir(source):
        info = os.stat(name, dir_fd=source, follow_symlinks=False)
        if stat.S_ISDIR(info.st_mode):
            os.mkdir(name, 0o700, dir_fd=to)
            inner = os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=source)
            outer = os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=to)
            try:
                _copy(inner, outer, seen, depth + 1, overlay)
            finally:
                os.close(inner)
                os.close(outer)
        elif not _linked(info, to, name, seen):
            file_copy.copy_file(source, name, to, name, info, overlay)
            if info.st_nlink > 1:
                seen[info.st_dev, info.st_ino] = (os.dup(to), name)
    file_copy.copy_attributes(source, to, os.fstat(source), overlay)


def _linked(info: os.stat_result, to: int, name: str, seen: Seen) -> bool:
    """Link a file whose other name was copied before. Return whether it was."""
    first = seen.get((info.st_dev, info.st_ino))
    if first is None:
        return False
    os.link(first[1], name, src_dir_fd=first[0], dst_dir_fd=to, follow_symlinks=False)
    return True
