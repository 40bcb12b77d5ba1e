# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which containers there are: the database's rows, found by name, id or the beginning of an id."""

from __future__ import annotations

import contextlib
import re

from ...errors import Conflict, EngineError, InvalidInput, NotFound
from ...store.database import decode, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping
    from typing import Any, Optional, TypedDict, Union

    from ...engine import Engine
    from ...options.rows import Definition

    class Record(TypedDict):
        """A container's row.

        ``definition``: its options in normal form (options/), and ``image``, the reference that the
        user wrote. ``image``: the image's id; None where the database was lost with all its copies.
        ``wanted``: created, running, paused or stopped. ``created``: seconds since the epoch.
        """

        id: str
        name: str
        definition: Definition
        image: Optional[str]
        wanted: str
        created: float

    Row = Union[sqlite3.Row, Mapping[str, Any]]

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{1,127}")


def check_name(name: object, option: str = "name") -> str:
    """Return a container's name as it is. :raises InvalidInput: it can't be one."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise InvalidInput(
            option,
            name,
            "a container's name: 2 to 128 letters, digits, '_', '.', '-', the first a letter or "
            "digit",
        )
    return name


def _record(row: Row) -> Record:
    found: Record = {**row, "definition": decode(row["definition"])}  # type: ignore[typeddict-item]
    return found


def _record_or_none(row: Row | None) -> Record | None:
    return None if row is None else _record(row)


def get(engine: Engine, name: str) -> Record | None:
    """Return the record of the container that is called ``name``, or None."""
    return _record_or_none(engine.db.one("SELECT * FROM containers WHERE name = ?", name))


def by_id(engine: Engine, ident: str) -> Record | None:
    """Return the record of a container by its full id, or None."""
    return _record_or_none(engine.db.one("SELECT * FROM containers WHERE id = ?", ident))


def find(engine: Engine, name_or_id: str) -> Record:
    """Find a container by full id, name, or the beginning of an id that only one has, in this order.

    So no name leads from one container's id to another container.

    :raises NotFound: there is none. :raises Conflict: several ids begin so.
    """
    text = str(name_or_id).removeprefix("/")
    found = by_id(engine, text) if len(text) == 64 else None
    found = get(engine, text) if found is None else found
    if found is None and re.fullmatch("[0-9a-f]{1,64}", text):
        rows = engine.db.all("SELECT * FROM containers WHERE id >= ? AND id < ?", text, text + "g")
        if len(rows) > 1:
            raise Conflict(f"{text}: {len(rows)} containers' ids begin so; give more of it")
        found = _record(rows[0]) if rows else None
    if found is None:
        raise NotFound(f"container {text} does not exist")
    return found


@contextlib.contextmanager
def held(engine: Engine, name_or_id: str) -> Iterator[Record]:
    """Hold the lock of a container in the block, which gets its record as it is then.

    Check mode, which changes nothing, takes no lock.

    :raises NotFound: there is none, or it went while another task held the lock.
    :raises Conflict: see :func:`find`.
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
def reading(engine: Engine, record: Record) -> Iterator[None]:
    """In the block, read a container's documents without its lock.

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


def every(engine: Engine) -> list[Record]:
    """Return all records, the youngest first."""
    return [
        _record(row)
        for row in engine.db.all("SELECT * FROM containers ORDER BY created DESC, name")
    ]


def add(engine: Engine, record: Record) -> None:
    """Enter a new container. :raises Conflict: the name is taken."""
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


def set_definition(engine: Engine, ident: str, definition: Definition) -> None:
    """Replace a container's definition."""
    engine.db.run("UPDATE containers SET definition = ? WHERE id = ?", encode(definition), ident)


def set_wanted(engine: Engine, ident: str, wanted: str) -> None:
    """Set what the container should be from now on (Record.wanted); a boot brings it back so."""
    engine.db.run(
        "UPDATE containers SET wanted = ? WHERE id = ? AND wanted != ?", wanted, ident, wanted
    )


def set_name(engine: Engine, ident: str, name: str) -> None:
    """Give a container another name. :raises Conflict: the name is taken."""
    with engine.db.transaction() as connection:
        if connection.execute("SELECT 1 FROM containers WHERE name = ?", (name,)).fetchone():
            raise Conflict(f"container {name} exists already")
        connection.execute("UPDATE containers SET name = ? WHERE id = ?", (name, ident))


def swap_names(engine: Engine, old: str, leaving: str, new: str, name: str) -> None:
    """In one step, call ``old`` ``leaving`` and give ``new`` its name; ``old`` is not to run for long."""
    with engine.db.transaction() as connection:
        connection.execute(
            "UPDATE containers SET name = ?, wanted = 'stopped' WHERE id = ?", (leaving, old)
        )
        connection.execute("UPDATE containers SET name = ? WHERE id = ?", (name, new))


def take_over(engine: Engine, old: str, new: str, name: str) -> None:
    """In one step, delete the row of ``old`` and give ``new`` its name.

    What ``old`` has left on disk is remove.sweep's.
    """
    with engine.db.transaction() as connection:
        connection.execute("DELETE FROM containers WHERE id = ?", (old,))
        connection.execute("DELETE FROM id_ranges WHERE container = ?", (old,))
        connection.execute("UPDATE containers SET name = ? WHERE id = ?", (name, new))


def forget(engine: Engine, ident: str) -> None:
    """Delete a container's row with its addresses, ports and ids."""
    with engine.db.transaction() as connection:
        for table, column in (
            ("addresses", "container"),
            ("ports", "container"),
            ("id_ranges", "container"),
            ("containers", "id"),
        ):
            connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (ident,))
