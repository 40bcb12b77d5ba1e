# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the host's specifications of devices (CDI, Container Device Interface, up to version 1.1.0).

A vendor's file in one of ``DIRECTORIES`` says what a container needs for each of its devices: nodes,
mounts, variables, hooks. What stands there is done by root, so only root may be able to write it.
"""

from __future__ import annotations

import os
import re

from ...errors import EngineError
from ...options.forms import DEVICE_KIND, DEVICE_NAME
from ...untrusted import files, json_reader, owners

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# The later wins: what is made at each boot is newer than what is configured.
DIRECTORIES = ("/etc/cdi", "/var/run/cdi")
VERSIONS = ("0.3.0", "0.4.0", "0.5.0", "0.6.0", "0.7.0", "0.8.0", "1.0.0", "1.1.0")
LARGEST = 4 << 20  # bytes of a file
TEXT, NUMBER, FLAG = str, int, bool
# What a document may have, in the form of its values. "!": it must be there.
EDITS = {
    "env": [TEXT],
    "deviceNodes": [
        {
            "path!": TEXT,
            "hostPath": TEXT,
            "type": TEXT,
            "major": NUMBER,
            "minor": NUMBER,
            "fileMode": NUMBER,
            "permissions": TEXT,
            "uid": NUMBER,
            "gid": NUMBER,
        }
    ],
    "mounts": [{"hostPath!": TEXT, "containerPath!": TEXT, "type": TEXT, "options": [TEXT]}],
    "hooks": [{"hookName!": TEXT, "path!": TEXT, "args": [TEXT], "env": [TEXT], "timeout": NUMBER}],
    "additionalGids": [NUMBER],
    "intelRdt": {
        "closID": TEXT,
        "l3CacheSchema": TEXT,
        "memBwSchema": TEXT,
        "enableCMT": FLAG,
        "enableMBM": FLAG,
        "schemata": [TEXT],
        "enableMonitoring": FLAG,
    },
    "netDevices": [{"hostInterfaceName!": TEXT, "name!": TEXT}],
}
SPEC = {
    "cdiVersion!": TEXT,
    "kind!": TEXT,
    "annotations": dict,
    "devices!": [{"name!": TEXT, "annotations": dict, "containerEdits": EDITS}],
    "containerEdits": EDITS,
}
_SAID = {TEXT: "a text", NUMBER: "a whole number", FLAG: "true or false", dict: "a map"}


class Device:
    """A device of the host.

    :ivar spec: the file that describes it. :ivar common: the edits for any device of that file.
    :ivar own: those for this one.
    """

    def __init__(self, spec: str, common: dict[str, Any], own: dict[str, Any]) -> None:
        self.spec, self.common, self.own = spec, common, own


class Specs:
    """Every device that the host's files describe.

    :ivar devices: ``{"vendor.com/class=name": Device}``.
    :ivar problems: one sentence for each file, or name in two files, that can't be used.
    """

    def __init__(self) -> None:
        self.devices: dict[str, Device] = {}
        self.problems: list[str] = []
        for directory in DIRECTORIES:
            found: dict[str, Device] = {}
            twice: dict[str, str] = {}
            for path in _files(directory):
                try:
                    devices = _read(path)
                except EngineError as error:
                    self.problems.append(str(error))
                    continue
                for name, device in devices.items():
                    if name in found:
                        twice[name] = f"{found[name].spec} and {path} both describe {name}"
                    found[name] = device
            self.devices.update(found)
            for name, problem in twice.items():
                del self.devices[name]
                self.problems.append(problem)

    def kinds(self) -> set[str]:
        """The kinds of devices that there are: ``vendor.com/class``."""
        return {name.partition("=")[0] for name in self.devices}


def _files(directory: str) -> list[str]:
    try:
        names = sorted(os.listdir(directory))
    except OSError:  # few hosts have one
        return []
    return [os.path.join(directory, name) for name in names if name.endswith((".json", ".yaml"))]


def _read(path: str) -> dict[str, Device]:
    """Read one file. :raises EngineError: it can't be used."""
    weak = owners.writable(path)
    if weak:
        raise EngineError(f"{path} is not used, as others than root can write {weak}")
    data = files.read(path, LARGEST, links=True)
    document = (
        json_reader.load(data, path, size=LARGEST) if path.endswith(".json") else _yaml(data, path)
    )
    _check(document, SPEC, path)
    if document["cdiVersion"] not in VERSIONS:
        raise EngineError(
            f"{path}: cdiVersion {document['cdiVersion']!r} is not known; accepted: "
            + ", ".join(VERSIONS)
        )
    kind = document["kind"]
    if not re.fullmatch(DEVICE_KIND, kind, re.ASCII):
        raise EngineError(f"{path}: kind {kind!r} is not valid; accepted: vendor.com/class")
    if not document["devices"]:
        raise EngineError(f"{path}: devices is empty; needed: at least one")
    found: dict[str, Device] = {}
    for device in document["devices"]:
        name = device["name"]
        if not re.fullmatch(DEVICE_NAME, name, re.ASCII) or f"{kind}={name}" in found:
            raise EngineError(
                f"{path}: device {name!r} is not valid; accepted: letters, digits, '-', '_', '.' "
                "and ':', each name once"
            )
        found[f"{kind}={name}"] = Device(
            path, document.get("containerEdits") or {}, device.get("containerEdits") or {}
        )
    return found


def _yaml(data: bytes, path: str) -> Any:
    try:
        import yaml  # a host need not have it, and specifications may be JSON
    except ImportError:
        raise EngineError(
            f"{path} is YAML, which this host can't read without python3-yaml (install it, or "
            "have the specification written as JSON)"
        ) from None
    try:
        return yaml.load(data, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = getattr(error, "problem", None) or type(error).__name__
        raise EngineError(f"{path} is not YAML ({reason})") from None


def _check(value: Any, form: Any, where: str) -> None:
    """Hold a value against its form. A key that is not known is an error, as CDI asks for.

    :raises EngineError: naming the file and the key.
    """
    if isinstance(form, list):
        if not isinstance(value, list):
            raise EngineError(f"{where} is not valid; accepted: a list")
        for number, item in enumerate(value):
            _check(item, form[0], f"{where}[{number}]")
    elif isinstance(form, dict):
        if not isinstance(value, dict):
            raise EngineError(f"{where} is not valid; accepted: a map")
        known = {key.rstrip("!"): part for key, part in form.items()}
        for key, item in value.items():
            if key not in known:
                raise EngineError(f"{where}: {key!r} is not known; accepted: {', '.join(known)}")
            if item is not None:
                _check(item, known[key], f"{where}: {key}")
        for key in form:
            if key.endswith("!") and value.get(key[:-1]) is None:
                raise EngineError(f"{where}: {key[:-1]} is missing")
    elif not isinstance(value, form) or (form is NUMBER and isinstance(value, bool)):
        raise EngineError(f"{where}: {value!r:.100} is not valid; accepted: {_SAID[form]}")
