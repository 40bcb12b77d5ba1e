# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``boot`` and ``shutdown``, for the boot unit."""

from __future__ import annotations

from .... import containers, registry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...grammar import Given
    from ...session import Session


def boot(session: Session, _given: Given) -> None:
    """Start what should run. Registries first: a container's image may come from one of them."""
    for name, error in registry.boot(session.engine):
        session.record(True, [f"start registry {name}"])
        if error is not None:
            session.complain(error)
    warnings: list[str] = []
    for ident, error in containers.boot(session.engine, warnings).items():
        session.record(True, [f"start container {ident[:12]}"])
        if error is not None:
            session.complain(error)
    for warning in warnings:
        session.warn(warning)


def shutdown(session: Session, _given: Given) -> None:
    """Do what the host's own shutdown needs: containers end by their own signals, and what should
    run after the boot stays as it is.
    """
    if session.check:
        session.record(True, ["stop all containers until the next boot"])
        return
    for record in containers.shutdown(session.engine):
        session.record(True, [f"stop container {record['name']}"])
        session.say(record["name"])
