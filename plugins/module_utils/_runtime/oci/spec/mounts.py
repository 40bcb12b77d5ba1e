# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""config.json's mounts as steps: read and refused outside of the container, made inside it.

A bind's source is the host's: see oci/launch/bind_sources.py; every other file system is made by the container's process, because proc, sysfs
and mqueue show the namespaces of their maker.
In a user namespace some are the maker's as well: see oci/launch/userns_outside.py.
Destinations are resolved inside the container's root (kernel/mounts/rootfs.py): no link of the image leads outside.
"""

from __future__ import annotations

import errno
import os
import stat

from ...errors import ContainerFailed, Unsupported
from ...kernel.calls import constants as c
from ...kernel.calls import syscalls
from ...kernel.mounts import mounts, rootfs

# Options of other meaning than a file system parameter, and nothing to do: what they say holds anyway.
_VOID = frozenset(
    ("defaults", "silent", "loud", "norelatime", "rnorelatime", "rbind", "bind", "newinstance")
)
# Flags of the file system itself: parameters that every one takes, and of no meaning for a bind mount. mount(8).
_SUPERBLOCK = frozenset(("sync", "async", "dirsync", "lazytime", "nolazytime", "mand", "nomand"))
_VERSION = frozenset(
    ("iversion", "noiversion")
)  # the same, which the new mount interface does not know
_OWN = frozenset(
    ("remount", "tmpcopyup", "copy-symlink", "src-nofollow", "dest-nofollow")
)  # the last three are crun's
LONGEST = 255  # bytes of a parameter's value that fsconfig(2) takes
_WHOLE = ("proc", "sysfs")
_WITHOUT_LABEL = (
    "proc",
    "sysfs",
    "cgroup",
    "cgroup2",
)  # the policy says which labels files have in these


def options():
    """All mount options by name that are no parameters of a file system."""
    flags = list(mounts.ATTRIBUTES) + list(mounts.PROPAGATION)
    return sorted(
        _VOID
        | _SUPERBLOCK
        | _VERSION
        | _OWN
        | {"idmap", "ridmap"}
        | set(flags)
        | {"r" + name for name in flags}
    )


class Mount:
    """One entry of config.json's ``mounts``.

    ``bind``: whether it shows a place of the host; ``place``: a descriptor of that, once found; ``fd``: a detached mount, of a copy of it
    or new (oci/launch/bind_sources.py). ``substitute``: a detached mount of the host's file system of that type, for a process that may not make one
    (oci/launch/userns_outside.py). ``words``: options that are no flags.
    :raises Unsupported: naming the option that can't be done.
    """

    def __init__(self, entry):
        options = entry.get("options") or []
        self.destination, self.source = "/" + entry["destination"].lstrip("/"), entry.get("source")
        self.type = entry.get("type") or "bind"
        self.bind = self.type in ("bind", "none") or "bind" in options or "rbind" in options
        self.recursive_bind = "rbind" in options or self.type == "rbind"
        self.attributes = self.clear = self.all_attributes = self.all_clear = 0
        self.propagations = []  # [(MS_*, recursive)], one after the other
        self.data, self.place, self.fd, self.substitute, self.words = {}, None, None, None, set()
        self.link = self.within = (
            None  # the text of a link that is made instead; a source below the container's own root, by its path there
        )
        self.label = None  # of its root, for what takes none as a parameter
        self.fill = None  # copyup.copy_into, for a tmpfs that starts with what is there
        self.mapped = self.recursive_map = False  # its files' owners
        self.owners = None  # a descriptor of the user namespace that maps those, of one that is made at its turn
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
        self.map = None
        if inline or entry.get("uidMappings") or entry.get("gidMappings"):
            from . import id_maps

            self.map = id_maps.of_mount(entry, inline)
        self.mapped = self.mapped or self.map is not None
        if self.mapped and not self.bind:
            raise Unsupported(f"mount {self.destination}: ids can be mapped for a bind mount only")
        if "tmpcopyup" in self.words and (self.type != "tmpfs" or not self.destination.strip("/")):
            raise Unsupported(
                f"mount {self.destination}: tmpcopyup is for a tmpfs below the root only"
            )
        if "tmpcopyup" in self.words:
            from ..features.tmp_copy_up import copy_into

            self.fill = copy_into
        if "remount" in self.words:
            self.bind = False
        if self.bind and not self.source:
            raise Unsupported(f"mount {self.destination}: a bind mount needs a source")

    def _take(self, option):
        if option in mounts.ATTRIBUTES:
            on, off = mounts.ATTRIBUTES[option]
            self.attributes, self.clear = self.attributes & ~off | on, self.clear & ~on | off
        elif option in mounts.PROPAGATION:
            self.propagations.append((mounts.PROPAGATION[option], False))
        elif option[:1] == "r" and option[1:] in mounts.PROPAGATION:
            self.propagations.append((mounts.PROPAGATION[option[1:]], True))
        elif option[:1] == "r" and option[1:] in mounts.ATTRIBUTES:
            on, off = mounts.ATTRIBUTES[option[1:]]
            self.all_attributes, self.all_clear = (
                self.all_attributes & ~off | on,
                self.all_clear & ~on | off,
            )
        elif option in _VOID or not option:
            pass
        elif option in _OWN or option in _VERSION:
            self.words.add(option)
        elif self.bind and option in _SUPERBLOCK:
            pass
        elif self.bind and "=" in option:
            pass  # a parameter of a file system: the kernel passes over those of a bind mount (mount(2)), and documents name some
        elif self.bind:
            raise Unsupported(
                f"mount {self.destination}: the option {option} is not one of a bind mount"
            )
        else:
            key, equals, value = option.partition("=")
            self.data[key] = value if equals else None

    def mapped_by_container(self):
        """Whether it is the container's own user namespace that maps its owners."""
        return self.mapped and self.map is None

    def waits(self):
        """Whether the copy of what it shows is yet to be made, by ``copy``."""
        return self.place is not None and self.fd is None

    def copy(self):
        self.fd = mounts.bind(self.place, self.recursive_bind)

    def given(self):
        """Whether it was made before its turn, by another process."""
        return self.fd is not None

    def shared(self):
        """Whether what is mounted in it later is so elsewhere, too."""
        return any(kind == c.MS_SHARED for kind, _recursive in self.propagations)

    def make(self, root_fd, anew=False):
        """Make the mount and attach it below the root; runs in the container's namespaces. :param anew: see mounts.attach."""
        if (self.type in _WHOLE and not self.bind) or (self.bind and "dest-nofollow" in self.words):
            self._refuse_link(root_fd)
        if self.link is not None:
            return _make_link(root_fd, self.destination, self.link)
        if "remount" in self.words:
            return self._remount(root_fd)
        if (
            self.fd is None
            and not self.bind
            and any(len(os.fsencode(value)) > LONGEST for value in self.data.values() if value)
        ):
            self._mount_old(root_fd)
        else:
            if self.fd is None:
                self._make_fs(root_fd)
            elif not self.bind:
                self.attributes = 0  # made by the maker, with them
            mounts.attach(
                self.fd,
                root_fd,
                self.destination,
                attributes=self.attributes,
                clear=self.clear if self.bind else 0,
                follow="dest-nofollow" not in self.words,
                anew=anew,
            )
        if self.all_attributes or self.all_clear:
            mounts.set_attributes(self.fd, self.all_attributes, self.all_clear, recursive=True)
        if self.words & _VERSION and not self.bind:
            mounts.reconfigure(self.fd, c.MS_I_VERSION if "iversion" in self.words else 0)
        for propagation, recursive in self.propagations or (
            [(c.MS_PRIVATE, True)] if self.bind else ()
        ):
            mounts.set_attributes(self.fd, propagation=propagation, recursive=recursive)
        if self.label is not None:
            self._set_label(root_fd)
        return None

    def _set_label(self, root_fd):
        from ...kernel.isolation import selinux

        fd = rootfs.open_in_root(root_fd, self.destination, os.O_RDONLY | os.O_DIRECTORY)
        try:
            selinux.set_label(fd, self.label)
        except OSError as error:
            if error.errno not in (
                errno.EOPNOTSUPP,
                errno.EPERM,
            ):  # as in a user namespace, where the kernel labels nothing (selinux_set_mnt_opts)
                raise
        finally:
            os.close(fd)

    def _refuse_link(self, root_fd):
        """Masked are the paths below proc and sysfs: a link of the image's would lead to what is not (CVE-2019-19921). Nor is /proc/self hidden."""
        try:
            fd = rootfs.open_in_root(root_fd, self.destination, os.O_PATH | os.O_NOFOLLOW)
        except FileNotFoundError:
            return
        mode = os.fstat(fd).st_mode
        os.close(fd)
        if (
            stat.S_ISLNK(mode) and self.destination.startswith("/proc/")
            if self.bind
            else not stat.S_ISDIR(mode)
        ):
            why = (
                "it is a link of procfs, over which nothing is mounted"
                if self.bind
                else f"{self.type} must be mounted on ordinary directory"
            )
            raise ContainerFailed(f"mount {self.destination}: {why}")

    def finish(self):
        if self.late:
            mounts.set_attributes(self.fd, self.late)

    def _make_fs(self, root_fd):
        place = mounts.existing(root_fd, self.destination) if self.type == "tmpfs" else None
        try:
            if (
                place is not None and "mode" not in self.data
            ):  # as the directory that it is mounted over
                self.data["mode"] = f"{os.fstat(place).st_mode & 4095:o}"
            self.fd = mounts.new_fs(self.type, self.data, self.attributes, self.source or None)
            if place is not None and self.fill is not None:
                self.fill(
                    rootfs.open_in_root(root_fd, self.destination, os.O_RDONLY | os.O_DIRECTORY),
                    self.fd,
                )
            self.attributes = 0
        except PermissionError:
            if self.substitute is None:
                raise
            self.fd, self.bind = self.substitute, True
        finally:
            if place is not None:
                os.close(place)

    def _mount_old(self, root_fd):
        """By mount(2), which takes a page of parameters; they are one text then, as in fstab."""
        target = rootfs.make_in_root(root_fd, self.destination, True)
        try:
            flags = sum(
                ms for dummy, ms, attribute in mounts.OLD_FLAGS if self.attributes & attribute
            )
            flags |= c.MS_STRICTATIME if self.attributes & c.MOUNT_ATTR_STRICTATIME else 0
            text = ",".join(
                key
                if value is None
                else "%s=%s"
                % (
                    key,
                    '"%s"' % value if key == "context" else value,
                )  # a context has commas of its own
                for key, value in self.data.items()
            )
            syscalls.mount(
                self.source or self.type, "/proc/self/fd/%d" % target, self.type, flags, text
            )
        finally:
            os.close(target)
        self.fd = rootfs.open_in_root(root_fd, self.destination, os.O_PATH)

    def _remount(self, root_fd):
        """Change what is mounted at the destination already: its flags, and its file system's parameters unless it is a bind mount."""
        self.fd = rootfs.open_in_root(root_fd, self.destination, os.O_PATH)
        if self.data:
            mounts.change_parameters(self.fd, self.data)
        mounts.set_attributes(self.fd, self.attributes, self.clear)
        if self.all_attributes or self.all_clear:
            mounts.set_attributes(self.fd, self.all_attributes, self.all_clear, recursive=True)
        for propagation, recursive in self.propagations:
            mounts.set_attributes(self.fd, propagation=propagation, recursive=recursive)


def _make_link(root_fd, destination, text):
    directory, dummy, name = destination.rstrip("/").rpartition("/")
    parent = rootfs.make_in_root(root_fd, directory or "/", True)
    try:
        os.symlink(text, name, dir_fd=parent)
    except FileExistsError:
        if (
            not stat.S_ISLNK(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
            or os.readlink(name, dir_fd=parent) != text
        ):
            raise
    finally:
        os.close(parent)


class CgroupMount:
    """``/sys/fs/cgroup``: the container's own cgroup of every hierarchy, as if it were the root.

    Binds of the cgroups' directories show the same as mounts made in a cgroup namespace, and work without one as well.
    """

    bind, mapped, within = True, False, None
    holder = None  # what several hierarchies are in

    def __init__(self, mount):
        self.mount, self.destination = mount, mount.destination
        self.parts, self.waiting = (
            [],
            False,
        )  # [(name, descriptor)]: of the mounts, or of the places that they are copies of

    def take(self, own, names, places):
        """In the process: what ``find`` has found for its maker. :param own: whether the groups are the container's; else they are read-only."""
        self.parts, self.waiting = (
            [(name, os.dup(place)) for name, place in zip(names, places)],
            True,
        )
        if not own:
            self.mount.attributes |= c.MOUNT_ATTR_RDONLY

    def find(self, group_paths, unified_only, later=False):
        """:param group_paths: ``{mount point of a hierarchy: the container's directory in it}``. :param later: as in sources.find."""
        self.waiting = later
        for place, self.source in group_paths.items():
            name = "" if unified_only else os.path.basename(place)
            self.parts.append(
                (
                    name,
                    mounts.place(self.source)
                    if later
                    else mounts.bind(self.source, recursive=False),
                )
            )

    def waits(self):
        return self.waiting

    def copy(self):
        self.parts, places, self.waiting = (
            [(name, mounts.bind(place, recursive=False)) for name, place in self.parts],
            self.parts,
            False,
        )
        for _name, place in places:
            os.close(place)

    def given(self):
        """As of a Mount; with several hierarchies it is the directory that they are in."""
        return [name for name, _fd in self.parts] == [""]

    def shared(self):
        return False

    def make(self, root_fd, anew=False):
        attributes = self.mount.attributes
        if self.given():
            mounts.attach(
                self.parts[0][1],
                root_fd,
                self.destination,
                attributes=attributes,
                propagation=c.MS_PRIVATE,
                anew=anew,
            )
            return
        self.holder = holder = mounts.new_fs(
            "tmpfs", {"mode": "755"}, attributes & ~c.MOUNT_ATTR_RDONLY
        )
        mounts.attach(holder, root_fd, self.destination)
        for name, fd in self.parts:
            os.mkdir(name, 0o755, dir_fd=holder)
            mounts.attach_made(fd, holder, name, attributes=attributes, propagation=c.MS_PRIVATE)
            for part in name.split(",") if "," in name else ():
                os.symlink(name, part, dir_fd=holder)

    def finish(self):
        """When all mounts are made, for one may be below this one."""
        if self.holder is not None:
            if self.mount.attributes & c.MOUNT_ATTR_RDONLY:
                mounts.set_attributes(self.holder, c.MOUNT_ATTR_RDONLY)
            os.close(self.holder)


def read(config):
    """The steps for config.json's mounts, in order. :raises Unsupported: naming the option that can't be done."""
    found, label = [], config.get("linux", {}).get("mountLabel")
    if label:
        from ...kernel.isolation import selinux

        label = label if selinux.enabled() else None
    for entry in config.get("mounts") or ():
        if not entry.get("destination"):
            raise Unsupported("config.json: mounts: an entry has no destination")
        mount = Mount(entry)
        if label and mount.type == "mqueue" and not mount.bind:
            mount.label = label
        elif label and not mount.bind and mount.type not in _WITHOUT_LABEL:
            mount.data.setdefault("context", label)
        found.append(
            CgroupMount(mount) if mount.type in ("cgroup", "cgroup2") and not mount.bind else mount
        )
    return found


# ------------------------------------------------------------------------------------------------------- below /dev

PROPAGATIONS = tuple(prefix + kind for kind in mounts.PROPAGATION for prefix in ("", "r"))


def check_propagation(word):
    """:raises Unsupported: linux.rootfsPropagation is none."""
    if word and word not in PROPAGATIONS:
        raise Unsupported(
            f"config.json: linux.rootfsPropagation: {word!r} is not known; known: "
            f"{', '.join(PROPAGATIONS)}"
        )


def separate_root(root_fd, word):
    """Before anything is mounted in it: what the host mounts below the root's source arrives here ("slave", which is what holds
    without a word, and "shared"), or not ("private", "unbindable"); never the other way round. Of all mounts that came with it."""
    kind = (
        c.MS_PRIVATE if word in ("private", "rprivate", "unbindable", "runbindable") else c.MS_SLAVE
    )
    mounts.set_attributes(root_fd, propagation=kind, recursive=True)


def propagate_root(word):
    """linux.rootfsPropagation of the container's own mounts, when it is their root; with an "r" of all mounts below it too."""
    kind = next((kind for kind in ("shared", "unbindable") if word in (kind, "r" + kind)), None)
    if kind:
        syscalls.mount(
            None, "/", None, mounts.PROPAGATION[kind] | (c.MS_REC if word[0] == "r" else 0)
        )
