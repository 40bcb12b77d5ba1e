# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups on the real kernel, whatever layout the machine has; each test's group goes with what runs in it."""

from __future__ import annotations

import secrets
import subprocess
import sys

import pytest
from pycontainer.kernel import cgroups


@pytest.fixture
def group():
    made = cgroups.create("test-" + secrets.token_hex(4))
    yield made
    made.thaw()
    made.remove()


@pytest.fixture
def run_in(group):
    """Start Python source in the group: ``run_in(source, *arguments) -> Popen`` (text, its output piped)."""
    started = []

    def run(source, *arguments, where=group):
        started.append(
            subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", source, *map(str, arguments)],
                preexec_fn=lambda: where.attach(0),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    yield run
    for process in started:
        group.thaw()
        group.kill()
        process.kill()
        process.communicate(timeout=20)
