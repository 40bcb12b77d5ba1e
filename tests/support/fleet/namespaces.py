# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts made of namespaces: own root, network, processes, host name, cgroups and boot id; one kernel; SSH in 0.1 s each.

A fleet's hosts h1..hN have 10.99.0.1..N on a bridge in a network namespace of their own, the fabric. Nothing outside of
``Fleet.run`` reaches them, and they reach nothing outside.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import glob
import os
import pathlib
import shutil
import signal
import subprocess
import time
import zlib

from . import roots

INSIDE = pathlib.Path(__file__).resolve().parent / "inside.sh"
SUBNET = "10.99.0"


class Fleet:
    """Namespace hosts that come and go together.

    :param name: two fleets of one checkout differ in it. :param init: process 1 of each host: ``light`` (tini and sshd),
        ``systemd``, ``openrc`` (a root with that package) or ``sysvinit``. :param cgroup: ``machine`` (the layout that this machine has) or ``v2``.
    :param root: the directory of the Debian root (roots.root). :param binds: {directory here: path on the hosts}, read-only.
    :param interpreter: the Python that Ansible uses on them.
    """

    def __init__(
        self,
        name="fleet",
        init="light",
        cgroup="machine",
        root=None,
        binds=(),
        interpreter="/usr/bin/python3",
    ):
        name += os.environ.get("PYCONTAINER_TEST_WORKER", "")
        self.directory = pathlib.Path(
            os.environ.get("PYCONTAINER_TEST_FLEETS", roots.CACHE), "ns-" + name
        )
        self.group = f"testhosts-{name}-{zlib.crc32(str(roots.CACHE).encode()):08x}"
        self.init, self.cgroup, self.root, self.binds, self.interpreter = (
            init,
            cgroup,
            root,
            dict(binds),
            interpreter,
        )
        self.fabric = self.directory / "net"
        self.inventory = self.directory / "inventory"
        # of this fleet alone: all fleets have the same addresses; short, for a socket's address has at most 107 bytes (unix(7))
        self.controls = f"/run/testhosts-{zlib.crc32(self.group.encode()):08x}-"
        self.starters = {}  # host: the process that waits for the host's first one

    def up(self, count):
        """Make ``count`` hosts and wait for their SSH; what a fleet of this name left is taken down first."""
        self.down()
        self.root = self.root or roots.root()
        keys = roots.keys()
        self.directory.mkdir(parents=True)
        self.fabric.touch()
        roots.run("unshare", f"--net={self.fabric}", "ip", "link", "set", "lo", "up")
        self._ip(
            self.fabric,
            "link add br0 type bridge",
            f"addr add {SUBNET}.254/24 dev br0",
            "link set br0 up",
        )
        names = ["h%d" % number for number in range(1, count + 1)]
        self.inventory.write_text(
            "\n".join(
                ["[fleet]"]
                + [f"{name} ansible_host={SUBNET}.{name[1:]}" for name in names]
                + [
                    "[fleet:vars]",
                    "ansible_user=root",
                    f"ansible_python_interpreter={self.interpreter}",
                    "ansible_ssh_pipelining=true",
                    f"ansible_ssh_private_key_file={keys / 'id'}",
                    # without the last two, a host that goes away makes a task on its kept connection wait for ever
                    "ansible_ssh_common_args=-o UserKnownHostsFile=%s -o ControlPath=%s -o "
                    "ServerAliveInterval=3 -o ServerAliveCountMax=2"
                    % (keys / "known_hosts", self.controls + "%C"),
                ]
            )
            + "\n"
        )
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(self.start, names))
        return self

    def run(self, *command, environment=None, **options):
        """Run a command where the hosts can be reached; for Ansible the inventory is set. Options are subprocess.run's."""
        return subprocess.run(
            ["nsenter", f"--net={self.fabric}", *map(str, command)],
            check=False,
            env=dict(
                os.environ,
                ANSIBLE_INVENTORY=str(self.inventory),
                ANSIBLE_HOST_KEY_CHECKING="True",
                **(environment or {}),
            ),
            **{
                "stdin": subprocess.DEVNULL,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.STDOUT,
                "text": True,
                **options,
            },
        )

    def execute(self, name, *command, **options):
        """Run a command on a host, as its root, in its cgroup, without SSH."""
        groups = " ".join(f"{group}/cgroup.procs" for group in self._groups(name))
        return subprocess.run(
            [
                "sh",
                "-c",
                'for group in %s; do echo 0 > "$group"; done; exec nsenter -t %d -m -u -i -n -p -C -r -w "$@"'
                % (groups, self.pid(name)),
                "sh",
                *map(str, command),
            ],
            check=False,
            **{
                "stdin": subprocess.DEVNULL,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.STDOUT,
                "text": True,
                **options,
            },
        )

    def pid(self, name):
        return int((self.directory / name / "pid").read_text())

    def hosts(self):
        return sorted(path.name for path in self.directory.glob("h*") if path.is_dir())

    def _ip(self, net, *lines):
        subprocess.run(
            ["nsenter", f"--net={net}", "ip", "-batch", "-"],
            input="\n".join(lines) + "\n",
            text=True,
            check=True,
        )

    def start(self, name):
        """Start one host, new or stopped, with the files that it had; returns when its SSH answers."""
        number = int(name[1:])
        directory = self.directory / name
        for inner in ("upper", "work", "root", "data"):
            (directory / inner).mkdir(parents=True, exist_ok=True)
        (directory / "pid").unlink(missing_ok=True)
        net = directory / "net"
        net.touch()
        roots.run("unshare", f"--net={net}", "ip", "link", "set", "lo", "up")
        subprocess.run(
            [
                "nsenter",
                f"--net={self.fabric}",
                "ip",
                "link",
                "delete",
                "v%d" % number,
            ],  # of before, where the kernel has not done with it
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._ip(
            self.fabric,
            "link add v%d type veth peer name eth0 address 52:54:00:99:%02x:%02x netns %s"
            % (number, number // 256, number % 256, net),
            "link set v%d master br0 up" % number,
        )
        self._ip(
            net,
            "addr add %s.%d/24 dev eth0" % (SUBNET, number),
            "link set eth0 up",
            f"route add default via {SUBNET}.254",
        )
        groups = self._make_groups(name)
        environment = dict(
            os.environ,
            HOST=name,
            DIRECTORY=str(directory),
            ROOT=str(self.root),
            INIT=self.init,
            CGROUP=self.cgroup,
            BINDS=" ".join("%s:%s" % pair for pair in self.binds.items()),
        )
        with open(directory / "log", "wb") as log:
            self.starters[name] = subprocess.Popen(
                [
                    "sh",
                    "-c",
                    f'for group in {" ".join(map(str, groups))}; do echo 0 > "$group/cgroup.procs"; done; '
                    f"exec setsid nsenter --net={net} unshare --mount --uts --ipc --pid --cgroup --fork {INSIDE}",
                ],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        probe = "until (: < /dev/tcp/%s.%d/22) 2> /dev/null; do sleep 0.02; done" % (SUBNET, number)
        try:
            subprocess.run(
                ["nsenter", f"--net={self.fabric}", "bash", "-c", probe], check=True, timeout=60
            )
        except subprocess.TimeoutExpired:
            raise RuntimeError(
                f"{name} does not answer:\n{(directory / 'log').read_text()}"
            ) from None

    def stop(self, name):
        """Pull the plug of one host: everything in it dies at once, its files stay."""
        directory = self.directory / name
        net = directory / "net"
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, ValueError):
            pid = self.pid(name)
            # the number may be another process's by now: only one in the host's own network namespace is the host
            if os.path.samefile("/proc/%d/ns/net" % pid, net):
                os.kill(pid, signal.SIGKILL)
        if (
            name in self.starters
        ):  # where this process started the host; else the machine's init waits for it
            self.starters.pop(name).wait(10)
        if os.path.ismount(net):
            roots.run("umount", net)
        for group in self._groups(name):
            remove_group(group)

    def reboot(self, name):
        """Have the host's init stop what runs, as at a reboot, and start the host again; returns when its SSH answers."""
        self.execute(
            name, *(["systemctl", "reboot"] if self.init == "systemd" else ["kill", "-TERM", "1"])
        )
        self.starters[name].wait(60)
        self.stop(name)
        self.start(name)

    def down(self):
        """Take the fleet down and remove its files."""
        for control in glob.glob(self.controls + "*"):
            subprocess.run(
                ["ssh", "-o", f"ControlPath={control}", "-O", "exit", "-q", "x"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
            )
        if not self.directory.exists():
            return
        for name in self.hosts():
            self.stop(name)
        if os.path.ismount(self.fabric):
            roots.run("umount", self.fabric)
        for group in {
            group.parent for name in self.hosts() or ["h1"] for group in self._groups(name)
        }:
            if group.exists():
                group.rmdir()
        shutil.rmtree(self.directory)

    def _groups(self, name):
        return [top / self.group / name for top in hierarchies()]

    def _make_groups(self, name):
        made = self._groups(name)
        for group in made:
            for directory in (group.parent, group):
                with contextlib.suppress(FileExistsError):
                    directory.mkdir()
                for file in (
                    "cpuset.cpus",
                    "cpuset.mems",
                ):  # version 1 lets no process in before these are set
                    if (
                        (directory / file).exists()
                        and (directory / "tasks").exists()
                        and not (directory / file).read_text().strip()
                    ):
                        (directory / file).write_text((directory.parent / file).read_text())
        return made


def hierarchies():
    """Where this machine's control group hierarchies are mounted."""
    with open("/proc/self/mountinfo") as file:
        return [
            pathlib.Path(line.split()[4])
            for line in file
            if line.partition(" - ")[2].startswith("cgroup")
        ]


def remove_group(group):
    """Remove a control group with all below it, as soon as the last process in it has ended."""
    end = time.monotonic() + 10
    while group.exists():
        for directory, _names, _files in os.walk(group, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(directory)
        if time.monotonic() > end:
            raise RuntimeError(
                f"{group} can't be removed: {(group / 'cgroup.procs').read_text().split()}"
            )
        time.sleep(0.01)
