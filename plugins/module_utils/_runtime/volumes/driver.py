# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ``local`` driver's options: a volume can be a tmpfs, or another directory of the host.

As in Docker, the volume's directory gets the mount when a container that uses it is about to start; it stays until the
volume is removed or the host goes down, so containers that share the volume see the same files.
"""

from __future__ import annotations

import errno
import os
import re

from .. import units
from ..errors import HostError, InvalidInput, Unsupported
from ..kernel.calls import syscalls

KEYS = ("type", "device", "o")
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC = (
    1,
    2,
    4,
    8,
    32,
    4096,
    16384,
)  # mount(2)
FLAGS = {
    "ro": MS_RDONLY,
    "rw": 0,
    "nosuid": MS_NOSUID,
    "nodev": MS_NODEV,
    "noexec": MS_NOEXEC,
    "suid": 0,
    "dev": 0,
    "exec": 0,
}
MNT_DETACH = 2


def check(options):
    """The driver options in their normal form. :raises InvalidInput, Unsupported: for what can't work on a host."""
    if not isinstance(options, dict):
        raise InvalidInput("driver_options", options, "a map with type, device, o")
    for key, value in options.items():
        if key not in KEYS:
            raise InvalidInput("driver_options", key, ", ".join(KEYS))
        if value is None or isinstance(value, (bool, dict, list)):
            raise InvalidInput("driver_options." + key, value, "a text")
    result = {key: str(value) for key, value in options.items()}
    if result:
        _mount_of(result)
    return result


def _mount_of(options):
    """What to mount: ``(source, type, flags, data)``."""
    words = [word for word in options.get("o", "").split(",") if word]
    kind = options.get("type", "none")
    if kind == "tmpfs":
        flags, data = _tmpfs(words)
        return "tmpfs", "tmpfs", flags, data
    if kind in ("none", "bind", "") and ("bind" in words or "rbind" in words):
        return _bind(options, words)
    raise Unsupported(
        f"driver_options: type {kind} with o {options.get('o', '')!r}: volumes of type tmpfs, and "
        "of type none with o: bind and a device, are what works"
    )


def _tmpfs(words):
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
    return flags, ",".join(data)


def _bind(options, words):
    device = options.get("device", "")
    if not device.startswith("/") or not os.path.isdir(device):
        raise InvalidInput("driver_options.device", device, "a directory of the host, which exists")
    flags = MS_BIND
    for word in words:
        if word in FLAGS:
            flags |= FLAGS[word]
        elif word == "rbind":
            flags |= MS_REC
        elif word != "bind":
            raise InvalidInput("driver_options.o", word, "bind, rbind, " + ", ".join(FLAGS))
    return device, "", flags, ""


def is_mounted(directory):
    """Whether a file system is mounted on a directory (mountinfo escapes blanks, which names of volumes don't have)."""
    with open("/proc/self/mountinfo") as file:
        return any(line.split(" ")[4] == directory for line in file)


def attach(engine, name):
    """Mount what a volume's options say on its directory, unless that is done; a volume without options needs nothing.

    :raises HostError: when the kernel refuses.
    """
    from . import catalog

    volume = catalog.get(engine, name)
    if volume is None or not volume["driver_options"]:
        return
    directory = catalog.path(engine, name)
    with engine.locks.hold("volume", name):
        if not is_mounted(directory):
            _mount(name, directory, *_mount_of(volume["driver_options"]))


def _mount(name, directory, source, kind, flags, data):
    try:
        if flags & MS_BIND:
            syscalls.mount(source, directory, None, flags & (MS_BIND | MS_REC), None)
            rest = flags & ~(MS_BIND | MS_REC)
            if rest:  # a bind mount takes its flags only when mounted again
                syscalls.mount(None, directory, None, rest | MS_BIND | MS_REMOUNT, None)
        else:
            syscalls.mount(source, directory, kind, flags, data)
    except OSError as error:
        detach(directory)
        raise HostError(f"volume {name}: can't mount it: {error.strerror}") from None


def detach(directory):
    """Take a volume's own mount away; none is no error."""
    try:
        while True:
            syscalls.umount2(directory, MNT_DETACH)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOENT):
            raise HostError(f"can't unmount {directory}: {error.strerror}") from None
