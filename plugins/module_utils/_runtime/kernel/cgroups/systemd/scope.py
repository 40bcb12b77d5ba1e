# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container's group as a transient scope of systemd's (``--systemd-cgroup``).

A scope can't be empty: a process that does nothing holds it until the first other one is attached.
The hierarchies that systemd leaves alone get a directory at the same place. The scope has
Delegate=yes: what is below it is ours, and so are its files, as long as systemd's own notion of
them is the same. So limits are its properties, too.
"""

from __future__ import annotations

import os
import time

from ....errors import Conflict, HostError, InvalidInput, reason
from ...calls import fork
from ...systemd import systemd_units
from .. import location
from ..group import Group
from ..hierarchy import directories, freezer, layout, removal
from ..limits import apply as limits
from . import unit_properties

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from ..entry import Door
    from ..group import GroupRecord
    from ..hierarchy.layout import Hierarchy
    from ..limits.translation import Remark
    from .unit_properties import Property

PREFIX = "pycontainer"
ACCOUNTING = ("CPUAccounting", "MemoryAccounting", "TasksAccounting")


def parse(path: str | None, ident: str) -> tuple[str, str]:
    """Return ``(slice, unit)`` of linux.cgroupsPath: ``slice:prefix:name`` or ``slice:name``.

    Where there is no path, the id names the unit.

    :raises InvalidInput: another form.
    """
    usual = "user.slice" if systemd_units.user() else "system.slice"
    parts = path.split(":") if path else [usual, PREFIX, ident]
    slice_name, name = parts[0] or usual, "-".join(filter(None, parts[1:]))
    words = slice_name[: -len(".slice")].split("-")
    good = (
        slice_name.endswith(".slice")
        and (all(words) or slice_name == "-.slice")
        and "/" not in slice_name + name
    )
    if len(parts) not in (2, 3) or not good or not parts[-1] or name.endswith(".slice"):
        raise InvalidInput(
            "linux.cgroupsPath",
            path,
            'with --systemd-cgroup a path of the form "slice:prefix:name", such as '
            "system.slice:pycontainer:web",
        )
    return slice_name, name if name.endswith(".scope") else name + ".scope"


def create(
    path: str | None,
    ident: str,
    annotations: Mapping[str, str],
    announce: Callable[[GroupRecord], object] | None = None,
) -> Scope:
    """Make the group as a scope and start it; see ``cgroups.create_at``."""
    slice_name, name = parse(path, ident)
    extra = unit_properties.annotated(annotations)
    top = directories.slice_path(slice_name)
    connection = systemd_units.connect()
    try:
        above = ""
        if systemd_units.user():  # a user's slices are below the user's manager
            above = systemd_units.get(
                connection, systemd_units.ROOT, "Manager", "ControlGroup"
            ).rstrip("/")
        if systemd_units.state(connection, name) not in ("inactive", "failed"):
            raise Conflict(
                f"container's cgroup is not empty: systemd has the unit {name}; linux.cgroupsPath "
                "has to name one that is the container's alone"
            )
    finally:
        connection.close()
    paths = {
        hierarchy.mount: f"{hierarchy.mount}{above}{top}/{name}"
        for hierarchy in layout.current().hierarchies
    }
    group = Scope(paths, [], name, slice_name)
    group.start(extra, announce)
    return group


class Scope(Group):
    """A group that is a scope.

    :ivar unit: the scope's name.
    :ivar slice: its slice's.
    :ivar holder: the pid of the process that holds it, 0 for none.
    """

    unit: str

    def __init__(
        self, paths: Mapping[str, str], made: Iterable[str], name: str, slice_name: str
    ) -> None:
        super().__init__(paths, made)
        self.unit = name
        self.slice = slice_name
        self.holder = 0
        self.found = frozenset()  # systemd makes and takes the directories

    def record(self) -> GroupRecord:
        return {"paths": self.paths, "made": self.made, "unit": self.unit, "slice": self.slice}

    def door(self) -> Door | None:
        """Return None at first: only ``attach`` lets the holder go."""
        return None if self.holder else super().door()

    def apply(self, resources: Mapping[str, Any]) -> list[Remark]:
        limits.check_usage(self, resources.get("memory") or {})
        connection = systemd_units.connect()
        try:
            found = unit_properties.properties(
                resources, "memory" not in self.v1, systemd_units.version(connection)
            )
            with Frozen(
                self
                if "devices" in self.v1 and resources.get("devices") and not self.frozen()
                else None
            ):
                systemd_units.set_properties(connection, self.unit, found)
        finally:
            connection.close()
        return super().apply(resources)

    def attach(
        self, pid: int, like: int | None = None, below: str | Mapping[str, str] = ""
    ) -> None:
        super().attach(pid, like, below)
        self.let_go()

    def move(self, path: str, pid: int) -> None:
        """Move a process; where a user may not, have his manager do it.

        A user may move no process that is not below his manager yet, as one of a login is not.
        """
        try:
            super().move(path, pid)
        except PermissionError:
            if self.unified is None or not (path + "/").startswith(self.unified + "/"):
                raise
            connection = systemd_units.connect()
            try:
                systemd_units.attach(
                    connection, self.unit, path[len(self.unified) :], pid or os.getpid()
                )
            finally:
                connection.close()

    def start(
        self, extra: list[Property], announce: Callable[[GroupRecord], object] | None = None
    ) -> None:
        """Start the unit with a holder, and make the directories that systemd doesn't.

        :param extra: further properties. :param announce: see ``cgroups.create_at``.
        """
        self.holder = hold()
        try:
            self._start_unit(extra)
        except BaseException:
            self.let_go()
            raise
        try:
            if announce is not None:
                self._tell(announce)
            for hierarchy in layout.current().hierarchies:
                self.join(hierarchy)
        except BaseException:
            self.remove()
            raise

    def _start_unit(self, extra: list[Property]) -> None:
        properties: list[Property] = [
            ("Description", "s", "container " + self.unit),
            ("Slice", "s", self.slice),
            ("Delegate", "b", True),
            ("PIDs", "au", [self.holder]),
            ("DefaultDependencies", "b", False),
        ]
        properties += [
            (name, "b", True)
            for name in ACCOUNTING
            + (("IOAccounting" if "blkio" not in self.v1 else "BlockIOAccounting"),)
        ]
        connection = systemd_units.connect()
        try:
            systemd_units.start_scope(connection, self.unit, properties + extra)
        finally:
            connection.close()

    def _tell(self, announce: Callable[[GroupRecord], object]) -> None:
        """Tell what will be made beside the scope, which itself ends with this process."""
        missing = [
            hierarchy
            for hierarchy in layout.current().hierarchies
            if not os.path.isdir(self.paths[hierarchy.mount])
        ]
        if missing:
            announce(location.forecast(missing, self._top(missing[0]), self.unit))

    def _top(self, hierarchy: Hierarchy) -> str:
        """Return the cgroup above it, from the top of a hierarchy."""
        return os.path.dirname(self.paths[hierarchy.mount])[len(hierarchy.mount) :]

    def let_go(self) -> None:
        """End the holder."""
        if self.holder:
            os.kill(self.holder, removal.SIGKILL)
            try:
                os.waitpid(self.holder, 0)
            except ChildProcessError:  # SIGCHLD is ignored
                pass
            self.holder = 0

    def join(self, hierarchy: Hierarchy) -> None:
        """Make the group in a hierarchy that systemd doesn't manage."""
        directory = self.paths[hierarchy.mount]
        top = self._top(hierarchy)
        try:
            if not os.path.isdir(directory):
                directories.make_at(hierarchy, top, self.unit, self.made)
            else:
                directories.make_ready(hierarchy, top, directory)
        except OSError as error:
            raise HostError(
                f"linux.cgroupsPath: cgroup {directory} can't be made: {reason(error, named=True)}"
            ) from error

    def remove(self) -> None:
        """Stop the scope, and remove what systemd leaves of the directories."""
        self.thaw()
        self.kill()
        self.let_go()
        connection = systemd_units.connect()
        try:
            systemd_units.stop(connection, self.unit)
        finally:
            connection.close()
        super().remove()


def hold() -> int:
    """Fork a child that does nothing until it is killed or its parent ends; return its pid."""
    return fork.child(lambda: time.sleep(2**31), with_parent=True)


class Frozen:
    """``with Frozen(group)``: its processes stand still meanwhile; with None nothing is done.

    For v1 device rules: systemd takes all devices away before it gives those that are allowed.
    """

    def __init__(self, group: Group | None) -> None:
        self.group = group

    def __enter__(self) -> None:
        if self.group is not None:
            freezer.freeze(self.group.unified, self.group.v1.get("freezer"))

    def __exit__(self, *_error: object) -> None:
        if self.group is not None:
            self.group.thaw()
