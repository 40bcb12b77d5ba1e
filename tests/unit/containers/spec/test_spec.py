# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Definition and image config become config.json and run.json."""

from __future__ import annotations

import json
import os

import pytest
from pycontainer.containers import options
from pycontainer.containers.spec import config_json as spec
from pycontainer.containers.spec import (
    confinement,
    container_files,
    container_mounts,
    limits,
    surroundings,
)
from pycontainer.errors import InvalidInput

IDENT = "0123456789abcdef" * 4
IMAGE = {
    "Env": ["PATH=/image/bin", "A=image", "NOEQUALS"],
    "Cmd": ["serve"],
    "Entrypoint": ["/entry"],
    "User": "www",
    "WorkingDir": "/srv",
    "StopSignal": "SIGQUIT",
}


def config(params=None, image=None, **host):
    host.setdefault("kernel", (6, 1))
    around = surroundings.Surroundings(
        "/data/containers/" + IDENT, "/run/x/containers/" + IDENT, machine="x86_64", **host
    )
    return spec.config(
        IDENT, options.definition(params or {}), IMAGE if image is None else image, around
    )


def namespaces(document):
    return [entry["type"] for entry in document["linux"]["namespaces"]]


def mount_at(document, destination):
    return next(
        (entry for entry in document["mounts"] if entry["destination"] == destination), None
    )


def test_defaults():
    document = config()
    process = document["process"]
    assert (
        process["args"] == ["/entry", "serve"]
        and process["cwd"] == "/srv"
        and document["annotations"] == {"org.pycontainer.user": "www"}
    )
    assert (
        process["env"] == ["PATH=/image/bin", "HOSTNAME=0123456789ab", "A=image"]
        and document["hostname"] == "0123456789ab"
    )
    assert sorted(namespaces(document)) == ["cgroup", "ipc", "mount", "network", "pid", "uts"]
    assert (
        len(process["capabilities"]["bounding"]) == 14
        and process["capabilities"]["inheritable"] == [] == process["capabilities"]["ambient"]
    )
    assert (
        document["linux"]["seccomp"]["defaultAction"] == "SCMP_ACT_ERRNO"
        and not process["noNewPrivileges"]
    )
    assert (
        "/proc/kcore" in document["linux"]["maskedPaths"]
        and "/proc/sys" in document["linux"]["readonlyPaths"]
    )
    assert document["linux"]["sysctl"]["net.ipv4.ip_unprivileged_port_start"] == "0"
    assert [entry["destination"] for entry in document["mounts"]][:4] == [
        "/proc",
        "/dev",
        "/dev/pts",
        "/sys",
    ]
    assert set(document["linux"]["resources"]) == {"devices"}


@pytest.mark.parametrize(
    "params, args",
    [
        ({"command": ["x"]}, ["/entry", "x"]),
        ({"entrypoint": ["/e"]}, ["/e"]),
        ({"entrypoint": ["/e"], "command": "a b"}, ["/e", "a", "b"]),
        ({"entrypoint": [], "command": "sh"}, ["sh"]),
        ({"entrypoint": []}, ["serve"]),
        ({"command": []}, ["/entry", "serve"]),
    ],
)
def test_arguments(params, args):
    assert config(params)["process"]["args"] == args


@pytest.mark.parametrize(
    "params, without, having",
    [
        ({}, None, "own"),
        ({"security_opts": ["apparmor=unconfined"]}, None, None),
        ({"privileged": True}, None, None),
        ({"security_opts": ["apparmor=theirs"]}, "theirs", "theirs"),
        ({"privileged": True, "security_opts": ["apparmor:theirs"]}, "theirs", "theirs"),
        ({"privileged": True, "security_opts": ["apparmor=default"]}, None, "own"),
    ],
)
def test_apparmor(params, without, having):
    assert config(params)["process"].get("apparmorProfile") == without
    assert config(params, apparmor="own")["process"].get("apparmorProfile") == having


def test_nothing_to_run_is_refused():
    with pytest.raises(InvalidInput, match="command"):
        config({}, image={})
    with pytest.raises(InvalidInput, match="command"):
        config({"entrypoint": []}, image={"Entrypoint": ["/entry"]})


def test_environment_of_task_wins_and_tty_sets_term():
    document = config(
        {
            "env": {"A": "task", "PATH": "/p"},
            "tty": True,
            "hostname": "web",
            "domainname": "example.org",
        }
    )
    assert document["process"]["env"] == ["PATH=/p", "HOSTNAME=web", "TERM=xterm", "A=task"]
    assert document["hostname"] == "web" and document["domainname"] == "example.org"
    assert config({}, image={"Cmd": ["x"]})["process"]["env"][0] == "PATH=" + spec.DEFAULT_PATH


def test_shared_namespaces():
    document = config(
        {
            "network_mode": "host",
            "pid_mode": "host",
            "ipc_mode": "host",
            "uts": "host",
            "cgroupns_mode": "host",
        }
    )
    assert (
        namespaces(document) == ["mount"]
        and "hostname" not in document
        and document["linux"]["sysctl"] == {}
    )
    assert (
        mount_at(document, "/sys")["type"] == "bind"
        and "ro" in mount_at(document, "/sys")["options"]
    )
    document = config(
        {
            "network_mode": "container:other",
            "pid_mode": "container:other",
            "ipc_mode": "container:other",
        },
        joins={"network": "n" * 64, "pid": "p" * 64, "ipc": "i" * 64},
    )
    assert (
        document["annotations"]["org.pycontainer.join.network"] == "n" * 64
        and document["linux"]["sysctl"] == {}
    )
    assert mount_at(document, "/etc/hosts")["source"] == f"/data/containers/{'n' * 64}/hosts"
    assert mount_at(document, "/etc/hostname")["source"] == f"/data/containers/{IDENT}/hostname"
    assert mount_at(document, "/dev/shm")["source"] == f"/run/x/containers/{'i' * 64}/shm"


def test_ipc_modes():
    assert mount_at(config({"shm_size": "1m"}), "/dev/shm")["options"][-1] == "size=1048576"
    assert (
        mount_at(config({"ipc_mode": "none"}), "/dev/shm") is None
        and mount_at(config({"ipc_mode": "none"}), "/dev/mqueue") is None
    )
    assert mount_at(config({"ipc_mode": "shareable"}), "/dev/shm")["source"].endswith(
        IDENT + "/shm"
    )


def test_user_mounts_come_last_parents_first_and_take_the_place_of_the_engines():
    params = {
        "volumes": ["/host/a:/x/y:ro", "/host/b:/x", "/host/h:/etc/hosts"],
        "tmpfs": ["/run:size=1m", "/dev/shm"],
        "mounts": [{"type": "tmpfs", "target": "/t", "tmpfs_size": "2m", "tmpfs_mode": "700"}],
    }
    document = config(params, mounts=spec_mounts_of(params))
    places = [entry["destination"] for entry in document["mounts"]]
    assert places.index("/x") < places.index("/x/y") and places.count(
        "/etc/hosts"
    ) == 1 == places.count("/dev/shm")
    assert mount_at(document, "/x/y") == {
        "destination": "/x/y",
        "type": "bind",
        "source": "/host/a",
        "options": ["rbind", "ro", "rro", "rprivate"],
    }
    assert mount_at(document, "/etc/hosts")["source"] == "/host/h"
    assert mount_at(document, "/t")["options"] == [
        "noexec",
        "nosuid",
        "nodev",
        "size=2097152",
        "mode=0700",
    ]
    assert mount_at(document, "/run")["options"] == [
        "rw",
        "noexec",
        "nosuid",
        "nodev",
        "size=1048576",
        "mode=1777",
    ]


def spec_mounts_of(params):
    from pycontainer.containers.options import storage

    return storage.mounts_of(options.definition(params))


def test_propagation_of_the_root():
    entry = {"type": "bind", "propagation": "rslave"}
    assert (
        container_mounts.root_propagation([]) == "rprivate"
        and container_mounts.root_propagation([entry]) == "rslave"
    )
    assert (
        container_mounts.root_propagation([entry, dict(entry, propagation="shared")]) == "rshared"
    )


def test_resources():
    found = limits.resources(
        options.definition(
            {
                "memory": "64m",
                "memory_reservation": "32m",
                "memory_swappiness": 10,
                "cpus": 1.5,
                "cpu_shares": 512,
                "cpuset_cpus": "0",
                "pids_limit": 50,
                "blkio_weight": 300,
                "oom_killer": True,
            }
        )
    )
    assert found["memory"] == {
        "limit": 64 << 20,
        "reservation": 32 << 20,
        "swap": 128 << 20,
        "swappiness": 10,
        "disableOOMKiller": True,
    }
    assert found["cpu"] == {"quota": 150000, "period": 100000, "shares": 512, "cpus": "0"}
    assert found["pids"] == {"limit": 50} and found["blockIO"] == {"weight": 300}
    assert limits.resources(options.definition({"memory": "64m"}), swap=False)["memory"] == {
        "limit": 64 << 20
    }
    assert (
        limits.resources(options.definition({"memory": "64m", "memory_swap": -1}))["memory"]["swap"]
        == -1
    )


def test_a_limit_that_is_taken_away_is_lifted():
    before = options.definition({"memory": "64m", "cpus": 1, "pids_limit": 5, "cpu_shares": 512})
    after = options.definition({"memory": 0, "cpus": 2, "pids_limit": -1, "cpu_shares": 512})
    found = limits.released(before, after)
    assert found["memory"] == {"limit": -1, "swap": -1} and found["pids"] == {"limit": -1}
    assert found["cpu"] == {"quota": 200000, "period": 100000, "shares": 512}
    assert "devices" not in found


def test_devices_and_rules():
    document = config({"devices": ["/dev/zero:/dev/nought:r"], "device_cgroup_rules": ["b 8:* rw"]})
    rules = document["linux"]["resources"]["devices"]
    assert rules[0] == {"allow": False, "access": "rwm"}
    assert {"allow": True, "type": "c", "major": 1, "minor": 5, "access": "r"} in rules and {
        "allow": True,
        "type": "b",
        "major": 8,
        "access": "rw",
    } in rules
    assert [
        (node["path"], node["major"], node["minor"]) for node in document["linux"]["devices"]
    ] == [("/dev/nought", 1, 5)]
    for bad in ("/dev/does-not-exist", "/etc/passwd"):
        with pytest.raises(InvalidInput, match="devices"):
            config({"devices": [bad]})


def test_rlimits():
    found = config({"ulimits": ["nofile:10:20", "core:unlimited"]})["process"]["rlimits"]
    assert {"type": "RLIMIT_NOFILE", "soft": 10, "hard": 20} in found and {
        "type": "RLIMIT_CORE",
        "soft": 2**64 - 1,
        "hard": 2**64 - 1,
    } in found


@pytest.mark.parametrize(
    "params, has, has_not",
    [
        ({"capabilities": ["NET_ADMIN"]}, ["CAP_NET_ADMIN", "CAP_CHOWN"], ["CAP_SYS_ADMIN"]),
        ({"cap_drop": ["CHOWN"]}, ["CAP_KILL"], ["CAP_CHOWN"]),
        ({"cap_drop": ["ALL"], "capabilities": ["CHOWN"]}, ["CAP_CHOWN"], ["CAP_KILL"]),
        ({"cap_drop": ["ALL"]}, [], ["CAP_KILL", "CAP_CHOWN"]),
        ({"capabilities": ["ALL"], "cap_drop": ["KILL"]}, ["CAP_SYS_ADMIN"], ["CAP_KILL"]),
        ({"privileged": True}, ["CAP_SYS_ADMIN", "CAP_NET_ADMIN"], []),
    ],
)
def test_capabilities(params, has, has_not):
    found = confinement.capabilities(options.definition(params))
    assert set(has) <= set(found) and not set(has_not) & set(found)


def test_privileged():
    document = config({"privileged": True})
    linux = document["linux"]
    assert "seccomp" not in linux and linux["maskedPaths"] == [] == linux["readonlyPaths"]
    assert (
        linux["resources"]["devices"] == [{"allow": True, "access": "rwm"}]
        and "rw" in mount_at(document, "/sys")["options"]
    )
    paths = {node["path"] for node in linux["devices"]}
    assert (
        not any(path.startswith(("/dev/pts", "/dev/shm")) for path in paths)
        and "/dev/null" not in paths
    )
    assert all(os.path.exists(path) for path in paths)


def test_security_options():
    document = config(
        {"security_opts": ["no-new-privileges", "seccomp=unconfined", "systempaths=unconfined"]}
    )
    assert (
        document["process"]["noNewPrivileges"]
        and "seccomp" not in document["linux"]
        and document["linux"]["maskedPaths"] == []
    )


def test_docker_seccomp_profile_is_resolved():
    profile = {
        "defaultAction": "SCMP_ACT_ERRNO",
        "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
        "syscalls": [
            {"names": ["read"], "action": "SCMP_ACT_ALLOW"},
            {
                "names": ["mount"],
                "action": "SCMP_ACT_ALLOW",
                "includes": {"caps": ["CAP_SYS_ADMIN"]},
            },
            {
                "names": ["clone3"],
                "action": "SCMP_ACT_ERRNO",
                "errnoRet": 38,
                "excludes": {"caps": ["CAP_SYS_ADMIN"]},
            },
            {"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "4.8"}},
            {"names": ["future"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "9.0"}},
            {"names": ["arm"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["arm64"]}},
        ],
    }
    definition = options.definition({"security_opts": ["seccomp=" + json.dumps(profile)]})
    found = confinement.seccomp(definition, ["CAP_CHOWN"], (6, 1), "x86_64")
    assert found["architectures"] == ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]
    assert [rule["names"][0] for rule in found["syscalls"]] == [
        "read",
        "clone3",
        "ptrace",
    ] and found["syscalls"][1]["errnoRet"] == 38
    assert [
        rule["names"][0]
        for rule in confinement.seccomp(definition, ["CAP_SYS_ADMIN"], (4, 4), "x86_64")["syscalls"]
    ] == ["read", "mount"]


def test_run_document():
    definition = options.definition(
        {
            "restart_policy": "on-failure",
            "restart_retries": 3,
            "log_options": {"max-size": "1m", "max-file": 2},
            "init": True,
            "stop_timeout": 0,
            "healthcheck": {"test": "true"},
        }
    )
    record = {"id": IDENT, "name": "web", "image": "sha256:ab", "definition": definition}
    nothing = {"attachments": [], "ports": []}
    found = container_files.run_document(record, IMAGE, ["/l/2", "/l/1"], nothing, {})
    assert found["restart"] == {"policy": "on-failure", "retries": 3} and found["log"] == {
        "driver": "json-file",
        "max_size": 1 << 20,
        "max_file": 2,
        "compress": False,
        "buffer": None,
        "attributes": {},
    }
    assert (
        found["stop"] == {"signal": "SIGQUIT", "timeout": 0}
        and found["init"]
        and found["health"]["test"] == ["CMD-SHELL", "true"]
    )
    assert found["network"] == {"mode": "bridge", "attachments": [], "ports": []}
    record["definition"] = options.definition({"network_mode": "container:x"})
    joined = container_files.run_document(record, IMAGE, [], nothing, {"network": "n"})
    assert (
        joined["network"]["mode"] == "container:n"
        and joined["stop"]["timeout"] == 10
        and joined["restart"] == {"policy": "no", "retries": None}
    )


def test_user_namespace():
    maps = ([(0, 1000, 65536)], [(0, 2000, 65536)])
    document = config(
        {"volumes": ["/srv:/x"]},
        maps=maps,
        mounts=options.definition({"volumes": ["/srv:/x"]})["volumes"],
    )
    assert "user" in namespaces(document)
    assert document["linux"]["uidMappings"] == [{"containerID": 0, "hostID": 1000, "size": 65536}]
    assert document["linux"]["gidMappings"] == [{"containerID": 0, "hostID": 2000, "size": 65536}]
    assert (
        "ridmap" in mount_at(document, "/x")["options"]
        and "idmap" in mount_at(document, "/etc/hosts")["options"]
    )
    assert (
        document["linux"]["sysctl"]["net.ipv4.ping_group_range"] == "0 65535"
        and "gid=5" in mount_at(document, "/dev/pts")["options"]
    )
    assert not [
        option for entry in config()["mounts"] for option in entry["options"] if "idmap" in option
    ]
    joined = config({}, maps=maps, joins={"network": "other", "user": "other"})
    assert (
        "user" not in namespaces(joined)
        and "uidMappings" not in joined["linux"]
        and joined["annotations"]["org.pycontainer.join.user"] == "other"
    )
    few = config({}, maps=([(1, 5, 1)], [(1, 5, 1)]))
    assert (
        "gid=5" not in mount_at(few, "/dev/pts")["options"]
        and "net.ipv4.ping_group_range" not in few["linux"]["sysctl"]
    )
