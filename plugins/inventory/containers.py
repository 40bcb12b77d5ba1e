# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: containers
short_description: The containers of the inventory's hosts as hosts
version_added: 0.1.0
author:
  - The pycontainer.engine authors (@pycontainer)
description:
  - Asks hosts that are in the inventory already which containers they have, all at the same time, and adds each container as a
    host that the connection P(pycontainer.engine.container#connection) reaches.
  - Hosts are asked over their own connections, with the variables that the inventory has for them, C(host_vars) and
    C(group_vars) beside it among these.
  - A host that can't be asked is a warning. Its sentence is the variable C(pycontainer_host_info) of that host.
  - The configuration is a YAML file whose name ends in C(containers.yml), C(containers.yaml), C(pycontainer.yml) or
    C(pycontainer.yaml). The sources with the hosts must come before it, on the command line or by their names in the directory.
  - Each container gets the variables C(pycontainer_name), C(pycontainer_id), C(pycontainer_machine), C(pycontainer_image),
    C(pycontainer_state), C(pycontainer_health), C(pycontainer_labels), C(pycontainer_networks) (a dictionary of names and
    addresses), C(pycontainer_ports), and C(pycontainer_project) and C(pycontainer_service) where it belongs to a Compose project. What hosts and
    containers say is never a template.
  - Its groups are C(pycontainer), C(pycontainer_machine_NAME), C(pycontainer_image_NAME), C(pycontainer_label_NAME_VALUE),
    C(pycontainer_network_NAME), C(pycontainer_state_NAME), C(pycontainer_project_NAME) and C(pycontainer_service_NAME), as far as
    O(group_by) names them.
extends_documentation_fragment:
  - constructed
  - inventory_cache
options:
  plugin:
    description: Says that this file is for this plugin.
    type: str
    required: true
    choices: ["pycontainer.engine.containers"]
  hosts:
    description:
      - Which hosts to ask; names, groups and wildcards such as V(web*). An entry that begins with V(!) takes hosts out.
      - V(localhost) is the controller where the inventory has no host of that name.
      - Containers are not asked unless they are named.
    type: list
    elements: str
    default: ["all"]
  running_only:
    description: Leave out containers that do not run, and so can't be connected to.
    type: bool
    default: true
  hostnames:
    description:
      - How containers are called in the inventory; Jinja expressions of the container's variables. The first that gives a name
        which no other host has is taken.
    type: list
    elements: str
    default: ["pycontainer_name ~ '.' ~ pycontainer_machine"]
  group_by:
    description: What to make groups of.
    type: list
    elements: str
    choices: [machine, image, label, network, state, project, service]
    default: [machine, image, label, network, state, project, service]
  filters:
    description:
      - Which containers to take; a list of dictionaries with one key, V(include) or V(exclude), whose value is a Jinja expression of the
        container's variables. The first that is true decides; a container for which none is true is taken.
    type: list
    elements: dict
    default: []
  inspect:
    description: Keep all that C(inspect) says of a container as its variable C(pycontainer_inspect).
    type: bool
    default: false
  timeout:
    description: Seconds that a host may take to be connected to.
    type: int
    default: 15
  forks:
    description: How many hosts are asked at the same time.
    type: int
    default: 20
seealso:
  - plugin: pycontainer.engine.container
    plugin_type: connection
"""

EXAMPLES = r"""
# inventory/90-containers.yml, beside inventory/10-hosts.yml
plugin: pycontainer.engine.containers
hosts: ["web*", "!web9"]

---
# The web servers' containers by their own names, without those of the monitoring
plugin: pycontainer.engine.containers
hostnames: ["pycontainer_name", "pycontainer_name ~ '.' ~ pycontainer_machine"]
filters:
  - exclude: pycontainer_labels.team | default('') == 'monitoring'
keyed_groups:
  - prefix: tier
    key: pycontainer_labels.tier | default('none')
groups:
  unhealthy: pycontainer_health == 'unhealthy'
compose:
  ansible_pycontainer_user: "'app' if pycontainer_image.startswith('shop/') else omit"
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_timeout: 60
cache_connection: /tmp/containers
"""

import fnmatch
import re
from concurrent import futures

from ansible.errors import AnsibleError, AnsibleParserError
from ansible.inventory.helpers import get_group_vars
from ansible.module_utils.common.text.converters import to_text
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.playbook.play_context import PlayContext
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible.template import Templar
from ansible.utils.vars import combine_vars
from ansible.vars.plugins import get_vars_from_inventory_sources
from ansible_collections.pycontainer.engine.plugins.module_utils._runtime.untrusted import (
    json_reader,
)
from ansible_collections.pycontainer.engine.plugins.plugin_utils import _machine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    Facts = dict[str, Any]  # the variables of one container

CONNECTION = "pycontainer.engine.container"
NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}")
LARGEST = 1 << 27  # bytes of what a host says
LONGEST = 200  # characters of a group's name
SUFFIXES = tuple(
    f"{name}.{end}" for name in ("containers", "pycontainer") for end in ("yml", "yaml")
)
PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
ROOMY = "/dev/shm"  # noqa: S108 # what every container can write to


class _Templated:
    """A host's variables, templated when they are read."""

    def __init__(self, variables: dict[str, Any], loader: Any) -> None:
        self.raw = variables
        self.templar = Templar(loader=loader, variables=variables)

    def __contains__(self, name: object) -> bool:
        return name in self.raw

    def __getitem__(self, name: str) -> Any:
        return self.templar.template(self.raw[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self.raw)

    def get(self, name: str, default: Any = None) -> Any:
        """As of a dictionary."""
        return self[name] if name in self.raw else default


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):  # type: ignore[misc]
    """The containers of hosts as hosts."""

    NAME = "pycontainer.engine.containers"

    def verify_file(self, path: str) -> bool:
        """Tell whether a source can be this plugin's."""
        return bool(super().verify_file(path)) and path.endswith(SUFFIXES)

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Add the containers; see the base class."""
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        key = self.get_cache_key(path)
        kept = self.get_option("cache")
        found = self._cache.get(key) if cache and kept and key in self._cache else None
        if found is None:
            found = self._ask(path)
            if kept:
                self._cache[key] = found
        for name, answer in sorted(found.items()):
            self._add(name, answer)

    # ----------------------------------------------------------------------------------- asking the hosts

    def _chosen(self) -> list[str]:
        """The names of the hosts to ask, in order."""
        chosen: dict[str, None] = {}
        for pattern in self.get_option("hosts"):
            out = pattern.startswith("!")
            for name in self._matching(pattern.lstrip("!")):
                if out:
                    chosen.pop(name, None)
                else:
                    chosen[name] = None
        return list(chosen)

    def _matching(self, pattern: str) -> list[str]:
        hosts, groups = self.inventory.hosts, self.inventory.groups
        if pattern in hosts or pattern == "localhost":
            return [pattern]
        found: dict[str, None] = {}
        for name, group in groups.items():
            if fnmatch.fnmatchcase(name, pattern):
                found.update((host.name, None) for host in group.get_hosts())
        # the group all has no hosts of other groups until all sources have been read
        every = fnmatch.fnmatchcase("all", pattern)
        found.update((name, None) for name in hosts if every or fnmatch.fnmatchcase(name, pattern))
        return [name for name in found if self._own(name).get("ansible_connection") != CONNECTION]

    def _own(self, name: str) -> dict[str, Any]:
        """The variables that the inventory itself has for a host."""
        host = self.inventory.hosts[name]
        own: dict[str, Any] = combine_vars(get_group_vars(host.get_groups()), host.get_vars())
        return own

    def _variables(self, name: str, path: str) -> _Templated:
        """All variables of a host that do not come from a play."""
        host = self.inventory.get_host(name)
        if host is None:
            return _Templated({"inventory_hostname": name}, self.loader)
        sources = [*getattr(self.inventory, "processed_sources", ()), path]
        found = get_group_vars(host.get_groups())
        for entities, own in ((host.get_groups(), {}), ([host], host.get_vars())):
            found = combine_vars(found, own)
            beside = get_vars_from_inventory_sources(self.loader, sources, entities, "all")
            found = combine_vars(found, beside)
        found = combine_vars(found, {"inventory_hostname": name})
        return _Templated(combine_vars(found, self._vars), self.loader)

    def _ask(self, path: str) -> dict[str, Any]:
        """``{host: {"containers": [documents]} or {"error": sentence}}``."""
        answers: dict[str, Any] = {}
        machines: dict[str, tuple[_machine.Machine, dict[str, Any], str | None]] = {}
        for name in self._chosen():  # one after the other: templates are for one thread
            try:
                machines[name] = self._machine(name, path)
            except AnsibleError as error:
                answers[name] = {"error": _machine.printable(to_text(error))}
        if machines:
            with futures.ThreadPoolExecutor(max(1, self.get_option("forks"))) as pool:
                under_way = {name: pool.submit(_asked, *each) for name, each in machines.items()}
                answers.update((name, future.result()) for name, future in under_way.items())
        return answers

    def _machine(self, name: str, path: str) -> tuple[_machine.Machine, dict[str, Any], str | None]:
        variables = self._variables(name, path)
        context = PlayContext()
        context.timeout = self.get_option("timeout")
        found = _machine.Machine(
            name,
            variables,
            context,
            variables.templar,
            local=name == "localhost" and "ansible_connection" not in variables,
        )
        root = variables.get("ansible_pycontainer_data_root") or None
        root = None if root is None else str(root)
        run = variables.get("ansible_pycontainer_run_root")
        return found, {"list": True, "root": root, "runroot": run}, root

    # --------------------------------------------------------------------------------- adding containers

    def _add(self, machine: str, answer: dict[str, Any]) -> None:
        """Add the containers of a host."""
        known = machine in self.inventory.hosts
        error = answer.get("error")
        if known:
            info = {"reached": error is None, "error": error}
            self.inventory.set_variable(machine, "pycontainer_host_info", info)
        if error is not None:
            error = error.removeprefix(f"{machine}: ")
            self.display.warning(f"{machine} could not be asked for its containers: {error}")
            return
        for document in answer["containers"]:
            try:
                facts, places = _facts(document, machine), _places(document)
            except (KeyError, TypeError, AttributeError, ValueError):
                self.display.warning(f"{machine}: what it says of a container can't be read")
                continue
            if self.get_option("running_only") and facts["pycontainer_state"] != "running":
                continue
            if self._wanted(facts):
                self._add_one(machine if known else None, facts, places, document)

    def _wanted(self, facts: Facts) -> bool:
        for entry in self.get_option("filters"):
            if len(entry) != 1 or next(iter(entry)) not in ("include", "exclude"):
                raise AnsibleParserError(
                    f"filters: {entry!r} is not valid; accepted: a dictionary with the key include or exclude"
                )
            ((word, expression),) = entry.items()
            try:
                true = (
                    expression
                    if isinstance(expression, bool)
                    else boolean(self._compose(expression, facts))
                )
            except Exception as error:
                if self.get_option("strict"):
                    raise AnsibleParserError(
                        f"filters: {expression!r} of container {facts['pycontainer_name']}: {to_text(error)}"
                    ) from error
                continue
            if true:
                return bool(word == "include")
        return True

    def _name(self, facts: Facts) -> str | None:
        for expression in self.get_option("hostnames"):
            try:
                name = to_text(self._compose(expression, facts))
            except Exception as error:
                if self.get_option("strict"):
                    raise AnsibleParserError(
                        f"hostnames: {expression!r}: {to_text(error)}"
                    ) from error
                continue
            if NAME.fullmatch(name) and name not in self.inventory.hosts:
                return name
        self.display.warning(
            f"container {facts['pycontainer_name']} of {facts['pycontainer_machine']} is left out: hostnames gives it no name that is free"
        )
        return None

    def _add_one(
        self, machine: str | None, facts: Facts, places: dict[str, str], document: dict[str, Any]
    ) -> None:
        name = self._name(facts)
        if name is None:
            return
        self.inventory.add_host(name)
        variables = dict(
            facts, ansible_connection=CONNECTION, ansible_host=facts["pycontainer_name"]
        )
        if machine is not None:
            variables["ansible_pycontainer_host"] = machine
            own = self._own(machine)  # a store in another place than the usual
            for root in ("ansible_pycontainer_data_root", "ansible_pycontainer_run_root"):
                if root in own:
                    variables[root] = own[root]
        variables.update(places)
        if self.get_option("inspect"):
            variables["pycontainer_inspect"] = document
        for variable, value in variables.items():
            self.inventory.set_variable(name, variable, value)
        for group in self._groups(facts):
            self.inventory.add_child(self.inventory.add_group(group), name)
        strict = self.get_option("strict")
        self._set_composite_vars(self.get_option("compose"), facts, name, strict=strict)
        self._add_host_to_composed_groups(self.get_option("groups"), facts, name, strict=strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), facts, name, strict=strict)

    def _groups(self, facts: Facts) -> list[str]:
        """The names of the groups that a container is in."""
        names = {
            "machine": [facts["pycontainer_machine"]],
            "image": [facts["pycontainer_image"]],
            "label": [f"{key}_{value}" for key, value in facts["pycontainer_labels"].items()],
            "network": list(facts["pycontainer_networks"]),
            "state": [facts["pycontainer_state"]],
            "project": [facts.get("pycontainer_project")],
            "service": [facts.get("pycontainer_service")],
        }
        found = ["pycontainer"]
        for kind in self.get_option("group_by"):
            for name in filter(None, names[kind]):
                whole = f"pycontainer_{kind}_{name}"[:LONGEST]
                found.append(re.sub("[^A-Za-z0-9_]", "_", whole))
        return found


def _asked(machine: _machine.Machine, request: dict[str, Any], root: str | None) -> dict[str, Any]:
    """In a thread: what a host says, or why it does not."""
    try:
        answer = machine.ask(request, root=root)
        found = json_reader.load(
            answer.out, f"what {machine.name} says of its containers", list, AnsibleError, LARGEST
        )
        return {"containers": found}
    except Exception as error:
        return {"error": _machine.printable(to_text(error))}
    finally:
        machine.close()


def _facts(document: dict[str, Any], machine: str) -> Facts:
    """The variables of a container. :param document: of ``inspect``."""
    config, state = document["Config"], document["State"]
    name = str(document["Name"]).lstrip("/")
    if not NAME.fullmatch(name):
        raise ValueError(name)
    labels = {str(key): str(value) for key, value in (config.get("Labels") or {}).items()}
    settings = document.get("NetworkSettings") or {}
    networks = {
        str(network): (entry or {}).get("IPAddress") or ""
        for network, entry in (settings.get("Networks") or {}).items()
    }
    facts = {
        "pycontainer_name": name,
        "pycontainer_id": str(document["Id"]),
        "pycontainer_machine": machine,
        "pycontainer_image": str(config["Image"]),
        "pycontainer_state": str(state["Status"]),
        "pycontainer_health": str((state.get("Health") or {}).get("Status") or "none"),
        "pycontainer_labels": labels,
        "pycontainer_networks": networks,
        "pycontainer_ports": settings.get("Ports") or {},
    }
    for variable, label in (("pycontainer_project", PROJECT), ("pycontainer_service", SERVICE)):
        if label in labels:
            facts[variable] = labels[label]
    return facts


def _places(document: dict[str, Any]) -> dict[str, str]:
    """Where Ansible may write in a container whose root is read-only."""
    config = document.get("HostConfig") or {}
    if not config.get("ReadonlyRootfs"):
        return {}
    writable = set(config.get("Tmpfs") or ())
    writable.update(
        mount.get("Destination") for mount in document.get("Mounts") or () if mount.get("RW")
    )
    place = "/tmp" if "/tmp" in writable else ROOMY  # noqa: S108
    return {
        "ansible_remote_tmp": f"{place}/.ansible",
        "ansible_async_dir": f"{place}/.ansible_async",
    }
