# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test hosts by hand: `tests/hosts.sh ns up 3`, `tests/hosts.sh vm up`. README.md in this directory says more."""

from __future__ import annotations

import argparse
import os
import shlex
import sys

from . import roots
from .machines import Machine
from .namespaces import Fleet

SUITE_FILES = ("plugins", "roles", "meta", "galaxy.yml", "pytest.ini", "tests")


def arguments():
    parser = argparse.ArgumentParser(prog="tests/hosts.sh", description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    ns = kinds.add_parser("ns", help="namespace hosts h1..hN").add_subparsers(dest="command", required=True)
    up = ns.add_parser("up", help="make hosts; prints the inventory")
    up.add_argument("count", type=int)
    up.add_argument("--init", choices=["light", "systemd", "sysvinit"], default="light")
    up.add_argument("--cgroup", choices=["machine", "v2"], default="machine")
    up.add_argument("--bare", action="store_true", help="without the libraries that the role installs")
    ns.add_parser("down", help="take them down")
    rest(ns.add_parser("run", help="run a command here that can reach the hosts, for example ansible all -m ping"))
    inside = ns.add_parser("exec", help="run a command on a host, without SSH")
    inside.add_argument("name")
    rest(inside)
    vm = kinds.add_parser("vm", help="a virtual machine").add_subparsers(dest="command", required=True)
    up = vm.add_parser("up", help="start it; prints the inventory")
    up.add_argument("--cold", action="store_true", help="boot it, do not start from the kept state")
    vm.add_parser("down", help="end it")
    rest(vm.add_parser("ssh", help="run a command on it"))
    suite = vm.add_parser("suite", help="run the suite's unit and integration tests on a fresh one, then end it")
    suite.add_argument("--keep", action="store_true", help="leave the machine running")
    rest(suite)
    for command in vm.choices.values():
        command.add_argument("--name", default="vm1", help="vm1 ...: the number sets the SSH port, 2400 and that")
        command.add_argument("--kernel", default=roots.SUITE, help="Debian suite of the kernel")
        command.add_argument("--memory", type=int, default=1024, help="MiB")
    return parser.parse_args()


def rest(parser):
    parser.add_argument("rest", nargs=argparse.REMAINDER)


def namespaces(options):
    fleet = Fleet("hand")
    if options.command == "up":
        fleet = Fleet("hand", init=options.init, cgroup=options.cgroup, root=roots.root(packages=[]) if options.bare else None)
        print(fleet.up(options.count).inventory)
    elif options.command == "down":
        fleet.down()
    elif options.command == "run":
        return fleet.run(*options.rest, stdin=None, stdout=None, stderr=None).returncode
    else:
        return fleet.execute(options.name, *options.rest, stdin=None, stdout=None, stderr=None).returncode
    return 0


def machines(options):
    machine = Machine(options.name, kernel=options.kernel, memory=options.memory)
    if options.command == "up":
        print(machine.up(cold=options.cold).inventory())
    elif options.command == "down":
        machine.down()
    elif options.command == "ssh":
        os.execvp("ssh", machine.ssh_command() + [shlex.join(options.rest)] if options.rest else machine.ssh_command())
    else:
        return suite(machine, options)
    return 0


def suite(machine, options):
    """The suite on a machine of its own: what needs cgroup v2 with its controllers, systemd, and another kernel than ours."""
    words = options.rest or ["tests/unit", "tests/integration"]
    try:
        machine.up()
        machine.copy_in("/srv/engine", *SUITE_FILES)
        machine.ssh("modprobe br_netfilter")  # as Docker leaves it on a host
        return machine.ssh("cd /srv/engine && exec python3 -m pytest -p no:cacheprovider --leak-check --timeout=1200 %s" % shlex.join(words),
                           stdout=None, stderr=None).returncode
    finally:
        if not options.keep:
            machine.down()


if __name__ == "__main__":
    parsed = arguments()
    sys.exit(namespaces(parsed) if parsed.kind == "ns" else machines(parsed))
