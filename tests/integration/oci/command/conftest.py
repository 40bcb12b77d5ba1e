# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundles of a static busybox, and the OCI runtime command run on them with a ``--root`` of each test's own."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess

import pytest
from support import laid_down

CHECKOUT = pathlib.Path(__file__).resolve().parents[4]
COMMAND = laid_down.oci_command()
BUSYBOX = next(
    (path for path in ("/bin/busybox", "/usr/bin/busybox") if os.path.exists(path)), None
)
APPLETS = (
    "sh",
    "true",
    "sleep",
    "cat",
    "echo",
    "ls",
    "id",
    "kill",
    "env",
    "readlink",
    "stty",
    "tty",
    "touch",
    "pwd",
    "trap",
    "ps",
    "seq",
    "cp",
    "ip",
    "mkdir",
    "mount",
    "unshare",
    "head",
    "wc",
    "test",
    "rm",
    "ln",
)


class Bundle:
    """One bundle. ``config``: its document, written at each ``save``."""

    def __init__(self, path):
        self.path, self.rootfs = path, path / "rootfs"
        for name in ("bin", "proc", "sys", "dev", "etc", "tmp", "root"):
            (self.rootfs / name).mkdir(parents=True)
        shutil.copy(BUSYBOX, self.rootfs / "bin" / "busybox")
        for name in APPLETS:
            (self.rootfs / "bin" / name).symlink_to("busybox")
        self.config = {
            "ociVersion": "1.0.2",
            "process": {
                "args": ["sleep", "1000"],
                "cwd": "/",
                "env": ["PATH=/bin"],
                "user": {"uid": 0, "gid": 0},
            },
            "root": {"path": "rootfs"},
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {
                    "destination": "/dev",
                    "type": "tmpfs",
                    "source": "tmpfs",
                    "options": ["nosuid", "mode=755", "size=65536k"],
                },
                {
                    "destination": "/dev/pts",
                    "type": "devpts",
                    "source": "devpts",
                    "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"],
                },
            ],
            "linux": {
                "namespaces": [{"type": kind} for kind in ("mount", "pid", "uts", "ipc", "network")]
            },
        }
        self.save()

    def save(self, **process):
        """Write the document, with these changes to its ``process``."""
        self.config["process"].update(process)
        (self.path / "config.json").write_text(json.dumps(self.config))
        return self

    def shell(self, script):
        return self.save(args=["sh", "-c", script])


class Runtime:
    """The command with a root of its own."""

    def __init__(self, root):
        self.root = str(root)

    def argv(self, *words):
        return [COMMAND, "--root", self.root, *map(str, words)]

    def __call__(self, *words, stdin=subprocess.DEVNULL, **options):
        """Run it: a CompletedProcess with text in stdout and stderr."""
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        return subprocess.run(
            self.argv(*words), stdin=stdin, text=True, timeout=120, check=False, **options
        )

    def ok(self, *words, **options):
        """Run it, see that it succeeds, and return what it prints."""
        done = self(*words, **options)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def fails(self, *words, **options):
        """Run it, see that it fails with one line, and return that."""
        done = self(*words, **options)
        assert done.returncode != 0
        assert done.stderr.count("\n") == 1 and done.stderr.startswith("pycontainer-oci: "), (
            done.stderr
        )
        return done.stderr

    def state(self, ident):
        return json.loads(self.ok("state", ident))

    def detached(self, bundle, ident, *options):
        """``run --detach``; its output goes to <bundle>/output."""
        with open(bundle.path / "output", "w") as output:
            done = self(
                "run",
                "--detach",
                *options,
                "--bundle",
                bundle.path,
                ident,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        assert done.returncode == 0, (bundle.path / "output").read_text()


@pytest.fixture
def runtime(tmp_path):
    if BUSYBOX is None:
        pytest.skip("needs a static busybox")
    found = Runtime(tmp_path / "root")
    yield found
    if os.path.isdir(found.root):
        for ident in os.listdir(found.root):
            found("delete", "--force", ident)
        assert os.listdir(found.root) == []


@pytest.fixture
def bundle(tmp_path, runtime):  # pylint: disable=redefined-outer-name # after the runtime, so that it goes first
    return Bundle(tmp_path / "bundle")
