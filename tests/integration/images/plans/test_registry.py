# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pull and push beside skopeo and a CNCF registry: equal digests both ways, and the truth in check mode."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil

import pytest
from pycontainer import images
from pycontainer.errors import Conflict, InvalidInput, NotFound, RegistryError, Unsupported
from pycontainer.images.client import upload
from pycontainer.images.library import garbage
from pycontainer.store import tree_removal
from support.layouts import (
    as_directory,
    fingerprint,
    layer,
    layout,
    member,
    mounted,
    names_in,
    need,
    run,
)


def put(registry, tmp_path, name, *layers, **options):
    """Push an image of layers by skopeo. :returns: its reference and its digest in the registry."""
    need("skopeo")
    where = tmp_path / (f"layout-{len(os.listdir(tmp_path))}")
    layout(where, layers, options.get("config"))
    reference = f"{registry}/{name}"
    run(
        "skopeo",
        "copy",
        "-q",
        "--dest-tls-verify=false",
        *options.get("flags", ()),
        f"oci:{where}:t",
        "docker://" + reference,
    )
    return reference, look(reference)["Digest"]


def blob_count(engine):
    return len(list(garbage._all_blobs(engine)))


def packed(source, target):
    """The same image with compressed layers: a layout with another manifest and other blobs."""
    shutil.copytree(source, target)
    index = json.loads((target / "index.json").read_text())
    item = index["manifests"][0]
    blobs = target / "blobs" / "sha256"
    document = json.loads((blobs / item["digest"][7:]).read_text())

    def put(data):
        found = hashlib.sha256(data).hexdigest()
        (blobs / found).write_bytes(data)
        return {"digest": "sha256:" + found, "size": len(data)}

    for described in document["layers"]:
        described.update(
            put(gzip.compress((blobs / described["digest"][7:]).read_bytes())),
            mediaType="application/vnd.oci.image.layer.v1.tar+gzip",
        )
    item.update(put(json.dumps(document).encode()))
    (target / "index.json").write_text(json.dumps(index))


def test_one_image_in_two_forms_leaves_nothing(engine, task, registry, tmp_path):
    """What the manifest before led to goes with it."""
    need("skopeo")
    layout(tmp_path / "a", [ONE, TWO])
    packed(tmp_path / "a", tmp_path / "b")
    names = [f"{registry}/forms/{name}:1" for name in "ab"]
    for name in "ab":
        run(
            "skopeo",
            "copy",
            "-q",
            "--dest-tls-verify=false",
            "--preserve-digests",
            f"oci:{tmp_path / name}:t",
            f"docker://{registry}/forms/{name}:1",
        )
    found = []
    for name in names:
        found.append(task(engine, name=name)["image"])
        assert blob_count(engine) == 4
    assert (
        found[0]["Id"] == found[1]["Id"]
        and found[0]["ManifestDigest"] != found[1]["ManifestDigest"]
        and not images.damaged(engine, True)
    )
    for name in names:
        task(engine, name=name, state="absent")
    assert blob_count(engine) == 0


def test_prune_takes_blobs_that_no_image_has(engine, task, registry, tmp_path):
    reference, _digest = put(registry, tmp_path, "left/a:1", ONE)
    task(engine, name=reference)
    assert not images.plan_prune(engine).changed
    engine.blobs.put(b"left")
    plan = images.plan_prune(engine)
    assert (
        plan.actions == ["remove blobs that no image has"]
        and not images.plan_prune(engine, filters={"label": "x"}).changed
    )
    plan.apply()
    assert (
        plan.facts()["space_reclaimed"] == 4
        and blob_count(engine) == 3
        and not images.plan_prune(engine).changed
    )


def look(reference, *flags):
    return json.loads(
        run("skopeo", "inspect", "--tls-verify=false", *flags, "docker://" + reference)
    )


ONE = layer([member(b"f", b"one" * 1000), member(b"tool", b"x", mode=0o755)])
TWO = layer([member(b"g", b"two" * 1000)])


@pytest.mark.parametrize(
    "flags",
    ([], ["--format=v2s2"], ["--dest-compress-format=zstd", "--dest-compress"]),
    ids=("oci", "docker", "zstd"),
)
def test_pull_and_push_keep_the_digest(engine, task, registry, tmp_path, flags):
    reference, digest = put(
        registry, tmp_path, f"keep/{'x' * (1 + len(flags))}:1", ONE, TWO, flags=flags
    )
    result = task(engine, name=reference)
    assert result["changed"] and result["image"]["ManifestDigest"] == digest
    assert result["image"]["RepoDigests"] == [f"{reference.rpartition(':')[0]}@{digest}"]
    assert (
        result["image"]["Id"]
        == "sha256:"
        + hashlib.sha256(
            run(
                "skopeo",
                "inspect",
                "--config",
                "--raw",
                "--tls-verify=false",
                "docker://" + reference,
            ).encode()
        ).hexdigest()
    )
    assert not task(engine, name=reference)["changed"]
    other = f"{registry}/keep/copy:{len(flags)}"
    assert task(engine, name=reference, source="local", repository=other, push=True)["changed"]
    assert look(other)["Digest"] == digest
    assert not task(engine, name=reference, source="local", repository=other, push=True)["changed"]


def test_by_digest(engine, task, registry, tmp_path):
    reference, digest = put(registry, tmp_path, "digest/a:1", ONE)
    name = f"{reference.rpartition(':')[0]}@{digest}"
    assert task(engine, name=name)["image"]["RepoTags"] == []
    assert (
        not task(engine, name=name)["changed"]
        and not task(engine, name=name, pull="always")["changed"]
    )
    assert (
        task(engine, name=name, state="absent")["changed"]
        and engine.db.all("SELECT * FROM images") == []
    )


def test_a_digest_takes_no_names_of_other_repositories_away(engine, task, registry, tmp_path):
    reference, digest = put(registry, tmp_path, "digest/b:1", ONE)
    ident = task(engine, name=reference, tags=[reference + "0", "other:1"])["image"]["Id"]
    by_digest = f"{reference.rpartition(':')[0]}@{digest}"
    with pytest.raises(Conflict, match=r"has names in other repositories too \(other:1\)"):
        task(engine, True, name=by_digest, state="absent")
    task(engine, name="other:1", state="absent")
    assert (
        task(engine, name=by_digest, state="absent")["changed"]
        and images.find(engine, ident) is None
    )


def test_pull_always_looks_at_the_digest(engine, task, registry, tmp_path):
    reference, _digest = put(registry, tmp_path, "always/a:1", ONE)
    first = task(engine, name=reference)["image"]["Id"]
    assert not task(engine, name=reference, pull="always")["changed"]
    put(registry, tmp_path, "always/a:1", ONE, TWO)
    assert not task(engine, name=reference)["changed"]
    foretold = task(engine, True, name=reference, pull="always")
    assert foretold["changed"] and images.find(engine, reference)["id"] == first
    done = task(engine, name=reference, pull="always")
    assert done["actions"] == foretold["actions"] and done["diff"] == foretold["diff"]
    assert done["image"]["Id"] == foretold["image"]["Id"] != first and done["image"][
        "RepoTags"
    ] == [reference]
    assert images.find(engine, first)["id"] == first  # dangling now, and still there
    assert [image["Id"] for image in images.listing(engine, {"dangling": True}, True)] == [first]


def test_check_mode_on_a_host_without_a_store(check_engine, task, registry, tmp_path):
    reference, _digest = put(
        registry,
        tmp_path,
        "check/a:1",
        ONE,
        config={"config": {"Cmd": ["ls"], "Labels": {"a": "b"}}},
    )
    result = task(check_engine, True, name=reference)
    assert (
        result["changed"]
        and result["image"]["Config"]["Labels"] == {"a": "b"}
        and result["image"]["RepoTags"] == [reference]
    )
    assert not os.path.exists(check_engine.paths.data)
    with pytest.raises(NotFound):
        task(check_engine, True, name=reference + "x")


def test_what_is_not_there(engine, task, registry):
    with pytest.raises(NotFound, match=f"registry {registry} has no image nothing/here:1"):
        task(engine, name=registry + "/nothing/here:1")
    with pytest.raises(NotFound, match="pull is never"):
        task(engine, name=registry + "/nothing/here:1", pull="never")
    with pytest.raises(NotFound, match="no image with the ID deadbeef"):
        task(engine, name="deadbeef" + "0" * 56)
    with pytest.raises(RegistryError, match="can't be reached|does not answer"):
        task(engine, name="127.0.0.1:1/x/y:1")
    with pytest.raises(InvalidInput):
        task(engine, name="Not A Name")
    assert engine.db.all("SELECT * FROM images") == [] and os.listdir(engine.paths.tmp) == []


def test_platforms_of_an_index(engine, task, registry, tmp_path):
    references = [
        put(
            registry,
            tmp_path,
            f"multi/{architecture}:1",
            ONE,
            config={"architecture": architecture},
        )[0]
        for architecture in ("amd64", "s390x")
    ]
    entries = []
    for reference, architecture in zip(references, ("amd64", "s390x")):
        raw = run(
            "skopeo", "inspect", "--raw", "--tls-verify=false", "docker://" + reference
        ).encode()
        entries.append(
            {
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "size": len(raw),
                "raw": raw,
                "digest": "sha256:" + hashlib.sha256(raw).hexdigest(),
                "platform": {"os": "linux", "architecture": architecture},
            }
        )
    host = registry + "/multi/both"
    parsed = images.parse(host + ":1")
    client = images.Registries().client(parsed).for_push(["multi/amd64", "multi/s390x"])
    for entry, source in zip(entries, ("multi/amd64", "multi/s390x")):
        raw = entry.pop("raw")
        document = json.loads(raw)
        for item in document["layers"] + [document["config"]]:
            assert upload.push_blob(client, item["digest"], None, mount_from=source) in (
                "mounted",
                "present",
            )
        client.put_manifest(entry["digest"], raw, entry["mediaType"])
    data = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": entries,
        }
    ).encode()
    index = client.put_manifest("1", data, "application/vnd.oci.image.index.v1+json")

    result = task(engine, name=host + ":1")
    assert result["image"]["Architecture"] == "amd64"
    assert sorted(result["image"]["RepoDigests"]) == sorted(
        f"{host}@{digest}" for digest in (index, entries[0]["digest"])
    )
    assert not task(engine, name=host + ":1", pull="always")["changed"]
    assert (
        task(engine, name=host + ":1", platform="linux/s390x")["image"]["Architecture"] == "s390x"
    )
    assert not task(engine, name=host + ":1", platform="linux/s390x")["changed"]
    with pytest.raises(Unsupported, match="it is for linux/amd64, linux/s390x"):
        task(engine, name=host + ":1", platform="linux/riscv64")


def test_shared_layers_and_what_goes_with_the_last_image(engine, task, registry, tmp_path):
    first, _digest = put(registry, tmp_path, "shared/a:1", ONE)
    second, _digest = put(registry, tmp_path, "shared/b:1", ONE, TWO)
    task(engine, name=first)
    task(engine, name=second)
    assert len(engine.db.all("SELECT * FROM layers")) == 2
    task(engine, name=second, state="absent")
    assert (
        len(engine.db.all("SELECT * FROM layers")) == 1
        and len(os.listdir(engine.paths.layers)) == 1
    )
    with as_directory(images.layer_paths(engine, first)[0]) as top, open(top + "/f") as file:
        assert file.read() == "one" * 1000
    task(engine, name=first, state="absent")
    assert (
        os.listdir(engine.paths.layers)
        == os.listdir(engine.paths.blobs + "/sha256")
        == os.listdir(engine.paths.tmp)
        == []
    )
    assert not task(engine, name=first, state="absent")["changed"]


def test_many_layers_in_parallel(engine, task, registry, tmp_path):
    layers = [
        layer([member(b"f%d" % number, os.urandom(200000)), member(b"common", b"%d" % number)])
        for number in range(30)
    ]
    reference, _digest = put(registry, tmp_path, "many/a:1", *layers)
    task(engine, name=reference)
    with mounted(images.layer_paths(engine, reference), tmp_path / "mnt") as root:
        found = fingerprint(root)
        with open(root + "/common") as file:
            assert file.read() == "29"
    assert len(found) == 31


def test_a_layer_that_was_lost_is_made_again(engine, task, registry, tmp_path):
    reference, _digest = put(registry, tmp_path, "lost/a:1", ONE, TWO)
    task(engine, name=reference)
    before = images.layer_paths(engine, reference)
    tree_removal.remove(before[0])
    after = images.layer_paths(engine, reference)
    assert before == after and names_in(after[0]) == ["g"]
    tree_removal.remove(before[1])
    engine.db.run("DELETE FROM layers")
    assert (
        names_in(images.layer_paths(engine, reference)[0]) == ["g"]
        and os.listdir(engine.paths.tmp) == []
    )


def test_in_use(engine, task, registry, tmp_path):
    reference, _digest = put(registry, tmp_path, "used/a:1", ONE)
    ident = task(engine, name=reference, tags=["other:1"])["image"]["Id"]
    engine.db.run("INSERT INTO containers VALUES ('c', 'web', '{}', ?, 'running', 0)", ident)
    assert task(engine, name="other:1", state="absent")["actions"] == ["untag image other:1"]
    with pytest.raises(Conflict, match="is used by the container web; remove it first"):
        task(engine, name=reference, state="absent")
    with pytest.raises(Conflict):
        task(engine, True, name=ident, state="absent")
    assert task(engine, name=reference, state="absent", force_absent=True)["changed"]
    assert images.find(engine, reference) is None and images.layer_paths(engine, ident)
    assert not task(engine, name=ident, state="absent", force_absent=True)["changed"]
    engine.db.run("DELETE FROM containers")
    assert (
        task(engine, name=ident[7:19], state="absent")["changed"]
        and os.listdir(engine.paths.layers) == []
    )


def test_with_the_last_tag_of_a_repository_goes_its_digest(engine, task, registry, tmp_path):
    reference, digest = put(registry, tmp_path, "last/a:1", ONE)
    ident = task(engine, name=reference, tags=["other:1", reference[:-1] + "2"])["image"]["Id"]
    task(engine, name=reference, state="absent")
    assert images.inspect(engine, ident)["RepoDigests"] == [reference[:-2] + "@" + digest]
    task(engine, name=reference[:-1] + "2", state="absent")
    assert images.inspect(engine, ident)["RepoDigests"] == [] and images.inspect(engine, ident)[
        "RepoTags"
    ] == ["other:1"]


def test_names(engine, task, registry, tmp_path):
    reference, _digest = put(registry, tmp_path, "names/a:1", ONE)
    result = task(engine, name=reference, tags=["web", "web:2"])
    assert result["image"]["RepoTags"] == sorted([reference, "web:latest", "web:2"])
    assert not task(engine, name=reference, tags=["web", "web:2"])["changed"]
    assert (
        images.find(engine, "docker.io/library/web")["id"]
        == images.find(engine, result["image"]["Id"][:20])["id"]
    )
    with pytest.raises(Conflict, match="several names"):
        task(engine, name=result["image"]["Id"], state="absent")
    assert task(engine, name=result["image"]["Id"], state="absent", force_absent=True)["changed"]
