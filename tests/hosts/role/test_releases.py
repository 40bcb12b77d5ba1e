# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The main job on hosts with other Pythons, libraries and init systems than the other tests' hosts have."""

from __future__ import annotations

import pytest
from support.fleet import roots
from support.fleet.namespaces import Fleet

# Debian 11 has what EL 9 with EPEL has of what the engine asks for: Python 3.9 and pyroute2 0.5.14. Debian 13 is in test_controllers.py.
RELEASES = {"bullseye": ("Python 3.9.", "0.5.")}


@pytest.fixture(scope="module", params=RELEASES)
def release(request):
    suite = request.param
    fleet = Fleet(suite, root=roots.root(suite, roots.LIBRARIES + ["python3-apt"]))
    try:
        yield suite, fleet.up(1)
    finally:
        fleet.down()


def test_quickstart_twice(run_book, play, release):
    suite, fleet = release
    python, library = RELEASES[suite]
    assert fleet.execute("h1", "python3", "--version").stdout.startswith(python)
    assert fleet.execute(
        "h1", "dpkg-query", "-W", "-f", "${Version}", "python3-pyroute2"
    ).stdout.startswith(library)
    first = run_book(fleet, "pycontainer.engine.quickstart", "-e", "demo_hosts=all")
    assert "Hello from a container" in first.output
    assert (
        fleet.execute(
            "h1", "test", "-s", "/var/lib/pycontainer/runtime/current/oci.archive"
        ).returncode
        == 0
    )
    assert run_book(fleet, "pycontainer.engine.quickstart", "-e", "demo_hosts=all").changed == {
        "h1": 0
    }
    for subnet, gateway in (
        ("10.77.1.0/24", "10.77.1.1"),
        ("10.77.2.0/24", "10.77.2.9"),
    ):  # the second takes the first one's address away
        network = {
            "pycontainer.engine.network": {
                "name": "moving",
                "ipam_config": [{"subnet": subnet, "gateway": gateway}],
            }
        }
        moved = play(fleet, [network])
        assert moved.changed == {"h1": 1} and play(fleet, [network]).changed == {"h1": 0}
        bridge = moved.results("h1")[0]["network"]["Bridge"]
        assert fleet.execute("h1", "ip", "-4", "-brief", "addr", "show", bridge).stdout.split()[
            2:
        ] == [gateway + "/24"]
    host = {"pycontainer.engine.host": {"state": "absent", "force": True, "delete_data": True}}
    assert play(fleet, [host]).changed == {"h1": 1}
