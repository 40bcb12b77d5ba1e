# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first run on a bare Debian 13 under each ansible-core that wants a newer Python than Debian 12 has: what ``make demo`` does there.

The oldest supported one runs the other tests of this directory.
"""

from __future__ import annotations

import base64
import json

import pytest
from hosts.conftest import CALLBACKS, Play
from support.fleet import roots
from support.fleet.namespaces import Fleet

VERSIONS = {
    "2.20": "h1",
    "2.21": "h2",
}  # of ansible-core, and the host that is its controller and its target
ROLE = [
    {
        "hosts": "localhost",
        "gather_facts": False,
        "tasks": [{"include_role": {"name": "pycontainer.engine.host"}}],
    }
]


@pytest.fixture(scope="module")
def bare_hosts(collections):
    """Hosts without cffi, pyroute2 and nftables; their apt has a source with them."""
    repository = roots.repository(roots.LIBRARIES + ["python3-apt"], suite="trixie")
    binds = {roots.controller(version, "3.13"): f"/srv/ansible-{version}" for version in VERSIONS}
    fleet = Fleet(
        "controllers",
        root=roots.root("trixie", []),
        binds=dict(
            binds,
            **{
                str(repository): "/srv/repository",
                str(collections): "/srv/collections",
                str(CALLBACKS): "/srv/callback",
            },
        ),
    )
    try:
        fleet.up(len(VERSIONS))
        for host in VERSIONS.values():
            fleet.execute(
                host,
                "sh",
                "-c",
                "echo 'deb [trusted=yes] file:/srv/repository ./' > /etc/apt/sources.list; rm -rf "
                "/etc/apt/sources.list.d/*",
            )
        yield fleet
    finally:
        fleet.down()


def command(fleet, version, program, *arguments, words=()):
    """Run a program of ansible-core's on a host as its own controller. :param words: variables."""
    done = fleet.execute(
        VERSIONS[version],
        "env",
        f"PYTHONPATH=/srv/ansible-{version}",
        "ANSIBLE_COLLECTIONS_PATH=/srv/collections",
        "ANSIBLE_PIPELINING=True",
        "HOME=/root",
        "LC_ALL=C.UTF-8",
        "PYTHONPYCACHEPREFIX=/var/tmp/bytecode",  # of ansible-core: its own place is read-only
        *words,
        "python3",
        f"/srv/ansible-{version}/bin/{program}",
        *arguments,
    )
    assert done.returncode == 0 and "DEPRECATION" not in done.stdout, done.stdout
    return done


def run(fleet, version, book, *options):
    """Run a playbook on a host as its own controller; returns a :class:`Play`."""
    words = [
        "ANSIBLE_CALLBACK_PLUGINS=/srv/callback",
        "ANSIBLE_CALLBACKS_ENABLED=whole",
        "WHOLE_FILE=/var/tmp/whole.json",
    ]
    done = command(fleet, version, "ansible-playbook", *options, book, words=words)
    return Play(
        done.stdout,
        json.loads(fleet.execute(VERSIONS[version], "cat", "/var/tmp/whole.json").stdout),
    )


def lacks_libraries(fleet, host):
    return fleet.execute(host, "python3", "-c", "import pyroute2").returncode == 1


def test_role_in_check_mode_then_first_then_again(bare_hosts):
    assert lacks_libraries(bare_hosts, "h1")
    bare_hosts.execute("h1", "sh", "-c", 'echo "$1" > /var/tmp/role.json', "sh", json.dumps(ROLE))
    assert run(bare_hosts, "2.20", "/var/tmp/role.json", "--check").changed == {"localhost": 2}
    assert lacks_libraries(bare_hosts, "h1")
    assert run(bare_hosts, "2.20", "/var/tmp/role.json").changed["localhost"] >= 2
    assert run(bare_hosts, "2.20", "/var/tmp/role.json").changed == {"localhost": 0}


def test_quickstart_twice(bare_hosts):
    assert bare_hosts.execute("h2", "python3", "--version").stdout.startswith(
        "Python 3.13."
    ) and lacks_libraries(bare_hosts, "h2")
    assert (
        "Hello from a container" in run(bare_hosts, "2.21", "pycontainer.engine.quickstart").output
    )
    assert (
        bare_hosts.execute(
            "h2", "test", "-s", "/var/lib/pycontainer/runtime/current/oci.archive"
        ).returncode
        == 0
    )
    assert run(bare_hosts, "2.21", "pycontainer.engine.quickstart").changed == {"localhost": 0}


MAKE = [
    {
        "hosts": "localhost",
        "gather_facts": False,
        "tasks": [
            {"include_role": {"name": "pycontainer.engine.host"}},
            {
                "pycontainer.engine.image": {
                    "name": "box:1",
                    "source": "import",
                    "path": "/var/tmp/box",
                }
            },
            {
                "pycontainer.engine.container": {
                    "name": "web",
                    "image": "box:1",
                    "command": ["sleep", "100000"],
                    "network_mode": "none",
                    "volumes": ["/usr:/usr:ro"],
                    "labels": {"team": "shop"},
                    "state": "started",
                }
            },
        ],
    }
]
INSIDE = [
    {
        "hosts": "pycontainer_label_team_shop",
        "tasks": [
            {"command": "cat /etc/hostname", "register": "said", "changed_when": False},
            {
                "copy": {
                    "content": "{{ said.stdout }} on {{ ansible_pycontainer_host }}",
                    "dest": "/etc/a",
                }
            },
            {"slurp": {"src": "/etc/a"}},
            {"command": "true", "async": 30, "poll": 1, "changed_when": False},
        ],
    }
]
ROOT = """
mkdir -p /var/tmp/box && cd /var/tmp/box
mkdir -p etc tmp proc sys dev root usr && for name in bin sbin lib lib64; do ln -sf usr/$name $name; done
printf 'root:x:0:0:root:/root:/bin/sh\\n' > etc/passwd
mkdir -p /var/tmp/inventory && cd /var/tmp/inventory
echo 'machine: {hosts: {alpha: {ansible_connection: local, ansible_python_interpreter: /usr/bin/python3}}}' > 10-hosts.yml
echo '{plugin: pycontainer.engine.containers, hosts: [all]}' > 90-containers.yml
echo "$1" > /var/tmp/make.json; echo "$2" > /var/tmp/inside.json
"""


@pytest.mark.parametrize("version", list(VERSIONS))
def test_connection_inventory_and_callback(bare_hosts, version):
    host, inventory = VERSIONS[version], ("-i", "/var/tmp/inventory")
    bare_hosts.execute(host, "sh", "-c", ROOT, "sh", json.dumps(MAKE), json.dumps(INSIDE))
    run(bare_hosts, version, "/var/tmp/make.json")
    played = run(bare_hosts, version, "/var/tmp/inside.json", *inventory)
    assert played.changed == {"web.alpha": 1}, played.output
    content = played.results("web.alpha")[3]["content"]
    assert base64.b64decode(content).endswith(b" on alpha")
    only = "ps -f name=^web$"  # other tests' containers are on the host, too
    listed = [*inventory, "machine", "-m", "pycontainer.engine.pycontainer", "-a", only]
    fleet = ["ANSIBLE_STDOUT_CALLBACK=pycontainer.engine.fleet", "ANSIBLE_LOAD_CALLBACK_PLUGINS=1"]
    table = command(bare_hosts, version, "ansible", *listed, words=fleet).stdout.splitlines()
    assert table[0].startswith("HOST ") and table[1].startswith("alpha "), table
    fleet.append("PYCONTAINER_FLEET_FORMAT=json")
    found = json.loads(command(bare_hosts, version, "ansible", *listed, words=fleet).stdout)
    assert [row["NAMES"] for row in found["alpha"]["rows"]] == ["web"]
