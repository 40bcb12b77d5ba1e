# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The quick way into a group, for a process that is yet to be forked.

Moving another process, by its id in cgroup.procs, has the kernel stop all forking and exiting on the machine first, which waits
for an RCU grace period: 1 ms, on a busy machine 5. Two ways do without: clone3's CLONE_INTO_CGROUP into v2 (5.7), and in v1 a
thread's writing "0" to ``tasks`` for itself (kernel/cgroup/cgroup.c, cgroup_procs_write_start).
"""

from __future__ import annotations

import errno
import os

from ..calls import constants as c
from ..calls import syscalls

# Of clone3 into a cgroup: before 5.7, one that takes none, or one that only its unit's manager may move this user's processes to.
_CLOSED = (errno.E2BIG, errno.EINVAL, errno.EBUSY, errno.EOPNOTSUPP, errno.EACCES)


def fork(flags, door, exit_signal=c.SIGCHLD, alone=False):
    """syscalls.clone3 through a Door, or without (None): ``(pid, pidfd, door)``, the door being None, and closed, where the kernel does not let it in:
    the process has to be attached then. In the process it is the Door to ``enter`` first of all."""
    if door is not None:
        try:
            return (*syscalls.clone3(flags, exit_signal, door.unified, alone), door)
        except OSError as error:
            if door.unified is None or error.errno not in _CLOSED:
                raise
        door.close()
    return (*syscalls.clone3(flags, exit_signal, None, alone), None)


def tasks(group):
    """Descriptors of the group's v1 files that a thread writes "0" to."""
    found = []
    try:
        for path in group.paths.values():
            if path != group.unified:
                found.append(os.open(path + "/tasks", os.O_WRONLY | os.O_CLOEXEC))
    except BaseException:
        for fd in found:
            os.close(fd)
        raise
    return found


def enter(fds):
    """In the new process, which has one thread: go into the groups of ``tasks``; closes them.

    :raises OSError: the kernel refuses.
    """
    for fd in fds:
        os.write(fd, b"0")
        os.close(fd)


class Door:
    """``unified``: an fd for clone3's ``cgroup_fd``, None where the group is not in a v2 tree; ``tasks``: see above."""

    def __init__(self, group):
        self.tasks = tasks(group)
        self.unified = None
        try:
            if group.unified is not None:
                self.unified = os.open(group.unified, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except BaseException:
            self.close()
            raise

    def enter(self):
        """In the new process, as above."""
        found, self.tasks = self.tasks, []
        enter(found)
        self.close()

    def close(self):
        for fd in self.tasks + ([] if self.unified is None else [self.unified]):
            os.close(fd)
        self.unified, self.tasks = None, []
