# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""state.db: the desired state, and which objects exist. SQLite in WAL mode with full sync.

The state of running processes is not in it but in each container's ``state.json``, which its
monitor owns. So a monitor needs no database. Kernel objects are derived from both and can be
created again.

``Database`` is the only access to the file in a process. Nothing else may open state.db,
state.db-wal or state.db-shm, not even to read them: a process that closes any descriptor of a file
loses all its POSIX locks on that file (fcntl(2)), here those that SQLite holds. Other processes
then take the write-ahead log for unused and delete it, with committed work in it. Use stat(2),
rename(2), and the connection's ``backup`` for a copy. tests/unit/store/test_one_way.py looks for
other accesses.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import sqlite3
import stat
import time
import weakref

from ..errors import HostError, NoSpace, ReadOnly, StoreDamaged, reason
from . import reserve, rowfiles
from .atomic_files import make_private

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, NoReturn, Union

    Row = dict[str, Any]  # column -> value
    Transaction = Union[sqlite3.Connection, rowfiles.RowFiles]  # has ``execute``

# JSON columns hold documents whose form their noun's package defines. Times are seconds since the
# epoch.
SCHEMA = """
CREATE TABLE images (           -- one row for each image id
    id TEXT PRIMARY KEY,        -- sha256:... of the config blob
    manifest TEXT NOT NULL,     -- digest of the manifest blob, as the registry or archive gave it
    size INTEGER NOT NULL,      -- bytes of all layers, unpacked
    added REAL NOT NULL);
CREATE TABLE tags (
    reference TEXT PRIMARY KEY, -- registry/repository:tag, in full
    image TEXT NOT NULL REFERENCES images (id));
CREATE TABLE digests (          -- what a registry calls an image: repository@digest
    repository TEXT NOT NULL, digest TEXT NOT NULL, image TEXT NOT NULL REFERENCES images (id),
    PRIMARY KEY (repository, digest));
CREATE TABLE layers (           -- unpacked layers, shared by all images with the same content
    diff_id TEXT PRIMARY KEY,   -- sha256:... of the uncompressed archive
    number INTEGER UNIQUE,      -- its directory's name below layers/ is this in base 36: short names fit in one mount(2) page
    blob TEXT,                  -- digest of the archive in blobs/ that it came from
    size INTEGER NOT NULL       -- bytes, unpacked
    );
CREATE TABLE containers (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    definition TEXT NOT NULL,   -- JSON: the options as asked for, normalised (containers/options/)
    image TEXT,                 -- image id
    wanted TEXT NOT NULL,       -- created, running, paused, stopped: what it should be, also after a reboot
    created REAL NOT NULL);
CREATE TABLE volumes (
    name TEXT PRIMARY KEY,
    options TEXT NOT NULL,      -- JSON: driver, driver_options, labels
    anonymous INTEGER NOT NULL, -- 1: made for one container, goes with it
    created REAL NOT NULL);
CREATE TABLE networks (
    name TEXT PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    config TEXT NOT NULL,       -- JSON (networks/)
    created REAL NOT NULL);
CREATE TABLE addresses (        -- who has which address on which network
    network TEXT NOT NULL REFERENCES networks (name), address TEXT NOT NULL,
    container TEXT NOT NULL, mac TEXT NOT NULL,
    PRIMARY KEY (network, address));
CREATE TABLE ports (            -- published ports: no two containers get the same
    protocol TEXT NOT NULL, host_ip TEXT NOT NULL, host_port INTEGER NOT NULL, container TEXT NOT NULL,
    PRIMARY KEY (protocol, host_ip, host_port));
CREATE TABLE registries (
    name TEXT PRIMARY KEY,
    config TEXT NOT NULL,       -- JSON (registry/)
    wanted TEXT NOT NULL        -- started, stopped
    );
CREATE TABLE operations (       -- steps that span kernel and disk, entered before they begin
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL, detail TEXT NOT NULL,   -- detail: JSON
    pid INTEGER NOT NULL, started INTEGER NOT NULL, boot TEXT NOT NULL, at REAL NOT NULL);
"""

# Added in version 2: the build cache.
BUILDS = """
CREATE TABLE steps (            -- what an instruction of a Containerfile made of what it was given
    key TEXT PRIMARY KEY,       -- sha256 over what goes into it (builds/)
    image TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,   -- the intermediate image that it made
    diff_id TEXT NOT NULL,      -- of the layer that it added, "" for none
    created TEXT NOT NULL       -- when, as in the image's history
    );
CREATE TABLE uses (             -- built images and the intermediate ones that they came from
    image TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    used TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    PRIMARY KEY (image, used));
CREATE INDEX uses_used ON uses (used);
CREATE INDEX steps_image ON steps (image);
"""


# Added in version 3: user namespaces.
IDS = """
CREATE TABLE id_ranges (        -- which uids and gids of the host a container's own user namespace has (containers/spec/user_namespaces.py)
    container TEXT PRIMARY KEY, first INTEGER NOT NULL, size INTEGER NOT NULL);
"""

# Added in version 4: names that can be read as an image's id are removed
# (images/model/reference.py).
NAMES = """
DELETE FROM tags WHERE reference LIKE 'docker.io/library/sha256:%' OR reference LIKE 'docker.io/library/sha512:%';
DELETE FROM digests WHERE repository IN ('docker.io/library/sha256', 'docker.io/library/sha512');
"""

PATIENCE = 60  # seconds that a task waits for others' transactions
ROOM = 1 << 20  # bytes that are enough for any transaction that removes something
# Bytes. Less is too little for the files that SQLite keeps beside the database while it is open.
LITTLE = 1 << 17
BACKUPS = 3  # copies of the database that are kept
PARTS = (SCHEMA, BUILDS, IDS, NAMES)  # a store of version n has the first n
VERSION = len(PARTS)


class Database:
    """A connection to state.db, opened at the first use.

    Every thread needs an object of its own. A forked child can't use the file while its parent has
    it open: the child inherits what SQLite knows of the locks, but not the locks.

    On a full disk SQLite can't create the files that it keeps beside a database that no other
    process has open. Then reads come from a copy in memory, and transactions that free space
    (``freeing``) get the reserve. On a file system that is mounted read-only, reads come from a
    copy too.

    :param path: the file, or ":memory:".
    :param beside: directories that are empty while a store is new. Where something is in them and
        the database is missing, the database was lost.
    :param records: the directory of the copies of its rows (``rowfiles``), or None.
    :param spare: the reserve that is released to make room.
    """

    def __init__(
        self,
        path: str,
        beside: Sequence[str] = (),
        records: str | None = None,
        spare: reserve.Reserve | None = None,
    ) -> None:
        self.path, self.beside, self.records, self.spare = path, beside, records, spare
        self._connection: sqlite3.Connection | None = None
        self._rows: rowfiles.RowFiles | None = None
        self._copied, self._freeing = False, 0  # _copied: whether the connection is to a copy
        _databases.add(self)

    @property
    def connection(self) -> sqlite3.Connection:
        """The open connection.

        :raises StoreDamaged: when the file is damaged or not this engine's database.
        :raises HostError: when it can't be opened.
        """
        if self._connection is None and self.is_read_only():
            return self._copy_unlocked()
        until = time.monotonic() + PATIENCE
        while self._connection is None:
            try:
                return self._connect()
            except NoSpace:
                with _alone(os.path.dirname(self.path)):
                    self._copy(until)
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        if self.path in _inherited:
            raise RuntimeError(
                f"{self.path} was open when this process was forked, and can't be used in it"
            )
        try:
            connection = self._connection = self._open()
            self._migrate()
        except BaseException as error:
            self.close()
            self._raise_sentence(error)
            raise
        return connection

    def _copy(self, until: float) -> None:
        """Copy the database into memory.

        Where another process has it open, SQLite's files beside it exist, and it can be read.
        Otherwise SQLite locks the whole database, and needs at most an empty log to read it, which
        takes no room except on Btrfs. There it is read without a lock, as long as no other process
        has created a log.
        """
        source = sqlite3.connect(self.path, timeout=1, isolation_level=None)
        copy = sqlite3.connect(":memory:", isolation_level=None)
        copy.row_factory = sqlite3.Row
        self._connection, self._copied = copy, True
        try:
            source.execute("PRAGMA locking_mode=EXCLUSIVE")
            source.backup(copy)
            if self._version() != VERSION or not self._ours():
                raise NoSpace(f"no space left for {self.path}")
        except BaseException as error:
            self.close()
            if (
                isinstance(error, sqlite3.OperationalError)
                and "locked" in str(error)
                and time.monotonic() < until
            ):
                return
            if isinstance(error, sqlite3.OperationalError) and not self._has_log():
                self._copy_unlocked()
                if self._has_log() and time.monotonic() < until:
                    self.close()  # somebody has got room for one meanwhile: once more
                return
            self._raise_sentence(error)
            raise
        finally:
            source.close()

    def _copy_unlocked(self) -> sqlite3.Connection:
        """Copy the database into memory from a file system that is mounted read-only.

        SQLite takes no locks there. It needs the files beside the database only where the log has
        work that is not in the database yet.
        """
        path = self.path
        for letter in "%?#":
            path = path.replace(letter, f"%{ord(letter):02x}")
        unused = not self._has_log() or os.stat(self.path + "-wal").st_size == 0
        copy = self._connection = sqlite3.connect(":memory:", isolation_level=None)
        copy.row_factory, self._copied = sqlite3.Row, True
        try:
            source = sqlite3.connect(
                f"file:{path}?mode=ro{'&immutable=1' if unused else ''}", uri=True
            )
            try:
                source.backup(copy)
            finally:
                source.close()
            if self._version() != VERSION or not self._ours():
                raise HostError(
                    f"{self.path} is of another version, and can't be changed to this one's now"
                )
        except BaseException as error:
            self.close()
            self._raise_sentence(error)
            raise
        return copy

    def _has_log(self) -> bool:
        return os.path.exists(self.path + "-wal")

    def is_read_only(self) -> bool:
        """Return whether the file exists, on a file system that is mounted read-only."""
        if self.path == ":memory:" or not os.path.exists(self.path):
            return False
        return bool(os.statvfs(os.path.dirname(self.path)).f_flag & os.ST_RDONLY)

    def require_writable(self) -> None:
        """Check that the store can be written. Call it before a change that begins outside the
        database.

        :raises ReadOnly: where it can't.
        """
        if self.is_read_only():
            self._raise_read_only()

    def _raise_read_only(self) -> NoReturn:
        """Raise the error of a store that is mounted read-only.

        :raises ReadOnly: always.
        """
        raise ReadOnly(
            f"nothing can be changed: {os.path.dirname(self.path)} is on a file system that is mounted read-only; where the "
            "kernel has done that, its log (dmesg) says why; mount it for writing again (mount -o remount,rw)"
        )

    def refresh(self) -> None:
        """Read the current content from here on, also on a full disk or one that is mounted
        read-only.
        """
        if self._copied:
            self.close()

    @contextlib.contextmanager
    def freeing(self) -> Iterator[None]:
        """Give the block's transactions, which free space, the reserve on a full disk.

        The reserve is allocated again afterwards.
        """
        self._freeing += 1
        try:
            yield
        finally:
            self._freeing -= 1
            if not self._freeing and self.spare is not None:
                self.spare.make()

    def make_room(self) -> bool:
        """Release the reserve where the disk is full.

        :returns: whether there is room for a transaction now.
        """
        if self.is_tight() and self.spare is not None:
            self.spare.give_up()
        return not self.is_tight()

    def is_tight(self, room: int = ROOM) -> bool:
        """Return whether the disk is so full that a transaction may fail."""
        return self.path != ":memory:" and not reserve.has_room(os.path.dirname(self.path), room)

    def _open(self) -> sqlite3.Connection:
        if self.path != ":memory:" and not os.path.exists(self.path):
            self._refuse_loss("is missing")
            self._make()
        # autocommit: transaction() alone begins transactions, so a SELECT leaves none open
        connection = sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()  # an error keeps it alive, and with it its locks
            raise
        return connection

    @staticmethod
    def _prepare(connection: sqlite3.Connection) -> None:
        connection.row_factory = sqlite3.Row
        until = time.monotonic() + PATIENCE
        while True:
            try:
                connection.execute("PRAGMA journal_mode=WAL")
                break
            except sqlite3.OperationalError as error:  # SQLite does not wait where several processes turn a new file into WAL mode
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
                time.sleep(0.01)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA temp_store=MEMORY")

    def _make(self) -> None:
        """Create the file, for root alone, without opening it. SQLite gives its other files the
        same mode.
        """
        try:
            os.mknod(self.path, stat.S_IFREG | 0o600)
        except FileExistsError:  # another task was faster
            pass
        except OSError as error:
            raise (NoSpace if error.errno == errno.ENOSPC else HostError)(
                f"{self.path} can't be made: {reason(error, named=True)}"
            ) from None

    def _refuse_loss(self, what: str) -> None:
        for directory in self.beside:
            if os.path.isdir(directory) and os.listdir(directory):
                raise StoreDamaged(
                    "%s %s, though %s is not empty: the database of this store is lost"
                    % (
                        self.path if self.path != ":memory:" else "the store's database",
                        what if self.path != ":memory:" else "is missing",
                        directory,
                    )
                )

    def _migrate(self) -> None:
        found = self._version()
        if found == VERSION and self._ours():
            return
        with self.transaction():
            found = self._version()  # again: another task may have made the tables meanwhile
            if found > VERSION:
                raise HostError(
                    f"{self.path} is of a newer version of pycontainer.engine ({found}, this one "
                    f"knows {VERSION})"
                )
            if found == 0:
                if self.connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                    raise StoreDamaged(f"{self.path} is not a database of pycontainer.engine")
                self._refuse_loss("is empty")
            elif not self._ours():
                raise StoreDamaged(f"{self.path} is not a database of pycontainer.engine")
            for statement in "".join(PARTS[found:]).split(";\n"):
                if statement.strip():
                    self.connection.execute(statement)
            self.connection.execute(f"PRAGMA user_version={VERSION}")
        if self.records is not None:
            rowfiles.unmark(self.records)

    def _version(self) -> int:
        version: int = self.connection.execute("PRAGMA user_version").fetchone()[0]
        return version

    def _ours(self) -> bool:
        rows = self.connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name IN ('containers', "
            "'operations')"
        )
        return len(rows.fetchall()) == 2

    def _raise_sentence(self, error: BaseException) -> None:
        """Raise a sentence for an error of SQLite's that the file or the disk causes.

        :raises HostError: for such an error.
        """
        if not isinstance(error, sqlite3.DatabaseError):
            return
        text = str(error)
        if "not a database" in text or "malformed" in text:
            raise StoreDamaged(f"{self.path} is damaged: {text}") from None
        if not isinstance(error, sqlite3.OperationalError):
            return
        self.require_writable()
        if (
            "full" in text
            or ("disk I/O" in text or "unable to open" in text)
            and self.is_tight(LITTLE)
        ):
            # SQLite says so of writes to the database alone, not of its other files'
            raise NoSpace(f"no space left for {self.path}{self._way_out()}") from None
        if "locked" in text:
            raise HostError(
                f"{self.path} has been in use by another task for {PATIENCE} seconds"
            ) from None
        if any(
            words in text
            for words in ("disk I/O", "unable to open", "readonly", "locking protocol")
        ):
            raise HostError(f"{self.path} can't be used: {text}") from None

    def _way_out(self) -> str:
        """Return what to do where the reserve was not enough."""
        if not self._freeing or self.spare is None:
            return ""
        return (
            f"; what was reserved for that is used up: delete {ROOM >> 20} MiB of other files on "
            "that file system, or remove by force a container that has written as much"
        )

    @contextlib.contextmanager
    def transaction(self, durable: bool = True) -> Iterator[Transaction]:
        """Execute all of the block's statements or none. Its reads see no later changes of other
        writers.

        :param durable: False for a change that matters only together with a later transaction. It
            is on disk with that one at the latest.
        """
        self.require_writable()
        if self._freeing:
            self.make_room()
        self.refresh()
        connection = self._connect() if self._connection is None else self._connection
        if not durable:
            connection.execute("PRAGMA synchronous=NORMAL")
        try:
            rows = self._watched(connection)
            connection.execute("BEGIN IMMEDIATE")
            yield connection if rows is None else rows
            if rows is not None:
                rows.write_touched()
            connection.execute("COMMIT")
        except BaseException as error:
            if connection.in_transaction:  # a full disk may have ended it
                with contextlib.suppress(sqlite3.DatabaseError):
                    connection.execute("ROLLBACK")
            if self._rows is not None:
                self._rows.undone()
            self._raise_sentence(error)
            raise
        finally:
            if not durable:
                connection.execute("PRAGMA synchronous=FULL")

    def _watched(self, connection: sqlite3.Connection) -> rowfiles.RowFiles | None:
        """Return the object that copies the rows; None where no copies are kept, or the tables are
        missing.
        """
        if self._rows is None and self.records is not None and self._version() == VERSION:
            self._rows = rowfiles.RowFiles(self.records, connection)
        return self._rows

    def secure(self, mark: str, backup: str, again: bool = False) -> None:
        """Write all copies of rows anew, and one of the database to ``backup``, once for each
        ``mark``.

        Usually there is nothing to do. A write that fails for lack of space is tried again another
        time.

        :param again: write them even if they were written for this ``mark``.
        """
        if self.records is None or (rowfiles.mark_of(self.records) == mark and not again):
            return
        with contextlib.suppress(OSError, sqlite3.OperationalError):
            with self.transaction() as connection:
                if isinstance(connection, rowfiles.RowFiles):
                    connection.refresh(mark)
                empty = not any(
                    connection.execute(f"SELECT 1 FROM main.{table} LIMIT 1").fetchone()
                    for table in rowfiles.KEYS
                )
            if not empty:
                self._back_up(backup)

    def fill(self, rows: dict[str, list[Row]]) -> list[tuple[str, Row, str]]:
        """Insert ``{table: [row]}`` of another database.

        :returns: ``[(table, row, why)]`` of those that conflict with the others.
        """
        left_out = []
        with self.transaction() as connection:
            for table in rowfiles.KEYS:
                columns = [
                    column[1] for column in connection.execute(f"PRAGMA table_info({table})")
                ]
                for row in rows.get(table, ()):
                    try:
                        connection.execute(
                            f"INSERT INTO {table} ({', '.join(columns)}) VALUES "
                            f"({', '.join('?' * len(columns))})",
                            [row.get(column) for column in columns],
                        )
                    except (
                        sqlite3.IntegrityError,
                        sqlite3.InterfaceError,
                        sqlite3.ProgrammingError,
                    ) as error:
                        left_out.append((table, row, str(error)))
        return left_out

    def _back_up(self, path: str) -> None:
        make_private(os.path.dirname(path))
        partial = path + ".partial"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(partial)
        os.mknod(partial, stat.S_IFREG | 0o600)
        copy = sqlite3.connect(partial)
        try:
            self.connection.backup(copy)
        finally:
            copy.close()
        os.rename(partial, path)
        older = sorted(
            name for name in os.listdir(os.path.dirname(path)) if not name.endswith(".partial")
        )[:-BACKUPS]
        for name in older:
            os.unlink(os.path.join(os.path.dirname(path), name))

    @contextlib.contextmanager
    def _reading(self, statement: str, parameters: Sequence[Any]) -> Iterator[sqlite3.Cursor]:
        connection = self.connection
        try:
            yield connection.execute(statement, parameters)
        except sqlite3.DatabaseError as error:
            self._raise_sentence(error)
            raise

    def all(self, statement: str, *parameters: Any) -> list[Row]:
        """Return the rows of a SELECT as a list of dictionaries."""
        with self._reading(statement, parameters) as rows:
            return [dict(row) for row in rows]

    def one(self, statement: str, *parameters: Any) -> Row | None:
        """Return the first row of a SELECT as a dictionary, or None."""
        with self._reading(statement, parameters) as rows:
            row = rows.fetchone()
        return dict(row) if row is not None else None

    def run(self, statement: str, *parameters: Any) -> sqlite3.Cursor:
        """Execute one changing statement in a transaction. Inside ``transaction()`` use its
        connection.
        """
        with self.transaction() as connection:
            cursor: sqlite3.Cursor = connection.execute(statement, parameters)
            return cursor

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = self._rows = None
        self._copied = False


@contextlib.contextmanager
def _alone(directory: str) -> Iterator[None]:
    """Admit one process at a time to the block.

    Several that wait for SQLite's lock of a whole file hinder each other.
    """
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


_databases: weakref.WeakSet[Database] = weakref.WeakSet()  # of this process
# In a forked child: path -> the parent's connections, kept so that they are never closed here.
_inherited: dict[str, list[sqlite3.Connection]] = {}


def _disown() -> None:
    """Keep a forked child from using or closing the parent's connections.

    SQLite would rely on locks that the child does not have.
    """
    for database in list(_databases):
        connection = database._connection  # pylint: disable=protected-access
        if connection is not None and database.path != ":memory:":
            _inherited.setdefault(database.path, []).append(connection)
            database._connection = database._rows = None  # pylint: disable=protected-access


os.register_at_fork(after_in_child=_disown)


def now() -> float:
    return time.time()


def encode(value: Any) -> str:
    """Return JSON for a column: one text for one value, so that texts can be compared."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


decode = json.loads
