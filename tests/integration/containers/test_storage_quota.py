# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``storage_opts``: a writable layer with a limit."""

from __future__ import annotations

import contextlib
import os

import pytest
from pycontainer import containers, images
from pycontainer.containers import task
from pycontainer.containers.access import exec_client
from pycontainer.containers.client import zygote_client
from pycontainer.engine import Engine
from pycontainer.errors import EngineError, Unsupported
from pycontainer.kernel.files import project_quota
from pycontainer.reconcile import carry_out
from support import quota_disk

MIB = 1 << 20


def do(engine, check=False, **params):
    params = dict(
        {"name": "web", "image": "box:1", "network_mode": "none", "stop_timeout": 0}, **params
    )
    return carry_out(task.container(engine, params), check)


@pytest.fixture
def limiting(tmp_path, scratch, rootfs):
    """An engine on a disk with project quotas."""
    with quota_disk.mounted(tmp_path / "image", tmp_path / "disk") as at:
        with Engine(os.path.join(at, "data"), scratch[1]) as engine:
            command = {"command": ["sleep", "1000"]}
            carry_out(images.plan_import(engine, "box:1", rootfs, command), False)
            yield engine
            for record in containers.every(engine):
                containers.remove(engine, record, force=True)
            with contextlib.suppress(EngineError):
                zygote_client.retire(engine.paths)


@pytest.mark.parametrize("privileged", [False, True])
def test_limit(limiting, privileged):
    """What is written, and what is copied up, counts; a privileged container is stopped as well. Volumes do not count."""
    params = {"storage_opts": {"size": "4M"}, "volumes": ["data:/data"], "privileged": privileged}
    done = do(limiting, **params)
    assert done["container"]["HostConfig"]["StorageOpt"] == {"size": str(4 * MIB)}
    assert not do(limiting, **params)["changed"]
    ident = containers.find(limiting, "web")["id"]

    def write(path, count):
        script = f"dd if=/dev/zero of={path} bs=1M count={count} conv=fsync"
        return exec_client.run(limiting.paths, ident, ["sh", "-c", script])

    assert write("/tmp/a", 3)["rc"] == 0
    refused = write("/srv/b", 2)
    assert refused["rc"] and b"quota" in refused["stderr"].lower()
    assert write("/data/c", 6)["rc"] == 0
    upper = os.path.join(limiting.paths.container(ident), "upper")
    project = project_quota.project_of(upper)
    assert project_quota.usage(upper)[0] == 4 * MIB

    assert do(limiting, storage_opts={"size": "16M"}, volumes=["data:/data"])["changed"]
    ident = containers.find(limiting, "web")["id"]
    assert write("/tmp/a", 8)["rc"] == 0
    project_quota.assign(limiting.paths.tmp, project)  # of the first one, which is gone
    assert project_quota.usage(limiting.paths.tmp)[0] == 0


def test_refused(engine, image):
    """A host without project quotas says so before anything is changed, in check mode as well."""
    obstacle = project_quota.obstacle(os.path.dirname(engine.paths.data))
    if not obstacle:
        pytest.skip("the store is on a disk with project quotas")
    for check in (True, False):
        with pytest.raises(
            Unsupported, match="^storage_opts: .* has no project quotas; .*prjquota"
        ):
            do(engine, check, storage_opts={"size": "1G"})
    assert not containers.every(engine)
    assert do(engine, storage_opts={"size": 0})["container"]["HostConfig"]["StorageOpt"] is None
