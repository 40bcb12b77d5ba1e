# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes that a running container takes without a restart: limits, restart policy, labels, networks, ports, logs, health."""

from __future__ import annotations

from . import catalog, control, create, documents, spec_resources
from .options import resources

LIMITS = {option.name for option in resources.OPTIONS if option.live}
NETWORK = {"networks", "network_mode", "mac_address", "published_ports", "exposed_ports", "publish_all_ports"}


def apply(engine, record, definition, changed):
    """Bring a container from its record's definition to ``definition``; ``changed`` names the options that differ.

    The documents are written first, then the running container follows; when the kernel refuses a limit, the documents
    and the database are put back.

    :raises HostError, Unsupported, Conflict: nothing is changed then but what the message names.
    """
    before = record["definition"]
    after = dict(record, definition=definition)
    running = control.status(engine, record["id"])["status"] in control.LIVING
    if running and LIMITS & set(changed):
        control.update_resources(engine, record["id"], spec_resources.released(before, definition, documents.swap()))
    network = documents.read_run(engine, record["id"])["network"]
    reserved = {"attachments": network["attachments"], "ports": network["ports"]}
    if NETWORK & set(changed):
        reserved = create.reserve(engine, record["id"], definition, record["image"])
    documents.write(engine, after, reserved, documents.anonymous(engine, record["id"]))
    catalog.set_definition(engine, record["id"], definition)
    if running:
        control.reload(engine, record["id"])


def rename(engine, record, name):
    """Give a container another name; its processes go on."""
    catalog.check_name(name)
    catalog.set_name(engine, record["id"], name)
    network = documents.read_run(engine, record["id"])["network"]
    documents.write(engine, dict(record, name=name), {"attachments": network["attachments"], "ports": network["ports"]},
                    documents.anonymous(engine, record["id"]))
