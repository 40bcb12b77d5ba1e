# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The types of config.json's sections name the fields that its form names, and no others."""

from __future__ import annotations

import pathlib
import typing

import pytest
from pycontainer.oci.spec import config_types, schema

HERE = pathlib.Path(config_types.__file__).read_text()
PLAIN = {schema.TEXT: str, schema.FLAG: bool, schema.INTEGER: int, schema.NATURAL: int}


@pytest.fixture(scope="module")
def types():
    """The classes, which are there for type checkers alone otherwise."""
    runtime = pathlib.Path(config_types.__file__).parents[2]
    seccomp = (runtime / "kernel/seccomp/compiler.py").read_text()
    parts = [
        seccomp[seccomp.index("    class ProfileArgument") : seccomp.index("MAX_INSTR")],
        "    Seccomp = Profile\n",
        HERE[HERE.index("    # Keys that") :],
    ]
    found = {"__name__": "types"}
    for text in parts:
        exec("from typing import *\nif True:\n" + text, found)
    return found


def differences(form, hint, types, where):
    """What a form and a type do not have in common."""
    if isinstance(hint, typing.ForwardRef):
        hint = eval(hint.__forward_arg__, types)
    inner = typing.get_args(hint)
    if isinstance(form, str):
        return [] if hint is PLAIN[form] else [f"{where}: {hint}"]
    if isinstance(form, list):
        return differences(form[0], inner[0], types, where + "[]")
    if isinstance(form, schema._Map):
        return differences(form.form, inner[1], types, where + "{}")
    named = {name.rstrip("!"): entry for name, entry in form.items() if name != schema._COUNT}
    fields = {
        name: eval(entry.__forward_arg__, types) if isinstance(entry, typing.ForwardRef) else entry
        for name, entry in hint.__annotations__.items()
    }
    fields.pop("args", None) if where == ".process" else None  # its form is looked at by program.py
    found = [f"{where}.{name}" for name in set(named) ^ set(fields)]
    for name in set(named) & set(fields):
        found += differences(named[name], fields[name], types, f"{where}.{name}")
    return found


def test_types_and_forms_name_the_same_fields(types):
    assert differences(schema._DOCUMENT, types["Config"], types, "") == []


def test_a_field_that_only_one_of_them_has_is_seen(types, monkeypatch):
    monkeypatch.setitem(schema._DOCUMENT["linux"], "newField", schema.TEXT)
    assert differences(schema._DOCUMENT, types["Config"], types, "") == [".linux.newField"]
