# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Completion of the command line: what is offered, and the scripts of the shells, run by these shells."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from pycontainer.cli import command_table
from pycontainer.cli.commands.system import completion
from pycontainer.containers import options
from pycontainer.deploy import install


@pytest.fixture
def offered(docker):
    docker("create", "--name", "resting", "box:1")
    docker("run", "-d", "--name", "web", "--network", "none", "box:1", "sleep", "1000")
    docker("volume", "create", "data")
    docker("network", "create", "front")
    paths = docker.engine.paths

    def words(*typed):
        lines = completion.offered(["--root", paths.data, "--runroot", paths.run, *typed])
        return {line.partition("\t")[0] for line in lines}

    return words


def test_what_is_offered(offered):
    assert {"ps", "network", "completion"} <= offered("") and "__complete" not in offered("")
    assert offered("network", "c") == {"connect", "create"}
    assert offered("stop", "") == {"web"} and offered("start", "") == {"resting"}
    assert offered("rm", "-f", "resting", "w") == {"web"}
    assert offered("run", "--network", "") >= {"front", "host", "none"}
    assert offered("run", "--network=f") == {"--network=front"}
    assert offered("run", "-it", "--restart", "un") == {"unless-stopped"}
    assert offered("ps", "--no") == {"--no-trunc"}
    assert offered("run", "b") == {"box:1"} and offered("network", "connect", "front", "w") == {
        "web"
    }
    assert offered("inspect", "") == {"resting", "web", "box:1", "data", "front", "bridge"}
    assert offered("volume", "create", "") == offered("run", "box:1", "s") == set()
    assert offered("manifest", "annotate", "--arch", "riscv") == {"riscv64"}
    assert offered("no-such-command", "") == offered("rename", "web", "") == set()


def test_flags_and_their_words_are_the_options():
    """What is offered for a flag are the words that its option accepts."""
    known = {flag.names[-1]: flag for flag in command_table.RUN_FLAGS}
    rows = {**options.TABLE.options, **options.TABLE.behaviour}
    for name, words in completion.VALUES.items():
        if name in known:
            choices = rows[known[name].option].choices
            assert not choices or {str(word) for word in choices} >= set(words), name


def split(words):
    """The command, and what names its store."""
    return words[: words.index("--root")], words[words.index("--root") :]


@pytest.fixture
def shell(docker, tmp_path, offered):
    """Have a shell complete a line: the words that it is left with."""
    install.ensure(docker.engine)
    command, store = split(install.command_line(docker.engine))
    (tmp_path / "pycontainer").write_text('#!/bin/sh\nexec %s "$@"\n' % " ".join(command))
    (tmp_path / "pycontainer").chmod(0o755)

    def complete(name, words, ask):
        if shutil.which(name) is None:
            pytest.skip(f"needs {name}")
        script = tmp_path / f"completion.{name}"
        script.write_text(docker("completion", name))
        line = " ".join(["pycontainer", *store, *words])
        done = subprocess.run(
            [name, *(["-f"] if name == "zsh" else []), "-c", ask],
            env={
                "PATH": f"{tmp_path}:{os.environ['PATH']}",
                "HOME": str(tmp_path),
                "SCRIPT": str(script),
                "LINE": line,
            },
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.stderr == "" and done.returncode == 0
        return {word.partition("\t")[0] for word in done.stdout.split("\n") if word}

    return complete


ASK = {
    "bash": 'source "$SCRIPT"; COMP_LINE=$LINE COMP_POINT=${#LINE}; _pycontainer; '
    "printf '%s\\n' \"${COMPREPLY[@]}\"",
    "fish": 'source "$SCRIPT"; complete -C "$LINE"',
    # zsh completes at a terminal alone: what it would offer is printed.
    "zsh": "compdef() {}; _describe() { print -rl -- ${${offered//\\\\:/;}%%:*} }; "
    '_files() { print files }; source "$SCRIPT"; words=("${(@s: :)LINE}"); '
    "CURRENT=$#words; _pycontainer",
}


@pytest.mark.parametrize("name", sorted(ASK))
def test_the_scripts(shell, name):
    assert shell(name, ["network", "c"], ASK[name]) == {"connect", "create"}
    assert shell(name, ["stop", "w"], ASK[name]) == {"web"}
    left = {
        "bash": {"1"},
        "fish": {"box:1"},
        "zsh": {"box;1"},
    }  # bash replaces what follows the ":"
    assert shell(name, ["run", "box:"], ASK[name]) == left[name]


def test_another_shell_is_refused(docker):
    done = docker.task("completion", "tcsh")
    assert (
        done["rc"] == 1
        and "SHELL: 'tcsh' is not valid; accepted: bash, zsh, fish" in done["stderr"]
    )
