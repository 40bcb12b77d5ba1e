# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Registries on the host: a server of the OCI distribution specification, and the services that run it.

What other parts use is named here; the files behind are loaded when a function is called.
"""

from __future__ import annotations

__all__ = ["boot", "serve", "services"]


def serve(root, listen, **options):
    """Serve the registry in ``root`` on ``listen`` until SIGTERM or SIGINT; see :func:`server.serve`."""
    from .http import server

    return server.serve(root, listen, **options)


def boot(engine):
    """Start every registry that should run and does not; see :func:`service.boot`."""
    from .service import service

    return service.boot(engine)


def services(engine):
    """The registries of this host, a dictionary each; see :func:`service.describe`."""
    from .service import service

    return [service.describe(engine, row) for row in service.rows(engine)]
