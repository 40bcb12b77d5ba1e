# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How one task reaches registries: its options, the host's configuration, the credentials that are kept, a client for each repository."""

from __future__ import annotations

import os

from ...errors import InvalidInput, NotFound


class Registries:
    """How to reach registries: one task's options, and a client for each repository.

    What talks to them is loaded when the first is asked: most tasks ask none.

    :param connection: keyword arguments of ``transport.Options``. :param auth_file: file with credentials.
    :param mirrors: ``HOST[:PORT][/PATH]`` of registries to ask before the one that is named.
    :param credentials: ``(user, password)`` in the place of those that are kept; False for none. :param tries: how often a request is tried.
    """

    def __init__(self, auth_file=None, mirrors=(), credentials=None, tries=None, **connection):
        self.auth_file, self.mirrors, self._connection, self._transport = (
            auth_file,
            list(mirrors),
            connection,
            None,
        )
        self._down, self._given, self._tries = set(), credentials, tries
        if any(connection.get(option) for option in ("ca_path", "client_cert", "client_key")):
            self._open()  # a file that is not there is an error whether a registry is asked or not

    def _open(self):
        from ..client import transport

        if self._transport is None:
            self._transport = transport.Transport(transport.Options(**self._connection))
        return self._transport

    def close(self):
        """Close the connections that are kept open."""
        if self._transport is not None:
            self._transport.close()

    def client(self, parsed, engine=None):
        """A ``client.Client`` of the registry itself, for pushes. :param engine: whose host's configuration counts.

        :raises Untrusted: when the host's configuration blocks the registry.
        """
        from . import registries_conf

        insecure = (
            registries_conf.load(engine.paths.registries_conf).admit(parsed)
            if engine is not None
            else False
        )
        return self._client(registries_conf.Place(parsed, insecure))

    def source(self, parsed, engine):
        """Where to pull from: a ``client.Client``, or a ``sources.Sources`` of the mirrors and the registry.

        :raises Untrusted: as :meth:`client`. :raises InvalidInput: for a wrong mirror or a wrong configuration.
        """
        from . import mirrors as sources
        from . import registries_conf

        places = [
            registries_conf.mirror(text, parsed) for text in self.mirrors
        ] + registries_conf.load(engine.paths.registries_conf).places(parsed)
        clients = [self._client(place, parsed.registry) for place in places]
        return clients[0] if len(clients) == 1 else sources.Sources(parsed, clients, self._down)

    def _client(self, place, namespace=None):
        from ..client import client, retry
        from . import mirrors as sources

        connection, wanted = self._open(), place.reference
        if place.insecure:
            connection.allow_insecure(wanted.registry)
        if self.auth_file and not os.path.exists(self.auth_file):
            raise NotFound(f"the file with credentials {self.auth_file} does not exist")
        tries = self._tries or (sources.MIRROR_TRIES if place.mirror else retry.TRIES)
        return client.Client(
            wanted,
            connection,
            lambda: self._credentials(wanted),
            tries,
            namespace if place.mirror else None,
        )

    def _credentials(self, wanted):
        from . import credentials

        if self._given is not None:
            return self._given or None
        found = credentials.lookup(wanted.registry, wanted.repository, self.auth_file)
        return (found["username"], found["password"]) if found and "username" in found else found


def describe_registries(engine):
    """How the host's configuration has registries reached, for ``host_info``: ``{"path", "error", "registries"}``."""
    from . import registries_conf

    try:
        found = registries_conf.load(engine.paths.registries_conf)
    except InvalidInput as error:
        return {"path": None, "error": str(error), "registries": []}
    return {"path": found.path, "error": None, "registries": found.registries}
