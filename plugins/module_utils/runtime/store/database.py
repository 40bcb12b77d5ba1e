# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""state.db: what was asked for, and which things exist. SQLite in WAL mode with full sync.

What runs at this moment is not in here but in each container's ``state.json``, which its monitor owns, so that a
monitor needs no database. Kernel objects are derived from both and can be made anew.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import time

from ..errors import HostError

# JSON columns hold documents whose form their noun's package defines; times are seconds since the epoch.
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
    definition TEXT NOT NULL,   -- JSON: the options as asked for, normalised (containers/options.py)
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

# What came with version 2: the build cache.
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


# What came with version 3: user namespaces.
IDS = """
CREATE TABLE id_ranges (        -- which uids and gids of the host a container's own user namespace has (containers/userns.py)
    container TEXT PRIMARY KEY, first INTEGER NOT NULL, size INTEGER NOT NULL);
"""

LITTLE = 1 << 17  # bytes: less is too little for the files that SQLite keeps beside the database while it is open
PARTS = (SCHEMA, BUILDS, IDS)  # a store of version n has the first n
VERSION = len(PARTS)


class Database:
    """A connection to state.db; made when first used."""

    def __init__(self, path):
        self.path = path
        self._connection = None

    @property
    def connection(self):
        if self._connection is None:
            try:
                self._connection = self._open()
                self._migrate()
            except sqlite3.OperationalError as error:
                self.close()
                self._raise_full(error)
                raise
        return self._connection

    def _open(self):
        if self.path != ":memory:":  # SQLite gives its other files the mode of this one
            try:
                os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            except OSError as error:
                raise HostError("%s can't be opened: %s" % (self.path, os.strerror(error.errno).lower())) from None
        # autocommit: transactions are begun by transaction() alone, so none is left open by a mere SELECT
        connection = sqlite3.connect(self.path, timeout=60, isolation_level=None)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        return connection

    def _raise_full(self, error):
        """:raises HostError: for SQLite's error where it comes of a full disk. It says so of writes to the database alone, not of its other files'."""
        text, full = str(error), "full" in str(error)
        if "disk I/O" in text or "unable to open" in text:
            status = os.statvfs(os.path.dirname(self.path))
            full = status.f_bavail * status.f_frsize < LITTLE
        if full:
            raise HostError("no space left for %s" % self.path) from None

    def _migrate(self):
        if self._version() == VERSION:
            return
        with self.transaction():
            found = self._version()  # again: another task may have made the tables meanwhile
            if found > VERSION:
                raise HostError("%s is of a newer version of pycontainer.engine (%d, this one knows %d)" % (self.path, found, VERSION))
            for statement in "".join(PARTS[found:]).split(";\n"):
                if statement.strip():
                    self.connection.execute(statement)
            self.connection.execute("PRAGMA user_version=%d" % VERSION)

    def _version(self):
        return self._connection.execute("PRAGMA user_version").fetchone()[0]

    @contextlib.contextmanager
    def transaction(self, durable=True):
        """All of the block's statements or none; the block's reads see no other writer's later changes.

        :param durable: False for what matters only together with a later transaction: on disk with that one at the latest, not waited for.
        """
        connection = self.connection
        if not durable:
            connection.execute("PRAGMA synchronous=NORMAL")
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        except BaseException as error:
            if connection.in_transaction:  # a full disk may have ended it
                connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.OperationalError):
                self._raise_full(error)
            raise
        finally:
            if not durable:
                connection.execute("PRAGMA synchronous=FULL")

    def all(self, statement, *parameters):
        """The rows of a SELECT as a list of dictionaries."""
        return [dict(row) for row in self.connection.execute(statement, parameters)]

    def one(self, statement, *parameters):
        """The first row of a SELECT as a dictionary, or None."""
        row = self.connection.execute(statement, parameters).fetchone()
        return dict(row) if row is not None else None

    def run(self, statement, *parameters):
        """One changing statement in a transaction of its own. Inside ``transaction()`` use its connection."""
        with self.transaction() as connection:
            return connection.execute(statement, parameters)

    def close(self):
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def now():
    return time.time()


def encode(value):
    """JSON for a column: one text for one value, so that texts can be compared."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


decode = json.loads
