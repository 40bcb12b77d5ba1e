# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""crun's own tests (Debian's source package crun): Python programs that speak TAP, one helper in C as process 1."""

from __future__ import annotations

import pathlib
import re
import shutil
import subprocess
import sys

import sources
from isolation import Cage

PYTHON = shutil.which("python3", path="/usr/bin") or sys.executable
TIMEOUT = 60
ENVIRONMENT = {
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONPATH": str(pathlib.Path(__file__).parent / "standins"),
}

# runc has neither --cgroup-manager nor --config: it gets these tests without them, where they say what it does anyway.
TRANSLATE = """\
#!%s
import os, sys

words, kept = sys.argv[1:], []
while words:
    word = words.pop(0)
    if word == "--cgroup-manager" and words[0] == "cgroupfs" or word == "--config" and words[0] == "config.json":
        words.pop(0)
    else:
        kept.append(word)
os.execv(%r, [%r] + kept)
"""


def five_digits():
    """One test (exec_write_pid_file) takes only a pid of five digits for a pid."""
    last = pathlib.Path("/proc/sys/kernel/ns_last_pid")
    if int(last.read_text()) < 10000:
        last.write_text("10000")


class Suite:
    def __init__(self):
        self.top = sources.source("crun")
        self.init = self.top / "tests" / "init"
        if not self.init.exists():
            include = sources.CACHE / "include"
            include.mkdir(exist_ok=True)
            (include / "config.h").write_text("#define HAVE_SECCOMP 1\n#define HAVE_ERROR_H 1\n")
            sources.run(
                "gcc",
                "-D_GNU_SOURCE",
                "-w",
                "-I",
                include,
                "-static",
                "-o",
                self.init,
                self.init.with_suffix(".c"),
            )
        self.cage = Cage(r"^(test-|crun-|libpod-)?tmp.{8}(\.scope)?$|^test-tmp")

    def tests(self):
        """``(file, name)`` of every test."""
        found = []
        for path in sorted(self.top.glob("tests/test_*.py")):
            listing = subprocess.run(
                [PYTHON, "-c", f"import {path.stem} as it; print('\\n'.join(it.all_tests))"],
                cwd=path.parent,
                stdout=subprocess.PIPE,
                text=True,
                check=True,
                env=ENVIRONMENT,
            ).stdout
            found += [(path.stem, name) for name in listing.split()]
        return found

    def command(self, runtime):
        if runtime.kind != "runc":
            return runtime.path
        wrapper = sources.CACHE / "runc-for-crun"
        wrapper.write_text(TRANSLATE % (PYTHON, runtime.path, runtime.path))
        wrapper.chmod(0o755)
        return wrapper

    def run(self, test, runtime):
        """:returns: ``("pass" | "fail" | "skip" | "timeout", output)``"""
        file, name = test
        five_digits()
        code, output = self.cage.run(
            [PYTHON, f"tests/{file}.py"],
            TIMEOUT,
            cwd=self.top,
            terminal=file == "test_tty",
            env={
                **ENVIRONMENT,
                "OCI_RUNTIME": str(self.command(runtime)),
                "INIT": str(self.init),
                "RUN_TESTS": name,
            },
        )
        for directory in self.top.glob(".testsuite-run-*"):
            shutil.rmtree(directory, ignore_errors=True)
        if code is None:
            return "timeout", output
        verdict = re.search(r"(?m)(not )?ok 1 - (?:.*?)( ?#SKIP.*)?$", output)
        if verdict is None or verdict[1] or code:
            return "fail", output
        return "skip" if verdict[2] else "pass", output

    def close(self):
        pass
