#!/usr/bin/python
# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: container
short_description: Containers of a host, one or a list of them
version_added: 0.1.0
description:
  - Creates, changes, starts, stops and removes containers on a host that needs no container engine.
  - An option that a task does not give is not compared, and keeps its value also where another option makes a new container
    necessary. A list or map that it gives is exact, so an entry that is taken out of the task is taken out of the container
    (O(comparisons) can loosen that). The image's own defaults are compared with the image, never with the container.
  - Changed while the container runs are its limits of memory, CPU, processes and disk traffic, its restart policy, labels, networks,
    published ports, log options, health check, O(stop_signal), O(stop_timeout) and O(auto_remove). Every other difference makes
    a new container. That is a transaction. The new container is created beside the old one, the old one is stopped, the new one is
    started and, with O(state=healthy), waited for. If it does not come up, the old one is put back as it was, and the task fails
    with the new one's last lines.
  - What can't work on a host (a missing image, path or network, a port that is taken, a limit that the kernel does not know) is
    refused before anything is changed.
extends_documentation_fragment:
  - pycontainer.engine._container_options
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
      - O(state=restarted), O(restart=true) and O(recreate=true) do what they say each time.
seealso:
  - module: pycontainer.engine.container_info
  - module: pycontainer.engine.container_exec
  - module: pycontainer.engine.image
  - module: pycontainer.engine.network
  - module: pycontainer.engine.volume
author:
  - The pycontainer.engine authors (@pycontainer)
"""

EXAMPLES = r"""
- name: A web server with limits, a volume and a published port
  pycontainer.engine.container:
    name: web
    image: nginx:1.27
    memory: 256m
    cpus: 0.5
    pids_limit: 100
    volumes:
      - pages:/usr/share/nginx/html:ro
    published_ports:
      - 8080:80
    restart_policy: unless-stopped

- name: Change a limit while it runs
  pycontainer.engine.container:
    name: web
    memory: 512m

- name: Restart it as it is
  pycontainer.engine.container:
    name: web
    state: restarted

- name: Roll out a new version with nobody refused, and keep the old one if the new one does not get healthy
  pycontainer.engine.container:
    name: app
    image: registry.example.com/app:2
    pull: always
    healthcheck:
      test: [CMD, /bin/app, ping]
      interval: 5s
    state: healthy
    healthy_wait_timeout: 60
    drain_timeout: 30

- name: Three containers in one task
  pycontainer.engine.container:
    containers:
      - name: db
        image: postgres:17
        env:
          POSTGRES_PASSWORD: "{{ password }}"
        volumes:
          - db:/var/lib/postgresql/data
      - name: cache
        image: redis:7
        memory: 64m
      - name: old
        state: absent

- name: Run a job to its end, and fail with its output where it fails
  pycontainer.engine.container:
    name: migrate
    image: registry.example.com/app:2
    command: [/bin/app, migrate]
    detach: false
    cleanup: true

- name: Remove a container and its anonymous volumes
  pycontainer.engine.container:
    name: web
    state: absent
    keep_volumes: false
"""

RETURN = r"""
container:
  description:
    - The container, in the form of C(docker inspect). Empty when there is none.
    - In check mode the container as it is.
  returned: with O(name)
  type: dict
  contains:
    Output:
      description: With O(detach=false) what it wrote to stdout and stderr, the last 16 MiB of it. Also where it is removed by then.
      returned: with O(detach=false), when the task started it
      type: str
    Security:
      description: What gives the container more of the host than usual.
      returned: with O(name)
      type: dict
      contains: &security
        Findings:
          description: The same as sentences.
          type: list
          elements: str
        Privileged:
          description: Whether it is privileged.
          type: bool
        HostNamespaces:
          description: Namespaces of the host that it is in, of V(cgroup), V(ipc), V(network), V(pid), V(user), V(uts).
          type: list
          elements: str
        HostUser:
          description: Whether root in it is root of the host.
          type: bool
        SensitiveMounts:
          description:
            - Paths of the host that it has and that lead to the rest of the host, such as V(/), V(/etc), V(/proc), the stores of
              container engines, and the sockets of engines, virtual machines and D-Bus. Of those that it can write to also the ones
              from which the host executes something, such as V(/usr/local/bin), V(/etc/cron.d) and homes.
          type: list
          elements: str
        AddedCapabilities:
          description: Capabilities that it has beyond the default ones.
          type: list
          elements: str
        SeccompUnconfined:
          description: Whether no filter of system calls is set, or one that refuses nothing of what the default one refuses.
          type: bool
        PathsUnconfined:
          description: Whether no paths of C(/proc) and C(/sys) are masked or read-only.
          type: bool
        Devices:
          description: Devices of the host that it has, and its device rules; V(all) for one that is privileged.
          type: list
          elements: str
  sample:
    Id: 5b1e1d6c3a4f4e0f9a2d7c8b6e5f4a3b2c1d0e9f8a7b6c5d4e3f2a1b0c9d8e7f
    Name: /web
    Security:
      AddedCapabilities: []
      Devices: []
      Findings: []
      HostNamespaces: []
      HostUser: false
      PathsUnconfined: false
      Privileged: false
      SeccompUnconfined: false
      SensitiveMounts: []
    State:
      Status: running
      Running: true
      Pid: 4711
security:
  description:
    - What gives the container more of the host than usual, one sentence each. Empty for a container that has nothing of it.
    - In check mode for the container as it would be. RV(container.Security) has the same for programs.
  returned: with O(name)
  type: list
  elements: str
  sample: ["privileged: every capability and device of the host, no seccomp filter"]
status:
  description: The exit code of the container that the task started and whose end it waited for.
  returned: with O(name) and O(detach=false), when the task started it
  type: int
  sample: 0
stdout:
  description: What the container wrote, to stdout and stderr, as RV(container.Output) has it. Also C(stdout_lines).
  returned: with O(name), O(detach=false) and O(output_logs=true), when the task started it
  type: str
  sample: "done\n"
downtime:
  description:
    - Seconds from the moment when the old container was told to stop to where the new one ran, or was healthy with O(state=healthy).
    - Of a failed replacement, the seconds until the old container ran again.
    - With O(drain_timeout) it is V(0), as the old container answers until the new one does.
  returned: with O(name), when a running container was replaced
  type: float
  sample: 0.412
drained:
  description: What became of the old container after its ports had gone over to the new one, with O(drain_timeout).
  returned: with O(name) and O(drain_timeout), when a running container was replaced
  type: dict
  contains:
    seconds:
      description: Seconds until it was stopped.
      type: float
      returned: always
      sample: 1.52
    cut:
      description: Connections that it still had then, because the time was over.
      type: int
      returned: always
      sample: 0
actions:
  description: What was done, or in check mode would be.
  returned: always
  type: list
  elements: str
  sample: ["create container web", "start container web"]
results:
  description:
    - The result of each of O(containers), in their order, with RV(results[].name), RV(results[].changed), RV(results[].actions) and
      RV(results[].container).
    - Of one that failed, RV(results[].failed), RV(results[].msg), and the last lines of its log in RV(results[].logs).
  returned: with O(containers)
  type: list
  elements: dict
  contains:
    name:
      description: The container's name.
      type: str
      returned: always
    changed:
      description: Whether it was changed.
      type: bool
      returned: always
    actions:
      description: What was done.
      type: list
      elements: str
      returned: always
    container:
      description: The container, in the form of C(docker inspect).
      type: dict
      returned: on success
    failed:
      description: That it failed.
      type: bool
      returned: on failure
    msg:
      description: Why it failed.
      type: str
      returned: on failure
    downtime:
      description: As RV(downtime).
      type: float
      returned: when a running container was replaced
    drained:
      description: As RV(drained).
      type: dict
      returned: when a running container was replaced with O(drain_timeout)
    exit_code:
      description: What it ended with.
      type: int
      returned: when it ended before it was up or healthy
    logs:
      description: The last lines of its log.
      type: str
      returned: when it did not start or get healthy
"""

from ..module_utils import _container_options, _frontend  # noqa: E402


def main():
    _frontend.run(
        "containers.task",
        "container",
        _container_options.argument_spec(),
        required_one_of=[("name", "containers")],
        mutually_exclusive=[("name", "containers")],
    )


if __name__ == "__main__":
    main()
