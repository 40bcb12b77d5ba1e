# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""linux.sysctl: kernel parameters of a container's own namespaces.

Others would change the host's (CVE-2022-0811).

Which belong to which: ipc_namespaces(7), network_namespaces(7), uts_namespaces(7); the same as with
runc. A name has dots or slashes between its parts; the first one says which, and the other one then
is part of a name (sysctl.d(5)).
"""

from __future__ import annotations

import errno
import os

from ...errors import Unsupported, reason
from ...kernel.isolation import namespaces
from ...kernel.mounts import mounts
from ...kernel.processes import procfs
from ..spec.document import LONGEST_NAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..spec.document import Document

    Sysctl = tuple[str, str, str]  # the name as given, the path below /proc/sys, the value

_IPC = tuple(
    "kernel/" + name
    for name in "msgmax msgmnb msgmni sem shmall shmmax shmmni shm_rmid_forced".split()
)


def read(document: Document) -> list[Sysctl]:
    """Read linux.sysctl. :raises Unsupported: naming one that can't be set for a container."""
    found: list[Sysctl] = []
    for name, value in (document.linux.get("sysctl") or {}).items():
        path = _path(name)
        kind = _kind(name, path)
        if kind not in document.namespaces:
            raise Unsupported(f"sysctl {name}: the container has no {kind} namespace of its own")
        joined = document.namespaces[kind]
        if joined and os.path.isabs(joined) and _is_ours(joined, kind):
            raise Unsupported(f"sysctl {name}: the {kind} namespace {joined} is the host's")
        if not isinstance(value, str) or any(
            ord(character) < 32 and character != "\t" for character in value
        ):
            raise Unsupported(
                f"sysctl {name}: the value {value!r} is not valid; accepted: one line of text"
            )
        if path == "kernel/domainname" and len(os.fsencode(value)) > LONGEST_NAME:
            raise Unsupported(
                f"sysctl {name}: the value {value!r:.200} is not valid; accepted: at most "
                f"{LONGEST_NAME} bytes"
            )
        if path == "kernel/domainname" and document.config.get("domainname") not in (
            None,
            "",
            value,
        ):
            raise Unsupported(
                f"sysctl {name}: the value {value!r} is not that of domainname, "
                f"{document.config['domainname']!r}"
            )
        found.append((name, path, value))
    return found


def _path(name: str) -> str:
    first = (
        min((name.index(sign), sign) for sign in "./" if sign in name)[1]
        if "." in name or "/" in name
        else "/"
    )
    return name if first == "/" else name.replace("/", "\0").replace(".", "/").replace("\0", ".")


def _kind(name: str, path: str) -> str:
    """Return the type of namespace that a parameter belongs to."""
    if not {"", ".", ".."} & set(path.split("/")):
        if path in _IPC or path.startswith("fs/mqueue/"):
            return "ipc"
        if path.startswith("net/"):
            return "network"
        if path == "kernel/domainname":
            return "uts"
        if path.startswith("user/"):
            return "user"
        if path == "kernel/hostname":
            raise Unsupported(f"sysctl {name}: not supported; the field hostname is for that")
    raise Unsupported(
        f"sysctl {name}: only parameters of a namespace can be set for a container: net.*, "
        "kernel.shm*, kernel.msg*, kernel.sem, fs.mqueue.*, kernel.domainname, user.*"
    )


def _is_ours(path: str, kind: str) -> bool:
    """Whether a namespace to be joined is the one that this process is in."""
    try:
        status = os.stat(path)
    except OSError:
        return False  # joining it says what is wrong
    return bool((status.st_dev, status.st_ino) == namespaces.identity("self", kind))


PING = "net/ipv4/ping_group_range"


def apply(entries: Iterable[Sysctl]) -> None:
    """Set them, in the namespaces of this process, by the host's /proc: before the container's root
    is entered.

    Where that is read-only, as in a container, by a procfs of this process's own.

    :raises OSError: naming the parameter.
    """
    for name, path, value in entries:
        try:
            try:
                procfs.write("/proc/sys/" + path, value)
            except OSError as error:
                if error.errno != errno.EROFS:
                    raise
                _write_privately(path, value)
        except OSError as error:
            why = (
                ": groups that the container's user namespace does not have"
                if (path, error.errno) == (PING, errno.EINVAL)
                else ""
            )
            raise OSError(
                error.errno, f"sysctl {name}={value}: {reason(error, named=True)}{why}"
            ) from None


def _write_privately(path: str, value: str) -> None:
    place = mounts.new_fs("proc")
    try:
        fd = os.open("sys/" + path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=place)
        try:
            os.write(fd, os.fsencode(value))
        finally:
            os.close(fd)
    finally:
        os.close(place)
