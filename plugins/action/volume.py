# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of the module volume."""

from __future__ import annotations

from ansible_collections.pycontainer.engine.plugins.plugin_utils import _foretold
from ansible_collections.pycontainer.engine.plugins.plugin_utils._engine_action import EngineAction


class ActionModule(EngineAction):
    module = "volume"
    of_registries = ("ca_path", "client_cert", "client_key", "tls_verify", "validate_certs")
    foretold = True

    def checked(self, result, task_vars):
        args = self._task.args
        name, state = str(args.get("name", args.get("volume_name"))), args.get("state", "present")
        if state != "saved":
            _foretold.remember_other(self, "volume", name, result, task_vars, state == "absent")
