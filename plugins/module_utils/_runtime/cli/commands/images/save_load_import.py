# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``save``, ``load`` and ``import``: images and archives."""

from __future__ import annotations

import contextlib
import os

from .... import images
from ....builds.stage import change
from ... import streams
from ...grammar import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...grammar import Given
    from ...session import Session


def save(session: Session, given: Given) -> None:
    form, gzip = given.format or "docker-archive", given.gzip
    chosen = images.chosen(session.engine, given.words, every_tag=True, option="IMAGE")
    if given.output is not None:
        session.carry_out(
            images.plan_save(session.engine, chosen, os.path.abspath(given.output), form, gzip),
            live=True,
        )
        return
    images.check_form(form, gzip, "--format")
    if form == "oci-dir":
        raise UsageError("pycontainer save --format oci-dir needs -o DIRECTORY")
    for record, _names in chosen:
        images.make_whole(session.engine, record)
    streams.archive_to_stdout(
        session, "save", images.save_pieces(session.engine, chosen, form, gzip)
    )
    images.tell_saved(session.engine, chosen)


def load(session: Session, given: Given) -> None:
    with contextlib.ExitStack() as stack:
        path = (
            os.path.abspath(given.input)
            if given.input is not None
            else stack.enter_context(streams.archive_from_stdin(session, "load", "-i FILE"))
        )
        plan = images.plan_load(session.engine, path, platform=given.platform)
        facts = session.carry_out(plan, live=not given.quiet)
    session.say(
        *[f"Loaded image: {name}" for name in plan.loaded or ()]
        or [f"Loaded image ID: {facts['image']['Id']}"]
    )


def import_(session: Session, given: Given) -> None:
    source, name = given.words[0], given.words[1] if len(given.words) > 1 else None
    if source.startswith(("http://", "https://")):
        raise UsageError(
            "pycontainer import takes a file, a directory or - (standard input), not the web "
            f"address {source}; fetch it first"
        )
    with contextlib.ExitStack() as stack:
        path = (
            os.path.abspath(source)
            if source != "-"
            else stack.enter_context(streams.archive_from_stdin(session, "import -", "FILE"))
        )
        facts = session.carry_out(
            images.plan_import(
                session.engine,
                name,
                path,
                None,
                given.message,
                given.platform,
                change.by(given.change, "--change"),
            ),
            live=True,
        )
    session.say(facts["image"]["Id"])
