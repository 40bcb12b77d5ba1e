#!/usr/bin/python
# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: secret
short_description: Secrets for containers
version_added: 0.1.0
description:
  - Keeps a secret on the host, changes or removes it. Containers get it as a file in memory, by the option C(secrets) of
    M(pycontainer.engine.container).
  - On disk it is encrypted where the host has C(systemd-creds), or a key file by the option O(pycontainer.engine.host#module:secrets_key).
    A host that has neither keeps it readable by root alone, and the first task that keeps one says so in a warning. Where
    C(systemd-creds) fails or the key file can't be used, the task fails. The setting C(secrets_key=none) keeps secrets unencrypted.
  - Its data are in no result, diff, log, event or record of a container. Two are compared by opening the one on the host, so there
    is no digest that could be guessed from.
  - New data reach the containers that run with it at once. Their files are replaced, and what their entries in C(secrets) say
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
      - Keep each new data as a version of its own, C(NAME_v1), C(NAME_v2) and so on. RV(secret_name) is the newest, for the
        option of the container, which is replaced then.
    type: bool
    default: false
seealso:
  - module: pycontainer.engine.config
  - module: pycontainer.engine.container
  - module: community.docker.docker_secret
  - module: containers.podman.podman_secret
author:
  - The pycontainer.engine authors (@pycontainer)
"""

EXAMPLES = r"""
- name: A password from Vault
  pycontainer.engine.secret:
    name: db_password
    data: "{{ vault_db_password }}"

- name: A key from a file of the controller, which Vault may have encrypted
  pycontainer.engine.secret:
    name: tls_key
    data_src: artifacts/tls.key

- name: A container that reads them, and reloads when the key changes
  pycontainer.engine.container:
    name: web
    image: nginx:1.27
    secrets:
      - db_password
      - source: tls_key
        target: tls.key
        uid: 101
        mode: "0400"
        on_change: SIGHUP

- name: Remove one that no container names
  pycontainer.engine.secret:
    name: old_password
    state: absent
"""

RETURN = r"""
secret_id:
  description: Its ID, which stays when the data change.
  returned: always
  type: str
  sample: 9f86d081884c7d659a2feaa0c
secret_name:
  description: Its name, with O(rolling_versions=true) that of the newest version.
  returned: always
  type: str
  sample: db_password
secret:
  description: What C(inspect) says of it, without its data. Empty where there is none.
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
  sample: ["create secret db_password"]
"""

from ..module_utils import _frontend, _secret_options  # noqa: E402


def main():
    _frontend.run("secrets.task", "secret", _secret_options.arguments(hidden=True))


if __name__ == "__main__":
    main()
