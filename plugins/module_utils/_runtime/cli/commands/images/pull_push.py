# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``pull`` and ``push``."""

from __future__ import annotations

import os

from .... import images
from ...grammar import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ....images import Registries
    from ...grammar import Given
    from ...session import Session


def pull(session: Session, given: Given) -> None:
    if given.verify_digest_only and not given.verify_key:
        raise UsageError("--verify-digest-only goes with --verify-key")
    verify = (
        {"key": os.path.abspath(given.verify_key), "digest_only": given.verify_digest_only}
        if given.verify_key
        else None
    )
    registries = registries_of(given)

    def one(name: str) -> None:
        plan = images.plan_present(
            session.engine, name, "always", given.platform, registries, verify
        )
        facts = session.carry_out(plan, live=not given.quiet)
        session.say(plan.reference.name if plan.reference is not None else facts["image"]["Id"])

    if given.all_tags:
        session.each(_every_tag(session, given.words[0], registries), one)
    else:
        one(given.words[0])


def _every_tag(session: Session, name: str, registries: Registries) -> list[str]:
    """Return the names of a repository's images, one for each tag. :raises UsageError: ``name`` has
    a tag or digest itself.
    """
    parsed = images.parse(name, default_tag=None)
    if parsed.tag or parsed.digest:
        raise UsageError(f"pull --all-tags takes a name without tag and digest, not {name!r}")
    tags = registries.client(parsed, session.engine).tags()
    return [parsed.with_tag(tag).name for tag in tags]


def push(session: Session, given: Given) -> None:
    plan = images.plan_local(session.engine, given.words[0])
    sign = {"key": os.path.abspath(given.sign_key)} if given.sign_key else None
    images.plan_push(plan, [given.words[0]], registries_of(given), sign=sign)
    session.carry_out(plan, live=not given.quiet)
    session.say(images.parse(given.words[0]).name)


def registries_of(given: Given) -> Registries:
    """Return how registries are reached, by the flags of a command."""
    return images.registries_of(
        {
            "insecure": given.insecure,
            "auth_file": given.authfile,
            "mirrors": given.values.get("mirror"),
        }
    )
