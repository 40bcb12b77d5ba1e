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
from ..options import network_options, security, storage
from ..records import container_image
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
    from ...kernel.seccomp.compiler import Profile
    from ...options.rows import Definition
    from ...store.paths import Paths
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
    "/run/dbus",
    "/run/user",
    "/run/libvirt",
    "/run/lxd",
    "/run/incus",
    "/run/buildkit",
    "/var/lib/lxd",
    "/var/lib/incus",
    "/var/lib/docker",
    "/var/lib/containerd",
    "/var/lib/containers",
    "/var/lib/kubelet",
    "/var/spool/cron",
)
EXECUTED = ": the host executes what is written there"
OLD_CALL = (
    "image for 386: the seccomp filter allows socketcall, by which AF_ALG and AF_VSOCK sockets can be "
    "opened"
)
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
# First arguments that the default refuses, of calls that it allows with others: AF_ALG and AF_VSOCK,
# each also as the kernel reads 64 bits; namespaces; what weakens the layout of memory.
HARMFUL = {
    "socket": (38, 40, 38 | 1 << 32, 40 | 1 << 32),
    "clone": (1 << 17, 1 << 25, 1 << 26, 1 << 27, 1 << 28, 1 << 29, 1 << 30),
    "personality": (0x0040000, 0x0100000, 0x0400000),
}
_SOCKETS = (
    "docker.sock",
    "containerd.sock",
    "podman.sock",
    "crio.sock",
    "control.sock",
    "cri-dockerd.sock",
    "buildkitd.sock",
    "snapd.socket",
    "libvirt-sock",
    "system_bus_socket",
)


def describe(
    engine: Engine,
    definition: Definition,
    host_user: bool,
    reason: str = "",
    architecture: str = "",
) -> dict[str, Any]:
    """Describe a definition's ``Security``, as the module's documentation has it.

    :param host_user: whether its root is the host's.
    :param reason: why, where that is not by ``userns_mode``.
    :param architecture: the image's, in OCI's words.
    """
    privileged = bool(definition.get("privileged"))
    shared = sorted(
        [kind for kind, option in NAMESPACES.items() if _mode(definition, option) == "host"]
        + ["user"] * host_user
    )
    sensitive = _sensitive_mounts(engine, definition)
    added = [
        name
        for name in definition.get("capabilities", ())
        if name not in capabilities.DOCKER_DEFAULT
    ]
    filtered = security.settings(definition).get(
        "seccomp", "unconfined" if privileged else "default"
    )
    allowed, refuses = _beyond_default(definition, filtered)
    unfiltered = filtered == "unconfined" or not refuses
    paths = privileged or security.settings(definition).get("systempaths") == "unconfined"
    devices = [entry.partition(":")[0] for entry in definition.get("devices", ())]
    for request in definition.get("device_requests", ()):
        devices += request["device_ids"] or ["gpu"]
    rules = list(definition.get("device_cgroup_rules", ()))
    findings = _namespace_findings(definition, shared, reason)
    findings += [f"bind mount of the host's {words}" for _source, words in sensitive]
    findings += [f"capability {name}" for name in added]
    if privileged:
        devices, rules = ["all"], []
        findings.insert(0, "privileged: every capability and device of the host, no seccomp filter")
    else:
        findings += _seccomp_findings(allowed, unfiltered)
        if architecture == "386" and filtered == "default":
            findings.append(OLD_CALL)
        findings += _other_findings(engine, definition)
        findings += [f"device {path}" for path in devices]
        findings += [
            f"device_cgroup_rules: {rule}: every device of these numbers" for rule in rules
        ]
    return {
        "Findings": findings,
        "Privileged": privileged,
        "HostNamespaces": shared,
        "HostUser": bool(host_user),
        "SensitiveMounts": [source for source, _words in sensitive],
        "AddedCapabilities": added,
        "SeccompUnconfined": unfiltered,
        "PathsUnconfined": bool(paths),
        "Devices": devices + rules,
    }


def _namespace_findings(definition: Definition, shared: list[str], reason: str) -> list[str]:
    found = [
        f"{NAMESPACES[kind]}: host: the host's {kind} namespace"
        for kind in shared
        if kind != "user"
    ]
    if "user" in shared:
        asked = definition.get("userns_mode") == "host" or not reason
        why = "" if asked else f", because of {reason}"
        found.append(
            f"userns_mode: host{why}: root in it is root of the host, with its capabilities"
        )
    return found


def _sensitive_mounts(engine: Engine, definition: Definition) -> list[tuple[str, str]]:
    """Return the mounts that lead to more of the host: ``[(path, words about it)]``, sorted."""
    found = []
    for source, read_only in sorted(_sources(engine, definition)):
        if is_sensitive(engine.paths, source):
            found.append((source, source + (" (read-only)" if read_only else "")))
        elif not read_only and executed_places.leads_to(source):
            found.append((source, source + EXECUTED))
    return found


def _seccomp_findings(allowed: list[str], unfiltered: bool) -> list[str]:
    """Say what a profile lacks. :param allowed: system calls that the default refuses."""
    if unfiltered and allowed:
        return [
            "security_opts: seccomp: a profile that refuses no system call that the default refuses"
        ]
    if unfiltered:
        return ["security_opts: seccomp=unconfined: no seccomp filter"]
    if not allowed:
        return []
    more = f" and {len(allowed) - SHOWN} more" if len(allowed) > SHOWN else ""
    return [
        "security_opts: seccomp: a profile that allows system calls that the default refuses: "
        f"{', '.join(allowed[:SHOWN])}{more}"
    ]


def _other_findings(engine: Engine, definition: Definition) -> list[str]:
    settings, found = security.settings(definition), []
    if settings.get("apparmor") == "unconfined":
        found.append("security_opts: apparmor=unconfined: no AppArmor profile")
    if "disable" in security.labels(definition) and selinux_labels.is_default(engine):
        found.append(
            "security_opts: label=disable: no SELinux label, which this host's containers have"
        )
    if settings.get("systempaths") == "unconfined":
        found.append("security_opts: systempaths=unconfined: no masked or read-only paths")
    return found


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
    if "SCMP_ARCH_X86" in given["architectures"]:
        refused.add("socketcall")
    allowed = (_allowed(given, refused) | _partly_allowed(given, host.machine)) & refused
    return sorted(allowed, key=lambda name: (name not in TELLING, name)), allowed != refused


def _allowed(profile: Profile, every: Iterable[str]) -> set[str]:
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


def _partly_allowed(profile: Profile, machine: str) -> set[str]:
    """Return the system calls that a profile lets pass with arguments that the default refuses."""
    from ...kernel.seccomp import compiler

    found = {
        name
        for entry in profile["syscalls"]
        if entry["action"] in PASSES and entry.get("args")
        for name in entry["names"]
    }
    program = compiler.compile(profile, machine)
    return {
        name
        for name in found
        if name not in HARMFUL
        or any(
            compiler.decide(program, name, (value,), machine) & compiler.ACTION in compiler.PASSING
            for value in HARMFUL[name]
        )
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
    return describe(
        engine,
        definition,
        host_user,
        user_namespaces.by_option(definition),
        _architecture(engine, record),
    )


def _architecture(engine: Engine, record: Record) -> str:
    try:
        return container_image.architecture(engine, record["image"])
    except EngineError:  # the image is damaged or gone
        return ""


def _mode(definition: Definition, option: str) -> str | None:
    return (
        network_options.mode_of(definition) if option == "network_mode" else definition.get(option)
    )


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
