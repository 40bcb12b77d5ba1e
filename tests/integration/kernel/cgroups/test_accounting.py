# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a group used: steady reading, all that there is, and being told of a want of memory."""

from __future__ import annotations

import json
import os
import select
import time

import pytest
from pycontainer.errors import Unsupported
from pycontainer.kernel import cgroups
from pycontainer.kernel.cgroups.hierarchy import freezer
from pycontainer.kernel.cgroups.usage import accounting, counters

MIB = 1 << 20
WORK = """
import os, sys, time
for number in range(3000000): pass
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
os.write(fd, bytes(8 << 20)); os.fsync(fd)
os.unlink(sys.argv[1])
print('done', flush=True)
time.sleep(60)
"""
GROW = "held = []\nwhile True: held.append(b'x' * (1 << 20))"
SLEEP = "import time; print('up', flush=True); time.sleep(60)"
PATH = "/var/tmp/pycontainer-accounting-%d" % os.getpid()


@pytest.fixture
def worked(group, run_in):
    """The group after 8 MiB written and some CPU time used, its process asleep."""
    assert run_in(WORK, PATH).stdout.readline().strip() == "done"
    return group


def test_a_reader_reads_what_stats_reads(worked):
    reader = worked.reader()
    try:
        found = reader.read()
        once = worked.stats()
        for figures in (found, once):
            for part in ("pressure", "cpu"):
                figures.pop(part, None)
        assert found == once and found["pids"] == {"current": 1, "limit": None}
        opened = dict(reader.fds)
        assert reader.read()["pids"]["current"] == 1 and reader.fds == opened
    finally:
        reader.close()
    assert not reader.fds


def test_a_reader_sees_changes(group, run_in):
    reader = group.reader()
    try:
        before = reader.read()
        assert before["pids"]["current"] == 0
        run_in(SLEEP).stdout.readline()
        if not cgroups.check({"pids": {"limit": 7}}):
            group.apply({"pids": {"limit": 7}})
            assert reader.read()["pids"] == {"current": 1, "limit": 7}
        assert reader.read()["cpu"]["total"] > before["cpu"]["total"]
    finally:
        reader.close()


def test_a_reader_of_a_group_that_goes():
    group = cgroups.create("test-reader-%d" % os.getpid())
    reader = group.reader()
    try:
        reader.read()
        assert not reader.gone
        group.remove()
        assert "pids" not in reader.read() and reader.gone
    finally:
        reader.close()


def test_lines_of_a_file():
    text = "\ncache 1\ntotal_cache 20\ninactive_file 3\ntotal_inactive_file 44"
    assert [
        counters.value_of(text, key)
        for key in ("cache", "total_cache", "inactive_file", "total_inactive_file", "file")
    ] == [1, 20, 3, 44, None]


def test_all_that_is_accounted(worked):
    found = json.loads(json.dumps(worked.accounts()))
    usage = found["cpu"]["usage"]
    assert (
        usage["total"] > 10_000_000
        and usage["user"] > 0
        and "periods" in found["cpu"]["throttling"]
    )
    if "cpuacct" in worked.v1:
        assert (
            len(usage["percpu"])
            == len(usage["percpu_user"])
            == len(usage["percpu_kernel"])
            >= os.cpu_count()
        )
        assert sum(usage["percpu"]) <= worked.stats()["cpu"]["total"]
    assert found["pids"] == {"current": 1, "limit": 0}
    memory = found["memory"]
    assert (
        memory["usage"]["usage"] > MIB
        and memory["usage"]["max"] in range(memory["usage"]["usage"], 1 << 40)
        or memory["usage"]["max"] == 0
    )
    assert (
        memory["usage"]["limit"] >= 1 << 62
        and memory["usage"]["failcnt"] == 0
        and memory["swap"]["usage"] >= memory["usage"]["usage"] - 16 * MIB
    )
    assert memory["raw"] and memory["kernel"]["usage"] > 0
    assert found["cpuset"]["cpus"] and found["cpuset"]["mems"] == [0]
    writes = [
        entry
        for entry in found["blkio"].get("ioServiceBytesRecursive", ())
        if entry["op"] == "Write"
    ]
    if os.stat("/var/tmp").st_dev >> 8 and writes:
        assert sum(entry["value"] for entry in writes) >= 8 * MIB
        assert {"major", "minor", "op", "value"} == set(writes[0])
    if (
        os.path.exists("/proc/pressure/cpu")
        and worked.unified
        and os.path.exists(worked.unified + "/cpu.pressure")
    ):
        for part in ("cpu", "memory", "blkio"):
            assert set(found[part]["psi"]["some"]) == {"avg10", "avg60", "avg300", "total"}
    if not cgroups.check({"hugepageLimits": [{"pageSize": "2MB", "limit": 0}]}):
        assert found["hugetlb"]["2MB"]["usage"] == found["hugetlb"]["2MB"]["failcnt"] == 0


def test_limits_in_what_is_accounted(group):
    wanted = {"pids": {"limit": 9}, "memory": {"limit": 64 * MIB}}
    if cgroups.check(wanted):
        pytest.skip("no such controllers")
    group.apply(wanted)
    found = group.accounts()
    assert found["pids"]["limit"] == 9 and found["memory"]["usage"]["limit"] == 64 * MIB


def test_forms_of_the_files():
    assert accounting.entries_of("8:0 Read 5\n8:16 7\nTotal 12\n") == [
        {"major": 8, "minor": 0, "op": "Read", "value": 5},
        {"major": 8, "minor": 16, "op": "", "value": 7},
    ]
    assert accounting.listed("0-2,7") == [0, 1, 2, 7] and accounting.listed("") == []
    assert accounting.devices_of("mlx4_0 hca_handle=2 hca_object=2000\n") == {
        "mlx4_0": {"hca_handle": 2, "hca_object": 2000}
    }


def test_version_2_files(tmp_path):
    """Forms that this machine may not have, as cgroup-v2.rst gives them."""
    for name, text in {
        "io.stat": "8:16 rbytes=1459200 wbytes=314773504 rios=192 wios=353 dbytes=0 dios=0\n"
        "8:0 rbytes=90430464 wbytes=0 rios=8950 wios=1 dbytes=5 dios=2\n",
        "memory.current": "1000\n",
        "memory.max": "max\n",
        "memory.peak": "2000\n",
        "memory.swap.current": "50\n",
        "memory.swap.max": "70\n",
        "memory.stat": "anon 1\nfile 300\nkernel 20\nsock 3\n",
        "memory.events": "low 0\nmax 4\noom 1\n",
        "hugetlb.2MB.rsvd.current": "4\n",
        "hugetlb.2MB.events": "max 6\n",
    }.items():
        (tmp_path / name).write_text(text)
    path = str(tmp_path)
    blkio = accounting.blkio_v2(path)
    assert {"major": 8, "minor": 0, "op": "Discard", "value": 5} in blkio["ioServiceBytesRecursive"]
    assert {"major": 8, "minor": 16, "op": "Read", "value": 192} in blkio["ioServicedRecursive"]
    memory = accounting.memory_v2(path)
    assert memory["usage"] == {"limit": (1 << 64) - 1, "usage": 1000, "max": 2000, "failcnt": 4}
    assert (
        memory["swap"]["usage"] == 1050
        and memory["swap"]["limit"] == (1 << 64) - 1
        and memory["cache"] == 300
    )
    assert memory["kernel"]["usage"] == 20 and memory["kernelTCP"]["usage"] == 3
    assert accounting.hugetlb(None, path, ["2MB", "1GB"]) == {
        "2MB": {"usage": 4, "max": 0, "failcnt": 6}
    }


def test_want_of_memory_is_told(group, run_in):
    wanted = {"memory": {"limit": 16 * MIB, "swap": 16 * MIB}}
    if cgroups.check(wanted):
        with pytest.raises(Unsupported, match="memory controller"):
            group.oom_watch()
        return
    group.apply(wanted)
    quiet = run_in(SLEEP)
    quiet.stdout.readline()
    watch = group.oom_watch()
    try:
        assert not select.select([watch], [], [], 0)[0] and watch.read() == 0 and not watch.gone()
        assert run_in(GROW).wait(60) == -9
        kills = 0
        while kills == 0:
            assert select.select([watch], [], [], 20)[0], "not told"
            kills += watch.read()
        assert kills >= 1 and group.oom_kills() >= 1 and not watch.gone()
        while select.select([watch], [], [], 0.2)[0]:
            watch.read()
        group.remove()
        assert select.select([watch], [], [], 20)[0]
        assert freezer.until(lambda: watch.read() == 0 and watch.gone())
    finally:
        watch.close()


def test_a_limit_that_is_only_reached_is_no_want(group, run_in):
    """Pages of files are let go instead."""
    wanted = {"memory": {"limit": 24 * MIB, "swap": 24 * MIB}}
    if cgroups.check(wanted):
        pytest.skip("no memory controller")
    group.apply(wanted)
    watch = group.oom_watch()
    try:
        code = (
            "import os, sys\nfd = os.open(sys.argv[1], os.O_RDWR | "
            "os.O_CREAT)\nos.unlink(sys.argv[1])\n"
            "for n in range(48): os.write(fd, bytes(1 << 20)); os.fdatasync(fd)"
        )
        assert run_in(code, PATH).wait(60) == 0
        time.sleep(0.1)
        assert watch.read() == 0 and group.oom_kills() == 0
    finally:
        watch.close()
