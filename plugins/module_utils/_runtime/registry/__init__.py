# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Registries on the host: a server of the OCI distribution specification, and the services that run
it.

Other parts use the names here; the files behind are loaded when a function is called. The chapters
are `content`, `http`, `proxy` and `service`; each may use those before it. `proxy` also uses the
client of `images`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..engine import Engine
    from .proxy.proxy import UpstreamConfig
    from .service.service import Description


__all__ = ["boot", "serve", "services"]


def serve(root: str, listen: list[str], proxy: UpstreamConfig | None = None, **options: Any) -> int:
    """Serve the registry in ``root`` on ``listen`` until SIGTERM or SIGINT. The options are those
    of ``http.server.serve``.

    :param proxy: the registry that it is a cache of.
    """
    from .http import server

    if proxy:
        from .proxy import proxy as cache

        options["make_api"] = cache.maker(proxy)
    return server.serve(root, listen, **options)


def boot(engine: Engine) -> list[tuple[str, str | None]]:
    """Start every registry that should run and does not; see ``service.boot``."""
    from .service import service

    return service.boot(engine)


def services(engine: Engine) -> list[Description]:
    """Describe the registries of this host."""
    from .service import service

    return [service.describe(engine, row) for row in service.rows(engine)]
