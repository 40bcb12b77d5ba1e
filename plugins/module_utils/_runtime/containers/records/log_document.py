# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``log`` of run.json: what a monitor needs to know of a container's log driver."""

from __future__ import annotations

from ...untrusted import expressions
from ..options import log_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional, TypedDict

    from .catalog import Record

    class Facts(TypedDict):
        """``created``: seconds since the epoch. ``tag``: with its fields filled in."""

        id: str
        name: str
        image: str
        image_id: str
        command: str
        created: float
        tag: str

    class _Log(TypedDict):
        driver: str
        max_size: Optional[int]
        max_file: int

    class Log(_Log, total=False):
        """Where the output goes. An older version has only the first three.

        ``driver``: its name. ``max_size``: bytes of a file on this host, None for no limit.
        ``max_file``: how many are kept. ``compress``: whether all but the
        newest are compressed. ``buffer``: bytes that may wait in mode non-blocking, None in mode
        blocking. ``attributes``: what is written beside each line. Drivers that take it elsewhere
        have ``cache``, whether it is kept on this host too, ``options``, their own in normal form,
        and ``facts``, what they say of the container.
        """

        compress: bool
        buffer: Optional[int]
        attributes: dict[str, str]
        cache: bool
        options: dict[str, Any]
        facts: Facts


LONGEST = 1024  # characters of a name that is looked through
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
    elsewhere = driver not in log_options.KEPT and driver != "none"
    kept = dict(log_options.KEPT.get(driver, {}), **given)
    if elsewhere:
        kept = {key: given.get("cache-" + key, usual) for key, usual in log_options.CACHE.items()}
    attributes = _attributes(record, image, given, environment)
    known = fields(record, command)
    told = {**known, log_options.ATTRIBUTES: attributes}
    result: Log = {
        "driver": driver,
        "max_size": kept.get("max-size") or None,
        "max_file": kept.get("max-file", 1),
        "compress": kept.get("compress", False),
        "buffer": given.get("max-buffer-size", log_options.BUFFER)
        if given.get("mode") == "non-blocking"
        else None,
        "attributes": attributes,
    }
    if elsewhere:
        template = given.get("tag") or "{{.ID}}"
        result["cache"] = not given.get("cache-disabled")
        result["options"] = {key: given[key] for key in given if key.startswith(driver + "-")}
        result["facts"] = {
            "id": record["id"],
            "name": record["name"],
            "image": known["ImageName"],
            "image_id": known["ImageFullID"],
            "command": known["Command"],
            "created": record["created"],
            "tag": log_options.tag(template, told),
        }
    elif given.get("tag"):
        result["attributes"] = {**attributes, "tag": log_options.tag(given["tag"], told)}
    return result


def _attributes(
    record: Record, image: dict[str, Any], given: dict[str, Any], environment: list[str]
) -> dict[str, str]:
    """Return what is asked for of labels and of the environment."""
    definition, found = record["definition"], dict[str, str]()
    if given.get("labels") or given.get("labels-regex"):
        labels = dict(image.get("Labels") or {}, **definition.get("labels", {}))
        found.update(_chosen(given, "labels", labels))
    if given.get("env") or given.get("env-regex"):
        variables = (entry.partition("=") for entry in environment)
        among = {key: value for key, _equals, value in variables}
        found.update(_chosen(given, "env", among))
    return found


def _chosen(given: dict[str, Any], option: str, among: dict[str, str]) -> dict[str, str]:
    """Return those that are named, and those in whose names an expression is found."""
    names = given.get(option, "").split(",")
    chosen = {name: among[name] for name in names if name in among}
    if given.get(option + "-regex"):
        expression = expressions.Expression(given[option + "-regex"])
        for name in sorted(among):
            if len(name) <= LONGEST and expression.found_in(name):
                chosen[name] = among[name]
    return chosen


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
