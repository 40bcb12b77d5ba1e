# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One container's control group: its directory in every hierarchy, and what can be done with it."""

from __future__ import annotations

import errno
import os

from ...errors import HostError, InvalidInput, NotFound, Unsupported, reason
from . import entry
from .hierarchy import cgroup_files, directories, freezer, layout, removal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any, TypedDict

    from .hierarchy.layout import Hierarchy
    from .limits.translation import Remark
    from .usage.counters import Figures, Reader
    from .usage.oom_watch import Watch

    class GroupRecord(TypedDict, total=False):
        """What is kept of a group as JSON, for ``reopen``.

        ``paths``: ``{mount point: directory}``. ``made``: the directories made for it, the
        outermost first. ``shared``: whether others' processes were in it. ``unit``, ``slice``:
        names of systemd's scope and of its slice, where it is one.
        """

        paths: dict[str, str]
        made: list[str]
        shared: bool
        unit: str
        slice: str


def create(name: str, parent: str | None = None) -> Group:
    """Make the group ``name`` in every hierarchy, empty and without limits.

    :param parent: another parent than ``base()``, from the top ("/group") or a systemd slice
        ("work.slice"); made if missing.
    :raises Conflict: a group of this name has processes.
    :raises InvalidInput: ``name`` or ``parent`` is no name of a cgroup.
    :raises Unsupported: no cgroups here.
    :raises HostError: the kernel refuses to make it.
    """
    if not name or "/" in name or name in (".", "..") or "\0" in name or "\n" in name:
        raise InvalidInput("cgroup", name, "a name without / and line breaks")
    hierarchies = layout.current().hierarchies
    if not hierarchies and layout.without_groups() and parent is None:
        return Group({})
    if not hierarchies:
        raise Unsupported(
            "this host has no cgroup hierarchy mounted (mount -t cgroup2 none /sys/fs/cgroup)"
        )
    top = directories.parent_path(parent)
    group = Group({hierarchy.mount: f"{hierarchy.mount}{top}/{name}" for hierarchy in hierarchies})
    made: list[str] = []
    try:
        for hierarchy in hierarchies:
            directories.make(hierarchy, top, group.paths[hierarchy.mount])
            made.append(hierarchy.mount)
    except BaseException:
        for mount in made:
            removal.remove_tree(group.paths[mount])
        raise
    return group


def engine() -> Group:
    """Return the group of the engine's own processes, ``base()``/engine, made where missing.

    Whoever removes the engine's last container may remove it again: see ``join_engine``.

    :raises HostError: the kernel refuses to make it.
    """
    hierarchies = layout.current().hierarchies
    top = directories.base() + "/engine"
    group = Group({hierarchy.mount: hierarchy.mount + top for hierarchy in hierarchies})
    for hierarchy in hierarchies:
        path = group.paths[hierarchy.mount]
        if not os.path.isdir(path):
            try:
                directories.make_parents(hierarchy, top)
            except OSError as error:
                raise directories.refused(path, error) from error
    return group


def join_engine(pid: int = 0) -> None:
    """Move a process (0: this one) into the engine's own group, in every hierarchy.

    Another engine of the host that is removed meanwhile takes the group away while it is empty: it
    is made again.

    :raises NotFound: no such process. :raises HostError: the kernel refuses.
    """
    for attempt in range(directories.TRIES):
        try:
            engine().attach(pid)
            return
        except HostError as error:
            cause = error.__cause__
            gone = isinstance(cause, OSError) and cause.errno in freezer.GONE
            if not gone or attempt == directories.TRIES - 1:
                raise


class Group:
    """A group that exists, or did.

    :ivar paths: ``{mount point: directory}``; can be kept as JSON and given to ``open``.
    :ivar made: the directories that were made for it, the outermost first: ``remove`` takes no
        others. None: all of ``paths``.
    :ivar found: those of its own that were there before.
    :ivar v1: ``{controller: directory}`` of version 1.
    :ivar unified: its directory in the version 2 tree, or None.
    :ivar shared: whether others' processes were in it.
    :ivar later: hierarchies in which it is not yet, until ``complete``.
    :ivar unit: the name of systemd's unit where it is one (kernel/cgroups/systemd/scope.py).
    """

    unit: str | None = None
    shared = False
    later: Sequence[Hierarchy] = ()
    found: frozenset[str]
    v1: dict[str, str]
    unified: str | None

    def __init__(self, paths: Mapping[str, str], made: Iterable[str] | None = None) -> None:
        self.paths = dict(paths)
        self.made = list(self.paths.values() if made is None else made)
        self._sort()

    def _sort(self) -> None:
        """Set what follows from ``paths`` and ``made``."""
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
    def open(cls, paths: Mapping[str, str]) -> Group:
        """Return the group at ``paths``, whether it is there or not (``exists``)."""
        return Group(paths)

    def record(self) -> GroupRecord:
        """Return what ``reopen`` needs to know of it, fit for JSON."""
        return {"paths": self.paths, "made": self.made, "shared": self.shared}

    @property
    def exists(self) -> bool:
        """Whether it is there in any hierarchy."""
        return any(os.path.isdir(path) for path in self.paths.values())

    def shown(self) -> dict[str, str]:
        """Return ``paths``, with the groups of this process in the hierarchies where it has none.

        A container without a group of its own is in its maker's.
        """
        found: dict[str, str] = {}
        if len(self.paths) < len(layout.current().hierarchies):
            found = layout.of_process("self")
        return dict(found, **self.paths)

    def complete(self) -> None:
        """Make it in the hierarchies that its maker has left out (``later``)."""

    # --------------------------------------------------------------------------------------- limits

    def apply(self, resources: Mapping[str, Any]) -> list[Remark]:
        """Write OCI ``linux.resources`` as the group's limits; only what is named in it is touched.

        See ``limits.apply.apply`` for what it returns and raises.
        """
        from .limits import apply  # here: a start does this while its process is on its way

        return apply.apply(self, resources)

    # ------------------------------------------------------------------------------------ processes

    def door(self) -> entry.Door | None:
        """Return a Door for a process that is about to be forked.

        None: the process has to be attached.

        :raises HostError: the group is gone.
        """
        try:
            return entry.Door(self) if self.paths or self.later else None
        except OSError as error:
            raise HostError(
                f"cgroup {error.filename} can't be entered: {reason(error, named=True)}"
            ) from error

    def attach(
        self, pid: int, like: int | None = None, below: str | Mapping[str, str] = ""
    ) -> None:
        """Move a process (0: this one) into the group, in every hierarchy.

        :param like: process 1 of the container, for another process that joins it. Where the group
            has children with controllers (an init system in the container made them), v2 lets no
            process in but into these: ``like``'s cgroup is taken.
        :param below: a group below this one to take instead, in each hierarchy that has it: a path,
            or ``{controller: path}`` ("" is v2's controller).
        :raises NotFound: no such process, or no such group.
        :raises InvalidInput: ``below`` leads out of the group, or names no controller of the host.
        :raises HostError: the kernel refuses.
        """
        for mount, path in (self._inner(below, pid) if below else self.paths).items():
            try:
                self.move(path, pid)
            except OSError as error:
                if error.errno == errno.EBUSY and like is not None and path == self.unified:
                    self._attach_beside(mount, pid, like)
                elif error.errno == errno.ESRCH:
                    raise NotFound(f"process {pid} has ended") from error
                else:
                    why = reason(error, named=True)
                    raise HostError(
                        f"process {pid} can't be moved into its cgroup: error adding pid {pid} to "
                        f"cgroups: {path}/cgroup.procs: {why}"
                    ) from error

    def move(self, path: str, pid: int) -> None:
        """Move a process into the group's directory ``path``, or one below it.

        :raises OSError: the kernel refuses.
        """
        cgroup_files.write(path + "/cgroup.procs", str(pid))

    def recall(self, pid: int) -> None:
        """Bring a process back to this group's v1 freezer.

        In another group's, frozen, it could not even be killed. A freezer that is not there, and a
        process that has ended, are passed over.
        """
        try:
            if "freezer" in self.v1:
                cgroup_files.write(self.v1["freezer"] + "/cgroup.procs", str(pid))
        except OSError:
            pass

    def _inner(self, below: str | Mapping[str, str], pid: int) -> dict[str, str]:
        """Return ``paths`` with the directories below that ``below`` (see ``attach``) names."""
        hierarchies, result = layout.current().by_mount, dict(self.paths)
        named: Iterable[tuple[str | None, str]] = (
            [(None, below)] if isinstance(below, str) else below.items()
        )
        for controller, name in named:
            if ".." in name.split("/"):
                raise InvalidInput(
                    "cgroup",
                    name,
                    f"a path below the container's cgroup (bad sub cgroup path: {name} is not a "
                    "sub cgroup path, `..` components are not allowed)",
                )
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
                    f"the container has no such cgroup: error adding pid {pid} to "
                    f"{next(iter(places.values()))}/cgroup.procs: no such file or directory"
                )
            result.update(found)
        return result

    def _attach_beside(self, mount: str, pid: int, like: int) -> None:
        """Move a process into the cgroup of ``like``, which has to be below this one."""
        try:
            path = layout.of_process(like)[mount]
            if not path.startswith(self.paths[mount] + "/"):
                raise HostError(f"process {like} is not in cgroup {self.paths[mount]}")
            self.move(path, pid)
        except (OSError, KeyError) as error:
            raise HostError(
                f"process {pid} can't be moved into the cgroup of process {like}: {reason(error)}"
            ) from error

    def below(self, name: str) -> tuple[Group, Group] | None:
        """Make a group below this one, so that what is started in it can be ended by itself.

        One hierarchy is enough for that, and one directory costs the least.

        :returns: ``(the new group, this one with it in the place of its own directory there)``; the
            second is for a process to go into. None: the kernel lets nobody make one here.
        """
        path = self.unified or self.v1.get("freezer") or next(iter(self.paths.values()), None)
        if path is None:
            return None
        mount = next(mount for mount, one in self.paths.items() if one == path)
        inner = f"{path}/{name}"
        try:
            os.mkdir(inner)
        except OSError:
            return None
        return Group({mount: inner}), Group({**self.paths, mount: inner})

    def procs(self) -> list[int]:
        """Return the ids of the processes in the group and below it, unordered.

        They are numbered as in this process's pid namespace.
        """
        return removal.processes(self.unified or next(iter(self.paths.values()), ""))

    def chown(self, uid: int, beside_v1: bool = False) -> None:
        """Give the group to a user of the host (config-linux.md, "Cgroup ownership").

        A container with a cgroup namespace of its own and a writable cgroup mount can make groups
        in it then. Of version 1 only systemd's hierarchy, which has no controllers, can be given
        away safely.

        :param beside_v1: do so on hosts that have version 1 as well, or alone.
        :raises HostError: the kernel refuses.
        """
        if beside_v1 and not self.unified and "name=systemd" in self.v1:
            self._give(self.v1["name=systemd"], ["cgroup.procs", "tasks"], uid)
        if not self.unified or (layout.mode() != "v2" and not beside_v1):
            return
        names = cgroup_files.read_or(
            "/sys/kernel/cgroup/delegate", "cgroup.procs\ncgroup.subtree_control\ncgroup.threads"
        ).split()
        self._give(self.unified, names, uid)

    @staticmethod
    def _give(path: str, names: Sequence[str], uid: int) -> None:
        """Give a directory and some files in it to a user."""
        try:
            os.chown(path, uid, -1)
            for name in names:
                if os.path.exists(f"{path}/{name}"):
                    os.chown(f"{path}/{name}", uid, -1)
        except OSError as error:
            raise HostError(
                f"cgroup {path} can't be given to user {uid}: {reason(error, named=True)}"
            ) from error

    # ----------------------------------------------------------------------------------- life cycle

    def freeze(self) -> None:
        """Stop every process where it is; return when all are stopped.

        :raises Unsupported: no freezer here.
        :raises HostError: they don't stop within 10 s; all go on again.
        """
        freezer.freeze(self.unified, self.v1.get("freezer"))

    def thaw(self) -> None:
        """Let the processes go on; a group that is not frozen, or gone, is no error."""
        freezer.thaw(self.unified, self.v1.get("freezer"))

    def frozen(self) -> bool:
        """Return whether the group is frozen, or about to be."""
        return freezer.frozen(self.unified, self.v1.get("freezer"))

    def kill(self) -> None:
        """Send SIGKILL to every process in it, frozen ones too; don't wait for their end."""
        removal.kill(self)

    def remove(self) -> None:
        """Remove the group with all that is below it, and kill what still runs.

        A group that is gone is no error. Directories that were there before the group was made of
        them stay, without what was made in them. All of a shared group stays as long as it is in
        use.

        :raises HostError: processes don't end within 10 s (they wait for a device, as a rule).
        """
        above = os.path.dirname(self.v1.get("cpu", ""))
        if (
            directories.is_common(above)
            and cgroup_files.read_or(above + "/cpu.rt_runtime_us", "0") != "0"
        ):
            from .limits import realtime  # here: one container in many has such a budget

            realtime.give_back(self.v1["cpu"])
        if self.shared:
            removal.remove_unused(self)
        else:
            removal.remove(self)
        for directory in reversed(self.made):  # of those above it, what nobody else uses by now
            if directory not in self.paths.values():
                removal.remove_quietly(directory)
        for mount, path in self.paths.items():
            if os.path.dirname(path) == mount + directories.SHARED:
                removal.remove_quietly(mount + directories.SHARED)

    # -------------------------------------------------------------------------------------- figures
    # Imported where they are asked for: a start reads none of them.

    def stats(self) -> Figures:
        """Return what the processes use; see ``counters.collect`` for the form and the units."""
        from .usage import counters

        return counters.collect(self.v1, self.unified)

    def reader(self) -> Reader:
        """Return what reads ``stats`` again and again for little: see ``counters.Reader``."""
        from .usage import counters

        return counters.Reader(self.v1, self.unified)

    def accounts(self) -> dict[str, Any]:
        """Return all that is accounted, as ``runc events --stats`` has it: see ``accounting``."""
        from .usage import accounting

        return accounting.collect(self)

    def oom_watch(self) -> Watch:
        """Return a Watch that tells when memory runs out in the group.

        :raises Unsupported: no memory controller here.
        :raises HostError: the group can't be watched.
        """
        from .usage import oom_watch

        return oom_watch.watch(self)

    def oom_kills(self) -> int:
        """Return how many processes the kernel has killed because of the group's memory limit.

        Read it before ``remove``.
        """
        if "memory" in self.v1:
            text = cgroup_files.read_or(self.v1["memory"] + "/memory.oom_control")
        elif self.unified:
            text = cgroup_files.read_or(self.unified + "/memory.events")
        else:
            return 0
        return cgroup_files.keyed(text).get("oom_kill", 0)
