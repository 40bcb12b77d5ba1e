# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container's start: what the process sees, and what is refused."""

from __future__ import annotations


def test_runs_and_its_exit_code_is_recorded(boxes):
    box = boxes.shell("echo hello; echo oops >&2; exit 3")
    assert box.start() > 0
    assert box.wait() == 3
    state = box.state
    assert (state["status"], state["exit_code"], state["pid"]) == ("exited", 3, 0), (state, open(boxes.paths.run + "/zygote.log").read())
    assert sorted(box.log().split()) == ["hello", "oops"]
