# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a monitor waits for: descriptors, timers, and the time to sleep."""

from __future__ import annotations

import contextlib
import select
import time


class Loop:
    """``handlers``: fd -> function(events); ``timers``: name -> (when, action); ``done``: whether to come to an end.

    :param rest: the dormant.Rest that says when to sleep. :param epoll: that of its life before it slept, None for a new one.
    """

    def __init__(self, rest, epoll=None):
        self.rest, self.epoll = rest, select.epoll() if epoll is None else epoll
        self.handlers, self.timers, self.done = {}, {}, False

    def watch(self, fd, handler, events=select.EPOLLIN):
        self.handlers[fd] = handler
        with contextlib.suppress(FileExistsError):  # it slept meanwhile
            self.epoll.register(fd, events)

    def forget(self, fd):
        if self.handlers.pop(fd, None) is not None:
            self.epoll.unregister(fd)

    def after(self, name, seconds, action):
        """Call ``action()`` once, in so many seconds; a timer of the same name is replaced."""
        self.timers[name] = (time.monotonic() + seconds, action)

    def settled(self):
        """What has to be kept while it sleeps, see dormant.Bed.lie_down; None where it can't sleep now."""
        return None

    def unclaimed(self, fd, events):
        """Something happened to a descriptor that has no handler."""

    def serve(self):
        """Until it is done."""
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

    def _next_timer(self):
        """Run what is due; seconds until the next timer, None without one, 0 when all is done."""
        while self.timers and not self.done:
            name, (when, action) = min(self.timers.items(), key=lambda item: item[1][0])
            left = when - time.monotonic()
            if left > 0:
                return left
            del self.timers[name]
            action()
        return 0 if self.done else None
