# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``spec``: write a config.json to start from."""

from __future__ import annotations

import os

from .... import json_text
from ....errors import Conflict, HostError, reason
from ....kernel import cgroups
from ...spec.document import MASKED, READ_ONLY
from ..arguments import Command
from ..states import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...spec.config_types import Config, Linux, MountEntry
    from ..arguments import Call
    from ..output import Log

COMMAND = Command("write a config.json to start from", "", 0, 0, ("bundle|b=", "rootless"))
CAPABILITIES = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]


def spec(call: Call, _log: Log) -> None:
    path = os.path.join(call["bundle"] or ".", "config.json")
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    except FileExistsError:
        raise Conflict(f"spec: file {path} exists; remove it first") from None
    except OSError as error:
        why = reason(error, named=True)
        raise HostError(f"spec: {path} can't be written: {why}") from None
    os.write(fd, (json_text.dump(template(call["rootless"]), 4) + "\n").encode())
    os.close(fd)


def template(rootless: bool = False) -> Config:
    """Return the document.

    :param rootless: with a user namespace in which this user is root, and nothing that a user who
        is not root may not do.
    """
    document: Config = {
        "ociVersion": VERSION,
        "process": {
            "terminal": True,
            "user": {"uid": 0, "gid": 0},
            "args": ["sh"],
            "env": [
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "TERM=xterm",
            ],
            "cwd": "/",
            "capabilities": {
                "bounding": CAPABILITIES,
                "effective": CAPABILITIES,
                "permitted": CAPABILITIES,
            },
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
            "noNewPrivileges": True,
        },
        "root": {"path": "rootfs", "readonly": True},
        "hostname": "pycontainer",
        "mounts": mounts(rootless),
        "linux": {
            "resources": {"devices": [{"allow": False, "access": "rwm"}]},
            "namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")],
            "maskedPaths": list(MASKED),
            "readonlyPaths": list(READ_ONLY),
        },
    }
    linux: Linux = document["linux"]
    if cgroups.mode() == "v2" or rootless:
        linux["namespaces"].append({"type": "cgroup"})
    if rootless:
        linux["namespaces"] = [
            entry for entry in linux["namespaces"] if entry["type"] != "network"
        ] + [{"type": "user"}]
        del linux["resources"]
        linux["uidMappings"] = [{"containerID": 0, "hostID": os.geteuid(), "size": 1}]
        linux["gidMappings"] = [{"containerID": 0, "hostID": os.getegid(), "size": 1}]
    return document


def mounts(rootless: bool) -> list[MountEntry]:
    safe = ["nosuid", "noexec", "nodev"]
    found = [
        _mount("/proc", "proc", "proc"),
        _mount("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
        _mount(
            "/dev/pts",
            "devpts",
            "devpts",
            ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]
            + ([] if rootless else ["gid=5"]),
        ),
        _mount("/dev/shm", "tmpfs", "shm", safe + ["mode=1777", "size=65536k"]),
        _mount("/dev/mqueue", "mqueue", "mqueue", safe),
        _mount("/sys", "none", "/sys", ["rbind"] + safe + ["ro"])
        if rootless
        else _mount("/sys", "sysfs", "sysfs", safe + ["ro"]),
        _mount("/sys/fs/cgroup", "cgroup", "cgroup", safe + ["relatime", "ro"]),
    ]
    return found


def _mount(
    destination: str, kind: str, source: str, options: list[str] | None = None
) -> MountEntry:
    mount: MountEntry = {"destination": destination, "type": kind, "source": source}
    if options:
        mount["options"] = options
    return mount
