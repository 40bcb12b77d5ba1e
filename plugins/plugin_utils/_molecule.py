# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Molecule's platforms, or the hosts of its inventory, are as containers of this collection.

Options of molecule-plugins' drivers for Docker and Podman that mean the same here are taken under their names; those that are about
their engines are refused with a sentence, unless they say what holds here anyway.
"""

from __future__ import annotations

import hashlib
import os
import re

from ansible.errors import AnsibleFilterError
from ansible_collections.pycontainer.engine.plugins.module_utils._container_options import CONTAINER

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

# Keys of a platform that are options of the container under the same name.
PASSED = frozenset(CONTAINER) - {
    "name",
    "containers",
    "parallel",
    "state",
    "labels",
    "keep_volumes",
}
# Keys that are read here.
READ = frozenset(
    """
    name image command override_command dockerfile pre_build_image registry buildargs cache_from labels keep_volumes
    docker_networks network subnet ip groups children systemd env hostname networks network_mode
    """.split()
)
NETWORK = frozenset(
    ("name", "driver", "driver_options", "ipam_config", "internal", "attachable", "labels")
)
# Keys about another engine: the values that change nothing here, and what to write instead.
_DOCKER = (
    "there is no Docker here; ansible_pycontainer_host names the machine that an instance is on"
)
_COMPARED = "lists and maps are exact here, and options that are not named are not compared"
ELSEWHERE: dict[str, tuple[tuple[Any, ...], str]] = {
    "docker_host": ((), _DOCKER),
    "cacert_path": ((), _DOCKER),
    "cert_path": ((), _DOCKER),
    "key_path": ((), _DOCKER),
    "tls_verify": ((), _DOCKER),
    "runtime": ((), "the engine is its own runtime"),
    "links": (([],), "put the instances on one network with docker_networks"),
    "kill_signal": (
        ("KILL", "SIGKILL"),
        "instances are killed by SIGKILL; stop_signal is sent before",
    ),
    "detach": ((True,), "an instance always runs in the background"),
    "force": ((True, False), "images are built when what they are made of has changed"),
    "rootless": ((False,), "containers are root's here, in user namespaces of their own"),
    "cgroup_manager": (("cgroupfs",), "control groups are the engine's own"),
    "storage_opt": ((), "the store is the engine's own"),
    "storage_driver": (("overlay",), "the store is the engine's own"),
    "extra_opts": (([],), "write them as options of the platform, such as cpus or uidmap"),
    "command_handling": (("compatibility", "correct"), "give the command as a list"),
    "networks_cli_compatible": ((True,), _COMPARED),
    "purge_networks": ((True,), _COMPARED),
    "container_default_behavior": (("compatibility", "no_defaults"), _COMPARED),
}


def instances(
    platforms: Iterable[Platform], hosts: Iterable[str], hostvars: Mapping[str, Any], scenario: str
) -> list[dict[str, Any]]:
    """Return what to make of the platforms of a delegated driver, or of the hosts of an inventory.

    :param platforms: of molecule.yml. :param hosts: for Molecule's ansible-native way, where there are no platforms.
    :param scenario: the scenario's directory, which tells containers and networks of several scenarios apart.
    :returns: for each ``{"name", "container", "machine", "definition", "networks", "build", "registry", "user"}``.
    :raises AnsibleFilterError: a key or value that has no meaning here.
    """
    mark = hashlib.sha256(os.path.abspath(scenario).encode()).hexdigest()[:6]
    listed = [dict(platform) for platform in platforms or ()]
    found = []
    if listed:
        for platform in listed:
            name = str(platform.get("name") or "")
            if not name:
                raise AnsibleFilterError("a platform of molecule.yml has no name")
            machine = _of(hostvars, name, "ansible_pycontainer_host")
            found.append(_instance(name, f"{name}-{mark}", machine, platform, scenario, mark))
    else:
        for name in hosts or ():
            container = _of(hostvars, name, "ansible_host") or name
            machine = _of(hostvars, name, "ansible_pycontainer_host")
            found.append(
                _instance(name, container, machine, _of_host(hostvars, name), scenario, mark)
            )
    if not found:
        raise AnsibleFilterError(
            "there is nothing to make: molecule.yml has no platforms, and the inventory no host in the group molecule"
        )
    return found


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
    name: str, container: str, machine: str | None, platform: Platform, scenario: str, mark: str
) -> dict[str, Any]:
    platform = {key: value for key, value in platform.items() if value is not None}
    for key, value in platform.items():
        if key in ELSEWHERE:
            accepted, sentence = ELSEWHERE[key]
            if value not in accepted and value not in ("", [], {}):
                raise AnsibleFilterError(f"{name}: {key}: {value!r} has no meaning: {sentence}")
        elif key not in PASSED and key not in READ:
            raise AnsibleFilterError(
                f"{name}: {key} is not known; accepted: the options of pycontainer.engine.container and those of "
                "molecule-plugins' drivers"
            )
    build = _build(name, platform, scenario)
    definition = {
        key: value for key, value in platform.items() if key in PASSED and key not in READ
    }
    definition.update(
        name=container,
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
    networks = _put_networks(definition, platform, mark)
    return {
        "name": name,
        "container": container,
        "machine": str(machine or "localhost"),
        "definition": definition,
        "networks": networks,
        "build": build,
        "registry": _registry(platform),
        "user": platform.get("user"),
        "keep_volumes": bool(platform.get("keep_volumes", False)),
    }


def _image(name: str, platform: Platform) -> str:
    image = platform.get("image")
    if not image:
        raise AnsibleFilterError(f"{name}: image is missing; needed: the image of the instance")
    return str(image)


def _text(value: Any) -> str:
    """A variable's value: YAML's numbers and booleans as the drivers hand them on."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _put_command(definition: Platform, platform: Platform) -> None:
    """Say what process 1 is: systemd, the platform's command, the image's, or one that waits."""
    systemd = platform.get("systemd")
    if systemd is not None:
        systemd = str(systemd).lower()
        definition["systemd"] = systemd
    boots = systemd in ("true", "always")
    if "command" in platform and platform["command"] not in ("", []):
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


def _put_networks(definition: Platform, platform: Platform, mark: str) -> list[dict[str, Any]]:
    """Say on which networks it is; returns those that are the scenario's own and have to be made."""
    made: dict[str, dict[str, Any]] = {}

    def own(name: str, **more: Any) -> str:
        full = f"{name}-{mark}"
        made.setdefault(full, {"name": full}).update(more)
        return full

    for network in platform.get("docker_networks") or ():
        given = {key: value for key, value in dict(network).items() if value is not None}
        unknown = sorted(set(given) - NETWORK)
        if unknown or "name" not in given:
            raise AnsibleFilterError(
                f"docker_networks: {unknown[0] if unknown else 'name'}: accepted: {', '.join(sorted(NETWORK))}; a name is needed"
            )
        own(given.pop("name"), **given)
    mode = platform.get("network_mode") or platform.get("network")
    listed = [dict(network) for network in platform.get("networks") or ()]
    for network in listed:
        if network["name"] not in OWN:
            network["name"] = own(network["name"])
    if mode and mode not in OWN and not str(mode).startswith("container:"):
        subnet = platform.get("subnet")
        full = own(str(mode), **({"ipam_config": [{"subnet": subnet}]} if subnet else {}))
        definition["network_mode"] = full
        if platform.get("ip"):
            listed.append({"name": full, "ipv4_address": platform["ip"]})
    elif mode and mode != "private":
        definition["network_mode"] = mode
    if listed:
        definition["networks"] = listed
        definition.setdefault("network_mode", listed[0]["name"])
    return list(made.values())


def _build(name: str, platform: Platform, scenario: str) -> dict[str, Any] | None:
    """Say what image is built for it; None where the image is taken as it is."""
    if platform.get("pre_build_image"):
        for key in ("dockerfile", "buildargs", "cache_from"):
            if platform.get(key):
                raise AnsibleFilterError(
                    f"{name}: {key}: nothing is built with pre_build_image: true; leave one of them out"
                )
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
    return {
        "name": f"{LOCAL}{local}:{digest}",
        "dockerfile": path,
        "image": image if path else _image(name, platform),
        "args": {key: _text(value) for key, value in (platform.get("buildargs") or {}).items()},
        "cache_from": platform.get("cache_from") or [],
        "platform": platform.get("platform"),
        "pull": platform.get("pull"),
        "key": hashlib.sha256(f"{local}{digest}".encode()).hexdigest()[:12],
    }


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
