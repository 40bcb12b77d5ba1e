# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""config.json's mounts: read and refused outside of the container, made inside it.

A bind's source is the host's: see oci/launch/bind_sources.py; every other file system is made by
the container's process, because proc, sysfs and mqueue show the namespaces of their maker. In a
user namespace some are the maker's as well: see oci/launch/userns_outside.py. Destinations are
resolved inside the container's root (kernel/mounts/rootfs.py): no link of the image leads outside.
"""

from __future__ import annotations

import errno
import os
import stat

from ...errors import ContainerFailed, Unsupported, required
from ...kernel.calls import constants as c
from ...kernel.calls import syscalls
from ...kernel.mounts import mounts, rootfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Union

    from .config_types import Config, MountEntry
    from .id_maps import Inline

    AnyMount = Union["Mount", "CgroupMount"]

# Options of other meaning than a file system parameter, and nothing to do: what they say holds
# anyway.
_VOID = frozenset(
    ("defaults", "silent", "loud", "norelatime", "rnorelatime", "rbind", "bind", "newinstance")
)
# Flags of the file system itself: parameters that every one takes, and of no meaning for a bind
# mount. mount(8).
_SUPERBLOCK = frozenset(("sync", "async", "dirsync", "lazytime", "nolazytime", "mand", "nomand"))
_VERSION = frozenset(
    ("iversion", "noiversion")
)  # the same, which the new mount interface does not know
_OWN = frozenset(
    ("remount", "tmpcopyup", "copy-symlink", "src-nofollow", "dest-nofollow")
)  # the last three are crun's
# + "=" and a directory of the host: a bind's source is looked up beneath it, and no link of what is
# there leads out of it. An option of this engine's own.
BENEATH = "src-beneath"
LONGEST = 255  # bytes of a parameter's value that fsconfig(2) takes
_WHOLE = ("proc", "sysfs")
_WITHOUT_LABEL = (
    "proc",
    "sysfs",
    "cgroup",
    "cgroup2",
)  # the policy says which labels files have in these


def options() -> list[str]:
    """Return all mount options by name that are no parameters of a file system."""
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

    :ivar bind: whether it shows a place of the host, ``source``.
    :ivar data: parameters of its file system; None for one without a value.
    :ivar attributes, clear: MOUNT_ATTR_* that it gets, and that are taken from it.
    :ivar all_attributes, all_clear: of all mounts below it, too.
    :ivar late: attributes that it gets once all that is to lie in it is there.
    :ivar propagations: ``[(MS_*, recursive)]``, one after the other.
    :ivar words: options that are no flags.
    :ivar place: a descriptor of what a bind shows, once found.
    :ivar fd: a detached mount, of a copy of that or new (oci/launch/bind_sources.py).
    :ivar substitute: a detached mount of the host's file system of that type, for a process that
        may not make one (oci/launch/userns_outside.py).
    :ivar link: the text of a link that is made instead.
    :ivar within: a source below the container's own root, by its path there.
    :ivar beneath: the directory of the host that its source does not leave.
    :ivar label: of its root, for what takes none as a parameter.
    :ivar fill: copies a directory into a tmpfs that starts with what is there.
    :ivar mapped, recursive_map: whether its files' owners are mapped, and those of the mounts below
        it.
    :ivar map: by which ids; None: by the container's.
    :ivar owners: a descriptor of the user namespace that maps them, of a mount that is made at its
        turn.
    :raises Unsupported: naming the option that can't be done.
    """

    def __init__(self, entry: MountEntry):
        options: Sequence[str] = entry.get("options") or []
        self.destination: str = "/" + entry["destination"].lstrip("/")
        self.source: str | None = entry.get("source")
        self.type: str = entry.get("type") or "bind"
        self.bind = self.type in ("bind", "none") or "bind" in options or "rbind" in options
        self.recursive_bind = "rbind" in options or self.type == "rbind"
        self.attributes = self.clear = self.all_attributes = self.all_clear = self.late = 0
        self.propagations: list[tuple[int, bool]] = []
        self.data: dict[str, str | None] = {}
        self.words: set[str] = set()
        self.place: int | None = None
        self.fd: int | None = None
        self.substitute: int | None = None
        self.owners: int | None = None
        self.link: str | None = None
        self.within: str | None = None
        self.beneath: str | None = None
        self.label: str | None = None
        self.fill: Callable[[int, int], None] | None = None
        self.mapped = self.recursive_map = False
        self.map: Inline | None = None
        inline = ""
        for option in options:
            key, _equals, value = option.partition("=")
            if key in ("idmap", "ridmap"):
                self.mapped, self.recursive_map, inline = True, key == "ridmap", value
            else:
                self._take(option)
        if self.type == "tmpfs" and not self.bind:
            self.late = self.attributes & c.MOUNT_ATTR_RDONLY
            self.attributes &= ~self.late
        if inline or entry.get("uidMappings") or entry.get("gidMappings"):
            from . import id_maps  # few mounts map owners

            self.map = id_maps.of_mount(entry, inline)
        self.mapped = self.mapped or self.map is not None
        self._check()

    def _check(self) -> None:
        if self.mapped and not self.bind:
            raise Unsupported(f"mount {self.destination}: ids can be mapped for a bind mount only")
        if self.copies_up() and (self.type != "tmpfs" or not self.destination.strip("/")):
            raise Unsupported(
                f"mount {self.destination}: tmpcopyup is for a tmpfs below the root only"
            )
        if "remount" in self.words:
            self.bind = False
        if self.bind and not self.source:
            raise Unsupported(f"mount {self.destination}: a bind mount needs a source")

    def _take(self, option: str) -> None:
        """Take one option."""
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
        elif self.bind and option.startswith(BENEATH + "="):
            self.beneath = option.partition("=")[2]
        elif self.bind and "=" in option:
            # A parameter of a file system: the kernel passes over those of a bind mount (mount(2)),
            # and documents name some.
            pass
        elif self.bind:
            raise Unsupported(
                f"mount {self.destination}: the option {option} is not one of a bind mount"
            )
        else:
            key, equals, value = option.partition("=")
            self.data[key] = value if equals else None

    def copies_up(self) -> bool:
        """Whether it starts with what the image has at its place (``fill``)."""
        return "tmpcopyup" in self.words

    def mapped_by_container(self) -> bool:
        """Whether it is the container's own user namespace that maps its owners."""
        return self.mapped and self.map is None

    def waits(self) -> bool:
        """Whether the copy of what it shows is yet to be made, by ``copy``."""
        return self.place is not None and self.fd is None

    def copy(self) -> None:
        """Make that copy, in the host's mount namespace."""
        self.fd = mounts.bind(
            required(self.place, "the place of a bind mount"), self.recursive_bind
        )

    def given(self) -> bool:
        """Whether it was made before its turn, by another process."""
        return self.fd is not None

    def shared(self) -> bool:
        """Whether what is mounted in it later is so elsewhere, too."""
        return any(kind == c.MS_SHARED for kind, _recursive in self.propagations)

    def descriptors(self) -> list[int | None]:
        """Return all that it holds."""
        return [self.place, self.fd, self.substitute, self.owners]

    def make(self, root_fd: int, anew: bool = False) -> None:
        """Make the mount and attach it below the root; runs in the container's namespaces.

        :param anew: see mounts.attach.
        """
        if (self.type in _WHOLE and not self.bind) or (self.bind and "dest-nofollow" in self.words):
            self._refuse_link(root_fd)
        if self.link is not None:
            _make_link(root_fd, self.destination, self.link)
        elif "remount" in self.words:
            self._remount(root_fd)
        else:
            fd = self._attach(root_fd, anew)
            self._change_all(fd)
            if self.words & _VERSION and not self.bind:
                mounts.reconfigure(fd, c.MS_I_VERSION if "iversion" in self.words else 0)
            for propagation, recursive in self.propagations or (
                [(c.MS_PRIVATE, True)] if self.bind else ()
            ):
                mounts.set_attributes(fd, propagation=propagation, recursive=recursive)
            if self.label is not None:
                self._set_label(root_fd, self.label)

    def _attach(self, root_fd: int, anew: bool) -> int:
        """Make it, unless that is done, and attach it; returns its descriptor."""
        if self.fd is None and not self.bind and self._is_long():
            self.fd = self._mount_old(root_fd)
            return self.fd
        if self.fd is None:
            self.fd = self._make_fs(root_fd)
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
        return self.fd

    def _is_long(self) -> bool:
        """Whether a parameter is longer than fsconfig(2) takes."""
        return any(len(os.fsencode(value)) > LONGEST for value in self.data.values() if value)

    def _change_all(self, fd: int) -> None:
        """Change the attributes of the mount and of all below it."""
        if self.all_attributes or self.all_clear:
            mounts.set_attributes(fd, self.all_attributes, self.all_clear, recursive=True)

    def _set_label(self, root_fd: int, label: str) -> None:
        from ...kernel.isolation import selinux  # few hosts have it

        fd = rootfs.open_in_root(root_fd, self.destination, os.O_RDONLY | os.O_DIRECTORY)
        try:
            selinux.set_label(fd, label)
        except OSError as error:
            if error.errno not in (
                errno.EOPNOTSUPP,
                errno.EPERM,
            ):  # as in a user namespace, where the kernel labels nothing (selinux_set_mnt_opts)
                raise
        finally:
            os.close(fd)

    def _refuse_link(self, root_fd: int) -> None:
        """See that the destination is no link.

        Masked are the paths below proc and sysfs: a link of the image's would lead to what is not
        (CVE-2019-19921). Nor is /proc/self hidden.
        """
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

    def finish(self) -> None:
        """Set the attributes that wait until all that is to lie in it is there."""
        if self.late and self.fd is not None:
            mounts.set_attributes(self.fd, self.late)

    def _make_fs(self, root_fd: int) -> int:
        """Make the file system; returns its descriptor."""
        place = mounts.existing(root_fd, self.destination) if self.type == "tmpfs" else None
        try:
            if place is not None and "mode" not in self.data:
                # As the directory that it is mounted over.
                self.data["mode"] = f"{os.fstat(place).st_mode & 4095:o}"
            fd: int = mounts.new_fs(self.type, self.data, self.attributes, self.source or None)
            if place is not None and self.fill is not None:
                self.fill(
                    rootfs.open_in_root(root_fd, self.destination, os.O_RDONLY | os.O_DIRECTORY), fd
                )
            self.attributes = 0
            return fd
        except PermissionError:
            if self.substitute is None:
                raise
            self.bind = True
            return self.substitute
        finally:
            if place is not None:
                os.close(place)

    def _mount_old(self, root_fd: int) -> int:
        """Make and attach it by mount(2), which takes a page of parameters; they are one text then,
        as in fstab.

        Returns a descriptor of it.
        """
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
                    f'"{value}"' if key == "context" else value,
                )  # a context has commas of its own
                for key, value in self.data.items()
            )
            syscalls.mount(
                self.source or self.type, f"/proc/self/fd/{target}", self.type, flags, text
            )
        finally:
            os.close(target)
        fd: int = rootfs.open_in_root(root_fd, self.destination, os.O_PATH)
        return fd

    def _remount(self, root_fd: int) -> None:
        """Change what is mounted at the destination already: its flags, and its file system's
        parameters unless it is a bind mount.
        """
        self.fd = fd = rootfs.open_in_root(root_fd, self.destination, os.O_PATH)
        if self.data:
            mounts.change_parameters(fd, self.data)
        mounts.set_attributes(fd, self.attributes, self.clear)
        self._change_all(fd)
        for propagation, recursive in self.propagations:
            mounts.set_attributes(fd, propagation=propagation, recursive=recursive)


def _make_link(root_fd: int, destination: str, text: str) -> None:
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

    Binds of the cgroups' directories show the same as mounts made in a cgroup namespace, and work
    without one as well.

    :ivar mount: the entry's Mount.
    :ivar parts: ``[(name, descriptor)]`` of the mounts, or of the places that they are to be copies
        of.
    :ivar waiting: whether they are places.
    :ivar source: the last place that was looked for.
    :ivar holder: the directory, a tmpfs, that several hierarchies are in.
    """

    bind = True

    def __init__(self, mount: Mount):
        self.mount, self.destination = mount, mount.destination
        self.parts: list[tuple[str, int]] = []
        self.waiting = False
        self.source: str | None = None
        self.holder: int | None = None

    def take(self, own: bool, names: Sequence[str], places: Sequence[int]) -> None:
        """In the process: take what ``find`` has found for its maker.

        :param own: whether the groups are the container's; else they are read-only.
        """
        self.parts = [(name, os.dup(place)) for name, place in zip(names, places)]
        self.waiting = True
        if not own:
            self.mount.attributes |= c.MOUNT_ATTR_RDONLY

    def find(
        self,
        group_paths: Mapping[str, str],
        unified_only: bool,
        later: bool = False,
        unified: str | None = None,
    ) -> None:
        """Find what is shown.

        The type ``cgroup2`` shows the hierarchy of version 2 alone where there is one.

        :param group_paths: ``{mount point of a hierarchy: the container's directory in it}``.
        :param unified_only: v2 alone is there.
        :param later: only open the places, ``copy`` follows.
        :param unified: the mount point of version 2's hierarchy.
        """
        self.waiting = later
        if self.mount.type == "cgroup2" and unified is not None and unified in group_paths:
            group_paths, unified_only = {unified: group_paths[unified]}, True
        for place, self.source in group_paths.items():
            name = "" if unified_only else os.path.basename(place)
            fd = mounts.place(self.source) if later else mounts.bind(self.source, recursive=False)
            self.parts.append((name, fd))

    def waits(self) -> bool:
        """Whether the copies of what it shows are yet to be made, by ``copy``."""
        return self.waiting

    def copy(self) -> None:
        """Make those copies, in the host's mount namespace."""
        places = self.parts
        self.parts = [(name, mounts.bind(place, recursive=False)) for name, place in places]
        self.waiting = False
        for _name, place in places:
            os.close(place)

    def given(self) -> bool:
        """As of a Mount; with several hierarchies it is the directory that they are in."""
        return [name for name, _fd in self.parts] == [""]

    def shared(self) -> bool:
        """As of a Mount."""
        return False

    def descriptors(self) -> list[int | None]:
        """Return all that it holds for its maker."""
        return [fd for _name, fd in self.parts]

    def make(self, root_fd: int, anew: bool = False) -> None:
        """As of a Mount."""
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
            mounts.attach_made(
                fd, holder, name, attributes=self._attributes(name), propagation=c.MS_PRIVATE
            )
            for part in name.split(",") if "," in name else ():
                os.symlink(name, part, dir_fd=holder)

    def _attributes(self, name: str) -> int:
        """Return the attributes of one hierarchy of several.

        Where ``cgroup2`` was asked for and there is only version 1, none but systemd's, which has no
        controllers, may be written to.
        """
        attributes = self.mount.attributes
        if self.mount.type == "cgroup2" and name != "systemd":
            attributes |= c.MOUNT_ATTR_RDONLY
        return attributes

    def finish(self) -> None:
        """Make the directory read-only when all mounts are made, for one may be below this one."""
        if self.holder is not None:
            if self.mount.attributes & c.MOUNT_ATTR_RDONLY:
                mounts.set_attributes(self.holder, c.MOUNT_ATTR_RDONLY)
            os.close(self.holder)


def read(config: Config) -> list[AnyMount]:
    """Read config.json's mounts, in order.

    :raises Unsupported: naming the option that can't be done.
    """
    found: list[AnyMount] = []
    label: str | None = config.get("linux", {}).get("mountLabel")
    if label:
        from ...kernel.isolation import selinux  # few hosts have it

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


# -------------------------------------------------------------------------------------- propagation

PROPAGATIONS = tuple(prefix + kind for kind in mounts.PROPAGATION for prefix in ("", "r"))


def check_propagation(word: str | None) -> None:
    """Check linux.rootfsPropagation. :raises Unsupported: it is none."""
    if word and word not in PROPAGATIONS:
        raise Unsupported(
            f"config.json: linux.rootfsPropagation: {word!r} is not known; known: "
            f"{', '.join(PROPAGATIONS)}"
        )


def separate_root(root_fd: int, word: str | None) -> None:
    """Set the propagation of the root and all mounts that came with it, before anything is mounted
    in it.

    What the host mounts below the root's source arrives here ("slave", which is what holds without
    a word, and "shared"), or not ("private", "unbindable"); never the other way round.

    :param word: linux.rootfsPropagation.
    """
    kind = (
        c.MS_PRIVATE if word in ("private", "rprivate", "unbindable", "runbindable") else c.MS_SLAVE
    )
    mounts.set_attributes(root_fd, propagation=kind, recursive=True)


def propagate_root(word: str | None) -> None:
    """Set linux.rootfsPropagation of the container's own mounts, when it is their root; with an "r"
    of all mounts below it too.
    """
    for kind in ("shared", "unbindable"):
        if word in (kind, "r" + kind):
            recursive = c.MS_REC if word != kind else 0
            syscalls.mount(None, "/", None, mounts.PROPAGATION[kind] | recursive)
