# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""save: what we write is read by skopeo, umoci, podman and docker with the same digests, what they write of it by us; twice is once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile

import pytest
from pycontainer import images
from pycontainer.errors import HostError, InvalidInput, NotFound
from pycontainer.images.archives import archive_writer
from pycontainer.images.library import records
from pycontainer.images.model import manifest
from support.layouts import layer, layout, member, need, run

ONE = layer([member(b"f", b"one" * 1000), member(b"d/", kind=tarfile.DIRTYPE, mode=0o700)])
TWO = layer([member(b"g", b"two" * 1000), member(b".wh.f")])


@pytest.fixture
def stored(engine, task, tmp_path):
    """Two images of one base in the store: ``shop/web:1`` with gzip layers and two names, ``base:1``; the first one's id and manifest's digest."""
    layout(
        tmp_path / "source", [ONE, TWO], config={"config": {"Cmd": ["sh"], "Labels": {"a": "b"}}}
    )
    layout(tmp_path / "base", [ONE])
    if shutil.which("skopeo"):  # its layers are compressed
        run(
            "skopeo",
            "copy",
            "-q",
            "--dest-compress",
            f"oci:{tmp_path / 'source'}:t",
            f"dir:{tmp_path / 'dir'}",
        )
        run("skopeo", "copy", "-q", f"dir:{tmp_path / 'dir'}", f"oci:{tmp_path / 'packed'}:t")
        source = tmp_path / "packed"
    else:
        source = tmp_path / "source"
    task(engine, source="load", path=str(source), name="registry.example.com/shop/web:1")
    result = task(engine, source="load", path=str(tmp_path / "base"), name="base:1")
    records.tag(engine, "registry.example.com/shop/web:1", "registry.example.com/shop/web:latest")
    assert result["changed"]
    found = images.inspect(engine, "registry.example.com/shop/web:1")
    return found["Id"], found["ManifestDigest"]


WEB = "registry.example.com/shop/web:1"


def save(engine, path, names=(WEB, "base:1"), **how):
    plan = images.plan_save(engine, images.chosen(engine, list(names)), str(path), **how)
    plan.apply()
    return plan.changed


@pytest.mark.parametrize("form", archive_writer.FORMS)
@pytest.mark.parametrize("gzip", [False, True])
def test_twice_is_once(engine, stored, tmp_path, form, gzip):
    path = tmp_path / "saved"
    if form == "oci-dir" and gzip:
        with pytest.raises(InvalidInput, match="gzip"):
            save(engine, path, form=form, gzip=gzip)
        return
    assert save(engine, path, form=form, gzip=gzip) and not save(engine, path, form=form, gzip=gzip)
    assert save(engine, path, form=form, gzip=gzip, force=True)
    assert save(engine, path, [WEB], form=form, gzip=gzip) and not save(
        engine, path, [WEB], form=form, gzip=gzip
    )
    assert save(
        engine, path, ["base:1"], form=form, gzip=gzip
    )  # what the other one had alone is gone again
    if form == "oci-dir":
        assert len(os.listdir(path / "blobs" / "sha256")) == 3
        victim = sorted((path / "blobs" / "sha256").iterdir())[0]
        victim.write_bytes(b"short")
    else:
        with open(path, "r+b") as file:
            file.seek(2000)
            file.write(b"damaged")
    assert save(engine, path, ["base:1"], form=form, gzip=gzip) and not save(
        engine, path, ["base:1"], form=form, gzip=gzip
    )
    assert not [name for name in os.listdir(tmp_path) if "partial" in name]


def test_a_layout_is_known_by_the_content_of_its_blobs_too(engine, stored, tmp_path):
    path = tmp_path / "saved"
    save(engine, path, form="oci-dir")
    for victim in (path / "blobs" / "sha256").iterdir():
        data = victim.read_bytes()
        victim.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        assert (
            save(engine, path, form="oci-dir")
            and victim.read_bytes() == data
            and not save(engine, path, form="oci-dir")
        )


@pytest.mark.parametrize("form", archive_writer.FORMS)
def test_our_own_come_back(engine, task, stored, tmp_path, form):
    path = tmp_path / "saved"
    save(engine, path, [WEB, "registry.example.com/shop/web:latest", "base:1"], form=form)
    before = [images.inspect(engine, name) for name in (WEB, "base:1")]
    for name in (WEB, "registry.example.com/shop/web:latest", "base:1"):
        task(engine, state="absent", name=name)
    assert task(engine, source="load", path=str(path))["changed"]
    after = [images.inspect(engine, name) for name in (WEB, "base:1")]
    for old, new in zip(before, after):
        assert (old["Id"], old["ManifestDigest"], old["RepoTags"], old["RootFS"]) == (
            new["Id"],
            new["ManifestDigest"],
            new["RepoTags"],
            new["RootFS"],
        )


def test_one_is_taken_by_its_id(engine, task, stored, tmp_path):
    path = str(tmp_path / "saved")
    save(engine, path, form="docker-archive")
    ident = images.inspect(engine, "base:1")["Id"]
    for name in (WEB, "registry.example.com/shop/web:latest", "base:1"):
        task(engine, name=name, state="absent")
    with pytest.raises(InvalidInput, match=f"^name: 'sha256:0+' .* an image that is in .*{ident}"):
        task(engine, source="load", path=path, name="sha256:" + "0" * 64)
    loaded = task(engine, source="load", path=path, name=ident)
    assert loaded["changed"] and loaded["image"]["RepoTags"] == ["base:1"]
    assert not task(engine, source="load", path=path, name=ident)["changed"]
    assert images.find(engine, WEB) is None


def test_what_is_named(engine, stored, tmp_path):
    ident = stored[0]
    every = images.chosen(engine, ["registry.example.com/shop/web"], every_tag=True)
    assert [names for _record, names in every] == [
        ["registry.example.com/shop/web:1", "registry.example.com/shop/web:latest"]
    ]
    assert images.chosen(engine, ["registry.example.com/shop/web"])[0][1] == [
        "registry.example.com/shop/web:latest"
    ]
    assert [names for _record, names in images.chosen(engine, [ident[7:19], "base:1"])] == [
        [],
        ["docker.io/library/base:1"],
    ]
    assert save(engine, tmp_path / "id", [ident])
    with tarfile.open(tmp_path / "id") as archive:
        assert json.load(archive.extractfile("manifest.json"))[0]["RepoTags"] is None
        assert "annotations" not in json.load(archive.extractfile("index.json"))["manifests"][0]
    with pytest.raises(NotFound, match="no image nosuch"):
        images.chosen(engine, ["base:1", "nosuch"])
    with pytest.raises(InvalidInput, match="names: missing"):
        images.chosen(engine, [])


def test_bad_places(engine, stored, tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("x")
    for path, form, said in (
        (tmp_path / "no" / "where", "oci-archive", "directory that exists"),
        (tmp_path / "full", "docker-archive", "a file, not a directory"),
        (tmp_path / "file", "oci-dir", "a directory, not a file"),
        (tmp_path / "full", "oci-dir", "an empty directory or an OCI layout"),
        (tmp_path / "x", "tar", "docker-archive, oci-archive, oci-dir"),
    ):
        with pytest.raises(InvalidInput, match=said):
            save(engine, path, form=form)
    assert os.listdir(tmp_path / "full") == ["mine"] and not (tmp_path / "x").exists()


def test_a_store_that_is_damaged(engine, stored, tmp_path):
    """A layer that is gone and can't be had again is told before anything is written, one with another content while it is: the archive that was there
    stays."""
    path = tmp_path / "saved"
    save(engine, path, ["base:1"])
    before = path.read_bytes()
    blob = engine.paths.blob(images.layer_report(engine, WEB)["Layers"][1]["Digest"])
    data = open(blob, "rb").read()
    with open(blob, "r+b") as file:
        file.seek(len(data) - 9)
        file.write(bytes([data[-9] ^ 1]))
    plan = images.plan_save(engine, images.chosen(engine, [WEB]), str(path))
    with pytest.raises(HostError, match="is damaged: its content has another digest"):
        plan.apply()
    assert path.read_bytes() == before and sorted(
        name for name in os.listdir(tmp_path) if name.startswith("saved")
    ) == ["saved"]
    os.unlink(blob)
    with pytest.raises(
        HostError,
        match="is lost, and no registry is known to have it; load or build the image again",
    ):
        images.plan_save(engine, images.chosen(engine, [WEB]), str(path)).apply()


def test_skopeo_reads_it(engine, stored, tmp_path):
    need("skopeo")
    ident, digest = stored
    for form in archive_writer.FORMS:
        path = tmp_path / form
        save(engine, path, form=form)
        source = {"docker-archive": "oci-archive", "oci-archive": "oci-archive", "oci-dir": "oci"}[
            form
        ]
        for name, wanted in zip(
            (WEB, "base:1"), (digest, images.inspect(engine, "base:1")["ManifestDigest"])
        ):
            raw = run("skopeo", "inspect", "--raw", f"{source}:{path}:{name}")
            assert manifest.digest_of(raw.encode()) == wanted
    assert (
        manifest.digest_of(
            run(
                "skopeo",
                "inspect",
                "--config",
                "--raw",
                f"docker-archive:{tmp_path / 'docker-archive'}:{WEB}",
            ).encode()
        )
        == ident
    )
    save(
        engine, tmp_path / "one", [WEB], form="oci-dir"
    )  # a tag that only one has is the name in the layout
    run("skopeo", "copy", "-q", f"oci:{tmp_path / 'one'}:1", f"oci:{tmp_path / 'back'}:back")
    assert (
        json.loads((tmp_path / "back" / "index.json").read_text())["manifests"][0]["digest"]
        == digest
    )


def test_umoci_unpacks_it(engine, stored, tmp_path):
    need("umoci")
    save(engine, tmp_path / "layout", [WEB], form="oci-dir")
    run(
        "umoci",
        "unpack",
        "--image",
        f"{tmp_path / 'layout'}:1",
        str(tmp_path / "bundle"),
        stderr=subprocess.DEVNULL,
    )
    assert sorted(os.listdir(tmp_path / "bundle" / "rootfs")) == ["d", "g"]


def test_podman_loads_it_and_saves_it(engine, task, stored, podman, tmp_path):
    ident, digest = stored
    save(engine, tmp_path / "docker.tar")
    save(engine, tmp_path / "oci.tar", [WEB], form="oci-archive")
    assert "base:1" in podman("load", "-i", str(tmp_path / "docker.tar"))
    assert podman("image", "inspect", "--format", "{{.Id}}", WEB).strip() == ident[7:]
    podman("rmi", "-af")
    podman("load", "-i", str(tmp_path / "oci.tar"))
    found = json.loads(podman("image", "inspect", ident[7:]))[0]
    assert (found["Digest"], found["RootFS"]["Layers"]) == (
        digest,
        images.inspect(engine, WEB)["RootFS"]["Layers"],
    )
    podman("save", "-q", "--format", "oci-archive", "-o", str(tmp_path / "theirs.tar"), ident[7:])
    result = task(
        engine, source="load", path=str(tmp_path / "theirs.tar")
    )  # the two are in one order or the other, as it happens
    assert not result["changed"] and result["image"]["Id"] in (
        ident,
        images.inspect(engine, "base:1")["Id"],
    )
    assert images.inspect(engine, WEB)["Id"] == ident


def test_docker_loads_it_and_saves_it(engine, task, stored, docker_daemon, tmp_path):
    ident = stored[0]
    for gzip in (False, True):
        save(engine, tmp_path / "ours.tar", gzip=gzip)
        said = docker_daemon("load", "-i", str(tmp_path / "ours.tar"))
        assert "Loaded image: " + WEB in said and "Loaded image: base:1" in said
        assert docker_daemon("image", "inspect", "-f", "{{.Id}}", WEB).strip() == ident
        docker_daemon("rmi", WEB)
    docker_daemon("load", "-i", str(tmp_path / "ours.tar"))
    docker_daemon("save", "-o", str(tmp_path / "theirs.tar"), WEB, "base:1")
    result = task(
        engine, source="load", path=str(tmp_path / "theirs.tar")
    )  # the two are in one order or the other, as it happens
    assert not result["changed"] and result["image"]["Id"] in (
        ident,
        images.inspect(engine, "base:1")["Id"],
    )
    assert images.inspect(engine, WEB)["Id"] == ident
