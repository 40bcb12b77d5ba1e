# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of the module host: the engine travels only where the host has not got it
yet. Ansible takes seconds to look through a module with the whole of it.
"""

from __future__ import annotations

import contextlib

from ansible_collections.pycontainer.engine.plugins.plugin_utils._engine_action import EngineAction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import Any


class ActionModule(EngineAction):
    module = "host"
    only_looks = True  # to lay the engine down is its own change, which it tells

    def carry_out(
        self, arguments: dict[str, Any], task_vars: dict[str, Any] | None
    ) -> dict[str, Any]:
        self.refuse_told(arguments)
        if arguments.get("state") == "absent" and not self._task.async_val:
            return self._in_passing(arguments, task_vars)  # what it runs from is taken away
        return super().carry_out(arguments, task_vars)

    def watched(self) -> AbstractContextManager[dict[str, Any]]:
        """It is quick, and the place where a host says how far it is may be what it takes away."""
        return contextlib.nullcontext({})
