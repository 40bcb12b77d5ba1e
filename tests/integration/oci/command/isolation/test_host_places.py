# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container is shown of the host's own file systems, and what it can do there."""

from __future__ import annotations

import os

import pytest
from pycontainer.kernel import cgroups

CGROUP = {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro"]}
SYSFS = {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["ro"]}


def test_sysfs_of_the_host_is_read_only_with_all_that_is_mounted_in_it(runtime, bundle):
    """With the network namespace of the host it is the host's; and its tmpfs at fs/cgroup would be there to be written to by whom root is mapped to."""
    linux = bundle.config["linux"]
    linux["namespaces"] = [entry for entry in linux["namespaces"] if entry["type"] != "network"] + [
        {"type": "user"}
    ]
    linux["uidMappings"] = linux["gidMappings"] = [{"containerID": 0, "hostID": 0, "size": 65536}]
    bundle.config["mounts"].append(SYSFS)
    bundle.shell(
        "ls -d /sys/class; touch /sys/x /sys/fs/cgroup/x 2>&1 | busybox grep -v Read-only; mount "
        "| busybox grep ' on /sys' | busybox grep -vc '(ro'"
    )
    try:
        assert runtime("run", "--bundle", bundle.path, "c").stdout.split() == ["/sys/class", "0"]
        assert not os.path.exists("/sys/fs/cgroup/x")
    finally:
        if os.path.exists("/sys/fs/cgroup/x"):
            os.unlink("/sys/fs/cgroup/x")


def test_a_device_ptmx_is_the_containers_own(runtime, bundle):
    bundle.config["linux"]["devices"] = [{"path": "/dev/ptmx", "type": "c", "major": 5, "minor": 2}]
    bundle.shell("readlink /dev/ptmx; exec 3<> /dev/ptmx && echo opened; ls /dev/pts")
    assert runtime.ok("run", "--bundle", bundle.path, "c").split() == [
        "pts/ptmx",
        "opened",
        "0",
        "ptmx",
    ]


@pytest.mark.skipif(cgroups.mode() == "v2", reason="what is mounted there is a cgroup itself")
def test_a_mount_below_the_cgroups(runtime, bundle, tmp_path):
    (tmp_path / "file").write_text("seen")
    bundle.config["mounts"] += [
        SYSFS,
        CGROUP,
        {
            "destination": "/sys/fs/cgroup/more",
            "type": "bind",
            "source": str(tmp_path),
            "options": ["bind", "ro"],
        },
    ]
    bundle.shell(
        "cat /sys/fs/cgroup/more/file; mkdir /sys/fs/cgroup/x 2>&1 | busybox grep -c Read-only"
    )
    assert runtime.ok("run", "--bundle", bundle.path, "c").split() == ["seen1"]


def test_cgroups_among_binds_and_twice(runtime, bundle, tmp_path):
    """The container's groups may be made while it makes its mounts, in their order."""
    places = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name + "\n")
        places.append(
            {
                "destination": "/" + name,
                "type": "bind",
                "source": str(tmp_path / name),
                "options": ["bind", "ro"],
            }
        )
    bundle.config["mounts"] += [
        SYSFS,
        places[0],
        CGROUP,
        places[1],
        dict(CGROUP, destination="/groups"),
    ]
    bundle.config["linux"]["resources"] = (
        {"pids": {"limit": 77}} if not cgroups.check({"pids": {"limit": 77}}) else {}
    )
    controller = "" if cgroups.mode() == "v2" else "/pids"
    bundle.shell(
        "cat /one/file /two/file /sys/fs/cgroup{0}/cgroup.procs /groups{0}/pids.max; busybox grep "
        "-o ' /[st][^ ]*\\| /one \\| /two \\| /groups ' "
        "/proc/self/mountinfo | busybox grep -v /sys/".format(controller)
    )
    found = runtime.ok("run", "--bundle", bundle.path, "c").split()
    assert found[:2] == ["one", "two"] and "1" in found
    assert not bundle.config["linux"]["resources"] or "77" in found
    assert [word for word in found if word in ("/one", "/two", "/groups")] == [
        "/one",
        "/two",
        "/groups",
    ]


def test_without_a_cgroup_the_makers_are_shown(runtime, bundle):
    bundle.config["mounts"] += [SYSFS, dict(CGROUP, options=[])]
    bundle.shell(
        "cd /sys/fs/cgroup; ls -d */ .; for place in . */; do test -d $place && mkdir $place/x "
        "2>&1; done | busybox grep -vc Read-only"
    )
    lines = runtime(
        "--cgroup-manager", "disabled", "run", "--bundle", bundle.path, "c"
    ).stdout.split()
    assert lines[-1] == "0" and ("." in lines if cgroups.mode() == "v2" else "memory/" in lines)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"domainname": "a", "linux": {"sysctl": {"kernel.domainname": "b"}}},
            "sysctl kernel.domainname: the value 'b' is not that of domainname, 'a'",
        ),
        ({"linux": {"memoryPolicy": {"nodes": "0"}}}, "invalid memory policy mode"),
        ({"linux": {"memoryPolicy": {}}}, "invalid memory policy mode"),
    ],
)
def test_refused(runtime, bundle, changes, said):
    bundle.config["linux"].update(changes.pop("linux"))
    bundle.config.update(changes)
    bundle.save()
    assert said in runtime.fails("run", "--bundle", bundle.path, "c")


def test_a_domainname_twice(runtime, bundle):
    bundle.config["domainname"] = "same"
    bundle.config["linux"]["sysctl"] = {"kernel.domainname": "same"}
    bundle.save(args=["cat", "/proc/sys/kernel/domainname"])
    assert runtime.ok("run", "--bundle", bundle.path, "c") == "same\n"


def test_a_time_namespace_that_is_joined(runtime, bundle):
    """Its maker does not go there: what it writes down of the process would be a time of that namespace."""
    bundle.config["linux"]["namespaces"].append({"type": "time"})
    bundle.config["linux"]["timeOffsets"] = {"boottime": {"secs": 86400 * 365}}
    bundle.save()
    runtime.ok("run", "--detach", "--bundle", bundle.path, "c", stdout=-3, stderr=-3)
    bundle.config["linux"]["namespaces"][-1]["path"] = (
        "/proc/%d/ns/time" % runtime.state("c")["pid"]
    )
    del bundle.config["linux"]["timeOffsets"]
    bundle.save()
    runtime.ok("run", "--detach", "--bundle", bundle.path, "d", stdout=-3, stderr=-3)
    assert runtime.state("d")["status"] == "running"
    assert (
        int(runtime.ok("exec", "d", "busybox", "cut", "-d.", "-f1", "/proc/uptime")) > 86400 * 365
    )
