# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is there inside is what is meant to be there: descriptors, mounts, processes, keys, cgroups of a container, of a command
in it and of one with a terminal. Nothing of the host can be opened from inside (CVE-2024-21626, CVE-2016-9962 and their kind)."""

from __future__ import annotations

import os
import re

import pytest
from pycontainer.errors import ContainerFailed
from pycontainer.kernel.calls import syscalls

WALK = (
    "/bin/inside; echo ==; cat /proc/self/mountinfo; echo ==; cat /proc/self/cgroup; echo ==; ls -d /proc/[0-9]*; echo ==; "
    "for f in /proc/1/fd/* /proc/self/fd/0 /proc/self/fd/1; do echo $f $(readlink $f); done; readlink /proc/1/root; readlink /proc/1/cwd; echo ==; "
    "ls -A /; echo ==; cat /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/*/cgroup.procs 2>/dev/null | sort -un; echo ==; "
    "ls -d /sys/fs/cgroup/*/*/ /sys/fs/cgroup/*/"
)
FILE_SYSTEMS = {
    "/": "overlay ext4 xfs btrfs tmpfs",
    "/proc": "proc",
    "/dev": "tmpfs",
    "/dev/pts": "devpts",
    "/sys": "sysfs",
    "/sys/fs/cgroup": "tmpfs cgroup2",
    "/dev/mqueue": "mqueue",
    "/dev/shm": "tmpfs",
    "/dev/console": "devpts",
}
FILES = ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf")


@pytest.fixture
def secret():
    """A key of whoever starts the containers, in a session keyring of this process's own; gone at the end."""
    import ctypes
    import platform

    library, (add_key, keyctl) = (
        ctypes.CDLL(None, use_errno=True),
        {"x86_64": (248, 250), "aarch64": (217, 219)}[platform.machine()],
    )
    syscalls.keyctl_join_session()
    serial = library.syscall(
        add_key, b"user", b"pycontainer-attack", b"secret", 6, ctypes.c_long(-3)
    )
    assert serial > 0, os.strerror(ctypes.get_errno())
    yield serial
    library.syscall(keyctl, 3, serial)  # KEYCTL_REVOKE


def check(text, box, terminal=False):
    """All parts of WALK's output."""
    inside, mounts, cgroups, processes, first, root, members, groups = text.replace("\r", "").split(
        "==\n"
    )
    lines = inside.splitlines()
    descriptors = [line.split(" ", 2)[1:] for line in lines if line.startswith("fd ")]
    assert [number for number, _link in descriptors] == ["0", "1", "2"], inside
    for _number, link in descriptors:
        if terminal:
            assert re.fullmatch("/dev/pts/[0-9]+|/dev/console", link), inside
        else:
            assert re.fullmatch(
                r"/dev/null|pipe:\[\d+\]|/.*/std(in|out|err)|/.*/log", link
            ) and not link.startswith("/dev/p"), inside
    assert "cwd /" in lines and "root /" in lines
    check_mounts(mounts, box)
    assert all(line.split(":", 2)[2] == "/" for line in cgroups.split()), cgroups
    assert all(int(name[6:]) < 40 for name in processes.split()), processes
    links = [line.split(" ", 1)[-1] for line in first.splitlines()]
    assert links[-2:] == ["/", "/"], first
    extra = set(root.split()) - set(os.listdir(box.boxes.layer)) - set(FILES)
    assert not extra, extra
    assert all(0 < int(pid) < 40 for pid in members.split()), (
        "processes of the host can be seen through a cgroup: " + members
    )
    assert not [path for path in groups.split() if "pycontainer" in path or box.ident in path]


def check_mounts(mounts, box):
    """Every mount by its place: the kind of file system, what part of it, and that none is of a peer group of the host's."""
    masked, read_only = box.config["linux"]["maskedPaths"], box.config["linux"]["readonlyPaths"]
    for line in mounts.splitlines():
        first, _dash, last = line.partition(" - ")
        part, place, options, peers = (
            first.split()[3],
            first.split()[4],
            first.split()[5].split(","),
            first.split()[6:],
        )
        kind = last.split()[0]
        assert not peers, line
        if place in FILES:
            assert (
                part.endswith(place.rpartition("/")[2])
                and box.directory in part
                or box.ident in part
            ), line
        elif place in masked:
            assert (kind, part) == ("tmpfs", "/null") or (
                kind == "tmpfs" and part == "/" and "ro" in options
            ), line
        elif place in read_only:
            assert kind in ("proc", "sysfs") and "ro" in options, line
        elif place.startswith("/sys/fs/cgroup/"):
            assert kind in ("cgroup", "cgroup2") and "ro" in options, line
        else:
            assert kind in FILE_SYSTEMS[place].split(), line
            assert (
                part == "/"
                or (place == "/" and box.kind == "oci")
                or (place == "/sys/fs/cgroup" and kind == "cgroup2")
                or (place == "/dev/console" and re.fullmatch("/[0-9]+", part))
            ), line
        if place in ("/proc", "/sys", "/dev/pts", "/dev/mqueue", "/dev/shm"):
            assert {"nosuid", "noexec"} <= set(options), line
        if place == "/sys":
            assert "ro" in options


def walker(boxes, program, *args):
    boxes.program(program("inside"), "bin/inside")
    box = boxes(*args or ("/bin/sh", "-c", WALK))
    box.config["linux"].pop("seccomp")  # which would hide the keyrings
    return box


def check_keys(text, named):
    assert (
        f"session keyring: {named}" in text
        or "session keyring: _ses" in text
        or "session keyring: \n" in text
    ), text
    assert "FOUND" not in text


def test_container(boxes, program, secret):
    box = walker(boxes, program)
    text = box.output()
    check(text, box)
    check_keys(text, "_ses")


def test_command(boxes, program, secret):
    box = walker(boxes, program, "/bin/sleep", "100")
    box.start()
    for options in ({}, {"stdin": b"some"}, {"user": "1000"}, {"cwd": "/tmp"}):
        if options.get("user") or options.get("cwd"):
            text = box.execute("/bin/inside", **options)["stdout"].decode()
            assert [line.split()[1] for line in text.splitlines() if line.startswith("fd ")] == [
                "0",
                "1",
                "2",
            ]
        else:
            text = box.execute("/bin/sh", "-c", WALK, **options)["stdout"].decode()
            check(text, box)
        check_keys(text, "_ses")


def test_terminal(boxes, program, secret):
    box = walker(boxes, program)
    box.terminal()
    box.start()
    box.wait()
    text = box.log()
    check(text.replace("\r\n", "\n"), box, terminal=True)
    check_keys(text, "_ses")


def test_container_with_a_user_namespace(boxes, program, secret):
    """The same, where the container's root is nobody on the host; and what that can't do."""
    if boxes.kind == "engine":
        pytest.skip("for the engine: tests/integration/containers/spec/test_userns.py")
    box = walker(
        boxes,
        program,
        "/bin/sh",
        "-c",
        WALK
        + "; echo ==; cat /proc/self/uid_map; (echo h > /proc/sysrq-trigger) 2>/dev/null && echo WRITTEN; "
        " (echo h > /proc/sys/kernel/core_pattern) 2>/dev/null && echo WRITTEN; mknod /tmp/null c 1 3 2>/dev/null && echo MADE; true",
    )
    box.config["linux"]["namespaces"].append({"type": "user"})
    box.config["linux"]["uidMappings"] = box.config["linux"]["gidMappings"] = [
        {"containerID": 0, "hostID": 100000, "size": 65536}
    ]
    box.config["linux"]["sysctl"] = {}  # a range of groups that such a namespace has not
    box.shift = 100000
    text = box.output()
    walk, own = text.rpartition("==\n")[::2]
    check(walk, box)
    check_keys(text, "_ses")
    assert own.split() == ["0", "100000", "65536"], own


def test_descriptors_of_the_caller_stay_outside(boxes, program):
    """What the caller left open and inheritable does not come along, unless --preserve-fds says so."""
    if boxes.kind == "engine":
        pytest.skip(
            "the engine's containers are made by a process that has none of its caller's descriptors"
        )
    box = walker(boxes, program, "/bin/sleep", "100")
    opened = [os.open("/", os.O_RDONLY | os.O_DIRECTORY) for _number in range(6)] + [
        os.open("/etc/shadow", os.O_RDONLY)
    ]
    try:
        box.keys["pass_fds"] = opened
        box.start()
        assert all(
            os.readlink("/proc/%d/fd/%s" % (box.pid, name)) not in ("/", "/etc/shadow")
            for name in os.listdir("/proc/%d/fd" % box.pid)
        )
        text = box.execute("/bin/inside")["stdout"].decode()
        assert [line.split()[1] for line in text.splitlines() if line.startswith("fd ")] == [
            "0",
            "1",
            "2",
        ]
    finally:
        for fd in opened:
            os.close(fd)


@pytest.mark.parametrize("way", ["itself", "link"])
def test_working_directory_through_a_descriptor(boxes, way):
    """CVE-2024-21626 for every number that a descriptor may have; test_start.py has the shorter one."""
    running = boxes("/bin/sleep", "100")
    running.start()
    for number in range(3, 65) if way == "itself" else range(3, 65, 5):
        cwd = "/proc/self/fd/%d" % number
        if way == "link":
            boxes.link("srv/link%d" % number, cwd)
            cwd = "/srv/link%d" % number
        for suffix in ("", "/../../.."):
            if number % 8 == 3 or not suffix:
                box = boxes("/bin/sh", "-c", "pwd; ls /")
                box.config["process"]["cwd"] = cwd + suffix
                with pytest.raises(ContainerFailed):
                    box.start()

        with pytest.raises(ContainerFailed):
            found = running.execute(
                "/bin/pwd", cwd=cwd if way == "itself" else "/proc/self/fd/%d/.." % number
            )
            assert found["rc"], f"the working directory was {found['stdout']}"
            raise ContainerFailed("it did not run")


# moby's and containerd's newest defaults: GHSA-6fw5-f8r9-fgfm and GHSA-jq35-85cj-fj4p (what other programs do can be told from these) included
MASKED = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
    "/sys/devices/system/cpu/cpu*/thermal_throttle",
)
READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


def test_what_is_hidden(boxes):
    box = boxes(
        "/bin/sh",
        "-c",
        f"for p in {' '.join(MASKED)}; do for f in $p; do test -e $f && echo $f $(cat $f 2>/dev/null | wc -c) $(ls -A $f | wc -l); done; done; "
        f"echo ==; for p in {' '.join(READ_ONLY)}; do grep \" $p \" /proc/self/mountinfo | cut -d' ' -f5,6; done",
    )
    hidden, dummy, read_only = box.output().partition("==\n")
    for line in hidden.splitlines():
        name, size, entries = line.split()
        assert (size, entries) == (
            "0",
            "1"
            if os.path.isfile(name) or name.startswith("/proc/") and not os.path.isdir(name)
            else "0",
        ), line
    assert {line.split()[0] for line in hidden.splitlines()} >= {
        "/proc/interrupts",
        "/proc/keys",
    } & {path for path in MASKED if os.path.exists(path)}
    found = {line.split()[0]: "ro" in line.split()[1].split(",") for line in read_only.splitlines()}
    assert found == {path: True for path in READ_ONLY if os.path.exists(path)}
