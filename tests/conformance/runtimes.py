# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runtimes that are compared: a kind, and the path of an executable."""

from __future__ import annotations

import typing

import sources


class Runtime(typing.NamedTuple):
    kind: str  # runc, crun or ours
    path: str


def ours():
    """The path of an executable that runs this checkout as pycontainer-oci."""
    return sources.CHECKOUT / "tests" / "tools" / "pycontainer-oci"
