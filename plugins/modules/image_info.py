#!/usr/bin/python
# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: image_info
short_description: What images a host has
version_added: 0.1.0
description:
  - Shows some or all images of a host, in the form of C(docker image inspect).
extends_documentation_fragment:
  - pycontainer.engine._attributes
  - pycontainer.engine._attributes.info_module
  - pycontainer.engine._attributes.actiongroup_pycontainer
options:
  name:
    description:
      - Names of images, their IDs or the starts of IDs. What does not exist is left out of the result.
      - Without it, all images that O(filters) select are returned.
    type: list
    elements: str
  filters:
    description:
      - Which images to return, by Docker's filters V(dangling) (whether they have no name), V(reference) (a pattern such as V(shop/*),
        for the name with or without its tag; V(*) stands for anything but a slash), V(label) (V(key) or V(key=value)), V(label!) (not so),
        V(before) and V(since) (an image, than which they are older or younger) and V(until) (a time, or how long ago, such as V(24h), before which
        they were created).
      - A value is a string or a list. With a list, one of its entries must fit, for V(label) all of them, for V(label!) none.
      - Not together with O(name).
    type: dict
  all:
    description:
      - Also images without a name on which another image stands. Not together with O(name).
    type: bool
    default: false
  history:
    description:
      - Whether to tell the steps that each image came from, as C(History).
    type: bool
    default: false
  layers:
    description:
      - Whether to tell what each layer adds, as C(Layers), and which files a later layer deletes, replaces or repeats, so that nobody sees
        them any more although they are transferred and kept, as C(Wasted) and C(WastedFiles).
      - All layers of the images are read for it.
    type: bool
    default: false
  compare_to:
    description:
      - An image of the host. Each image tells what of its files differs from that one's, as C(Differences).
      - All layers that the two don't share are read for it.
    type: str
  referrers:
    description:
      - Ask the registries that the images are known in, by C(RepoDigests), what refers to them, such as signatures and bills of materials, and add it
        as C(Referrers). They are asked by the API for that, or where there is none by the fallback tag.
      - Registries are reached as the host's C(registries.conf), C(certs.d) and kept credentials say.
    type: bool
    default: false
author:
  - The pycontainer.engine authors (@pycontainer)
seealso:
  - module: pycontainer.engine.image
"""

EXAMPLES = r"""
- name: Look at one image
  pycontainer.engine.image_info:
    name: [registry.example.com/shop/web:1.4]
  register: result

- name: Its ID
  ansible.builtin.debug:
    msg: "{{ result.images[0].Id if result.images else 'not there' }}"

- name: What there is beside an image in its registry
  pycontainer.engine.image_info:
    name: [registry.example.com/shop/web:1.4]
    referrers: true

- name: All images of a team
  pycontainer.engine.image_info:
    filters:
      label: team=shop

- name: Look into an image's layers
  pycontainer.engine.image_info:
    name: [registry.example.com/shop/web:1.4]
    layers: true
    history: true
  register: web

- name: Fail when more than a tenth of it is wasted
  ansible.builtin.assert:
    that: item.Wasted * 10 <= item.Size
    fail_msg: "{{ item.WastedFiles }}"
  loop: "{{ web.images }}"

- name: What a removal of dangling images would remove
  pycontainer.engine.image_info:
    filters:
      dangling: true
"""

RETURN = r"""
images:
  description:
    - The images as C(docker image inspect) shows them, the newest first, or in the order of O(name).
    - "With O(history), each has C(History), the newest step first, each with C(Id) (of the image after it, if the host has that), C(Created),
      C(CreatedBy), C(Comment), C(Size) in bytes, and C(Layer) and C(Digest) if it has added one."
    - "With O(layers), each has C(Layers), the lowest first, each with C(DiffID), C(Digest), C(CreatedBy), C(Created), C(Size) and
      C(CompressedSize) in bytes, C(Files), C(Deletes) (how many names it takes away) and C(Wasted) (bytes of it that are hidden by later ones).
      C(Wasted) of the image is their sum. C(WastedFiles) has the 20 largest files, each with C(Path), C(Size), the numbers of the layers from 1
      C(Layer) and C(HiddenBy), and C(How) (V(deleted), V(replaced), or V(repeated), which is the same content again)."
    - "With O(compare_to), each has C(Differences), each with C(Path), C(Kind) (V(A) added, V(C) changed, V(D) deleted), C(Size) and C(Before)
      in bytes."
    - An image whose configuration is lost has C(Damaged), a sentence that says so, and nothing that would be in it.
    - With O(referrers), C(Referrers) is a list of C(repository), C(subject), C(digest), C(mediaType), C(artifactType), C(size), C(annotations).
  returned: always
  type: list
  elements: dict
  sample:
    - Id: sha256:c7a00d2a3ab77655256831978a4ef4dc835352e313148bb0564efde4015e1b2a
      RepoTags: ["web:1"]
      RepoDigests: []
      Created: "2026-11-24T09:44:54Z"
      Architecture: amd64
      Os: linux
      Size: 1982256
      Config:
        Cmd: [httpd, -f]
"""

from ..module_utils import _frontend  # noqa: E402


def main():
    _frontend.run(
        "images.task",
        "image_info",
        {
            "name": {"type": "list", "elements": "str"},
            "filters": {"type": "dict"},
            "all": {"type": "bool", "default": False},
            "history": {"type": "bool", "default": False},
            "layers": {"type": "bool", "default": False},
            "compare_to": {"type": "str"},
            "referrers": {"type": "bool", "default": False},
        },
    )


if __name__ == "__main__":
    main()
