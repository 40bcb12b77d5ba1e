# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The intent log: a step that spans database, disk and kernel is recorded before it begins.

When a task is killed in the middle, its row remains. The next call of any kind finds that the row's
process is gone. Then the noun that has registered ``kind`` finishes or undoes the step
(``Engine.recover``).
"""

from __future__ import annotations

import contextlib
import os

from ..errors import required
from .database import decode, encode, now

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, TypedDict

    class Operation(TypedDict):
        """An operation whose process is gone."""

        id: int
        kind: str  # "pull", "create-container" ...
        detail: dict[str, Any]  # what record() was given

    from .database import Database


def boot_id() -> str:
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()


def start_time(pid: int) -> int | None:
    """Return when a process began, in clock ticks since boot (proc_pid_stat(5), field 22).

    With the pid it identifies one process for good: a later one with the same pid has another start
    time.

    :returns: None when there is no such process, or only a zombie.
    """
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return None if fields[0] in "ZX" else int(fields[19])
    except (FileNotFoundError, ProcessLookupError):
        return None


class Operations:
    def __init__(self, database: Database) -> None:
        self.database = database

    @contextlib.contextmanager
    def record(self, kind: str, **detail: Any) -> Iterator[int]:
        """Record the operation, run the block (with the entry's id), remove the entry.

        An exception removes it too, so the block must leave nothing half-made when it raises. Only
        a killed process leaves its entry behind.
        """
        with self.database.freeing() if kind.startswith("remove-") else contextlib.nullcontext():
            yield from self._recorded(kind, detail)

    def _recorded(self, kind: str, detail: dict[str, Any]) -> Iterator[int]:
        inserted = self.database.run(
            "INSERT INTO operations (kind, detail, pid, started, boot, at) VALUES (?, ?, ?, ?, ?, "
            "?)",
            kind,
            encode(detail),
            os.getpid(),
            start_time(os.getpid()),
            boot_id(),
            now(),
        )
        entry = required(inserted.lastrowid, "the number of an operation")
        try:
            yield entry
        finally:
            self.forget(entry)

    def abandoned(self) -> list[Operation]:
        """Return the entries whose process is gone, oldest first."""
        rows = self.database.all("SELECT * FROM operations ORDER BY id")
        if not rows:
            return []
        boot = boot_id()
        return [
            {"id": row["id"], "kind": row["kind"], "detail": decode(row["detail"])}
            for row in rows
            if row["boot"] != boot or start_time(row["pid"]) != row["started"]
        ]

    def subjects(self) -> set[str]:
        """Return every text in the entries of running operations: ids and names are among them."""
        found: set[str] = set()
        waiting = [
            decode(row["detail"]) for row in self.database.all("SELECT detail FROM operations")
        ]
        while waiting:
            value = waiting.pop()
            if isinstance(value, str):
                found.add(value)
            elif isinstance(value, (list, dict)):
                waiting += value.values() if isinstance(value, dict) else value
        return found

    def forget(self, ident: int) -> None:
        with self.database.freeing():
            self.database.run("DELETE FROM operations WHERE id = ?", ident)
