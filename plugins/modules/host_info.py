#!/usr/bin/python
# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_info
short_description: What a host can do, and what the engine holds on it
version_added: 0.1.0
description:
  - Tells the kernel, the cgroup mode, the features found and missing (each with the reason and what depends on it), disk use and counts.
  - Works on a host that was never prepared, and changes nothing there.
extends_documentation_fragment:
  - pycontainer.engine._attributes
  - pycontainer.engine._attributes.info_module
  - pycontainer.engine._attributes.actiongroup_pycontainer
options:
  containers:
    description:
      - Whether to list the containers that run, in RV(containers).
    type: bool
    default: false
  containers_all:
    description:
      - Whether O(containers) lists those that don't run, too.
    type: bool
    default: false
  containers_filters:
    description:
      - Of O(containers) only some, by the filters of M(pycontainer.engine.container_info).
    type: dict
  images:
    description:
      - Whether to list the images, in RV(images).
    type: bool
    default: false
  images_filters:
    description:
      - Of O(images) only some, by the filters of M(pycontainer.engine.image_info).
    type: dict
  networks:
    description:
      - Whether to list the networks, in RV(networks).
    type: bool
    default: false
  networks_filters:
    description:
      - Of O(networks) only some, by the filters of M(pycontainer.engine.network_info).
    type: dict
  volumes:
    description:
      - Whether to list the volumes, in RV(volumes).
    type: bool
    default: false
  volumes_filters:
    description:
      - Of O(volumes) only some, by the filters of M(pycontainer.engine.volume_info).
    type: dict
  disk_usage:
    description:
      - Whether to tell what images take of the disk, in RV(disk_usage). RV(disk) is there in any case.
    type: bool
    default: false
  verbose_output:
    description:
      - Whether lists and RV(disk_usage) have all keys of Docker's API that have a meaning here.
    type: bool
    default: false
author:
  - The pycontainer.engine authors (@pycontainer)
seealso:
  - module: pycontainer.engine.host
"""

EXAMPLES = r"""
- name: Look at the host
  pycontainer.engine.host_info:
  register: found

- name: Stop early where limits can't be had
  ansible.builtin.assert:
    that: found.host.cgroup_mode != 'none'
    fail_msg: "{{ found.missing | join('; ') }}"

- name: List what runs of an application, and what its volumes take
  pycontainer.engine.host_info:
    containers: true
    containers_filters:
      label: app=shop
    disk_usage: true
    verbose_output: true
  register: shop
"""

RETURN = r"""
host_info:
  description: The host and counts in the keys of C(docker system info), those of them that have a meaning here.
  returned: always
  type: dict
  sample: {"CgroupVersion": "2", "Containers": 3, "ContainersRunning": 2, "NCPU": 4, "Name": "web1", "OperatingSystem": "Debian GNU/Linux 13 (trixie)"}
can_talk_to_docker:
  description: V(true), as no daemon has to be talked to.
  returned: success
  type: bool
containers:
  description: Containers, each with C(Id), C(Image), C(Command), C(Created), C(Status), C(Ports) and C(Names); more with O(verbose_output).
  returned: with O(containers)
  type: list
  elements: dict
images:
  description: Images, each with C(Id), C(RepoTags), C(Created) and C(Size); more with O(verbose_output).
  returned: with O(images)
  type: list
  elements: dict
networks:
  description: Networks, each with C(Id), C(Driver), C(Name) and C(Scope); as RV(pycontainer.engine.network_info#module:network) with O(verbose_output).
  returned: with O(networks)
  type: list
  elements: dict
volumes:
  description: Volumes, each with C(Driver) and C(Name); as RV(pycontainer.engine.volume_info#module:volume) with O(verbose_output).
  returned: with O(volumes)
  type: list
  elements: dict
disk_usage:
  description:
    - C(LayersSize), the bytes of all images; with O(verbose_output) C(Images), C(Containers) (with C(SizeRw)) and C(Volumes)
      (with C(UsageData)), too.
  returned: with O(disk_usage)
  type: dict
host:
  description: The host itself.
  returned: always
  type: dict
  contains:
    version: {description: Version of the engine., type: str}
    kernel: {description: Release of the kernel., type: str}
    architecture: {description: Architecture of the machine., type: str}
    python: {description: Version of Python., type: str}
    hostname: {description: Name of the host., type: str}
    cgroup_mode: {description: "V(v1), V(hybrid) or V(v2).", type: str}
    init: {description: Name of process 1., type: str}
    cpus: {description: Number of CPUs., type: int}
    memory: {description: Bytes of memory., type: int}
    data_directory: {description: Where what survives a reboot lies., type: str}
    run_directory: {description: Where what is of this boot lies., type: str}
features:
  description: Every feature that the engine asks for, by name.
  returned: always
  type: dict
  sample: {"clone3": {"detail": null, "found": true, "needed_for": "starting containers", "reason": ""}}
missing:
  description: One sentence for each feature that is missing.
  returned: always
  type: list
  elements: str
policy:
  description:
    - Which images this host accepts, as C(/etc/pycontainer/policy.json) says it. Without that file it accepts all.
    - If the file can't be used, C(error) says why, and nothing is accepted.
  returned: always
  type: dict
  contains:
    path: {description: The file., type: str}
    found: {description: Whether it is there., type: bool}
    error: {description: Why it can't be used., type: str}
    default: {description: What holds where no scope fits., type: list, elements: dict}
    transports: {description: "Scopes by transport, as in the file.", type: dict}
    signatures_by:
      description: What signatures are checked with, V(python3-cryptography) or V(openssl). V(null) where none can be checked.
      type: str
registries:
  description: How registries are reached, by C(/etc/pycontainer/registries.conf) or else C(/etc/containers/registries.conf).
  returned: always
  type: dict
  contains:
    path: {description: The file., type: str}
    error: {description: Why it can't be used., type: str}
    registries: {description: "Its C([[registry]]) tables.", type: list, elements: dict}
counts:
  description: How many containers, images, volumes, networks and registries there are.
  returned: always
  type: dict
disk:
  description: Bytes that they take, and the size and free space of the file system.
  returned: always
  type: dict
"""

from ..module_utils import _frontend  # noqa: E402


def main():
    _frontend.run(
        "host.info",
        "info",
        {
            "containers": {"type": "bool", "default": False},
            "containers_all": {"type": "bool", "default": False},
            "containers_filters": {"type": "dict"},
            "images": {"type": "bool", "default": False},
            "images_filters": {"type": "dict"},
            "networks": {"type": "bool", "default": False},
            "networks_filters": {"type": "dict"},
            "volumes": {"type": "bool", "default": False},
            "volumes_filters": {"type": "dict"},
            "disk_usage": {"type": "bool", "default": False},
            "verbose_output": {"type": "bool", "default": False},
        },
        store_needed=False,
    )


if __name__ == "__main__":
    main()
