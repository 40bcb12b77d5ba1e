# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shares of single disks, and budgets of processes with a real-time policy."""

from __future__ import annotations

import os
import subprocess

import pytest
from pycontainer import containers
from pycontainer.containers import task
from pycontainer.containers.records import run_state
from pycontainer.errors import InvalidInput, Unsupported
from pycontainer.kernel.processes import procfs
from pycontainer.reconcile import carry_out


def do(engine, check=False, **params):
    params = dict(
        {"name": "web", "image": "box:1", "network_mode": "none", "stop_timeout": 0}, **params
    )
    return carry_out(task.container(engine, params), check)


@pytest.fixture(autouse=True)
def removed(engine, image):
    yield
    for record in containers.every(engine):
        containers.remove(engine, record, force=True)


@pytest.fixture
def disk(tmp_path):
    """A loop device with the scheduler bfq, and the file that chooses it."""
    with open(tmp_path / "image", "wb") as file:
        file.truncate(1 << 20)
    command = ["losetup", "-f", "--show", str(tmp_path / "image")]
    path = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    scheduler = f"/sys/block/{os.path.basename(path)}/queue/scheduler"
    try:
        before = next(word for word in procfs.read(scheduler).split() if word[0] == "[")
        if "bfq" not in procfs.read(scheduler):
            pytest.skip("this kernel has no bfq")
        procfs.write(scheduler, "bfq")
        yield path, scheduler
        procfs.write(scheduler, before.strip("[]"))
    finally:
        subprocess.run(["losetup", "-d", path], check=True)


def group_of(engine, controller):
    found = run_state.read(engine.paths, containers.find(engine, "web")["id"])["cgroup"]
    return next((path for path in found.values() if f"/{controller}/" in path), None)


def test_weight(engine, disk):
    path, scheduler = disk
    params = {"blkio_weight_device": {path: 300}}
    shown = do(engine, **params)["container"]["HostConfig"]["BlkioWeightDevice"]
    assert shown == [{"Path": path, "Weight": 300}]
    assert not do(engine, **params)["changed"]
    group = group_of(engine, "blkio")
    if group:
        device = os.stat(path).st_rdev
        assert f"{os.major(device)}:{os.minor(device)} 300" in procfs.read(
            group + "/blkio.bfq.weight_device"
        )
    assert do(engine, blkio_weight_device={path: 500})["changed"]
    do(engine, state="absent")
    procfs.write(scheduler, "none")
    for check in (True, False):
        with pytest.raises(Unsupported, match=f"^blkio_weight_device: {path}: .* bfq has weights"):
            do(engine, check, **params)
    assert not containers.every(engine)


def test_budget(engine):
    params = {"cpu_rt_runtime": 10000, "cpu_rt_period": 500000}
    if not os.path.exists("/sys/fs/cgroup/cpu/cpu.rt_runtime_us"):
        with pytest.raises(Unsupported, match="real-time"):
            do(engine, **params)
        assert not containers.every(engine)
        return
    shown = do(engine, **params)["container"]["HostConfig"]
    assert (shown["CpuRealtimeRuntime"], shown["CpuRealtimePeriod"]) == (10000, 500000)
    group = group_of(engine, "cpu")
    assert procfs.read(group + "/cpu.rt_runtime_us").strip() == "10000"
    assert procfs.read(group + "/cpu.rt_period_us").strip() == "500000"
    assert not do(engine, **params)["changed"]
    assert do(engine, cpu_rt_runtime=20000, cpu_rt_period=500000)["changed"]
    assert procfs.read(group_of(engine, "cpu") + "/cpu.rt_runtime_us").strip() == "20000"
    with pytest.raises(InvalidInput, match="no more than cpu_rt_period"):
        do(engine, cpu_rt_runtime=600000, cpu_rt_period=500000)


def test_budgets_side_by_side(engine):
    """What all containers have together has to fit into the group above them, and goes with them."""
    file = "/sys/fs/cgroup/cpu/cpu.rt_runtime_us"
    if not os.path.exists(file) or int(procfs.read(file)) < 200000:
        pytest.skip("this host has no real-time budget to give")
    for name in ("web", "beside"):
        do(engine, name=name, cpu_rt_runtime=50000)
    above = os.path.dirname(group_of(engine, "cpu")) + "/cpu.rt_runtime_us"
    assert int(procfs.read(above)) >= 100000
    do(engine, state="stopped")
    do(engine, state="started")
    before = int(procfs.read(above))
    do(engine, name="beside", state="absent")
    assert int(procfs.read(above)) <= before - 50000
