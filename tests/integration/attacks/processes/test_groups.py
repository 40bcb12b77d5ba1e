# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Control groups from inside: CVE-2022-0492 (release_agent), CVE-2023-25809 (a cgroup file system that can be written to)."""

from __future__ import annotations

ATTACK = r"""
for file in /sys/fs/cgroup/*/release_agent /sys/fs/cgroup/release_agent /sys/fs/cgroup/*/notify_on_release /sys/fs/cgroup/*/cgroup.procs \
    /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/cgroup.subtree_control /sys/fs/cgroup/*/devices.allow /sys/fs/cgroup/*/memory.limit_in_bytes \
    /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max; do
    if test -e $file; then (echo 1 > $file) 2>/dev/null && echo "WRITTEN $file"; fi
done
for place in /sys/fs/cgroup /sys/fs/cgroup/*/; do mkdir $place/evil 2>/dev/null && echo "MADE $place"; done
mkdir -p /tmp/mnt
for kind in memory rdma pids cpu misc; do mount -t cgroup -o $kind cgroup /tmp/mnt 2>/dev/null && echo "MOUNTED $kind"; done
mount -t cgroup2 none /tmp/mnt 2>/dev/null && echo MOUNTED
mount -o remount,rw /sys/fs/cgroup 2>/dev/null && echo REMOUNTED
mount -o remount,rw /sys 2>/dev/null && echo REMOUNTED
mount -o remount,rw /proc/sys 2>/dev/null && echo REMOUNTED
umount /proc/keys /sys/firmware /proc/sys 2>/dev/null && echo UNMOUNTED
unshare -Urm sh -c 'mount -t cgroup -o rdma cgroup /tmp/mnt && echo MOUNTED' 2>/dev/null && echo UNSHARED
unshare -m true 2>/dev/null && echo UNSHARED
echo tried
"""


def test_control_groups_are_out_of_reach(boxes):
    box = boxes("/bin/sh", "-c", ATTACK)
    assert box.output().split() == ["tried"]
    running = boxes("/bin/sleep", "100")
    running.start()
    assert running.execute("/bin/sh", "-c", ATTACK)["stdout"].split() == [b"tried"]


def test_without_a_filter_the_file_systems_stay_read_only(boxes):
    """Each of the defences alone: capabilities and read-only mounts hold where there is no seccomp; namespaces that a user may
    make are then allowed, and what is mounted in them has no release_agent of the host's."""
    box = boxes("/bin/sh", "-c", ATTACK)
    box.config["linux"].pop("seccomp")
    words = [line for line in box.output().splitlines() if line not in ("UNSHARED",)]
    assert words == ["tried"]


def test_without_capabilities_to_lose_the_filter_still_holds(boxes):
    """A read-write cgroup file system, asked for on purpose: the container's own cgroup, never one above it."""
    box = boxes(
        "/bin/sh",
        "-c",
        "cat /sys/fs/cgroup/release_agent /sys/fs/cgroup/*/release_agent 2>/dev/null; "
        "for d in /sys/fs/cgroup/*/; do ls $d..; done | grep -c pycontainer; mkdir "
        "/sys/fs/cgroup/*/evil /sys/fs/cgroup/evil 2>/dev/null; echo done",
    )
    for entry in box.config["mounts"]:
        if entry["destination"] == "/sys/fs/cgroup":
            entry["options"] = ["rw", "nosuid", "noexec", "nodev"]
    text = box.output().split()
    assert text[-1] == "done" and "0" in text, text
