# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that are containers themselves: a cgroup namespace, in which the top of each mount is not the top of the tree."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest
from pycontainer.kernel import cgroups
from pycontainer.kernel.cgroups.hierarchy import layout

RUNTIME = pathlib.Path(layout.__file__).parents[3]
INSIDE = """
import importlib.util, json, os, subprocess, sys, time
spec = importlib.util.spec_from_file_location("pycontainer", sys.argv[1] + "/__init__.py", submodule_search_locations=[sys.argv[1]])
sys.modules["pycontainer"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["pycontainer"])
from pycontainer.kernel import cgroups; from pycontainer.kernel.calls import constants as c, syscalls
from pycontainer.kernel.cgroups.hierarchy import layout; from pycontainer.errors import Unsupported
before = layout.current()
if "namespace" in sys.argv:
    syscalls.unshare(c.CLONE_NEWCGROUP | c.CLONE_NEWNS)
    syscalls.mount(None, "/", None, c.MS_REC | c.MS_PRIVATE)
    for hierarchy in before.hierarchies:
        syscalls.umount2(hierarchy.mount, 2)
        if hierarchy.version == 2:
            syscalls.mount("cgroup2", hierarchy.mount, "cgroup2")
        else:
            syscalls.mount("cgroup", hierarchy.mount, "cgroup", 0, ",".join(hierarchy.controllers))
    layout.current(again=True)
if "part" in sys.argv:
    syscalls.unshare(c.CLONE_NEWNS)
    syscalls.mount(None, "/", None, c.MS_REC | c.MS_PRIVATE)
    for mount, path in layout.of_process("self").items():
        syscalls.mount(path, mount, None, c.MS_BIND)
    layout.current(again=True)
if "leaf" in sys.argv:
    for hierarchy in layout.current().hierarchies:
        os.mkdir(hierarchy.mount + "/init")
        if "cpuset" in hierarchy.controllers:
            for name in ("cpuset.cpus", "cpuset.mems"):
                with open(hierarchy.mount + "/" + name) as source, open(hierarchy.mount + "/init/" + name, "w") as target:
                    target.write(source.read())
        with open(hierarchy.mount + "/init/cgroup.procs", "w") as file:
            file.write("0")
resources = {"pids": {"limit": 5}, "memory": {"limit": 64 << 20}}
result = {"mode": cgroups.mode(), "early": cgroups.check(resources), "refused": ""}
group = cgroups.create("inner")
try:
    group.apply(resources)
except Unsupported as error:
    result["refused"] = str(error)
pid = os.fork()
if pid == 0:
    group.attach(0)
    time.sleep(60)
    os._exit(0)
while not group.procs():
    time.sleep(0.01)
result["places"] = {mount: path == group.paths[mount] for mount, path in layout.of_process(pid).items()}
with open("/proc/%d/cgroup" % pid) as file:
    lines = [line.strip().split(":", 2) for line in file]
result["cgroups"] = sorted({line[2] for line in lines if line[1] or layout.current().unified})  # "0::" is there even when not mounted
result["stats"] = group.stats()
group.freeze()
result["frozen"] = group.frozen()
group.remove()
os.waitpid(pid, 0)
result["gone"] = not group.exists and cgroups.remove_base()
print(json.dumps(result))
"""


@pytest.fixture
def inside(group):
    def run(*how):
        done = subprocess.run(
            [sys.executable, "-c", INSIDE, str(RUNTIME), *how],
            preexec_fn=lambda: group.attach(0),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_processes_at_the_top(inside):
    """A container whose process 1 is in the top cgroup: v1 gives limits, v2 can't, which is said in a sentence."""
    result = inside("namespace")
    assert result["mode"] == cgroups.mode()
    assert result["cgroups"] == ["/pycontainer/inner"]
    assert result["frozen"] and result["gone"] and all(result["places"].values())
    if result["mode"] == "v2":
        assert result["refused"].startswith("memory.limit: ")
        assert "holds processes of its own" in result["refused"]
        assert [key for key, _sentence in result["early"]] == ["memory.limit", "pids.limit"]
    else:
        assert result["refused"] == "" and result["early"] == []
        assert result["stats"]["pids"] == {"current": 1, "limit": 5}


def test_processes_in_a_leaf(inside):
    """A container whose init system keeps the top cgroup free, as systemd does: limits everywhere."""
    result = inside("namespace", "leaf")
    assert result["refused"] == "" and result["early"] == []
    assert result["cgroups"] == ["/pycontainer/inner"]
    assert result["stats"]["pids"] == {"current": 1, "limit": 5}
    assert result["stats"]["memory"]["limit"] == 64 << 20
    assert result["frozen"] and result["gone"]


def test_mounts_that_show_a_part_of_the_tree(inside, group):
    """A container of an engine without cgroup namespaces: the mounts begin at its own cgroup, the names in /proc don't."""
    result = inside("part", "leaf")
    name = os.path.basename(next(iter(group.paths.values())))
    assert all(cgroup.endswith(f"/{name}/pycontainer/inner") for cgroup in result["cgroups"])
    assert all(result["places"].values()) and result["places"]
    assert result["refused"] == "" and result["stats"]["pids"]["limit"] == 5
    assert result["frozen"] and result["gone"]


READ_ONLY = """
syscalls.unshare(c.CLONE_NEWNS)
syscalls.mount(None, "/", None, c.MS_REC | c.MS_PRIVATE)
for hierarchy in layout.current().hierarchies:
    syscalls.mount(hierarchy.mount, hierarchy.mount, None, c.MS_BIND)
    syscalls.mount(None, hierarchy.mount, None, c.MS_BIND | c.MS_REMOUNT | c.MS_RDONLY)
try:
    cgroups.create("read-only-%d" % os.getpid())
except errors.HostError as error:
    print(error)
"""


def test_read_only_control_groups_as_in_a_container_that_is_not_privileged():
    script = INSIDE.partition("before = ")[0] + "from pycontainer import errors\n" + READ_ONLY
    done = subprocess.run(
        [sys.executable, "-c", script, str(RUNTIME)], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip().endswith(
        "can't be made: read-only file system (a host that is a container itself has to be privileged)"
    ), done.stderr
