# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An overlay network over four hosts by a play over SSH: names, reruns, who joins, leaves, is down, what moves, what is killed."""

from __future__ import annotations

import concurrent.futures
import json

import pytest
from hosts.conftest import fleet_of
from pycontainer.networks.drivers import link_kinds

pytestmark = pytest.mark.skipif(
    not link_kinds.supported("vxlan"), reason="this kernel has no VXLAN"
)
COMMAND = ("/usr/bin/python3", "-I", "-S", "/var/lib/pycontainer/runtime/current/start.py")
PREPARE = """
set -e
mkdir -p /srv/root/bin /srv/root/etc && cp /bin/busybox /srv/root/bin/
for name in sh httpd nc tail nslookup awk ping ip; do ln -s busybox /srv/root/bin/$name; done
"""
# busybox's own resolver: that of a static C library needs files which the image has not
TOOLS = "at() { nslookup -type=a $1 127.0.0.11 | awk '/^Address/ {a=$2} END {print a}'; }; "
TOOLS += r"fetch() { printf 'GET / HTTP/1.0\r\n\r\n' | nc -w 5 $(at $1) 80 | tail -n 1; }; "
TELL = {"pycontainer.engine.network_info": {}}
NETWORK = {
    "name": "the network",
    "pycontainer.engine.network": {
        "name": "fleet",
        "driver": "overlay",
        "ipam_config": [{"subnet": "10.200.0.0/16"}],
    },
}
IMAGE = {"pycontainer.engine.image": {"name": "box:1", "source": "import", "path": "/srv/root"}}


def container(name, host, state="started"):
    return {
        "name": f"{name} {state}",
        "when": f"inventory_hostname == '{host}'",
        "pycontainer.engine.container": {
            "name": name,
            "state": state,
            **(
                {
                    "image": "box:1",
                    "command": ["sh", "-c", f"echo {name} > /index.html; exec httpd -f -h / -p 80"],
                    "networks": [{"name": "fleet"}],
                    "stop_timeout": 1,
                }
                if state == "started"
                else {}
            ),
        },
    }


def book(*containers):
    """The documented play: the hosts tell, the network, what is on it; and its names to all."""
    return [TELL, NETWORK, IMAGE, *containers, TELL, NETWORK]


def asked(fleet, host, script):
    """What a script says in the container of a host whose name begins with ``web``."""
    done = fleet.execute(host, *COMMAND, "exec", f"web-{host}", "sh", "-c", TOOLS + script)
    return done.stdout.strip()


def test_a_fleet(play):
    with fleet_of(4, "overlay") as fleet:
        for host in fleet.hosts():
            done = fleet.execute(host, "sh", "-c", PREPARE)
            assert done.returncode == 0, done.stdout
        webs = [container(f"web-{host}", host) for host in fleet.hosts()]
        three = book(*webs[:3], container("db", "h3"))
        first = play(fleet, three, "--limit", "h1,h2,h3")
        assert all(first.changed.values())

        def reaches(host, *names):
            said = asked(fleet, host, "; ".join(f"fetch {name}" for name in names))
            assert said.split() == list(names), said

        reaches("h1", "web-h2", "web-h3", "db")
        reaches("h2", "web-h1", "db")
        # large packets pass, none of them larger than the hosts' link takes
        assert "mtu 1450" in asked(fleet, "h1", "ip link show eth0")
        assert "0% packet loss" in asked(fleet, "h1", "ping -c 1 -s 8000 -W 5 $(at web-h2)")

        # a host joins: what it would be is told first
        four = book(*webs, container("db", "h3"))
        joining = play(fleet, [TELL, NETWORK], "--check")
        assert joining.changed == dict.fromkeys(("h1", "h2", "h3", "h4"), 1)
        assert play(fleet, four).changed["h4"]
        reaches("h4", "web-h1", "web-h2", "web-h3", "db")
        reaches("h1", "web-h4")
        again = play(fleet, four)
        assert not any(again.changed.values()), again.output

        # a host is down: it is told, its names stay, and the others change
        fleet.stop("h4")
        moved = [container("db", "h3", "absent"), container("db", "h2")]
        down = play(fleet, book(*webs[:3], *moved), may_fail=True)
        assert down.hosts["h4"]["unreachable"] and not any(
            down.hosts[host]["failures"] for host in ("h1", "h2", "h3")
        )
        assert "h4 can't be reached now" in json.dumps(down.tasks)
        # the container that has moved keeps its name
        reaches("h1", "db", "web-h2")
        assert "10.200.1." in asked(fleet, "h1", "nslookup db 127.0.0.11")
        assert "10.200.3." in asked(fleet, "h1", "nslookup web-h4 127.0.0.11")

        # it leaves the inventory: nothing of it is left
        text = fleet.inventory.read_text().splitlines()
        fleet.inventory.write_text(
            "\n".join(line for line in text if not line.startswith("h4 ")) + "\n"
        )
        left = play(fleet, [TELL, NETWORK])
        assert all(left.changed.values())
        assert "can't find web-h4" in asked(fleet, "h1", "nslookup web-h4 127.0.0.11 2>&1")
        routes = fleet.execute("h1", "ip", "route").stdout
        assert "10.200.3.0" not in routes and "10.200.1.0" in routes


# All that is ours but the containers, on one host. A test host has its own process ids.
KILL = """
for name in pyc-guard pyc-zygote pyc-names pyc-monitor; do
    for place in /proc/[0-9]*; do
        if [ "$(cat $place/comm 2>/dev/null)" = $name ]; then kill -9 ${place#/proc/}; echo $name; fi
    done
done
"""
LINE = """
nc -l -p 9000 -e sh -c 'while read -r line; do echo "got $line"; done' > /dev/null 2>&1 &
"""


def test_all_is_killed_and_two_plays_run_at_once(play):
    with fleet_of(4, "overlaykill") as fleet:
        for host in fleet.hosts():
            done = fleet.execute(host, "sh", "-c", PREPARE)
            assert done.returncode == 0, done.stdout
        webs = [container(f"web-{host}", host) for host in fleet.hosts()]

        # two plays make the network and what is on it at once, each in its own order
        with concurrent.futures.ThreadPoolExecutor() as pool:
            more = [container("db", "h3"), *reversed(webs)]
            runs = [
                pool.submit(play, fleet, book(*webs), beside="1"),
                pool.submit(play, fleet, book(*more), beside="2"),
            ]
            for run in runs:
                run.result()
        last = play(fleet, book(*webs, container("db", "h3")))
        print(last.output)
        again = play(fleet, book(*webs, container("db", "h3")))
        assert not any(again.changed.values()), again.output

        def reaches(host, *names):
            said = asked(fleet, host, "; ".join(f"fetch {name}" for name in names))
            assert said.split() == list(names), said

        every = [f"web-{host}" for host in fleet.hosts()] + ["db"]
        for host in fleet.hosts():
            reaches(host, *every)
        for host in ("h1", "h3"):
            print(fleet.execute(host, "sh", "-c", KILL).stdout)
        address = asked(fleet, "h2", "at web-h1")
        print("address", address)
        print(asked(fleet, "h1", "at web-h2"), asked(fleet, "h3", "at web-h1"))
        after = play(fleet, book(*webs, container("db", "h3")))
        print(after.output)
        for host in fleet.hosts():
            reaches(host, *every)
        assert 0
