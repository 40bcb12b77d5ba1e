# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One container's control group: its directory in every hierarchy, and what can be done with it."""

from __future__ import annotations

import errno
import os

from ...errors import HostError, InvalidInput, NotFound, Unsupported
from . import entry
from .hierarchy import files, layout, lifecycle, tree


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
        raise Unsupported(
            "this host has no cgroup hierarchy mounted (mount -t cgroup2 none /sys/fs/cgroup)"
        )
    top = tree.parent_path(parent)
    group = Group({hierarchy.mount: f"{hierarchy.mount}{top}/{name}" for hierarchy in hierarchies})
    made = []
    try:
        for hierarchy in hierarchies:
            tree.make(hierarchy, top, group.paths[hierarchy.mount])
            made.append(hierarchy.mount)
    except BaseException:
        for mount in made:
            lifecycle.remove_tree(group.paths[mount])
        raise
    return group


def engine():
    """The group of the engine's own long-lived processes, ``base()``/engine, made where it is missing."""
    hierarchies = layout.current().hierarchies
    group = Group(
        {hierarchy.mount: hierarchy.mount + tree.BASE + "/engine" for hierarchy in hierarchies}
    )
    for hierarchy in hierarchies:
        if not os.path.isdir(group.paths[hierarchy.mount]):
            try:
                tree.make_parents(hierarchy, tree.BASE + "/engine")
            except OSError as error:
                raise HostError(
                    f"cgroup {group.paths[hierarchy.mount]} can't be made: {error.strerror}"
                ) from error
    return group


def _limits():
    from .limits import (
        apply as limits,  # here: a start comes to its limits while the process is on its way
    )

    return limits


class Group:
    """A group that exists, or did. ``paths``: ``{mount point: directory}``, which can be kept as JSON and given to ``open``.

    ``made``: the directories that were made for it, those above it first: ``remove`` takes no others. None: all of ``paths``.
    ``found``: those of its own that were there before. ``shared``: others' processes were in them.
    """

    unit = None  # of systemd's; see kernel/cgroups/systemd/scope.py
    shared = False
    later = ()  # hierarchies in which it is not yet, until ``complete``

    def __init__(self, paths, made=None):
        self.paths = dict(paths)
        self.made = list(self.paths.values() if made is None else made)
        self._sort()

    def _sort(self):
        """What follows from ``paths`` and ``made``."""
        self.found = frozenset(self.paths.values()).difference(self.made)
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

    def record(self):
        """What ``reopen`` needs to know of it, fit for JSON."""
        return {"paths": self.paths, "made": self.made, "shared": self.shared}

    @property
    def exists(self):
        """Whether it is in any hierarchy."""
        return any(os.path.isdir(path) for path in self.paths.values())

    def shown(self):
        """``paths``, with the groups of this process where it has none: its maker's, which a container without its own is in."""
        found = {}
        if len(self.paths) < len(layout.current().hierarchies):
            found = layout.of_process("self")
        return dict(found, **self.paths)

    def complete(self):
        """Make it where its maker has left it out (``later``, see location.create_at)."""

    # ------------------------------------------------------------------------------------------------------- limits

    def check(self, resources):
        """What of OCI ``linux.resources`` this host can't enforce: ``[(key, sentence)]``; changes nothing."""
        return _limits().look(self, resources)[0]

    def warnings(self, resources):
        """What this host lets a container run without, as under Docker (a swap limit, say): ``[(key, sentence)]``."""
        return _limits().look(self, resources)[1]

    def apply(self, resources):
        """Make OCI ``linux.resources`` the group's limits, see kernel/cgroups/limits/apply.py; returns ``warnings``."""
        return _limits().apply(self, resources)

    update = apply

    # ---------------------------------------------------------------------------------------------------- processes

    def fd(self):
        """An fd of the directory for clone3's CLONE_INTO_CGROUP where the v2 tree is the only one (``attach`` isn't needed then),
        else None. The caller closes it."""
        if list(self.paths.values()) != [self.unified]:
            return None
        return os.open(self.unified, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def door(self):
        """A door.Door for a process that is about to be forked, to be closed by both; it does without ``attach``. None where that is
        needed.

        :raises HostError: the group is gone.
        """
        try:
            return entry.Door(self) if self.paths or self.later else None
        except OSError as error:
            raise HostError(
                f"cgroup {error.filename} can't be entered: {error.strerror}"
            ) from error

    def attach(self, pid, like=None, below=""):
        """Move a process (0: this one) into the group, in every hierarchy.

        :param like: process 1 of the container, for another process that joins it: where the group has children with controllers
            (an init system in the container made them), v2 lets no process in but into these, and ``like``'s cgroup is taken.
        :param below: a group below this one to take instead, in each hierarchy that has it: a path, or ``{controller: path}``
            ("" is v2's controller).
        :raises NotFound: no such process, or no such group. :raises HostError: the kernel refuses.
        """
        for mount, path in (self.inner(below, pid) if below else self.paths).items():
            try:
                self.move(path, pid)
            except OSError as error:
                if error.errno == errno.EBUSY and like is not None and path == self.unified:
                    self.attach_beside(mount, pid, like)
                elif error.errno == errno.ESRCH:
                    raise NotFound("process %d has ended" % pid) from error
                else:
                    raise HostError(
                        "process %d can't be moved into its cgroup: error adding pid %d to "
                        "cgroups: %s/cgroup.procs: %s" % (pid, pid, path, error.strerror.lower())
                    ) from error

    def move(self, path, pid):
        """Move a process into the group's directory ``path``, or one below it. :raises OSError: the kernel refuses."""
        files.write(path + "/cgroup.procs", str(pid))

    def recall(self, pid):
        """Bring a process back to this group's v1 freezer: in another group's, frozen, it could not even be killed.

        A freezer that is not there, and a process that has ended, are passed over.
        """
        try:
            if "freezer" in self.v1:
                files.write(self.v1["freezer"] + "/cgroup.procs", str(pid))
        except OSError:
            pass

    def inner(self, below, pid):
        """``paths`` with the directories below them that ``below`` (see ``attach``) names."""
        hierarchies, result = layout.current().by_mount, dict(self.paths)
        for controller, name in below.items() if isinstance(below, dict) else [(None, below)]:
            if ".." in name.split("/"):
                why = f"bad sub cgroup path: {name} is not a sub cgroup path, `..` components are not allowed"
                raise InvalidInput("cgroup", name, f"a path below the container's cgroup ({why})")
            places = {
                mount: (path + "/" + name.strip("/")).rstrip("/")
                for mount, path in self.paths.items()
                if controller is None or controller in (hierarchies[mount].controllers or ("",))
            }
            if not places:
                raise InvalidInput(
                    "cgroup",
                    controller,
                    f"one of the host's controllers: unknown controller {controller}",
                )
            found = {mount: path for mount, path in places.items() if os.path.isdir(path)}
            if not found:
                raise NotFound(
                    "the container has no such cgroup: error adding pid %d to %s/cgroup.procs: no "
                    "such file or directory" % (pid, next(iter(places.values())))
                )
            result.update(found)
        return result

    def attach_beside(self, mount, pid, like):
        try:
            path = layout.of_process(like)[mount]
            if not path.startswith(self.paths[mount] + "/"):
                raise HostError("process %d is not in cgroup %s" % (like, self.paths[mount]))
            self.move(path, pid)
        except (OSError, KeyError) as error:
            raise HostError(
                "process %d can't be moved into the cgroup of process %d: %s" % (pid, like, error)
            ) from error

    def procs(self):
        """Ids of the processes in the group and below it, unordered, as this process's pid namespace numbers them."""
        return lifecycle.processes(self.unified or next(iter(self.paths.values()), ""))

    def chown(self, uid):
        """Give the group to a user of the host, so that a container with a cgroup namespace of its own and a writable cgroup mount can
        make groups in it (config-linux.md "Cgroup ownership"). Only where there is v2 alone: v1 can't be given away safely.

        :raises HostError: the kernel refuses.
        """
        if not self.unified or layout.mode() != "v2":
            return
        names = files.read_or(
            "/sys/kernel/cgroup/delegate", "cgroup.procs\ncgroup.subtree_control\ncgroup.threads"
        ).split()
        try:
            os.chown(self.unified, uid, -1)
            for name in names:
                if os.path.exists(f"{self.unified}/{name}"):
                    os.chown(f"{self.unified}/{name}", uid, -1)
        except OSError as error:
            raise HostError(
                "cgroup %s can't be given to user %d: %s" % (self.unified, uid, error.strerror)
            ) from error

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

        Directories that were there before the group was made of them stay, without what was made in them; all of one that is shared
        stays as long as it is in use.

        :raises HostError: processes don't end within 10 s (they wait for a device, as a rule).
        """
        above = os.path.dirname(self.v1.get("cpu", ""))
        if above.endswith(tree.SHARED) and files.read_or(above + "/cpu.rt_runtime_us", "0") != "0":
            from .limits import realtime

            realtime.give_back(self.v1["cpu"])
        if self.shared:
            lifecycle.remove_unused(self)
        else:
            lifecycle.remove(self)
        for directory in reversed(self.made):
            if directory not in self.paths.values():
                lifecycle.remove_quietly(
                    directory
                )  # of those above it, what nobody else uses by now

    # ------------------------------------------------------------------------------------------------------- figures

    def stats(self):
        """What the processes use; see ``stats.collect`` for the form and the units."""
        from .usage import stats

        return stats.collect(self.v1, self.unified)

    def reader(self):
        """Something that reads ``stats`` again and again for little: see ``stats.Reader``."""
        from .usage import stats

        return stats.Reader(self.v1, self.unified)

    def accounts(self):
        """All that is accounted, in the form of ``runc events --stats``: see ``accounting.collect``."""
        from .usage import accounting  # here: only that command asks

        return accounting.collect(self)

    def oom_watch(self):
        """Something to wait on for the kernel's killing for want of memory: see kernel/cgroups/usage/notify.py.

        :raises Unsupported: no memory controller here.
        """
        from .usage import notify  # here: as above

        return notify.watch(self)

    def oom_kills(self):
        """How many processes the kernel has killed because of the group's memory limit. Read it before ``remove``."""
        if "memory" in self.v1:
            return files.keyed(files.read_or(self.v1["memory"] + "/memory.oom_control")).get(
                "oom_kill", 0
            )
        return (
            files.keyed(files.read_or(self.unified + "/memory.events")).get("oom_kill", 0)
            if self.unified
            else 0
        )
