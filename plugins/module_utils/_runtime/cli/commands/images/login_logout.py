# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``login`` and ``logout``: the credentials of registries."""

from __future__ import annotations

import getpass
import sys

from ....images.configuration import credentials
from ....images.configuration import login as registry_login
from ....reconcile import Plan
from ...grammar import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...grammar import Given
    from ...session import Session


DOCKER_HUB = "docker.io"


def login(session: Session, given: Given) -> None:
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


def logout(session: Session, given: Given) -> None:
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
