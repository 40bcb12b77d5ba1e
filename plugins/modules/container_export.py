#!/usr/bin/python
# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: container_export
short_description: The root file system of a container in an archive
version_added: 0.1.0
description:
  - Writes the files of a container, those of its image and what it has changed of them, to a tar archive, as C(docker export) does. Owners are as
    the container sees them. What is mounted in it, such as volumes, is left out.
  - O(pycontainer.engine.image#module:source=import) makes an image of such an archive.
  - The archive is written anew unless it is byte for byte the same, and appears only whole.
extends_documentation_fragment:
  - pycontainer.engine._attributes
  - pycontainer.engine._attributes.actiongroup_pycontainer
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - A container that runs may change files in the meantime. With O(force) the archive is written each time.
options:
  name:
    description:
      - The container, by name, ID or the start of one. It need not run.
    type: str
    required: true
  path:
    description:
      - The archive on the host.
    type: path
    required: true
  force:
    description:
      - Whether the archive is written although it is the same already.
    type: bool
    default: false
author:
  - The pycontainer.engine authors (@pycontainer)
seealso:
  - module: pycontainer.engine.image
  - module: pycontainer.engine.container
"""

EXAMPLES = r"""
- name: Keep a container's files
  pycontainer.engine.container_export:
    name: shop
    path: /var/tmp/shop-root.tar
"""

RETURN = r"""
path:
  description: The archive.
  returned: always
  type: str
  sample: /var/tmp/shop-root.tar
actions:
  description: What was changed, or in check mode would be.
  returned: always
  type: list
  elements: str
  sample: ["export container shop to /var/tmp/shop-root.tar"]
"""

from ..module_utils import _frontend  # noqa: E402


def main():
    _frontend.run(
        "containers.task",
        "container_export",
        {
            "name": {"type": "str", "required": True},
            "path": {"type": "path", "required": True},
            "force": {"type": "bool", "default": False},
        },
    )


if __name__ == "__main__":
    main()
