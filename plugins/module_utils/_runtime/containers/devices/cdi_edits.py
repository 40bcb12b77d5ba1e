# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Give a container's config.json what its CDI devices need (CDI specification, "OCI Edits")."""

from __future__ import annotations

import os
import stat

from ...errors import InvalidInput, reason
from ...untrusted import owners
from . import device_nodes, device_requests
from .cdi_specs import Specs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ...oci.spec.config_types import Config, DeviceEntry, Hook, MountEntry
    from ...options.rows import Definition

HOOKS = ("prestart", "createRuntime", "createContainer", "startContainer")
TYPES = {"b": "b", "c": "c", "u": "c"}


class Edits:
    """What the devices of a definition need, found on this host and checked.

    Reading and checking changes nothing.

    :ivar environment: ``NAME=value``. :ivar nodes: ``[(node, access)]``.
    :ivar gids: further groups of the process.
    :raises InvalidInput: a device is not known, or something of it is not on the host.
    """

    def __init__(self, definition: Definition) -> None:
        self.environment: list[str] = []
        self.nodes: list[tuple[DeviceEntry, str]] = []
        self.mounts: list[MountEntry] = []
        self.hooks: dict[str, list[Hook]] = {}
        self.gids: list[int] = []
        specs = Specs()
        seen: set[str] = set()
        for option, name in device_requests.names(definition, specs):
            device = specs.devices.get(name)
            if device is None:
                raise InvalidInput(option, name, _known(specs, name))
            if device.spec not in seen:
                seen.add(device.spec)
                self._add(device.common, option, name, device.spec)
            self._add(device.own, option, name, device.spec)
        self.environment += device_requests.environment(definition, specs)

    def sources(self) -> list[str]:
        """The paths of the host that are mounted."""
        return [entry["source"] for entry in self.mounts if entry["type"] == "bind"]

    def _add(self, edits: dict[str, Any], option: str, name: str, spec: str) -> None:
        def refuse(what: str) -> InvalidInput:
            return InvalidInput(option, name, f"a device that works on this host ({spec}: {what})")

        for key in ("intelRdt", "netDevices"):
            if edits.get(key):
                raise refuse(f"containerEdits.{key} is not supported")
        for entry in edits.get("env") or ():
            if not entry.partition("=")[0] or "=" not in entry or "\0" in entry:
                raise refuse(f"env {entry!r} is not NAME=value")
            self.environment.append(entry)
        for node in edits.get("deviceNodes") or ():
            self.nodes.append(_node(node, refuse))
        for mount in edits.get("mounts") or ():
            self.mounts.append(_mount(mount, refuse))
        for hook in edits.get("hooks") or ():
            self.hooks.setdefault(hook["hookName"], []).append(_hook(hook, refuse))
        for gid in edits.get("additionalGids") or ():
            if not 0 <= gid < 2**32 - 1:
                raise refuse(f"additionalGids {gid} is no group")
            self.gids += [gid] if gid and gid not in self.gids else []

    def put_into(self, config: Config, groups: str, root: str) -> None:
        """Change a container's config.json.

        :param groups: the annotation that names the process's further groups.
        :param root: where its root is mounted, for hooks, which are told of the bundle alone.
        """
        process, linux = config["process"], config["linux"]
        named = dict(entry.split("=", 1) for entry in process["env"] + self.environment)
        process["env"] = [f"{key}={value}" for key, value in named.items()]
        places = {node["path"] for node, _access in self.nodes}
        linux["devices"] = [node for node in linux["devices"] if node["path"] not in places]
        linux["devices"] += [node for node, _access in self.nodes]
        for node, access in self.nodes:
            if access and node["type"] in ("b", "c"):
                linux["resources"]["devices"].append(
                    device_nodes.rule(node["type"], node["major"], node["minor"], access)
                )
        places = {entry["destination"] for entry in self.mounts}
        kept = [entry for entry in config["mounts"] if entry["destination"] not in places]
        mapped = "uidMappings" in linux
        config["mounts"] = kept + [
            {**entry, "options": [*entry["options"], "ridmap"]}
            if mapped and entry["type"] == "bind"
            else entry
            for entry in sorted(self.mounts, key=lambda entry: entry["destination"].count("/"))
        ]
        if self.hooks:
            config["hooks"] = {**config.get("hooks", {}), **self.hooks}  # type: ignore[typeddict-item]
            config["root"]["path"] = root
        if self.gids:
            had = config["annotations"].get(groups)
            config["annotations"][groups] = ",".join(
                [*([had] if had else []), *map(str, self.gids)]
            )


def _known(specs: Specs, name: str) -> str:
    """What a device's name can be on this host, and which file could not be read."""
    kind = name.partition("=")[0]
    alike = sorted(one for one in specs.devices if one.partition("=")[0] == kind)
    some: Iterable[str] = alike or sorted(specs.kinds())
    found = "a device that a CDI specification of this host describes"
    there = f"of {kind} there are" if alike else "there are devices of"
    found += f"; {there} {', '.join(list(some)[:20])}" if some else ", and there is none"
    return found + (f" ({specs.problems[0]})" if specs.problems else "")


def _absolute(path: str, what: str, refuse: Any) -> str:
    if not os.path.isabs(path) or "\0" in path:
        raise refuse(f"{what} {path!r} is not an absolute path")
    return os.path.normpath(path)


def _node(node: dict[str, Any], refuse: Any) -> tuple[DeviceEntry, str]:
    path = _absolute(node["path"], "deviceNodes.path", refuse)
    source = _absolute(node.get("hostPath") or path, "deviceNodes.hostPath", refuse)
    access = node.get("permissions") or "rwm"
    if access != "none" and set(access) - set("rwm"):
        raise refuse(f"permissions {access!r} of {path} is not r, w, m or none")
    kind, major, minor = node.get("type") or "", node.get("major"), node.get("minor")
    if kind and kind not in TYPES:
        raise refuse(f"type {kind!r} of {path} is not b, c or u")
    found: DeviceEntry = {"path": path, "type": TYPES.get(kind, "c"), "fileMode": 0o666}
    if kind and major:
        found["major"], found["minor"] = major, minor or 0
    else:
        try:
            info = os.stat(source)
        except OSError as error:
            raise refuse(f"{source}: {reason(error)}") from None
        if not stat.S_ISBLK(info.st_mode) and not stat.S_ISCHR(info.st_mode):
            raise refuse(f"{source} is not a device")
        found = device_nodes.made(path, info)
        if kind and found["type"] != TYPES[kind]:
            raise refuse(f"{source} is no device of type {kind}")
    for key in ("fileMode", "uid", "gid"):
        if node.get(key) is not None:
            found[key] = node[key]
    return found, "" if access == "none" else access


def _mount(mount: dict[str, Any], refuse: Any) -> MountEntry:
    options, kind = list(mount.get("options") or ()), mount.get("type") or ""
    bound = kind in ("", "bind", "none") or "bind" in options or "rbind" in options
    source = mount["hostPath"]
    if bound:
        source = _absolute(source, "mounts.hostPath", refuse)
        if not os.path.exists(source):
            raise refuse(f"{source} to mount is not on this host")
        if "bind" not in options and "rbind" not in options:
            options.insert(0, "rbind")
    return {
        "destination": _absolute(mount["containerPath"], "mounts.containerPath", refuse),
        "type": "bind" if bound else kind,
        "source": source,
        "options": options,
    }


def _hook(hook: dict[str, Any], refuse: Any) -> Hook:
    kind, path = hook["hookName"], _absolute(hook["path"], "hooks.path", refuse)
    if kind not in HOOKS:
        raise refuse(f"hooks {kind} are not run; those that are: {', '.join(HOOKS)}")
    weak = "" if kind == "startContainer" else owners.writable(path)  # that one is the image's
    if weak:
        raise refuse(f"hook {path} is not run, as others than root can write {weak}")
    if kind != "startContainer" and not (os.path.isfile(path) and os.access(path, os.X_OK)):
        raise refuse(f"hook {path} is no program of this host")
    found: Hook = {"path": path}
    if hook.get("args"):
        found["args"] = hook["args"]
    if hook.get("env"):
        found["env"] = hook["env"]
    if hook.get("timeout") is not None:
        if hook["timeout"] < 1:
            raise refuse(f"timeout {hook['timeout']} of hook {path} is not above 0")
        found["timeout"] = hook["timeout"]
    return found
