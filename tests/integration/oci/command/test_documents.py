# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Foreign documents and words on the command line: a container, or one sentence without Python's words, and nothing left."""

from __future__ import annotations

import copy
import json
import os
import random
import subprocess

import pytest
from pycontainer.kernel import cgroups
from pycontainer.oci.command import main
from support import mutations

HUGE = "9" * 5000
MORE = {
    "hostname": "box",
    "annotations": {"key": "value"},
    "hooks": {
        "createRuntime": [{"path": "/bin/true", "args": ["true"], "env": ["A=b"], "timeout": 3}]
    },
}
PROCESS = {
    "user": {"uid": 0, "gid": 0, "umask": 18, "additionalGids": [1]},
    "capabilities": {kind: ["CAP_KILL"] for kind in ("bounding", "effective", "permitted")},
    "rlimits": [{"type": "RLIMIT_CORE", "soft": 1, "hard": 1}],
    "noNewPrivileges": True,
    "oomScoreAdj": 5,
    "consoleSize": {"height": 1, "width": 2},
    "scheduler": {"policy": "SCHED_OTHER", "nice": 1},
    "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 3},
}
LINUX = {
    "sysctl": {"net.ipv4.ip_forward": "1"},
    "maskedPaths": ["/proc/kcore"],
    "readonlyPaths": ["/proc/sys"],
    "rootfsPropagation": "private",
    "devices": [
        {
            "path": "/dev/null2",
            "type": "c",
            "major": 1,
            "minor": 3,
            "fileMode": 438,
            "uid": 0,
            "gid": 0,
        }
    ],
    "resources": {
        "memory": {"limit": 1 << 28, "swappiness": 1},
        "cpu": {"shares": 100, "quota": 10000, "period": 100000, "cpus": "0"},
        "pids": {"limit": 100},
        "devices": [
            {"allow": False, "access": "rwm"},
            {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rwm"},
        ],
    },
    "seccomp": {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}],
    },
}


def sentence(done):
    """What a call says, if it fails."""
    assert not mutations.PYTHON.search(done.stderr) and "unexpected error" not in done.stderr, done
    if done.returncode:
        assert done.stderr.splitlines()[-1].startswith("pycontainer-oci: "), done
    return done.stderr


def left():
    return [
        path
        for path in (mount + "/pycontainer-oci/c" for mount in cgroups.base_paths())
        if os.path.exists(path)
    ]


def create(runtime, bundle):
    """Its streams are the container's too: files, which nobody waits for the end of."""
    with open(bundle.path / "errors", "w+") as errors:
        done = runtime(
            "create", "--bundle", bundle.path, "c", stdout=subprocess.DEVNULL, stderr=errors
        )
        errors.seek(0)
        done.stderr = errors.read()
    return done


def test_create_with_another_value_somewhere(runtime, bundle):
    bundle.config.update(MORE)
    bundle.config["process"].update(PROCESS)
    bundle.config["linux"].update(LINUX)
    bundle.config["mounts"].append(
        {
            "destination": "/tmp",
            "type": "tmpfs",
            "source": "tmpfs",
            "options": ["size=1m", "mode=755"],
        }
    )
    bundle.save()
    assert create(runtime, bundle).returncode == 0
    runtime.ok("delete", "c")
    chance, made = random.Random(7), 0
    places = [
        path
        for path in mutations.places(bundle.config)
        if path and path != ("linux", "namespaces", 0)
    ]
    for _number in mutations.cases(60):
        config = copy.deepcopy(bundle.config)
        path = chance.choice(places)
        holder = config
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = chance.choice(mutations.ODD)
        if [
            entry["type"]
            for entry in config["linux"].get("namespaces") or ()
            if isinstance(entry, dict)
        ] != [entry["type"] for entry in bundle.config["linux"]["namespaces"]]:
            continue  # it would work on the host's own
        (bundle.path / "config.json").write_text(json.dumps(config))
        done = create(runtime, bundle)
        sentence(done)
        if not done.returncode:
            made += 1
            runtime.ok("delete", "--force", "c")
        assert os.listdir(runtime.root) == [] and left() == [], (path, done)
    assert made


def test_numbers_without_end_in_documents(runtime, bundle):
    for path, old in (("uid", '"uid": 0'), ("soft", '"soft": 1'), ("limit", '"limit": 1')):
        bundle.config["process"]["rlimits"] = [{"type": "RLIMIT_CORE", "soft": 1, "hard": 1}]
        bundle.config["linux"]["resources"] = {"pids": {"limit": 1}}
        bundle.save()
        text = (bundle.path / "config.json").read_text()
        for value in (HUGE, "1." + HUGE, "1e" + HUGE, "-" + HUGE):
            (bundle.path / "config.json").write_text(text.replace(old, f'"{path}": {value}'))
            assert "config.json" in sentence(runtime("create", "--bundle", bundle.path, "c"))
            assert os.listdir(runtime.root) == [] if os.path.exists(runtime.root) else True
    bundle.config["linux"].pop("resources")
    runtime.detached(bundle.save(), "c")
    (bundle.path / "other.json").write_text(
        '{"pids": {"limit": %s}, "args": ["true"], "cwd": "/", "user": {"uid": %s}}' % (HUGE, HUGE)
    )
    for words in (
        ("update", "--resources", bundle.path / "other.json", "c"),
        ("exec", "--process", bundle.path / "other.json", "c"),
    ):
        done = runtime(*words)
        assert done.returncode and "a number of 5000 digits" in sentence(done)


@pytest.mark.parametrize(
    "value",
    [HUGE, "-" + HUGE, "\u0663", "1e5", "", "x\ny", "0x10"],
    ids=["huge", "negative", "arabic", "float", "empty", "lines", "hex"],
)
def test_odd_words_for_every_option(runtime, bundle, tmp_path, value):
    """Each option that takes a value, with one that is none; what is taken does no harm."""
    runtime.detached(bundle, "c")
    endless = {"events", "run"}
    for command in main.COMMANDS:
        words = main.find(command).arguments
        for entry in main.find(command).options:
            name, equals, _kind = entry.partition("=")
            name = name.partition("|")[0]
            if (
                not equals
                or command in endless
                and name != "interval"
                or command in ("create", "restore", "spec", "checkpoint")
                and name
                not in (
                    "preserve-fds",
                    "status-fd",
                    "manage-cgroups-mode",
                    "empty-ns",
                    "page-server",
                )
            ):
                continue  # names of files
            call = (
                [command, f"--{name}={value}"]
                + (["c"] if words else [])
                + (["true"] if command == "exec" else [])
            )
            root = (
                ["--root", str(tmp_path / "nobody")]
                if command in ("events", "create", "restore", "checkpoint")
                else []
            )
            done = runtime(*root, *call, cwd=tmp_path)  # what takes a file's name makes it there
            sentence(done)
    sentence(runtime("kill", "c", value))
    sentence(runtime("state", value))
    assert runtime.state("c")["status"] == "running"
