# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A config.json of the OCI runtime specification, checked: what this runtime can't do is refused here by its name in the
specification, before anything is made."""

from __future__ import annotations

import os

from ...errors import ContainerFailed, HostError, Unsupported
from ...kernel.calls import constants as c
from ...kernel.isolation import namespaces

NAMESPACES = {
    "mount": ("mnt", c.CLONE_NEWNS),
    "network": ("net", c.CLONE_NEWNET),
    "uts": ("uts", c.CLONE_NEWUTS),
    "ipc": ("ipc", c.CLONE_NEWIPC),
    "pid": ("pid", c.CLONE_NEWPID),
    "cgroup": ("cgroup", c.CLONE_NEWCGROUP),
    "time": ("time", c.CLONE_NEWTIME),
    "user": ("user", c.CLONE_NEWUSER),
}

REFUSED = ("vm", "solaris", "windows", "zos", "freebsd")  # sections of other platforms


class Document:
    """``config``: the whole of it; ``process``, ``linux``: its sections; ``hooks``: ``{kind: [hooks.Hook]}``.

    :raises Unsupported: naming what can't be done.
    """

    def __init__(self, config):
        self.config = config
        if not config.get("process"):
            raise Unsupported("config.json: process is missing; needed: what is to be executed")
        self.process, self.linux = config["process"], config.get("linux") or {}
        self.hooks = self._hooks()
        self._check()
        self.sysctls = self._sysctls()
        self.time_offsets = self._time_offsets()
        self.net_devices = self._net_devices()
        if self.linux.get("intelRdt"):
            from ..features import resctrl

            resctrl.check(self.linux["intelRdt"])

    def _check(self):
        version = str(self.config.get("ociVersion", ""))
        if not version.startswith("1."):
            raise Unsupported(
                f"config.json: ociVersion {version!r} is not supported; accepted: 1.x"
            )
        for name in REFUSED:
            if self.config.get(name):
                raise Unsupported(f"config.json: {name} is not supported")
        kinds = [namespace["type"] for namespace in self.linux.get("namespaces") or ()]
        for kind in kinds:
            if kinds.count(kind) > 1:
                raise Unsupported(f"config.json: linux.namespaces: {kind} is there twice")
        for namespace in self.linux.get("namespaces") or ():
            if namespace["type"] not in NAMESPACES:
                raise Unsupported(
                    f"config.json: a namespace of type {namespace['type']} is not supported; "
                    f"accepted: {', '.join(NAMESPACES)}"
                )
        for entry in self.linux.get("namespaces") or ():
            if entry.get("path") and not os.path.isabs(entry["path"]):
                raise Unsupported(
                    f"config.json: linux.namespaces: path {entry['path']!r} of the "
                    f"{entry['type']} namespace is not absolute"
                )
        for name in ("hostname", "domainname"):
            if self.config.get(name) and "uts" not in self.namespaces:
                raise Unsupported(
                    f"config.json: unable to set {name} without a private UTS namespace"
                )
        for name in ("maskedPaths", "readonlyPaths"):
            for path in self.linux.get(name) or ():
                if not os.path.isabs(path):
                    raise Unsupported(
                        f"config.json: linux.{name}: {path!r} is not an absolute path"
                    )
            if self.linux.get(name) and not self.private("mount"):
                raise Unsupported(
                    f"config.json: linux.{name}: unable to restrict sys entries without a private "
                    "MNT namespace"
                )

    # What follows is read by files of its own, which a document that does not ask for it does without.

    def _hooks(self):
        if not self.config.get("hooks"):
            return {}
        from ..features import hooks

        return hooks.read(self.config)

    def _sysctls(self):
        if not self.linux.get("sysctl"):
            return {}
        from ..features import sysctls

        return sysctls.read(self)

    def _net_devices(self):
        if not self.linux.get("netDevices"):
            return {}
        from ..features import net_devices

        return net_devices.read(self)

    def _time_offsets(self):
        """``{clock: (seconds, nanoseconds)}``, to be set before the process is made."""
        offsets = self.linux.get("timeOffsets") or {}
        if offsets and not self.private("time"):
            raise Unsupported(
                "config.json: linux.timeOffsets needs a time namespace of the container's own"
            )
        for clock, offset in offsets.items():
            if clock not in ("monotonic", "boottime"):
                raise Unsupported(
                    f"config.json: linux.timeOffsets: {clock!r} is not known; known: monotonic, "
                    "boottime"
                )
            if not 0 <= (offset.get("nanosecs") or 0) < 10**9:
                raise Unsupported(
                    f"config.json: linux.timeOffsets.{clock}.nanosecs: {offset['nanosecs']!r} is "
                    "not valid; accepted: 0 to 999999999"
                )
        return {
            clock: (offset.get("secs") or 0, offset.get("nanosecs") or 0)
            for clock, offset in offsets.items()
        }

    def state(self, ident, bundle, pid, status):
        """A container's state as hooks are given it (runtime-spec runtime.md, "State")."""
        found = {
            "ociVersion": self.config["ociVersion"],
            "id": ident,
            "status": status,
            "pid": pid,
            "bundle": bundle,
        }
        if self.annotations:
            found["annotations"] = self.annotations
        return found

    @property
    def annotations(self):
        return self.config.get("annotations") or {}

    @property
    def namespaces(self):
        """``{type: path or None}`` of the namespaces that are made (None) or joined (a path)."""
        return {
            entry["type"]: entry.get("path") or None for entry in self.linux.get("namespaces") or ()
        }

    def private(self, kind):
        """Whether the container has a namespace of this type of its own."""
        return kind in self.namespaces and self.namespaces[kind] is None

    def new_namespaces(self):
        """CLONE_NEW* flags of what clone3 makes; the cgroup namespace comes later, when the process is in its cgroup."""
        flags = 0
        for kind, path in self.namespaces.items():
            if (
                path is None and kind != "cgroup" and not (kind == "time" and self.time_offsets)
            ):  # those are made before
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
                problem = (
                    "it is no namespace of that type"
                    if namespaces.type_of(found[kind]) != NAMESPACES[kind][1]
                    else None
                )
            except OSError as error:
                problem = error.strerror
            if problem:
                for fd in found.values():
                    os.close(fd)
                raise ContainerFailed(f"can't join the {kind} namespace {path}: {problem}")
        return found

    @staticmethod
    def namespace_path(_kind, path):
        """Where a namespace to join is found."""
        return path


def read_error(error):
    """An exception as one sentence."""
    if isinstance(error, OSError):
        what = f": {os.fsdecode(error.filename)}" if error.filename else ""
        return str(HostError(f"{error.strerror or error}{what}"))
    return str(error) or type(error).__name__
