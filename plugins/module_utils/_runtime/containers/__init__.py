# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers: what they are made from, their life, what they say about themselves.

The chapters, lowest first: ``options``, ``records``, ``spec``, ``client``, ``view``, ``access``,
``lifecycle``, ``plans``, ``workers``, ``monitor``; ``task`` is what the modules call. The names below are for other nouns,
the command line and ``host``, which also use a chapter where a command is about that alone. They
are looked up when first used: the monitors import files of this package and must stay small.
"""

from __future__ import annotations

from .. import lazy

_HOMES = {
    "find": "records.catalog",
    "get": "records.catalog",
    "every": "records.catalog",
    "held": "records.catalog",
    "reading": "records.catalog",
    "check_name": "records.catalog",
    "status": "records.status:now",
    "exit_code": "records.status",
    "listing": "view.container_filters",
    "inspect": "view.inspect_container",
    "inspect_even_damaged": "view.inspect_container",
    "diff": "view.changes",
    "sizes": "view.changes",
    "root_view": "view.changes:root",
    "plan": "plans.container_plan:plan_container",
    "plan_commit": "access.commit",
    "plan_export": "view.changes",
    "start_one": "lifecycle.start",
    "lock_and_start": "lifecycle.start",
    "bring_up": "lifecycle.start",
    "boot": "lifecycle.boot",
    "stop": "lifecycle.stop",
    "stop_together": "lifecycle.stop",
    "restart_together": "lifecycle.start",
    "pause": "lifecycle.stop",
    "unpause": "lifecycle.stop",
    "shutdown": "lifecycle.stop",
    "missing": "lifecycle.dependencies",
    "dependants": "lifecycle.dependencies",
    "needed": "lifecycle.dependencies",
    "to_stop_by_name": "lifecycle.dependencies",
    "to_restart_by_name": "lifecycle.dependencies",
    "restart_dependant": "plans.container_plan",
    "remove": "lifecycle.remove",
    "rename": "lifecycle.live_changes",
    "definition": "options",
    "Surroundings": "spec.surroundings",
    "oci_document": "spec.config_json:config",
}
__all__ = list(_HOMES)

__getattr__ = lazy.door(__name__, _HOMES)
