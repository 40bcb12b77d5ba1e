# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container's device nodes, and the links in its /dev. config-linux.md, "Devices" and "Default
Devices".

mknod(2) works in the host's own user namespace only; elsewhere a node is a mount of the host's.
"""

from __future__ import annotations

import errno
import os
import stat

from ...errors import ContainerFailed, Unsupported, reason
from ...kernel.mounts import mounts, rootfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .config_types import Config

    # path, kind (a letter of KINDS), major, minor, mode, uid, gid
    Node = tuple[str, str, int, int, int, int, int]

DEVICES = tuple(
    ("/dev/" + name, "c", major, minor, 0o666, 0, 0)
    for name, major, minor in (
        ("null", 1, 3),
        ("zero", 1, 5),
        ("full", 1, 7),
        ("random", 1, 8),
        ("urandom", 1, 9),
        ("tty", 5, 0),
    )
)
LINKS = (
    ("ptmx", "pts/ptmx"),
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
)
KINDS = {"c": stat.S_IFCHR, "u": stat.S_IFCHR, "b": stat.S_IFBLK, "p": stat.S_IFIFO}


def read(config: Config) -> list[Node]:
    """Read the device nodes to make: what every container has, and linux.devices.

    :raises Unsupported: naming what is wrong.
    """
    found: dict[str, Node] = {node[0]: node for node in DEVICES}
    for node in config.get("linux", {}).get("devices") or ():
        path, kind = node.get("path") or "", node.get("type")
        if not os.path.isabs(path):
            raise Unsupported(f"config.json: linux.devices: path {path!r} is not an absolute path")
        if kind not in KINDS:
            raise Unsupported(f"device {path}: type {kind} is not supported; accepted: c, b, u, p")
        for name in ("major", "minor") if kind != "p" else ():
            if node.get(name) is None:
                raise Unsupported(f"device {path}: {name} is missing; needed: a number")
            if not isinstance(node[name], int) or not 0 <= node[name] < 2**32:
                raise Unsupported(
                    f"device {path}: {name}: {node[name]!r} is not valid; needed: a number"
                )
        if path.rstrip("/") == "/dev/ptmx":
            continue  # a link to that of the container's own devpts: the host's leads to none there
        found[path] = (
            path.rstrip("/"),
            kind,
            node.get("major") or 0,
            node.get("minor") or 0,
            node.get("fileMode", 0o666),
            node.get("uid") or 0,
            node.get("gid") or 0,
        )
    return list(found.values())


def make(root_fd: int, nodes: Sequence[Node]) -> list[Node]:
    """Make device nodes inside the root; the umask must be 0.

    Returns those that this process may not make.

    :raises OSError: naming the device.
    """
    refused: list[Node] = []
    opened: str | None = None
    parent: int | None = None
    try:
        for node in nodes:
            path, kind, major, minor, mode, uid, gid = node
            directory, _slash, name = path.rpartition("/")
            if parent is None or directory != opened:  # nearly all are in /dev
                if parent is not None:
                    os.close(parent)
                opened = parent = None
                parent, opened = rootfs.make_in_root(root_fd, directory or "/", True), directory
            if not _make_one(parent, name, KINDS[kind] | (mode & 0o7777), os.makedev(major, minor)):
                refused.append(node)
            elif uid or gid:
                os.chown(name, uid, gid, dir_fd=parent, follow_symlinks=False)
    except OSError as error:
        raise OSError(error.errno, f"device {path}: {reason(error, named=True)}") from None
    finally:
        if parent is not None:
            os.close(parent)
    return refused


def _make_one(parent: int, name: str, mode: int, number: int) -> bool:
    """Make one; returns whether this process may."""
    try:
        os.mknod(name, mode, number, dir_fd=parent)
    except PermissionError:
        return False
    except FileExistsError:
        there = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if (
            stat.S_IFMT(there.st_mode) != stat.S_IFMT(mode)
            or not stat.S_ISFIFO(mode)
            and there.st_rdev != number
        ):
            raise OSError(errno.EEXIST, "there is a file already that is not this device") from None
    return True


def of_host(node: Node) -> int:
    """Return a mount of the host's device node at the same path.

    :raises ContainerFailed: it is not that very device (CVE-2025-31133: a mount of a fake).
    """
    path, kind, major, minor = node[:4]
    try:
        fd = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            status = os.fstat(fd)
            if stat.S_IFMT(status.st_mode) != KINDS[kind] or status.st_rdev != os.makedev(
                major, minor
            ):
                raise OSError(errno.ENODEV, "")
            copy: int = mounts.bind(fd, recursive=False)
            return copy
        finally:
            os.close(fd)
    except OSError:
        raise ContainerFailed(
            f"device {path}: it can't be made in a user namespace, and the host has no "
            f"{kind} {major}:{minor} at that path"
        ) from None


def make_links(root_fd: int) -> None:
    """Make the symbolic links that programs expect in /dev."""
    parent = rootfs.make_in_root(root_fd, "/dev", True)
    try:
        for name, target in LINKS + (
            (("core", "/proc/kcore"),) if os.path.exists("/proc/kcore") else ()
        ):
            try:
                os.symlink(target, name, dir_fd=parent)
            except FileExistsError:
                if name == "ptmx":  # a device there would be of the host's terminals
                    _replace(parent, name, target)
    finally:
        os.close(parent)


def _replace(parent: int, name: str, target: str) -> None:
    try:
        os.unlink(name, dir_fd=parent)
        os.symlink(target, name, dir_fd=parent)
    except OSError:  # something is mounted there, by config.json
        pass


def open_null(root_fd: int, flags: int) -> int:
    """Open the container's own /dev/null, checked to be the null device: never the host's, which a
    container's root could chown.
    """
    fd: int = rootfs.open_in_root(root_fd, "/dev/null", flags)
    status = os.fstat(fd)
    if not stat.S_ISCHR(status.st_mode) or status.st_rdev != os.makedev(1, 3):
        os.close(fd)
        raise OSError(errno.ENODEV, "not the null device", "/dev/null")
    return fd
