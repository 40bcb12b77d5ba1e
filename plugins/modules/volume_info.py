#!/usr/bin/python
# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: volume_info
short_description: Which volumes a host has
version_added: 0.1.0
description:
  - Tells about volumes in the form of C(docker volume inspect).
extends_documentation_fragment:
  - pycontainer.engine._attributes
  - pycontainer.engine._attributes.info_module
  - pycontainer.engine._attributes.actiongroup_pycontainer
options:
  name:
    description:
      - The volume to tell about. Without it, all that O(filters) select.
    type: str
    aliases: [volume_name]
  filters:
    description:
      - Select volumes by V(name) (a part of it, or a regular expression such as V(^data$)), V(driver), V(label) (V(key) or V(key=value))
        and V(dangling) (whether no container uses them).
      - A value is a string or a list. With a list, one of its entries must fit, for V(label) all of them.
    type: dict
seealso:
  - module: pycontainer.engine.volume
author:
  - The pycontainer.engine authors (@pycontainer)
"""

EXAMPLES = r"""
- name: Look at one volume
  pycontainer.engine.volume_info:
    name: data
  register: data

- name: All volumes that no container uses
  pycontainer.engine.volume_info:
    filters:
      dangling: true
"""

RETURN = r"""
exists:
  description: Whether any volume was found.
  returned: always
  type: bool
volume:
  description: The volume, in the form of C(docker volume inspect). V(null) when there is none.
  returned: with O(name)
  type: dict
  sample:
    Name: data
    Driver: local
    Mountpoint: /var/lib/pycontainer/volumes/data/_data
volumes:
  description: All that were found.
  returned: always
  type: list
  elements: dict
"""

from ..module_utils import _frontend  # noqa: E402


def main():
    _frontend.run(
        "volumes.task",
        "volume_info",
        {"name": {"type": "str", "aliases": ["volume_name"]}, "filters": {"type": "dict"}},
        store_needed=False,
    )


if __name__ == "__main__":
    main()
