# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make config.json, an OCI runtime-spec document, of a definition and an image's config.

Pure functions: what they need of the host is handed in as ``host``, so that every line of the
result can be tested.
"""

from __future__ import annotations

from ...errors import InvalidInput
from ...oci.spec import id_maps
from ..devices import device_nodes
from ..options import network_options, secret_files
from ..options import process as process_options
from ..records import network_names
from . import confinement, container_mounts, limits, own_annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ...oci.spec.config_types import Config, Linux, NamespaceEntry, Process, User
    from ...options.rows import Definition
    from .surroundings import Surroundings

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def config(ident: str, definition: Definition, image: dict[str, Any], host: Surroundings) -> Config:
    """Make the OCI runtime-spec document.

    :param image: the ``config`` object of the image's config (Env, Cmd, Entrypoint, User ...).
    :raises InvalidInput: neither task nor image says what to run.
    """
    capabilities = confinement.capabilities(definition)
    linux: Linux = {
        "namespaces": namespaces(definition),
        "cgroupsPath": f"{definition.get('cgroup_parent') or '/pycontainer'}/{ident}",
        "resources": limits.resources(definition, host.swap),
        "devices": device_nodes.devices(definition),
        "sysctl": confinement.sysctls(definition, host.highest_gid()),
        "maskedPaths": confinement.masked(definition),
        "readonlyPaths": confinement.read_only(definition),
        "rootfsPropagation": container_mounts.root_propagation(host.mounts),
    }
    if host.maps is not None and "user" not in host.joins:
        linux["namespaces"].append({"type": "user"})
        uids, gids = host.maps
        linux["uidMappings"], linux["gidMappings"] = id_maps.entries(uids), id_maps.entries(gids)
    seccomp = confinement.seccomp(
        definition, capabilities, host.kernel, host.machine, host.architecture
    )
    if seccomp is not None:
        linux["seccomp"] = seccomp
    document: Config = {
        "ociVersion": "1.2.0",
        "root": {"path": "rootfs", "readonly": definition.get("read_only", False)},
        "process": process(
            ident,
            definition,
            image,
            capabilities,
            confinement.apparmor(definition, host.apparmor),
            host.environment,
        ),
        "mounts": container_mounts.mounts(definition, host, systemd(definition, image)),
        "linux": linux,
        "annotations": _annotations(definition, image, host),
    }
    if definition.get("uts") != "host":
        document["hostname"] = network_names.hostname(ident, definition)
        if definition.get("domainname"):
            document["domainname"] = definition["domainname"]
    return document


def process(
    ident: str,
    definition: Definition,
    image: dict[str, Any],
    capabilities: list[str],
    profile: str | None = None,
    taken: Mapping[str, str] | None = None,
) -> Process:
    """Make the document's ``process``.

    :param taken: see :func:`environment`.
    """
    found: Process = {
        "terminal": definition.get("tty", False),
        "user": user(definition),
        "args": arguments(definition, image),
        "env": environment(ident, definition, image, taken),
        "cwd": definition.get("working_dir") or image.get("WorkingDir") or "/",
        "capabilities": {
            "bounding": capabilities,
            "effective": capabilities,
            "permitted": capabilities,
            "inheritable": [],  # CVE-2022-24769: they must be empty
            "ambient": [],
        },
        "rlimits": limits.rlimits(definition),
        "noNewPrivileges": confinement.no_new_privileges(definition),
        "oomScoreAdj": definition.get("oom_score_adj", 0),
    }
    if profile:
        found["apparmorProfile"] = profile
    return found


def user(definition: Definition) -> User:
    """Return root, until the name in the annotations is looked up in the container's root at its
    start.
    """
    found: User = {"uid": 0, "gid": 0, "additionalGids": [0]}
    if "umask" in definition:
        found["umask"] = int(definition["umask"], 8)
    return found


def arguments(definition: Definition, image: dict[str, Any]) -> list[str]:
    """Return entrypoint and command.

    :raises InvalidInput: there is none.
    """
    entrypoint = definition.get("entrypoint")
    if entrypoint is None:
        entrypoint = image.get("Entrypoint") or []
    words = list(entrypoint) + process_options.words(definition, image)
    if not words or not words[0]:
        raise InvalidInput(
            "command", definition.get("command"), "a command, because the image has none"
        )
    return words


def systemd(definition: Definition, image: dict[str, Any]) -> bool:
    """Tell whether the container is set up for systemd as its process 1."""
    return process_options.runs_systemd(definition, arguments(definition, image))


def environment(
    ident: str,
    definition: Definition,
    image: dict[str, Any],
    taken: Mapping[str, str] | None = None,
) -> list[str]:
    """Return the image's variables, and the task's over them, as ``NAME=value``.

    :param taken: what comes of the host's environment.

    PATH, HOSTNAME and TERM are set where neither has them; HOME follows from the user at the start.
    """
    found = {"PATH": DEFAULT_PATH, "HOSTNAME": network_names.hostname(ident, definition)}
    if systemd(definition, image):
        # systemd.io/CONTAINER_INTERFACE; a machine-id that the image lacks is made of the uuid.
        found.update(container="oci", container_uuid=ident[:32])
    if definition.get("tty"):
        found["TERM"] = "xterm"
    if definition.get("sdnotify") == "container":
        place = f"{container_mounts.NOTIFY_PLACE}/{container_mounts.NOTIFY_NAME}"
        found["NOTIFY_SOCKET"] = place
    for entry in image.get("Env") or ():
        key, equals, value = entry.partition("=")
        if equals and key:  # an entry without "=" must not let a variable of the host in
            found[key] = value
    merged = {
        key: process_options.expanded(value, found)
        for key, value in definition.get("env_merge", {}).items()
    }
    for key in list(found) if definition.get("unsetenv_all") else definition.get("unsetenv", ()):
        found.pop(key, None)
    found.update(merged)
    found.update(taken or {})
    found.update(definition.get("env", {}))
    return [f"{key}={value}" for key, value in found.items()]


def namespaces(definition: Definition) -> list[NamespaceEntry]:
    """Return the namespaces to make or join; what is shared with the host is not in the list."""
    kinds = [
        ("mount", None),
        ("network", network_options.mode_of(definition)),
        ("uts", definition.get("uts")),
        ("pid", definition.get("pid_mode")),
        ("ipc", definition.get("ipc_mode")),
        ("cgroup", definition.get("cgroupns_mode")),
    ]
    return [{"type": kind} for kind, mode in kinds if mode != "host"]


def _annotations(
    definition: Definition, image: dict[str, Any], host: Surroundings
) -> dict[str, str]:
    found: dict[str, str] = dict(definition.get("annotations", {}))
    user = definition.get("user") or image.get("User")
    if user:
        found[own_annotations.USER] = user
    if definition.get("groups"):
        found[own_annotations.GROUPS] = ",".join(definition["groups"])
    if secret_files.variables(definition):
        found[own_annotations.SECRET_VARIABLES] = ",".join(
            sorted(secret_files.variables(definition))
        )
    found.update({own_annotations.JOIN + kind: other for kind, other in host.joins.items()})
    return found
