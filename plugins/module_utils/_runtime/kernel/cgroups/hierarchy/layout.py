# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the cgroup hierarchies of this process: their mount points, versions and controllers.

Everything is read from /proc/self/mountinfo and /proc/self/cgroup (proc_pid_mountinfo(5),
cgroups(7)), once per process.
"""

from __future__ import annotations

import os

from ...processes import procfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol

    class GroupDirectories(Protocol):
        """Where a group is, as a group.Group has it: see there."""

        paths: dict[str, str]
        found: frozenset[str]
        unified: str | None
        v1: dict[str, str]


# A host is "v2" as long as none of these has a version 1 hierarchy; a lone net_cls one, as some VPN
# clients mount, changes nothing.
MAIN = frozenset(("cpu", "cpuacct", "cpuset", "memory", "pids", "devices", "freezer", "blkio"))


class Hierarchy:
    """One mounted hierarchy.

    ``mount``: its mount point. ``root``: the cgroup of the tree that the mount shows: "/", but on
    hosts that are containers themselves. ``version``: 1 or 2. ``controllers``: of version 1, e.g.
    ("cpu", "cpuacct") or ("name=systemd",); empty for version 2, where they differ from group to
    group (cgroup.controllers).
    """

    __slots__ = ("mount", "root", "version", "controllers")

    def __init__(
        self, mount: str, root: str, version: int, controllers: Iterable[str] = ()
    ) -> None:
        self.mount = mount
        self.root = root
        self.version = version
        self.controllers = tuple(controllers)

    def directory(self, cgroup: str) -> str | None:
        """Return the directory of a cgroup by its name in /proc/PID/cgroup.

        None where the cgroup is not below what is mounted here.
        """
        root = self.root.rstrip("/")
        if cgroup != self.root and not cgroup.startswith(root + "/"):
            return None
        return (self.mount + cgroup[len(root) :]).rstrip("/") or "/"


class Layout:
    """All hierarchies of a mount namespace.

    ``hierarchies``: in the order of the mounts. ``by_mount``: by mount point. ``unified``: the one
    of version 2, or None. ``v1``: the hierarchy of each controller of version 1.
    """

    def __init__(self, hierarchies: Iterable[Hierarchy]) -> None:
        self.hierarchies = tuple(hierarchies)
        self.by_mount = {hierarchy.mount: hierarchy for hierarchy in self.hierarchies}
        self.unified = next(
            (hierarchy for hierarchy in self.hierarchies if hierarchy.version == 2), None
        )
        self.v1 = {
            name: hierarchy for hierarchy in self.hierarchies for name in hierarchy.controllers
        }

    @property
    def mode(self) -> str:
        """ "v2" (one tree), "v1" (a tree for each controller or some), "hybrid" (both), "" (none)."""
        if self.unified and MAIN.isdisjoint(self.v1):
            return "v2"
        if self.unified:
            return "hybrid"
        return "v1" if self.hierarchies else ""


def unescape(text: str) -> str:
    """Return a field of mountinfo without its octal escapes (space, tab, newline, backslash)."""
    if "\\" not in text:
        return text
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, char)
    return text


def known_controllers(self_cgroup: str) -> set[str]:
    """Return all version 1 controllers and names in the text of /proc/self/cgroup."""
    return {
        name
        for line in self_cgroup.splitlines()
        for name in line.split(":", 2)[1].split(",")
        if name
    }


def parse(mountinfo: str, self_cgroup: str) -> Layout:
    """Return the Layout that the texts of /proc/self/mountinfo and /proc/self/cgroup describe.

    Of a hierarchy that is mounted several times (bind mounts), the mount that shows the whole tree
    is taken, else the first.
    """
    known = known_controllers(self_cgroup)
    # By mount point: what is mounted later hides what is below it.
    visible: dict[str, tuple[str, str, str, str]] = {}
    for line in mountinfo.splitlines():
        front, _dash, back = line.partition(" - ")
        fields, tail = front.split(" "), back.split(" ")
        visible[unescape(fields[4])] = (fields[2], unescape(fields[3]), tail[0], tail[-1])
    found: dict[str, Hierarchy] = {}  # by device
    for mount, (device, root, kind, options) in visible.items():
        controllers = (
            [name for name in options.split(",") if name in known] if kind == "cgroup" else []
        )
        if kind != "cgroup2" and not controllers:
            continue  # another file system, or a hierarchy that has no cgroup of this process
        if device not in found or (root == "/" and found[device].root != "/"):
            found[device] = Hierarchy(mount, root, 2 if kind == "cgroup2" else 1, controllers)
    return Layout(found.values())


_layout: Layout | None = None  # pylint: disable=invalid-name
_confined: str | None = None  # pylint: disable=invalid-name


def confine(path: str) -> None:
    """Have this process use no other groups than those below a cgroup of version 2.

    It is for an engine without root.

    :param path: the cgroup that its user was given, from the top of what is mounted; "" where he
        has none: then there are no groups at all.
    """
    global _layout, _confined  # pylint: disable=global-statement
    seen = current(True)
    _confined = path
    _layout = Layout(hierarchy for hierarchy in seen.hierarchies if path and hierarchy.version == 2)


def confined() -> str | None:
    """Return what ``confine`` was given, None where it was not called."""
    return _confined


def no_group(what: str) -> str:
    """Return the sentence that ``what`` needs a group, where ``without_groups``."""
    return (
        f"{what}: without root it needs a cgroup of the user's own, which he has not here: cgroup v2 "
        "and systemd give him one while he has a session, or after `loginctl enable-linger`"
    )


def without_groups() -> bool:
    """Return whether this engine's user was given no cgroup: containers have none of their own."""
    return _confined == ""


def current(again: bool = False) -> Layout:
    """Return the Layout of this process's mount namespace: read once, or anew with ``again``."""
    global _layout  # pylint: disable=global-statement
    if _layout is None or (again and _confined is None):
        seen = parse(procfs.read("/proc/self/mountinfo", 1 << 30), procfs.read("/proc/self/cgroup"))
        _layout = Layout(
            hierarchy
            for hierarchy in seen.hierarchies
            if os.path.exists(hierarchy.mount + "/cgroup.procs")
        )
    return _layout


def mode() -> str:
    """Return the ``mode`` of the current Layout."""
    return current().mode


def unified() -> str | None:
    """Return the mount point of the hierarchy of version 2; None where there is none."""
    found = current().unified
    return found.mount if found else None


def of_process(pid: int | str) -> dict[str, str]:
    """Return where a process is: ``{mount point: directory}``. ``pid`` may be "self".

    :raises OSError: there is no such process.
    """
    places = {}
    for line in procfs.read(f"/proc/{pid}/cgroup").splitlines():
        _number, controllers, cgroup = line.split(":", 2)
        hierarchy = (
            current().v1.get(controllers.split(",")[0]) if controllers else current().unified
        )
        directory = hierarchy and hierarchy.directory(cgroup)
        if hierarchy and directory:
            places[hierarchy.mount] = directory
    return places


def unprivileged() -> bool:
    """Return whether this process has no rights over the host's devices.

    It has none when it is not root, or root of a user namespace only.
    """
    return os.geteuid() != 0 or bool(procfs.in_user_namespace())
