# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""linux.namespaces, timeOffsets, sysctl, hostname, domainname. runtime-spec config-linux.md "Namespaces", "Offset for Time Namespace"."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time

import pytest
from pycontainer.kernel.isolation import namespaces

KINDS = {
    "mount": "mnt",
    "pid": "pid",
    "uts": "uts",
    "ipc": "ipc",
    "network": "net",
    "cgroup": "cgroup",
    "time": "time",
}
needs_time = pytest.mark.skipif(
    not namespaces.supported("time"), reason="this kernel has no time namespaces (Linux 5.6)"
)


def of(pid, kind):
    return os.readlink(f"/proc/{pid}/ns/{KINDS[kind]}")


def started(pid, forked):
    with (
        open("/proc/%d/task/%d/children" % (pid, pid)) as children,
        open("/proc/%d/comm" % pid) as name,
    ):
        return children.read() != "" if forked else name.read() == "sleep\n"


@contextlib.contextmanager
def other(*flags):
    """A process in namespaces of its own."""
    process = subprocess.Popen(["unshare", *flags, "sleep", "100"])  # pylint: disable=consider-using-with
    try:
        end = time.monotonic() + 20
        while not started(process.pid, "--fork" in flags):
            assert time.monotonic() < end
            time.sleep(0.01)
        yield process.pid
    finally:
        process.kill()
        process.wait()


def seen(bundle):
    """Identities of the namespaces that a container's process is in."""
    result = bundle.shell("; ".join(f"readlink /proc/self/ns/{name}" for name in KINDS.values()))
    assert result.code == 0, result
    return dict(zip(KINDS, result.lines))


def test_those_that_are_named_are_new_and_the_others_the_runtimes(bundle):
    bundle.linux["namespaces"] = [{"type": "mount"}, {"type": "uts"}]
    found = seen(bundle)
    for kind in KINDS:
        if kind != "time" or namespaces.supported("time"):
            assert (found[kind] != of("self", kind)) == (kind in ("mount", "uts")), kind


def test_all_of_them(bundle):
    if namespaces.supported("time"):
        bundle.namespace("time")
    found = seen(bundle)
    for kind in KINDS:
        if kind != "time" or namespaces.supported("time"):
            assert found[kind] != of("self", kind), kind


@pytest.mark.parametrize(
    "kind, flag",
    (
        ("network", "--net"),
        ("uts", "--uts"),
        ("ipc", "--ipc"),
        ("cgroup", "--cgroup"),
        ("time", "--time"),
    ),
)
def test_joining_by_path(bundle, kind, flag):
    if not namespaces.supported(kind):
        pytest.skip(f"this kernel has no {kind} namespaces")
    with other(flag, *(["--fork", "--kill-child"] if kind == "time" else [])) as pid:
        path = "/proc/%d/ns/%s" % (pid, "time_for_children" if kind == "time" else KINDS[kind])
        bundle.namespace(kind, path)
        assert (
            seen(bundle)[kind]
            == os.readlink(path).replace("time_for_children", "time")
            != of("self", kind)
        )


def test_joining_a_pid_namespace(bundle):
    with other("--pid", "--fork", "--kill-child") as pid:
        bundle.namespace("pid", "/proc/%d/ns/pid_for_children" % pid)
        result = bundle.shell("readlink /proc/self/ns/pid; echo $$; ps | grep -c 'sleep 100'")
        assert result.lines[0] == os.readlink("/proc/%d/ns/pid_for_children" % pid), result
        assert int(result.lines[1]) > 1 and int(result.lines[2]) >= 1, (
            "it sees the other processes there"
        )


@pytest.mark.parametrize("kind", ("network", "uts", "ipc", "pid", "cgroup", "time"))
def test_a_path_of_another_type_is_refused(bundle, kind):
    wrong = "/proc/self/ns/" + ("uts" if kind != "uts" else "ipc")
    bundle.namespace(kind, wrong)
    bundle.refused(f"can't join the {kind} namespace {wrong}: it is no namespace of that type")
    bundle.namespace(kind, "/etc/passwd")
    bundle.refused(f"can't join the {kind} namespace /etc/passwd: it is no namespace of that type")


def test_a_path_that_is_not_there_or_not_absolute_is_refused(bundle):
    bundle.namespace("network", "/not/there")
    bundle.refused("can't join the network namespace /not/there", "no such file")
    bundle.namespace("network", "not/absolute")
    bundle.refused("'not/absolute' of the network namespace is not absolute")


@pytest.mark.parametrize(
    "entries, words",
    (
        ([{"type": "pid"}, {"type": "pid", "path": "/proc/self/ns/pid"}], "pid is there twice"),
        ([{"type": "frob"}], "type frob"),
    ),
)
def test_duplicates_and_unknown_types_are_refused(bundle, entries, words):
    bundle.linux["namespaces"] = [{"type": "mount"}] + entries
    bundle.refused(words)


def test_without_a_mount_namespace_the_mounts_are_the_hosts_and_gone_with_the_container(bundle):
    bundle.namespace("mount", remove=True)
    bundle.config["hooks"] = {
        "createRuntime": [
            {
                "path": "/bin/sh",
                "args": ["sh", "-c", f"grep -c {bundle.root} /proc/self/mountinfo > mounted"],
            }
        ]
    }
    before = open("/proc/self/mountinfo").read()  # pylint: disable=consider-using-with
    result = bundle.shell("readlink /proc/self/ns/mnt; ls /; cat /proc/1/comm")
    try:
        assert result.lines[0] == of("self", "mount") and "bin" in result.lines, result
        assert open(bundle.directory + "/mounted").read().strip() == "3"  # pylint: disable=consider-using-with
    finally:
        subprocess.run(["umount", "--recursive", "--lazy", bundle.root], check=False)
    after = open("/proc/self/mountinfo").read()  # pylint: disable=consider-using-with
    assert [line.split()[6:] for line in before.splitlines()] == [
        line.split()[6:] for line in after.splitlines()
    ], "propagation of the host's mounts is left"


def test_masking_needs_a_mount_namespace(bundle):
    bundle.namespace("mount", remove=True)
    bundle.linux["maskedPaths"] = ["/proc/kcore"]
    bundle.refused("linux.maskedPaths", "MNT namespace")


# --------------------------------------------------------------------------------------------------------------- time


@needs_time
def test_time_offsets(bundle):
    bundle.namespace("time")
    bundle.linux["timeOffsets"] = {
        "monotonic": {"secs": 7881, "nanosecs": 2718281},
        "boottime": {"secs": 1000000},
    }
    result = bundle.shell("cat /proc/self/timens_offsets /proc/uptime")
    words = [line.split() for line in result.lines]
    assert words[0] == ["monotonic", "7881", "2718281"] and words[1] == [
        "boottime",
        "1000000",
        "0",
    ], result
    with open("/proc/uptime") as file:
        assert 999000 < float(words[2][0]) - float(file.read().split()[0]) < 1001000
    assert of("self", "time") == os.readlink("/proc/self/ns/time_for_children")


@needs_time
@pytest.mark.parametrize(
    "offsets, own, words",
    (
        ({"monotonic": {"secs": 1}}, False, "timeOffsets needs a time namespace"),
        ({"realtime": {"secs": 1}}, True, "'realtime' is not known"),
        ({"monotonic": {"nanosecs": 10**9}}, True, "nanosecs: 1000000000"),
    ),
)
def test_time_offsets_that_can_not_be_are_refused(bundle, offsets, own, words):
    if own:
        bundle.namespace("time")
    bundle.linux["timeOffsets"] = offsets
    bundle.refused(words)


# -------------------------------------------------------------------------------------------------- names and parameters


def test_hostname_and_domainname(bundle):
    bundle.config.update(hostname="box", domainname="example.test")
    own = os.uname().nodename
    assert bundle.shell("hostname; cat /proc/sys/kernel/domainname").lines == [
        "box",
        "example.test",
    ]
    assert os.uname().nodename == own
    bundle.namespace("uts", remove=True)
    bundle.refused("unable to set hostname without a private UTS namespace")


@pytest.mark.parametrize("name", ("hostname", "domainname", "kernel.domainname"))
def test_names_that_the_kernel_has_no_room_for(bundle, name):
    place = bundle.linux.setdefault("sysctl", {}) if "." in name else bundle.config
    place[name] = "é" * 32
    assert bundle.run("cat", "/proc/sys/kernel/" + name.rpartition(".")[2]).out == "é" * 32 + "\n"
    place[name] += "x"
    bundle.refused(f"{name}: ", "x' is not valid; accepted: at most 64 bytes")


def test_sysctls_of_each_namespace(bundle):
    bundle.linux["sysctl"] = {
        "kernel.shmmax": "1048576",
        "fs.mqueue.msg_max": "7",
        "net.ipv4.ip_forward": "1",
        "net/ipv4/conf/lo/rp_filter": "2",
        "net.ipv6.conf.lo.disable_ipv6": "1",
        "kernel.domainname": "a.domain",
    }
    own = open("/proc/sys/kernel/shmmax").read()  # pylint: disable=consider-using-with
    places = "kernel/shmmax fs/mqueue/msg_max net/ipv4/ip_forward net/ipv4/conf/lo/rp_filter net/ipv6/conf/lo/disable_ipv6 kernel/domainname".split()
    assert bundle.shell("cat " + " ".join("/proc/sys/" + place for place in places)).lines == [
        "1048576",
        "7",
        "1",
        "2",
        "1",
        "a.domain",
    ]
    assert open("/proc/sys/kernel/shmmax").read() == own  # pylint: disable=consider-using-with


@pytest.mark.parametrize(
    "name, lacking, words",
    (
        ("kernel.shmmax", "ipc", "no ipc namespace"),
        ("fs.mqueue.msg_max", "ipc", "no ipc namespace"),
        ("net.core.somaxconn", "network", "no network namespace"),
        ("kernel.domainname", "uts", "no uts namespace"),
        ("kernel.hostname", None, "the field hostname is for that"),
        ("user.max_user_namespaces", None, "no user namespace"),
        ("kernel.core_pattern", None, "only parameters of a namespace"),
        ("vm.swappiness", None, "only parameters of a namespace"),
        ("net/../kernel/core_pattern", None, "only parameters of a namespace"),
        ("net.ipv4./../kernel.core_pattern", None, "net.ipv4./../kernel.core_pattern"),
        ("kernel.shm_rmid_forced\n", None, "only parameters of a namespace"),
        ("net", None, "only parameters of a namespace"),
        ("", None, "only parameters"),
    ),
)
def test_sysctls_that_are_the_hosts_are_refused(bundle, name, lacking, words):
    if lacking:
        bundle.namespace(lacking, remove=True)
    bundle.linux["sysctl"] = {name: "1"}
    bundle.refused("sysctl %s" % name.replace("\n", "\\n"), words)


def test_a_network_namespace_that_is_joined_must_not_be_the_hosts(bundle):
    bundle.namespace("network", "/proc/self/ns/net")
    bundle.linux["sysctl"] = {"net.core.somaxconn": "9"}
    bundle.refused("sysctl net.core.somaxconn", "is the host's")
    with other("--net") as pid:
        bundle.namespace("network", "/proc/%d/ns/net" % pid)
        assert bundle.run("cat", "/proc/sys/net/core/somaxconn").out == "9\n"


def test_values_that_the_kernel_refuses_are_named(bundle):
    bundle.linux["sysctl"] = {"net.ipv4.ip_forward": "frob"}
    bundle.refused("sysctl net.ipv4.ip_forward=frob: invalid argument")
    bundle.linux["sysctl"] = {"net.frob": "1"}
    bundle.refused("sysctl net.frob=1: no such file")
    bundle.linux["sysctl"] = {"net.ipv4.ip_forward": "1\nx"}
    bundle.refused("one line of text")
