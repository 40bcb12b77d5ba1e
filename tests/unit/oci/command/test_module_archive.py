# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The archive of the OCI command's modules is replaced whole."""

from __future__ import annotations

import os

from pycontainer.oci.command import module_archive


def test_an_archive_that_is_being_read_stays_what_it_is(tmp_path, monkeypatch):
    """A command that started from it reads on in it, while another version is laid down."""
    path = tmp_path / module_archive.FILE
    monkeypatch.setattr(module_archive, "_imports", lambda: ({}, {"here": module_archive}))
    module_archive.write(str(tmp_path))
    before = path.read_bytes()
    with open(path, "rb", 0) as read:
        half = read.read(len(before) // 2)
        monkeypatch.setattr(module_archive, "_imports", lambda: ({}, {}))
        module_archive.write(str(tmp_path))
        assert half + read.read() == before != path.read_bytes()
    assert os.listdir(tmp_path) == [module_archive.FILE]
