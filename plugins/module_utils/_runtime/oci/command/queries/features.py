# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``features``: print what this runtime can do (runtime-spec features.md), whatever this host's
kernel lacks.
"""

from __future__ import annotations

import os

from .... import json_text
from ....deploy import fingerprint
from ....kernel.calls import constants as c
from ....kernel.isolation import capabilities, namespaces
from ....kernel.seccomp import compiler
from ...checkpoint import criu_dump
from ...features import hooks
from ...spec import mount_entries, scheduling
from .. import bundle_launch
from ..arguments import Command
from ..output import write
from ..states import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..arguments import Call
    from ..output import Log

COMMAND = Command("print what this runtime can do", "", 0, 0)

# Annotations of a config.json that change what is done; one that ends with a dot stands for all
# that begin so.
ANNOTATIONS = (
    "org.systemd.property.",
    criu_dump.CONFIG,
    bundle_launch.KEEP_GROUPS,
    bundle_launch.FAIL_UNKNOWN,
    *hooks.OUTPUTS,
)


def features(_call: Call, _log: Log) -> None:
    write(json_text.dump(described(), 4) + "\n")


def described() -> dict[str, Any]:
    """Return the document that ``features`` prints."""
    words, options = compiler.WORDS, mount_entries.options()
    linux = {
        "namespaces": sorted(namespaces.TYPES),
        "capabilities": list(capabilities.NAMES),
        "cgroup": {"v1": True, "v2": True, "systemd": True, "systemdUser": False, "rdma": True},
        "seccomp": {
            "enabled": True,
            "actions": words["actions"],
            "operators": words["operators"],
            "archs": words["archs"],
            "knownFlags": words["flags"],
            "supportedFlags": words["flags"],
        },
        "apparmor": {"enabled": True},
        "selinux": {"enabled": True},
        "mountExtensions": {"idmap": {"enabled": "idmap" in options}},
        "intelRdt": {"enabled": True, "schemata": True, "monitoring": True},
        "netDevices": {"enabled": True},
        "memoryPolicy": {
            "modes": list(scheduling.MEMORY_MODES),
            "flags": list(scheduling.MEMORY_FLAGS),
        },
    }
    return {
        "ociVersionMin": "1.0.0",
        "ociVersionMax": VERSION,
        "hooks": list(hooks.KINDS),
        "mountOptions": options,
        "linux": linux,
        "potentiallyUnsafeConfigAnnotations": list(ANNOTATIONS),
        "annotations": {
            "org.pycontainer.version": fingerprint.VERSION,
            "org.pycontainer.machine": c.MACHINE,
            "org.pycontainer.kernel": os.uname().release,
        },
    }
