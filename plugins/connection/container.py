# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: container
short_description: Run tasks inside a container of this or of another host
version_added: 0.1.0
author:
  - The pycontainer.engine authors (@pycontainer)
description:
  - Runs any task of Ansible inside a running container that P(pycontainer.engine.container#module) or the command
    C(pycontainer) has made, on the controller or on any host of the inventory.
  - The container is O(remote_addr), by default the name in the inventory. The machine that it is on is O(machine), a host of
    the inventory. That host is reached as Ansible always reaches it, by its own connection, become and SSH variables, over
    its bastion where it has one.
  - What a task sets by C(remote_user) and C(become) is about the user inside the container. Who works on the machine is said
    by the variables of the machine.
  - A task costs one command on the machine, since pipelining is the default here.
  - Files go into and come out of the container in a stream, with the rights of the user inside, without a program of the
    image and without a copy on the machine.
  - When a task's connection breaks, or its controller is killed, what the task has started in the container is ended with
    all its descendants.
requirements:
  - On the machine, the engine of this collection, which is there wherever it has made a container, and root, or the user whose container it is.
  - In the container, Python for all modules but P(ansible.builtin.raw#module) and P(ansible.builtin.script#module), which need
    a shell, and the former not even that where its command is a program with arguments.
options:
  remote_addr:
    description:
      - The container; its name, its whole id, or 12 or more digits of that.
    type: str
    default: inventory_hostname
    vars:
      - name: inventory_hostname
      - name: ansible_host
      - name: ansible_docker_host
  machine:
    description:
      - The host of the inventory that the container is on. Its own variables say how it is reached, and how to become root
        there.
      - Without it the container is on the controller. V(ansible_become) of C(localhost) says then whether root is needed.
    type: str
    vars:
      - name: ansible_pycontainer_host
  remote_user:
    description:
      - The user inside the container, as V(name), V(name:group) or by numbers. The default is the container's own.
      - With O(machine) the command line option C(--user) names the user on the machine, not the one in the container.
    type: str
    vars:
      - name: ansible_user
      - name: ansible_docker_user
      - name: ansible_pycontainer_user
    keyword:
      - name: remote_user
  extra_env:
    description:
      - Variables that are added to the environment of what runs in the container.
    type: dict
    vars:
      - name: ansible_docker_extra_env
      - name: ansible_pycontainer_extra_env
  working_dir:
    description:
      - The working directory inside, an absolute path. The default is the container's own.
    type: str
    env:
      - name: ANSIBLE_PYCONTAINER_WORKING_DIR
    ini:
      - section: pycontainer_connection
        key: working_dir
    vars:
      - name: ansible_docker_working_dir
      - name: ansible_pycontainer_working_dir
  privileged:
    description:
      - Whether tasks have all capabilities and no AppArmor profile.
    type: bool
    default: false
    env:
      - name: ANSIBLE_PYCONTAINER_PRIVILEGED
    ini:
      - section: pycontainer_connection
        key: privileged
    vars:
      - name: ansible_docker_privileged
      - name: ansible_pycontainer_privileged
  container_timeout:
    description:
      - Seconds that O(ignore:become) inside the container may take until it asks for the password, and then to accept it.
    type: int
    default: 10
    env:
      - name: ANSIBLE_TIMEOUT
      - name: ANSIBLE_PYCONTAINER_TIMEOUT
    ini:
      - section: defaults
        key: timeout
      - section: pycontainer_connection
        key: timeout
    vars:
      - name: ansible_docker_timeout
      - name: ansible_pycontainer_timeout
    cli:
      - name: timeout
  pipelining:
    description:
      - Whether modules come by standard input, in one step, and not as files.
    type: bool
    default: true
    env:
      - name: ANSIBLE_PIPELINING
      - name: ANSIBLE_PYCONTAINER_PIPELINING
    ini:
      - section: defaults
        key: pipelining
      - section: connection
        key: pipelining
      - section: pycontainer_connection
        key: pipelining
    vars:
      - name: ansible_pipelining
      - name: ansible_pycontainer_pipelining
  data_root:
    description:
      - Where the engine keeps its data on the machine. Without it, that is C(/var/lib/pycontainer) for root, and
        C(~/.local/share/pycontainer) for a user who is not root.
    type: path
    vars:
      - name: ansible_pycontainer_data_root
  run_root:
    description:
      - Where the engine keeps what is of this boot on the machine. Without it, that is C(/run/pycontainer) for root, and
        C(~/.local/share/pycontainer/run) for a user who is not root.
    type: path
    vars:
      - name: ansible_pycontainer_run_root
seealso:
  - plugin: pycontainer.engine.containers
    plugin_type: inventory
  - module: pycontainer.engine.container
  - module: pycontainer.engine.container_exec
"""

EXAMPLES = r"""
# An inventory: two machines, and a container of each that is a host by itself.
# all:
#   hosts:
#     alpha:
#       ansible_host: 192.0.2.10
#       ansible_user: deploy
#       ansible_become: true
#     beta:
#       ansible_host: 192.0.2.11
#     web-on-alpha:
#       ansible_connection: pycontainer.engine.container
#       ansible_host: web
#       ansible_pycontainer_host: alpha
#     web-on-beta:
#       ansible_connection: pycontainer.engine.container
#       ansible_host: web
#       ansible_pycontainer_host: beta

- name: Work inside both containers
  hosts: web-on-alpha:web-on-beta
  tasks:
    - name: Have a configuration file in the container
      ansible.builtin.copy:
        content: "greeting = hello\n"
        dest: /etc/app.conf
        owner: app
        mode: "0640"
      # as the user app, in the container
    - name: Run a program as another user
      ansible.builtin.command: id -un
      remote_user: app
      changed_when: false
"""

import os
import re
import shlex

from ansible import context
from ansible.errors import AnsibleConnectionFailure, AnsibleError, AnsibleFileNotFound
from ansible.module_utils.common.text.converters import to_bytes, to_text
from ansible.plugins.connection import ConnectionBase, ensure_connect
from ansible.utils.display import Display
from ansible_collections.pycontainer.engine.plugins.plugin_utils import _machine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

display = Display()

PIECE = 8 << 20  # bytes of a file that go in one step: they are in memory on the controller
NO_SHELL = re.compile(r"[\w@%+=:,./ \t'\"-]+")  # a command that needs no shell
READ_ONLY = b"Read-only file system"


class _Variables:
    """A host's variables, each templated when it is read, with ``hostvars``, which they lack."""

    def __init__(self, own: Mapping[str, Any], hostvars: Any) -> None:
        self.own, self.hostvars = own, hostvars

    def __contains__(self, name: object) -> bool:
        return name == "hostvars" or name in self.own

    def __getitem__(self, name: str) -> Any:
        return self.hostvars if name == "hostvars" else self.own[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.own)

    def get(self, name: str, default: Any = None) -> Any:
        """As of a dictionary."""
        return self[name] if name in self else default


class Connection(ConnectionBase):  # type: ignore[misc]
    """A connection into a container of a machine of the inventory."""

    transport = "pycontainer.engine.container"
    has_pipelining = True
    has_tty = False

    def __init__(self, play_context: Any, *words: Any, **more: Any) -> None:
        super().__init__(play_context, *words, **more)
        self._more = {
            name: more[name] for name in ("task_uuid", "ansible_playbook_pid") if name in more
        }
        self._machine: _machine.Machine | None = None
        self._seen: tuple[Any, Any] | None = None  # the host's variables, and a templar
        self._above: tuple[str, ...] = ()  # containers in which the machine itself is one

    # ----------------------------------------------------------------------------------------- options

    def _resolve_option_variables(self, variables: Any, templar: Any) -> dict[str, Any]:
        """As the base class, and keep the variables: those of the machine are among them.

        It is called with a host's variables, or a delegated host's, before each task and loop item and before a reset.
        """
        self._seen, self._machine = (variables, templar), None
        found: dict[str, Any] = super()._resolve_option_variables(variables, templar)
        return found

    def set_options(
        self, task_keys: Any = None, var_options: Any = None, direct: Any = None
    ) -> None:
        """As the base class; ``--user`` is no user of the container where another host is the machine."""
        asked = context.CLIARGS.get("remote_user")
        if asked and (var_options or {}).get("ansible_pycontainer_host"):
            task_keys = dict(task_keys or {})
            if task_keys.get("remote_user") == asked:
                del task_keys["remote_user"]
        super().set_options(task_keys=task_keys, var_options=var_options, direct=direct)

    def __copy__(self) -> Connection:
        """Return another connection with these options, which shares no state with this one."""
        other = type(self).__new__(type(self))
        other.__dict__.update(self.__dict__, _machine=None)
        return other

    @property
    def container(self) -> str:
        """The container's name or id."""
        return str(self.get_option("remote_addr"))

    @property
    def machine(self) -> _machine.Machine:
        """The machine that the container is on.

        :raises AnsibleConnectionFailure: the inventory has no such host.
        """
        if self._machine is None:
            self._machine = self._found_machine()
        return self._machine

    def _found_machine(self) -> _machine.Machine:
        name = self.get_option("machine")
        if self._seen is None:
            raise AnsibleConnectionFailure(
                "this connection has been given no variables: it can't tell which host the container is on"
            )
        variables, templar = self._seen
        hostvars = variables.get("hostvars")
        wanted = name or "localhost"
        if hostvars is None or wanted not in hostvars:
            raise AnsibleConnectionFailure(
                f"ansible_pycontainer_host: the inventory has no host {wanted!r}, on which container {self.container} is to be"
            )
        if wanted in self._above:
            raise AnsibleConnectionFailure(
                f"ansible_pycontainer_host: {wanted} is on itself ({' on '.join([*self._above, wanted])})"
            )
        found = _machine.Machine(
            wanted,
            _Variables(hostvars[wanted], hostvars),
            self._play_context,
            templar,
            local=not name,
            **self._more,
        )
        if isinstance(found.connection, Connection):
            found.connection._above = (*self._above, wanted)
        return found

    # ------------------------------------------------------------------------------------- the contract

    def _connect(self) -> Connection:
        if not self._connected:
            display.vvv(
                f"ESTABLISH CONNECTION INTO CONTAINER {self.container} ON {self.machine.name}",
                host=self.container,
            )
            self._connected = True
        return self

    @ensure_connect
    def exec_command(
        self, cmd: str, in_data: bytes | None = None, sudoable: bool = True
    ) -> tuple[int, bytes, bytes]:
        """Run a command line in the container; see the base class."""
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        display.vvv(f"EXEC {to_text(cmd)}", host=self.container)
        line = to_text(cmd, errors="surrogate_or_strict")
        request = self._request()
        request["argv"], request["words"] = self._argv(line)
        if sudoable and self.become is not None and self.become.expect_prompt():
            request["become"] = self._escalation()
        answer = self._ask(request, in_data or b"")
        if answer.rc and READ_ONLY in answer.err and "ansible-tmp-" in line:
            answer.out += to_bytes(  # the action shows this alone
                f"the root of container {self.container} is read-only. Let ansible_remote_tmp name a directory in it that can be "
                "written to, such as /dev/shm/ansible or a tmpfs of its own.\n"
            )
        return answer.rc, answer.out, answer.err

    @ensure_connect
    def put_file(self, in_path: str, out_path: str) -> None:
        """Write a file in the container, as its user."""
        super().put_file(in_path, out_path)
        display.vvv(f"PUT {in_path} TO {out_path}", host=self.container)
        try:
            file = open(to_bytes(in_path, errors="surrogate_or_strict"), "rb")
        except FileNotFoundError:
            raise AnsibleFileNotFound(
                f"file or module does not exist: {to_text(in_path)}"
            ) from None
        with file:
            left, offset = os.fstat(file.fileno()).st_size, 0
            while True:
                piece = file.read(min(PIECE, left)) if left else b""
                left = left - len(piece) if piece else 0
                self._move(out_path, True, offset, len(piece), piece)
                offset += len(piece)
                if not left:
                    return

    @ensure_connect
    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Read a file of the container, as its user."""
        super().fetch_file(in_path, out_path)
        display.vvv(f"FETCH {in_path} TO {out_path}", host=self.container)
        was, offset = b"", 0
        with open(to_bytes(out_path, errors="surrogate_or_strict"), "wb") as file:
            while True:
                answer = self._move(in_path, False, offset, PIECE)
                facts, _line, piece = answer.out.partition(b"\n")
                whole = facts.split()[0] if facts.split() else b""
                if not whole.isdigit():
                    raise AnsibleError(
                        f"{to_text(in_path)}: {self.machine.name} did not say how large it is"
                    )
                if was and facts != was:
                    raise AnsibleError(f"{to_text(in_path)}: it has been changed while it was read")
                file.write(piece)
                was, offset = facts, offset + len(piece)
                if len(piece) < PIECE or offset >= int(whole):
                    return

    def close(self) -> None:
        """Let go of the machine's connection."""
        if self._machine is not None:
            self._machine.close()
        self._machine, self._connected = None, False

    def reset(self) -> None:
        """Have the machine's connection made anew at the next task."""
        self.machine.reset()
        self.close()

    # ----------------------------------------------------------------------------------------- requests

    def _request(self) -> dict[str, Any]:
        environment = self.get_option("extra_env") or {}
        for name, value in environment.items():
            if not isinstance(value, (str, int, float)) or isinstance(value, bool):
                raise AnsibleConnectionFailure(
                    f"extra_env: {value!r} of {name} is not valid; accepted: texts and numbers (true, false and null in quotes)"
                )
        return {
            "container": self.container,
            "user": self.get_option("remote_user") or None,
            "cwd": self.get_option("working_dir"),
            "env": {str(name): str(value) for name, value in environment.items()},
            "privileged": self.get_option("privileged"),
            "root": self.get_option("data_root"),
            "runroot": self.get_option("run_root"),
        }

    def _argv(self, line: str) -> tuple[list[str], list[str] | None]:
        """``(words to execute, those for an image without that shell or None)`` of a command line.

        What Ansible gives to a shell of its own already is not given to one more.
        """
        shell = self._play_context.executable or "/bin/sh"
        words = None
        try:
            if NO_SHELL.fullmatch(line):
                words = shlex.split(line)
            given = shlex.split(line) if line.startswith(f"{shell} -c ") else []
        except ValueError:
            given = []
        if len(given) == 3 and line == f"{shell} -c {shlex.quote(given[2])}":
            return given, None
        return [shell, "-c", line], words

    def _escalation(self) -> dict[str, Any]:
        become = self.become
        prompts = [become.prompt] if isinstance(become.prompt, (str, bytes)) else []
        if not prompts:  # su: it speaks the container's language
            prompts = become.get_option("prompt_l10n") or become.SU_PROMPT_LOCALIZATIONS
        return {
            "prompts": [to_text(prompt).strip() for prompt in prompts],
            "success": become.success,
            "password": to_text(become.get_option("become_pass"), errors="surrogate_or_strict"),
            "timeout": self.get_option("container_timeout"),
        }

    def _move(
        self, path: str, write: bool, offset: int, size: int, data: bytes = b""
    ) -> _machine.Answer:
        transfer = {
            "path": to_text(path, errors="surrogate_or_strict"),
            "write": write,
            "offset": offset,
            "size": size,
        }
        answer = self._ask(dict(self._request(), transfer=transfer), data)
        if answer.rc:
            raise AnsibleError(
                f"container {self.container}: "
                + _machine.printable(to_text(answer.err, errors="replace").strip())
            )
        return answer

    def _ask(self, request: dict[str, Any], data: bytes) -> _machine.Answer:
        return self.machine.ask(request, data, root=self.get_option("data_root"))
