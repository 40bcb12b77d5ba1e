# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The zygote's part in names: it holds the socket of the process that answers them, and forks it.

At the first connection, and whenever that process was killed: who connects meanwhile waits in the
socket's queue.
"""

from __future__ import annotations

import os
import time

from ...kernel.calls import fork

TYPE_CHECKING = False
if TYPE_CHECKING:
    import select
    import socket
    from collections.abc import Callable

    from ...store.paths import Paths

# Seconds until it is forked again: after an end at once twice as many each time, at most.
SOON, LATEST = 0.02, 30.0
CALM = 5.0  # seconds of life after which an end is the first again


# In the engine's data directory: locked by who answers, and there as long as somebody should.
LOCK = "names.lock"


def load() -> None:
    """Load what the process needs into the zygote, before its memory is frozen.

    There it takes a quarter of a megabyte that all share, and in the process two of its own. Not at
    the top: clients use this file as well.
    """
    from . import resolver  # noqa: F401 # pylint: disable=unused-import


class NameService:
    """:param listen: returns a listening socket for those who tell of containers.
    :param leave: called in the child, to let go of what is the zygote's.
    :param failed: called in the child with what it fails with.

    :ivar pid: the process's; 0 while there is none.
    """

    def __init__(
        self,
        paths: Paths,
        listen: Callable[[], socket.socket],
        leave: Callable[[], None],
        failed: Callable[[BaseException], object],
    ) -> None:
        self.paths, self.listen, self.leave, self.failed = paths, listen, leave, failed
        self.server = listen()
        self.pid, self.begun, self.gap = 0, 0.0, SOON
        self.next: float | None = None  # when it is to be forked again
        if os.path.exists(os.path.join(paths.data, LOCK)):
            # An earlier zygote's, which this one could not fork again; it is ended by the new one.
            self.fork()

    def wanted(self, poll: select.poll) -> None:
        """Have ``poll`` wake when somebody needs it and it is not there."""
        if not self.pid and self.next is None:
            poll.register(self.server, 1)  # POLLIN

    def pause(self, seconds: float) -> float:
        """Return the seconds to wait, at most ``seconds``."""
        return (
            seconds if self.next is None else min(seconds, max(0.0, self.next - time.monotonic()))
        )

    def due(self) -> None:
        """Fork it again, if it is time."""
        if self.next is not None and time.monotonic() >= self.next:
            self.fork()

    def fork(self) -> None:
        """Fork it."""
        self.begun, self.next = time.monotonic(), None
        self.pid = fork.child(self._live, failed=self.failed)

    def _live(self) -> None:
        from . import resolver

        self.leave()
        os.setsid()
        resolver.main(self.paths, self.server, os.path.join(self.paths.data, LOCK))

    def ended(self, status: int) -> None:
        """Note its end; it ends with 0 when nobody needs it any more."""
        self.pid = 0
        if status:
            now = time.monotonic()
            self.gap = SOON if now - self.begun >= CALM else min(self.gap * 2, LATEST)
            self.next = now + self.gap

    def listen_again(self) -> None:
        """Listen anew where the directory was emptied; a new process answers there."""
        known = self.pid or self.next is not None
        self.server.close()
        self.server = self.listen()
        if known:
            self.fork()
