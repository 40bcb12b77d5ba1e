# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command as it lies on a host: a container's whole life needs no module but those of its bundle (oci/command/loader.py)."""

from __future__ import annotations

import os
import subprocess

from pycontainer.deploy import install


def test_a_whole_life_comes_out_of_the_bundle(engine, bundle, runtime):
    """What is loaded besides costs each start some milliseconds, as fractions and decimal once did at the end of every container."""
    copy = install.ensure(engine)
    command = [os.path.join(copy.path, install.OCI_COMMAND), "--root", runtime.root]
    assert subprocess.run(
        [*command, "--version"], stdout=subprocess.PIPE, check=True
    ).stdout  # it makes the bundle
    os.rename(os.path.join(copy.path, "pycontainer"), os.path.join(copy.path, "away"))
    bundle.shell("echo hello")
    done = subprocess.run(
        [*command, "run", "--bundle", str(bundle.path), "c"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.stderr == "" and (done.returncode, done.stdout) == (0, "hello\n")
    assert os.listdir(runtime.root) == []
