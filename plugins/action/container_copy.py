# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of the module container_copy: files of the controller go to the host, those of a container come from it."""

from __future__ import annotations

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.pycontainer.engine.plugins.plugin_utils._engine_action import EngineAction


class ActionModule(EngineAction):
    module = "container_copy"
    foretold = True

    def _module(self, arguments, copy, task_vars, **told):
        params = {"diff": bool(self._task.diff)}

        def ask(more=None):
            asked = super(ActionModule, self)._module
            return asked(arguments, copy, task_vars, params=dict(params, **(more or {})))

        src = arguments.get("src", arguments.get("path"))
        if src is None or boolean(arguments.get("remote_src"), strict=False):
            return ask()
        # Here: a copy between container and host needs none of it.
        from ansible_collections.pycontainer.engine.plugins.plugin_utils import _controller_files

        if boolean(arguments.get("from_container"), strict=False):
            return _controller_files.take(self, arguments, ask)
        return _controller_files.give(self, arguments, str(src), ask)
