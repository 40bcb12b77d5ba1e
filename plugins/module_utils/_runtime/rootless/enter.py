# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a front end calls where its user is not root: go into the namespaces in which he is.

Data is kept in ``~/.local/share/pycontainer``, and what is of this boot in ``run`` in it.
"""

from __future__ import annotations

import fcntl
import os
import time

from ..deploy import daemon, install
from ..errors import EngineError, HostError, Unsupported, reason
from ..kernel.mounts import mounts
from ..oci.command import rootless
from ..store import paths
from . import keeper_client, spaces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..store.paths import Paths

PATIENCE = 20.0  # seconds that a new keeper may take
LOG = "keeper.log"
HELPERS_PACKAGE = "uidmap, in some distributions shadow-utils"


def enter(check: bool = False, data: str | None = None, run: str | None = None) -> None:
    """Go into the namespaces of this process's user, who is not root; they are made where needed.

    :param check: change nothing: where no keeper runs, namespaces of this process alone will do.
    :param data: :param run: directories of another engine of his than the usual one.
    :raises Unsupported: this host or this user has not what is needed.
    :raises HostError: the host refuses.
    """
    usual = paths.of_user()
    data = data or usual[0]
    paths.use(data, run or os.path.join(data, "run"))
    os.environ.setdefault("HOME", usual[0][: -len("/" + paths.OF_USER)])
    place = paths.Paths()
    _check_user()
    if not check:
        if not os.path.isdir(place.run) or not _answers(place.run):
            _check_host()
        _make(place)
        install.ensure_at(place)  # out here, where owners of files can be told
    if _join(place.run):
        return
    if check:
        _enter_alone()
        return
    with open(os.path.join(place.data, "keeper.lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _join(place.run):
            _start(place)


def _check_user() -> None:
    """:raises Unsupported: the user has no further ids, or nothing writes them into a map."""
    user = os.geteuid()
    maps = rootless.usual_maps()
    if len(maps.uids) < 2 or len(maps.gids) < 2:
        name = _name(user)
        raise Unsupported(
            f"pycontainer.engine needs root (in Ansible: become: true), or lines of user {name} in "
            "/etc/subuid and /etc/subgid, which root adds with `usermod --add-subuids "
            f"100000-165535 --add-subgids 100000-165535 {name}`"
        )
    places = os.environ.get("PATH", os.defpath).split(":")
    for helper in rootless.HELPERS:
        if not any(os.access(os.path.join(place, helper), os.X_OK) for place in places):
            raise Unsupported(
                f"without root pycontainer.engine needs {helper}, which is not installed here "
                f"(package {HELPERS_PACKAGE})"
            )


def _name(user: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def _check_host() -> None:
    """:raises EngineError: the namespaces of a user can't be made here, before anything is changed."""
    for fd in spaces.made().values():
        os.close(fd)


def _make(place: Paths) -> None:
    try:
        place.make()
    except OSError as error:
        raise HostError(
            f"the directory {place.data} of this user's engine can't be made: {reason(error)}"
        ) from None


def _answers(run: str) -> bool:
    try:
        keeper_client.ask(run, {"op": "enter"})[1][0]
        return True
    except (OSError, IndexError, ValueError):
        return False


def _join(run: str) -> bool:
    """Join the namespaces of the keeper; return whether there is one.

    :raises HostError: the kernel refuses.
    """
    if not os.path.isdir(run):
        return False
    try:
        _answer, found = keeper_client.ask(run, {"op": "enter"})
    except (ConnectionError, FileNotFoundError):
        return False
    try:
        spaces.join(dict(zip(spaces.TYPES, found)))
    except OSError as error:
        raise HostError(
            f"the namespaces of this user's engine can't be joined: {reason(error, named=True)}"
        ) from None
    finally:
        for fd in found:
            os.close(fd)
    keeper_client.settle(run, keeper_client.record(run))
    return True


def _enter_alone() -> None:
    """Be root of a user namespace that ends with this process, in the network of the host."""
    rootless.enter(rootless.usual_maps())
    spaces.become_root()
    mounts.leave_host()
    keeper_client.settle_alone()


def _start(place: Paths) -> None:
    """Start the keeper, and join what it keeps.

    :raises HostError: it can't be started.
    """
    log = os.path.join(place.run, LOG)
    argv = install.Copy(place.runtime, os.path.basename(install.ensure_at(place).path)).command()
    argv += ["keeper", place.data, place.run]
    environment = {"PATH": daemon.PATH, "LANG": "C.UTF-8"}
    if not _start_service(argv, environment, log):
        daemon.start_forked(argv, environment, log, settled=True)
    end = time.monotonic() + PATIENCE
    while not _join(place.run):
        if time.monotonic() > end or not _alive(place.data) and keeper_client.last_line(log):
            raise HostError(
                "the process that keeps the namespaces of this user's engine did not come up: "
                f"{keeper_client.last_line(log) or 'it said nothing'} ({log})"
            )
        time.sleep(0.01)


def _start_service(argv: list[str], environment: dict[str, str], log: str) -> bool:
    """Start the keeper as a service of the user's own systemd, which gives it a cgroup.

    :returns: whether it was: he may have none (a session does, and `loginctl enable-linger`).
    """
    runtime = f"/run/user/{os.geteuid()}"
    if not daemon.booted_by_systemd() or not os.path.exists(runtime + "/systemd/private"):
        return False
    unit = f"pycontainer-keeper-{os.urandom(4).hex()}.service"
    try:
        daemon.run(
            *daemon.service_command(unit, argv, environment, log, user=True),
            env={"XDG_RUNTIME_DIR": runtime},
        )
    except EngineError:
        return False
    return True


def _alive(data: str) -> bool:
    """Tell whether a keeper has its lock."""
    from ..store import locks

    return locks.held(os.path.join(data, "keeper.alive"))
