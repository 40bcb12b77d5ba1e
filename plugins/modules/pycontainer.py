#!/usr/bin/python
# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pycontainer
short_description: Docker's commands on a host, for the command line
version_added: 0.1.0
description:
  - Runs one command in Docker's grammar on the host, for example C(ansible all -m pycontainer -a 'ps -a').
  - The on-host command C(pycontainer) has the same grammar, from the same source.
  - For playbooks that describe a state, M(pycontainer.engine.container) and its siblings are the better choice. This module
    does what its command says, as Docker would.
extends_documentation_fragment:
  - pycontainer.engine._attributes
  - pycontainer.engine._attributes.actiongroup_pycontainer
attributes:
  check_mode:
    support: full
    details:
      - Commands that only look are run. Commands that change something say what they would change.
      - C(exec) is not run.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - C(start), C(stop), C(pull), C(rm) and their like change nothing the second time. C(run) and C(exec) act every time.
options:
  cmd:
    description:
      - The command line, without the leading C(pycontainer), for example V(run -d --name web -p 8080:80 nginx).
      - It is split as a shell would split it, without expanding anything.
      - Given free-form as well, C(pycontainer) followed by a colon and the command line.
    type: str
  argv:
    description:
      - The command line as a list of words. Exactly one of O(cmd) and O(argv) is given.
    type: list
    elements: str
author:
  - The pycontainer.engine authors (@pycontainer)
seealso:
  - module: pycontainer.engine.container
  - module: pycontainer.engine.image
"""

EXAMPLES = r"""
- name: What runs on the host
  pycontainer.engine.pycontainer: ps -a

- name: Run a container as "docker run" would
  pycontainer.engine.pycontainer:
    cmd: run -d --name web -p 8080:80 -e MODE=prod web:1

- name: Run another, its command line given word by word
  pycontainer.engine.pycontainer:
    argv: [run, -d, --name, cache, cache:1]
"""

RETURN = r"""
stdout:
  description: What the command printed.
  returned: always
  type: str
stdout_lines:
  description: The same as a list of lines.
  returned: always
  type: list
  elements: str
stderr:
  description: What the command printed as errors.
  returned: always
  type: str
rc:
  description: Its exit code; for C(exec) and a C(run) that waits that of the process in the container.
  returned: always
  type: int
actions:
  description: What was changed, or in check mode would be.
  returned: always
  type: list
  elements: str
"""

from ..module_utils import _frontend  # noqa: E402


def main():
    _frontend.run(
        "cli.task",
        "pycontainer",
        {"cmd": {"type": "str"}, "argv": {"type": "list", "elements": "str"}},
        required_one_of=[("cmd", "argv")],
        mutually_exclusive=[("cmd", "argv")],
    )


if __name__ == "__main__":
    main()
