# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How one task reaches registries: its options, the credentials that are kept, a client for each repository."""

from __future__ import annotations

from . import client, credentials, transport


class Registries:
    """How to reach registries: one task's options, and a client for each repository.

    :param connection: keyword arguments of ``transport.Options``. :param auth_file: file with credentials.
    """

    def __init__(self, auth_file=None, **connection):
        self.auth_file = auth_file
        self.transport = transport.Transport(transport.Options(**connection))

    def client(self, parsed):
        found = credentials.lookup(parsed.registry, parsed.repository, self.auth_file)
        if found and "username" in found:
            found = found["username"], found["password"]
        return client.Client(parsed, self.transport, found)
