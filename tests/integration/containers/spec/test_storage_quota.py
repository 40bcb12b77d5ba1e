# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits by project quotas: of a writable layer (``storage_opts``), and of volumes (``size``)."""

from __future__ import annotations

import contextlib
import os
import subprocess

import pytest
from pycontainer import containers, images, volumes
from pycontainer.containers import task
from pycontainer.containers.access import exec_client
from pycontainer.containers.client import zygote_client
from pycontainer.engine import Engine
from pycontainer.errors import Conflict, EngineError, HostError, Unsupported
from pycontainer.kernel.files import project_quota
from pycontainer.reconcile import carry_out
from pycontainer.volumes import content
from pycontainer.volumes import task as volume_task
from support.disks import quota_disk

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
            carry_out(volumes.prune(engine, everything=True), False)
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


def volume(engine, check=False, **params):
    return carry_out(volume_task.volume(engine, dict({"name": "data"}, **params)), check)


def sized(size):
    return {"driver_options": {"size": size}}


def limit_of(engine, name="data"):
    return project_quota.usage(volumes.path(engine, name))[0]


def put(engine, name, count):
    """Write ``count`` MiB into a volume, as somebody whom ext4 stops; return whether they went in."""
    to = f"of={volumes.path(engine, name)}/file"
    words = ["dd", "if=/dev/zero", to, "bs=1M", f"count={count}", "conv=fsync"]
    done = subprocess.run(
        ["setpriv", "--bounding-set", "-sys_resource", *words], stderr=subprocess.PIPE, text=True
    )
    assert not done.returncode or "quota" in done.stderr, done.stderr
    return not done.returncode


def test_volume(limiting):
    """A limit holds for what containers write, changes while they run, and goes with the volume."""
    done = volume(limiting, **sized("4m"))["volume"]
    assert done["Options"] == {"size": str(4 * MIB)}
    assert not volume(limiting, **sized("4m"))["changed"]
    assert not volume(limiting, options=["o=size=4096k"])["changed"]
    do(limiting, volumes=["data:/data"])
    ident = containers.find(limiting, "web")["id"]

    def write(count):
        script = f"dd if=/dev/zero of=/data/a bs=1M count={count} conv=fsync"
        return exec_client.run(limiting.paths, ident, ["sh", "-c", script])

    assert write(3)["rc"] == 0
    assert b"quota" in write(6)["stderr"].lower()
    assert volume(limiting, True, **sized("8m"))["changed"]
    assert limit_of(limiting) == 4 * MIB
    assert volume(limiting, recreate="options-changed", **sized("8m"))["changed"]
    assert write(6)["rc"] == 0
    assert volume(limiting, driver_options={})["volume"]["Options"] == {}
    assert write(9)["rc"] == 0
    assert volume(limiting, **sized("5m"))["changed"]
    project = project_quota.project_of(volumes.path(limiting, "data"))
    do(limiting, state="absent")
    volume(limiting, state="absent")
    project_quota.assign(limiting.paths.tmp, project)
    assert project_quota.usage(limiting.paths.tmp)[0] == 0


def test_first_limit_of_a_volume(limiting):
    """Its content is copied: while containers run, or where it is too much, nothing changes."""
    volume(limiting)
    assert put(limiting, "data", 6)
    do(limiting, volumes=["data:/data"])
    for check in (True, False):
        with pytest.raises(Conflict, match="^volume data is in use"):
            volume(limiting, check, **sized("8m"))
    do(limiting, state="stopped")
    with pytest.raises(HostError, match="quota"):
        volume(limiting, **sized("4m"))
    assert limit_of(limiting) == 0
    assert volume(limiting, **sized("8m"))["changed"]
    assert limit_of(limiting) == 8 * MIB
    assert os.path.getsize(os.path.join(volumes.path(limiting, "data"), "file")) == 6 * MIB
    assert not volume(limiting, **sized("8m"))["changed"]
    assert not put(limiting, "data", 9)


def test_volumes_with_a_content(limiting, tmp_path):
    """Restored and cloned volumes, and those that an image fills, are limited as well."""
    volume(limiting, **sized("8m"))
    assert put(limiting, "data", 5)
    path = str(tmp_path / "saved.tar")
    volume(limiting, state="saved", path=path)
    assert put(limiting, "data", 6)
    assert volume(limiting, state="restored", path=path)["changed"]  # 5 MiB beside 6
    assert limit_of(limiting) == 8 * MIB
    assert not os.path.exists(os.path.join(limiting.paths.volume("data"), content.COMING))
    volume(limiting, name="clone", clone_from="data", **sized("6m"))
    assert limit_of(limiting, "clone") == 6 * MIB
    assert not put(limiting, "clone", 7)
    for words in ({"clone_from": "data"}, {"path": path}):
        with pytest.raises(HostError, match="quota|no space left"):
            volume(limiting, name="small", **words, **sized("2m"))
        assert not volumes.get(limiting, "small")
    do(
        limiting,
        mounts=[
            {"type": "volume", "source": "bin", "target": "/bin", "volume_options": {"size": "20m"}}
        ],
    )
    assert os.listdir(volumes.path(limiting, "bin"))
    assert limit_of(limiting, "bin") == 20 * MIB
    assert not put(limiting, "bin", 20)


def test_volume_refused(engine, image):
    if not project_quota.obstacle(os.path.dirname(engine.paths.data)):
        pytest.skip("the store is on a disk with project quotas")
    for check in (True, False):
        with pytest.raises(Unsupported, match="^driver_options.size: .* has no project quotas"):
            volume(engine, check, **sized("1g"))
        with pytest.raises(Unsupported, match="^mounts.volume_options.size: .* no project quotas"):
            mount = {"type": "volume", "source": "data", "target": "/data"}
            do(engine, check, mounts=[dict(mount, volume_options={"size": "1g"})])
    assert not volumes.get(engine, "data")
    assert not containers.every(engine)
    volume(engine)
    with pytest.raises(Unsupported, match="^driver_options.size: "):
        volume(engine, **sized("1g"))
    volume(engine, state="absent")
