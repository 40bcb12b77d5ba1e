# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which manifests are taken, and what is read out of them."""

from __future__ import annotations

import json

import pytest
from pycontainer.registry.content import manifests
from pycontainer.registry.content.answers import Refusal

DIGESTS = [f"sha256:{number:064x}" for number in range(6)]


def descriptor(number, media_type="application/vnd.oci.image.layer.v1.tar+gzip", **more):
    return dict({"mediaType": media_type, "digest": DIGESTS[number], "size": number}, **more)


def image(**more):
    return dict(
        {
            "schemaVersion": 2,
            "config": descriptor(0, "application/vnd.oci.image.config.v1+json"),
            "layers": [descriptor(1)],
        },
        **more,
    )


def read(document, content_type=manifests.OCI_MANIFEST):
    return manifests.Manifest(json.dumps(document).encode(), content_type)


def test_image():
    found = read(image())
    assert (found.media_type, found.blobs, found.children, found.subject) == (
        manifests.OCI_MANIFEST,
        DIGESTS[:2],
        [],
        None,
    )
    assert found.artifact_type == "application/vnd.oci.image.config.v1+json"


def test_docker_image():
    assert (
        read(image(mediaType=manifests.DOCKER_MANIFEST), manifests.DOCKER_MANIFEST).blobs
        == DIGESTS[:2]
    )


@pytest.mark.parametrize("content_type", [manifests.OCI_INDEX, manifests.DOCKER_LIST])
def test_index(content_type):
    found = read(
        {
            "schemaVersion": 2,
            "manifests": [descriptor(3), descriptor(4)],
            "artifactType": "x/y",
            "subject": descriptor(5),
        },
        content_type,
    )
    assert (found.blobs, found.children, found.subject, found.artifact_type) == (
        [],
        DIGESTS[3:5],
        DIGESTS[5],
        "x/y",
    )


def test_artifact_with_subject():
    found = read(image(artifactType="x/sbom", subject=descriptor(5), annotations={"a": "b"}))
    assert (found.subject, found.artifact_type, found.annotations) == (
        DIGESTS[5],
        "x/sbom",
        {"a": "b"},
    )


def test_layers_that_lie_elsewhere_need_not_be_here():
    foreign = descriptor(
        2,
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        urls=["https://example.com/"],
    )
    nondistributable = descriptor(3, "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip")
    assert read(image(layers=[descriptor(1), foreign, nondistributable])).blobs == DIGESTS[:2]


def test_the_type_is_found_without_a_content_type():
    assert read(image(), "").media_type == manifests.OCI_MANIFEST
    assert (
        read({"schemaVersion": 2, "manifests": []}, "application/json; charset=utf-8").media_type
        == manifests.OCI_INDEX
    )
    assert (
        read(image(mediaType=manifests.DOCKER_MANIFEST), "").media_type == manifests.DOCKER_MANIFEST
    )


@pytest.mark.parametrize(
    "document, content_type, reason",
    [
        ([], manifests.OCI_MANIFEST, "object"),
        (image(manifests=[]), manifests.OCI_MANIFEST, "at once"),
        (image(), manifests.OCI_INDEX, "not what its media type says"),
        (image(mediaType=manifests.DOCKER_MANIFEST), manifests.OCI_MANIFEST, "differ"),
        (image(mediaType=3), manifests.OCI_MANIFEST, "not a string"),
        (
            image(),
            "application/vnd.docker.distribution.manifest.v1+prettyjws",
            "not one that this registry takes",
        ),
        (image(schemaVersion=1), manifests.OCI_MANIFEST, "schemaVersion"),
        (image(config=None), manifests.OCI_MANIFEST, "config has no descriptor"),
        (image(layers={}), manifests.OCI_MANIFEST, "layers is not a list"),
        (image(layers=[dict(descriptor(1), size=-1)]), manifests.OCI_MANIFEST, "size"),
        (image(layers=[dict(descriptor(1), size=True)]), manifests.OCI_MANIFEST, "size"),
        (
            image(layers=[dict(descriptor(1), digest="sha256:../../etc")]),
            manifests.OCI_MANIFEST,
            "digest",
        ),
        (image(layers=[{"digest": DIGESTS[1], "size": 1}]), manifests.OCI_MANIFEST, "mediaType"),
        (image(subject={}), manifests.OCI_MANIFEST, "subject"),
        ({"schemaVersion": 2, "manifests": ["x"]}, manifests.OCI_INDEX, "manifests"),
    ],
)
def test_refused(document, content_type, reason):
    with pytest.raises(Refusal, match=reason) as refusal:
        read(document, content_type)
    assert (refusal.value.status, refusal.value.code) == (400, "MANIFEST_INVALID")


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[" * 100000])
def test_no_json(data):
    with pytest.raises(Refusal):
        manifests.Manifest(data, manifests.OCI_MANIFEST)
