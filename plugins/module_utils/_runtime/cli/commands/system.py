# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands about everything: inspect, info, df, version, boot."""

from __future__ import annotations

import contextlib
import json
import platform

from ... import containers, images, networks, registry, volumes
from ...deploy.fingerprint import VERSION
from ...errors import EngineError, NotFound
from ...host import check as checking
from ...host import info as host
from ...host import rebuild
from .. import tables, templates
from ..grammar import UsageError


def _container(engine, name, size=False):
    record = containers.find(engine, name)
    return dict(
        containers.inspect(engine, record),
        **(dict(zip(("SizeRw", "SizeRootFs"), containers.sizes(engine, record))) if size else {}),
    )


def _network(engine, name):
    config = networks.get(engine, name)
    if config is None:
        raise NotFound(f"network {name} does not exist")
    return networks.inspect(engine, config["name"])


KINDS = {
    "container": _container,
    "image": images.inspect,
    "volume": volumes.inspect,
    "network": _network,
}


def inspect(session, given):
    """Docker's order: a container, an image, a volume, a network of that name."""
    if given.type is not None and given.type not in KINDS:
        raise UsageError(f"--type {given.type!r}: accepted are {', '.join(KINDS)}")
    _inspect(session, given, [given.type] if given.type else list(KINDS))


def inspect_containers(session, given):
    _inspect(session, given, ["container"])


def inspect_images(session, given):
    _inspect(session, given, ["image"])


def inspect_volumes(session, given):
    _inspect(session, given, ["volume"])


def inspect_networks(session, given):
    _inspect(session, given, ["network"])


def _inspect(session, given, kinds):
    found = []
    session.each(
        given.words,
        lambda name: found.append(_look(session.engine, name, kinds, given.values.get("size"))),
    )
    if given.format in (None, "json"):
        session.say(*json.dumps(found, indent=4).split("\n"))
    else:
        session.say(
            *[
                line
                for document in found
                for line in templates.fill(given.format, document).split("\n")
            ]
        )


def _look(engine, name, kinds, size):
    for kind in kinds:
        try:
            return (
                _container(engine, name, size) if kind == "container" else KINDS[kind](engine, name)
            )
        except NotFound:
            continue
    raise NotFound(f"there is no {' or '.join(kinds)} {name} on this host")


def info(session, given):
    facts = host.info(session.engine)
    if given.format is not None:
        session.say(
            *(
                json.dumps(facts, sort_keys=True)
                if given.format == "json"
                else templates.fill(given.format, facts)
            ).split("\n")
        )
        return
    for part in ("counts", "host"):
        session.say(
            *[
                f"{key.replace('_', ' ').capitalize()}: {value}"
                for key, value in facts[part].items()
            ]
        )
    session.say(
        "Policy: " + _policy(facts["policy"]),
        "Registries: " + (facts["registries"]["error"] or facts["registries"]["path"] or "no file"),
    )
    session.say(
        "Missing:" if facts["missing"] else "Missing: nothing",
        *[" " + line for line in facts["missing"]],
    )


def _policy(policy):
    if not policy["found"]:
        return "none, every image is accepted"
    return policy["error"] or (
        f"{policy['path']}, by default {' and '.join((item['type'] for item in policy['default']))}"
    )


DF_COLUMNS = [("TYPE", "Type"), ("TOTAL", "TotalCount"), ("ACTIVE", "Active"), ("SIZE", "Size")]


def df(session, given):
    engine = session.engine
    used = host.disk(engine)
    records = containers.every(engine)
    running = [
        record
        for record in records
        if containers.status(engine.paths, record["id"])["status"] in ("running", "paused")
    ]
    every_image, every_volume = images.listing(engine, everything=True), volumes.listing(engine)
    in_use = {record["image"] for record in records}
    rows = [
        (
            "Images",
            len(every_image),
            len([image for image in every_image if image["Id"] in in_use]),
            used["layers"] + used["blobs"],
        ),
        ("Containers", len(records), len(running), used["containers"]),
        (
            "Volumes",
            len(every_volume),
            len([volume for volume in every_volume if volume["users"]]),
            used["volumes"],
        ),
        (
            "Registries",
            len(registry.services(engine)),
            len([row for row in registry.services(engine) if row["state"] == "started"]),
            used["registries"],
        ),
    ]
    session.listing(
        tables.formatted(
            [
                {"Type": kind, "TotalCount": total, "Active": active, "Size": tables.size(size)}
                for kind, total, active, size in rows
            ],
            DF_COLUMNS,
            given.format,
        )
    )


def version(session, given):
    facts = {
        "Version": VERSION,
        "KernelVersion": platform.release(),
        "PythonVersion": platform.python_version(),
        "Os": "linux",
        "Arch": platform.machine(),
    }
    if given.format is not None:
        session.listing(tables.formatted([facts], [], given.format))
        return
    session.say(*[f"{key + ':':16}{value}" for key, value in facts.items()])


def boot(session, _given):
    """Registries first: a container's image may come from one of them."""
    for name, error in registry.boot(session.engine):
        session.record(True, [f"start registry {name}"])
        if error is not None:
            session.complain(error)
    for ident, error in containers.boot(session.engine).items():
        session.record(True, [f"start container {ident[:12]}"])
        if error is not None:
            session.complain(error)


def shutdown(session, _given):
    """What the host's own shutdown needs: containers end by their own signals, and what should run after the boot stays as it is."""
    if session.check:
        session.record(True, ["stop all containers until the next boot"])
        return
    for record in containers.shutdown(session.engine):
        session.record(True, [f"stop container {record['name']}"])
        session.say(record["name"])


def check(session, given):
    """What is wrong with the store; with --repair it is mended: the database first, then what it and the host disagree about, then images."""
    if session.engine.lost and not _rebuilt(session, given.repair):
        return
    strays = checking.strays(session.engine)
    for stray in strays:
        session.say(stray.sentence)
        if given.repair:
            session.each([stray], lambda each: session.carry_out(each.plan()))
    if strays and not given.repair:
        session.rc = 1
    _check_images(session, given, bool(strays) or bool(session.engine.lost))


def _rebuilt(session, repair):
    """Whether the database is there (again)."""
    if not repair:
        session.complain(session.engine.lost)
        return False
    session.say(session.engine.lost.partition(";")[0])
    if session.check:
        session.record(True, ["build the database again"])
        return False
    session.say(*rebuild.rebuild(session.engine))
    session.record(True, ["build the database again"])
    session.engine.reopen()
    return True


def _check_images(session, given, already):
    """What images have lost, is made again, but for layers that running containers stand on."""
    found = images.damaged(session.engine, not given.quick)
    users = _users(session.engine) if found and given.repair else {}
    for damage in found:
        names = sorted({name for diff_id in damage.present for name in users.get(diff_id, ())})
        if not given.repair:
            session.say(*damage.sentences)
            session.rc = 1
        elif names:
            session.complain(
                f"{damage.sentences[0]}; stop {', '.join(names)} first, which "
                f"stand{'s' if len(names) == 1 else ''} on it"
            )
        else:
            session.each(
                [damage], lambda each: session.carry_out(images.plan_repair(session.engine, each))
            )
            session.say(*damage.sentences)
    if not found and not already:
        session.say("No damage found")


def _users(engine):
    """``{DiffID: [names of the running containers that stand on the layer]}``."""
    users = {}
    for record in containers.every(engine):
        if containers.status(engine.paths, record["id"])["status"] in ("running", "paused"):
            with contextlib.suppress(EngineError):  # an image that has lost its documents
                for diff_id in images.get(engine, record["image"])["layers"]:
                    users.setdefault(diff_id, []).append(record["name"])
    return users
