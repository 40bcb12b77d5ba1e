# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The start of an engine's container: its layers, its network, its FIFOs, for oci/launch/launch.py.

It is done by a worker that the monitor forks (start_worker.py); process 1 is the monitor's child all the
same (CLONE_PARENT).
"""

from __future__ import annotations

import os

from ...errors import ContainerFailed, reason, required
from ...kernel import cgroups

# What oci/ imports when a container needs it, most of the engine's do: so it is here before a
# worker is forked, and not read by each.
from ...kernel.cgroups.limits import apply, v1, v2  # noqa: F401 # pylint: disable=unused-import
from ...kernel.mounts import overlay
from ...kernel.programs import init  # noqa: F401 # pylint: disable=unused-import
from ...networks import container_links, publish
from ...oci.features import hooks, sysctls  # noqa: F401 # pylint: disable=unused-import
from ...oci.launch import steps, userns_inside, userns_outside  # noqa: F401 # pylint: disable=unused-import
from ...oci.launch.launch import Launch
from ...oci.launch.site import Site
from ...oci.spec.program import Program
from ...rootless import keeper_client
from ..client import names_client, stdio
from ..spec import network_links

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import Any

    from ...oci.launch.launch import Origin
    from ...oci.spec.mount_entries import Mount
    from ..spec.run_file import Bundle, Network, ShownImage

CLONE_PARENT = 0x8000  # clone(2)


class EngineSite(Site):
    """Where the engine's containers are launched, by a worker.

    :param document: the run_file.Bundle.
    :param announce: called with ``facts`` as soon as there is a pid.
    :param stdin: the descriptor that becomes its standard input, in place of its FIFO.
    :ivar network: state.json's ``network``: what was set up; None until something is.
    """

    clone_flags = CLONE_PARENT

    def __init__(
        self, document: Bundle, announce: Callable[[dict[str, Any]], None], stdin: int | None = None
    ):
        super().__init__(
            document.ident, document.directory, os.path.join(document.run_directory, "rootfs")
        )
        self.document, self.told, self.stdin = document, announce, stdin
        self.last = keeper_client.active()  # no way leads back to the host's process namespace
        self.network: Network | None = None

    def facts(self, launch: Launch) -> dict[str, Any]:
        """Return what state.json says of the running container."""
        return {
            "pid": launch.pid,
            "cgroup": launch.group.paths,
            "network": self.network or self.document.run["network"],
        }

    def make_group(self, _launch: Launch) -> cgroups.Group:
        return cgroups.create(self.ident, self.document.cgroup_parent())

    def open_root(self, launch: Launch) -> int:
        os.makedirs(self.root_place, 0o700, exist_ok=True)
        directory = self.document.directory
        return overlay.overlay(
            self.document.run["layers"],
            os.path.join(directory, "upper"),
            os.path.join(directory, "work"),
            mapped=launch.rights.owners(),
            spent=launch.spent,
            label=stdio.label(self.document.linux),
        )

    def image_of(self, launch: Launch, mount: Mount) -> Callable[[], int] | None:
        image = self.document.run.get("images", {}).get(mount.destination)
        return None if image is None else lambda: self._open_image(launch, mount, image)

    def _open_image(self, launch: Launch, mount: Mount, image: ShownImage) -> int:
        layers, place = image["layers"], image["place"]
        try:
            fd = overlay.overlay(
                # Of one layer alone there is no overlay, and whoever may mount could write to it.
                [*layers, place] if image["read_only"] else layers,
                None if image["read_only"] else os.path.join(place, "upper"),
                None if image["read_only"] else os.path.join(place, "work"),
                mapped=launch.rights.owners(),
                spent=launch.spent,
                label=stdio.label(self.document.linux),
            )
            if not image["subpath"]:
                return fd
            try:
                return overlay.part(fd, image["subpath"])
            finally:
                os.close(fd)
        except OSError as error:
            raise ContainerFailed(
                f"mount {mount.destination}: can't show {image['subpath'] or 'all'} of the image: "
                f"{reason(error, named=True)}"
            ) from None

    def announce(self, launch: Launch) -> None:
        self.told(self.facts(launch))

    def open_streams(self, _launch: Launch) -> tuple[int | None, int | None, int | None]:
        directory, context = self.document.run_directory, stdio.label(self.document.linux)
        stdout, stderr = (stdio.open_inside(directory, name, context) for name in stdio.OUTPUTS)
        stdin = self.stdin
        if stdin is None and self.document.run.get("interactive"):
            stdin = stdio.open_inside(directory, "stdin", context)
        return stdin, stdout, stderr

    def connect(self, launch: Launch) -> None:
        wanted = self.document.run["network"]
        self.network = now = wanted.copy()
        now["attachments"], now["ports"] = [], []
        if not self.document.private("network"):
            return
        netns = os.open(f"/proc/{launch.pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            joining = self._join_names(launch, netns)
            if not wanted.get("attachments"):
                container_links.loopback(netns)
            attachments = wanted.get("attachments") or []
            for attachment, name in zip(attachments, container_links.names(attachments)):
                container_links.connect(netns, attachment, name)
                now["attachments"].append(attachment)
            if wanted.get("names"):  # before its program can ask
                problem = names_client.hear(joining)
                launch.warnings += [problem] if problem else []
        finally:
            os.close(netns)
        if wanted.get("ports") and now["attachments"]:
            publish.publish(
                self.ident, container_links.targets(now["attachments"]), wanted["ports"]
            )
            now["ports"] = wanted["ports"]

    def _join_names(self, launch: Launch, netns: int) -> socket.socket | None:
        """Have its names answered, while its links are made."""
        if not self.document.run["network"].get("names"):
            return None
        process = required(launch.pidfd, "process 1")
        return names_client.join(self.document.paths, self.ident, netns, process)

    def disconnect(self, _launch: Launch) -> None:
        network_links.disconnect(self.ident, self.network)


def prepare(
    site: EngineSite,
    original_limits: dict[int, tuple[int, int]] | None = None,
    origin: Origin | None = None,
    traced: bool = False,
) -> Launch:
    """Put the launch of an engine's container together.

    :param original_limits: rlimits to give back, ``{number: (soft, hard)}``.
    :param origin: how its process comes to be.
    :param traced: whether its steps are written to standard error.
    :raises Unsupported: naming what of the document can't be done.
    """
    document = site.document
    terminal = document.run.get("tty") or document.process.get("terminal")
    program = Program(
        {**document.process, "env": document.environment(), "terminal": bool(terminal)},
        document.linux,
        document.user,
        document.groups,
        document.run.get("init"),
        original_limits,
    )
    return Launch(document, program, site, origin, steps.trace(traced))
