# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The flags of ``run``, ``create`` and ``update`` that say a container's options.

Made by devel/make_options.py from the rows in containers/options: change those, and run
`make generate`.
"""

from __future__ import annotations

from .grammar import Flag

FLAGS = [
    Flag("--name", "value", "Name", "name"),
    Flag(
        "--env-file",
        "list",
        "File of environment variables (NAME=value lines)",
        "env_file",
        reads="apart",
    ),
    Flag("--platform", "value", "os/arch[/variant]", "platform"),
    Flag("--pull", "value", "missing, always or never", "pull", reads="pull"),
    Flag(
        "--runtime",
        "value",
        "Runtime: pycontainer, which runc and crun stand for as well",
        "runtime",
    ),
    Flag("--volume-driver", "value", "Driver of its volumes: local", "volume_driver"),
    Flag(
        "--entrypoint", "value", "Entrypoint instead of the image's", "entrypoint", reads="program"
    ),
    Flag(
        "-e, --env",
        "list",
        "Environment variable (NAME=value, or NAME to take it from here)",
        "env",
        reads="apart",
    ),
    Flag("--env-host", "switch", "All variables that are set here, too", "env_host"),
    Flag(
        "--env-merge",
        "list",
        "Variable made of the image's (PATH=/opt/bin:${PATH})",
        "env_merge",
        reads="=",
    ),
    Flag(
        "--unsetenv", "list", "Variable of the image or the engine that it does not get", "unsetenv"
    ),
    Flag("--unsetenv-all", "switch", "No variables of the image or the engine", "unsetenv_all"),
    Flag("--http-proxy", "switch", "The variables of proxies that are set here, too", "http_proxy"),
    Flag(
        "--annotation",
        "list",
        "Annotation of its OCI document (key=value)",
        "annotations",
        reads="=",
    ),
    Flag("--tz", "value", "Time zone: Europe/Berlin, or local for the host's", "timezone"),
    Flag("-u, --user", "value", "user[:group]", "user"),
    Flag("--group-add", "list", "Additional group", "groups"),
    Flag("--passwd-entry", "value", "Line of /etc/passwd for a user that has none", "passwd_entry"),
    Flag("--group-entry", "value", "Line of /etc/group for a group that has none", "group_entry"),
    Flag(
        "--chrootdirs",
        "value",
        "Directories that have /etc/hosts and resolv.conf, too",
        "chrootdirs",
    ),
    Flag("-w, --workdir", "value", "Working directory", "working_dir"),
    Flag("--umask", "value", "Permissions that its new files do not get, octal (0022)", "umask"),
    Flag("-h, --hostname", "value", "Host name", "hostname"),
    Flag("--domainname", "value", "Domain name", "domainname"),
    Flag("--init", "switch", "A small init as process 1", "init"),
    Flag(
        "--systemd", "value", "Set it up for systemd as process 1: true, false or always", "systemd"
    ),
    Flag("-t, --tty", "switch", "With a terminal", "tty"),
    Flag("-i, --interactive", "switch", "Keep standard input open", "interactive"),
    Flag("-l, --label", "list", "Label (key=value)", "labels", reads="apart"),
    Flag("--label-file", "list", "File of labels (key=value lines)", "labels", reads="apart"),
    Flag("--stop-signal", "value", "Signal that asks it to end", "stop_signal"),
    Flag("--stop-timeout", "value", "Seconds until it is killed", "stop_timeout", reads="int"),
    Flag("-m, --memory", "value", "Memory limit (512m, 1g)", "memory"),
    Flag("--memory-reservation", "value", "Memory that it should get", "memory_reservation"),
    Flag("--memory-swap", "value", "Memory and swap together; -1: no limit", "memory_swap"),
    Flag("--memory-swappiness", "value", "0 to 100", "memory_swappiness", reads="int"),
    Flag("--cpus", "value", "CPUs (1.5)", "cpus", reads="float"),
    Flag("-c, --cpu-shares", "value", "CPU weight (1024 is usual)", "cpu_shares", reads="int"),
    Flag("--cpu-period", "value", "CPU quota's period in microseconds", "cpu_period", reads="int"),
    Flag("--cpu-quota", "value", "CPU time in a period, in microseconds", "cpu_quota", reads="int"),
    Flag(
        "--cpu-rt-period",
        "value",
        "Period of the real-time budget in microseconds",
        "cpu_rt_period",
        reads="int",
    ),
    Flag(
        "--cpu-rt-runtime",
        "value",
        "CPU time of real-time processes in a period, in microseconds",
        "cpu_rt_runtime",
        reads="int",
    ),
    Flag("--cpuset-cpus", "value", "CPUs to run on (0-1,3)", "cpuset_cpus"),
    Flag("--cpuset-mems", "value", "Memory nodes to use", "cpuset_mems"),
    Flag("--pids-limit", "value", "Number of processes and threads", "pids_limit", reads="int"),
    Flag("--blkio-weight", "value", "Block IO weight (10 to 1000)", "blkio_weight", reads="int"),
    Flag(
        "--blkio-weight-device",
        "list",
        "Block IO weight of a device (path:weight)",
        "blkio_weight_device",
        reads="path:weight",
    ),
    Flag(
        "--device-read-bps",
        "list",
        "Limit of reads (path:bytes)",
        "device_read_bps",
        reads="path:rate",
    ),
    Flag(
        "--device-write-bps",
        "list",
        "Limit of writes (path:bytes)",
        "device_write_bps",
        reads="path:rate",
    ),
    Flag(
        "--device-read-iops",
        "list",
        "Limit of reads (path:number)",
        "device_read_iops",
        reads="path:number",
    ),
    Flag(
        "--device-write-iops",
        "list",
        "Limit of writes (path:number)",
        "device_write_iops",
        reads="path:number",
    ),
    Flag("--ulimit", "list", "Resource limit (nofile=1024:2048)", "ulimits"),
    Flag("--oom-kill-disable", "switch", "No OOM kill", "oom_killer"),
    Flag(
        "--oom-score-adj",
        "value",
        "OOM score adjustment (-1000 to 1000)",
        "oom_score_adj",
        reads="int",
    ),
    Flag("-v, --volume", "list", "Volume or bind mount (name-or-path:path[:options])", "volumes"),
    Flag("--mount", "list", "Mount (type=bind,source=...,target=...)", "mounts", reads="mount"),
    Flag("--tmpfs", "list", "tmpfs mount (path[:options])", "tmpfs"),
    Flag("--volumes-from", "list", "Mounts of another container (name[:ro])", "volumes_from"),
    Flag("--read-only", "switch", "Read-only root file system", "read_only"),
    Flag("--shm-size", "value", "Size of /dev/shm (64m)", "shm_size"),
    Flag(
        "--storage-opt", "list", "Limit of its writable layer (size=10G)", "storage_opts", reads="="
    ),
    Flag("--device", "list", "Device of the host (path[:path[:rwm]]), or CDI device", "devices"),
    Flag("--device-cgroup-rule", "list", "Rule for devices", "device_cgroup_rules"),
    Flag("--gpus", "list", "GPUs: all, a number, or device=0,1", "device_requests", reads="gpus"),
    Flag(
        "--secret",
        "list",
        "Secret (name[,target=...,uid=...,gid=...,mode=...,on_change=...], or name,type=env[,target=VARIABLE])",
        "secrets",
    ),
    Flag(
        "--config",
        "list",
        "Config (name[,target=...,uid=...,gid=...,mode=...,on_change=...])",
        "configs",
    ),
    Flag("-p, --publish", "list", "Published port ([ip:][port:]port[/udp])", "published_ports"),
    Flag("--expose", "list", "Exposed port", "exposed_ports"),
    Flag("-P, --publish-all", "switch", "Publish all exposed ports", "publish_all_ports"),
    Flag(
        "--network, --net",
        "list",
        "Network (NAME, or name=NAME with ip, ip6, mac-address, alias, link, driver-opt and others), or none, host, container:NAME",
        "networks",
        reads="apart",
    ),
    Flag("--ip", "value", "Address on the network", "networks.ipv4_address", reads="apart"),
    Flag("--ip6", "value", "IPv6 address on the network", "networks.ipv6_address", reads="apart"),
    Flag(
        "--network-alias, --net-alias",
        "list",
        "Another name on the network",
        "networks.aliases",
        reads="apart",
    ),
    Flag("--mac-address", "value", "MAC address", "mac_address"),
    Flag(
        "--link",
        "list",
        "Other container to find by a name of one's own (container[:alias])",
        "links",
    ),
    Flag("--add-host", "list", "Line for /etc/hosts (name:ip or name=ip)", "etc_hosts", reads=":"),
    Flag("--dns", "list", "DNS server", "dns_servers"),
    Flag("--dns-option, --dns-opt", "list", "Option of resolv.conf", "dns_opts"),
    Flag("--dns-search", "list", "DNS search domain", "dns_search_domains"),
    Flag("--cap-add", "list", "Capability to add", "capabilities"),
    Flag("--cap-drop", "list", "Capability to drop", "cap_drop"),
    Flag("--privileged", "switch", "All rights on the host", "privileged"),
    Flag(
        "--security-opt",
        "list",
        "no-new-privileges, seccomp=..., apparmor=..., label=...",
        "security_opts",
    ),
    Flag(
        "--sysctl", "list", "Kernel parameter of the container's namespaces", "sysctls", reads="="
    ),
    Flag("--pid", "value", "PID namespace: host or container:NAME", "pid_mode"),
    Flag(
        "--ipc",
        "value",
        "IPC namespace: private, shareable, host, none or container:NAME",
        "ipc_mode",
    ),
    Flag("--uts", "value", "UTS namespace: host", "uts"),
    Flag("--cgroupns", "value", "cgroup namespace: private or host", "cgroupns_mode"),
    Flag(
        "--userns",
        "value",
        "User namespace: auto, auto:size=NUMBER, host or private",
        "userns_mode",
    ),
    Flag(
        "--uidmap",
        "list",
        "Users of its own user namespace (container id:host id[:number])",
        "uidmap",
    ),
    Flag(
        "--gidmap",
        "list",
        "Groups of its own user namespace (container id:host id[:number])",
        "gidmap",
    ),
    Flag("--cgroup-parent", "value", "Parent of its cgroup", "cgroup_parent"),
    Flag(
        "--restart",
        "value",
        "no, on-failure[:n], always or unless-stopped",
        "restart_policy",
        reads="apart",
    ),
    Flag(
        "--no-healthcheck",
        "switch",
        "No health check, whatever the image says",
        "healthcheck",
        reads="apart",
    ),
    Flag(
        "--health-cmd",
        "value",
        "Command that says whether it is healthy",
        "healthcheck.test",
        reads="shell",
    ),
    Flag("--health-interval", "value", "Time between two checks", "healthcheck.interval"),
    Flag("--health-timeout", "value", "Time a check may take", "healthcheck.timeout"),
    Flag(
        "--health-start-period",
        "value",
        "Time in which failures don't count",
        "healthcheck.start_period",
    ),
    Flag(
        "--health-start-interval",
        "value",
        "Time between two checks in the start period",
        "healthcheck.start_interval",
    ),
    Flag(
        "--health-retries",
        "value",
        "Failures that make it unhealthy",
        "healthcheck.retries",
        reads="int",
    ),
    Flag(
        "--health-on-failure",
        "value",
        "When it is unhealthy: none, kill, restart or stop",
        "healthcheck_failure_action",
    ),
    Flag(
        "--health-startup-cmd",
        "value",
        "Command that says whether it has come up",
        "health_startup_cmd",
    ),
    Flag(
        "--health-startup-interval",
        "value",
        "Time between two runs of it",
        "health_startup_interval",
    ),
    Flag(
        "--health-startup-retries",
        "value",
        "Failures of it until a restart",
        "health_startup_retries",
        reads="int",
    ),
    Flag(
        "--health-startup-success",
        "value",
        "Successes of it until the health check begins",
        "health_startup_success",
        reads="int",
    ),
    Flag(
        "--health-startup-timeout", "value", "Time a run of it may take", "health_startup_timeout"
    ),
    Flag(
        "--depends-on, --requires",
        "list",
        "Containers that are started before it: name[:started|healthy|completed]",
        "depends_on",
    ),
    Flag(
        "--sdnotify", "value", "Who tells systemd: conmon, container, healthy or ignore", "sdnotify"
    ),
    Flag("--rm", "switch", "Remove it when it ends", "auto_remove"),
    Flag(
        "--log-driver",
        "value",
        "json-file, local, journald, syslog, gelf, fluentd or none",
        "log_driver",
    ),
    Flag("--log-opt", "list", "Log option (max-size=10m, max-file=3)", "log_options", reads="="),
]

# Options whose flags ``update`` has, too.
UPDATE = [
    "memory",
    "memory_reservation",
    "memory_swap",
    "cpus",
    "cpu_shares",
    "cpu_period",
    "cpu_quota",
    "cpuset_cpus",
    "cpuset_mems",
    "pids_limit",
    "blkio_weight",
    "restart_policy",
]

# Options that the flag of another one says as well.
SAID_BY = {"network_mode": "--network", "restart_retries": "--restart"}
