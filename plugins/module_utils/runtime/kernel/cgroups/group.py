# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One container's control group: its directory in every hierarchy, and what can be done with it."""

from __future__ import annotations

import errno
import os

from ...errors import Conflict, HostError, InvalidInput, NotFound, Unsupported
from . import device_program, devices, files, layout, lifecycle, plan, settings, stats
from .files import Directory

BASE = "/pycontainer"
PASSED_ON = ("cpu", "cpuset", "io", "memory", "hugetlb", "pids", "rdma", "misc")  # of v2, as far as they are there


def base():
    """The cgroup below which this engine makes its groups, as a path from the top of each hierarchy (mount point)."""
    return BASE


def base_paths():
    """The same as directories: ``{mount point: directory}``."""
    return {hierarchy.mount: hierarchy.mount + BASE for hierarchy in layout.current().hierarchies}


def parent_path(parent):
    """A parent cgroup as a path from the top: "/a/b" as it is, "a-b.slice" as systemd nests it, /a.slice/a-b.slice (systemd.slice(5)).

    :raises InvalidInput: not such a path.
    """
    if parent is None:
        return BASE
    parts = [part for part in parent.split("/") if part]
    if not parts or any(part in (".", "..") or "\0" in part or "\n" in part for part in parts):
        raise InvalidInput("cgroup_parent", parent, "a path such as /group/subgroup without . and .., or a systemd slice such as work.slice")
    if len(parts) == 1 and parts[0].endswith(".slice"):
        words = parts[0][: -len(".slice")].split("-")
        parts = ["-".join(words[: count + 1]) + ".slice" for count in range(len(words))]
    return "/" + "/".join(parts)


def create(name, parent=None):
    """Make the group ``name`` in every hierarchy, empty and without limits.

    :param parent: another parent than ``base()``, from the top ("/group") or a systemd slice ("work.slice"); made if missing.
    :raises Conflict: a group of this name has processes. :raises InvalidInput: ``name`` or ``parent``.
    :raises Unsupported: no cgroups here. :raises HostError: the kernel refuses to make it.
    """
    if not name or "/" in name or name in (".", "..") or "\0" in name or "\n" in name:
        raise InvalidInput("cgroup", name, "a name without / and line breaks")
    hierarchies = layout.current().hierarchies
    if not hierarchies:
        raise Unsupported("this host has no cgroup hierarchy mounted (mount -t cgroup2 none /sys/fs/cgroup)")
    top = parent_path(parent)
    group = Group({hierarchy.mount: "%s%s/%s" % (hierarchy.mount, top, name) for hierarchy in hierarchies})
    made = []
    try:
        for hierarchy in hierarchies:
            make(hierarchy, top, group.paths[hierarchy.mount])
            made.append(hierarchy.mount)
    except BaseException:
        for mount in made:
            lifecycle.remove_tree(group.paths[mount])
        raise
    return group


def make(hierarchy, top, path):
    """One directory of a new group; its parents where they are missing, and one left over from before made anew."""
    try:
        while True:
            try:
                os.mkdir(path, 0o755)
                break
            except FileNotFoundError:  # the first group, or ``remove_base`` was called at this moment
                make_parents(hierarchy, top)
    except FileExistsError:
        if not lifecycle.remove_tree(path):
            raise Conflict("cgroup %s exists and has processes in it" % path) from None
        os.mkdir(path, 0o755)
    except OSError as error:
        raise HostError("cgroup %s can't be made: %s" % (path, error.strerror)) from error
    if hierarchy.version == 2:
        pass_on(hierarchy, top)
    elif "cpuset" in hierarchy.controllers and not files.read_or(path + "/cpuset.cpus"):
        make_parents(hierarchy, top)  # the parent is another's, or being made at this moment by another process
        fill_cpuset(hierarchy.mount + top, path)


def make_parents(hierarchy, top):
    """The cgroup ``top`` and those above it, ready to have groups below."""
    path = hierarchy.mount
    for part in top.split("/")[1:]:
        above, path = path, path + "/" + part
        try:
            os.mkdir(path, 0o755)
        except FileExistsError:
            pass
        if "cpuset" in hierarchy.controllers:
            fill_cpuset(above, path)
        if "memory" in hierarchy.controllers and files.read_or(path + "/memory.use_hierarchy") == "0":
            files.write(path + "/memory.use_hierarchy", "1")  # before 5.11 a group didn't count what is below it


def fill_cpuset(above, path):
    """Give a v1 cpuset its parent's CPUs and memory nodes: a new one has none, and takes no process (cpusets.txt §1.4).

    With clone_children all that are made below get theirs from the kernel.
    """
    for name in ("cpuset.cpus", "cpuset.mems"):
        if not files.read_or(path + "/" + name):
            files.write(path + "/" + name, files.read(above + "/" + name))
    files.write(path + "/cgroup.clone_children", "1")


def pass_on(hierarchy, top):
    """Hand on the controllers from the top of the v2 tree down to ``top``, so that groups in it can have limits.

    A cgroup that has processes can't (the root can): then the controllers are missing below, and ``check`` says so. Some (cpu,
    pids) could be had even so, but that makes a "threaded" domain of it, and groups below are invalid and take no process.
    """
    path = hierarchy.mount
    have, given = files.read_or(path + "/cgroup.controllers").split(), files.read_or(path + top + "/cgroup.subtree_control").split()
    if all(name in given for name in PASSED_ON if name in have):
        return
    for part in top.split("/"):
        path = path + "/" + part if part else path
        wanted = missing_below(path)
        if not wanted:
            continue
        if crowded(path):
            return
        control = path + "/cgroup.subtree_control"
        try:
            files.write(control, " ".join("+" + name for name in wanted))
        except OSError:
            for name in wanted:  # one that can't be had doesn't keep the others back
                try:
                    files.write(control, "+" + name)
                except OSError:
                    continue


def crowded(path):
    """Whether a v2 cgroup other than the root has processes of its own."""
    return os.path.exists(path + "/cgroup.type") and files.read_or(path + "/cgroup.procs", "threaded") != ""


def missing_below(path):
    """The controllers that the v2 cgroup has and doesn't hand on."""
    have, given = files.read_or(path + "/cgroup.controllers").split(), files.read_or(path + "/cgroup.subtree_control").split()
    return [name for name in PASSED_ON if name in have and name not in given]


def engine():
    """The group of the engine's own long-lived processes, ``base()``/engine, made where it is missing."""
    hierarchies = layout.current().hierarchies
    group = Group({hierarchy.mount: hierarchy.mount + BASE + "/engine" for hierarchy in hierarchies})
    for hierarchy in hierarchies:
        if not os.path.isdir(group.paths[hierarchy.mount]):
            try:
                make_parents(hierarchy, BASE + "/engine")
            except OSError as error:
                raise HostError("cgroup %s can't be made: %s" % (group.paths[hierarchy.mount], error.strerror)) from error
    return group


def remove_base():
    """Take ``base()`` away in every hierarchy, with the engine's own group, where neither has processes or containers.

    :returns: whether none is left.
    """
    gone = True
    for path in base_paths().values():
        for directory in (path + "/engine", path):
            try:
                os.rmdir(directory)
            except FileNotFoundError:
                continue
            except OSError:
                gone = False
    return gone


class Group:
    """A group that exists, or did. ``paths``: ``{mount point: directory}``, which can be kept as JSON and given to ``open``."""

    def __init__(self, paths):
        self.paths = dict(paths)
        now = layout.current()
        self.v1 = {}
        self.unified = None
        for mount, path in self.paths.items():
            hierarchy = now.by_mount.get(mount)
            if hierarchy is None:
                continue
            if hierarchy.version == 2:
                self.unified = path
            for name in hierarchy.controllers:
                self.v1[name] = path

    @classmethod
    def open(cls, paths):
        """The group that ``paths`` names, whether it is there or not (``exists``)."""
        return cls(paths)

    @property
    def exists(self):
        """Whether it is in any hierarchy."""
        return any(os.path.isdir(path) for path in self.paths.values())

    # ------------------------------------------------------------------------------------------------------- limits

    def place(self):
        """Where settings go: the directory of each controller."""
        v1 = {name: Directory(path) for name, path in self.v1.items()}
        if not self.unified:
            return plan.Place(v1, None)
        outside = files.read_or(layout.current().unified.mount + "/cgroup.controllers").split()
        return plan.Place(v1, Directory(self.unified), files.read_or(self.unified + "/cgroup.controllers").split(), outside)

    def check(self, resources):
        """What of OCI ``linux.resources`` this host can't enforce: ``[(key, sentence)]``; changes nothing."""
        return plan.plan(resources, self.place())[1]

    def warnings(self, resources):
        """What this host lets a container run without, as under Docker (a swap limit, say): ``[(key, sentence)]``."""
        return plan.plan(resources, self.place())[2]

    def apply(self, resources):
        """Make OCI ``linux.resources`` the group's limits; only what is named in it is touched, so it serves live updates too.

        Device rules, where given, are the whole list. What is merely ``warnings`` is left out.

        :raises Unsupported: ``check`` finds something (before anything is written), or device rules that can't be had.
        :raises Conflict: ``memory.checkBeforeUpdate`` and more is in use. :raises HostError: the kernel refuses a value.
        :raises InvalidInput: a value that no kernel takes.
        """
        place = self.place()
        writes, problems, _warnings = plan.plan(resources, place)
        if problems:
            raise Unsupported(problems[0][1])
        rules = devices.normalise(resources["devices"]) if resources.get("devices") else None
        self.check_usage(resources.get("memory") or {})
        if rules:
            self.apply_devices(rules)
        for here, entries in writes:
            settings.write(here, entries)

    update = apply

    def check_usage(self, memory):
        """OCI's checkBeforeUpdate: no limit below what is in use, rather than processes killed for it."""
        limit = memory.get("limit") or 0
        if not memory.get("checkBeforeUpdate") or limit <= 0:
            return
        usage = self.stats().get("memory", {}).get("usage", 0)
        if usage > limit:
            raise Conflict("memory.limit: %d bytes are in use, more than the new limit of %d" % (usage, limit))

    def apply_devices(self, rules):
        try:
            if "devices" in self.v1:
                devices.set_v1(self.v1["devices"], rules)
            elif self.unified:
                device_program.set_v2(self.unified, rules)
            else:
                raise Unsupported("devices: this host has no devices controller among its cgroups")
        except OSError as error:
            raise HostError("devices: the kernel refused the rules for %s: %s" % (self.v1.get("devices", self.unified), error.strerror)) from error

    # ---------------------------------------------------------------------------------------------------- processes

    def fd(self):
        """An fd of the directory for clone3's CLONE_INTO_CGROUP where the v2 tree is the only one (``attach`` isn't needed then),
        else None. The caller closes it."""
        if list(self.paths.values()) != [self.unified]:
            return None
        return os.open(self.unified, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def attach(self, pid, like=None):
        """Move a process (0: this one) into the group, in every hierarchy.

        :param like: process 1 of the container, for another process that joins it: where the group has children with controllers
            (an init system in the container made them), v2 lets no process in but into these, and ``like``'s cgroup is taken.
        :raises NotFound: no such process. :raises HostError: the kernel refuses.
        """
        for mount, path in self.paths.items():
            try:
                files.write(path + "/cgroup.procs", str(pid))
            except OSError as error:
                if error.errno == errno.EBUSY and like is not None and path == self.unified:
                    self.attach_beside(mount, pid, like)
                elif error.errno == errno.ESRCH:
                    raise NotFound("process %d has ended" % pid) from error
                else:
                    raise HostError("process %d can't be moved into cgroup %s: %s" % (pid, path, error.strerror)) from error

    def attach_beside(self, mount, pid, like):
        try:
            path = layout.of_process(like)[mount]
            if not path.startswith(self.paths[mount] + "/"):
                raise HostError("process %d is not in cgroup %s" % (like, self.paths[mount]))
            files.write(path + "/cgroup.procs", str(pid))
        except (OSError, KeyError) as error:
            raise HostError("process %d can't be moved into the cgroup of process %d: %s" % (pid, like, error)) from error

    def procs(self):
        """Ids of the processes in the group and below it, unordered, as this process's pid namespace numbers them."""
        return lifecycle.processes(self.unified or next(iter(self.paths.values())))

    # ---------------------------------------------------------------------------------------------------- life cycle

    def freeze(self):
        """Stop every process where it is; returns when all are (freezer-subsystem.rst, cgroup-v2 "cgroup.freeze").

        :raises Unsupported: no freezer. :raises HostError: they don't stop within 10 s; all are let go again.
        """
        lifecycle.freeze(self.unified, self.v1.get("freezer"))

    def thaw(self):
        """Let the processes go on; nothing to do is no error."""
        lifecycle.thaw(self.unified, self.v1.get("freezer"))

    def frozen(self):
        """Whether the group is frozen."""
        return lifecycle.frozen(self.unified, self.v1.get("freezer"))

    def kill(self):
        """SIGKILL to every process in it and below, frozen ones too; doesn't wait until they are gone."""
        lifecycle.kill(self)

    def remove(self):
        """Take the group away with all that is below it, killing what still runs; nothing to do is no error.

        :raises HostError: processes don't end within 10 s (they wait for a device, as a rule).
        """
        lifecycle.remove(self)

    # ------------------------------------------------------------------------------------------------------- figures

    def stats(self):
        """What the processes use; see ``stats.collect`` for the form and the units."""
        return stats.collect(self.v1, self.unified)

    def oom_kills(self):
        """How many processes the kernel has killed because of the group's memory limit. Read it before ``remove``."""
        if "memory" in self.v1:
            return files.keyed(files.read_or(self.v1["memory"] + "/memory.oom_control")).get("oom_kill", 0)
        return files.keyed(files.read_or(self.unified + "/memory.events")).get("oom_kill", 0) if self.unified else 0


def prospect(parent=None):
    """The Place that a new group below ``parent`` would have, as far as it shows without making it."""
    now, top = layout.current(), parent_path(parent)
    v1 = {name: Prospective(hierarchy.mount + top, hierarchy.mount) for name, hierarchy in now.v1.items()}
    if not now.unified:
        return plan.Place(v1, None)
    outside = files.read_or(now.unified.mount + "/cgroup.controllers").split()
    given = files.read_or(now.unified.mount + "/cgroup.subtree_control").split()
    return plan.Place(v1, Prospective(now.unified.mount + top, now.unified.mount), given if crowded(now.unified.mount) else outside, outside)


class Prospective(Directory):
    """The directory of a group that isn't made yet: its parent's files tell which it would have.

    Where even the parent is missing, files that no root cgroup has are taken for granted.
    """

    __slots__ = ("mount",)
    IN_ROOT = ("memory.memsw.limit_in_bytes", "memory.swappiness")

    def __init__(self, path, mount):
        super().__init__(path)
        self.mount = mount

    def has(self, name):
        if os.path.isdir(self.path):
            return super().has(name)
        return name not in self.IN_ROOT or os.path.exists(self.mount + "/" + name)

    def read(self, name):
        return ""


def check(resources, parent=None):
    """What of OCI ``linux.resources`` this host can't enforce, for a group that isn't made yet: ``[(key, sentence)]``."""
    return plan.plan(resources, prospect(parent))[1]


def warnings(resources, parent=None):
    """What this host would let a container run without, for a group that isn't made yet: ``[(key, sentence)]``."""
    return plan.plan(resources, prospect(parent))[2]
