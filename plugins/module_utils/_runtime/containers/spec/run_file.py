# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A created container as its monitor sees it: config.json and run.json, read and checked."""

from __future__ import annotations

import os

from ...errors import ContainerFailed, NotFound
from ...oci.spec.document import NAMESPACES, Document
from ...store import files
from ..records import state as states

USER, GROUPS, JOIN = "org.pycontainer.user", "org.pycontainer.groups", "org.pycontainer.join."


class Bundle(Document):
    """``config`` (OCI runtime-spec document) and ``run`` (docs/architecture.md) of one container.

    :raises NotFound: when the container was never created. :raises Unsupported: naming what can't be done.
    """

    def __init__(self, paths, ident):
        self.paths, self.ident = paths, ident
        self.directory, self.run_directory = paths.container(ident), paths.container_run(ident)
        config = files.read_json(os.path.join(self.directory, "config.json"))
        if config is None:
            raise NotFound(f"container {ident} has not been created: its config.json is missing")
        self.run = read_run(paths, ident)
        super().__init__(config)

    @property
    def user(self):
        """``user[:group]`` as the container's definition has it, or None: to be looked up in the image's own files."""
        return self.annotations.get(USER)

    @property
    def groups(self):
        """The names or numbers of further groups."""
        return [group for group in self.annotations.get(GROUPS, "").split(",") if group]

    @property
    def namespaces(self):
        """As Document's, where a path may also be ``container:<id>``."""
        found = super().namespaces
        for kind in NAMESPACES:
            other = self.annotations.get(JOIN + kind)
            if other:
                found[kind] = "container:" + other
        return found

    def namespace_path(self, kind, path):
        if not path.startswith("container:"):
            return path
        other = path[len("container:") :]
        state = states.read(self.paths, other)
        if not states.alive(state):
            raise ContainerFailed(
                f"can't join the {kind} namespace of container "
                f"{read_run(self.paths, other)['name']}: it does not run"
            )
        return "/proc/%d/ns/%s" % (state["pid"], NAMESPACES[kind][0])

    def cgroup_parent(self):
        """The parent of the container's cgroup in linux.cgroupsPath, or None where that is the engine's own."""
        parent = os.path.dirname(self.linux.get("cgroupsPath") or "").strip("/")
        return None if parent in ("", "pycontainer") else parent


def read_run(paths, ident):
    """run.json. :raises NotFound: when the container was never created."""
    run = files.read_json(os.path.join(paths.container(ident), "run.json"))
    if run is None:
        raise NotFound(f"container {ident} has not been created: its run.json is missing")
    return run
