# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store of an earlier version is used on; one of a later version is refused."""

from __future__ import annotations

import sqlite3

import pytest
from pycontainer.errors import HostError
from pycontainer.store import database


def old(path):
    """A database of version 1, with an image in it."""
    connection = sqlite3.connect(path)
    connection.executescript(
        database.SCHEMA
        + "PRAGMA user_version=1; INSERT INTO images VALUES ('sha256:1', 'sha256:2', 3, 4.0);"
    )
    connection.close()


def test_what_came_with_version_2_is_added(tmp_path):
    path = str(tmp_path / "state.db")
    old(path)
    found = database.Database(path)
    assert found.all("SELECT id FROM images") == [{"id": "sha256:1"}]
    found.run("INSERT INTO steps VALUES ('key', 'sha256:1', '', '')")
    found.run("DELETE FROM images")
    assert found.all("SELECT * FROM steps") == []  # a step goes with its image
    found.close()
    again = database.Database(path)
    assert again.one("PRAGMA user_version")["user_version"] == database.VERSION


def test_a_later_version_is_refused(tmp_path):
    path = str(tmp_path / "state.db")
    old(path)
    sqlite3.connect(path).execute(
        "PRAGMA user_version=%d" % (database.VERSION + 1)
    ).connection.close()
    with pytest.raises(HostError, match="newer version"):
        database.Database(path).all("SELECT 1")


def test_names_that_can_be_read_as_ids_are_taken_away(tmp_path):
    """Earlier versions took them; they would hide the image whose id they are, and could not be named any more."""
    path, digits = str(tmp_path / "state.db"), "a" * 64
    old(path)
    connection = sqlite3.connect(path)
    connection.executescript(
        f"INSERT INTO tags VALUES ('docker.io/library/sha256:{digits}', 'sha256:1'), "
        "('docker.io/library/sha256-tools:1', 'sha256:1'),('r.example/sha256:1', 'sha256:1'); "
        f"INSERT INTO digests VALUES ('docker.io/library/sha256', 'sha256:{digits}', "
        "'sha256:1'),('docker.io/library/web', 'sha256:2', 'sha256:1');"
    )
    connection.close()
    found = database.Database(path)
    assert found.all("SELECT reference FROM tags ORDER BY 1") == [
        {"reference": "docker.io/library/sha256-tools:1"},
        {"reference": "r.example/sha256:1"},
    ]
    assert found.all("SELECT repository FROM digests") == [{"repository": "docker.io/library/web"}]
