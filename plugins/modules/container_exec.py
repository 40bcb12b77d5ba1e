#!/usr/bin/python
# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: container_exec
short_description: Run a command in a container
version_added: 0.1.0
description:
  - Runs a command in a running container, with the container's own rights and limits.
  - The task fails when the command's exit code is not 0, as that of M(ansible.builtin.command) does. Use C(failed_when) with RV(rc) to have it
    otherwise.
extends_documentation_fragment:
  - pycontainer.engine._attributes
  - pycontainer.engine._attributes.actiongroup_pycontainer
attributes:
  check_mode:
    support: partial
    details:
      - The command is not run. The container is looked at, and the task is reported as changed.
  diff_mode:
    support: none
  idempotent:
    support: N/A
    details:
      - Whether the command changes anything, it alone knows.
options:
  container:
    description:
      - The container, by name, ID, or the beginning of an ID.
    type: str
    required: true
  argv:
    description:
      - The command as a list. Exactly one of O(argv) and O(command) is required.
    type: list
    elements: str
  command:
    description:
      - The command as a string, which is split as a shell would (without running one).
    type: str
  chdir:
    description:
      - The directory to run it in. The default is the container's.
    type: str
  user:
    description:
      - The user to run it as, in the form V(user[:group]), by names of the container or by numbers. The default is the container's.
    type: str
  env:
    description:
      - Environment variables in addition to the container's. Booleans and nulls have to be quoted.
    type: dict
  stdin:
    description:
      - What the command reads from its standard input.
    type: str
  stdin_add_newline:
    description:
      - Whether to add a newline to O(stdin).
    type: bool
    default: true
  strip_empty_ends:
    description:
      - Whether to strip newlines from the end of RV(stdout) and RV(stderr).
    type: bool
    default: true
  tty:
    description:
      - Whether to give the command a terminal. What it writes to its standard error is then in RV(stdout) as well.
    type: bool
    default: false
  detach:
    description:
      - Whether to leave it running without waiting for it. Not together with O(stdin).
    type: bool
    default: false
seealso:
  - module: pycontainer.engine.container
author:
  - The pycontainer.engine authors (@pycontainer)
"""

EXAMPLES = r"""
- name: Look at what a container runs
  pycontainer.engine.container_exec:
    container: web
    command: ps -o pid,args
  register: processes
  changed_when: false

- name: Hand a script to a program in a container
  pycontainer.engine.container_exec:
    container: db
    argv: [psql, -U, postgres]
    user: postgres
    stdin: |
      SELECT count(*) FROM orders;
  register: orders
"""

RETURN = r"""
rc:
  description: The command's exit code. In check mode V(0).
  returned: when O(detach=false)
  type: int
  sample: 0
stdout:
  description: What the command wrote to its standard output.
  returned: when O(detach=false)
  type: str
stderr:
  description: What the command wrote to its standard error.
  returned: when O(detach=false)
  type: str
actions:
  description: What was done, or in check mode would be.
  returned: success
  type: list
  elements: str
  sample: ["run id in container web"]
pid:
  description: The process ID of the command on the host.
  returned: when O(detach=true), not in check mode
  type: int
exec_id:
  description: The ID of the command, by which the events C(exec_create), C(exec_start) and C(exec_die) of C(pycontainer events) name it.
  returned: when O(detach=true), not in check mode
  type: str
  sample: 5f0c8f7b1c1d5bb2f5a4c9a2b6f6f7c64b1a9d6fb0f3b2f1a0e4f4d3c2b1a090
"""

from ..module_utils import _frontend  # noqa: E402


def main():
    _frontend.run(
        "containers.task",
        "container_exec",
        {
            "container": {"type": "str", "required": True},
            "argv": {"type": "list", "elements": "str"},
            "command": {"type": "str"},
            "chdir": {"type": "str"},
            "user": {"type": "str"},
            "env": {"type": "dict"},
            "stdin": {"type": "str"},
            "stdin_add_newline": {"type": "bool", "default": True},
            "strip_empty_ends": {"type": "bool", "default": True},
            "tty": {"type": "bool", "default": False},
            "detach": {"type": "bool", "default": False},
        },
        required_one_of=[("argv", "command")],
        mutually_exclusive=[("argv", "command")],
    )


if __name__ == "__main__":
    main()
