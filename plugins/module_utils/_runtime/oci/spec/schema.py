# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What form a config.json's fields have, by runtime-spec's config.md and config-linux.md: looked at
once, before anybody reads it.

A field that is null counts as missing, as with runc; fields without a name here are passed over.
What values mean is their readers' affair, and so is what seccomp must have
(kernel/seccomp/compiler.py).
"""

# pylint: disable=unidiomatic-typecheck # all values are JSON's, and true is no number
from __future__ import annotations

from ... import json_text
from ...errors import Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Form = Any  # TEXT ..., a list of one form, a dict of forms, _Map
    Fault = tuple[str, str]  # where it is, and the sentence

TEXT, FLAG, INTEGER, NATURAL = "a text", "true or false", "a number", "a number, 0 or more"
_COUNT: Any = ()  # in an object's form, under what no field is called: how many fields it must have
_TEXTS = [TEXT]


class _Map(dict[str, object]):
    """``_Map(form)``: an object of any keys, whose values have that form."""

    def __init__(self, form: Form):
        super().__init__()
        self.form = form


# Forms: TEXT ...; [form]: a list; a dict: an object, with "!" after the names of fields that it
# must have.
_IDS = [{"containerID!": NATURAL, "hostID!": NATURAL, "size!": NATURAL}]
_HOOKS = [{"path!": TEXT, "args": _TEXTS, "env": _TEXTS, "timeout": INTEGER}]
_RATES = [{"major!": INTEGER, "minor!": INTEGER, "rate!": NATURAL}]
# Args are looked at later (program.py): crun's suite asks for the word about the terminal first.
PROCESS = {
    "terminal": FLAG,
    "consoleSize": {"height": NATURAL, "width": NATURAL},
    "cwd!": TEXT,
    "env": _TEXTS,
    "noNewPrivileges": FLAG,
    "user": {
        "uid": INTEGER,
        "gid": INTEGER,
        "umask": INTEGER,
        "additionalGids": [INTEGER],
        "username": TEXT,
    },
    "capabilities": dict.fromkeys(
        ("bounding", "effective", "permitted", "inheritable", "ambient"), _TEXTS
    ),
    "rlimits": [{"type!": TEXT, "soft!": NATURAL, "hard!": NATURAL}],
    "oomScoreAdj": INTEGER,
    "apparmorProfile": TEXT,
    "selinuxLabel": TEXT,
    "scheduler": {
        "policy!": TEXT,
        "nice": INTEGER,
        "priority": INTEGER,
        "flags": _TEXTS,
        "runtime": NATURAL,
        "deadline": NATURAL,
        "period": NATURAL,
    },
    "ioPriority": {"class!": TEXT, "priority": INTEGER},
    "execCPUAffinity": {"initial": TEXT, "final": TEXT},
}
_RESOURCES = {
    "devices": [{"allow!": FLAG, "type": TEXT, "major": INTEGER, "minor": INTEGER, "access": TEXT}],
    "memory": {
        "limit": INTEGER,
        "reservation": INTEGER,
        "swap": INTEGER,
        "kernel": INTEGER,
        "kernelTCP": INTEGER,
        "swappiness": NATURAL,
        "disableOOMKiller": FLAG,
        "useHierarchy": FLAG,
        "checkBeforeUpdate": FLAG,
    },
    "cpu": {
        "shares": NATURAL,
        "quota": INTEGER,
        "burst": NATURAL,
        "period": NATURAL,
        "realtimeRuntime": INTEGER,
        "realtimePeriod": NATURAL,
        "cpus": TEXT,
        "mems": TEXT,
        "idle": INTEGER,
    },
    "blockIO": {
        "weight": NATURAL,
        "leafWeight": NATURAL,
        "weightDevice": [
            {"major!": INTEGER, "minor!": INTEGER, "weight": NATURAL, "leafWeight": NATURAL}
        ],
        "throttleReadBpsDevice": _RATES,
        "throttleWriteBpsDevice": _RATES,
        "throttleReadIOPSDevice": _RATES,
        "throttleWriteIOPSDevice": _RATES,
    },
    "hugepageLimits": [{"pageSize!": TEXT, "limit!": NATURAL}],
    "pids": {"limit": INTEGER},
    "unified": _Map(TEXT),
    "network": {"classID": NATURAL, "priorities": [{"name!": TEXT, "priority!": NATURAL}]},
    "rdma": _Map({"hcaHandles": NATURAL, "hcaObjects": NATURAL}),
}
_SECCOMP = {
    "defaultAction!": TEXT,
    "defaultErrnoRet": NATURAL,
    "architectures": _TEXTS,
    "flags": _TEXTS,
    "listenerPath": TEXT,
    "listenerMetadata": TEXT,
    "syscalls": [
        {
            "names": _TEXTS,
            "action": TEXT,
            "errnoRet": NATURAL,
            "args": [{"index": NATURAL, "value": NATURAL, "valueTwo": NATURAL, "op": TEXT}],
        }
    ],
}
_DOCUMENT = {
    "process!": PROCESS,
    "ociVersion!": TEXT,
    "root!": {"path!": TEXT, "readonly": FLAG},
    "hostname": TEXT,
    "domainname": TEXT,
    "annotations": _Map(TEXT),
    "mounts": [
        {
            "destination!": TEXT,
            "type": TEXT,
            "source": TEXT,
            "options": _TEXTS,
            "uidMappings": _IDS,
            "gidMappings": _IDS,
        }
    ],
    "hooks": dict.fromkeys(
        ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"),
        _HOOKS,
    ),
    "linux": {
        "namespaces": [{"type!": TEXT, "path": TEXT}],
        "uidMappings": _IDS,
        "gidMappings": _IDS,
        "timeOffsets": _Map({"secs": INTEGER, "nanosecs": INTEGER}),
        "netDevices": _Map({"name": TEXT}),
        "cgroupsPath": TEXT,
        "sysctl": _Map(TEXT),
        "devices": [
            {
                "path!": TEXT,
                "type!": TEXT,
                "major": INTEGER,
                "minor": INTEGER,
                "fileMode": NATURAL,
                "uid": NATURAL,
                "gid": NATURAL,
            }
        ],
        "resources": _RESOURCES,
        "seccomp": _SECCOMP,
        "rootfsPropagation": TEXT,
        "maskedPaths": _TEXTS,
        "readonlyPaths": _TEXTS,
        "mountLabel": TEXT,
        "personality": {"domain!": TEXT, "flags": _TEXTS},
        "memoryPolicy": {"mode": TEXT, "nodes": TEXT, "flags": _TEXTS},
        "intelRdt": {
            "closID": TEXT,
            "l3CacheSchema": TEXT,
            "memBwSchema": TEXT,
            "schemata": _TEXTS,
            "enableMonitoring": FLAG,
        },
    },
}


def check(config: object) -> None:
    """See that a document has the form of one, and take away what is null.

    :raises Unsupported: naming the first field that has another.
    """
    _tell("config.json", _look(config, _DOCUMENT))


def check_process(process: object) -> None:
    """Check an OCI ``process`` by itself."""
    _tell("process", _look(process, PROCESS))


def check_resources(resources: object) -> None:
    """Check OCI ``linux.resources``."""
    _tell("resources", _look(resources, _RESOURCES))


def _tell(whole: str, found: Fault | None) -> None:
    if found:
        raise Unsupported(f"{whole}: {found[0].lstrip('.') + (': ' if found[0] else '')}{found[1]}")


def _look(value: Any, form: Form) -> Fault | None:
    """Return None, or what is wrong."""
    kind = type(form)
    if kind is str:
        return None if _fits(value, form) else ("", _refused(value, form))
    if kind is list:
        if type(value) is not list:
            return "", _refused(value, "a list")
        form = form[0]
        for number, entry in enumerate(value):
            if form is TEXT and type(entry) is str:
                continue
            found = _look(entry, form)
            if found:
                return f"[{number}]{found[0]}", found[1]
        return None
    if type(value) is not dict:
        return "", _refused(value, "an object")
    for name in (
        [name for name, entry in value.items() if entry is None] if None in value.values() else ()
    ):
        del value[name]
    return _look_inside(value, form)


def _refused(value: object, form: str) -> str:
    """Return the sentence, with the value as the document has it."""
    text = json_text.dump(value)
    return f"{text if len(text) <= 200 else text[:200] + '...'} is not valid; accepted: {form}"


def _look_inside(value: dict[str, Any], form: Form) -> Fault | None:
    missing = 0
    for name, entry in value.items():
        inner = form.form if type(form) is _Map else form.get(name)
        if inner is None:
            inner = form.get(name + "!")
            if inner is None:
                continue
            missing -= 1
        found = _look(entry, inner)
        if found:
            return f".{name}{found[0]}", found[1]
    for name, inner in form.items() if missing + form.get(_COUNT, 0) else ():
        if name[-1:] == "!" and name[:-1] not in value:
            return "." + name[:-1], "it is missing; needed: " + (
                "a list" if type(inner) is list else inner if type(inner) is str else "an object"
            )
    return None


def _fits(value: Any, form: str) -> bool:
    kind = type(value)
    if form is TEXT:
        return kind is str
    if form is FLAG:
        return kind is bool
    return kind is int and (0 if form is NATURAL else -(2**63)) <= value < 2**64


def _count(form: Form) -> None:
    """Write ``_COUNT`` into each object's form."""
    if type(form) is list:
        _count(form[0])
    elif type(form) is _Map:
        _count(form.form)
    elif type(form) is dict and _COUNT not in form:
        for inner in list(form.values()):
            _count(inner)
        form[_COUNT] = sum(name[-1:] == "!" for name in form)


_count(_DOCUMENT)
