# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copy every row of state.db to a file of its own, from which a lost database is rebuilt.

The files are ``records/<table>/<digest of the row's key>``. ``Database.transaction`` writes them:
triggers record which rows a transaction has changed, whatever statement did it. Their files are
written before the transaction ends, while it bars other writers. They are not synced, because they
serve only when the database is lost. Each boot and each version writes the ones that differ again,
synced (``refresh``). Entries of ``operations`` have no files: they are void without their task.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re

from ..errors import EngineError
from ..untrusted import files as foreign_files
from ..untrusted import json_reader
from .atomic_files import make_private, write_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Protocol

    class Connection(Protocol):
        """SQLite's connection."""

        def execute(self, statement: str, parameters: Sequence[Any] = ..., /) -> Any:
            """Execute a statement; return its cursor."""


KEYS = {  # the columns of each table's primary key; a table comes after those that it refers to
    "images": ("id",),
    "tags": ("reference",),
    "digests": ("repository", "digest"),
    "layers": ("diff_id",),
    "containers": ("id",),
    "volumes": ("name",),
    "networks": ("name",),
    "addresses": ("network", "address"),
    "ports": ("protocol", "host_ip", "host_port"),
    "registries": ("name",),
    "steps": ("key",),
    "uses": ("image", "used"),
    "id_ranges": ("container",),
}
MARK = "written"  # a file: for which boot and version all rows have their files
LARGEST = 1 << 24  # bytes of one row

CASCADES = {"images": ("steps", "uses")}  # rows of these go with those of the first

_CHANGE = re.compile(
    r"\s*(?:INSERT(?:\s+OR\s+\w+)?\s+INTO|REPLACE\s+INTO|UPDATE|DELETE\s+FROM)\s+(?:main\.)?(\w+)",
    re.I,
)
_WIDTH = max(map(len, KEYS.values()))


class RowFiles:
    """The connection by which a transaction changes rows: it has ``execute``.

    A table gets its triggers at its first change. Creating them for all tables would cost every
    command time.

    :param directory: ``records`` of the store.
    :param connection: SQLite's, on which rows are changed.
    """

    def __init__(self, directory: str, connection: Connection) -> None:
        self.directory, self.connection = directory, connection
        self.watched: set[str] = set()
        connection.execute(
            "PRAGMA temp_store=MEMORY"
        )  # a full disk must not keep anybody from removing
        connection.execute(
            "CREATE TEMP TABLE touched (tab TEXT, %s)"
            % ", ".join(f"k{number}" for number in range(_WIDTH))
        )

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Any:
        match = _CHANGE.match(statement)
        if match is not None and match[1] not in self.watched:
            for table in (match[1],) + CASCADES.get(match[1], ()):
                self._watch(table)
        return self.connection.execute(statement, parameters)

    def _watch(self, table: str) -> None:
        self.watched.add(table)
        for event, row in (
            (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")) if table in KEYS else ()
        ):
            values = ", ".join(
                [f"'{table}'"]
                + [f"{row}.{key}" for key in KEYS[table]]
                + ["NULL"] * (_WIDTH - len(KEYS[table]))
            )
            self.connection.execute(
                f"CREATE TEMP TRIGGER IF NOT EXISTS touched_{table}_{event.lower()} AFTER {event} "
                f"ON main.{table} BEGIN INSERT INTO touched VALUES ({values}); END"
            )

    def undone(self) -> None:
        """Note that the transaction was rolled back, and with it the triggers that it created."""
        self.watched.clear()

    def write_touched(self) -> None:
        """Write the files of the rows that the transaction has changed. Call it as its last step.

        Where that fails, on a full disk, the mark is removed, and the next command that can writes
        all files anew.
        """
        touched = self.connection.execute("SELECT DISTINCT * FROM touched").fetchall()
        if not touched:
            return
        self.connection.execute("DELETE FROM touched")
        try:
            for entry in touched:
                table = entry[0]
                self._write(table, tuple(entry[1 : 1 + len(KEYS[table])]))
        except OSError:
            unmark(self.directory)

    def _write(self, table: str, key: tuple[Any, ...]) -> None:
        row = self.connection.execute(
            "SELECT * FROM main.%s WHERE %s"
            % (table, " AND ".join(f"{name} = ?" for name in KEYS[table])),
            key,
        ).fetchone()
        path = os.path.join(self.directory, table, name_of(key))
        if row is None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            return
        text = json.dumps(dict(row), separators=(",", ":"))
        try:
            write_whole(path, text, durable=False)
        except FileNotFoundError:
            make_private(os.path.dirname(path))
            write_whole(path, text, durable=False)

    def refresh(self, mark: str) -> None:
        """Write the files of all rows that differ, remove the others, sync, and set the mark.

        Call it inside a transaction.

        :raises OSError: where a file can't be written.
        """
        written = 0
        for table, keys in KEYS.items():
            rows = {
                name_of(tuple(row[key] for key in keys)): dict(row)
                for row in self.connection.execute(f"SELECT * FROM main.{table}")
            }
            directory = os.path.join(self.directory, table)
            if rows:
                make_private(directory)
            for name in set(_names(directory)) - set(rows):
                os.unlink(os.path.join(directory, name))
            for name, row in rows.items():
                path = os.path.join(directory, name)
                if _read(path, table) != row:
                    write_whole(path, json.dumps(row, separators=(",", ":")), durable=False)
                    written += 1
        make_private(self.directory)
        if written:
            os.sync()  # many small files: one sync of the file system costs less than one fsync(2) each
        write_whole(os.path.join(self.directory, MARK), mark, durable=bool(written))


def name_of(key: tuple[Any, ...]) -> str:
    return hashlib.sha256(json.dumps(key).encode("utf-8", "surrogatepass")).hexdigest()[:40]


def unmark(directory: str) -> None:
    """Make the next command write all copies anew."""
    with contextlib.suppress(OSError):
        os.unlink(os.path.join(directory, MARK))


def mark_of(directory: str) -> str:
    """Return the mark for which the files were last written as a whole, or ''."""
    try:
        with open(os.path.join(directory, MARK), encoding="utf-8", errors="replace") as file:
            return file.read(1000)
    except OSError:
        return ""


def load(directory: str) -> tuple[dict[str, list[dict[str, Any]]], list[str]]:
    """Read all files.

    :returns: ``({table: [row]}, [sentences about files that can't be used])``.
    """
    found: dict[str, list[dict[str, Any]]] = {table: [] for table in KEYS}
    broken = []
    for table in KEYS:
        for name in sorted(_names(os.path.join(directory, table))):
            if "." in name:
                continue  # the beginning of one
            row = _read(os.path.join(directory, table, name), table)
            if row is None:
                broken.append(f"the record {table}/{name} can't be read")
            else:
                found[table].append(row)
    return found, broken


def _read(path: str, table: str) -> dict[str, Any] | None:
    """Return the row of a file; None where it is missing or damaged."""
    try:
        data = foreign_files.read(path, LARGEST)
        row: dict[str, Any] = json_reader.load(data, path, size=LARGEST)
    except (EngineError, OSError):
        return None
    return row if all(row.get(key) is not None for key in KEYS[table]) else None


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except (FileNotFoundError, NotADirectoryError):
        return []
