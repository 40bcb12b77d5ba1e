# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands about images and registries' credentials."""

from __future__ import annotations

import getpass
import os
import sys

from ... import images, units
from ...errors import Conflict
from ...images.configuration import credentials
from ...reconcile import Plan
from .. import tables
from ..grammar import UsageError
from .observing import filtering, filters

COLUMNS = [
    ("REPOSITORY", "Repository"),
    ("TAG", "Tag"),
    ("IMAGE ID", "ID"),
    ("CREATED", "CreatedSince"),
    ("SIZE", "Size"),
]


def ls(session, given):
    chosen = filters(given.filter)
    if given.words:
        chosen.setdefault("reference", []).append(given.words[0])
    patterns = chosen.get("reference")
    with filtering():
        found = images.listing(session.engine, chosen, given.all)
    rows = [
        row
        for image in found
        for row in _rows(session.engine, image, given.no_trunc)
        if patterns is None
        or any(images.fits(name, pattern) for pattern in patterns for name in _spellings(row))
    ]
    columns = COLUMNS[:2] + [("DIGEST", "Digest")] + COLUMNS[2:] if given.digests else COLUMNS
    session.listing(tables.formatted(rows, columns, given.format, "ID" if given.quiet else None))


def _spellings(row):
    return (
        row["Repository"],
        f"{row['Repository']}:{row['Tag']}",
        f"{row['Repository']}@{row['Digest']}",
    )


def _rows(engine, image, whole):
    digests = dict(item.split("@") for item in image["RepoDigests"])
    names = [name.rpartition(":")[::2] for name in image["RepoTags"]]
    names += [(repository, "<none>") for repository in digests if repository not in dict(names)]
    ident = image["Id"] if whole else image["Id"].partition(":")[2][:12]
    since = at = "N/A"
    if image["Created"]:
        seconds = units.moment(image["Created"], "created")
        since, at = tables.ago(seconds) + " ago", tables.moment(seconds)
    size = tables.size(image["Size"], 3)
    users = str(len(images.containers_of(engine, image["Id"])))
    return [
        {
            "Repository": repository,
            "Tag": tag,
            "Digest": digests.get(repository, "<none>"),
            "ID": ident,
            "CreatedSince": since,
            "CreatedAt": at,
            "Size": size,
            "VirtualSize": size,
            "SharedSize": "N/A",
            "UniqueSize": "N/A",
            "Containers": users,
        }
        for repository, tag in names or [("<none>", "<none>")]
    ]


def _registries(given):
    return images.registries_of(
        {
            "insecure": given.insecure,
            "auth_file": given.authfile,
            "mirrors": given.values.get("mirror"),
        }
    )


def pull(session, given):
    if given.verify_digest_only and not given.verify_key:
        raise UsageError("--verify-digest-only goes with --verify-key")
    verify = (
        {"key": os.path.abspath(given.verify_key), "digest_only": given.verify_digest_only}
        if given.verify_key
        else None
    )
    plan = images.plan_present(
        session.engine, given.words[0], "always", given.platform, _registries(given), verify
    )
    facts = session.carry_out(plan, live=not given.quiet)
    session.say(plan.reference.name if plan.reference is not None else facts["image"]["Id"])


def push(session, given):
    plan = images.plan_local(session.engine, given.words[0])
    sign = {"key": os.path.abspath(given.sign_key)} if given.sign_key else None
    images.plan_push(plan, [given.words[0]], _registries(given), sign=sign)
    session.carry_out(plan, live=not given.quiet)
    session.say(images.parse(given.words[0]).name)


def tag(session, given):
    plan = images.plan_local(session.engine, given.words[0])
    images.plan_tags(plan, [given.words[1]], option="TARGET")
    session.carry_out(plan)


def rm(session, given):
    def one(name):
        found = images.find_row(session.engine, name)
        if found is None:
            if given.force:
                session.mention(str(images.absent(name)))
                return
            raise images.absent(name)
        names = [images.familiar(full) for full in images.tags_of(session.engine, found["id"])]
        plan = images.plan_absent(session.engine, name, given.force, not given.no_prune)
        if not plan.changed:
            raise Conflict(f"image {name} is used by a container; remove that first")
        session.carry_out(plan)
        whole = any(change.name == "image" for change in plan.changes)
        session.say(
            *[f"Untagged: {tag}" for tag in (names if whole else [images.parse(name).familiar])]
        )
        if (
            whole
            and images.find_row(session.engine, found["id"]) is None
            or session.check
            and whole
        ):
            session.say(f"Deleted: {found['id']}")

    session.each(given.words, one)


DOCKER_HUB = "docker.io"


def login(session, given):
    server = given.words[0] if given.words else DOCKER_HUB
    password = given.password
    if password is not None and not session.terminal:
        raise UsageError(
            "login --password: a task's options are in the host's log; use the module "
            "registry_login"
        )
    if given.password_stdin:
        session.need_terminal("login --password-stdin", "use the module registry_login")
        password = sys.stdin.readline().rstrip("\n")
    user = given.username
    if user is None or password is None:
        session.need_terminal(
            "login without --username and --password", "use the module registry_login"
        )
        user = user or input("Username: ")
        password = password if password is not None else getpass.getpass("Password: ")
    from ...images.configuration import login as registry_login

    plan = registry_login.plan(
        session.engine,
        {
            "registry_url": server,
            "username": user,
            "password": password,
            "state": "present",
            "verify": True,
        },
    )
    session.carry_out(plan)
    session.say("Login Succeeded")


def logout(session, given):
    server = given.words[0] if given.words else DOCKER_HUB
    plan = Plan(f"credentials of {server}")
    if credentials.kept(server) is not None:
        plan.add(
            "credentials",
            "kept",
            None,
            f"forget the credentials of {server}",
            lambda: credentials.erase(server),
        )
    session.carry_out(plan)
