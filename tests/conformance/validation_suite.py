# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The validation programs of opencontainers/runtime-tools: Go, TAP, one program a subject with many assertions.

Debian does not ship them, so this suite runs only where the variable RUNTIME_TOOLS names a checkout (with its vendor directory).
"""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import tempfile

import sources
from isolation import Cage

TIMEOUT = 120


class Suite:
    def __init__(self):
        checkout = os.environ.get("RUNTIME_TOOLS")
        if not checkout:
            raise sources.Unavailable(
                "RUNTIME_TOOLS names no checkout of opencontainers/runtime-tools"
            )
        self.top = pathlib.Path(checkout)
        self.built = sources.CACHE / "validation"
        self.built.mkdir(parents=True, exist_ok=True)
        environment = dict(
            os.environ, GOFLAGS="-mod=vendor -buildvcs=false", CGO_ENABLED="0", HOME="/root"
        )
        for name in self.programs() + ["runtimetest"]:
            if not (self.built / name).exists():
                package = "./cmd/runtimetest" if name == "runtimetest" else "./validation/" + name
                sources.run(
                    "go", "build", "-o", self.built / name, package, cwd=self.top, env=environment
                )
        for archive in self.top.glob("rootfs-*.tar.gz"):
            shutil.copy(archive, self.built)
        self.cage = Cage(
            r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-|^cgrouptest$|^testdir$|^testcgroup|^runtime-tools"
        )

    def programs(self):
        return sorted(
            path.parent.name
            for path in self.top.glob("validation/*/*.go")
            if path.parent.name != "util"
        )

    def tests(self):
        return [("validation", name) for name in self.programs()]

    def run(self, test, runtime):
        """:returns: ``("pass" | "fail" | "skip" | "timeout", output)``"""
        with tempfile.TemporaryDirectory(prefix="conf-", dir="/var/tmp") as scratch:
            os.chmod(scratch, 0o755)
            wrapper = pathlib.Path(scratch, "runtime")
            wrapper.write_text(f'#!/bin/sh\nexec {runtime.path} --root {scratch}/state "$@"\n')
            wrapper.chmod(0o755)
            code, output = self.cage.run(
                [self.built / test[1]],
                TIMEOUT,
                cwd=self.built,
                env={"RUNTIME": str(wrapper), "TMPDIR": scratch},
            )
        if code is None:
            return "timeout", output
        parts = self.parts(output)
        if code or not parts or "fail" in parts.values():
            return "fail", output
        return "pass" if "pass" in parts.values() else "skip", output

    def parts(self, output):
        """The assertions in a program's output: ``{text: status}``; one that stands there twice passes when both do."""
        found = {}
        for wrong, number, text in re.findall(r"(?m)^(not )?ok (\d+) ?-? ?(.*)$", output):
            status = "fail" if wrong else "skip" if "# SKIP" in text.upper() else "pass"
            text = (
                re.sub(
                    r" *# *SKIP.*",
                    "",
                    re.sub(
                        r"/var/tmp/conf-\S*|/proc/\d+|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]*",
                        "...",
                        text,
                    ),
                    flags=re.IGNORECASE,
                )
                or number
            )
            found[text] = "fail" if "fail" in (status, found.get(text)) else status
        return found

    def close(self):
        pass
