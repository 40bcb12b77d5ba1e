# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Layers and image layouts made by hand, layers mounted, the fingerprint of a tree."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import socket
import stat
import subprocess
import tarfile
import tempfile

import pytest

PARAMS = dict(
    state="present",
    source="pull",
    pull="missing",
    name=None,
    tag=None,
    path=None,
    config=None,
    comment=None,
    push=False,
    repository=None,
    tags=None,
    platform=None,
    force_absent=False,
    insecure=False,
    validate_certs=True,
)


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")


def run(*command, **options):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, **options).stdout.decode()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def member(name, content=b"", **options):
    """A member for :func:`layer`: ``pax`` records, ``kind`` of tarfile's types, and TarInfo's fields."""
    info = tarfile.TarInfo(os.fsdecode(name))
    info.size, info.mtime, info.mode = len(content), 1700000000, 0o644
    info.type = options.pop("kind", tarfile.REGTYPE)
    info.pax_headers = options.pop("pax", {})
    for key, value in options.items():
        setattr(info, key, value)
    return info, content


def layer(members, form=tarfile.PAX_FORMAT):
    """A layer's tar archive as bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form, errors="surrogateescape") as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def layout(directory, layers, config=None, packed=None):
    """An OCI layout of an image of uncompressed ``layers`` (bytes), tagged ``t``. :returns: its manifest's digest.

    :param packed: the layers' gzip form, if that is what the layout is to hold.
    """
    blobs = os.path.join(str(directory), "blobs", "sha256")
    os.makedirs(blobs)

    def put(data, media_type):
        digest = hashlib.sha256(data).hexdigest()
        with open(os.path.join(blobs, digest), "wb") as file:
            file.write(data)
        return {"mediaType": media_type, "digest": "sha256:" + digest, "size": len(data)}

    kind = "application/vnd.oci.image.layer.v1.tar" + ("+gzip" if packed else "")
    described = [put(data, kind) for data in packed or layers]
    diff_ids = ["sha256:" + hashlib.sha256(data).hexdigest() for data in layers]
    document = dict(
        {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["sh"]}}, **(config or {})
    )
    document["rootfs"] = {"type": "layers", "diff_ids": diff_ids}
    document["history"] = [{"created_by": "test"} for _item in described]
    config_item = put(json.dumps(document).encode(), "application/vnd.oci.image.config.v1+json")
    body = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config_item,
        "layers": described,
    }
    item = put(json.dumps(body).encode(), body["mediaType"])
    item["annotations"] = {"org.opencontainers.image.ref.name": "t"}
    for name, content in (
        ("oci-layout", {"imageLayoutVersion": "1.0.0"}),
        ("index.json", {"schemaVersion": 2, "manifests": [item]}),
    ):
        with open(os.path.join(str(directory), name), "w") as file:
            json.dump(content, file)
    return item["digest"]


@contextlib.contextmanager
def mounted(paths, at):
    """Layers, topmost first, stacked by overlayfs at a new directory."""
    os.makedirs(str(at))
    with contextlib.ExitStack() as stack:
        paths = [stack.enter_context(as_directory(path)) for path in paths]
        if len(paths) == 1:
            run("mount", "--bind", paths[0], str(at))
        else:
            run(
                "mount", "-t", "overlay", "overlay", "-o", "ro,lowerdir=" + ":".join(paths), str(at)
            )
        try:
            yield str(at)
        finally:
            run("umount", str(at))


@contextlib.contextmanager
def as_directory(path):
    """The directory of a layer, which may be an EROFS image."""
    if os.path.isdir(path):
        yield path
        return
    from pycontainer.kernel.mounts import erofs, mounts

    at = tempfile.mkdtemp()
    handle = erofs.mount(path)
    mounts.attach_root(handle, at)
    os.close(handle)
    try:
        yield at
    finally:
        run("umount", at)
        os.rmdir(at)


def layer_fingerprint(place):
    """The fingerprint of one layer, of either kind."""
    with as_directory(place) as top:
        return fingerprint(top)


def names_in(place):
    """The names in a layer's root directory."""
    with as_directory(place) as top:
        return sorted(os.listdir(top))


def fingerprint(root):
    """``{path: everything that can be told about it}`` of a tree, except what depends on when it was unpacked."""
    root, found, inodes = os.fsencode(root), {}, {}
    for directory, names, files in os.walk(root):
        for name in names + files:
            path = os.path.join(directory, name)
            relative, status = os.path.relpath(path, root), os.lstat(path)
            kind = stat.S_IFMT(status.st_mode)
            facts = [oct(status.st_mode), status.st_uid, status.st_gid, status.st_mtime_ns]
            if kind == stat.S_IFREG:
                with open(path, "rb") as file:
                    facts += [status.st_size, hashlib.sha256(file.read()).hexdigest()]
            elif kind == stat.S_IFLNK:
                facts.append(os.readlink(path))
            elif kind != stat.S_IFDIR:
                facts.append(status.st_rdev)
            if kind != stat.S_IFLNK:
                facts.append(
                    {
                        key: os.getxattr(path, key)
                        for key in os.listxattr(path)
                        if not key.startswith("trusted.overlay.")
                    }
                )
            if kind != stat.S_IFDIR and status.st_nlink > 1:
                inodes.setdefault((status.st_dev, status.st_ino), []).append(relative)
            found[relative] = facts
    for group in inodes.values():
        if len(group) > 1:
            for relative in group:
                found[relative].append(sorted(group))
    return found
