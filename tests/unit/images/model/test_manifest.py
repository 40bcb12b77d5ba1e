# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests, indexes and configurations: what is taken, what is refused, which platform is chosen."""

from __future__ import annotations

import json

import pytest
from pycontainer.errors import InvalidInput, RegistryError, Unsupported
from pycontainer.images.model import manifest

DIGEST = "sha256:" + "a" * 64


def descriptor(kind=manifest.OCI_LAYER + "+gzip", **more):
    return dict({"mediaType": kind, "digest": DIGEST, "size": 3}, **more)


def image(**more):
    return dict(
        {
            "schemaVersion": 2,
            "mediaType": manifest.OCI_MANIFEST,
            "config": descriptor(manifest.OCI_CONFIG),
            "layers": [descriptor()],
        },
        **more,
    )


def index(*platforms):
    entries = [
        descriptor(manifest.OCI_MANIFEST, digest="sha256:%064d" % number)
        for number, _platform in enumerate(platforms)
    ]
    for entry, platform in zip(entries, platforms):
        if platform:
            entry["platform"] = dict(zip(("os", "architecture", "variant"), platform.split("/")))
    return {"schemaVersion": 2, "manifests": entries}


def encode(document):
    return json.dumps(document).encode()


def test_an_image_and_an_index_are_taken_with_and_without_their_media_type():
    assert not manifest.is_index(
        manifest.parse(encode(image()), "x", manifest.OCI_MANIFEST + "; charset=utf-8")
    )
    assert (
        manifest.parse(encode(image(mediaType=None)), "x", "application/json")["mediaType"]
        == manifest.OCI_MANIFEST
    )
    assert manifest.is_index(manifest.parse(encode(index("linux/amd64")), "x"))
    assert (
        manifest.parse(encode(image(mediaType=manifest.DOCKER_MANIFEST)), "x")["mediaType"]
        == manifest.DOCKER_MANIFEST
    )


@pytest.mark.parametrize(
    "document, content_type",
    [
        (image(manifests=[]), None),
        ({"schemaVersion": 2}, None),
        (image(schemaVersion=3), None),
        (image(), manifest.DOCKER_MANIFEST),
        (image(mediaType=manifest.OCI_INDEX), None),
        (image(layers=[descriptor(size=-1)]), None),
        (image(layers=[descriptor(size=True)]), None),
        (image(layers=[descriptor(digest="sha256:" + "A" * 64)]), None),
        (image(layers=[descriptor(digest="sha256:../../../etc/passwd")]), None),
        (image(layers={}), None),
        (image(config=None), None),
        (image(layers=[{}]), None),
        ([], None),
    ],
)
def test_ambiguous_or_broken_manifests_are_refused(document, content_type):
    with pytest.raises(RegistryError):
        manifest.parse(encode(document), "x", content_type)


def test_schema_1_is_refused_in_its_own_words():
    for data, kind in (
        (encode({"schemaVersion": 1, "fsLayers": []}), None),
        (encode({"x": 1}), manifest.SCHEMA1[1]),
    ):
        with pytest.raises(Unsupported, match="schema 1"):
            manifest.parse(data, "x", kind)


def test_size_limit_and_json():
    for data in (b" " * (manifest.MAX_MANIFEST + 1), b"\xff\xfe", b"{", b"[" * 100000):
        with pytest.raises(RegistryError):
            manifest.parse(data, "x")


def test_artifacts_and_unknown_layers_are_refused_and_foreign_layers_known():
    foreign = descriptor("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")
    manifest.check_runnable(image(layers=[foreign]), "a:1")
    assert manifest.is_foreign(foreign) and not manifest.is_foreign(descriptor(manifest.OCI_LAYER))
    for document, words in (
        (image(config=descriptor("application/vnd.cncf.helm.config.v1+json")), "a Helm chart"),
        (image(config=descriptor("application/vnd.docker.plugin.v1+json")), "a plugin of Docker's"),
        (image(layers=[descriptor("text/plain")]), "unknown media type"),
        (image(config=descriptor("application/vnd.oci.empty.v1+json")), "artifact"),
    ):
        with pytest.raises(Unsupported, match=words):
            manifest.check_runnable(document, "x")
    manifest.check_runnable(image(), "x")


def test_configurations():
    data = {"rootfs": {"type": "layers", "diff_ids": [DIGEST]}, "config": None}
    assert manifest.parse_config(encode(data), "x", 1)["config"] == {}
    assert manifest.parse_config(b"{}", "x", 0)["rootfs"]["diff_ids"] == []
    for broken, count in (
        (data, 2),
        ({"rootfs": {"diff_ids": ["x"]}}, 1),
        (dict(data, config=[1]), 1),
    ):
        with pytest.raises(RegistryError):
            manifest.parse_config(encode(broken), "x", count)


@pytest.mark.parametrize(
    "platforms, wanted, chosen",
    [
        (["linux/amd64", "linux/arm64"], "linux/arm64", 1),
        (["linux/arm64/v8", "linux/amd64"], "linux/arm64", 0),
        (["linux/arm/v5", "linux/arm/v6", "linux/arm/v7"], "linux/arm/v6", 1),
        (["linux/arm/v5"], "linux/arm", 0),
        (["unknown/unknown", "linux/amd64"], "linux/amd64", 1),
        (["windows/amd64", "linux/amd64"], "amd64", 1),
        (["linux/amd64", "linux/amd64/v3"], "linux/amd64/v3", 1),
        (["linux/amd64"], "linux/amd64/v2", 0),
        ([None], "linux/amd64", 0),
    ],
)
def test_platforms(platforms, wanted, chosen):
    found = manifest.choose(index(*platforms), manifest.parse_platform(wanted), "x")
    assert found["digest"] == "sha256:%064d" % chosen


def test_no_platform_fits():
    with pytest.raises(
        Unsupported, match="x is not there for linux/s390x; it is for linux/amd64, linux/arm/v7$"
    ):
        manifest.choose(
            index("linux/arm/v7", "linux/amd64", "unknown/unknown"),
            manifest.parse_platform("s390x"),
            "x",
        )
    for text in (
        "windows/amd64",
        "linux/a/b/c",
        "linux/",
        "linux/a;b",
        "windows",
        "darwin",
        "linux/linux",
        "linux/windows/v1",
        "/",
        "/amd64",
    ):
        with pytest.raises(InvalidInput, match=f"^platform: '{text}' is not valid"):
            manifest.parse_platform(text)


def test_the_system_alone_is_the_hosts_platform():
    assert manifest.parse_platform("linux") == manifest.host_platform()


def test_chain_ids_follow_the_specification():
    first, second = "sha256:" + "1" * 64, "sha256:" + "2" * 64
    chains = manifest.chain_ids([first, second])
    assert chains == [first, manifest.digest_of(f"{first} {second}".encode())]
