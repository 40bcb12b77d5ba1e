#!/usr/bin/python
# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: volume
short_description: Volumes that outlive containers
version_added: 0.1.0
description:
  - Creates, changes and removes volumes, directories of the host that containers mount by name.
  - A volume that a container names and that does not exist is made by M(pycontainer.engine.container). This module is for volumes with
    labels or options, and for removing them.
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
      - O(recreate=always) makes a new volume each time.
options:
  name:
    description:
      - The volume's name.
    type: str
    required: true
    aliases: [volume_name]
  state:
    description:
      - V(present) creates the volume, or changes it where an option that is given differs.
      - V(absent) removes it with its content. A volume that a container uses, running or not, is not removed.
    type: str
    choices: [present, absent]
    default: present
  driver:
    description:
      - The kind of volume.
    type: str
    choices: [local]
    default: local
  driver_options:
    description:
      - What the volume is, under the names that Docker gives its options. Without them it is a directory in the engine's own.
      - V(type=tmpfs), with V(o) such as V(size=100m,mode=0700,noexec), is memory. Containers share it until the volume is removed or the host
        goes down.
      - V(type=none), V(o=bind) (or V(o=bind,ro)) and V(device) with a path is a directory of the host, which has to exist.
      - Other types, such as V(nfs), are refused. Mount them on the host and use a bind mount.
    type: dict
  options:
    description:
      - O(driver_options) as a list of V(key=value), as in podman_volume. Several V(o) are one. Either this or O(driver_options).
    type: list
    elements: str
  labels:
    description:
      - Labels. They are changed without touching the content.
    aliases: [label]
    type: dict
  recreate:
    description:
      - When to remove a volume that exists, with its content, and make a new one.
      - V(never) warns when O(driver_options) differ, V(options-changed) makes a new volume then, V(always) makes a new one each time.
      - V(true) is V(always) and V(false) is V(never), as in podman_volume.
    type: str
    choices: [always, never, options-changed, 'true', 'false']
    default: never
seealso:
  - module: pycontainer.engine.volume_info
author:
  - The pycontainer.engine authors (@pycontainer)
"""

EXAMPLES = r"""
- name: A volume with a label
  pycontainer.engine.volume:
    name: data
    labels:
      backup: daily

- name: A volume in memory
  pycontainer.engine.volume:
    name: cache
    driver_options:
      type: tmpfs
      device: tmpfs
      o: size=100m

- name: Remove a volume
  pycontainer.engine.volume:
    name: data
    state: absent
"""

RETURN = r"""
volume:
  description: The volume, in the form of C(docker volume inspect). Empty when there is none.
  returned: always
  type: dict
  sample:
    Name: data
    Driver: local
    Mountpoint: /var/lib/pycontainer/volumes/data/_data
    Labels:
      backup: daily
    Options: {}
    Scope: local
    Anonymous: false
    CreatedAt: "2026-01-01T12:00:00Z"
actions:
  description: What was done, or in check mode would be.
  returned: always
  type: list
  elements: str
  sample: ["create volume data"]
"""

from ..module_utils import _frontend  # noqa: E402


def main():
    _frontend.run(
        "volumes.task",
        "volume",
        {
            "name": {"type": "str", "required": True, "aliases": ["volume_name"]},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "driver": {"type": "str", "choices": ["local"], "default": "local"},
            "driver_options": {"type": "dict"},
            "options": {"type": "list", "elements": "str"},
            "labels": {"type": "dict", "aliases": ["label"]},
            "recreate": {
                "type": "str",
                "choices": ["always", "never", "options-changed", "true", "false"],
                "default": "never",
            },
        },
    )


if __name__ == "__main__":
    main()
