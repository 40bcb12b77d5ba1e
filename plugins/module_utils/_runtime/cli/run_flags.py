# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The flags of ``run``, ``create`` and ``update``, and what they say in the container module's options."""

from __future__ import annotations

import contextlib
import csv
import os
import re

from ..errors import InvalidInput
from .grammar import Flag, UsageError

# Flags that limit resources: those that update takes too.
UPDATE_FLAGS = [
    Flag("-m, --memory", "value", "Memory limit (512m, 1g)"),
    Flag("--memory-reservation", "value", "Memory that it should get"),
    Flag("--memory-swap", "value", "Memory and swap together; -1: no limit"),
    Flag("--cpus", "value", "CPUs (1.5)"),
    Flag("-c, --cpu-shares", "value", "CPU weight (1024 is usual)"),
    Flag("--cpu-period", "value", "CPU quota's period in microseconds"),
    Flag("--cpu-quota", "value", "CPU time in a period, in microseconds"),
    Flag("--cpuset-cpus", "value", "CPUs to run on (0-1,3)"),
    Flag("--cpuset-mems", "value", "Memory nodes to use"),
    Flag("--pids-limit", "value", "Number of processes and threads"),
    Flag("--blkio-weight", "value", "Block IO weight (10 to 1000)"),
    Flag("--restart", "value", "no, on-failure[:n], always or unless-stopped"),
]

RUN_FLAGS = UPDATE_FLAGS + [
    Flag("--name", "value", "Name"),
    Flag("-e, --env", "list", "Environment variable (NAME=value, or NAME to take it from here)"),
    Flag("--env-file", "list", "File of environment variables (NAME=value lines)"),
    Flag("-l, --label", "list", "Label (key=value)", "labels"),
    Flag("--label-file", "list", "File of labels (key=value lines)"),
    Flag("-u, --user", "value", "user[:group]"),
    Flag("--group-add", "list", "Additional group", "groups"),
    Flag("-w, --workdir", "value", "Working directory", "working_dir"),
    Flag("-h, --hostname", "value", "Host name"),
    Flag("--domainname", "value", "Domain name"),
    Flag("--entrypoint", "value", "Entrypoint instead of the image's"),
    Flag("-v, --volume", "list", "Volume or bind mount (name-or-path:path[:options])", "volumes"),
    Flag("--mount", "list", "Mount (type=bind,source=...,target=...)", "mounts"),
    Flag("--tmpfs", "list", "tmpfs mount (path[:options])"),
    Flag("-p, --publish", "list", "Published port ([ip:][port:]port[/udp])", "published_ports"),
    Flag("-P, --publish-all", "switch", "Publish all exposed ports", "publish_all_ports"),
    Flag("--expose", "list", "Exposed port", "exposed_ports"),
    Flag(
        "--network, --net",
        "list",
        "Network (NAME, or name=NAME,ip=ADDRESS,mac-address=MAC), or none, host, container:NAME",
        "networks",
    ),
    Flag("--ip", "value", "Address on the network"),
    Flag("--mac-address", "value", "MAC address"),
    Flag("--add-host", "list", "Line for /etc/hosts (name:ip or name=ip)", "etc_hosts"),
    Flag("--dns", "list", "DNS server", "dns_servers"),
    Flag("--dns-option, --dns-opt", "list", "Option of resolv.conf", "dns_opts"),
    Flag("--dns-search", "list", "DNS search domain", "dns_search_domains"),
    Flag("--pid", "value", "PID namespace: host or container:NAME", "pid_mode"),
    Flag(
        "--ipc",
        "value",
        "IPC namespace: private, shareable, host, none or container:NAME",
        "ipc_mode",
    ),
    Flag("--uts", "value", "UTS namespace: host"),
    Flag("--cgroupns", "value", "cgroup namespace: private or host", "cgroupns_mode"),
    Flag(
        "--userns",
        "value",
        "User namespace: auto, auto:size=NUMBER, host or private",
        "userns_mode",
    ),
    Flag("--uidmap", "list", "Users of its own user namespace (container id:host id[:number])"),
    Flag("--gidmap", "list", "Groups of its own user namespace (container id:host id[:number])"),
    Flag("--memory-swappiness", "value", "0 to 100"),
    Flag("--device-read-bps", "list", "Limit of reads (path:bytes)"),
    Flag("--device-write-bps", "list", "Limit of writes (path:bytes)"),
    Flag("--device-read-iops", "list", "Limit of reads (path:number)"),
    Flag("--device-write-iops", "list", "Limit of writes (path:number)"),
    Flag("--ulimit", "list", "Resource limit (nofile=1024:2048)", "ulimits"),
    Flag("--sysctl", "list", "Kernel parameter of the container's namespaces", "sysctls"),
    Flag("--cap-add", "list", "Capability to add", "capabilities"),
    Flag("--cap-drop", "list", "Capability to drop"),
    Flag("--privileged", "switch", "All rights on the host"),
    Flag(
        "--security-opt",
        "list",
        "no-new-privileges, seccomp=..., apparmor=..., label=...",
        "security_opts",
    ),
    Flag("--read-only", "switch", "Read-only root file system"),
    Flag("--shm-size", "value", "Size of /dev/shm (64m)"),
    Flag("--device", "list", "Device of the host (path[:path[:rwm]])", "devices"),
    Flag("--device-cgroup-rule", "list", "Rule for devices", "device_cgroup_rules"),
    Flag("--init", "switch", "A small init as process 1"),
    Flag("-t, --tty", "switch", "With a terminal"),
    Flag("-i, --interactive", "switch", "Keep standard input open"),
    Flag("--rm", "switch", "Remove it when it ends", "auto_remove"),
    Flag("--stop-signal", "value", "Signal that asks it to end"),
    Flag("--stop-timeout", "value", "Seconds until it is killed"),
    Flag("--health-cmd", "value", "Command that says whether it is healthy"),
    Flag("--health-interval", "value", "Time between two checks"),
    Flag("--health-timeout", "value", "Time a check may take"),
    Flag("--health-start-period", "value", "Time in which failures don't count"),
    Flag("--health-start-interval", "value", "Time between two checks in the start period"),
    Flag("--health-retries", "value", "Failures that make it unhealthy"),
    Flag("--no-healthcheck", "switch", "No health check, whatever the image says"),
    Flag("--log-driver", "value", "json-file or none"),
    Flag("--log-opt", "list", "Log option (max-size=10m, max-file=3)", "log_options"),
    Flag("--oom-kill-disable", "switch", "No OOM kill", "oom_killer"),
    Flag("--oom-score-adj", "value", "OOM score adjustment (-1000 to 1000)"),
    Flag("--cgroup-parent", "value", "Parent of its cgroup"),
    Flag("--cidfile", "value", "File that its id is written to"),
    Flag("-q, --quiet", "switch", "Nothing about the pull of its image"),
    Flag("--pull", "value", "missing, always or never"),
    Flag("--platform", "value", "os/arch[/variant]"),
]

MAPS = {"sysctls": "=", "log_options": "=", "etc_hosts": ":"}
NUMBERS = (
    "cpu_shares",
    "cpu_period",
    "cpu_quota",
    "pids_limit",
    "blkio_weight",
    "memory_swappiness",
    "stop_timeout",
    "oom_score_adj",
)
RATES = ("device_read_bps", "device_write_bps", "device_read_iops", "device_write_iops")


# Flags that no one option stands for: they are read together with others below, or are the command's own affair.
APART = ("ip", "no_healthcheck", "env", "env_file", "label", "label_file", "cidfile", "quiet")


def options(given, flags, at_home=False):
    """What a command line says, as options of the container module: only what it names.

    :param at_home: whether paths are relative to this process's directory, as at a terminal of the host.
    """
    values, found = given.values, {}
    for flag in flags:
        value = values[flag.key]
        if value != flag.initial() and flag.key not in APART and not flag.key.startswith("health_"):
            found[flag.option] = _value(flag, value)
    if "restart" in found:
        found.update(_restart(found.pop("restart")))
    if "networks" in found or values.get("ip"):
        found.update(_networks(found.pop("networks", []), values.get("ip")))
    for option, read in (("env", environment), ("labels", _labels)):
        flag, file = ("env", "env_file") if option == "env" else ("label", "label_file")
        if values.get(flag) or values.get(file):
            found[option] = read(values[flag], values[file])
    if "pull" in found and found["pull"] not in ("missing", "always", "never"):
        raise InvalidInput("--pull", found["pull"], "missing, always, never")
    health = _health(given)
    if health:
        found["healthcheck"] = health
    if at_home:
        _relative(found)
    if given.words[1:] and given.command.rest:
        found["command"] = given.words[1:]
    return found


def _relative(found):
    """Paths of the host that were written from the current directory on."""
    found.update(
        {
            name: items
            for name, items in (
                (
                    "volumes",
                    [
                        _home(item) if item.startswith(("./", "../", ".:", "..:")) else item
                        for item in found.get("volumes", ())
                    ],
                ),
                (
                    "security_opts",
                    [
                        re.sub("^seccomp[=:](.*)$", _profile, item)
                        for item in found.get("security_opts", ())
                    ],
                ),
            )
            if items
        }
    )


def _home(volume):
    source, colon, rest = volume.partition(":")
    return os.path.abspath(source) + colon + rest


def _profile(match):
    setting = match.group(1)
    return "seccomp=" + (
        setting
        if setting in ("unconfined", "default") or setting[:1] in ("/", "{", "")
        else os.path.abspath(setting)
    )


@contextlib.contextmanager
def by_flag(flags):
    """In the block, an error about an option of the container module names the flag that set it."""
    try:
        yield
    except InvalidInput as error:
        option, dot, rest = error.option.partition(".")
        names = {flag.option: flag.names for flag in flags}
        names.update(
            env=["--env"],
            labels=["--label"],
            restart_policy=["--restart"],
            restart_retries=["--restart"],
            network_mode=["--network"],
        )
        name = next((name for name in names.get(option, ()) if name.startswith("--")), None)
        if option == "healthcheck" and rest:
            name, dot = "--health-" + {"test": "cmd"}.get(rest, rest).replace("_", "-"), ""
        if name is None:
            raise
        raise InvalidInput(
            name + (dot + rest if dot else ""), error.value, error.accepted
        ) from None


def _value(flag, value):
    name = next(name for name in flag.names if name.startswith("--"))
    if flag.option in MAPS:
        return dict(_pair(name, item, MAPS[flag.option]) for item in value)
    if flag.option in RATES:
        key = flag.option.rpartition("_")[2]
        pairs = [_pair(name, item, ":") for item in value]
        return [
            {"path": path, "rate": rate if key == "bps" else _number(name, rate)}
            for path, rate in pairs
        ]
    if flag.option in NUMBERS:
        return _number(name, value)
    if flag.option == "cpus":
        return _number(name, value, float)
    return {
        "mounts": lambda items: [mount(item) for item in items],
        "entrypoint": lambda text: [text] if text else [],
        "oom_killer": lambda off: off,
    }.get(flag.option, lambda same: same)(value)


def _pair(name, item, separator):
    if separator == ":" and re.match(
        "[^:=]+=", item
    ):  # --add-host name=ip, as newer Dockers have it
        separator = "="
    key, found, value = item.partition(separator)
    if not found and separator == ":":
        raise InvalidInput(name, item, "name:value")
    return key, value.strip("[]") if name == "--add-host" else value


def _number(name, value, kind=int):
    try:
        return kind(value)
    except ValueError:
        raise InvalidInput(name, value, "a number") from None


def environment(items, files):
    """Variables of ``--env`` over those of ``--env-file``.

    ``NAME`` alone takes the value from this process, and is left out where there is none, as Docker does.
    """
    found = {}
    for path in files:
        for number, line in enumerate(_lines("--env-file", path), 1):
            line = line.lstrip()
            name, equals, value = line.partition("=")
            if line and not line.startswith("#"):
                if not name or name != name.strip() or " " in name:
                    raise InvalidInput(
                        "--env-file", "%s line %d" % (path, number), "NAME=value, or NAME"
                    )  # it may be part of a secret
                found.update(
                    {name: value}
                    if equals
                    else {name: os.environ[name]}
                    if name in os.environ
                    else {}
                )
    for item in items:
        name, equals, value = item.partition("=")
        if not name:
            raise InvalidInput("--env", item, "NAME=value, or NAME")
        if equals or name in os.environ:
            found[name] = value if equals else os.environ[name]
    return found


def _labels(items, files):
    lines = [line.strip() for path in files for line in _lines("--label-file", path)]
    return dict(
        _pair("--label", item, "=")
        for item in [line for line in lines if line and not line.startswith("#")] + list(items)
    )


def _lines(flag, path):
    from ..containers.options.process import lines_of

    return lines_of(path, flag)


def _restart(text):
    policy, dummy, retries = text.partition(":")
    found = {"restart_policy": policy}
    if retries:
        found["restart_retries"] = _number("--restart", retries)
    return found


def _networks(names, address):
    entries = [_network(name) for name in names or ["bridge"]]
    first = entries[0]["name"]
    mode = first in ("none", "host", "bridge", "default") or first.startswith("container:")
    if mode and entries == [{"name": first}] and not address:
        return {"network_mode": "bridge" if first == "default" else first}
    if address:
        entries[0]["ipv4_address"] = address
    return {"networks": entries, "network_mode": first}


NETWORK_KEYS = {"name": "name", "ip": "ipv4_address", "mac-address": "mac_address"}


def _network(text):
    """``front``, or ``name=front,ip=172.30.0.9``, as an entry of the module's ``networks``."""
    if "=" not in text:
        return {"name": text}
    found = {}
    for item in text.split(","):
        key, dummy, value = item.partition("=")
        if key not in NETWORK_KEYS or not value:
            raise InvalidInput(
                "--network", text, "a name, or " + ",".join(f"{name}=..." for name in NETWORK_KEYS)
            )
        found[NETWORK_KEYS[key]] = value
    if "name" not in found:
        raise InvalidInput("--network", text, "one with name=")
    return found


def _health(given):
    values = given.values
    found = {
        key[len("health_") :]: value
        for key, value in values.items()
        if key.startswith("health_") and value is not None
    }
    if values.get("no_healthcheck"):
        if found:
            raise InvalidInput(
                "--no-healthcheck",
                True,
                f"either --no-healthcheck, or --health-{sorted(found)[0].replace('_', '-')}",
            )
        return {"test": ["NONE"]}
    if "retries" in found:
        found["retries"] = _number("--health-retries", found["retries"])
    if "cmd" in found:
        found["test"] = ["CMD-SHELL", found.pop("cmd")]
    return found


MOUNT_KEYS = {
    "type": "type",
    "source": "source",
    "src": "source",
    "target": "target",
    "destination": "target",
    "dst": "target",
    "readonly": "read_only",
    "ro": "read_only",
    "bind-propagation": "propagation",
    "volume-nocopy": "no_copy",
    "tmpfs-size": "tmpfs_size",
    "tmpfs-mode": "tmpfs_mode",
}


def mount(text):
    """``type=bind,source=/a,target=/b,readonly`` as an entry of the module's ``mounts``."""
    found = {"type": "volume"}
    for item in next(csv.reader([text])):  # quotes as in a table: '"source=/a,b"'
        key, equals, value = item.partition("=")
        if key not in MOUNT_KEYS:
            raise InvalidInput("--mount", item, ", ".join(sorted(MOUNT_KEYS)))
        option = MOUNT_KEYS[key]
        if option in ("read_only", "no_copy"):
            if equals and value.lower() not in ("true", "false", "1", "0"):
                raise InvalidInput("--mount", item, f"{key}=true or {key}=false")
            found[option] = not equals or value.lower() in ("true", "1")
        elif not value:
            raise InvalidInput("--mount", item, f"{key}=value")
        else:
            found[option] = value
    if "target" not in found:
        raise UsageError(f"--mount {text!r} names no target")
    return found
