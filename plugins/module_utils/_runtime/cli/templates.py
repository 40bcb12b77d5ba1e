# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``--format``: fill a template in, with errors of a command line (``options/go_templates.py``)."""

from __future__ import annotations

from ..options import go_templates
from .grammar import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def fill(template: str, record: Any) -> str:
    """Return the text that ``template`` makes of ``record``.

    :raises UsageError: for one that can't be read or filled.
    """
    try:
        return go_templates.fill(template, record)
    except go_templates.Fault as fault:
        raise UsageError(f"--format: {fault}") from None
