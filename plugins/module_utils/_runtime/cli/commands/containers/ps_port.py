# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``ps`` and ``port``: which containers there are, and what they publish."""

from __future__ import annotations

import contextlib

from .... import containers, units
from ....containers.options.publishing import port_address
from ....containers.view.container_summary import status_words
from ....errors import NotFound
from ... import tables
from ...filters import filtering, filters
from ...grammar import whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ....containers.records.catalog import Record
    from ....engine import Engine
    from ...grammar import Given
    from ...session import Session


PS_COLUMNS = [
    ("CONTAINER ID", "ID"),
    ("IMAGE", "Image"),
    ("COMMAND", "Command"),
    ("CREATED", "RunningFor"),
    ("STATUS", "Status"),
    ("PORTS", "Ports"),
    ("NAMES", "Names"),
]


def ps(session: Session, given: Given) -> None:
    count = 1 if given.latest else whole(given.last, "--last", -1) if given.last else -1
    with filtering():
        found = containers.listing(session.engine, given.all or count >= 0, filters(given.filter))
    if count >= 0:
        found = sorted(found, key=lambda record: -record["created"])[:count]
    sized = given.size or ".Size" in (given.format or "")
    records = []
    for record in found:
        with contextlib.suppress(NotFound), containers.reading(session.engine, record):
            records.append(_row(session.engine, record, given.no_trunc, sized))
    columns = PS_COLUMNS + [("SIZE", "Size")] if given.size else PS_COLUMNS
    session.listing(tables.formatted(records, columns, given.format, "ID" if given.quiet else None))


def _row(engine: Engine, record: Record, whole_text: bool, size: bool) -> dict[str, Any]:
    """Return what ``ps`` and its templates show of a container."""
    document = containers.inspect_even_damaged(engine, record)
    command = " ".join(
        filter(
            None,
            [document["Path"]]
            + [f"'{word}'" if " " in word else word for word in document["Args"]],
        )
    )
    labels = document["Config"]["Labels"]
    row = {
        "ID": record["id"] if whole_text else record["id"][:12],
        "Image": record["definition"].get("image") or record["image"],
        "Command": ""
        if "Damaged" in document
        else '"%s"' % (command if whole_text or len(command) <= 20 else command[:19] + "\u2026"),
        "CreatedAt": tables.moment(record["created"]),
        "RunningFor": units.ago(record["created"]) + " ago",
        "Status": status_words(engine, record) + (", damaged" if "Damaged" in document else ""),
        "State": document["State"]["Status"],
        "Ports": ", ".join(_ports(document)),
        "Names": record["name"],
        "Labels": ",".join("%s=%s" % pair for pair in sorted(labels.items())),
        "Label": lambda name: labels.get(name, ""),
        "Networks": ",".join(sorted(document["NetworkSettings"]["Networks"]))
        or document["HostConfig"]["NetworkMode"],
        "Mounts": ",".join(mount.get("Name") or mount["Source"] for mount in document["Mounts"]),
        "LocalVolumes": str(
            len([mount for mount in document["Mounts"] if mount["Type"] == "volume"])
        ),
    }
    if size and "Damaged" in document:
        row["Size"] = "unknown"
    elif size:
        written, whole = containers.sizes(engine, record)
        row["Size"] = f"{tables.size(written, 3)} (virtual {tables.size(whole, 3)})"
    return row


def _ports(document: dict[str, Any]) -> list[str]:
    found = []
    for port_name, bindings in sorted(
        document["NetworkSettings"]["Ports"].items(), key=_port_order
    ):
        found += [f"{shown}->{port_name}" for shown in _shown(bindings)] or [port_name]
    return found


def _shown(bindings: list[dict[str, str]] | None) -> list[str]:
    """Write where of the host a port is published: ``0.0.0.0:8080``, ``[::]:8080``.

    A port that is routed is not of the host.
    """
    return [
        f"{port_address(binding['HostIp'])}:{binding['HostPort']}"
        for binding in bindings or ()
        if binding["HostPort"]
    ]


def port(session: Session, given: Given) -> None:
    record = containers.find(session.engine, given.words[0])
    ports = containers.inspect(session.engine, record)["NetworkSettings"]["Ports"]
    if len(given.words) > 1:
        wanted = given.words[1] if "/" in given.words[1] else given.words[1] + "/tcp"
        if not ports.get(wanted):
            raise NotFound(f"container {record['name']} publishes no port {wanted}")
        session.say(*_shown(ports[wanted]))
        return
    for name, bindings in sorted(ports.items(), key=_port_order):
        session.say(*[f"{name} -> {shown}" for shown in _shown(bindings)])


def _port_order(item: tuple[str, Any]) -> tuple[int, str]:
    number, dummy, protocol = item[0].partition("/")
    return int(number), protocol
