# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A created container as its monitor sees it: config.json and run.json, read and checked.

What this engine can't do is refused here, by its name in the runtime specification, before anything is made.
"""

from __future__ import annotations

import os

from ..errors import ContainerFailed, HostError, NotFound, Unsupported
from ..kernel import constants as c
from ..kernel import seccomp
from ..store import files
from . import state as states

USER, GROUPS, JOIN = "org.pycontainer.user", "org.pycontainer.groups", "org.pycontainer.join."

NAMESPACES = {
    "mount": ("mnt", c.CLONE_NEWNS), "network": ("net", c.CLONE_NEWNET), "uts": ("uts", c.CLONE_NEWUTS), "ipc": ("ipc", c.CLONE_NEWIPC),
    "pid": ("pid", c.CLONE_NEWPID), "cgroup": ("cgroup", c.CLONE_NEWCGROUP), "time": ("time", c.CLONE_NEWTIME),
}

# What config.json may say and this engine does not do. Each is refused when it is there and not empty.
REFUSED = {
    "": ("hooks", "vm", "solaris", "windows", "zos"),
    "linux": ("uidMappings", "gidMappings", "timeOffsets", "intelRdt", "memoryPolicy", "netDevices", "mountLabel"),
    "process": ("execCPUAffinity",),
    "linux.seccomp": ("listenerPath", "listenerMetadata"),
}


class Bundle:
    """``config`` (OCI runtime-spec document) and ``run`` (docs/architecture.md) of one container.

    :raises NotFound: when the container was never created. :raises Unsupported: naming what can't be done.
    """

    def __init__(self, paths, ident):
        self.paths, self.ident = paths, ident
        self.directory, self.run_directory = paths.container(ident), paths.container_run(ident)
        self.config = files.read_json(os.path.join(self.directory, "config.json"))
        if self.config is None:
            raise NotFound("container %s has not been created: its config.json is missing" % ident)
        self.run = read_run(paths, ident)
        self.process, self.linux = self.config["process"], self.config.get("linux", {})
        self._check()

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
        if self.linux.get("seccomp") and seccomp.notifies(self.linux["seccomp"]):
            raise Unsupported("config.json: linux.seccomp: SCMP_ACT_NOTIFY is not supported: nothing would answer")
        for namespace in self.linux.get("namespaces", ()):
            if namespace["type"] not in NAMESPACES:
                raise Unsupported("config.json: a namespace of type %s is not supported; accepted: %s" % (namespace["type"], ", ".join(NAMESPACES)))
        if not self.private("mount") or self.namespaces["mount"]:
            raise Unsupported("config.json: a container needs a mount namespace of its own")

    @property
    def annotations(self):
        return self.config.get("annotations") or {}

    @property
    def namespaces(self):
        """``{type: path or None}`` of the namespaces that are made (None) or joined (a path, or ``container:<id>``)."""
        found = {entry["type"]: entry.get("path") or None for entry in self.linux.get("namespaces", ())}
        for kind in NAMESPACES:
            other = self.annotations.get(JOIN + kind)
            if other:
                found[kind] = "container:" + other
        return found

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
                found[kind] = os.open(self._namespace_path(kind, path), os.O_RDONLY | os.O_CLOEXEC)
            except OSError as error:
                for fd in found.values():
                    os.close(fd)
                raise ContainerFailed("can't join the %s namespace %s: %s" % (kind, path, error.strerror)) from None
        return found

    def _namespace_path(self, kind, path):
        if not path.startswith("container:"):
            return path
        other = path[len("container:"):]
        state = states.read(self.paths, other)
        if not states.alive(state):
            raise ContainerFailed("can't join the %s namespace of container %s: it does not run" % (kind, other))
        return "/proc/%d/ns/%s" % (state["pid"], NAMESPACES[kind][0])

    def cgroup_parent(self):
        """The parent of the container's cgroup in linux.cgroupsPath, or None where that is the engine's own."""
        parent = os.path.dirname(self.linux.get("cgroupsPath") or "").strip("/")
        return None if parent in ("", "pycontainer") else parent


def read_run(paths, ident):
    """run.json. :raises NotFound: when the container was never created."""
    run = files.read_json(os.path.join(paths.container(ident), "run.json"))
    if run is None:
        raise NotFound("container %s has not been created: its run.json is missing" % ident)
    return run


def read_error(error):
    """An exception as the sentence that state.json's ``error`` holds."""
    if isinstance(error, OSError):
        what = ": %s" % os.fsdecode(error.filename) if error.filename else ""
        return str(HostError("%s%s" % (error.strerror or error, what)))
    return str(error) or type(error).__name__
