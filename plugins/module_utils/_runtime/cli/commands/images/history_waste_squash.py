# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``history``, ``image waste``, ``image diff`` and ``image squash``: what an image consists of."""

from __future__ import annotations

import json

from .... import images, units
from ....errors import InvalidInput
from ... import tables
from ...grammar import UsageError, whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ...grammar import Given
    from ...session import Session


HISTORY = [
    ("IMAGE", "ID"),
    ("CREATED", "CreatedSince"),
    ("CREATED BY", "CreatedBy"),
    ("SIZE", "Size"),
    ("COMMENT", "Comment"),
]
LAYERS = [
    ("LAYER", "Number"),
    ("SIZE", "Size"),
    ("FILES", "Files"),
    ("DELETES", "Deletes"),
    ("WASTED", "Wasted"),
    ("CREATED BY", "CreatedBy"),
]
WASTED = [
    ("SIZE", "Size"),
    ("LAYER", "Layer"),
    ("HIDDEN BY", "HiddenBy"),
    ("HOW", "How"),
    ("PATH", "Path"),
]
WIDTH = 45  # characters of CREATED BY without --no-trunc


def history(session: Session, given: Given) -> None:
    rows = [_step(row, given) for row in images.history(session.engine, given.words[0])]
    columns = HISTORY if given.human else [HISTORY[0], ("CREATED AT", "CreatedAt")] + HISTORY[2:]
    session.listing(tables.formatted(rows, columns, given.format, "ID" if given.quiet else None))


def _step(row: dict[str, Any], given: Given) -> dict[str, Any]:
    ident = row["Id"] if given.no_trunc or not row["Id"].startswith("sha256:") else row["Id"][7:19]
    since = at = "N/A"
    seconds = tables.when(row["Created"])
    if seconds is not None:
        since, at = units.ago(seconds) + " ago", row["Created"][:19] + "Z"
    return {
        "ID": ident,
        "CreatedSince": since,
        "CreatedAt": at,
        "CreatedBy": _shortened(row["CreatedBy"], given.no_trunc),
        "Comment": row["Comment"],
        "Size": tables.size(row["Size"], 3) if given.human else row["Size"],
        "Tags": ",".join(row["Tags"]),
        "Layer": row["Layer"],
        "Digest": row["Digest"],
    }


def waste(session: Session, given: Given) -> None:
    count = 20 if given.number is None else whole(given.number, "--number")
    report = images.layer_report(session.engine, given.words[0], count)
    if given.format == "json":
        session.say(json.dumps(report, sort_keys=True))
        return
    if given.format is not None:
        raise UsageError(f"--format {given.format!r}: accepted is json")
    layers = [
        dict(
            layer,
            Number=number,
            CreatedBy=_shortened(layer["CreatedBy"], given.no_trunc),
            Size=tables.size(layer["Size"], 3),
            Wasted=tables.size(layer["Wasted"], 3),
        )
        for number, layer in enumerate(report["Layers"], 1)
    ]
    session.listing(tables.formatted(layers, LAYERS))
    session.say(
        "", f"Wasted: {tables.size(report['Wasted'], 3)} of {tables.size(report['Size'], 3)}"
    )
    if report["WastedFiles"]:
        session.say(
            "",
            *tables.formatted(
                [dict(file, Size=tables.size(file["Size"], 3)) for file in report["WastedFiles"]],
                WASTED,
            ),
        )


def image_diff(session: Session, given: Given) -> None:
    found = images.difference_of(session.engine, *given.words)
    if given.format is None:
        session.say(*[f"{row['Kind']} {row['Path']}" for row in found])
    else:
        session.listing(tables.formatted(found, [], given.format))


def squash(session: Session, given: Given) -> None:
    try:
        plan = images.plan_squash(session.engine, given.words[0], given.tag, getattr(given, "from"))
    except InvalidInput as error:
        raise (
            InvalidInput("--from", error.value, error.accepted)
            if error.option == "from_layer"
            else error
        ) from None
    session.say(session.carry_out(plan, live=True)["image"]["Id"])


def _shortened(text: str, whole_text: bool, width: int = WIDTH) -> str:
    text = " ".join(text.split())
    return text if whole_text or len(text) <= width else text[: width - 1] + "\u2026"
