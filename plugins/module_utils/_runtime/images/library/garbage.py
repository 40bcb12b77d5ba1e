# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remove what no image needs any more: blobs, unpacked layers, and what killed tasks left in
``tmp``.

Needed is what an image's manifest and configuration name. Needed is also what a running operation
has entered under ``blobs`` and ``layers`` of its detail, which it does before it looks whether they
exist. So a pull never loses a layer that it found.
"""

from __future__ import annotations

import contextlib
import os
import time

from ...errors import EngineError, HostError, NotFound
from ...store import tree_removal
from ...store.atomic_files import read_json
from ...store.database import decode
from ...store.operations import start_time
from ..model import manifest
from . import layer_store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from ...engine import Engine
    from ...store.database import Transaction

    Row = dict[str, Any]


def needed(
    engine: Engine, connection: Transaction, ended: int | None = None, without: str | None = None
) -> tuple[set[str], set[str] | None, bool]:
    """Return ``(digests of blobs, keys of layers, unnamed)``: what must stay.

    ``unnamed`` says whether a running operation makes blobs whose digests it does not know yet.

    :param ended: id of an operation of our own that no longer counts.
    :param without: id of an image that does not count either.
    :returns: keys are None where an image is so damaged that its layers are unknown: containers may
        run on them.
    """
    blobs: set[str] = set()
    keys: set[str] = set()
    unnamed, lost = False, False
    for row in connection.execute("SELECT id, manifest FROM images").fetchall():
        if row["id"] == without:
            continue
        blobs.update((row["id"], row["manifest"]))
        with contextlib.suppress(EngineError):
            blobs.update(
                layer["digest"]
                for layer in manifest.parse(engine.blobs.read(row["manifest"]), row["id"])["layers"]
            )
        try:
            keys.update(
                _keys(
                    manifest.parse_config(engine.blobs.read(row["id"]), row["id"])["rootfs"][
                        "diff_ids"
                    ]
                )
            )
        except EngineError:
            lost = True
    dead = {entry["id"] for entry in engine.operations.abandoned()}
    for row in connection.execute("SELECT id, detail FROM operations").fetchall():
        if row["id"] not in dead and row["id"] != ended:
            detail = decode(row["detail"])
            blobs.update(detail.get("blobs", ()))
            keys.update(_keys(detail.get("layers", ())))
            unnamed = unnamed or bool(detail.get("unnamed"))
    return blobs, None if lost else keys, unnamed


def _keys(diff_ids: Sequence[str]) -> set[str]:
    return set(diff_ids) | {
        layer_store.chain_key(chain_id) for chain_id in manifest.chain_ids(diff_ids)
    }


def collect(
    engine: Engine,
    candidates: Iterable[str] = (),
    everything: bool = False,
    ended: int | None = None,
) -> int:
    """Remove unneeded layers, and the unneeded ones of the blobs ``candidates``.

    :param everything: all unneeded blobs, unless a running task may just have made one.
    :param ended: as for :func:`needed`.
    :returns: bytes of blobs and layers that were freed.
    """
    gone: list[str] = []
    try:
        with engine.db.transaction() as connection:
            freed = _collect(engine, connection, candidates, everything, ended, gone)
    finally:
        remove_trees(
            gone
            # also where the disk had no room for the end of the transaction: a missing layer is
            # unpacked again, or forgotten
        )
    return freed


def empty(engine: Engine, ident: str, layers: Iterable[str]) -> None:
    """Remove the contents that only the image ``ident`` has, because the disk is full and the
    reserve is used up. Unpacked layers go first, since they could be made again.

    Its row stays until there is room to remove that. Until then it is a damaged image.

    :param layers: digests of its layers' blobs.
    """
    blobs, keys, unnamed = needed(engine, engine.db.connection, without=ident)
    if keys is None or unnamed:
        return
    for row in engine.db.all("SELECT * FROM layers"):
        if row["diff_id"] not in keys and not _stood_on(engine, row):
            tree_removal.remove(layer_store.path_of(engine, row["number"]))
    if not engine.db.make_room():
        for digest in layers:
            if digest not in blobs and engine.blobs.has(digest):
                engine.blobs.remove(digest)


def _collect(
    engine: Engine,
    connection: Transaction,
    candidates: Iterable[str],
    everything: bool,
    ended: int | None,
    gone: list[str],
) -> int:
    freed, candidates = 0, list(candidates)
    blobs, keys, unnamed = needed(engine, connection, ended)
    for row in connection.execute("SELECT * FROM layers").fetchall():
        if keys is None:
            blobs.add(row["blob"])
        elif row["diff_id"] not in keys and not _stood_on(engine, row):
            freed += row["size"]
            connection.execute("DELETE FROM layers WHERE diff_id = ?", (row["diff_id"],))
            gone += _set_aside(engine, layer_store.path_of(engine, row["number"]))
            candidates += (
                [row["blob"]] if row["blob"] else []
            )  # where a damaged image could not name it
    for digest in _all_blobs(engine) if everything and not unnamed else candidates:
        if digest not in blobs and engine.blobs.has(digest):
            freed += engine.blobs.size(digest)
            engine.blobs.remove(digest)
    return freed


def _stood_on(engine: Engine, row: Row) -> bool:
    """Return whether a container uses a layer that no image names, after the database was lost."""
    if not row["diff_id"].startswith(layer_store.LOST):
        return False
    place = layer_store.path_of(engine, row["number"])
    for ident in _names(engine.paths.containers):
        try:
            if place in (
                read_json(os.path.join(engine.paths.container(ident), "run.json")) or {}
            ).get("layers", ()):
                return True
        except (HostError, ValueError, AttributeError, TypeError):
            return True  # nobody knows
    return False


def left(engine: Engine) -> int:
    """Return the bytes of the blobs that :func:`collect` would remove with ``everything``."""
    blobs, _keys, unnamed = needed(engine, engine.db.connection)
    total = 0
    for digest in _all_blobs(engine) if not unnamed else ():
        if digest not in blobs:
            with contextlib.suppress(NotFound):
                total += engine.blobs.size(digest)
    return total


def _set_aside(engine: Engine, path: str) -> list[str]:
    """Rename a layer, so that its number is free at once and the slow removal needs no lock."""
    aside = layer_store.temporary(engine, "gone")
    try:
        os.rename(path, aside)
    except FileNotFoundError:
        return []
    return [aside]


def _all_blobs(engine: Engine) -> Iterator[str]:
    """Yield the digests of all blobs of the store."""
    for algorithm in _names(engine.paths.blobs):
        for encoded in _names(os.path.join(engine.paths.blobs, algorithm)):
            yield f"{algorithm}:{encoded}"


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except (FileNotFoundError, NotADirectoryError):
        return []


def remove_trees(paths: Iterable[str]) -> None:
    """Remove directories or files below the store's ``tmp``."""
    for path in paths:
        tree_removal.remove(path)


def sweep(engine: Engine) -> None:
    """Remove what dead processes left in ``tmp``, and unpacked layers without a row."""
    _await_workers(engine)
    stale = [
        os.path.join(engine.paths.tmp, name)
        for name in _names(engine.paths.tmp)
        if not _alive(engine, name)
    ]
    with engine.db.transaction() as connection:
        known = {
            layer_store.base36(row["number"])
            for row in connection.execute("SELECT number FROM layers").fetchall()
        }
        for name in _names(engine.paths.layers):
            if name not in known:
                stale += _set_aside(engine, os.path.join(engine.paths.layers, name))
    remove_left(engine, stale)


def remove_left(engine: Engine, paths: Iterable[str]) -> None:
    """Remove what killed processes left in ``tmp``. The beginning of a blob that was being
    transferred is kept for the next try.
    """
    remove_trees([path for path in paths if not engine.blobs.partials.keep_left(path)])


def _await_workers(engine: Engine) -> None:
    """Wait for workers whose task is dead: they have been sent SIGKILL, but may be in a system
    call.
    """
    deadline = time.monotonic() + 10
    for name in _names(engine.paths.tmp):
        kind, dummy, rest = name.partition("-")
        if kind == "worker" and start_time(int(rest.partition("-")[2])) is None:
            while _alive(engine, name) and time.monotonic() < deadline:
                time.sleep(0.005)


def _alive(engine: Engine, name: str) -> bool:
    """Return whether the process that made ``KIND-PID-...`` in ``tmp`` still runs.

    A later process with the same pid began after the file's time.
    """
    parts = name.split("-")
    if (
        len(parts) < 3
        or parts[0] not in ("blob", "layer", "gone", "worker", "stdin", "userns")
        or not parts[1].isdigit()
    ):
        return True  # a copy of the engine, which deploy/install.py looks after
    began = start_time(int(parts[1]))
    if began is None:
        return False
    try:
        changed = os.lstat(os.path.join(engine.paths.tmp, name)).st_ctime
    except FileNotFoundError:
        return True
    with open("/proc/stat") as file:
        boot = next(int(line.split()[1]) for line in file if line.startswith("btime "))
    return boot + began / os.sysconf("SC_CLK_TCK") <= changed + 2
