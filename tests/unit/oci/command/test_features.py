# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``features`` names what the specification has and this runtime does. runtime-spec features.md, features-linux.md, config.md."""

from __future__ import annotations

from pycontainer.oci.command.queries import features

OPTIONS = """async atime bind defaults dev diratime dirsync exec iversion lazytime loud noatime nodev nodiratime noexec noiversion nolazytime norelatime
    nostrictatime nosuid nosymfollow private ratime rbind rdev rdiratime relatime remount rexec rnoatime rnodev rnodiratime rnoexec rnorelatime rnostrictatime
    rnosuid rnosymfollow ro rprivate rrelatime rro rrw rshared rslave rstrictatime rsuid rsymfollow runbindable rw shared silent slave strictatime suid
    symfollow
    sync tmpcopyup unbindable idmap ridmap mand nomand""".split()


def test_every_mount_option_of_the_specification():
    assert sorted(set(OPTIONS) - set(features.described()["mountOptions"])) == []


def test_all_of_linux():
    found = features.described()
    linux = found["linux"]
    assert found["hooks"] == [
        "prestart",
        "createRuntime",
        "createContainer",
        "startContainer",
        "poststart",
        "poststop",
    ]
    assert linux["namespaces"] == [
        "cgroup",
        "ipc",
        "mount",
        "network",
        "pid",
        "time",
        "user",
        "uts",
    ]
    assert (
        len(linux["capabilities"]) == 41
        and linux["mountExtensions"]["idmap"]["enabled"]
        and linux["netDevices"]["enabled"]
    )
    assert linux["memoryPolicy"] == {
        "modes": [
            "MPOL_DEFAULT",
            "MPOL_PREFERRED",
            "MPOL_BIND",
            "MPOL_INTERLEAVE",
            "MPOL_LOCAL",
            "MPOL_PREFERRED_MANY",
            "MPOL_WEIGHTED_INTERLEAVE",
        ],
        "flags": ["MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES", "MPOL_F_NUMA_BALANCING"],
    }
    assert linux["intelRdt"] == {"enabled": True, "schemata": True, "monitoring": True}
    assert {"SCMP_ACT_NOTIFY", "SCMP_ACT_KILL_PROCESS"} <= set(linux["seccomp"]["actions"]) and len(
        linux["seccomp"]["operators"]
    ) == 7
    assert (
        len(linux["seccomp"]["knownFlags"]) == 4 and "SCMP_ARCH_X86_64" in linux["seccomp"]["archs"]
    )


def test_the_version_that_has_what_it_names():
    """features.md: nothing that the version of ociVersionMax does not define; 1.3.0 brought netDevices, memoryPolicy and intelRdt's schemata."""
    found = features.described()
    assert (found["ociVersionMin"], found["ociVersionMax"]) == ("1.0.0", "1.3.0")


def test_annotations_that_change_what_is_done():
    assert features.described()["potentiallyUnsafeConfigAnnotations"] == [
        "org.systemd.property.",
        "org.criu.config",
        "run.oci.keep_original_groups",
        "run.oci.seccomp_fail_unknown_syscall",
        "run.oci.hooks.stdout",
        "run.oci.hooks.stderr",
    ]
