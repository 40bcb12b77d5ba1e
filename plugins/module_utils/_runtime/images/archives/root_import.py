# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``import``: make an image of one layer from a root file system, a directory or an archive.

The image id depends on nothing but the content and the configuration: ``created`` is the newest
time in the content. So a second import finds the existing image, on any host.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import re

from ...errors import InvalidInput, reason
from ...layers.compression import compressed_streams
from ...layers.tar import reader, writer
from ..model import manifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, BinaryIO

    from ..library.ingest import BuildManifest
    from ..model.manifest import Platform

    Document = dict[str, Any]


CONFIG_OPTIONS = (
    "command",
    "entrypoint",
    "env",
    "labels",
    "exposed_ports",
    "working_dir",
    "user",
    "volumes",
    "stop_signal",
)
LATEST = 253402300799  # seconds: the last that a year of four digits has


def open_layer(path: str) -> Iterator[bytes]:
    """Return the pieces of the uncompressed archive of ``path``.

    :raises InvalidInput: when ``path`` is missing.
    """
    if os.path.isdir(path):
        return writer.directory(path)
    try:
        file = open(path, "rb")
    except OSError as error:
        raise InvalidInput(
            "path", path, f"an existing directory or archive ({reason(error, named=True)})"
        ) from None
    return _file(file, path)


def _file(file: BinaryIO, path: str) -> Iterator[bytes]:
    with file:
        yield from compressed_streams.decompress(compressed_streams.pieces(file), path)


def survey(path: str) -> tuple[str, int]:
    """Yield ``(DiffID, newest time in seconds)`` of an import; read all of it and store nothing.

    :raises RegistryError: when it is not an archive.
    """
    checksum = hashlib.sha256()

    def hashed() -> Iterator[bytes]:
        for piece in open_layer(path):
            checksum.update(piece)
            yield piece

    stream, newest = reader.Stream(hashed(), path), 0
    for entry in reader.entries(stream):
        newest = max(newest, entry.mtime)
    stream.drain()
    return "sha256:" + checksum.hexdigest(), min(newest // 1000000000, LATEST)


def configuration(options: Document | None) -> Document:
    """Return the ``config`` of an image configuration from the module's option ``config``.

    :raises InvalidInput: for a wrong entry.
    """
    options = {key: value for key, value in (options or {}).items() if value is not None}
    config: Document = {}
    for option, key in (("command", "Cmd"), ("entrypoint", "Entrypoint")):
        if option in options:
            config[key] = [str(word) for word in options[option]]
    if "env" in options:
        config["Env"] = [
            f"{_name(key, 'config.env')}={_text(value, 'config.env')}"
            for key, value in sorted(options["env"].items())
        ]
    if options.get("labels"):
        config["Labels"] = {
            str(key): _text(value, "config.labels") for key, value in options["labels"].items()
        }
    if options.get("exposed_ports"):
        config["ExposedPorts"] = {_port(value): {} for value in options["exposed_ports"]}
    if options.get("volumes"):
        config["Volumes"] = {_absolute(value, "config.volumes"): {} for value in options["volumes"]}
    if options.get("working_dir"):
        config["WorkingDir"] = _absolute(options["working_dir"], "config.working_dir")
    for option, key in (("user", "User"), ("stop_signal", "StopSignal")):
        if options.get(option):
            config[key] = str(options[option])
    return config


def _name(value: Any, option: str) -> Any:
    if not str(value) or "=" in str(value) or "\0" in str(value):
        raise InvalidInput(option, value, "names without = and NUL")
    return value


def _text(value: Any, option: str) -> str:
    if value is None or isinstance(value, (bool, dict, list)):
        raise InvalidInput(
            option, value, "strings and numbers; quote what YAML takes for something else"
        )
    return str(value)


def _port(value: Any) -> str:
    match = re.fullmatch(r"(\d{1,5})(?:/(tcp|udp|sctp))?", str(value))
    if not match or not 0 < int(match.group(1)) < 65536:
        raise InvalidInput(
            "config.exposed_ports",
            value,
            "a port from 1 to 65535, with /tcp, /udp or /sctp if wanted",
        )
    return f"{int(match.group(1))}/{match.group(2) or 'tcp'}"


def _absolute(value: Any, option: str) -> str:
    if not str(value).startswith("/") or ".." in str(value).split("/"):
        raise InvalidInput(option, value, "an absolute path without ..")
    return str(value)


def document(
    diff_id: str, newest: int, config: Document, platform: Platform, message: str | None = None
) -> bytes:
    """Return the image configuration's bytes: the same for the same arguments."""
    when = datetime.datetime.fromtimestamp(newest, datetime.timezone.utc).strftime(
        "%Y-%m-%dT%H:%M:%SZ"
    )
    system, architecture, variant = platform
    body = {
        "created": when,
        "architecture": architecture,
        "os": system,
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        "history": [
            {
                "created": when,
                "created_by": "pycontainer image import",
                "comment": message or "Imported from a root file system",
            }
        ],
    }
    if variant:
        body["variant"] = variant
    return json.dumps(body, separators=(",", ":"), sort_keys=True).encode()


def build_manifest(data: bytes, config: Document) -> BuildManifest:
    """Make the manifest when the layer's blob is known; for ``ingest.take``.

    :param data: the configuration's bytes.
    :param config: its ``config``.
    """
    described = {"digest": manifest.digest_of(data), "size": len(data)}
    return lambda layers: manifest.build(described, layers, docker=manifest.needs_docker(config))
