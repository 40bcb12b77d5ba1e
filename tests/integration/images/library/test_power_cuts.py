# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A power cut at any moment: what had been reported done is there and whole, what had not is whole or not there at all, and a rerun ends right.

The store lies on a disk that writes down what reaches it (``recorded_disk.py``). All work is done once; then the disk is looked at as it was after
one write or another, with and without what its cache may have lost. ``PYCONTAINER_TEST_SCALE`` has more cuts made.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import random
import shutil
import tempfile
import traceback

import pytest
from pycontainer import containers, images, reconcile
from pycontainer.builds import task as tasks
from pycontainer.delivery import receiver as delivery
from pycontainer.delivery import recipe
from pycontainer.delivery import spool as delivery_spool
from pycontainer.engine import Engine
from pycontainer.errors import HostError
from pycontainer.images.library import garbage
from pycontainer.images.library import layer_store as places
from pycontainer.images.model import manifest
from pycontainer.store import settings
from support import mutations
from support.disks import recorded_disk
from support.layouts import PARAMS, layer, layout, member
from support.registries.faulty_registry import serving

CUTS = 5


def noise(seed, count):
    return random.Random(seed).randbytes(count)


LAYERS = [
    layer([member(b"f%d" % number, noise(number, 150000)), member(b"dir/through", b"x")])
    for number in range(3)
]
SENT = layer([member(b"sent%d" % number, noise("s%d" % number, 50000)) for number in range(3)])


class Work:
    """All that is done, part by part; each may be done again.

    :param at: the disk's mount point. :param place: of what is not on the disk. :param host: of the registry. :param run: for the engine.
    """

    suffix = ""  # of the names of the layouts that are loaded

    def __init__(self, at, place, host, run):
        self.at, self.place, self.host, self.run = at, place, host, run

    def engine(self):
        return Engine(data=os.path.join(self.at, "data"), run=self.run)

    def parts(self):
        return [
            self.load,
            self.pull,
            self.build,
            self.create,
            self.commit,
            self.take,
            self.squash,
            self.save,
            self.move,
            self.remove,
        ]

    def names(self, part):
        """What is there when a part is done."""
        return {
            "load": ["loaded:1"],
            "pull": [self.host + "/a/b:1"],
            "build": ["built:1"],
            "commit": ["made:1"],
            "take": ["sent:1"],
            "squash": ["flat:1"],
            "move": ["moved:1"],
        }.get(part.__name__, [])

    @staticmethod
    def task(engine, **params):
        return reconcile.carry_out(tasks.image(engine, dict(PARAMS, **params)), False)

    def load(self, engine):
        self.task(engine, source="load", path=self.place + "/base" + self.suffix, name="loaded:1")
        self.task(engine, source="load", path=self.place + "/old" + self.suffix, name="moved:1")

    def pull(self, engine):
        self.task(engine, name=self.host + "/a/b:1")

    def build(self, engine):
        self.task(engine, source="build", name="built:1", build={"path": self.place + "/context"})

    def create(self, engine):
        if not containers.every(engine):
            containers.plan(
                engine,
                {
                    "name": "worker",
                    "image": "loaded:1",
                    "command": ["sh"],
                    "network_mode": "none",
                    "state": "present",
                },
            ).apply()
        with open(
            os.path.join(engine.paths.container(containers.every(engine)[0]["id"]), "upper", "new"),
            "wb",
        ) as file:
            file.write(noise("new", 100000))

    def commit(self, engine):
        self.task(engine, source="container", container="worker", name="made:1")

    def take(self, engine):
        """The host's half of a delivery of one layer, in two parts."""
        config = json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "rootfs": {"type": "layers", "diff_ids": [manifest.digest_of(SENT)]},
            }
        ).encode()
        ident = manifest.digest_of(config)
        if images.find(engine, ident):
            return
        spool, parts = delivery_spool.Spool(engine, ident), []
        spool.make()
        for piece in (SENT[:70000], SENT[70000:]):
            parts.append(hashlib.sha256(piece).hexdigest())
            try:
                with open(os.path.join(spool.path, parts[-1]), "wb") as file:
                    file.write(piece)
            except (
                OSError
            ) as error:  # what the host's shell says; the controller has the spool removed then
                spool.remove()
                raise HostError(error.strerror) from None
        item = {
            "diff_id": manifest.digest_of(SENT),
            "digest": manifest.digest_of(SENT),
            "size": len(SENT),
            "parts": parts,
        }
        delivery.take(
            engine,
            {
                "id": ident,
                "step": "take",
                "config": recipe.encode(config),
                "manifest": "",
                "exact": False,
                "layers": [item],
                "pack": [],
                "options": dict(PARAMS, name="sent:1", source="controller", path="/x"),
            },
            io.BytesIO(),
        )

    def squash(self, engine):
        self.task(engine, source="squash", name="flat:1", squash={"image": "loaded:1"})

    def save(self, engine):
        self.task(engine, source="local", name="loaded:1", archive_path=self.at + "/saved.tar")

    def move(self, engine):
        """A tag goes to another image; what it was stays without a name."""
        self.task(engine, source="load", path=self.place + "/new" + self.suffix, name="moved:1")

    def remove(self, engine):
        self.task(engine, name="flat:1", state="absent")
        reconcile.carry_out(images.plan_prune(engine), False)


@pytest.fixture(params=["directory", "erofs"])
def recorded(request, scratch, tmp_path):
    """``(disk, Work, [(position, part)] of what was done)``: the work has been done, by a process that has ended."""
    if recorded_disk.why_not():
        pytest.skip(recorded_disk.why_not())
    for name, parts in (("base", LAYERS), ("old", LAYERS[:1]), ("new", LAYERS[1:2])):
        layout(tmp_path / name, parts)
    for name in ("context", "disk"):
        (tmp_path / name).mkdir()
    (tmp_path / "context" / "one").write_bytes(noise("one", 100000))
    (tmp_path / "context" / "Containerfile").write_text(
        "FROM loaded:1\nCOPY one /one\nENV A=1\nCOPY one /two\n"
    )
    with serving() as server, recorded_disk.Disk(tmp_path / "disk") as disk:
        work = Work(disk.at, str(tmp_path), server.host, scratch[1])
        with work.engine() as engine:
            settings.write(engine.paths.config, {"layers": request.param})
            if request.param == "erofs" and places.why_no_erofs(engine):
                pytest.skip(places.why_no_erofs(engine))
        yield disk, work, _done(disk, work, str(tmp_path / "done"))


def _done(disk, work, report):
    pid = os.fork()
    if pid == 0:
        try:
            with open(report, "w") as file:
                for part in work.parts():
                    with work.engine() as engine:
                        part(engine)
                    print(disk.position, part.__name__, file=file, flush=True)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0
    with open(report) as file:
        return [(int(line.split()[0]), line.split()[1]) for line in file]


def check(engine):
    """Nothing is damaged, half-made or left over."""
    assert [damage.sentences for damage in images.damaged(engine, full=True)] == []
    assert engine.db.all("SELECT * FROM operations") == [] and os.listdir(engine.paths.tmp) == []
    with engine.db.transaction() as connection:
        blobs, _keys, _unnamed = garbage.needed(engine, connection)
    assert set(garbage._all_blobs(engine)) == blobs
    assert set(os.listdir(engine.paths.layers)) == {
        places.base36(row["number"]) for row in engine.db.all("SELECT number FROM layers")
    }


@contextlib.contextmanager
def boot():
    """A directory for what is of one boot."""
    run = tempfile.mkdtemp(prefix="pct-", dir="/run")
    try:
        yield run
    finally:
        shutil.rmtree(run)


def test_a_power_cut_at_any_moment(recorded, tmp_path):
    disk, work, done = recorded
    records = disk.records()
    for seed in mutations.cases(CUTS):
        chance = random.Random(seed)
        count = chance.randrange(1, len(records))
        left = str(tmp_path / ("cut%d" % seed))
        disk.cut(records, count, left, seed if chance.random() < 0.7 else None)
        with recorded_disk.mounted(left, str(tmp_path / "after")) as at, boot() as run:
            after = Work(at, work.place, work.host, run)
            try:
                _look(after, [name for position, name in done if position <= records[count - 1][0]])
            except BaseException as error:
                raise AssertionError(
                    "a cut after record %d of %d, case %d: %s" % (count, len(records), seed, error)
                ) from error


def _look(after, finished):
    with after.engine() as engine:
        check(engine)
        for part in after.parts():
            if part.__name__ in finished and not (part.__name__ == "squash" and "save" in finished):
                assert all(images.find(engine, name) for name in after.names(part)), (
                    f"{part.__name__} is lost"
                )
    for part in after.parts():
        with after.engine() as engine:
            part(engine)
            check(engine)
            assert all(images.find(engine, name) for name in after.names(part))
