# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which cgroup hierarchies this process sees: where each is mounted, its version and its controllers.

Everything is read from /proc/self/mountinfo and /proc/self/cgroup (proc_pid_mountinfo(5), cgroups(7)), once per process.
"""

from __future__ import annotations

import os

from ...processes import procfs

# A host is "v2" as long as none of these has a version 1 hierarchy; a lone net_cls one, as some VPN clients mount, changes nothing.
MAIN = frozenset(("cpu", "cpuacct", "cpuset", "memory", "pids", "devices", "freezer", "blkio"))


class Hierarchy:
    """One mounted hierarchy.

    ``mount``: its mount point; ``root``: which cgroup of the tree the mount shows ("/" but on hosts that are containers themselves);
    ``version``: 1 or 2; ``controllers``: of version 1, e.g. ("cpu", "cpuacct") or ("name=systemd",). Those of version 2 differ
    from group to group, see ``available``.
    """

    __slots__ = ("mount", "root", "version", "controllers")

    def __init__(self, mount, root, version, controllers=()):
        self.mount, self.root, self.version, self.controllers = (
            mount,
            root,
            version,
            tuple(controllers),
        )

    def directory(self, cgroup):
        """Where the cgroup called ``cgroup`` in /proc/PID/cgroup lies, or None where it is not below what is mounted here."""
        root = self.root.rstrip("/")
        if cgroup != self.root and not cgroup.startswith(root + "/"):
            return None
        return (self.mount + cgroup[len(root) :]).rstrip("/") or "/"


class Layout:
    """All hierarchies (``hierarchies``), the version 2 one (``unified`` or None), and who has which controller (``v1``)."""

    def __init__(self, hierarchies):
        self.hierarchies = tuple(hierarchies)
        self.by_mount = {hierarchy.mount: hierarchy for hierarchy in hierarchies}
        self.unified = next(
            (hierarchy for hierarchy in hierarchies if hierarchy.version == 2), None
        )
        self.v1 = {name: hierarchy for hierarchy in hierarchies for name in hierarchy.controllers}

    @property
    def mode(self):
        """ "v1", "hybrid" or "v2"; "" where no hierarchy is mounted."""
        if self.unified and MAIN.isdisjoint(self.v1):
            return "v2"
        if self.unified:
            return "hybrid"
        return "v1" if self.hierarchies else ""


def unescape(text):
    """A mountinfo field without its octal escapes (space, tab, newline, backslash)."""
    if "\\" not in text:
        return text
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, char)
    return text


def known_controllers(self_cgroup):
    """All version 1 controllers and names that /proc/self/cgroup speaks of."""
    return {
        name
        for line in self_cgroup.splitlines()
        for name in line.split(":", 2)[1].split(",")
        if name
    }


def parse(mountinfo, self_cgroup):
    """The Layout that the two files' text describes.

    A hierarchy mounted several times (bind mounts) is used where its whole tree shows, else where it was mounted first.
    """
    known = known_controllers(self_cgroup)
    visible = {}  # by mount point: what is mounted later hides what is below it
    for line in mountinfo.splitlines():
        fields, dummy, tail = line.partition(" - ")
        fields, tail = fields.split(" "), tail.split(" ")
        visible[unescape(fields[4])] = (fields[2], unescape(fields[3]), tail[0], tail[-1])
    found = {}
    for mount, (device, root, kind, options) in visible.items():
        controllers = (
            [name for name in options.split(",") if name in known] if kind == "cgroup" else []
        )
        if kind != "cgroup2" and not controllers:
            continue  # another file system, or a hierarchy that has no cgroup of this process
        if device not in found or (root == "/" and found[device].root != "/"):
            found[device] = Hierarchy(mount, root, 2 if kind == "cgroup2" else 1, controllers)
    return Layout(found.values())


_layout = None  # pylint: disable=invalid-name


def current(again=False):
    """The Layout of this process's mount namespace; read once, or anew with ``again``."""
    global _layout  # pylint: disable=global-statement
    if _layout is None or again:
        _layout = parse(
            procfs.read("/proc/self/mountinfo", 1 << 30), procfs.read("/proc/self/cgroup")
        )
        _layout = Layout(
            [
                hierarchy
                for hierarchy in _layout.hierarchies
                if os.path.exists(hierarchy.mount + "/cgroup.procs")
            ]
        )
    return _layout


def mode():
    """ "v2" (one tree), "v1" (a tree for each controller or some), "hybrid" (both), "" (no cgroups mounted)."""
    return current().mode


def of_process(pid):
    """Where a process is: ``{mount point: directory}``.

    :raises OSError: no such process.
    """
    lines = procfs.read(f"/proc/{pid}/cgroup").splitlines()
    places = {}
    for line in lines:
        _number, controllers, cgroup = line.split(":", 2)
        hierarchy = (
            current().unified if not controllers else current().v1.get(controllers.split(",")[0])
        )
        directory = hierarchy and hierarchy.directory(cgroup)
        if directory:
            places[hierarchy.mount] = directory
    return places


def unprivileged():
    """Whether this process has no rights over the host's devices: not root, or root of a user namespace only."""
    return os.geteuid() != 0 or procfs.in_user_namespace()
