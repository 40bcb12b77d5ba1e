# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry's files: shared by hard links, whole or not there, and never mixed with somebody else's."""

from __future__ import annotations

import hashlib
import json
import os

import pytest
from pycontainer.errors import Conflict, InvalidInput
from pycontainer.registry.content import collect
from pycontainer.registry.content import content_store as storages
from pycontainer.registry.content.manifests import OCI_MANIFEST


@pytest.fixture
def storage(tmp_path):
    opened = storages.Storage(str(tmp_path / "root"))
    yield opened
    opened.close()


def add(storage, name, data):
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    path = storage.path("uploads", "u")
    with open(path, "wb") as file:
        file.write(data)
    storage.adopt(path, name, digest)
    return digest


def contents(storage):
    return sorted(
        os.path.relpath(os.path.join(path, file), storage.root)
        for path, _directories, files in os.walk(storage.path("blobs"))
        for file in files
    )


def test_a_blob_lies_once_and_goes_with_its_last_repository(storage):
    digest = add(storage, "a", b"data")
    add(storage, "b/c", b"data")
    assert storage.mount("d", digest, "a") and storage.mount("e", digest)
    assert not storage.mount("f", digest, "nowhere") and not storage.has_blob("f", digest)
    assert len(contents(storage)) == 1 and os.listdir(storage.path("uploads")) == []
    for name in ("a", "b/c", "d", "e"):
        assert len(contents(storage)) == 1
        with storage.open_blob(name, digest) as file:
            assert file.read() == b"data"
        assert storage.delete_blob(name, digest) and not storage.has_blob(name, digest)
    assert contents(storage) == [] and not storage.delete_blob("a", digest)


def test_a_blob_whose_common_name_was_lost_stays_usable(storage):
    """What a crash between the two names of adopt() leaves."""
    digest = add(storage, "a", b"data")
    os.unlink(storage.path(contents(storage)[0]))
    add(storage, "b", b"data")
    assert storage.delete_blob("a", digest)
    assert storage.has_blob("b", digest) and len(contents(storage)) == 1


class Manifest:
    media_type, subject, artifact_type, annotations = OCI_MANIFEST, None, "x/y", {"k": "v"}


def test_manifests_tags_and_referrers(storage):
    digests = [f"sha256:{number:064x}" for number in range(3)]
    referring = Manifest()
    referring.subject = digests[2]
    storage.put_manifest("a", digests[0], b"{}", Manifest, ["one", "two"])
    storage.put_manifest("a", digests[1], b"{ }", referring, ["three"])
    assert (
        storage.tags("a") == ["one", "three", "two"] and storage.resolve("a", "one") == digests[0]
    )
    assert storage.referrers("a", digests[2]) == [
        {
            "mediaType": OCI_MANIFEST,
            "digest": digests[1],
            "size": 3,
            "artifactType": "x/y",
            "annotations": {"k": "v"},
        }
    ]
    assert storage.referrers("b", digests[2]) == []
    assert storage.delete_tag("a", "two") and not storage.delete_tag("a", "two")
    assert storage.delete_manifest("a", digests[0]) and not storage.delete_manifest("a", digests[0])
    assert storage.delete_manifest("a", digests[1])
    assert storage.tags("a") == [] and storage.referrers("a", digests[2]) == []
    files = [
        file
        for _path, _directories, files in os.walk(storage.path("repositories"))
        for file in files
    ]
    assert files == []


def test_a_referrer_whose_manifest_never_came_is_not_shown(storage):
    path = storage.repository("a", "_referrers", "sha256", "0" * 64)
    os.makedirs(path)
    with open(os.path.join(path, "sha256-" + "1" * 64), "w") as file:
        json.dump({"digest": "sha256:" + "1" * 64}, file)
    assert storage.referrers("a", "sha256:" + "0" * 64) == []


def test_repositories_are_listed_in_lexical_order(storage):
    for name in ("b", "a/b", "a-b", "a/b/c", "a"):
        add(storage, name, b"x")
    assert storage.repositories() == ["a", "a-b", "a/b", "a/b/c", "b"]
    assert storage.exists("a/b") and not storage.exists("a/c") and not storage.exists("c")


def test_only_one_server_at_a_time(storage):
    with pytest.raises(Conflict, match="already served"):
        storages.Storage(storage.root)


def test_what_is_not_whole_is_swept_at_the_start(storage):
    digest = add(storage, "a", b"data")
    for part in ("uploads", "tmp"):
        with open(storage.path(part, "half"), "w") as file:
            file.write("half")
    storage.close()
    again = storages.Storage(storage.root)
    try:
        assert os.listdir(again.path("uploads")) == os.listdir(again.path("tmp")) == []
        assert again.has_blob("a", digest)
    finally:
        again.close()


@pytest.mark.parametrize("found", ["readme", "docker"])
def test_a_directory_with_something_else_is_refused(tmp_path, found):
    (tmp_path / found).mkdir()
    for function in (storages.Storage, storages.inspect, storages.erase):
        with pytest.raises(InvalidInput, match="path: "):
            function(str(tmp_path))
    assert os.listdir(tmp_path) == [found]


def test_a_storage_of_another_version_is_refused(tmp_path):
    (tmp_path / "registry.json").write_text('{"pycontainer": "registry", "version": 99}')
    with pytest.raises(InvalidInput, match="version 1"):
        storages.Storage(str(tmp_path))


def test_erase_takes_the_registrys_files_only(storage):
    add(storage, "a", b"data")
    storage.close()
    with open(storage.path("notes"), "w") as file:
        file.write("mine")
    storages.erase(storage.root)
    assert os.listdir(storage.root) == ["notes"]


def test_erase_can_be_repeated_after_a_crash(tmp_path):
    opened = storages.Storage(str(tmp_path / "root"))
    opened.close()
    os.rmdir(opened.path("blobs"))
    assert storages.inspect(opened.root)
    storages.erase(opened.root)
    assert not os.path.exists(opened.root)
    storages.erase(opened.root)
    storages.Storage(opened.root).close()


def test_a_start_that_was_cut_off_before_the_mark_was_written_can_be_repeated(tmp_path):
    (tmp_path / "registry.json").write_bytes(b"")
    assert storages.inspect(str(tmp_path)) is False
    storages.Storage(str(tmp_path)).close()
    assert storages.inspect(str(tmp_path)) is True


def name_all(storage, name, *digests):
    """A manifest that names blobs, one of them in a field that the registry does not know."""
    data = json.dumps(
        {
            "layers": [{"digest": digest} for digest in digests[1:]],
            "x": [{"y": {"digest": digests[0]}}],
        }
    ).encode()
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    storage.put_manifest(name, digest, data, Manifest)
    return digest


def test_what_no_manifest_names_is_collected(storage):
    one, two, three = (add(storage, "a", data) for data in (b"1", b"2", b"3"))
    assert storage.mount("b", one, "a")
    first, second = name_all(storage, "a", one, two), name_all(storage, "a", two)
    assert (
        collect.collect(storage, 0) == 2
        and storage.blobs("a") == {one, two}
        and storage.blobs("b") == set()
    )  # three, and one in b
    storage.delete_manifest("a", first)
    assert collect.collect(storage, 0) == 1 and storage.blobs("a") == {two}
    assert len(contents(storage)) == 1 and not storage.has_blob("a", three)
    storage.delete_manifest("a", second)
    assert collect.collect(storage, 0) == 1 and contents(storage) == []


def test_what_a_push_may_be_about_to_name_is_kept(storage, monkeypatch):
    """A blob that was brought, mounted or asked for not long ago; the rest goes when its time has come."""
    clock = [1000.0]
    monkeypatch.setattr(storages.time, "monotonic", lambda: clock[0])
    brought, asked, old = (add(storage, "a", data) for data in (b"1", b"2", b"3"))
    storage.mount("b", old)
    assert collect.collect(storage, 60) == 0
    clock[0] += 50
    assert storage.has_blob("a", asked)
    add(storage, "a", b"1")
    clock[0] += 20
    assert (
        collect.collect(storage, 60) == 2
        and storage.blobs("a") == {brought, asked}
        and storage.blobs("b") == set()
    )
    clock[0] += 50
    assert collect.collect(storage, 60) == 2 and contents(storage) == []
    assert storage.take_changed() == []


def test_a_server_that_was_just_started_collects_nothing_at_once(storage, monkeypatch):
    add(storage, "a", b"1")
    storage.close()
    clock = [1000.0]
    monkeypatch.setattr(storages.time, "monotonic", lambda: clock[0])
    again = storages.Storage(storage.root)
    clock[0] += 50
    assert collect.collect(again, 60) == 0
    clock[0] += 50
    assert collect.collect(again, 60) == 1
    again.close()
