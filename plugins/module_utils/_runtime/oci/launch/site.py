# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a container is launched: the part of a start in which the engine, a bundle and a build
differ.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Callable, Mapping
    from typing import Any

    from ...kernel.cgroups import Group
    from ..spec.mount_entries import Mount
    from .launch import Launch


class Site(ABC):
    """Say where a container's control group, root file system, network and streams come from.

    One Site serves one Launch, which calls it: in the process that makes the container's
    ("outside"), or in the container's process itself ("inside"). What a site does not say is as it
    is for a container without a network, with the streams of its maker.

    :ivar ident: the container's id.
    :ivar bundle: its directory, an absolute path of the host.
    :ivar root_place: a directory of the host at which the container's mount namespace has its root
        until it is entered.
    :ivar clone_flags: CLONE_* flags of clone3(2) in addition.
    :ivar new_keyring: whether the container gets a session keyring of its own.
    :ivar use_pivot: whether the root is entered by pivot_root(2); else it is moved over ``/``.
    :ivar open_to_maker: whether process 1 can be looked into until its program runs. It is for a
        maker in a user namespace that was executed outside of that, and has no rights over what is
        not dumpable; nobody else may be in the container then.
    :ivar last: whether the maker is a command with one thread, which makes no other process
        afterwards.
    :ivar in_order: whether mountinfo is to show the document's order in a user namespace too, where
        that costs time (bind_sources.py).
    :ivar set_up_loopback: called in the container's process, in a network namespace of its own;
        None where the maker does it.
    :ivar waits: whether the process waits, all ready, before its program is executed.
    """

    clone_flags = 0
    new_keyring = use_pivot = True
    last = in_order = waits = open_to_maker = False
    set_up_loopback: Callable[[], None] | None = None

    def __init__(self, ident: str, bundle: str, root_place: str):
        self.ident, self.bundle, self.root_place = ident, bundle, root_place

    # -------------------------------------------------------------------------------------- outside

    @abstractmethod
    def make_group(self, launch: Launch) -> Group:
        """Make the control group, empty; maybe to be completed when there is a process."""

    def resources(self, launch: Launch) -> Mapping[str, Any]:
        """Return OCI ``linux.resources``, which become the limits of the group."""
        return launch.document.linux.get("resources") or {}

    def prepare(self, launch: Launch) -> None:
        """Look over the mounts and the rights, with the group made and nothing opened."""

    @abstractmethod
    def open_root(self, launch: Launch) -> int:
        """Return a detached mount of the root file system, a descriptor."""

    def within(self, _source: str) -> str | None:
        """Return the path in the container of a bind mount's source that lies below its root, so
        that earlier mounts are seen in it.
        """
        return None

    def image_of(self, _launch: Launch, _mount: Mount) -> Callable[[], int] | None:
        """Return what opens the image that a bind mount shows: it returns a detached mount, or
        raises ContainerFailed. None where the mount shows a path of the host.
        """
        return None

    def announce(self, launch: Launch) -> None:
        """Write down that there is a process: called before anything else is done with it."""

    def connect(self, launch: Launch) -> None:
        """Connect the network of the process, which waits."""

    def disconnect(self, launch: Launch) -> None:
        """Take back what ``connect`` made."""

    def meanwhile(self) -> None:
        """Do what the maker needs later, while the process comes to its program: time that nobody
        waits for.
        """

    # --------------------------------------------------------------------------------------- inside

    def open_streams(self, _launch: Launch) -> tuple[int | None, int | None, int | None]:
        """Open standard input, output and error in the host's file system.

        None stands for the container's /dev/null.
        """
        return 0, 1, 2

    def leave(self, launch: Launch) -> None:
        """Open what is needed later, in the container's namespaces: of the host's file system
        nothing can be opened afterwards.
        """

    def wait_for_start(self, launch: Launch, channel: _socket.socket) -> None:
        """Wait inside the root, with all ready but user and rights.

        :param channel: the process's end of it; it reports by that descriptor's number afterwards
            too.
        """
