# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fail on an answer that comes too slowly.

A server that sends a byte now and then keeps every timeout from expiring. Only the time spent
waiting for bytes counts, not what the receiver does between. The limits are those of dnf (minrate)
and the usual ones of git's http.lowSpeedLimit.
"""

from __future__ import annotations

import http.client
import io
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import Any


LEAST = 1000  # bytes a second
PERIOD = 60  # seconds of waiting over which that is looked at
INTERIM = 10  # "100 Continue" before an answer
TRAILER, LINE = 100, 65536  # lines behind an answer's last chunk, and bytes of one


class TooSlow(TimeoutError):
    """:ivar count, period: so many bytes came in so many seconds."""

    def __init__(self, count: int, period: float) -> None:
        super().__init__(f"only {count} bytes came in {period:.0f} seconds")
        self.count, self.period = count, period


class Paced(io.RawIOBase):
    """Reads an answer's bytes from ``raw``. Until the first ones arrive, only the connection's
    timeout counts.

    :raises TooSlow: from a read, where fewer than ``LEAST`` bytes a second came in ``PERIOD``
        seconds of waiting.
    """

    def __init__(self, raw: io.RawIOBase, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._raw, self._clock, self._begun = raw, clock, False
        self._waited, self._count = 0.0, 0  # seconds, bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        before = self._clock()
        count = self._raw.readinto(buffer)
        if self._begun:
            self._waited += self._clock() - before
            self._count += count or 0
            if self._waited >= PERIOD:
                if count and self._count < LEAST * self._waited:
                    raise TooSlow(self._count, self._waited)
                self._waited, self._count = 0.0, 0
        self._begun = True
        return count

    def fileno(self) -> int:
        return self._raw.fileno()

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class Answer(http.client.HTTPResponse):
    """An HTTP answer whose speed is checked: a connection's ``response_class``."""

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp = io.BufferedReader(Paced(self.fp.detach()))
        self._interim = 0

    def _read_status(self) -> tuple[str, int, str]:
        """Read as http.client does, with a limit: a server may repeat "100 Continue" for ever."""
        self._interim += 1
        if self._interim > INTERIM:
            raise http.client.HTTPException(f"more than {INTERIM} interim answers")
        return super()._read_status()  # type: ignore[misc]  # typeshed has no private methods

    def _read_and_discard_trailer(self) -> None:
        """Read as http.client does, but with a limit on the lines behind the last chunk."""
        for _line in range(TRAILER):
            line = self.fp.readline(LINE + 1)
            if len(line) > LINE:
                raise http.client.LineTooLong("trailer line")
            if line in (b"\r\n", b"\n", b""):
                return
        raise http.client.HTTPException(f"more than {TRAILER} lines behind the last chunk")
