# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of the module container."""

from __future__ import annotations

from ansible_collections.pycontainer.engine.plugins.plugin_utils import _foretold
from ansible_collections.pycontainer.engine.plugins.plugin_utils._engine_action import EngineAction

NEW_CONTAINER = "new container"  # it has none of the files of the one that had its name


class ActionModule(EngineAction):
    module = "container"
    of_registries = ("ca_path", "client_cert", "client_key", "tls_verify", "validate_certs")
    foretold = True

    def checked(self, result, task_vars):
        """Containers that a list or the task itself would make, or start, are there for later tasks."""
        args = self._task.args
        items = args.get("containers")
        if not isinstance(items, list):
            items, results = [args], [result]
        else:
            results = result.get("results") or []
        for item, said in zip(items, results):
            name, state = str(item.get("name")), item.get("state", "started")
            gone, anew = state == "absent", f"replace container {name} because of "
            _foretold.remember_other(self, "container", name, said, task_vars, gone)
            if gone or any(action.startswith(anew) for action in said.get("actions") or ()):
                _foretold.remember_other(self, NEW_CONTAINER, name, said, task_vars, gone)
