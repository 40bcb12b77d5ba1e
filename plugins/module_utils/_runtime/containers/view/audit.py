# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ``Security`` of a container: what gives it more of the host than usual, so that an auditor
can search a fleet for it.
"""

from __future__ import annotations

import os

from ...errors import EngineError
from ...kernel.isolation import capabilities
from ...store.database import decode
from ..options import network, security, storage
from ..spec import (
    confinement,
    container_files,
    own_annotations,
    selinux_labels,
    surroundings,
    user_namespaces,
)
from . import executed_places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ...engine import Engine
    from ...store.paths import Paths
    from ..options.table import Definition
    from ..records.catalog import Record

NAMESPACES = {
    "cgroup": "cgroupns_mode",
    "ipc": "ipc_mode",
    "network": "network_mode",
    "pid": "pid_mode",
    "uts": "uts",
}
# Paths of the host that lead to the rest of it, by themselves and with all below them.
_ALONE = (
    "/",
    "/etc",
    "/dev",
    "/run",
    "/root",
    "/usr",
    "/usr/bin",
    "/usr/sbin",
    "/usr/lib",
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
    "/var",
    "/var/lib",
    "/var/spool",
    "/home",
)
_BELOW = (
    "/proc",
    "/sys",
    "/boot",
    "/etc/shadow",
    "/etc/gshadow",
    "/etc/passwd",
    "/etc/sudoers",
    "/etc/sudoers.d",
    "/etc/ssh",
    "/etc/pam.d",
    "/etc/systemd",
    "/etc/cron.d",
    "/etc/crontab",
    "/etc/ld.so.preload",
    "/root/.ssh",
    "/run/systemd",
    "/run/docker",
    "/run/containerd",
    "/run/podman",
    "/run/crio",
    "/run/containers",
    "/var/lib/docker",
    "/var/lib/containerd",
    "/var/lib/containers",
    "/var/lib/kubelet",
    "/var/spool/cron",
)
EXECUTED = ": the host executes what is written there"
PASSES = ("SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE")
SHOWN = 6
TELLING = (
    "mount",
    "bpf",
    "setns",
    "unshare",
    "clone",
    "init_module",
    "finit_module",
    "kexec_load",
    "open_by_handle_at",
    "ptrace",
)  # named first
_SOCKETS = ("docker.sock", "containerd.sock", "podman.sock", "crio.sock", "control.sock")


def describe(
    engine: Engine, definition: Definition, host_user: bool, reason: str = ""
) -> dict[str, Any]:
    """Describe a definition's ``Security``, as the module's documentation has it.

    :param host_user: whether its root is the host's.
    :param reason: why, where that is not by ``userns_mode``.
    """
    settings = security.settings(definition)
    privileged = bool(definition.get("privileged"))
    shared = sorted(
        [kind for kind, option in NAMESPACES.items() if _mode(definition, option) == "host"]
        + ["user"] * host_user
    )
    sources = _sources(engine, definition)
    leading = {
        source
        for source, read_only in sources
        if not read_only
        and not is_sensitive(engine.paths, source)
        and executed_places.leads_to(source)
    }
    sensitive = sorted(
        (source, read_only)
        for source, read_only in sources
        if source in leading and not read_only or is_sensitive(engine.paths, source)
    )
    added = [
        name
        for name in definition.get("capabilities", ())
        if name not in capabilities.DOCKER_DEFAULT
    ]
    filtered = settings.get("seccomp", "unconfined" if privileged else "default")
    allowed, refuses = _beyond_default(definition, filtered)
    seccomp = filtered == "unconfined" or not refuses
    profile = settings.get("apparmor") == "unconfined"
    bare = "disable" in security.labels(definition) and selinux_labels.is_default(engine)
    paths = privileged or settings.get("systempaths") == "unconfined"
    devices = (
        ["all"]
        if privileged
        else [entry.partition(":")[0] for entry in definition.get("devices", ())]
    )
    rules = [] if privileged else list(definition.get("device_cgroup_rules", ()))
    findings = (
        ["privileged: every capability and device of the host, no seccomp filter"]
        if privileged
        else []
    )
    findings += [
        f"{NAMESPACES[kind]}: host: the host's {kind} namespace"
        for kind in shared
        if kind != "user"
    ]
    if host_user:
        why = (
            "userns_mode: host"
            if definition.get("userns_mode") == "host"
            else f"userns_mode: host, because of {reason}"
            if reason
            else "userns_mode: host"
        )
        findings.append(f"{why}: root in it is root of the host, with its capabilities")
    findings += [
        "bind mount of the host's "
        f"{source}{' (read-only)' if read_only else ''}{EXECUTED if source in leading else ''}"
        for source, read_only in sensitive
    ]
    findings += [f"capability {name}" for name in added]
    if not privileged:
        if allowed and seccomp:
            findings.append(
                "security_opts: seccomp: a profile that refuses no system call that the default "
                "refuses"
            )
        elif seccomp:
            findings.append("security_opts: seccomp=unconfined: no seccomp filter")
        elif allowed:
            more = ", ".join(allowed[:SHOWN]) + (
                " and %d more" % (len(allowed) - SHOWN) if len(allowed) > SHOWN else ""
            )
            findings.append(
                "security_opts: seccomp: a profile that allows system calls that the default "
                f"refuses: {more}"
            )
        findings += ["security_opts: apparmor=unconfined: no AppArmor profile"] * profile
        findings += [
            "security_opts: label=disable: no SELinux label, which this host's containers have"
        ] * bare
        findings += ["security_opts: systempaths=unconfined: no masked or read-only paths"] * paths
        findings += [f"device {path}" for path in devices]
        findings += [
            f"device_cgroup_rules: {rule}: every device of these numbers" for rule in rules
        ]
    return {
        "Findings": findings,
        "Privileged": privileged,
        "HostNamespaces": shared,
        "HostUser": bool(host_user),
        "SensitiveMounts": [source for source, _read_only in sensitive],
        "AddedCapabilities": added,
        "SeccompUnconfined": seccomp,
        "PathsUnconfined": bool(paths),
        "Devices": devices + rules,
    }


def _beyond_default(definition: Definition, profile: str) -> tuple[list[str], bool]:
    """Compare a seccomp profile with the default.

    :returns: ``(system calls that it allows and the default refuses, whether it refuses any that
        the default refuses)``. One that the default allows with some arguments, and the profile
        with all, counts.
    """
    if profile in ("default", "unconfined"):
        return [], True
    from ...kernel.seccomp import default_profile, syscall_numbers

    host, caps = surroundings.Surroundings("", ""), confinement.capabilities(definition)
    try:
        given = confinement.seccomp(definition, caps, host.kernel, host.machine)
        usual = default_profile.default_profile(caps, host.kernel, host.machine)
    except EngineError:  # the start says what is wrong with it
        return [], True
    if given is None:
        return [], True
    refused = set(syscall_numbers.numbers(host.machine)) - _allowed(usual, ())
    allowed = _allowed(given, refused) & refused
    return sorted(allowed, key=lambda name: (name not in TELLING, name)), allowed != refused


def _allowed(profile: dict[str, Any], every: Iterable[str]) -> set[str]:
    """Return the system calls that a profile lets pass with whatever arguments.

    :param every: those that ``defaultAction`` is for.
    """
    passed = {
        name
        for entry in profile["syscalls"]
        if entry["action"] in PASSES and not entry.get("args")
        for name in entry["names"]
    }
    if profile["defaultAction"] not in PASSES:
        return passed
    return passed | set(every) - {
        name
        for entry in profile["syscalls"]
        if entry["action"] not in PASSES and not entry.get("args")
        for name in entry["names"]
    }


def of_container(
    engine: Engine, record: Record, definition: Definition | None = None
) -> dict[str, Any]:
    """Describe the ``Security`` of a container that is there.

    :param definition: what it is to become; None: its own.
    """
    definition = record["definition"] if definition is None else definition
    config = container_files.read_config(engine, record["id"])
    host_user = user_namespaces.of_documents(config) is None and not own_annotations.joins(
        config
    ).get("user")
    return describe(engine, definition, host_user, user_namespaces.by_option(definition))


def _mode(definition: Definition, option: str) -> str | None:
    return network.mode_of(definition) if option == "network_mode" else definition.get(option)


def _sources(engine: Engine, definition: Definition) -> list[tuple[str, bool]]:
    """List ``(path of the host, read-only)`` of all that is bind-mounted, by volumes too."""
    found = []
    for entry in storage.mounts_of(definition):
        if entry["type"] == "bind":
            found.append((entry["source"], entry["read_only"]))
        elif entry["type"] == "volume" and entry["source"]:
            row = engine.db.one("SELECT options FROM volumes WHERE name = ?", entry["source"])
            device = (
                (decode(row["options"]).get("driver_options") or {}).get("device", "")
                if row
                else ""
            )
            if device.startswith("/"):
                found.append((device, entry["read_only"]))
    return found


def is_sensitive(paths: Paths, source: str) -> bool:
    """Tell whether a path of the host leads to more of it than what lies there."""
    below = _BELOW + (paths.data, paths.run)
    for path in (os.path.normpath(source), os.path.realpath(source)):
        if (
            path in _ALONE
            or os.path.basename(path) in _SOCKETS
            or any(path == top or path.startswith(top + "/") for top in below)
        ):
            return True
        if any(top.startswith(path.rstrip("/") + "/") for top in (paths.data, paths.run)):
            return True
    return False
