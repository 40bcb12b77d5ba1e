# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of the ad-hoc module: gives it the command line as it was typed.

Ansible takes the words with ``=`` out of a free-form line as options and drops their order, so ``run -e A=b web`` would
arrive torn. The line as typed is still to be had: from the command line of ``ansible``, and from the task's source.
"""

from __future__ import annotations

import shlex

from ansible import context
from ansible.errors import AnsibleActionFail
from ansible_collections.pycontainer.engine.plugins.plugin_utils import _foretold, _stream
from ansible_collections.pycontainer.engine.plugins.plugin_utils._engine_action import EngineAction

MODULE = "pycontainer.engine.pycontainer"
OPTIONS = ("cmd", "argv")


class ActionModule(EngineAction):
    module = "pycontainer"
    supports_raw_params = True
    foretold = True

    def left_out(self, arguments):
        """Words of a free-form line are no options."""
        return super().left_out(arguments) if set(arguments) & set(OPTIONS) else []

    def checked(self, result, task_vars):
        for entry in result.pop("foretold", ()):
            gone = entry.get("gone", False)
            _foretold.keep(self, entry["names"], entry["image"], task_vars, gone)
        for kind, name, gone in result.pop("foretold_others", ()):
            _foretold.remember_other(self, kind, name, {"changed": True}, task_vars, gone)

    def carry_out(self, arguments, task_vars):
        typed = arguments.pop("_raw_params", None)
        if typed is not None:
            stray = sorted(key for key in arguments)
            line = self._line() if stray else typed
            if line is None:
                raise AnsibleActionFail(
                    'pycontainer: Ansible took %s out of the free-form command line; write the command as cmd: "..." or argv: [...]'
                    % ", ".join("%s=..." % key for key in stray)
                )
            arguments = {"cmd": line}
        elif arguments and not set(arguments) & set(OPTIONS) and self._line() is not None:
            arguments = {"cmd": self._line()}  # every word had a "=" in it
        return self._with_ssh(self._shown(arguments, task_vars or {}), arguments)

    def _shown(self, arguments, task_vars):
        """Carry it out: once, or continuously at the terminal of ``ansible``."""

        def run(given):
            return super(ActionModule, self).carry_out(given, task_vars)

        words = self._words(arguments)
        show = None if self._task.async_val else _stream.wanted(words)
        return run(arguments) if show is None else show(self, words, task_vars, run)

    @staticmethod
    def _words(arguments):
        if set(arguments) == {"argv"} and isinstance(arguments["argv"], list):
            return [str(word) for word in arguments["argv"]]
        try:
            return shlex.split(str(arguments["cmd"])) if set(arguments) == {"cmd"} else []
        except ValueError:  # the module says what is wrong with it
            return []

    def _with_ssh(self, result, arguments):
        """Say how to do at a terminal what needs one."""
        text = str(result.get("msg", ""))
        if result.get("failed") and "terminal" in text and self._connection.transport == "ssh":
            words = arguments.get("argv") or [arguments.get("cmd") or ""]
            line = " ".join(words) if arguments.get("argv") is None else shlex.join(map(str, words))
            result["msg"] = f"{text}; at a terminal: {self._ssh(line)}"
        return result

    def _ssh(self, line):
        """Return the command line that runs a command of the host at this terminal."""
        option = self._connection.get_option
        user, port = option("remote_user"), option("port")
        words = ["ssh", "-t"] + (["-p", str(port)] if port and int(port) != 22 else [])
        words.append((f"{user}@" if user else "") + str(option("host")))
        root = "" if user == "root" else "sudo "
        return f"{shlex.join(words)} {shlex.quote(f'{root}pycontainer {line}')}"

    def _line(self):
        """The free-form line before Ansible split it, templated; None where it is not to be had."""
        line = context.CLIARGS.get("module_args")  # ansible HOSTS -m pycontainer -a 'LINE'
        source = self._task.get_ds()
        if line is None and isinstance(source, dict):
            line = next(
                (
                    source[key]
                    for key in (self._task.action, MODULE, "pycontainer")
                    if isinstance(source.get(key), str)
                ),
                None,
            )
            if line is None and isinstance(
                source.get("action"), str
            ):  # action: pycontainer.engine.pycontainer ps -a
                line = source["action"].strip().partition(" ")[2]
        if line is None or "{{" not in line:
            return line
        return self._templar.template(line)
