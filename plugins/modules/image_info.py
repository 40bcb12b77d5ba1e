#!/usr/bin/python
# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: image_info
short_description: What images a host has
version_added: 0.1.0
description:
  - Shows some or all images of a host, in the form of C(docker image inspect).
extends_documentation_fragment:
  - pycontainer.engine.attributes
  - pycontainer.engine.attributes.engine_copy
  - pycontainer.engine.attributes.info_module
  - pycontainer.engine.attributes.actiongroup_pycontainer
options:
  name:
    description:
      - Names of images, their IDs or the starts of IDs. What does not exist is left out of the result.
      - Without it, all images that O(filters) select are returned.
    type: list
    elements: str
  filters:
    description:
      - Which images to return, by Docker's filters V(dangling) (whether they have no name), V(reference) (a pattern such as V(shop/*),
        for the name with or without its tag) and V(label) (V(key) or V(key=value)).
      - A value is a string or a list. With a list, one of its entries must fit, for V(label) all of them.
      - Not together with O(name).
    type: dict
  all:
    description:
      - Also images without a name on which another image stands. Not together with O(name).
    type: bool
    default: false
author:
  - The pycontainer.engine authors (@pycontainer)
seealso:
  - module: pycontainer.engine.image
"""

EXAMPLES = r"""
- name: Look at one image
  pycontainer.engine.image_info:
    name: [registry.example.com/shop/web:1.4]
  register: result

- name: Its ID
  ansible.builtin.debug:
    msg: "{{ result.images[0].Id if result.images else 'not there' }}"

- name: All images of a team
  pycontainer.engine.image_info:
    filters:
      label: team=shop

- name: What a removal of dangling images would remove
  pycontainer.engine.image_info:
    filters:
      dangling: true
"""

RETURN = r"""
images:
  description:
    - The images as C(docker image inspect) shows them, the newest first, or in the order of O(name).
  returned: always
  type: list
  elements: dict
  sample:
    - Id: sha256:c7a00d2a3ab77655256831978a4ef4dc835352e313148bb0564efde4015e1b2a
      RepoTags: ["web:1"]
      RepoDigests: []
      Created: "2026-11-24T09:44:54Z"
      Architecture: amd64
      Os: linux
      Size: 1982256
      Config:
        Cmd: [httpd, -f]
"""

from ..module_utils import frontend


def main():
    frontend.run("images.task", "image_info", {
        "name": {"type": "list", "elements": "str"},
        "filters": {"type": "dict"},
        "all": {"type": "bool", "default": False},
    })


if __name__ == "__main__":
    main()
