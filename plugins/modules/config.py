#!/usr/bin/python
# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: config
short_description: Configs for containers
version_added: 0.1.0
description:
  - Keeps a config on the host, changes or removes it. Containers get it as a file in memory, by the option C(configs) of
    M(pycontainer.engine.container).
  - As a secret, but its data may be seen. C(inspect) shows them, and they are not encrypted on disk.
  - New data reach the containers that run with it at once. Their files are replaced, and what their entries in C(configs) say
    is done then.
extends_documentation_fragment:
  - pycontainer.engine._attributes
  - pycontainer.engine._attributes.actiongroup_pycontainer
  - pycontainer.engine._secret_options
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Says that the data change, and shows none.
  idempotent:
    support: partial
    details:
      - O(force=true) writes the data each time.
options:
  rolling_versions:
    description:
      - Keep each new data as a version of its own, C(NAME_v1), C(NAME_v2) and so on. RV(config_name) is the newest, for the
        option of the container, which is replaced then.
    type: bool
    default: false
seealso:
  - module: pycontainer.engine.secret
  - module: pycontainer.engine.container
  - module: community.docker.docker_config
author:
  - The pycontainer.engine authors (@pycontainer)
"""

EXAMPLES = r"""
- name: A configuration
  pycontainer.engine.config:
    name: tokens.conf
    data: |
      server_tokens off;

- name: A container with it
  pycontainer.engine.container:
    name: web
    image: nginx:1.27
    configs:
      - source: tokens.conf
        target: /etc/nginx/conf.d/tokens.conf
        on_change: restart

- name: Remove one that no container names
  pycontainer.engine.config:
    name: old.conf
    state: absent
"""

RETURN = r"""
config_id:
  description: Its ID, which stays when the data change.
  returned: always
  type: str
  sample: 9f86d081884c7d659a2feaa0c
config_name:
  description: Its name, with O(rolling_versions=true) that of the newest version.
  returned: always
  type: str
  sample: db_password
config:
  description: What C(inspect) says of it, with its data. Empty where there is none.
  returned: always
  type: dict
  sample: {"ID": "9f86d081884c7d659a2feaa0c", "Spec": {"Name": "db_password", "Labels": {}}, "Users": ["web"]}
containers:
  description: The running containers that were given new data, and what was done then.
  returned: always
  type: list
  elements: dict
  sample: [{"name": "web", "then": "send it SIGHUP"}]
actions:
  description: What was done, or in check mode would be.
  returned: always
  type: list
  elements: str
  sample: ["create config db_password"]
"""

from ..module_utils import _frontend, _secret_options  # noqa: E402


def main():
    _frontend.run("secrets.task", "config", _secret_options.arguments(hidden=False))


if __name__ == "__main__":
    main()
