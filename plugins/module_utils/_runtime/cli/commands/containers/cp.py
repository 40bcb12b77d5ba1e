# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``cp``: files between a container and the host, or a tar archive at standard input or output."""

from __future__ import annotations

import os
import sys

from .... import containers
from ....containers.access import copy
from ....layers.compression import compressed_streams
from ...grammar import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ....containers.records.catalog import Record
    from ...grammar import Given
    from ...session import Session


def cp(session: Session, given: Given) -> None:
    (source_name, source), (target_name, target) = map(copy.split, given.words)
    if source_name and target_name:
        raise UsageError(
            "pycontainer cp copies between a container and the host, not between two containers"
        )
    if not source_name and not target_name:
        raise UsageError("pycontainer cp needs one path as CONTAINER:PATH")
    record = containers.find(session.engine, source_name or target_name)
    if target == "-":
        _to_stdout(session, record, source, given)
        return
    if source == "-" and (not session.terminal or sys.stdin.isatty()):
        raise UsageError("pycontainer cp - needs an archive at standard input")
    session.record(True, ["copy %s to %s" % tuple(given.words)])
    if session.check:
        copy.look(session.engine, record, source if source_name else target, bool(target_name))
        return
    with session.locked(
        "container", record["name"]
    ):  # one that does not run is not started meanwhile
        left_out = _copy(session, record, source, target, source_name, given)
    for name in left_out:
        session.warnings.append(f"{name} is a device node and was left out (-a takes it)")
    for warning in () if given.quiet else session.warnings:
        session.warn(warning)


def _copy(
    session: Session,
    record: Record,
    source: str,
    target: str,
    source_name: str | None,
    given: Given,
) -> Iterable[str]:
    """Copy. :returns: names of what was left out."""
    if source_name:
        return copy.copy_out(
            session.engine, record, source, _of_host(target), given.archive, given.follow_link
        )
    if source == "-":
        copy.take_archive(
            session.engine,
            record,
            target,
            compressed_streams.decompress(
                compressed_streams.pieces(sys.stdin.buffer), "the archive"
            ),
        )
        return []
    return copy.copy_in(
        session.engine, record, _of_host(source), target, given.archive, given.follow_link
    )


def _to_stdout(session: Session, record: Record, path: str, given: Given) -> None:
    if not session.terminal or sys.stdout.isatty():
        raise UsageError("pycontainer cp to - needs standard output that is no terminal")
    for piece in copy.give_archive(session.engine, record, path, given.follow_link):
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


def _of_host(path: str) -> str:
    """Return an absolute path that ends as the given one does: ``/`` and ``/.`` at the end mean
    something.
    """
    tail = "/." if path.endswith("/.") or path == "." else "/" if path.endswith("/") else ""
    return os.path.abspath(path).rstrip("/") + tail or "/"
