# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write what a playbook did to the file $WHOLE_FILE, as one JSON document: for the tests over SSH."""

from __future__ import annotations

import json
import os

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: whole
type: aggregate
short_description: All results of a playbook in one JSON file
description: For this collection's own tests.
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "whole"

    def __init__(self):
        super().__init__()
        self.tasks = []

    def v2_playbook_on_task_start(self, task, is_conditional):
        self.tasks.append({"name": task.get_name(), "hosts": {}})

    def v2_runner_on_ok(self, result):
        self.tasks[-1]["hosts"][result.host.get_name()] = result.result

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self.tasks[-1]["hosts"][result.host.get_name()] = dict(result.result, failed=True)

    def v2_runner_on_unreachable(self, result):
        self.tasks[-1]["hosts"][result.host.get_name()] = dict(result.result, unreachable=True)

    def v2_playbook_on_stats(self, stats):
        hosts = {host: stats.summarize(host) for host in stats.processed}
        with open(os.environ["WHOLE_FILE"], "w", encoding="utf-8") as file:
            json.dump({"hosts": hosts, "tasks": self.tasks}, file, default=str)
