# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The output of Docker's commands on many hosts, as one table."""

from __future__ import annotations

DOCUMENTATION = r"""
name: fleet
type: stdout
short_description: Docker's commands on many hosts in one table
version_added: 0.1.0
author:
  - The pycontainer.engine authors (@pycontainer)
description:
  - Prints what C(ansible all -m pycontainer -a 'ps -a') says on all hosts as one table, with a column for the host.
  - What is no table, such as logs, is printed with the host before each line. Hosts that failed are named at the end.
  - In colour at a terminal. Control characters of what containers and images say are made visible.
  - Tasks of other modules are printed as by P(ansible.builtin.minimal#callback).
options:
  format:
    description:
      - V(table), or V(json) for one JSON object with a key for each host. It has C(rc), C(changed), C(stdout_lines) and C(stderr), and C(rows) of what
        is a table.
    type: str
    choices: [table, json]
    default: table
    env:
      - name: PYCONTAINER_FLEET_FORMAT
    ini:
      - section: pycontainer_fleet
        key: format
requirements:
  - In C(ansible.cfg), C(stdout_callback = pycontainer.engine.fleet) and, for the command C(ansible), C(bin_ansible_callbacks = true).
"""

import json  # noqa: E402

from ansible import constants as C  # noqa: E402
from ansible.plugins.callback.minimal import CallbackModule as Minimal  # noqa: E402
from ansible_collections.pycontainer.engine.plugins.module_utils._runtime.untrusted.text import (  # noqa: E402
    printable,
)
from ansible_collections.pycontainer.engine.plugins.plugin_utils import _fleet_table  # noqa: E402

ACTIONS = ("pycontainer", "pycontainer.engine.pycontainer")


class CallbackModule(Minimal):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "pycontainer.engine.fleet"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.results = {}

    def _is_ours(self, result):
        return result.task.action in ACTIONS

    def v2_playbook_on_task_start(self, task, is_conditional):
        self._print_all()

    def v2_playbook_on_stats(self, stats):
        self._print_all()

    def v2_runner_on_ok(self, result):
        if not self._is_ours(result):
            return super().v2_runner_on_ok(result)
        self._handle_warnings_and_exception(result)
        self.results[result.host.get_name()] = dict(result.result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        if not self._is_ours(result):
            return super().v2_runner_on_failed(result, ignore_errors)
        self._handle_warnings_and_exception(result)
        self.results[result.host.get_name()] = dict(result.result, failed=True)

    def v2_runner_on_unreachable(self, result):
        if not self._is_ours(result):
            return super().v2_runner_on_unreachable(result)
        self.results[result.host.get_name()] = dict(result.result, failed=True, unreachable=True)

    def _print_all(self):
        """Print what has come of the task that has ended, hosts in the order of their names."""
        results = dict(sorted(self.results.items()))
        self.results = {}
        if not results:
            return
        if self.get_option("format") == "json":
            self._display.display(json.dumps(_document(results), indent=4, sort_keys=True))
            return
        said = {name: _lines(result) for name, result in results.items() if not _failed(result)}
        width = max(len(name) for name in results)
        lines = _fleet_table.merged(said) if said else None
        if lines is None:
            for name, each in said.items():
                color = C.COLOR_CHANGED if results[name].get("changed") else C.COLOR_OK
                for line in _fleet_table.prefixed(name, each or ["(nothing)"], width):
                    self._display.display(line, color=color)
        else:
            self._display.display(lines[0], color=C.COLOR_HIGHLIGHT)
            for line in lines[1:]:
                self._display.display(line, color=_color(line))
        for name, result in results.items():
            if _failed(result):
                what = "unreachable: " if result.get("unreachable") else ""
                text = str(result.get("msg") or result.get("stderr") or "it failed")
                for line in _fleet_table.prefixed(name, (what + text).splitlines(), width):
                    self._display.display(line, color=C.COLOR_ERROR)


def _failed(result):
    return bool(result.get("failed") or result.get("unreachable"))


def _lines(result):
    return [str(line) for line in result.get("stdout_lines") or []]


def _color(line):
    """The colour of a row, by what it says of a container."""
    if "(unhealthy)" in line or "Exited (" in line and "Exited (0)" not in line or "Dead" in line:
        return C.COLOR_ERROR
    if "Restarting" in line or "(Paused)" in line:
        return C.COLOR_WARN
    return C.COLOR_OK if "   Up " in line else None


def _document(results):
    found = {}
    for name, result in results.items():
        lines = _lines(result)
        entry = {
            "rc": result.get("rc"),
            "changed": bool(result.get("changed")),
            "failed": _failed(result),
            "stdout_lines": lines,
            "stderr": printable(result.get("stderr") or result.get("msg") or "", None, lines=True),
        }
        rows = _fleet_table.records(lines)
        if rows is not None:
            entry["rows"] = rows
        found[name] = entry
    return found
