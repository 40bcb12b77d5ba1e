# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The container module's documentation says what its argument spec says, for every option and in the list of containers too."""

from __future__ import annotations

import ast
import pathlib

import yaml

MODULE = pathlib.Path(__file__).resolve().parents[3] / "plugins" / "modules" / "container.py"


def documented():
    for node in ast.parse(MODULE.read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "DOCUMENTATION":
            return yaml.safe_load(node.value.value)["options"]


def compare(spec, docs, where):
    assert set(spec) == set(docs), where
    for name, entry in spec.items():
        for key in ("type", "elements", "default", "choices", "required", "aliases"):
            assert entry.get(key) == docs[name].get(key) or (
                key == "required" and not entry.get(key)
            ), (where, name, key)
        assert ("options" in entry) == ("suboptions" in docs[name]), (where, name)
        if "options" in entry:
            compare(entry["options"], docs[name]["suboptions"], where + "." + name)


def test_documentation_and_argument_spec_agree(argument_spec):
    compare(argument_spec, documented(), "container")
