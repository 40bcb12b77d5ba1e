# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a monitor waits for: descriptors, timers, and the time to sleep."""

from __future__ import annotations

import contextlib
import select
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from . import sleep


class Loop:
    """An event loop that knows when to sleep.

    :param rest: says when. :param epoll: that of its life before it slept, None for a new one.
    :ivar handlers: ``{descriptor: function(events)}``.
    :ivar timers: ``{name: (when, action)}``, by time.monotonic().
    :ivar done: whether to come to an end.
    """

    def __init__(self, rest: sleep.Rest, epoll: select.epoll | None = None) -> None:
        self.rest, self.epoll = rest, select.epoll() if epoll is None else epoll
        self.handlers: dict[int, Callable[[int], None]] = {}
        self.timers: dict[str, tuple[float, Callable[[], None]]] = {}
        self.done = False

    def watch(self, fd: int, handler: Callable[[int], None], events: int = select.EPOLLIN) -> None:
        """Call ``handler(events)`` whenever something happens to a descriptor."""
        self.handlers[fd] = handler
        with contextlib.suppress(FileExistsError):  # it slept meanwhile
            self.epoll.register(fd, events)

    def forget(self, fd: int) -> None:
        """Watch a descriptor no more; one that is not watched is fine."""
        if self.handlers.pop(fd, None) is not None:
            self.epoll.unregister(fd)

    def after(self, name: str, seconds: float, action: Callable[[], None]) -> None:
        """Call ``action()`` once, in so many seconds; a timer of the same name is replaced."""
        self.timers[name] = (time.monotonic() + seconds, action)

    def forget_timer(self, name: str) -> None:
        """Call an action no more; a timer that is not there is fine."""
        self.timers.pop(name, None)

    def settled(self) -> tuple[list[int], dict[str, Any]] | None:
        """Return what has to be kept while it sleeps (sleep.Bed.lie_down); None where it can't
        sleep now.
        """
        return None

    def unclaimed(self, fd: int, events: int) -> None:
        """Take what happened to a descriptor that has no handler."""

    def serve(self) -> None:
        """Wait and act until it is done."""
        while not self.done:
            wait = self._next_timer()
            happened = self.epoll.poll(self.rest.limit(wait))
            if happened:
                self.rest.disturb()
            else:
                self.rest.lie_down(self)
            for fd, events in happened:
                handler = self.handlers.get(fd)
                if handler is not None:
                    handler(events)
                else:
                    self.unclaimed(fd, events)

    def _next_timer(self) -> float | None:
        """Run what is due; returns the seconds until the next timer, None without one, 0 when all
        is done.
        """
        while self.timers and not self.done:
            name, (when, action) = min(self.timers.items(), key=lambda item: item[1][0])
            left = when - time.monotonic()
            if left > 0:
                return left
            del self.timers[name]
            action()
        return 0 if self.done else None
