#!/usr/bin/python
# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: prune
short_description: Remove what nobody uses any more
version_added: 0.1.0
description:
  - Removes containers that don't run, networks that no container is on, volumes and images that no container uses, and what builds have cached.
    Only what is asked for is removed, in this order, so that what one removal leaves unused goes with the next.
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
  containers:
    description:
      - Whether to remove containers that don't run. Their volumes stay.
    type: bool
    default: false
  containers_filters:
    description:
      - Of these only some, by V(until) (created before a time, or so long ago, such as V(24h)), V(label) (V(key) or V(key=value)), V(label!) (not so),
        and by the filters of M(pycontainer.engine.container_info).
      - A value is a string or a list, of which for V(label) all must fit, for V(label!) none.
    type: dict
  images:
    description:
      - Whether to remove images without a name that no container uses and no other image came from.
    type: bool
    default: false
  images_filters:
    description:
      - Of these only some, by V(until), V(label) and V(label!) as in O(containers_filters). With V(dangling=false), images with a name that no
        container uses are removed as well.
    type: dict
  networks:
    description:
      - Whether to remove networks that no container is on.
    type: bool
    default: false
  networks_filters:
    description:
      - Of these only some, by V(until), V(label) and V(label!) as in O(containers_filters), and by V(name) (a part of it).
    type: dict
  volumes:
    description:
      - Whether to remove volumes without a name of their own, which were made for one container, and that no container uses.
    type: bool
    default: false
  volumes_filters:
    description:
      - Of these only some, by V(label) and V(label!) as in O(containers_filters), and by V(name) (a part of it). With V(all=true), volumes with a
        name are removed as well.
    type: dict
  builder_cache:
    description:
      - Whether to remove the files that C(RUN --mount=type=cache) of builds has kept, and what is remembered of contexts. Images of build
        steps are images, see O(images) and O(builder_cache_all).
    type: bool
    default: false
  builder_cache_all:
    description:
      - Whether O(builder_cache) removes images of build steps that have no name and no use, too. With O(images), that option says which go.
    type: bool
    default: false
  builder_cache_filters:
    description:
      - Of what builds have cached only some, by V(id) (that of C(--mount=type=cache), or its target), V(until) (not used since a time, or for
        so long, such as V(24h); of images, created before) and V(type).
      - V(type) is one or a list of V(exec.cachemount) (the files of C(--mount=type=cache)), V(source.local) (what is remembered of contexts) and
        V(regular) (images of steps, with O(builder_cache_all)).
    type: dict
  builder_cache_keep_storage:
    description:
      - The size of the files of C(--mount=type=cache) that may stay, such as V(10G). Those that builds used last do. Images of steps do not count.
    type: str
author:
  - The pycontainer.engine authors (@pycontainer)
seealso:
  - module: pycontainer.engine.image
  - module: pycontainer.engine.container
  - module: pycontainer.engine.volume
  - module: pycontainer.engine.network
"""

EXAMPLES = r"""
- name: Remove containers that ended a day ago or earlier, and images without a name
  pycontainer.engine.prune:
    containers: true
    containers_filters:
      until: 24h
    images: true

- name: Remove all that nobody uses, but what is to be kept
  pycontainer.engine.prune:
    containers: true
    containers_filters:
      label!: keep
    networks: true
    volumes: true
    images: true
    images_filters:
      dangling: false
      label!: keep
    builder_cache: true
"""

RETURN = r"""
containers:
  description: IDs of the containers that were removed.
  returned: if O(containers)
  type: list
  elements: str
containers_space_reclaimed:
  description: Bytes that these containers had written.
  returned: if O(containers)
  type: int
networks:
  description: Names of the networks that were removed.
  returned: if O(networks)
  type: list
  elements: str
volumes:
  description: Names of the volumes that were removed.
  returned: if O(volumes)
  type: list
  elements: str
volumes_space_reclaimed:
  description: Bytes of these volumes.
  returned: if O(volumes)
  type: int
images:
  description: IDs of the images that were removed.
  returned: if O(images)
  type: list
  elements: str
images_space_reclaimed:
  description: Bytes that were freed, of layers and blobs that no other image has. Not known in check mode, where it is V(0).
  returned: if O(images)
  type: int
builder_cache_caches_deleted:
  description: Names of the caches, and with O(builder_cache_all) IDs of the images, that were removed, or in check mode would be.
  returned: if O(builder_cache)
  type: list
  elements: str
builder_cache_space_reclaimed:
  description: Bytes of these. Those of images are not known in check mode.
  returned: if O(builder_cache)
  type: int
actions:
  description: What was changed, or in check mode would be.
  returned: always
  type: list
  elements: str
  sample: ["remove container web"]
"""

from ..module_utils import _frontend  # noqa: E402


def main():
    _frontend.run(
        "host.prune_plans",
        "prune",
        {
            "containers": {"type": "bool", "default": False},
            "containers_filters": {"type": "dict"},
            "images": {"type": "bool", "default": False},
            "images_filters": {"type": "dict"},
            "networks": {"type": "bool", "default": False},
            "networks_filters": {"type": "dict"},
            "volumes": {"type": "bool", "default": False},
            "volumes_filters": {"type": "dict"},
            "builder_cache": {"type": "bool", "default": False},
            "builder_cache_all": {"type": "bool", "default": False},
            "builder_cache_filters": {"type": "dict"},
            "builder_cache_keep_storage": {"type": "str"},
        },
    )


if __name__ == "__main__":
    main()
