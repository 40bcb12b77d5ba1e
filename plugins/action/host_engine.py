# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of the module host_engine: the engine travels with it."""

from __future__ import annotations

from ansible_collections.pycontainer.engine.plugins.plugin_utils._engine_action import EngineAction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class ActionModule(EngineAction):
    module = "host_engine"

    def carry_out(
        self, arguments: dict[str, Any], task_vars: dict[str, Any] | None
    ) -> dict[str, Any]:
        self.refuse_told(arguments)
        return self.send_engine(arguments, task_vars, self._task.async_val)
