# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad images by the hundred, as far as into the store: taken, or refused in a sentence that leaves no trace there.

What is taken must not trouble those who list and show images, and must go without a trace as well.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import shutil
import tarfile
import tempfile

import pytest
from fuzz import test_documents as documents
from fuzz.test_streams import good_archive
from pycontainer import errors
from pycontainer.images.model import manifest
from support import mutations

LAYERS = [good_archive(tarfile.PAX_FORMAT), good_archive(tarfile.GNU_FORMAT)]


@pytest.fixture
def scratch(request, scratch):
    """The store on a tmpfs, for it is written to and emptied a thousand times; EROFS is not mounted from there, and before Linux 6.6 it has no attributes."""
    callspec = getattr(request.node, "callspec", None)
    room = os.statvfs("/dev/shm")
    top = tempfile.mkdtemp(prefix="pycontainer-test-", dir="/dev/shm")
    try:
        os.setxattr(top, "user.a", b"b")
        fit = room.f_bavail * room.f_frsize >= 1 << 28 and (
            callspec is None or callspec.params.get("kind") != "erofs"
        )
    except OSError:
        fit = False
    yield (os.path.join(top, "data"), scratch[1]) if fit else scratch
    shutil.rmtree(top)


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def config_of(layers, **more):
    return dict(
        documents.CONFIG,
        rootfs={"type": "layers", "diff_ids": [digest(data) for data in layers]},
        **more,
    )


def tar_of(members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def docker_archive(layers, config=None, index=None):
    """``docker save``'s form. :param config, index: bytes in the place of the right ones."""
    config = json.dumps(config_of(layers)).encode() if config is None else config
    names = ["%d/layer.tar" % number for number in range(len(layers))]
    index = (
        index
        or json.dumps([{"Config": "config.json", "RepoTags": ["fuzz:1"], "Layers": names}]).encode()
    )
    return tar_of(dict({"manifest.json": index, "config.json": config}, **dict(zip(names, layers))))


def layout(layers, config=None, document=None, index=None, pack=gzip.compress):
    """An OCI layout as a tar. :param config: bytes; :param document: a function that makes bytes of the manifest's object; :param index: likewise."""
    blobs = [pack(data) for data in layers]
    config = json.dumps(config_of(layers)).encode() if config is None else config
    body = {
        "schemaVersion": 2,
        "mediaType": manifest.OCI_MANIFEST,
        "config": {"mediaType": manifest.OCI_CONFIG, "digest": digest(config), "size": len(config)},
        "layers": [
            {"mediaType": manifest.OCI_LAYER + "+gzip", "digest": digest(data), "size": len(data)}
            for data in blobs
        ],
    }
    data = json.dumps(body).encode() if document is None else document(body)
    listed = {
        "schemaVersion": 2,
        "manifests": [
            {
                "mediaType": manifest.OCI_MANIFEST,
                "digest": digest(data),
                "size": len(data),
                "annotations": {"org.opencontainers.image.ref.name": "fuzz:1"},
            }
        ],
    }
    members = {
        "oci-layout": b'{"imageLayoutVersion": "1.0.0"}',
        "index.json": json.dumps(listed).encode() if index is None else index(listed),
    }
    members.update({"blobs/sha256/" + digest(item)[7:]: item for item in blobs + [config, data]})
    return tar_of(members)


def trace(engine):
    """All that an image could leave: files by name, and rows."""
    files = [
        os.path.join(top, name)[len(engine.paths.data) :]
        for top, directories, names in os.walk(engine.paths.data)
        for name in directories + names
    ]
    tables = [
        row["name"]
        for row in engine.db.all(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        )
    ]
    rows = {
        table: engine.db.one(f"SELECT count(*) AS n FROM {table}")["n"]
        for table in tables
        if table not in ("numbers", "history")
    }
    stay = re.compile(
        "/state.db.*|/blobs/sha(256|512)|/records(/[a-z_]+)?|/events(/journal.*)?"
    )  # directories that come with the first of their kind, and what tells of what was done
    return sorted(name for name in files if not stay.fullmatch(name)), rows


def used(engine):
    """Whoever looks at images sees all of them, and finds them whole."""
    from pycontainer import images
    from pycontainer.cli import task

    assert [damage.sentences for damage in images.damaged(engine)] == []
    for line in (["images", "-a"], ["images", "--format", "json"], ["system", "df"]):
        done = task.pycontainer(engine, {"argv": line, "cmd": None})
        assert done["rc"] == 0, done
    for row in engine.db.all("SELECT id FROM images"):
        for line in (["image", "inspect"], ["history"]):
            done = task.pycontainer(engine, {"argv": line + [row["id"]], "cmd": None})
            assert done["rc"] == 0, done
            assert json.dumps(done).encode() and "\n".join(done["stdout_lines"]).encode()


def taken_apart(engine, tmp_path):
    """What reads the layers of an image again, or makes others of it: done, or refused in a sentence."""
    from pycontainer.cli import task

    archive = str(tmp_path / "saved.tar")
    for row in engine.db.all("SELECT id FROM images"):
        for line in (
            ["image", "waste", row["id"]],
            ["image", "diff", row["id"], row["id"]],
            ["save", "-o", archive, row["id"]],
            ["image", "squash", "-t", "squashed:1", row["id"]],
        ):
            done = task.pycontainer(engine, {"argv": line, "cmd": None})
            assert done["rc"] in (0, 1) and (done["rc"] == 0 or done["msg"]), done
    if os.path.exists(archive):
        os.unlink(archive)


def attempts(engine, made, count, then=used):
    """Take what ``made(chance)`` gives, a plan's maker, so many times, and do ``then(engine)`` with what is there; what was wrong."""
    from pycontainer.images.library import records

    before = trace(engine)
    assert before[0], "the store has its directories"

    def attempt(chance):
        plan = None
        try:
            plan = made(chance)
            plan.apply()
            plan.facts()
            then(engine)
        except errors.EngineError as error:
            assert type(error) is not errors.EngineError, (
                f"an error of Python's in an engine's clothes: {error}"
            )
            raise
        finally:
            for row in engine.db.all("SELECT id FROM images"):
                records.remove(engine, row["id"], force=True)
            after = trace(engine)
            assert after == before, (
                f"traces: {sorted(set(map(str, after[0])) ^ set(map(str, before[0])))}" or after[1]
            )

    return mutations.outcomes(mutations.cases(count), attempt, errors.EngineError)


def loading(engine, tmp_path, make):
    from pycontainer.images.plans import load_and_import

    def made(chance):
        path = tmp_path / "archive.tar"
        path.write_bytes(make(chance))
        return load_and_import.plan_load(engine, str(path))

    return made


SINGLE = {
    "docker save, its list": lambda chance: docker_archive(
        LAYERS[:1],
        index=mutations.document(
            chance,
            [{"Config": "config.json", "RepoTags": ["fuzz:1", "a/b:2"], "Layers": ["0/layer.tar"]}],
        ),
    ),
    "docker save, configuration": lambda chance: docker_archive(
        LAYERS[:1], mutations.document(chance, config_of(LAYERS[:1]))
    ),
    "docker save, all of it": lambda chance: mutations.archive(chance, docker_archive(LAYERS)),
    "layout, index": lambda chance: layout(
        LAYERS[:1], index=lambda body: mutations.document(chance, body)
    ),
    "layout, manifest": lambda chance: layout(
        LAYERS[:1], document=lambda body: mutations.document(chance, body)
    ),
    "layout, configuration": lambda chance: layout(
        LAYERS[:1], mutations.document(chance, config_of(LAYERS[:1]))
    ),
    "layout, all of it": lambda chance: mutations.archive(chance, layout(LAYERS)),
    "layout, compressed layer": lambda chance: layout(
        LAYERS[:1], pack=lambda data: mutations.binary(chance, gzip.compress(data))
    ),
}


@pytest.mark.parametrize("what", SINGLE)
def test_archives_of_images(engine, tmp_path, what):
    wrong, _fine = attempts(engine, loading(engine, tmp_path, SINGLE[what]), 80)
    assert wrong == []


@pytest.mark.parametrize("what", ["docker save", "layout"])
def test_layers(engine, kind, tmp_path, what):
    """Whatever is in a layer, with its right digest: what is below it and above it are good ones."""
    form = docker_archive if what == "docker save" else layout

    def make(chance):
        bad = mutations.archive(chance, chance.choice(LAYERS))
        return form(chance.choice(([bad], [LAYERS[0], bad], [bad, LAYERS[1]])))

    wrong, fine = attempts(
        engine, loading(engine, tmp_path, make), 80 if kind == "directory" else 40
    )
    assert wrong == [] and fine


def test_images_with_odd_layers_are_taken_apart(engine, kind, tmp_path):
    def make(chance):
        return layout([mutations.archive(chance, data) for data in LAYERS])

    wrong, fine = attempts(
        engine, loading(engine, tmp_path, make), 40, lambda engine: taken_apart(engine, tmp_path)
    )
    assert wrong == [] and fine


def test_root_file_systems(engine, tmp_path):
    from pycontainer.images.plans import load_and_import

    def made(chance):
        path = tmp_path / "root.tar"
        path.write_bytes(mutations.archive(chance, chance.choice(LAYERS)))
        return load_and_import.plan_import(engine, "fuzz:1", str(path))

    wrong, fine = attempts(engine, made, 100)
    assert wrong == [] and fine


def test_what_a_registry_says(engine, tmp_path):
    """What a registry says: its manifests, its layers, whatever it calls them."""
    from pycontainer.images.model import reference
    from pycontainer.images.plans import pull

    class Client:
        """A registry's client whose blobs and manifests are damaged."""

        def __init__(self, chance):
            self.chance = chance
            blobs = [gzip.compress(data) for data in LAYERS]
            config = json.dumps(config_of(LAYERS)).encode()
            body = {
                "schemaVersion": 2,
                "mediaType": manifest.OCI_MANIFEST,
                "config": {
                    "mediaType": manifest.OCI_CONFIG,
                    "digest": digest(config),
                    "size": len(config),
                },
                "layers": [
                    {
                        "mediaType": manifest.OCI_LAYER + "+gzip",
                        "digest": digest(data),
                        "size": len(data),
                    }
                    for data in blobs
                ],
            }
            self.document, self.blobs = body, {digest(data): data for data in blobs + [config]}
            self.which = chance.choice(("manifest", "blob"))

        def manifest(self, _wanted):
            data = json.dumps(self.document).encode()
            return mutations.document(
                self.chance, self.document
            ) if self.which == "manifest" else data, manifest.OCI_MANIFEST

        def small_blob(self, wanted, _limit):
            if wanted not in self.blobs:
                raise errors.RegistryError("there is no such blob")
            return self.blobs[wanted]

        def blob(self, wanted, _size=None, offset=0):
            data = self.small_blob(wanted, None)
            return iter(
                [(mutations.binary(self.chance, data) if self.which == "blob" else data)[offset:]]
            )

    def made(chance):
        plan = pull.Remote(
            Client(chance), reference.parse("registry.example.com/fuzz:1"), ("linux", "amd64", "")
        )

        class Plan:
            apply, facts = staticmethod(lambda: plan.take(engine)), dict

        return Plan

    wrong, fine = attempts(engine, made, 100)
    assert wrong == [] and fine
