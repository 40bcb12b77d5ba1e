# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of the module image."""

from __future__ import annotations

from ansible.errors import AnsibleActionFail
from ansible_collections.pycontainer.engine.plugins.plugin_utils import _foretold
from ansible_collections.pycontainer.engine.plugins.plugin_utils._engine_action import EngineAction


class ActionModule(EngineAction):
    module = "image"
    of_registries = ("ca_path", "client_cert", "client_key", "tls_verify", "validate_certs")
    foretold = True

    def checked(self, result, task_vars):
        _foretold.remember(self, dict(self._task.args), result, task_vars)

    def _module(self, arguments, copy, task_vars, **told):
        if arguments.get("source") != "controller" or arguments.get("state") == "absent":
            return super()._module(arguments, copy, task_vars, **told)
        if self._task.async_val:
            raise AnsibleActionFail(
                "source: 'controller' does not go together with async, for the controller has to "
                "stay connected"
            )
        from ansible_collections.pycontainer.engine.plugins.plugin_utils._delivery import delivery

        ask = super()._module
        return delivery.carry_out(
            self,
            arguments,
            lambda request: ask(arguments, copy, task_vars, params={"delivery": request}),
        )
