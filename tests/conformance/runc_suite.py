# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""runc's integration tests (Debian's source package runc): bats files, three helpers in Go, two root file systems.

The root file systems that the tests would download are made here under the same names: busybox of Debian's busybox-static,
debian by mmdebstrap.
"""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import sources
from isolation import Cage

TIMEOUT = 120
GO = {
    "GO111MODULE": "off",
    "GOPATH": "/usr/share/gocode",
    "GOFLAGS": "-buildvcs=false",
    "HOME": "/root",
}
HELPERS = ("recvtty", "sd-helper", "seccompagent")
ACCOUNTS = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\nnobody:x:65534:65534:nobody:/home:/bin/false\n",
    "etc/group": "root:x:0:\ndaemon:x:1:\ntty:x:5:\nnogroup:x:65534:\n",
}


def make_busybox(archive):
    with tempfile.TemporaryDirectory(dir=archive.parent) as top:
        root = pathlib.Path(top, "rootfs")
        for directory in (
            "bin",
            "dev",
            "etc",
            "home",
            "root",
            "tmp",
            "usr/sbin",
            "var/spool/mail",
            "var/www",
        ):
            (root / directory).mkdir(parents=True)
        os.chmod(root / "tmp", 0o1777)
        shutil.copy(shutil.which("busybox"), root / "bin" / "busybox")
        for applet in sources.run(root / "bin" / "busybox", "--list").split():
            if not (root / "bin" / applet).exists():
                os.link(root / "bin" / "busybox", root / "bin" / applet)
        for name, text in ACCOUNTS.items():
            (root / name).write_text(text)
        pack(root, archive)


def make_debian(archive):
    with tempfile.TemporaryDirectory(dir=archive.parent) as top:
        os.chmod(top, 0o755)
        root = pathlib.Path(top, "rootfs")
        sources.run("mmdebstrap", "--quiet", "--variant=essential", codename(), root)
        pack(root, archive)


def codename():
    release = dict(
        line.split("=", 1)
        for line in pathlib.Path("/etc/os-release").read_text().splitlines()
        if "=" in line
    )
    return release["VERSION_CODENAME"].strip('"')


def pack(root, archive):
    unfinished = archive.with_name("part-" + archive.name)
    sources.run("tar", "--use-compress-program=xz -T0 -1", "-C", root, "-cf", unfinished, ".")
    unfinished.rename(archive)


class Suite:
    def __init__(self):
        self.top = sources.source("runc")
        self.files = self.top / "tests" / "integration"
        for name in HELPERS:
            directory = self.top / "contrib" / "cmd" / name
            if not (directory / name).exists():
                sources.run(
                    "go",
                    "build",
                    "-tags",
                    "seccomp",
                    "-o",
                    name,
                    ".",
                    cwd=directory,
                    env=dict(os.environ, **GO),
                )
        architecture = sources.run("go", "env", "GOARCH").strip()
        for name, make in (("busybox", make_busybox), ("debian", make_debian)):
            archive = self.files / "testdata" / (f"{name}-{architecture}.tar.xz")
            archive.parent.mkdir(exist_ok=True)
            if not archive.exists():
                make(archive)
        self.cage = Cage(
            r"^(test_|testbusybox|ct\d*$|runc-cgroups-integration-test|test-cgroup|state-test)"
        )

    def tests(self):
        """``(file, name)`` of every test."""
        return [
            (path.stem, name)
            for path in sorted(self.files.glob("*.bats"))
            for name in re.findall(r'(?m)^@test "(.*)" \{', path.read_text())
        ]

    def run(self, test, runtime):
        """:returns: ``("pass" | "fail" | "skip" | "timeout", output)``"""
        file, name = test
        exactly = "^%s$" % re.sub(r"([][\\.*^$+?(){}|])", r"\\\1", name)
        with tempfile.TemporaryDirectory(prefix="conf-", dir="/var/tmp") as scratch:
            os.chmod(scratch, 0o755)
            code, output = self.cage.run(
                ["bats", "--tap", "-f", exactly, self.files / (file + ".bats")],
                TIMEOUT,
                cwd=self.files,
                terminal=True,
                env={"RUNC": runtime.path, "TMPDIR": scratch},
            )
            subprocess.run(["chattr", "-R", "-i", scratch], check=False, stderr=subprocess.DEVNULL)
        if code is None:
            return "timeout", output
        verdict = re.search(r"(?m)^(not )?ok 1 .*?(# skip.*)?$", output)
        if verdict is None or verdict[1] or code:
            return "fail", output
        return "skip" if verdict[2] else "pass", output

    def close(self):
        pass
