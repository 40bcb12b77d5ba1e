# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of every module: sees to it that the engine is on the host, once per host and version.

The engine is three times the size of what Ansible sends for a module anyway, and Ansible sends a module's payload with every task
and loop item. So the modules travel without it and use the copy that is laid down on the host; only where a host has not got
this very engine yet, the module ``host_engine`` brings it, as an archive among what the plugin tells its module.
"""

from __future__ import annotations

import getpass
import os
import platform
import traceback

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.pycontainer.engine.plugins.module_utils._runtime import errors
from ansible_collections.pycontainer.engine.plugins.module_utils._runtime.deploy import fingerprint
from ansible_collections.pycontainer.engine.plugins.module_utils._runtime.store import paths
from ansible_collections.pycontainer.engine.plugins.plugin_utils import (
    _daemon_options,
    _engine_archive,
    _foretold,
    _progress,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import Any


COLLECTION = "pycontainer.engine"
RUNTIME = f"{paths.SHELL_WORD}/runtime"  # for a shell of the host
TOLD = (
    "_pycontainer_told"  # what the module is told beside its options, see module_utils/_frontend.py
)


fingerprint.name()  # here: for all processes that Ansible forks for its tasks

SAID = 200  # characters of each thing that a host is told of who calls


def _user() -> str:
    """The account that runs Ansible here; "" where it has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


class EngineAction(ActionBase):
    """Runs the module of the action's own name.

    ``only_looks``: the module changes nothing, so the engine is not left on a host that has none.
    ``of_registries``: options that elsewhere are about a daemon, and in this module about a registry.
    """

    _supports_async = True
    _supports_check_mode = True
    module = None
    only_looks = False
    of_registries = ()
    foretold = (
        False  # whether in check mode the module is told what earlier tasks would have brought
    )
    live: Any = (
        None  # a _progress.Live, while the task runs: how far it is, at the controller's terminal
    )

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        left_out = self.left_out(arguments)
        with _progress.Live(self, task_vars) as self.live:
            try:
                result.update(self.carry_out(arguments, task_vars))
                if self._task.check_mode:
                    self.checked(result, task_vars)
            except AnsibleError:
                raise
            except errors.EngineError as error:
                result.update(failed=True, msg=str(error))
            except Exception as error:  # noqa: B902 - a defect, or a controller that fails: one sentence, and the traceback for whoever wants it
                result.update(
                    failed=True,
                    msg=errors.unexpected(error, "-vvv shows the traceback"),
                    exception=traceback.format_exc(),
                )
        if left_out:
            result["warnings"] = [*left_out, *(result.get("warnings") or ())]
        return result

    def left_out(self, arguments: dict[str, Any]) -> list[str]:
        """Take options about a daemon out of ``arguments``; return what to warn of."""
        return _daemon_options.take(arguments, self.of_registries)

    def checked(self, result: dict[str, Any], task_vars: dict[str, Any] | None) -> None:
        """Look at the result of a task that was only checked."""

    def carry_out(
        self, arguments: dict[str, Any], task_vars: dict[str, Any] | None
    ) -> dict[str, Any]:
        """Run the module with ``arguments``; bring the engine first where it turns out to be
        missing.
        """
        self.refuse_told(arguments)
        name = fingerprint.name()
        if self._task.async_val and not self._has(
            name
        ):  # its answer would come too late to be seen here
            brought = self._bring(None, task_vars)
            if brought.get("failed"):
                return brought
        result = self._module(arguments, name, task_vars)
        if not result.get("engine_missing"):
            return result
        if not self._task.check_mode and not self.only_looks:
            brought = self._bring(None, task_vars)
            return brought if brought.get("failed") else self._module(arguments, name, task_vars)
        return self._in_passing(arguments, task_vars)

    def refuse_told(self, arguments: dict[str, Any]) -> None:
        """:raises AnsibleActionFail: where a user gives what only the action plugin tells."""
        if TOLD in arguments:
            raise AnsibleActionFail(f"{TOLD} is no option of {COLLECTION}.{self.module}")

    def watched(self) -> AbstractContextManager[dict[str, Any]]:
        """While the block runs, the controller's terminal shows how far the host is. Gives what the
        module is told for that.
        """
        watched: AbstractContextManager[dict[str, Any]] = self.live.watched()
        return watched

    def _module(
        self, arguments: dict[str, Any], copy: str, task_vars: dict[str, Any] | None, **told: Any
    ) -> dict[str, Any]:
        with self.watched() as watched:
            if self._task.check_mode and self.foretold:
                told = dict(
                    told,
                    foretold=_foretold.images_for(self, task_vars),
                    foretold_others=_foretold.others_for(self, task_vars),
                )
            if not (self.only_looks or self._task.check_mode):
                told = dict(told, who=self._who(task_vars))
            told = {TOLD: dict(told, copy=copy, **watched)}
            return self._execute_module(
                module_name=f"{COLLECTION}.{self.module}",
                module_args=dict(arguments, **told),
                task_vars=task_vars,
                wrap_async=self._task.async_val,
            )

    def _who(self, task_vars: dict[str, Any] | None) -> dict[str, str]:
        """What of this task the host keeps beside the change that it makes (``_runtime/events/change_history.py``)."""
        task, variables = self._task, task_vars or {}
        path, _colon, line = (task.get_path() or "").rpartition(":")
        place = os.path.relpath(path, variables.get("playbook_dir") or ".") if path else ""
        found = {
            "controller": platform.node(),
            "controller_user": _user(),
            "playbook": f"{place}:{line}" if os.path.isfile(path) else "",
            "play": str(variables.get("ansible_play_name") or ""),
            "role": task._role.get_name() if task._role else "",
            "task": task.get_name(include_role_fqcn=False).strip(),
        }
        return {key: value[:SAID] for key, value in found.items() if value}

    def _has(self, name: str) -> bool:
        found = self._low_level_execute_command(f"test -d {RUNTIME}/{name}")
        return found["rc"] == 0

    def _bring(self, directory: str | None, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Lay the engine down on the host, for good or in ``directory``. In check mode that is not
        the task's change: it is how it can look.
        """
        check, self._task.check_mode = self._task.check_mode, False
        try:
            return self.send_engine({"directory": directory}, task_vars)
        finally:
            self._task.check_mode = check

    def send_engine(
        self, arguments: dict[str, Any], task_vars: dict[str, Any] | None, wrap_async: int = 0
    ) -> dict[str, Any]:
        """Run the module ``host_engine`` with the engine."""
        return self._execute_module(
            module_name=COLLECTION + ".host_engine",
            module_args=dict(arguments, **{TOLD: {"engine": _engine_archive.packed()}}),
            task_vars=task_vars,
            wrap_async=wrap_async,
        )

    def _in_passing(
        self, arguments: dict[str, Any], task_vars: dict[str, Any] | None
    ) -> dict[str, Any]:
        """Run the module from an engine in Ansible's own temporary directory on the host, which is
        removed again.
        """
        shell, apart = self._connection._shell, self._is_become_unprivileged()
        directory = self._directory_apart() if apart else self._make_tmp_path()
        engine = shell.join_path(directory, "engine")
        try:
            brought = self._bring(engine, task_vars)
            return (
                brought
                if brought.get("failed")
                else self._module(arguments, brought["engine_copy"], task_vars)
            )
        finally:
            # It is root's: a user who becomes root can't remove it as himself.
            self._low_level_execute_command(
                shell.remove(directory if apart else engine, recurse=True)
            )
            if not apart:
                self._remove_tmp_path(directory)

    def _directory_apart(self) -> str:
        """Make a temporary directory of a user who can't write to one of who has logged in."""
        made = self._low_level_execute_command("umask 77; mktemp -d /var/tmp/ansible-tmp-XXXXXXXX")
        if made["rc"]:
            raise AnsibleActionFail(f"no temporary directory: {made['stdout'].strip()}")
        return str(made["stdout"].strip().splitlines()[-1])
