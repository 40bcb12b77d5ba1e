# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``features``: what this runtime can do, by runtime-spec features.md; it says nothing of what this host's kernel lacks."""

from __future__ import annotations

import os

from .... import json_text
from ....deploy import fingerprint
from ....kernel.calls import constants as c
from ....kernel.isolation import capabilities
from ....kernel.seccomp import compiler
from ...checkpoint import save
from ...features import hooks, scheduling
from ...spec import document, mounts
from .. import bundle_launch
from ..main import write
from ..states import VERSION

# Annotations of a config.json that change what is done; one that ends with a dot stands for all that begin so.
ANNOTATIONS = (
    "org.systemd.property.",
    save.CONFIG,
    bundle_launch.KEEP_GROUPS,
    bundle_launch.FAIL_UNKNOWN,
    *hooks.OUTPUTS,
)


def features(_call, _log):
    write(json_text.dump(described(), 4) + "\n")


def described():
    words, options = compiler.WORDS, mounts.options()
    linux = {
        "namespaces": sorted(document.NAMESPACES),
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
