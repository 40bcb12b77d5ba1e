# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Layers ready for use: which row and place a layer of an image has, how one is added and unpacked
again.

A place is a directory with the unpacked layer, or a file with its archive and an index, which the
kernel mounts (``layers/erofs_image.py``). ``kernel/mounts/overlay.py`` mounts both. A place can
change from one form to the other when a layer is unpacked again.

A row's key is the layer's DiffID, so that all images share it. A layer with open ends
(``layers/unpack.py``) depends on the layers below. Its key is ``chain-`` and its ChainID, so that
only images with the same layers below share it.
"""

from __future__ import annotations

import os

from ...errors import HostError, NotFound, Unsupported, reason
from ...kernel.mounts import erofs as kernel
from ...layers.formats import DIRECTORY, EROFS, is_there
from ...store import settings
from ...store.atomic_files import sync_directory
from ..model import manifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import Any, TypedDict

    from ...engine import Engine
    from ...store.database import Transaction

    class LayerRow(TypedDict):
        """A row of ``layers``: an unpacked layer."""

        diff_id: str  # or a key: see chain_key, LOST
        number: int  # of its place
        blob: str | None  # digest of its archive
        size: int  # bytes, unpacked


# prefix of the key of a place whose layer is no longer known; it stays as long as a container uses
# it
LOST = "lost-"

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def base36(number: int) -> str:
    text = ""
    while True:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
        if not number:
            return text


def chain_key(chain_id: str) -> str:
    return "chain-" + chain_id


def path_of(engine: Engine, number: int) -> str:
    """Return the place of layer ``number``. The short name lets hundreds fit into one mount(2)
    page.
    """
    return os.path.join(engine.paths.layers, base36(number))


def rows(engine: Engine, diff_ids: Sequence[str]) -> list[LayerRow | None]:
    """Return a row of ``layers`` or None for every layer of an image, lowest first.

    It is also None where the layer's place is empty.
    """
    found: list[LayerRow | None] = []
    for diff_id, chain_id in zip(diff_ids, manifest.chain_ids(diff_ids)):
        candidates = engine.db.all(
            "SELECT * FROM layers WHERE diff_id IN (?, ?) ORDER BY diff_id DESC",
            diff_id,
            chain_key(chain_id),
        )
        there = (row for row in candidates if is_there(path_of(engine, row["number"])))
        found.append(next(map(_row, there), None))
    return found


def _row(row: dict[str, Any]) -> LayerRow:
    return {
        "diff_id": row["diff_id"],
        "number": row["number"],
        "blob": row["blob"],
        "size": row["size"],
    }


def paths(engine: Engine, diff_ids: Sequence[str]) -> list[str]:
    """Return the places of an image's layers, topmost first, as overlayfs and run.json take them.

    :raises NotFound: when one is missing (``repair.ensure_unpacked`` unpacks it again).
    """
    found = rows(engine, diff_ids)
    places = []
    for diff_id, row in zip(diff_ids, found):
        if row is None:
            raise NotFound(f"layer {diff_id} is not in the store")
        places.append(path_of(engine, row["number"]))
    return places[::-1]


class Unpacked:
    """A layer at a temporary place, on its way into the store.

    :ivar key: of its row.
    :ivar path: the place.
    :ivar blob: digest of its archive.
    :ivar size: bytes.
    """

    def __init__(self, key: str, path: str, blob: str, size: int) -> None:
        self.key, self.path, self.blob, self.size = key, path, blob, size


def commit(engine: Engine, connection: Transaction, unpacked: Collection[Unpacked]) -> list[str]:
    """Move layers to their places and add their rows, inside a transaction. Their data has been
    synced.

    Where another task was faster, its copy stays, and the caller removes ours.

    :returns: paths of replaced places that the caller has to remove too.
    """
    aside = []
    for layer in unpacked:
        row = connection.execute("SELECT * FROM layers WHERE diff_id = ?", (layer.key,)).fetchone()
        if row is not None and is_there(path_of(engine, row["number"])):
            continue
        if row is not None:
            number = row["number"]
            connection.execute(
                "UPDATE layers SET blob = ?, size = ? WHERE diff_id = ?",
                (layer.blob, layer.size, layer.key),
            )
        else:
            number = connection.execute(
                "SELECT coalesce(max(number), 0) + 1 FROM layers"
            ).fetchone()[0]
            connection.execute(
                "INSERT INTO layers (diff_id, number, blob, size) VALUES (?, ?, ?, ?)",
                (layer.key, number, layer.blob, layer.size),
            )
        aside += _rename(engine, layer.path, path_of(engine, number))
    if unpacked:
        sync_directory(engine.paths.layers)
    return aside


def _rename(engine: Engine, source: str, target: str) -> list[str]:
    aside = []
    if os.path.lexists(target):  # a task was killed between this and the end of its transaction
        aside.append(temporary(engine, "gone"))
        os.rename(target, aside[0])
    try:
        os.rename(source, target)
    except OSError as error:
        raise HostError(
            f"could not move the unpacked layer to {target}: {reason(error, named=True)}"
        ) from None
    return aside


def kind(engine: Engine) -> str:
    """Return the form in which new layers are stored: ``DIRECTORY`` or ``EROFS``.

    The host's settings and the kernel's features decide.

    :raises Unsupported: when EROFS is required and not available.
    """
    wanted = settings.read(engine.paths.config)["layers"]
    if wanted == DIRECTORY:
        return DIRECTORY
    why_not = why_no_erofs(engine)
    if why_not and wanted == EROFS:
        raise Unsupported(f"{engine.paths.config} asks for layers as EROFS images: {why_not}")
    return DIRECTORY if why_not else EROFS


def why_no_erofs(engine: Engine) -> str:
    """Return why layers can't be EROFS images on this host, as a sentence; "" where they can.

    It is tried on the file system of the store.
    """
    place = engine.paths.layers
    while not os.path.isdir(place):
        place = os.path.dirname(place)
    return kernel.why_not(place)


_counter = [0]


def temporary(engine: Engine, kind: str) -> str:
    """Return a new name below the store's ``tmp``. Its process id tells ``garbage.sweep`` whether
    it is in use.
    """
    _counter[0] += 1
    return os.path.join(
        engine.paths.tmp, f"{kind}-{os.getpid()}-{_counter[0]}-{os.urandom(4).hex()}"
    )
