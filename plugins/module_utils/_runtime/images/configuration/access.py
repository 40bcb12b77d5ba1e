# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How one task reaches registries: its options, the host's configuration, stored credentials, a
client for each repository.
"""

from __future__ import annotations

import os

from ...errors import InvalidInput, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Literal, TypedDict

    from ...engine import Engine
    from ..client.basic_auth import Credentials
    from ..client.client import Client
    from ..client.transport import Transport
    from ..model.reference import Reference
    from .mirrors import Mirrored
    from .registries_conf import Place, Table

    class Description(TypedDict):
        """The configuration in force: the file that it is in, or None; what is wrong with it."""

        path: str | None
        error: str | None
        registries: list[Table]


class Registries:
    """How to reach registries: one task's options, and a client for each repository.

    What talks to them is loaded when the first is asked: most tasks ask none.

    :param auth_file: the one file with credentials to look in.
    :param mirrors: ``HOST[:PORT][/PATH]`` of registries to ask before the one that is named.
    :param credentials: what to log in with in place of what is kept; False for nothing.
    :param tries: how often a request is tried.
    :param connection: keyword arguments of ``transport.Options``.
    """

    def __init__(
        self,
        auth_file: str | None = None,
        mirrors: Sequence[str] = (),
        credentials: Credentials | Literal[False] | None = None,
        tries: int | None = None,
        **connection: Any,
    ) -> None:
        self.auth_file, self.mirrors, self._connection = auth_file, list(mirrors), connection
        self._transport: Transport | None = None
        self._down: set[str] = set()  # registries that have failed already
        self._given, self._tries = credentials, tries
        if any(connection.get(option) for option in ("ca_path", "client_cert", "client_key")):
            self._open()  # a file that is not there is an error whether a registry is asked or not

    def _open(self) -> Transport:
        from ..client import transport

        if self._transport is None:
            self._transport = transport.Transport(transport.Options(**self._connection))
        return self._transport

    def close(self) -> None:
        """Close the connections that are kept open."""
        if self._transport is not None:
            self._transport.close()

    def client(self, parsed: Reference, engine: Engine | None = None) -> Client:
        """Return a client of the registry itself, for pushes.

        :param engine: the host whose configuration counts; None for none.
        :raises Untrusted: where the host's configuration blocks the registry.
        """
        from . import registries_conf

        insecure = (
            registries_conf.load(engine.paths.registries_conf).admit(parsed)
            if engine is not None
            else False
        )
        return self._client(registries_conf.Place(parsed, insecure))

    def source(self, parsed: Reference, engine: Engine) -> Client | Mirrored:
        """Return what to pull from: a client of the registry, with its mirrors before it where it
        has any.

        :raises Untrusted: as :meth:`client`.
        :raises InvalidInput: for a wrong mirror or a wrong configuration.
        """
        from . import mirrors, registries_conf

        places = [
            registries_conf.mirror(text, parsed) for text in self.mirrors
        ] + registries_conf.load(engine.paths.registries_conf).places(parsed)
        clients = [self._client(place, parsed.registry) for place in places]
        return clients[0] if len(clients) == 1 else mirrors.Mirrored(parsed, clients, self._down)

    def _client(self, place: Place, namespace: str | None = None) -> Client:
        from ..client import client, retry
        from . import mirrors

        connection, wanted = self._open(), place.reference
        if place.insecure:
            connection.allow_insecure(wanted.registry)
        if self.auth_file and not os.path.exists(self.auth_file):
            raise NotFound(f"the file with credentials {self.auth_file} does not exist")
        tries = self._tries or (mirrors.MIRROR_TRIES if place.mirror else retry.TRIES)
        return client.Client(
            wanted,
            connection,
            lambda: self._credentials(wanted),
            tries,
            namespace if place.mirror else None,
        )

    def _credentials(self, wanted: Reference) -> Credentials | None:
        from . import credentials

        if self._given is not None:
            return self._given or None
        return credentials.lookup(wanted.registry, wanted.repository, self.auth_file)


def describe_registries(engine: Engine) -> Description:
    """Return how the host's configuration reaches registries, for ``host_info``."""
    from . import registries_conf

    try:
        found = registries_conf.load(engine.paths.registries_conf)
    except InvalidInput as error:
        return {"path": None, "error": str(error), "registries": []}
    return {"path": found.path, "error": None, "registries": found.registries}
