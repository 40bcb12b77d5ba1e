#!/usr/bin/python
# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: container_checkpoint
short_description: Write down what a container does, and have it go on from there
version_added: 0.1.0
description:
  - Writes the processes of a running container, with their memory and open files, to the disk, and has a container go on from there later,
    as C(docker checkpoint) and C(docker start --checkpoint).
  - Needs CRIU on the host (on Debian the package C(criu)), in a version that works with the host's kernel; C(criu check) says whether it does.
    Without it nothing is changed and the task fails.
  - What is written down does not have files in it. The container's writable layer and its volumes are as they are when it goes on, and files
    that its processes had open must have the size that they had.
  - A container that mounts an image (O(pycontainer.engine.container#module:mounts[].type=image)) is refused.
extends_documentation_fragment:
  - pycontainer.engine._attributes
  - pycontainer.engine._attributes.actiongroup_pycontainer
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  container:
    description:
      - The container, by name, ID, or the beginning of an ID.
    type: str
    required: true
  checkpoint:
    description:
      - The checkpoint's name.
    type: str
    required: true
    aliases: [name]
  state:
    description:
      - V(present), there is a checkpoint of that name. Where there is none, the container has to be running.
      - V(absent), there is none.
      - V(restored), the container runs. One that does not goes on from the checkpoint; one that does is left as it is.
    type: str
    choices: [present, absent, restored]
    default: present
  leave_running:
    description:
      - Whether the container goes on when it has been written down. Otherwise it ends then, and is not restarted by its restart policy.
    type: bool
    default: false
  tcp_established:
    description:
      - Whether a container with open TCP connections can be written down. Without it, that fails.
    type: bool
    default: false
  checkpoint_dir:
    description:
      - A directory on the host for checkpoints, each in a directory by its name, instead of the container's own.
      - They stay when the container is removed. Another container of the same image with the same options can go on from there, also on
        another host of the same kind.
    type: path
seealso:
  - module: pycontainer.engine.container
author:
  - The pycontainer.engine authors (@pycontainer)
"""

EXAMPLES = r"""
- name: Write a container down before its host is restarted
  pycontainer.engine.container_checkpoint:
    container: worker
    checkpoint: before-restart

- name: Have it go on
  pycontainer.engine.container_checkpoint:
    container: worker
    checkpoint: before-restart
    state: restored

- name: Remove the checkpoint
  pycontainer.engine.container_checkpoint:
    container: worker
    checkpoint: before-restart
    state: absent
"""

RETURN = r"""
checkpoints:
  description: The container's checkpoints, in O(checkpoint_dir) where that is given.
  returned: success
  type: list
  elements: dict
  sample:
    - Name: before-restart
      Created: "2026-01-01T12:00:00Z"
      Size: 252416
actions:
  description: What was done, or in check mode would be.
  returned: success
  type: list
  elements: str
  sample: ["write down what container worker does, as checkpoint before-restart"]
"""

from ..module_utils import _frontend  # noqa: E402


def main():
    _frontend.run(
        "containers.task",
        "container_checkpoint",
        {
            "container": {"type": "str", "required": True},
            "checkpoint": {"type": "str", "required": True, "aliases": ["name"]},
            "state": {
                "type": "str",
                "choices": ["present", "absent", "restored"],
                "default": "present",
            },
            "leave_running": {"type": "bool", "default": False},
            "tcp_established": {"type": "bool", "default": False},
            "checkpoint_dir": {"type": "path"},
        },
    )


if __name__ == "__main__":
    main()
