# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ``local`` driver's options: a volume can be a tmpfs, or another directory of the host, or a
directory of the store that may hold so much (``quota``).

As in Docker, the mount is made on the volume's directory when a container that uses it starts. It
stays until the volume is removed or the host shuts down, so that containers that share the volume
see the same files.
"""

from __future__ import annotations

import errno
import os
import re

from .. import units
from ..errors import HostError, InvalidInput, Unsupported, reason
from ..kernel.calls import constants as c
from ..kernel.calls import syscalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


MOUNT = ("type", "device", "o")
KEYS = MOUNT + ("size",)
FLAGS = {  # mount(2)
    "ro": c.MS_RDONLY,
    "rw": 0,
    "nosuid": c.MS_NOSUID,
    "nodev": c.MS_NODEV,
    "noexec": c.MS_NOEXEC,
    "suid": 0,
    "dev": 0,
    "exec": 0,
}


class OwnMount:
    """The mount that a volume's options describe.

    ``source``, ``kind``, ``flags`` (MS_*), ``data``: as mount(2) takes them.
    """

    __slots__ = ("source", "kind", "flags", "data")

    def __init__(self, source: str, kind: str, flags: int, data: str) -> None:
        self.source, self.kind, self.flags, self.data = source, kind, flags, data


def check(options: object) -> dict[str, str]:
    """Return driver options in their normal form.

    :raises InvalidInput, Unsupported: for options that can't work on a host.
    """
    if not isinstance(options, dict):
        raise InvalidInput("driver_options", options, "a map with type, device, o, or with size")
    for key, value in options.items():
        if key not in KEYS:
            raise InvalidInput("driver_options", key, ", ".join(KEYS))
        if value is None or isinstance(value, (bool, dict, list)):
            raise InvalidInput("driver_options." + key, value, "a text")
    result = {key: str(value) for key, value in options.items()}
    said = result.get("o", "")
    if set(result) == {"o"} and said.startswith("size=") and "," not in said:  # as podman says it
        result = {"size": result["o"][len("size=") :]}
    if "size" in result:
        return _limited(result)
    if result:
        _mount_of(result)
    return result


def _limited(options: dict[str, str]) -> dict[str, str]:
    size = units.size(options["size"], "driver_options.size")
    others = [key for key in MOUNT if key in options]
    if others and size:
        raise InvalidInput(
            "driver_options.size",
            options["size"],
            f"size without {others[0]}: only a directory of the engine's own has a limit (a tmpfs "
            "has one in o: size=)",
        )
    if others:
        return check({key: options[key] for key in others})
    return {"size": str(size)} if size else {}


def is_mount(options: Mapping[str, str]) -> bool:
    """Tell whether a volume's options describe a mount; else it is a directory of the store."""
    return any(key in options for key in MOUNT)


def _mount_of(options: Mapping[str, str]) -> OwnMount:
    words = [word for word in options.get("o", "").split(",") if word]
    kind = options.get("type", "none")
    if kind == "tmpfs":
        return _tmpfs(words)
    if kind in ("none", "bind", "") and ("bind" in words or "rbind" in words):
        return _bind(options, words)
    raise Unsupported(
        f"driver_options: type {kind} with o {options.get('o', '')!r}: volumes of type tmpfs, and "
        "of type none with o: bind and a device, are what works"
    )


def _tmpfs(words: Sequence[str]) -> OwnMount:
    flags, data = 0, []
    for word in words:
        key, equals, value = word.partition("=")
        if word in FLAGS:
            flags |= FLAGS[word]
        elif key == "size" and equals:
            data.append(
                "size="
                + (
                    value
                    if re.fullmatch(r"\d{1,3}%", value)
                    else str(units.size(value, "driver_options.o"))
                )
            )
        elif (key == "mode" and re.fullmatch("[0-7]{3,4}", value)) or (
            key in ("uid", "gid", "nr_inodes") and value.isascii() and value.isdigit()
        ):
            data.append(word)
        else:
            raise InvalidInput(
                "driver_options.o",
                word,
                "size=, mode=, uid=, gid=, nr_inodes=, " + ", ".join(FLAGS),
            )
    return OwnMount("tmpfs", "tmpfs", flags, ",".join(data))


def _bind(options: Mapping[str, str], words: Sequence[str]) -> OwnMount:
    device = options.get("device", "")
    if not device.startswith("/") or not os.path.isdir(device):
        raise InvalidInput("driver_options.device", device, "a directory of the host, which exists")
    flags = c.MS_BIND
    for word in words:
        if word in FLAGS:
            flags |= FLAGS[word]
        elif word == "rbind":
            flags |= c.MS_REC
        elif word != "bind":
            raise InvalidInput("driver_options.o", word, "bind, rbind, " + ", ".join(FLAGS))
    return OwnMount(device, "", flags, "")


def is_mounted(directory: str) -> bool:
    """Tell whether a file system is mounted on a directory whose name has no blanks."""
    # mountinfo escapes blanks (proc(5)); names of volumes have none
    with open("/proc/self/mountinfo") as file:
        return any(line.split(" ")[4] == directory for line in file)


def place(directory: str, options: Mapping[str, str]) -> str:
    """Return the directory that has a volume's content now, whether it is mounted or not."""
    if is_mount(options) and not is_mounted(directory):
        wanted = _mount_of(options)
        return wanted.source if wanted.flags & c.MS_BIND else directory
    return directory


def attach(name: str, directory: str, options: Mapping[str, str]) -> None:
    """Mount what a volume's options name on its directory, unless it is mounted.

    :raises HostError: when the kernel refuses.
    """
    if not is_mounted(directory):
        _mount(name, directory, _mount_of(options))


def _mount(name: str, directory: str, wanted: OwnMount) -> None:
    try:
        if wanted.flags & c.MS_BIND:
            bind = wanted.flags & (c.MS_BIND | c.MS_REC)
            syscalls.mount(wanted.source, directory, None, bind, None)
            rest = wanted.flags & ~bind
            if rest:  # a bind mount takes its flags only when mounted again
                syscalls.mount(None, directory, None, rest | c.MS_BIND | c.MS_REMOUNT, None)
        else:
            syscalls.mount(wanted.source, directory, wanted.kind, wanted.flags, wanted.data)
    except OSError as error:
        detach(directory)
        raise HostError(f"volume {name}: can't mount it: {reason(error, named=True)}") from None


def detach(directory: str) -> None:
    """Remove a volume's own mount, if it has one."""
    try:
        while True:
            syscalls.umount2(directory, c.MNT_DETACH)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOENT):
            raise HostError(f"can't unmount {directory}: {reason(error, named=True)}") from None
