# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one way a package hands names on without loading the files that they are in: a door that opens when somebody asks (PEP 562)."""

from __future__ import annotations

import importlib


def door(package, homes):
    """A package's ``__getattr__``.

    :param package: its ``__name__``. :param homes: ``{name: "file"}`` or ``{name: "chapter.file:attribute"}``, where the name differs.
    """

    def find(name):
        if name not in homes:
            raise AttributeError(f"module {package} has no attribute {name}")
        module, _colon, attribute = homes[name].partition(":")
        return getattr(importlib.import_module("." + module, package), attribute or name)

    return find
