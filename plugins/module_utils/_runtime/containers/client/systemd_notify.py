# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a unit's main process tells systemd (sd_notify(3)), and what a container's program says by
itself with ``sdnotify`` container.
"""

from __future__ import annotations

import os
import socket

from ...untrusted.text import printable
from ..spec.container_mounts import NOTIFY, NOTIFY_NAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...store.paths import Paths

PASSED = ("READY", "RELOADING", "STOPPING", "STATUS", "ERRNO", "WATCHDOG", "EXTEND_TIMEOUT_USEC")
NUMBERS = PASSED[:3] + PASSED[4:]
LARGEST = 4096  # bytes of a message


def directory(paths: Paths, ident: str) -> str:
    """Return where the socket of a container is, which its program finds at /run/notify."""
    return os.path.join(paths.container_run(ident), NOTIFY)


class Systemd:
    """The service manager that waits for this process; nobody where NOTIFY_SOCKET is not set.

    Making one takes the variables out of the environment: they are for this process alone.

    :ivar watchdog: seconds within which it wants to hear something, None without a watchdog.
    """

    def __init__(self) -> None:
        path = os.environ.pop("NOTIFY_SOCKET", "")
        self.address = "\0" + path[1:] if path[:1] == "@" else path
        microseconds = os.environ.pop("WATCHDOG_USEC", "")
        for_us = os.environ.pop("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        numeric = microseconds.isascii() and microseconds.isdigit()
        self.watchdog = int(microseconds) / 1e6 if numeric and for_us else None

    def tell(self, *lines: str) -> None:
        """Send lines such as ``READY=1``. One that nobody hears is lost."""
        if not self.address or not lines:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as client:
            try:
                client.sendto("\n".join(lines).encode(), self.address)
            except OSError:
                pass


class Program:
    """Listens to what a container's program says. The container may not run yet.

    :ivar socket: to be polled for reading.
    """

    def __init__(self, paths: Paths, ident: str) -> None:
        place = directory(paths, ident)
        os.makedirs(place, 0o755, exist_ok=True)
        self.socket = socket.socket(
            socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        )
        fd = os.open(place, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        path = f"/proc/self/fd/{fd}/{NOTIFY_NAME}"  # an address has at most 107 bytes
        try:
            try:
                os.unlink(path)  # of one that was killed
            except FileNotFoundError:
                pass
            self.socket.bind(path)
            os.chmod(path, 0o777)  # its users are others than the host's
        finally:
            os.close(fd)

    def heard(self) -> list[str]:
        """Return the lines of one message that systemd may get; [] for none."""
        try:
            data = self.socket.recv(LARGEST)
        except OSError:
            return []
        found = []
        for line in data.decode("utf-8", "replace").split("\n"):
            key, equals, value = line.partition("=")
            number = value.isascii() and value.isdigit() and len(value) < 20
            if equals and (number if key in NUMBERS else key in PASSED):
                found.append(f"{key}={printable(value, 500)}")
        return found
