# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command grammar: words, flags, values, as Docker's command line reads them."""

import pytest
from pycontainer.cli import command_table, grammar, read
from pycontainer.cli.run_flags import RUN_FLAGS, options
from pycontainer.errors import InvalidInput


def said(*argv):
    command, given = read(list(argv))
    return command.names[0], given


def run_options(*argv):
    _command, given = read(["run", *argv])
    return options(given, RUN_FLAGS)


@pytest.mark.parametrize(
    "argv, name",
    [
        (["ps", "-a"], "ps"),
        (["container", "ls"], "ps"),
        (["image", "ls"], "images"),
        (["images"], "images"),
        (["volume", "ls"], "volume ls"),
        (["container", "inspect", "web"], "container inspect"),
        (["inspect", "web"], "inspect"),
    ],
)
def test_a_command_is_found_by_each_of_its_names(argv, name):
    assert said(*argv)[0] == name


@pytest.mark.parametrize("argv", [["-e", "A=b"], ["-eA=b"], ["--env", "A=b"], ["--env=A=b"]])
def test_every_form_of_a_flag_says_the_same(argv):
    assert run_options(*argv, "web:1") == {"env": {"A": "b"}}


def test_switches_can_stand_together_and_be_turned_off():
    found = run_options("-dit", "--rm=false", "web:1")
    assert found == {"tty": True, "interactive": True}


def test_all_after_the_image_belongs_to_the_container():
    _name, given = said("run", "--name", "w", "web:1", "sh", "-c", "ps -a", "--rm")
    assert (
        given.words == ["web:1", "sh", "-c", "ps -a", "--rm"]
        and given.name == "w"
        and given.rm is False
    )
    assert options(given, RUN_FLAGS)["command"] == ["sh", "-c", "ps -a", "--rm"]


def test_exec_leaves_the_command_alone():
    _name, given = said("exec", "-u", "1000", "web", "ls", "-l")
    assert (given.user, given.words) == ("1000", ["web", "ls", "-l"])


@pytest.mark.parametrize(
    "argv, part",
    [
        (["frobnicate"], "is not a pycontainer command"),
        (["volume", "frob"], "accepted: volume ls"),
        (["ps", "--nonsense"], "unknown flag --nonsense"),
        (["run", "--name"], "needs a value"),
        (["rm"], "takes CONTAINER..."),
        (["rename", "a"], "takes CONTAINER NEW_NAME"),
        (["rename", "a", "b", "c"], "takes CONTAINER NEW_NAME"),
        (["run", "--rm=perhaps", "web"], "true or false"),
    ],
)
def test_a_wrong_line_is_refused_with_what_is_accepted(argv, part):
    with pytest.raises(grammar.UsageError) as caught:
        read(argv)
    assert part in str(caught.value)


def test_run_flags_become_the_modules_options():
    found = run_options(
        "-p",
        "8080:80",
        "-v",
        "data:/data",
        "-l",
        "a=b",
        "-m",
        "64m",
        "--cpus",
        ".5",
        "--pids-limit=50",
        "--restart",
        "on-failure:3",
        "--network",
        "none",
        "--ulimit",
        "nofile=10:20",
        "--add-host",
        "db:10.0.0.2",
        "--health-cmd",
        "true",
        "--health-retries",
        "2",
        "--device-read-bps",
        "/dev/sda:1mb",
        "--mount",
        "type=bind,src=/a,dst=/b,readonly",
        "--entrypoint",
        "/bin/x",
        "--oom-kill-disable",
        "web:1",
        "a",
        "b",
    )
    assert found == {
        "published_ports": ["8080:80"],
        "volumes": ["data:/data"],
        "labels": {"a": "b"},
        "memory": "64m",
        "cpus": 0.5,
        "pids_limit": 50,
        "restart_policy": "on-failure",
        "restart_retries": 3,
        "network_mode": "none",
        "ulimits": ["nofile=10:20"],
        "etc_hosts": {"db": "10.0.0.2"},
        "healthcheck": {"test": ["CMD-SHELL", "true"], "retries": 2},
        "device_read_bps": [{"path": "/dev/sda", "rate": "1mb"}],
        "mounts": [{"type": "bind", "source": "/a", "target": "/b", "read_only": True}],
        "entrypoint": ["/bin/x"],
        "oom_killer": True,
        "command": ["a", "b"],
    }


def test_add_host_and_mount_in_every_form():
    assert run_options(
        "--add-host",
        "a=10.0.0.1",
        "--add-host",
        "b:::1",
        "--add-host",
        "c=[::2]",
        "--add-host",
        "d:host-gateway",
        "w",
    ) == {"etc_hosts": {"a": "10.0.0.1", "b": "::1", "c": "::2", "d": "host-gateway"}}
    assert run_options("--mount", 'type=bind,"src=/a,b",dst=/c', "w") == {
        "mounts": [{"type": "bind", "source": "/a,b", "target": "/c"}]
    }


def test_a_wrong_word_among_many_is_told_its_neighbours():
    for argv, sentence in (
        (
            ["run", "--user-ns", "x", "w"],
            "unknown flag --user-ns for pycontainer run; did you mean --userns? ",
        ),
        (["exce", "w"], "'exce' is not a pycontainer command; did you mean exec? "),
        (["volume", "foo"], "accepted: volume ls, "),
        (["pause", "-x", "w"], "accepted: none"),
    ):
        with pytest.raises(grammar.UsageError) as caught:
            read(argv)
        assert sentence in str(caught.value) and len(str(caught.value)) < 200


def test_networks_by_name_keep_their_address():
    assert run_options("--network", "front", "--ip", "172.30.0.9", "w") == {
        "networks": [{"name": "front", "ipv4_address": "172.30.0.9"}],
        "network_mode": "front",
    }


def test_networks_in_every_form():
    assert run_options(
        "--network",
        "name=front,ip=172.30.0.9,mac-address=02:42:ac:1e:00:09",
        "--network",
        "back",
        "w",
    ) == {
        "networks": [
            {"name": "front", "ipv4_address": "172.30.0.9", "mac_address": "02:42:ac:1e:00:09"},
            {"name": "back"},
        ],
        "network_mode": "front",
    }
    assert run_options("--network", "host", "w") == {"network_mode": "host"} and run_options(
        "--net", "container:x", "w"
    ) == {"network_mode": "container:x"}
    with pytest.raises(InvalidInput, match="--network"):
        run_options("--network", "name=front,colour=x", "w")
    named = {"networks": [{"name": "front", "aliases": ["x", "y"]}], "network_mode": "front"}
    assert run_options("--network", "name=front,alias=x,alias=y", "w") == named
    assert (
        run_options("--network", "front", "--network-alias", "x", "--net-alias", "y", "w") == named
    )


def test_env_files_and_labels(tmp_path, monkeypatch):
    (tmp_path / "env").write_text("\n# c\nA=1\nB=a b=c\nHERE\nNOWHERE\n")
    monkeypatch.setenv("HERE", "here")
    assert run_options("--env-file", str(tmp_path / "env"), "-e", "A=2", "w") == {
        "env": {"A": "2", "B": "a b=c", "HERE": "here"}
    }
    (tmp_path / "env").write_bytes(b"\xef\xbb\xbfA=1\x0c2\r\nMIIEvQ secret\n")
    with pytest.raises(InvalidInput, match="--env-file: .*env line 2' is not valid") as refused:
        run_options("--env-file", str(tmp_path / "env"), "w")
    assert "MIIEvQ" not in str(refused.value)
    (tmp_path / "env").write_text("A B=1\n")
    with pytest.raises(InvalidInput, match="line 1"):
        run_options("--env-file", str(tmp_path / "env"), "w")


@pytest.mark.parametrize(
    "argv",
    [
        ["--help"],
        ["-h"],
        [],
        ["help"],
        ["run", "--help"],
        ["run", "-d", "--help"],
        ["ps", "-h"],
        ["help", "volume", "ls"],
        ["volume"],
        ["volume", "--help"],
        ["container"],
    ],
)
def test_help(argv):
    with pytest.raises(grammar.HelpAsked, match="Usage:  pycontainer"):
        read(argv)


def test_h_is_the_host_name_of_run_and_help_of_the_container_is_its_own():
    assert run_options("-h", "box", "w", "sh", "--help") == {
        "hostname": "box",
        "command": ["sh", "--help"],
    }


def test_no_two_commands_share_a_name_and_no_two_flags_of_one():
    names = [name for command in command_table.COMMANDS for name in command.names]
    assert len(names) == len(set(names))
    for command in command_table.COMMANDS:
        flags = [name for flag in command.flags for name in flag.names]
        assert len(flags) == len(set(flags)), command.names


def test_every_command_has_its_function():
    import importlib

    for command in command_table.COMMANDS:
        module, dummy, function = command.function.partition(":")
        assert callable(
            getattr(importlib.import_module("pycontainer.cli.commands." + module), function)
        ), command.names
