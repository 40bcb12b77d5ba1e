# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A definition and an image's config become an OCI runtime-spec document (config.json) and run.json.

Pure functions: what they need of the host is handed in as ``host``, so that every line of the result can be tested.
"""

from __future__ import annotations

import platform

from ...errors import InvalidInput
from ..options import lifecycle, network
from . import mounts as spec_mounts
from . import resources, security

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
STOP_TIMEOUT = 10  # seconds, Docker's
# Keys of config.json's annotations that this engine itself reads.
USER, GROUPS = "org.pycontainer.user", "org.pycontainer.groups"
JOIN = "org.pycontainer.join."  # + pid, ipc, network, user: the id of the container whose namespace is entered


class Surroundings:
    """What of host and store goes into a container's documents.

    :param directory: the container's directory in the data store. :param run: its directory of this boot.
    :param mounts: the user's mounts in normal form, each with ``source`` resolved to a path of the host.
    :param joins: ``{"network" | "pid" | "ipc" | "user": id of another container}``.
    :param swap: whether this host accounts for swap. :param kernel: (major, minor).
    :param maps: ``(uid extents, gid extents)`` of its user namespace (kernel/mounts/userns.py), None where that is the host's.
    :param apparmor: the profile that containers have by default, None where there is none. :param architecture: the image's.
    """

    def __init__(
        self,
        directory,
        run,
        mounts=(),
        joins=None,
        swap=True,
        kernel=None,
        machine=None,
        maps=None,
        apparmor=None,
        architecture="",
    ):
        self.directory, self.run, self.mounts = directory, run, list(mounts)
        self.joins, self.swap = dict(joins or {}), swap
        self.kernel = kernel or tuple(
            int(part) for part in platform.release().split("-")[0].split(".")[:2]
        )
        self.machine = machine or platform.machine()
        self.maps, self.apparmor, self.architecture = maps, apparmor, architecture

    def highest_gid(self):
        """The last of the gids that the container has from 0 on; None when it has no 0."""
        if self.maps is None:
            return 2**31 - 1
        return next((size - 1 for inside, _outside, size in self.maps[1] if inside == 0), None)


def config(ident, definition, image, host):
    """The OCI runtime-spec document.

    :param image: the ``config`` object of the image's config (Env, Cmd, Entrypoint, User ...).
    :raises InvalidInput: when neither task nor image says what to run.
    """
    capabilities = security.capabilities(definition)
    linux = {
        "namespaces": namespaces(definition),
        "cgroupsPath": f"{definition.get('cgroup_parent') or '/pycontainer'}/{ident}",
        "resources": resources.resources(definition, host.swap),
        "devices": resources.devices(definition),
        "sysctl": security.sysctls(definition, host.highest_gid()),
        "maskedPaths": security.masked(definition),
        "readonlyPaths": security.read_only(definition),
        "rootfsPropagation": spec_mounts.root_propagation(host.mounts),
    }
    if host.maps is not None and "user" not in host.joins:
        linux["namespaces"].append({"type": "user"})
        for name, extents in zip(("uidMappings", "gidMappings"), host.maps):
            linux[name] = [
                dict(zip(("containerID", "hostID", "size"), extent)) for extent in extents
            ]
    seccomp = security.seccomp(
        definition, capabilities, host.kernel, host.machine, host.architecture
    )
    if seccomp is not None:
        linux["seccomp"] = seccomp
    document = {
        "ociVersion": "1.2.0",
        "root": {"path": "rootfs", "readonly": definition.get("read_only", False)},
        "process": process(
            ident, definition, image, capabilities, security.apparmor(definition, host.apparmor)
        ),
        "mounts": spec_mounts.mounts(definition, host),
        "linux": linux,
        "annotations": annotations(definition, image, host),
    }
    if definition.get("uts") != "host":
        document["hostname"] = hostname(ident, definition)
        if definition.get("domainname"):
            document["domainname"] = definition["domainname"]
    return document


def hostname(ident, definition):
    return definition.get("hostname") or ident[:12]


def process(ident, definition, image, capabilities, profile=None):
    sets = dict.fromkeys(("bounding", "effective", "permitted"), capabilities)
    sets.update(
        inheritable=[], ambient=[]
    )  # CVE-2022-24769: inheritable capabilities must be empty
    found = {
        "terminal": definition.get("tty", False),
        "user": user(definition),
        "args": arguments(definition, image),
        "env": environment(ident, definition, image),
        "cwd": definition.get("working_dir") or image.get("WorkingDir") or "/",
        "capabilities": sets,
        "rlimits": resources.rlimits(definition),
        "noNewPrivileges": security.no_new_privileges(definition),
        "oomScoreAdj": definition.get("oom_score_adj", 0),
    }
    return dict(found, apparmorProfile=profile) if profile else found


def user(definition):
    """Root, until the name in the annotations is looked up in the container's root, when it starts."""
    found = {"uid": 0, "gid": 0, "additionalGids": [0]}
    if "umask" in definition:
        found["umask"] = int(definition["umask"], 8)
    return found


def arguments(definition, image):
    """Entrypoint and command; naming an entrypoint drops the image's command, as in Docker."""
    entrypoint, command = definition.get("entrypoint"), definition.get("command")
    if command is None:
        command = image.get("Cmd") or [] if entrypoint is None else []
    if entrypoint is None:
        entrypoint = image.get("Entrypoint") or []
    words = list(entrypoint) + list(command)
    if not words or not words[0]:
        raise InvalidInput(
            "command", definition.get("command"), "a command, because the image has none"
        )
    return words


def environment(ident, definition, image):
    """The image's variables, then the task's; PATH, HOSTNAME and TERM where neither has them (HOME follows from the user at the start)."""
    found = {"PATH": DEFAULT_PATH, "HOSTNAME": hostname(ident, definition)}
    if definition.get("tty"):
        found["TERM"] = "xterm"
    for entry in image.get("Env") or ():
        key, equals, value = entry.partition("=")
        if equals and key:  # an entry without "=" must not let a variable of the host in
            found[key] = value
    found.update(definition.get("env", {}))
    return ["%s=%s" % item for item in found.items()]


def namespaces(definition):
    """The namespaces to make or join; none in the list for what is shared with the host."""
    kinds = [
        ("mount", None),
        ("network", network.mode_of(definition)),
        ("uts", definition.get("uts")),
        ("pid", definition.get("pid_mode")),
        ("ipc", definition.get("ipc_mode")),
        ("cgroup", definition.get("cgroupns_mode")),
    ]
    return [{"type": kind} for kind, mode in kinds if mode != "host"]


def annotations(definition, image, host):
    found = {}
    user = definition.get("user") or image.get("User")
    if user:
        found[USER] = user
    if definition.get("groups"):
        found[GROUPS] = ",".join(definition["groups"])
    found.update({JOIN + kind: other for kind, other in host.joins.items()})
    return found


def run(ident, name, definition, image, layers, networks, joins):
    """What the monitor needs beside config.json (docs/architecture.md, run.json).

    :param layers: absolute directories, topmost first.
    :param networks: ``{"attachments": [...], "ports": [...]}`` as networks/ reserved them.
    """
    mode = network.mode_of(definition)
    logs = definition.get("log_options", {})
    return {
        "id": ident,
        "name": name,
        "layers": layers,
        "network": dict(
            networks, mode="container:" + joins["network"] if "network" in joins else mode
        ),
        "log": {
            "driver": definition.get("log_driver", "json-file"),
            "max_size": logs.get("max-size") or None,
            "max_file": logs.get("max-file", 1),
        },
        "restart": {
            "policy": definition.get("restart_policy", "no"),
            "retries": definition.get("restart_retries") or None,
        },
        "health": lifecycle.health(definition, image.get("Healthcheck"), image.get("Shell")),
        "stop": {
            "signal": stop_signal(definition, image),
            "timeout": STOP_TIMEOUT
            if definition.get("stop_timeout") is None
            else definition["stop_timeout"],
        },
        "init": definition.get("init", False),
        "tty": definition.get("tty", False),
        "interactive": definition.get("interactive", False),
        "auto_remove": definition.get("auto_remove", False),
    }


def stop_signal(definition, image):
    from ..options.process import stop_signal as normalise

    return definition.get("stop_signal") or (
        normalise(image["StopSignal"], "the image's StopSignal")
        if image.get("StopSignal")
        else "SIGTERM"
    )
