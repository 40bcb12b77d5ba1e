# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""PYCONTAINER_TRACE=1 in the environment of a command: the steps of a start stand in the zygote's log."""

from __future__ import annotations

import os
import pathlib


def lines(engine):
    """What the zygote's log has of a start."""
    log = pathlib.Path(engine.paths.run, "zygote.log")
    text = log.read_text(encoding="utf-8") if log.exists() else ""
    return [line for line in text.splitlines() if line.startswith("trace ")]


def test_a_start_is_told_when_that_is_asked_for(docker, monkeypatch):
    code, output, errors = docker.on_host("run", "--rm", "box:1", "echo", "hello")
    assert (code, output, errors) == (0, "hello\n", "") and not lines(docker.engine)
    monkeypatch.setitem(os.environ, "PYCONTAINER_TRACE", "1")
    code, output, errors = docker.on_host("run", "--rm", "box:1", "echo", "hello")
    assert (code, output, errors) == (0, "hello\n", "")
    told = "\n".join(lines(docker.engine))
    for step in (
        "outside: write down that there is a process",
        "outside: connect its network",
        "inside: enter the root",
        "inside: install the seccomp filter (nothing more is traced)",
    ):
        assert step in told, told
