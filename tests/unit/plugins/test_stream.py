# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hosts answer is shown on the controller's terminal without control characters."""

from __future__ import annotations

import os
import pty

import pytest
from ansible_collections.pycontainer.engine.plugins.plugin_utils import _stream


@pytest.mark.parametrize(
    "lines", [["no table \x1b[2J\x07"], ["NAME   CPU", "web\x1b[2J   1"]], ids=["line", "table"]
)
def test_what_a_host_says_moves_no_cursor(lines, tmp_path, monkeypatch):
    controller, terminal = pty.openpty()
    monkeypatch.setattr(_stream, "_fd", terminal)
    monkeypatch.setattr(_stream, "PATH", str(tmp_path / "state"))
    _stream._draw("alpha", lines)
    shown = os.read(controller, 65536)
    os.close(controller)
    os.close(terminal)
    assert shown.startswith(b"\r\x1b[J")
    assert b"\x1b" not in shown[4:] and b"\x07" not in shown
    assert b"[2J" in shown


class Action:
    """A task whose connection's host says nothing at all."""

    def _low_level_execute_command(self, _command, in_data):
        assert in_data
        return {"rc": 0, "stdout_lines": [], "stderr": ""}


def test_a_host_that_says_nothing_ends_it(monkeypatch):
    monkeypatch.setattr(_stream.time, "sleep", lambda _seconds: None)
    monkeypatch.setattr(_stream, "check", lambda *_words: None)
    result = _stream.logs(Action(), ["logs", "-f", "", "web"], {}, lambda _given: {"rc": 0})
    assert result["stdout_lines"] == []
