# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""load and import: archives of skopeo, podman and umoci; root file systems; the second time changes nothing."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import tarfile

import pytest
from pycontainer import images
from pycontainer.errors import InvalidInput, NotFound, RegistryError
from pycontainer.images.library import garbage
from support.layouts import (
    fingerprint,
    layer,
    layer_fingerprint,
    layout,
    member,
    names_in,
    need,
    run,
)

ONE = layer([member(b"f", b"one" * 1000), member(b"d/", kind=tarfile.DIRTYPE, mode=0o700)])
TWO = layer([member(b"g", b"two" * 1000)])


@pytest.fixture
def source(tmp_path):
    layout(tmp_path / "source", [ONE, TWO])
    return f"oci:{tmp_path / 'source'}:t"


@pytest.mark.parametrize(
    "kind, pack",
    [
        (kind, pack)
        for kind in ("docker-archive", "oci-archive")
        for pack in (None, "gzip", "zstd", "xz", "bzip2")
    ]
    + [("oci", None)],
)
def test_archives_of_skopeo(engine, task, tmp_path, source, kind, pack):
    need("skopeo")
    path = str(tmp_path / "archive")
    run("skopeo", "copy", "-q", source, f"{kind}:{path}:registry.example.com/app:3")
    if pack:
        need(pack)
        run(pack, "-q", path) if pack != "gzip" else run(pack, path)
        path += {"gzip": ".gz", "zstd": ".zst", "xz": ".xz", "bzip2": ".bz2"}[pack]
    expected = json.loads(run("skopeo", "inspect", "--config", "--raw", source))["rootfs"][
        "diff_ids"
    ]
    foretold = task(engine, True, source="load", path=path)
    assert foretold["changed"] and engine.db.all("SELECT * FROM images") == []
    result = task(engine, source="load", path=path)
    assert (
        result["image"]["RepoTags"] == ["registry.example.com/app:3"]
        and result["image"]["RootFS"]["Layers"] == expected
    )
    assert (
        result["image"]["Id"] == foretold["image"]["Id"]
        and result["actions"] == foretold["actions"]
    )
    assert not task(engine, source="load", path=path)["changed"]
    assert not task(engine, source="load", path=path, name="registry.example.com/app:3")["changed"]
    assert task(engine, source="load", path=path, name="other:1")["actions"] == [
        "tag image as other:1"
    ]
    assert [names_in(place) for place in images.layer_paths(engine, "other:1")] == [
        ["g"],
        ["d", "f"],
    ]


def test_one_image_under_several_entries(engine, task, tmp_path):
    """Some writers of docker's form have an entry for each name; a layout may have an image under several manifests."""
    content = layer([member(b"f", b"x")])
    layout(tmp_path / "layout", [content])
    index = json.loads((tmp_path / "layout" / "index.json").read_text())
    (item,) = index["manifests"]
    blobs = tmp_path / "layout" / "blobs" / "sha256"
    document = json.loads((blobs / item["digest"][7:]).read_text())
    again = json.dumps(dict(document, annotations={"a": "b"})).encode()
    (blobs / hashlib.sha256(again).hexdigest()).write_bytes(again)
    index["manifests"] = [
        dict(item, annotations={"org.opencontainers.image.ref.name": "one:1"}),
        {
            "mediaType": item["mediaType"],
            "digest": "sha256:" + hashlib.sha256(again).hexdigest(),
            "size": len(again),
            "annotations": {"org.opencontainers.image.ref.name": "two:1"},
        },
    ]
    (tmp_path / "layout" / "index.json").write_text(json.dumps(index))
    entries = [
        {"Config": "c.json", "RepoTags": [name], "Layers": ["l.tar"]}
        for name in ("one:1", "two:1", "one:1")
    ]
    config = (blobs / document["config"]["digest"][7:]).read_bytes()
    (tmp_path / "a.tar").write_bytes(
        layer(
            [
                member(b"manifest.json", json.dumps(entries).encode()),
                member(b"c.json", config),
                member(b"l.tar", content),
            ]
        )
    )
    for path in ("layout", "a.tar"):
        assert task(engine, source="load", path=str(tmp_path / path))["changed"]
        assert (
            images.find(engine, "one:1")["id"]
            == images.find(engine, "two:1")["id"]
            == document["config"]["digest"]
        )
        assert not task(engine, source="load", path=str(tmp_path / path))["changed"]
        for name in ("one:1", "two:1"):
            task(engine, name=name, state="absent")


def test_several_images_in_one_archive(engine, task, tmp_path):
    """As ``docker save a b`` writes it: shared layers, links between equal ones."""
    parts, listed = {"shared/layer.tar": ONE, "two/layer.tar": TWO}, []
    for name, layers in (
        ("a:1", ["shared/layer.tar"]),
        ("b:1", ["shared/layer.tar", "two/layer.tar"]),
    ):
        diff_ids = [images_digest(parts[item]) for item in layers]
        config = json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "rootfs": {"type": "layers", "diff_ids": diff_ids},
            }
        ).encode()
        parts[images_digest(config)[7:] + ".json"] = config
        listed.append(
            {
                "Config": images_digest(config)[7:] + ".json",
                "RepoTags": [name],
                "Layers": [item.replace("shared/", "linked/") for item in layers],
            }
        )
    members = [member(name.encode(), content) for name, content in parts.items()]
    members += [
        member(b"linked/layer.tar", kind=tarfile.SYMTYPE, linkname="../shared/layer.tar"),
        member(b"manifest.json", json.dumps(listed).encode()),
    ]
    path = tmp_path / "both.tar"
    path.write_bytes(layer(members))
    result = task(engine, source="load", path=str(path))
    assert result["image_names"] == ["a:1", "b:1"]
    assert len(result["actions"]) == 2 and [
        images.find(engine, name) is not None for name in ("a:1", "b:1")
    ] == [True, True]
    assert not task(engine, source="load", path=str(path))["changed"]
    task(engine, name="a:1", state="absent")
    assert task(engine, source="load", path=str(path), name="a:1")["actions"] == [
        f"load image a:1 from {path}"
    ]
    with pytest.raises(InvalidInput, match="a:1, b:1"):
        task(engine, source="load", path=str(path), name="c:1")


def images_digest(data):
    from pycontainer.images.model import manifest

    return manifest.digest_of(data)


def test_our_layers_come_back_equal_from_podman(engine, task, registry, tmp_path):
    """Import here, push, have skopeo make an archive of it, load that: the same layers."""
    need("skopeo")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "f").write_text("x" * 100000)
    name = registry + "/round/trip:1"
    first = task(engine, name=name, source="import", path=str(tmp_path / "root"), push=True)[
        "image"
    ]
    run(
        "skopeo",
        "copy",
        "-q",
        "--src-tls-verify=false",
        "docker://" + name,
        f"docker-archive:{tmp_path / 'trip.tar'}:trip:1",
    )
    assert (
        task(engine, source="load", path=str(tmp_path / "trip.tar"))["image"]["RootFS"]
        == first["RootFS"]
    )


@pytest.mark.parametrize(
    "spoil, words",
    [
        (lambda data: data[: len(data) // 2], "cut short|damaged|lacks"),
        (lambda data: b"\0" * 1024, "neither manifest.json nor index.json"),
        (lambda data: layer([member(b"manifest.json", b"{")]), "not JSON"),
        (
            lambda data: layer([member(b"manifest.json", b'[{"Config":"x","Layers":[]}]')]),
            "lacks x",
        ),
        (lambda data: layer([member(b"manifest.json", b'[{"Layers":[1]}]')]), "without Config"),
        (
            lambda data: layer(
                [
                    member(b"index.json", b'{"manifests":[{"digest":"sha256:../x"}]}'),
                    member(b"oci-layout", b"{}"),
                ]
            ),
            "without a digest",
        ),
        (lambda data: b"nothing of the kind" * 100, "not a tar archive"),
    ],
)
def test_damaged_archives(engine, task, tmp_path, source, spoil, words):
    need("skopeo")
    run("skopeo", "copy", "-q", source, f"docker-archive:{tmp_path / 'good'}:app:3")
    (tmp_path / "bad").write_bytes(spoil((tmp_path / "good").read_bytes()))
    with pytest.raises((RegistryError, InvalidInput), match=words):
        task(engine, source="load", path=str(tmp_path / "bad"))
    assert engine.db.all("SELECT * FROM images") == [] and os.listdir(engine.paths.tmp) == []


def test_a_changed_layer_in_a_layout(engine, task, tmp_path, source):
    blobs = tmp_path / "source" / "blobs" / "sha256"
    largest = max(blobs.iterdir(), key=lambda path: path.stat().st_size)
    data = bytearray(largest.read_bytes())
    data[600] ^= 1
    largest.write_bytes(bytes(data))
    with pytest.raises(RegistryError):
        task(engine, source="load", path=str(tmp_path / "source"), name="x:1")
    assert (
        os.listdir(engine.paths.tmp)
        == os.listdir(engine.paths.layers)
        == list(garbage._all_blobs(engine))
        == []
    )


@pytest.fixture
def root(tmp_path):
    path = tmp_path / "root"
    (path / "dir").mkdir(parents=True)
    (path / "dir" / "file").write_text("content")
    os.chmod(path / "dir" / "file", 0o4750)
    os.chown(path / "dir" / "file", 12, 34)
    os.link(path / "dir" / "file", path / "hard")
    os.symlink("dir/file", path / "soft")
    os.mkfifo(path / "pipe")
    os.mknod(path / "null", 0o20666, os.makedev(1, 3))
    os.setxattr(path / "dir", "user.note", b"x")
    for directory, names, files in os.walk(path):
        for name in names + files:
            os.utime(os.path.join(directory, name), (1600000000, 1600000000), follow_symlinks=False)
    return path


CONFIG = {
    "command": ["httpd", "-f"],
    "entrypoint": ["/init"],
    "env": {"B": 2, "A": "x"},
    "labels": {"l": 1},
    "exposed_ports": ["80", "53/udp"],
    "working_dir": "/www",
    "user": "12:34",
    "volumes": ["/data"],
    "stop_signal": "SIGQUIT",
}


def test_import_of_a_directory(engine, task, root, tmp_path):
    foretold = task(engine, True, name="web:1", source="import", path=str(root), config=CONFIG)
    result = task(
        engine, name="web:1", source="import", path=str(root), config=CONFIG, comment="made here"
    )
    assert foretold["changed"] and result["image"]["Comment"] == "made here"
    assert result["image"]["Config"] == {
        "Cmd": ["httpd", "-f"],
        "Entrypoint": ["/init"],
        "Env": ["A=x", "B=2"],
        "Labels": {"l": "1"},
        "ExposedPorts": {"80/tcp": {}, "53/udp": {}},
        "WorkingDir": "/www",
        "User": "12:34",
        "Volumes": {"/data": {}},
        "StopSignal": "SIGQUIT",
    }
    assert layer_fingerprint(images.layer_paths(engine, "web:1")[0]) == fingerprint(root)
    assert not task(
        engine, name="web:1", source="import", path=str(root), config=CONFIG, comment="made here"
    )["changed"]
    changed = task(
        engine,
        name="web:1",
        source="import",
        path=str(root),
        config=dict(CONFIG, user="1"),
        comment="made here",
    )
    assert (
        changed["diff"]["before"] == {"image": result["image"]["Id"]}
        and changed["image"]["RootFS"] == result["image"]["RootFS"]
    )
    (root / "dir" / "file").write_text("other")
    assert task(engine, True, name="web:1", source="import", path=str(root))["changed"]


def test_import_is_the_same_image_on_every_host(engine, task, root, scratch):
    from pycontainer.engine import Engine

    first = task(engine, name="web:1", source="import", path=str(root))["image"]
    with Engine(data=scratch[0] + "/second", run=scratch[1] + "/second") as other:
        second = task(other, name="web:1", source="import", path=str(root))["image"]
    assert (first["Id"], first["ManifestDigest"]) == (second["Id"], second["ManifestDigest"])
    shutil.rmtree(scratch[0] + "/second")
    shutil.rmtree(scratch[1] + "/second")


@pytest.mark.parametrize("pack", (lambda data: data, gzip.compress), ids=("plain", "gzip"))
def test_import_of_an_archive(engine, task, root, tmp_path, pack):
    path = tmp_path / "root.tar"
    run("tar", "-C", str(root), "--xattrs", "--format=pax", "-cf", str(path), ".")
    path.write_bytes(pack(path.read_bytes()))
    assert task(engine, name="web:1", source="import", path=str(path))["changed"]
    assert not task(engine, name="web:1", source="import", path=str(path))["changed"]
    assert layer_fingerprint(images.layer_paths(engine, "web:1")[0]) == fingerprint(root)


def test_imported_images_run_elsewhere(engine, task, root, registry, tmp_path):
    need("skopeo", "umoci")
    name = registry + "/elsewhere/web:1"
    task(engine, name=name, source="import", path=str(root), push=True)
    run(
        "skopeo",
        "copy",
        "-q",
        "--src-tls-verify=false",
        "docker://" + name,
        f"oci:{tmp_path / 'out'}:t",
    )
    run("umoci", "unpack", "--image", f"{tmp_path / 'out'}:t", str(tmp_path / "bundle"))
    assert fingerprint(tmp_path / "bundle" / "rootfs") == fingerprint(root)


@pytest.mark.parametrize(
    "params, words",
    [
        ({"source": "import"}, "^path: "),
        ({"source": "import", "path": "/nonexistent"}, "^path: '/nonexistent'"),
        ({"source": "import", "path": "/etc", "name": None}, "^name: "),
        ({"source": "load", "path": "/nonexistent"}, "^path: "),
        ({"source": "load"}, "^path: "),
        ({"state": "absent", "push": True}, "^push: "),
        ({"state": "absent", "name": None}, "^name: "),
        ({"source": "pull", "path": "/etc"}, "^path: "),
        ({"source": "local", "config": {"user": "x"}}, "^config: "),
        (
            {"source": "import", "path": "ROOT", "config": {"exposed_ports": ["99999"]}},
            "^config.exposed_ports: ",
        ),
        (
            {"source": "import", "path": "ROOT", "config": {"working_dir": "relative"}},
            "^config.working_dir: ",
        ),
        ({"source": "import", "path": "ROOT", "config": {"env": {"A": True}}}, "^config.env: "),
        ({"source": "import", "path": "ROOT", "platform": "windows/amd64"}, "^platform: "),
        ({"source": "import", "path": "ROOT", "name": "web@sha256:" + "0" * 64}, "^name: "),
        ({"source": "import", "path": "ROOT", "tags": ["UPPER"]}, "^tags: "),
        ({"source": "import", "path": "ROOT", "tag": "2"}, "^tag: "),
    ],
)
def test_bad_input_is_refused_before_anything_is_changed(engine, task, root, params, words):
    params = dict({"name": "web:1"}, **params)
    if params.get("path") == "ROOT":
        params["path"] = str(root)
    with pytest.raises(InvalidInput, match=words):
        task(engine, **params)
    assert engine.db.all("SELECT * FROM images") == [] and os.listdir(engine.paths.tmp) == []


def test_local(engine, task, root):
    with pytest.raises(NotFound):
        task(engine, name="web:1", source="local")
    task(engine, name="web", tag="1", source="import", path=str(root))
    assert task(engine, name="web:1", source="local", repository="copy")["actions"] == [
        "tag image as copy:1"
    ]
    assert not task(engine, name="copy:1", source="local")["changed"]


def test_info(engine, task, root):
    from pycontainer.images import task as part

    for name, labels in (("web:1", {"team": "shop"}), ("shop/db:2", {"team": "db"})):
        task(engine, name=name, source="import", path=str(root), config={"labels": labels})

    def names(**params):
        return sorted(
            image["RepoTags"][0]
            for image in part.image_info(
                engine, dict({"name": None, "filters": None, "all": False}, **params)
            )["images"]
        )

    assert names() == ["shop/db:2", "web:1"]
    assert names(name=["web:1", "nothing"]) == ["web:1"]
    assert names(filters={"label": "team=shop"}) == ["web:1"] and names(
        filters={"label": ["team", "team=db"]}
    ) == ["shop/db:2"]
    assert names(filters={"reference": "shop/*"}) == ["shop/db:2"] and names(
        filters={"reference": ["web", "x"]}
    ) == ["web:1"]
    assert names(filters={"dangling": True}) == []
    with pytest.raises(InvalidInput, match="^filters: 'size'"):
        names(filters={"size": 1})


def test_prune(engine, task, root):
    from pycontainer.reconcile import carry_out

    task(engine, name="web:1", source="import", path=str(root))
    task(engine, name="web:1", source="import", path=str(root), config={"user": "1"})
    assert len(engine.db.all("SELECT * FROM images")) == 2
    result = carry_out(images.plan_prune(engine), False)
    assert len(result["images"]) == 1 and len(engine.db.all("SELECT * FROM images")) == 1
    assert not carry_out(images.plan_prune(engine), False)["changed"] and images.layer_paths(
        engine, "web:1"
    )
    assert (
        carry_out(images.plan_prune(engine, True), False)["changed"]
        and os.listdir(engine.paths.layers) == []
    )
