# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""NOTIFY_SOCKET (sd_notify(3)): a container that systemd waits for says itself when it is ready.

As with runc the program finds a socket of the runtime's at /run/notify/notify.sock. Whoever has
started it reads there: the first word READY= goes on to systemd, with the container's process as
the MAINPID, and nothing else does.
"""

from __future__ import annotations

import _socket
import os
import select

from ...kernel.calls import fds
from ...kernel.processes import pidfd as pidfds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from ..spec.config_types import Config

    class Container(Protocol):
        """What is asked of a container's state (oci/command/states.py)."""

        path: str  # of its directory
        directory: int | None  # a descriptor of that, held while it is locked


DIRECTORY, NAME = "notify", "notify.sock"  # in the container's directory
PLACE = "/run/notify"
BARRIER = (
    30000  # milliseconds that systemd may take to say that it has read all (sd_notify_barrier(3))
)


def host() -> str | None:
    """Return the address that the caller was given; None without one."""
    path = os.environ.get("NOTIFY_SOCKET")
    return None if not path else "\0" + path[1:] if path[0] == "@" else path


def add(config: Config, container: Container) -> None:
    """Give the program its socket's place, in its document."""
    config.setdefault("mounts", []).append(
        {
            "destination": PLACE,
            "source": os.path.join(container.path, DIRECTORY),
            "type": "bind",
            "options": ["bind", "nosuid", "noexec", "nodev", "ro"],
        }
    )
    config["process"]["env"] = (config["process"].get("env") or []) + [
        f"NOTIFY_SOCKET={PLACE}/{NAME}"
    ]


class Relay:
    """What listens for one container.

    ``fd``: to be polled for reading, None when there is nothing more to hear.
    """

    def __init__(self, container: Container):
        self.fd: int | None = None
        if host() is None or not os.path.isdir(os.path.join(container.path, DIRECTORY)):
            return
        self.socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
        # An address has at most 107 bytes.
        path = f"/proc/self/fd/{container.directory}/{DIRECTORY}/{NAME}"
        self.socket.bind(path)
        os.chmod(path, 0o777)
        self.fd = self.socket.fileno()

    def take(self, pid: int) -> None:
        """Read one message; READY goes on to systemd.

        :param pid: the one that is to be its main process.
        """
        for line in self.socket.recv(4096).split(b"\n"):
            if line.startswith(b"READY="):
                self.close()
                _tell(line, pid)
                return

    def wait(self, pid: int, pidfd: int) -> None:
        """Wait until it is ready, or has ended."""
        while self.fd is not None:
            poll = select.poll()
            poll.register(self.fd, select.POLLIN)
            poll.register(pidfd, select.POLLIN)
            if self.fd in (fd for fd, _events in poll.poll()):
                self.take(pid)
            elif pidfds.ended(pidfd):
                self.close()

    def close(self) -> None:
        """Listen no more."""
        if self.fd is not None:
            self.socket.close()
            self.fd = None


def _tell(ready: bytes, pid: int) -> None:
    client = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
    try:
        client.connect(host() or "")
        client.send(ready + b"\n")
        client.send(b"MAINPID=%d\n" % pid)
        reading, writing = os.pipe2(os.O_CLOEXEC)
        try:
            fds.send(client, b"BARRIER=1", [writing])
        finally:
            os.close(writing)
        poll = select.poll()
        poll.register(reading, select.POLLIN)
        poll.poll(BARRIER)  # its end: systemd has closed its copy
        os.close(reading)
    except OSError:  # nobody waits for it any more
        pass
    finally:
        client.close()
