# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``registry serve`` and ``registry ls``: registries on this host."""

from __future__ import annotations

from .... import registry
from ....errors import InvalidInput
from ... import tables

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...grammar import Given
    from ...session import Session


COLUMNS = [("NAME", "Name"), ("LISTEN", "Listen"), ("STATE", "State"), ("PATH", "Path")]


def serve(session: Session, given: Given) -> None:
    """Serve a registry until a signal ends it."""
    session.need_terminal("registry serve", "use the module registry")
    if given.root is None:
        raise InvalidInput("--root", None, "a directory for the registry's content")
    session.rc = (
        registry.serve(
            given.root,
            given.listen or ["127.0.0.1:5000"],
            tls_cert=given.tls_cert,
            tls_key=given.tls_key,
            users=given.users,
            proxy={"remote_url": given.proxy} if given.proxy else None,
        )
        or 0
    )


def ls(session: Session, given: Given) -> None:
    rows = [
        {
            "Name": row["name"],
            "Listen": ",".join(row["listen"]),
            "State": row["state"],
            "Path": row["path"],
        }
        for row in registry.services(session.engine)
    ]
    session.listing(tables.formatted(rows, COLUMNS, given.format))
