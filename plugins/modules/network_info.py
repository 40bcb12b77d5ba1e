#!/usr/bin/python
# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: network_info
short_description: Look at the networks of a host
version_added: 0.1.0
description:
  - Returns one network, or all of them, as C(docker network inspect) shows them.
  - The modes V(host) and V(none) are no networks here. The network V(bridge) exists once it has been needed.
extends_documentation_fragment:
  - pycontainer.engine._attributes
  - pycontainer.engine._attributes.info_module
  - pycontainer.engine._attributes.actiongroup_pycontainer
options:
  name:
    description:
      - The name of one network, its ID, or the start of its ID (four digits or more).
      - Without it, all networks that O(filters) select are returned.
    type: str
  filters:
    description:
      - Which networks to return, by Docker's filters V(name) (a part of it, or a regular expression such as V(^web$)), V(id) (its start),
        V(driver), V(label) (V(key) or V(key=value)), V(dangling) (whether no container uses it), V(type) (V(builtin) or V(custom)) and V(scope).
      - A value is a string or a list. With a list, one of its entries must fit, for V(label) all of them.
    type: dict
author:
  - The pycontainer.engine authors (@pycontainer)
seealso:
  - module: pycontainer.engine.network
"""

EXAMPLES = r"""
- name: Look at one network
  pycontainer.engine.network_info:
    name: backend
  register: result

- name: Its subnet
  ansible.builtin.debug:
    msg: "{{ result.network.IPAM.Config[0].Subnet if result.exists else 'not there' }}"

- name: All networks of a team that no container uses
  pycontainer.engine.network_info:
    filters:
      label: team=storage
      dangling: true
"""

RETURN = r"""
exists:
  description: Whether the network of O(name) exists.
  returned: when O(name) is given
  type: bool
network:
  description:
    - The network of O(name); none when it does not exist. C(Containers) has all that have an address on it, running or not.
    - C(Traffic) counts what its containers have exchanged with the host and with all that the host forwards to and from, since
      the bridge was made, as C(received_bytes), C(received_packets), C(sent_bytes), C(sent_packets), C(received_dropped) and so on.
      What containers of one host send each other is not in it. It is none with the drivers V(macvlan) and V(ipvlan).
    - C(Forwarded) counts for C(IPv4) and C(IPv6) what the host has forwarded to its containers (C(received_packets), C(received_bytes)) and
      from them (C(sent_packets), C(sent_bytes)), and what its rules dropped of that (C(received_dropped_packets), C(sent_dropped_bytes)
      and so on), since the rules were made. What a monitor's relay serves is not forwarded.
  returned: when O(name) is given
  type: dict
networks:
  description: All networks that were asked for, each in the form of RV(network), by name.
  returned: always
  type: list
  elements: dict
"""

from ..module_utils import _frontend  # noqa: E402


def main():
    _frontend.run(
        "networks.task",
        "info",
        {"name": {"type": "str"}, "filters": {"type": "dict"}},
        store_needed=False,
        mutually_exclusive=[("name", "filters")],
    )


if __name__ == "__main__":
    main()
