# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How one task reaches registries: its options, the credentials that are kept, a client for each repository."""

from __future__ import annotations


class Registries:
    """How to reach registries: one task's options, and a client for each repository.

    What talks to them is loaded when the first is asked: most tasks ask none.

    :param connection: keyword arguments of ``transport.Options``. :param auth_file: file with credentials.
    """

    def __init__(self, auth_file=None, **connection):
        self.auth_file, self._connection, self._transport = auth_file, connection, None
        if any(connection.get(option) for option in ("ca_path", "client_cert", "client_key")):
            self._open()  # a file that is not there is an error whether a registry is asked or not

    def _open(self):
        from . import transport

        if self._transport is None:
            self._transport = transport.Transport(transport.Options(**self._connection))
        return self._transport

    def client(self, parsed):
        from . import client, credentials

        found = credentials.lookup(parsed.registry, parsed.repository, self.auth_file)
        if found and "username" in found:
            found = found["username"], found["password"]
        return client.Client(parsed, self._open(), found)
