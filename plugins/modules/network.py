#!/usr/bin/python
# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: network
short_description: Networks that containers of a host share
version_added: 0.1.0
description:
  - Creates, changes and removes networks. A network is a bridge on the host with subnets of its own, of IPv4, of IPv6 or of
    both, from which every container on it gets an address of each family.
  - Containers on one network reach each other. Containers on different networks do not, and other hosts reach published
    ports only. Containers reach other hosts through the host's address, unless the network is O(internal).
  - The network V(bridge), on which a container is put that names no other, is made when it is first needed. It can be made
    with other settings beforehand, like any other network.
  - The bridge and the firewall's rules (nf_tables, tables C(ip pycontainer) and C(ip6 pycontainer)) are derived from what this
    module has recorded, and put back by whatever starts a container, after a reboot or after something has flushed the rules. This
    module turns C(net.ipv4.ip_forward) on, and for a network with IPv6 C(net.ipv6.conf.all.forwarding). Links of the host that
    get their addresses by router advertisements go on doing so (C(accept_ra) becomes 2 on them).
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
  name:
    description:
      - The network's name.
      - To remove one, the start of its ID does as well (four digits or more).
    type: str
    required: true
    aliases: [network_name]
  state:
    description:
      - V(present) creates the network, or changes it where an option that is given differs. An option that is not given is
        not compared.
      - V(absent) removes it.
    type: str
    choices: [present, absent]
    default: present
  driver:
    description:
      - The kind of network. That of a new one is V(bridge) where none is given.
      - V(bridge), a bridge on the host, behind the host's address.
      - V(macvlan), on a link of the host, its parent. Each container is a machine of its own on the parent's network, with a MAC address.
        The kernel keeps such containers and the host itself apart.
      - V(ipvlan), on a parent whose MAC address all its containers have, for networks that allow one MAC address a port. With
        V(ipvlan_mode=l3) the host routes, and other hosts need a route to the subnet by way of it.
      - V(overlay), over all hosts of a play. Each host has a part of the subnet and a bridge on it, and VXLAN leads to the others.
    type: str
    choices: [bridge, macvlan, ipvlan, overlay]
  driver_options:
    description:
      - Settings of the driver, under the names that Docker gives them. Given, they are exact, so an entry that is taken out goes
        back to its default.
      - V(com.docker.network.driver.mtu), in bytes. The default is the MTU of the host's link to the outside, V(1500) at most.
      - V(com.docker.network.bridge.name), the name of the bridge on the host.
      - V(com.docker.network.bridge.enable_icc), whether the network's containers reach each other. The default is V(true). Ports that they
        publish are reached all the same.
      - V(com.docker.network.bridge.enable_ip_masquerade), whether containers appear with the host's address to other hosts.
        The default is V(true).
      - V(com.docker.network.bridge.host_binding_ipv4), the host's address, of either family, for published ports that name none. The
        default is all addresses of the host.
      - V(com.docker.network.bridge.gateway_mode_ipv4) and V(com.docker.network.bridge.gateway_mode_ipv6), how containers are reached by a
        family. V(nat) (the default) is by the host's addresses and published ports. With V(nat-unprotected) other hosts reach all ports at
        the containers' own addresses, too. With V(routed) there is no NAT. Published ports are open at the containers' own addresses, and
        no port of the host is taken. V(isolated) needs O(internal=true), and leaves the host without an address on the network.
      - V(parent), with the drivers V(macvlan) and V(ipvlan). A link of the host such as V(eth0), or a VLAN of one such as V(eth0.10),
        which is made where it is missing and removed with the last network on it.
      - V(macvlan_mode), one of V(bridge) (the default), V(private), V(vepa) and V(passthru).
      - V(vxlan_id) (by default made of the network's name) and V(vxlan_port) (V(4789)), with the driver V(overlay).
      - V(encrypted), with the driver V(overlay). V(true) puts WireGuard in the place of VXLAN, with the UDP port V(wireguard_port)
        (V(51820)). Each host makes its own key, the play hands on the public halves, and no host can send what is not of its part of the
        subnet. Let the play name the network in two tasks, so that the second one has the keys that the first one made. The kernel must
        have WireGuard (Linux 5.6 or newer).
      - V(ipvlan_mode), one of V(l2) (the default), V(l3) and V(l3s), and V(ipvlan_flag), one of V(bridge) (the default), V(private) and V(vepa).
    type: dict
  ipam_config:
    description:
      - The network's subnets, one or more of each family. A container gets one address of each family, from the first subnet of
        it that has a free one. Given, they are exact.
      - A family that the network has and no entry names gets a subnet that overlaps no route and no address of the host and no
        other network. Of IPv4 that is the first free one of V(172.17.0.0/16) to V(172.31.0.0/16) and the V(/20) subnets of
        V(192.168.0.0/16). Of IPv6 it is a V(/64) of a unique local prefix (RFC 4193) which the host draws once. The option
        O(pycontainer.engine.host#module:default_address_pools) names others.
    type: list
    elements: dict
    suboptions:
      subnet:
        description:
          - The subnet, for example V(172.28.0.0/16) or V(fd12:3456:789a::/64). It must not overlap that of another network, nor of
            one of the host's links. One of IPv6 implies O(enable_ipv6).
        type: str
        required: true
      iprange:
        description:
          - The part of the subnet from which containers get addresses that they did not ask for.
        type: str
      gateway:
        description:
          - The host's address on the network. The default is the first one that O(ipam_config[].aux_addresses) leaves free.
        type: str
      aux_addresses:
        description:
          - Addresses that no container gets, as a dictionary from a name for each to the address.
        type: dict
  internal:
    description:
      - Whether nothing enters or leaves the network. Its containers have no default route, and forwarded packets are dropped
        in both directions. The host itself reaches them.
    type: bool
  disable_dns:
    description:
      - Whether containers do not find each other by name on the network. They then use the host's DNS servers, unless another
        network of theirs has names. The default is V(false), and V(true) for the network V(bridge).
      - After a change the containers are connected again as they run.
    type: bool
    version_added: 0.2.0
  route:
    description:
      - Static routes of the containers on the network, each V(destination,gateway) or V(destination,gateway,metric), for example
        V(10.9.0.0/16,172.28.0.2). The gateway is an address on the network. Given, they are exact.
      - A container that is a gateway needs a network with O(allow_spoofing=true), since it sends what others have sent.
      - After a change the containers are connected again as they run.
    type: list
    elements: str
    version_added: 0.2.0
  interface_name:
    description:
      - Podman's name for V(com.docker.network.bridge.name), or with the drivers V(macvlan) and V(ipvlan) for V(parent), of
        O(driver_options).
    type: str
    version_added: 0.2.0
  peers:
    description:
      - The hosts of a network with O(driver=overlay), this one among them. The default is the hosts of the play, as far as their inventory
        has them; a host that is not in the inventory any more leaves the network.
      - The module M(pycontainer.engine.network_info) has to run on all of them before, so that each knows what the others have.
    type: list
    elements: dict
    version_added: 0.2.0
    suboptions:
      name:
        description: The host's name. The default is its address.
        type: str
      address:
        description:
          - The address by which the other hosts reach it. Where the play's hosts are the peers, that is the variable
            C(pycontainer_overlay_address), else the fact C(ansible_default_ipv4), else C(ansible_host).
        type: str
        required: true
      share:
        description:
          - Its part of the subnet, from which its containers get addresses. By default each host gets the first that is free, by name, and
            keeps it.
        type: str
      containers:
        description: Its containers' names, each with a list of addresses, for the containers of the other hosts.
        type: dict
      public_key:
        description:
          - Its public key where the network is encrypted, which its own task returns as C(Peers). Without one, the key that is known of
            it stays.
        type: str
        version_added: 0.2.0
  key_max_age:
    description:
      - How old this host's key on an encrypted overlay network may be, for example V(2160h) for 90 days. A task that finds an older one makes a new
        one, and the next task of the play hands it on to the other hosts. Between the two nothing passes. At least V(1h).
      - Without it a key is used until the network is removed.
    type: str
    version_added: 0.2.0
  peer_name:
    description:
      - Which of the O(peers) this host is. In a play it is the inventory's name, else the peer whose address the host has.
    type: str
    version_added: 0.2.0
  allow_host:
    description:
      - Whether containers reach the services of the host itself, by whichever of its addresses. Published ports, ICMP and answers pass
        in any case.
      - The default is V(false), and V(true) for the network V(bridge), where Docker's users expect C(host-gateway) to lead to the host.
        Networks that an older version has made keep V(true).
    type: bool
    version_added: 0.2.0
  allow_metadata:
    description:
      - Whether containers reach the metadata services of clouds, which give out the host's credentials (V(169.254.169.254),
        V(fd00:ec2::254), and others of their kind). The default is V(true).
    type: bool
    version_added: 0.2.0
  allow_spoofing:
    description:
      - Whether containers may send under other addresses than their own, as a router or a virtual address needs it. The default is V(false).
    type: bool
    version_added: 0.2.0
  labels:
    description:
      - Labels of the network. Given, they are exact.
    type: dict
  attachable:
    description:
      - Recorded, and shown as C(Attachable). Any container can be attached to any network here, so it changes nothing else.
    type: bool
  enable_ipv4:
    description:
      - Whether containers get IPv4 addresses. The default is V(true). V(false) needs O(enable_ipv6).
    type: bool
  enable_ipv6:
    description:
      - Whether containers get IPv6 addresses. The default is V(false), unless O(ipam_config) has a subnet of IPv6. Where it is
        off, IPv6 is off on the links that containers get.
      - They appear with the host's address to other hosts, as with IPv4. Router advertisements are not listened to.
      - The host's kernel must have IPv6, and it must not be off (C(net.ipv6.conf.all.disable_ipv6)).
    type: bool
  force:
    description:
      - With O(state=absent), remove the network though containers use it. They lose its link at once and can't be started again
        before they are made anew without it.
      - With O(state=present), make the bridge anew, whether anything differs or not, and connect its containers again. They keep their
        addresses where these are in the subnets that the network has then, and get others where not.
    type: bool
notes:
  - Labels, V(iprange), V(aux_addresses) and masquerading are changed under running containers. The subnets, the gateway, the MTU, the
    bridge's name, the families and O(internal) are part of the containers' own configuration. After such a change the containers are
    connected again as they run, with the addresses that they had, which ends their connections by other addresses. A change that would
    take an address from a container is refused without O(force).
  - Containers are put on networks by the option O(pycontainer.engine.container#module:networks) of
    M(pycontainer.engine.container), which changes running containers too. So there is no option C(connected) here, which would be
    a second place to say the same.
  - Other people's firewall rules apply as well. Where the chain FORWARD of iptables drops what no rule accepts (C(ufw), Docker), rules
    with the comment C(pycontainer) are put at its end, which accept what comes from and goes to the engine's links. Rules of your own
    come before them. The links are put into the zone C(trusted) of firewalld's running configuration. After a reload of these, both are put
    back. A chain in nft's own language that drops forwarded packets is not touched, and the module warns of it.
author:
  - The pycontainer.engine authors (@pycontainer)
seealso:
  - module: pycontainer.engine.network_info
  - module: pycontainer.engine.container
"""

EXAMPLES = r"""
- name: A network with a subnet of the engine's choice
  pycontainer.engine.network:
    name: web

- name: A network with addresses of your own choice
  pycontainer.engine.network:
    name: backend
    ipam_config:
      - subnet: 172.28.0.0/16
        gateway: 172.28.0.1
        iprange: 172.28.5.0/24
        aux_addresses:
          printer: 172.28.0.9

- name: A network that nothing enters or leaves, for a tunnel with a smaller MTU
  pycontainer.engine.network:
    name: database
    internal: true
    driver_options:
      com.docker.network.driver.mtu: 1400
    labels:
      team: storage

- name: A network with IPv4 and IPv6, each with a subnet of the engine's choice
  pycontainer.engine.network:
    name: dual
    enable_ipv6: true

- name: A network with IPv6 alone
  pycontainer.engine.network:
    name: six
    enable_ipv4: false
    enable_ipv6: true
    ipam_config:
      - subnet: fd12:3456:789a::/64
        gateway: fd12:3456:789a::1

- name: A network on the VLAN 10 of a link, with the router of that VLAN
  pycontainer.engine.network:
    name: cameras
    driver: macvlan
    driver_options:
      parent: eth0.10
    ipam_config:
      - subnet: 192.168.10.0/24
        gateway: 192.168.10.1
        iprange: 192.168.10.128/25

- name: A network whose containers reach neither the host's services nor the cloud's metadata
  pycontainer.engine.network:
    name: tenants
    allow_host: false
    allow_metadata: false

- name: Remove a network
  pycontainer.engine.network:
    name: web
    state: absent
"""

RETURN = r"""
network:
  description:
    - The network as C(docker network inspect) shows it, and its C(Bridge) and C(MTU).
    - In check mode, what it would be. The ID and the chosen subnet of a network that is yet to be made may differ in the end.
  returned: when O(state=present)
  type: dict
  sample:
    Name: backend
    Id: 0e5f6bb3a1d2c4f7a80f8a2d7e3f7c0c5d1b2a3948576a6b7c8d9e0f1a2b3c4d
    Driver: bridge
    Scope: local
    Internal: false
    EnableIPv4: true
    EnableIPv6: false
    IPAM:
      Driver: default
      Options: {}
      Config:
        - Subnet: 172.28.0.0/16
          Gateway: 172.28.0.1
    Containers: {}
    Options: {}
    Labels: {}
    Bridge: pyc-0e5f6bb3a1d
    MTU: 1500
actions:
  description: What was changed, or in check mode would be.
  returned: always
  type: list
  elements: str
  sample: ["create network backend with subnet 172.28.0.0/16"]
"""

from ..module_utils import _frontend  # noqa: E402


def main():
    _frontend.run(
        "networks.task",
        "plan",
        {
            "name": {"type": "str", "required": True, "aliases": ["network_name"]},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "driver": {"type": "str", "choices": ["bridge", "macvlan", "ipvlan", "overlay"]},
            "driver_options": {"type": "dict"},
            "ipam_config": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "subnet": {"type": "str", "required": True},
                    "iprange": {"type": "str"},
                    "gateway": {"type": "str"},
                    "aux_addresses": {"type": "dict"},
                },
            },
            "internal": {"type": "bool"},
            "peers": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "name": {"type": "str"},
                    "address": {"type": "str", "required": True},
                    "share": {"type": "str"},
                    "containers": {"type": "dict"},
                    "public_key": {"type": "str", "no_log": False},
                },
            },
            "key_max_age": {"type": "str", "no_log": False},
            "peer_name": {"type": "str"},
            "disable_dns": {"type": "bool"},
            "route": {"type": "list", "elements": "str"},
            "interface_name": {"type": "str"},
            "allow_host": {"type": "bool"},
            "allow_metadata": {"type": "bool"},
            "allow_spoofing": {"type": "bool"},
            "attachable": {"type": "bool"},
            "labels": {"type": "dict"},
            "enable_ipv4": {"type": "bool"},
            "enable_ipv6": {"type": "bool"},
            "force": {"type": "bool"},
        },
    )


if __name__ == "__main__":
    main()
