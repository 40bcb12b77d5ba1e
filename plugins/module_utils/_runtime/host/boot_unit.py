# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install what runs ``pycontainer boot`` after a boot: one file and some links, for the host's init
system.

The unit owns no container. Stopping, removing or restarting it stops none. It stops them only where
the host itself shuts down.
"""

from __future__ import annotations

import contextlib
import os
import subprocess

from ..errors import HostError
from ..store.atomic_files import sync_directory, write_whole

MARK = "# Written by pycontainer.engine.host"  # a line of every file that is put on a host

SYSTEMD = """\
# Written by pycontainer.engine.host
[Unit]
Description=Containers of pycontainer.engine
Documentation=https://github.com/pycontainer/engine
# nftables.service empties the rule set when it starts: the containers' rules come after it
Wants=network-online.target
After=network-online.target nftables.service firewalld.service local-fs.target remote-fs.target
RequiresMountsFor=%(data)s

[Service]
Type=oneshot
RemainAfterExit=yes
# Whatever did not start: at a shutdown, the others are to be stopped
ExecStart=-%(command)s boot
# At a shutdown of the host alone: each container gets its stop signal and its time while the network is still there
ExecStop=/bin/sh -c '[ "$$(systemctl is-system-running)" != stopping ] || exec %(command)s shutdown'
Delegate=yes
KillMode=process

[Install]
WantedBy=multi-user.target
"""

OPENRC = """\
#!/sbin/openrc-run
# Written by pycontainer.engine.host
description="Containers of pycontainer.engine"

depend() {
    want cgroups
    after localmount netmount net nftables firewall
}

start() {
    ebegin "Starting containers"
    %(command)s boot || ewarn "Not all containers were started"
    eend 0 # at a shutdown, the others are to be stopped
}

# At a shutdown of the host alone: each container gets its stop signal and its time while the network is still there
stop() {
    yesno "${RC_GOINGDOWN}" || return 0
    ebegin "Stopping containers"
    %(command)s shutdown
    eend $?
}
"""

SYSVINIT = """\
#!/bin/sh
# Written by pycontainer.engine.host
### BEGIN INIT INFO
# Provides:          pycontainer
# Required-Start:    $remote_fs $network
# Required-Stop:     $remote_fs $network
# Should-Start:      nftables
# Default-Start:     2 3 4 5
# Default-Stop:      0 6
# Short-Description: Containers of pycontainer.engine
### END INIT INFO
case "$1" in
    start | restart | force-reload) exec %(command)s boot ;;
    stop) case "$RUNLEVEL" in 0 | 6) exec %(command)s shutdown ;; esac ;; # at a shutdown of the host alone, init(8)
    status) ;;
    *) echo "Usage: $0 start" >&2; exit 2 ;;
esac
"""


class Unit:
    """The boot unit for one init system: it starts containers after a boot, and stops them at
    shutdown.

    :param path: the file.
    :param text: its template.
    :param links: names that enable it.
    :param reload: the command after a change.
    :param control: the command with ``{}`` for ``status``, ``start`` or ``stop``, of an init system
        that at shutdown stops only what it has started.
    """

    def __init__(
        self,
        path: str,
        mode: int,
        text: str,
        links: list[str],
        reload: str | None = None,
        control: str | None = None,
    ) -> None:
        self.path, self.mode, self.text, self.links = path, mode, text, links
        self.reload, self.control = reload, control

    def wanted(self, command: str, data: str) -> str:
        """Return the file's text on a host whose on-host command is ``command`` and whose store
        lies in ``data``.
        """
        return self.text % {"command": command, "data": data}

    def current(self) -> str | None:
        """Return the file's text where it is there and enabled, else None."""
        return (
            read(self.path) or None
            if all(os.path.realpath(link) == os.path.realpath(self.path) for link in self.links)
            else None
        )

    def is_there(self) -> bool:
        """Tell whether anything of it is on this host. OpenRC and sysvinit have one path for their
        scripts, which differ in the first line.
        """
        text = read(self.path)
        return any(map(os.path.lexists, self.links)) or (
            MARK in text and text.splitlines()[0] == self.text.splitlines()[0]
        )

    def is_active(self) -> bool:
        return self.control is None or not _run(self.control.format("status")).returncode

    def install(self, text: str) -> None:
        write_whole(self.path, text, mode=self.mode)
        for link in self.links:
            os.makedirs(os.path.dirname(link), exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(link)
            os.symlink(os.path.relpath(self.path, os.path.realpath(os.path.dirname(link))), link)
            sync_directory(os.path.dirname(link))
        self._reload()
        self.start()

    def start(self) -> None:
        """Have the init system start it, which starts the containers that should run and don't."""
        if self.control is not None:
            _checked(_run(self.control.format("start")))

    def remove(self) -> None:
        current = UNITS.get(init_system() or "") is self
        if current and self.control is not None:
            _run(self.control.format("stop"))
        for path in (*self.links, self.path):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        if current:
            self._reload()

    def _reload(self) -> None:
        if self.reload is not None:
            _checked(_run(self.reload))


def _run(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command.split(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        check=False,
    )


def _checked(done: subprocess.CompletedProcess[str]) -> None:
    if done.returncode:
        raise HostError(f"{' '.join(done.args)} failed: {done.stderr.strip()}")


UNITS = {
    "systemd": Unit(
        "/etc/systemd/system/pycontainer-boot.service",
        0o644,
        SYSTEMD,
        ["/etc/systemd/system/multi-user.target.wants/pycontainer-boot.service"],
        "systemctl daemon-reload",
        "systemctl {} pycontainer-boot.service",
    ),
    "openrc": Unit(
        "/etc/init.d/pycontainer",
        0o755,
        OPENRC,
        ["/etc/runlevels/default/pycontainer"],
        control="rc-service pycontainer {}",
    ),
    "sysvinit": Unit(
        "/etc/init.d/pycontainer",
        0o755,
        SYSVINIT,
        [
            *(f"/etc/rc{level}.d/S99pycontainer" for level in (2, 3, 4, 5)),
            "/etc/rc0.d/K01pycontainer",
            "/etc/rc6.d/K01pycontainer",
        ],
    ),
}


def init_system() -> str | None:
    """Return ``systemd``, ``openrc``, ``sysvinit``, or None where process 1 starts no services that
    could be added to.
    """
    if os.path.isdir("/run/systemd/system"):  # sd_booted(3)
        return "systemd"
    if os.path.exists("/run/openrc/softlevel"):
        return "openrc"
    with open("/proc/1/comm", encoding="ascii") as file:
        is_init = file.read().strip() == "init"
    return (
        "sysvinit"
        if is_init and os.path.isdir("/etc/init.d") and os.path.isdir("/etc/rc2.d")
        else None
    )


def installed() -> list[Unit]:
    """List the units that are on this host in part or whole, whichever init system runs now."""
    return [unit for unit in UNITS.values() if unit.is_there()]


def read(path: str) -> str:
    """Return a file's text, or '' where there is none."""
    with contextlib.suppress(OSError):
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    return ""
