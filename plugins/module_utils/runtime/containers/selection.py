# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of containers and Docker's filters of it."""

from __future__ import annotations

from ..errors import InvalidInput
from . import catalog, documents, running

FILTERS = ("id", "name", "label", "status", "ancestor", "volume", "network", "health", "exited")


def listing(engine, everything=True, filters=None):
    """The records of the containers that ``filters`` select, youngest first.

    :param everything: also those that don't run (naming a ``status`` or ``exited`` filter asks for them, too).
    :param filters: ``{name: value or list of values}``; several values of one filter are alternatives, but for ``label``.
    """
    wanted = {key: [str(item) for item in (value if isinstance(value, (list, tuple)) else [value])] for key, value in (filters or {}).items()}
    for key in wanted:
        if key not in FILTERS:
            raise InvalidInput("filters", key, ", ".join(FILTERS))
    everything = everything or "status" in wanted or "exited" in wanted
    found = []
    for record in catalog.every(engine):
        state = running.status(engine, record["id"])
        if (everything or state["status"] in running.LIVING) and all(_fits(engine, record, state, key, values) for key, values in wanted.items()):
            found.append(record)
    return found


def _fits(engine, record, state, key, values):
    if key == "label":
        return all(_labelled(record["definition"].get("labels", {}), value) for value in values)
    tests = {
        "id": record["id"].startswith,
        "name": lambda value: value.lstrip("/") in record["name"],
        "status": lambda value: state["status"] == value,
        "ancestor": lambda value: _of_image(record, value),
        "volume": lambda value: _mounts(engine, record, value),
        "network": lambda value: value in [entry["network"] for entry in documents.read_run(engine, record["id"])["network"]["attachments"]],
        "health": lambda value: ((state.get("health") or {}).get("status") or "none") == value,
        "exited": lambda value: state["status"] == "exited" and str(state["exit_code"]) == value,
    }
    return any(tests[key](value) for value in values)


def _labelled(labels, value):
    key, equals, text = value.partition("=")
    return key in labels and (not equals or labels[key] == text)


def _of_image(record, value):
    digest = value if value.startswith("sha256:") else "sha256:" + value
    reference = record["definition"].get("image") or ""
    return value in (reference, reference.rpartition(":")[0]) or (len(value) >= 4 and (record["image"] or "").startswith(digest))


def _mounts(engine, record, value):
    mounted = documents.mounted_volumes(engine, record["id"])
    return value in mounted or value in mounted.values()
