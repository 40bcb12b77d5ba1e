# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events of images, with dockerd's names and attributes."""

from __future__ import annotations

import contextlib

from ...errors import EngineError
from ...events import journal
from ..model import reference
from . import records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ...engine import Engine


def tell(engine: Engine, action: str, ident: str, names: Sequence[str] = ()) -> None:
    """Write an event of an image by its id.

    :param names: its full references; the first is told, its id where it has none.
    """
    name = records.familiar(names[0]) if names else ident
    labels: dict[str, str] = {}
    with contextlib.suppress(EngineError):
        record = records.find(engine, ident)
        if record is not None:
            labels = dict((record["config"].get("config") or {}).get("Labels") or {})
    journal.write(engine.paths, ("image", action, ident, {**labels, "name": name}))


def tell_tags(engine: Engine, ident: str, names: Iterable[str]) -> None:
    """Write that an image has got these full references."""
    for full in names:
        tell(engine, "tag", ident, [full])


def tell_transfer(engine: Engine, action: str, full: str) -> None:
    """Write that an image was pulled or pushed, by the full reference, with tag or digest, that it
    was asked for.
    """
    repository = full.partition("@")[0] if "@" in full else full.rpartition(":")[0]
    attributes = {"name": reference.familiar_repository(repository)}
    journal.write(engine.paths, ("image", action, records.familiar(full), attributes))


def tag(engine: Engine, ident: str, full: str) -> None:
    """Give an image a name, and tell of it; see ``records.tag``."""
    records.tag(engine, ident, full)
    tell(engine, "tag", ident, [full])


def untag(engine: Engine, ident: str, full: str) -> None:
    """Take a name away from an image, and tell of it; see ``records.untag``."""
    records.untag(engine, full)
    tell(engine, "untag", ident, [full])


def remove(
    engine: Engine, ident: str, force: bool = False, last: str | None = None, prune: bool = True
) -> int:
    """Remove an image, and tell of it and of its names; see ``records.remove``."""
    names = records.tags_of(engine, ident)
    freed = records.remove(engine, ident, force, last, prune)
    left = records.tags_of(engine, ident)
    for full in names:
        if full not in left:
            tell(engine, "untag", ident, [full])
    if records.row_or_none(engine, ident) is None:
        tell(engine, "delete", ident)
    return freed
