# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible's argument spec of a container, data alone: it travels with every task.

Made by devel/make_options.py from the rows in containers/options: change those, and run
`make generate`.
"""

from __future__ import annotations

CONTAINER = {
    "name": {"type": "str"},
    "auth_file": {"type": "path", "aliases": ["authfile"]},
    "ca_path": {"type": "path"},
    "client_cert": {"type": "path"},
    "client_key": {"type": "path"},
    "insecure": {"type": "bool", "default": False},
    "validate_certs": {"type": "bool", "default": True, "aliases": ["tls_verify"]},
    "comparisons": {"type": "dict"},
    "env_file": {"type": "path"},
    "force_kill": {"type": "bool", "default": False, "aliases": ["forcekill"]},
    "healthy_wait_timeout": {"type": "float", "default": 300},
    "image": {"type": "str"},
    "keep_volumes": {"type": "bool", "default": True},
    "platform": {"type": "str"},
    "pull": {
        "type": "raw",
        "choices": ["always", "missing", "never", True, False],
        "default": "missing",
    },
    "recreate": {"type": "bool", "default": False},
    "recreate_policy": {
        "type": "str",
        "choices": ["fail", "recreate", "warn"],
        "default": "recreate",
    },
    "restart": {"type": "bool", "default": False, "aliases": ["force_restart"]},
    "state": {
        "type": "str",
        "choices": ["absent", "healthy", "paused", "present", "restarted", "started", "stopped"],
        "default": "started",
    },
    "command": {"type": "raw"},
    "entrypoint": {"type": "list", "elements": "str"},
    "env": {"type": "dict"},
    "user": {"type": "str"},
    "groups": {"type": "list", "elements": "str", "aliases": ["group_add"]},
    "working_dir": {"type": "str", "aliases": ["workdir"]},
    "umask": {"type": "str"},
    "hostname": {"type": "str"},
    "domainname": {"type": "str"},
    "init": {"type": "bool"},
    "systemd": {"type": "str"},
    "tty": {"type": "bool"},
    "interactive": {"type": "bool"},
    "labels": {"type": "dict", "aliases": ["label"]},
    "stop_signal": {"type": "str"},
    "stop_timeout": {"type": "int"},
    "memory": {"type": "str"},
    "memory_reservation": {"type": "str"},
    "memory_swap": {"type": "str"},
    "memory_swappiness": {"type": "int"},
    "cpus": {"type": "float"},
    "cpu_shares": {"type": "int"},
    "cpu_period": {"type": "int"},
    "cpu_quota": {"type": "int"},
    "cpuset_cpus": {"type": "str"},
    "cpuset_mems": {"type": "str"},
    "pids_limit": {"type": "int"},
    "blkio_weight": {"type": "int"},
    "device_read_bps": {
        "type": "list",
        "elements": "dict",
        "options": {
            "path": {"type": "str", "required": True},
            "rate": {"type": "str", "required": True},
        },
    },
    "device_write_bps": {
        "type": "list",
        "elements": "dict",
        "options": {
            "path": {"type": "str", "required": True},
            "rate": {"type": "str", "required": True},
        },
    },
    "device_read_iops": {
        "type": "list",
        "elements": "dict",
        "options": {
            "path": {"type": "str", "required": True},
            "rate": {"type": "int", "required": True},
        },
    },
    "device_write_iops": {
        "type": "list",
        "elements": "dict",
        "options": {
            "path": {"type": "str", "required": True},
            "rate": {"type": "int", "required": True},
        },
    },
    "ulimits": {"type": "list", "elements": "str", "aliases": ["ulimit"]},
    "oom_killer": {"type": "bool", "aliases": ["oom_kill_disable"]},
    "oom_score_adj": {"type": "int"},
    "volumes": {"type": "list", "elements": "str", "aliases": ["volume"]},
    "mounts": {
        "type": "list",
        "elements": "dict",
        "options": {
            "type": {"type": "str", "choices": ["bind", "tmpfs", "volume"], "default": "volume"},
            "source": {"type": "str"},
            "target": {"type": "str", "required": True},
            "read_only": {"type": "bool"},
            "propagation": {
                "type": "str",
                "choices": ["private", "rprivate", "shared", "rshared", "slave", "rslave"],
            },
            "no_copy": {"type": "bool"},
            "tmpfs_size": {"type": "str"},
            "tmpfs_mode": {"type": "str"},
        },
    },
    "tmpfs": {"type": "list", "elements": "str"},
    "read_only": {"type": "bool"},
    "shm_size": {"type": "str"},
    "devices": {"type": "list", "elements": "str", "aliases": ["device"]},
    "device_cgroup_rules": {"type": "list", "elements": "str", "aliases": ["device_cgroup_rule"]},
    "published_ports": {
        "type": "list",
        "elements": "str",
        "aliases": ["ports", "publish", "published"],
    },
    "exposed_ports": {"type": "list", "elements": "str", "aliases": ["exposed", "expose"]},
    "publish_all_ports": {"type": "bool", "aliases": ["publish_all"]},
    "networks": {
        "type": "list",
        "elements": "dict",
        "options": {
            "name": {"type": "str", "required": True},
            "ipv4_address": {"type": "str"},
            "ipv6_address": {"type": "str"},
            "mac_address": {"type": "str"},
            "aliases": {"type": "list", "elements": "str"},
            "bandwidth": {"type": "dict"},
        },
    },
    "network_mode": {"type": "str"},
    "mac_address": {"type": "str"},
    "links": {"type": "list", "elements": "str"},
    "etc_hosts": {"type": "dict", "aliases": ["add_hosts"]},
    "dns_servers": {"type": "list", "elements": "str", "aliases": ["dns"]},
    "dns_opts": {"type": "list", "elements": "str", "aliases": ["dns_option"]},
    "dns_search_domains": {"type": "list", "elements": "str", "aliases": ["dns_search"]},
    "capabilities": {"type": "list", "elements": "str", "aliases": ["cap_add"]},
    "cap_drop": {"type": "list", "elements": "str"},
    "privileged": {"type": "bool"},
    "security_opts": {"type": "list", "elements": "str", "aliases": ["security_opt"]},
    "sysctls": {"type": "dict", "aliases": ["sysctl"]},
    "pid_mode": {"type": "str", "aliases": ["pid"]},
    "ipc_mode": {"type": "str", "aliases": ["ipc"]},
    "uts": {"type": "str", "choices": ["host"]},
    "cgroupns_mode": {"type": "str", "choices": ["host", "private"], "aliases": ["cgroupns"]},
    "userns_mode": {"type": "str", "aliases": ["userns"]},
    "uidmap": {"type": "list", "elements": "str"},
    "gidmap": {"type": "list", "elements": "str"},
    "cgroup_parent": {"type": "str"},
    "restart_policy": {"type": "str", "choices": ["no", "on-failure", "always", "unless-stopped"]},
    "restart_retries": {"type": "int"},
    "healthcheck": {
        "type": "dict",
        "options": {
            "test": {"type": "raw"},
            "interval": {"type": "str"},
            "timeout": {"type": "str"},
            "start_period": {"type": "str"},
            "start_interval": {"type": "str"},
            "retries": {"type": "int"},
        },
    },
    "log_driver": {"type": "str", "choices": ["json-file", "none"]},
    "log_options": {"type": "dict", "aliases": ["log_opt"]},
    "auto_remove": {"type": "bool", "aliases": ["rm", "remove"]},
}


def argument_spec() -> dict[str, object]:
    """Return the container module's: one container, or ``containers`` with a list of them."""
    item = dict(CONTAINER, name={"type": "str", "required": True})
    return dict(
        CONTAINER,
        containers={"type": "list", "elements": "dict", "options": item},
        parallel={"type": "int"},
    )
