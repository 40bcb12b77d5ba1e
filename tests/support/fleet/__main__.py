# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test hosts by hand: `tests/hosts.sh ns up 3`, `tests/hosts.sh vm up`. tests/hosts/README.md says more."""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import itertools
import os
import shlex
import subprocess
import sys

from . import roots
from .machines import Machine
from .namespaces import Fleet

SUITE_FILES = ("plugins", "roles", "meta", "galaxy.yml", "pytest.ini", "tests")
SELINUX_TESTS = (
    "tests/integration/oci/command/isolation/test_selinux.py",
    "tests/integration/cli/containers/test_selinux.py",
    "tests/integration/containers/test_container.py",
    "tests/integration/containers/plans",
)
MACHINES = 2  # that the whole suite is shared out to: each takes a processor
AT_ONCE = 6  # files that a machine gets


def arguments():
    parser = argparse.ArgumentParser(prog="tests/hosts.sh", description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    ns = kinds.add_parser("ns", help="namespace hosts h1..hN").add_subparsers(
        dest="command", required=True
    )
    up = ns.add_parser("up", help="make hosts; prints the inventory")
    up.add_argument("count", type=int)
    up.add_argument("--init", choices=["light", "systemd", "sysvinit"], default="light")
    up.add_argument("--cgroup", choices=["machine", "v2"], default="machine")
    up.add_argument(
        "--bare", action="store_true", help="without the libraries that the role installs"
    )
    ns.add_parser("down", help="take them down")
    rest(
        ns.add_parser(
            "run",
            help="run a command here that can reach the hosts, for example ansible all -m ping",
        )
    )
    inside = ns.add_parser("exec", help="run a command on a host, without SSH")
    inside.add_argument("name")
    rest(inside)
    vm = kinds.add_parser("vm", help="a virtual machine").add_subparsers(
        dest="command", required=True
    )
    up = vm.add_parser("up", help="start it; prints the inventory")
    up.add_argument("--cold", action="store_true", help="boot it, do not start from the kept state")
    vm.add_parser("down", help="end it")
    rest(vm.add_parser("ssh", help="run a command on it"))
    suite = vm.add_parser(
        "suite",
        help=(
            "run the suite's integration tests, or those that are named, on fresh ones, then end "
            "them"
        ),
    )
    suite.add_argument("--keep", action="store_true", help="leave the machine running")
    suite.add_argument("--selinux", action="store_true", help="on one that confines by SELinux")
    rest(suite)
    for command in vm.choices.values():
        command.add_argument(
            "--name", default="vm1", help="vm1 ...: the number sets the SSH port, 2400 and that"
        )
        command.add_argument("--kernel", default=roots.SUITE, help="Debian suite of the kernel")
        command.add_argument("--memory", type=int, default=1024, help="MiB")
    return parser.parse_args()


def rest(parser):
    parser.add_argument("rest", nargs=argparse.REMAINDER)


def namespaces(options):
    fleet = Fleet("hand")
    if options.command == "up":
        fleet = Fleet(
            "hand",
            init=options.init,
            cgroup=options.cgroup,
            root=roots.root(packages=[]) if options.bare else None,
        )
        print(fleet.up(options.count).inventory)
    elif options.command == "down":
        fleet.down()
    elif options.command == "run":
        return fleet.run(*options.rest, stdin=None, stdout=None, stderr=None).returncode
    else:
        return fleet.execute(
            options.name, *options.rest, stdin=None, stdout=None, stderr=None
        ).returncode
    return 0


def machines(options):
    machine = Machine(options.name, kernel=options.kernel, memory=options.memory)
    if options.command == "up":
        print(machine.up(cold=options.cold).inventory())
    elif options.command == "down":
        machine.down()
    elif options.command == "ssh":
        os.execvp(
            "ssh",
            machine.ssh_command() + [shlex.join(options.rest)]
            if options.rest
            else machine.ssh_command(),
        )
    else:
        return suite(machine, options)
    return 0


def suite(machine, options):
    """The suite on machines of its own: what needs cgroup v2 with its controllers, systemd, and another kernel than ours."""
    if options.rest:
        return in_machines(
            [enforcing() if options.selinux else machine], [options.rest], options.keep
        )
    several = [
        Machine("vm%d" % number, kernel=options.kernel, memory=options.memory)
        for number in range(1, MACHINES + 1)
    ]
    return max(
        in_machines(several, portions(), options.keep),
        in_machines([enforcing()], [SELINUX_TESTS], options.keep),
    )


def portions():
    """The suite's files, some of one directory at a time: a machine that has done with some gets the next."""
    found = []
    files = sorted(
        path.relative_to(roots.CHECKOUT)
        for path in roots.CHECKOUT.glob("tests/integration/**/test_*.py")
    )
    for _directory, group in itertools.groupby(files, key=lambda path: path.parent):
        names = [str(path) for path in group]
        found += [names[first : first + AT_ONCE] for first in range(0, len(names), AT_ONCE)]
    return found


def enforcing():
    """A machine that confines by SELinux; it boots permissive, for its own services need more than the policy has."""
    packages = roots.LIBRARIES + roots.SELINUX_PACKAGES
    return Machine(
        "vm8",
        suite=roots.SELINUX_SUITE,
        root=roots.root(roots.SELINUX_SUITE, packages),
        arguments="security=selinux",
        memory=1536,
    )


def in_machines(machines, portions, keep):
    """Run pytest in machines side by side, for each portion a process. :param portions: arguments of pytest each. Returns 0 when all went well."""
    waiting, failed = collections.deque(portions), []
    try:
        for machine in machines:
            machine.up()
            machine.copy_in("/srv/engine", *SUITE_FILES)
            machine.ssh(
                "modprobe br_netfilter; [ ! -e /sys/fs/selinux/enforce ] || setenforce 1"
            )  # the first as Docker leaves it on a host
        with concurrent.futures.ThreadPoolExecutor(len(machines)) as pool:
            for names in pool.map(in_machine, machines, [waiting] * len(machines)):
                failed += names
    finally:
        if not keep:
            for machine in machines:
                machine.down()
    for words in failed:
        print(f"failed: {shlex.join(words)}")
    return int(bool(failed))


def in_machine(machine, waiting):
    """Take from ``waiting`` and run it until there is nothing left; returns what failed."""
    failed = []
    while True:
        try:
            words = waiting.popleft()
        except IndexError:
            return failed
        command = f"cd /srv/engine && exec python3 -m pytest -p no:cacheprovider --instafail --leak-check --timeout=1200 {shlex.join(words)}"
        with subprocess.Popen(
            machine.ssh_command() + [command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            for line in process.stdout:
                print(f"{machine.name}: {line.rstrip()}", flush=True)
        if process.returncode:
            failed.append(words)


if __name__ == "__main__":
    parsed = arguments()
    sys.exit(namespaces(parsed) if parsed.kind == "ns" else machines(parsed))
