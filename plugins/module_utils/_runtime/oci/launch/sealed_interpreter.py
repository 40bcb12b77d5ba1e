# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interpreter's own file, shown so that nobody who finds it in a container can write to it.

A process on its way into a container still has the host's Python as its executable, and the image
may name that as its program (#!/proc/self/exe). So the zygote executes itself again from a
read-only view of the file: a container that opens /proc/PID/exe for writing, now or later, gets
EROFS (CVE-2019-5736). Nor can it be traced, or its memory be read, by anybody inside; nor can what
is forked from it (CVE-2016-9962).
"""

from __future__ import annotations

import os
import sys

from ...kernel.calls import constants as c
from ...kernel.calls import syscalls
from ...kernel.mounts import mounts

SEALED = "PYCONTAINER_SEALED"


def seal(argv: list[str]) -> None:
    """Execute this interpreter again from a file that can't be written to, unless that is done."""
    if SEALED in os.environ:
        del os.environ[SEALED]
        syscalls.prctl(c.PR_SET_DUMPABLE, 0)
        return
    try:
        fd = mounts.bind("/proc/self/exe", recursive=False)
        mounts.set_attributes(fd, c.MOUNT_ATTR_RDONLY)
    except Exception:  # pylint: disable=broad-except # an older kernel: a copy in memory does as well, at the cost of its size
        fd = _sealed_copy()
    os.execve(fd, argv, dict(os.environ, **{SEALED: "1"}))


def _sealed_copy() -> int:
    import fcntl  # an older kernel alone needs it

    fd = os.memfd_create("pycontainer", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with open("/proc/self/exe", "rb") as program:
        while os.sendfile(fd, program.fileno(), None, 1 << 24):
            pass
    fcntl.fcntl(
        fd,
        fcntl.F_ADD_SEALS,
        fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE,
    )
    return fd


def sealed(pid: int) -> bool:
    """Whether a process's executable is none that could be written to."""
    return bool(os.statvfs(f"/proc/{pid}/exe").f_flag & os.ST_RDONLY) or os.readlink(
        f"/proc/{pid}/exe"
    ).startswith("/memfd:")


def seal_command() -> None:
    """Do the same for a command of this process: it is begun anew.

    What was done until now must be nothing that is seen outside.
    """
    seal([sys.executable, "-I", "-S"] + sys.argv)
