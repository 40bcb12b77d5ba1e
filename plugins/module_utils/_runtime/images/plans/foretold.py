# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images that earlier tasks of a check-mode run would have brought.

The controller's description of them replaces the store and the registry. ``engine.foretold`` has,
oldest first, ``{"names": [...], "image": what the task returned of it, {} where that can't be known
before, "task": its name}``. Outside check mode it is empty: the image exists then.
"""

from __future__ import annotations

from ..library import records
from ..model import reference
from .present import ImagePlan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ...engine import Engine
    from ..library.records import ImageRecord
    from ..model.reference import Reference

    Document = dict[str, Any]


class Foretold(ImagePlan):
    """The plan of an image that another task brings; nothing is to be done for it.

    :ivar task: the name of that task.
    :ivar blank: whether nothing is known of the image but its name.
    """

    def __init__(
        self, engine: Engine, text: str, parsed: Reference | None, entry: Document
    ) -> None:
        super().__init__(engine, f"image {text}", parsed)
        self.task, self.described = entry["task"], entry.get("image") or {}
        self.blank, self.unknown = not self.described, True
        self.coming = records.coming(
            self.described.get("Id") or "", {"config": self.described.get("Config") or {}}
        )

    def record(self) -> ImageRecord:
        """Return what is known of the image."""
        return self._wanted()

    def _facts(self) -> Document:
        return {"image": self.described}


def plan(engine: Engine, text: str) -> Foretold | None:
    """Return the :class:`Foretold` plan of the image ``text`` (a name or an ID), or None.

    None where no task would bring it, or it is in the store under that name already.
    """
    if not engine.foretold:
        return None
    row, parsed = records.resolve(engine, text)
    for entry in reversed(engine.foretold):
        if _is(entry, text, parsed):
            is_here = row is not None and row["id"] == (entry.get("image") or {}).get("Id")
            return None if is_here else Foretold(engine, text, parsed, entry)
    return None


def _is(entry: Document, text: str, parsed: Reference | None) -> bool:
    if parsed is None:
        ident = (entry.get("image") or {}).get("Id") or ""
        return ident.partition(":")[2].startswith(text.rpartition(":")[2]) if ident else False
    return parsed.tagged is not None and parsed.tagged in [
        reference.parse(name).tagged for name in entry["names"]
    ]
