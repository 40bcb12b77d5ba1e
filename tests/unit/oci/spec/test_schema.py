# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A field of another form than the specification's is refused by its name, wherever it is, and never a defect of ours."""

from __future__ import annotations

import json

import pytest
from pycontainer.errors import Unsupported
from pycontainer.oci.spec import schema

IDS = [{"containerID": 0, "hostID": 1000, "size": 10}]
RATE = [{"major": 8, "minor": 0, "rate": 5}]
WHOLE = {
    "ociVersion": "1.3.0",
    "root": {"path": "rootfs", "readonly": True},
    "hostname": "box",
    "domainname": "place",
    "annotations": {"key": "value"},
    "hooks": {
        "prestart": [{"path": "/hook", "args": ["hook"], "env": ["A=b"], "timeout": 3}],
        "poststop": [{"path": "/hook"}],
    },
    "mounts": [
        {
            "destination": "/x",
            "type": "bind",
            "source": "/etc",
            "options": ["bind"],
            "uidMappings": IDS,
            "gidMappings": IDS,
        }
    ],
    "process": {
        "terminal": False,
        "consoleSize": {"height": 1, "width": 2},
        "user": {"uid": 0, "gid": 0, "umask": 18, "additionalGids": [1]},
        "env": ["A=b"],
        "cwd": "/",
        "capabilities": {"bounding": ["CAP_KILL"]},
        "rlimits": [{"type": "RLIMIT_CORE", "soft": 1, "hard": 1}],
        "noNewPrivileges": True,
        "oomScoreAdj": -5,
        "scheduler": {"policy": "SCHED_OTHER", "nice": -1, "flags": ["SCHED_FLAG_RESET_ON_FORK"]},
        "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 3},
        "execCPUAffinity": {"initial": "0", "final": "0"},
        "apparmorProfile": "",
    },
    "linux": {
        "namespaces": [{"type": "mount"}, {"type": "ipc", "path": "/ipc"}],
        "uidMappings": IDS,
        "gidMappings": IDS,
        "cgroupsPath": "/x",
        "timeOffsets": {"monotonic": {"secs": -1, "nanosecs": 2}},
        "sysctl": {"net.ipv4.ip_forward": "1"},
        "netDevices": {"eth0": {"name": "eth1"}},
        "devices": [
            {
                "path": "/dev/fuse",
                "type": "c",
                "major": 10,
                "minor": 229,
                "fileMode": 438,
                "uid": 0,
                "gid": 0,
            }
        ],
        "resources": {
            "memory": {"limit": -1, "swappiness": 1, "checkBeforeUpdate": True},
            "cpu": {"shares": 1, "quota": -1, "cpus": "0"},
            "pids": {"limit": 1},
            "blockIO": {
                "weight": 10,
                "weightDevice": [{"major": 8, "minor": 0, "weight": 10}],
                "throttleReadBpsDevice": RATE,
            },
            "hugepageLimits": [{"pageSize": "2MB", "limit": 1}],
            "network": {"classID": 1, "priorities": [{"name": "lo", "priority": 1}]},
            "rdma": {"mlx": {"hcaHandles": 1}},
            "unified": {"memory.max": "1"},
            "devices": [{"allow": False, "access": "rwm"}],
        },
        "seccomp": {
            "defaultAction": "SCMP_ACT_ALLOW",
            "architectures": ["SCMP_ARCH_X86"],
            "flags": ["SECCOMP_FILTER_FLAG_LOG"],
            "listenerPath": "/agent",
            "listenerMetadata": "text",
            "syscalls": [
                {
                    "names": ["mkdir"],
                    "action": "SCMP_ACT_ERRNO",
                    "errnoRet": 1,
                    "args": [
                        {"index": 1, "value": 2**63, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}
                    ],
                }
            ],
        },
        "rootfsPropagation": "private",
        "maskedPaths": ["/a"],
        "readonlyPaths": ["/b"],
        "mountLabel": "x",
        "personality": {"domain": "LINUX"},
        "intelRdt": {"closID": "a", "schemata": ["L3:0=f"], "enableMonitoring": True},
        "memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]},
    },
}
NEEDED = (
    "ociVersion",
    "root",
    "root.path",
    "process",
    "process.cwd",
    "mounts[0].destination",
    "hooks.prestart[0].path",
    "process.rlimits[0].type",
    "process.rlimits[0].soft",
    "process.rlimits[0].hard",
    "linux.namespaces[1].type",
    "linux.uidMappings[0].size",
    "linux.devices[0].path",
    "linux.personality.domain",
    "linux.resources.devices[0].allow",
    "linux.resources.hugepageLimits[0].limit",
)


def fields(value, above=()):
    """The paths of all that is in a document."""
    for key in (
        value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    ):
        yield above + (key,)
        yield from fields(value[key], above + (key,))


def name(path):
    return "".join("[%d]" % key if isinstance(key, int) else "." + key for key in path)[1:]


def changed(path, *value):
    """A copy with another value there; without one, without it."""
    config = json.loads(json.dumps(WHOLE))
    inside = config
    for key in path[:-1]:
        inside = inside[key]
    if value:
        inside[path[-1]] = value[0]
    else:
        del inside[path[-1]]
    return config


def test_a_document_of_the_specifications_form():
    config = json.loads(json.dumps(WHOLE))
    schema.check(config)
    assert config == WHOLE
    config.update({"new": {"a": 1}, "linux": {"new": 3}})
    schema.check(config)


@pytest.mark.parametrize("wrong", ("text", 7, 1.5, True, ["text"], {"text": 7}, 2**64), ids=repr)
def test_another_form_is_refused_by_its_name(wrong):
    for path in fields(WHOLE):
        there = WHOLE
        for key in path:
            there = there[key]
        if (
            isinstance(there, type(wrong))
            and isinstance(there, bool) == isinstance(wrong, bool)
            and wrong != 2**64
        ):
            continue  # of the right form, or wrong further inside
        with pytest.raises(Unsupported) as caught:
            schema.check(changed(path, wrong))
        assert str(caught.value).startswith(f"config.json: {name(path)}: "), path


def test_what_is_needed_is_missed_by_its_name():
    missed = []
    for path in fields(WHOLE):
        if isinstance(path[-1], int):
            continue
        for config in (changed(path), changed(path, None)):
            try:
                schema.check(config)
            except Unsupported as error:
                assert str(error).startswith(f"config.json: {name(path)}: it is missing; needed: ")
                missed.append(name(path))
    assert set(NEEDED) <= set(missed) and all(missed.count(one) == 2 for one in missed)
    assert not {"linux", "mounts", "hooks", "process.user", "linux.resources"} & set(
        missed
    )  # some of them by their readers


def test_a_process_by_itself():
    schema.check_process(dict(WHOLE["process"]))
    with pytest.raises(Unsupported, match='process: env: "A=b" is not valid; accepted: a list'):
        schema.check_process(dict(WHOLE["process"], env="A=b"))


def test_a_filter_says_what_it_does_with_all_other_calls():
    document = json.loads(json.dumps(WHOLE))
    del document["linux"]["seccomp"]["defaultAction"]
    with pytest.raises(Unsupported, match="linux.seccomp.defaultAction: it is missing; needed: "):
        schema.check(document)
