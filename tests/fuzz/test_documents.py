# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests, indexes, configurations and references by the thousand: read, or refused in a sentence."""

from __future__ import annotations

import json

from pycontainer.errors import EngineError
from pycontainer.images.model import manifest, reference
from support import mutations

DIGEST = "sha256:" + "ab" * 32
LAYER = {
    "mediaType": manifest.OCI_LAYER + "+gzip",
    "digest": DIGEST,
    "size": 1234,
    "annotations": {"a": "b"},
    "urls": ["https://example.com/x"],
}
MANIFEST = {
    "schemaVersion": 2,
    "mediaType": manifest.OCI_MANIFEST,
    "config": {"mediaType": manifest.OCI_CONFIG, "digest": DIGEST, "size": 10},
    "layers": [LAYER, dict(LAYER, mediaType=manifest.FOREIGN[0])],
    "annotations": {"a": "b"},
    "subject": {"mediaType": "x", "digest": DIGEST, "size": 1},
}
PLATFORM = {"architecture": "arm", "os": "linux", "variant": "v7", "os.features": ["x"]}
INDEX = {
    "schemaVersion": 2,
    "mediaType": manifest.OCI_INDEX,
    "manifests": [
        {"mediaType": manifest.OCI_MANIFEST, "digest": DIGEST, "size": 1, "platform": PLATFORM},
        {
            "mediaType": manifest.OCI_MANIFEST,
            "digest": DIGEST,
            "size": 1,
            "platform": {"architecture": "amd64", "os": "linux"},
        },
        {"mediaType": manifest.OCI_INDEX, "digest": DIGEST, "size": 1},
    ],
}
CONFIG = {
    "created": "2024-01-02T03:04:05.123456789Z",
    "author": "me",
    "architecture": "amd64",
    "os": "linux",
    "variant": "v2",
    "os.version": "1",
    "os.features": ["x"],
    "config": {
        "User": "0",
        "ExposedPorts": {"80/tcp": {}},
        "Env": ["A=b"],
        "Entrypoint": ["/x"],
        "Cmd": ["y"],
        "Volumes": {"/v": {}},
        "WorkingDir": "/",
        "Labels": {"l": "m"},
        "StopSignal": "SIGTERM",
        "Shell": ["/bin/sh", "-c"],
        "OnBuild": ["RUN x"],
        "Healthcheck": {"Test": ["CMD", "x"], "Interval": 1000000000, "Retries": 3},
    },
    "rootfs": {"type": "layers", "diff_ids": [DIGEST, DIGEST]},
    "history": [
        {"created": "2024-01-02T03:04:05Z", "created_by": "x", "empty_layer": True},
        {"comment": "c", "author": "a"},
    ],
}
ANY = manifest.MANIFESTS + manifest.INDEXES + ("application/json", None, "", "x;y")


def test_manifests():
    def attempt(chance):
        document = manifest.parse(mutations.document(chance, MANIFEST), "it", chance.choice(ANY))
        if not manifest.is_index(document):
            manifest.check_runnable(document, "it")

    wrong, fine = mutations.outcomes(mutations.cases(6000), attempt, EngineError)
    assert wrong == [] and fine


def test_indexes():
    def attempt(chance):
        document = manifest.parse(mutations.document(chance, INDEX), "it", chance.choice(ANY))
        if manifest.is_index(document):
            chosen = manifest.choose(
                document,
                chance.choice(
                    (("linux", "amd64", ""), ("linux", "arm", "v7"), ("linux", "s390x", ""))
                ),
                "it",
            )
            assert chosen in document["manifests"]

    wrong, fine = mutations.outcomes(mutations.cases(6000), attempt, EngineError)
    assert wrong == [] and fine


def test_configurations():
    """One that is taken can be shown: whoever lists the images must not stumble over one of them."""
    from pycontainer.images.library import records

    engine = None

    def attempt(chance):
        config = manifest.parse_config(
            mutations.document(chance, CONFIG), "it", chance.choice((2, 2, None))
        )
        record = {
            "id": DIGEST,
            "config": config,
            "layers": config["rootfs"]["diff_ids"],
            "manifest": DIGEST,
            "size": 0,
            "added": None,
        }
        shown = records.describe(engine, record, [], [])
        json.dumps(shown)
        manifest.runs_on(config, ("linux", "amd64", ""))
        manifest.needs_docker(config["config"])

    wrong, fine = mutations.outcomes(mutations.cases(6000), attempt, EngineError)
    assert wrong == [] and fine


def test_references():
    good = (
        "alpine",
        "registry.example.com:5000/a/b_c/d-e.f:1.2-x",
        "localhost/a@" + DIGEST,
        "[::1]:80/x:y@" + DIGEST,
        "me/app:latest",
    )

    def attempt(chance):
        text = mutations.text(chance, chance.choice(good))
        text = mutations.text(chance, text) if chance.random() < 0.5 else text
        found = reference.parse(text)
        for name in (found.name, found.familiar):
            assert reference.parse(name) == found, (text, name)
        assert found.name.isascii() and not set(found.name) & set(" \n\0?#%")
        reference.looks_like_id(text)

    wrong, fine = mutations.outcomes(mutations.cases(20000), attempt, EngineError)
    assert wrong == [] and fine


def test_digests_and_platforms():
    from pycontainer.store.blobs import valid_digest

    def attempt(chance):
        valid_digest(mutations.text(chance, DIGEST))
        manifest.parse_platform(
            mutations.text(chance, chance.choice(("linux/arm/v7", "linux/amd64", "arm64")))
        )

    assert mutations.outcomes(mutations.cases(5000), attempt, EngineError)[0] == []
