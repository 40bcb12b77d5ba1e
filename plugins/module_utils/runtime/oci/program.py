# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program of a config.json, read and checked before anything of the host is changed: what child.py and join.py execute."""

from __future__ import annotations

import os

from ..errors import Unsupported
from ..kernel import capabilities, procfs, seccomp, seccomp_default, users
from ..kernel import constants as c

RLIMITS = ("CPU", "FSIZE", "DATA", "STACK", "CORE", "RSS", "NPROC", "NOFILE", "MEMLOCK", "AS", "LOCKS", "SIGPENDING", "MSGQUEUE", "NICE",
           "RTPRIO", "RTTIME")  # in the order of their numbers
_PERSONALITIES = {"LINUX": 0, "LINUX32": 8}


class Program:
    """The program of config.json's ``process``, ready to be executed: all texts are bytes, all numbers numbers.

    :raises Unsupported: naming what of it can't be done.
    """

    def __init__(self, process, linux, user=None, groups=(), init=False, original_limits=None):
        self.arguments = [_bytes(word, "an argument") for word in process["args"]]
        self.environment = dict(_variable(entry) for entry in process.get("env") or ())
        self.cwd = _bytes(process.get("cwd") or "/", "cwd")
        self.user, self.groups = user, groups
        ids = process.get("user") or {}
        self.uid, self.gid = ids.get("uid", 0), ids.get("gid", 0)
        self.additional = sorted(set(ids.get("additionalGids") or ()) | {self.gid})
        self.umask = ids.get("umask", 0o022)
        self.terminal = bool(process.get("terminal"))
        self.size = process.get("consoleSize")
        sets = process.get("capabilities") or {}
        self.capabilities = {kind: capabilities.mask(name for name in sets.get(kind) or () if name in capabilities.NUMBERS)
                             for kind in ("effective", "permitted", "inheritable", "bounding", "ambient")}
        # The kernel takes no others (capabilities(7)), and documents of ``runc spec`` name some all the same.
        self.capabilities["ambient"] &= self.capabilities["permitted"] & self.capabilities["inheritable"]
        self.no_new_privileges = bool(process.get("noNewPrivileges"))
        self.limits = [(_rlimit(entry["type"]), entry["soft"], entry["hard"]) for entry in process.get("rlimits") or ()]
        self.original_limits = original_limits or {}
        self.oom_score_adj = process.get("oomScoreAdj")
        self.scheduler, self.io_priority = process.get("scheduler"), process.get("ioPriority")
        self.personality = _PERSONALITIES[(linux.get("personality") or {}).get("domain", "LINUX")]
        self.label = _label(process)
        profile = linux.get("seccomp")
        self.filter = _filter(profile) if profile else None
        self.filter_flags = seccomp.flags(profile) if profile else 0
        self.init = init
        self.init_fd = None
        self.kept = set()  # descriptors that stay open besides the standard ones

    def resolve_user(self, root_fd):
        """Find who ``user`` is by the files inside the root, and where home is. :raises InvalidInput: when nobody is."""
        if self.user is not None or self.groups:
            self.uid, self.gid, self.additional, home = users.resolve(root_fd, self.user or "", self.groups)
        elif b"HOME" not in self.environment:
            home = users.resolve(root_fd, str(self.uid))[3]
        if b"HOME" not in self.environment:
            self.environment[b"HOME"] = _bytes(home, "HOME")


_filters = []  # (profile, program): compiled by the zygote, inherited by its forks


def compile_default():
    """Have the filter ready that nearly every container asks for: compiling it takes as long as making its file system."""
    profile = seccomp_default.default_profile(capabilities.DOCKER_DEFAULT, procfs.kernel_version(), c.MACHINE)
    _filters.append((profile, seccomp.compile(profile, c.MACHINE)))


def _filter(profile):
    for known, program in _filters:
        if known == profile:
            return program
    return seccomp.compile(profile, c.MACHINE)


def _bytes(text, what):
    data = os.fsencode(text)
    if b"\0" in data:
        raise Unsupported("config.json: %s holds a NUL byte" % what)
    return data


def _variable(entry):
    key, _equals, value = _bytes(entry, "an environment variable").partition(b"=")
    return key, value


def _rlimit(name):
    if name[len("RLIMIT_"):] not in RLIMITS:
        raise Unsupported("config.json: rlimit %s is not known; known: %s" % (name, ", ".join(RLIMITS)))
    return RLIMITS.index(name[len("RLIMIT_"):])


def _label(process):
    """``(file below /proc/self/attr, text)`` of the security module's label, or None. :raises Unsupported: when there is no such module."""
    profile, label = process.get("apparmorProfile"), process.get("selinuxLabel")
    if profile and profile != "unconfined":
        try:
            enabled = procfs.read("/sys/module/apparmor/parameters/enabled").startswith("Y")
        except OSError:
            enabled = False
        if not enabled:
            raise Unsupported("AppArmor profile %s: AppArmor is not enabled on this host" % profile)
        return ("apparmor/exec" if os.path.exists("/proc/self/attr/apparmor/exec") else "exec"), "exec " + profile
    if label:
        if not os.path.exists("/sys/fs/selinux/enforce"):
            raise Unsupported("SELinux label %s: SELinux is not enabled on this host" % label)
        return "exec", label
    return None
