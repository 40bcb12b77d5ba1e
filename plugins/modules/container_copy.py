#!/usr/bin/python
# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: container_copy
short_description: Files into a container, or out of one
version_added: 0.1.0
description:
  - Copies a file, a directory or a text into a container, or a file or directory out of one. The container need not run.
  - Files are compared by their content, permissions and owner. Only what differs is written, and a second run changes nothing.
  - Paths of the container are resolved in its own root. No link in it leads to a file of the host, whatever the container does meanwhile.
  - The other end is the controller, or with O(remote_src=true) the host.
  - Has the options of P(community.docker.docker_container_copy_into#module) and P(containers.podman.podman_container_copy#module).
extends_documentation_fragment:
  - pycontainer.engine._attributes
  - pycontainer.engine._attributes.actiongroup_pycontainer
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Of files of text up to 104448 bytes the content is shown, with control characters made visible. Of others the size and the digest are.
  idempotent:
    support: partial
    details:
      - With O(force=true) files are written each time.
options:
  container:
    description:
      - The container, by name, ID, or the beginning of an ID.
    type: str
    required: true
  src:
    description:
      - The file or directory to copy. On the controller it is looked for in C(files) of the role and the playbook, as of M(ansible.builtin.copy).
      - A directory whose path ends with V(/) is copied without itself, only what is in it. Without V(/) it is copied below O(dest) under its own name.
      - Exactly one of O(src) and O(content) is required.
    type: str
    aliases:
      - path
  content:
    description:
      - The content of the file at O(dest). Its permissions are O(mode), V(0644) without.
      - Not with O(from_container).
    type: str
  content_is_b64:
    description:
      - Whether O(content) is encoded in Base64, as binary content has to be.
    type: bool
    default: false
  dest:
    description:
      - Where to copy it to. In a container it is absolute, and a relative path is relative to V(/).
      - A file goes below a directory that is there, or whose path ends with V(/), under its own name. A directory whose path ends with V(/) is made.
      - On the controller, a relative path is relative to the playbook's directory.
    type: str
    required: true
    aliases:
      - container_path
  from_container:
    description:
      - Copy out of the container. O(src) is of the container then, and O(dest) of the controller or host.
      - Files become root's on the host, and the user's who runs Ansible on the controller. Device nodes and set-id bits are left out.
    type: bool
    default: false
  remote_src:
    description:
      - Whether the other end is the host rather than the controller.
    type: bool
    default: false
  owner:
    description:
      - The owner of the files, a name in the container's own C(/etc/passwd) or a number. The default is the user that the container runs as.
      - Not with O(from_container), as the other three.
    type: str
  owner_id:
    description:
      - The owner's number.
    type: int
  group:
    description:
      - The group of the files, a name in the container's own C(/etc/group) or a number. The default is the owner's.
    type: str
  group_id:
    description:
      - The group's number.
    type: int
  mode:
    description:
      - The permissions of files, octal. Give them as a text, such as V('0644'), or with the zero in front.
      - Without it, those of the source are kept.
    type: raw
  directory_mode:
    description:
      - The permissions of directories, as O(mode). Without it, those of the source are kept.
      - A directory that is there, and whose content alone is copied to, is left as it is.
    type: raw
  archive:
    description:
      - V(true) gives the files to O(owner), or the container's user. V(false) keeps the numbers of owner and group that they have on the host, and is
        for O(remote_src=true).
    type: bool
    default: true
  follow:
    description:
      - Whether a link in the container at the end of the path is followed. Links on the way always are, in the container's own root.
      - Into a container, a link that is not followed is replaced by the file.
    type: bool
    default: false
  local_follow:
    description:
      - Whether a link at the end of the other path, of the controller or host, is followed.
    type: bool
    default: true
  force:
    description:
      - Without it, files that differ are written.
      - V(true) writes all files, without comparing them.
      - V(false) writes files only where nothing is there.
    type: bool
  overwrite:
    description:
      - Whether a directory may be removed to make room for a file, and a file for a directory. Otherwise the task fails then.
    type: bool
    default: false
seealso:
  - module: pycontainer.engine.container
  - module: pycontainer.engine.container_exec
  - module: ansible.builtin.copy
author:
  - The pycontainer.engine authors (@pycontainer)
"""

EXAMPLES = r"""
- name: Give a container its configuration
  pycontainer.engine.container_copy:
    container: web
    content: |
      worker_processes 2;
    dest: /etc/app.conf
    owner: root
    mode: '0644'

- name: Copy what is in a directory of the host into a container
  pycontainer.engine.container_copy:
    container: web
    src: /srv/shop/web/
    remote_src: true
    dest: /srv/web

- name: Fetch a file of a container to the host
  pycontainer.engine.container_copy:
    container: web
    from_container: true
    src: /etc/passwd
    remote_src: true
    dest: /var/tmp/passwd-of-web
"""

RETURN = r"""
src:
  description: What was copied.
  returned: success
  type: str
  sample: /srv/shop/web/
dest:
  description: Where it was copied to.
  returned: success
  type: str
  sample: /srv/web
container_path:
  description: The path of the container.
  returned: success
  type: str
  sample: /srv/web
files:
  description: What was written or changed, or in check mode would be.
  returned: success
  type: list
  elements: str
  sample: ["/srv/web/index.html"]
actions:
  description: What was done, or in check mode would be.
  returned: success
  type: list
  elements: str
  sample: ["write /srv/web/index.html in container web"]
"""

from ..module_utils import _frontend  # noqa: E402


def main():
    _frontend.run(
        "containers.task",
        "container_copy",
        {
            "container": {"type": "str", "required": True},
            "src": {"type": "str", "aliases": ["path"]},
            "content": {"type": "str", "no_log": False},
            "content_is_b64": {"type": "bool", "default": False},
            "dest": {"type": "str", "required": True, "aliases": ["container_path"]},
            "from_container": {"type": "bool", "default": False},
            "remote_src": {"type": "bool", "default": False},
            "owner": {"type": "str"},
            "owner_id": {"type": "int"},
            "group": {"type": "str"},
            "group_id": {"type": "int"},
            "mode": {"type": "raw"},
            "directory_mode": {"type": "raw"},
            "archive": {"type": "bool", "default": True},
            "follow": {"type": "bool", "default": False},
            "local_follow": {"type": "bool", "default": True},
            "force": {"type": "bool"},
            "overwrite": {"type": "bool", "default": False},
        },
        required_one_of=[("src", "content")],
        mutually_exclusive=[("src", "content")],
    )


if __name__ == "__main__":
    main()
