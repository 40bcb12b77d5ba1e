# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which images an OCI layout has: several platforms under one name, some of an index's alone, and what is no image."""

from __future__ import annotations

import json

import pytest
from pycontainer.errors import InvalidInput, RegistryError, Unsupported
from pycontainer.images.archives import archive_reader
from pycontainer.images.model import manifest

AMD64, ARM64 = ("linux", "amd64", ""), ("linux", "arm64", "v8")
NAME, TAG = archive_reader.REF_NAMES


class Layout:
    def __init__(self, path):
        self.path, self.entries = path, []
        (path / "blobs" / "sha256").mkdir(parents=True)
        (path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')

    def put(self, document, kind, there=True):
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        digest = manifest.digest_of(data)
        if there:
            (self.path / "blobs" / "sha256" / digest.partition(":")[2]).write_bytes(data)
        return {"mediaType": kind, "digest": digest, "size": len(data)}

    def image(self, architecture, there=True):
        """Descriptor of an image, with its platform."""
        layer = self.put(architecture.encode() * 600, manifest.OCI_LAYER, there)
        config = self.put(
            {
                "os": "linux",
                "architecture": architecture,
                "rootfs": {"diff_ids": [layer["digest"]]},
            },
            manifest.OCI_CONFIG,
            there,
        )
        found = self.put(
            {"schemaVersion": 2, "config": config, "layers": [layer]}, manifest.OCI_MANIFEST, there
        )
        return dict(found, platform={"os": "linux", "architecture": architecture}), config, layer

    def index(self, *items):
        return self.put({"schemaVersion": 2, "manifests": list(items)}, manifest.OCI_INDEX)

    def add(self, item, **annotations):
        self.entries.append(dict(item, annotations=annotations))

    def contents(self, platform=AMD64):
        """``[(architecture, names)]``."""
        (self.path / "index.json").write_text(
            json.dumps({"schemaVersion": 2, "manifests": self.entries})
        )
        with archive_reader.opened(str(self.path), None) as members:
            return [
                (json.loads(image.config)["architecture"], image.names)
                for image in archive_reader.contents(members, platform)
            ]


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path / "layout")


def test_several_platforms_under_one_name(layout):
    for architecture in ("amd64", "arm64"):
        layout.add(layout.image(architecture)[0], **{TAG: "web:1"})
    layout.add(layout.image("s390x")[0], **{TAG: "other:1"})
    assert layout.contents() == [("amd64", ["web:1"]), ("s390x", ["other:1"])]
    assert layout.contents(ARM64) == [("arm64", ["web:1"]), ("s390x", ["other:1"])]
    with pytest.raises(
        Unsupported,
        match="web:1 in .* is not there for linux/riscv64; it is for linux/amd64, linux/arm64",
    ):
        layout.contents(("linux", "riscv64", ""))


def test_a_layout_without_an_image(layout):
    layout.add(layout.put(b"{}", "application/xml"))
    with pytest.raises(InvalidInput, match="this one names none"):
        layout.contents()


def test_without_a_name_each_is_an_image_of_its_own(layout):
    for architecture in ("amd64", "arm64"):
        layout.add(layout.image(architecture)[0])
    assert layout.contents() == [("amd64", []), ("arm64", [])]


def test_what_is_no_image_is_passed_over(layout):
    layout.add(layout.put(b"<?xml version='1.0'?>", "application/xml"), **{TAG: "web:1"})
    layout.add(layout.image("amd64")[0], **{TAG: "web:1"})
    assert layout.contents() == [("amd64", ["web:1"])]
    layout.add({"digest": layout.entries[1]["digest"], "platform": "linux"})
    with pytest.raises(RegistryError, match="a platform that is none"):
        layout.contents()


def test_an_index_of_which_some_platforms_are_there(layout):
    layout.add(
        layout.index(layout.image("amd64", False)[0], layout.image("arm64")[0]),
        **{NAME: "docker.io/library/web:1", TAG: "1"},
    )
    assert layout.contents(ARM64) == [("arm64", ["docker.io/library/web:1"])]
    with pytest.raises(Unsupported, match="is not there for linux/amd64; it is for linux/arm64"):
        layout.contents()


def test_what_docker_has_saved_of_another_platform(layout):
    """Its manifest.json names the one that is there."""
    item, config, layer = layout.image("arm64")
    layout.add(layout.index(layout.image("amd64", False)[0], item))
    names = ["blobs/" + each["digest"].replace(":", "/") for each in (config, layer)]
    (layout.path / "manifest.json").write_text(
        json.dumps([{"Config": names[0], "RepoTags": ["web:1"], "Layers": names[1:]}])
    )
    assert layout.contents() == layout.contents(ARM64) == [("arm64", ["web:1"])]


def test_an_index_of_which_nothing_is_there(layout):
    layout.add(layout.index(layout.image("amd64", False)[0]))
    with pytest.raises(RegistryError, match="is damaged: it lacks blobs/sha256/"):
        layout.contents()
