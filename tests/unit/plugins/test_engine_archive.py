# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The archive in which the engine comes to a host: all of it, made once a run, and known by the same name."""

from __future__ import annotations

import base64
import io
import os
import subprocess
import sys
import zipfile

import pytest

engine_archive = pytest.importorskip(
    "ansible_collections.pycontainer.engine.plugins.plugin_utils._engine_archive"
)  # of the environment that has Ansible
fingerprint = engine_archive.fingerprint


def test_it_holds_the_whole_engine_under_the_same_name(tmp_path, monkeypatch):
    monkeypatch.setattr(engine_archive.C, "DEFAULT_LOCAL_TMP", str(tmp_path))
    data = base64.b64decode(engine_archive.packed())
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert {
            name: archive.read(name) for name in archive.namelist() if name.endswith(".py")
        } == {f"pycontainer/{path}": fingerprint.read(path) for path in fingerprint.sources()}
    (tmp_path / "engine.zip").write_bytes(data)
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pycontainer.deploy import fingerprint as f; "
        "print(f.archive(), f.name())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "engine.zip"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [str(tmp_path / "engine.zip"), fingerprint.name()]


def test_it_is_made_once_a_run(tmp_path, monkeypatch):
    monkeypatch.setattr(engine_archive.C, "DEFAULT_LOCAL_TMP", str(tmp_path))
    first = engine_archive.packed()
    monkeypatch.setattr(engine_archive, "_made", None)
    assert engine_archive.packed() == first
    assert len(os.listdir(tmp_path)) == 1
