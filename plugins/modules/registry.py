#!/usr/bin/python
# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: registry
short_description: A registry for container images on a host
version_added: 0.1.0
description:
  - Runs a registry on the host, to which Docker, Podman, Skopeo and this collection push images and artifacts and from which they
    pull them. It speaks the OCI distribution specification 1.1, the referrers API included.
  - It is a process of the host, not a container. It is started again when it ends, and after a boot where the role
    P(pycontainer.engine.host#role) has installed the boot unit.
  - A blob that no manifest of its repository names is removed an hour or two after it was last pushed or asked for, so the space of
    a deleted image comes back of itself. A manifest stays until it is deleted, also when its last tag names another one by now.
  - An option that a task does not name is not compared, and stays as it is.
  - The host's firewall is not changed.
extends_documentation_fragment:
  - pycontainer.engine._attributes
  - pycontainer.engine._attributes.actiongroup_pycontainer
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Passwords are not shown, only for which users they change.
  idempotent:
    support: full
options:
  name:
    description:
      - The registry's name. A host can have several.
    type: str
    default: registry
  state:
    description:
      - V(started) makes sure that the registry runs with these options and answers; the task ends when it does.
      - V(stopped) makes sure that it does not run, now and after a boot. Its options are kept.
      - V(absent) removes it. What was pushed to it stays, unless O(delete_storage=true).
    type: str
    choices: [started, stopped, absent]
    default: started
  listen:
    description:
      - The addresses to listen on, each as V(ADDRESS:PORT), for example V(0.0.0.0:5443) or V([::]:5000).
      - A new registry listens on V(127.0.0.1:5000) where this is not given. That is reached from the host alone.
      - A changed list restarts the registry; requests under way are finished first.
    type: list
    elements: str
  path:
    description:
      - The directory of the content. It is made where it is missing. A directory that has something else in it is refused.
      - The default is V(/var/lib/pycontainer/registry/NAME).
      - With another directory than before, what was pushed stays in the old one.
    type: path
  tls_cert:
    description:
      - A file with the certificate in PEM form, followed by the certificates of the authorities between it and the root. With it the
        registry speaks HTTPS only.
      - A file that is renewed is read again without a restart.
      - An empty string goes back to plain HTTP.
    type: str
  tls_key:
    description:
      - A file with the certificate's private key in PEM form, not encrypted. Not needed where it is in the same file.
    type: str
  users:
    description:
      - Who may pull and push. Without users everybody may who reaches the registry.
      - Given, the list is exact. V([]) lets everybody in again.
      - The host keeps the passwords as PBKDF2 keys only. Changed users need no restart.
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - The user's name.
        type: str
        required: true
      password:
        description:
          - The user's password.
        type: str
        required: true
  proxy:
    description:
      - Makes the registry a cache of another one. What it has it serves, what it lacks it fetches and keeps, and where the other one does not
        answer, it serves what it has seen last. Nothing can be pushed to it.
      - A tag is asked of the other registry each time, so the cache is never behind it. Content is fetched once.
      - A changed proxy restarts the registry.
    type: dict
    suboptions:
      remote_url:
        description:
          - The other registry's address, for example V(https://registry-1.docker.io). Without V(http://) before it, TLS is used.
          - An empty string makes it a registry like any other again, which goes on to serve what it has.
        type: str
        required: true
      username:
        description:
          - The user to log in as. Whoever may pull from this registry gets what that user may pull.
          - Without it nobody is logged in, whatever credentials the host keeps.
        type: str
      password:
        description:
          - The user's password. The host keeps it as it is, in files that root alone can read.
        type: str
      ca_path:
        description:
          - File on the host with the certificates (PEM) of the authorities to trust.
        type: path
      insecure:
        description:
          - Whether plain HTTP, or a certificate that can't be verified, will do.
        type: bool
        default: false
      ttl:
        description:
          - How long an image is kept after it was last asked for, such as V(72h). V(0) keeps it for ever.
        type: str
        default: 168h
  delete_storage:
    description:
      - With O(state=absent), delete the content as well, also that of a registry that was removed before.
    type: bool
    default: false
author:
  - The pycontainer.engine authors (@pycontainer)
seealso:
  - module: pycontainer.engine.registry_login
  - module: pycontainer.engine.image
notes:
  - Docker and this collection talk to a registry on a loopback address without TLS. Others need O(tls_cert), or have to be told that the
    registry is insecure.
"""

EXAMPLES = r"""
- name: A registry for this host alone
  pycontainer.engine.registry:
    state: started

- name: A registry for the network, with TLS and users
  pycontainer.engine.registry:
    name: team
    listen:
      - 0.0.0.0:5443
      - "[::]:5443"
    path: /srv/registry
    tls_cert: /etc/ssl/registry.pem
    tls_key: /etc/ssl/private/registry.key
    users:
      - name: ci
        password: "{{ vault_registry_ci }}"

- name: A cache of Docker's registry for all hosts of the network
  pycontainer.engine.registry:
    name: hub
    listen:
      - 0.0.0.0:5001
    proxy:
      remote_url: https://registry-1.docker.io
      username: team
      password: "{{ vault_hub_token }}"

- name: Remove it with all that was pushed to it
  pycontainer.engine.registry:
    name: team
    state: absent
    delete_storage: true
"""

RETURN = r"""
registry:
  description: The registry as it is now; in check mode as it was, or would be made. V(null) after O(state=absent).
  returned: always
  type: dict
  contains:
    name:
      description: Its name.
      type: str
      returned: success
    state:
      description: V(started) or V(stopped).
      type: str
      returned: success
    listen:
      description: The addresses.
      type: list
      elements: str
      returned: success
    path:
      description: The directory of the content.
      type: str
      returned: success
    tls_cert:
      description: The certificate's file, or V(null).
      type: str
      returned: success
    tls_key:
      description: The key's file, or V(null).
      type: str
      returned: success
    users:
      description: The users' names.
      type: list
      elements: str
      returned: success
    proxy:
      description: What it is a cache of, without the password, or V(null).
      type: dict
      returned: success
    pid:
      description: The process that supervises the server, or V(null).
      type: int
      returned: success
    log:
      description: The file where the registry writes down what goes wrong.
      type: str
      returned: success
  sample:
    name: registry
    state: started
    listen: ["127.0.0.1:5000"]
    path: /var/lib/pycontainer/registry/registry
    tls_cert:
    tls_key:
    users: []
    proxy:
    pid: 4711
    log: /run/pycontainer/registries/registry/log
actions:
  description: What was changed, or in check mode would be.
  returned: always
  type: list
  elements: str
  sample: [create and start registry registry]
"""

from ..module_utils import _frontend  # noqa: E402


def main():
    _frontend.run(
        "registry.task",
        "plan",
        {
            "name": {"type": "str", "default": "registry"},
            "state": {
                "type": "str",
                "choices": ["started", "stopped", "absent"],
                "default": "started",
            },
            "listen": {"type": "list", "elements": "str"},
            "path": {"type": "path"},
            "tls_cert": {"type": "str"},
            "tls_key": {"type": "str", "no_log": False},
            "users": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "name": {"type": "str", "required": True},
                    "password": {"type": "str", "required": True, "no_log": True},
                },
            },
            "proxy": {
                "type": "dict",
                "options": {
                    "remote_url": {"type": "str", "required": True},
                    "username": {"type": "str"},
                    "password": {"type": "str", "no_log": True},
                    "ca_path": {"type": "path"},
                    "insecure": {"type": "bool", "default": False},
                    "ttl": {"type": "str", "default": "168h"},
                },
            },
            "delete_storage": {"type": "bool", "default": False},
        },
    )


if __name__ == "__main__":
    main()
