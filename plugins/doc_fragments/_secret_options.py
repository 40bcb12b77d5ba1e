# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of the options that ``secret`` and ``config`` share."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  name:
    description:
      - The name, 1 to 128 letters, digits, C(_), C(.) and C(-).
    type: str
    required: true
  data:
    description:
      - The data, at most 512,000 bytes. One of O(data) and O(data_src) is needed for O(state=present).
    type: str
  data_is_b64:
    description:
      - O(data) is base64 of the data, which may be binary.
    type: bool
    default: false
  data_src:
    description:
      - A file with the data, on the controller. One that Ansible Vault has encrypted is decrypted there.
    type: path
    aliases: [path]
  remote_src:
    description:
      - O(data_src) is a file of the host.
    type: bool
    default: false
  labels:
    description:
      - Labels. They are changed without touching the data.
    type: dict
  force:
    description:
      - Write the data also where they are the same. Containers that run with them are told as of new ones.
    type: bool
    default: false
  versions_to_keep:
    description:
      - How many versions to keep with O(rolling_versions=true), the newest included. V(-1) keeps all, V(0) is as V(1).
      - Versions that a container names stay.
    type: int
    default: 5
  state:
    description:
      - V(present) keeps it, V(absent) removes it. One that a container names, running or not, is not removed.
    type: str
    choices: [present, absent]
    default: present
notes:
  - A task's options travel to the host in the module's own file unless C(pipelining) is on, which keeps them off its disk.
"""
