# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide whether a registry's failure is worth another try, how long to wait, and what the error
says.
"""

from __future__ import annotations

import email.utils
import errno
import http.client
import random
import socket
import ssl
import time

from .headers import number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .transport import Response


TRIES = 5
LONGEST_WAIT = 60  # seconds
STATUSES = (408, 429, 500, 502, 503, 504)
AT_ONCE = 3  # tries where nobody listens: one that is being started again has come back by then


class Patience:
    """The tries of one request.

    :param tries: how many there are at most.
    :ivar count: how many have failed.
    """

    def __init__(self, tries: int = TRIES) -> None:
        self.tries, self.count, self._began = tries, 0, time.monotonic()

    def after_error(self, error: Exception) -> bool:
        """Wait after a connection's failure. Return False where another try is no use."""
        self.count += 1
        if self.count >= min(self.tries, _tries_of(error)):
            return False
        time.sleep(pause(self.count))
        return True

    def after_answer(self, response: Response) -> bool:
        """Wait after an answer that asks for it. Return False where the answer is final or was the
        last.
        """
        if response.status not in STATUSES:
            return False
        self.count += 1
        if self.count >= self.tries:
            return False
        time.sleep(asked_pause(response.headers.get("Retry-After"), self.count))
        return True

    def progress(self) -> None:
        """Reset the failures so far: data has arrived."""
        self.count = 0

    def said(self) -> str:
        """Return how often and how long it was tried, for a sentence."""
        return (
            f" (tried {self.count} times in {time.monotonic() - self._began:.0f} seconds)"
            if self.count > 1
            else ""
        )


def _tries_of(error: Exception) -> int:
    """Return how many tries a connection that failed with this error is worth."""
    if isinstance(error, ssl.SSLError) and not isinstance(
        error, (ssl.SSLEOFError, ssl.SSLZeroReturnError, socket.timeout)
    ):
        return 1  # the two sides don't fit
    if isinstance(error, socket.gaierror):
        return TRIES if error.errno == socket.EAI_AGAIN else 1
    if isinstance(error, (TimeoutError, socket.timeout)):  # a minute each
        return 2
    if isinstance(error, http.client.HTTPException) and not isinstance(
        error, (http.client.RemoteDisconnected, http.client.IncompleteRead)
    ):
        return 2  # what answers speaks something else than HTTP
    if isinstance(error, OSError) and error.errno in (
        errno.ECONNREFUSED,
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
    ):
        return AT_ONCE
    return TRIES


def pause(tries: int) -> float:
    """Return the seconds to wait: doubled each time, with jitter, so that a fleet does not come
    back all at once.
    """
    return min(LONGEST_WAIT, 0.25 * 2**tries) * random.uniform(0.75, 1.25)


def asked_pause(header: str | None, tries: int) -> float:
    """Return the seconds to wait after a 429 or 5xx: what Retry-After says (seconds or a date, RFC
    9110 10.2.3), within bounds.
    """
    seconds = number(header)
    if seconds is not None:
        return min(LONGEST_WAIT, seconds) + random.uniform(0, 0.5)
    if header and len(header) <= 64:
        try:
            when = email.utils.parsedate_to_datetime(header).timestamp()
            return min(LONGEST_WAIT, max(0.0, when - time.time())) + random.uniform(0, 0.5)
        except (TypeError, ValueError, IndexError, OverflowError):
            pass
    return pause(tries)
