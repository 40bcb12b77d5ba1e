# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the engine gets to a host that was never prepared: by the first task that needs it, and only for good where that may change something."""

from __future__ import annotations

RUNTIME = "/var/lib/pycontainer"
VOLUME = {"pycontainer.engine.volume": {"name": "travels", "state": "present"}}
LOOK = {"pycontainer.engine.host_info": None}


ANN = """
useradd --create-home --password '*' --shell /bin/sh ann
mkdir /home/ann/.ssh && cp /root/.ssh/authorized_keys /home/ann/.ssh/ && chown -R ann /home/ann/.ssh
echo 'ann ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/ann
"""
AS_ANN = ("-e", '{"ansible_user": "ann", "ansible_become": true}')


def left(fleet, host):
    """What the engine and Ansible have left on a host."""
    return fleet.execute(
        host,
        "sh",
        "-c",
        f"ls -A {RUNTIME}; ls -d /root/.ansible/tmp/* /home/ann/.ansible/tmp/* 2> /dev/null; true",
    ).stdout.split()


def test_looking_leaves_nothing_on_a_host(play, fleet):
    looked = play(fleet, [LOOK])
    assert looked.changed["h1"] == 0 and looked.results("h1")[0]["host"]["cgroup_mode"]
    assert left(fleet, "h1") == []


def test_looking_by_who_becomes_root_leaves_nothing_on_a_host(play, fleet):
    assert fleet.execute("h2", "sh", "-ec", ANN).returncode == 0
    looked = play(fleet, [LOOK], "--limit", "h2", *AS_ANN)
    assert looked.results("h2")[0]["host"]["cgroup_mode"] and left(fleet, "h2") == []


def test_check_mode_leaves_nothing_on_a_host(play, fleet):
    checked = play(fleet, [VOLUME], "--check")
    assert checked.changed["h1"] == 1 and left(fleet, "h1") == []


def test_the_first_task_brings_the_engine_and_the_next_ones_use_it(play, fleet):
    assert play(fleet, [VOLUME]).changed["h1"] == 1
    copies = fleet.execute("h1", "ls", RUNTIME + "/runtime").stdout.split()
    again = play(fleet, [VOLUME, VOLUME])
    assert again.changed["h1"] == 0
    assert (
        fleet.execute("h1", "ls", RUNTIME + "/runtime").stdout.split() == copies
        and "current" in copies
        and len(copies) == 2
    )


def test_a_task_that_is_not_waited_for_brings_the_engine_too(play, fleet):
    fleet.execute("h1", "sh", "-c", f"rm -r {RUNTIME}/*")
    started = play(fleet, [dict(VOLUME, **{"async": 60, "poll": 1})])
    assert started.changed["h1"] == 1
    assert (
        play(
            fleet, [{"pycontainer.engine.volume": {"name": "travels", "state": "absent"}}]
        ).changed["h1"]
        == 1
    )
