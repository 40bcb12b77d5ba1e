# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half: when something is shown, and how the hosts' processes share one terminal."""

from __future__ import annotations

import os
import types

import pytest
from support import terminals

progress = pytest.importorskip(
    "ansible_collections.pycontainer.engine.plugins.plugin_utils._progress"
)  # of the environment that has Ansible
bars, screen = progress.bars, progress._screen
constants, context = progress.C, progress.context


@pytest.fixture
def at_terminal(monkeypatch, tmp_path):
    """As if a person looked: an xterm, the usual callback, no configuration."""
    monkeypatch.setattr(screen, "TERMINAL", True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("PYCONTAINER_PROGRESS", raising=False)
    monkeypatch.setattr(constants, "ANSIBLE_NOCOLOR", False)
    monkeypatch.setattr(constants, "DEFAULT_STDOUT_CALLBACK", "ansible.builtin.default")
    monkeypatch.setattr(constants, "CONFIG_FILE", str(tmp_path / "ansible.cfg"))
    monkeypatch.setattr(context, "CLIARGS", {})
    monkeypatch.setattr(progress.display, "verbosity", 0)
    return monkeypatch


def test_bars_where_a_person_looks(at_terminal):
    assert progress.mode() == "bars"


@pytest.mark.parametrize(
    "what", ["no terminal", "no colour", "dumb", "json", "unknown callback", "one line"]
)
def test_quiet_where_none_does(at_terminal, what):
    if what == "no terminal":
        at_terminal.setattr(screen, "TERMINAL", False)
    elif what == "no colour":
        at_terminal.setattr(constants, "ANSIBLE_NOCOLOR", True)
    elif what == "dumb":
        at_terminal.setenv("TERM", "dumb")
    elif what == "one line":
        at_terminal.setattr(context, "CLIARGS", {"one_line": True, "module_name": "x"})
    else:
        at_terminal.setattr(
            constants,
            "DEFAULT_STDOUT_CALLBACK",
            {"json": "ansible.posix.json"}.get(what, "acme.shop.trace"),
        )
    assert progress.mode() == "off"
    assert progress.mode("plain") == "plain"  # asked for by name


def test_ad_hoc_commands_use_another_callback(at_terminal):
    at_terminal.setattr(constants, "DEFAULT_STDOUT_CALLBACK", "ansible.posix.json")
    at_terminal.setattr(context, "CLIARGS", {"module_name": "ping", "one_line": None})
    assert progress.mode() == "bars"
    at_terminal.setattr(constants, "DEFAULT_LOAD_CALLBACK_PLUGINS", True)
    assert progress.mode() == "off"


def test_what_comes_first(at_terminal, tmp_path):
    (tmp_path / "ansible.cfg").write_text("[pycontainer]\nprogress = plain  ; for the log\n")
    assert progress.mode() == "plain"
    at_terminal.setenv("PYCONTAINER_PROGRESS", "off")
    assert (
        progress.mode() == "off"
        and progress.mode("auto") == "bars"
        and progress.mode(False) == "off"
    )
    (tmp_path / "ansible.cfg").write_text("not an ini file")
    at_terminal.delenv("PYCONTAINER_PROGRESS")
    assert progress.mode() == "bars"


def test_connections_that_talk_get_plain_lines(at_terminal):
    at_terminal.setattr(progress.display, "verbosity", 3)
    assert progress.mode() == "plain"


@pytest.mark.parametrize("name", ["variable", "PYCONTAINER_PROGRESS", "ansible.cfg"])
def test_another_word_is_refused(at_terminal, tmp_path, name):
    if name == "ansible.cfg":
        (tmp_path / "ansible.cfg").write_text("[pycontainer]\nprogress = fancy\n")
    elif name != "variable":
        at_terminal.setenv(name, "fancy")
    with pytest.raises(
        progress.AnsibleActionFail, match="'fancy' is not valid; accepted: auto, plain, off"
    ):
        progress.mode("fancy" if name == "variable" else None)


@pytest.fixture
def drawn(at_terminal, tmp_path):
    """What Ansible's Display and ours write, as a terminal shows it."""
    shown = terminals.Screen(80, 24)
    at_terminal.setattr(screen, "PATH", str(tmp_path / "screen.json"))
    at_terminal.setattr(screen, "size", lambda: (80, 24))
    at_terminal.setattr(screen, "_say", lambda text: shown.feed(text.replace("\n", "\r\n")))
    at_terminal.setattr(screen, "_lives", lambda pid: True)
    return shown


def host(name, number):
    made = screen.Screen(name)
    made.key = str(number)
    return made


def test_hosts_share_the_terminal(drawn, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(screen, "time", types.SimpleNamespace(time=lambda: clock[0]))
    first, second = host("h1", 1), host("h2", 2)
    drawn.feed("TASK [pull] ***\r\n")
    second.show(bars.Summary("Pulling web:1", 5, 10, 0, 1))
    first.show(bars.Summary("Pulling web:1", 1, 10, 0, 1))
    assert [line.split()[:2] for line in drawn.lines()] == [
        ["TASK", "[pull]"],
        [],
        ["h1", "Pulling"],
        ["h2", "Pulling"],
    ]
    drawn.feed(
        "[WARNING]: something of Ansible's\r\n"
    )  # comes on the free line, and what is left over goes with the next drawing
    first.show(bars.Summary("Pulling web:1", 2, 10, 0, 1))
    assert [line.split()[:2] for line in drawn.lines()] == [
        ["TASK", "[pull]"],
        ["[WARNING]:", "something"],
        [],
        ["h1", "Pulling"],
        ["h2", "Pulling"],
    ]
    screen.leave(first)
    first_lines = drawn.lines()
    assert first_lines == ["TASK [pull] ***", "[WARNING]: something of Ansible's"]
    second.show(bars.Summary("Pulling web:1", 6, 10, 0, 1))
    assert drawn.lines() == first_lines  # the result of h1 is on its way
    drawn.feed("changed: [h1]\r\n")
    clock[0] += 1
    second.show(bars.Summary("Pulling web:1", 7, 10, 0, 1))
    assert [line.split()[:1] for line in drawn.lines()[2:]] == [["changed:"], [], ["h2"]]
    screen.leave(second)
    drawn.feed("changed: [h2]\r\n")
    assert drawn.lines()[2:] == ["changed: [h1]", "changed: [h2]"]


def test_a_task_that_was_short_erases_what_others_show(drawn):
    host("h1", 1).show(bars.Summary("Pulling web:1", 5, 10, 0, 1))
    screen.leave(None)
    assert drawn.lines() == []


def test_rows_of_processes_that_are_gone_go(drawn, monkeypatch):
    host("h1", 1).show(bars.Summary("Pulling web:1", 5, 10, 0, 1))
    monkeypatch.setattr(screen, "_lives", lambda pid: pid != 1)
    host("h2", 2).show(bars.Summary("Pulling web:1", 5, 10, 0, 1))
    assert [line.split()[:1] for line in drawn.lines()] == [[], ["h2"]]


def test_a_short_task_starts_and_says_nothing(at_terminal, tmp_path):
    """The module is told a name, and that is all: no look, no drawing, no file."""
    at_terminal.setattr(screen, "PATH", str(tmp_path / "screen.json"))
    looks = []
    at_terminal.setattr(progress, "_reader", looks.append)
    action = types.SimpleNamespace(
        only_looks=False, _task=types.SimpleNamespace(check_mode=False, async_val=0, no_log=False)
    )
    with progress.Live(action, {"inventory_hostname": "h1"}) as live, live.watched() as told:
        assert list(told) == ["progress"] and len(told["progress"]) == 32
        live.bytes("Sending", 1, 2)
    assert looks == [] and os.listdir(tmp_path) == []


@pytest.mark.parametrize("kind", ["check_mode", "async_val", "only_looks", "no_log"])
def test_none_in_check_mode_and_in_the_background(at_terminal, kind):
    task = types.SimpleNamespace(
        check_mode=kind == "check_mode",
        async_val=10 * (kind == "async_val"),
        no_log=kind == "no_log",
    )
    with (
        progress.Live(
            types.SimpleNamespace(only_looks=kind == "only_looks", _task=task), {}
        ) as live,
        live.watched() as told,
    ):
        assert told == {}
