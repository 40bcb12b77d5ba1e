# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``secret`` and ``config``: ``ls``, ``create``, ``inspect`` and ``rm``.

No command shows the data of a secret, and none takes them as a word, which the process list has.
"""

from __future__ import annotations

import base64
import json
import sys

from .... import secrets, units
from ....errors import Conflict, NotFound
from ....secrets import task as secret_task
from ... import tables, templates
from ...filters import filtering, filters
from ...grammar import pairs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ...grammar import Given
    from ...session import Session

COLUMNS = [("ID", "ID"), ("NAME", "Name"), ("CREATED", "Created"), ("UPDATED", "Updated")]
PLAN = {secrets.SECRET: secret_task.secret, secrets.CONFIG: secret_task.config}


def _kind(given: Given) -> str:
    """Return ``secret`` or ``config``, which the command's name begins with."""
    return given.command.names[0].partition(" ")[0]


def ls(session: Session, given: Given) -> None:
    kind = _kind(given)
    with filtering():
        found = secrets.listing(session.engine, kind, filters(given.filter))
    rows = [
        {
            "ID": document["ID"],
            "Name": document["Spec"]["Name"],
            "Created": _ago(document["CreatedAt"]),
            "Updated": _ago(document["UpdatedAt"]),
            "Labels": ",".join(
                "%s=%s" % pair for pair in sorted(document["Spec"]["Labels"].items())
            ),
            "Users": ",".join(document["Users"]),
        }
        for document in found
    ]
    session.listing(tables.formatted(rows, COLUMNS, given.format, "ID" if given.quiet else None))


def _ago(moment: str) -> str:
    seconds = tables.when(moment)
    return "" if seconds is None else units.ago(seconds) + " ago"


def create(session: Session, given: Given) -> None:
    kind = _kind(given)
    name = given.words[0]
    params: dict[str, Any] = {"name": name, "state": "present"}
    if len(given.words) > 1 and given.words[1] != "-":
        params["data_src"] = given.words[1]
    else:
        session.need_terminal(f"{kind} create without a file", f"use the module {kind}")
        params["data"] = ""
        data = sys.stdin.buffer.read(secret_task.LARGEST + 1)
        params["content"] = base64.b64encode(data).decode()
    if secrets.exists(session.engine, kind, secrets.check_name(name)) and not given.replace:
        raise Conflict(f"{kind} {name} exists already; --replace gives it other data")
    params["labels"] = pairs(given.label) or None
    session.carry_out(PLAN[kind](session.engine, params))
    session.foretell_other(kind, name)
    if not session.check:
        session.say(secrets.inspect(session.engine, kind, name)["ID"])


def inspect(session: Session, given: Given) -> None:
    kind = _kind(given)
    found: list[dict[str, Any]] = []
    session.each(
        given.words, lambda name: found.append(secrets.inspect(session.engine, kind, name))
    )
    if given.format in (None, "json"):
        session.say(*json.dumps(found, indent=4).split("\n"))
        return
    for document in found:
        session.say(*templates.fill(given.format, document).split("\n"))


def rm(session: Session, given: Given) -> None:
    kind = _kind(given)

    def one(name: str) -> None:
        if not secrets.exists(session.engine, kind, secrets.check_name(name, kind)):
            if session.removes_coming(kind, name):
                return
            if given.force:
                session.say(name)
                return
            name = secrets.by_id(session.engine, kind, name)
        plan = PLAN[kind](session.engine, {"name": name, "state": "absent"})
        if not plan.changed:
            raise NotFound(f"{kind} {name} does not exist")
        session.carry_out(plan)
        session.foretell_other(kind, name, gone=True)
        session.say(name)

    session.each(given.words, one)
