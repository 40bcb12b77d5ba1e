# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 at every kind of step, full disks, several tasks at once: the next call finds or makes a whole store."""

from __future__ import annotations

import os
import signal
import sys
import traceback

import pytest
from pycontainer import images, reconcile
from pycontainer.engine import Engine
from pycontainer.errors import HostError, NotFound
from pycontainer.images.library import garbage
from pycontainer.images.library import layer_store as places
from pycontainer.store import settings, tree_removal
from support.layouts import layer, layout, member, names_in, run

STEPS = {
    "pwrite",
    "rename",
    "unlink",
    "rmdir",
    "mkdir",
    "fsync",
    "execute",
    "open",
    "write",
    "fork",
    "mkstemp",
    "kill",
    "waitpid",
    "close",
}
LAYERS = [
    layer([member(b"f%d" % number, bytes(range(256)) * 300), member(b"dir/through", b"x")])
    for number in range(3)
]


def killed_at(scratch, count, work):
    """Run ``work(engine)`` in a child that kills itself before its ``count``-th step.

    :returns: whether it was killed.
    """
    pid = os.fork()
    if pid == 0:
        try:
            me, left = os.getpid(), [count]

            def profile(_frame, event, argument):
                if (
                    event == "c_call"
                    and getattr(argument, "__name__", "") in STEPS
                    and os.getpid() == me
                ):
                    left[0] -= 1
                    if left[0] <= 0:
                        os.kill(me, signal.SIGKILL)

            with Engine(data=scratch[0], run=scratch[1]) as engine:
                sys.setprofile(profile)
                work(engine)
                sys.setprofile(None)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    status = os.waitpid(pid, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def check(engine, lost=0, layers=(3,)):
    """The store is consistent, and holds nothing that no image needs. :param lost: how many layers may be lacking.

    :param layers: how many an image may have.
    """
    assert engine.db.all("SELECT * FROM operations") == []
    assert os.listdir(engine.paths.tmp) == []
    with engine.db.transaction() as connection:
        blobs, _keys, _unnamed = garbage.needed(engine, connection)
    assert set(garbage._all_blobs(engine)) == blobs
    numbers = {row["number"] for row in engine.db.all("SELECT number FROM layers")}
    assert len(numbers) - lost <= len(os.listdir(engine.paths.layers)) <= len(numbers)
    for row in engine.db.all("SELECT id FROM images"):
        assert len(images.layer_paths(engine, row["id"])) in layers


def every_step(scratch, task, prepare, work, goal, stride, lost=0, layers=(3,)):
    """Kill at one step after the other until the work gets through; after each: consistent, then the same again succeeds."""
    count, seen = 1, 0
    while True:
        with Engine(data=scratch[0], run=scratch[1]) as engine:
            prepare(engine)
        if not killed_at(scratch, count, work):
            break
        with Engine(data=scratch[0], run=scratch[1]) as engine:
            check(engine, lost, layers)
            work(engine)
            check(engine, layers=layers)
            assert goal(engine)
        count, seen = count + stride, seen + 1
    assert seen >= 10


@pytest.fixture
def source(tmp_path):
    layout(tmp_path / "layout", LAYERS)
    return str(tmp_path / "layout")


@pytest.fixture(params=["directory", "erofs"])
def stored(request, scratch):
    """As what layers are stored."""
    with Engine(data=scratch[0], run=scratch[1]) as engine:
        if request.param == "erofs" and places.why_no_erofs(engine):
            pytest.skip(places.why_no_erofs(engine))
        settings.write(engine.paths.config, {"layers": request.param})
    return request.param


def remove_all(engine):
    for row in engine.db.all("SELECT id FROM images"):
        from pycontainer.images.library import records

        records.remove(engine, row["id"], True)


def test_killed_while_an_image_is_taken_in(scratch, stored, task, source):
    def work(engine):
        task(engine, source="load", path=source, name="x:1")

    every_step(
        scratch, task, remove_all, work, lambda engine: images.find(engine, "x:1") is not None, 7
    )


def test_killed_while_blobs_are_made(scratch, task, tmp_path):
    """An archive without manifests: the blobs' digests are not known beforehand."""
    import json

    from pycontainer.images.model import manifest

    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [manifest.digest_of(item) for item in LAYERS]},
        }
    ).encode()
    listed = [{"Config": "c.json", "RepoTags": ["x:1"], "Layers": ["0.tar", "1.tar", "2.tar"]}]
    path = tmp_path / "a.tar"
    path.write_bytes(
        layer(
            [member(b"%d.tar" % number, item) for number, item in enumerate(LAYERS)]
            + [member(b"c.json", config), member(b"manifest.json", json.dumps(listed).encode())]
        )
    )
    every_step(
        scratch,
        task,
        remove_all,
        lambda engine: task(engine, source="load", path=str(path)),
        lambda engine: images.find(engine, "x:1"),
        9,
    )


def test_killed_while_an_image_is_made_whole(scratch, stored, task, source):
    """One layer is gone, and another is not what it was."""

    def damage(engine):
        task(engine, source="load", path=source, name="x:1")
        paths = images.layer_paths(engine, "x:1")
        if stored == "erofs":
            os.truncate(paths[0], 100)
            with open(paths[1], "r+b") as file:
                file.seek(-1, os.SEEK_END)
                file.write(b"x")
        else:
            tree_removal.remove(paths[0])
            os.truncate(os.path.join(paths[1], "f1"), 1)
        assert len(images.damaged(engine, True)[0].places) == 2

    def work(engine):
        for found in images.damaged(engine, True):
            images.plan_repair(engine, found).apply()

    every_step(
        scratch, task, damage, work, lambda engine: not images.damaged(engine, True), 9, lost=2
    )


def test_killed_while_an_image_is_removed(scratch, stored, task, source):
    every_step(
        scratch,
        task,
        lambda engine: task(engine, source="load", path=source, name="x:1"),
        lambda engine: task(engine, name="x:1", state="absent"),
        lambda engine: os.listdir(engine.paths.layers) == [],
        1,
    )


def test_a_worker_that_is_killed_fails_the_task_and_leaves_nothing(
    engine, task, source, monkeypatch
):
    from pycontainer.images.model import manifest
    from pycontainer.layers import unpack

    real, parent = unpack.unpack, os.getpid()

    def deadly(chunks, directory, what):
        assert os.getpid() != parent
        if manifest.digest_of(LAYERS[1])[:19] in what:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(chunks, directory, what)

    monkeypatch.setattr(unpack, "unpack", deadly)
    with pytest.raises(HostError, match="was killed"):
        task(engine, source="load", path=source, name="x:1")
    monkeypatch.undo()
    check(engine)
    assert task(engine, source="load", path=source, name="x:1")["changed"]


def test_workers_end_with_their_task(scratch, task, tmp_path):
    """Two slow layers: the task is killed while both are under way."""
    import time

    layout(
        tmp_path / "slow",
        [
            layer([member(b"f%d-%d" % (part, number), b"x") for number in range(60000)])
            for part in range(2)
        ],
    )
    pid = os.fork()
    if pid == 0:
        with Engine(data=scratch[0], run=scratch[1]) as engine:
            task(engine, source="load", path=str(tmp_path / "slow"), name="x:1")
        os._exit(0)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
            workers = [int(word) for word in file.read().split()]
        if len(workers) == 2:
            break
        time.sleep(0.005)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    time.sleep(0.2)
    assert len(workers) == 2 and not [worker for worker in workers if _runs(worker)]
    with Engine(data=scratch[0], run=scratch[1]) as engine:
        check(engine)


def _runs(pid):
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_full_disk(scratch, task, tmp_path):
    layout(
        tmp_path / "big",
        [
            layer([member(b"f", os.urandom(3 << 20))]),
            layer([member(b"g", os.urandom(3 << 20)), member(b"h", b"x")]),
        ],
    )
    layout(tmp_path / "small", [layer([member(b"f", b"x")])])
    data = tmp_path / "full"
    data.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=10m", "tmpfs", str(data))
    try:
        with Engine(data=str(data / "data"), run=scratch[1]) as engine:
            task(engine, source="load", path=str(tmp_path / "small"), name="small:1")
            for prepare in (lambda: None, lambda: _pretend_space(monkey)):
                monkey = pytest.MonkeyPatch()
                prepare()
                try:
                    with pytest.raises(HostError, match="no space left in .* for big:1 from .*"):
                        task(engine, source="load", path=str(tmp_path / "big"), name="big:1")
                finally:
                    monkey.undo()
                assert len(engine.db.all("SELECT * FROM images")) == 1
                assert (
                    engine.db.all("SELECT * FROM operations") == []
                    and os.listdir(engine.paths.tmp) == []
                )
                assert (
                    len(os.listdir(engine.paths.layers)) == 1
                    and len(os.listdir(engine.paths.blobs + "/sha256")) == 3
                )
            assert task(engine, name="small:1", state="absent")["changed"]
    finally:
        run("umount", str(data))


def _pretend_space(monkey):
    from pycontainer.images.library import ingest

    monkey.setattr(ingest, "_check_space", lambda *_arguments: None)


def test_many_tasks_at_once(scratch, task, tmp_path):
    """Images that share layers, in opposite order, come and go in several processes."""
    for name, layers in (("a", LAYERS), ("b", LAYERS[::-1]), ("c", LAYERS[:1] * 3)):
        layout(tmp_path / name, layers)
    with Engine(data=scratch[0], run=scratch[1]):
        pass
    pids = []
    for number in range(6):
        pid = os.fork()
        if pid == 0:
            try:
                with Engine(data=scratch[0], run=scratch[1]) as engine:
                    for turn in range(6):
                        name = "abc"[(number + turn) % 3]
                        while True:
                            try:
                                task(
                                    engine,
                                    source="load",
                                    path=str(tmp_path / name),
                                    name="%s:%d" % (name, number),
                                )
                                break
                            except NotFound as error:  # it was there when the task was planned, and was removed before it got its name
                                assert "there is no image" in str(error)
                        if turn % 2:
                            task(engine, name="%s:%d" % (name, number), state="absent")
                os._exit(0)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(1)
        pids.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * 6
    with Engine(data=scratch[0], run=scratch[1]) as engine:
        check(engine)
        assert engine.db.all("SELECT * FROM images")


def test_what_a_running_pull_has_found_is_not_taken_away(scratch, task, tmp_path):
    """An image with the same layer is removed, and everything unneeded with it, while another one is on its way in."""
    import json

    from pycontainer.images.library import ingest, records
    from pycontainer.images.model import manifest
    from pycontainer.reconcile import carry_out

    layout(tmp_path / "first", LAYERS[:1])
    digests = [manifest.digest_of(item) for item in LAYERS[:2]]
    config = json.dumps(
        {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": digests}}
    ).encode()
    sizes = [
        {"digest": digest, "size": len(item), "compression": ""}
        for digest, item in zip(digests, LAYERS)
    ]
    data = manifest.build({"digest": manifest.digest_of(config), "size": len(config)}, sizes)

    def meanwhile():
        with Engine(data=scratch[0], run=scratch[1]) as other:
            records.remove(other, records.get(other, "first:1")["id"])
            carry_out(images.plan_prune(other, True), False)
        yield LAYERS[1]

    with Engine(data=scratch[0], run=scratch[1]) as engine:
        task(engine, source="load", path=str(tmp_path / "first"), name="first:1")
        parts = [
            ingest.Layer(digests[0], None, digests[0], len(LAYERS[0])),
            ingest.Layer(digests[1], meanwhile, digests[1], len(LAYERS[1])),
        ]
        ident = ingest.take(
            engine,
            "second:1",
            config,
            parts,
            manifest_data=data,
            references=["docker.io/library/second:1"],
        )
        rows = engine.db.all("SELECT * FROM layers")
        assert len(rows) == 2 and all(engine.blobs.has(digest) for digest in digests)
        assert ["dir" in names_in(place) for place in images.layer_paths(engine, ident)] == [
            True,
            True,
        ]
        assert engine.db.all("SELECT * FROM layers") == rows  # nothing had to be made again


# --- deliveries, pushes, archives, merged images, images of containers ---


def loaded(engine, task, source):
    task(engine, source="load", path=source, name="x:1")


def test_killed_while_an_image_is_saved(scratch, task, source, tmp_path):
    from pycontainer.images import task as part

    with Engine(data=scratch[0], run=scratch[1]) as engine:
        loaded(engine, task, source)
    (tmp_path / "to").mkdir()
    for form in ("docker-archive", "oci-dir"):
        path = str(tmp_path / "to" / form)

        def work(engine, path=path, form=form):
            reconcile.carry_out(
                part.image_export(engine, {"names": ["x:1"], "path": path, "format": form}), False
            )

        def prepare(engine, path=path):
            tree_removal.remove(path)

        def goal(engine, work=work, path=path, form=form):
            again = part.image_export(engine, {"names": ["x:1"], "path": path, "format": form})
            return not again.changed and os.listdir(tmp_path / "to") == [form]

        every_step(scratch, task, prepare, work, goal, 5)
        tree_removal.remove(path)


def test_killed_while_layers_are_merged(scratch, task, source):
    with Engine(data=scratch[0], run=scratch[1]) as engine:
        loaded(engine, task, source)

    def prepare(engine):
        task(engine, name="flat:1", state="absent")

    def work(engine):
        images.plan_squash(engine, "x:1", ["flat:1"], "2").apply()

    every_step(
        scratch,
        task,
        prepare,
        work,
        lambda engine: not images.plan_squash(engine, "x:1", ["flat:1"], "2").changed,
        9,
        layers=(2, 3),
    )


def test_killed_while_a_container_is_committed(scratch, task, source):
    from pycontainer import containers

    def commit(engine):
        return containers.plan_commit(engine, containers.find(engine, "worker"), ["made:1"])

    with Engine(data=scratch[0], run=scratch[1]) as engine:
        loaded(engine, task, source)
        containers.plan(
            engine,
            {
                "name": "worker",
                "image": "x:1",
                "command": ["sh"],
                "network_mode": "none",
                "state": "present",
            },
        ).apply()
        with open(
            os.path.join(
                engine.paths.container(containers.find(engine, "worker")["id"]), "upper", "new"
            ),
            "wb",
        ) as file:
            file.write(os.urandom(100000))
    every_step(
        scratch,
        task,
        lambda engine: task(engine, name="made:1", state="absent"),
        lambda engine: commit(engine).apply(),
        lambda engine: not commit(engine).changed,
        11,
        layers=(3, 4),
    )


def test_killed_while_an_image_is_pushed(scratch, task, source, registry):
    """Each time to another repository."""
    names = []

    def prepare(_engine):
        names.append(f"{registry}/crash/r{len(names)}:1")

    def plan(engine):
        found = images.plan_local(engine, "x:1")
        images.plan_push(found, [names[-1]], images.Registries())
        return found

    with Engine(data=scratch[0], run=scratch[1]) as engine:
        loaded(engine, task, source)
    every_step(
        scratch,
        task,
        prepare,
        lambda engine: plan(engine).apply(),
        lambda engine: not plan(engine).changed,
        2,
    )
