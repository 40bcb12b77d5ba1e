# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A config.json of the OCI runtime specification, checked: what this runtime can't do is refused here by its name in the
specification, before anything is made."""

from __future__ import annotations

import os
import re

from ..errors import ContainerFailed, HostError, Unsupported
from ..kernel import constants as c
from . import hooks

NAMESPACES = {
    "mount": ("mnt", c.CLONE_NEWNS), "network": ("net", c.CLONE_NEWNET), "uts": ("uts", c.CLONE_NEWUTS), "ipc": ("ipc", c.CLONE_NEWIPC),
    "pid": ("pid", c.CLONE_NEWPID), "cgroup": ("cgroup", c.CLONE_NEWCGROUP), "time": ("time", c.CLONE_NEWTIME), "user": ("user", c.CLONE_NEWUSER),
}

REFUSED = {
    "": ("vm", "solaris", "windows", "zos"),
    "linux": ("timeOffsets", "intelRdt", "netDevices", "mountLabel"),
}

# Kernel parameters that belong to a namespace, and to which (ipc_namespaces(7), network_namespaces(7), uts_namespaces(7)).
_SYSCTLS = (
    ("ipc", re.compile(r"kernel[./](msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)|fs[./]mqueue[./][a-z_]+")),
    ("network", re.compile(r"net[./][A-Za-z0-9_./:-]+")),
    ("uts", re.compile(r"kernel[./]domainname")),
)


class Document:
    """``config``: the whole of it; ``process``, ``linux``: its sections; ``hooks``: ``{kind: [hooks.Hook]}``.

    :raises Unsupported: naming what can't be done.
    """

    def __init__(self, config):
        self.config = config
        if not config.get("process"):
            raise Unsupported("config.json: process is missing; needed: what is to be executed")
        self.process, self.linux = config["process"], config.get("linux") or {}
        self.hooks = hooks.read(config)
        self._check()
        self._check_sysctls()

    def _check(self):
        version = str(self.config.get("ociVersion", ""))
        if not version.startswith("1."):
            raise Unsupported("config.json: ociVersion %r is not supported; accepted: 1.x" % version)
        for section, names in REFUSED.items():
            part = self.config
            for word in filter(None, section.split(".")):
                part = part.get(word) or {}
            for name in names:
                if part.get(name):
                    raise Unsupported("config.json: %s%s is not supported" % (section + "." if section else "", name))
        kinds = [namespace["type"] for namespace in self.linux.get("namespaces") or ()]
        for kind in kinds:
            if kinds.count(kind) > 1:
                raise Unsupported("config.json: linux.namespaces: %s is there twice" % kind)
        for namespace in self.linux.get("namespaces") or ():
            if namespace["type"] not in NAMESPACES:
                raise Unsupported("config.json: a namespace of type %s is not supported; accepted: %s" % (namespace["type"], ", ".join(NAMESPACES)))
        if not self.private("mount") or self.namespaces["mount"]:
            raise Unsupported("config.json: a container needs a mount namespace of its own")

    def _check_sysctls(self):
        """Only parameters of a namespace of the container's own: others would change the host's (CVE-2022-0811)."""
        for name, value in (self.linux.get("sysctl") or {}).items():
            kinds = [kind for kind, pattern in _SYSCTLS if pattern.fullmatch(name) and ".." not in name]
            if not kinds:
                raise Unsupported("sysctl %s: only parameters of a namespace can be set for a container: net.*, kernel.shm*, kernel.msg*, "
                                  "kernel.sem, fs.mqueue.*, kernel.domainname" % name)
            if not self.private(kinds[0]):
                raise Unsupported("sysctl %s: the container has no %s namespace of its own" % (name, kinds[0]))
            if any(ord(character) < 32 and character != "\t" for character in value):
                raise Unsupported("sysctl %s: the value %r has control characters" % (name, value))

    @property
    def annotations(self):
        return self.config.get("annotations") or {}

    @property
    def namespaces(self):
        """``{type: path or None}`` of the namespaces that are made (None) or joined (a path)."""
        return {entry["type"]: entry.get("path") or None for entry in self.linux.get("namespaces") or ()}

    def private(self, kind):
        """Whether the container has a namespace of this type of its own."""
        return kind in self.namespaces and self.namespaces[kind] is None

    def new_namespaces(self):
        """CLONE_NEW* flags of what clone3 makes; the cgroup namespace comes later, when the process is in its cgroup."""
        flags = 0
        for kind, path in self.namespaces.items():
            if path is None and kind != "cgroup":
                flags |= NAMESPACES[kind][1]
        return flags

    def joined(self):
        """Open the namespaces to join: ``{type: fd}``. :raises ContainerFailed: when one is not there."""
        found = {}
        for kind, path in self.namespaces.items():
            if path is None:
                continue
            try:
                found[kind] = os.open(self.namespace_path(kind, path), os.O_RDONLY | os.O_CLOEXEC)
            except OSError as error:
                for fd in found.values():
                    os.close(fd)
                raise ContainerFailed("can't join the %s namespace %s: %s" % (kind, path, error.strerror)) from None
        return found

    @staticmethod
    def namespace_path(_kind, path):
        """Where a namespace to join is found."""
        return path


def read_error(error):
    """An exception as one sentence."""
    if isinstance(error, OSError):
        what = ": %s" % os.fsdecode(error.filename) if error.filename else ""
        return str(HostError("%s%s" % (error.strerror or error, what)))
    return str(error) or type(error).__name__
