#!/usr/bin/python
# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_engine
short_description: Bring the engine to a host
version_added: 0.1.0
description:
  - Lays the engine down on a host. The other modules of this collection call it by themselves where a host has not got their very engine yet.
  - M(pycontainer.engine.host) does this and more, and is what a playbook should use.
options:
  directory:
    description:
      - A directory that does not exist yet, in which the engine is laid down, for a task that must leave nothing behind.
      - Without it the engine is laid down for good, in C(/var/lib/pycontainer/runtime).
    type: path
extends_documentation_fragment:
  - pycontainer.engine._attributes
  - pycontainer.engine._attributes.actiongroup_pycontainer
attributes:
  check_mode:
    support: partial
    details:
      - With O(directory) the engine is laid down in check mode as well, for other tasks need it to look what they would do.
  diff_mode:
    support: none
  idempotent:
    support: full
author:
  - The pycontainer.engine authors (@pycontainer)
seealso:
  - module: pycontainer.engine.host
"""

EXAMPLES = r"""
- name: Have the engine on the host before many tasks start at once
  pycontainer.engine.host_engine:
"""

RETURN = r"""
engine_copy:
  description: Where the engine was laid down.
  returned: success
  type: str
  sample: /var/lib/pycontainer/runtime/0.1.0-1f2e3d4c5b6a
"""

from ..module_utils import _frontend  # noqa: E402


def main():
    _frontend.run(
        "deploy.install",
        "bring",
        {"directory": {"type": "path"}},
        brings=True,
        store_needed=lambda params: params["directory"] is None,
    )


if __name__ == "__main__":
    main()
