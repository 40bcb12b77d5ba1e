# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in docs/comparison.md of each option of a peer that is not the same here.

A key is an option's name, a suboption's with dots, or a pattern such as ``quadlet_*``. A note names
the option that does it here, or says why there is none: "absent" where there could be one.
"""

from __future__ import annotations

ABSENT = "absent"
NO_QUADLET = "absent: quadlets are read by Podman; `generate_systemd` of `container` writes units"
NO_PODMAN = "absent: there is no `podman` command that could be given words"
NO_SWARM = "absent: there is no Swarm"
NEXT_TO = "the whole name, with its tag, is in `name`, too, and then the same; without either it is `latest`"
IN_BUILD = "a key of `build`"

# Options about a daemon, its client, or the command that is run. They are taken out at the
# controller; plugins/plugin_utils/_daemon_options.py has them with their aliases.
DAEMON = {
    "community.docker": frozenset(
        (
            "api_version",
            "ca_path",
            "cli_context",
            "client_cert",
            "client_key",
            "debug",
            "docker_cli",
            "docker_host",
            "timeout",
            "tls",
            "tls_hostname",
            "use_ssh_client",
            "validate_certs",
        )
    ),
    "containers.podman": frozenset(("debug", "executable")),
}
# Those that a module here has for a registry.
BOTH = frozenset(("ca_path", "client_cert", "client_key", "validate_certs"))

# Options that are here by the same name, with the same forms, and mean something else.
SAME_NAME: dict[str, tuple[str, ...]] = {
    "docker_container": (
        "comparisons",
        "default_host_ip",
        "detach",
        "healthcheck.test_cli_compatible",
        "mounts",
        "state",
        "stop_timeout",
        "volumes",
    ),
    "docker_container_copy_into": ("container_path", "mode", "owner_id"),
    "docker_image": ("name",),
    "docker_image_load": ("path",),
    "docker_image_push": ("name",),
    "docker_volume": ("driver_options", "labels"),
    "docker_secret": ("data_src",),
    "docker_config": ("data_src",),
    "podman_container": ("secrets",),
}

OPTIONS: dict[str, dict[str, str]] = {
    "docker_container": {
        "comparisons": "lists and maps are exact by default; `{option: allow_more_present}` is docker_container's default",
        "default_host_ip": "an empty text and none at all are the same: all addresses, of IPv6, too",
        "detach": "`true` by default",
        "healthcheck.test_cli_compatible": "`true` by default: what `healthcheck` leaves out is the image's",
        "image_comparison": "absent: as with `current-image`, nothing of an image is compared that `comparisons` ignores",
        "image_name_mismatch": "`ignore` by default: another name of the same image is written down, and makes no new container",
        "kernel_memory": "absent: no kernel that is supported has this limit",
        "log_driver": "`json-file`, `local`, `journald`, `syslog`, `gelf`, `fluentd` and `none`",
        "mounts": "the same as `volumes` of the same meaning: a task may say the one or the other",
        "mounts.type": "`bind`, `volume`, `tmpfs` and `image`",
        "pull_check_mode_behavior": "absent: check mode asks the registry, and says what would be pulled",
        "removal_wait_timeout": "absent: a container is gone when its removal returns",
        "state": "`present` starts the new container where it takes the place of one that ran",
        "stop_timeout": "compared, and changed live; docker_container ignores it by default",
        "volumes": "`/path:mode` is refused, as by `docker run`",
        "uts": "`host` or empty, which is for its own",
    },
    "docker_container_copy_into": {
        "_max_file_size_for_diff": "absent: the size of what a diff shows has a limit of its own",
        "container_path": "a directory that is there is copied into, as by `docker cp`, and never replaced; the result has the path as the task names it",
        "mode": "not needed for `content`",
        "owner_id": "the container's user without it, of a stopped container, too",
        "mode_parse": "absent: `mode` takes numbers, octal texts and symbols",
    },
    "docker_image": {
        "build.container_limits*": "`build.limits`",
        "build.http_timeout": "absent: there is no daemon to wait for",
        "build.network": "`default`, `none` and `host`",
        "build.platform": "`platform`",
        "build.rm": "absent: a step's container never stays",
        "build.use_config_proxy": "`build.args`",
        "force_source": "`pull`: `always`",
        "force_tag": "absent: a name is always moved",
        "load_path": "`path`",
        "name": "the only image of an archive gets this name; with `source`: `pull` an ID is that of an image of the host",
        "pull": "`missing`, `always` or `never`",
        "pull.platform": "`platform`",
        "source": "`pull` by default",
        "tag": NEXT_TO,
    },
    "docker_image_build": {
        "args": IN_BUILD,
        "cache_from": IN_BUILD,
        "dockerfile": IN_BUILD,
        "etc_hosts": IN_BUILD,
        "labels": IN_BUILD,
        "network": IN_BUILD,
        "nocache": IN_BUILD,
        "outputs*": IN_BUILD,
        "pull": IN_BUILD,
        "rebuild": "absent: what has changed is built anew, by what the build reads",
        "secrets*": IN_BUILD,
        "shm_size": IN_BUILD,
        "tag": NEXT_TO,
        "target": IN_BUILD,
    },
    "docker_image_pull": {"pull": "`missing` by default", "tag": NEXT_TO},
    "docker_image_load": {
        "path": "changed only where the host lacks an image or a name of the archive"
    },
    "docker_image_push": {
        "name": "changed where the registry has another image under this name, or none",
        "tag": NEXT_TO,
    },
    "docker_image_tag": {
        "existing_images": "absent: a name is always moved",
        "repository": "one name; `tags` takes several",
        "tag": NEXT_TO,
    },
    "docker_image_remove": {"force": "`force_absent`", "tag": NEXT_TO},
    "docker_image_export": {"platform": "absent: an image on a host is of one platform"},
    "docker_network": {
        "appends": "absent: networks are named by the containers that are on them",
        "config_from": ABSENT,
        "config_only": ABSENT,
        "connected": "`networks` of `container`",
        "driver": "`bridge`, `macvlan`, `ipvlan` and `overlay`",
        "ingress": NO_SWARM,
        "ipam_driver": "absent: addresses are the engine's",
        "ipam_driver_options": "absent: addresses are the engine's",
        "scope": "absent: it follows from `driver`",
    },
    "docker_secret": {"data_src": "a file of the controller; with `remote_src` one of the host"},
    "docker_config": {
        "data_src": "a file of the controller; with `remote_src` one of the host",
        "template_driver": "absent: templates are Ansible's",
    },
    "docker_volume": {
        "driver": "`local`",
        "driver_options": "looked at when the volume is made, not when it is mounted first",
        "labels": "exact, and changed without a new volume; numbers are taken as texts",
    },
    "docker_login": {
        "config_path": "without it, where the engine looks for credentials",
        "registry_url": "`docker.io` by default, which is the same registry",
    },
    "podman_container": {
        "arch": "`platform`",
        "attach": "absent: a task is attached to nothing",
        "cgroup_conf": ABSENT,
        "cgroupns": "`private` and `host`",
        "cgroups": ABSENT,
        "cidfile": "absent: the result has the ID",
        "cmd_args": NO_PODMAN,
        "conmon_pidfile": "absent: there is no conmon",
        "cpus": "a number",
        "decryption_key": "absent: encrypted images are not supported",
        "delete_depend": "absent: a container that others join is not removed",
        "delete_time": "`stop_timeout`",
        "delete_volumes": "`keep_volumes`: `false`",
        "detach_keys": "absent: a task is attached to nothing",
        "device_*": "maps of `path` and `rate`",
        "force_delete": "absent: a container that runs is stopped and removed; `force_kill` kills it",
        "healthcheck": "a map; its `test` is the command",
        "healthcheck_interval": "`healthcheck.interval`",
        "healthcheck_retries": "`healthcheck.retries`",
        "healthcheck_start_period": "`healthcheck.start_period`",
        "healthcheck_timeout": "`healthcheck.timeout`",
        "hooks_dir": "absent: hooks are `pycontainer-oci`'s",
        "hostuser": ABSENT,
        "image_strict": "`image_name_mismatch`: `recreate`",
        "image_volume": ABSENT,
        "init_ctr": "absent: there are no pods",
        "init_path": "absent: the engine has its own",
        "ip": "`networks.ipv4_address`",
        "ip6": "`networks.ipv6_address`",
        "kernel_memory": "absent: no kernel that is supported has this limit",
        "label_file": ABSENT,
        "log_driver": "`json-file`, `local`, `journald`, `syslog`, `gelf`, `fluentd` and `none`",
        "log_level": NO_PODMAN,
        "log_opt.max_size": "`log_options`: `max-size`",
        "log_opt.path": "absent: the log lies in the store, as `LogPath` of inspect says",
        "log_opt.tag": "`log_options`: `tag`, with Docker's fields",
        "mount": "`mounts`, as maps",
        "network": "`networks`, as maps, or `network_mode`",
        "network_aliases": "`networks.aliases`",
        "no_healthcheck": "`healthcheck`: `{test: NONE}`",
        "no_hosts": ABSENT,
        "os": "`platform`",
        "passwd": "absent: a line is added where `passwd_entry` or `group_entry` says so",
        "personality": "absent: a key of the OCI document, by `pycontainer-oci`",
        "pid_file": "absent: the result has the process ID",
        "pids_limit": "a number",
        "pod": "absent: there are no pods; `network_mode`: `container:<name>` joins another container",
        "pod_id_file": "absent: there are no pods",
        "preserve_fd*": "absent: a module has none to hand on",
        "pull": "`always` is `newer`; `missing` by default",
        "quadlet_*": NO_QUADLET,
        "rdt_class": "absent: a key of the OCI document, by `pycontainer-oci`",
        "read_only_tmpfs": "`tmpfs`",
        "restart_time": "`stop_timeout`",
        "retry": "absent: a pull is tried again by itself",
        "retry_delay": "absent: a pull is tried again by itself",
        "rmi": "absent: `image` with `state`: `absent`",
        "rootfs": "absent: `image` with `source`: `import` makes an image of a directory",
        "sdnotify": "`healthy`, too, and `conmon` is the default",
        "seccomp_policy": "`security_opts`",
        "shm_size_systemd": ABSENT,
        "sig_proxy": "absent: a task is attached to nothing",
        "state": "`quadlet` is absent: quadlets are read by Podman",
        "stop_time": "`stop_timeout`",
        "subgidname": "`gidmap`",
        "subuidname": "`uidmap`",
        "timeout": "absent: taken for docker_container's `timeout`, and left out with a warning",
        "tmpfs": "a list of `path:options`",
        "tls_verify": "true by default",
        "uts": "`host`; without it the container has its own",
        "variant": "`platform`",
    },
    "podman_secret": {
        "driver": "absent: the host's `secrets_key` says how they are kept",
        "driver_opts": "absent: the host's `secrets_key` says how they are kept",
        "env": "`data`, with a lookup",
        "skip_existing": "absent: what is the same stays",
    },
    "podman_volume": {
        "driver": "`local`, which is the default",
        "quadlet_*": NO_QUADLET,
        "recreate": "`true` is `always`, `false` is `never`",
        "state": "`present` and `absent`; `saved` and `restored` are ours",
    },
    "podman_network": {
        "dns": "`dns_servers` of `container`",
        "driver": "`bridge`, `macvlan`, `ipvlan` and `overlay`",
        "gateway": "`ipam_config.gateway`",
        "ip_range": "`ipam_config.iprange`",
        "ipam_driver": "absent: addresses are the engine's",
        "ipv6": "`enable_ipv6`",
        "macvlan": "`driver`: `macvlan` with `driver_options`",
        "net_config*": "`ipam_config`",
        "opt*": "`driver_options`; `opt.vlan` of a bridge is absent, `macvlan` has it in `parent`",
        "quadlet_*": NO_QUADLET,
        "recreate": "`force`, which connects the containers again",
        "state": "`present` and `absent`",
        "subnet": "`ipam_config.subnet`",
    },
    "podman_image": {
        "arch": "`platform`",
        "build": "arguments are in `build.args`",
        "build.annotation": "`build.annotations`",
        "build.cache": "`build.nocache`",
        "build.container_file": "`build.dockerfile`, the name of a file",
        "build.extra_args": NO_PODMAN,
        "build.file": "`build.dockerfile`",
        "build.force_rm": "absent: a step's container never stays",
        "build.format": "absent: a build makes an OCI image; `build.outputs` writes Docker's form",
        "build.rm": "absent: a step's container never stays",
        "build.volume": "`build.contexts`",
        "ca_cert_dir": "`ca_path`, or /etc/containers/certs.d",
        "force": "`pull`: `always`",
        "password": "`registry_login`, or `auth_file`",
        "pull": "`missing`, `always` or `never`",
        "pull_extra_args": NO_PODMAN,
        "push_args*": "`repository`, `tags` and `sign`",
        "quadlet_*": NO_QUADLET,
        "state": "`present` and `absent`; `source`: `build` builds",
        "tag": NEXT_TO,
        "username": "`registry_login`, or `auth_file`",
        "validate_certs": "true by default",
    },
}

RETURNS: dict[str, dict[str, str]] = {
    "docker_image": {"stdout": "absent: the lines of a build are shown as it runs"},
    "docker_image_build": {"command": "absent: no command is run"},
    "podman_network": {"network": "one map, not a list"},
}

HEAD = """\
# Compared with community.docker and containers.podman

<!-- Made by devel/make_comparison.py from the argument specs of both and of this collection, and from devel/comparison_notes.py: run `make comparison`. -->

Look up what differs, option by option, from each module of community.docker {docker} and containers.podman {podman} that has its like here. {same} of {all}
options and suboptions are the same: the name (or an alias), the type, the choices and the default. An option that is the same is not
listed. Where "absent" stands alone there could be such an option, and there is none yet.

An option that a task does not name is not compared here, whatever its default there: `false`, an empty list or map, and no default at all
are taken for the same.

Results have the keys of both. The sentences in `msg`, `warnings` and `actions`, and what `diff` shows, are this collection's own. In check mode a task
is changed where it would change something: a registry is asked, where docker_image_pull is changed whenever it would ask.

Options about a daemon or its client are taken by every module, and left out with one warning: {daemon}, and their aliases. They are not
counted. In a module that goes to registries (`container`, `image`, `registry_login`), those of {both} that it has are about the
registry; a task that says where its daemon is, too, is told so by a warning.
"""


def listed(names: frozenset[str]) -> str:
    """Names for a sentence."""
    return ", ".join(f"`{name}`" for name in sorted(names))
