# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options about isolation: capabilities, shared namespaces, kernel parameters, filters."""

from __future__ import annotations

import json
import os
import re

from ...errors import InvalidInput, Unsupported, reason
from ...options.forms import boolean, line, map_of, set_of
from ...options.rows import MAP, RESTART, SET, Computed, Flag, Option, Shown, or_empty
from ...untrusted import files, json_reader
from .network_options import NAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ...options.forms import Parser
    from ...options.rows import Definition

    # (first id inside, first id on the host, how many)
    Extents = list[tuple[int, int, int]]

SECCOMP_LARGEST = 1 << 20  # bytes of a profile
AUTO_SIZE = 65536  # ids of a container's own user namespace: all that images use

# Kernel parameters of the IPC namespace (ipc_namespaces(7)); all of net.* is of the network's.
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


def capability(value: Any, name: str) -> str:
    """A capability's name in full (``CAP_NET_ADMIN``), or ``ALL``."""
    from ...kernel.isolation import capabilities  # only where somebody names one

    word = line(value, name).strip().upper()
    if word == "ALL":
        return word
    word = word if word.startswith("CAP_") else "CAP_" + word
    if word not in capabilities.NAMES:
        raise InvalidInput(name, value, "ALL or a capability's name, such as NET_ADMIN")
    return word


def sysctl(value: Any, name: str) -> str:
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


def shared(*words: str) -> Parser:
    """Make a parser for what a namespace can be shared with: one of ``words``.

    ``container:`` among them is for ``container:<name>``, an empty text for none of them.
    """
    accepted = ", ".join(word + "<name>" if word.endswith(":") else word for word in words if word)

    def parse(value: Any, name: str) -> str | None:
        value = line(value, name).strip()
        if not value and "" in words:
            return None
        kind, _colon, other = value.partition(":")
        joins = kind == "container" and NAME.fullmatch(other) and "container:" in words
        if value not in words and not joins:
            raise InvalidInput(name, value, accepted)
        return value

    return parse


def security_opt(value: Any, name: str) -> str:
    """One security option as ``key=value``.

    A seccomp file's content takes the place of its path, so that an edit shows.
    """
    value = line(value, name).strip()
    # "key:value" is Docker's old form.
    key, _found, setting = value.partition("=") if "=" in value else value.partition(":")
    if key == "no-new-privileges" and setting in ("", "true", "false"):
        return "no-new-privileges=" + (setting or "true")
    if key == "systempaths" and setting == "unconfined":
        return "systempaths=unconfined"
    if key == "seccomp" and setting:
        given = setting in ("unconfined", "default") or setting.startswith("{")
        return "seccomp=" + (setting if given else seccomp_file(setting, name))
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


def _key(entry: str) -> str:
    """What an option sets: ``label``'s are four, and ``disable`` is instead of all of them."""
    key, _equals, setting = entry.partition("=")
    return key if key != "label" else "label=" + setting.partition(":")[0]


def seccomp_file(path: str, name: str) -> str:
    """A seccomp profile, in the runtime specification's form or Docker's, as one line of JSON."""
    if not os.path.isabs(path):
        raise InvalidInput(
            name, "seccomp=" + path, "unconfined, or the absolute path of a profile on the host"
        )
    try:
        data = files.read_given(path, SECCOMP_LARGEST)
    except OSError as error:
        raise InvalidInput(
            name,
            "seccomp=" + path,
            f"a file on the host that can be read ({reason(error, named=True)})",
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


def cgroup_parent(value: Any, name: str) -> str | None:
    """A cgroup's path, with a slash at its beginning.

    An empty text, as docker_container has it for its default, is not named.
    """
    value = line(value, name).strip()
    if not value:
        return None
    parts = value.strip("/").split("/")
    if any(
        part in ("", ".", "..") or not re.fullmatch(r"[A-Za-z0-9_.@:-]+", part) for part in parts
    ):
        raise InvalidInput(name, value, "a cgroup's path, such as /customers/a")
    return "/" + "/".join(parts)


def userns_mode(value: Any, name: str) -> str | None:
    """``host``, ``auto``, ``auto:size=<ids>`` or ``private``.

    An empty text, as docker_container has it for its default, is not named.
    """
    value = line(value, name).strip()
    match = re.fullmatch(r"auto(?::size=(\d{1,7}))?", value)
    if match and match.group(1):
        count = int(match.group(1))
        if not 1024 <= count <= 1 << 20:
            raise InvalidInput(name, value, f"a size from 1024 to {1 << 20}")
        return "auto" if count == AUTO_SIZE else f"auto:size={count}"
    if value not in ("", "host", "private") and not match:
        raise InvalidInput(
            name, value, "auto, auto:size=<number of ids>, host, private (with uidmap)"
        )
    return value or None


def id_map(value: Any, name: str) -> str:
    """``inside:outside[:size]`` as ``inside:outside:size``."""
    match = re.fullmatch(r"(\d{1,10}):(\d{1,10})(?::(\d{1,10}))?", line(value, name).strip())
    if match is None:
        raise InvalidInput(
            name, value, "container id:host id:number of ids, such as 0:100000:65536"
        )
    return f"{int(match.group(1))}:{int(match.group(2))}:{int(match.group(3) or 1)}"


def maps(definition: Definition) -> tuple[Extents, Extents] | None:
    """``(uid extents, gid extents)`` of ``uidmap`` and ``gidmap``, where one stands for both.

    None without them.
    """
    uids, gids = definition.get("uidmap"), definition.get("gidmap")
    if not uids and not gids:
        return None
    return _extents(uids or gids or []), _extents(gids or uids or [])


def _extents(entries: list[str]) -> Extents:
    found = []
    for entry in entries:
        inside, outside, size = entry.split(":")
        found.append((int(inside), int(outside), int(size)))
    return found


def settings(definition: Definition) -> dict[str, str]:
    """``security_opts`` as a map, e.g. ``{"no-new-privileges": "true"}``.

    Those of ``label`` excepted.
    """
    return dict(
        entry.split("=", 1)
        for entry in definition.get("security_opts", ())
        if not entry.startswith("label=")
    )


def labels(definition: Definition) -> dict[str, str]:
    """What ``security_opts`` say of SELinux.

    :returns: any of user, role, type, level with its value, or ``{"disable": ""}``.
    """
    given = (
        entry[len("label=") :]
        for entry in definition.get("security_opts", ())
        if entry.startswith("label=")
    )
    return dict(entry.partition(":")[::2] for entry in given)


def check(definition: Definition) -> None:
    """Refuse options that contradict each other. :raises InvalidInput:"""
    _check_sysctls(definition)
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


def _check_sysctls(definition: Definition) -> None:
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


def _check_maps(definition: Definition) -> None:
    given = [option for option in ("uidmap", "gidmap") if definition.get(option)]
    mode = definition.get("userns_mode")
    if given and mode not in (None, "private"):
        raise InvalidInput(given[0], definition[given[0]], f"nothing, with userns_mode {mode}")
    if mode == "private" and not given:
        raise InvalidInput(
            "userns_mode", mode, "private only next to uidmap or gidmap; auto finds ids by itself"
        )
    if not given:
        return
    from ...oci.spec import id_maps  # only where somebody gives maps

    for option in given:
        try:
            id_maps.checked(id_maps.entries(_extents(definition[option])), option)
        except Unsupported as error:
            raise Unsupported(str(error).replace("config.json: ", "")) from None


OPTIONS: tuple[Option, ...] = (
    Option(
        "capabilities",
        "list",
        set_of(capability),
        elements="str",
        aliases=["cap_add"],
        compare=SET,
        place="config.json process.capabilities",
        inspect=Shown("HostConfig.CapAdd", unset=None),
        flag=Flag("--cap-add", "Capability to add"),
        change=RESTART,
        description="""
        Capabilities to add to the default ones, with or without C(CAP_). V(ALL) adds all that the
        host can give.
        """,
    ),
    Option(
        "cap_drop",
        "list",
        set_of(capability),
        elements="str",
        compare=SET,
        place="config.json process.capabilities",
        inspect=Shown("HostConfig.CapDrop", unset=None),
        flag=Flag("--cap-drop", "Capability to drop"),
        change=RESTART,
        description="""
        Capabilities to take away, with or without C(CAP_). V(ALL) takes all that O(capabilities)
        does not name.
        """,
    ),
    Option(
        "privileged",
        "bool",
        boolean,
        default=False,
        place=(
            "config.json process.capabilities",
            "config.json linux.seccomp",
            "config.json linux.devices",
        ),
        inspect="HostConfig.Privileged",
        flag=Flag("--privileged", "All rights on the host"),
        description="""
        Give the container all capabilities and devices of the host and no seccomp filter. It can
        then do what root on the host can.
        """,
    ),
    Option(
        "security_opts",
        "list",
        set_of(security_opt),
        elements="str",
        compare=SET,
        key=_key,
        place=(
            "config.json process.noNewPrivileges",
            "config.json linux.seccomp",
            "config.json process.apparmorProfile",
            "config.json linux.maskedPaths",
        ),
        inspect=Shown("HostConfig.SecurityOpt", unset=None),
        flag=Flag("--security-opt", "no-new-privileges, seccomp=..., apparmor=..., label=..."),
        aliases=["security_opt"],
        description="""
        V(no-new-privileges), V(seccomp=unconfined), V(seccomp=<file>) with a profile on the host
        in the form of Docker or the OCI runtime specification, V(systempaths=unconfined),
        V(apparmor=unconfined), V(apparmor=<profile>) with a profile that is loaded on the host,
        V(label=disable), V(label=user:<user>), V(label=role:<role>), V(label=type:<type>) and
        V(label=level:<level>).

        Where AppArmor is enabled and its parser is installed, a container that names no profile
        has the engine's own (V(apparmor=default)), which refuses what Docker's refuses. One that
        is privileged has none.

        Where SELinux is enabled, a container has its labels if one of V(label) is given, but
        V(label=disable), or the host is set so (O(pycontainer.engine.host#module:selinux)) and it
        is neither privileged nor has the host's processes or shared memory.
        """,
    ),
    Option(
        "sysctls",
        "dict",
        map_of(sysctl, line),
        compare=MAP,
        place="config.json linux.sysctl",
        inspect="HostConfig.Sysctls",
        flag=Flag("--sysctl", "Kernel parameter of the container's namespaces"),
        aliases=["sysctl"],
        change=RESTART,
        description="""
        Kernel parameters of the container's own namespaces: V(net.*), V(fs.mqueue.*),
        V(kernel.shm*), V(kernel.msg*) and V(kernel.sem).
        """,
    ),
    Option(
        "pid_mode",
        "str",
        shared("host", "container:"),
        place="config.json linux.namespaces",
        inspect=Shown("HostConfig.PidMode", or_empty),
        flag=Flag("--pid", "PID namespace: host or container:NAME"),
        aliases=["pid"],
        description="""
        V(host) or V(container:<name>), to see their processes. The default is a process namespace
        of its own.
        """,
    ),
    Option(
        "ipc_mode",
        "str",
        shared("private", "host", "shareable", "none", "container:"),
        default="private",
        place=("config.json linux.namespaces", "config.json mounts"),
        inspect="HostConfig.IpcMode",
        flag=Flag("--ipc", "IPC namespace: private, shareable, host, none or container:NAME"),
        aliases=["ipc"],
        description="""
        V(private), V(shareable) (others can join), V(host), V(none) (no C(/dev/shm)) or
        V(container:<name>).

        The default is V(private).
        """,
    ),
    Option(
        "uts",
        "str",
        shared("host", ""),
        choices=["host", ""],
        place="config.json linux.namespaces",
        inspect=Shown("HostConfig.UTSMode", or_empty),
        flag=Flag("--uts", "UTS namespace: host"),
        change=RESTART,
        description="V(host) for the host's host name. The default, as an empty text, is a name of its own.",
    ),
    Option(
        "cgroupns_mode",
        "str",
        shared("private", "host"),
        choices=["host", "private"],
        default="private",
        place="config.json linux.namespaces",
        inspect="HostConfig.CgroupnsMode",
        flag=Flag("--cgroupns", "cgroup namespace: private or host"),
        aliases=["cgroupns"],
        change=RESTART,
        description="""
        V(private) gives the container a view of its own cgroup only, V(host) one of the host's
        hierarchies.

        The default is V(private).
        """,
    ),
    Option(
        "userns_mode",
        "str",
        userns_mode,
        place="config.json linux.uidMappings",
        inspect=Computed("HostConfig.UsernsMode"),
        flag=Flag("--userns", "User namespace: auto, auto:size=NUMBER, host or private"),
        aliases=["userns"],
        description="""
        V(auto) gives the container a user namespace of its own: 65536 user and group IDs that
        nobody else on the host has. Root in it has no rights on the host. V(auto:size=<number>)
        gives it another number of them.

        V(host) is the host's user namespace. Root in the container is root of the host, with the
        container's capabilities.

        V(private) goes with O(uidmap) or O(gidmap), which imply it.

        The default is V(auto), where it works. That is not the case with O(privileged), with
        V(host) for O(network_mode), O(pid_mode) or O(ipc_mode), with O(capabilities) that have no
        effect in such a namespace, with O(device_cgroup_rules), with IDs from 65536 on in O(user)
        or O(groups), with bind mounts of file systems whose owners can't be mapped (for example
        V(/proc), NFS and most of FUSE), and on kernels before Linux 5.19. The container then has
        the host's user namespace, and RV(security) says so. A container that joins another one's
        namespaces has that container's user namespace.

        V(auto) that is asked for by name is refused where it does not work.

        Files on disk keep their owners, in the image, in volumes and in bind mounts, so volumes
        can be shared with, and handed on to other containers. Files of users with IDs beyond the
        container's belong to nobody in it.

        A container keeps its IDs as long as it exists.
        """,
    ),
    Option(
        "uidmap",
        "list",
        set_of(id_map),
        elements="str",
        compare=SET,
        place="config.json linux.uidMappings",
        inspect=Computed("HostConfig.IDMappings.UidMap"),
        flag=Flag("--uidmap", "Users of its own user namespace (container id:host id[:number])"),
        description="""
        The users of the container's own user namespace, in the form V(container ID:host
        ID[:number of IDs]), for example V(0:100000:65536). They are chosen by you instead of by
        the engine.

        Files on disk keep their owners, in the image, in volumes and in bind mounts. Only the
        processes have these IDs on the host.
        """,
    ),
    Option(
        "gidmap",
        "list",
        set_of(id_map),
        elements="str",
        compare=SET,
        place="config.json linux.gidMappings",
        inspect=Computed("HostConfig.IDMappings.GidMap"),
        flag=Flag("--gidmap", "Groups of its own user namespace (container id:host id[:number])"),
        description="""
        Like O(uidmap), for groups. If only one of the two is given, it stands for both.
        """,
    ),
    Option(
        "cgroup_parent",
        "str",
        cgroup_parent,
        place="config.json linux.cgroupsPath",
        inspect=Shown("HostConfig.CgroupParent", or_empty),
        flag=Flag("--cgroup-parent", "Parent of its cgroup"),
        description="The cgroup below which the container's own is made, instead of the engine's.",
    ),
)
