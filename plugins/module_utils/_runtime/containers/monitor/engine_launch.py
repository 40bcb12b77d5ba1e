# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The start of an engine's container: its layers, its network, its FIFOs, around what oci/launch/launch.py does.

It is done by a worker that the monitor forks (worker.py); process 1 is the monitor's child all the same (CLONE_PARENT).
"""

from __future__ import annotations

import os

from ...kernel import cgroups

# What oci/ imports when a container needs it, most of the engine's do: so it is here before a worker is forked, and not read by each.
from ...kernel.cgroups.limits import apply, v1, v2  # noqa: F401 # pylint: disable=unused-import
from ...kernel.mounts import overlay
from ...kernel.programs import init  # noqa: F401 # pylint: disable=unused-import
from ...networks import attach, publish
from ...oci.features import hooks, sysctls  # noqa: F401 # pylint: disable=unused-import
from ...oci.launch import userns_inside, userns_outside  # noqa: F401 # pylint: disable=unused-import
from ...oci.launch.launch import Launch
from ...oci.spec.process import Program
from ..client import stdio
from ..spec import network_links


class Start(Launch):
    """One attempt to start a container, in a worker. After ``run()`` as Launch, and ``network``: what was set up.

    :param bundle: the runfile.Bundle. :param announce: called with ``facts()`` as soon as there is a pid.
    :param original_limits: rlimits to give back, ``{number: (soft, hard)}``.
    :param stdin: the descriptor that becomes its standard input, in place of its FIFO.
    """

    clone_flags = 0x8000  # CLONE_PARENT, clone(2)

    def __init__(self, bundle, announce, original_limits=None, stdin=None):
        process = dict(
            bundle.process, terminal=bundle.run.get("tty") or bundle.process.get("terminal")
        )
        super().__init__(
            bundle,
            Program(
                process,
                bundle.linux,
                bundle.user,
                bundle.groups,
                bundle.run.get("init"),
                original_limits,
            ),
        )
        self.bundle, self._announce, self.stdin, self.network = bundle, announce, stdin, None

    def facts(self):
        """What state.json says of the running container."""
        return {
            "pid": self.pid,
            "cgroup": self.group.paths,
            "network": self.network or self.bundle.run["network"],
        }

    def make_group(self):
        return cgroups.create(self.bundle.ident, self.bundle.cgroup_parent())

    def root_place(self):
        return os.path.join(self.bundle.run_directory, "rootfs")

    def open_root(self):
        os.makedirs(self.root_place(), 0o700, exist_ok=True)
        directory = self.bundle.directory
        mapped = (self.userns_fd, *self.maps.host_root()) if self.maps is not None else None
        return overlay.overlay(
            self.bundle.run["layers"],
            os.path.join(directory, "upper"),
            os.path.join(directory, "work"),
            mapped=mapped,
            spent=self.spent,
            label=stdio.label(self.bundle.linux),
        )

    def announce(self):
        self._announce(self.facts())

    def state(self, status):
        return self.bundle.state(self.bundle.ident, self.bundle.directory, self.pid, status)

    def open_streams(self):
        context = stdio.label(self.bundle.linux)
        outputs = [
            stdio.open_inside(self.bundle.run_directory, name, context) for name in stdio.OUTPUTS
        ]
        stdin = self.stdin
        if stdin is None and self.bundle.run.get("interactive"):
            stdin = stdio.open_inside(self.bundle.run_directory, "stdin", context)
        return stdin, *outputs

    def connect(self):
        wanted = self.bundle.run["network"]
        self.network = dict(wanted, attachments=[], ports=[])
        if not self.bundle.private("network"):
            return
        netns = os.open("/proc/%d/ns/net" % self.pid, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if not wanted.get("attachments"):
                attach.loopback(netns)
            for index, attachment in enumerate(wanted.get("attachments") or ()):
                attach.connect(netns, attachment, index)
                self.network["attachments"].append(attachment)
        finally:
            os.close(netns)
        if wanted.get("ports") and self.network["attachments"]:
            publish.publish(
                self.bundle.ident, self.network["attachments"][0]["address"], wanted["ports"]
            )
            self.network["ports"] = wanted["ports"]

    def disconnect(self):
        network_links.disconnect(self.bundle.ident, self.network)
