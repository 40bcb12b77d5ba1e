# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The argument spec of the modules ``secret`` and ``config``."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def arguments(hidden: bool) -> dict[str, Any]:
    """Return the spec. :param hidden: whether the data are a secret, which Ansible logs nowhere."""
    return {
        "name": {"type": "str", "required": True},
        "data": {"type": "str", "no_log": hidden},
        "data_is_b64": {"type": "bool", "default": False},
        "data_src": {"type": "path", "aliases": ["path"]},
        "remote_src": {"type": "bool", "default": False},
        "labels": {"type": "dict"},
        "force": {"type": "bool", "default": False},
        "rolling_versions": {"type": "bool", "default": False},
        "versions_to_keep": {"type": "int", "default": 5},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    }
