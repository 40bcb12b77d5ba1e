# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``log`` of run.json: what a monitor needs to know of a container's log driver."""

from __future__ import annotations

from ..options import log_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional, TypedDict

    from .catalog import Record

    class _Log(TypedDict):
        driver: str
        max_size: Optional[int]
        max_file: int

    class Log(_Log, total=False):
        """Where the output goes. An older version has only the first three.

        ``driver``: its name. ``max_size``: bytes of a file on this host, None for no limit.
        ``max_file``: how many are kept. ``compress``: whether all but the
        newest are compressed. ``attributes``: what is written beside each line.
        """

        compress: bool
        attributes: dict[str, str]


SHORT = 12  # characters of an id, as Docker shows it


def document(
    record: Record, image: dict[str, Any], environment: list[str], command: list[str]
) -> Log:
    """Make ``log`` of a container's run.json.

    :param image: its image's config. :param environment: :param command: its own, as config.json
        has them.
    """
    definition = record["definition"]
    given = definition.get("log_options", {})
    driver = definition.get("log_driver", log_options.DEFAULT)
    kept = dict(log_options.KEPT.get(driver, {}), **given)
    return {
        "driver": driver,
        "max_size": kept.get("max-size") or None,
        "max_file": kept.get("max-file", 1),
        "compress": kept.get("compress", False),
        "attributes": _attributes(record, image, given, environment, command),
    }


def _attributes(
    record: Record,
    image: dict[str, Any],
    given: dict[str, Any],
    environment: list[str],
    command: list[str],
) -> dict[str, str]:
    """Return what is asked for of labels and of the environment, and the tag."""
    definition, found = record["definition"], dict[str, str]()
    if given.get("labels"):
        labels = dict(image.get("Labels") or {}, **definition.get("labels", {}))
        found.update(_chosen(given["labels"], labels))
    if given.get("env"):
        variables = (entry.partition("=") for entry in environment)
        found.update(_chosen(given["env"], {key: value for key, _equals, value in variables}))
    if given.get("tag"):
        found["tag"] = tag(given["tag"], fields(record, command))
    return found


def _chosen(names: str, among: dict[str, str]) -> dict[str, str]:
    return {name: among[name] for name in names.split(",") if name in among}


def fields(record: Record, command: list[str]) -> dict[str, str]:
    """Return what the fields of a tag stand for (``log_options.FIELDS``)."""
    definition, ident = record["definition"], record["id"]
    hexadecimal = (record["image"] or "").partition(":")[2] or record["image"] or ""
    return {
        "ID": ident[:SHORT],
        "FullID": ident,
        "Name": record["name"],
        "ImageID": hexadecimal[:SHORT],
        "ImageFullID": record["image"] or "",
        "ImageName": definition.get("image") or "",
        "DaemonName": "pycontainer",
        "Command": " ".join(command),
    }


def tag(template: str, known: dict[str, str]) -> str:
    """Fill in a tag's fields; options/log_options.py has seen that it has no others."""
    first, *pieces = template.split("{{")
    for piece in pieces:
        field, _closed, rest = piece.partition("}}")
        first += known[field.strip().lstrip(".")] + rest
    return first
