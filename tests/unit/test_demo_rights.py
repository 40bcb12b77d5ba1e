# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``make demo`` says to a user who is not root."""

from __future__ import annotations

import pathlib
import subprocess

import pytest

SCRIPT = pathlib.Path(__file__).resolve().parents[1] / "tools" / "requirements.sh"


@pytest.fixture
def asked(tmp_path):
    """``asked(uid, sudo's exit code or None, *words)``: exit code and standard error."""

    def run(uid, sudo, *words):
        commands = {
            "id": "echo %d" % uid,
            "sudo": None if sudo is None else '[ "$*" = "-k -n true" ] && exit %d; exit 9' % sudo,
        }
        for name, text in commands.items():
            if text is not None:
                (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
                (tmp_path / name).chmod(0o755)
        done = subprocess.run(
            ["/bin/sh", SCRIPT, "root", *words],
            env={"PATH": str(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    return run


def test_root_and_users_whom_sudo_asks_nothing_go_on(asked):
    assert asked(0, None) == (0, "")
    assert asked(1000, 0) == (0, "")


def test_the_line_to_use_is_told_where_sudo_wants_a_password(asked):
    assert asked(1000, 1) == (
        1,
        "sudo wants a password here: run 'make demo ASK=-K', and Ansible asks for it.\n",
    )
    assert asked(1000, 1, "-K") == (0, "")


def test_a_machine_without_sudo(asked):
    assert asked(1000, None) == (
        1,
        "This needs root, and there is no sudo on this machine: run it as root.\n",
    )
    assert asked(1000, None, "-K")[0] == 1
