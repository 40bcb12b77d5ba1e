# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""podman and docker with the runtime below them: cases of podman_cases.py and docker_cases.py, each in a process of its own.

The engine's storage is made once for each runtime, below /var/tmp; the image is one static busybox.
"""

from __future__ import annotations

import importlib
import os
import pathlib
import shutil
import sys
import tempfile

import runc_suite
import sources
from isolation import Cage, mounts

TIMEOUT = 120
CASES = pathlib.Path(__file__).parent


class Suite:
    module = None  # the cases' file
    program = None  # what must be installed
    cgroups = None  # how its cgroups are called

    def __init__(self):
        if not shutil.which(self.program):
            raise sources.Unavailable(f"{self.program} is not installed")
        self.image = sources.CACHE / "busybox.tar.xz"
        if not self.image.exists():
            sources.CACHE.mkdir(parents=True, exist_ok=True)
            runc_suite.make_busybox(self.image)
        self.cases = importlib.import_module(self.module)
        self.cage = Cage(self.cgroups)
        self.scratch = None
        self.engine = None
        self.mounts = []

    def tests(self):
        return [(self.module.replace("_cases", ""), name) for name in self.cases.CASES]

    def set_up(self, runtime):
        """Make the engine anew for a runtime: storage, configuration, image."""
        self.close()
        self.mounts = mounts()
        self.scratch = tempfile.mkdtemp(prefix="conf-", dir="/var/tmp")
        os.chmod(self.scratch, 0o755)
        self.engine = self.cases.Engine(self.scratch, runtime)
        self.engine.up(self.image)
        self.cage.spare = self.engine.processes()

    def run(self, test, runtime):
        """:returns: ``("pass" | "fail" | "skip" | "timeout", output)``"""
        if self.engine is None or self.engine.runtime != runtime.path:
            self.set_up(runtime.path)
        code, output = self.cage.run(
            [sys.executable, CASES / (self.module + ".py"), self.scratch, runtime.path, test[1]],
            TIMEOUT,
            cwd=self.scratch,
        )
        self.engine.clear()
        return ("timeout" if code is None else {0: "pass", 77: "skip"}.get(code, "fail")), output

    def close(self):
        if self.engine is not None:
            self.cage.spare = ()
            self.engine.down()
            self.cage.clean(self.mounts)
            shutil.rmtree(self.scratch, ignore_errors=True)
            self.engine = None
