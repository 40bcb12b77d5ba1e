# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host and what is on it in the form of Docker's API, as docker_host_info returns it.

The keys are those of Docker Engine API 1.44 (SystemInfo, ContainerList, ImageList, NetworkList,
VolumeList, SystemDataUsage) that have a meaning here.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import platform

from .. import containers, images, networks, volumes
from ..containers.view import container_summary
from ..deploy.fingerprint import VERSION
from ..errors import InvalidInput, NotFound
from ..kernel import cgroups
from .disk_use import disk, used

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..engine import Engine

    Document = dict[str, Any]


KINDS = ("containers", "images", "networks", "volumes")
# Of each kind the keys that a list has without ``verbose_output``.
SHORT = {
    "containers": ("Id", "Image", "Command", "Created", "Status", "Ports", "Names"),
    "images": ("Id", "RepoTags", "Created", "Size"),
    "networks": ("Id", "Driver", "Name", "Scope"),
    "volumes": ("Driver", "Name"),
}


def asked(engine: Engine, params: Mapping[str, Any]) -> Document:
    """Return the lists that a task asks for by docker_host_info's options.

    :param params: ``containers``, ``images``, ``networks``, ``volumes`` and ``disk_usage`` (bool),
        ``<kind>_filters``, ``containers_all``, ``verbose_output``; all may be left out.
    :raises InvalidInput: for filters of a kind that is not asked for, or that there are not.
    """
    found: Document = {}
    for kind in KINDS:
        if params.get(kind + "_filters") and not params.get(kind):
            raise InvalidInput(
                kind + "_filters", params[kind + "_filters"], f"filters together with {kind}: true"
            )
    if params.get("containers_all") and not params.get("containers"):
        raise InvalidInput("containers_all", True, "true together with containers: true")
    for kind in KINDS:
        if params.get(kind):
            try:
                entries = _listed(
                    engine, kind, params.get(kind + "_filters"), bool(params.get("containers_all"))
                )
            except InvalidInput as error:
                option = ".".join([kind + "_filters", *error.option.split(".")[1:]])
                raise InvalidInput(option, error.value, error.accepted) from None
            found[kind] = (
                entries
                if params.get("verbose_output")
                else [{key: entry[key] for key in SHORT[kind]} for entry in entries]
            )
    if params.get("disk_usage"):
        whole = usage(engine)
        found["disk_usage"] = (
            whole if params.get("verbose_output") else {"LayersSize": whole["LayersSize"]}
        )
    return found


def _listed(
    engine: Engine, kind: str, filters: Mapping[str, Any] | None, everything: bool
) -> list[Document]:
    if kind == "containers":
        found = []
        for record in containers.listing(engine, everything, filters):
            with contextlib.suppress(NotFound), containers.reading(engine, record):
                found.append(container_summary.summary(engine, record))
        return found
    if kind == "images":
        return [_image(engine, image) for image in images.listing(engine, filters)]
    if kind == "networks":
        return [networks.inspect(engine, c["name"]) for c in networks.listing(engine, filters)]
    return [volumes.inspect(engine, v["name"]) for v in volumes.listing(engine, filters)]


def _image(engine: Engine, image: Document) -> Document:
    created = 0
    with contextlib.suppress(ValueError, OverflowError):
        text = image["Created"][:19] + "+00:00"
        created = int(datetime.datetime.fromisoformat(text).timestamp())
    return {
        "Id": image["Id"],
        "ParentId": "",
        "RepoTags": image["RepoTags"],
        "RepoDigests": image["RepoDigests"],
        "Created": created,
        "Size": image["Size"],
        "SharedSize": -1,
        "Labels": (image["Config"] or {}).get("Labels") or {},
        "Containers": len(images.containers_of(engine, image["Id"])),
    }


def usage(engine: Engine) -> Document:
    """Return the use of the disk: ``LayersSize`` (bytes of all images), and what each image,
    container and volume takes.
    """
    used_now = disk(engine)
    found: Document = {
        "LayersSize": used_now["layers"] + used_now["blobs"],
        "Images": _listed(engine, "images", None, True),
        "Containers": _listed(engine, "containers", None, True),
        "Volumes": _listed(engine, "volumes", None, True),
    }
    for entry in found["Containers"]:
        entry["SizeRw"] = used(os.path.join(engine.paths.container(entry["Id"]), "upper"))
    users = {volume["name"]: len(volume["users"]) for volume in volumes.listing(engine)}
    for entry in found["Volumes"]:
        size = used(volumes.path(engine, entry["Name"]))
        entry["UsageData"] = {"Size": size, "RefCount": users.get(entry["Name"], 0)}
    return found


def system(facts: Document) -> Document:
    """Return Docker's ``info`` of what ``info.info`` says of the host."""
    host, counts, features = facts["host"], facts["counts"], facts["features"]
    limits = features["cgroups"]["found"]
    release = _os_release()
    return {
        "Name": host["hostname"],
        "ServerVersion": VERSION,
        "OperatingSystem": release.get("PRETTY_NAME") or "Linux",
        "OSVersion": release.get("VERSION_ID") or "",
        "OSType": "linux",
        "Architecture": host["architecture"],
        "KernelVersion": host["kernel"],
        "NCPU": host["cpus"],
        "MemTotal": host["memory"],
        "SystemTime": datetime.datetime.now(datetime.timezone.utc)
        .isoformat()
        .replace("+00:00", "Z"),
        "Containers": counts["containers"],
        "ContainersRunning": counts["containers_running"],
        "ContainersPaused": counts["containers_paused"],
        "ContainersStopped": counts["containers_stopped"],
        "Images": counts["images"],
        "Driver": "overlay2",
        "DockerRootDir": host["data_directory"],
        "LoggingDriver": "json-file",
        "CgroupDriver": "cgroupfs" if limits else "none",
        "CgroupVersion": "2" if cgroups.mode() == "v2" else "1",
        "MemoryLimit": limits,
        "SwapLimit": limits,
        "CPUShares": limits,
        "CPUSet": limits,
        "CpuCfsPeriod": limits,
        "CpuCfsQuota": limits,
        "PidsLimit": limits,
        "IPv4Forwarding": _reads_one("/proc/sys/net/ipv4/ip_forward"),
        "Plugins": {"Volume": ["local"], "Network": list(networks.DRIVERS)},
        "Runtimes": {"pycontainer": {"path": "pycontainer-oci"}},
        "DefaultRuntime": "pycontainer",
        "LiveRestoreEnabled": True,
        "SecurityOptions": _security(features),
        "IndexServerAddress": "https://index.docker.io/v1/",
        "RegistryConfig": _registries(facts["registries"]["registries"]),
        "Swarm": {"LocalNodeState": "inactive"},
        "Debug": False,
        "ExperimentalBuild": False,
        "Labels": [],
        "Warnings": facts["missing"],
    }


def _os_release() -> dict[str, str]:
    try:
        return platform.freedesktop_os_release()
    except AttributeError:  # Python 3.9
        pass
    except OSError:
        return {}
    found = {}
    with contextlib.suppress(OSError), open("/etc/os-release", encoding="utf-8") as file:
        for line in file:
            key, _equals, value = line.strip().partition("=")
            found[key] = value.strip("\"'")
    return found


def _reads_one(path: str) -> bool:
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip() == "1"
    except OSError:
        return False


def _security(features: Document) -> list[str]:
    found = ["name=seccomp,profile=builtin"] if features["seccomp"]["found"] else []
    for feature, said in (
        ("apparmor", "name=apparmor"),
        ("selinux", "name=selinux"),
        ("cgroup_namespaces", "name=cgroupns"),
    ):
        found += [said] * features[feature]["found"]
    return found


def _registries(tables: list[Document]) -> Document:
    """Return the registries that the host's configuration names, and the mirrors of docker.io."""
    found: Document = {"InsecureRegistryCIDRs": ["127.0.0.0/8"], "IndexConfigs": {}, "Mirrors": []}
    for table in tables:
        name = table.get("prefix") or table.get("location") or ""
        mirrors = [mirror.get("location") for mirror in table.get("mirror") or ()]
        found["IndexConfigs"][name] = {
            "Name": name,
            "Mirrors": mirrors,
            "Secure": not table.get("insecure"),
            "Official": name == "docker.io",
        }
        if name == "docker.io":
            found["Mirrors"] = mirrors
    return found
