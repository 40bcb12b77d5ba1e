# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``pause``, ``resume`` and ``update``."""

from __future__ import annotations

import os

from .... import json_text, units
from ....errors import Conflict, EngineError, InvalidInput, Unsupported
from ....kernel import cgroups
from ....kernel.cgroups.limits import live_update as flags
from ....kernel.processes import procfs
from ....untrusted import files, json_bounds  # noqa: F401 # pylint: disable=unused-import # what jsontext.read takes, for the bundle
from ...spec import schema
from ..states import open_container

SCHEMAS = {
    "l3-cache-schema": "l3CacheSchema",
    "mem-bw-schema": "memBwSchema",
}  # option -> linux.intelRdt's


def _locked(call, *statuses):
    """The call's container with its lock held. :raises Conflict: it does something else than these."""
    container = open_container(call.options["root"], call.arguments[0])
    container.lock()
    status = container.read().status()
    if status not in statuses:
        raise Conflict(f"container {container.ident}: it is {status}, not {' or '.join(statuses)}")
    return container


def pause(call, _log):
    _locked(call, "created", "running").group().freeze()


def resume(call, _log):
    _locked(call, "paused").group().thaw()


def update(call, _log):
    schemas = {key: call.given[name] for name, key in SCHEMAS.items() if call.given[name]}
    change = wanted(call.given, bool(schemas))
    container = _locked(call, "created", "running", "paused")
    config = container.config()
    linux = dict(config.get("linux") or {})
    if schemas:
        linux["intelRdt"] = _change_class(container, linux.get("intelRdt"), schemas)
    merged, writes = cgroups.merge(cgroups.canonical(linux.get("resources")), change)
    container.group().apply(writes)
    linux["resources"] = merged
    container.keep_config(json_text.dump(dict(config, linux=linux)))


def _change_class(container, entry, schemas):
    from ...features import resctrl

    root = resctrl.place()
    if root is None:
        raise Unsupported(
            "update --l3-cache-schema, --mem-bw-schema: no resctrl file system is mounted"
        )
    return resctrl.update(entry, schemas, container.ident, container.group().procs(), root)


def wanted(given, schemas=False):
    """OCI linux.resources of the options: a file's content, else the single ones.

    :param schemas: there are further options, so none of these has to be given.
    """
    if given["resources"]:
        try:
            if given["resources"] == "-":
                change = json_text.parse(_input(), "standard input", Unsupported)[1]
            else:
                change = json_text.read(given["resources"], Unsupported)[1]
        except EngineError as error:
            raise InvalidInput(
                "--resources", given["resources"], f"a file with OCI resources as JSON ({error})"
            ) from None
        schema.check_resources(change)
        return change
    change = {}
    for name, (dummy_section, dummy_key, kind) in flags.FLAGS.items():
        if given.get(name) is not None:
            change[name] = value(name, kind, given[name])
    if not change and not schemas:
        raise InvalidInput("update", None, "--resources or a limit, such as --memory 64m")
    return flags.from_flags(change)


def _input():
    data = os.fsencode(procfs.read("/proc/self/fd/0", json_text.LARGEST + 1))
    if len(data) > json_text.LARGEST:
        raise Unsupported("it is larger than %d bytes" % json_text.LARGEST)
    return data


def value(name, kind, text):
    """The value of one option. :raises InvalidInput:"""
    if kind == "text":
        return text
    if kind == "bytes":
        return -1 if text == "-1" else units.size(text, "--" + name)
    digits = text[1:] if text[:1] == "-" else text
    if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
        raise InvalidInput("--" + name, text, "a number")
    return int(text)
