# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""config.json's devices: the nodes that are made in /dev, and which devices may be used."""

from __future__ import annotations

import os
import stat

from ...errors import InvalidInput, reason
from ..options import device_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from ...oci.spec.config_types import DeviceEntry, DeviceRule
    from ...options.rows import Definition


# (type, major, minor) of what every container may use: null, zero, full, random, urandom, tty,
# console, ptmx, pts, net/tun.
# /dev/net/tun: runc dropped it in 1.2.0 and had to put it back in 1.2.4.
ALLOWED = (
    ("c", 1, 3),
    ("c", 1, 5),
    ("c", 1, 7),
    ("c", 1, 8),
    ("c", 1, 9),
    ("c", 5, 0),
    ("c", 5, 1),
    ("c", 5, 2),
    ("c", 136, None),
    ("c", 10, 200),
)


def device_rules(definition: Definition) -> list[DeviceRule]:
    """Make the device cgroup's list: everything is refused but what is named.

    Any node may be made (mknod), but not opened.
    """
    if definition.get("privileged"):
        return [{"allow": True, "access": "rwm"}]
    rules: list[DeviceRule] = [
        {"allow": False, "access": "rwm"},
        {"allow": True, "type": "c", "access": "m"},
        {"allow": True, "type": "b", "access": "m"},
    ]
    for kind, major, minor in ALLOWED:
        rules.append(rule(kind, major, minor, "rwm"))
    for node, access in nodes(definition):
        rules.append(rule(node["type"], node["major"], node["minor"], access))
    for entry in definition.get("device_cgroup_rules", ()):
        kind, numbers, access = entry.split()
        one, other = (None if part == "*" else int(part) for part in numbers.split(":"))
        rules.append(rule(kind, one, other, access))
    return rules


def rule(kind: str, major: int | None, minor: int | None, access: str) -> DeviceRule:
    """Make an entry of the device cgroup's list. None stands for any number."""
    rule: DeviceRule = {"allow": True, "type": kind, "access": access}
    if major is not None:
        rule["major"] = major
    if minor is not None:
        rule["minor"] = minor
    return rule


def devices(definition: Definition) -> list[DeviceEntry]:
    """Make linux.devices: the nodes to make beside the default ones."""
    found = [node for node, _access in nodes(definition)]
    if definition.get("privileged"):
        taken = {node["path"] for node in found}
        found += [node for node in _host_devices() if node["path"] not in taken]
    return found


def nodes(definition: Definition) -> list[tuple[DeviceEntry, str]]:
    """Return the task's devices as ``[(node, access)]``.

    A directory of the host stands for all devices below it, as in Docker. :raises InvalidInput:
    there is no such device.
    """
    found = []
    for entry in definition.get("devices", ()):
        if device_options.is_cdi(entry):
            continue  # cdi_edits.py
        source, inside, access = entry.rsplit(":", 2)
        if os.path.isdir(source):
            for path in _walk(source):
                found.append((_node(path, inside + path[len(source) :]), access))
        else:
            info = device_number(
                source, "devices", (stat.S_ISBLK, stat.S_ISCHR), "a device of the host"
            )[2]
            found.append((made(inside, info), access))
    return found


def device_number(
    path: str, option: str, kinds: Iterable[Callable[[int], bool]], accepted: str
) -> tuple[str, int, os.stat_result]:
    """Return ``(type, number, status)`` of a device.

    :param kinds: tests of a mode, such as stat.S_ISBLK. :param accepted: what it has to be, in
        words.
    :raises InvalidInput: there is none at ``path``.
    """
    try:
        info = os.stat(path)
    except OSError as error:
        raise InvalidInput(option, path, f"{accepted} ({reason(error, named=True)})") from None
    if not any(kind(info.st_mode) for kind in kinds):
        raise InvalidInput(option, path, accepted)
    return "b" if stat.S_ISBLK(info.st_mode) else "c", info.st_rdev, info


def made(inside: str, info: os.stat_result) -> DeviceEntry:
    """Make an entry of linux.devices from the status of the host's node."""
    return {
        "path": inside,
        "type": "b" if stat.S_ISBLK(info.st_mode) else "c",
        "major": os.major(info.st_rdev),
        "minor": os.minor(info.st_rdev),
        "fileMode": stat.S_IMODE(info.st_mode),
        "uid": info.st_uid,
        "gid": info.st_gid,
    }


def _node(path: str, inside: str) -> DeviceEntry:
    return made(inside, os.lstat(path))


def _walk(directory: str, skip: Collection[str] = ()) -> list[str]:
    """List the device nodes below a directory; no symlinks are followed."""
    found = []
    for entry in sorted(os.scandir(directory), key=lambda entry: entry.name):
        if entry.path in skip or entry.is_symlink():
            continue
        if entry.is_dir():
            found += _walk(entry.path, skip)
        elif stat.S_ISBLK(entry.stat().st_mode) or stat.S_ISCHR(entry.stat().st_mode):
            found.append(entry.path)
    return found


def _host_devices() -> list[DeviceEntry]:
    """Return every device of the host, for a privileged container.

    Terminals and what the container has of its own are left out.
    """
    own = (
        "/dev/pts",
        "/dev/shm",
        "/dev/mqueue",
        "/dev/console",
        "/dev/ptmx",
        "/dev/null",
        "/dev/zero",
        "/dev/full",
        "/dev/random",
        "/dev/urandom",
        "/dev/tty",
    )
    return [_node(path, path) for path in _walk("/dev", own)]
