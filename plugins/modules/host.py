#!/usr/bin/python
# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host
short_description: Prepare a host for containers
version_added: 0.1.0
description:
  - Lays the engine down on the host, with the command C(pycontainer) and a boot unit that starts after a boot what should run.
  - Other modules of this collection work without it. A host needs it for containers that come back after a boot, and for the command.
    On a host that has it they are faster as well, for the engine is there with its bytecode.
  - The role P(pycontainer.engine.host#role) installs the libraries that the engine needs, then calls this module.
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
  state:
    description:
      - V(present) puts the engine, the command and the boot unit on the host.
      - V(absent) removes them. It refuses while containers run, unless O(force=true).
    type: str
    choices: [present, absent]
    default: present
  command:
    description:
      - The path of the on-host command. The OCI runtime command C(pycontainer-oci) is put beside it.
    type: path
    default: /usr/local/bin/pycontainer
  boot:
    description:
      - Whether a boot unit is installed, enabled and started, in the form of the host's init system (systemd, OpenRC or sysvinit).
      - After a boot it starts what should run; when the host goes down it stops each container by its own stop signal. Stopping or
        restarting the unit by hand stops no container.
      - V(false) removes one that is there.
    type: bool
    default: true
  interpreter:
    description:
      - The Python that runs the engine between tasks. It must be Python 3.9 or newer and be able to import C(_cffi_backend).
      - When not given, an interpreter that was recorded before is kept, else it is C(/usr/bin/python3) where that will do, else the
        one that runs this module.
      - Only root may be able to write to it, to its libraries and to the directories that they are in. What its own user has installed for
        himself does not count.
    type: path
  layers:
    description:
      - How image layers are stored that come to the host from now on. What is there already stays as it is, and both kinds work together.
      - V(directory) unpacks a layer into a directory. Containers of one image share the memory of the files that they read.
      - V(erofs) keeps a layer as one file, its uncompressed archive with an EROFS index over it, which the kernel mounts for each
        container. Pulls and removals are faster, files that several containers read are in memory once for each. The host must be able
        to do it, as RV(pycontainer.engine.host_info#module:features) tells under C(erofs_layers). A layer that this form can't hold,
        as one with sparse files, is unpacked all the same.
      - V(auto) is V(erofs) where the host can do it, else V(directory).
      - It is written to C(/etc/pycontainer/config.json). When not given, what is there stays; without any it is V(directory).
    type: str
    choices: [directory, erofs, auto]
  selinux:
    description:
      - Whether containers have SELinux labels that name none in their O(pycontainer.engine.container#module:security_opts), as with Docker's
        C(selinux-enabled). The host's policy must have contexts for containers, which on Red Hat's distributions the package C(container-selinux)
        brings; RV(pycontainer.engine.host_info#module:features) tells under C(selinux_default).
      - Containers then have only what is labelled for them. Paths of the host need the mode V(z) or V(Z).
      - It holds for containers from their next start on. It is written to C(/etc/pycontainer/config.json). When not given, what is there
        stays; without any it is V(false).
    type: bool
  container_ids:
    description:
      - The ids of the host that containers get theirs from, 65,536 for each, which has a user namespace of its own; V(FIRST-LAST), for example
        V(2100000000-2147483647).
      - Nobody else of the host or of its directory (SSSD, FreeIPA, Winbind) may have one of them. Containers that are there keep theirs.
      - It is written to C(/etc/pycontainer/config.json). When not given, what is there stays; without any, the lines of a user C(pycontainer) in
        C(/etc/subuid) and C(/etc/subgid) name them, else they are from 2013265920 to 2147483647, and from 1879048192 on when these are taken.
    type: str
  secrets_key:
    description:
      - What secrets are encrypted with on the host's disk. The absolute path of a file of 32 to 4096 random bytes that root alone can
        read, or V(none) for no encryption. A secret that is there is encrypted anew by the next task that names it.
      - It is written to C(/etc/pycontainer/config.json). When not given, what is there stays; an empty text goes back to the default,
        which is C(systemd-creds), with the host's key and its TPM, where it is there. Where it fails, or the file can't be used, tasks
        that keep a secret fail.
    type: str
  default_address_pools:
    description:
      - Where networks get their subnets from that name none, as in Docker's C(daemon.json). The first piece is taken that overlaps no
        route and no address of the host and no other network. Networks that are there keep theirs.
      - It is written to C(/etc/pycontainer/config.json). When not given, what is there stays. An empty list goes back to the default,
        V(172.17.0.0/16) to V(172.31.0.0/16), then the V(/20) subnets of V(192.168.0.0/16), and of IPv6 the V(/64) subnets of a unique
        local prefix (RFC 4193) that the host draws once. Each family has its default as long as no pool is of it.
    type: list
    elements: dict
    suboptions:
      base:
        description: A subnet, for example V(10.20.0.0/16) or V(fd12:3456:789a::/48).
        type: str
        required: true
      size:
        description: The length of the prefix of the subnets that it is cut into, for example V(24).
        type: int
        required: true
  force:
    description:
      - With O(state=absent), stop the containers that run.
    type: bool
    default: false
  delete_data:
    description:
      - With O(state=absent), remove all containers and networks, and delete all images, volumes and other data of the engine.
      - Without it C(/var/lib/pycontainer) stays, and O(state=present) finds everything again.
    type: bool
    default: false
author:
  - The pycontainer.engine authors (@pycontainer)
seealso:
  - module: pycontainer.engine.host_info
"""

EXAMPLES = r"""
- name: Prepare a host
  pycontainer.engine.host:

- name: Prepare a host where something else takes care of the boot
  pycontainer.engine.host:
    boot: false

- name: Prepare a host whose kernel mounts image layers from files
  pycontainer.engine.host:
    layers: auto

- name: See what a host can do
  pycontainer.engine.host_info:
  register: can

- name: Prepare a host whose containers are confined by SELinux, where its policy has what that needs
  pycontainer.engine.host:
    selinux: "{{ can.features.selinux_default.found }}"

- name: Remove everything, with the data
  pycontainer.engine.host:
    state: absent
    force: true
    delete_data: true
"""

RETURN = r"""
host:
  description: What is on the host. Null with O(state=absent).
  returned: success
  type: dict
  contains:
    version:
      description: The version of the engine.
      type: str
      returned: with O(state=present)
      sample: 0.1.0
    runtime:
      description: The directory of the engine on the host.
      type: str
      returned: with O(state=present)
      sample: /var/lib/pycontainer/runtime/0.1.0-1f2e3d4c5b6a
    interpreter:
      description: The Python that runs it between tasks.
      type: str
      returned: with O(state=present)
      sample: /usr/bin/python3
    command:
      description: The path of the on-host command.
      type: str
      returned: with O(state=present)
      sample: /usr/local/bin/pycontainer
    oci_command:
      description: The path of the OCI runtime command, which other engines can be pointed at.
      type: str
      returned: with O(state=present)
      sample: /usr/local/bin/pycontainer-oci
    init:
      description: The init system of the host (V(systemd), V(openrc), V(sysvinit)), or null where there is none of these.
      type: str
      returned: with O(state=present)
      sample: systemd
    boot_unit:
      description: The path of the boot unit, or null where there is none.
      type: str
      returned: with O(state=present)
      sample: /etc/systemd/system/pycontainer-boot.service
    layers:
      description: How image layers are stored that come to the host from now on, as O(layers).
      type: str
      returned: with O(state=present)
      sample: directory
    selinux:
      description: Whether containers have SELinux labels that name none, as O(selinux).
      type: bool
      returned: with O(state=present)
      sample: false
    container_ids:
      description: The ids that containers get theirs from, as O(container_ids), or null where nobody has set them.
      type: str
      returned: with O(state=present)
      sample: 2100000000-2147483647
    secrets_key:
      description: What secrets are encrypted with, as O(secrets_key), or null where nobody has set it.
      type: str
      returned: with O(state=present)
      sample: /root/pycontainer.key
    default_address_pools:
      description: Where networks get their subnets from, as O(default_address_pools), or null where nobody has set it.
      type: list
      elements: dict
      returned: with O(state=present)
      sample: [{base: 10.20.0.0/16, size: 24}]
actions:
  description: What was changed, or in check mode would be.
  returned: success
  type: list
  elements: str
  sample: ["lay down the engine 0.1.0-1f2e3d4c5b6a"]
"""

from ..module_utils import _frontend  # noqa: E402


def main():
    _frontend.run(
        "host.task",
        "plan",
        {
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "command": {"type": "path", "default": "/usr/local/bin/pycontainer"},
            "boot": {"type": "bool", "default": True},
            "interpreter": {"type": "path"},
            "layers": {"type": "str", "choices": ["directory", "erofs", "auto"]},
            "selinux": {"type": "bool"},
            "container_ids": {"type": "str"},
            "secrets_key": {"type": "str", "no_log": False},
            "default_address_pools": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "base": {"type": "str", "required": True},
                    "size": {"type": "int", "required": True},
                },
            },
            "force": {"type": "bool", "default": False},
            "delete_data": {"type": "bool", "default": False},
        },
        store_needed=lambda params: params["state"] == "present",
        prepares=True,
    )


if __name__ == "__main__":
    main()
