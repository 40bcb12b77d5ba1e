# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which containers there are: the database's rows, found by name, id or the beginning of an id.

A record is ``{"id", "name", "definition", "image", "wanted", "created"}``; its definition has, beside the options
(options/), ``image``: the reference that the user wrote.
"""

from __future__ import annotations

import contextlib
import re

from ...errors import Conflict, EngineError, InvalidInput, NotFound
from ...store.database import decode, encode

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{1,127}")


def check_name(name, option="name"):
    """:raises InvalidInput: for what can't be a container's name."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise InvalidInput(
            option,
            name,
            "a container's name: 2 to 128 letters, digits, '_', '.', '-', the first a letter or "
            "digit",
        )
    return name


def _record(row):
    return dict(row, definition=decode(row["definition"])) if row else None


def get(engine, name):
    """The record of the container that is called ``name``, or None."""
    return _record(engine.db.one("SELECT * FROM containers WHERE name = ?", name))


def by_id(engine, ident):
    """The record of a container by its full id, or None."""
    return _record(engine.db.one("SELECT * FROM containers WHERE id = ?", ident))


def find(engine, name_or_id):
    """A container by name, full id, or the beginning of an id that only one has; a name wins.

    :raises NotFound: there is none. :raises Conflict: several ids begin so.
    """
    text = str(name_or_id)
    text = text[1:] if text.startswith("/") else text
    found = get(engine, text)
    if found is None and re.fullmatch("[0-9a-f]{1,64}", text):
        rows = engine.db.all("SELECT * FROM containers WHERE id >= ? AND id < ?", text, text + "g")
        if len(rows) > 1:
            raise Conflict(f"{text}: {len(rows)} containers' ids begin so; give more of it")
        found = _record(rows[0]) if rows else None
    if found is None:
        raise NotFound(f"container {text} does not exist")
    return found


@contextlib.contextmanager
def held(engine, name_or_id):
    """Hold the lock of a container in the block, which gets its record as it is then. Check mode, which changes nothing, takes no lock.

    :raises NotFound: there is none, or not any more when it was another task's turn before. :raises Conflict: see :func:`find`.
    """
    while True:
        before = find(engine, name_or_id)
        with (
            contextlib.nullcontext()
            if engine.check
            else engine.locks.hold("container", before["name"])
        ):
            engine.db.refresh()
            record = find(engine, name_or_id)
            if (record["id"], record["name"]) == (before["id"], before["name"]):
                yield record
                return


@contextlib.contextmanager
def reading(engine, record):
    """In the block the documents of a container are read by somebody who does not hold its lock.

    :raises NotFound: in place of any error, where another task has removed the container meanwhile.
    """
    try:
        yield
    except (EngineError, KeyError, TypeError, ValueError, OSError):
        if by_id(engine, record["id"]) is not None:
            raise
        raise NotFound(
            f"container {record['name']} does not exist: another task has removed it meanwhile"
        ) from None


def every(engine):
    """All records, the youngest first."""
    return [
        _record(row)
        for row in engine.db.all("SELECT * FROM containers ORDER BY created DESC, name")
    ]


def add(engine, record):
    """:raises Conflict: the name is taken."""
    with engine.db.transaction() as connection:
        if connection.execute(
            "SELECT 1 FROM containers WHERE name = ?", (record["name"],)
        ).fetchone():
            raise Conflict(
                f"container {record['name']} exists already: another task made it meanwhile"
            )
        connection.execute(
            "INSERT INTO containers (id, name, definition, image, wanted, created) VALUES (?, ?, "
            "?, ?, ?, ?)",
            (
                record["id"],
                record["name"],
                encode(record["definition"]),
                record["image"],
                record["wanted"],
                record["created"],
            ),
        )


def set_definition(engine, ident, definition):
    engine.db.run("UPDATE containers SET definition = ? WHERE id = ?", encode(definition), ident)


def set_wanted(engine, ident, wanted):
    """What the container should be from now on: created, running, paused or stopped; a boot brings it back so."""
    engine.db.run(
        "UPDATE containers SET wanted = ? WHERE id = ? AND wanted != ?", wanted, ident, wanted
    )


def set_name(engine, ident, name):
    """:raises Conflict: the name is taken."""
    with engine.db.transaction() as connection:
        if connection.execute("SELECT 1 FROM containers WHERE name = ?", (name,)).fetchone():
            raise Conflict(f"container {name} exists already")
        connection.execute("UPDATE containers SET name = ? WHERE id = ?", (name, ident))


def take_over(engine, old, new, name):
    """In one step: the row of ``old`` goes, ``new`` gets its name. What ``old`` left on disk is removed by ``removal.sweep``."""
    with engine.db.transaction() as connection:
        connection.execute("DELETE FROM containers WHERE id = ?", (old,))
        connection.execute("DELETE FROM id_ranges WHERE container = ?", (old,))
        connection.execute("UPDATE containers SET name = ? WHERE id = ?", (name, new))


def forget(engine, ident):
    """Delete a container's row with its addresses, ports and ids."""
    with engine.db.transaction() as connection:
        for table, column in (
            ("addresses", "container"),
            ("ports", "container"),
            ("id_ranges", "container"),
            ("containers", "id"),
        ):
            connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (ident,))
