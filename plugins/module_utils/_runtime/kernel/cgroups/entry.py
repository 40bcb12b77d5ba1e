# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The quick way into a group, for a process that is yet to be forked.

Moving another process, by its id in cgroup.procs, has the kernel stop all forking and exiting on
the machine first, which waits for an RCU grace period: 1 ms, on a busy machine 5. Two ways do
without: clone3's CLONE_INTO_CGROUP into v2 (5.7), and in v1 a thread's writing "0" to ``tasks`` for
itself (kernel/cgroup/cgroup.c, cgroup_procs_write_start).
"""

from __future__ import annotations

import errno
import os

from ..calls import constants as c
from ..calls import syscalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .hierarchy.layout import GroupDirectories


# Errors of clone3 into a cgroup: a kernel before 5.7, a cgroup that takes no process, or one to
# which only its unit's manager may move this user's processes.
_CLOSED = (errno.E2BIG, errno.EINVAL, errno.EBUSY, errno.EOPNOTSUPP, errno.EACCES)


def fork(
    flags: int, door: Door | None, exit_signal: int = c.SIGCHLD, alone: bool = False
) -> tuple[int, int, Door | None]:
    """Fork by clone3, through a Door where one is given.

    The forked process calls the door's ``enter`` first of all.

    :param flags, exit_signal, alone: as of ``syscalls.clone3``.
    :returns: ``(pid, pidfd, door)``; the door is closed and None where the kernel does not let the
        process in: it has to be attached then.
    :raises OSError: clone3 fails.
    """
    if door is not None:
        try:
            return (*syscalls.clone3(flags, exit_signal, door.unified, alone), door)
        except OSError as error:
            if door.unified is None or error.errno not in _CLOSED:
                raise
        door.close()
    return (*syscalls.clone3(flags, exit_signal, None, alone), None)


def tasks(group: GroupDirectories) -> list[int]:
    """Return descriptors of the group's v1 files to which a thread writes "0" (see ``enter``).

    :raises OSError: the group is gone.
    """
    found: list[int] = []
    try:
        for path in group.paths.values():
            if path != group.unified:
                found.append(os.open(path + "/tasks", os.O_WRONLY | os.O_CLOEXEC))
    except BaseException:
        for fd in found:
            os.close(fd)
        raise
    return found


def enter(fds: list[int]) -> None:
    """In the new process, which has one thread: go into the groups of ``tasks``, and close these.

    :raises OSError: the kernel refuses.
    """
    for fd in fds:
        os.write(fd, b"0")
        os.close(fd)


class Door:
    """The way into a group for a process that is about to be forked. Both processes close it.

    ``unified``: a descriptor for clone3's ``cgroup_fd``, None where the group is not in a v2 tree.
    ``tasks``: as of ``tasks()``.

    :raises OSError: the group is gone.
    """

    def __init__(self, group: GroupDirectories) -> None:
        self.tasks = tasks(group)
        self.unified: int | None = None
        try:
            if group.unified is not None:
                self.unified = os.open(group.unified, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except BaseException:
            self.close()
            raise

    def enter(self) -> None:
        """In the new process: go into the v1 groups, and close the door.

        :raises OSError: the kernel refuses.
        """
        found, self.tasks = self.tasks, []
        enter(found)
        self.close()

    def close(self) -> None:
        for fd in self.tasks + ([] if self.unified is None else [self.unified]):
            os.close(fd)
        self.unified, self.tasks = None, []
