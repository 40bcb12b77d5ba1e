# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start containers after a boot; ``pycontainer boot`` calls it, from the host's boot unit."""

from __future__ import annotations

import contextlib

from ...errors import Conflict, NotFound
from ..records import catalog, status
from ..view import systemd_unit
from . import start, stop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...engine import Engine


def boot(engine: Engine, warnings: list[str] | None = None) -> start.Results:
    """Start what ran and has the restart policy always or unless-stopped, and what that depends on;
    returns as :func:`start`.

    :param warnings: gets sentences.

    A reboot is no failure of the container: on-failure starts nothing then, as Docker documents it.
    A container that has an enabled unit of its own is left to that.
    """
    left = systemd_unit.enabled()
    records = [
        record
        for record in catalog.every(engine)
        if record["wanted"] in ("running", "paused")
        and record["definition"].get("restart_policy") in ("always", "unless-stopped")
        and record["name"] not in left
        and not status.lives(engine.paths, record["id"])
    ]
    paused = {record["id"] for record in records if record["wanted"] == "paused"}
    results = start.start_each(engine, records, warnings=warnings)
    for record in records:
        if record["id"] in paused and results[record["id"]] is None:
            with contextlib.suppress(Conflict, NotFound), catalog.held(engine, record["id"]) as now:
                stop.pause(engine, now)
    return results
