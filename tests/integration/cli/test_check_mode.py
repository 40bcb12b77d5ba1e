# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""--check and --diff of the ad-hoc module: the truth beforehand, and nothing changed."""

from __future__ import annotations

import pytest

STATE = [
    # command line, what makes it possible, whether it changes anything
    (["run", "-d", "--network", "none", "--name", "new", "box:1"], True),
    (["create", "--network", "none", "--name", "new", "-e", "A=b", "box:1"], True),
    (["start", "halted"], True),
    (["start", "web"], False),
    (["stop", "web"], True),
    (["stop", "halted"], False),
    (["restart", "web"], True),
    (["kill", "web"], True),
    (["pause", "web"], True),
    (["unpause", "web"], False),
    (["rm", "-f", "web"], True),
    (["rm", "halted"], True),
    (["rename", "web", "shop"], True),
    (["rename", "web", "web"], False),
    (["update", "-m", "64m", "web"], True),
    (["update", "--restart", "no", "web"], False),
    (["exec", "web", "touch", "/tmp/x"], True),
    (["container", "prune", "-f"], True),
    (["system", "prune", "-a", "--volumes"], True),
    (["tag", "box:1", "box:2"], True),
    (["tag", "box:1", "box:1"], False),
    (["rmi", "spare:1"], True),
    (["image", "prune", "-a"], True),
    (["volume", "create", "data"], False),
    (["volume", "create", "more"], True),
    (["volume", "rm", "data"], True),
    (["volume", "prune", "-a"], True),
    (["network", "create", "--subnet", "10.199.7.0/24", "front"], True),
    (["logout", "registry.example.com"], False),
    (["ps"], False),
    (["images"], False),
    (["inspect", "web"], False),
    (["logs", "web"], False),
    (["info"], False),
    (["system", "df"], False),
    (["version"], False),
    (["volume", "ls"], False),
    (["network", "ls"], False),
    (["registry", "ls"], False),
    (["stats", "--no-stream"], False),
    (["top", "web"], False),
    (["port", "web"], False),
]


@pytest.fixture
def filled(docker):
    docker(
        "run",
        "-d",
        "--network",
        "none",
        "--name",
        "web",
        "--stop-timeout",
        "0",
        "--restart",
        "no",
        "box:1",
    )
    docker("create", "--network", "none", "--name", "halted", "box:1")
    docker("volume", "create", "data")
    docker("import", "-c", 'CMD ["other"]', docker.rootfs, "spare:1")
    return docker


def test_check_mode_says_what_would_change_and_changes_nothing(filled, snapshot):
    before = snapshot()
    for argv, changes in STATE:
        result = filled.task(*argv, check=True)
        assert (result["rc"], result["changed"]) == (0, changes), (argv, result)
        assert bool(result["actions"]) == changes, (argv, result)
        assert snapshot() == before, argv
        if changes and argv[0] != "exec":
            assert result["diff"] and all(
                entry["before"] != entry["after"] for entry in result["diff"]
            ), (argv, result["diff"])


def test_a_check_and_the_real_run_say_the_same(filled):
    for argv, changes in STATE:
        if argv[0] in (
            "start",
            "stop",
            "pause",
            "unpause",
            "rename",
            "update",
            "tag",
            "volume",
        ) and argv[1] not in ("ls", "prune"):
            planned, done = filled.task(*argv, check=True), filled.task(*argv)
            assert (planned["actions"], planned["changed"], planned["diff"]) == (
                done["actions"],
                done["changed"],
                done["diff"],
            ), argv
            filled.task("start", "web", "halted") if argv[0] == "stop" else filled.task(
                "rename", "shop", "web"
            ) if argv[0] == "rename" else None
            filled.task("unpause", "web") if argv[0] == "pause" else None
            if argv == ["start", "halted"]:
                filled.task("stop", "-t", "0", "halted")


@pytest.mark.parametrize(
    "argv",
    [
        ["run", "-d", "nosuch@x"],
        ["start", "nosuch"],
        ["rename", "web", "halted"],
        ["rename", "web", "/"],
        ["exec", "halted", "ls"],
        ["rm", "web"],
        ["run", "--name", "web", "box:1"],
        ["network", "create", "--subnet", "x", "front"],
    ],
)
def test_what_would_fail_fails_in_check_mode(filled, argv):
    result = filled.task(*argv, check=True)
    assert result["rc"] and result["failed"] and result["stderr"] and not result["changed"]


def test_check_mode_on_a_host_without_a_store(check_engine, scratch):
    import os

    from pycontainer.cli import task

    for argv in (
        ["ps", "-a"],
        ["images"],
        ["volume", "create", "data"],
        ["system", "df"],
        ["info"],
    ):
        result = task.pycontainer(check_engine, {"argv": argv, "cmd": None})
        assert result["rc"] == 0 and result["changed"] == (argv[0] == "volume"), (argv, result)
    assert not os.path.exists(scratch[0]) and os.listdir(scratch[1]) == []
