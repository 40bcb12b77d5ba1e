# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine's store: made on first use, left alone in check mode."""

from __future__ import annotations

import os
import stat

from pycontainer.store import database


def test_store_is_made_for_root_alone(engine):
    engine.db.all("SELECT * FROM containers")
    for path, mode in (
        (engine.paths.data, 0o711),
        (engine.paths.runtime, 0o711),
        (engine.paths.containers, 0o700),
        (engine.paths.locks, 0o700),
    ):
        assert stat.S_IMODE(os.stat(path).st_mode) == mode
    assert os.path.exists(engine.paths.database)


def test_check_mode_makes_nothing(check_engine):
    assert check_engine.db.all("SELECT * FROM containers") == []
    assert not os.path.exists(check_engine.paths.data)
    assert os.listdir(check_engine.paths.run) == []


def test_a_store_of_an_older_version_gets_what_it_lacks(engine):
    from pycontainer.engine import Engine

    engine.db.run(
        "INSERT INTO volumes (name, options, anonymous, created) VALUES ('kept', '{}', 0, 0)"
    )
    engine.db.run("DROP TABLE id_ranges")
    engine.db.connection.execute("PRAGMA user_version=2")
    engine.db.close()
    with Engine(engine.paths.data, engine.paths.run) as again:
        assert again.db.all("SELECT * FROM id_ranges") == [] and again.db.one(
            "SELECT name FROM volumes"
        ) == {"name": "kept"}
        assert again.db.one("PRAGMA user_version") == {"user_version": database.VERSION}
