#!/usr/bin/python
# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: registry_login
short_description: Credentials for a registry
version_added: 0.1.0
description:
  - Keeps the credentials for a registry on the host, or forgets them, in the file that Docker, Podman and Skopeo read as well. A
    credential helper that the file names is used.
  - Other registries' credentials and settings in the file stay. Only the file's owner may read it afterwards.
extends_documentation_fragment:
  - pycontainer.engine._attributes
  - pycontainer.engine._attributes.actiongroup_pycontainer
attributes:
  check_mode:
    support: full
    details:
      - The registry is asked about the credentials in check mode too. One that does not answer is a warning then, for the same play
        may be about to start it.
  diff_mode:
    support: full
    details:
      - Shows the user's name, never a password.
  idempotent:
    support: full
options:
  registry_url:
    description:
      - The registry, as V(host) or V(host:port). V(https://) before it and V(/v1/) or V(/v2/) behind it mean the same.
      - With a path, for example V(registry.example.com/team), the credentials are for the repositories below it. Docker does not
        know such entries; Podman, Skopeo and this collection do.
    type: str
    default: docker.io
    aliases: [registry, url]
  username:
    description:
      - The user's name. Needed for O(state=present).
    type: str
  password:
    description:
      - The user's password or access token. Needed for O(state=present).
    type: str
  state:
    description:
      - V(present) keeps the credentials.
      - V(absent) forgets them.
    type: str
    choices: [present, absent]
    default: present
  config_path:
    description:
      - The file to keep them in.
      - The default is what E(REGISTRY_AUTH_FILE) says, else C(config.json) in the directory that E(DOCKER_CONFIG) says, else
        C(~/.docker/config.json) of the user who runs the task on the host, which is root.
      - When images are pulled and pushed, these files are looked in, the first one first - the default above, C(~/.docker/config.json),
        C($XDG_RUNTIME_DIR/containers/auth.json), C(/run/containers/UID/auth.json), C(~/.config/containers/auth.json) and C(~/.dockercfg).
    type: path
    aliases: [dockercfg_path]
  verify:
    description:
      - Ask the registry whether it takes the credentials before they are kept.
    type: bool
    default: true
  reauthorize:
    description:
      - Ask the registry also when the same credentials are kept already, and fail when it refuses them.
    type: bool
    default: false
    aliases: [reauth]
  insecure:
    description:
      - Ask over plain HTTP, or without verifying the registry's certificate, where it can't be done otherwise.
      - A registry on a loopback address is always asked so.
    type: bool
    default: false
  ca_path:
    description:
      - A file with the authorities to trust instead of the host's.
    type: path
author:
  - The pycontainer.engine authors (@pycontainer)
seealso:
  - module: pycontainer.engine.registry
  - module: pycontainer.engine.image
  - module: community.docker.docker_login
"""

EXAMPLES = r"""
- name: Log in
  pycontainer.engine.registry_login:
    registry_url: registry.example.com:5443
    username: ci
    password: "{{ vault_registry_ci }}"

- name: Keep credentials for a registry that can't be reached yet
  pycontainer.engine.registry_login:
    registry_url: registry.example.com
    username: ci
    password: "{{ vault_registry_ci }}"
    verify: false

- name: Log out
  pycontainer.engine.registry_login:
    registry_url: registry.example.com:5443
    state: absent
"""

RETURN = r"""
login_result:
  description: The registry and the user whose credentials are kept now, as docker_login has it.
  returned: success and O(state=present)
  type: dict
  sample: {"serveraddress": "registry.example.com:5443", "username": "ci"}
login:
  description: What is kept now, or in check mode would be.
  returned: always
  type: dict
  contains:
    registry:
      description: The registry.
      type: str
      returned: success
    username:
      description: The user's name, V(null) after O(state=absent).
      type: str
      returned: success
    config_path:
      description: The file.
      type: str
      returned: success
    verified:
      description: Whether the registry was asked.
      type: bool
      returned: success
  sample:
    registry: registry.example.com:5443
    username: ci
    config_path: /root/.docker/config.json
    verified: true
actions:
  description: What was changed, or in check mode would be.
  returned: always
  type: list
  elements: str
"""

from ..module_utils import _frontend  # noqa: E402


def main():
    _frontend.run(
        "images.configuration.login",
        "plan",
        {
            "registry_url": {"type": "str", "default": "docker.io", "aliases": ["registry", "url"]},
            "username": {"type": "str"},
            "password": {"type": "str", "no_log": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "config_path": {"type": "path", "aliases": ["dockercfg_path"]},
            "verify": {"type": "bool", "default": True},
            "reauthorize": {"type": "bool", "default": False, "aliases": ["reauth"]},
            "insecure": {"type": "bool", "default": False},
            "ca_path": {"type": "path"},
        },
        required_if=[("state", "present", ("username", "password"))],
    )


if __name__ == "__main__":
    main()
