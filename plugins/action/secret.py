# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of the module secret: a file of the controller is read here, also one that Ansible Vault has encrypted."""

from __future__ import annotations

import base64

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.pycontainer.engine.plugins.plugin_utils import _foretold
from ansible_collections.pycontainer.engine.plugins.plugin_utils._engine_action import EngineAction

LARGEST = 512_000  # bytes, as _runtime/secrets/secret_catalog.py has it


class ActionModule(EngineAction):
    module = "secret"
    foretold = True

    def checked(self, result, task_vars):
        name = result.get(self.module + "_name") or ""
        gone = self._task.args.get("state") == "absent"
        _foretold.remember_other(self, self.module, name, result, task_vars, gone)

    def _module(self, arguments, copy, task_vars, **told):
        src = arguments.get("data_src", arguments.get("path"))
        if src is None or boolean(arguments.get("remote_src", False), strict=False):
            return super()._module(arguments, copy, task_vars, **told)
        content = base64.b64encode(self._content(str(src))).decode()
        return super()._module(arguments, copy, task_vars, params={"content": content}, **told)

    def _content(self, src):
        try:
            path = self._loader.get_real_file(self._find_needle("files", src))
        except AnsibleError as error:
            raise AnsibleActionFail(
                f"data_src: {src!r} can't be read on the controller: {str(error).splitlines()[0]}"
            ) from error
        try:
            with open(path, "rb") as file:
                found = file.read(LARGEST + 1)
        except OSError as error:
            raise AnsibleActionFail(
                f"data_src: {src!r} can't be read on the controller: {error.strerror}"
            ) from error
        finally:
            self._loader.cleanup_tmp_file(path)
        if len(found) > LARGEST:
            raise AnsibleActionFail(f"data_src: {src!r} is larger than {LARGEST} bytes")
        return found
