# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The secrets and configs of a container that runs: files in a tmpfs of its own.

The tmpfs is mounted at ``secrets`` in the container's run directory, from before its start until
its end. ``files`` in it is shown at ``/run/secrets``, and so a file there can be replaced by a
rename that the container sees at once. A file that goes elsewhere, in ``at``, is mounted by itself.
``environment`` beside them has the variables that are secrets, and the container can't see it: a
start and an exec read it.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os

from ... import secrets
from ...errors import EngineError, HostError, reason
from ...kernel.calls import constants as c
from ...kernel.calls import fork, syscalls
from ...kernel.isolation import namespaces
from ...kernel.mounts import mounts
from ...store import atomic_files
from ..options import secret_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Optional

    from ...engine import Engine
    from ..options.secret_files import Named, Reference
    from .catalog import Record

    # Of an id of the container, the host's; None for one that is not mapped.
    Translate = Callable[[int], Optional[int]]


def fill(
    engine: Engine, record: Record, uid: Translate, gid: Translate, label: str | None = None
) -> None:
    """Mount a container's tmpfs where it is not, and bring its files to what the store has.

    :param uid: :param gid: translate the container's ids.
    :param label: the SELinux label of what is mounted.
    :raises HostError: one is not there, or can't be read; the sentence names container and secret.
    """
    places = secret_files.places(record["definition"])
    variables = secret_files.variables(record["definition"])
    if not places and not variables:
        return
    top = engine.paths.secrets_run(record["id"])
    try:
        wanted = [(path, entry, _read(engine, option, entry)) for option, path, entry in places]
        values = {name: _value(engine, source) for name, source in sorted(variables.items())}
        _mount(top, label)
        if values:
            _put(top, "environment", json.dumps(values).encode(), (0, 0), 0o600)
        for name in ("files", "at"):
            directory = os.path.join(top, name)
            if not os.path.isdir(directory):
                os.mkdir(directory)
                os.chmod(directory, 0o755)
                os.chown(directory, _mapped(uid, 0, 0), _mapped(gid, 0, 0))
        for path, entry, data in wanted:
            owner = _mapped(uid, entry["uid"]), _mapped(gid, entry["gid"])
            _put(top, path, data, owner, int(entry["mode"], 8))
    except EngineError as error:
        raise HostError(f"container {record['name']}: {error}") from None
    except OSError as error:
        raise HostError(
            f"container {record['name']}: can't put its secrets into memory: {reason(error)}"
        ) from None


def _read(engine: Engine, option: str, entry: Reference) -> bytes:
    data: bytes = secrets.read(engine, secret_files.KIND[option], entry["source"])
    return data


def _value(engine: Engine, source: str) -> str:
    """Return the base64 of a variable's value."""
    data: bytes = secrets.read(engine, secrets.SECRET, source)
    if b"\0" in data:
        raise HostError(
            f"secret {source} has a zero byte, which no variable can have; give it to the container "
            "as a file"
        )
    return base64.b64encode(data).decode()


def _mapped(translate: Translate, ident: int, other: int | None = None) -> int:
    found = translate(ident)
    if found is None:
        found = other
    if found is None:
        raise HostError(f"id {ident} of a secret is not mapped into its user namespace")
    return found


def _mount(top: str, label: str | None) -> None:
    os.makedirs(top, 0o700, exist_ok=True)
    if os.path.ismount(top):
        return
    flags = c.MS_NOSUID | c.MS_NODEV | c.MS_NOEXEC
    options = "mode=700" + (f',context="{label}"' if label else "")
    try:
        syscalls.mount("secrets", top, "tmpfs", flags, options + ",noswap")
    except OSError:  # from Linux 6.4 on
        syscalls.mount("secrets", top, "tmpfs", flags, options)


def _put(top: str, name: str, data: bytes, owner: tuple[int, int], mode: int) -> None:
    """Bring a file to its data, owner and mode, without a moment in which it is another one's."""
    path = os.path.join(top, name)
    if _is_so(path, data, owner, mode):
        return
    fresh = os.path.join(top, "new")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(fresh)
    atomic_files.write_whole(fresh, data, mode=0o600, durable=False)
    os.chown(fresh, *owner)
    os.chmod(fresh, mode)
    os.rename(fresh, path)


def _is_so(path: str, data: bytes, owner: tuple[int, int], mode: int) -> bool:
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            return (
                (status.st_uid, status.st_gid) == owner
                and status.st_mode & 0o7777 == mode
                and file.read() == data
            )
    except FileNotFoundError:
        return False


def show(engine: Engine, record: Record, entries: list[Named], pid: int) -> None:
    """Show a running container the files of these entries that are mounted by themselves.

    A mount shows the file that was there when it was made: the new file is mounted in its place.

    :param pid: of its process 1. :raises HostError: the kernel refuses.
    """
    top = engine.paths.secrets_run(record["id"])
    for _option, path, entry in secret_files.places(record["definition"]):
        if entry in entries and path.startswith("at/"):
            try:
                _mount_anew(f"{top}/{path}", entry["target"], pid)
            except (EngineError, OSError) as error:
                raise HostError(
                    f"container {record['name']}: {entry['target']} can't be replaced while it "
                    f"runs ({reason(error)}); it has the new data from its next start on"
                ) from None


def _mount_anew(source: str, target: str, pid: int) -> None:
    """Mount a file at a path of a container, in one step, from within its namespace and root."""
    with contextlib.ExitStack() as held:
        space = namespaces.open_namespace(pid, "mount")
        held.callback(os.close, space)
        root = os.open(f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        held.callback(os.close, root)
        fd = mounts.bind(source, recursive=False)
        held.callback(os.close, fd)
        attributes = (
            c.MOUNT_ATTR_RDONLY | c.MOUNT_ATTR_NOSUID | c.MOUNT_ATTR_NODEV | c.MOUNT_ATTR_NOEXEC
        )
        mounts.set_attributes(fd, attributes, propagation=c.MS_PRIVATE)

        def within() -> int:
            try:
                namespaces.join(space, "mount")
                os.fchdir(root)
                os.chroot(".")
                _put_mount(fd, target)
            except OSError as error:
                return error.errno or 1
            return 0

        _pid, status = os.waitpid(fork.child(within), 0)
        code = os.waitstatus_to_exitcode(status)
        if code:
            raise OSError(code, os.strerror(code) if code > 0 else "killed")


def _put_mount(fd: int, target: str) -> None:
    """Put a detached mount beneath the one at a path, and take that away; before Linux 6.5, on it."""
    how = c.MOVE_MOUNT_F_EMPTY_PATH
    try:
        syscalls.move_mount(fd, "", c.AT_FDCWD, target, how | c.MOVE_MOUNT_BENEATH)
    except OSError:
        syscalls.move_mount(fd, "", c.AT_FDCWD, target, how)
        return
    syscalls.umount2(target, c.MNT_DETACH)
