# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way from a user's network namespace to the networks of the host: pasta(1) or slirp4netns(1).

Either gives the namespace an interface, and carries what goes through it over sockets of the user's.
Published ports don't need it: they are sockets of the host already (keeper_client.new_socket).
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import select
import time

from ..deploy import daemon
from ..kernel.calls import constants as c
from ..kernel.calls import fork, syscalls
from ..kernel.isolation import namespaces
from ..kernel.processes import procfs
from ..store.atomic_files import write_whole
from . import keeper_client, spaces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

PLACES = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
RESOLV_CONF = "/etc/resolv.conf"
PATIENCE = 5.0  # seconds until the interface has to be there
TRIES = 3  # to start it again after it has ended, each a second after the one before
LOG = "outward.log"
RESOLVER = {"pasta": "169.254.1.1", "slirp4netns": "10.0.2.3"}  # by which they pass on questions
MISSING = "neither pasta (package passt) nor slirp4netns is installed"


class Way:
    """The program that carries a user's packets, of whose keeper this process is.

    :param held: descriptors of his namespaces, as the keeper has them. :param run: the directory
        of his engine's state of this boot.
    """

    def __init__(self, held: Mapping[str, int], run: str) -> None:
        self.spaces, self.log = held, os.path.join(run, LOG)
        self.resolv_conf = os.path.join(run, "resolv.conf")
        self.place = os.path.join(run, "outward.netns")  # the network namespace, as a file
        self.program, self.reason = "", MISSING
        self.pid, self.pidfd, self.tries, self.began = 0, -1, 0, 0.0

    def state(self) -> dict[str, str]:
        """Return what of it is written down: see keeper.Record."""
        return {"program": self.program} if self.pid else {"reason": self.reason}

    def descriptor(self) -> int | None:
        """Return a pidfd of the program, which tells its end; None where none runs."""
        return self.pidfd if self.pid else None

    def begin(self) -> None:
        """Start it, and wait until the namespace has its interface; ``state`` says what became of it."""
        name, path = installed()
        if not path:
            self.program, self.reason = "", MISSING
            return
        if "tun" not in os.listdir("/dev/net" if os.path.isdir("/dev/net") else "/dev"):
            self.reason = f"{name} needs the device /dev/net/tun, which this host has not"
            return
        self.program, self.began = name, time.monotonic()
        own = loopback_resolvers()
        argv = command(name, path, self.place, own)
        self.pid = fork.child(lambda: self._become(argv))
        self.pidfd = os.pidfd_open(self.pid)
        if not self._wait():
            self.reason = f"{name} gives no interface: {self._said()}"
            self.end()
        elif own:
            self._answer_names(RESOLVER[name])

    def begin_again(self) -> None:
        """Start the program again, which has ended; not for ever."""
        self._forget()
        self.tries = self.tries + 1 if time.monotonic() - self.began < 60 else 1
        self.reason = f"{self.program} has ended: {self._said()}"
        if self.tries <= TRIES:
            time.sleep(0.2 * self.tries)
            self.begin()

    def _forget(self) -> None:
        os.close(self.pidfd)
        self.pid, self.pidfd = 0, -1

    def end(self) -> None:
        """End the program."""
        if self.pid:
            syscalls.pidfd_send_signal(self.pidfd, c.SIGKILL)
            os.waitpid(self.pid, 0)
            self._forget()

    def _become(self, argv: list[str]) -> None:
        os.setsid()
        network = self.spaces["network"]
        for name in ("user", "mount"):  # and not that one, into which the program goes by itself
            namespaces.join(self.spaces[name], name)
        spaces.become_root()
        with contextlib.suppress(FileExistsError):
            os.mknod(self.place, 0o600)
        with contextlib.suppress(OSError):
            syscalls.umount2(self.place, c.MNT_DETACH)  # of a program before
        syscalls.mount(f"/proc/self/fd/{network}", self.place, None, c.MS_BIND)
        daemon.detach(self.log, network)
        syscalls.prctl(c.PR_SET_PDEATHSIG, c.SIGKILL)
        os.execve(argv[0], argv, {"PATH": PLACES, "LANG": "C.UTF-8"})

    def _wait(self) -> bool:
        """Wait until there is an interface; return whether there is one before the program ends."""

        def look() -> int:
            for name in ("user", "network"):
                namespaces.join(self.spaces[name], name)
            end = time.monotonic() + PATIENCE
            while time.monotonic() < end:
                if _routed():
                    return 0
                time.sleep(0.01)
            return 1

        looker = fork.child(look)
        watch = os.pidfd_open(looker)
        try:
            poll = select.poll()
            poll.register(watch, select.POLLIN)
            poll.register(self.pidfd, select.POLLIN)
            happened = dict(poll.poll(PATIENCE * 1000))
            if watch not in happened:
                syscalls.pidfd_send_signal(watch, c.SIGKILL)
            return os.waitpid(looker, 0)[1] == 0
        finally:
            os.close(watch)

    def _said(self) -> str:
        return keeper_client.last_line(self.log) or "it said nothing"

    def _answer_names(self, address: str) -> None:
        """Have who is in the mount namespace ask the program for names, in place of the host's loopback."""
        lines = procfs.read(RESOLV_CONF).splitlines()
        kept = [line for line in lines if not line.startswith("nameserver")]
        text = "\n".join([*kept, f"nameserver {address}", ""])
        write_whole(self.resolv_conf, text, durable=False, mode=0o644)

        def bind() -> None:
            for name in ("user", "mount"):
                namespaces.join(self.spaces[name], name)
            syscalls.mount(self.resolv_conf, os.path.realpath(RESOLV_CONF), None, c.MS_BIND)

        os.waitpid(fork.child(bind), 0)


def _routed() -> bool:
    """Tell whether this process's network has a route to elsewhere."""
    for path, width in (("/proc/self/net/route", 1), ("/proc/self/net/ipv6_route", 9)):
        try:
            rows = [line.split() for line in procfs.read(path).splitlines()]
        except OSError:
            continue
        if width == 1 and any(row[1] == "00000000" for row in rows[1:]):
            return True
        if width == 9 and any(row[0] == "0" * 32 and row[9] != "lo" for row in rows):
            return True
    return False


def installed() -> tuple[str, str]:
    """Return name and path of the program that is taken, ``("", "")`` where there is none."""
    for name in RESOLVER:
        for place in PLACES.split(":"):
            if os.access(f"{place}/{name}", os.X_OK):
                return name, f"{place}/{name}"
    return "", ""


def command(name: str, path: str, netns: str, names: bool) -> list[str]:
    """Return the command line of the program, for a process that is root of the user's namespace.

    :param netns: the network namespace, as a file.
    :param names: whether it is to pass on questions for names to the host's own resolver.
    """
    if name == "pasta":
        found = [path, "--foreground", "--quiet", "--config-net"]
        found += ["--dns-forward", RESOLVER[name]] if names else []
        # without --no-map-gw, the gateway's address would lead to services on the host's loopback
        found += ["--no-map-gw", "-t", "none", "-u", "none", "-T", "none", "-U", "none"]
        return [*found, "--netns-only", "--netns", netns]
    found = [path, "--configure", "--mtu=65520", "--disable-host-loopback"]
    return [*found, "--netns-type=path", netns, "tap0"]


def loopback_resolvers() -> bool:
    """Tell whether the host asks for names at its loopback alone, where nothing of ours can ask."""
    try:
        words = [line.split() for line in procfs.read(RESOLV_CONF).splitlines()]
    except OSError:
        return False
    addresses = [row[1].partition("%")[0] for row in words if row[:1] == ["nameserver"] and row[1:]]
    return bool(addresses) and all(_is_loopback(address) for address in addresses)


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
