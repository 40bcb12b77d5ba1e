# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials for a registry, as an object."""

from __future__ import annotations

import base64


class Credentials:
    """What to log in to a registry with: a user's name and password, or an identity token (oauth.md).

    Basic authentication takes the former alone. Of a pair and a token, the other is None.
    """

    __slots__ = ("username", "password", "identity_token")

    username: str | None
    password: str | None
    identity_token: str | None

    def __init__(
        self,
        username: str | None = None,
        password: str | None = None,
        identity_token: str | None = None,
    ) -> None:
        self.username, self.password = username, password
        self.identity_token = identity_token

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Credentials) and self._values == other._values

    def __hash__(self) -> int:
        return hash(self._values)

    @property
    def _values(self) -> tuple[str | None, str | None, str | None]:
        return self.username, self.password, self.identity_token

    @property
    def basic(self) -> str | None:
        """The value of an Authorization header (RFC 7617), or None where there is no password."""
        if self.username is None:
            return None
        pair = f"{self.username}:{self.password}"
        return "Basic " + base64.b64encode(pair.encode("utf-8")).decode()
