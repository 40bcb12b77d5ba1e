# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all tests on the real kernel share."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time

import pytest
from pycontainer.deploy import install
from pycontainer.kernel import cgroups
from pycontainer.kernel.cgroups.hierarchy import freezer
from support import laid_down


@pytest.fixture(scope="session", autouse=True)
def no_base_left():
    """The engine's own parent group goes too, unless it was there before. tests/run.py does it for those that run side by side."""
    there = "PYCONTAINER_TEST_WORKER" in os.environ or any(
        os.path.isdir(path) for path in cgroups.base_paths().values()
    )
    yield
    if not there:
        freezer.until(cgroups.remove_base, 2)


@pytest.fixture(scope="session", autouse=True)
def compiled_once():
    """Each test's store has a copy of the engine of its own, but the bytecode is made once and shared."""
    laid_down.kept()  # before a test forks: what a child makes for itself stays when that is killed
    really, install.lay_down = install.lay_down, laid_down.lay_down
    yield
    install.lay_down = really


@pytest.fixture
def docker_daemon(tmp_path):
    """``run(*words)``: the command line of a Docker daemon of its own, without networks; it talks plain HTTP to 127.0.0.0/8 by itself."""
    if shutil.which("dockerd") is None or shutil.which("docker") is None:
        pytest.skip("docker is not installed")
    place = tempfile.mkdtemp(prefix="pct-docker-", dir="/run")
    host, data = f"unix://{place}/docker.sock", tmp_path / "docker-data"
    serve = [
        "dockerd",
        "--data-root",
        str(data),
        "--exec-root",
        place + "/run",
        "-p",
        place + "/pid",
        "-H",
        host,
        "--storage-driver=vfs",
        "--bridge=none",
        "--iptables=false",
        "--ip6tables=false",
        "--ip-forward=false",
        "--ip-masq=false",
    ]

    def run(*words):
        command = ["docker", "--config", str(tmp_path / "docker-config"), "-H", host, *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"docker {' '.join(words)}\n{done.stdout}{done.stderr}"
        return done.stdout

    def answers():
        return (
            subprocess.run(
                ["docker", "-H", host, "version"], capture_output=True, check=False
            ).returncode
            == 0
        )

    daemon = None
    try:
        for _attempt in range(
            2
        ):  # its own daemon, containerd, has 15 seconds to answer, which a busy disk can take
            with open(tmp_path / "dockerd.log", "w") as log:
                daemon = subprocess.Popen(serve, stdout=log, stderr=log)
            end = time.monotonic() + 60
            while daemon.poll() is None and time.monotonic() < end and not (up := answers()):
                time.sleep(0.2)
            if daemon.poll() is None and up:
                break
            _end(daemon, data)
        else:
            pytest.skip(
                "dockerd does not start here: " + (tmp_path / "dockerd.log").read_text()[-300:]
            )
        yield run
    finally:
        _end(daemon, data)
        shutil.rmtree(place, ignore_errors=True)


def _end(daemon, data):
    daemon.terminate()
    daemon.wait(60)
    subprocess.run(
        ["umount", "-q", str(data)], check=False
    )  # where it did not come to its end, it leaves a mount of its own there
