# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person at a terminal gets: detach keys, colours, help in groups, one line for the version."""

from __future__ import annotations

import io
import re

import pytest
from pycontainer.cli import colours, command_table, grammar, read, session, tables
from pycontainer.containers.access import detach_keys
from pycontainer.errors import InvalidInput


@pytest.mark.parametrize(
    "text, sent",
    [
        (None, b"\x10\x11"),
        ("ctrl-p,ctrl-q", b"\x10\x11"),
        ("ctrl-@,ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_", b"\0\x1b\x1c\x1d\x1e\x1f"),
        ("a,CTRL-A,~", b"a\x01~"),
    ],
)
def test_detach_keys(text, sent):
    assert detach_keys.parse(text) == sent


@pytest.mark.parametrize(
    "text", ["", "ctrl-", "ctrl-1", "ctrl-pq", "ab", "a,,b", "a, b", "é", "ctrl-p ctrl-q"]
)
def test_other_detach_keys_are_refused(text):
    with pytest.raises(
        InvalidInput,
        match="^--detach-keys: .* is not valid; accepted: single characters and ctrl-<a to z",
    ):
        detach_keys.parse(text)


@pytest.mark.parametrize(
    "keys, typed, passed, left",
    [
        (b"\x10\x11", [b"ls\n"], b"ls\n", False),
        (b"\x10\x11", [b"ls\x10\x11rm"], b"ls", True),
        (b"\x10\x11", [b"a\x10", b"\x11b"], b"a", True),
        (b"\x10\x11", [b"a\x10", b"b"], b"a\x10b", False),
        (b"\x10\x11", [b"\x10", b"\x10", b"\x11"], b"\x10", True),
        (b"aab", [b"a", b"a", b"a", b"b"], b"a", True),
        (b"x", [b"12", b"x3"], b"12", True),
    ],
)
def test_what_is_typed_is_passed_on_but_the_keys(keys, typed, passed, left):
    watch, got = detach_keys.Watch(keys), b""
    for data in typed:
        data, done = watch.take(data)
        got += data
    assert (got, done) == (passed, left)


def said(*argv):
    with pytest.raises((grammar.HelpAsked, grammar.UsageError)) as caught:
        read(list(argv))
    return str(caught.value)


@pytest.mark.parametrize("argv", [["-v"], ["--version"]])
def test_the_version_is_one_line(argv):
    assert re.fullmatch(r"pycontainer version \d+\.\d+\.\d+, build [0-9a-f]{12}", said(*argv))


def test_help_lists_every_command_or_its_group():
    lines = said("--help").splitlines()
    listed = [line.split()[0] for line in lines if line.startswith("  ")]
    assert len(set(listed)) == len(listed) < 60
    assert [line for line in lines if line.endswith(":")] == [
        "Common commands:",
        "Groups of commands:",
        "Commands:",
    ]
    for command in command_table.COMMANDS:
        assert command.names[0].split()[0] in listed
    for group in command_table.GROUPS:
        below = said(group, "--help")
        for command in command_table.COMMANDS:
            assert all(
                name in below
                for name in [name for name in command.names if name.startswith(group + " ")][:1]
            )


@pytest.mark.parametrize(
    "argv, sentence",
    [
        (["run", "--nonsense", "w"], "; pycontainer run --help lists all"),
        (["run", "-Z", "w"], "; pycontainer run --help lists all"),
        (["run", "--xyz", "w"], "; pycontainer run --help lists all"),
        (["run", "--memry", "w"], "; did you mean --memory? pycontainer"),
        (["run", "--publsh", "w"], "; did you mean --publish? pycontainer"),
        (["build", "--tags"], "; did you mean --tag? pycontainer build --help lists all"),
        (["run", "--volum"], "; did you mean --volume? pycontainer"),
        (["frobnicate"], "is not a pycontainer command; pycontainer --help lists all"),
        (["imgaes"], "; did you mean images? pycontainer --help"),
        (["volumes"], "; did you mean volume? pycontainer --help"),
        (["strat"], "; did you mean start? pycontainer --help"),
        (["rum"], "; did you mean run or rm? pycontainer --help"),
        (["context", "ls"], "pycontainer has no command context: there is no daemon"),
        (["swarm"], "pycontainer has no command swarm: there is no Swarm"),
        (["manifest", "make"], "'manifest make' is not a pycontainer command; accepted: manifest"),
    ],
)
def test_only_flags_that_look_alike_are_suggested(argv, sentence):
    assert sentence in said(*argv)


class Screen(io.StringIO):
    def isatty(self):
        return True


ROWS = tables.table(
    ["STATUS", "NAMES"],
    [
        ["Up 2 minutes", "web"],
        ["Exited (137) 3 days ago", "db"],
        ["Exited (0) now", "one"],
        ["Up 2 days (unhealthy)", "ill"],
        ["Restarting (1) now", "again"],
        ["Created", "Up"],
    ],
)


@pytest.mark.parametrize(
    "environment, out, coloured",
    [
        ({"TERM": "xterm"}, Screen, True),
        ({"TERM": "xterm"}, io.StringIO, False),
        ({"TERM": "xterm", "NO_COLOR": "1"}, Screen, False),
        ({"TERM": "dumb"}, Screen, False),
    ],
)
def test_colours_are_for_people_at_terminals(monkeypatch, environment, out, coloured):
    for name in ("TERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdout", out())
    monkeypatch.setattr("sys.stderr", out())
    import sys

    made = session.Session(None, terminal=True)
    made.listing(ROWS)
    made.listing(["STATUS", "Up"])
    made.complain("no")
    shown, errors = sys.stdout.getvalue(), sys.stderr.getvalue()
    assert re.sub(r"\033\[\d+m", "", shown) == "".join(
        line + "\n" for line in ROWS + ["STATUS", "Up"]
    ) and made.lines == ROWS + ["STATUS", "Up"]
    assert ("\033" in shown) == ("\033" in errors) == coloured
    if coloured:
        assert errors == "\033[31mError:\033[0m no\n"
        assert [re.findall(r"\033\[(\d+)m(.*?)\033\[0m", line) for line in shown.splitlines()] == [
            [("1", ROWS[0])],
            [("32", "Up")],
            [("31", "Exited (137)")],
            [],
            [("31", "Up 2 days (unhealthy)")],
            [("33", "Restarting")],
            [],
            [],
            [],
        ]


def test_a_status_is_looked_for_in_its_column_alone():
    lines = colours.table(
        tables.table(["NAMES", "STATUS"], [["Up", "Created"], ["Dead", "Paused"]])
    )
    assert lines[1:] == ["Up      Created", "Dead    \033[33mPaused\033[0m"]


@pytest.mark.parametrize(
    "answer, removed", [("n\n", False), ("\n", False), ("", False), ("y\n", True), ("yes\n", True)]
)
def test_no_is_an_answer(monkeypatch, answer, removed):
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    made = session.Session(None, terminal=True)
    assert made.confirmed("all of it", False) is removed and made.rc == 0 and made.errors == []
