# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""There is one way to the store's database in a process: ``store.database.Database``. Any other open and close would drop SQLite's locks."""

from __future__ import annotations

import ast
import ctypes
import os
import pathlib
import stat
import struct
import sys
import threading

import pytest
from pycontainer.errors import StoreDamaged
from pycontainer.store import database

PLUGINS = pathlib.Path(__file__).resolve().parents[3] / "plugins"
RUNTIME = PLUGINS / "module_utils" / "_runtime"

# Who may speak of the file, and which functions get its path. None of them opens it.
KNOWN = {
    ("engine.py", "exists"),
    ("engine.py", "Database"),
    ("containers/access/inside.py", "exists"),
    ("containers/access/inside.py", "Database"),  # a process of its own, with no engine
    ("deploy/install.py", "chmod"),
    ("host/rebuild.py", "no call"),  # renamed
}
IN_OPEN = 0x20  # inotify(7)


def trees():
    for path in sorted(PLUGINS.rglob("*.py")):
        yield (
            str(path.relative_to(RUNTIME) if RUNTIME in path.parents else path),
            ast.parse(path.read_text()),
        )


def test_sqlite_is_imported_by_the_database_alone():
    found = set()
    for path, tree in trees():
        hints = {
            id(inner)
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            for inner in ast.walk(node)
        }
        for node in ast.walk(tree):
            if id(node) in hints:  # never run
                continue
            names = (
                [name.name for name in node.names]
                if isinstance(node, ast.Import)
                else [node.module]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            if "sqlite3" in names:
                found.add(path)
    assert found == {"store/database.py"}


def test_the_files_name_is_written_once():
    found = set()
    for path, tree in trees():
        prose = {
            id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)
        }  # docstrings
        found.update(
            path
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and "state.db" in node.value
            and id(node) not in prose
        )
    assert found == {"store/paths.py"}


def test_who_gets_the_files_path_is_known():
    """A new use of ``paths.database`` fails here: see that it opens nothing, then enter it in KNOWN."""
    found = set()
    for path, tree in trees():
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Attribute)
                and node.attr == "database"
                and getattr(node.value, "attr", getattr(node.value, "id", "")) == "paths"
            ):
                around = [
                    call
                    for call in calls
                    if any(inner is node for argument in call.args for inner in ast.walk(argument))
                ]
                found.add(
                    (
                        path,
                        getattr(around[-1].func, "attr", getattr(around[-1].func, "id", ""))
                        if around
                        else "no call",
                    )
                )
    assert found == KNOWN


def test_all_tests_refuse_another_open(engine):
    """By the audit hook of conftest.py, also by another name for the place."""
    from pycontainer.store import atomic_files

    engine.db.all("SELECT 1")
    with pytest.raises(AssertionError, match="files.py opens '.*state.db'"):
        atomic_files.read_json(engine.paths.database)
    with pytest.raises(AssertionError, match="files.py opens 'state.db-wal'"):
        atomic_files.read_json("state.db-wal")


def watched(path):
    libc = ctypes.CDLL(None)
    fd = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
    assert fd >= 0 and libc.inotify_add_watch(fd, os.fsencode(path), IN_OPEN) >= 0
    return fd


def opens(fd):
    """How often the watched file was opened, by whomever. Events that are equal are merged, so this is asked after each step."""
    try:
        data = os.read(fd, 1 << 16)
    except BlockingIOError:
        return 0
    count = offset = 0
    while offset < len(data):
        dummy, mask, dummy, length = struct.unpack_from("iIII", data, offset)
        count, offset = count + bool(mask & IN_OPEN), offset + 16 + length
    return count


def test_commands_over_the_whole_store_do_not_open_it_a_second_time(engine):
    """The kernel says who opens the file: once it is connected nobody does, also no walk over the data root."""
    from pycontainer import cli
    from pycontainer.cli.session import Session
    from pycontainer.deploy import install
    from pycontainer.host import info

    engine.db.all("SELECT 1")
    fd = watched(engine.paths.database)
    try:
        for words in (
            ["ps", "-a", "-s"],
            ["images"],
            ["system", "df"],
            ["system", "check"],
            ["volume", "ls"],
            ["system", "prune", "-f", "-a", "--volumes"],
        ):
            session = Session(engine)
            cli.execute(session, *cli.read(words))
            assert session.rc == 0 and opens(fd) == 0, words
        info.info(engine)
        install.open_way(engine.paths)
        assert opens(fd) == 0
    finally:
        os.close(fd)


def test_the_file_is_made_for_root_alone_without_being_opened(tmp_path):
    seen, path = [], str(tmp_path / "state.db")
    active = [True]
    sys.addaudithook(
        lambda event, arguments: (
            seen.append(arguments[0])
            if active and event == "open" and "state.db" in str(arguments[0])
            else None
        )
    )
    mask = os.umask(0)
    try:
        store = database.Database(path)
        store.run("INSERT INTO volumes VALUES ('a', '{}', 0, 0)")
        modes = {stat.S_IMODE(os.stat(path + suffix).st_mode) for suffix in ("", "-wal", "-shm")}
        store.close()
    finally:
        os.umask(mask)
        active.clear()
    assert modes == {0o600} and seen == []


def forked(work):
    """What ``work`` returns or raises in a forked child, as text."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            try:
                said = str(work())
            except BaseException as error:  # pylint: disable=broad-except
                said = f"{type(error).__name__}: {error}"
            os.write(writer, said.encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        said = file.read()
    os.waitpid(pid, 0)
    return said


def test_a_forked_child_can_not_use_its_parents_database(tmp_path):
    path = str(tmp_path / "state.db")
    store = database.Database(path)
    store.run("INSERT INTO volumes VALUES ('a', '{}', 0, 0)")
    said = f"RuntimeError: {path} was open when this process was forked"
    assert forked(lambda: store.all("SELECT 1")).startswith(said)
    assert forked(lambda: database.Database(path).all("SELECT 1")).startswith(said)
    assert forked(store.close) == "None"
    store.run("INSERT INTO volumes VALUES ('b', '{}', 0, 0)")
    store.close()
    assert (
        forked(lambda: database.Database(path).one("SELECT COUNT(*) AS n FROM volumes"))
        == "{'n': 2}"
    )  # nothing was open


@pytest.mark.parametrize(
    "content, said",
    [
        (b"garbage" * 1000, "not a database"),
        (b"SQLite format 3\0" + bytes(4000), "not a database|malformed"),
        (b"", "is empty, though .*containers is not empty"),
        (None, "is missing, though .*containers is not empty"),
    ],
)
def test_a_broken_database_is_told_in_a_sentence(engine, content, said):
    engine.db.run("INSERT INTO volumes VALUES ('a', '{}', 0, 0)")
    engine.db.close()
    os.mkdir(os.path.join(engine.paths.containers, "0" * 64))
    if content is None:
        os.unlink(engine.paths.database)
    else:
        with open(engine.paths.database + "x", "wb") as file:
            file.write(content)
        os.rename(engine.paths.database + "x", engine.paths.database)
    with pytest.raises(StoreDamaged, match=said):
        engine.db.all("SELECT * FROM containers")
    with pytest.raises(StoreDamaged, match=said):
        engine.db.run("DELETE FROM containers")
    assert os.path.exists(engine.paths.database) == (content is not None), (
        "nothing is made in the lost one's place"
    )
    os.rmdir(os.path.join(engine.paths.containers, "0" * 64))


def test_a_truncated_database_is_told_in_a_sentence(tmp_path):
    path = str(tmp_path / "state.db")
    store = database.Database(path)
    for number in range(300):
        store.run("INSERT INTO volumes VALUES (?, ?, 0, 0)", str(number), "x" * 500)
    store.close()
    os.truncate(path, os.stat(path).st_size // 2)
    with pytest.raises(StoreDamaged, match="state.db is damaged: database disk image is malformed"):
        store.all("SELECT * FROM volumes")


def test_a_database_of_something_else_is_left_alone(tmp_path):
    import sqlite3

    for number, script in enumerate(
        (
            "CREATE TABLE images (a)",
            "CREATE TABLE other (a); PRAGMA user_version=%d" % database.VERSION,
            "CREATE TABLE other (a); PRAGMA user_version=1",
        )
    ):
        path = str(tmp_path / str(number))
        connection = sqlite3.connect(path)
        connection.executescript(script)
        connection.close()
        with pytest.raises(StoreDamaged, match="is not a database of pycontainer.engine"):
            database.Database(path).all("SELECT * FROM containers")


def test_many_make_a_store_at_once(tmp_path):
    for turn in range(5):
        path, errors = str(tmp_path / str(turn)), []

        def work(name, path=path, errors=errors):
            try:
                database.Database(path).run("INSERT INTO volumes VALUES (?, '{}', 0, 0)", name)
            except BaseException as error:  # pylint: disable=broad-except
                errors.append(error)

        threads = [threading.Thread(target=work, args=(str(number),)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == [] and len(database.Database(path).all("SELECT * FROM volumes")) == 8
