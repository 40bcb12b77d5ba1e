# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""run.json, what a monitor needs beside config.json; and a created container as its monitor sees
it.

The monitors import this file: it needs no database.
"""

from __future__ import annotations

import os
from binascii import a2b_base64

from ...errors import ContainerFailed, NotFound
from ...kernel.isolation import namespaces
from ...oci.spec.document import Document
from ...store import atomic_files
from ..records import run_events, run_state
from . import own_annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional, TypedDict

    from ...oci.spec.config_types import Config
    from ...store.paths import Paths
    from ..records.log_document import Log
    from ..records.run_events import RunEvents
    from ..records.run_state import Network

    class Restart(TypedDict):
        """``policy``: no, on-failure, always or unless-stopped. ``retries``: None for no limit."""

        policy: str
        retries: Optional[int]

    class _HealthCheck(TypedDict):
        test: list[str]
        interval: float
        timeout: float
        start_period: float
        start_interval: float
        retries: int

    class Startup(TypedDict):
        """What is run until a container has come up; times in seconds.

        ``retries``: failures in a row until it is restarted, 0 for never. ``success``: those that
        are needed, 0 for one.
        """

        test: list[str]
        interval: float
        timeout: float
        retries: int
        success: int

    class HealthCheck(_HealthCheck, total=False):
        """A health check as Docker has it; all times in seconds.

        ``test``: ["CMD", word ...] or ["CMD-SHELL", line]. ``shell``: the words of the image's
        SHELL, where it has one. ``on_failure``: kill, restart or stop.
        """

        shell: list[str]
        on_failure: str
        startup: Startup

    class Stop(TypedDict):
        """``signal``: its name. ``timeout``: seconds until SIGKILL, -1 for never."""

        signal: str
        timeout: int

    class Drain(TypedDict):
        """Of a container that another one has replaced, while its last connections may end.

        ``until``: by the monotonic clock, when it is stopped. ``ports``: its own that were
        published. ``switched``: whether the other one has all that was its.
        """

        until: float
        ports: list[int]
        switched: bool

    class ShownImage(TypedDict):
        """An image that a container mounts. ``layers``: as RunFile has them.

        ``place``: the container's directory for it, with ``upper`` and ``work`` where it is not
        ``read_only``. ``subpath``: what is shown of it, "" for all.
        """

        layers: list[str]
        place: str
        subpath: str
        read_only: bool

    class _RunFile(TypedDict):
        """run.json. ``layers``: absolute paths of directories or files, topmost first.

        Written when a container is created, and whenever a live option changes.
        """

        id: str
        name: str
        layers: list[str]
        network: Network
        log: Log
        restart: Restart
        health: Optional[HealthCheck]
        stop: Stop
        init: bool
        tty: bool
        interactive: bool
        auto_remove: bool

    class RunFile(_RunFile, total=False):
        """run.json of this version: an older one has no ``events``.

        ``images``: those that it mounts, by their places.
        """

        events: RunEvents
        drain: Drain
        images: dict[str, ShownImage]


NAME = run_events.DOCUMENT
# Seconds after the end of a drain until the monitor ends the container: whoever drains it is gone.
DRAINED = 2.0
# In the run directory, in a tmpfs (records/memory_files.py): {variable: base64 of its value}.
VARIABLES = ("secrets", "environment")


def read(paths: Paths, ident: str) -> RunFile:
    """Read run.json. :raises NotFound: the container was never created."""
    found: RunFile | None = atomic_files.read_json(os.path.join(paths.container(ident), NAME))
    if found is None:
        raise NotFound(f"container {ident} has not been created: its run.json is missing")
    return found


def read_or_empty(paths: Paths, ident: str) -> RunFile:
    """Read run.json; an empty document where there is none, in which no key is found."""
    found: RunFile = atomic_files.read_json(os.path.join(paths.container(ident), NAME), {})
    return found


def write(paths: Paths, ident: str, run: RunFile, durable: bool = True) -> None:
    """Replace run.json."""
    atomic_files.write_json(os.path.join(paths.container(ident), NAME), run, durable)


class Bundle(Document):
    """A created container: its config.json, read and checked, and its run.json.

    :ivar run: its RunFile. :ivar directory: what of it survives a reboot. :ivar run_directory: what
        is of this boot.
    :raises NotFound: it was never created. :raises Unsupported: naming what can't be done.
    """

    def __init__(self, paths: Paths, ident: str) -> None:
        self.paths, self.ident = paths, ident
        self.directory, self.run_directory = paths.container(ident), paths.container_run(ident)
        config: Config | None = atomic_files.read_json(os.path.join(self.directory, "config.json"))
        if config is None:
            raise NotFound(f"container {ident} has not been created: its config.json is missing")
        self.run = read(paths, ident)
        super().__init__(config)

    def environment(self) -> list[str]:
        """Return the variables of its processes, ``NAME=VALUE``.

        Those whose values are secrets are in no document: they are read from the container's memory.

        :raises ContainerFailed: they are not there.
        """
        found = list(self.process.get("env") or ())
        names = self.annotations.get(own_annotations.SECRET_VARIABLES)
        if not names:
            return found
        there = atomic_files.read_json(os.path.join(self.run_directory, *VARIABLES), {})
        try:
            values = [(name, os.fsdecode(a2b_base64(there[name]))) for name in names.split(",")]
        except (KeyError, TypeError, ValueError):
            raise ContainerFailed(
                f"container {self.run['name']}: the secrets of its environment are not in memory; "
                "stop it and start it again"
            ) from None
        return found + [f"{name}={value}" for name, value in values]

    @property
    def user(self) -> str | None:
        """``user[:group]`` as the definition has it, to be looked up in the image's own files."""
        found: str | None = self.annotations.get(own_annotations.USER)
        return found

    @property
    def groups(self) -> list[str]:
        """The names or numbers of further groups."""
        return [
            group for group in self.annotations.get(own_annotations.GROUPS, "").split(",") if group
        ]

    @property
    def namespaces(self) -> dict[str, str | None]:
        """As Document's, where a path may also be ``container:<id>``."""
        found = super().namespaces
        joins = own_annotations.joins(self.config)
        for kind in namespaces.TYPES:
            if kind in joins:
                found[kind] = "container:" + joins[kind]
        return found

    def namespace_path(self, kind: str, path: str) -> str:
        """Return the path of a namespace to join.

        :raises ContainerFailed: its container does not run.
        """
        if not path.startswith("container:"):
            return path
        other = path[len("container:") :]
        now = run_state.read(self.paths, other)
        if not run_state.alive(now):
            raise ContainerFailed(
                f"can't join the {kind} namespace of container {read(self.paths, other)['name']}: "
                "it does not run"
            )
        return f"/proc/{now['pid']}/ns/{namespaces.TYPES[kind][1]}"

    def cgroup_parent(self) -> str | None:
        """Return the parent of the container's cgroup; None where that is the engine's own."""
        parent = os.path.dirname(self.linux.get("cgroupsPath") or "").strip("/")
        return None if parent in ("", "pycontainer") else parent
