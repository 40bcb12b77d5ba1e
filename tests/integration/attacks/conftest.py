# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every test here runs between two looks at the host (harness.py). ``boxes`` makes containers of the engine and, in a second
run of the same test, of the OCI command; ``program`` compiles an attack's C source from ``programs/``."""

from __future__ import annotations

import pathlib
import shutil
import subprocess

import pytest
from support import waiting

from . import drivers, harness

PROGRAMS = pathlib.Path(__file__).parent / "programs"


@pytest.fixture(autouse=True)
def host(scratch, tmp_path):
    """The harness around each test. A test that ends well and leaves the host changed fails."""
    found = harness.Host(str(tmp_path), [str(tmp_path), *scratch])
    yield found
    changes, left = found.changes(), found.left()
    found.close()
    assert not changes, "the host was changed:\n" + "\n".join(changes)
    assert not left, "something is left of the containers:\n" + "\n".join(left)


@pytest.fixture(scope="session", autouse=True)
def interpreter():
    """The host's Python and its libraries are byte for byte what they were when the folder's tests began."""
    paths = harness.interpreter_files()
    before = harness.digests(paths)
    yield
    assert harness.digests(paths) == before


@pytest.fixture(params=["engine", "oci"])
def boxes(request, scratch, host):
    from pycontainer.store.paths import Paths

    paths = Paths(*scratch)
    paths.make()
    made = drivers.Boxes(paths, host, request.param)
    yield made
    made.end()


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    """``program(name, *flags)``: the static program made from programs/<name>.c."""
    if not shutil.which("gcc"):
        pytest.skip("no C compiler (Debian: gcc, libc6-dev)")
    directory, made = tmp_path_factory.mktemp("programs"), {}

    def build(name, *flags):
        if (name, flags) not in made:
            made[name, flags] = str(directory / (f"{name}-{len(made)}"))
            subprocess.run(
                [
                    "gcc",
                    "-O1",
                    "-Wall",
                    "-static",
                    *flags,
                    "-o",
                    made[name, flags],
                    str(PROGRAMS / (name + ".c")),
                ],
                check=True,
            )
        return made[name, flags]

    return build


@pytest.fixture
def eventually():
    return waiting.eventually
