# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every option of the peers' modules is here with the same forms, or docs/comparison.md says what is instead."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

CHECKOUT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(CHECKOUT / "devel"))

import make_comparison  # noqa: E402
import peer_specs  # noqa: E402


def test_the_page_says_what_is_so():
    if not (peer_specs.DIRECTORY / "ansible_collections").is_dir():
        pytest.skip("the peers' collections are not here: run make .cache/peers/.filled")
    # In a process of its own: it replaces what modules hand their argument specs to.
    done = subprocess.run(
        [sys.executable, str(CHECKOUT / "devel" / "make_comparison.py"), "--check"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("theirs", "ours", "found"),
    [
        ({"type": "str"}, {"type": "str"}, []),
        ({"type": "str"}, {"type": "bool"}, ["type"]),
        ({"type": "int"}, {"type": "float"}, []),
        ({"type": "float"}, {"type": "int"}, ["type"]),
        ({"type": "str"}, {"type": "list", "elements": "str"}, []),
        ({"type": "list", "elements": "str"}, {"type": "str"}, ["type"]),
        ({"type": "list", "elements": "str"}, {"type": "list", "elements": "dict"}, ["type"]),
        ({"choices": ["a", "b"]}, {"choices": ["a", "b", "c"]}, []),
        ({"choices": ["a", "b"]}, {"choices": ["a"]}, ["choices"]),
        ({}, {"choices": ["a"]}, ["choices"]),
        ({"default": False, "type": "bool"}, {"type": "bool"}, []),
        ({"default": True, "type": "bool"}, {"type": "bool"}, ["default"]),
        ({"aliases": ["b"]}, {}, ["alias b"]),
    ],
)
def test_what_is_a_difference(theirs, ours, found):
    assert make_comparison.differences(theirs, ours, "a", {"a": ours}) == found


def notes_of(monkeypatch, **said):
    monkeypatch.setattr(make_comparison.notes, "OPTIONS", {"docker_volume_info": said})
    specs = {
        "docker_volume_info": {"options": {"name": {}, "size": {}}, "returns": {}},
        "volume_info": {"options": {"name": {}}, "returns": {}},
    }
    faults = make_comparison.Faults()
    return make_comparison.of_module("docker_volume_info", specs, faults), faults


def test_a_difference_without_a_note_is_a_fault(monkeypatch):
    _found, faults = notes_of(monkeypatch)
    assert faults == ["docker_volume_info.size: differs here (name) and has no note"]


def test_a_note_that_is_not_so_is_a_fault(monkeypatch):
    _found, faults = notes_of(monkeypatch, name="absent", size="absent", gone="absent")
    assert [fault.split(":")[0] for fault in faults] == [
        "docker_volume_info.name",
        "docker_volume_info.gone",
    ]


def test_what_is_counted(monkeypatch):
    found, faults = notes_of(monkeypatch, size="absent")
    assert found == (2, 1, [("size", "absent")]) and not faults
