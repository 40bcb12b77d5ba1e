# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Registries on the host: a server of the OCI distribution specification, and the services that run it.

What other parts use is named here; the files behind are loaded when a function is called.
"""

from __future__ import annotations

__all__ = ["boot", "login", "serve", "services", "supervise"]


def serve(root, listen, **options):
    """Serve the registry in ``root`` on ``listen`` until SIGTERM or SIGINT; see :func:`server.serve`."""
    from . import server

    return server.serve(root, listen, **options)


def supervise(path):
    """Run the service that the file ``path`` describes, and start it again when it ends; see :func:`supervisor.supervise`."""
    from . import supervisor

    return supervisor.supervise(path)


def boot(engine):
    """Start every registry that should run and does not; see :func:`service.boot`."""
    from . import service

    return service.boot(engine)


def services(engine):
    """The registries of this host, a dictionary each; see :func:`service.describe`."""
    from . import service

    return [service.describe(engine, row) for row in service.rows(engine)]


def login(engine, params):
    """The plan that keeps or forgets a registry's credentials; see :func:`login.plan`."""
    from . import login as part

    return part.plan(engine, params)
