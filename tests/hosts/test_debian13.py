# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The main job on a host of Debian 13: a newer Python, libraries and nftables than the others have."""

from __future__ import annotations

import pytest
from hosts import roots
from hosts.namespaces import Fleet


@pytest.fixture(scope="module")
def debian13():
    fleet = Fleet("debian13", root=roots.root("trixie", roots.LIBRARIES + ["python3-apt"]))
    try:
        yield fleet.up(1)
    finally:
        fleet.down()


def test_quickstart_twice(run_book, play, debian13):
    assert debian13.execute("h1", "cat", "/etc/debian_version").stdout.startswith("13")
    first = run_book(debian13, "pycontainer.engine.quickstart", "-e", "demo_hosts=all")
    assert "Hello from a container" in first.output
    assert run_book(debian13, "pycontainer.engine.quickstart", "-e", "demo_hosts=all").changed == {"h1": 0}
    host = {"pycontainer.engine.host": {"state": "absent", "force": True, "delete_data": True}}
    assert play(debian13, [host]).changed == {"h1": 1}
