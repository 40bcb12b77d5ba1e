# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module ``registry_login`` and the commands ``login`` and ``logout`` call: keep or forget credentials."""

from __future__ import annotations

import http.client
import os
import re

from ...errors import InvalidInput, RegistryError
from ...reconcile import Plan
from ..client import auth, transport
from ..model import reference
from . import credentials, registries_conf


class Unreachable(RegistryError):
    """The registry could not be asked. In check mode that is no failure: the same play may be about to start it."""


ACCEPTED = "a registry's host[:port], optionally with https:// before it or a path behind it, such as registry.example.com:5000"
DEFAULTS = {
    "username": None,
    "password": None,
    "config_path": None,
    "verify": True,
    "reauthorize": False,
    "insecure": False,
    "ca_path": None,
}
_SERVER = re.compile(r"((?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?)((?:/[a-z0-9._-]+)*)")


def plan(engine, params):
    """The plan of a task of the module ``registry_login``; ``params`` are its options, ``registry_url`` and ``state`` at least.

    :raises InvalidInput: for options that don't fit. :raises RegistryError: when the registry refuses the credentials.
    """
    params = dict(DEFAULTS, **params)
    server, host = read_server(params["registry_url"])
    path = params["config_path"] or credentials.default_file()
    if not os.path.isabs(path):
        raise InvalidInput("config_path", path, "an absolute path")
    known = credentials.kept(server, path)
    found = Plan(f"credentials for {server}")
    if params["state"] == "absent":
        found.facts = lambda: {
            "login": {"registry": server, "username": None, "config_path": path, "verified": False}
        }
        if known is not None:
            found.add(
                "credentials",
                _show(known),
                None,
                f"forget the credentials for {server} in {path}",
                lambda: credentials.erase(server, path),
            )
        return found
    username, password = params["username"], params["password"]
    for option in ("username", "password"):
        if not params[option]:
            raise InvalidInput(option, params[option], "a text that is not empty")
    if ":" in username:
        raise InvalidInput("username", username, "a name without a colon")
    wanted = {"username": username, "password": password}
    differs = known != wanted
    verified = params["verify"] and (differs or params["reauthorize"])
    if verified:
        try:
            insecure = (
                params["insecure"]
                or params["registry_url"].startswith("http:")
                or _is_insecure(engine, host)
            )
            verify(host, username, password, insecure, params["ca_path"])
        except Unreachable as error:
            if not engine.check:
                raise
            found.warnings.append(f"the credentials were not verified: {error}")
            verified = False
    found.facts = lambda: {
        "login": {
            "registry": server,
            "username": username,
            "config_path": path,
            "verified": verified,
        }
    }
    if differs:
        found.add(
            "credentials",
            _show(known),
            _show(wanted, known),
            f"keep the credentials of {username} for {server} in {path}",
            lambda: credentials.store(server, username, password, path),
        )
    return found


def _is_insecure(engine, host):
    """Whether the host's configuration says that the registry may be spoken to without TLS."""
    found = registries_conf.load(engine.paths.registries_conf).entry(
        reference.Reference(host, "any", "latest")
    )
    return found is not None and found["insecure"]


def read_server(text):
    """``(key of the credentials, host to talk to)`` of a registry as users write it. :raises InvalidInput:"""
    match = _SERVER.fullmatch(credentials.bare(text.strip()))
    if match is None:
        raise InvalidInput("registry_url", text, ACCEPTED)
    host = "docker.io" if match.group(1) in credentials.HUB_NAMES else match.group(1)
    return host + match.group(2), host


def _show(found, known=None):
    """Credentials without what is secret in them."""
    if found is None:
        return None
    if "identitytoken" in found:
        return "an identity token"
    same_user = known is not None and known.get("username") == found["username"]
    return found["username"] + (" (new password)" if same_user else "")


def verify(host, username, password, insecure=False, ca_path=None):
    """Ask the registry whether it takes the credentials. One that asks for none takes any.

    :raises Unreachable: when it does not answer. :raises RegistryError: when it refuses them.
    """
    connection = transport.Transport(transport.Options(insecure=insecure, ca_path=ca_path))
    try:
        try:
            url = connection.base(host).at("/v2/")
        except RegistryError as error:
            raise Unreachable(str(error)) from None
        status, challenge = _ask(connection, url, {})
        if status == 401:
            authorizer = auth.Authorizer(connection, host, (username, password))
            authorizer.answer(challenge, [])
            status, _challenge = _ask(connection, url, {"Authorization": authorizer.header([])})
        if status in (401, 403):
            raise RegistryError(f"registry {host} refuses the credentials of {username}")
        if status != 200:
            raise RegistryError(
                "registry %s answered with status %d on /v2/: it is no registry, or has a fault"
                % (host, status)
            )
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(
            f"registry {host} can't be asked about the credentials: {transport.explain(error)}"
        ) from None
    finally:
        connection.close()


def _ask(connection, url, headers):
    response = connection.request("GET", url, headers)
    response.read(1 << 20)
    return response.status, response.headers.get_all("WWW-Authenticate")
