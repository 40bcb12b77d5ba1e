# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directory of a container, and what is told of it."""

from __future__ import annotations

import os

import pytest
from pycontainer.errors import Conflict, EngineError, InvalidInput, NotFound
from pycontainer.kernel.processes import procfs
from pycontainer.oci.command import states
from pycontainer.oci.command.commands import kill


@pytest.fixture
def container(tmp_path):
    made = states.Container(str(tmp_path / "root"), "c-1_x+y.z")
    made.make(
        {
            "id": made.ident,
            "bundle": "/b",
            "rootfs": "/b/rootfs",
            "pid": 0,
            "pid_start": None,
            "created": "",
            "annotations": {"a": "b"},
        }
    )
    yield made
    if made.directory is not None:
        made.unlock()


def test_it_is_made_once(container):
    with pytest.raises(Conflict, match="already exists"):
        states.Container(container.root, container.ident).make({})
    assert os.stat(container.path).st_mode & 0o777 == 0o700
    container.remove()
    with pytest.raises(NotFound):
        states.open_container(container.root, container.ident)


def test_status_is_the_kernels(container):
    assert container.status() == "creating"
    child = os.fork()
    if child == 0:
        os.read(os.pipe()[0], 1)
    container.data.update(pid=child, pid_start=procfs.stat(child)["start"])
    container.write()
    again = states.open_container(container.root, container.ident)
    assert again.status() == "running"
    (open(container.path + "/start", "w")).close()
    assert again.status() == "created"
    os.kill(child, 9)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert again.status() == "stopped"  # dead, though nobody has waited for it
    assert again.state()["pid"] == 0 and again.state()["annotations"] == {"a": "b"}
    os.waitpid(child, 0)
    container.data.update(pid=os.getpid(), pid_start=procfs.stat(os.getpid())["start"] - 1)
    assert container.status() == "stopped"  # the number is another process's by now


def test_one_whose_maker_was_killed_is_stopped(container):
    container.unlock()
    again = states.open_container(container.root, container.ident)
    assert again.status() == "stopped", "killed before there was a status"
    again.data = container.data
    again.write()
    assert states.open_container(container.root, container.ident).status() == "stopped"


def test_a_status_that_can_not_be_read(container):
    with open(container.path + "/status", "w") as file:
        file.write("{")
    with pytest.raises(EngineError, match="status can't be read"):
        states.open_container(container.root, container.ident)


@pytest.mark.parametrize("ident", ["", ".", "..", "a/b", "a b", "ü", "a\n", "x" * 256])
def test_names_that_are_none(ident):
    with pytest.raises(InvalidInput, match="container id"):
        states.check_id(ident)


@pytest.mark.parametrize(
    "text, number",
    [
        ("9", 9),
        ("KILL", 9),
        ("SIGKILL", 9),
        ("sigterm", 15),
        ("Term", 15),
        ("RTMIN", 34),
        ("SIGRTMIN+3", 37),
        ("RTMAX-1", 63),
        ("64", 64),
        ("0", 0),
    ],
)
def test_signals(text, number):
    assert kill.signal_number(text) == number


@pytest.mark.parametrize(
    "text",
    ["", "00", "65", "-9", "NOPE", "SIG", "SIG_DFL", "TERM+1", "RTMIN+x", "BLOCK", "RTMAX+1"],
)
def test_signals_that_are_none(text):
    with pytest.raises(InvalidInput, match="signal"):
        kill.signal_number(text)
