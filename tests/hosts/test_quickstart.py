# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The main job over SSH: from bare hosts to limited, published, persistent containers from a registry, and again unchanged."""

from __future__ import annotations


def test_quickstart_twice(run_book, fleet):
    first = run_book(
        fleet, "pycontainer.engine.quickstart", "-e", "demo_hosts=all", "--limit", "h1,h2"
    )
    assert all(count > 5 for count in first.changed.values())
    assert "Hello from a container" in first.output
    second = run_book(
        fleet, "pycontainer.engine.quickstart", "-e", "demo_hosts=all", "--limit", "h1,h2"
    )
    assert second.changed == {"h1": 0, "h2": 0}, [
        task["name"]
        for task in second.tasks
        for result in task["hosts"].values()
        if result.get("changed")
    ]


def test_container_outlives_the_session(fleet):
    listing = fleet.execute("h1", "pycontainer", "ps").stdout
    assert "demo-web" in listing and "Up" in listing


def test_removal_refuses_while_containers_run(play, fleet):
    host = {"pycontainer.engine.host": {"state": "absent"}}
    refused = play(fleet, [host], "--limit", "h1", may_fail=True)
    assert (
        "containers run on this host (demo-web); stop them first, or let force: true do it"
        in refused.errors["h1"][0]
    )
    assert fleet.execute("h1", "test", "-x", "/usr/local/bin/pycontainer").returncode == 0


def test_removal_with_force_and_data_leaves_nothing(play, fleet):
    host = {"pycontainer.engine.host": {"state": "absent", "force": True, "delete_data": True}}
    assert play(fleet, [host], "--limit", "h1,h2").changed == {"h1": 1, "h2": 1}
    left = fleet.execute(
        "h1",
        "sh",
        "-c",
        "grep -c pycontainer /proc/self/mountinfo; ls /sys/class/net; nft list tables; "
        "find /sys/fs/cgroup -name 'pycontainer*' | head; ls -A /var/lib/pycontainer; ls -d "
        "/run/pycontainer",
    )
    assert left.stdout.split() == [
        "1",
        "eth0",
        "lo",
        "ls:",
        "cannot",
        "access",
        "'/run/pycontainer':",
        "No",
        "such",
        "file",
        "or",
        "directory",
    ], left.stdout
    assert play(fleet, [host], "--limit", "h1,h2").changed == {"h1": 0, "h2": 0}
