# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``events`` and ``system history``: what happens on the host, and who has changed what."""

from __future__ import annotations

import datetime
import json
import time

from .... import units
from ....errors import InvalidInput
from ....events import change_history, event_filters, journal_reader
from ....untrusted.text import printable
from ... import tables, templates
from ...filters import filters
from ...grammar import UsageError, whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ....events.journal_reader import Event
    from ...grammar import Given
    from ...session import Session

BILLION = 1_000_000_000
STDOUT = 1  # its descriptor
NOUNS = ("container", "image", "network", "volume", "registry", "secret", "config")
HISTORY_COLUMNS = [
    ("TIME", "Time"),
    ("WHAT", "What"),
    ("USER", "User"),
    ("BY", "Told"),
    ("ACTIONS", "Actions"),
]


class _Attributes(dict):
    """An event's attributes for a template: one that it has not is ``<no value>``, as in Go."""

    def __contains__(self, _key: object) -> bool:
        return True

    def __missing__(self, _key: str) -> None:
        return None


def events(session: Session, given: Given) -> None:
    """``events``: those that have been from ``--since`` on, and then each as it comes.

    It ends at ``--until``, or when nobody reads its output any more.
    """
    chosen = event_filters.check(filters(given.filter), "--filter")
    since, until = _moment(given.since, "--since"), _moment(given.until, "--until")
    if until is None:
        session.need_terminal("events without --until", "give --until 0s for what has been")
    if given.format is not None:
        _shown(EXAMPLE, given.format)  # a template that can't be read is told before it waits
    if until is not None and since is None and until <= time.time_ns():
        since = 0
    reader = STDOUT if session.terminal else None
    session.engine.db.close()  # it may be for days
    for event in journal_reader.follow(session.engine.paths, since, until, reader):
        if event_filters.matches(event, chosen):
            session.flow(*_shown(event, given.format).split("\n"))


def history(session: Session, given: Given) -> None:
    """``system history``: the youngest change first."""
    most = change_history.ALL if given.last == "all" else whole(given.last or "50", "--last", 1)
    what = [f"{noun} {name}" for name in given.words for noun in NOUNS] if given.words else None
    records = []
    for entry in change_history.read(session.engine, what, most):
        by = entry["by"]
        told = " in ".join(f"{key} {by[key]!r}" for key in ("task", "play") if key in by)
        records.append(
            {
                "Time": tables.moment(entry["time"]),
                "What": entry["what"],
                "User": _account(by),
                "Told": told or by.get("command", ""),
                "Actions": "; ".join(entry["actions"]) + (" (failed)" * bool(entry["error"])),
                "Error": entry["error"],
                "By": _Attributes(by),
            }
        )
    if given.format == "json":  # the texts as they are, and lists as lists
        entries = change_history.read(session.engine, what, most)
        session.say(*[json.dumps(entry, sort_keys=True) for entry in entries])
        return
    session.listing(tables.formatted(records, HISTORY_COLUMNS, given.format))


def _account(by: dict[str, str]) -> str:
    """Return ``root``, or ``ann@controller (root)`` where Ansible did it."""
    user = by.get("user", "") + (f" from {by['from']}" if "from" in by else "")
    if "controller" not in by:
        return user
    return f"{by.get('controller_user', '')}@{by['controller']} ({user})"


def _moment(text: str | None, flag: str) -> int | None:
    """Return a time in nanoseconds since the epoch; see units.moment for its forms.

    :raises UsageError: it is none.
    """
    if text is None:
        return None
    seconds, point, digits = text.partition(".")
    exact = seconds.isascii() and seconds.isdecimal() and len(seconds) < 12  # not as a float
    if exact and (digits[:9].isdecimal() or not point):
        return int(seconds) * BILLION + int(digits[:9].ljust(9, "0") or 0)
    try:
        return int(units.moment(text, flag) * BILLION)
    except InvalidInput:
        raise UsageError(
            f"flag {flag} takes a time such as 2026-01-31T12:00:00Z, seconds since the epoch, or "
            f"10m, not {text!r}"
        ) from None


def _shown(event: Event, template: str | None) -> str:
    if template is None:
        return _line(event)
    if template in ("json", "{{json .}}"):
        return json.dumps(event, separators=(",", ":"))
    actor = event["Actor"]
    return templates.fill(
        template,
        {
            "Type": event["Type"],
            "Action": event["Action"],
            "Actor": {"ID": actor["ID"], "Attributes": _Attributes(actor["Attributes"])},
            "Status": event.get("status", ""),
            "ID": event.get("id", ""),
            "From": event.get("from", ""),
            "Scope": event["scope"],
            "Time": event["time"],
            "TimeNano": event["timeNano"],
        },
    )


def _line(event: Event) -> str:
    actor: Any = event["Actor"]
    seconds, rest = divmod(event["timeNano"], BILLION)
    moment = datetime.datetime.fromtimestamp(seconds).astimezone()
    zone = moment.strftime("%z")
    when = f"{moment:%Y-%m-%dT%H:%M:%S}.{rest:09d}" + (
        "Z" if zone in ("+0000", "") else f"{zone[:3]}:{zone[3:5]}"
    )
    known = sorted(actor["Attributes"].items())
    pairs = ", ".join(f"{printable(key, None)}={printable(value, None)}" for key, value in known)
    words = [when, event["Type"], printable(event["Action"], None), actor["ID"]]
    return " ".join(words) + (f" ({pairs})" if pairs else "")


EXAMPLE = journal_reader.complete(
    {"Type": "container", "Action": "start", "Actor": {"ID": "0" * 64}, "timeNano": 0}
)
