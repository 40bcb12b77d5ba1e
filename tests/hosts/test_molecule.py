# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Molecule with the playbooks of this collection: instances on another machine, over SSH, from create to destroy."""

from __future__ import annotations

import os
import shutil

import pytest
from hosts.conftest import BIN, fleet_of
from support.fleet import roots

IMAGE = "molecule-debian:12"
# The files of a host itself, which has systemd and Python, as an image.
MAKE_IMAGE = f"""
pycontainer image inspect {IMAGE} > /dev/null 2>&1 && exit
tar --one-file-system --exclude=./var/lib/pycontainer --exclude=./var/tmp/* --exclude=./run/* -C / -cf /var/tmp/root.tar .
pycontainer import -c 'CMD ["/sbin/init"]' /var/tmp/root.tar {IMAGE}
rm /var/tmp/root.tar
"""


@pytest.fixture(scope="module")
def machine():
    if not (BIN / "molecule").exists():
        pytest.skip("molecule is not installed")
    with fleet_of(1, "molecule") as made:
        yield made


@pytest.fixture
def molecule(machine, play, collections, tmp_path):
    """``molecule(directory, *words)``: a command of Molecule for the scenarios there; ``(exit code, output)``."""
    play(machine, [{"pycontainer.engine.host": {}}])
    made = machine.execute("h1", "sh", "-ec", MAKE_IMAGE)
    assert made.returncode == 0, made.stdout
    inventory = tmp_path / "machines"
    inventory.write_text(machine.inventory.read_text().replace("[fleet", "[machines"))

    def run(directory, *words):
        environment = {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "ANSIBLE_COLLECTIONS_PATH": str(collections),
            "MOLECULE_IMAGE": IMAGE,
            "MOLECULE_MACHINE": "h1",
            "MOLECULE_INVENTORY": str(inventory),
            "NO_COLOR": "1",
        }
        done = machine.run(BIN / "molecule", *words, environment=environment, cwd=directory)
        return done.returncode, done.stdout

    run.inventory = inventory
    return run


@pytest.mark.timeout(1200)
def test_a_role_of_this_collection(molecule, machine, tmp_path):
    shutil.copytree(roots.CHECKOUT / "extensions", tmp_path / "extensions")
    rc, output = molecule(tmp_path / "extensions", "test", "-s", "host")
    assert rc == 0, output[-8000:]
    assert machine.execute("h1", "pycontainer", "ps", "-aq").stdout == ""
