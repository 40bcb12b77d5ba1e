# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""config.json's isolation, with Docker's defaults: capabilities, seccomp, AppArmor, masked and
read-only paths, kernel parameters.
"""

from __future__ import annotations

import glob
import json

from ...errors import InvalidInput
from ...oci.spec import document
from ..options import network_options, security

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...oci.spec.config_types import Seccomp
    from ...options.rows import Definition


def capabilities(definition: Definition) -> list[str]:
    """Return the names of the capabilities that the container has, in the kernel's order."""
    from ...kernel.isolation import capabilities as kernel

    added, dropped = set(definition.get("capabilities", ())), set(definition.get("cap_drop", ()))
    if definition.get("privileged") or "ALL" in added:
        wanted = available() | (added - {"ALL"})
    elif "ALL" in dropped:
        wanted = added
    else:
        wanted = set(kernel.DOCKER_DEFAULT) | added
    return [
        name
        for name in kernel.NAMES
        if name in wanted and (name not in dropped or ("ALL" in dropped and name in added))
    ]


def available() -> set[str]:
    """Return the capabilities that this process could hand on: its bounding set."""
    from ...kernel.isolation import capabilities as kernel

    with open("/proc/self/status") as file:
        mask = next(int(line.split()[1], 16) for line in file if line.startswith("CapBnd:"))
    return {name for number, name in enumerate(kernel.NAMES) if mask >> number & 1}


def no_new_privileges(definition: Definition) -> bool:
    """Tell whether its processes may gain no rights by executing a file (prctl(2))."""
    return security.settings(definition).get("no-new-privileges") == "true"


def _paths_open(definition: Definition) -> bool:
    return (
        definition.get("privileged")
        or security.settings(definition).get("systempaths") == "unconfined"
    )


def masked(definition: Definition) -> list[str]:
    """Return the paths that nothing can be read of."""
    return (
        []
        if _paths_open(definition)
        else [
            *document.MASKED,
            *sorted(glob.glob("/sys/devices/system/cpu/cpu[0-9]*/thermal_throttle")),
        ]
    )


def read_only(definition: Definition) -> list[str]:
    """Return the paths that nothing can be written to."""
    return [] if _paths_open(definition) else list(document.READ_ONLY)


def sysctls(definition: Definition, highest_gid: int | None = 2**31 - 1) -> dict[str, str]:
    """Return the task's kernel parameters, and Docker's two for a network namespace of its own.

    With these, low ports and ping need no capability there.

    :raises InvalidInput: a net.* one without such a namespace.
    """
    found = {}
    if network_options.has_own_namespace(definition):
        found = {"net.ipv4.ip_unprivileged_port_start": "0"}
        if highest_gid is not None:
            found["net.ipv4.ping_group_range"] = f"0 {highest_gid}"
    found.update(definition.get("sysctls", {}))
    for key in found:
        if key.startswith("net.") and not network_options.has_own_namespace(definition):
            raise InvalidInput(
                "sysctls", key, f"no net.* with network_mode {definition['network_mode']}"
            )
    return found


def seccomp(
    definition: Definition,
    caps: list[str],
    kernel: tuple[int, int],
    machine: str,
    architecture: str = "",
) -> Seccomp | None:
    """Return linux.seccomp, or None for no filter.

    :param kernel: (major, minor). :param architecture: the image's.
    """
    from ...kernel.seccomp import default_profile

    profile = security.settings(definition).get(
        "seccomp", "unconfined" if definition.get("privileged") else "default"
    )
    if profile == "unconfined":
        return None
    if profile == "default":
        return default_profile.default_profile(caps, kernel, machine, architecture)
    return default_profile.from_docker(json.loads(profile), caps, kernel, machine)


def apparmor(definition: Definition, default: str | None) -> str | None:
    """Return ``process.apparmorProfile``, or None.

    :param default: the engine's own profile, None where the host can't have it.
    """
    profile = security.settings(definition).get(
        "apparmor", "unconfined" if definition.get("privileged") else "default"
    )
    return default if profile == "default" else None if profile == "unconfined" else profile


def missing_capabilities(definition: Definition) -> list[str]:
    """Return the capabilities that the task names and this host can't give: they are not in its
    bounding set.
    """
    return sorted(set(definition.get("capabilities", ())) - {"ALL"} - available())
