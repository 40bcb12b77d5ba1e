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
    labels or options, for removing them, and for what they hold.
  - Saves what a volume holds to an archive on the host or to a registry, restores it, on another host too, and copies volumes.
extends_documentation_fragment:
  - pycontainer.engine._attributes
  - pycontainer.engine._attributes.actiongroup_pycontainer
attributes:
  check_mode:
    support: full
    details:
      - What an archive or a registry has is compared with the volume, so that the prediction is true.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - O(recreate=always) makes a new volume each time.
      - With O(state=saved) and O(state=restored) contents are compared. A volume that is written to between two runs differs.
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
      - V(saved) has what the volume holds in O(path) or O(artifact). It is saved again when that has another content.
      - V(restored) has the volume hold what O(path) or O(artifact) has, and nothing else. A volume that does not exist is created. The content of
        one that exists is replaced where it differs, as a whole or, when anything fails, not at all. Containers that run with it are refused; stop
        them before.
    type: str
    choices: [present, absent, saved, restored]
    default: present
  path:
    description:
      - A tar archive on the host, which O(state=saved) writes and O(state=restored) reads.
      - With O(state=present), a volume that does not exist is created with the content of the archive. For one that exists it is not looked at.
      - What is written is compressed with gzip when the name ends with V(.gz) or V(.tgz), with zstd when it ends with V(.zst) or V(.tzst). The
        archive belongs to root alone, and appears only when it is whole. What is read may be compressed with gzip, zstd, xz or bzip2, by any name.
      - Owners, modes, times, extended attributes, access lists, hard links, sparse files and devices come back as they were. Sockets are left out, and
        so are labels of SELinux, which are the host's.
      - Archives of other programs, such as C(tar) and C(podman volume export), are taken as well. No name in one leads out of the volume.
    type: path
  artifact:
    description:
      - The same in a registry, as C([registry[:port]/]repository[:tag][@digest]), an OCI artifact of the type
        C(application/vnd.pycontainer.volume.v1) whose one layer is the archive, compressed with gzip. Other tools fetch it with C(oras pull) or
        C(podman artifact pull).
      - Either this or O(path).
    type: str
  clone_from:
    description:
      - Another volume. With O(state=present), a volume that does not exist is created with a copy of what it holds. For one that exists it is not
        looked at.
      - File systems that share data between files, such as btrfs and XFS, share it between the two. The copy takes no room then, and little time.
    type: str
  freeze:
    description:
      - With O(state=saved) and O(clone_from), freeze the running containers that mount the volume while it is read, so that the copy is of one
        moment. They run on after a failure or a kill too. Containers that are started meanwhile wait.
      - Without it, a file that becomes shorter while it is read is an error, and what else is written meanwhile is in the copy or not.
    type: bool
    default: false
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
      - V(size), such as V(10g), is how much a directory in the engine's own may hold. It is a project quota, which xfs and ext4 have when they are
        mounted with V(prjquota); elsewhere it is refused. It changes while containers run; the first one of a volume that had none makes a copy of
        the content, for which its containers have to be stopped. V(o=size=10g) alone, as in podman_volume, is the same.
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
  insecure:
    description:
      - Whether plain HTTP, or a certificate that can't be verified, will do for the registry of O(artifact). Registries on this host's loopback
        addresses never need it.
    type: bool
    default: false
  validate_certs:
    description:
      - Whether the registry's certificate is verified. V(false) still insists on TLS, unlike O(insecure).
    aliases: [tls_verify, tlsverify]
    type: bool
    default: true
  ca_path:
    description:
      - File with the certificates (PEM) of the authorities to trust, as in M(pycontainer.engine.image).
    type: path
  client_cert:
    description:
      - File with the certificate (PEM) to show to the registry.
    type: path
  client_key:
    description:
      - File with the key (PEM) of O(client_cert).
    type: path
  auth_file:
    description:
      - File with the registry's credentials, as in M(pycontainer.engine.image).
    aliases: [authfile]
    type: path
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

- name: Save what it holds, of one moment
  pycontainer.engine.volume:
    name: data
    state: saved
    path: /var/tmp/data.tar.gz
    freeze: true

- name: A new volume begins with it
  pycontainer.engine.volume:
    name: staging
    path: /var/tmp/data.tar.gz

- name: Save it to a registry, for other hosts
  pycontainer.engine.volume:
    name: data
    state: saved
    artifact: registry.example.com/volumes/data:monday

- name: Have exactly what was saved
  pycontainer.engine.volume:
    name: staging
    state: restored
    artifact: registry.example.com/volumes/data:monday

- name: A copy to try an upgrade with
  pycontainer.engine.volume:
    name: trial
    clone_from: data

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
            "state": {
                "type": "str",
                "choices": ["present", "absent", "saved", "restored"],
                "default": "present",
            },
            "path": {"type": "path"},
            "artifact": {"type": "str"},
            "clone_from": {"type": "str"},
            "freeze": {"type": "bool", "default": False},
            "driver": {"type": "str", "choices": ["local"], "default": "local"},
            "driver_options": {"type": "dict"},
            "options": {"type": "list", "elements": "str"},
            "labels": {"type": "dict", "aliases": ["label"]},
            "recreate": {
                "type": "str",
                "choices": ["always", "never", "options-changed", "true", "false"],
                "default": "never",
            },
            "insecure": {"type": "bool", "default": False},
            "validate_certs": {
                "type": "bool",
                "default": True,
                "aliases": ["tls_verify", "tlsverify"],
            },
            "ca_path": {"type": "path"},
            "client_cert": {"type": "path"},
            "client_key": {"type": "path"},
            "auth_file": {"type": "path", "aliases": ["authfile"]},
        },
    )


if __name__ == "__main__":
    main()
