# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundles over a root file system of busybox, run by driver.py."""

from __future__ import annotations

import json
import os
import pathlib
import secrets
import shutil
import subprocess
import sys

import pytest

BUSYBOX = "/bin/busybox"
DRIVER = str(pathlib.Path(__file__).parent / "driver.py")
SETS = ("bounding", "effective", "permitted", "inheritable", "ambient")


class Result:
    """What a bundle's run came to: ``code``, ``out``, ``err``, ``lines`` of the output."""

    def __init__(self, done):
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr
        self.lines = self.out.splitlines()

    def __repr__(self):
        return "exit code %d\n%s\n%s" % (self.code, self.out, self.err)


class Bundle:
    """A directory with ``config`` (to be changed before ``run``) and a root file system."""

    def __init__(self, directory):
        self.directory, self.root = str(directory), str(directory / "rootfs")
        for name in ("bin", "proc", "dev", "sys", "tmp", "etc"):
            os.makedirs(os.path.join(self.root, name))
        os.chmod(os.path.join(self.root, "tmp"), 0o1777)
        shutil.copy(BUSYBOX, os.path.join(self.root, "bin"))
        applets = subprocess.run(
            [BUSYBOX, "--list"], capture_output=True, text=True, check=True
        ).stdout.split()
        for applet in applets:
            if applet != "busybox":
                os.symlink("busybox", os.path.join(self.root, "bin", applet))
        self.config = {
            "ociVersion": "1.3.0",
            "root": {"path": "rootfs"},
            "process": {
                "user": {"uid": 0, "gid": 0},
                "args": ["true"],
                "env": ["PATH=/bin"],
                "cwd": "/",
                "capabilities": {
                    kind: ["CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_AUDIT_WRITE"]
                    for kind in SETS[:3]
                },
            },
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {
                    "destination": "/dev",
                    "type": "tmpfs",
                    "source": "tmpfs",
                    "options": ["nosuid", "mode=755"],
                },
            ],
            "linux": {
                "namespaces": [
                    {"type": kind} for kind in ("mount", "pid", "uts", "ipc", "network", "cgroup")
                ]
            },
        }

    @property
    def linux(self):
        return self.config["linux"]

    @property
    def process(self):
        return self.config["process"]

    def mount(self, destination, kind=None, source=None, *options, **more):
        self.config["mounts"].append(
            dict(
                {
                    key: value
                    for key, value in (
                        ("destination", destination),
                        ("type", kind),
                        ("source", source),
                        ("options", list(options)),
                    )
                    if value is not None
                },
                **more,
            )
        )

    def namespace(self, kind, path=None, remove=False):
        """Take away a namespace, or have one joined."""
        self.linux["namespaces"] = [
            entry for entry in self.linux["namespaces"] if entry["type"] != kind
        ]
        if not remove:
            self.linux["namespaces"].append({"type": kind, **({"path": path} if path else {})})

    def capabilities(self, *names, sets=SETS[:3]):
        self.process["capabilities"] = {kind: list(names) if kind in sets else [] for kind in SETS}

    def shell(self, script, **options):
        """Run a script in the container."""
        return self.run("sh", "-c", script, **options)

    def run(self, *args, stdin=None, env=None, exec=None):  # pylint: disable=redefined-builtin
        """Run the bundle. :param exec: a process object (or words) that is executed in it, while it runs ``sleep``."""
        if exec is not None:
            self.process["args"] = ["sleep", "100"]
            further = exec if isinstance(exec, dict) else dict(self.process, args=list(exec))
            env = dict(env or {}, EXEC=json.dumps(further))
        elif args:
            self.process["args"] = list(args)
        with open(os.path.join(self.directory, "config.json"), "w", encoding="utf-8") as file:
            json.dump(self.config, file)
        done = subprocess.run(
            [sys.executable, DRIVER, self.directory, "oci-test-" + secrets.token_hex(8)],
            input=stdin,
            capture_output=True,
            text=True,
            env=dict(os.environ, **(env or {})),
            timeout=120,
            check=False,
        )
        return Result(done)

    def refused(self, *words):
        """Run it and see that it is refused before anything starts, with all these words in the sentence."""
        result = self.run()
        assert result.code == 125, result
        for word in words:
            assert word in result.err, result
        return result


@pytest.fixture
def bundle(tmp_path):
    return Bundle(tmp_path)
