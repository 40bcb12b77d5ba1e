# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``diff``, ``export``, ``ps -s``: a container's files, looked at from the host, whether it runs or
not.

What is looked at are mounts of our own, read-only and without device nodes that could be opened: a
container that exchanges a file for a link, a FIFO or a device while it is read leads nowhere.
Owners are as the container sees them. Volumes are not in there.
"""

from __future__ import annotations

import contextlib
import os

from ...errors import InvalidInput, Unsupported
from ...images import write_archive
from ...kernel.calls import constants as c
from ...kernel.mounts import mounts, overlay
from ...layers import difference
from ...layers.tar import writer
from ...reconcile import Plan
from ...untrusted import files, trees
from ..records import container_image, run_events
from ..spec import container_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...engine import Engine
    from ..records.catalog import Record

_OPTIONS = c.MOUNT_ATTR_RDONLY | c.MOUNT_ATTR_NODEV | c.MOUNT_ATTR_NOSUID | c.MOUNT_ATTR_NOEXEC


@contextlib.contextmanager
def root(engine: Engine, record: Record) -> Iterator[int]:
    """In the block, have a descriptor of the container's root file system."""
    with _guarded(
        overlay.overlay([_upper(engine, record)] + container_image.layers(engine, record["image"]))
    ) as fd:
        yield fd


def sizes(engine: Engine, record: Record) -> tuple[int, int]:
    """Return the bytes of the files that a container has written, and of those with its image's."""
    written, seen = 0, set()
    for entry in trees.walk(_upper(engine, record)):
        facts = entry.status
        if not entry.is_directory():
            if facts.st_ino not in seen:
                written += facts.st_size
            if facts.st_nlink > 1:
                seen.add(facts.st_ino)
    return written, written + container_image.size(engine, record["image"])


@contextlib.contextmanager
def changes(engine: Engine, record: Record) -> Iterator[tuple[int, difference.Changes]]:
    """In the block, have ``(descriptor of the writable layer, what the container changed of its
    image)``.
    """
    layers = container_image.layers(engine, record["image"])
    with contextlib.ExitStack() as stack:
        upper = stack.enter_context(_guarded(mounts.bind(_upper(engine, record), recursive=False)))
        lower = stack.enter_context(_guarded(overlay.overlay(layers))) if layers else None
        yield upper, difference.changes(upper, lower, _made_by_engine(engine, record))


def _upper(engine: Engine, record: Record) -> str:
    return os.path.join(engine.paths.container(record["id"]), "upper")


@contextlib.contextmanager
def _guarded(fd: int) -> Iterator[int]:
    """Open a directory of a detached mount to be read; the mount ends with the block."""
    try:
        with contextlib.suppress(
            Unsupported
        ):  # before Linux 5.12; who reads looks at what it has opened, too
            mounts.set_attributes(fd, _OPTIONS)
        directory = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=fd)
        try:
            yield directory
        finally:
            os.close(directory)
    finally:
        os.close(fd)


def _made_by_engine(engine: Engine, record: Record) -> frozenset[bytes]:
    """Return the paths that a start makes for the engine's own mounts: /proc, /etc/hosts and their
    like.
    """
    own = {
        volume["target"]
        for volume in container_files.wanted_volumes(
            record["definition"], container_image.config(engine, record["image"])
        )
    }
    return frozenset(
        os.fsencode(mount["destination"].strip("/"))
        for mount in container_files.read_config(engine, record["id"]).get("mounts", ())
        if mount["destination"] not in own
    )


def diff(engine: Engine, record: Record) -> list[dict[str, str]]:
    """List what a container has changed of its image, by path, as ``docker diff`` tells it.

    :returns: ``[{"Path", "Kind": "A" added, "C" changed, "D" deleted}]``.
    """
    with changes(engine, record) as (_upper_fd, found):
        return found.names()


def plan_export(engine: Engine, record: Record, path: str, force: bool = False) -> Plan:
    """Plan a tar archive at ``path`` of the container's root file system. Facts: ``path``.

    :param force: write it also where it is the same already. :raises InvalidInput: ``path`` can't
        be a file.
    """
    parent = os.path.dirname(path) or "."
    if os.path.isdir(path) or not os.path.isdir(parent):
        raise InvalidInput("path", path, "a file in a directory that exists")
    plan = Plan(f"archive {path}", lambda: {"path": path})
    if force or not _is_exported(engine, record, path):
        plan.add(
            "archive",
            "another content" if os.path.lexists(path) else None,
            f"container {record['name']}",
            f"export container {record['name']} to {path}",
            lambda: _export(engine, record, path),
        )
    return plan


def _export(engine: Engine, record: Record, path: str) -> None:
    with root(engine, record) as fd:
        write_archive(path, writer.tree(fd))
    run_events.tell_of(engine.paths, record["id"], "export")


def _is_exported(engine: Engine, record: Record, path: str) -> bool:
    if not os.path.isfile(path):
        return False
    with root(engine, record) as fd, os.fdopen(files.open_regular(path, links=True), "rb") as file:
        return all(file.read(len(piece)) == piece for piece in writer.tree(fd)) and not file.read(1)
