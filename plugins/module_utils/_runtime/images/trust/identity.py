# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which name a signature must give an image: the forms of ``signedIdentity`` (containers-policy.json(5)).

A signature says which repository, and may say which tag, its maker meant. Without a look at that, an image that is rightly signed
as one thing could be served as another. ``matchDigestOnly`` is a type of this engine's own: it does without that look.
"""

from __future__ import annotations

from ...errors import EngineError, InvalidInput
from ..model import reference

FIELDS = {  # type -> its other fields
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


def check(document, option):
    """:raises InvalidInput: when ``document`` is none of the forms."""
    kind = document.get("type") if isinstance(document, dict) else None
    fields = (
        FIELDS.get(kind) if kind != "matchTagIfSigned" else None
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


def matches(document, wanted, signed):
    """Whether a signature for the name ``signed`` (text, or None where it has none) is one for the :class:`Reference` ``wanted``."""
    if document["type"] == "matchDigestOnly":
        return True
    if signed is None:
        return False
    try:
        found = reference.parse(signed, "docker-reference", default_tag=None)
    except EngineError:
        return False
    return _CHECKS[document["type"]](document, wanted, found)


def _exact(_document, wanted, found):
    return found.name == wanted.name


def _repository(_document, wanted, found):
    return found.full_repository == wanted.full_repository


def _digest_or_exact(_document, wanted, found):
    if wanted.digest:
        return found.full_repository == wanted.full_repository
    return found.name == wanted.name


def _exact_reference(document, _wanted, found):
    return found.name == reference.parse(document["dockerReference"], default_tag=None).name


def _exact_repository(document, _wanted, found):
    return (
        found.full_repository
        == reference.parse(document["dockerRepository"], default_tag=None).full_repository
    )


def _remapped(document, wanted, found):
    return _digest_or_exact(
        document, remap(wanted, document["prefix"], document["signedPrefix"]), found
    )


def remap(wanted, prefix, replacement):
    """``wanted`` with ``replacement`` in the place of ``prefix``, where its repository begins so."""
    full = wanted.full_repository
    if full != prefix and not full.startswith(prefix + "/"):
        return wanted
    registry, dummy, repository = (replacement + full[len(prefix) :]).partition("/")
    return reference.Reference(registry, repository, wanted.tag, wanted.digest)


def _tag_if_signed(document, wanted, found):
    """cosign's signatures name the repository alone; where a signature names a tag as well, it has to be the one that is asked for."""
    repository = document.get("dockerRepository") or wanted.full_repository
    if found.full_repository != reference.parse(repository, default_tag=None).full_repository:
        return False
    return not found.tag or wanted.digest is not None or found.tag == wanted.tag


_CHECKS = {
    "matchExact": _exact,
    "matchRepoDigestOrExact": _digest_or_exact,
    "matchRepository": _repository,
    "exactReference": _exact_reference,
    "exactRepository": _exact_repository,
    "remapIdentity": _remapped,
    "matchTagIfSigned": _tag_if_signed,
}
