# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers: what they are made from, their life, what they say about themselves.

The names below are for the command line and the other nouns. They are looked up when first used: the monitors import
files of this package and must stay small.
"""

from __future__ import annotations

import importlib

_HOME = {
    "find": "catalog.find", "get": "catalog.get", "every": "catalog.every", "held": "catalog.held",
    "reading": "catalog.reading", "listing": "selection.listing", "inspect": "inspection.inspect",
    "inspect_even_damaged": "inspection.inspect_even_damaged",
    "plan": "planning.plan_container", "start": "starting.start", "start_one": "starting.start_one", "start_held": "starting.start_held",
    "stop": "starting.stop", "pause": "starting.pause",
    "unpause": "starting.unpause", "wait_healthy": "starting.wait_healthy", "boot": "starting.boot", "shutdown": "starting.shutdown",
    "remove": "removal.remove", "rename": "live.rename",
    "status": "running.status", "exit_code": "running.exit_code", "kill": "running.kill", "wait": "running.wait", "read_log": "running.logs",
    "tail": "running.tail", "run_command": "running.execute",
    "run_interactively": "running.interactive", "stats": "running.stats", "Meter": "metering.Meter", "top": "running.top", "attach": "running.attach",
    "open_input": "running.open_input", "parse_detach_keys": "detach_keys.parse", "Detached": "detach_keys.Detached",
    "feed": "execute.feed", "pipe": "stdio.pipe", "LIVING": "running.LIVING",
    "create_checkpoint": "checkpoints.create", "remove_checkpoint": "checkpoints.remove", "list_checkpoints": "checkpoints.listing",
    "find_checkpoint": "checkpoints.find", "check_checkpoint": "checkpoints.check", "ready_checkpoint": "checkpoints.ready",
    "check_name": "catalog.check_name", "with_terminal": "documents.with_terminal", "signal_number": "signals.number", "networks_of": "live.networks_of",
    "plan_commit": "commit.plan_commit", "diff": "view.diff", "sizes": "view.sizes", "root_view": "view.root", "plan_export": "view.plan_export",
    "oci_document": "spec.config", "definition": "options.definition", "Surroundings": "spec.Surroundings",
    "copy_in": "copying.copy_in", "copy_out": "copying.copy_out", "take_archive": "copying.take_archive", "give_archive": "copying.give_archive",
    "split_path": "copying.split", "look": "copying.look",
}
__all__ = list(_HOME)


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError("module %s has no attribute %s" % (__name__, name))
    module, dummy, attribute = _HOME[name].partition(".")
    return getattr(importlib.import_module("." + module, __name__), attribute)
