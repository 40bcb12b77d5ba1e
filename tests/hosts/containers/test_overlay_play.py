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


# All that is ours on a host but the containers, and then the names that nobody answers. A host has its own process ids.
KILL = r"""
each() { for at in /proc/[0-9]*; do grep -qx "$1" $at/comm 2>/dev/null && echo ${at#/proc/}; done; }
for signal in STOP STOP KILL; do kill -$signal $(each 'pyc-.*'); done  # who stands still starts nobody again
sleep 0.2; each 'pyc-.*'
timeout 2 nsenter -t $(each httpd) -n /bin/busybox nslookup web-h2 127.0.0.11 > /dev/null || echo unanswered
"""
# A connection between containers of two hosts, by processes that are not ours
FIND = "for at in /proc/[0-9]*; do grep -qsx httpd $at/comm && pid=${at#/proc/}; done; "
TAKE = FIND + (
    "mkfifo /tmp/idle; exec timeout 90 nsenter -t $pid -n /bin/busybox nc -l -p 9000 <> /tmp/idle"
)
READY = FIND + (
    "for i in $(seq 200); do nsenter -t $pid -n grep -qs :2328 /proc/net/tcp /proc/net/tcp6 && exit; sleep 0.05; done"
    "; exit 1"
)
SEND = FIND + (
    "i=0; while [ ! -e /tmp/enough ]; do echo $((i += 1)); sleep 0.05; done"
    " | timeout 90 nsenter -t $pid -n /bin/busybox nc 10.200.0.2 9000"
)


def test_two_plays_at_once_and_all_of_ours_killed(play):
    # the fleet goes first: what the pool waits for ends with its hosts
    with concurrent.futures.ThreadPoolExecutor() as pool, fleet_of(4, "overlaykill") as fleet:
        for host in fleet.hosts():
            done = fleet.execute(host, "sh", "-c", PREPARE)
            assert done.returncode == 0, done.stdout
        webs = [container(f"web-{host}", host) for host in fleet.hosts()]
        every = [f"web-{host}" for host in fleet.hosts()]

        def reach_each_other():
            for host in fleet.hosts():
                said = asked(fleet, host, "; ".join(f"fetch {name}" for name in every))
                assert said.split() == every, (host, said)

        # two plays make the network and what is on it, each in its own order
        books = {"one": book(*webs), "two": book(*reversed(webs))}
        runs = [pool.submit(play, fleet, tasks, beside=name) for name, tasks in books.items()]
        assert [run.result().errors for run in runs] == [{}, {}]
        play(fleet, [TELL, NETWORK])  # names that the one told and the other did not know yet
        again = play(fleet, book(*webs))
        assert not any(again.changed.values()), again.output
        reach_each_other()

        # all that is ours is killed while a connection between two hosts is in use
        taken = pool.submit(fleet.execute, "h1", "sh", "-c", TAKE)
        assert fleet.execute("h1", "sh", "-c", READY).returncode == 0
        sent = pool.submit(fleet.execute, "h2", "sh", "-c", SEND)
        for host in ("h1", "h2"):
            killed = fleet.execute(host, "sh", "-c", KILL)
            assert killed.stdout.split() == ["unanswered"], killed.stdout
        after = play(fleet, book(*webs))
        warned = {
            host: any("names were not answered" in line for line in result.get("warnings", ()))
            for host in fleet.hosts()
            for result in after.results(host)[:1]
        }
        assert warned == {"h1": True, "h2": True, "h3": False, "h4": False}, after.output
        assert not any(after.changed.values()), after.output
        reach_each_other()
        fleet.execute("h2", "touch", "/tmp/enough")
        assert sent.result().returncode == 0
        lines = taken.result().stdout.split()
        assert lines == [str(number) for number in range(1, len(lines) + 1)] and len(lines) > 20
