# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mounts as descriptors: made detached, given their attributes, attached inside a root file system without a path being trusted.

    fd = bind("/srv/data")
    attach(fd, root_fd, "/data", attributes=MOUNT_ATTR_RDONLY, recursive=True)

A descriptor that was opened in another mount namespace can't be the source of a bind; a detached mount can be attached in
any. So sources are bound by the process that runs outside the container, and attached by the one inside.

Needs Linux 5.2 (open_tree, fsopen, fsmount, move_mount). Before 5.12 (mount_setattr) attributes are set by mount(2) right
after the mount is attached, on the descriptor's /proc/self/fd path, and not for the mounts below it.
"""

from __future__ import annotations

import errno
import os
import stat

from ...errors import Unsupported, reason
from ..calls import constants as c
from ..calls import syscalls
from ..processes import procfs
from . import rootfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Union

    Option = Union[str, int, None, list[Union[str, int, None]], list[str]]

FORCE_OLD = False  # tests: behave as a kernel without mount_setattr

# Mount options by name: (MOUNT_ATTR_* to set, MOUNT_ATTR_* to clear). With a leading "r" ("rro") they are recursive.
ATTRIBUTES = {
    "ro": (c.MOUNT_ATTR_RDONLY, 0),
    "rw": (0, c.MOUNT_ATTR_RDONLY),
    "nosuid": (c.MOUNT_ATTR_NOSUID, 0),
    "suid": (0, c.MOUNT_ATTR_NOSUID),
    "nodev": (c.MOUNT_ATTR_NODEV, 0),
    "dev": (0, c.MOUNT_ATTR_NODEV),
    "noexec": (c.MOUNT_ATTR_NOEXEC, 0),
    "exec": (0, c.MOUNT_ATTR_NOEXEC),
    "noatime": (c.MOUNT_ATTR_NOATIME, c.MOUNT_ATTR__ATIME),
    "relatime": (c.MOUNT_ATTR_RELATIME, c.MOUNT_ATTR__ATIME),
    "strictatime": (c.MOUNT_ATTR_STRICTATIME, c.MOUNT_ATTR__ATIME),
    "atime": (
        c.MOUNT_ATTR_RELATIME,
        c.MOUNT_ATTR__ATIME,
    ),  # not "noatime"; the kernel's own choice then is relatime
    "nostrictatime": (c.MOUNT_ATTR_RELATIME, c.MOUNT_ATTR__ATIME),
    "nodiratime": (c.MOUNT_ATTR_NODIRATIME, 0),
    "diratime": (0, c.MOUNT_ATTR_NODIRATIME),
    "nosymfollow": (c.MOUNT_ATTR_NOSYMFOLLOW, 0),
    "symfollow": (0, c.MOUNT_ATTR_NOSYMFOLLOW),
}
PROPAGATION = {
    "private": c.MS_PRIVATE,
    "slave": c.MS_SLAVE,
    "shared": c.MS_SHARED,
    "unbindable": c.MS_UNBINDABLE,
}

# What mount(2) calls the same: statvfs(3) flag, MS_* flag, MOUNT_ATTR_* flag.
OLD_FLAGS = (
    (os.ST_RDONLY, c.MS_RDONLY, c.MOUNT_ATTR_RDONLY),
    (os.ST_NOSUID, c.MS_NOSUID, c.MOUNT_ATTR_NOSUID),
    (os.ST_NODEV, c.MS_NODEV, c.MOUNT_ATTR_NODEV),
    (os.ST_NOEXEC, c.MS_NOEXEC, c.MOUNT_ATTR_NOEXEC),
    (os.ST_NODIRATIME, c.MS_NODIRATIME, c.MOUNT_ATTR_NODIRATIME),
    (os.ST_NOATIME, c.MS_NOATIME, c.MOUNT_ATTR_NOATIME),
    (
        0x2000,
        c.MS_NOSYMFOLLOW,
        c.MOUNT_ATTR_NOSYMFOLLOW,
    ),  # ST_NOSYMFOLLOW of linux/statfs.h, Linux 5.10
)
_HARDENED = c.MOUNT_ATTR_NOSUID | c.MOUNT_ATTR_NODEV | c.MOUNT_ATTR_NOEXEC


# ---------------------------------------------------------------------------------------------------------------- making


def bind(source: str | bytes | int, recursive: bool = True, follow: bool = True) -> int:
    """A detached copy of the mount at ``source`` (a path or a descriptor), by default with all below it.

    :param follow: whether the path's last name may be a link; else it is the link that is shown.
    """
    flags = (
        c.OPEN_TREE_CLONE
        | (c.AT_RECURSIVE if recursive else 0)
        | (0 if follow else c.AT_SYMLINK_NOFOLLOW)
    )
    if isinstance(source, int):
        return syscalls.open_tree(source, "", flags | c.AT_EMPTY_PATH)
    return syscalls.open_tree(c.AT_FDCWD, source, flags)


def place(source: str | bytes, follow: bool = True) -> int:
    """A descriptor of what ``bind`` copies, to be given to it; an automounter's directory is mounted by this."""
    return syscalls.open_tree(c.AT_FDCWD, source, 0 if follow else c.AT_SYMLINK_NOFOLLOW)


def new_fs(
    fstype: str,
    options: Mapping[str, Option] | None = None,
    attributes: int = 0,
    source: str | None = None,
) -> int:
    """A detached mount of a new file system.

    proc, sysfs, mqueue and cgroup show the namespaces of the process that calls this.

    :param options: parameter -> value; None for a flag, a list for a parameter that is given several times.
    :param attributes: MOUNT_ATTR_*; :param source: what /proc/mounts shows as the device, by default the type's name.
    :raises OSError: with the kernel's own explanation where it gives one; ENODEV when it has no such file system.
    """
    try:
        context = syscalls.fsopen(fstype)
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise
        raise OSError(error.errno, f"this kernel has no file system {fstype}") from None
    try:
        syscalls.fsconfig_string(context, "source", source or fstype)
        for key, value in (options or {}).items():
            for one in value if isinstance(value, list) else [value]:
                if one is None:
                    syscalls.fsconfig_flag(context, key)
                else:
                    syscalls.fsconfig_string(context, key, str(one))
        syscalls.fsconfig_create(context)
        return syscalls.fsmount(context, attributes)
    except OSError as error:
        raise OSError(
            error.errno,
            f"mount {fstype}: {reason(error, named=True)}{_explained(context)}",
            error.filename,
        ) from error
    finally:
        os.close(context)


def _explained(context: int) -> str:
    """The messages that wait in a file system context, as " (first; second)"."""
    messages = []
    while True:
        try:
            messages.append(
                os.read(context, 1024).decode("utf-8", "replace").strip()[2:]
            )  # "e text", "w text", "i text"
        except OSError:
            return f" ({'; '.join(messages)})" if messages else ""


# ------------------------------------------------------------------------------------------------------------ attributes


def set_attributes(
    fd: int,
    attributes: int = 0,
    clear: int = 0,
    *,
    recursive: bool = False,
    propagation: int = 0,
    userns_fd: int | None = None,
) -> None:
    """Set and clear MOUNT_ATTR_* and the propagation (MS_PRIVATE, ...) of the mount that ``fd`` is open on.

    ``userns_fd``: map its file owners by that user namespace (detached mounts only).

    :raises Unsupported: before Linux 5.12, where only an attached mount's own flags can be changed.
    """
    if userns_fd is not None:
        attributes |= c.MOUNT_ATTR_IDMAP
    if not FORCE_OLD:
        flags = c.AT_EMPTY_PATH | (c.AT_RECURSIVE if recursive else 0)
        try:
            syscalls.mount_setattr(fd, "", flags, attributes, clear, propagation, userns_fd or 0)
            return
        except OSError as error:
            if error.errno != errno.ENOSYS:
                raise
    if recursive and (attributes or clear):
        raise Unsupported(
            "recursive mount attributes (rro, rnosuid, ...) need Linux 5.12 (mount_setattr)"
        )
    if userns_fd is not None:
        raise Unsupported("mounts with mapped ids need Linux 5.12 (mount_setattr)")
    _remount(fd, attributes, clear, propagation, recursive)


def _remount(fd: int, attributes: int, clear: int, propagation: int, recursive: bool) -> None:
    """set_attributes by mount(2); the mount must be attached in this mount namespace."""
    path = f"/proc/self/fd/{fd}"
    if attributes or clear:
        have = os.fstatvfs(fd).f_flag
        flags = sum(
            ms
            for st, ms, attr in OLD_FLAGS
            if (have & st and not clear & attr) or attributes & attr
        )
        if attributes & c.MOUNT_ATTR_STRICTATIME:
            flags |= c.MS_STRICTATIME
        elif not flags & c.MS_NOATIME:
            flags |= c.MS_RELATIME
        syscalls.mount(None, path, None, c.MS_REMOUNT | c.MS_BIND | flags)
    if propagation:
        syscalls.mount(None, path, None, propagation | (c.MS_REC if recursive else 0))


def reconfigure(fd: int, flags: int) -> None:
    """Set flags (MS_*) of the file system itself that only mount(2) knows, keeping those of the mount; it must be attached."""
    have = os.fstatvfs(fd).f_flag
    flags |= sum(ms for st, ms, dummy in OLD_FLAGS if have & st) | (
        0 if have & os.ST_NOATIME else c.MS_RELATIME
    )
    syscalls.mount(None, f"/proc/self/fd/{fd}", None, c.MS_REMOUNT | flags)


def change_parameters(fd: int, options: Mapping[str, str | int | None]) -> None:
    """Change parameters of a mounted file system (a dict as for new_fs). :raises OSError: with the kernel's own explanation."""
    context = syscalls.fspick(fd, "")
    try:
        for key, value in options.items():
            if value is None:
                syscalls.fsconfig_flag(context, key)
            else:
                syscalls.fsconfig_string(context, key, str(value))
        syscalls.fsconfig_reconfigure(context)
    except OSError as error:
        raise OSError(
            error.errno,
            f"remount: {reason(error, named=True)}{_explained(context)}",
            error.filename,
        ) from error
    finally:
        os.close(context)


_has: list[bool] = []  # whether the kernel has mount_setattr, once it was asked


def _has_mount_setattr() -> bool:
    """Whether attributes can be set before a mount is attached."""
    if FORCE_OLD:
        return False
    if not _has:
        _has.append(syscalls.probe("mount_setattr", -1, b"", 0, bytes(32), 32) != errno.ENOSYS)
    return _has[0]


# ------------------------------------------------------------------------------------------------------------- attaching


def attach(
    fd: int,
    root_fd: int,
    destination: str,
    *,
    attributes: int = 0,
    clear: int = 0,
    recursive: bool = False,
    propagation: int = 0,
    follow: bool = True,
    anew: bool = False,
) -> None:
    """Attach a detached mount at ``destination`` inside the root file system, and make the mount point when missing.

    Attributes are set before the mount can be seen. The descriptor then is open on the attached mount.

    On the root directory itself it is attached above what is there, and ``root_fd`` then is a descriptor of it.

    :param destination: path as the container sees it. :param follow: whether its last name may be a link.
    :param anew: a copy takes the mount's place, which is younger than all that was made until now. Only what is attached in
        this mount namespace can be copied in it. A mount on the root directory is not copied.
    :raises OSError: ENOTDIR and EISDIR when file and directory don't match.
    """
    directory = stat.S_ISDIR(os.fstat(fd).st_mode)
    target = rootfs.make_in_root(root_fd, destination, directory, follow)
    try:
        status = os.fstat(target)
        if stat.S_ISDIR(status.st_mode) != directory:
            code = errno.ENOTDIR if directory else errno.EISDIR
            raise OSError(code, f"mount: {os.strerror(code)}", destination)
        over_root = os.path.samestat(status, os.fstat(root_fd)) and _mount_id(target) == _mount_id(
            root_fd
        )
        _attach_to(fd, target, attributes, clear, recursive, propagation)
        if over_root:
            os.dup2(fd, root_fd, inheritable=False)
        elif anew:
            _renew(fd, target)
    finally:
        os.close(target)


def _renew(fd: int, target: int) -> None:
    copy = bind(fd)
    try:
        set_attributes(
            fd, propagation=c.MS_PRIVATE, recursive=True
        )  # or what is mounted below it would go from its peers, the host's too
        syscalls.umount2(f"/proc/self/fd/{fd}", c.MNT_DETACH)
        _attach_to(copy, target)
        os.dup2(copy, fd, inheritable=False)
    finally:
        os.close(copy)


def _mount_id(fd: int) -> str:
    """The mount that a descriptor is on (proc_pid_fdinfo(5)); by the host's /proc."""
    return next(
        line
        for line in procfs.read(f"/proc/self/fdinfo/{fd}").splitlines()
        if line.startswith("mnt_id")
    )


def attach_made(
    fd: int, parent_fd: int, name: str, *, attributes: int = 0, propagation: int = 0
) -> None:
    """Attach a detached mount at a directory that the caller has just made in a file system of its own: nothing else can stand there."""
    _attach_to(fd, parent_fd, attributes, propagation=propagation, name=name)


def _attach_to(
    fd: int,
    target_fd: int,
    attributes: int = 0,
    clear: int = 0,
    recursive: bool = False,
    propagation: int = 0,
    name: str = "",
) -> None:
    change = attributes or clear or propagation
    early = change and _has_mount_setattr()
    if early:
        set_attributes(fd, attributes, clear, recursive=recursive, propagation=propagation)
    syscalls.move_mount(
        fd,
        "",
        target_fd,
        name,
        c.MOVE_MOUNT_F_EMPTY_PATH | (0 if name else c.MOVE_MOUNT_T_EMPTY_PATH),
    )
    if change and not early:
        set_attributes(fd, attributes, clear, recursive=recursive, propagation=propagation)


def attach_root(fd: int, directory: str) -> None:
    """Attach a detached mount at a host directory (a path), in this mount namespace; ``fd`` then is the root's descriptor."""
    syscalls.move_mount(fd, "", c.AT_FDCWD, directory, c.MOVE_MOUNT_F_EMPTY_PATH)


# -------------------------------------------------------------------------------------------- what a container's root needs


def leave_host() -> None:
    """Keep this mount namespace's changes from the host: its mounts become slaves of the host's."""
    syscalls.mount(None, "/", None, c.MS_SLAVE | c.MS_REC)


def open_null() -> int:
    """A descriptor of the host's /dev/null, checked to be the character device 1:3 (CVE-2025-31133: a mask made from a fake)."""
    fd = os.open("/dev/null", os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    status = os.fstat(fd)
    if not stat.S_ISCHR(status.st_mode) or status.st_rdev != os.makedev(1, 3):
        os.close(fd)
        raise OSError(errno.ENODEV, "not the null device (character device 1:3)", "/dev/null")
    return fd


def mask(root_fd: int, paths: Iterable[str], null_fd: int) -> None:
    """Hide paths inside the root: files below /dev/null, directories below one empty read-only tmpfs. Missing ones are left.

    :param null_fd: from open_null(), opened in this mount namespace.
    """
    empty = None
    try:
        for path in dict.fromkeys(paths):
            target = existing(root_fd, path)
            if target is None:
                continue
            try:
                if stat.S_ISDIR(os.fstat(target).st_mode):
                    if empty is None:
                        fd = empty = new_fs(
                            "tmpfs",
                            {"size": "0k", "nr_inodes": "1"},
                            c.MOUNT_ATTR_RDONLY | _HARDENED,
                        )
                    else:
                        fd = bind(empty, recursive=False)
                else:
                    fd = bind(null_fd, recursive=False)
                _attach_to(fd, target)
                if fd != empty:
                    os.close(fd)
            finally:
                os.close(target)
    finally:
        if empty is not None:
            os.close(empty)


def make_read_only(root_fd: int, paths: Iterable[str]) -> None:
    """Make paths inside the root read-only, by a bind of each over itself. Missing ones are left."""
    for path in paths:
        target = existing(root_fd, path)
        if target is None:
            continue
        try:
            fd = bind(target)
            try:
                _attach_to(fd, target, c.MOUNT_ATTR_RDONLY, recursive=_has_mount_setattr())
            finally:
                os.close(fd)
        finally:
            os.close(target)


def existing(root_fd: int, path: str) -> int | None:
    """A handle on a path inside the root, None when there is none."""
    try:
        return rootfs.open_in_root(root_fd, path, os.O_PATH)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return None
        raise


def pivot(root_fd: int) -> None:
    """Make the attached root this mount namespace's root and drop the host's whole tree from it.

    pivot_root(".", "."): the old root lands on top of the new one and is detached there, so that no directory for it is needed.
    """
    old = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fchdir(root_fd)
        syscalls.pivot_root(".", ".")
        os.fchdir(old)
        # Slave first: a mount below the old root must not be unmounted on the host as well.
        syscalls.mount(None, ".", None, c.MS_SLAVE | c.MS_REC)
        syscalls.umount2(".", c.MNT_DETACH)
    finally:
        os.close(old)
    os.chdir("/")


def change_root(root_fd: int) -> None:
    """As :func:`pivot`, in a mount namespace that is shared with others: chroot(2), which a process with CAP_SYS_CHROOT can leave."""
    os.fchdir(root_fd)
    os.chroot(".")
    os.chdir("/")


def move_root(root_fd: int) -> None:
    """As :func:`pivot`, where the host's root can't be pivoted, as an initramfs: the new root is moved on top of it.

    What is below stays mounted, so a process that could leave its root would be on the host; pivot() is the better way. Every proc
    and sysfs outside is unmounted: while one is fully visible, the kernel lets a user namespace inside mount another, unmasked.
    """
    os.fchdir(root_fd)
    inside = os.getcwd() + "/"
    for mount in reversed(procfs.mounts()):
        if mount["type"] in ("proc", "sysfs") and not mount["point"].startswith(inside):
            try:
                syscalls.umount2(mount["point"], c.MNT_DETACH)
            except OSError:  # locked: it came from a more privileged namespace
                syscalls.mount("tmpfs", mount["point"], "tmpfs", 0)
    syscalls.mount(".", "/", None, c.MS_MOVE)
    os.chroot(".")
    os.chdir("/")
