# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands about images and registries' credentials."""

from __future__ import annotations

import contextlib
import fnmatch
import getpass
import json
import os
import shlex
import shutil
import sys
import tempfile

from .. import images
from ..errors import Conflict, EngineError, NotFound
from ..images import credentials
from ..reconcile import Plan
from . import tables
from .observing import filters
from .grammar import UsageError

COLUMNS = [("REPOSITORY", "Repository"), ("TAG", "Tag"), ("IMAGE ID", "ID"), ("CREATED", "CreatedSince"), ("SIZE", "Size")]


def ls(session, given):
    chosen = filters(given.filter)
    if "dangling" in chosen:
        chosen["dangling"] = chosen["dangling"][-1]
    if given.words:
        chosen.setdefault("reference", []).append(given.words[0])
    patterns = chosen.get("reference", ["*"])
    rows = [row for image in images.listing(session.engine, chosen, given.all) for row in _rows(image, given.no_trunc)
            if any(fnmatch.fnmatchcase(name, pattern)
                   for pattern in patterns for name in (row["Repository"], "%(Repository)s:%(Tag)s" % row))]
    columns = COLUMNS[:2] + [("DIGEST", "Digest")] + COLUMNS[2:] if given.digests else COLUMNS
    session.say(*tables.formatted(rows, columns, given.format, "ID" if given.quiet else None))


def _rows(image, whole):
    digests = dict(item.split("@") for item in image["RepoDigests"])
    names = [name.rpartition(":")[::2] for name in image["RepoTags"]]
    names += [(repository, "<none>") for repository in digests if repository not in dict(names)]
    ident = image["Id"] if whole else image["Id"].partition(":")[2][:12]
    since = at = "N/A"
    if image["Created"]:
        seconds = _seconds(image["Created"])
        since, at = tables.ago(seconds) + " ago", tables.moment(seconds)
    return [{"Repository": repository, "Tag": tag, "Digest": digests.get(repository, "<none>"), "ID": ident, "CreatedSince": since,
             "CreatedAt": at, "Size": tables.size(image["Size"], 3)} for repository, tag in names or [("<none>", "<none>")]]


def _seconds(text):
    """Seconds since the epoch of an RFC 3339 time, whose fraction may have nine digits (Python's parser takes six)."""
    import datetime

    day, dummy, rest = text.partition("T")
    clock = rest[:8]
    return datetime.datetime.fromisoformat("%sT%s+00:00" % (day, clock)).timestamp()


def _registries(given):
    return images.registries_of({"insecure": given.insecure, "auth_file": given.authfile})


def pull(session, given):
    facts = session.carry_out(images.plan_present(session.engine, given.words[0], "always", given.platform, _registries(given)), live=not given.quiet)
    session.say(*filter(None, [_name(facts, given.words[0])]))


def _name(facts, text):
    try:
        return images.parse(text).name
    except EngineError:
        return facts["image"]["Id"]


def push(session, given):
    plan = images.plan_local(session.engine, given.words[0])
    images.plan_push(plan, [given.words[0]], _registries(given))
    session.carry_out(plan, live=not given.quiet)
    session.say(images.parse(given.words[0]).name)


def tag(session, given):
    plan = images.plan_local(session.engine, given.words[0])
    images.plan_tags(plan, [given.words[1]], option="TARGET")
    session.carry_out(plan)


def rm(session, given):
    def one(name):
        found = images.find(session.engine, name)
        if found is None:
            raise NotFound("there is no image %s on this host" % name)
        names = images.inspect(session.engine, found["id"])["RepoTags"]
        plan = images.plan_absent(session.engine, name, given.force)
        if not plan.changed:
            raise Conflict("image %s is used by a container; remove that first" % name)
        session.carry_out(plan)
        whole = any(change.name == "image" for change in plan.changes)
        session.say(*["Untagged: %s" % tag for tag in (names if whole else [images.parse(name).familiar])])
        if whole and images.find(session.engine, found["id"]) is None or session.check and whole:
            session.say("Deleted: %s" % found["id"])
    session.each(given.words, one)


def load(session, given):
    with contextlib.ExitStack() as stack:
        path = os.path.abspath(given.input) if given.input is not None else stack.enter_context(_from_stdin(session))
        plan = images.plan_load(session.engine, path)
        facts = session.carry_out(plan, live=not given.quiet)
    session.say(*["Loaded image: %s" % name for name in plan.loaded] or ["Loaded image ID: %s" % facts["image"]["Id"]])


@contextlib.contextmanager
def _from_stdin(session):
    """Standard input as a file: an archive is read more than once."""
    if not session.terminal or sys.stdin.isatty():
        raise UsageError("pycontainer load needs -i FILE (an archive of docker save, or an OCI layout), or the archive at standard input")
    with tempfile.NamedTemporaryFile(dir=session.engine.paths.tmp, prefix="stdin-") as file:
        shutil.copyfileobj(sys.stdin.buffer, file, 1 << 20)
        file.flush()
        yield file.name


def import_(session, given):
    with contextlib.ExitStack() as stack:
        path = os.path.abspath(given.words[0]) if given.words[0] != "-" else stack.enter_context(_from_stdin(session))
        facts = session.carry_out(images.plan_import(
            session.engine, given.words[1], path, changes(given.change), given.message, given.platform), live=True)
    session.say(facts["image"]["Id"])


INSTRUCTIONS = {"CMD": "command", "ENTRYPOINT": "entrypoint", "ENV": "env", "LABEL": "labels", "EXPOSE": "exposed_ports",
                "WORKDIR": "working_dir", "USER": "user", "VOLUME": "volumes", "STOPSIGNAL": "stop_signal"}


def changes(items):
    """``--change`` instructions as the image module's ``config`` option."""
    found = {}
    for item in items:
        word, dummy, rest = item.strip().partition(" ")
        option = INSTRUCTIONS.get(word.upper())
        if option is None or not rest.strip():
            raise UsageError("--change %r: accepted are %s, each with its argument" % (item, ", ".join(sorted(INSTRUCTIONS))))
        found[option] = _argument(option, rest.strip(), found.get(option))
    return found


def _argument(option, text, before):
    if option in ("command", "entrypoint"):
        return _words(text) if text.startswith("[") else ["/bin/sh", "-c", text]
    if option in ("env", "labels"):
        pairs = [word.partition("=")[::2] for word in shlex.split(text)]
        return dict(before or {}, **dict(pairs))
    if option in ("exposed_ports", "volumes"):
        return (before or []) + (_words(text) if text.startswith("[") else text.split())
    return text


def _words(text):
    try:
        words = json.loads(text)
    except ValueError:
        words = None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise UsageError("--change: %s is not a JSON list of strings" % text)
    return words


DOCKER_HUB = "docker.io"


def login(session, given):
    server = given.words[0] if given.words else DOCKER_HUB
    password = given.password
    if password is not None and not session.terminal:
        raise UsageError("login --password: a task's options are in the host's log; use the module registry_login")
    if given.password_stdin:
        session.need_terminal("login --password-stdin", "use the module registry_login")
        password = sys.stdin.readline().rstrip("\n")
    user = given.username
    if user is None or password is None:
        session.need_terminal("login without --username and --password", "use the module registry_login")
        user = user or input("Username: ")
        password = password if password is not None else getpass.getpass("Password: ")
    from ..images import login as registry_login

    plan = registry_login.plan(session.engine, {
        "registry_url": server, "username": user, "password": password, "state": "present", "verify": True})
    session.carry_out(plan)
    session.say("Login Succeeded")


def logout(session, given):
    server = given.words[0] if given.words else DOCKER_HUB
    plan = Plan("credentials of %s" % server)
    if credentials.kept(server) is not None:
        plan.add("credentials", "kept", None, "forget the credentials of %s" % server, lambda: credentials.erase(server))
    session.carry_out(plan)
