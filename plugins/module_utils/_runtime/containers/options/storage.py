# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options about files: volumes, mounts, tmpfs, the size of /dev/shm, a read-only root.

``volumes`` and ``mounts`` have one normal form, so that the two spellings of one mount don't look
like a difference: ``{"type": "bind" | "volume" | "tmpfs" | "image", "source", "target", "read_only",
"propagation", "no_copy", "tmpfs_size", "tmpfs_mode"}``; a volume without a source is anonymous.
Of an image, ``image`` is the id that its name had when the container was made.
Where files have labels, ``relabel`` is beside them: Docker's mode z or Z.
"""

from __future__ import annotations

import itertools
import os
import re

from ... import units
from ...errors import InvalidInput
from ...kernel.isolation import selinux
from ...options.forms import absolute, boolean, line, list_of, ordered, set_of
from ...options.rows import LIST, MAP, RESTART, SET, Flag, Nowhere, Option, Shown, Suboption
from . import mount_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypedDict

    from ...options.rows import Definition

    class _Said(TypedDict, total=False):
        """Keys that are there only where they say something (mount_options.py)."""

        relabel: str  # z or Z, where files have labels
        create_mountpoint: bool
        non_recursive: bool
        read_only_non_recursive: bool
        read_only_force_recursive: bool
        subpath: str  # below a volume's or an image's root
        labels: dict[str, str]  # of a volume that the mount makes
        volume_options: dict[str, str]
        tmpfs_options: list[list[str]]
        image: str | None  # the id of an image; None where a check can't know it

    class Mount(_Said):
        """An entry of ``volumes`` or ``mounts`` in normal form."""

        type: str  # bind, volume, tmpfs or image
        source: str  # a path of the host, a name of a volume or image; "" for an anonymous volume
        target: str
        read_only: bool
        propagation: str  # of a bind mount: rprivate ..., else ""
        no_copy: bool
        tmpfs_size: int  # bytes, 0 for half of the memory
        tmpfs_mode: str  # four octal digits, or ""


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
    "consistency",
    *mount_options.KEYS,
)
# Keys of a mount that are for some types alone.
_OF_TYPES: dict[str, tuple[str, ...]] = {
    "propagation": ("bind",),
    "no_copy": ("volume",),
    "tmpfs_size": ("tmpfs",),
    "tmpfs_mode": ("tmpfs",),
    **mount_options.TYPES,
}
KINDS = ("bind", "volume", "tmpfs", "image")
PROPAGATIONS = ("private", "rprivate", "shared", "rshared", "slave", "rslave")
# Docker's for hosts whose containers run in a virtual machine: nothing to do on Linux.
CONSISTENCIES = ("consistent", "cached", "delegated")
_MODES = ("ro", "rw", "z", "Z", "nocopy") + PROPAGATIONS
# What each flag of a tmpfs is about: of two on one thing the later wins.
_TMPFS_FLAGS = {
    "ro": "ro",
    "rw": "ro",
    "noexec": "noexec",
    "exec": "noexec",
    "nosuid": "nosuid",
    "suid": "nosuid",
    "nodev": "nodev",
    "dev": "nodev",
}
OF_PLACES = ("volumes", "mounts", "tmpfs")


def mount(kind: str, source: str, target: str) -> Mount:
    """A mount in its normal form."""
    return {
        "type": kind,
        "source": source,
        "target": target,
        "read_only": False,
        "propagation": "rprivate" if kind == "bind" else "",
        "no_copy": False,
        "tmpfs_size": 0,
        "tmpfs_mode": "",
    }


def volume(value: Any, name: str) -> Mount:
    """``[source:]target[:modes]``.

    A name is a named volume, an absolute path a bind mount, no source an anonymous volume.
    """
    parts = line(value, name).split(":")
    accepted = (
        "target, name:target[:modes] or /host/path:target[:modes], "
        "where target is an absolute path in the container"
    )
    if len(parts) > 3 or not all(parts):
        raise InvalidInput(name, value, accepted)
    if len(parts) == 1:
        return mount("volume", "", target(parts[0], name))
    if _is_modes(parts[1]):  # of /anon:rw, not "rw" alone is what is wrong
        raise InvalidInput(name, value, accepted)
    source, where = parts[0], target(parts[1], name)
    if source == "~" or source.startswith("~/"):
        source = os.path.expanduser(source)
    elif source in (".", "..") or source.startswith(("./", "../")):
        source = os.path.abspath(source)
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


def _is_modes(text: str) -> bool:
    return all(mode in _MODES or mode in CONSISTENCIES for mode in text.split(","))


def _add_mode(result: Mount, mode: str, value: Any, name: str) -> None:
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


def target(value: Any, name: str) -> str:
    """An absolute path in the container that is not its root."""
    path = absolute(value, name)
    if path == "/":
        raise InvalidInput(name, value, "a path below the container's root")
    return path


def mount_map(value: Any, name: str) -> Mount:
    """An entry of ``mounts``."""
    if not isinstance(value, dict):
        raise InvalidInput(name, value, "a list of maps")
    given = {key: item for key, item in value.items() if item is not None}
    unknown = set(given) - set(MOUNT_KEYS)
    if unknown:
        raise InvalidInput(name, sorted(unknown)[0], ", ".join(MOUNT_KEYS))
    kind = given.get("type", "volume")
    if kind not in KINDS:
        raise InvalidInput(name + ".type", kind, ", ".join(KINDS))
    if not given.get("target"):
        raise InvalidInput(
            name + ".target", given.get("target"), "where the mount goes in the container"
        )
    for key, only in _OF_TYPES.items():
        if key in given and kind not in only:
            raise InvalidInput(
                f"{name}.{key}",
                given[key],
                f"nothing: it goes with type {' or '.join(only)}, not {kind}",
            )
    if given.get("consistency", "default") not in ("default", *CONSISTENCIES):
        raise InvalidInput(
            name + ".consistency", given["consistency"], "default, " + ", ".join(CONSISTENCIES)
        )
    result = mount(
        kind, _mount_source(kind, given, name), target(given["target"], name + ".target")
    )
    if kind == "image":
        result["read_only"] = True
    if "read_only" in given:
        result["read_only"] = boolean(given["read_only"], name + ".read_only")
    if "no_copy" in given:
        result["no_copy"] = boolean(given["no_copy"], name + ".no_copy")
    if "propagation" in given:
        if given["propagation"] not in PROPAGATIONS:
            raise InvalidInput(name + ".propagation", given["propagation"], ", ".join(PROPAGATIONS))
        result["propagation"] = given["propagation"]
    if "tmpfs_size" in given:
        result["tmpfs_size"] = units.size(given["tmpfs_size"], name + ".tmpfs_size")
    if "tmpfs_mode" in given:
        result["tmpfs_mode"] = file_mode(given["tmpfs_mode"], name + ".tmpfs_mode")
    mount_options.put(result, given, name)
    return result


def _mount_source(kind: str, given: dict[str, Any], name: str) -> str:
    source = line(given.get("source", ""), name + ".source")
    if kind == "tmpfs" and source:
        raise InvalidInput(name + ".source", source, "nothing: a tmpfs has no source")
    if kind == "image" and not source:
        raise InvalidInput(name + ".source", source, "the name of an image")
    if kind == "bind" and not source.startswith("/"):
        raise InvalidInput(name + ".source", source, "an absolute path on the host")
    if kind == "volume" and source and not VOLUME_NAME.fullmatch(source):
        raise InvalidInput(
            name + ".source", source, "a volume's name: 2 to 128 letters, digits, '_', '.', '-'"
        )
    return os.path.normpath(source) if kind == "bind" else source


def file_mode(value: Any, name: str) -> str:
    """Permission bits, octal, as four digits."""
    match = re.fullmatch(r"(?:0o?)?([0-7]{3,4})", str(value))
    if match is None or isinstance(value, bool):
        raise InvalidInput(name, value, "octal permissions, such as '1777'")
    return match.group(1).rjust(4, "0")


def tmpfs(value: Any, name: str) -> str:
    """``/path[:options]`` with the options in a fixed order.

    Docker's noexec, nosuid, nodev unless the options say otherwise.
    """
    where, _colon, options = line(value, name).partition(":")
    flags = {"ro": "rw", "noexec": "noexec", "nosuid": "nosuid", "nodev": "nodev"}
    sizes = {}
    for option in options.split(",") if options else ():
        key, equals, setting = option.partition("=")
        if not equals and key in _TMPFS_FLAGS:
            flags[_TMPFS_FLAGS[key]] = key
        elif key == "size" and equals:
            percent = re.fullmatch(r"\d{1,2}%|100%", setting)
            sizes[key] = setting if percent else str(units.size(setting, name))
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
    written = [*flags.values(), *(f"{key}={setting}" for key, setting in sorted(sizes.items()))]
    return f"{target(where, name)}:{','.join(written)}"


def shm_size(value: Any, name: str) -> int:
    """Bytes."""
    count = units.size(value, name)
    if not count:
        raise InvalidInput(name, value, "more than 0 bytes")
    return count


def storage_opts(value: Any, name: str) -> dict[str, int]:
    """``{"size": bytes}``, or {}."""
    if not isinstance(value, dict):
        raise InvalidInput(name, value, "a map with size, such as {size: 10G}")
    for key in value:
        if key != "size":
            raise InvalidInput(name, key, "size, which limits the writable layer")
    if value.get("size") is None:
        return {}
    count = units.size(value["size"], name + ".size")
    return {"size": count} if count else {}


def check(definition: Definition) -> None:
    """Refuse two mounts at one place. :raises InvalidInput:"""
    seen: dict[str, str] = {}
    places = [
        (name, _place(entry))
        for name in ("volumes", "mounts")
        for entry in definition.get(name, ())
    ]
    for option, where in places + [
        ("tmpfs", _path(entry)) for entry in definition.get("tmpfs", ())
    ]:
        if where in seen:
            raise InvalidInput(
                option,
                where,
                f"one mount for each place in the container ({seen[where]} has it too)",
            )
        seen[where] = option


def mounts_of(definition: Definition) -> list[Mount]:
    """All mounts that the user asked for, in normal form, those of ``tmpfs`` excepted.

    Those of other containers (spec/inherited_mounts.py) are among them, where it has no own.
    """
    own: list[Mount] = [*definition.get("volumes", ()), *definition.get("mounts", ())]
    taken = {entry["target"] for entry in own} | {
        _path(text) for text in definition.get("tmpfs", ())
    }
    inherited = [e for e in definition.get("inherited", ()) if e["target"] not in taken]
    return ordered([*own, *inherited])


def images_of(definition: Definition) -> list[Mount]:
    """Return the mounts that show images, in the order of their places."""
    return [entry for entry in mounts_of(definition) if entry["type"] == "image"]


def respelled(now: Definition, wanted: Definition) -> Definition:
    """Return ``now`` with each mount under the option in which ``wanted`` names its place.

    Which of the two it was said in is no difference. A place that had a tmpfs and is now asked for
    as a mount, or the other way round, is free: what is there differs anyway.
    """
    result = dict(now)
    keys = {"volumes": _place, "mounts": _place, "tmpfs": _path}
    for name, other in itertools.permutations(OF_PLACES, 2):
        places = [keys[name](entry) for entry in wanted.get(name, ())]
        moving = [entry for entry in result.get(other, ()) if keys[other](entry) in places]
        if moving:
            result[other] = [entry for entry in result[other] if entry not in moving]
            if "tmpfs" not in (name, other):
                result[name] = ordered([*result.get(name, ()), *moving])
    return result


def _place(entry: Any) -> str:
    return entry["target"]


def _path(entry: Any) -> str:
    """The place of a tmpfs."""
    return entry.partition(":")[0]


# Docker's forms, for inspect.


def _binds(entries: list[Mount]) -> list[str]:
    found = []
    for entry in entries:
        if entry["source"]:
            modes = ["ro" if entry["read_only"] else "rw"]
            if entry.get("relabel"):
                modes.append(entry["relabel"])
            if entry["propagation"] not in ("", "rprivate"):
                modes.append(entry["propagation"])
            if entry["no_copy"]:
                modes.append("nocopy")
            found.append(f"{entry['source']}:{entry['target']}:{','.join(modes)}")
    return found


def texts(entries: list[Mount]) -> list[str]:
    """Write mounts in the form of ``volumes``, for a diff."""
    return _binds([{**entry, "no_copy": False} for entry in entries])


def _mounts(entries: list[Mount]) -> list[dict[str, Any]] | None:
    return [_mount(entry) for entry in entries] or None


def _mount(entry: Mount) -> dict[str, Any]:
    found: dict[str, Any] = {
        "Type": entry["type"],
        "Source": entry["source"],
        "Target": entry["target"],
        "ReadOnly": entry["read_only"],
    }
    if entry["type"] == "bind":
        found["BindOptions"] = {"Propagation": entry["propagation"]}
    elif entry["type"] == "volume":
        found["VolumeOptions"] = {"NoCopy": entry["no_copy"]}
    elif entry["type"] == "tmpfs":
        mode = int(entry["tmpfs_mode"] or "1777", 8)
        found["TmpfsOptions"] = {"SizeBytes": entry["tmpfs_size"], "Mode": mode}
    mount_options.show(entry, found)
    return found


def _by_path(entries: list[str]) -> dict[str, str]:
    parts = [entry.partition(":") for entry in entries]
    return {path: options for path, _colon, options in parts}


OPTIONS: tuple[Option, ...] = (
    Option(
        "volumes",
        "list",
        set_of(volume),
        elements="str",
        compare=SET,
        key=_place,
        place="config.json mounts",
        inspect=Shown("HostConfig.Binds", _binds),
        flag=Flag("-v, --volume", "Volume or bind mount (name-or-path:path[:options])"),
        aliases=["volume"],
        description="""
        Volumes and paths of the host to mount, in the forms V(name:/path[:modes]),
        V(/host/path:/path[:modes]) and V(/path) (an anonymous volume).

        The modes are V(ro), V(rw), V(nocopy) (do not fill an empty volume with what the image has
        there), the propagations V(private), V(rprivate), V(shared), V(rshared), V(slave) and
        V(rslave), V(z) and V(Z), and V(consistent), V(cached) and V(delegated), which make no
        difference on Linux.

        V(z) and V(Z) label what is mounted for a container that has SELinux labels, V(z) for all
        containers and V(Z) for this one. Where it has none they have nothing to do.

        A path of the host has to exist. One that begins with V(./), V(../) or V(~/) is below the
        working directory or the home of who runs the module on the host, as in docker_container. A
        volume that does not exist is made.
        """,
    ),
    Option(
        "mounts",
        "list",
        set_of(mount_map),
        elements="dict",
        compare=SET,
        key=_place,
        place="config.json mounts",
        inspect=Shown("HostConfig.Mounts", _mounts),
        flag=Flag("--mount", "Mount (type=bind,source=...,target=...)", reads="mount"),
        suboptions=(
            Suboption(
                "type",
                "str",
                choices=["bind", "image", "tmpfs", "volume"],
                default="volume",
                place="config.json mounts",
                inspect="HostConfig.Mounts",
                flag="--mount type",
                description="""
                V(bind) shows a path of the host, V(volume) a volume, V(image) the files of an
                image, V(tmpfs) is memory.

                An image is found, and pulled, as O(image) is. It is read-only unless
                O(mounts[].read_only) is false: then the container has a writable layer of its own
                over it, which goes with the container. The image is in use as long as the container
                is there. When its name leads to another image by then, a task that names this mount
                replaces the container.
                """,
            ),
            Suboption(
                "source",
                "str",
                place="config.json mounts",
                inspect="HostConfig.Mounts",
                flag="--mount source",
                description="""
                The path on the host, which has to exist, or the name of the volume or image. A
                volume without a name is anonymous.
                """,
            ),
            Suboption(
                "target",
                "str",
                required=True,
                place="config.json mounts",
                inspect="HostConfig.Mounts",
                flag="--mount target",
                description="The path in the container.",
            ),
            Suboption(
                "read_only",
                "bool",
                place="config.json mounts",
                inspect="HostConfig.Mounts",
                flag="--mount readonly",
                description="""
                Whether the container can only read it, and what the host has mounted below it
                (O(mounts[].read_only_non_recursive)).
                """,
            ),
            Suboption(
                "propagation",
                "str",
                choices=["private", "rprivate", "shared", "rshared", "slave", "rslave"],
                place="config.json mounts",
                inspect="HostConfig.Mounts",
                flag="--mount bind-propagation",
                description="""
                How mounts that are made below the path later propagate. The default is
                V(rprivate). Only for O(mounts[].type=bind).
                """,
            ),
            Suboption(
                "no_copy",
                "bool",
                place=Nowhere("it says what a new volume is filled with"),
                inspect="HostConfig.Mounts",
                flag="--mount volume-nocopy",
                description="""
                Do not fill an empty volume with what the image has at that path. Only for
                O(mounts[].type=volume).
                """,
            ),
            Suboption(
                "tmpfs_size",
                "str",
                place="config.json mounts",
                inspect="HostConfig.Mounts",
                flag="--mount tmpfs-size",
                description="The size, for example V(64m). Only for O(mounts[].type=tmpfs).",
            ),
            Suboption(
                "tmpfs_mode",
                "str",
                place="config.json mounts",
                inspect="HostConfig.Mounts",
                flag="--mount tmpfs-mode",
                description="""
                The permissions, octal, as a string. The default is V('1777'). Only for
                O(mounts[].type=tmpfs).
                """,
            ),
            Suboption(
                "consistency",
                "str",
                choices=["cached", "consistent", "default", "delegated"],
                place=Nowhere("it makes no difference on Linux"),
                inspect=Nowhere("it makes no difference on Linux"),
                flag="--mount consistency",
                description="Taken as docker_container has it. It makes no difference on Linux.",
            ),
            *mount_options.SUBOPTIONS,
        ),
        description="""
        Mounts, as maps. They can be mixed with O(volumes), which writes the same as strings.
        """,
    ),
    Option(
        "tmpfs",
        "list",
        set_of(tmpfs),
        elements="str",
        compare=SET,
        key=_path,
        place="config.json mounts",
        inspect=Shown("HostConfig.Tmpfs", _by_path),
        flag=Flag("--tmpfs", "tmpfs mount (path[:options])"),
        change=RESTART,
        description="""
        Paths that are memory, in the form V(/path[:options]), with options such as V(size=64m),
        V(mode=1777), V(uid=1000), V(exec).
        """,
    ),
    Option(
        "volumes_from",
        "list",
        list_of(mount_options.volumes_from),
        elements="str",
        compare=LIST,
        place=Nowhere("config.json has the mounts of the other container, which it does not name"),
        inspect=Shown("HostConfig.VolumesFrom", lambda entries: list(entries) or None),
        flag=Flag("--volumes-from", "Mounts of another container (name[:ro])"),
        description="""
        Containers whose volumes and bind mounts this one gets, by name or ID, with V(:ro) for a
        view that is read-only. V(:z) and V(:Z) label them, as in O(volumes).

        Anonymous volumes are among them. They stay as long as a container has them. What this
        container mounts itself at the same place wins, and of two containers the later one. What is
        memory in the other container is not for this one.

        A container keeps what it got when it was made. When the other container has other mounts by
        then, a task that names this option replaces it.
        """,
    ),
    Option(
        "read_only",
        "bool",
        boolean,
        default=False,
        place="config.json root.readonly",
        inspect="HostConfig.ReadonlyRootfs",
        flag=Flag("--read-only", "Read-only root file system"),
        change=RESTART,
        description="Make the container's root file system read-only.",
    ),
    Option(
        "shm_size",
        "str",
        shm_size,
        default=64 << 20,
        place="config.json mounts",
        inspect="HostConfig.ShmSize",
        flag=Flag("--shm-size", "Size of /dev/shm (64m)"),
        change=RESTART,
        description="The size of C(/dev/shm). The default is V(64m).",
    ),
    Option(
        "storage_opts",
        "dict",
        storage_opts,
        compare=MAP,
        place=Nowhere("the file system of its directory counts and limits it: a project quota"),
        inspect=Shown(
            "HostConfig.StorageOpt",
            lambda given: {key: str(size) for key, size in given.items()} or None,
        ),
        flag=Flag("--storage-opt", "Limit of its writable layer (size=10G)", reads="="),
        aliases=["storage_opt"],
        description="""
        V(size) is how much the container's writable layer may hold, for example V({size: 10G}):
        what it writes, changes and deletes of the image's files, but not what is in volumes. A
        write beyond it fails with "Disk quota exceeded". V(0) is no limit.

        The engine's directory has to be on xfs or ext4 with project quotas: mounted with
        C(prjquota), ext4 made with C(-O quota,project). Without them the option is refused.
        """,
    ),
)
