# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of images share: a peer registry, the module image as a function, podman."""

from __future__ import annotations

import contextlib
import http.client
import shutil
import subprocess
import tempfile
import time

import pytest
from support.layouts import PARAMS, free_port, need, run


@pytest.fixture
def task():
    """The module ``image`` as a function: ``task(engine, check=False, **params) -> result``."""
    from pycontainer import reconcile
    from pycontainer.images import task as part

    def do(engine, check=False, **params):
        return reconcile.carry_out(part.image(engine, dict(PARAMS, **params)), check)

    return do


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """``127.0.0.1:PORT`` of a CNCF distribution registry."""
    need("docker-registry")
    root, port = tmp_path_factory.mktemp("registry"), free_port()
    (root / "config.yml").write_text(
        "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
        "storage: {filesystem: {rootdirectory: %s/data}, delete: {enabled: true}}\n"
        "http: {addr: 127.0.0.1:%d}\n" % (root, port)
    )
    process = subprocess.Popen(
        ["docker-registry", "serve", str(root / "config.yml")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for _number in range(100):
        with contextlib.suppress(OSError):
            http.client.HTTPConnection("127.0.0.1", port, timeout=5).request("GET", "/v2/")
            break
        time.sleep(0.05)
    yield "127.0.0.1:%d" % port
    process.terminate()
    process.wait()
    shutil.rmtree(root)


@pytest.fixture(params=["directory", "erofs"])
def kind(request, engine):
    """As what the engine stores the layers that come in."""
    from pycontainer.kernel.mounts import erofs
    from pycontainer.store import settings

    if request.param == "erofs" and erofs.why_not(engine.paths.tmp):
        pytest.skip(erofs.why_not(engine.paths.tmp))
    settings.write(engine.paths.config, {"layers": request.param})
    return request.param


@pytest.fixture
def podman(tmp_path):
    """podman with a store of its own: a function of a command's words."""
    need("podman")
    run_root = tempfile.mkdtemp(prefix="pct-podman-", dir="/run")
    base = [
        "podman",
        "--root",
        str(tmp_path / "podman"),
        "--runroot",
        run_root,
        "--storage-driver",
        "vfs",
        "--cgroup-manager",
        "cgroupfs",
    ]
    yield lambda *words: run(*base, *words)
    subprocess.run(
        [*base, "rmi", "-af"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
    )
    shutil.rmtree(run_root, ignore_errors=True)
