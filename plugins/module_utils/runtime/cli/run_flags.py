# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The flags of ``run``, ``create`` and ``update``, and what they say in the container module's options."""

from __future__ import annotations

import os

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
    Flag("--env-file", "value", "File of environment variables"),
    Flag("-l, --label", "list", "Label (key=value)", "labels"),
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
    Flag("--network, --net", "list", "Network, or none, host, container:NAME", "networks"),
    Flag("--ip", "value", "Address on the network"),
    Flag("--mac-address", "value", "MAC address"),
    Flag("--add-host", "list", "Line for /etc/hosts (name:ip)", "etc_hosts"),
    Flag("--dns", "list", "DNS server", "dns_servers"),
    Flag("--dns-option", "list", "Option of resolv.conf", "dns_opts"),
    Flag("--dns-search", "list", "DNS search domain", "dns_search_domains"),
    Flag("--pid", "value", "PID namespace: host or container:NAME", "pid_mode"),
    Flag("--ipc", "value", "IPC namespace: private, shareable, host, none or container:NAME", "ipc_mode"),
    Flag("--uts", "value", "UTS namespace: host"),
    Flag("--cgroupns", "value", "cgroup namespace: private or host", "cgroupns_mode"),
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
    Flag("--security-opt", "list", "no-new-privileges, seccomp=..., apparmor=..., label=...", "security_opts"),
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
    Flag("--pull", "value", "missing, always or never"),
    Flag("--platform", "value", "os/arch[/variant]"),
]

MAPS = {"labels": "=", "sysctls": "=", "log_options": "=", "etc_hosts": ":"}
NUMBERS = ("cpu_shares", "cpu_period", "cpu_quota", "pids_limit", "blkio_weight", "memory_swappiness", "stop_timeout", "oom_score_adj")
RATES = ("device_read_bps", "device_write_bps", "device_read_iops", "device_write_iops")


def options(given, flags):
    """What a command line says, as options of the container module: only what it names."""
    found = {}
    for flag in flags:
        value = given.values[flag.key]
        if value == flag.initial() or flag.key.startswith("health_") or flag.key in ("ip", "no_healthcheck"):
            continue
        found[flag.option] = _value(flag, value)
    if "restart" in found:
        found.update(_restart(found.pop("restart")))
    if "networks" in found or given.values.get("ip"):
        found.update(_networks(found.pop("networks", []), given.values.get("ip")))
    health = _health(given)
    if health:
        found["healthcheck"] = health
    if given.words[1:] and given.command.rest:
        found["command"] = given.words[1:]
    return found


def _value(flag, value):
    name = flag.names[-1]
    if flag.option in MAPS:
        return dict(_pair(name, item, MAPS[flag.option]) for item in value)
    if flag.option in RATES:
        key = flag.option.rpartition("_")[2]
        pairs = [_pair(name, item, ":") for item in value]
        return [{"path": path, "rate": rate if key == "bps" else _number(name, rate)} for path, rate in pairs]
    if flag.option in NUMBERS:
        return _number(name, value)
    if flag.option == "cpus":
        return _number(name, value, float)
    return {"env": _environment, "mounts": lambda items: [mount(item) for item in items], "entrypoint": lambda text: [text] if text else [],
            "oom_killer": lambda off: off}.get(flag.option, lambda same: same)(value)


def _pair(name, item, separator):
    key, found, value = item.partition(separator)
    if not found and separator == ":":
        raise InvalidInput(name, item, "name:value")
    return key, value


def _number(name, value, kind=int):
    try:
        return kind(value)
    except ValueError:
        raise InvalidInput(name, value, "a number") from None


def _environment(items):
    """``NAME`` alone takes the value from this process, and is left out where there is none, as Docker does."""
    pairs = [item.partition("=") for item in items]
    return {name: value if equals else os.environ[name] for name, equals, value in pairs if equals or name in os.environ}


def _restart(text):
    policy, dummy, retries = text.partition(":")
    found = {"restart_policy": policy}
    if retries:
        found["restart_retries"] = _number("--restart", retries)
    return found


def _networks(names, address):
    if len(names) == 1 and (names[0] in ("none", "host", "bridge", "default") or names[0].startswith("container:")) and not address:
        return {"network_mode": "bridge" if names[0] == "default" else names[0]}
    entries = [{"name": name} for name in names or ["bridge"]]
    if address:
        entries[0]["ipv4_address"] = address
    return {"networks": entries, "network_mode": entries[0]["name"]}


def _health(given):
    values = given.values
    if values.get("no_healthcheck"):
        return {"test": ["NONE"]}
    found = {key[len("health_"):]: value for key, value in values.items() if key.startswith("health_") and value is not None}
    if "retries" in found:
        found["retries"] = _number("--health-retries", found["retries"])
    if "cmd" in found:
        found["test"] = ["CMD-SHELL", found.pop("cmd")]
    return found


MOUNT_KEYS = {
    "type": "type", "source": "source", "src": "source", "target": "target", "destination": "target", "dst": "target",
    "readonly": "read_only", "ro": "read_only",
    "bind-propagation": "propagation", "volume-nocopy": "no_copy", "tmpfs-size": "tmpfs_size", "tmpfs-mode": "tmpfs_mode"}


def mount(text):
    """``type=bind,source=/a,target=/b,readonly`` as an entry of the module's ``mounts``."""
    found = {"type": "volume"}
    for item in text.split(","):
        key, equals, value = item.partition("=")
        if key not in MOUNT_KEYS:
            raise InvalidInput("--mount", item, ", ".join(sorted(MOUNT_KEYS)))
        option = MOUNT_KEYS[key]
        found[option] = value.lower() in ("true", "1", "") if option in ("read_only", "no_copy") else value
        if option not in ("read_only", "no_copy") and not equals:
            raise InvalidInput("--mount", item, "%s=value" % key)
    if "target" not in found:
        raise UsageError("--mount %r names no target" % text)
    return found
