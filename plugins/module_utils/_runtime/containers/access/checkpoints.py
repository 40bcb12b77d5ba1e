# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints: what a running container does, written down by CRIU (oci/checkpoint/criu_dump.py).

A later start goes on from there (workers/restored.py). Each checkpoint is a directory, by its name,
below ``checkpoints`` in the container's own, with which it goes, or below one of the caller's. It
appears whole. The writable layer and volumes are not part of it.
"""

from __future__ import annotations

import os
import re
import time

from ...errors import Conflict, HostError, InvalidInput, NotFound, Unsupported
from ...kernel import cgroups
from ...oci.checkpoint import criu, criu_dump
from ...store import atomic_files, tree_removal
from ..client import monitor_client, stdio
from ..options import storage
from ..records import catalog, status
from ..spec import run_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypedDict

    from ...engine import Engine
    from ..client.messages import Checkpoint
    from ..records.catalog import Record
    from ..records.status import Status

    class Listed(TypedDict):
        """A checkpoint. ``created``: seconds since the epoch. ``size``: bytes."""

        name: str
        created: float
        size: int


DIRECTORY = "checkpoints"
NEW = ".new-"  # begins the name of one that is being written
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,200}")
PATIENCE = 30.0  # seconds that the end of a container may take, which CRIU has killed


def check_name(name: object, option: str = "checkpoint") -> str:
    """Return a checkpoint's name as it is. :raises InvalidInput: it can't be one."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidInput(
            option, name, "letters, digits, _ . and -, beginning with a letter or digit"
        )
    return name


def place(engine: Engine, record: Record, directory: str | None = None) -> str:
    """Return the directory that a container's checkpoints are in.

    :raises InvalidInput: ``directory`` is not absolute.
    """
    if directory is None:
        return os.path.join(engine.paths.container(record["id"]), DIRECTORY)
    if not os.path.isabs(directory):
        raise InvalidInput("checkpoint_dir", directory, "an absolute path on the host")
    return os.path.normpath(directory)


def listing(engine: Engine, record: Record, directory: str | None = None) -> list[Listed]:
    """List a container's checkpoints, by name."""
    found: list[Listed] = []
    top = place(engine, record, directory)
    try:
        entries = sorted(
            entry.name
            for entry in os.scandir(top)
            if entry.is_dir(follow_symlinks=False) and _NAME.fullmatch(entry.name)
        )
    except FileNotFoundError:
        return found
    for name in entries:
        path = os.path.join(top, name)
        if os.path.isfile(os.path.join(path, "inventory.img")):
            found.append(
                {
                    "name": name,
                    "created": os.stat(path).st_mtime,
                    "size": sum(
                        entry.stat(follow_symlinks=False).st_size for entry in os.scandir(path)
                    ),
                }
            )
    return found


def find(engine: Engine, record: Record, name: str, directory: str | None = None) -> str:
    """Return the path of a checkpoint. :raises NotFound: there is none of that name."""
    check_name(name)
    path = os.path.join(place(engine, record, directory), name)
    if not os.path.isfile(os.path.join(path, "inventory.img")):
        where = f" in {directory}" if directory else ""
        raise NotFound(f"checkpoint {name} of container {record['name']} does not exist{where}")
    return path


def exists(engine: Engine, record: Record, name: str, directory: str | None = None) -> bool:
    try:
        find(engine, record, name, directory)
    except NotFound:
        return False
    return True


def ready(engine: Engine, record: Record, name: str, directory: str | None = None) -> Checkpoint:
    """Return what a start from a checkpoint takes.

    :raises NotFound: there is none of that name. :raises Unsupported: see :func:`works`.
    """
    return {"images": find(engine, record, name, directory), "criu": works().path}


def works() -> criu.Criu:
    """Return CRIU, which works here.

    :raises Unsupported: it is not installed, or says that it does not work with this kernel.
    """
    program = criu.Criu()
    program.check()
    return program


def check(engine: Engine, record: Record) -> tuple[Status, criu.Criu]:
    """Return ``(its state, CRIU)`` of a container that can be written down.

    :raises Conflict: it does not run. :raises Unsupported: it mounts an image; see :func:`works`.
    """
    shown = storage.images_of(record["definition"])
    if shown:
        raise Unsupported(
            f"container {record['name']} can't be checkpointed: it mounts an image "
            f"at {shown[0]['target']}, which a checkpoint can't take in"
        )
    now = status.now(engine.paths, record["id"])
    if now["status"] not in ("running", "paused"):
        raise Conflict(
            f"container {record['name']} is not running (it is {now['status']}): there is nothing "
            "to write down"
        )
    return now, works()


def create(
    engine: Engine,
    record: Record,
    name: str,
    leave_running: bool = False,
    directory: str | None = None,
    tcp_established: bool = False,
) -> None:
    """Write down what a running container does.

    Unless ``leave_running`` it ends then, and stays ended as after a stop.

    :raises Conflict: there is one of that name, or the container does not run.
    :raises Unsupported: see :func:`works`.
    :raises HostError: CRIU can't do it; the container runs on.
    """
    check_name(name)
    now, program = check(engine, record)
    top = place(engine, record, directory)
    if os.path.lexists(os.path.join(top, name)):
        raise Conflict(f"checkpoint {name} of container {record['name']} exists already")
    os.makedirs(top, 0o700, exist_ok=True)
    path, new = os.path.join(top, name), os.path.join(top, NEW + name)
    with engine.operations.record("checkpoint-container", id=record["id"], path=new):
        tree_removal.remove(new)
        os.mkdir(new, 0o700)
        try:
            _save(
                engine,
                record,
                now,
                program,
                new,
                path,
                {"leave_running": leave_running, "tcp_established": tcp_established},
            )
        except BaseException as error:
            tree_removal.remove(new)
            if isinstance(error, HostError):  # by CRIU, and the container runs on
                tree_removal.remove(path)
            raise
    if not leave_running:
        monitor_client.wait(engine.paths, [record["id"]], PATIENCE)


def _save(
    engine: Engine,
    record: Record,
    now: Status,
    program: criu.Criu,
    images: str,
    path: str,
    options: dict[str, bool],
) -> None:
    """Have it written to ``images``, which becomes ``path``.

    What is to end does so when nothing can be lost any more, whoever is killed.
    """
    bundle = run_file.Bundle(engine.paths, record["id"])
    subject = criu_dump.Subject(
        record["name"],
        now["pid"],
        bundle,
        cgroups.Group.open(now["cgroup"]),
        _streams(bundle, now["pid"]),
    )

    def at_its_end(_pid: int, _descriptors: list[int]) -> None:
        """Note, when all is written and nothing has ended, that the end is wanted."""
        _appear(images, path)
        catalog.set_wanted(engine, record["id"], "stopped")
        monitor_client.expect_end(engine.paths, record["id"])

    criu_dump.save(
        program,
        subject,
        images,
        options,
        work=bundle.run_directory,
        notices={} if options["leave_running"] else {"post-dump": at_its_end},
    )
    if options["leave_running"]:  # which does not wait for the disk
        _appear(images, path)


def _streams(bundle: run_file.Bundle, pid: int) -> list[str]:
    """Return where its standard streams lead, as far as they are the monitor's: FIFOs, or the pipe
    of who started it.
    """
    if bundle.run.get("tty"):
        return ["", "", ""]
    first = os.readlink(f"/proc/{pid}/fd/0") if os.path.lexists(f"/proc/{pid}/fd/0") else ""
    if not first.startswith("pipe:"):
        first = os.path.join(bundle.run_directory, "stdin") if bundle.run.get("interactive") else ""
    return [first] + [os.path.join(bundle.run_directory, name) for name in stdio.OUTPUTS]


def _appear(directory: str, path: str) -> None:
    """Give a directory its name when it is durable."""
    for entry in os.scandir(directory):
        fd = os.open(entry.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        os.fsync(fd)
        os.close(fd)
    atomic_files.sync_directory(directory)
    os.rename(directory, path)
    atomic_files.sync_directory(os.path.dirname(path))


def remove(engine: Engine, record: Record, name: str, directory: str | None = None) -> None:
    """Remove a checkpoint. :raises NotFound: there is none of that name."""
    path = find(engine, record, name, directory)
    gone = os.path.join(os.path.dirname(path), NEW + name)
    with (
        engine.db.freeing(),
        engine.operations.record("checkpoint-container", id=record["id"], path=gone),
    ):
        tree_removal.remove(gone)
        os.rename(path, gone)
        tree_removal.remove(gone)


def recover(_engine: Engine, detail: dict[str, Any]) -> None:
    """Remove a checkpoint that was being written, or removed, when its task was killed."""
    tree_removal.remove(detail["path"])


def described(engine: Engine, record: Record, directory: str | None = None) -> list[dict[str, Any]]:
    """List the checkpoints as a user gets them: ``[{"Name", "Created": RFC 3339, "Size"}]``."""
    return [
        {
            "Name": entry["name"],
            "Created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(entry["created"])),
            "Size": entry["size"],
        }
        for entry in listing(engine, record, directory)
    ]
