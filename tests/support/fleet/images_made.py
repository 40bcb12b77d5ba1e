# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images on the controller for the tests of deliveries: OCI layouts and docker archives, made without any tool."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import pathlib
import tarfile
import zlib

OCI = "application/vnd.oci.image."


def tar(files, mtime=1700000000):
    """A layer's archive. :param files: ``{name: bytes}``."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.mode = (
                len(content),
                mtime,
                0o755 if name.startswith("bin/") else 0o644,
            )
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def by_zlib(data):
    """gzip as this engine makes it, which a host can make again."""
    worker = zlib.compressobj(1, zlib.DEFLATED, 31)
    return worker.compress(data) + worker.flush()


def foreign(data):
    """gzip that zlib never makes of these bytes: two members."""
    half = len(data) // 2
    return gzip.compress(data[:half], 6, mtime=0) + gzip.compress(data[half:], 6, mtime=0)


def config_of(layers, command=("/bin/sh",)):
    return json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": list(command)},
            "history": [{"created_by": "test"} for _layer in layers],
            "rootfs": {"type": "layers", "diff_ids": [digest(layer) for layer in layers]},
        }
    ).encode()


def layout(path, layers, compress=by_zlib, name="t"):
    """An OCI layout in the directory ``path``. :param layers: archives. :returns: the manifest's digest."""
    path = pathlib.Path(path)
    (path / "blobs" / "sha256").mkdir(parents=True)

    def put(data, kind):
        (path / "blobs" / "sha256" / digest(data)[7:]).write_bytes(data)
        return {"mediaType": OCI + kind, "digest": digest(data), "size": len(data)}

    described = [put(compress(layer), "layer.v1.tar+gzip") for layer in layers]
    body = {
        "schemaVersion": 2,
        "mediaType": OCI + "manifest.v1+json",
        "config": put(config_of(layers), "config.v1+json"),
        "layers": described,
        "annotations": {"made.by": "test"},
    }
    item = put(json.dumps(body).encode(), "manifest.v1+json")
    item["annotations"] = {"org.opencontainers.image.ref.name": name}
    (path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [item]}))
    return item["digest"]


def docker_archive(path, layers, name="made:1"):
    """An archive as ``docker save`` wrote it before version 25. :returns: the image's id."""
    config = config_of(layers)
    files = {digest(layer)[7:] + "/layer.tar": layer for layer in layers}
    files[digest(config)[7:] + ".json"] = config
    files["manifest.json"] = json.dumps(
        [
            {
                "Config": digest(config)[7:] + ".json",
                "RepoTags": [name],
                "Layers": [digest(layer)[7:] + "/layer.tar" for layer in layers],
            }
        ]
    ).encode()
    pathlib.Path(path).write_bytes(tar(files))
    return digest(config)
