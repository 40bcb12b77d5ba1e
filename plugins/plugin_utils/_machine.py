# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine of the inventory that has containers, reached by its own connection and become variables; and the engine that is
laid down on it, asked over that connection.

A connection plugin gets no variables but those of its own options. So whoever has a host's variables hands them to
:class:`Machine`, which makes of them what Ansible's executor makes for a task: a connection plugin, a shell and a become plugin,
each with its options.
"""

from __future__ import annotations

import contextlib
import copy
import json
import multiprocessing
import os
import secrets
import select
import shlex
import signal
import threading

from ansible import constants as C
from ansible.errors import AnsibleConnectionFailure, AnsibleError, AnsibleValueOmittedError
from ansible.module_utils.common.text.converters import to_bytes, to_text
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.loader import become_loader, connection_loader, get_shell_plugin
from ansible_collections.pycontainer.engine.plugins.module_utils._runtime.store import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any


DATA = paths.DATA
# A word for a shell of the machine: where the engine is of the user who runs it, root's where he has none.
PLACE = f'"$(if [ "$(id -u)" = 0 ] || [ ! -d ~/{paths.OF_USER}/runtime ]; then echo {DATA}; else echo ~/{paths.OF_USER}; fi)"'
INSIDE = "runtime/current/pycontainer-inside"
SAID = 2000  # characters of what a machine says, in a sentence

# How Ansible's "smart" and its default are called by variables that nobody has set.
DEFAULTS = {"smart": "ssh"}


def printable(said: object) -> str:
    """What a machine says, fit for a sentence."""
    from ansible_collections.pycontainer.engine.plugins.module_utils._runtime.untrusted import text

    return text.printable(said, SAID)


class Answer:
    """What became of a request: ``rc``, and what the command wrote, as bytes."""

    def __init__(self, rc: int, out: bytes, err: bytes) -> None:
        self.rc, self.out, self.err = rc, out, err


class Machine:
    """A machine that has containers.

    :param name: of the inventory, for sentences. :param variables: the host's, templated when they are read; where it is the
        controller itself and nobody says how it is reached, ``local`` says so.
    :param play_context: that of the task. :param templar: a templar. :param more: keyword arguments of connection plugins.
    """

    def __init__(
        self,
        name: str,
        variables: Mapping[str, Any],
        play_context: Any,
        templar: Any,
        local: bool = False,
        **more: Any,
    ) -> None:
        self.name, self.variables, self.templar, self.local = name, variables, templar, local
        self.context = copy.copy(play_context)
        self.connection = self._connect(more)

    def _variable(self, name: str, default: Any = None) -> Any:
        if name not in self.variables:
            return default
        try:
            value = self.variables[name]
        except AnsibleValueOmittedError:
            return default
        return default if value is None else value

    def _options(self, kind: str, plugin: str) -> dict[str, Any]:
        """The variables that a plugin's options read."""
        found = {}
        for name in C.config.get_plugin_vars(kind, plugin):
            if name in self.variables:
                with contextlib.suppress(AnsibleValueOmittedError):
                    found[name] = self.variables[name]
        return found

    def _connect(self, more: dict[str, Any]) -> Any:
        kind = "local" if self.local else self._variable("ansible_connection", C.DEFAULT_TRANSPORT)
        kind = DEFAULTS.get(kind, kind)
        context = self.context
        context.connection = kind
        context.remote_addr = self._variable("ansible_host", self.name)
        context.remote_user = self._variable("ansible_user", self._variable("ansible_ssh_user"))
        context.port = self._variable("ansible_port")
        context.executable = self._variable("ansible_shell_executable", C.DEFAULT_EXECUTABLE)
        shell = get_shell_plugin(
            shell_type=self._variable("ansible_shell_type"), executable=context.executable
        )
        shell.set_options(var_options=self._options("shell", shell._load_name))
        found = connection_loader.get(kind, context, new_stdin=None, shell=shell, **more)
        if found is None:
            raise AnsibleError(f"{self.name}: there is no connection plugin {kind!r}")
        # a machine that is a container of another machine has that one's name in its variables
        found.set_options(
            task_keys={
                "timeout": context.timeout,
                **({"password": context.password} if context.password else {}),
            },
            var_options=found._resolve_option_variables(self.variables, self.templar),
        )
        with contextlib.suppress(KeyError, AnsibleError):
            found.set_option("pipelining", True)  # the request comes by standard input
        found.set_become_plugin(self._become())
        return found

    def _become(self) -> Any:
        if not boolean(self._variable("ansible_become", False)):
            return None
        method = self._variable("ansible_become_method", C.DEFAULT_BECOME_METHOD)
        found = become_loader.get(method)
        if found is None:
            raise AnsibleError(f"{self.name}: there is no become plugin {method!r}")
        given = self.context.become_pass
        found.set_options(
            task_keys={"become_pass": given} if given else {},
            var_options=self._options("become", found._load_name),
        )
        return found

    # ------------------------------------------------------------------------------------ what it is asked

    def run(self, command: str, data: bytes) -> tuple[int, bytes, bytes]:
        """Run a command of the machine with this standard input, as root where the machine's variables say so."""
        connection = self.connection
        if connection.become is not None:
            command = connection.become.build_become_command(command, connection._shell)
        with _bound_to_the_controller():
            rc, out, err = connection.exec_command(command, in_data=data, sudoable=True)
        return rc, _bytes(out), _bytes(err)

    def ask(self, request: dict[str, Any], data: bytes = b"", root: str | None = None) -> Answer:
        """Send a request to the engine's own door (``_runtime/containers/access/inside.py``), with what comes behind it.

        :param root: the store's directory, where it is not the usual one. :raises AnsibleConnectionFailure: it was not carried out; one sentence.
        """
        mark = "pycontainer-" + secrets.token_hex(16)
        asked = json.dumps(dict(request, mark=mark)).encode()
        command = shlex.quote(f"{root}/{INSIDE}") if root else f"{PLACE}/{INSIDE}"
        rc, out, err = self.run(command, b"%d\n%b%b" % (len(asked), asked, data))
        _noise, began, said = out.partition(mark.encode() + b"\n")
        content, ended, answer = said.rpartition(mark.encode() + b" ")
        if not began or not ended:
            raise AnsibleConnectionFailure(self._no_answer(rc, out, err, bool(began)))
        if answer.strip().isdigit():
            return Answer(int(answer), content, err)
        found = self._refusal(answer)
        if found.get("code") in (126, 127):
            return Answer(found["code"], content, err + to_bytes(found["error"]) + b"\n")
        raise AnsibleConnectionFailure(f"{self.name}: {printable(found['error'])}")

    def _refusal(self, answer: bytes) -> Any:
        # Ansible compiles a collection's files anew in each worker: a task that succeeds needs none of these.
        from ansible_collections.pycontainer.engine.plugins.module_utils._runtime.untrusted import (
            json_reader,
        )

        found = json_reader.load(
            answer, f"what {self.name} answers", dict, AnsibleConnectionFailure
        )
        if not isinstance(found.get("error"), str):
            raise AnsibleConnectionFailure(f"{self.name}: what it answers has no sentence in it")
        return found

    def _no_answer(self, rc: int, out: bytes, err: bytes, began: bool) -> str:
        said = printable(to_text(err.strip() or out.strip(), errors="replace"))
        if began:
            return f"{self.name}: the connection broke off while the container was at work: {said or 'no answer'}"
        if rc in (126, 127) and "pycontainer-inside" in said or rc == 127:
            return (
                f"{self.name}: the engine is not there, or older than this connection plugin; the module "
                f"pycontainer.engine.host_engine, the role pycontainer.engine.host or any other task of this collection brings it ({said})"
            )
        return f"{self.name}: the engine there did not answer (exit code {rc}): {said or 'it said nothing'}"

    def reset(self) -> None:
        """Have the connection made anew."""
        reset = getattr(self.connection, "reset", None)
        if reset is not None and not self.local:
            reset()

    def close(self) -> None:
        self.connection.close()


def _bytes(data: Any) -> bytes:
    return data if isinstance(data, bytes) else to_bytes(data)


@contextlib.contextmanager
def _bound_to_the_controller() -> Iterator[None]:
    """In the block, end this worker and what it has started (``ssh``, ``sudo``) when the process that forked it is killed.

    Nobody waits for them any more then, and the command in the container is to end with its task.
    """
    parent = multiprocessing.parent_process()
    if parent is None or os.getpgid(0) != os.getpid() or not hasattr(os, "pidfd_open"):
        yield
        return
    try:
        watched = os.pidfd_open(parent.pid or 0)
    except OSError:  # it is gone, or this kernel has no such call
        yield
        return
    reader, writer = os.pipe()

    def watch() -> None:
        ready, _write, _except = select.select([watched, reader], [], [])
        if reader not in ready:
            os.killpg(0, signal.SIGKILL)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        os.close(writer)
        thread.join()
        os.close(reader)
        os.close(watched)
