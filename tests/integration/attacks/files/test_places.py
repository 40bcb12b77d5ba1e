# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images and volumes that put something else where the runtime makes devices, mounts, masks and terminals, or writes settings."""

from __future__ import annotations

import os
import subprocess

import pytest
from pycontainer.errors import ContainerFailed

PLACES = (
    "dev",
    "dev/pts",
    "dev/shm",
    "dev/mqueue",
    "dev/null",
    "dev/console",
    "dev/fd",
    "proc",
    "sys",
    "sys/fs/cgroup",
    "etc",
    "etc/mtab",
    "etc/hosts",
    "etc/resolv.conf",
    "srv/work",
)
TARGETS = {
    "absolute": "%s",
    "up": "../../../../../../../../../..%s",
    "dangling": "%s/nowhere",
    "through proc": "/proc/1/root%s",
    "through a descriptor": "/proc/self/fd/5%s",
    "through cwd": "/proc/self/cwd/../../../../..%s",
}


def run(box):
    """Start it and wait for its end; what the runtime refuses is as good. Returns its output."""
    try:
        box.start()
    except ContainerFailed as error:
        return str(error)
    box.wait()
    return box.log()


@pytest.mark.parametrize("target", TARGETS)
def test_links_in_the_place_of_directories(boxes, host, target):
    """CVE-2026-41579, CVE-2026-47766, CVE-2024-5154: devices, mount points, links, working directories land on the host."""
    for place in PLACES:
        boxes.link(place, TARGETS[target] % host.canary)
        box = boxes("/bin/sh", "-c", "echo ran; echo h > /dev/null; echo h > /etc/hosts")
        if place == "srv/work":
            box.config["process"]["cwd"] = "/srv/work/deep/er"
        if place in ("dev/console", "dev/pts"):
            box.terminal()
        run(box)
        os.unlink(os.path.join(boxes.layer, place))
        assert not host.changes(), place


def mount_of(directory, place):
    return {"destination": place, "type": "bind", "source": directory, "options": ["rbind", "rw"]}


# "h" is the only word that is written: to sysrq-trigger, were it reached, it asks for help
PROBE = (
    "stat -c 'type %n %F %t:%T' /proc/keys /proc/timer_list; (echo h > /proc/sysrq-trigger) && "
    "echo WRITTEN; "
    "(echo h-evil > /proc/sys/kernel/core_pattern) && echo WRITTEN; echo h-evil > /proc/keys; cat "
    "/proc/keys"
)


@pytest.mark.parametrize(
    "fake", ["/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "core_pattern"]
)
@pytest.mark.parametrize("racing", [False, True], ids=["still", "racing"])
def test_null_device_that_is_none(boxes, host, program, fake, racing):
    """CVE-2025-31133: a mask is a bind of /dev/null; the image or a neighbour puts a link or another device there.

    /dev is a volume that somebody else can write to, where the real null device and the fake take turns.
    """
    shared = os.path.join(boxes.paths.data, "shared")
    os.mkdir(shared)
    os.symlink(
        fake if fake.startswith("/") else os.path.join(host.canary, fake),
        os.path.join(shared, "fake"),
    )
    os.mknod(os.path.join(shared, "null"), 0o020666, os.makedev(1, 3))
    if not racing:
        os.rename(os.path.join(shared, "fake"), os.path.join(shared, "null"))
    else:
        racer = subprocess.Popen(
            [program("flip"), os.path.join(shared, "fake"), os.path.join(shared, "null"), "2"],
            stdout=subprocess.DEVNULL,
        )
    try:
        texts = []
        while not texts or (racing and racer.poll() is None):
            box = boxes("/bin/sh", "-c", PROBE)
            box.config["mounts"] = [
                entry
                for entry in box.config["mounts"]
                if not entry["destination"].startswith("/dev")
            ] + [mount_of(shared, "/dev")]
            texts.append(run(box))
            box.stop(timeout=0) if box.kind == "oci" else None
    finally:
        if racing:
            racer.kill()
            racer.wait()
    for text in texts:
        assert "WRITTEN" not in text and "evil" not in text
        types = [line for line in text.splitlines() if line.startswith("type")]
        assert all(line.endswith(" character special file 1:3") for line in types), text
    if not racing:
        assert "not the null device" in texts[0] or "/dev/null" in texts[0], texts[0]


@pytest.mark.parametrize("fake", ["/proc/sys/kernel/core_pattern", "core_pattern"])
def test_terminal_that_is_none(boxes, host, program, fake):
    """CVE-2025-52565: /dev/console is a bind of the terminal; by its descriptor, not by /dev/pts/N, where the image may have a link."""
    shared = os.path.join(boxes.paths.data, "shared")
    os.makedirs(os.path.join(shared, "pts"))
    target = fake if fake.startswith("/") else os.path.join(host.canary, fake)
    for name in ["pts/%d" % number for number in range(4)] + ["console"]:
        os.symlink(target, os.path.join(shared, name))
    for name in ("null", "fake"):
        os.mknod(os.path.join(shared, name), 0o020666, os.makedev(1, 3))
    os.mknod(os.path.join(shared, "pts/ptmx"), 0o020666, os.makedev(5, 2))
    for owned in (True, False):
        box = boxes(
            "/bin/sh",
            "-c",
            "echo console $(stat -L -c %t:%T /dev/console); grep 'console\\|core_pattern' "
            "/proc/self/mountinfo",
        )
        keep = ("/dev/pts",) if owned else ()
        box.config["mounts"] = (
            [entry for entry in box.config["mounts"] if not entry["destination"].startswith("/dev")]
            + [mount_of(shared, "/dev")]
            + [entry for entry in box.config["mounts"] if entry["destination"] in keep]
        )
        box.terminal()
        text = run(box)
        assert ("console " in text) == owned, (
            f"where /dev/pts is not the container's own, there is no terminal: {text}"
        )
        for line in text.splitlines():
            if line.startswith("console "):
                assert line.split()[1].startswith("88:"), f"136, a terminal: {text}"
            elif " - " in line:
                assert "devpts" in line.partition(" - ")[2], line


def test_terminal_while_its_directory_turns(boxes, program):
    """The same as a race: between the multiplexer and the terminal, /dev/pts becomes another directory."""
    shared = os.path.join(boxes.paths.data, "shared")
    for name in ("real", "false"):
        os.makedirs(os.path.join(shared, name))
        os.symlink(name, os.path.join(shared, "pts" if name == "real" else "other"))
    for number in range(3):
        os.mknod(
            os.path.join(shared, "false", str(number)), 0o020666, os.makedev(5, 1)
        )  # the host's console
    os.mknod(os.path.join(shared, "null"), 0o020666, os.makedev(1, 3))
    racer = subprocess.Popen(
        [program("flip"), os.path.join(shared, "pts"), os.path.join(shared, "other"), "100"],
        stdout=subprocess.DEVNULL,
    )
    try:
        for _number in range(25):
            box = boxes("/bin/sh", "-c", "stat -L -c '%t' /proc/self/fd/2 > /dev/answer")
            pts = [entry for entry in box.config["mounts"] if entry["destination"] == "/dev/pts"]
            box.config["mounts"] = (
                [
                    entry
                    for entry in box.config["mounts"]
                    if not entry["destination"].startswith("/dev")
                ]
                + [mount_of(shared, "/dev")]
                + pts
            )
            box.terminal()
            run(box)
            if os.path.exists(os.path.join(shared, "answer")):
                with open(os.path.join(shared, "answer")) as file:
                    assert file.read().strip() in ("88", ""), "136, a terminal of its own"
            if box.kind == "oci":
                box.stop()
    finally:
        racer.kill()
        racer.wait()


@pytest.mark.parametrize("way", ["link", "volume", "tmpfs", "files", "tmpfs over attr", "image"])
def test_settings_through_a_false_proc(boxes, host, way):
    """CVE-2025-52881, CVE-2019-19921, CVE-2019-16884, CVE-2023-28642, CVE-2023-27561: what the runtime writes to /proc (sysctl,
    labels, oom_score_adj) reaches the real one or nothing at all, whatever the container has in its place."""
    shared = os.path.join(boxes.paths.data, "shared")
    for name in (
        "sys/net/ipv4/ip_default_ttl",
        "sys/kernel/core_pattern",
        "self/attr/exec",
        "self/attr/apparmor/exec",
        "self/oom_score_adj",
        "self/setgroups",
    ):
        os.makedirs(os.path.join(shared, os.path.dirname(name)), exist_ok=True)
        if way == "link":
            os.symlink(os.path.join(host.canary, "core_pattern"), os.path.join(shared, name))
        else:
            with open(os.path.join(shared, name), "w") as file:
                file.write("untouched\n")
    box = boxes("/bin/sh", "-c", "sleep 100")
    box.config["linux"]["sysctl"] = {"net.ipv4.ip_default_ttl": "99"}
    box.config["process"]["oomScoreAdj"] = 77
    mounts = [entry for entry in box.config["mounts"] if entry["destination"] != "/proc"]
    proc = [entry for entry in box.config["mounts"] if entry["destination"] == "/proc"]
    if way in ("link", "files", "volume"):
        box.config["mounts"] = mounts + [mount_of(shared, "/proc")]
    elif way == "tmpfs":
        box.config["mounts"] = mounts + [
            {"destination": "/proc", "type": "tmpfs", "source": "tmpfs", "options": []}
        ]
    elif way == "tmpfs over attr":
        box.config["mounts"] = (
            proc
            + mounts
            + [
                {"destination": place, "type": "tmpfs", "source": "tmpfs", "options": []}
                for place in ("/proc/self/attr", "/proc/sys/net")
            ]
        )
    else:
        boxes.link("proc", host.canary)
    before = tree_text(shared)
    try:
        box.start()
    except ContainerFailed:
        pass
    else:
        assert inside_network(box.pid, "/proc/sys/net/ipv4/ip_default_ttl") == "99"
        assert open("/proc/%d/oom_score_adj" % box.pid).read().strip() == "77"
        box.stop(timeout=0)
    assert tree_text(shared) == before


def tree_text(top):
    return {
        os.path.join(directory, name): open(os.path.join(directory, name)).read()
        for directory, _names, files in os.walk(top)
        for name in files
    }


def inside_network(pid, path):
    return subprocess.run(
        ["nsenter", "--net=/proc/%d/ns/net" % pid, "cat", path],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    ).stdout.strip()


@pytest.mark.parametrize(
    "name, value",
    [
        ("net.ipv4.ip_default_ttl", "99\nkernel.core_pattern=|/evil"),
        ("net.ipv4.ip_default_ttl", "9+kernel.core_pattern=|/evil\0"),
        ("kernel.shmmni", "1\x00"),
        ("kernel.core_pattern", "|/evil"),
        ("kernel/core_pattern", "|/evil"),
        ("net/../kernel/core_pattern", "|/evil"),
        ("net.ipv4/../../kernel/core_pattern", "|/evil"),
        ("kernel.shm_rmid_forced/../core_pattern", "|/evil"),
        ("kernel.modprobe", "/evil"),
        ("kernel.hostname", "evil"),
        ("vm.swappiness", "1"),
        ("fs.suid_dumpable", "2"),
        ("fs.mqueue.../../kernel/core_pattern", "|/evil"),
        ("net.ipv4.conf.all.\nkernel.core_pattern", "x"),
        ("", "x"),
        ("net.", "x"),
        ("user.max_user_namespaces", "0"),
    ],
)
def test_settings_that_are_not_the_containers_own(boxes, name, value):
    """CVE-2022-0811, CVE-2022-0532."""
    box = boxes("/bin/true")
    box.config["linux"]["sysctl"] = {name: value}
    with pytest.raises(ContainerFailed, match="sysctl"):
        box.start()


@pytest.mark.parametrize(
    "kind, name, value",
    [
        ("network", "net.ipv4.ip_default_ttl", "99"),
        ("ipc", "kernel.shmmni", "4000"),
        ("ipc", "kernel.msgmax", "9000"),
        ("uts", "kernel.domainname", "evil"),
    ],
)
def test_settings_of_a_shared_namespace(boxes, kind, name, value):
    """The host's own namespace is not the container's to change."""
    box = boxes("/bin/true")
    box.config["linux"]["namespaces"] = [
        entry for entry in box.config["linux"]["namespaces"] if entry["type"] != kind
    ]
    if kind == "network":
        box.config["mounts"] = [
            entry for entry in box.config["mounts"] if not entry["destination"].startswith("/sys")
        ]
    if kind == "uts":
        box.config.pop("hostname")  # which is the host's then
    box.config["linux"]["sysctl"] = {name: value}
    with pytest.raises(ContainerFailed, match="sysctl"):
        box.start()
