# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who has changed what: a table of the store, with a row for each plan that was carried out.

It is bounded: ``EACH`` rows for one object, ``ALL`` rows together, ``ROOM`` characters in a row's
texts. A row is written when its change is done, in a transaction that waits for no disk, so a
killed task leaves none, or a whole one. Where it can't be written, on a full disk say, the change
stays done and the row is lost.

The table is made with its first row and is in no version of the schema: the engine of an older
version, which a container that was started with it may still call, does not know it and need not.
"""

from __future__ import annotations

import contextlib
import os
import pwd

from ..errors import EngineError
from ..kernel.processes import procfs
from ..store.database import decode, encode, now
from ..untrusted.text import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any, Protocol, TypedDict

    from ..reconcile import Plan
    from ..store.database import Database

    class Store(Protocol):
        """What it needs of an engine."""

        check: bool
        db: Database
        who: dict[str, Any]

    class Entry(TypedDict):
        """A row. ``what``: ``container web``. ``actions``: sentences. ``error``: why it was not
        done to its end, or "". ``by``: see :func:`_who`. ``time``: seconds since the epoch.
        """

        time: float
        what: str
        actions: list[str]
        error: str
        by: dict[str, str]


EACH, ALL, ROOM = 30, 2000, 2000
LONGEST = 200  # characters of one text of a row
TABLE = """
CREATE TABLE IF NOT EXISTS history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL, what TEXT NOT NULL,
    detail TEXT NOT NULL)       -- JSON: actions, error, by
"""
INDEX = "CREATE INDEX IF NOT EXISTS history_what ON history (what, id)"
# What a front end may say in ``engine.who``, in the order in which it is shown.
TOLD = ("controller", "controller_user", "playbook", "play", "role", "task", "command")


@contextlib.contextmanager
def noted(engine: Store, plan: Plan) -> Iterator[None]:
    """In the block, carry out a plan; what it has changed is in the table afterwards, whoever asks.

    An error is noted with it, since what comes before it is done.
    """
    try:
        yield
    except EngineError as error:
        note(engine, [(plan.subject, plan.actions, str(error))])
        raise
    note(engine, [(plan.subject, plan.actions, "")])


def note(engine: Store, done: Iterable[tuple[str, Sequence[str], str]]) -> None:
    """Enter changes, each ``(what, actions, error)``; those without an action are none."""
    rows = [(what, _detail(engine, actions, error)) for what, actions, error in done if actions]
    # The change may have been the removal of the store, which no row is to bring back.
    if not rows or engine.check or not os.path.exists(engine.db.path):
        return
    # Whatever is wrong with the store, what was done stays done.
    with contextlib.suppress(Exception):
        with engine.db.transaction(durable=False) as connection:
            connection.execute(TABLE)
            connection.execute(INDEX)
            for what, detail in rows:
                what = printable(what, LONGEST)
                connection.execute(
                    "INSERT INTO history (at, what, detail) VALUES (?, ?, ?)", (now(), what, detail)
                )
                connection.execute(
                    "DELETE FROM history WHERE what = ? AND id <= (SELECT id FROM history WHERE "
                    "what = ? ORDER BY id DESC LIMIT 1 OFFSET ?)",
                    (what, what, EACH),
                )
            connection.execute(
                "DELETE FROM history WHERE id <= (SELECT id FROM history ORDER BY id DESC LIMIT 1 "
                "OFFSET ?)",
                (ALL,),
            )


def _detail(engine: Store, actions: Sequence[str], error: str) -> str:
    kept: list[str] = []
    room = ROOM - LONGEST
    hidden = engine.who.get("hidden")
    for action in ["hidden, as the task has no_log"] if hidden else actions:
        text = printable(action, LONGEST)
        room -= len(text)
        if room < 0:
            kept.append(f"and {len(actions) - len(kept)} more")
            break
        kept.append(text)
    error = "hidden, as the task has no_log" if hidden and error else printable(error, LONGEST)
    return encode({"actions": kept, "error": error, "by": _who(engine.who)})


def _who(told: Mapping[str, Any]) -> dict[str, str]:
    """Return who does this: what a front end has told, the account of the host, and where it came
    from by SSH, where the environment still says so.
    """
    found = {key: printable(told[key], LONGEST) for key in TOLD if told.get(key)}
    found["user"] = printable(_account(), LONGEST)
    client = os.environ.get("SSH_CONNECTION", "").partition(" ")[0]
    if client:
        found["from"] = printable(client, LONGEST)
    return found


def _account() -> str:
    """Return the name of the account that somebody has come with: before sudo, by its login, or by
    its process.
    """
    sudo = os.environ.get("SUDO_USER")
    if sudo:
        return sudo
    number = procfs.user_outside()
    with contextlib.suppress(OSError, ValueError):
        with open("/proc/self/loginuid") as file:  # credentials of the audit system
            login = int(file.read())
        number = number or (login if login != 0xFFFFFFFF else 0)
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def read(engine: Store, what: Sequence[str] | None = None, most: int = ALL) -> list[Entry]:
    """Return the changes, the youngest first.

    :param what: of these objects alone, such as ``container web``. :param most: entries.
    """
    if engine.db.one("SELECT 1 FROM sqlite_master WHERE name = 'history'") is None:
        return []
    wanted = "" if what is None else f" WHERE what IN ({', '.join('?' * len(what))})"
    rows = engine.db.all(
        f"SELECT at, what, detail FROM history{wanted} ORDER BY id DESC LIMIT ?",
        *(what or ()),
        most,
    )
    found: list[Any] = [
        {"time": row["at"], "what": row["what"], **decode(row["detail"])} for row in rows
    ]
    return found


def renamed(engine: Store, before: str, after: str) -> None:
    """Have what was entered of an object found under its new name."""
    if engine.check or engine.db.one("SELECT 1 FROM sqlite_master WHERE name = 'history'") is None:
        return
    with contextlib.suppress(Exception):
        with engine.db.transaction(durable=False) as connection:
            connection.execute("UPDATE history SET what = ? WHERE what = ?", (after, before))
