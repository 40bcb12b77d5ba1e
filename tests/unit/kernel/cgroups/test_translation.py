# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""OCI resources as files and texts, without a kernel."""

from __future__ import annotations

import errno

import pytest
from pycontainer.errors import HostError, InvalidInput
from pycontainer.kernel.cgroups.hierarchy import cgroup_files
from pycontainer.kernel.cgroups.limits import translation, v1, v2, write

MIB = 1 << 20


class Fake(cgroup_files.Directory):
    """A cgroup directory that is a dict; a missing file is one that the kernel doesn't have."""

    __slots__ = ("content",)

    def __init__(self, **content):
        super().__init__("/fake")
        self.content = {name.replace("__", "."): text for name, text in content.items()}

    def has(self, name):
        return name in self.content

    def read(self, name):
        return self.content.get(name, "")


def texts(settings_):
    return [(setting.file, setting.value) for setting in settings_]


EVERYTHING = cgroup_files.Everything()


@pytest.mark.parametrize(
    "shares, weight",
    [
        (2, 1),
        (3, 2),
        (100, 17),
        (512, 59),
        (1024, 100),
        (2048, 174),
        (262143, 10000),
        (262144, 10000),
        (1, 1),
        (10**9, 10000),
    ],
)
def test_weight_of_shares(shares, weight):
    assert v2.weight_of_shares(shares) == weight


def test_weight_of_shares_never_falls():
    weights = [v2.weight_of_shares(shares) for shares in range(2, 262145, 101)]
    assert weights == sorted(weights)


@pytest.mark.parametrize("weight, io_weight", [(10, 1), (100, 910), (500, 4950), (1000, 10000)])
def test_io_weight(weight, io_weight):
    assert v2.io_weight(weight) == io_weight


@pytest.mark.parametrize(
    "section, expected",
    [
        ({"limit": 64 * MIB}, [("memory.max", str(64 * MIB))]),
        (
            {"limit": 64 * MIB, "swap": 100 * MIB},
            [("memory.swap.max", str(36 * MIB)), ("memory.max", str(64 * MIB))],
        ),
        (
            {"limit": 64 * MIB, "swap": 64 * MIB},
            [("memory.swap.max", "0"), ("memory.max", str(64 * MIB))],
        ),
        (
            {"limit": 64 * MIB, "swap": -1},
            [("memory.swap.max", "max"), ("memory.max", str(64 * MIB))],
        ),
        ({"limit": -1}, [("memory.swap.max", "max"), ("memory.max", "max")]),
        ({"limit": 0, "swap": 0, "reservation": 0}, []),
        ({"reservation": 5}, [("memory.low", "5")]),
        ({"disableOOMKiller": False}, []),
    ],
)
def test_memory_v2(section, expected):
    assert texts(v2.memory(section, EVERYTHING)) == expected


def test_swap_alone_counts_from_the_limit_in_force():
    here = Fake(memory__max=str(10 * MIB), memory__swap__max="max")
    assert texts(v2.memory({"swap": 30 * MIB}, here)) == [("memory.swap.max", str(20 * MIB))]


@pytest.mark.parametrize(
    "section",
    [{"limit": 64 * MIB, "swap": 32 * MIB}, {"swap": 32 * MIB}, {"limit": -1, "swap": 32 * MIB}],
)
def test_swap_that_makes_no_sense(section):
    with pytest.raises(InvalidInput):
        v2.memory(section, Fake(memory__max="max"))


@pytest.mark.parametrize(
    "section, expected",
    [
        (
            {"limit": 5, "swap": 9, "reservation": 3, "swappiness": 0},
            [
                ("memory.limit_in_bytes", "5"),
                ("memory.memsw.limit_in_bytes", "9"),
                ("memory.soft_limit_in_bytes", "3"),
                ("memory.swappiness", "0"),
            ],
        ),
        ({"limit": -1}, [("memory.limit_in_bytes", "-1"), ("memory.memsw.limit_in_bytes", "-1")]),
        ({"disableOOMKiller": True}, [("memory.oom_control", "1")]),
        ({"disableOOMKiller": False}, []),
    ],
)
def test_memory_v1(section, expected):
    assert texts(v1.memory(section, EVERYTHING)) == expected


def test_oom_killer_is_switched_on_again():
    here = Fake(memory__oom_control="oom_kill_disable 1\nunder_oom 0\noom_kill 0")
    assert texts(v1.memory({"disableOOMKiller": False}, here)) == [("memory.oom_control", "0")]
    assert texts(v1.memory({"disableOOMKiller": True}, here)) == []


@pytest.mark.parametrize(
    "section, old, new",
    [
        ({"shares": 1024}, [("cpu.shares", "1024")], [("cpu.weight", "100")]),
        (
            {"quota": 50000, "period": 100000},
            [("cpu.cfs_period_us", "100000"), ("cpu.cfs_quota_us", "50000")],
            [("cpu.max", "50000 100000")],
        ),
        ({"quota": -1}, [("cpu.cfs_quota_us", "-1")], [("cpu.max", "max 100000")]),
        ({"period": 20000}, [("cpu.cfs_period_us", "20000")], [("cpu.max", "max 20000")]),
        ({"quota": 0, "period": 0, "shares": 0}, [], []),
        ({"burst": 1000}, [("cpu.cfs_burst_us", "1000")], [("cpu.max.burst", "1000")]),
        ({"idle": 1, "shares": 512}, [("cpu.idle", "1")], [("cpu.idle", "1")]),
        (
            {"idle": 0, "shares": 1024},
            [("cpu.idle", "0"), ("cpu.shares", "1024")],
            [("cpu.idle", "0"), ("cpu.weight", "100")],
        ),
    ],
)
def test_cpu(section, old, new):
    assert texts(v1.cpu(section, EVERYTHING)) == old
    assert texts(v2.cpu(section, EVERYTHING)) == new


def test_period_alone_keeps_the_quota():
    assert texts(v2.cpu({"period": 50000}, Fake(cpu__max="20000 100000"))) == [
        ("cpu.max", "20000 50000")
    ]
    assert texts(v2.cpu({"quota": 30000}, Fake(cpu__max="20000 80000"))) == [
        ("cpu.max", "30000 80000")
    ]


@pytest.mark.parametrize("limit, text", [(100, "100"), (-1, "max"), (0, "1"), (1, "1")])
def test_pids(limit, text):
    assert texts(v1.pids({"limit": limit}, EVERYTHING)) == [("pids.max", text)]


def test_block_io_rates():
    section = {
        "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 1000}],
        "throttleWriteIOPSDevice": [{"major": 8, "minor": 16, "rate": 0}],
    }
    assert texts(v1.block_io(section, EVERYTHING)) == [
        ("blkio.throttle.read_bps_device", "8:0 1000"),
        ("blkio.throttle.write_iops_device", "8:16 0"),
    ]
    assert texts(v2.block_io(section, EVERYTHING)) == [
        ("io.max", "8:0 rbps=1000"),
        ("io.max", "8:16 wiops=max"),
    ]


def test_block_io_weights_go_where_the_kernel_has_them():
    section = {"weight": 100, "weightDevice": [{"major": 8, "minor": 0, "weight": 1000}]}
    assert texts(v1.block_io(section, Fake(blkio__weight="", blkio__weight_device=""))) == [
        ("blkio.weight", "100"),
        ("blkio.weight_device", "8:0 1000"),
    ]
    bfq = Fake(blkio__bfq__weight="", blkio__bfq__weight_device="")
    assert texts(v1.block_io(section, bfq)) == [
        ("blkio.bfq.weight", "100"),
        ("blkio.bfq.weight_device", "8:0 1000"),
    ]
    both = Fake(io__bfq__weight="", io__weight="")
    assert texts(v2.block_io(section, both)) == [
        ("io.bfq.weight", "default 100"),
        ("io.weight", "default 910"),
        ("io.bfq.weight", "8:0 1000"),
        ("io.weight", "8:0 10000"),
    ]


def test_hugepages():
    section = [{"pageSize": "2MB", "limit": 4 * MIB}]
    old = Fake(hugetlb__2MB__limit_in_bytes="")
    assert texts(v1.hugepages(section, old)) == [("hugetlb.2MB.limit_in_bytes", str(4 * MIB))]
    assert texts(v2.hugepages(section, EVERYTHING)) == [
        ("hugetlb.2MB.max", str(4 * MIB)),
        ("hugetlb.2MB.rsvd.max", str(4 * MIB)),
    ]


def test_rdma():
    section = {"mlx5_1": {"hcaHandles": 3, "hcaObjects": 10000}, "mlx4_0": {"hcaObjects": 1}}
    assert texts(v1.rdma(section, EVERYTHING)) == [
        ("rdma.max", "mlx5_1 hca_handle=3 hca_object=10000"),
        ("rdma.max", "mlx4_0 hca_object=1"),
    ]


def problems(resources, place):
    return translation.translate(resources, place).problems


def unified_place():
    return translation.Place({}, EVERYTHING, {"memory"}, {"memory"})


def test_unified_is_written_last_and_line_by_line():
    found = translation.translate(
        {"unified": {"memory.high": "1\n2"}, "memory": {"limit": 5}}, unified_place()
    )
    assert not found.problems
    assert [texts(entries) for _here, entries in found.writes] == [
        [("memory.max", "5")],
        [("memory.high", "1"), ("memory.high", "2")],
    ]


@pytest.mark.parametrize("file", ["../x", "cgroup.procs", "cgroup.kill", "memory", "a/memory.max"])
def test_unified_refuses_what_is_no_limit(file):
    with pytest.raises(InvalidInput):
        translation.translate({"unified": {file: "1"}}, unified_place())


def test_unified_without_the_controller_or_without_v2():
    assert (
        "cgroup controller `pids` is not available"
        in problems({"unified": {"pids.max": "1"}}, unified_place())[0][1]
    )
    place = translation.Place({"memory": EVERYTHING}, None)
    assert problems({"unified": {"memory.high": "1"}}, place)[0][0] == "unified"


def test_a_controller_that_is_missing_is_named_with_the_option():
    found = problems(
        {"memory": {"limit": 5}, "cpu": {"shares": 2, "cpus": "0"}, "pids": {"limit": 3}},
        translation.Place({}, None),
    )
    assert [key for key, _sentence in found] == [
        "memory.limit",
        "cpu.shares",
        "cpu.cpus",
        "pids.limit",
    ]
    assert "no memory controller" in found[0][1] and "cgroup_enable=memory" in found[0][1]


def test_nothing_asked_for_is_no_problem():
    empty = {
        "memory": {},
        "cpu": {"shares": 0},
        "pids": {},
        "blockIO": {"weight": 0},
        "hugepageLimits": [],
        "network": {},
        "unified": {},
    }
    found = translation.translate(empty, translation.Place({}, None))
    assert found.writes == found.problems == found.warnings == []


def test_a_crowded_cgroup_above_is_told_from_a_missing_controller():
    place = translation.Place({}, EVERYTHING, set(), {"memory", "pids"})
    assert "holds processes of its own" in problems({"memory": {"limit": 5}}, place)[0][1]
    assert "no cpu controller" in problems({"cpu": {"shares": 5}}, place)[0][1]


def test_network_is_for_v1_alone():
    resources = {"network": {"classID": 5, "priorities": [{"name": "eth0", "priority": 3}]}}
    assert [key for key, _sentence in problems(resources, unified_place())] == [
        "network.classID",
        "network.priorities",
    ]
    writes = translation.translate(
        resources, translation.Place({"net_cls": EVERYTHING, "net_prio": EVERYTHING}, None)
    ).writes
    assert [texts(entries) for _here, entries in writes] == [
        [("net_cls.classid", "5")],
        [("net_prio.ifpriomap", "eth0 3")],
    ]


def test_swap_accounting_off_is_a_warning_as_with_docker():
    old = translation.Place({"memory": Fake(memory__limit_in_bytes="")}, None)
    found = translation.translate({"memory": {"limit": 5, "swap": 10}}, old)
    assert not found.problems and texts(found.writes[0][1]) == [("memory.limit_in_bytes", "5")]
    assert found.warnings[0][0] == "memory.swap" and "swapaccount=1" in found.warnings[0][1]
    new = translation.Place({}, Fake(memory__max="max"), {"memory"}, {"memory"})
    assert [
        key
        for key, _sentence in translation.translate(
            {"memory": {"limit": 5, "swap": 10, "swappiness": 3, "disableOOMKiller": True}}, new
        ).warnings
    ] == ["memory.swap", "memory.swappiness", "memory.disableOOMKiller"]
    # without accounting it is unlimited
    assert translation.translate({"memory": {"limit": 5, "swap": -1}}, new).warnings == []


class Kernel:
    """files.write against rules: a value is taken or refused by ``check(state, file, value)``."""

    def __init__(self, check, **state):
        self.check, self.state = (
            check,
            {name.replace("__", "."): value for name, value in state.items()},
        )

    def write(self, path, text):
        name = path.rpartition("/")[2]
        self.check(self.state, name, int(text))
        self.state[name] = int(text)


def memory_rule(state, name, value):
    state = dict(state, **{name: value})
    if state["memory.limit_in_bytes"] > state["memory.memsw.limit_in_bytes"]:
        raise OSError(errno.EINVAL, "Invalid argument")


@pytest.mark.parametrize(
    "before, after", [((10, 20), (100, 200)), ((100, 200), (10, 20)), ((10, 20), (15, 17))]
)
def test_limit_and_swap_are_written_in_the_order_that_works(monkeypatch, before, after):
    kernel = Kernel(
        memory_rule, memory__limit_in_bytes=before[0], memory__memsw__limit_in_bytes=before[1]
    )
    monkeypatch.setattr(write.cgroup_files, "write", kernel.write)
    write.write(EVERYTHING, v1.memory({"limit": after[0], "swap": after[1]}, EVERYTHING))
    assert tuple(kernel.state.values()) == after


def test_a_refusal_names_the_option_and_what_to_do(monkeypatch):
    kernel = Kernel(memory_rule, memory__limit_in_bytes=10, memory__memsw__limit_in_bytes=20)
    monkeypatch.setattr(write.cgroup_files, "write", kernel.write)
    with pytest.raises(
        HostError, match="memory.limit: the kernel refused '30' .* limit of memory and swap"
    ):
        write.write(EVERYTHING, v1.memory({"limit": 30}, EVERYTHING))


@pytest.mark.parametrize(
    "section, here, expected, soft",
    [
        (
            {"kernelTCP": 5},
            Fake(memory__kmem__tcp__limit_in_bytes="1"),
            [("memory.kmem.tcp.limit_in_bytes", "5")],
            [True],
        ),
        ({"kernel": 5}, EVERYTHING, [(None, "")], [True]),
        (
            {"useHierarchy": True},
            Fake(memory__use_hierarchy="0"),
            [("memory.use_hierarchy", "1")],
            [False],
        ),
        ({"useHierarchy": True}, Fake(memory__use_hierarchy="1"), [], []),
        ({"useHierarchy": False}, Fake(memory__use_hierarchy="1"), [(None, "1")], [True]),
    ],
)
def test_memory_v1_of_old_kernels(section, here, expected, soft):
    found = v1.memory(section, here)
    assert texts(found) == expected and [setting.soft for setting in found] == soft


@pytest.mark.parametrize("version, file", [(v1, "cpu.idle"), (v2, "cpu.idle")])
def test_not_idle_is_what_a_kernel_without_it_does(version, file):
    assert texts(version.cpu({"idle": 0}, Fake())) == []
    assert texts(version.cpu({"idle": 1}, Fake())) == [(file, "1")]
    assert texts(version.cpu({"idle": 0}, Fake(cpu__idle="1"))) == [(file, "0")]


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: v1.rdma({"mlx5_0": {}}, EVERYTHING), "rdma.mlx5_0"),
        (
            lambda: v1.block_io({"weightDevice": [{"major": 8, "minor": 0}]}, EVERYTHING),
            "weightDevice",
        ),
        (
            lambda: v2.block_io({"weightDevice": [{"major": 8, "minor": 0}]}, EVERYTHING),
            "weightDevice",
        ),
        (
            lambda: v2.unified({"NOT-A-KEY": "1"}, unified_place()),
            "has not the form CONTROLLER.VALUE `NOT-A-KEY`",
        ),
        (lambda: v2.unified({"../x.y": "1"}, unified_place()), "CONTROLLER.VALUE"),
    ],
)
def test_what_the_specification_forbids(call, said):
    with pytest.raises(InvalidInput, match=said):
        call()


def test_sentences_about_unified():
    place = translation.Place({}, Fake(memory__max="max"), {"memory"}, {"memory"})
    found = translation.translate({"unified": {"foo.bar": "1", "memory.nothing": "2"}}, place)
    assert not found.writes
    assert (
        "invalid configuration" in found.problems[0][1]
        and "cgroup controller `foo` is not available" in found.problems[0][1]
    )
    assert "no such file or directory" in found.problems[1][1]
