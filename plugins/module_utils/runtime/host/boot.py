# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs ``pycontainer boot`` after a boot: one file and some links to it, in the form of the host's init system.

The unit only starts containers; it owns none of them. Its end, its removal or a restart stops no container.
"""

from __future__ import annotations

import contextlib
import os
import subprocess

from ..errors import HostError
from ..store.files import sync_directory, write_whole

MARK = "# Written by pycontainer.engine.host"  # a line of every file that is put on a host

# The zygote as a service: kernel/daemon.py starts it by this name where it is there. Its children are not the unit's.
ZYGOTE_UNIT = '''\
# Written by pycontainer.engine.host
[Unit]
Description=Starts containers of pycontainer.engine
Documentation=https://github.com/pycontainer/engine

[Service]
Type=exec
ExecStart=%(command)s zygote
Delegate=yes
KillMode=process
TasksMax=infinity
UMask=0022
'''

BOOT_UNIT = '''\
# Written by pycontainer.engine.host
[Unit]
Description=Containers of pycontainer.engine
Documentation=https://github.com/pycontainer/engine
# nftables.service empties the rule set when it starts: the containers' rules come after it
After=network.target nftables.service firewalld.service remote-fs.target
RequiresMountsFor=%(data)s

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=%(command)s boot
Delegate=yes
KillMode=process

[Install]
WantedBy=multi-user.target
'''

OPENRC = '''\
#!/sbin/openrc-run
# Written by pycontainer.engine.host
description="Containers of pycontainer.engine"

depend() {
    need localmount
    after net nftables firewall
}

start() {
    ebegin "Starting containers"
    %(command)s boot
    eend $?
}
'''

SYSVINIT = '''\
#!/bin/sh
# Written by pycontainer.engine.host
### BEGIN INIT INFO
# Provides:          pycontainer
# Required-Start:    $remote_fs $network
# Required-Stop:
# Should-Start:      nftables
# Default-Start:     2 3 4 5
# Default-Stop:
# Short-Description: Containers of pycontainer.engine
### END INIT INFO
case "$1" in
    start | restart | force-reload) exec %(command)s boot ;;
    stop | status) exit 0 ;;
    *) echo "Usage: $0 start" >&2; exit 2 ;;
esac
'''


class Unit:
    """What starts containers after a boot, for one init system.

    :param files: {path: its text as a template}; :param mode: theirs. :param links: {link that enables it: file}.
    :param reload: argv to be run after a change, or None.
    """

    def __init__(self, files, mode, links, reload=None):
        self.files, self.mode, self.links, self.reload = files, mode, links, reload
        self.path = list(files)[-1]  # the one that is enabled

    def wanted(self, command, data):
        """{path: text} for a host whose on-host command is ``command`` and whose store lies in ``data``."""
        return {path: text % {"command": command, "data": data} for path, text in self.files.items()}

    def current(self):
        """What is there in the form of :meth:`wanted`; None where it is not whole or not enabled."""
        if not all(os.path.exists(path) for path in self.files) or not all(
                os.path.realpath(link) == os.path.realpath(path) for link, path in self.links.items()):
            return None
        return {path: read(path) for path in self.files}

    def is_there(self):
        """Whether anything of it is on this host. OpenRC and sysvinit have one path for their scripts, which differ in the first line."""
        return any(map(os.path.lexists, self.links)) or any(
            MARK in read(path) and read(path).splitlines()[0] == text.splitlines()[0] for path, text in self.files.items())

    def install(self, wanted):
        for path, text in wanted.items():
            write_whole(path, text, mode=self.mode)
        for link, path in self.links.items():
            os.makedirs(os.path.dirname(link), exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(link)
            os.symlink(os.path.relpath(path, os.path.realpath(os.path.dirname(link))), link)
            sync_directory(os.path.dirname(link))
        self._reload()

    def remove(self):
        for path in (*self.links, *self.files):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        self._reload()

    def _reload(self):
        if self.reload is None or init_system() != "systemd":
            return
        done = subprocess.run(self.reload, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise HostError("%s failed: %s" % (" ".join(self.reload), done.stderr.strip()))


UNITS = {
    "systemd": Unit({"/etc/systemd/system/pycontainer.service": ZYGOTE_UNIT, "/etc/systemd/system/pycontainer-boot.service": BOOT_UNIT}, 0o644,
                    {"/etc/systemd/system/multi-user.target.wants/pycontainer-boot.service": "/etc/systemd/system/pycontainer-boot.service"},
                    ["systemctl", "daemon-reload"]),
    "openrc": Unit({"/etc/init.d/pycontainer": OPENRC}, 0o755, {"/etc/runlevels/default/pycontainer": "/etc/init.d/pycontainer"}),
    "sysvinit": Unit({"/etc/init.d/pycontainer": SYSVINIT}, 0o755,
                     {"/etc/rc%d.d/S99pycontainer" % level: "/etc/init.d/pycontainer" for level in (2, 3, 4, 5)}),
}


def init_system():
    """``systemd``, ``openrc``, ``sysvinit``, or None where process 1 starts no services that could be added to."""
    if os.path.isdir("/run/systemd/system"):  # sd_booted(3)
        return "systemd"
    if os.path.exists("/run/openrc/softlevel"):
        return "openrc"
    with open("/proc/1/comm", encoding="ascii") as file:
        is_init = file.read().strip() == "init"
    return "sysvinit" if is_init and os.path.isdir("/etc/init.d") and os.path.isdir("/etc/rc2.d") else None


def installed():
    """The units that are on this host in part or whole, whichever init system runs now."""
    return [unit for unit in UNITS.values() if unit.is_there()]


def read(path):
    """A file's text, '' where there is none."""
    with contextlib.suppress(OSError):
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    return ""
