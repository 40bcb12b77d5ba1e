# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests that refer to another one, such as signatures and bills of materials (distribution-spec
1.1, "Listing Referrers" and "Pushing Manifests with Subject").
"""

from __future__ import annotations

import json

from ...errors import RegistryError
from ...untrusted import json_reader
from ..model import manifest, reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, Protocol

    from ..model.reference import Reference
    from .client import Client

    class Lister(Protocol):
        """What lists referrers: a ``client.Client``, or ``mirrors.Mirrored``."""

        def referrers(self, digest: str) -> list[dict[str, Any]]: ...


TRIES = 4  # of a list that others change at the same time


def listing(names: Iterable[str], source: Callable[[Reference], Lister]) -> list[dict[str, Any]]:
    """List what registries have that refers to an image.

    :param names: ``repository@digest`` of the image in each registry that knows it.
    :param source: returns what to ask about a reference.
    :returns: ``[{"repository", "subject": digest, "digest", "mediaType", "artifactType", "size",
        "annotations"}]``.
    :raises RegistryError: where one can't be asked.
    """
    found = []
    for name in names:
        parsed = reference.parse(name)
        for item in source(parsed).referrers(parsed.wanted):
            found.append(
                {
                    "repository": parsed.familiar_repository,
                    "subject": parsed.digest,
                    "digest": item["digest"],
                    "mediaType": item["mediaType"],
                    "artifactType": item.get("artifactType") or "",
                    "size": item["size"],
                    "annotations": item.get("annotations") or {},
                }
            )
    return found


def put(client: Client, data: bytes, subject: str) -> str:
    """Store the manifest ``data`` by its digest, and return that. Where the registry has no
    referrers API, enter it in the subject's fallback tag.

    :param subject: the digest that it refers to.
    :raises RegistryError: where the list can't be kept.
    """
    digest, document = (
        manifest.digest_of(data),
        json_reader.load(data, "the manifest", error=RegistryError),
    )
    headers = client.put_manifest_answer(digest, data, document["mediaType"])
    if headers.get("OCI-Subject") == subject:
        return digest
    entry = {
        "mediaType": document["mediaType"],
        "digest": digest,
        "size": len(data),
        "artifactType": document.get("artifactType") or document["config"]["mediaType"],
    }
    if document.get("annotations"):
        entry["annotations"] = document["annotations"]
    for _turn in range(TRIES):
        listed, etag = client.referrers_tag(subject)
        if digest in [item["digest"] for item in listed]:
            return digest
        index = {"schemaVersion": 2, "mediaType": manifest.OCI_INDEX, "manifests": listed + [entry]}
        client.put_manifest_answer(
            subject.replace(":", "-"),
            json.dumps(index, separators=(",", ":")).encode(),
            manifest.OCI_INDEX,
            {"If-Match": etag} if etag else {},
            accept=(412,),
        )
    listed, _etag = client.referrers_tag(subject)
    if digest in [item["digest"] for item in listed]:
        return digest
    raise RegistryError(
        f"registry {client.registry} does not keep the list of what refers to {subject}: others "
        "change it at the same time"
    )
