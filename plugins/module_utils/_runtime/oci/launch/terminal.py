# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Terminals of containers, and the three standard descriptors of a process on its way into one."""

from __future__ import annotations

import _struct as struct
import errno
import fcntl
import os
import stat

from ...kernel.mounts import rootfs
from . import channel

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Sequence

    from ..spec.config_types import ConsoleSize
    from ..spec.program import Program

# ioctl_tty(2); GPTPEER is of Linux 4.13
TIOCSCTTY, TIOCGWINSZ, TIOCSWINSZ, TIOCSPTLCK, TIOCGPTPEER, TIOCGPTN = (
    0x540E,
    0x5413,
    0x5414,
    0x40045431,
    0x5441,
    0x80045430,
)


def make(program: Program, inside: _socket.socket, root_fd: int) -> int:
    """Make the program's terminal and hand its master over. Returns the slave's descriptor.

    :param inside: the channel to the maker.
    """
    master, slave = open_inside(root_fd, program.plain)
    if program.size:
        set_size(slave, program.size.get("height", 0), program.size.get("width", 0))
    channel.send_terminal(inside, master)
    os.close(master)
    return slave


def open_inside(root_fd: int, plain: bool = False) -> tuple[int, int]:
    """Open a new terminal of the container's own devpts: ``(master, slave)``.

    The slave comes from the master (TIOCGPTPEER), not from a path that the image could have
    prepared (CVE-2025-52565).

    :param plain: lines end as they are written; whose terminal it is copied to, that adds its
        carriage returns.
    """
    master = rootfs.open_in_root(root_fd, "/dev/pts/ptmx", os.O_RDWR | os.O_NOCTTY)
    status = os.fstat(master)
    if not stat.S_ISCHR(status.st_mode) or status.st_rdev != os.makedev(5, 2):
        os.close(master)
        raise OSError(errno.ENODEV, "not a terminal multiplexer", "/dev/pts/ptmx")
    fcntl.ioctl(master, TIOCSPTLCK, struct.pack("i", 0))
    if plain:
        import termios  # a library of its own, and few containers have a terminal

        attributes = termios.tcgetattr(master)
        attributes[1] &= ~termios.ONLCR
        termios.tcsetattr(master, termios.TCSANOW, attributes)
    return master, fcntl.ioctl(master, TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)


def set_size(fd: int, rows: int, columns: int) -> None:
    """Set a terminal's size, in characters."""
    fcntl.ioctl(fd, TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def size_of_own() -> ConsoleSize | None:
    """Return the size of this process's terminal as config.json's consoleSize; None where standard
    input is none.

    A program that asks for its size at once must have it: copying it (oci/command/console.py)
    begins when the program runs already.
    """
    if not os.isatty(0):
        return None
    rows, columns = struct.unpack_from("HH", fcntl.ioctl(0, TIOCGWINSZ, bytes(8)))
    return {"height": rows, "width": columns}


def take_over(streams: Sequence[int], terminal: bool = False) -> None:
    """Make three descriptors this process's standard ones; a terminal also becomes the controlling
    one of a new session.
    """
    for number, fd in enumerate(streams):
        os.dup2(fd, number, inheritable=True)
    if terminal:
        fcntl.ioctl(0, TIOCSCTTY, 0)


def own(uid: int, gid: int) -> None:
    """Give the standard FIFOs and terminal to the container's user, so that it can open
    /dev/stdout; nothing else is touched.

    A device such as /dev/null is left alone: it may be shared with the host.
    """
    for number in (0, 1, 2):
        if is_owned(number):
            own_one(number, uid, gid)


def is_owned(fd: int) -> bool:
    """Whether a stream is the container's to own: a FIFO or a terminal."""
    return stat.S_ISFIFO(os.fstat(fd).st_mode) or os.isatty(fd)


def own_one(fd: int, uid: int | None, gid: int | None) -> None:
    """Give a FIFO, or a terminal, which keeps its group.

    :param uid, gid: None leaves it as it is.

    Where that is refused, as by SELinux of a pipe that another service made, it stays whose it is:
    the stream works all the same.
    """
    if os.isatty(fd):
        gid = None
    try:
        os.fchown(fd, -1 if uid is None else uid, -1 if gid is None else gid)
    except PermissionError:
        pass
