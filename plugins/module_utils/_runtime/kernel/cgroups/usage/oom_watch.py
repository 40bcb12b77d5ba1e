# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait until memory runs out in a group, or the group is gone.

Version 1 by an event descriptor (memory.txt, "OOM Control"), version 2 by inotify(7) on
memory.events (cgroup-v2.rst).
"""

from __future__ import annotations

import abc
import os

from ....errors import HostError, Unsupported, reason
from ...calls import syscalls
from ..hierarchy import cgroup_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..hierarchy.layout import GroupDirectories

IN_MODIFY = 0x2


def watch(group: GroupDirectories) -> Watch:
    """Return the Watch of a Group.

    :raises Unsupported: no memory controller here. :raises HostError: the kernel refuses.
    """
    try:
        if "memory" in group.v1:
            return OldWatch(group.v1["memory"])
        if group.unified and os.path.exists(group.unified + "/memory.events"):
            return NewWatch(group.unified)
    except OSError as error:
        raise HostError(
            f"cgroup {group.v1.get('memory') or group.unified} can't be watched: {reason(error, named=True)}"
        ) from error
    raise Unsupported("events: this host has no memory controller among its cgroups")


class Watch(abc.ABC):
    """``fileno()`` becomes readable when something happened (poll(2)); then ``read()`` tells what.

    ``close`` it.
    """

    def __init__(self, fd: int, path: str) -> None:
        self.fd = fd
        self.path = path

    def fileno(self) -> int:
        return self.fd

    def gone(self) -> bool:
        """Return whether the group isn't there any more, or, on version 2, has no process left."""
        return not os.path.isdir(self.path)

    @abc.abstractmethod
    def read(self) -> int:
        """Return how often memory ran out since the last call."""

    def close(self) -> None:
        os.close(self.fd)


class OldWatch(Watch):
    """Version 1: the descriptor counts how often the limit was hit with nothing left to reclaim.

    A removal counts as one, too.
    """

    def __init__(self, path: str) -> None:
        super().__init__(syscalls.eventfd(), path)
        control = -1
        try:
            control = os.open(path + "/memory.oom_control", os.O_RDONLY | os.O_CLOEXEC)
            cgroup_files.write(path + "/cgroup.event_control", f"{self.fd} {control}")
        except BaseException:
            self.close()
            raise
        finally:
            if control >= 0:
                os.close(control)

    def read(self) -> int:
        """Return how often memory ran out since the last call; 0 when the group was removed."""
        try:
            count = int.from_bytes(os.read(self.fd, 8), "little")
        except BlockingIOError:
            return 0
        return 0 if self.gone() else count


class NewWatch(Watch):
    """Version 2: memory.events changes for other reasons, too (the limit was reached, say); only
    ``oom_kill`` counts.
    """

    def __init__(self, path: str) -> None:
        super().__init__(syscalls.inotify_init(), path)
        try:
            for name in ("memory.events", "cgroup.events"):
                syscalls.inotify_add_watch(self.fd, f"{path}/{name}", IN_MODIFY)
            self.kills = self.count()
        except BaseException:
            self.close()
            raise

    def count(self) -> int:
        return cgroup_files.keyed(cgroup_files.read_or(self.path + "/memory.events")).get(
            "oom_kill", 0
        )

    def gone(self) -> bool:
        return "populated 1" not in cgroup_files.read_or(self.path + "/cgroup.events")

    def read(self) -> int:
        """Return how many processes were killed since the last call."""
        try:
            os.read(self.fd, 4096)
        except BlockingIOError:
            pass
        kills = self.count()
        new, self.kills = max(kills - self.kills, 0), max(kills, self.kills)
        return new
