# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answering a registry's challenge: Basic (RFC 7617) or a Bearer token (distribution-spec, token.md, oauth.md).

Credentials go only to the registry itself and to the token service that it names, and over TLS unless the registry
itself is spoken to without.
"""

from __future__ import annotations

import base64
import http.client
import time
from urllib.parse import urlencode

from ...errors import EngineError, RegistryError
from ...untrusted import json_reader
from ...untrusted.text import printable
from . import headers, redirects, retry
from .transport import explain

LONGEST_TOKEN = 32768  # characters: no server takes more in a header
LONGEST_LIFE = 86400  # seconds for which a token is taken to be good


class Authorizer:
    """The Authorization header for one registry.

    :param credentials: ``(user, password)``, ``{"identitytoken": ...}`` or None; or a function that finds them, which is called when
        the registry asks for them: many don't, and a credential helper is a program to be run.
    """

    def __init__(self, transport, registry, credentials=None):
        self.transport, self.registry = transport, registry
        self._credentials = credentials
        self._basic = None
        self._tokens = {}  # scopes -> (header, good until)

    @property
    def credentials(self):
        if callable(self._credentials):
            self._credentials = self._credentials()
        return self._credentials

    @property
    def user(self):
        """Whose credentials were asked for; None for nobody's."""
        return self._credentials[0] if isinstance(self._credentials, tuple) else None

    def header(self, scopes):
        """The header for ``scopes`` (list of text), as far as it is known; None before any challenge."""
        token, until = self._tokens.get(tuple(scopes), (None, 0))
        if token and time.monotonic() < until:
            return token
        return self._basic

    def answer(self, values, scopes, sent=None):
        """Meet the challenges of a 401 answer; the next :meth:`header` has the result.

        :param sent: the Authorization header of the request that was answered so, or None: of several requests at once the others may be on their way
            without credentials when the first one's challenge is met.
        :raises RegistryError: when they can't be met.
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
        if not isinstance(self.credentials, tuple):
            raise RegistryError(
                f"registry {self.registry} asks for credentials and there are none for it; log in "
                "with registry_login"
            )
        if sent is not None and sent == self._basic:
            raise RegistryError(
                f"registry {self.registry} refuses the credentials of {self.credentials[0]}"
            )
        self._basic = self._encoded()

    def _encoded(self):
        return "Basic " + base64.b64encode(("%s:%s" % self.credentials).encode("utf-8")).decode()

    def _fetch(self, challenge, scopes):
        home, insecure = (
            self.transport.base(self.registry),
            self.transport.is_insecure(self.registry),
        )
        realm = redirects.follow(
            self.registry, home.at("/v2/"), challenge["realm"], "its token service", insecure
        )
        query = [("service", challenge["service"])] if "service" in challenge else []
        if isinstance(self.credentials, dict):
            status, document = self._post(realm, query, scopes)
        else:
            status, document = self._get(realm, query, scopes)
        token = document.get("token") or document.get("access_token")
        if status in (401, 403) or (status == 200 and not token):
            who = self.credentials[0] if isinstance(self.credentials, tuple) else "anybody"
            raise RegistryError(
                f"the token service of registry {self.registry} refuses {who} access to "
                f"{', '.join(scopes) or 'it'}"
            )
        if status != 200:
            raise RegistryError(
                "the token service of registry %s answered with status %d" % (self.registry, status)
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

    def _get(self, realm, query, scopes):
        fields = {"Authorization": self._encoded()} if self.credentials else {}
        return self._ask(
            "GET", realm.asking(query + [("scope", scope) for scope in scopes]), fields, None
        )

    def _post(self, realm, query, scopes):
        form = query + [
            ("grant_type", "refresh_token"),
            ("client_id", "pycontainer"),
            ("scope", " ".join(scopes)),
            ("refresh_token", self.credentials["identitytoken"]),
        ]
        return self._ask(
            "POST",
            realm,
            {"Content-Type": "application/x-www-form-urlencoded"},
            urlencode(form).encode(),
        )

    def _ask(self, method, address, fields, body):
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
