# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""config.json by the thousand, another value at every place: made into steps, or refused in one sentence that any reader of the specification can follow."""

from __future__ import annotations

import copy
import json
import os

from pycontainer import json_text
from pycontainer.errors import EngineError
from pycontainer.oci.command import bundle_launch
from pycontainer.oci.command.states import Container
from pycontainer.oci.spec import schema
from support import mutations

IDS = [{"containerID": 0, "hostID": 100000, "size": 65536}]
RATE = [{"major": 8, "minor": 0, "rate": 5}]
HOOK = [{"path": "/hook", "args": ["hook"], "env": ["A=b"], "timeout": 3}]
SETS = ("bounding", "effective", "permitted", "inheritable", "ambient")
CONFIG = {
    "ociVersion": "1.3.0",
    "root": {"path": "rootfs", "readonly": True},
    "hostname": "box",
    "domainname": "place",
    "annotations": {"key": "value"},
    "hooks": dict.fromkeys(("prestart", "poststop"), HOOK),
    "mounts": [
        {
            "destination": "/x",
            "type": "bind",
            "source": "/etc",
            "options": ["rbind", "ro", "nosuid", "rprivate"],
        },
        {
            "destination": "/y",
            "type": "bind",
            "source": "/etc",
            "options": ["bind", "idmap=uids=0-1-10;gids=0-1-10"],
        },
        {
            "destination": "/z",
            "type": "bind",
            "source": "/etc",
            "options": ["bind"],
            "uidMappings": IDS,
            "gidMappings": IDS,
        },
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {
            "destination": "/tmp",
            "type": "tmpfs",
            "source": "tmpfs",
            "options": ["size=1m", "mode=755", "tmpcopyup"],
        },
        {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro"]},
    ],
    "process": {
        "terminal": False,
        "consoleSize": {"height": 1, "width": 2},
        "user": {"uid": 0, "gid": 0, "umask": 18, "additionalGids": [1]},
        "args": ["sh", "-c", "x"],
        "env": ["A=b"],
        "cwd": "/",
        "capabilities": {kind: ["CAP_KILL"] for kind in SETS},
        "rlimits": [{"type": "RLIMIT_CORE", "soft": 1, "hard": 1}],
        "noNewPrivileges": True,
        "oomScoreAdj": -5,
        "scheduler": {
            "policy": "SCHED_OTHER",
            "nice": -1,
            "priority": 0,
            "flags": ["SCHED_FLAG_RESET_ON_FORK"],
        },
        "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 3},
        "execCPUAffinity": {"initial": "0", "final": "0-1"},
    },
    "linux": {
        "namespaces": [
            {"type": kind}
            for kind in ("mount", "pid", "ipc", "uts", "network", "time", "user", "cgroup")
        ],
        "uidMappings": IDS,
        "gidMappings": IDS,
        "cgroupsPath": "/x/y",
        "timeOffsets": {"monotonic": {"secs": 1, "nanosecs": 2}},
        "sysctl": {"net.ipv4.ip_forward": "1", "kernel.shmmax": "5"},
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
            "memory": {
                "limit": 1 << 24,
                "reservation": 1 << 20,
                "swap": -1,
                "swappiness": 1,
                "checkBeforeUpdate": True,
            },
            "cpu": {
                "shares": 2,
                "quota": -1,
                "period": 100000,
                "cpus": "0",
                "mems": "0",
                "idle": 0,
            },
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
            "devices": [
                {"allow": False, "access": "rwm"},
                {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rwm"},
            ],
        },
        "seccomp": {
            "defaultAction": "SCMP_ACT_ALLOW",
            "architectures": ["SCMP_ARCH_X86_64"],
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
                },
                {"names": ["chmod"], "action": "SCMP_ACT_NOTIFY"},
            ],
        },
        "rootfsPropagation": "private",
        "maskedPaths": ["/a"],
        "readonlyPaths": ["/b"],
        "personality": {"domain": "LINUX", "flags": []},
        "memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]},
    },
}
OPTIONS = {"no-new-keyring": False, "no-pivot": False, "preserve-fds": 0}


class Ugly(Exception):
    """A sentence that is none."""


def read(data):
    """All that is looked at before the host is."""
    dummy_text, config = json_text.parse(data, "/bundle/config.json", bundle_launch.Unsupported)
    schema.check(config)
    site = bundle_launch.BundleSite(Container("/nowhere", "c"), "/bundle", config, OPTIONS, True)
    made = bundle_launch.prepare(site, config, OPTIONS)
    made.read_rights()
    if made.mounts:
        made.document.private("mount")
    from pycontainer.kernel import cgroups

    cgroups.places(made.document.linux.get("cgroupsPath"), "c")
    return made


def told(attempt):
    """``attempt``, and a look at what it says."""
    try:
        return attempt()
    except EngineError as error:
        text = str(error)
        if "\n" in text or not text or mutations.PYTHON.search(text):
            raise Ugly(text) from None
        raise


def test_the_good_one_is_read():
    made = read(json.dumps(CONFIG).encode())
    assert len(made.mounts) == len(CONFIG["mounts"])


def test_another_value_at_every_place():
    """Each field with each odd value, one at a time."""
    tried = [
        (path, value)
        for path in mutations.places(CONFIG)
        if path
        for value in mutations.ODD + (10**18, "x\n", "=", ",", "-", "0-", "a" * 5000)
    ]

    def attempt(number):
        path, value = tried[number]
        config = copy.deepcopy(CONFIG)
        holder = config
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = value
        try:
            told(lambda: read(json.dumps(config).encode()))
        except EngineError:
            raise
        except Exception as error:
            error.args = ("%s = %.60r: %s" % (path, value, error),)
            raise

    wrong, fine = outcomes(len(tried), attempt)
    assert not wrong and fine, "\n".join(wrong)


def outcomes(count, attempt):
    """mutations.outcomes for numbered cases, without its bounds: none of these can hang."""
    wrong, fine = [], 0
    for number in range(count):
        try:
            attempt(number)
            fine += 1
        except EngineError:
            pass
        except Exception as error:  # pylint: disable=broad-except  # that is what is looked for
            trace = error.__traceback__
            while trace.tb_next is not None:
                trace = trace.tb_next
            wrong.append(
                "%s:%d %s: %s"
                % (
                    os.path.basename(trace.tb_frame.f_code.co_filename),
                    trace.tb_lineno,
                    type(error).__name__,
                    ascii(str(error))[:300],
                )
            )
    return wrong, fine


def test_damaged_ones():
    def attempt(chance):
        told(lambda: read(mutations.document(chance, CONFIG)))

    wrong, fine = mutations.outcomes(mutations.cases(1000), attempt, EngineError)
    assert not wrong and fine, "\n".join(wrong)
