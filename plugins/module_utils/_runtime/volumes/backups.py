# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Save a volume's content, restore it, and make new volumes from archives and other volumes."""

from __future__ import annotations

import functools

from ..errors import InvalidInput
from . import archives, catalog, content

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Union

    from ..engine import Engine
    from ..reconcile import Plan
    from .archives import Place
    from .catalog import Volume

    Origin = Union["Saved", "Clone"]


class Saved:
    """What ``path`` or ``artifact`` of a task name, as the content of a volume.

    :ivar title: for sentences. :ivar words: the end of the sentence that a volume is made.
    """

    def __init__(
        self, engine: Engine, params: Mapping[str, Any], place: Place | None = None
    ) -> None:
        self.engine = engine
        found = place or archives.place_of(engine, params)
        if found is None:
            raise InvalidInput("path", None, "path or artifact")
        self.place = found
        self.title = found.title
        self.words = f" from {found.title}"

    def check(self) -> None:
        """:raises EngineError: it is not there, or can't be read."""
        self.place.digest()

    def create(
        self, name: str, options: Mapping[str, str] | None, labels: Mapping[str, str] | None
    ) -> None:
        """Create a volume with this content."""
        self.engine.progress.subject(f"Restoring volume {name}")
        fill = functools.partial(archives.unpack, self.place)
        catalog.create(self.engine, name, options, labels, fill=fill)


class Clone:
    """Another volume, as the content of a new one.

    :ivar title, words: as of :class:`Saved`.
    """

    def __init__(self, engine: Engine, source: str, freeze: bool) -> None:
        self.engine, self.source, self.freeze = engine, source, freeze
        self.title = f"volume {source}"
        self.words = f" from {self.title}"

    def check(self) -> None:
        """:raises NotFound: there is no such volume."""
        catalog.require(self.engine, self.source)

    def create(
        self, name: str, options: Mapping[str, str] | None, labels: Mapping[str, str] | None
    ) -> None:
        """Create a volume with this content."""
        with content.reading(self.engine, self.source, self.freeze) as fd:
            fill = functools.partial(content.copy, fd, title=self.title)
            catalog.create(self.engine, name, options, labels, fill=fill)


def plan_save(engine: Engine, plan: Plan, name: str, params: Mapping[str, Any]) -> Plan:
    """Add to a volume's plan that an archive or a registry has its content.

    :raises NotFound: there is no such volume. :raises InvalidInput: for a place that can't have it.
    """
    place = Saved(engine, params).place
    catalog.require(engine, name)
    place.check_writable()

    def save() -> None:
        engine.progress.subject(f"Saving volume {name}")
        place.save(lambda: content.reading(engine, name, bool(params.get("freeze"))))

    if not archives.same(lambda: content.reading(engine, name, False), place):
        plan.add(
            "archive",
            "another content" if place.is_there() else None,
            f"volume {name}",
            f"save volume {name} to {place.title}",
            save,
        )
    return plan


def plan_restore(engine: Engine, plan: Plan, volume: Volume, origin: Saved) -> Plan:
    """Add to a volume's plan that its content is that of an archive.

    :raises EngineError: the archive can't be read, or the volume is in use and has another content.
    """
    name = volume["name"]
    content.check_replaceable(volume)
    origin.check()

    def restore() -> None:
        engine.progress.subject(f"Restoring volume {name}")
        with content.held(engine, name, False):
            fill = functools.partial(archives.unpack, origin.place)
            content.replace(engine, name, fill)

    if not archives.same(lambda: content.reading(engine, name, False), origin.place):
        with content.held(engine, name, False):
            pass  # refused here, before anything is done
        plan.add(
            "content",
            "as it is",
            origin.title,
            f"restore volume {name} from {origin.title}",
            restore,
        )
    return plan
