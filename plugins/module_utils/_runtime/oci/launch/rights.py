# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""With which rights a container's process makes what it needs: with the host's, or as the root of a
user namespace.

A process with the host's rights makes all by itself. In a user namespace it has rights over its own
namespaces and none over the host, so that its maker makes some of it (userns_outside.py).
``Direct`` is the one, ``userns_outside.UserNamespace`` the other, with the same methods.
"""

from __future__ import annotations

from ...kernel.isolation import namespaces
from ...kernel.mounts import mounts
from ..spec import devices
from . import bind_sources

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Callable, Sequence
    from typing import Union

    from ..spec.id_maps import Maps
    from ..spec.mount_entries import Mount
    from ..spec.program import Program
    from .child import FirstProcess
    from .clone import Clone
    from .launch import Launch
    from .steps import Steps
    from .userns_outside import UserNamespace

    Rights = Union["Direct", UserNamespace]


class Direct:
    """The container has the host's user namespace.

    :ivar maps: the ids of the user namespace; there is none.
    :ivar fd: a descriptor of that; there is none.
    :ivar attended: whether the maker has something to do for the process when its mounts are made.
    """

    maps: Maps | None = None
    fd: int | None = None
    attended = False

    # -------------------------------------------------------------------------------------- outside

    def check(self, program: Program) -> None:
        """See that the program's user exists."""

    def copies_later(self) -> bool:
        """Whether the process itself makes the copies of the host's places (bind_sources.py)."""
        return bind_sources.can_be_copied_later()

    def looks_within(self, _mount: Mount) -> bool:
        """Whether the process itself finds a mount's source that lies in its own root."""
        return True

    def maps_afterwards(self, _mount: Mount) -> bool:
        """Whether a mount's owners are mapped by a user namespace that is not there yet."""
        return False

    def exist(self, _launch: Launch) -> None:
        """Make the user namespace before there is a process: for CRIU, which makes the process in
        it.
        """

    def open_files(self, launch: Launch) -> None:
        """Open the root and what is bind-mounted, before there is a process."""
        launch.root_fd = launch.site.open_root(launch)
        bind_sources.find_all(launch, later=self.copies_later())

    def fork(self, clone: Clone, flags: int) -> tuple[int, int]:
        """Make the container's process: ``(pid, pidfd)``, with a pid of 0 in the process.

        :param flags: CLONE_NEW*, of the new namespaces.
        """
        return clone.fork_into_pid_namespace(flags)

    def furnish(self, launch: Launch, outside: _socket.socket) -> None:
        """Make what the process, which is there now, can't make, and send it."""

    def grant(self, launch: Launch) -> None:
        """Give the process what only the host's rights can give, when its mounts are made."""

    def own_streams(self, descriptors: Sequence[int], uid: int, gid: int) -> None:
        """Give streams to a user of the container."""

    def owners(self) -> tuple[int, int, int] | None:
        """Return what maps the owners of the root's files: the user namespace's descriptor, and the
        host's ids of its root.
        """
        return None

    def close(self) -> None:
        """Close what was opened."""

    # --------------------------------------------------------------------------------------- inside

    def receive(self, process: FirstProcess) -> Steps:
        """Take what ``furnish`` has sent."""
        yield from ()

    def attach_root(self, root_fd: int, place: str) -> None:
        """Attach the root where the host has it, so that hooks find it there."""
        mounts.attach_root(root_fd, place)

    def join(self, process: FirstProcess) -> Steps:
        """Come into the namespaces that are joined, but for those that a process is made in."""
        if process.program.oom_score_adj is not None:
            yield "set its oom_score_adj", lambda: process.program.set_oom_score(process.warn)
        for kind, fd in process.launch.joined.items():
            if kind not in ("pid", "mount"):
                yield f"join the {kind} namespace", _joining(kind, fd)

    def become_root(self, process: FirstProcess) -> Steps:
        """Become the root of the user namespace."""
        yield from ()

    def make_nodes(self, launch: Launch, root_fd: int) -> None:
        """Make the device nodes; those that can't be made (in a user namespace without its maker's
        help) become mounts of the host's.
        """
        refused = devices.make(root_fd, launch.devices)
        launch.nodes = [(node[0], devices.of_host(node)) for node in refused]

    def hand_streams(self, process: FirstProcess) -> Steps:
        """Have the streams given to the program's user."""
        yield from ()

    def schedule(self, process: FirstProcess) -> Steps:
        """Set how the kernel runs the process."""
        yield "set its scheduler and I/O priority", process.program.scheduling.apply


def _joining(kind: str, fd: int) -> Callable[[], None]:
    def join() -> None:
        namespaces.join(fd, kind)

    return join
