# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests, indexes and image configurations: read, validate, choose a platform, write.

Forms: OCI image-spec 1.1 (manifest.md, image-index.md, config.md) and Docker's manifest version 2,
schema 2. A document is stored as the bytes that came; parsing only reads it.
"""

from __future__ import annotations

import hashlib
import json
import os

from ...errors import InvalidInput, RegistryError, Unsupported
from ...store.blobs import valid_digest
from ...untrusted import json_reader
from ...untrusted.text import printable
from . import config_fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    Document = dict[str, Any]  # a manifest, an index, a configuration, or a descriptor in one
    Described = Mapping[str, Any]  # digest and size of a blob; of a layer, also its compression
    Platform = tuple[str, str, str]  # os, architecture, variant


MAX_MANIFEST = 4 << 20  # bytes; distribution-spec, "Pushing manifests"
MAX_CONFIG = 8 << 20
MAX_LAYERS = 500  # overlayfs takes no more (OVL_MAX_STACK)
MAX_SIZE = 1 << 63  # of what a descriptor describes: int64 in image-spec, descriptor.md

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar"

INDEXES = (OCI_INDEX, DOCKER_LIST)
MANIFESTS = (OCI_MANIFEST, DOCKER_MANIFEST)
CONFIGS = (OCI_CONFIG, DOCKER_CONFIG)
ACCEPT = ", ".join((OCI_MANIFEST, DOCKER_MANIFEST, OCI_INDEX, DOCKER_LIST))
SCHEMA1 = (
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
)
OCI_FOREIGN = "application/vnd.oci.image.layer.nondistributable.v1.tar"
DOCKER_FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar"
FOREIGN = tuple(
    base + suffix
    for base in (OCI_FOREIGN, DOCKER_FOREIGN)
    for suffix in ("", "+gzip", "+zstd", ".gzip", ".zstd")
)
LAYERS = (
    tuple(
        base + suffix
        for base in (OCI_LAYER, DOCKER_LAYER)
        for suffix in ("", "+gzip", "+zstd", ".gzip", ".zstd")
    )
    + FOREIGN
)
# other artifacts in registries: the beginning of the config's media type -> what to call it
OTHERS = {
    "application/vnd.cncf.helm.": "a Helm chart",
    "application/vnd.docker.plugin.": "a plugin of Docker's",
    "application/vnd.dev.cosign.": "a signature",
    "application/vnd.wasm.": "a WebAssembly module",
}


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def parse(data: bytes, what: str, content_type: str | None = None) -> Document:
    """Parse and validate a manifest or index; return a dictionary with a ``mediaType``.

    :param data: bytes.
    :param what: names it in errors.
    :param content_type: the media type that the registry named. One inside the document must be the
        same: a document that can be read in two ways could be checked in one and run in the other
        (distribution-spec, CVE-2021-41190).
    :raises RegistryError: when it is neither a manifest nor an index.
    :raises Unsupported: for schema 1.
    """
    document = json_reader.load(
        data, f"{what}: the manifest", error=RegistryError, size=MAX_MANIFEST
    )
    declared = (content_type or "").partition(";")[0].strip() or None
    if declared in SCHEMA1 or document.get("schemaVersion") == 1:
        raise Unsupported(
            f"{what} has a manifest of schema 1, which was given up by Docker; push the image "
            "again with a current tool"
        )
    if document.get("schemaVersion") != 2:
        raise RegistryError(
            "%s: the manifest's schemaVersion is %.40r; 2 is accepted"
            % (what, document.get("schemaVersion"))
        )
    inside = document.get("mediaType")
    if declared not in INDEXES + MANIFESTS:
        declared = None  # a static file server's application/json says nothing
    if inside and declared and inside != declared:
        raise RegistryError(
            f"{what}: the registry calls the manifest {printable(declared, 200)} and the manifest "
            f"itself {printable(inside, 200)}"
        )
    if ("manifests" in document) == ("layers" in document or "config" in document):
        raise RegistryError(
            f"{what}: a manifest must have either config and layers or, as an index, manifests"
        )
    kind = inside or declared or (OCI_INDEX if "manifests" in document else OCI_MANIFEST)
    if kind not in (INDEXES if "manifests" in document else MANIFESTS):
        raise RegistryError(
            f"{what}: the media type {printable(kind, 200)} does not fit the manifest's content"
        )
    if "manifests" in document:
        _descriptors(document["manifests"], what, "manifests")
    else:
        _descriptors([document.get("config")], what, "config")
        _descriptors(document.get("layers"), what, "layers")
    return dict(document, mediaType=kind)


def is_foreign(layer: Document) -> bool:
    """Return whether a layer's descriptor is of one that registries need not hold."""
    return layer["mediaType"] in FOREIGN


def is_index(document: Document) -> bool:
    return "manifests" in document


def check_runnable(document: Document, what: str) -> None:
    """Check that a manifest is of an image that can be unpacked here.

    :raises Unsupported: when it is not.
    """
    kind = document["config"]["mediaType"]
    if kind not in CONFIGS:
        called = next(
            (name for start, name in OTHERS.items() if kind.startswith(start)), "an artifact"
        )
        raise Unsupported(
            f"{what} is not a container image but {called} (its config is "
            f"{printable(document.get('artifactType') or kind, 200)})"
        )
    if len(document["layers"]) > MAX_LAYERS:
        raise Unsupported(
            f"{what} has {len(document['layers'])} layers; overlayfs takes at most {MAX_LAYERS}"
        )
    for layer in document["layers"]:
        kind = layer["mediaType"]
        if kind not in LAYERS:
            raise Unsupported(
                f"{what} has a layer of the unknown media type {printable(kind, 200)}"
            )


def parse_config(data: bytes, what: str, layers: int | None = None) -> Document:
    """Parse and validate an image configuration.

    :param layers: how many layers the manifest has.
    :returns: the document, with ``config`` a dictionary.
    :raises RegistryError: when it is not one.
    """
    document = json_reader.load(
        data, f"{what}: the image configuration", error=RegistryError, size=MAX_CONFIG
    )
    rootfs = document.get("rootfs")
    diff_ids = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    diff_ids = [] if diff_ids is None else diff_ids
    if not isinstance(diff_ids, list) or not all(
        isinstance(item, str) and valid_digest(item) for item in diff_ids
    ):
        raise RegistryError(
            f"{what}: rootfs.diff_ids of the image configuration is not a list of digests"
        )
    if layers is not None and len(diff_ids) != layers:
        raise RegistryError(
            f"{what}: the manifest has {layers} layers and the image configuration {len(diff_ids)}"
        )
    config_fields.check(document, what)
    document["config"] = document.get("config") or {}
    document["rootfs"] = {"type": "layers", "diff_ids": diff_ids}
    return document


def _descriptors(items: Any, what: str, field: str) -> None:
    if not isinstance(items, list):
        raise RegistryError(f"{what}: {field} of the manifest is not a list")
    for item in items:
        size = item.get("size") if isinstance(item, dict) else None
        if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < MAX_SIZE:
            raise RegistryError(f"{what}: an entry of {field} in the manifest has no proper size")
        if not isinstance(item.get("digest"), str) or not valid_digest(item["digest"]):
            raise RegistryError(f"{what}: an entry of {field} in the manifest has no proper digest")
        if not isinstance(item.get("mediaType"), str):
            raise RegistryError(f"{what}: an entry of {field} in the manifest has no mediaType")
        platform = item.get("platform")
        if platform is not None and not (
            isinstance(platform, dict)
            and all(
                isinstance(platform.get(key) or "", str)
                for key in ("os", "architecture", "variant")
            )
        ):
            raise RegistryError(
                f"{what}: an entry of {field} in the manifest has no proper platform"
            )
        if not isinstance(item.get("urls") or [], list) or not all(
            isinstance(url, str) for url in item.get("urls") or []
        ):
            raise RegistryError(
                f"{what}: an entry of {field} in the manifest has urls that are not a list of texts"
            )


def chain_ids(diff_ids: Sequence[str]) -> list[str]:
    """Return the ChainID of every layer, lowest first (image-spec, config.md#layer-chainid).

    It identifies a layer together with those below it.
    """
    chains: list[str] = []
    for diff_id in diff_ids:
        chains.append(diff_id if not chains else digest_of(f"{chains[-1]} {diff_id}".encode()))
    return chains


# --- platforms ---

_MACHINES = {
    "x86_64": ("amd64", ""),
    "aarch64": ("arm64", "v8"),
    "armv7l": ("arm", "v7"),
    "armv6l": ("arm", "v6"),
    "i686": ("386", ""),
    "i386": ("386", ""),
    "ppc64le": ("ppc64le", ""),
    "s390x": ("s390x", ""),
    "riscv64": ("riscv64", ""),
}
_ALIASES = {
    "x86_64": ("amd64", ""),
    "x86-64": ("amd64", ""),
    "aarch64": ("arm64", "v8"),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
    "i386": ("386", ""),
}


SYSTEMS = (
    "linux",
    "windows",
    "darwin",
    "freebsd",
    "netbsd",
    "openbsd",
    "dragonfly",
    "solaris",
    "illumos",
    "aix",
    "plan9",
    "js",
    "wasip1",
    "android",
    "ios",
)
# As Go names them, for the image specification refers to its lists.
ARCHITECTURES = (
    "386",
    "amd64",
    "arm",
    "arm64",
    "loong64",
    "mips",
    "mips64",
    "mips64le",
    "mipsle",
    "ppc64",
    "ppc64le",
    "riscv64",
    "s390x",
    "wasm",
)


def host_platform(machine: str | None = None) -> Platform:
    """Return ``(os, architecture, variant)`` of this machine.

    :param machine: the output of ``uname -m``, for another machine.
    """
    machine = machine or os.uname().machine
    return ("linux",) + _MACHINES.get(machine, (machine, ""))


def parse_platform(text: str | None) -> Platform:
    """Parse ``linux/arm/v7``, ``linux/amd64`` or ``arm64`` into ``(os, architecture, variant)``.

    None stands for the host's, and so does ``linux`` alone.

    :raises InvalidInput: for anything else.
    """
    if not text or text == "linux":
        return host_platform()
    parts = text.split("/")
    if len(parts) == 1 and text not in SYSTEMS:
        parts = ["linux"] + parts
    proper = all(part and part.replace("-", "").replace("_", "").isalnum() for part in parts)
    if not 2 <= len(parts) <= 3 or parts[0] != "linux" or parts[1] in SYSTEMS or not proper:
        raise InvalidInput(
            "platform", text, "linux/ARCHITECTURE[/VARIANT], such as linux/amd64 or linux/arm/v7"
        )
    architecture, variant = _ALIASES.get(parts[1], (parts[1], ""))
    return (
        "linux",
        architecture,
        parts[2]
        if len(parts) == 3
        else variant or {"arm64": "v8", "arm": "v7"}.get(architecture, ""),
    )


def show_platform(platform: Iterable[str | None]) -> str:
    return "/".join(part for part in platform if part)


def _acceptable(platform: Platform) -> list[str]:
    """Return the variants that run on ``platform``, best first."""
    _os, architecture, variant = platform
    if architecture == "arm":
        level = int(variant[1:]) if variant[1:].isdigit() else 7
        return [f"v{number}" for number in range(level, 4, -1)] + [""]
    if architecture == "arm64":
        return [variant, "v8", ""]
    if architecture == "amd64" and variant[1:].isdigit():
        return [f"v{number}" for number in range(int(variant[1:]), 0, -1)] + [""]
    return [variant, "", "v1"]


def runs_on(config: Document, platform: Platform) -> bool:
    """Return whether an image with this configuration is for ``platform``."""
    found = (
        config.get("os") or "linux",
        config.get("architecture") or platform[1],
        config.get("variant") or "",
    )
    return found[:2] == tuple(platform[:2]) and found[2] in _acceptable(platform)


class OtherPlatform(Unsupported):
    """An index has no entry for the requested platform."""


def choose(index: Document, platform: Platform, what: str) -> Document:
    """Return the descriptor in an index that fits ``platform`` best.

    An entry without platform (a nested index, or a single image) is taken where none fits.
    BuildKit's attestations have the platform unknown/unknown and are never chosen.

    :raises OtherPlatform: with the list of platforms in the index.
    """
    entries = [
        (item, item.get("platform") or {})
        for item in index["manifests"]
        if item["mediaType"] in INDEXES + MANIFESTS
    ]
    for variant in _acceptable(platform):
        for item, found in entries:
            if (found.get("os"), found.get("architecture"), found.get("variant") or "") == (
                platform[0],
                platform[1],
                variant,
            ):
                return item
    unmarked = [item for item, found in entries if not found]
    if unmarked:
        return unmarked[0]
    there = sorted(
        {
            show_platform(
                (found.get("os", "?"), found.get("architecture", "?"), found.get("variant") or "")
            )
            for _item, found in entries
            if found.get("os") != "unknown"
        }
    )
    raise OtherPlatform(
        f"{what} is not there for {show_platform(platform)}; it is for "
        f"{', '.join(there) or 'no platform at all'}"
    )


# --- writing ---


def needs_docker(config: Document) -> bool:
    """Return whether the ``config`` of an image has fields that OCI's configuration lacks."""
    return any(config.get(key) for key in ("Healthcheck", "OnBuild", "Shell"))


def build(
    config: Described,
    layers: Iterable[Described],
    docker: bool = False,
    annotations: Mapping[str, str] | None = None,
) -> bytes:
    """Return a manifest as bytes.

    :param config: ``{"digest", "size"}``.
    :param layers: ``[{"digest", "size", "compression"}]`` with compression ``""``, ``gzip`` or
        ``zstd``.
    :param docker: use Docker's media types (OCI has no field for a health check).
    """

    def layer_type(layer: Described) -> str:
        if not docker:
            return OCI_LAYER + ("+" + layer["compression"] if layer["compression"] else "")
        return DOCKER_LAYER + ("." + layer["compression"] if layer["compression"] else "")

    document = {
        "schemaVersion": 2,
        "mediaType": DOCKER_MANIFEST if docker else OCI_MANIFEST,
        "config": {
            "mediaType": DOCKER_CONFIG if docker else OCI_CONFIG,
            "digest": config["digest"],
            "size": config["size"],
        },
        "layers": [
            {"mediaType": layer_type(layer), "digest": layer["digest"], "size": layer["size"]}
            for layer in layers
        ],
    }
    if annotations:
        document["annotations"] = dict(sorted(annotations.items()))
    return json.dumps(document, separators=(",", ":")).encode()
