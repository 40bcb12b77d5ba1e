# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answer a registry's challenge: Basic (RFC 7617) or a Bearer token (distribution-spec, token.md,
oauth.md).

Credentials go only to the registry itself and to the token service that it names, and over TLS
unless the registry itself is reached without.
"""

from __future__ import annotations

import http.client
import time
from urllib.parse import urlencode

from ...errors import EngineError, RegistryError
from ...untrusted import json_reader
from ...untrusted.text import printable
from . import headers, redirects, retry
from .basic_auth import Credentials
from .transport import explain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from .redirects import Address
    from .transport import Transport


LONGEST_TOKEN = 32768  # characters: no server takes more in a header
LONGEST_LIFE = 86400  # seconds for which a token is taken to be good


class Authorizer:
    """The Authorization header for one registry.

    :param credentials: the :class:`Credentials`, None for none, or a function that finds them. It
        is called when the registry asks for them: many registries don't, and a credential helper is
        a program to run.
    """

    def __init__(
        self,
        transport: Transport,
        registry: str,
        credentials: Credentials | Callable[[], Credentials | None] | None = None,
    ) -> None:
        self.transport, self.registry = transport, registry
        self._credentials = credentials
        self._basic: str | None = None
        self._tokens: dict[tuple[str, ...], tuple[str, float]] = {}  # header, good until

    @property
    def credentials(self) -> Credentials | None:
        if callable(self._credentials):
            self._credentials = self._credentials()
        return self._credentials

    @property
    def user(self) -> str | None:
        """The user whose credentials the registry has asked for; None where it has not asked, or
        there is no user.
        """
        return self._credentials.username if isinstance(self._credentials, Credentials) else None

    def header(self, scopes: Sequence[str]) -> str | None:
        """Return the header for ``scopes`` (``repository:<name>:pull``), or None before any
        challenge.
        """
        token, until = self._tokens.get(tuple(scopes), (None, 0))
        if token and time.monotonic() < until:
            return token
        return self._basic

    def answer(self, values: list[str], scopes: Sequence[str], sent: str | None = None) -> None:
        """Meet the challenges of a 401 answer; the next :meth:`header` has the result.

        :param values: the answer's WWW-Authenticate headers.
        :param sent: the Authorization header of the request that was answered so. Of several
            requests at once, others may be on their way without credentials when the challenge of
            the first is met.
        :raises RegistryError: where they can't be met.
        """
        found = dict(reversed(headers.challenges(values)))
        if "bearer" in found and "realm" in found["bearer"]:
            self._tokens[tuple(scopes)] = self._fetch(found["bearer"], scopes)
            return
        if "basic" not in found:
            raise RegistryError(
                f"registry {self.registry} asks for a way to authenticate that is not known here: "
                f"{printable(', '.join(found), 200) or 'none'}"
            )
        credentials = self.credentials
        if credentials is None or credentials.basic is None:
            raise RegistryError(
                f"registry {self.registry} asks for credentials and there are none for it; log in "
                "with registry_login"
            )
        if sent is not None and sent == self._basic:
            raise RegistryError(
                f"registry {self.registry} refuses the credentials of {credentials.username}"
            )
        self._basic = credentials.basic

    def _fetch(self, challenge: dict[str, str], scopes: Sequence[str]) -> tuple[str, float]:
        home = self.transport.base(self.registry)
        insecure = self.transport.is_insecure(self.registry)
        realm = redirects.follow(
            self.registry, home.at("/v2/"), challenge["realm"], "its token service", insecure
        )
        query = [("service", challenge["service"])] if "service" in challenge else []
        found = self.credentials or Credentials()
        if found.identity_token is not None:
            status, document = self._post(realm, query, scopes, found.identity_token)
        else:
            status, document = self._get(realm, query, scopes, found.basic)
        token = document.get("token") or document.get("access_token")
        if status in (401, 403) or (status == 200 and not token):
            raise RegistryError(
                f"the token service of registry {self.registry} refuses "
                f"{found.username or 'anybody'} access to {', '.join(scopes) or 'it'}"
            )
        if status != 200:
            raise RegistryError(
                f"the token service of registry {self.registry} answered with status {status}"
            )
        if (
            not isinstance(token, str)
            or len(token) > LONGEST_TOKEN
            or not all("!" <= character <= "~" for character in token)
        ):
            raise RegistryError(
                f"the token service of registry {self.registry} gave something that is no token "
                "(RFC 6750, 2.1)"
            )
        lasts = document.get("expires_in")
        lasts = min(lasts, LONGEST_LIFE) if isinstance(lasts, (int, float)) and lasts > 0 else 60
        return "Bearer " + token, time.monotonic() + max(lasts * 0.9 - 1, 5)

    def _get(
        self, realm: Address, query: list[tuple[str, str]], scopes: Sequence[str], basic: str | None
    ) -> tuple[int, dict[str, Any]]:
        fields = {} if basic is None else {"Authorization": basic}
        return self._ask(
            "GET", realm.asking(query + [("scope", scope) for scope in scopes]), fields, None
        )

    def _post(
        self, realm: Address, query: list[tuple[str, str]], scopes: Sequence[str], token: str
    ) -> tuple[int, dict[str, Any]]:
        form = query + [
            ("grant_type", "refresh_token"),
            ("client_id", "pycontainer"),
            ("scope", " ".join(scopes)),
            ("refresh_token", token),
        ]
        return self._ask(
            "POST",
            realm,
            {"Content-Type": "application/x-www-form-urlencoded"},
            urlencode(form).encode(),
        )

    def _ask(
        self, method: str, address: Address, fields: dict[str, str], body: bytes | None
    ) -> tuple[int, dict[str, Any]]:
        patience = retry.Patience()
        while True:
            try:
                response = self.transport.request(method, address, fields, body)
                data = response.read(1 << 20)
            except (OSError, http.client.HTTPException) as error:
                if not patience.after_error(error):
                    raise RegistryError(
                        f"the token service {address.shown} of registry {self.registry} can't be "
                        f"reached: {explain(error)}{patience.said()}"
                    ) from None
                continue
            if not patience.after_answer(response):
                break
        try:
            return response.status, json_reader.load(data, "the token service's answer")
        except EngineError:
            return response.status, {}
