# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan what has to be pushed, and signed, so that a registry has an image under a name."""

from __future__ import annotations

import functools

from ...errors import InvalidInput
from ..client import foreign_layers
from ..library import image_events, records, repair
from ..model import manifest, reference
from . import indexes
from .present import tagged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ...engine import Engine
    from ..configuration.access import Registries
    from ..library.records import ImageRecord
    from ..model.reference import Reference
    from ..trust.keys import PrivateKey
    from .present import ImagePlan

    Document = dict[str, Any]


def plan_push(
    plan: ImagePlan,
    texts: Sequence[str],
    registries: Registries,
    index: Sequence[str] = (),
    sign: Document | None = None,
    platforms: Sequence[Document] | None = None,
) -> None:
    """Add to ``plan`` the pushes of its image to the references ``texts``.

    A reference is pushed where its registry has another digest, or none.

    :param index: names of further images, for other platforms. They are pushed as well, and the tag
        gets an index of them all.
    :param sign: ``{"key", "passphrase", "referrer"}``: sign the image under the tag, unless it is
        signed with that key.
    :param platforms: what the index says otherwise of its images' platforms, first that of the
        plan's image, see ``indexes.platform_of``. With it the tag gets an index of even one image.
    :raises InvalidInput, NotFound: for an index that can't be made.
    :raises Unsupported: for an image that may not be pushed.
    """
    engine, record = plan.engine, plan.record()
    others = [(name, records.get(engine, name)) for name in index]
    key = _key(sign) if sign else None
    chosen = [(record["id"][:19], record), *others]
    if others and platforms is None:
        platforms = [{}] * len(chosen)
    if platforms is not None:
        indexes.check([(*one, said) for one, said in zip(chosen, platforms)])
        for _name, other in others:
            repair.add_whole(plan, engine, other, registries)
    wanted = _wanted(engine, [one for _name, one in chosen], platforms)
    idents = [one["id"] for _name, one in chosen]
    for text in texts:
        parsed = _named(engine, record, text)
        target = registries.client(parsed, engine).for_push()
        tag = parsed.tag or "latest"  # tagged() makes sure of one
        current = target.digest(tag)
        if current is None or current != wanted:
            plan.add(
                "registry " + parsed.familiar,
                current,
                wanted or record["id"],
                f"push {'image' if platforms is None else 'index'} {parsed.familiar}",
                functools.partial(_push, engine, target, idents, platforms, parsed.full_tag),
            )
        if sign and key is not None and not _is_signed(target, key, wanted, current):
            plan.add(
                "signature " + parsed.familiar,
                None,
                key.name,
                f"sign image {parsed.familiar} with {key.name}",
                functools.partial(
                    _sign, engine, target, idents, platforms, tag, key, bool(sign.get("referrer"))
                ),
            )


def _named(engine: Engine, record: ImageRecord, text: str) -> Reference:
    """Parse ``text`` as a reference.

    :raises InvalidInput: where it is the beginning of the image's id, by which it was found: that
        is none of its names.
    """
    if reference.looks_like_id(text) and record["id"].startswith(
        text if text.startswith("sha256:") else "sha256:" + text
    ):
        raise InvalidInput("name", text, "the name under which the image is pushed, not its ID")
    return tagged(text)


def _wanted(
    engine: Engine, chosen: Sequence[ImageRecord], platforms: Sequence[Document] | None
) -> str | None:
    """Return the digest that the tag will have; None where it is not known yet, because an image is
    missing so far.

    :param platforms: None for an image without an index.
    """
    if platforms is None:
        if engine.blobs.has(chosen[0]["manifest"]):
            foreign_layers.refuse_push(
                manifest.parse(engine.blobs.read(chosen[0]["manifest"]), chosen[0]["id"]),
                records.name_of(engine, chosen[0]["id"]),
            )
        return chosen[0]["manifest"] or None
    if not all(engine.blobs.has(record["manifest"]) for record in chosen):
        return None
    return manifest.digest_of(indexes.build(engine, zip(chosen, platforms))[0])


def _push(
    engine: Engine,
    target: Any,
    idents: Sequence[str],
    platforms: Sequence[Document] | None,
    full: str,
) -> None:
    from . import send  # with a pool of threads

    if platforms is None:
        send.push(engine, target, idents[0])
    else:
        indexes.push_index(engine, target, idents, platforms)
    image_events.tell_transfer(engine, "push", full)


def _key(sign: Document) -> PrivateKey:
    from ..trust import keys  # with cryptography, where something is signed

    if not sign.get("key"):
        raise InvalidInput("sign.key", sign.get("key"), keys.PRIVATE)
    return keys.PrivateKey(sign["key"], "sign.key", sign.get("passphrase"))


def _is_signed(target: Any, key: PrivateKey, wanted: str | None, current: str | None) -> bool:
    from ..trust import signing  # as keys

    return wanted is not None and wanted == current and signing.is_signed(target, key, wanted)


def _sign(
    engine: Engine,
    target: Any,
    idents: Sequence[str],
    platforms: Sequence[Document] | None,
    tag: str,
    key: PrivateKey,
    referrer: bool,
) -> None:
    """Sign by the digest that this host has pushed: another image may have the tag by now."""
    from ..trust import signing  # as keys

    signing.sign(
        target,
        key,
        _wanted(engine, [records.get(engine, ident) for ident in idents], platforms) or tag,
        referrer,
    )
