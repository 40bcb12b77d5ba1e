# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A package's ``__getattr__`` (PEP 562): hand names on without loading the files that they are in before somebody asks."""

from __future__ import annotations

import importlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


def door(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """A package's ``__getattr__``.

    :param package: its ``__name__``. :param homes: ``{name: "file"}`` or ``{name: "chapter.file:attribute"}``, where the name differs.
    """

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package} has no attribute {name}")
        module, _colon, attribute = homes[name].partition(":")
        return getattr(importlib.import_module("." + module, package), attribute or name)

    return find
