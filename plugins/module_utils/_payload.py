# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole runtime, for the modules that bring it to a host: what is imported here travels with them."""

from __future__ import annotations

from ._runtime.deploy import entry_points


def package() -> str:
    """Return the name of the runtime package in the payload."""
    return entry_points.__name__.rsplit(".", 2)[0]
