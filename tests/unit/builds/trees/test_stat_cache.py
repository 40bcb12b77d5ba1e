# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is remembered of a context's files."""

from __future__ import annotations

import json
import os
import time
import types

import pytest
from pycontainer.builds.trees import stat_cache


def entry(**changes):
    old = time.time_ns() - 10 * 10**9
    facts = dict(
        {"st_ino": 1, "st_size": 2, "st_mtime_ns": old, "st_ctime_ns": old, "st_mode": 0o100644},
        **changes,
    )
    return types.SimpleNamespace(path="a/b", status=types.SimpleNamespace(**facts))


def test_it_is_kept_between_builds(tmp_path):
    cache = stat_cache.StatCache(str(tmp_path / "x" / "cache"), True)
    first = entry()
    assert cache.get(first) is None
    cache.put(first, "digest")
    cache.save()
    again = stat_cache.StatCache(str(tmp_path / "x" / "cache"), True)
    assert again.get(first) == "digest"


@pytest.mark.parametrize("field", ["st_ino", "st_size", "st_mtime_ns", "st_ctime_ns", "st_mode"])
def test_any_difference_counts(tmp_path, field):
    cache, first = stat_cache.StatCache(str(tmp_path / "cache"), True), entry()
    cache.put(first, "digest")
    assert cache.get(first) == "digest"
    setattr(first.status, field, getattr(first.status, field) + 1)
    assert cache.get(first) is None


@pytest.mark.parametrize("field", ["st_mtime_ns", "st_ctime_ns"])
def test_what_changed_a_moment_ago_is_not_remembered(tmp_path, field):
    """It could change again within the clock's grain and look the same."""
    cache, young = (
        stat_cache.StatCache(str(tmp_path / "cache"), True),
        entry(**{field: time.time_ns()}),
    )
    cache.put(young, "digest")
    assert cache.get(young) is None


def test_check_mode_writes_nothing(tmp_path):
    cache = stat_cache.StatCache(str(tmp_path / "cache"), False)
    cache.put(entry(), "digest")
    cache.save()
    assert list(tmp_path.iterdir()) == []


def test_what_is_of_no_use_any_more_is_forgotten(tmp_path):
    """Files that are gone, and contexts that were in a temporary directory."""
    path, status = tmp_path / "cache", entry().status
    facts = stat_cache.StatCache._facts(status) + ["digest"]
    for count, kept in ((stat_cache.FEW, stat_cache.FEW + 1), (stat_cache.FEW + 4, 1)):
        path.write_text(json.dumps({"dist/%d.js" % number: facts for number in range(count)}))
        cache = stat_cache.StatCache(str(path), True)
        cache.put(entry(), "digest")
        cache.save()
        assert len(json.loads(path.read_text())) == kept
    for name, age in (("old", stat_cache.AGE + 100), ("young", stat_cache.AGE - 100)):
        (tmp_path / name).write_text("{}")
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    cache.put(entry(), "another")
    cache.save()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["cache", "young"]


@pytest.mark.parametrize("text", ["[]", "{}", "null", "", '{"x": [1'])
def test_a_strange_file_is_nothing_known(tmp_path, text):
    (tmp_path / "cache").write_text(text)
    assert stat_cache.StatCache(str(tmp_path / "cache"), True).get(entry()) is None
