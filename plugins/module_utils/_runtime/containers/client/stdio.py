# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container's standard input, output and error: FIFOs that outlive its monitor, or a terminal.

Both sides open the output FIFOs read-write, so that neither ever sees the other's end. A container
whose monitor was killed goes on, waits when a FIFO is full (64 KiB), and its next monitor reads on
where the last one stopped.
"""

from __future__ import annotations

import os
import stat

from ...kernel.isolation import selinux
from ...store.atomic_files import read_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ...oci.spec.config_types import Linux
    from ...store.paths import Paths

OUTPUTS = ("stdout", "stderr")


def make(directory: str, interactive: bool) -> None:
    """Make the FIFOs in a container's run directory; those that are there stay.

    :param interactive: one for the standard input, too.
    """
    for name in OUTPUTS + (("stdin",) if interactive else ()):
        try:
            os.mkfifo(os.path.join(directory, name), 0o600)
        except FileExistsError:
            pass


def open_output(directory: str, name: str) -> int:
    """Open the monitor's end of an output FIFO: reading never blocks and never ends."""
    return os.open(
        os.path.join(directory, name), os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW
    )


def open_unlinked(directory: str, pid: int) -> dict[str, int]:
    """Open the monitor's ends of output FIFOs that process 1 has and the run directory has no more.

    The name of a container's descriptor proves nothing; that it is a FIFO on the run directory's
    file system does.

    :returns: ``{"stdout" | "stderr": descriptor}``.
    """
    found, device = {}, os.stat(directory).st_dev
    for number in (1, 2):
        try:
            place = f"/proc/{pid}/fd/{number}"
            name = os.path.basename(os.readlink(place)).partition(" (deleted)")
            seen = os.open(place, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        facts = os.fstat(seen)
        if (
            name[0] in OUTPUTS
            and name[1]
            and stat.S_ISFIFO(facts.st_mode)
            and facts.st_dev == device
            and facts.st_nlink == 0
        ):
            found[name[0]] = os.open(
                f"/proc/self/fd/{seen}", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC
            )
        os.close(seen)
    return found


def open_inside(directory: str, name: str, context: str | None = None) -> int:
    """Open the container's end of a FIFO. :param context: the SELinux label that it gets."""
    fd = os.open(os.path.join(directory, name), os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    if context is not None:
        selinux.set_label(fd, context)
    return fd


def label(linux: Linux) -> str | None:
    """Return the SELinux label of a container's files; None where it has none.

    :param linux: that of its config.json.
    """
    context = linux.get("mountLabel")
    return context if context and selinux.enabled() else None


def pipe(paths: Paths, ident: str) -> tuple[int, int]:
    """Make a pipe, ``(reader, writer)``, of which one end is for a process of a container.

    Where the container has an SELinux label it is a FIFO that has lost its name. SELinux takes away
    what is not labelled as the container's when its program is executed, and policies let nobody
    label a pipe.
    """
    config = (
        read_json(os.path.join(paths.container(ident), "config.json"), {})
        if selinux.enabled()
        else {}
    )
    context = label(config.get("linux", {}))
    if context is None:
        return os.pipe2(os.O_CLOEXEC)
    path = os.path.join(paths.run, "pipe-" + os.urandom(8).hex())
    os.mkfifo(path, 0o600)
    try:
        selinux.set_label(path, context)
        # Non-blocking first, else it would wait for the other end.
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        writer = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        os.set_blocking(reader, True)
        return reader, writer
    finally:
        os.unlink(path)


def drain(fd: int, take: Callable[[bytes], None]) -> None:
    """Hand all that is in an output FIFO now to ``take(bytes)``."""
    while True:
        try:
            data = os.read(fd, 1 << 16)
        except BlockingIOError:
            return
        if not data:
            return
        take(data)
