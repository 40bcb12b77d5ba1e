# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A blob that broke off is gone on from where it stopped: inside one pull (test_client.py), and in another one, after whatever ended the first."""

from __future__ import annotations

import os
import signal
import time

import pytest
from pycontainer import images
from pycontainer.engine import Engine
from pycontainer.errors import Interrupted, RegistryError
from pycontainer.images.client import retry
from pycontainer.images.library import garbage
from pycontainer.images.model import manifest
from pycontainer.store import partials
from support.registries.faulty_registry import LAYER, blobs, serving

DIGEST = manifest.digest_of(LAYER)
CUT = 2 << 20


@pytest.fixture
def server():
    with serving() as found:
        yield found


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(retry, "pause", lambda tries: 0.01)


@pytest.fixture
def name(server):
    return server.host + "/a/b:1"


def broken(handler, cut=CUT):
    """The layer breaks off after ``cut`` bytes, and then the registry gives no more of it."""
    if DIGEST not in handler.path:
        return False
    if "Range" in handler.headers:
        handler.answer(500, b"")
    else:
        handler.answer(200, LAYER, cut=cut)
    return True


def kept(engine):
    try:
        return [
            os.stat(os.path.join(engine.paths.partial, name)).st_size
            for name in os.listdir(engine.paths.partial)
        ]
    except FileNotFoundError:
        return []


def nothing_else(engine):
    return (
        os.listdir(engine.paths.tmp)
        == os.listdir(engine.paths.layers)
        == list(garbage._all_blobs(engine))
        == []
        and engine.db.all("SELECT * FROM operations") == []
    )


def test_another_run_goes_on(engine, task, server, name):
    server.fault = broken
    with pytest.raises(Interrupted, match="status 500"):
        task(engine, name=name)
    assert kept(engine) == [CUT] and nothing_else(engine)
    server.fault = None
    server.seen.clear()
    assert task(engine, name=name)["changed"]
    assert (
        blobs(server) == ["bytes=%d-" % CUT]
        and kept(engine) == []
        and engine.blobs.size(DIGEST) == len(LAYER)
    )
    assert not task(engine, name=name)["changed"]


def test_a_server_without_ranges(engine, task, server, name):
    server.fault = broken
    with pytest.raises(Interrupted):
        task(engine, name=name)
    server.fault = lambda handler: DIGEST in handler.path and (handler.answer(200, LAYER) or True)
    assert task(engine, name=name)["changed"] and blobs(server)[-1] == "bytes=%d-" % CUT


def test_too_little_is_not_kept(engine, task, server, name):
    server.fault = lambda handler: broken(handler, partials.LEAST - 1)
    with pytest.raises(Interrupted):
        task(engine, name=name)
    assert kept(engine) == [] and nothing_else(engine)


@pytest.mark.parametrize(
    "content",
    (b"\0" * CUT, LAYER[:1000] + b"x" + LAYER[1001:CUT], LAYER + b"more", LAYER[:-1] + b"x"),
    ids=("zeros", "changed", "longer", "whole"),
)
def test_what_was_kept_is_not_trusted(engine, task, server, name, content):
    """A beginning that the disk has not kept well, or that is of something else: the blob is fetched from its start, in the same run."""
    os.mkdir(engine.paths.partial)
    with open(os.path.join(engine.paths.partial, partials.name_of(DIGEST)), "wb") as file:
        file.write(content)
    assert task(engine, name=name)["changed"]
    assert blobs(server)[-1] is None and kept(engine) == [] and os.listdir(engine.paths.tmp) == []
    assert not task(engine, name=name)["changed"]


def test_all_of_it_was_there(engine, task, server, name):
    os.mkdir(engine.paths.partial)
    with open(os.path.join(engine.paths.partial, partials.name_of(DIGEST)), "wb") as file:
        file.write(LAYER)
    assert task(engine, name=name)["changed"] and blobs(server) == [] and kept(engine) == []


def test_image_prune_takes_it_away(engine, task, server, name):
    os.mkdir(engine.paths.partial)
    with open(os.path.join(engine.paths.partial, partials.name_of(DIGEST)), "wb") as file:
        file.write(LAYER)
    plan = images.plan_prune(engine, filters={"until": "1h"})
    assert not plan.changed  # it has neither labels nor an age that anybody would know
    plan = images.plan_prune(engine)
    assert [change.action for change in plan.changes] == [
        "remove what has come of layers whose transfer broke off"
    ] and kept(engine)
    plan.apply()
    assert (
        plan.facts() == {"images": [], "space_reclaimed": len(LAYER)}
        and kept(engine) == []
        and not images.plan_prune(engine).changed
    )


def test_wrong_bytes_are_not_kept(engine, task, server, name):
    server.fault = lambda handler: (
        DIGEST in handler.path and (handler.answer(200, LAYER[:-1] + b"x") or True)
    )
    with pytest.raises(RegistryError):
        task(engine, name=name)
    assert kept(engine) == [] and nothing_else(engine)


@pytest.mark.parametrize("what", (signal.SIGKILL, signal.SIGTERM), ids=("kill", "term"))
def test_a_task_that_was_killed(scratch, server, name, what):
    """The next call of any kind puts the beginning aside, and the next pull goes on from it."""
    from pycontainer import images

    def slow(handler):
        if DIGEST not in handler.path or "Range" in handler.headers:
            return False
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(LAYER)))
        handler.end_headers()
        handler.wfile.write(LAYER[:CUT])
        handler.wfile.flush()
        handler.connection.recv(1)  # until its end
        return True

    server.fault = slow
    pid = os.fork()
    if not pid:
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            with Engine(data=scratch[0], run=scratch[1]) as engine:
                images.plan_present(engine, name).apply()
        finally:
            os._exit(0)
    end = time.monotonic() + 30
    tmp = os.path.join(scratch[0], "tmp")
    while not (
        os.path.isdir(tmp)
        and any(
            os.stat(os.path.join(tmp, entry)).st_size >= CUT - (1 << 18)
            for entry in os.listdir(tmp)
        )
    ):
        assert time.monotonic() < end
        time.sleep(0.02)
    os.kill(pid, what)
    os.waitpid(pid, 0)
    with Engine(data=scratch[0], run=scratch[1]) as engine:
        assert len(kept(engine)) == 1 and nothing_else(engine)
        server.seen.clear()
        plan = images.plan_present(engine, name)
        assert plan.changed
        plan.apply()
        assert (
            blobs(server)[0].startswith("bytes=")
            and kept(engine) == []
            and os.listdir(engine.paths.tmp) == []
        )
        assert not images.plan_present(engine, name).changed


def test_old_ones_go(engine, task, server, name):
    os.mkdir(engine.paths.partial)
    for age, entry in ((partials.AGE + 10, "sha256_" + "1" * 64), (10, "sha256_" + "2" * 64)):
        path = os.path.join(engine.paths.partial, entry)
        with open(path, "wb") as file:
            file.write(b"x")
        os.utime(path, (time.time() - age, time.time() - age))
    task(engine, name=name)
    assert os.listdir(engine.paths.partial) == ["sha256_" + "2" * 64]
    assert engine.blobs.partials.sweep(0) == 1 and kept(engine) == []
