# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""linux.resources of others: names and types; a live update's record and writes; the properties of a systemd unit_properties."""

from __future__ import annotations

import pytest
from pycontainer.errors import InvalidInput
from pycontainer.kernel import cgroups
from pycontainer.kernel.cgroups.limits import live_update
from pycontainer.kernel.cgroups.systemd import scope, unit_properties

MIB = 1 << 20
INFINITY = (1 << 64) - 1


def test_names_are_taken_whatever_their_case():
    assert cgroups.canonical(
        {
            "CPU": {"Cpus": "0", "mems": "0"},
            "cpu": {"shares": 5},
            "hugepageLimits": [{"pagesize": "2MB", "limit": 1}],
        }
    ) == {
        "cpu": {"cpus": "0", "mems": "0", "shares": 5},
        "hugepageLimits": [{"pageSize": "2MB", "limit": 1}],
    }


def test_unknown_names_and_nulls_are_left_out():
    assert cgroups.canonical(
        {"memory": {"limit": None, "colour": 3}, "warp": {"speed": 9}, "pids": None}
    ) == {"memory": {}}
    assert cgroups.canonical(None) == {}


@pytest.mark.parametrize(
    "resources, said",
    [
        ({"memory": {"limit": "5m"}}, "memory.limit"),
        ({"memory": []}, "memory"),
        ({"cpu": {"shares": -1}}, "cpu.shares"),
        ({"cpu": {"cpus": 3}}, "cpu.cpus"),
        ({"memory": {"disableOOMKiller": 1}}, "disableOOMKiller"),
        ({"pids": {"limit": True}}, "pids.limit"),
        ({"devices": {}}, "devices"),
        ({"devices": [{"type": "c"}]}, "devices.allow"),
        ({"unified": {"memory.high": 5}}, "unified.memory.high"),
        (
            {"blockIO": {"throttleReadBpsDevice": [{"major": 8, "minor": 0}]}},
            "throttleReadBpsDevice.rate",
        ),
        ([], "resources"),
        ({"rdma": {"mlx": {"hcaHandles": -3}}}, "rdma.mlx.hcaHandles"),
        ({"hugepageLimits": [3]}, "hugepageLimits"),
    ],
)
def test_values_of_another_type(resources, said):
    with pytest.raises(InvalidInput, match=said.replace(".", r"\.")):
        cgroups.canonical(resources)


def test_default_devices_come_last():
    own = {"allow": False, "access": "rwm"}
    rules = cgroups.with_default_devices({"devices": [own], "pids": {"limit": 3}})
    assert rules["devices"][0] == own and rules["pids"] == {"limit": 3}
    assert {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rwm"} in rules[
        "devices"
    ][1:]
    assert cgroups.with_default_devices(None)["devices"] == rules["devices"][1:]


RECORD = {
    "memory": {"limit": 32 * MIB, "swap": 64 * MIB, "reservation": 24 * MIB},
    "cpu": {"shares": 100, "quota": 500000, "period": 1000000},
    "pids": {"limit": 20},
    "blockIO": {
        "throttleReadBpsDevice": [
            {"major": 8, "minor": 0, "rate": 5},
            {"major": 8, "minor": 16, "rate": 6},
        ]
    },
}


@pytest.mark.parametrize(
    "change, merged, writes",
    [
        ({"pids": {"limit": -1}}, {"pids": {"limit": -1}}, {"pids": {"limit": -1}}),
        ({"pids": {"limit": 0}}, {"pids": {"limit": 0}}, {"pids": {"limit": 0}}),
        (
            {"memory": {"reservation": 5}},
            {"memory": {"limit": 32 * MIB, "swap": 64 * MIB, "reservation": 5}},
            {"memory": {"reservation": 5}},
        ),
        (
            {"memory": {"swap": 80 * MIB}},
            {"memory": {"limit": 32 * MIB, "swap": 80 * MIB, "reservation": 24 * MIB}},
            {"memory": {"limit": 32 * MIB, "swap": 80 * MIB}},
        ),
        (
            {"memory": {"limit": 40 * MIB}},
            {"memory": {"limit": 40 * MIB, "swap": 64 * MIB, "reservation": 24 * MIB}},
            {"memory": {"limit": 40 * MIB, "swap": 64 * MIB}},
        ),
        (
            {"memory": {"limit": -1}},
            {"memory": {"limit": -1, "reservation": 24 * MIB}},
            {"memory": {"limit": -1}},
        ),
        (
            {"memory": {"limit": 1024, "checkBeforeUpdate": True}},
            {
                "memory": {
                    "limit": 1024,
                    "swap": 64 * MIB,
                    "reservation": 24 * MIB,
                    "checkBeforeUpdate": True,
                }
            },
            {"memory": {"limit": 1024, "swap": 64 * MIB, "checkBeforeUpdate": True}},
        ),
        (
            {"cpu": {"period": 900000}},
            {"cpu": {"shares": 100, "quota": 500000, "period": 900000}},
            {"cpu": {"quota": 500000, "period": 900000}},
        ),
        (
            {"cpu": {"quota": -1}},
            {"cpu": {"shares": 100, "quota": -1, "period": 1000000}},
            {"cpu": {"quota": -1, "period": 1000000}},
        ),
        (
            {"cpu": {"quota": 0, "burst": 5}},
            {"cpu": {"shares": 100, "quota": 0, "period": 1000000, "burst": 5}},
            {"cpu": {"quota": 0, "burst": 5}},
        ),
        (
            {"cpu": {"idle": 1}},
            {"cpu": {"idle": 1, "quota": 500000, "period": 1000000}},
            {"cpu": {"idle": 1}},
        ),
        (
            {"cpu": {"cpus": "1"}},
            {"cpu": {"shares": 100, "quota": 500000, "period": 1000000, "cpus": "1"}},
            {"cpu": {"cpus": "1"}},
        ),
        (
            {
                "blockIO": {
                    "throttleReadBpsDevice": [
                        {"major": 8, "minor": 16, "rate": 9},
                        {"major": 9, "minor": 0, "rate": 1},
                    ]
                }
            },
            {
                "blockIO": {
                    "throttleReadBpsDevice": [
                        {"major": 8, "minor": 0, "rate": 5},
                        {"major": 8, "minor": 16, "rate": 9},
                        {"major": 9, "minor": 0, "rate": 1},
                    ]
                }
            },
            {
                "blockIO": {
                    "throttleReadBpsDevice": [
                        {"major": 8, "minor": 16, "rate": 9},
                        {"major": 9, "minor": 0, "rate": 1},
                    ]
                }
            },
        ),
        (
            {"unified": {"memory.high": "5"}},
            {"unified": {"memory.high": "5"}},
            {"unified": {"memory.high": "5"}},
        ),
        ({"memory": {}, "cpu": {}, "warp": 5}, {}, {}),
    ],
)
def test_merging_a_change(change, merged, writes):
    before = repr(RECORD)
    assert live_update.merge(RECORD, change) == (dict(RECORD, **merged), writes)
    assert repr(RECORD) == before


def test_merging_into_nothing():
    assert live_update.merge(None, {"pids": {"limit": 3}}) == (
        {"pids": {"limit": 3}},
        {"pids": {"limit": 3}},
    )
    assert live_update.merge({"unified": {"a.b": "1"}}, {"unified": {"c.d": "2"}})[0] == {
        "unified": {"a.b": "1", "c.d": "2"}
    }


def test_flags_as_a_change():
    given = {
        "memory": 5,
        "memory-swap": -1,
        "cpu-share": 3,
        "cpuset-mems": "0",
        "pids-limit": 0,
        "blkio-weight": 10,
    }
    assert live_update.from_flags(given) == {
        "memory": {"limit": 5, "swap": -1},
        "cpu": {"shares": 3, "mems": "0"},
        "pids": {"limit": 0},
        "blockIO": {"weight": 10},
    }


@pytest.mark.parametrize(
    "path, slice_name, name",
    [
        ("machine.slice:libpod:abc", "machine.slice", "libpod-abc.scope"),
        (":runc:abc", "system.slice", "runc-abc.scope"),
        ("system.slice:abc.scope", "system.slice", "abc.scope"),
        ("", "system.slice", "pycontainer-id1.scope"),
        ("-.slice::x", "-.slice", "x.scope"),
    ],
)
def test_scope_names(path, slice_name, name):
    assert scope.parse(path, "id1") == (slice_name, name)


@pytest.mark.parametrize(
    "path",
    [
        "/a/b",
        "abc",
        "a.slice:b:c:d",
        "a:b:c",
        "a--b.slice:c:d",
        "x/y.slice:c:d",
        "a.slice:b:",
        "a.slice:b:c.slice",
        "a.slice:b:c/d",
    ],
)
def test_no_scope_names(path):
    with pytest.raises(InvalidInput, match="slice:prefix:name"):
        scope.parse(path, "id1")


@pytest.mark.parametrize(
    "resources, v1, v2",
    [
        (
            {"memory": {"limit": 5, "swap": 9, "reservation": 3}},
            [("MemoryLimit", "t", 5)],
            [("MemoryMax", "t", 5), ("MemoryLow", "t", 3), ("MemorySwapMax", "t", 4)],
        ),
        (
            {"memory": {"limit": -1}},
            [("MemoryLimit", "t", INFINITY)],
            [("MemoryMax", "t", INFINITY), ("MemorySwapMax", "t", INFINITY)],
        ),
        ({"pids": {"limit": 0}}, [("TasksMax", "t", 1)], [("TasksMax", "t", 1)]),
        ({"pids": {"limit": -1}}, [("TasksMax", "t", INFINITY)], [("TasksMax", "t", INFINITY)]),
        ({"cpu": {"shares": 1024}}, [("CPUShares", "t", 1024)], [("CPUWeight", "t", 100)]),
        (
            {"cpu": {"quota": 600000, "period": 900000}},
            *[[("CPUQuotaPeriodUSec", "t", 900000), ("CPUQuotaPerSecUSec", "t", 670000)]] * 2,
        ),
        ({"cpu": {"quota": 5000}}, *[[("CPUQuotaPerSecUSec", "t", 50000)]] * 2),
        (
            {"cpu": {"period": 1000}},
            *[[("CPUQuotaPeriodUSec", "t", 1000), ("CPUQuotaPerSecUSec", "t", INFINITY)]] * 2,
        ),
        (
            {"cpu": {"cpus": "0-2,9", "mems": "0"}},
            *[[("AllowedCPUs", "ay", b"\x07\x02"), ("AllowedMemoryNodes", "ay", b"\x01")]] * 2,
        ),
        ({"blockIO": {"weight": 1000}}, [("BlockIOWeight", "t", 1000)], [("IOWeight", "t", 10000)]),
        ({"cpu": {"idle": 1, "shares": 9}}, [("CPUShares", "t", 9)], [("CPUWeight", "t", 0)]),
        (
            {
                "unified": {
                    "cpu.max": "max 1000",
                    "pids.max": "max",
                    "memory.high": "7",
                    "io.max": "8:0 rbps=1",
                }
            },
            *[
                [
                    ("CPUQuotaPeriodUSec", "t", 1000),
                    ("CPUQuotaPerSecUSec", "t", INFINITY),
                    ("TasksMax", "t", INFINITY),
                    ("MemoryHigh", "t", 7),
                ]
            ]
            * 2,
        ),
        ({"unified": {"cpu.idle": "1", "cpu.weight": "8"}}, *[[("CPUWeight", "t", 0)]] * 2),
    ],
)
def test_unit_properties(resources, v1, v2):
    assert unit_properties.properties(resources, False, 252) == v1
    assert unit_properties.properties(resources, True, 252) == v2


def test_properties_that_an_old_systemd_lacks():
    assert unit_properties.properties({"cpu": {"period": 5, "cpus": "0"}}, True, 239) == [
        ("CPUQuotaPerSecUSec", "t", INFINITY)
    ]


def test_devices_of_a_unit():
    rules = [
        {"allow": False},
        {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rw"},
        {"allow": True, "type": "b", "access": "m"},
        {"allow": True, "type": "c", "major": 136, "access": "rwm"},
        {"allow": True, "type": "c", "minor": 9, "access": "r"},
    ]
    assert unit_properties.properties({"devices": rules}, False, 252)[-1] == (
        "DeviceAllow",
        "a(ss)",
        [("/dev/char/1:3", "rw"), ("block-*", "m"), ("char-136", "rwm")],
    )
    assert unit_properties.properties({"devices": [{"allow": True}]}, False, 252) == [
        ("DeviceAllow", "a(ss)", []),
        ("DevicePolicy", "s", "auto"),
    ]


@pytest.mark.parametrize(
    "text, signature, value",
    [
        ("'x y'", "s", "x y"),
        ('"x"', "s", "x"),
        ("true", "b", True),
        ("uint64 5", "t", 5),
        ("7", "i", 7),
        ("['a', 'b']", "as", ["a", "b"]),
        ("byte 0x1f", "y", 31),
    ],
)
def test_annotations(text, signature, value):
    assert unit_properties.annotated({"org.systemd.property.Name": text, "other": "x"}) == [
        ("Name", signature, value)
    ]


def test_annotation_in_seconds():
    assert unit_properties.annotated({"org.systemd.property.TimeoutStopSec": "double 2.5"}) == [
        ("TimeoutStopUSec", "t", 2500000)
    ]


def test_annotation_of_no_known_form():
    with pytest.raises(InvalidInput, match="GVariant"):
        unit_properties.annotated({"org.systemd.property.Name": "uint64 many"})
