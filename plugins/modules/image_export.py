#!/usr/bin/python
# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: image_export
short_description: Images of a host in an archive or OCI layout
version_added: 0.1.0
description:
  - Writes images to an archive that C(docker load), C(podman load), C(skopeo) and C(umoci) read. Manifests, configurations and layers go in byte
    for byte as the host has them, so every digest stays what it is.
  - The same images give the same archive. It is written anew unless it is byte for byte the same, and appears only whole.
extends_documentation_fragment:
  - pycontainer.engine._attributes
  - pycontainer.engine._attributes.actiongroup_pycontainer
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - With O(force) the archive is written each time.
options:
  names:
    description:
      - The images, by name, ID or the start of one. One that is given by ID is in the archive without a name.
    type: list
    elements: str
    required: true
    aliases: [name]
  tag:
    description:
      - The tag of names that have none.
    type: str
    default: latest
  path:
    description:
      - The archive on the host, or with O(format=oci-dir) a directory, which is empty, new, or an OCI layout already. What was in it goes.
    type: path
    required: true
  format:
    description:
      - V(docker-archive) is what C(docker save) of Docker 25 and newer writes. All versions of C(docker load) read it, and it is an OCI layout
        as well.
      - V(oci-archive) is an OCI layout in an archive, V(oci-dir) one in a directory.
    type: str
    choices: [docker-archive, oci-archive, oci-dir]
    default: docker-archive
  gzip:
    description:
      - Whether the archive is compressed. Most layers in it are already.
    type: bool
    default: false
  force:
    description:
      - Whether the archive is written although it is the same already.
    type: bool
    default: false
author:
  - The pycontainer.engine authors (@pycontainer)
seealso:
  - module: pycontainer.engine.image
"""

EXAMPLES = r"""
- name: Two images in one archive
  pycontainer.engine.image_export:
    names:
      - registry.example.com/shop/web:1.4
      - redis:7
    path: /var/tmp/shop.tar

- name: An OCI layout
  pycontainer.engine.image_export:
    name: redis:7
    path: /srv/layouts
    format: oci-dir
"""

RETURN = r"""
images:
  description: The images, as C(docker image inspect) shows them.
  returned: always
  type: list
  elements: dict
actions:
  description: What was changed, or in check mode would be.
  returned: always
  type: list
  elements: str
  sample: ["save image redis:7 to /srv/layouts"]
"""

from ..module_utils import _frontend  # noqa: E402


def main():
    _frontend.run(
        "images.task",
        "image_export",
        {
            "names": {"type": "list", "elements": "str", "required": True, "aliases": ["name"]},
            "tag": {"type": "str", "default": "latest"},
            "path": {"type": "path", "required": True},
            "format": {
                "type": "str",
                "choices": ["docker-archive", "oci-archive", "oci-dir"],
                "default": "docker-archive",
            },
            "gzip": {"type": "bool", "default": False},
            "force": {"type": "bool", "default": False},
        },
    )


if __name__ == "__main__":
    main()
