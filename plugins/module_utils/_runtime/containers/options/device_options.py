# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options about devices: the host's nodes, devices of CDI specifications, GPUs, rules of the device
cgroup.
"""

from __future__ import annotations

import os
import re

from ...errors import InvalidInput
from ...options.forms import DEVICE_KIND, DEVICE_NAME, line, list_of, set_of, whole
from ...options.rows import RESTART, SET, Computed, Flag, Nowhere, Option, Shown, Suboption
from . import storage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ...options.rows import Definition

REQUEST_KEYS = ("driver", "count", "device_ids", "capabilities", "options")
GPU_CAPABILITIES = (
    "gpu",
    "nvidia",
    "amd",
    "compat32",
    "compute",
    "display",
    "graphics",
    "ngx",
    "utility",
    "video",
)


def device(value: Any, name: str) -> str:
    """``/dev/x[:/inside[:rwm]]`` as ``/dev/x:/inside:rwm``."""
    if is_cdi(line(value, name)):
        return cdi_name(value, name)
    parts = line(value, name).split(":")
    accepted = "/dev/path[:/path/inside[:permissions of r, w, m]], or vendor.com/class=name (CDI)"
    if len(parts) > 3 or not parts[0].startswith("/"):
        raise InvalidInput(name, value, accepted)
    if len(parts) == 2 and re.fullmatch("[rwm]{1,3}", parts[1]):
        parts = [parts[0], parts[0], parts[1]]
    inside, permissions = (parts + [parts[0], "rwm"][len(parts) - 1 :])[1:3]
    if not re.fullmatch("[rwm]{1,3}", permissions) or not inside.startswith("/"):
        raise InvalidInput(name, value, accepted)
    return (
        f"{os.path.normpath(parts[0])}:{storage.target(inside, name)}:{_permissions(permissions)}"
    )


def is_cdi(entry: str) -> bool:
    """Tell whether an entry of ``devices`` names a device of a CDI specification."""
    return "=" in entry and not entry.startswith("/")


def cdi_name(value: Any, name: str) -> str:
    """``vendor.com/class=name``."""
    if not re.fullmatch(f"{DEVICE_KIND}={DEVICE_NAME}", line(value, name), re.ASCII):
        raise InvalidInput(name, value, "a CDI device's name, such as nvidia.com/gpu=all")
    return str(value)


def device_rule(value: Any, name: str) -> str:
    """``type major:minor permissions`` of the device cgroup, e.g. ``c 42:* rwm``."""
    match = re.fullmatch(r"([abc])\s+(\d+|\*):(\d+|\*)\s+([rwm]{1,3})", line(value, name).strip())
    if match is None:
        raise InvalidInput(name, value, "'type major:minor permissions', such as 'c 42:* rwm'")
    kind, major, minor, permissions = match.groups()
    return f"{kind} {major}:{minor} {_permissions(permissions)}"


def _permissions(letters: str) -> str:
    return "".join(letter for letter in "rwm" if letter in letters)


def device_request(value: Any, name: str) -> dict[str, Any]:
    """An entry of ``device_requests``, with all its keys.

    :returns: ``driver`` is ``cdi``, ``nvidia``, ``amd`` or empty. ``count`` is -1 for all, and 0
        where ``device_ids`` are given.
    """
    if not isinstance(value, dict) or set(value) - set(REQUEST_KEYS):
        raise InvalidInput(name, value, "a map with " + ", ".join(REQUEST_KEYS))
    driver = value.get("driver") or ""
    if driver not in ("", "cdi", "nvidia", "amd"):
        raise InvalidInput(name + ".driver", driver, "cdi, nvidia, amd")
    ids = list_of(line)(value.get("device_ids") or [], name + ".device_ids")
    count = whole(-1)(value.get("count") or 0, name + ".count")
    if bool(ids) == bool(count) or (driver == "cdi" and not ids):
        accepted = "device_ids" if driver == "cdi" else "either count or device_ids"
        raise InvalidInput(name, value, f"a map with {accepted}")
    for ident in ids:
        if driver == "cdi":
            cdi_name(ident, name + ".device_ids")
        elif not re.fullmatch(DEVICE_NAME, ident, re.ASCII):
            raise InvalidInput(name + ".device_ids", ident, "a device's number or name, such as 0")
    choices = _capability_lists(value.get("capabilities") or [], name + ".capabilities")
    if not driver and not any("gpu" in words for words in choices):
        raise InvalidInput(name, value, "a driver, or capabilities with gpu: [[gpu]]")
    if value.get("options"):
        raise InvalidInput(name + ".options", value["options"], "none: no driver has any here")
    return {
        "driver": driver,
        "count": count,
        "device_ids": ids,
        "capabilities": choices,
        "options": {},
    }


def _capability_lists(value: Any, name: str) -> list[list[str]]:
    if not isinstance(value, (list, tuple)):
        raise InvalidInput(name, value, "a list of lists")
    known = ", ".join(GPU_CAPABILITIES)
    found = []
    for words in value:
        words = list_of(line)(words, name)
        for word in words:
            if word not in GPU_CAPABILITIES:
                raise InvalidInput(name, word, known)
        found.append(words)
    return found


def prepare(params: dict[str, Any]) -> None:
    """Make ``device_requests`` of Podman's ``gpus``, in place."""
    given = params.pop("gpus", None)
    if given is None:
        return
    words = [line(word, "gpus") for word in ([given] if isinstance(given, (str, int)) else given)]
    request: dict[str, Any] = {"capabilities": [["gpu"]]}
    if "all" in words:
        request["count"] = -1
    elif words:
        request["device_ids"] = words
    requests = list(params.get("device_requests") or ())
    params["device_requests"] = requests + ([request] if words else [])


def wants_described(definition: Definition) -> bool:
    """Tell whether a container has devices that the host's CDI specifications describe."""
    return bool(definition.get("device_requests")) or any(
        is_cdi(entry) for entry in definition.get("devices", ())
    )


def _inside(entry: str) -> str:
    """The place of a device; of one by CDI its name."""
    return entry if is_cdi(entry) else entry.rsplit(":", 2)[1]


def _devices(entries: list[str]) -> list[dict[str, str]]:
    keys = ("PathOnHost", "PathInContainer", "CgroupPermissions")
    return [dict(zip(keys, entry.rsplit(":", 2))) for entry in entries if not is_cdi(entry)]


def device_requests(definition: Definition) -> list[dict[str, Any]] | None:
    """Docker's form of all requests, those of ``devices`` by CDI names among them."""
    named = [entry for entry in definition.get("devices", ()) if is_cdi(entry)]
    found = [
        {
            "Driver": request["driver"],
            "Count": request["count"],
            "DeviceIDs": request["device_ids"] or None,
            "Capabilities": request["capabilities"] or None,
            "Options": request["options"] or None,
        }
        for request in definition.get("device_requests", ())
    ]
    if named:
        by_name = {"Driver": "cdi", "Count": 0, "DeviceIDs": named}
        found.append({**by_name, "Capabilities": None, "Options": None})
    return found or None


_REQUEST: dict[str, Any] = {
    "place": "config.json process.env",
    "inspect": "HostConfig.DeviceRequests",
    "flag": "--gpus",
}

OPTIONS: tuple[Option, ...] = (
    Option(
        "devices",
        "list",
        set_of(device),
        elements="str",
        compare=SET,
        key=_inside,
        place="config.json linux.devices",
        inspect=Shown("HostConfig.Devices", _devices),
        flag=Flag("--device", "Device of the host (path[:path[:rwm]]), or CDI device"),
        aliases=["device"],
        change=RESTART,
        description="""
        Devices of the host to add, in the form V(/dev/path[:/path/inside[:permissions]]).

        A directory stands for all devices below it.

        A device that a CDI specification in C(/etc/cdi) or C(/var/run/cdi) describes is named in
        the form V(vendor.com/class=name), for example V(nvidia.com/gpu=all). The container gets the
        nodes, mounts, variables, groups and hooks that stand there, as they are when it is made and
        at each start by a task, a command or a boot. Of hooks, those that run before the container's
        program do: C(prestart), C(createRuntime), C(createContainer), C(startContainer). They are
        programs of the host. Only root may be able to write them and the specifications.
        """,
    ),
    Option(
        "device_cgroup_rules",
        "list",
        set_of(device_rule),
        elements="str",
        compare=SET,
        place="config.json linux.resources.devices",
        inspect=Shown("HostConfig.DeviceCgroupRules", unset=None),
        flag=Flag("--device-cgroup-rule", "Rule for devices"),
        aliases=["device_cgroup_rule"],
        description="""
        Rules about devices in addition to the default ones, in the form V(type major:minor
        permissions), for example V(c 42:* rwm).
        """,
    ),
    Option(
        "device_requests",
        "list",
        set_of(device_request),
        elements="dict",
        compare=SET,
        place=("config.json process.env", "config.json linux.devices", "config.json mounts"),
        inspect=Computed("HostConfig.DeviceRequests"),
        flag=Flag("--gpus", "GPUs: all, a number, or device=0,1", reads="gpus"),
        suboptions=(
            Suboption(
                "capabilities",
                "list",
                elements="list",
                description="""
                Lists of capabilities, of which the first counts. V(gpu) is needed without C(driver).
                Others, such as V(compute) and V(utility), are NVIDIA's, and set the variable
                C(NVIDIA_DRIVER_CAPABILITIES).
                """,
                **_REQUEST,
            ),
            Suboption(
                "count", "int", description="How many devices. V(-1) is for all.", **_REQUEST
            ),
            Suboption(
                "device_ids",
                "list",
                elements="str",
                description="Which devices, by number or name. With V(driver=cdi), their full names.",
                **_REQUEST,
            ),
            Suboption(
                "driver",
                "str",
                description="""
                V(nvidia), V(amd), or V(cdi). The default is the first of V(nvidia) and V(amd) whose
                GPUs the host describes.
                """,
                **_REQUEST,
            ),
            Suboption(
                "options",
                "dict",
                description="None is accepted, as no driver has any.",
                place=Nowhere("no driver has any"),
                inspect=Nowhere("no driver has any"),
                flag=Nowhere("no driver has any"),
            ),
        ),
        description="""
        Devices such as GPUs, in the form of Docker. They are those of the host's CDI specifications in
        C(/etc/cdi) and C(/var/run/cdi): a GPU is the device C(nvidia.com/gpu=<name>) or
        C(amd.com/gpu=<name>). C(nvidia-ctk cdi generate) writes NVIDIA's.

        O(devices) takes names of CDI devices as well.
        """,
    ),
)
