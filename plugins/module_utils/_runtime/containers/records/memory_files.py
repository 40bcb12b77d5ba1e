# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The secrets and configs of a container that runs: files in a tmpfs of its own.

The tmpfs is mounted at ``secrets`` in the container's run directory, from before its start until
its end. ``files`` in it is shown at ``/run/secrets``, and so a file there can be replaced by a
rename that the container sees at once. A file that goes elsewhere, in ``at``, is mounted by itself.
"""

from __future__ import annotations

import contextlib
import os

from ... import secrets
from ...errors import EngineError, HostError, reason
from ...kernel.calls import constants as c
from ...kernel.calls import syscalls
from ...store import files
from ..options import secret_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Optional

    from ...engine import Engine
    from ..options.secret_files import Reference
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
    if not places:
        return
    top = engine.paths.secrets_run(record["id"])
    try:
        wanted = [(path, entry, _read(engine, option, entry)) for option, path, entry in places]
        _mount(top, label)
        for name in ("files", "at"):
            directory = os.path.join(top, name)
            if not os.path.isdir(directory):
                os.mkdir(directory)
                os.chmod(directory, 0o755)
                os.chown(directory, _mapped(uid, 0, 0), _mapped(gid, 0, 0))
        for path, entry, data in wanted:
            owner = _mapped(uid, entry["uid"]), _mapped(gid, entry["gid"])
            _put(os.path.join(top, path), data, owner, int(entry["mode"], 8))
    except EngineError as error:
        raise HostError(f"container {record['name']}: {error}") from None
    except OSError as error:
        raise HostError(
            f"container {record['name']}: can't put its secrets into memory: {reason(error)}"
        ) from None


def _read(engine: Engine, option: str, entry: Reference) -> bytes:
    data: bytes = secrets.read(engine, secret_files.KIND[option], entry["source"])
    return data


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


def _put(path: str, data: bytes, owner: tuple[int, int], mode: int) -> None:
    """Bring a file to its data, owner and mode, without a moment in which it is another one's."""
    if _is_so(path, data, owner, mode):
        return
    fresh = os.path.join(os.path.dirname(os.path.dirname(path)), "new")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(fresh)
    files.write_whole(fresh, data, mode=0o600, durable=False)
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
