# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter molecule_instances."""

from __future__ import annotations

DOCUMENTATION = r"""
name: molecule_instances
short_description: What Molecule's platforms are as containers
version_added: 0.1.0
author:
  - The pycontainer.engine authors (@pycontainer)
description:
  - Turns the platforms of a C(molecule.yml), or the hosts of an inventory, into what the playbooks C(molecule_create) and
    C(molecule_destroy) of this collection make and remove.
  - Takes the options of M(pycontainer.engine.container#module) and those of molecule-plugins' drivers for Docker and Podman. An option that has no
    meaning here fails with a sentence.
options:
  _input:
    description: The platforms.
    type: list
    elements: dict
    required: true
  hosts:
    description: Hosts of the inventory, which are taken when there are no platforms.
    type: list
    elements: str
    default: []
  hostvars:
    description: The variables of all hosts.
    type: dict
    default: {}
  scenario:
    description: The scenario's directory. Containers and networks of two scenarios have names of their own by it.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show what containers a scenario would get
  ansible.builtin.debug:
    msg: "{{ platforms | pycontainer.engine.molecule_instances(scenario='/srv/role/molecule/default') }}"
  vars:
    platforms:
      - name: instance
        image: debian:12
        pre_build_image: true
"""

RETURN = r"""
_value:
  description: For each instance its name, container, machine, the definition of the container, networks to make and the image to build.
  type: list
  elements: dict
"""

from ansible_collections.pycontainer.engine.plugins.plugin_utils import _molecule  # noqa: E402


def molecule_instances(platforms, hosts=(), hostvars=None, scenario=""):
    return _molecule.instances(platforms, hosts, hostvars or {}, scenario)


class FilterModule:
    def filters(self):
        return {"molecule_instances": molecule_instances}
