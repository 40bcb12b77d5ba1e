# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What gives a container more of the host than usual, so that an auditor can search a fleet for it: the ``Security`` of a container."""

from __future__ import annotations

import os

from ..kernel import capabilities
from ..store.database import decode
from . import documents, labelling, userns
from .options import network, security, storage

NAMESPACES = {"cgroup": "cgroupns_mode", "ipc": "ipc_mode", "network": "network_mode", "pid": "pid_mode", "uts": "uts"}
# Paths of the host that lead to the rest of it, by themselves and with all below them.
_ALONE = ("/", "/etc", "/dev", "/run", "/root", "/usr", "/usr/bin", "/usr/sbin", "/usr/lib", "/bin", "/sbin", "/lib", "/lib64", "/var", "/var/lib",
          "/var/spool", "/home")
_BELOW = ("/proc", "/sys", "/boot", "/etc/shadow", "/etc/gshadow", "/etc/passwd", "/etc/sudoers", "/etc/sudoers.d", "/etc/ssh", "/etc/pam.d",
          "/etc/systemd", "/etc/cron.d", "/etc/crontab", "/etc/ld.so.preload", "/root/.ssh", "/run/systemd", "/run/docker", "/run/containerd",
          "/run/podman", "/run/crio", "/run/containers", "/var/lib/docker", "/var/lib/containerd", "/var/lib/containers", "/var/lib/kubelet", "/var/spool/cron")
_SOCKETS = ("docker.sock", "containerd.sock", "podman.sock", "crio.sock", "control.sock")


def describe(engine, definition, host_user, reason=""):
    """The ``Security`` of a container, in the module's documentation.

    :param host_user: whether its root is the host's. :param reason: why, where that is not by ``userns_mode``.
    """
    settings = security.settings(definition)
    privileged = bool(definition.get("privileged"))
    shared = sorted([kind for kind, option in NAMESPACES.items() if _mode(definition, option) == "host"] + ["user"] * host_user)
    sensitive = sorted((source, read_only) for source, read_only in _sources(engine, definition) if is_sensitive(engine.paths, source))
    added = [name for name in definition.get("capabilities", ()) if name not in capabilities.DOCKER_DEFAULT]
    seccomp = settings.get("seccomp", "unconfined" if privileged else "default") == "unconfined"
    profile = settings.get("apparmor") == "unconfined"
    bare = "disable" in security.labels(definition) and labelling.is_default(engine)
    paths = privileged or settings.get("systempaths") == "unconfined"
    devices = ["all"] if privileged else [entry.partition(":")[0] for entry in definition.get("devices", ())]
    findings = ["privileged: every capability and device of the host, no seccomp filter"] if privileged else []
    findings += ["%s: host: the host's %s namespace" % (NAMESPACES[kind], kind) for kind in shared if kind != "user"]
    if host_user:
        why = "userns_mode: host" if definition.get("userns_mode") == "host" else "userns_mode: host, because of %s" % reason if reason else "userns_mode: host"
        findings.append("%s: root in it is root of the host, with its capabilities" % why)
    findings += ["bind mount of the host's %s%s" % (source, " (read-only)" if read_only else "") for source, read_only in sensitive]
    findings += ["capability %s" % name for name in added]
    if not privileged:
        findings += ["security_opts: seccomp=unconfined: no seccomp filter"] * seccomp
        findings += ["security_opts: apparmor=unconfined: no AppArmor profile"] * profile
        findings += ["security_opts: label=disable: no SELinux label, which this host's containers have"] * bare
        findings += ["security_opts: systempaths=unconfined: no masked or read-only paths"] * paths
        findings += ["device %s" % path for path in devices]
    return {"Findings": findings, "Privileged": privileged, "HostNamespaces": shared, "HostUser": bool(host_user),
            "SensitiveMounts": [source for source, _read_only in sensitive], "AddedCapabilities": added, "SeccompUnconfined": seccomp,
            "PathsUnconfined": bool(paths), "Devices": devices}


def of_container(engine, record, definition=None):
    """The same of a container that is there. :param definition: what it is to become, its own where None."""
    definition = record["definition"] if definition is None else definition
    config = documents.read_config(engine, record["id"])
    host_user = userns.of_documents(config) is None and not config.get("annotations", {}).get(documents.spec.JOIN + "user")
    return describe(engine, definition, host_user, userns.by_option(definition))


def _mode(definition, option):
    return network.mode_of(definition) if option == "network_mode" else definition.get(option)


def _sources(engine, definition):
    """``(path of the host, read-only)`` of all that is bind-mounted, by volumes too."""
    found = []
    for entry in storage.mounts_of(definition):
        if entry["type"] == "bind":
            found.append((entry["source"], entry["read_only"]))
        elif entry["type"] == "volume" and entry["source"]:
            row = engine.db.one("SELECT options FROM volumes WHERE name = ?", entry["source"])
            device = (decode(row["options"]).get("driver_options") or {}).get("device", "") if row else ""
            if device.startswith("/"):
                found.append((device, entry["read_only"]))
    return found


def is_sensitive(paths, source):
    """Whether a path of the host leads to more of it than what lies there."""
    below = _BELOW + (paths.data, paths.run)
    for path in (os.path.normpath(source), os.path.realpath(source)):
        if path in _ALONE or os.path.basename(path) in _SOCKETS or any(path == top or path.startswith(top + "/") for top in below):
            return True
        if any(top.startswith(path.rstrip("/") + "/") for top in (paths.data, paths.run)):
            return True
    return False
