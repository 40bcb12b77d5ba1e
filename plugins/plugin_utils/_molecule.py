# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Molecule's platforms, or the hosts of its inventory, are as containers of this collection.

Options of molecule-plugins' drivers for Docker and Podman that mean the same here are taken under their names; those that are about
their engines are warned of, unless they say what holds here anyway.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex

from ansible.errors import AnsibleFilterError
from ansible.utils.display import Display
from ansible_collections.pycontainer.engine.plugins.module_utils._container_options import CONTAINER
from ansible_collections.pycontainer.engine.plugins.module_utils._runtime import errors
from ansible_collections.pycontainer.engine.plugins.module_utils._runtime.cli import (
    option_flags,
    run_flags,
)
from ansible_collections.pycontainer.engine.plugins.module_utils._runtime.cli.grammar import (
    Command,
    HelpAsked,
    parse,
)
from ansible_collections.pycontainer.engine.plugins.plugin_utils._machine import DATA

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    Platform = dict[str, Any]

CONNECTION = "pycontainer.engine.container"
# It ends at once when it is asked to, as a shell that is process 1 does not by itself.
STAY = ["sh", "-c", "trap 'exit 0' TERM INT; while :; do sleep 3600 & wait $!; done"]
INIT = ["/sbin/init"]
OWN = ("bridge", "default", "host", "none", "private", "")  # network modes that are no networks
LOCAL = "molecule_local/"
CGROUPS_RO, CGROUPS_RW = (f"/sys/fs/cgroup:/sys/fs/cgroup:{mode}" for mode in ("ro", "rw"))

# Keys of a platform that are options of the container under the same name.
PASSED = frozenset(CONTAINER) - {
    "name",
    "containers",
    "parallel",
    "state",
    "labels",
    "keep_volumes",
    "detach",
    "container_default_behavior",
}
# Keys that are read here.
READ = frozenset(
    """
    name image command override_command dockerfile pre_build_image registry buildargs cache_from labels keep_volumes
    docker_networks network subnet ip groups children systemd env hostname networks network_mode extra_opts
    """.split()
)
NETWORK = frozenset(
    """
    name driver driver_options ipam_config internal attachable labels enable_ipv4 enable_ipv6 force
    """.split()
)
# Keys of a network for Docker's driver that change nothing here, with the values that do not.
NETWORK_ANYWAY: dict[str, tuple[Any, ...]] = {
    "state": ("present",),
    "scope": ("local",),
    "appends": (True, False),
    "ipam_driver": ("default",),
    "ipam_driver_options": ({},),
}
SHARED = ("network_mode", "network", "pid_mode", "ipc_mode")  # container:<name> of another instance
# Keys about another engine, which have no effect: the values that say what holds here anyway, and a sentence for others.
_DOCKER = (
    "there is no Docker here; ansible_pycontainer_host names the machine that an instance is on"
)
_COMPARED = "lists and maps are exact here, and options that are not named are not compared"
ELSEWHERE: dict[str, tuple[tuple[Any, ...], str]] = {
    "docker_host": ((), _DOCKER),
    "cacert_path": ((), _DOCKER),
    "cert_path": ((), _DOCKER),
    "key_path": ((), _DOCKER),
    "tls_verify": (
        (True,),
        "certificates are verified; /etc/pycontainer/registries.conf names registries that have none",
    ),
    "detach": ((True,), "an instance always runs in the background"),
    "force": ((True, False), "images are built when what they are made of has changed"),
    "rootless": ((False,), "containers are root's here, in user namespaces of their own"),
    "cgroup_manager": (("cgroupfs",), "control groups are the engine's own"),
    "storage_opt": ((), "the store is the engine's own; storage_opts has a container's size"),
    "storage_driver": (("overlay",), "the store is the engine's own"),
    "purge_networks": ((True,), _COMPARED),
    "container_default_behavior": (("compatibility", "no_defaults"), _COMPARED),
}


def instances(
    platforms: Iterable[Platform], hosts: Iterable[str], hostvars: Mapping[str, Any], scenario: str
) -> list[dict[str, Any]]:
    """Return what to make of the platforms of a delegated driver, or of the hosts of an inventory.

    :param platforms: of molecule.yml. :param hosts: for Molecule's ansible-native way, where there are no platforms.
    :param scenario: the scenario's directory, which tells containers and networks of several scenarios apart.
    :returns: for each ``{"name", "container", "machine", "platform", "login", "definition", "networks", "build", "registry",
        "user", "keep_volumes"}``; ``platform`` as given, for templates.
    :raises AnsibleFilterError: a key or value that has no meaning here.
    """
    mark = scenario_mark(scenario)
    listed = [dict(platform) for platform in platforms or ()]
    named: dict[str, tuple[str, Platform]] = {}  # the container and the platform of an instance
    if listed:
        for platform in listed:
            name = str(platform.get("name") or "")
            if not name:
                raise AnsibleFilterError("a platform of molecule.yml has no name")
            named[name] = (f"{name}-{mark}", platform)
    else:
        for name in hosts or ():
            named[name] = (_of(hostvars, name, "ansible_host") or name, _of_host(hostvars, name))
    if not named:
        raise AnsibleFilterError(
            "there is nothing to make: molecule.yml has no platforms, and the inventory no host in the group molecule"
        )
    containers = {name: container for name, (container, _platform) in named.items()}
    return [
        _instance(name, containers, platform, hostvars, scenario, mark)
        for name, (_container, platform) in named.items()
    ]


def scenario_mark(scenario: str) -> str:
    """Return what the names of a scenario's containers and networks end in. The driver for Molecule has the same."""
    return hashlib.sha256(os.path.abspath(scenario).encode()).hexdigest()[:6]


def _of(hostvars: Mapping[str, Any], name: str, variable: str) -> Any:
    known = hostvars[name] if name in hostvars else {}
    return known.get(variable)


def _of_host(hostvars: Mapping[str, Any], name: str) -> Platform:
    """Return a host's platform: its variable ``molecule_platform``, and over it ``container_<option>``."""
    platform = dict(_of(hostvars, name, "molecule_platform") or {})
    for option in sorted(PASSED | READ | set(ELSEWHERE) | {"image"}):
        value = _of(hostvars, name, "container_" + option)
        if value is not None:
            platform[option] = value
    return platform


def _instance(
    name: str,
    containers: Mapping[str, str],
    platform: Platform,
    hostvars: Mapping[str, Any],
    scenario: str,
    mark: str,
) -> dict[str, Any]:
    given = platform
    platform = {key: value for key, value in platform.items() if value is not None}
    if isinstance(platform.get("hostname"), bool):  # Molecule's own schema takes these
        del platform["hostname"]
    _put_podmans_forms(platform)
    if platform.get("extra_opts"):
        _put_flags(name, platform)
    _put_names(platform, containers)
    _put_cgroups(platform)
    for key, value in platform.items():
        if key in ELSEWHERE:
            accepted, sentence = ELSEWHERE[key]
            if value not in accepted and value not in ("", [], {}):
                Display().warning(f"{name}: {key}: {value!r} has no effect: {sentence}")
    build = _build(name, platform, scenario)
    if not (build and build["dockerfile"]):  # a template may read keys of its own
        _warn_of_others(name, platform)
    definition = {
        key: value for key, value in platform.items() if key in PASSED and key not in READ
    }
    definition.update(
        name=containers[name],
        image=build["name"] if build else _image(name, platform),
        hostname=platform.get("hostname") or re.sub(r"[^A-Za-z0-9.-]", "-", name)[:63].strip("-."),
        labels=dict(
            platform.get("labels") or {}, owner="molecule", **{"molecule.scenario": scenario}
        ),
    )
    if build:
        definition["pull"] = "never"
    if platform.get("env"):
        definition["env"] = {key: _text(value) for key, value in platform["env"].items()}
    _put_command(definition, platform)
    networks = _put_networks(definition, platform, name, mark)
    machine = str(_of(hostvars, name, "ansible_pycontainer_host") or "localhost")
    return {
        "name": name,
        "container": containers[name],
        "machine": machine,
        "platform": given,
        "login": _login(containers[name], machine, hostvars),
        "definition": definition,
        "networks": networks,
        "build": build,
        "registry": _registry(platform),
        "user": platform.get("user"),
        "keep_volumes": bool(platform.get("keep_volumes", False)),
    }


def _warn_of_others(name: str, platform: Platform) -> None:
    """Warn of keys that are no options. Scenarios for other drivers have some, which are not read there either."""
    for key in sorted(set(platform) - PASSED - READ - set(ELSEWHERE)):
        Display().warning(
            f"{name}: {key} is no option of a platform and has no effect; known are the options of "
            "pycontainer.engine.container and those of molecule-plugins' drivers"
        )


def _put_names(platform: Platform, containers: Mapping[str, str]) -> None:
    """Have ``container:<name>`` mean the container of the instance with that name."""
    for key in SHARED:
        kind, colon, name = str(platform.get(key) or "").partition(":")
        if kind == "container" and colon and name in containers:
            platform[key] = f"container:{containers[name]}"
    if isinstance(platform.get("links"), list):
        links = [str(link).partition(":") for link in platform["links"]]
        platform["links"] = [
            f"{containers.get(name, name)}:{alias or name}" for name, _colon, alias in links
        ]


def _put_flags(name: str, platform: Platform) -> None:
    """Read ``extra_opts``, flags of ``podman run``, as options of the platform beside those that it has."""
    try:
        command = Command("run", "", "", "", option_flags.FLAGS)
        with run_flags.by_flag(command.flags):
            given = parse(command, [str(word) for word in platform["extra_opts"]])
            found = run_flags.options(given, command.flags)
    except HelpAsked:
        raise AnsibleFilterError(
            f"{name}: extra_opts: --help is no option of an instance"
        ) from None
    except errors.EngineError as error:
        raise AnsibleFilterError(f"{name}: extra_opts: {error}") from None
    for key, value in found.items():
        had = platform.get(key)
        if isinstance(had, list) and isinstance(value, list):
            value = had + value
        elif isinstance(had, dict) and isinstance(value, dict):
            value = {**had, **value}
        platform[key] = value


def _put_podmans_forms(platform: Platform) -> None:
    """Write ``tmpfs`` and ``ulimits`` of Podman's driver as the container's options have them."""
    if isinstance(platform.get("tmpfs"), dict):
        platform["tmpfs"] = [
            f"{path}:{options}" if options else path for path, options in platform["tmpfs"].items()
        ]
    if isinstance(platform.get("ulimits"), list):
        platform["ulimits"] = [str(limit).replace("=", ":", 1) for limit in platform["ulimits"]]


def _put_cgroups(platform: Platform) -> None:
    """Let a privileged instance write control groups where the scenario says ``:ro``.

    With Docker, that left the hierarchies of version 1 below writable, and systemd does not boot without. It protects nothing.
    """
    if platform.get("privileged") is True and isinstance(platform.get("volumes"), list):
        platform["volumes"] = [
            CGROUPS_RW if one == CGROUPS_RO else one for one in platform["volumes"]
        ]


def _image(name: str, platform: Platform) -> str:
    image = platform.get("image")
    if not image:
        raise AnsibleFilterError(f"{name}: image is missing; needed: the image of the instance")
    return str(image)


def _text(value: Any) -> str:
    """A variable's value: YAML's numbers and booleans as the drivers hand them on."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _put_command(definition: Platform, platform: Platform) -> None:
    """Say what process 1 is: systemd, the platform's command, the image's, or one that waits."""
    systemd = platform.get("systemd")
    if systemd is not None:
        systemd = str(systemd).lower()
        definition["systemd"] = systemd
    boots = systemd in ("true", "always")
    if "command" in platform:
        if platform["command"] not in ("", []):  # which is the image's own command
            definition["command"] = platform["command"]
    elif platform.get("override_command", True) is not False:
        definition["command"] = INIT if boots else STAY
    if boots:
        # Its messages are the container's log then, which the error shows when it does not come up.
        definition.setdefault("tty", True)
    is_init = boots and (systemd == "always" or definition.get("command") in (INIT, INIT[0]))
    definition["state"] = "healthy" if is_init or platform.get("healthcheck") else "started"
    if definition["state"] == "healthy":
        definition.setdefault("healthy_wait_timeout", 120)


def _put_networks(
    definition: Platform, platform: Platform, name: str, mark: str
) -> list[dict[str, Any]]:
    """Say on which networks it is; returns those that are the scenario's own and have to be made.

    There it is known to the others by the instance's name.
    """
    made: dict[str, dict[str, Any]] = {}

    def own(network: str, **more: Any) -> str:
        full = f"{network}-{mark}"
        made.setdefault(full, {"name": full}).update(more)
        return full

    for network in platform.get("docker_networks") or ():
        given = _network(name, network)
        own(given.pop("name"), **given)
    mode = platform.get("network_mode") or platform.get("network")
    listed = [dict(network) for network in platform.get("networks") or ()]
    for network in listed:
        if network["name"] not in OWN:
            network["name"] = own(network["name"])
            network["aliases"] = [*(network.get("aliases") or ()), name]
    if mode and mode not in OWN and not str(mode).startswith("container:"):
        subnet = platform.get("subnet")
        full = own(str(mode), **({"ipam_config": [{"subnet": subnet}]} if subnet else {}))
        definition["network_mode"] = full
        if full not in (network["name"] for network in listed):
            address = {"ipv4_address": platform["ip"]} if platform.get("ip") else {}
            listed.append({"name": full, "aliases": [name], **address})
    elif mode and mode != "private":
        definition["network_mode"] = mode
    if listed:
        definition["networks"] = listed
        definition.setdefault("network_mode", listed[0]["name"])
    return list(made.values())


def _network(instance: str, network: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry of ``docker_networks`` as options of the module ``network``."""
    given = {
        key: value
        for key, value in dict(network).items()
        if value is not None and value not in NETWORK_ANYWAY.get(key, ())
    }
    if "name" not in given:
        raise AnsibleFilterError(f"{instance}: docker_networks: an entry has no name")
    for key in sorted(set(given) - NETWORK):
        raise AnsibleFilterError(
            f"{instance}: docker_networks: {given['name']}: {key}: {given[key]!r} has no meaning here; "
            f"accepted: {', '.join(sorted(NETWORK))}"
        )
    return given


def _build(name: str, platform: Platform, scenario: str) -> dict[str, Any] | None:
    """Say what image is built for it; None where the image is taken as it is."""
    if platform.get("pre_build_image"):  # what is about building has no part then
        return None
    given = platform.get("dockerfile")
    path = os.path.join(scenario, str(given)) if given else ""
    if not path:
        path = next(
            (
                os.path.join(scenario, file)
                for file in ("Containerfile.j2", "Dockerfile.j2")
                if os.path.isfile(os.path.join(scenario, file))
            ),
            "",
        )
    if path and not os.path.isfile(path):
        raise AnsibleFilterError(f"{name}: dockerfile: there is no file {path}")
    image = str(platform.get("image") or name)
    digest = hashlib.sha256(f"{scenario}\0{path}".encode()).hexdigest()[:6] if path else "ready"
    local = re.sub(r"[^a-z0-9._/-]+", "-", image.lower()).strip("-./")
    url = str((platform.get("registry") or {}).get("url") or "")
    registry = (url.partition("://")[2] or url).rstrip("/")
    return {
        "name": f"{LOCAL}{local}:{digest}",
        "dockerfile": path,
        "base": (f"{registry}/" if registry else "") + (image if path else _image(name, platform)),
        "args": {key: _text(value) for key, value in (platform.get("buildargs") or {}).items()},
        "cache_from": platform.get("cache_from") or [],
        "platform": platform.get("platform"),
        "pull": platform.get("pull"),
        "key": hashlib.sha256(f"{local}{digest}".encode()).hexdigest()[:12],
    }


def _login(container: str, machine: str, hostvars: Mapping[str, Any]) -> str:
    """Return the command line of a shell in a container, at the controller's terminal; "" where there is none."""
    known = hostvars[machine] if machine in hostvars else {}
    root = known.get("ansible_pycontainer_data_root") or DATA
    shell = "command -v bash > /dev/null && exec bash -l; exec sh -l"
    words = ["/usr/bin/python3", "-IS", f"{root}/runtime/current/start.py", "exec", "-it"]
    line = shlex.join([*words, container, "sh", "-c", shell])
    kind = known.get("ansible_connection")
    if machine == "localhost" and kind in (None, "local", "ansible.builtin.local"):
        return line if os.geteuid() == 0 else f"sudo {line}"
    if kind not in (None, "ssh", "smart", "ansible.builtin.ssh"):
        return ""
    return ssh_line(known, machine, line)


def ssh_line(known: Mapping[str, Any], machine: str, line: str) -> str:
    """Return the command line that runs one as root on a machine, at this terminal. :param known: its variables."""
    user = known.get("ansible_user") or known.get("ansible_ssh_user")
    words = [str(known.get("ansible_ssh_executable") or "ssh"), "-t"]
    port = known.get("ansible_port") or known.get("ansible_ssh_port")
    if port:
        words += ["-p", str(port)]
    key = known.get("ansible_private_key_file") or known.get("ansible_ssh_private_key_file")
    if key:
        words += ["-i", str(key)]
    for name in ("ansible_ssh_common_args", "ansible_ssh_extra_args"):
        words += shlex.split(str(known.get(name) or ""))
    host = str(known.get("ansible_host") or known.get("ansible_ssh_host") or machine)
    words.append(f"{user}@{host}" if user else host)
    return shlex.join([*words, line if user == "root" else f"sudo {line}"])


def _registry(platform: Platform) -> dict[str, Any] | None:
    registry = dict(platform.get("registry") or {})
    credentials = dict(registry.get("credentials") or {})
    if not registry.get("url") or not credentials.get("username"):
        return None
    return {
        "registry_url": registry["url"],
        "username": credentials["username"],
        "password": credentials.get("password"),
    }
