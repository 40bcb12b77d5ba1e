# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits that the kernel is seen to enforce, and their live change."""

from __future__ import annotations

import os
import re
import time

import pytest
from pycontainer.errors import Conflict, HostError, InvalidInput, Unsupported
from pycontainer.kernel import cgroups

MIB = 1 << 20
GROW = "import sys\nsys.stdout.write('up\\n'); sys.stdout.flush()\nheld = []\nwhile True: held.append(b'x' * (1 << 20))"
HOLD = "import sys, time\nheld = b'x' * int(sys.argv[1])\nprint('held', flush=True)\ntime.sleep(60)"
SPIN = "import sys, time\nend = time.monotonic() + float(sys.argv[1])\nwhile time.monotonic() < end: pass"
FORK = """
import errno, os, sys, time
for number in range(40):
    try:
        pid = os.fork()
    except OSError as error:
        print(number, errno.errorcode[error.errno])
        sys.exit()
    if pid == 0:
        time.sleep(60)
        os._exit(0)
print("no limit")
"""


def needs(resources):
    problems = cgroups.check(resources)
    if problems:
        pytest.skip(problems[0][1])


def read(group, v1, v2):
    """The text of a file under either name, with the group's directory of that controller."""
    controller = v1.split(".")[0]
    path = f"{group.v1[controller]}/{v1}" if controller in group.v1 else f"{group.unified}/{v2}"
    with open(path) as file:
        return file.read().strip()


def test_memory_limit_kills(group, run_in):
    resources = {"memory": {"limit": 24 * MIB, "swap": 24 * MIB}}
    needs(resources)
    group.apply(resources)
    assert group.oom_kills() == 0
    assert group.stats()["memory"]["limit"] == 24 * MIB
    process = run_in(GROW)
    assert process.wait(60) == -9
    assert group.oom_kills() == 1


def test_memory_limit_goes_up_and_down_live(group, run_in):
    needs({"memory": {"limit": 24 * MIB}})
    group.apply({"memory": {"limit": 64 * MIB, "swap": 64 * MIB}})
    process = run_in(HOLD, 20 * MIB)
    assert process.stdout.readline() == "held\n"
    for limit, swap in (
        (200 * MIB, 300 * MIB),
        (100 * MIB, 100 * MIB),
        (50 * MIB, 400 * MIB),
        (40 * MIB, 60 * MIB),
    ):
        group.apply({"memory": {"limit": limit, "swap": swap}})
        assert group.stats()["memory"]["limit"] == limit
        assert read(group, "memory.limit_in_bytes", "memory.max") == str(limit)
    with pytest.raises(Conflict, match="in use"):
        group.apply({"memory": {"limit": 4 * MIB, "checkBeforeUpdate": True}})
    group.apply({"memory": {"limit": -1}})
    assert group.stats()["memory"]["limit"] is None
    assert process.poll() is None


def test_memory_figures(group, run_in):
    needs({"memory": {"limit": MIB}})
    process = run_in(HOLD, 30 * MIB)
    assert process.stdout.readline() == "held\n"
    memory = group.stats()["memory"]
    assert 30 * MIB <= memory["working_set"] <= memory["usage"] < 80 * MIB
    assert 30 * MIB <= memory["anon"] < 60 * MIB
    assert memory["limit"] is None


def test_swap_below_memory_is_refused_and_changes_nothing(group):
    needs({"memory": {"limit": MIB}})
    group.apply({"memory": {"limit": 64 * MIB}})
    if cgroups.warnings({"memory": {"limit": 64 * MIB, "swap": 64 * MIB}}):
        pytest.skip("no swap accounting")
    with pytest.raises((InvalidInput, HostError), match="memory"):
        group.apply({"memory": {"limit": 64 * MIB, "swap": 32 * MIB}})


def test_pids_limit(group, run_in):
    resources = {"pids": {"limit": 6}}
    needs(resources)
    group.apply(resources)
    process = run_in(FORK)
    assert process.stdout.readline().split() == ["5", "EAGAIN"]  # its children keep the pipe open
    assert process.wait(60) == 0
    assert group.stats()["pids"] == {"current": 5, "limit": 6}
    group.apply({"pids": {"limit": -1}})
    assert group.stats()["pids"]["limit"] is None
    assert len(group.procs()) == 5


def test_cpu_quota_throttles(group, run_in):
    # far less than a process gets on a busy machine
    resources = {"cpu": {"quota": 2000, "period": 50000}}
    needs(resources)
    group.apply(resources)
    began = time.monotonic()
    assert run_in(SPIN, 1.0).wait(60) == 0
    wall = time.monotonic() - began
    cpu = group.stats()["cpu"]
    assert cpu["throttled_periods"] >= 5 and cpu["throttled"] > 100_000_000
    assert 0 < cpu["total"] < 0.45 * wall * 1e9
    assert cpu["user"] > 0
    group.apply({"cpu": {"quota": -1}})
    assert read(group, "cpu.cfs_quota_us", "cpu.max") in ("-1", "max 50000")


def test_cpu_weight_burst_idle(group):
    needs({"cpu": {"shares": 512}})
    group.apply({"cpu": {"shares": 512}})
    assert read(group, "cpu.shares", "cpu.weight") == ("512" if "cpu" in group.v1 else "59")
    burst = {"cpu": {"quota": 50000, "period": 100000, "burst": 20000}}
    if not cgroups.check(burst):
        group.apply(burst)
        group.apply(
            {"cpu": {"quota": 10000, "burst": 5000}}
        )  # the old burst is more than the new quota
        assert read(group, "cpu.cfs_burst_us", "cpu.max.burst") == "5000"
        with pytest.raises(HostError, match="cpu"):
            group.apply({"cpu": {"burst": 10**7}})
    if not cgroups.check({"cpu": {"idle": 1}}):
        group.apply({"cpu": {"idle": 1, "shares": 1024}})
        assert read(group, "cpu.idle", "cpu.idle") == "1"
        group.apply({"cpu": {"idle": 0, "shares": 1024}})
        assert read(group, "cpu.shares", "cpu.weight") == ("1024" if "cpu" in group.v1 else "100")


def test_cpuset(group, run_in):
    resources = {"cpu": {"cpus": "0", "mems": "0"}}
    needs(resources)
    group.apply(resources)
    process = run_in("import os; print(sorted(os.sched_getaffinity(0)))")
    assert process.communicate(timeout=60)[0].strip() == "[0]"
    with pytest.raises(HostError, match="cpu.cpus"):
        group.apply({"cpu": {"cpus": "5000-5001"}})


def disk(path="/var/tmp"):
    """Numbers of the whole disk below ``path``, or None."""
    device = os.stat(path).st_dev
    entry = os.path.realpath("/sys/dev/block/%d:%d" % (os.major(device), os.minor(device)))
    if not os.path.exists(entry):
        return None
    entry = os.path.dirname(entry) if os.path.exists(entry + "/partition") else entry
    with open(entry + "/dev") as file:
        return [int(number) for number in file.read().split(":")]


WRITE = """
import os, sys, time
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_DIRECT)
import mmap
block = mmap.mmap(-1, 65536)
began = time.monotonic()
for _ in range(16):
    os.write(fd, block)
print(time.monotonic() - began)
"""


def test_block_io_rate_and_figures(group, run_in, tmp_path):
    numbers = disk()
    if not numbers:
        pytest.skip("the disk of /var/tmp has no device of its own")
    resources = {
        "blockIO": {
            "throttleWriteBpsDevice": [{"major": numbers[0], "minor": numbers[1], "rate": MIB}]
        }
    }
    needs(resources)
    group.apply(resources)
    path = "/var/tmp/pycontainer-io-%d" % os.getpid()
    try:
        process = run_in(WRITE, path)
        output, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert 0.6 < float(output) < 10  # 1 MiB at 1 MiB/s
    finally:
        os.unlink(path)
    figures = group.stats()["io"]
    assert figures["write_bytes"] >= MIB and figures["writes"] >= 16
    group.apply(
        {
            "blockIO": {
                "throttleWriteBpsDevice": [{"major": numbers[0], "minor": numbers[1], "rate": 0}]
            }
        }
    )
    assert "wbps=%d" % MIB not in read(group, "blkio.throttle.write_bps_device", "io.max")
    with pytest.raises(HostError, match="whole disk"):
        group.apply(
            {"blockIO": {"throttleReadBpsDevice": [{"major": 4095, "minor": 77, "rate": MIB}]}}
        )


def test_block_io_weight(group):
    resources = {"blockIO": {"weight": 200}}
    needs(resources)
    group.apply(resources)
    if "blkio" in group.v1:
        assert read(group, "blkio.bfq.weight", "") == "200"
    else:
        names = [
            name
            for name in ("io.bfq.weight", "io.weight")
            if os.path.exists(f"{group.unified}/{name}")
        ]
        assert [read(group, "x.", name) for name in names] == [
            "default 200" if "bfq" in name else "default 1920" for name in names
        ]


def test_hugepages(group):
    resources = {"hugepageLimits": [{"pageSize": "2MB", "limit": 4 * MIB}]}
    needs(resources)
    group.apply(resources)
    assert read(group, "hugetlb.2MB.limit_in_bytes", "hugetlb.2MB.max") == str(4 * MIB)
    with pytest.raises(Unsupported, match="hugepageLimits: this host has no huge pages of 3MB"):
        group.apply({"hugepageLimits": [{"pageSize": "3MB", "limit": 1}]})


def test_unified(group):
    if cgroups.mode() == "v2":
        group.apply({"unified": {"memory.high": str(64 * MIB), "cgroup.max.depth": "3"}})
        assert read(group, "x.", "memory.high") == str(64 * MIB)
        assert read(group, "x.", "cgroup.max.depth") == "3"
    else:
        with pytest.raises(Unsupported, match="unified"):
            group.apply({"unified": {"memory.high": "1000"}})


def test_what_is_not_here_is_said_before_anything_is_changed(group):
    needs({"pids": {"limit": 5}})
    resources = {
        "pids": {"limit": 5},
        "rdma": {"mlx5_0": {"hcaObjects": 1}},
        "network": {"classID": 3},
    }
    if not cgroups.check(resources):
        pytest.skip("this host has rdma and net_cls")
    with pytest.raises(Unsupported, match="controller"):
        group.apply(resources)
    assert group.stats()["pids"]["limit"] is None


@pytest.mark.parametrize(
    "resources",
    [
        {
            "memory": {
                "limit": MIB,
                "swap": 2 * MIB,
                "reservation": MIB,
                "swappiness": 10,
                "disableOOMKiller": True,
            }
        },
        {
            "cpu": {"shares": 3, "quota": 5000, "period": 10000, "cpus": "0", "mems": "0"},
            "pids": {"limit": 3},
        },
        {
            "blockIO": {"weight": 100, "leafWeight": 100},
            "rdma": {"x": {"hcaObjects": 1}},
            "network": {"classID": 1},
        },
        {"hugepageLimits": [{"pageSize": "2MB", "limit": 0}]},
    ],
)
def test_what_is_said_beforehand_is_what_the_group_says(group, resources):
    def keys(found):
        return sorted({key for key, _sentence in found})

    problems = cgroups.check(resources)
    if problems:
        with pytest.raises(Unsupported, match=re.escape(problems[0][0] + ":")):
            group.apply(resources)
    else:
        assert keys(group.apply(resources)) == keys(cgroups.warnings(resources))


def test_limit_of_tcp_buffers(group):
    if "memory" not in group.v1 or not os.path.exists(
        group.v1["memory"] + "/memory.kmem.tcp.limit_in_bytes"
    ):
        assert (
            cgroups.warnings({"memory": {"kernelTCP": 40 * MIB}}) if "memory" in group.v1 else True
        )
        pytest.skip("no limit of TCP buffers here")
    group.apply({"memory": {"kernelTCP": 40 * MIB}})
    assert read(group, "memory.kmem.tcp.limit_in_bytes", "") == str(40 * MIB)


def test_idle_and_back(group):
    needs({"cpu": {"idle": 1}})
    group.apply({"cpu": {"idle": 1, "shares": 100}})
    assert read(group, "cpu.idle", "cpu.idle") == "1"
    with pytest.raises(HostError, match="idle"):
        group.apply({"cpu": {"shares": 100}})
    for wrong in (2, -1):
        with pytest.raises(HostError, match="0 or 1"):
            group.apply({"cpu": {"idle": wrong}})
    group.apply({"cpu": {"quota": 50000}})
    assert read(group, "cpu.idle", "cpu.idle") == "1"
    group.apply({"cpu": {"idle": 0, "shares": 100}})
    assert read(group, "cpu.idle", "cpu.idle") == "0" and read(
        group, "cpu.shares", "cpu.weight"
    ) in ("100", "17")


def test_a_change_merged_with_the_record(group):
    """What ``runc update`` asks for, option by option, on limits that are there."""
    record = {
        "memory": {"limit": 32 * MIB, "reservation": 24 * MIB},
        "cpu": {"shares": 100, "quota": 500000, "period": 1000000},
        "pids": {"limit": 20},
    }
    needs(record)
    group.apply(record)

    def change(**sections):
        nonlocal record
        record, writes = cgroups.merge(record, sections)
        group.apply(writes)

    def quota():
        words = read(group, "cpu.cfs_quota_us", "cpu.max").split() + [
            read(group, "cpu.cfs_period_us", "cpu.max")
        ]
        return f"{words[0].replace('max', '-1')} {words[1] if ' ' not in words[1] else words[1].split()[1]}"

    change(cpu={"period": 900000})
    assert quota() == "500000 900000"
    change(cpu={"quota": 600000})
    assert quota() == "600000 900000"
    change(cpu={"quota": -1})
    assert quota() == "-1 900000"
    change(cpu={"quota": -1, "period": 100000})
    assert quota() == "-1 100000"
    change(memory={"limit": 64 * MIB})
    assert group.stats()["memory"]["limit"] == 64 * MIB
    assert read(group, "memory.soft_limit_in_bytes", "memory.low") == str(24 * MIB)
    if not cgroups.warnings({"memory": {"limit": 5, "swap": 9}}):
        for limit, total in ((30, 50), (60, 80), (20, 40), (200, 400), (30, 30)):
            change(memory={"limit": limit * MIB, "swap": total * MIB})
            found = int(read(group, "memory.memsw.limit_in_bytes", "memory.swap.max"))
            assert found == (total if "memory" in group.v1 else total - limit) * MIB
        change(memory={"limit": 25 * MIB})
        assert (
            int(read(group, "memory.memsw.limit_in_bytes", "memory.swap.max"))
            == (30 if "memory" in group.v1 else 5) * MIB
        )
        change(memory={"swap": 60 * MIB})
        assert (
            int(read(group, "memory.memsw.limit_in_bytes", "memory.swap.max"))
            == (60 if "memory" in group.v1 else 35) * MIB
        )
    change(memory={"limit": -1})
    assert group.stats()["memory"]["limit"] is None
    assert read(group, "memory.memsw.limit_in_bytes", "memory.swap.max") in (
        "max",
        read(group, "memory.limit_in_bytes", "memory.max"),
        "",
    )
    change(pids={"limit": 0})
    assert group.stats()["pids"]["limit"] == 1
    change(pids={"limit": -1})
    assert group.stats()["pids"]["limit"] is None
    assert read(group, "cpu.shares", "cpu.weight") in ("100", "17")


def test_memory_in_use_is_not_taken_away(group, run_in):
    needs({"memory": {"limit": 64 * MIB}})
    process = run_in(
        "data = bytearray(20 << 20)\nprint('up', flush=True)\nimport time; time.sleep(60)"
    )
    process.stdout.readline()
    with pytest.raises(Conflict, match="rejecting memory limit"):
        group.apply({"memory": {"limit": MIB, "checkBeforeUpdate": True}})
    if not cgroups.warnings({"memory": {"limit": 5, "swap": 9}}):
        with pytest.raises(Conflict, match=r"rejecting memory\+swap limit"):
            group.apply({"memory": {"limit": MIB, "swap": 2 * MIB, "checkBeforeUpdate": True}})
    assert process.poll() is None and group.stats()["memory"]["limit"] is None


def test_unified_says_what_is_wrong(group):
    if cgroups.mode() == "v2":
        pytest.skip("this host has the files")
    with pytest.raises(Unsupported, match="invalid configuration"):
        group.apply({"unified": {"memory.min": "131072"}})
