# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A config.json of the OCI runtime specification, checked: what this runtime can't do is refused by
its name in the specification, before anything is made.

Fields that only some documents have are read by oci/features/optional_fields.py.
"""

from __future__ import annotations

import os

from ...errors import ContainerFailed, Unsupported, reason
from ...kernel.isolation import namespaces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypedDict

    from .config_types import Config, Linux, Process

    class State(TypedDict, total=False):
        """A container's state, as hooks and seccomp agents are given it (runtime-spec runtime.md,
        "State").
        """

        ociVersion: str
        id: str
        status: str
        pid: int
        bundle: str
        annotations: dict[str, str]


PATH_LISTS: tuple[Literal["maskedPaths", "readonlyPaths"], ...] = ("maskedPaths", "readonlyPaths")
# Docker's paths that a container by default can't read, and those that it can't write.
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
)
READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
LONGEST_NAME = (
    64  # bytes that a host name or domain name has in the kernel (__NEW_UTS_LEN, uname(2))
)
REFUSED = ("vm", "solaris", "windows", "zos", "freebsd")  # sections of other platforms


class Document:
    """A config.json.

    :ivar config: the whole of it.
    :ivar process, linux: its sections.
    :ivar time_offsets: ``{clock: (seconds, nanoseconds)}``, to be set before the process is made.
    :raises Unsupported: naming what can't be done.
    """

    def __init__(self, config: Config):
        self.config = config
        if not config.get("process"):
            raise Unsupported("config.json: process is missing; needed: what is to be executed")
        self.process: Process = config["process"]
        self.linux: Linux = config.get("linux") or {}
        self._check()
        self._check_namespaces()
        self._check_paths()
        self.time_offsets = self._time_offsets()

    def _check(self) -> None:
        version = str(self.config.get("ociVersion", ""))
        if not version.startswith("1."):
            raise Unsupported(
                f"config.json: ociVersion {version!r} is not supported; accepted: 1.x"
            )
        for name in REFUSED:
            if self.config.get(name):
                raise Unsupported(f"config.json: {name} is not supported")

    def _check_namespaces(self) -> None:
        kinds = [namespace["type"] for namespace in self.linux.get("namespaces") or ()]
        for kind in kinds:
            if kinds.count(kind) > 1:
                raise Unsupported(f"config.json: linux.namespaces: {kind} is there twice")
        for namespace in self.linux.get("namespaces") or ():
            if namespace["type"] not in namespaces.TYPES:
                raise Unsupported(
                    f"config.json: a namespace of type {namespace['type']} is not supported; "
                    f"accepted: {', '.join(namespaces.TYPES)}"
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
            if len(os.fsencode(str(self.config.get(name) or ""))) > LONGEST_NAME:
                raise Unsupported(
                    f"config.json: {name}: {self.config.get(name)!r:.200} is not valid; "
                    f"accepted: at most {LONGEST_NAME} bytes"
                )

    def _check_paths(self) -> None:
        lists = {name: self.linux.get(name) for name in PATH_LISTS}
        for name, paths in lists.items():
            for path in paths or ():
                if not os.path.isabs(path):
                    raise Unsupported(
                        f"config.json: linux.{name}: {path!r} is not an absolute path"
                    )
            if paths and not self.private("mount"):
                raise Unsupported(
                    f"config.json: linux.{name}: unable to restrict sys entries without a private "
                    "MNT namespace"
                )

    def _time_offsets(self) -> dict[str, tuple[int, int]]:
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

    def state(self, ident: str, bundle: str, pid: int, status: str) -> State:
        """Return a container's state as hooks are given it (runtime-spec runtime.md, "State")."""
        found: State = {
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
    def annotations(self) -> dict[str, str]:
        """The document's annotations."""
        return self.config.get("annotations") or {}

    @property
    def namespaces(self) -> dict[str, str | None]:
        """``{type: path or None}`` of the namespaces that are made (None) or joined (a path)."""
        return {
            entry["type"]: entry.get("path") or None for entry in self.linux.get("namespaces") or ()
        }

    def private(self, kind: str) -> bool:
        """Whether the container has a namespace of this type of its own."""
        return kind in self.namespaces and self.namespaces[kind] is None

    def new_namespaces(self) -> int:
        """Return CLONE_NEW* flags of what clone3 makes; the cgroup namespace comes later, when the
        process is in its cgroup.
        """
        made_apart = {"cgroup", "time"} if self.time_offsets else {"cgroup"}
        new = [kind for kind, path in self.namespaces.items() if path is None]
        return namespaces.flags(kind for kind in new if kind not in made_apart)

    def joined(self) -> dict[str, int]:
        """Open the namespaces to join: ``{type: fd}``.

        :raises ContainerFailed: when one is not there.
        """
        found: dict[str, int] = {}
        for kind, path in self.namespaces.items():
            if path is None:
                continue
            try:
                found[kind] = os.open(self.namespace_path(kind, path), os.O_RDONLY | os.O_CLOEXEC)
                problem = (
                    "it is no namespace of that type"
                    if namespaces.type_of(found[kind]) != namespaces.TYPES[kind][0]
                    else None
                )
            except OSError as error:
                problem = reason(error, named=True)
            if problem:
                for fd in found.values():
                    os.close(fd)
                raise ContainerFailed(f"can't join the {kind} namespace {path}: {problem}")
        return found

    def namespace_path(self, _kind: str, path: str) -> str:
        """Return where a namespace to join is found."""
        return path
