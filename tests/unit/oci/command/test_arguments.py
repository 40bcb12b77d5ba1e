# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of pycontainer-oci, read by its table."""

from __future__ import annotations

import pathlib

import pytest
from pycontainer.oci.command import arguments, main
from pycontainer.oci.command.arguments import Usage
from pycontainer.oci.command.main import parse


def test_global_options_then_a_command_with_its_own():
    call = parse(
        [
            "--root",
            "/r",
            "--log=/l",
            "--systemd-cgroup",
            "create",
            "--bundle",
            "/b",
            "--no-pivot",
            "--preserve-fds",
            "3",
            "id",
        ]
    )
    assert (call.command, call.arguments) == ("create", ["id"])
    assert (
        call.options["root"],
        call.options["log"],
        call.options["systemd-cgroup"],
        call.options["debug"],
    ) == ("/r", "/l", True, False)
    assert (call["bundle"], call["no-pivot"], call["preserve-fds"], call["pid-file"]) == (
        "/b",
        True,
        3,
        None,
    )


@pytest.mark.parametrize(
    "words",
    [["-b", "/b"], ["-b/b"], ["-b=/b"], ["--bundle", "/b"], ["--bundle=/b"], ["-bundle", "/b"]],
)
def test_ways_to_write_a_value(words):
    assert (
        parse(["run", *words, "id"])["bundle"] == "/b"
        if words != ["-b=/b"]
        else parse(["run", *words, "id"])["bundle"] in ("/b", "=/b")
    )


def test_flags_together_and_negated():
    call = parse(["exec", "-td", "c", "sh"])
    assert call["tty"] and call["detach"]
    assert (
        parse(["exec", "--tty=false", "c", "sh"])["tty"] is False
        and parse(["exec", "--tty=true", "c", "sh"])["tty"] is True
    )


def test_an_option_several_times():
    assert parse(["exec", "-e", "A=1", "--env", "B=2", "--env=C=3", "c", "x"])["env"] == [
        "A=1",
        "B=2",
        "C=3",
    ]
    assert parse(["update", "--memory", "-1", "c"])["memory"] == "-1"


def test_after_the_id_of_exec_all_is_the_programs():
    call = parse(["exec", "-t", "c", "ls", "--color", "-la", "--", "x"])
    assert call.arguments == ["c", "ls", "--color", "-la", "--", "x"]
    assert parse(["ps", "c", "-ef"]).arguments == ["c", "-ef"]
    assert parse(["exec", "--", "c", "-x"]).arguments == ["c", "-x"]


def test_elsewhere_options_may_follow():
    call = parse(["delete", "c", "--force"])
    assert call["force"] and call.arguments == ["c"]
    assert parse(["kill", "--", "c", "-1"]).arguments == ["c", "-1"]


@pytest.mark.parametrize(
    "words, said",
    [
        (["nope"], "unknown command 'nope'"),
        (["--nope"], "unknown option --nope"),
        (["run", "--nope", "c"], "run: unknown option --nope"),
        (["run"], "an argument is missing"),
        (["run", "a", "b"], "too many arguments: b"),
        (["run", "--bundle"], "needs a value"),
        (
            ["restore", "--lsm-mount-context"],
            "flag needs an argument",
        ),  # what podman looks for, to learn that there is this option
        (["run", "--detach=maybe", "c"], "is a flag"),
        (["run", "--preserve-fds", "x", "c"], "not a number"),
        (["run", "-x", "c"], "unknown option -x"),
    ],
)
def test_calls_that_are_none(words, said):
    with pytest.raises(Usage, match=said):
        parse(words)


def test_every_command_has_a_help_text_with_its_options():
    everything = arguments.help_text(None, main.COMMANDS, main.find)
    for name in main.COMMANDS:
        command = main.find(name)
        text = arguments.help_text(name, main.COMMANDS, main.find)
        assert all("--" + option.split("=")[0].split("|")[0] in text for option in command.options)
        assert parse([name, "--help"]).given["help"]
        assert name in everything and command.summary in everything
    assert parse(["help"]).options["help"] and parse(["help", "run"]).command == "run"


def test_every_command_has_its_function():
    for name in main.COMMANDS:
        assert callable(getattr(main.load(name), name))


def test_every_file_is_a_command():
    """But what two of them have in common."""
    package = pathlib.Path(main.__file__).parent
    files = {
        path.stem: folder
        for folder in ("commands", "queries")
        for path in (package / folder).glob("[!_]*.py")
    }
    assert files.pop("criu_options") == "commands"
    assert files == main.COMMANDS
