# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Search a registry for repositories: Docker Hub by its own ``/v1/search``, any other by the list of
all its repositories (``/v2/_catalog``, distribution-spec's and Docker Registry's).
"""

from __future__ import annotations

from urllib.parse import urlencode

from ...errors import RegistryError
from ...untrusted import json_reader
from ..model import manifest
from ..model.reference import DEFAULT_REGISTRY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .client import Client

HUB = "index.docker.io"  # where Docker Hub answers to searches
MAX_PAGES = 200
PAGE = 1000  # repositories in a page of a catalog


def repositories(client: Client, term: str, limit: int) -> list[dict[str, Any]]:
    """Return what a registry has by a part of its name, the hub's in its own order.

    :param client: of any repository of the registry, or of ``HUB``.
    :returns: ``[{"Name", "Description", "StarCount", "IsOfficial"}]``, at most ``limit``.
    :raises RegistryError: the registry can't be asked, or does not list what it has.
    """
    if client.registry in (HUB, DEFAULT_REGISTRY):
        return of_hub(client, term, limit)
    return of_catalog(client, term, limit)


def of_hub(client: Client, term: str, limit: int) -> list[dict[str, Any]]:
    """Search as Docker Hub is searched; see :func:`repositories`."""
    client.scopes = []
    base = client.transport.base(client.registry)
    address = base.at("/v1/search?" + urlencode({"q": term, "n": limit}))
    response = client.call("GET", address, limit=manifest.MAX_MANIFEST)
    what = f"what registry {client.registry} answered to the search"
    found = json_reader.load(response.body, what, error=RegistryError).get("results")
    if not isinstance(found, list):
        raise RegistryError(f"{what} has no list of results")
    return [
        {
            "Name": str(item.get("name") or ""),
            "Description": str(item.get("description") or ""),
            "StarCount": item["star_count"] if isinstance(item.get("star_count"), int) else 0,
            "IsOfficial": item.get("is_official") is True,
        }
        for item in found[:limit]
        if isinstance(item, dict)
    ]


def of_catalog(client: Client, term: str, limit: int) -> list[dict[str, Any]]:
    """Look for ``term`` in the names of all repositories; see :func:`repositories`."""
    client.scopes = ["registry:catalog:*"]
    base, last = client.transport.base(client.registry), ""
    what = f"the list of repositories of registry {client.registry}"
    found: list[str] = []
    for _page in range(MAX_PAGES):
        query = {"n": str(PAGE), **({"last": last} if last else {})}
        response = client.call(
            "GET",
            base.at("/v2/_catalog?" + urlencode(query)),
            accept=(200, 404, 405),
            limit=manifest.MAX_MANIFEST,
        )
        if response.status != 200:
            raise RegistryError(f"registry {client.registry} does not list its repositories")
        names = json_reader.load(response.body, what, error=RegistryError).get("repositories")
        names = [] if names is None else names
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise RegistryError(what + " is not one")
        if not names or names[-1] == last:  # the end, or one that knows no pages
            break
        found += [name for name in names if term.lower() in name.lower()]
        if len(found) >= limit:
            break
        last = names[-1]
    return [
        {"Name": name, "Description": "", "StarCount": 0, "IsOfficial": False}
        for name in found[:limit]
    ]
