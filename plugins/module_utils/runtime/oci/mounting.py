# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""config.json's mounts as steps: read and refused outside of the container, made inside it.

A bind's source is opened by the monitor, in the host's mount namespace, so that its propagation is the host's own; every
other file system is made by the container's process, because proc, sysfs and mqueue show the namespaces of their maker.
In a user namespace some are the maker's as well: see furnish.py.
Destinations are resolved inside the container's root (kernel/rootfs.py): no link of the image leads outside.
"""

from __future__ import annotations

import errno
import os
import stat

from ..errors import ContainerFailed, Unsupported
from ..kernel import constants as c
from ..kernel import mounts, rootfs, syscalls
from . import idmaps

# Options of other meaning than a file system parameter, and nothing to do: what they say holds anyway.
_VOID = frozenset(("defaults", "silent", "loud", "async", "nomand", "norelatime", "nostrictatime", "atime", "rbind", "bind", "newinstance"))
_REFUSED = frozenset(("tmpcopyup", "remount", "mand"))
_WHOLE = ("proc", "sysfs")
_SUPERBLOCK = frozenset(("sync", "dirsync", "lazytime"))  # flags of the file system itself, not of a bind


def options():
    """All mount options by name that are no parameters of a file system."""
    flags = list(mounts.ATTRIBUTES) + list(mounts.PROPAGATION)
    return sorted(_VOID | _SUPERBLOCK | set(flags) | {"r" + name for name in flags})


class Mount:
    """One entry of config.json's ``mounts``.

    ``bind``: whether it shows a place of the host; ``fd``: a detached mount of it, once opened. ``substitute``: a detached mount of
    the host's file system of that type, for a process that may not make one (furnish.py).
    :raises Unsupported: naming the option that can't be done.
    """

    def __init__(self, entry):
        options = entry.get("options") or []
        self.destination, self.source = entry["destination"], entry.get("source")
        self.type = entry.get("type") or "bind"
        self.bind = self.type in ("bind", "none") or "bind" in options or "rbind" in options
        self.recursive_bind = "rbind" in options or self.type == "rbind"
        self.attributes = self.clear = self.all_attributes = self.all_clear = self.propagation = 0
        self.recursive_propagation = False
        self.data, self.fd, self.substitute = {}, None, None
        self.mapped = self.recursive_map = False  # its files' owners
        inline = ""
        for option in options:
            key, _equals, value = option.partition("=")
            if key in ("idmap", "ridmap"):
                self.mapped, self.recursive_map, inline = True, key == "ridmap", value
            else:
                self._take(option)
        self.late = 0  # attributes that it gets once all that is to lie in it is there
        if self.type == "tmpfs" and not self.bind:
            self.late = self.attributes & c.MOUNT_ATTR_RDONLY
            self.attributes &= ~self.late
        self.map = idmaps.of_mount(entry, inline)
        self.mapped = self.mapped or self.map is not None
        if self.mapped and not self.bind:
            raise Unsupported("mount %s: ids can be mapped for a bind mount only" % self.destination)

    def _take(self, option):
        if option in mounts.ATTRIBUTES:
            on, off = mounts.ATTRIBUTES[option]
            self.attributes, self.clear = self.attributes & ~off | on, self.clear & ~on | off
        elif option in mounts.PROPAGATION:
            self.propagation, self.recursive_propagation = mounts.PROPAGATION[option], False
        elif option[:1] == "r" and option[1:] in mounts.PROPAGATION:
            self.propagation, self.recursive_propagation = mounts.PROPAGATION[option[1:]], True
        elif option[:1] == "r" and option[1:] in mounts.ATTRIBUTES:
            on, off = mounts.ATTRIBUTES[option[1:]]
            self.all_attributes, self.all_clear = self.all_attributes & ~off | on, self.all_clear & ~on | off
        elif option in _VOID or not option:
            pass
        elif option in _REFUSED:
            raise Unsupported("mount %s: the option %s is not supported" % (self.destination, option))
        elif self.bind and "=" in option:
            pass  # a parameter of a file system: the kernel passes over those of a bind mount (mount(2)), and documents name some
        elif self.bind:
            raise Unsupported("mount %s: the option %s is not one of a bind mount" % (self.destination, option))
        else:
            key, equals, value = option.partition("=")
            self.data[key] = value if equals else None

    def open_source(self, namespaces):
        """Open what a bind shows, with its owners mapped where that is asked for.

        :param namespaces: the start's idmaps.Namespaces. :raises ContainerFailed: when it is not there, or its ids can't be mapped.
        """
        try:
            self.fd = mounts.bind(self.source, self.recursive_bind)
        except OSError as error:
            raise ContainerFailed("mount %s: can't bind %s of the host: %s" % (self.destination, self.source, os.strerror(error.errno))) from None
        if self.mapped:
            self._map_ids(namespaces)

    def _map_ids(self, namespaces):
        userns_fd = namespaces.fd(self.map)
        if userns_fd is None:
            raise Unsupported("mount %s: idmap needs uidMappings and gidMappings, because the container has no user namespace" % self.destination)
        try:
            mounts.set_attributes(self.fd, recursive=self.recursive_map, userns_fd=userns_fd)
        except OSError as error:
            raise ContainerFailed("mount %s: the ids of %s of the host can't be mapped: %s" % (self.destination, self.source, (
                "its file system does not have that" if error.errno == errno.EINVAL else
                "they are already" if error.errno == errno.EPERM else os.strerror(error.errno)))) from None

    def make(self, root_fd):
        """Make the mount and attach it below the root; runs in the container's namespaces."""
        if self.type in _WHOLE:
            self._refuse_link(root_fd)
        if self.fd is None:
            try:
                self.fd = mounts.new_fs(self.type, self.data, self.attributes, self.source or None)
                self.attributes = 0
            except PermissionError:
                if self.substitute is None:
                    raise
                self.fd, self.bind = self.substitute, True
        elif not self.bind:
            self.attributes = 0  # made by the maker, with them
        if self.all_attributes or self.all_clear:
            mounts.set_attributes(self.fd, self.all_attributes, self.all_clear, recursive=True)
        mounts.attach(self.fd, root_fd, self.destination, attributes=self.attributes, clear=self.clear if self.bind else 0)
        if self.bind or self.propagation:
            mounts.set_attributes(self.fd, propagation=self.propagation or c.MS_PRIVATE, recursive=self.recursive_propagation or not self.propagation)


    def _refuse_link(self, root_fd):
        """The paths below these are masked, and were it elsewhere, a link of the image's could lead to what is not (CVE-2019-19921)."""
        try:
            fd = rootfs.open_in_root(root_fd, self.destination, os.O_PATH | os.O_NOFOLLOW)
        except FileNotFoundError:
            return
        directory = stat.S_ISDIR(os.fstat(fd).st_mode)
        os.close(fd)
        if not directory:
            raise ContainerFailed("mount %s: %s must be mounted on ordinary directory" % (self.destination, self.type))

    def finish(self):
        if self.late:
            mounts.set_attributes(self.fd, self.late)


class CgroupMount:
    """``/sys/fs/cgroup``: the container's own cgroup of every hierarchy, as if it were the root.

    Binds of the cgroups' directories show the same as mounts made in a cgroup namespace, and work without one as well.
    """

    bind = True

    def __init__(self, mount):
        self.mount, self.destination = mount, mount.destination
        self.parts = []

    def open_sources(self, group_paths, unified_only):
        """:param group_paths: ``{mount point of a hierarchy: the container's directory in it}``."""
        if unified_only:
            self.parts = [("", mounts.bind(next(iter(group_paths.values())), recursive=False))]
            return
        for place, directory in group_paths.items():
            self.parts.append((os.path.basename(place), mounts.bind(directory, recursive=False)))

    def make(self, root_fd):
        attributes = self.mount.attributes
        if [name for name, _fd in self.parts] == [""]:
            mounts.attach(self.parts[0][1], root_fd, self.destination, attributes=attributes, propagation=c.MS_PRIVATE)
            return
        holder = mounts.new_fs("tmpfs", {"mode": "755"}, attributes & ~c.MOUNT_ATTR_RDONLY)
        mounts.attach(holder, root_fd, self.destination)
        for name, fd in self.parts:
            os.mkdir(name, 0o755, dir_fd=holder)
            mounts.attach(fd, holder, name, attributes=attributes, propagation=c.MS_PRIVATE)
            for part in name.split(",") if "," in name else ():
                os.symlink(name, part, dir_fd=holder)
        if attributes & c.MOUNT_ATTR_RDONLY:
            mounts.set_attributes(holder, c.MOUNT_ATTR_RDONLY)
        os.close(holder)

    def finish(self):
        pass


def read(config):
    """The steps for config.json's mounts, in order. :raises Unsupported: naming the option that can't be done."""
    found = []
    for entry in config.get("mounts") or ():
        if not os.path.isabs(entry["destination"]):
            raise Unsupported("mount %s: the destination must be an absolute path" % entry["destination"])
        mount = Mount(entry)
        found.append(CgroupMount(mount) if mount.type in ("cgroup", "cgroup2") and not mount.bind else mount)
    return found


# ------------------------------------------------------------------------------------------------------- below /dev

DEVICES = tuple(("/dev/" + name, "c", major, minor, 0o666, 0, 0) for name, major, minor in (
    ("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)))
LINKS = (("ptmx", "pts/ptmx"), ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"), ("stderr", "/proc/self/fd/2"))
KINDS = {"c": stat.S_IFCHR, "u": stat.S_IFCHR, "b": stat.S_IFBLK, "p": stat.S_IFIFO}


def devices(config):
    """The device nodes to make: what every container has, and linux.devices. ``[(path, kind, major, minor, mode, uid, gid)]``."""
    found = {node[0]: node for node in DEVICES}
    for node in config.get("linux", {}).get("devices") or ():
        if node["type"] not in KINDS:
            raise Unsupported("device %s: type %s is not supported; accepted: c, b, u, p" % (node["path"], node["type"]))
        found[node["path"]] = (node["path"], node["type"], node.get("major", 0), node.get("minor", 0), node.get("fileMode", 0o666),
                               node.get("uid", 0), node.get("gid", 0))
    return list(found.values())


def make_devices(root_fd, nodes):
    """Make device nodes inside the root; the umask must be 0."""
    for path, kind, major, minor, mode, uid, gid in nodes:
        directory, _slash, name = path.rpartition("/")
        parent = rootfs.make_in_root(root_fd, directory or "/", True)
        try:
            _make_device(parent, name, KINDS[kind] | (mode & 0o7777), os.makedev(major, minor))
            if uid or gid:
                os.chown(name, uid, gid, dir_fd=parent, follow_symlinks=False)
        finally:
            os.close(parent)


def _make_device(parent, name, mode, number):
    try:
        os.mknod(name, mode, number, dir_fd=parent)
    except FileExistsError:
        there = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if stat.S_IFMT(there.st_mode) != stat.S_IFMT(mode) or there.st_rdev != number:
            raise


def make_links(root_fd):
    """The symbolic links that programs expect in /dev."""
    parent = rootfs.make_in_root(root_fd, "/dev", True)
    try:
        for name, target in LINKS + ((("core", "/proc/kcore"),) if os.path.exists("/proc/kcore") else ()):
            try:
                os.symlink(target, name, dir_fd=parent)
            except FileExistsError:
                pass
    finally:
        os.close(parent)


def open_null(root_fd, flags):
    """The container's own /dev/null, checked to be the null device: never the host's, which a container's root could chown."""
    fd = rootfs.open_in_root(root_fd, "/dev/null", flags)
    status = os.fstat(fd)
    if not stat.S_ISCHR(status.st_mode) or status.st_rdev != os.makedev(1, 3):
        os.close(fd)
        raise OSError(errno.ENODEV, "not the null device", "/dev/null")
    return fd


def propagate_root(word):
    """linux.rootfsPropagation, of the new root alone: the mounts below it have their own."""
    kind = (word or "").lstrip("r") if word not in ("rprivate", "private") else "private"
    if kind in ("shared", "unbindable"):
        syscalls.mount(None, "/", None, mounts.PROPAGATION[kind])
