# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a build cache may be written to: what is there is replaced."""

from __future__ import annotations

import json

import pytest
from pycontainer.builds.parse import cache_flags
from pycontainer.errors import InvalidInput
from pycontainer.images.model import manifest


def layout(directory, config):
    (directory / "blobs" / "sha256").mkdir(parents=True)

    def put(document):
        data = json.dumps(document).encode()
        digest = manifest.digest_of(data)
        (directory / "blobs" / "sha256" / digest.partition(":")[2]).write_bytes(data)
        return {"digest": digest, "size": len(data)}

    (directory / "index.json").write_text(json.dumps({"manifests": [put({"config": put(config)})]}))
    (directory / "oci-layout").write_text("{}")
    return directory


def test_what_a_cache_takes_the_place_of(tmp_path):
    (tmp_path / "empty").mkdir()
    layout(tmp_path / "cache", {cache_flags.KEY: {"version": 1}})
    for name in ("nothing", "empty", "cache"):
        assert cache_flags.target(f"type=local,dest={tmp_path / name},mode=max").where == str(
            tmp_path / name
        )


def test_what_it_does_not(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("x")
    layout(tmp_path / "images", {"config": {}})
    (layout(tmp_path / "more", {cache_flags.KEY: {}}) / "notes").write_text("x")
    (layout(tmp_path / "damaged", {cache_flags.KEY: {}}) / "index.json").write_text("{")
    (layout(tmp_path / "older", {cache_flags.KEY: {}}) / "index.json").unlink()
    (tmp_path / "link").symlink_to(layout(tmp_path / "other", {cache_flags.KEY: {}}))
    for name in ("file", "full", "images", "more", "damaged", "older", "link"):
        with pytest.raises(
            InvalidInput, match="cache_to: .* an empty directory, or one with a build cache"
        ):
            cache_flags.target(f"type=local,dest={tmp_path / name}")
