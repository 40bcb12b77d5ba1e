# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container's standard input, output and error: FIFOs that outlive its monitor, or a terminal.

Output FIFOs are opened read-write by both sides, so that neither ever sees the other's end: a container whose monitor was
killed goes on, waits when a FIFO is full (64 KiB), and its next monitor reads on where the last one stopped.
"""

from __future__ import annotations

import os

OUTPUTS = ("stdout", "stderr")


def make(directory, interactive):
    """Make the FIFOs in the container's run directory; those that are there stay."""
    for name in OUTPUTS + (("stdin",) if interactive else ()):
        try:
            os.mkfifo(os.path.join(directory, name), 0o600)
        except FileExistsError:
            pass


def open_output(directory, name):
    """The monitor's end of an output FIFO: reading never blocks and never ends."""
    return os.open(os.path.join(directory, name), os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)


def open_inside(directory, name):
    """The container's end of a FIFO."""
    return os.open(os.path.join(directory, name), os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)


def drain(fd, take):
    """Hand all that is in an output FIFO now to ``take(bytes)``."""
    while True:
        try:
            data = os.read(fd, 1 << 16)
        except BlockingIOError:
            return
        if not data:
            return
        take(data)
