# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options about isolation: capabilities, namespaces shared with the host or another container, kernel parameters, filters."""

from __future__ import annotations

import json
import os
import re

from ...errors import InvalidInput, Unsupported
from ...untrusted import files, json_reader
from .network import NAME
from .table import Option, flag, line, listed, mapped

SECCOMP_LARGEST = 1 << 20  # bytes of a profile
AUTO_SIZE = 65536  # ids of a container's own user namespace: all that images use

# Kernel parameters of the IPC namespace (ipc_namespaces(7)); everything in net.* is of the network namespace.
IPC_SYSCTLS = (
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
)


def capability(value, name):
    """A capability's name in full (``CAP_NET_ADMIN``), or ``ALL``."""
    from ...kernel.isolation import capabilities

    word = line(value, name).strip().upper()
    if word == "ALL":
        return word
    word = word if word.startswith("CAP_") else "CAP_" + word
    if word not in capabilities.NAMES:
        raise InvalidInput(name, value, "ALL or a capability's name, such as NET_ADMIN")
    return word


def sysctl(value, name):
    """A parameter that belongs to a namespace; anything else would change the host."""
    word = line(value, name).strip().replace("/", ".")
    if word not in IPC_SYSCTLS and not re.fullmatch(r"(net|fs\.mqueue)(\.[A-Za-z0-9_-]+)+", word):
        raise InvalidInput(
            name,
            value,
            "net.*, fs.mqueue.* and "
            + ", ".join(IPC_SYSCTLS)
            + ": other parameters are the whole host's",
        )
    return word


def shared(*words):
    """A normaliser for what a namespace can be shared with: one of ``words`` or ``container:<name>``."""

    def normalise(value, name):
        value = line(value, name).strip()
        kind, dummy, other = value.partition(":")
        if value not in words and not (
            kind == "container" and NAME.fullmatch(other) and "container:" in words
        ):
            raise InvalidInput(
                name,
                value,
                ", ".join(word + "<name>" if word.endswith(":") else word for word in words),
            )
        return value

    return normalise


def security_opt(value, name):
    """One security option as ``key=value``; a seccomp file's content takes the place of its path, so that an edit shows."""
    value = line(value, name).strip()
    key, found, setting = (
        value.partition("=") if "=" in value else value.partition(":")
    )  # "key:value" is Docker's old form
    if key == "no-new-privileges" and setting in ("", "true", "false"):
        return "no-new-privileges=" + (setting or "true")
    if key == "systempaths" and setting == "unconfined":
        return "systempaths=unconfined"
    if key == "seccomp" and setting:
        return "seccomp=" + (
            setting
            if setting in ("unconfined", "default") or setting.startswith("{")
            else seccomp_file(setting, name)
        )
    if key == "apparmor" and setting:
        return "apparmor=" + setting
    if key == "label" and (
        setting == "disable" or re.fullmatch(r"(user|role|type):\w+|level:[\w:,.-]+", setting)
    ):
        return "label=" + setting
    raise InvalidInput(
        name,
        value,
        "no-new-privileges[=true|false], seccomp=unconfined, seccomp=<file>, "
        "systempaths=unconfined, "
        "apparmor=unconfined, apparmor=<profile>, label=disable, label=user:<user>, "
        "label=role:<role>, "
        "label=type:<type>, label=level:<level>",
    )


def _key(entry):
    """What an option sets: ``label``'s are four, and ``disable`` is instead of all of them."""
    key, _equals, setting = entry.partition("=")
    return key if key != "label" else "label=" + setting.partition(":")[0]


def seccomp_file(path, name):
    """A seccomp profile in the form of the runtime specification or of Docker, as one line of JSON."""
    if not os.path.isabs(path):
        raise InvalidInput(
            name, "seccomp=" + path, "unconfined, or the absolute path of a profile on the host"
        )
    try:
        data = files.read_given(path, SECCOMP_LARGEST)
    except OSError as error:
        raise InvalidInput(
            name, "seccomp=" + path, f"a file on the host that can be read ({error.strerror})"
        ) from None
    except files.Unacceptable as error:
        raise InvalidInput(name, "seccomp=" + path, f"a file of JSON ({error})") from None
    profile = json_reader.load(
        data,
        "the file",
        size=SECCOMP_LARGEST,
        error=lambda said: InvalidInput(name, "seccomp=" + path, f"a file of JSON ({said})"),
    )
    if "defaultAction" not in profile:
        raise InvalidInput(
            name, "seccomp=" + path, "a seccomp profile: a JSON object with defaultAction"
        )
    return json.dumps(profile, separators=(",", ":"), sort_keys=True)


def cgroup_parent(value, name):
    value = line(value, name).strip()
    parts = value.strip("/").split("/")
    if not value or any(
        part in ("", ".", "..") or not re.fullmatch(r"[A-Za-z0-9_.@:-]+", part) for part in parts
    ):
        raise InvalidInput(name, value, "a cgroup's path, such as /customers/a")
    return "/" + "/".join(parts)


def userns_mode(value, name):
    """``host``, ``auto``, ``auto:size=<ids>`` or ``private``; an empty text, as docker_container has it for its default, is not named."""
    value = line(value, name).strip()
    match = re.fullmatch(r"auto(?::size=(\d{1,7}))?", value)
    if match and match.group(1):
        count = int(match.group(1))
        if not 1024 <= count <= 1 << 20:
            raise InvalidInput(name, value, "a size from 1024 to %d" % (1 << 20))
        return "auto" if count == AUTO_SIZE else "auto:size=%d" % count
    if value not in ("", "host", "private") and not match:
        raise InvalidInput(
            name, value, "auto, auto:size=<number of ids>, host, private (with uidmap)"
        )
    return value or None


def id_map(value, name):
    """``inside:outside[:size]`` as ``inside:outside:size``."""
    match = re.fullmatch(r"(\d{1,10}):(\d{1,10})(?::(\d{1,10}))?", line(value, name).strip())
    if match is None:
        raise InvalidInput(
            name, value, "container id:host id:number of ids, such as 0:100000:65536"
        )
    return f"{int(match.group(1))}:{int(match.group(2))}:{int(match.group(3) or 1)}"


def maps(definition):
    """``(uid extents, gid extents)`` of ``uidmap`` and ``gidmap``, where one stands for both; None without them."""
    uids, gids = definition.get("uidmap"), definition.get("gidmap")
    if not uids and not gids:
        return None
    return tuple(
        [tuple(int(number) for number in entry.split(":")) for entry in entries]
        for entries in (uids or gids, gids or uids)
    )


def settings(definition):
    """``security_opts`` as a map, e.g. ``{"no-new-privileges": "true"}``; those of ``label`` excepted."""
    return dict(
        entry.split("=", 1)
        for entry in definition.get("security_opts", ())
        if not entry.startswith("label=")
    )


def labels(definition):
    """What ``security_opts`` say of SELinux: any of user, role, type, level with its value; or ``{"disable": ""}``."""
    given = (
        entry[len("label=") :]
        for entry in definition.get("security_opts", ())
        if entry.startswith("label=")
    )
    return dict(entry.partition(":")[::2] for entry in given)


def check(definition):
    """What one option alone can't tell. :raises InvalidInput:"""
    private_ipc = definition.get("ipc_mode", "private") in ("private", "shareable", "none")
    mode = definition.get("network_mode") or ""
    for key in definition.get("sysctls", ()):
        if key.startswith("net.") and (mode == "host" or mode.startswith("container:")):
            raise InvalidInput(
                "sysctls",
                key,
                f"no net.* with network_mode {mode}: they are not this container's own",
            )
        if not key.startswith("net.") and not private_ipc:
            raise InvalidInput(
                "sysctls",
                key,
                f"no IPC parameters with ipc_mode {definition['ipc_mode']}: they are not this "
                "container's own",
            )
    if definition.get("uts") == "host":
        for option in ("hostname", "domainname"):
            if definition.get(option):
                raise InvalidInput(
                    option, definition[option], "nothing, with uts host: it would rename the host"
                )
    keys = [_key(entry) for entry in definition.get("security_opts", ())]
    for key in keys:
        if keys.count(key) > 1:
            raise InvalidInput("security_opts", key, "each option once")
    if "disable" in labels(definition) and len(labels(definition)) > 1:
        raise InvalidInput("security_opts", "label=disable", "nothing else of label beside it")
    _check_maps(definition)
    if definition.get("init") and definition.get("pid_mode"):
        raise InvalidInput(
            "init",
            True,
            f"a process namespace of its own: no init with pid_mode {definition['pid_mode']}",
        )


def _check_maps(definition):
    from ...oci.spec import id_maps

    given = [option for option in ("uidmap", "gidmap") if definition.get(option)]
    mode = definition.get("userns_mode")
    if given and mode not in (None, "private"):
        raise InvalidInput(given[0], definition[given[0]], f"nothing, with userns_mode {mode}")
    if mode == "private" and not given:
        raise InvalidInput(
            "userns_mode", mode, "private only next to uidmap or gidmap; auto finds ids by itself"
        )
    for option in given:
        entries = [
            dict(zip(("containerID", "hostID", "size"), extent))
            for extent in maps({option: definition[option]})[0]
        ]
        try:
            id_maps.checked(entries, option)
        except Unsupported as error:
            raise Unsupported(str(error).replace("config.json: ", "")) from None


OPTIONS = (
    Option("capabilities", listed(capability, as_set=True), [], "set"),
    Option("cap_drop", listed(capability, as_set=True), [], "set"),
    Option("privileged", flag, False),
    Option("security_opts", listed(security_opt, as_set=True), [], "set", key=_key),
    Option("sysctls", mapped(sysctl, line), {}, "map"),
    Option("pid_mode", shared("host", "container:"), None),
    Option("ipc_mode", shared("private", "host", "shareable", "none", "container:"), "private"),
    Option("uts", shared("host"), None),
    Option("cgroupns_mode", shared("private", "host"), "private"),
    Option("userns_mode", userns_mode, None),
    Option("uidmap", listed(id_map, as_set=True), [], "set"),
    Option("gidmap", listed(id_map, as_set=True), [], "set"),
    Option("cgroup_parent", cgroup_parent, None),
)
