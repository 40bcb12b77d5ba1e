# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Created containers without the code that creates them: directories with config.json and run.json over a busybox layer."""

from __future__ import annotations

import copy
import json
import os
import secrets
import shutil
import subprocess

import pytest
from support import waiting

BUSYBOX = "/bin/busybox"
MOUNTS = [
    {
        "destination": "/proc",
        "type": "proc",
        "source": "proc",
        "options": ["nosuid", "noexec", "nodev"],
    },
    {
        "destination": "/dev",
        "type": "tmpfs",
        "source": "tmpfs",
        "options": ["nosuid", "strictatime", "mode=755", "size=65536k"],
    },
    {
        "destination": "/dev/pts",
        "type": "devpts",
        "source": "devpts",
        "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
    },
    {
        "destination": "/sys",
        "type": "sysfs",
        "source": "sysfs",
        "options": ["nosuid", "noexec", "nodev", "ro"],
    },
    {
        "destination": "/sys/fs/cgroup",
        "type": "cgroup",
        "source": "cgroup",
        "options": ["ro", "nosuid", "noexec", "nodev"],
    },
    {
        "destination": "/dev/mqueue",
        "type": "mqueue",
        "source": "mqueue",
        "options": ["nosuid", "noexec", "nodev"],
    },
    {
        "destination": "/dev/shm",
        "type": "tmpfs",
        "source": "shm",
        "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
    },
]
CAPABILITIES = [
    "CAP_" + name
    for name in (
        "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP "
        "NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE"
    ).split()
]


def config(args):
    from pycontainer.kernel.processes import procfs
    from pycontainer.kernel.seccomp import default_profile

    sets = dict.fromkeys(("bounding", "effective", "permitted"), CAPABILITIES)
    return {
        "ociVersion": "1.2.0",
        "root": {"path": "rootfs", "readonly": False},
        "hostname": "box",
        "process": {
            "terminal": False,
            "user": {"uid": 0, "gid": 0},
            "args": list(args),
            "env": ["PATH=/usr/bin:/bin", "A=1"],
            "cwd": "/",
            "capabilities": dict(sets, inheritable=[], ambient=[]),
            "rlimits": [],
            "noNewPrivileges": False,
            "oomScoreAdj": 0,
        },
        "mounts": copy.deepcopy(MOUNTS),
        "linux": {
            "namespaces": [
                {"type": kind} for kind in ("mount", "network", "uts", "pid", "ipc", "cgroup")
            ],
            "resources": {
                "devices": [{"allow": False, "access": "rwm"}]
                + [
                    {"allow": True, "type": "c", "major": major, "minor": minor, "access": "rwm"}
                    for major, minor in (
                        (1, 3),
                        (1, 5),
                        (1, 7),
                        (1, 8),
                        (1, 9),
                        (5, 0),
                        (5, 1),
                        (5, 2),
                    )
                ]
                + [{"allow": True, "type": "c", "major": 136, "access": "rwm"}]
            },
            "seccomp": default_profile.default_profile(CAPABILITIES, procfs.kernel_version()),
            "maskedPaths": [
                "/proc/kcore",
                "/proc/keys",
                "/proc/timer_list",
                "/sys/firmware",
                "/proc/scsi",
            ],
            "readonlyPaths": [
                "/proc/bus",
                "/proc/fs",
                "/proc/irq",
                "/proc/sys",
                "/proc/sysrq-trigger",
            ],
        },
        "annotations": {},
    }


def run_json(ident, layer):
    return {
        "id": ident,
        "name": ident[:8],
        "layers": [layer],
        "network": {"mode": "none", "attachments": [], "ports": []},
        "log": {"driver": "json-file", "max_size": None, "max_file": 1},
        "restart": {"policy": "no", "retries": None},
        "health": None,
        "stop": {"signal": "SIGTERM", "timeout": 10},
        "init": False,
        "tty": False,
        "interactive": False,
        "auto_remove": False,
    }


class Box:
    """One created container. ``config`` and ``run`` may be changed until ``start``."""

    def __init__(self, boxes, args):
        self.paths, self.ident = boxes.paths, secrets.token_hex(32)
        self.config, self.run = config(args), run_json(self.ident, boxes.layer)
        self.directory = self.paths.container(self.ident)
        for name in ("upper", "work"):
            os.makedirs(os.path.join(self.directory, name))

    def write(self):
        for name, content in (("config.json", self.config), ("run.json", self.run)):
            with open(os.path.join(self.directory, name), "w") as file:
                json.dump(content, file)

    def start(self):
        from pycontainer.containers.client import zygote_client
        from pycontainer.errors import ContainerFailed

        self.write()
        answer = zygote_client.start(self.paths, [self.ident])[self.ident]
        if "error" in answer:
            raise ContainerFailed(answer["error"], exit_code=answer.get("exit_code"))
        return answer["pid"]

    def stop(self, **options):
        from pycontainer.containers.client import monitor_client

        return monitor_client.stop(self.paths, [self.ident], **options)[self.ident]

    def wait(self, timeout=20):
        from pycontainer.containers.client import monitor_client

        return monitor_client.wait(self.paths, [self.ident], timeout)[self.ident]

    def execute(self, *argv, detach=False, **options):
        from pycontainer.containers.access import exec_client

        if detach:
            return {"pid": exec_client.start(self.paths, self.ident, argv, **options).pid}
        return exec_client.run(self.paths, self.ident, list(argv), **options)

    @property
    def state(self):
        from pycontainer.containers.records import status

        return status.now(self.paths, self.ident)

    def log(self, **options):
        from pycontainer.containers.view import logs

        return "".join(entry["log"] for entry in logs.read(self.paths, self.ident, **options))

    def output(self):
        """Start, wait for the end, and what it wrote."""
        self.start()
        self.wait()
        return self.log()


class Boxes:
    """Makes containers; the layer holds busybox and what a test adds to it."""

    def __init__(self, paths):
        self.paths, self.made = paths, []
        self.layer = os.path.join(paths.layers, "1")
        for name in ("bin", "etc", "proc", "sys", "dev", "tmp", "usr/bin", "root", "home"):
            os.makedirs(os.path.join(self.layer, name))
        os.chmod(os.path.join(self.layer, "tmp"), 0o1777)
        shutil.copy(BUSYBOX, os.path.join(self.layer, "bin"))
        for applet in subprocess.run(
            [BUSYBOX, "--list"], stdout=subprocess.PIPE, text=True, check=True
        ).stdout.split():
            if applet != "busybox":
                os.symlink("busybox", os.path.join(self.layer, "bin", applet))
        self.file(
            "etc/passwd", "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n"
        )
        self.file("etc/group", "root:x:0:\nuser:x:1000:\naudio:x:29:user\n")

    def file(self, name, content, mode=0o644):
        path = os.path.join(self.layer, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(content)
        os.chmod(path, mode)
        return path

    def __call__(self, *args):
        box = Box(self, args)
        self.made.append(box)
        return box

    def shell(self, script):
        return self("/bin/sh", "-c", script)


@pytest.fixture
def boxes(scratch):
    from pycontainer.containers.client import monitor_client, zygote_client
    from pycontainer.containers.lifecycle import cleanup
    from pycontainer.containers.records import run_state as state
    from pycontainer.store.paths import Paths

    paths = Paths(*scratch)
    paths.make()
    made = Boxes(paths)
    yield made
    idents = [box.ident for box in made.made]
    running = [
        ident
        for ident in idents
        if state.monitored(paths, ident) or state.alive(state.read(paths, ident))
    ]
    if running:
        monitor_client.stop(paths, running, timeout=0)
    for ident in idents:
        cleanup.take_down(paths, ident)
    zygote_client.retire(paths)


@pytest.fixture
def eventually():
    return waiting.eventually
