# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manual pages of the command line: of every command, as groff reads them, written where asked."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from pycontainer.cli import command_table
from pycontainer.cli.commands.system import man_pages


def test_every_command_and_flag_has_its_place():
    pages = man_pages.pages()
    assert len(pages) == 1 + len(command_table.COMMANDS)
    for command in command_table.COMMANDS:
        page = pages[man_pages.page_name(command) + ".1"].replace("\\-", "-")
        assert command.help in page, command.names
        for flag in command.flags:
            assert all(f"\\fB{name}\\fR" in page for name in flag.names), flag.names
        assert f"\\fB{command.names[0]}\\fR" in pages["pycontainer.1"].replace("\\-", "-")
    assert man_pages._text(".x -a\\b") == "\\&.x \\-a\\eb"


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_groff_has_nothing_to_say_of_them():
    for name, page in man_pages.pages().items():
        done = subprocess.run(
            ["groff", "-man", "-Tutf8", "-ww", "-P-cbou"],
            input=page,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), name
        assert "NAME" in done.stdout, name


def test_a_page_is_printed(docker):
    assert ".SH SYNOPSIS" in docker("man") and docker("man").startswith('.\\"')
    assert "pycontainer volume create" in docker("man", "volume", "create").replace("\\-", "-")
    assert "no page of 'volume foo'" in docker("man", "volume", "foo", rc=125)
    assert "either a command or --directory" in docker("man", "ps", "--directory", "/x", rc=125)


def test_all_pages_are_written_once(docker, tmp_path):
    top = tmp_path / "share" / "man1"
    words = ["man", "--directory", str(top)]
    foretold = docker.task(*words, check=True)
    assert foretold["changed"] and not top.exists()
    done = docker.task(*words)
    assert foretold["actions"] == done["actions"]
    assert sorted(os.listdir(top)) == sorted(man_pages.pages())
    assert not docker.task(*words)["changed"]
    (top / "pycontainer-gone.1").write_text(man_pages.MARK + "\n")
    (top / "pycontainer-mine.1").write_text("of another\n")
    (top / "pycontainer-ps.1").write_text(man_pages.MARK + "\n")
    again = docker.task(*words)
    assert len(again["actions"]) == 2
    assert sorted(os.listdir(top)) == sorted([*man_pages.pages(), "pycontainer-mine.1"])
    assert not docker.task(*words)["changed"]
