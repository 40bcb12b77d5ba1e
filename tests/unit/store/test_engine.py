# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine's store: made on first use, left alone in check mode."""

from __future__ import annotations

import os
import stat


def test_store_is_made_for_root_alone(engine):
    engine.db.all("SELECT * FROM containers")
    for path in (engine.paths.data, engine.paths.containers, engine.paths.locks):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o700
    assert os.path.exists(engine.paths.database)


def test_check_mode_makes_nothing(check_engine):
    assert check_engine.db.all("SELECT * FROM containers") == []
    assert not os.path.exists(check_engine.paths.data)
    assert os.listdir(check_engine.paths.run) == []
