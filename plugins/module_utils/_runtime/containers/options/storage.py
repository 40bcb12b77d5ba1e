# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options about files: volumes, mounts, tmpfs, devices, the size of /dev/shm, a read-only root.

``volumes`` and ``mounts`` have one normal form, so that the two spellings of one mount don't look like a difference:
``{"type": "bind" | "volume" | "tmpfs", "source", "target", "read_only", "propagation", "no_copy", "tmpfs_size",
"tmpfs_mode"}``; a volume without a source is anonymous. Where files have labels, ``relabel`` is beside them: Docker's mode z or Z.
"""

from __future__ import annotations

import itertools
import os
import re

from ... import units
from ...errors import InvalidInput
from ...kernel.isolation import selinux
from .table import Option, absolute, flag, line, listed, ordered

VOLUME_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{1,127}")
MOUNT_KEYS = (
    "type",
    "source",
    "target",
    "read_only",
    "propagation",
    "no_copy",
    "tmpfs_size",
    "tmpfs_mode",
)
PROPAGATIONS = ("private", "rprivate", "shared", "rshared", "slave", "rslave")
CONSISTENCIES = (
    "consistent",
    "cached",
    "delegated",
)  # Docker's for hosts whose containers run in a virtual machine: nothing to do on Linux
_MODES = ("ro", "rw", "z", "Z", "nocopy") + PROPAGATIONS
_TMPFS_FLAGS = {
    "ro": "ro",
    "rw": "ro",
    "noexec": "noexec",
    "exec": "noexec",
    "nosuid": "nosuid",
    "suid": "nosuid",
    "nodev": "nodev",
    "dev": "nodev",
}  # what each flag is about: of two on one thing the later wins


def mount(kind, source, target, **more):
    """A mount in its normal form."""
    result = {
        "type": kind,
        "source": source,
        "target": target,
        "read_only": False,
        "propagation": "rprivate" if kind == "bind" else "",
        "no_copy": False,
        "tmpfs_size": 0,
        "tmpfs_mode": "",
    }
    result.update(more)
    return result


def volume(value, name):
    """``[source:]target[:modes]``: a name makes a named volume, an absolute path a bind mount, none an anonymous volume."""
    parts = line(value, name).split(":")
    accepted = "target, name:target[:modes] or /host/path:target[:modes], where target is an absolute path in the container"
    if len(parts) > 3 or not all(parts):
        raise InvalidInput(name, value, accepted)
    if len(parts) == 1:
        return mount("volume", "", target(parts[0], name))
    if _is_modes(parts[1]):  # of /anon:rw, not "rw" alone is what is wrong
        raise InvalidInput(name, value, accepted)
    source, where = parts[0], target(parts[1], name)
    if source == "~" or source.startswith("~/"):
        source = os.path.expanduser(source)
    if source.startswith("/"):
        result = mount("bind", os.path.normpath(source), where)
    elif VOLUME_NAME.fullmatch(source):
        result = mount("volume", source, where)
    else:
        raise InvalidInput(
            name,
            value,
            accepted
            + "; a volume's name has 2 to 128 letters, digits, '_', '.', '-', a path begins with /",
        )
    for mode in parts[2].split(",") if len(parts) == 3 else ():
        _add_mode(result, mode, value, name)
    return result


def _is_modes(text):
    return all(mode in _MODES or mode in CONSISTENCIES for mode in text.split(","))


def _add_mode(result, mode, value, name):
    if mode in ("ro", "rw"):
        result["read_only"] = mode == "ro"
    elif mode in CONSISTENCIES and result["type"] == "bind":
        pass
    elif mode in ("z", "Z"):
        if selinux.enabled():  # where nothing has labels, there is nothing to do
            result["relabel"] = mode
    elif mode == "nocopy" and result["type"] == "volume":
        result["no_copy"] = True
    elif mode in PROPAGATIONS and result["type"] == "bind":
        result["propagation"] = mode
    else:
        raise InvalidInput(
            name,
            value,
            f"modes {', '.join(_MODES)} (nocopy for volumes, propagation for host paths)",
        )


def target(value, name):
    path = absolute(value, name)
    if path == "/":
        raise InvalidInput(name, value, "a path below the container's root")
    return path


def mount_map(value, name):
    """An entry of ``mounts``."""
    if not isinstance(value, dict):
        raise InvalidInput(name, value, "a list of maps")
    given = {key: item for key, item in value.items() if item is not None}
    unknown = set(given) - set(MOUNT_KEYS)
    if unknown:
        raise InvalidInput(name, sorted(unknown)[0], ", ".join(MOUNT_KEYS))
    kind = given.get("type", "volume")
    if kind not in ("bind", "volume", "tmpfs"):
        raise InvalidInput(name + ".type", kind, "bind, volume, tmpfs")
    if not given.get("target"):
        raise InvalidInput(
            name + ".target", given.get("target"), "where the mount goes in the container"
        )
    for key, kinds in (
        ("propagation", ("bind",)),
        ("no_copy", ("volume",)),
        ("tmpfs_size", ("tmpfs",)),
        ("tmpfs_mode", ("tmpfs",)),
    ):
        if key in given and kind not in kinds:
            raise InvalidInput(
                f"{name}.{key}", given[key], f"nothing: it goes with type {kinds[0]}, not {kind}"
            )
    result = mount(
        kind, _mount_source(kind, given, name), target(given["target"], name + ".target")
    )
    for key in ("read_only", "no_copy"):
        if key in given:
            result[key] = flag(given[key], f"{name}.{key}")
    if "propagation" in given:
        if given["propagation"] not in PROPAGATIONS:
            raise InvalidInput(name + ".propagation", given["propagation"], ", ".join(PROPAGATIONS))
        result["propagation"] = given["propagation"]
    if "tmpfs_size" in given:
        result["tmpfs_size"] = units.size(given["tmpfs_size"], name + ".tmpfs_size")
    if "tmpfs_mode" in given:
        result["tmpfs_mode"] = file_mode(given["tmpfs_mode"], name + ".tmpfs_mode")
    return result


def _mount_source(kind, given, name):
    source = line(given.get("source", ""), name + ".source")
    if kind == "tmpfs" and source:
        raise InvalidInput(name + ".source", source, "nothing: a tmpfs has no source")
    if kind == "bind" and not source.startswith("/"):
        raise InvalidInput(name + ".source", source, "an absolute path on the host")
    if kind == "volume" and source and not VOLUME_NAME.fullmatch(source):
        raise InvalidInput(
            name + ".source", source, "a volume's name: 2 to 128 letters, digits, '_', '.', '-'"
        )
    return os.path.normpath(source) if kind == "bind" else source


def file_mode(value, name):
    """Permission bits, octal, as four digits."""
    match = re.fullmatch(r"(?:0o?)?([0-7]{3,4})", str(value))
    if match is None or isinstance(value, bool):
        raise InvalidInput(name, value, "octal permissions, such as '1777'")
    return match.group(1).rjust(4, "0")


def tmpfs(value, name):
    """``/path[:options]`` with the options in a fixed order; Docker's noexec, nosuid, nodev unless the options say otherwise."""
    where, dummy, options = line(value, name).partition(":")
    flags = {"ro": "rw", "noexec": "noexec", "nosuid": "nosuid", "nodev": "nodev"}
    sizes = {}
    for option in options.split(",") if options else ():
        key, equals, setting = option.partition("=")
        if not equals and key in _TMPFS_FLAGS:
            flags[_TMPFS_FLAGS[key]] = key
        elif key == "size" and equals:
            sizes[key] = (
                setting
                if re.fullmatch(r"\d{1,2}%|100%", setting)
                else str(units.size(setting, name))
            )
        elif key == "mode" and equals:
            sizes[key] = file_mode(setting, name)
        elif key in ("uid", "gid", "nr_inodes") and setting.isascii() and setting.isdigit():
            sizes[key] = str(int(setting))
        else:
            raise InvalidInput(
                name,
                value,
                "/path[:options] with ro, rw, exec, noexec, suid, nosuid, dev, nodev, size=, "
                "mode=, uid=, gid=, nr_inodes=",
            )
    return (
        target(where, name)
        + ":"
        + ",".join(list(flags.values()) + ["%s=%s" % item for item in sorted(sizes.items())])
    )


def device(value, name):
    """``/dev/x[:/inside[:rwm]]`` as ``/dev/x:/inside:rwm``."""
    parts = line(value, name).split(":")
    accepted = "/dev/path[:/path/inside[:permissions of r, w, m]]"
    if len(parts) > 3 or not parts[0].startswith("/"):
        raise InvalidInput(name, value, accepted)
    if len(parts) == 2 and re.fullmatch("[rwm]{1,3}", parts[1]):
        parts = [parts[0], parts[0], parts[1]]
    inside, permissions = (parts + [parts[0], "rwm"][len(parts) - 1 :])[1:3]
    if not re.fullmatch("[rwm]{1,3}", permissions) or not inside.startswith("/"):
        raise InvalidInput(name, value, accepted)
    return f"{os.path.normpath(parts[0])}:{target(inside, name)}:{''.join((letter for letter in 'rwm' if letter in permissions))}"


def device_rule(value, name):
    """``type major:minor permissions`` of the device cgroup, e.g. ``c 42:* rwm``."""
    match = re.fullmatch(r"([abc])\s+(\d+|\*):(\d+|\*)\s+([rwm]{1,3})", line(value, name).strip())
    if match is None:
        raise InvalidInput(name, value, "'type major:minor permissions', such as 'c 42:* rwm'")
    return f"{match.group(1)} {match.group(2)}:{match.group(3)} {''.join((letter for letter in 'rwm' if letter in match.group(4)))}"


def shm_size(value, name):
    count = units.size(value, name)
    if not count:
        raise InvalidInput(name, value, "more than 0 bytes")
    return count


def check(definition):
    """No two mounts at one place. :raises InvalidInput:"""
    seen = {}
    for option in ("volumes", "mounts"):
        for entry in definition.get(option, ()):
            if entry["target"] in seen:
                raise InvalidInput(
                    option,
                    entry["target"],
                    f"one mount for each place in the container ({seen[entry['target']]} has it "
                    "too)",
                )
            seen[entry["target"]] = option
    for entry in definition.get("tmpfs", ()):
        where = entry.partition(":")[0]
        if where in seen:
            raise InvalidInput(
                "tmpfs",
                where,
                f"one mount for each place in the container ({seen[where]} has it too)",
            )
        seen[where] = "tmpfs"


def mounts_of(definition):
    """All mounts that the user asked for, in normal form, those of ``tmpfs`` excepted."""
    return ordered(list(definition.get("volumes", ())) + list(definition.get("mounts", ())))


OF_PLACES = ("volumes", "mounts", "tmpfs")


def respelled(now, wanted):
    """``now`` with each mount under the option in which ``wanted`` names its place: which of the two it was said in is no difference.

    A place that had a tmpfs and is now asked for as a mount, or the other way round, is free: what is there differs anyway.
    """
    result = dict(now)
    keys = {option.name: option.key for option in OPTIONS if option.name in OF_PLACES}
    for name, other in itertools.permutations(keys, 2):
        places = [keys[name](entry) for entry in wanted.get(name, ())]
        moving = [entry for entry in result.get(other, ()) if keys[other](entry) in places]
        if moving:
            result[other] = [entry for entry in result[other] if entry not in moving]
            if "tmpfs" not in (name, other):
                result[name] = ordered(list(result.get(name, ())) + moving)
    return result


def _place(entry):
    return entry["target"]


OPTIONS = (
    Option("volumes", listed(volume, as_set=True), [], "set", key=_place),
    Option("mounts", listed(mount_map, as_set=True), [], "set", key=_place),
    Option(
        "tmpfs", listed(tmpfs, as_set=True), [], "set", key=lambda entry: entry.partition(":")[0]
    ),
    Option("read_only", flag, False),
    Option("shm_size", shm_size, 64 << 20),
    Option(
        "devices", listed(device, as_set=True), [], "set", key=lambda entry: entry.rsplit(":", 2)[1]
    ),
    Option("device_cgroup_rules", listed(device_rule, as_set=True), [], "set"),
)
