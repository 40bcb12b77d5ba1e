# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written to resctrl for linux.intelRdt; no machine of the suite has one, so its directory is a plain one here."""

from __future__ import annotations

import os

import pytest
from pycontainer.errors import ContainerFailed, Unsupported
from pycontainer.oci.features import resctrl as rdt


@pytest.fixture
def resctrl(tmp_path, monkeypatch):
    """A directory in which new directories have the files that the kernel would make; ``written`` in the order of writing."""
    written = []

    def fill(path, *_mode, **_more):
        real(path)
        for name in ("schemata", "tasks"):
            open(os.path.join(path, name), "w").close()  # pylint: disable=consider-using-with
        if "mon_groups" not in str(path):
            real(os.path.join(path, "mon_groups"))

    def write(path, text):
        assert os.path.exists(path)
        written.append((os.path.relpath(path, tmp_path), text))

    real = os.mkdir
    fill(tmp_path / "root")
    monkeypatch.setattr(rdt.os, "mkdir", fill)
    monkeypatch.setattr(rdt.os, "makedirs", fill)
    monkeypatch.setattr(rdt.procfs, "write", write)
    monkeypatch.setattr(rdt, "place", lambda: str(tmp_path / "root"))
    return str(tmp_path / "root"), written, fill


def test_a_class_of_its_own(resctrl):
    root, written, dummy = resctrl
    entry = {
        "memBwSchema": "MB:0=20",
        "l3CacheSchema": "L3:0=f",
        "schemata": ["L2:0=3"],
        "enableMonitoring": True,
    }
    rdt.apply(entry, "box", 77, root)
    assert written == [
        ("root/box/schemata", "L3:0=f\n"),
        ("root/box/schemata", "MB:0=20\n"),
        ("root/box/schemata", "L2:0=3\n"),
        ("root/box/tasks", "77"),
        ("root/box/mon_groups/box/tasks", "77"),
    ]
    for name in ("mon_groups/box/tasks", "mon_groups/box/schemata", "tasks", "schemata"):
        os.unlink(root + "/box/" + name)
    os.rmdir(root + "/box/mon_groups/box")
    os.rmdir(root + "/box/mon_groups")
    rdt.remove(entry, "box", root)
    assert not os.path.exists(root + "/box")


def test_the_default_class_and_one_that_is_there(resctrl):
    root, written, fill = resctrl
    rdt.apply({"closID": "/"}, "box", 5, root)
    fill(root + "/gold")
    rdt.apply({"closID": "gold", "schemata": ["MB:0=10"]}, "box", 6, root)
    assert written == [
        ("root/tasks", "5"),
        ("root/gold/schemata", "MB:0=10\n"),
        ("root/gold/tasks", "6"),
    ]
    rdt.remove({"closID": "gold"}, "box", root)
    assert os.path.isdir(root + "/gold"), "it is not the container's"


def test_a_class_that_is_there_must_have_the_schema(resctrl):
    root, written, fill = resctrl
    fill(root + "/gold")
    with open(root + "/gold/schemata", "w") as file:
        file.write("    L3:0=00f;1=0ff\n    MB:0=100\n")
    rdt.apply({"closID": "gold", "l3CacheSchema": "L3:0=f"}, "box", 5, root)
    assert written == [("root/gold/tasks", "5")]
    with pytest.raises(ContainerFailed, match="L3:0=7 is not the schema of"):
        rdt.apply({"closID": "gold", "l3CacheSchema": "L3:0=7"}, "box", 5, root)


def test_a_class_that_is_not_there_needs_a_schema(resctrl):
    root, written, dummy = resctrl
    with pytest.raises(ContainerFailed, match="does not exist"):
        rdt.apply({"closID": "silver"}, "box", 5, root)
    rdt.apply({"closID": "silver", "memBwSchema": "MB:0=10"}, "box", 5, root)
    assert written == [("root/silver/schemata", "MB:0=10\n"), ("root/silver/tasks", "5")]


@pytest.mark.parametrize(
    "entry",
    (
        {"closID": ".."},
        {"closID": "a/b"},
        {"closID": "info"},
        {"memBwSchema": "L3:0=f"},
        {"l3CacheSchema": "L3:0=f\nMB:0=1"},
        {"schemata": ["a\nb"]},
        {"enableCMT": True},
    ),
)
def test_what_can_not_be_is_refused(monkeypatch, entry):
    monkeypatch.setattr(rdt, "place", lambda: "/sys/fs/resctrl")
    with pytest.raises(Unsupported, match="linux.intelRdt." + next(iter(entry))):
        rdt.check(entry)
    rdt.check(
        {
            "closID": "gold",
            "memBwSchema": "MB:0=1",
            "l3CacheSchema": "L3:0=f",
            "schemata": ["L2:0=1"],
            "enableMonitoring": True,
        }
    )


def test_without_resctrl_it_is_refused(monkeypatch):
    monkeypatch.setattr(rdt, "place", lambda: None)
    with pytest.raises(Unsupported, match="no resctrl file system is mounted"):
        rdt.check({"closID": "gold"})


def test_update(resctrl):
    root, written, fill = resctrl
    fill(root + "/box")
    assert rdt.update(
        {"l3CacheSchema": "L3:0=1"}, {"l3CacheSchema": "L3:0=f"}, "box", [5], root
    ) == {"l3CacheSchema": "L3:0=f"}
    assert written == [("root/box/schemata", "L3:0=f\n")]  # its processes are there
    del written[:]
    assert rdt.update(None, {"memBwSchema": "MB:0=20"}, "new", [5, 6], root) == {
        "memBwSchema": "MB:0=20"
    }
    assert written == [
        ("root/new/schemata", "MB:0=20\n"),
        ("root/new/tasks", "5"),
        ("root/new/tasks", "6"),
    ]
    with pytest.raises(Unsupported, match="memBwSchema"):
        rdt.update(None, {"memBwSchema": "20"}, "new", [], root)
