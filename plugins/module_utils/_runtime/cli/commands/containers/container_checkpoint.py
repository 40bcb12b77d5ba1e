# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``checkpoint``: a running container's state on disk, where ``start --checkpoint`` goes on."""

from __future__ import annotations

import time

from .... import containers
from ....containers.access import checkpoints
from ....reconcile import Plan
from ... import tables

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...grammar import Given
    from ...session import Session


def create(session: Session, given: Given) -> None:
    name, checkpoint = given.words
    record = containers.find(session.engine, name)
    with session.locked("container", record["name"]):
        plan = Plan(f"container {record['name']}")
        checkpoints.check(session.engine, record)
        plan.add(
            f"checkpoint {checkpoint}",
            None,
            "present",
            f"write down what container {record['name']} does, as checkpoint {checkpoint}",
            lambda: checkpoints.create(
                session.engine,
                record,
                checkpoint,
                given.leave_running,
                given.checkpoint_dir,
                given.tcp_established,
            ),
        )
        session.carry_out(plan)
    session.say(checkpoint)


def ls(session: Session, given: Given) -> None:
    record = containers.find(session.engine, given.words[0])
    rows = [
        {
            "Name": entry["name"],
            "CreatedAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(entry["created"])),
            "Size": tables.size(entry["size"]),
        }
        for entry in checkpoints.listing(session.engine, record, given.checkpoint_dir)
    ]
    session.listing(
        tables.formatted(
            rows, [("CHECKPOINT NAME", "Name")], given.format, "Name" if given.quiet else None
        )
    )


def rm(session: Session, given: Given) -> None:
    name, checkpoint = given.words
    record = containers.find(session.engine, name)
    with session.locked("container", record["name"]):
        checkpoints.find(session.engine, record, checkpoint, given.checkpoint_dir)
        plan = Plan(f"container {record['name']}")
        plan.add(
            f"checkpoint {checkpoint}",
            "present",
            None,
            f"remove checkpoint {checkpoint} of container {record['name']}",
            lambda: checkpoints.remove(session.engine, record, checkpoint, given.checkpoint_dir),
        )
        session.carry_out(plan)
