# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``logs`` and ``wait``."""

from __future__ import annotations

import datetime
import re

from .... import containers, units
from ....containers.client import monitor_client
from ....containers.spec import container_files
from ....containers.view import logs as container_logs
from ....errors import Conflict, InvalidInput
from ... import streams
from ...grammar import UsageError, whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...grammar import Given
    from ...session import Session


def logs(session: Session, given: Given) -> None:
    record = containers.find(session.engine, given.words[0])
    why = container_logs.unreadable(container_files.read_run(session.engine, record["id"]))
    if why:
        raise Conflict(f"the log of container {record['name']} can't be read: {why}")
    if given.follow:
        session.need_terminal("logs -f", "leave -f out")
    since, until = [
        _moment(text, flag) if text else None
        for text, flag in ((given.since, "--since"), (given.until, "--until"))
    ]
    tail = (
        None
        if given.tail in (None, "all") or re.fullmatch("-[0-9]+", given.tail)
        else whole(given.tail, "--tail")
    )
    streams.print_log(
        session,
        record,
        tail=tail,
        since=since,
        until=until,
        follow=given.follow,
        timestamps=given.timestamps,
        details=given.details,
    )


def wait(session: Session, given: Given) -> None:
    session.each(given.words, lambda name: session.say(str(_exit_code(session, name))))


def _exit_code(session: Session, name: str) -> int:
    """Wait until a container has ended. :returns: its exit code."""
    ident = containers.find(session.engine, name)["id"]
    return monitor_client.wait(session.engine.paths, [ident])[ident]


def _moment(text: str, flag: str) -> str:
    """Return a time as RFC 3339 text in UTC: itself, seconds since the epoch, or ``10m`` ago.

    :raises UsageError: when it is neither.
    """
    try:
        seconds = units.moment(text, flag)
    except InvalidInput:
        raise UsageError(
            f"flag {flag} takes a time such as 2026-01-31T12:00:00Z, seconds since the epoch, or "
            f"10m, not {text!r}"
        ) from None
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime(
        "%Y-%m-%dT%H:%M:%S.%fZ"
    )
