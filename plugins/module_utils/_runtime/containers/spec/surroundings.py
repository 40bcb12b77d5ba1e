# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of host and store goes into a container's config.json, beside its definition and its image."""

from __future__ import annotations

import platform

from ...kernel.processes import procfs
from ...rootless import keeper_client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..options.storage import Mount
    from .user_namespaces import Maps


class Surroundings:
    """What of host and store goes into a container's config.json.

    :param directory: the container's directory in the data store.
    :param run: its directory of this boot.
    :param mounts: the user's mounts in normal form, each with ``source`` resolved to a path of the
        host.
    :param joins: ``{"network" | "pid" | "ipc" | "user": id of another container}``.
    :param swap: whether this host accounts for swap.
    :param kernel: (major, minor); None: this host's.
    :param machine: as uname(2) names it; None: this host's.
    :param maps: of its user namespace; None where that is the host's.
    :param apparmor: the profile that containers have by default, None where there is none.
    :param environment: variables of the host that go into the container.
    :param architecture: the image's, in OCI's words.
    """

    def __init__(
        self,
        directory: str,
        run: str,
        *,
        mounts: Sequence[Mount] = (),
        joins: dict[str, str] | None = None,
        swap: bool = True,
        kernel: tuple[int, int] | None = None,
        machine: str | None = None,
        maps: Maps | None = None,
        apparmor: str | None = None,
        architecture: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.directory, self.run, self.mounts = directory, run, list(mounts)
        self.joins, self.swap = dict(joins or {}), swap
        self.kernel: tuple[int, int] = kernel or procfs.kernel_version()
        self.machine = machine or platform.machine()
        self.environment = environment
        self.maps, self.apparmor, self.architecture = maps, apparmor, architecture

    def highest_gid(self) -> int | None:
        """Return the last of the gids that the container has from 0 on; None when it has no 0."""
        if self.maps is None:
            return procfs.highest_gid() if keeper_client.active() else 2**31 - 1
        return next((size - 1 for inside, _outside, size in self.maps[1] if inside == 0), None)
