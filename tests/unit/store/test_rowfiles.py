# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every row has its copy, whatever statement changed it; from the copies a database is built again."""

from __future__ import annotations

import os

import pytest
from pycontainer.store import database, rowfiles

ROWS = {
    "images": ("sha256:1", "sha256:m", 3, 4.5),
    "tags": ("docker.io/library/a:1", "sha256:1"),
    "digests": ("docker.io/library/a", "sha256:m", "sha256:1"),
    "layers": ("sha256:l", 1, None, 7),
    "containers": ("c" * 64, "web", '{"env": {"A": "\u00e4"}}', "sha256:1", "running", 1.25),
    "volumes": ("data", "{}", 0, 1.5),
    "networks": ("inner", "n", "{}", 2.5),
    "addresses": ("inner", "172.20.0.2", "c" * 64, "02:42"),
    "ports": ("tcp", "0.0.0.0", 80, "c" * 64),
    "registries": ("local", "{}", "started"),
    "steps": ("key", "sha256:1", "", "now"),
    "uses": ("sha256:1", "sha256:1"),
    "id_ranges": ("c" * 64, 7, 8),
}


@pytest.fixture
def store(tmp_path):
    found = database.Database(str(tmp_path / "state.db"), records=str(tmp_path / "records"))
    yield found
    found.close()


def fill(store):
    for table in rowfiles.KEYS:
        store.run(f"INSERT INTO {table} VALUES ({', '.join('?' * len(ROWS[table]))})", *ROWS[table])


def copies(store):
    found, broken = rowfiles.load(store.records)
    assert not broken
    return found


def rows(store):
    return {table: store.all(f"SELECT * FROM {table}") for table in rowfiles.KEYS}


def test_every_table_is_known(store):
    """A table without copies is lost with the database: enter it in KEYS, or here if it is void without its task."""
    tables = {
        row["name"]: row["sql"]
        for row in store.all(
            "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        )
    }
    assert set(tables) - {"operations"} == set(rowfiles.KEYS)
    for table, keys in rowfiles.KEYS.items():
        primary = [
            row["name"]
            for row in sorted(store.all(f"PRAGMA table_info({table})"), key=lambda row: row["pk"])
            if row["pk"]
        ]
        assert tuple(primary) == keys


def test_copies_follow_the_rows(store):
    fill(store)
    assert copies(store) == rows(store) and all(rows(store).values())
    store.run("UPDATE containers SET name = ?", "other")
    store.run(
        "INSERT OR REPLACE INTO id_ranges (container, first, size) VALUES (?, 1, 2)", "c" * 64
    )
    store.run(
        "INSERT INTO tags (reference, image) VALUES ('docker.io/library/a:1', 'sha256:1') ON "
        "CONFLICT (reference) DO UPDATE SET image = excluded.image"
    )
    assert copies(store) == rows(store)
    with store.transaction() as connection:
        connection.execute("DELETE FROM tags")
        connection.execute("DELETE FROM digests")
        connection.execute("DELETE FROM images")  # and with it, by the schema, steps and uses
    assert copies(store) == rows(store) and not rows(store)["steps"]
    for table in ("addresses", "networks", "volumes", "containers"):
        store.run(f"DELETE FROM {table}")
    assert copies(store) == rows(store) and not any(
        name for name in os.listdir(os.path.join(store.records, "containers"))
    )


def test_what_is_rolled_back_is_not_copied(store):
    store.run("INSERT INTO volumes VALUES ('a', '{}', 0, 0)")
    with pytest.raises(ValueError), store.transaction() as connection:
        connection.execute("INSERT INTO networks VALUES ('n', 'i', '{}', 0)")
        connection.execute("DELETE FROM volumes")
        raise ValueError
    assert copies(store) == rows(store)
    with store.transaction() as connection:
        connection.execute("INSERT INTO networks VALUES ('n', 'i', '{}', 0)")
        connection.execute("DELETE FROM volumes")
    assert copies(store) == rows(store) and rows(store)["networks"]


def test_two_connections(store):
    other = database.Database(store.path, records=store.records)
    store.run("INSERT INTO volumes VALUES ('a', '{}', 0, 0)")
    other.run("UPDATE volumes SET anonymous = 1")
    store.run("INSERT INTO volumes VALUES ('b', '{}', 0, 0)")
    other.close()
    assert copies(store) == rows(store)


def test_a_copy_that_could_not_be_written_is_written_the_next_time(store, tmp_path, monkeypatch):
    store.run("INSERT INTO volumes VALUES ('a', '{}', 0, 0)")
    store.secure("now", str(tmp_path / "backups" / "1"))

    def full(*_arguments, **_options):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(rowfiles, "write_whole", full)
        store.run("UPDATE volumes SET anonymous = 1")
        assert copies(store) != rows(store)
    store.secure("now", str(tmp_path / "backups" / "2"))
    assert copies(store) == rows(store)


def test_copies_and_a_backup_for_each_boot_and_version(store, tmp_path):
    fill(store)
    path = os.path.join(
        store.records, "volumes", os.listdir(os.path.join(store.records, "volumes"))[0]
    )
    with open(path, "w") as file:
        file.write("garbage")
    with open(os.path.join(store.records, "tags", "0" * 40), "w") as file:
        file.write('{"reference": "more"}')
    assert rowfiles.load(store.records)[1] == [
        f"the record volumes/{os.path.basename(path)} can't be read"
    ]
    for number in range(5):
        store.secure("boot %d" % number, str(tmp_path / "backups" / str(number)))
        store.secure("boot %d" % number, str(tmp_path / "backups" / "not again"))
    assert copies(store) == rows(store)
    assert sorted(os.listdir(tmp_path / "backups")) == ["2", "3", "4"]
    backup = database.Database(str(tmp_path / "backups" / "4"))
    assert rows(backup) == rows(store)
    backup.close()


def test_a_database_is_filled_from_copies(store, tmp_path):
    fill(store)
    found = copies(store)
    found["tags"].append({"reference": "docker.io/library/b:1", "image": "sha256:none"})
    other = database.Database(str(tmp_path / "other.db"))
    assert [(table, row["reference"]) for table, row, _why in other.fill(found)] == [
        ("tags", "docker.io/library/b:1")
    ]
    assert rows(other) == rows(store)
    other.close()


def test_an_empty_store_costs_no_backup(store, tmp_path):
    store.secure("now", str(tmp_path / "backups" / "1"))
    assert not (tmp_path / "backups").exists() and rowfiles.mark_of(store.records) == "now"
