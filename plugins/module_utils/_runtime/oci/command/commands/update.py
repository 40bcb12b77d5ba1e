# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``update``: change the resource limits of a container that runs."""

from __future__ import annotations

import os

from .... import json_text, units
from ....errors import EngineError, InvalidInput, Unsupported
from ....kernel import cgroups
from ....kernel.cgroups.limits import live_update
from ....kernel.processes import procfs

# What json_text.read loads, for the archive of modules.
from ....untrusted import files, json_bounds  # noqa: F401 # pylint: disable=unused-import
from ...spec import schema
from ..arguments import Command
from ..states import open_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal

    from ...spec.config_types import IntelRdt, Linux
    from ..arguments import Call
    from ..output import Log
    from ..states import Container

# Option -> key of linux.intelRdt.
SCHEMAS: dict[str, Literal["l3CacheSchema", "memBwSchema"]] = {
    "l3-cache-schema": "l3CacheSchema",
    "mem-bw-schema": "memBwSchema",
}
COMMAND = Command(
    "change the resource limits of a container",
    "ID",
    1,
    1,
    (
        "resources|r=",
        "blkio-weight=",
        "cpu-period=",
        "cpu-quota=",
        "cpu-share=",
        "cpu-rt-period=",
        "cpu-rt-runtime=",
        "cpu-burst=",
        "cpu-idle=",
        "cpuset-cpus=",
        "cpuset-mems=",
        "memory=",
        "memory-reservation=",
        "memory-swap=",
        "kernel-memory=",
        "kernel-memory-tcp=",
        "pids-limit=",
        "l3-cache-schema=",
        "mem-bw-schema=",
    ),
)


def update(call: Call, _log: Log) -> None:
    schemas: IntelRdt = {}
    for name, key in SCHEMAS.items():
        if call.given[name]:
            schemas[key] = call.given[name]
    change = wanted(call.given, bool(schemas))
    container = open_in(call.options["root"], call.arguments[0], "created", "running", "paused")
    config = container.config()
    linux: Linux = {**(config.get("linux") or {})}
    if schemas:
        linux["intelRdt"] = _change_class(container, linux.get("intelRdt"), schemas)
    merged, writes = cgroups.merge(cgroups.canonical(linux.get("resources")), change)
    container.group().apply(writes)
    container.keep_config(json_text.dump({**config, "linux": {**linux, "resources": merged}}))


def _change_class(container: Container, entry: IntelRdt | None, schemas: IntelRdt) -> IntelRdt:
    """Write the schemas; return linux.intelRdt as it is then.

    :raises Unsupported: there is no resctrl here.
    """
    from ...features import resctrl  # here: few machines have it

    root = resctrl.place()
    if root is None:
        raise Unsupported(
            "update --l3-cache-schema, --mem-bw-schema: no resctrl file system is mounted"
        )
    changed: IntelRdt = resctrl.update(
        entry, schemas, container.ident, container.group().procs(), root
    )
    return changed


def wanted(given: dict[str, Any], schemas: bool = False) -> dict[str, Any]:
    """Return OCI linux.resources of the options: a file's content, else the single ones.

    :param schemas: there are further options, so none of these has to be given.
    :raises InvalidInput: nothing is asked for, or a value is none.
    """
    if given["resources"]:
        try:
            if given["resources"] == "-":
                change = json_text.parse(_input(), "standard input", Unsupported)[1]
            else:
                change = json_text.read(given["resources"], Unsupported, given=True)[1]
        except EngineError as error:
            raise InvalidInput(
                "--resources", given["resources"], f"a file with OCI resources as JSON ({error})"
            ) from None
        schema.check_resources(change)
        return dict(change)
    flags: dict[str, int | str] = {}
    for name, (_section, _key, kind) in live_update.FLAGS.items():
        if given.get(name) is not None:
            flags[name] = value(name, kind, given[name])
    if not flags and not schemas:
        raise InvalidInput("update", None, "--resources or a limit, such as --memory 64m")
    return live_update.from_flags(flags)


def _input() -> bytes:
    data = os.fsencode(procfs.read("/proc/self/fd/0", json_text.LARGEST + 1))
    if len(data) > json_text.LARGEST:
        raise Unsupported(f"it is larger than {json_text.LARGEST} bytes")
    return data


def value(name: str, kind: str, text: str) -> int | str:
    """Return the value of one option.

    :param kind: as in ``live_update.FLAGS``. :raises InvalidInput:
    """
    if kind == "text":
        return text
    if kind == "bytes":
        return -1 if text == "-1" else units.size(text, "--" + name)
    digits = text[1:] if text[:1] == "-" else text
    if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
        raise InvalidInput("--" + name, text, "a number")
    return int(text)
