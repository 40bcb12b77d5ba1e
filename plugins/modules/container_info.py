#!/usr/bin/python
# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: container_info
short_description: What containers of a host are and how they do
version_added: 0.1.0
description:
  - Tells about containers in the form of C(docker inspect).
extends_documentation_fragment:
  - pycontainer.engine._attributes
  - pycontainer.engine._attributes.info_module
  - pycontainer.engine._attributes.actiongroup_pycontainer
options:
  name:
    description:
      - Containers to tell about, by name, ID, or the beginning of an ID. Those that do not exist are left out.
      - Without it, all that O(filters) select.
    type: list
    elements: str
  all:
    description:
      - Whether to tell about containers that do not run as well, when no name is given.
    type: bool
    default: true
  filters:
    description:
      - Select containers by V(id), V(name) (a part of it, or a regular expression such as V(^web$)), V(label) (V(key) or V(key=value)),
        V(status), V(ancestor) (an image), V(before) and V(since) (a container that was created later or earlier), V(volume) (a volume's
        name or a path in the container), V(network), V(publish) (a port of the host, such as V(8080), V(53/udp) or V(8000-8010)),
        V(expose) (a port of the container), V(health) and V(exited) (an exit code).
      - Several values of one filter are alternatives. Several labels must all be there.
    type: dict
  changes:
    description:
      - Whether to tell what each container has changed of its image's files, as C(Changes).
    type: bool
    default: false
  history:
    description:
      - Whether to tell who has changed the containers, as RV(history).
      - A name in O(name) is looked up whether or not there is a container of this name now.
    type: bool
    default: false
  stats:
    description:
      - Whether to tell what each container uses now, as C(Stats).
    type: bool
    default: false
seealso:
  - module: pycontainer.engine.container
author:
  - The pycontainer.engine authors (@pycontainer)
"""

EXAMPLES = r"""
- name: Look at one container
  pycontainer.engine.container_info:
    name: web
  register: web

- name: Fail when it does not run
  ansible.builtin.assert:
    that: web.exists and web.container.State.Running

- name: Find the containers that wait for memory
  pycontainer.engine.container_info:
    all: false
    stats: true
  register: running

- name: Show how long they waited, in percent of the last minute
  ansible.builtin.debug:
    msg: "{{ item.Name }}: {{ item.Stats.pressure.memory.some.avg60 | default('not told by this kernel') }}"
  loop: "{{ running.containers }}"
  loop_control:
    label: "{{ item.Name }}"

- name: Look who has changed a container, also when it is gone
  pycontainer.engine.container_info:
    name: web
    history: true
  register: web

- name: Show the last change
  ansible.builtin.debug:
    msg: "{{ web.history[0].by.task | default(web.history[0].by.command) }}: {{ web.history[0].actions | join(', ') }}"
  when: web.history | length > 0

- name: All containers with a label that have ended
  pycontainer.engine.container_info:
    filters:
      label: app=shop
      status: exited
"""

RETURN = r"""
exists:
  description: Whether any container was found.
  returned: always
  type: bool
container:
  description: The container, in the form of C(docker inspect), if exactly one was found. Otherwise V(null).
  returned: always
  type: dict
  sample:
    Id: 5b1e1d6c3a4f4e0f9a2d7c8b6e5f4a3b2c1d0e9f8a7b6c5d4e3f2a1b0c9d8e7f
    Name: /web
containers:
  description:
    - All that were found.
    - "With O(stats), each has C(Stats), which is V(null) for one that does not run, and else has C(memory) with C(usage), C(working_set)
      (without cached files that can be let go), C(limit), C(swap), C(anon), C(file) in bytes; C(cpu) with C(total), C(user), C(system),
      C(throttled) in nanoseconds and C(periods), C(throttled_periods); C(pids) with C(current) and C(limit); C(io) with C(read_bytes),
      C(write_bytes), C(reads), C(writes); C(network) with C(received) and C(sent) in bytes; C(networks) with,
      for each network that it is on, C(received_bytes), C(received_packets), C(received_dropped), C(received_errors)
      and the same of C(sent); and where the kernel tells it C(pressure), which
      has for C(cpu), C(memory) and C(io) the time in which C(some) or all (C(full)) processes waited, C(avg10), C(avg60), C(avg300) in percent
      and C(total) in microseconds."
    - What this host does not account is left out.
    - "With O(changes), each has C(Changes), as C(docker diff) shows them, each with C(Path) and C(Kind) (V(A) added, V(C) changed, V(D) deleted)."
  returned: always
  type: list
  elements: dict
history:
  description:
    - Who has changed the containers, the youngest change first. The last 30 changes of each are kept, of all together the last 2000.
    - Each has C(time) in seconds since the epoch, C(what), C(actions) as sentences, C(error) (empty, or why it was not done to its end), and C(by).
    - C(by) has C(user), the account of the host that it was done by (before C(sudo)), and C(from), the address that it came from by SSH, where
      the environment tells it. Tasks have C(controller) (its host name), C(controller_user), C(playbook) (file and line of the task), C(play), C(role)
      and C(task). Command lines have C(command).
  returned: with O(history)
  type: list
  elements: dict
  sample:
    - time: 1767225600.5
      what: container web
      actions:
        - "create container web"
        - "start container web"
      error: ""
      by:
        controller: build7
        controller_user: ann
        playbook: site.yml:12
        play: Web servers
        task: Run the shop
        user: ann
"""

from ..module_utils import _frontend  # noqa: E402


def main():
    _frontend.run(
        "containers.task",
        "container_info",
        {
            "name": {"type": "list", "elements": "str"},
            "all": {"type": "bool", "default": True},
            "filters": {"type": "dict"},
            "changes": {"type": "bool", "default": False},
            "history": {"type": "bool", "default": False},
            "stats": {"type": "bool", "default": False},
        },
        store_needed=False,
    )


if __name__ == "__main__":
    main()
