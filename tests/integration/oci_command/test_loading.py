# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command as it lies on a host: a container's whole life needs no module but those of its bundle (oci/loading.py)."""

from __future__ import annotations

import os
import subprocess

from pycontainer import install

from .conftest import CHECKOUT


def test_a_whole_life_comes_out_of_the_bundle(engine, bundle, runtime):
    """What is loaded besides costs each start some milliseconds, as fractions and decimal once did at the end of every container."""
    copy = install.ensure(engine)
    command = [os.path.join(copy.path, install.OCI_COMMAND), "--root", runtime.root]
    assert subprocess.run([*command, "--version"], stdout=subprocess.PIPE, check=True).stdout  # it makes the bundle
    os.rename(os.path.join(copy.path, "pycontainer"), os.path.join(copy.path, "away"))
    bundle.shell("echo hello")
    done = subprocess.run([*command, "run", "--bundle", str(bundle.path), "c"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    assert done.stderr == "" and (done.returncode, done.stdout) == (0, "hello\n")
    assert os.listdir(runtime.root) == []


def test_the_usual_ways_are_known(runtime):  # pylint: disable=unused-argument # for its end, which takes the group that these leave
    """What they call and oci/usual.py does not name is fetched one by one; a few do not matter, many are more than they save."""
    done = subprocess.run(["/usr/bin/python3", str(CHECKOUT / "tests" / "tools" / "make_usual.py"), "--check"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, check=False, timeout=200)
    said = "tests/tools/make_usual.py makes the list again:\n" + done.stdout + done.stderr
    assert "Traceback" not in done.stderr and len(done.stdout.splitlines()) < 40, said
