# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The functions that the module ``registry_login`` and the commands ``login`` and ``logout`` call:
keep or forget credentials.
"""

from __future__ import annotations

import http.client
import os
import re

from ...errors import InvalidInput, RegistryError
from ...reconcile import Plan
from ..client import auth, transport
from ..client.basic_auth import Credentials
from ..model import reference
from . import credentials, registries_conf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ...engine import Engine
    from ..client.redirects import Address


class Unreachable(RegistryError):
    """The registry could not be reached. In check mode that is no failure: the same play may be
    about to start it.
    """


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


def plan(engine: Engine, params: dict[str, Any]) -> Plan:
    """Plan a task of the module ``registry_login``.

    :param params: the task's options, ``registry_url`` and ``state`` at least.
    :raises InvalidInput: for options that don't fit.
    :raises RegistryError: where the registry refuses the credentials.
    """
    params = dict(DEFAULTS, **params)
    server, host = read_server(params["registry_url"])
    path = params["config_path"] or credentials.default_file()
    if not os.path.isabs(path):
        raise InvalidInput("config_path", path, "an absolute path")
    known = credentials.kept(server, path)
    if params["state"] == "absent":
        return _plan_absent(server, path, known)
    username, password = _checked(params)
    wanted = Credentials(username, password)
    found = Plan(f"credentials for {server}")
    verified = params["verify"] and (known != wanted or params["reauthorize"])
    if verified:
        try:
            insecure = _is_insecure(engine, host, params)
            verify(host, username, password, insecure, params["ca_path"])
        except Unreachable as error:
            if not engine.check:
                raise
            found.warnings.append(f"the credentials were not verified: {error}")
            verified = False
    found.facts = lambda: _facts(server, path, username, verified)
    if known != wanted:
        found.add(
            "credentials",
            _show(known),
            _show(wanted, known),
            f"keep the credentials of {username} for {server} in {path}",
            lambda: credentials.store(server, username, password, path),
        )
    return found


def _plan_absent(server: str, path: str, known: Credentials | None) -> Plan:
    found = Plan(f"credentials for {server}", lambda: _facts(server, path))
    if known is not None:
        found.add(
            "credentials",
            _show(known),
            None,
            f"forget the credentials for {server} in {path}",
            lambda: credentials.erase(server, path),
        )
    return found


def _facts(
    server: str, path: str, username: str | None = None, verified: bool = False
) -> dict[str, Any]:
    said = {"registry": server, "username": username, "config_path": path, "verified": verified}
    found: dict[str, Any] = {"login": said}
    if username is not None:
        found["login_result"] = {"serveraddress": server, "username": username}
    return found


def _checked(params: dict[str, Any]) -> tuple[str, str]:
    """Return the name and the password that a task gives.

    :raises InvalidInput: for what can't be.
    """
    for option in ("username", "password"):
        if not params[option]:
            raise InvalidInput(option, params[option], "a text that is not empty")
    if ":" in params["username"]:
        raise InvalidInput("username", params["username"], "a name without a colon")
    return params["username"], params["password"]


def _is_insecure(engine: Engine, host: str, params: dict[str, Any]) -> bool:
    """Tell whether a task, or the host's configuration, allows to reach it without TLS."""
    if params["insecure"] or params["registry_url"].startswith("http:"):
        return True
    hosts = registries_conf.load(engine.paths.registries_conf)
    found = hosts.entry(reference.Reference(host, "any", "latest"))
    return found is not None and found["insecure"]


def read_server(text: str) -> tuple[str, str]:
    """Read a registry as users write it.

    :returns: the key of its credentials, and the host to talk to.
    :raises InvalidInput: where it is none.
    """
    match = _SERVER.fullmatch(credentials.bare(text.strip()))
    if match is None:
        raise InvalidInput("registry_url", text, ACCEPTED)
    host = "docker.io" if match.group(1) in credentials.HUB_NAMES else match.group(1)
    return host + match.group(2), host


def _show(found: Credentials | None, known: Credentials | None = None) -> str | None:
    """Return credentials without what is secret in them."""
    if found is None:
        return None
    if found.username is None:
        return "an identity token"
    same_user = known is not None and known.username == found.username
    return found.username + (" (new password)" if same_user else "")


def verify(
    host: str, username: str, password: str, insecure: bool = False, ca_path: str | None = None
) -> None:
    """Ask the registry whether it takes the credentials. One that asks for none takes any.

    :raises Unreachable: where it does not answer.
    :raises RegistryError: where it refuses them.
    """
    connection = transport.Transport(transport.Options(insecure=insecure, ca_path=ca_path))
    try:
        try:
            url = connection.base(host).at("/v2/")
        except RegistryError as error:
            raise Unreachable(str(error)) from None
        status, challenge = _ask(connection, url, {})
        if status == 401:
            authorizer = auth.Authorizer(connection, host, Credentials(username, password))
            authorizer.answer(challenge, [])
            header = authorizer.header([]) or ""
            status, _challenge = _ask(connection, url, {"Authorization": header})
        if status in (401, 403):
            raise RegistryError(f"registry {host} refuses the credentials of {username}")
        if status != 200:
            raise RegistryError(
                f"registry {host} answered with status {status} on /v2/: it is no registry, "
                "or has a fault"
            )
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(
            f"registry {host} can't be asked about the credentials: {transport.explain(error)}"
        ) from None
    finally:
        connection.close()


def _ask(
    connection: transport.Transport, url: Address, headers: dict[str, str]
) -> tuple[int, list[str]]:
    response = connection.request("GET", url, headers)
    response.read(1 << 20)
    return response.status, response.headers.get_all("WWW-Authenticate")
