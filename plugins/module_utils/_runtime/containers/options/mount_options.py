# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a mount may say beyond its type, source and target, each key for some types alone.

Only what is said stands in a mount's normal form (``storage.Mount``): what another version wrote
down has none of these keys, and means the same.
"""

from __future__ import annotations

import re

from ... import units
from ...errors import InvalidInput
from ...kernel.isolation import selinux
from ...options.forms import boolean, line
from ...options.rows import Nowhere, Suboption

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .storage import Mount

CONTAINER = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{1,127}")  # a name, or an ID
# {key: the types of mount that it is for}
TYPES = {
    "create_mountpoint": ("bind",),
    "non_recursive": ("bind",),
    "read_only_non_recursive": ("bind",),
    "read_only_force_recursive": ("bind",),
    "subpath": ("volume", "image"),
    "labels": ("volume",),
    "volume_driver": ("volume",),
    "volume_options": ("volume",),
    "tmpfs_options": ("tmpfs",),
}
KEYS = tuple(TYPES)
_SWITCHES = (
    "create_mountpoint",
    "non_recursive",
    "read_only_non_recursive",
    "read_only_force_recursive",
)
# Of `tmpfs_options`: flags, and keys with a number.
_FLAGS = ("exec", "noexec", "suid", "nosuid", "dev", "nodev", "ro", "rw")
_NUMBERS = ("uid", "gid", "nr_inodes")
_TMPFS = ", ".join([*_FLAGS, *(f"{key}: number" for key in _NUMBERS)])


def put(result: Mount, given: dict[str, Any], name: str) -> None:
    """Read these keys of a map of ``mounts`` into its normal form.

    :param given: the map, without what is None. :raises InvalidInput: naming the key.
    """
    for key in _SWITCHES:
        if key in given and boolean(given[key], f"{name}.{key}"):
            result[key] = True  # type: ignore[literal-required]
    if given.get("subpath"):
        result["subpath"] = subpath(given["subpath"], name + ".subpath")
    if given.get("volume_driver") not in (None, "", "local"):
        raise InvalidInput(
            name + ".volume_driver",
            given["volume_driver"],
            "local: there are no other drivers of volumes (mount what they would on the host, and "
            "use a bind mount)",
        )
    for key in ("labels", "volume_options"):
        if given.get(key):
            result[key] = _texts(given[key], f"{name}.{key}")  # type: ignore[literal-required]
    if given.get("tmpfs_options"):
        result["tmpfs_options"] = _tmpfs_options(given["tmpfs_options"], name + ".tmpfs_options")
    _check_read_only(result, name)


def volumes_from(value: Any, name: str) -> str:
    """``container[:modes]``; the mode rw is what holds without one."""
    other, colon, said = line(value, name).partition(":")
    modes = said.split(",") if colon else []
    if not CONTAINER.fullmatch(other) or not set(modes) <= {"ro", "rw", "z", "Z"}:
        raise InvalidInput(name, value, "container[:modes], with the modes ro, rw, z and Z")
    labels = [mode for mode in modes if mode in ("z", "Z") and selinux.enabled()][-1:]
    kept = (["ro"] if "ro" in modes else []) + labels
    return other + (":" + ",".join(kept) if kept else "")


def _texts(given: Any, name: str) -> dict[str, str]:
    if not isinstance(given, dict):
        raise InvalidInput(name, given, "a map")
    return units.texts(given, name)


def _check_read_only(result: Mount, name: str) -> None:
    """Check what goes with what, as Docker does."""
    for key in ("read_only_non_recursive", "read_only_force_recursive"):
        if result.get(key) and not result["read_only"]:
            raise InvalidInput(f"{name}.{key}", True, "true only with read_only")
    if not result.get("read_only_force_recursive"):
        return
    for other in ("read_only_non_recursive", "non_recursive"):
        if result.get(other):
            raise InvalidInput(
                name + ".read_only_force_recursive", True, f"either it or {other}, not both"
            )
    if result["propagation"] not in ("rprivate", "private"):
        raise InvalidInput(
            name + ".propagation",
            result["propagation"],
            "rprivate, with read_only_force_recursive: what is mounted later would be writable",
        )


def subpath(value: Any, name: str) -> str:
    """A path below a volume's or image's root, in its shortest form."""
    parts = [part for part in line(value, name).split("/") if part not in ("", ".")]
    if value.startswith("/") or ".." in parts or not parts:
        raise InvalidInput(name, value, "a relative path without '..', such as 'data/www'")
    return "/".join(parts)


def _tmpfs_options(given: Any, name: str) -> list[list[str]]:
    """``[{key: value or null}]`` as ``[[key], [key, value]]``, which is Docker's form."""
    found = []
    for entry in given if isinstance(given, list) else [given]:
        if not isinstance(entry, dict) or len(entry) != 1:
            raise InvalidInput(name, entry, "maps with one key each: " + _TMPFS)
        key, value = next(iter(entry.items()))
        if key in _FLAGS and value in (None, ""):
            found.append([key])
        elif key in _NUMBERS and re.fullmatch("[0-9]{1,10}", str(value)):
            found.append([key, str(int(value))])
        else:
            raise InvalidInput(name, f"{key}: {value}", _TMPFS)
    return found


def tmpfs_text(entry: Mount) -> str:
    """Return a mount of type tmpfs with ``tmpfs_options`` in the form of the option ``tmpfs``."""
    words = ["ro"] if entry["read_only"] else []
    words += ["=".join(option) for option in entry.get("tmpfs_options", ())]
    words += [f"size={entry['tmpfs_size']}"] if entry["tmpfs_size"] else []
    words += [f"mode={entry['tmpfs_mode'] or '1777'}"]
    return f"{entry['target']}:{','.join(words)}"


# Docker's forms, for inspect: {key: (name of the map, key in it)}
_SHOWN = {
    "create_mountpoint": ("BindOptions", "CreateMountpoint"),
    "non_recursive": ("BindOptions", "NonRecursive"),
    "read_only_non_recursive": ("BindOptions", "ReadOnlyNonRecursive"),
    "read_only_force_recursive": ("BindOptions", "ReadOnlyForceRecursive"),
    "labels": ("VolumeOptions", "Labels"),
    "tmpfs_options": ("TmpfsOptions", "Options"),
}


def show(entry: Mount, found: dict[str, Any]) -> None:
    """Put these keys of a mount into its entry of ``HostConfig.Mounts``."""
    said: Any = entry
    for key, (group, name) in _SHOWN.items():
        if key in said:
            found.setdefault(group, {})[name] = said[key]
    if "volume_options" in entry:
        found["VolumeOptions"]["DriverConfig"] = {
            "Name": "local",
            "Options": entry["volume_options"],
        }
    if "subpath" in entry:
        group = "ImageOptions" if entry["type"] == "image" else "VolumeOptions"
        found.setdefault(group, {})["Subpath"] = entry["subpath"]


def _row(
    name: str,
    type: str,
    key: str,
    description: str,
    place: str | Nowhere = "config.json mounts",
    elements: str = "",
) -> Suboption:
    return Suboption(
        name,
        type,
        elements=elements,
        place=place,
        inspect="HostConfig.Mounts",
        flag="--mount " + key,
        description=description,
    )


SUBOPTIONS: tuple[Suboption, ...] = (
    _row(
        "create_mountpoint",
        "bool",
        "bind-create-src",
        """
        Make a directory on the host where there is nothing at O(mounts[].source), with mode V(0755)
        and root as its owner. Only for O(mounts[].type=bind).
        """,
        Nowhere("it says what is done where the host lacks the path"),
    ),
    _row(
        "non_recursive",
        "bool",
        "bind-nonrecursive",
        """
        Show the path without what the host has mounted below it. Only for
        O(mounts[].type=bind).
        """,
    ),
    _row(
        "read_only_non_recursive",
        "bool",
        "bind-recursive",
        """
        With O(mounts[].read_only), leave what the host has mounted below the path as writable as it
        is there. Without it, that is read-only as well, where the kernel can do so (Linux 5.12).
        Only for O(mounts[].type=bind).
        """,
    ),
    _row(
        "read_only_force_recursive",
        "bool",
        "bind-recursive",
        """
        With O(mounts[].read_only), refuse a host whose kernel can't make read-only what is mounted
        below the path. Only for O(mounts[].type=bind).
        """,
        Nowhere("it says what is refused"),
    ),
    _row(
        "subpath",
        "str",
        "volume-subpath",
        """
        A path below the root of the volume or image, which is mounted in place of the root. It has
        to exist. It is looked up at each start, and no symbolic link leads out. Such a mount does
        not fill an empty volume. Only for O(mounts[].type=volume) and O(mounts[].type=image).
        """,
    ),
    _row(
        "labels",
        "dict",
        "volume-label",
        """
        Labels of the volume, where this mount makes it. Only for O(mounts[].type=volume).
        """,
        Nowhere("they are labels of a new volume"),
    ),
    Suboption(
        "volume_driver",
        "str",
        place=Nowhere("there is one driver"),
        inspect=Nowhere("there is one driver"),
        flag="--mount volume-driver",
        description="""
        The driver of the volume, where this mount makes it. There is V(local) alone. Only for
        O(mounts[].type=volume).
        """,
    ),
    _row(
        "volume_options",
        "dict",
        "volume-opt",
        """
        What the volume is, where this mount makes it: the O(pycontainer.engine.volume#module:driver_options)
        of M(pycontainer.engine.volume). Only for O(mounts[].type=volume).
        """,
        Nowhere("they are options of a new volume"),
    ),
    _row(
        "tmpfs_options",
        "list",
        "tmpfs-opt",
        """
        Options of the tmpfs, each a map with one key: a flag with null (V(exec), V(noexec),
        V(suid), V(nosuid), V(dev), V(nodev), V(ro), V(rw)), or V(uid), V(gid) or V(nr_inodes) with
        a number. Of two on one thing the later wins. The default is V(noexec), V(nosuid), V(nodev).
        Only for O(mounts[].type=tmpfs).
        """,
        elements="dict",
    ),
)
