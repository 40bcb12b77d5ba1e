# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a commit has acknowledged stays, whoever looks at the store, opens it, closes it or is killed meanwhile."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys

import pytest
from pycontainer.store import database
from support.scale import scaled

PACKAGE = os.path.dirname(os.path.dirname(database.__file__))

# A task over several containers: each thread opens the store anew, commits some rows, notes each at standard output once it is committed, and closes it.
TASK = """
import importlib.util, os, sys, threading
spec = importlib.util.spec_from_file_location("pycontainer", sys.argv[1] + "/__init__.py", submodule_search_locations=[sys.argv[1]])
sys.modules["pycontainer"] = package = importlib.util.module_from_spec(spec)
spec.loader.exec_module(package)
from pycontainer.store.database import Database

def work(path, rounds, writes):
    for turn in range(rounds):
        database = Database(path)
        for number in range(writes):
            name = "%d-%d-%d-%d" % (os.getpid(), threading.get_ident(), turn, number)
            with database.transaction(durable=False) as connection:
                connection.execute("INSERT INTO volumes VALUES (?, '{}', 0, 0)", (name,))
            os.write(1, (name + "\\n").encode())
        database.all("SELECT COUNT(*) FROM volumes")
        database.close()

rounds, writes = int(sys.argv[3]), int(sys.argv[4])
threads = [threading.Thread(target=work, args=(sys.argv[2], rounds, writes)) for dummy in range(int(sys.argv[5]))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def start(path, log, rounds, writes, threads):
    with open(log, "ab") as file:
        return subprocess.Popen(
            [sys.executable, "-c", TASK, PACKAGE, path, str(rounds), str(writes), str(threads)],
            stdout=file,
        )


def end(process, kill=False):
    if kill:
        process.send_signal(signal.SIGKILL)
    return process.wait()


def written(log):
    with open(log, "rb") as file:
        return file.read().count(b"\n")


@pytest.mark.parametrize("kill", [False, True])
def test_nothing_that_was_acknowledged_is_lost(tmp_path, kill):
    """Tasks of several threads beside commands that only look, which come and go, so that some are the last to leave time and again."""
    path, log, chance = str(tmp_path / "state.db"), str(tmp_path / "log"), random.Random(7)
    tasks, lookers, begun, wanted, before = [], [], 0, scaled(6), 0
    while begun < wanted or tasks:
        while len(tasks) < 2 and begun < wanted:
            tasks.append(start(path, log, 20, 4, 3))
            begun += 1
        while len(lookers) < 2:
            lookers.append(start(path, log, 15, 0, 1))
        # Who is killed has worked: on a busy machine an interpreter takes long to begin.
        if kill and written(log) - before > 20 and chance.random() < 0.05:
            victim = chance.choice(tasks + lookers)
            end(victim, kill=True)
            before = written(log)
        else:
            database.Database(path).all("SELECT name FROM volumes")
        for process in [process for process in tasks + lookers if process.poll() is not None]:
            assert process.returncode == 0 or kill and process.returncode == -signal.SIGKILL
            (tasks if process in tasks else lookers).remove(process)
    for process in lookers:
        end(process, kill=True)
    store = database.Database(path)
    with open(log) as file:
        acknowledged = set(file.read().split())
    found = {row["name"] for row in store.all("SELECT name FROM volumes")}
    assert acknowledged - found == set() and len(acknowledged) > 20 * wanted
    assert store.all("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
    store.close()
