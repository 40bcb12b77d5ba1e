# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A disk that fills at one stage or another of all work on images: one clear sentence, nothing half-made, and the same again ends right."""

from __future__ import annotations

import contextlib
import os
import traceback

import pytest
from pycontainer import images
from pycontainer.errors import HostError
from pycontainer.images.library import ingest
from support.layouts import layout, run
from support.registries.faulty_registry import serving

from .test_power_cuts import LAYERS, Work, check, noise

SIZE = 40 << 20
FREE = [
    0,
    20,
    60,
    130,
    300,
    500,
    1100,
    2400,
    5000,
    20000,
]  # KiB, one after the other, until it is enough


@pytest.fixture
def work(scratch, tmp_path, monkeypatch):
    """A Work whose store is on a small tmpfs, which is not asked for its room beforehand."""
    monkeypatch.setattr(ingest, "_check_space", lambda *_arguments: None)
    for name, parts in (("base", LAYERS), ("old", LAYERS[:1]), ("new", LAYERS[1:2])):
        layout(tmp_path / name, parts)
    for name in ("base", "old", "new"):  # compressed as a whole, so that it is laid out first
        run("tar", "-C", str(tmp_path / name), "-czf", str(tmp_path / (name + ".tar")), ".")
    (tmp_path / "context").mkdir()
    (tmp_path / "context" / "one").write_bytes(noise("one", 100000))
    (tmp_path / "context" / "Containerfile").write_text(
        "FROM loaded:1\nCOPY one /one\nENV A=1\nCOPY one /two\n"
    )
    at = tmp_path / "disk"
    at.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=%d" % SIZE, "tmpfs", str(at))
    try:
        with serving() as server:
            found = Work(str(at), str(tmp_path), server.host, scratch[1])
            found.suffix = ".tar"
            yield found
    finally:
        run("umount", str(at))


@contextlib.contextmanager
def filled(at, free):
    """All but ``free`` bytes are used in the block."""
    path = os.path.join(at, "filler")
    status = os.statvfs(at)
    with open(path, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, status.f_bavail * status.f_frsize - free))
    try:
        yield
    finally:
        os.unlink(path)


def state(engine):
    """Names, and images that are not a build's steps."""
    steps = {row["image"] for row in engine.db.all("SELECT image FROM steps")}
    return {row["reference"]: row["image"] for row in engine.db.all("SELECT * FROM tags")}, [
        row["id"]
        for row in engine.db.all("SELECT id FROM images ORDER BY id")
        if row["id"] not in steps
    ]


def attempt(work, part):
    """Do a part in a process of its own, as a task does: the error's sentence, or "" when it is done."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        text = "it was not a sentence"
        try:
            with work.engine() as engine:
                part(engine)
            text = ""
        except HostError as error:
            text = str(error)
        except BaseException:
            traceback.print_exc()
        finally:
            os.write(writing, text.encode())
            os._exit(0)
    os.close(writing)
    with open(reading) as file:
        text = file.read()
    os.waitpid(pid, 0)
    return text


def test_a_disk_that_fills(work):
    failed = {}
    for part in work.parts():
        for free in FREE if part.__name__ != "create" else ():  # which writes a file of the test's
            with work.engine() as engine:
                before = state(engine)
            with filled(work.at, free << 10):
                said = attempt(work, part)
            if not said:
                break
            assert "no space left" in said.lower() and "\n" not in said, (part.__name__, free, said)
            failed.setdefault(part.__name__, []).append(said)
            with work.engine() as engine:
                check(engine)
                assert state(engine) == before or part.__name__ == "load", (
                    part.__name__,
                    free,
                )  # that consists of two tasks
        assert attempt(work, part) == ""
        with work.engine() as engine:
            check(engine)
            assert all(images.find(engine, name) for name in work.names(part))
    assert set(failed) >= {"load", "pull", "build", "commit", "take", "squash", "save"}, failed
