# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers: what they are made from, their life, what they say about themselves.

The names below are for the command line and the other nouns. They are looked up when first used: the monitors import
files of this package and must stay small.
"""

from __future__ import annotations

from .. import lazy

_HOMES = {
    "find": "records.catalog",
    "get": "records.catalog",
    "every": "records.catalog",
    "held": "records.catalog",
    "reading": "records.catalog",
    "listing": "view.selection",
    "inspect": "view.inspection",
    "inspect_even_damaged": "view.inspection",
    "plan": "lifecycle.plan:plan_container",
    "start": "lifecycle.start",
    "start_one": "lifecycle.start",
    "start_held": "lifecycle.start",
    "stop": "lifecycle.start",
    "pause": "lifecycle.start",
    "unpause": "lifecycle.start",
    "wait_healthy": "lifecycle.start",
    "boot": "lifecycle.start",
    "shutdown": "lifecycle.start",
    "remove": "lifecycle.remove",
    "rename": "lifecycle.live_changes",
    "status": "view.running",
    "exit_code": "view.running",
    "kill": "view.running",
    "wait": "view.running",
    "read_log": "view.running:logs",
    "tail": "view.running",
    "run_command": "view.running:execute",
    "run_interactively": "view.running:interactive",
    "stats": "view.running",
    "Meter": "view.stats",
    "top": "view.running",
    "attach": "view.running",
    "open_input": "view.running",
    "parse_detach_keys": "access.detach_keys:parse",
    "Detached": "access.detach_keys",
    "feed": "access.execute",
    "pipe": "client.stdio",
    "LIVING": "view.running",
    "create_checkpoint": "lifecycle.checkpoints:create",
    "remove_checkpoint": "lifecycle.checkpoints:remove",
    "list_checkpoints": "lifecycle.checkpoints:listing",
    "find_checkpoint": "lifecycle.checkpoints:find",
    "check_checkpoint": "lifecycle.checkpoints:check",
    "ready_checkpoint": "lifecycle.checkpoints:ready",
    "check_name": "records.catalog",
    "with_terminal": "spec.files",
    "signal_number": "client.signals:number",
    "networks_of": "lifecycle.live_changes",
    "plan_commit": "access.commit",
    "diff": "view.changes",
    "sizes": "view.changes",
    "root_view": "view.changes:root",
    "plan_export": "view.changes",
    "oci_document": "spec.document:config",
    "definition": "options",
    "Surroundings": "spec.document",
    "copy_in": "access.copy",
    "copy_out": "access.copy",
    "take_archive": "access.copy",
    "give_archive": "access.copy",
    "split_path": "access.copy:split",
    "look": "access.copy",
}
__all__ = list(_HOMES)

__getattr__ = lazy.door(__name__, _HOMES)
