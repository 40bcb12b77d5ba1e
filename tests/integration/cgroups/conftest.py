# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups on the real kernel, whatever layout the machine has; each test's group goes with what runs in it."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys

import pytest
from pycontainer.kernel import cgroups
from pycontainer.kernel.cgroups import lifecycle


@pytest.fixture(scope="session", autouse=True)
def no_base_left():
    """The engine's own parent group goes too, unless it was there before."""
    there = any(os.path.isdir(path) for path in cgroups.base_paths().values())
    yield
    if not there:
        lifecycle.until(cgroups.remove_base, 2)


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
        started.append(subprocess.Popen([sys.executable, "-I", "-S", "-c", source, *map(str, arguments)], preexec_fn=lambda: where.attach(0),
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield run
    for process in started:
        group.thaw()
        group.kill()
        process.kill()
        process.communicate(timeout=20)
