# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which name a signature must give an image: the forms of ``signedIdentity``
(containers-policy.json(5)).

A signature names the repository, and may name the tag, that its maker meant. Without this check, an
image that is validly signed as one thing could be served as another. ``matchDigestOnly`` is a type
of this engine's own that skips the check.
"""

from __future__ import annotations

from ...errors import EngineError, InvalidInput
from ..model import reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Identity = dict[str, str]  # "type", and the fields that FIELDS names for it
    from ..model.reference import Reference


FIELDS: dict[str, tuple[str, ...]] = {  # type -> its other fields
    "matchExact": (),
    "matchRepoDigestOrExact": (),
    "matchRepository": (),
    "exactReference": ("dockerReference",),
    "exactRepository": ("dockerRepository",),
    "remapIdentity": ("prefix", "signedPrefix"),
    "matchTagIfSigned": ("dockerRepository",),
    "matchDigestOnly": (),
}
DEFAULT = {"type": "matchRepoDigestOrExact"}


def check(document: Any, option: str) -> None:
    """:raises InvalidInput: where ``document`` is none of the forms."""
    kind = document.get("type") if isinstance(document, dict) else None
    fields = (
        FIELDS.get(str(kind)) if kind != "matchTagIfSigned" else None
    )  # that one is the option verify's, and no file's
    if (
        fields is None
        or set(document) != set(fields) | {"type"}
        or not all(isinstance(document[field], str) for field in fields)
    ):
        raise InvalidInput(
            option,
            document,
            "signedIdentity of containers-policy.json(5): one of the types "
            f"{', '.join((name for name in FIELDS if name != 'matchTagIfSigned'))} with its fields",
        )
    if "dockerReference" in fields:
        reference.parse(document["dockerReference"], option + ".dockerReference", default_tag=None)
    if "dockerRepository" in fields:
        parsed = reference.parse(
            document["dockerRepository"], option + ".dockerRepository", default_tag=None
        )
        if parsed.tag or parsed.digest:
            raise InvalidInput(
                option + ".dockerRepository",
                document["dockerRepository"],
                "a repository without tag and digest",
            )


def matches(document: Identity, wanted: Reference, signed: str | None) -> bool:
    """Tell whether a signature is one for ``wanted``.

    :param signed: the name that the signature gives; None where it gives none.
    """
    if document["type"] == "matchDigestOnly":
        return True
    if signed is None:
        return False
    try:
        found = reference.parse(signed, "docker-reference", default_tag=None)
    except EngineError:
        return False
    return _CHECKS[document["type"]](document, wanted, found)


def _exact(_document: Identity, wanted: Reference, found: Reference) -> bool:
    return found.name == wanted.name


def _repository(_document: Identity, wanted: Reference, found: Reference) -> bool:
    return found.full_repository == wanted.full_repository


def _digest_or_exact(_document: Identity, wanted: Reference, found: Reference) -> bool:
    if wanted.digest:
        return found.full_repository == wanted.full_repository
    return found.name == wanted.name


def _exact_reference(document: Identity, _wanted: Reference, found: Reference) -> bool:
    return found.name == reference.parse(document["dockerReference"], default_tag=None).name


def _exact_repository(document: Identity, _wanted: Reference, found: Reference) -> bool:
    return (
        found.full_repository
        == reference.parse(document["dockerRepository"], default_tag=None).full_repository
    )


def _remapped(document: Identity, wanted: Reference, found: Reference) -> bool:
    return _digest_or_exact(
        document, remap(wanted, document["prefix"], document["signedPrefix"]), found
    )


def remap(wanted: Reference, prefix: str, replacement: str) -> Reference:
    """Return ``wanted`` with ``replacement`` in place of ``prefix``, where its repository begins
    so.
    """
    full = wanted.full_repository
    if full != prefix and not full.startswith(prefix + "/"):
        return wanted
    registry, dummy, repository = (replacement + full[len(prefix) :]).partition("/")
    return reference.Reference(registry, repository, wanted.tag, wanted.digest)


def _tag_if_signed(document: Identity, wanted: Reference, found: Reference) -> bool:
    """Match cosign's signatures, which name the repository alone. A tag that a signature names as
    well must be the one that is asked for.
    """
    repository = document.get("dockerRepository") or wanted.full_repository
    if found.full_repository != reference.parse(repository, default_tag=None).full_repository:
        return False
    return not found.tag or wanted.digest is not None or found.tag == wanted.tag


_CHECKS: dict[str, Callable[[Identity, Reference, Reference], bool]] = {
    "matchExact": _exact,
    "matchRepoDigestOrExact": _digest_or_exact,
    "matchRepository": _repository,
    "exactReference": _exact_reference,
    "exactRepository": _exact_repository,
    "remapIdentity": _remapped,
    "matchTagIfSigned": _tag_if_signed,
}
