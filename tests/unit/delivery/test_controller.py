# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task says when the controller itself refuses a step."""

from __future__ import annotations

import pytest

delivery = pytest.importorskip(
    "ansible_collections.pycontainer.engine.plugins.plugin_utils._delivery.delivery"
)  # of the environment that has Ansible


def test_an_error_of_the_controller_is_a_sentence_with_the_path(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(delivery.AnsibleActionFail) as seen:
        delivery.carry_out(None, {"name": "x", "path": "x.tar"}, None)
    assert f"controller: not a directory: {tmp_path}/file" in str(
        seen.value
    ) and "[Errno" not in str(seen.value)
