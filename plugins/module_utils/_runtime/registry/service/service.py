# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Registries as services of a host: their rows in the database, and the processes that run them.

A row's ``config`` is ``{"listen": ["127.0.0.1:5000"], "path", "tls_cert", "tls_key", "users": {name: secret} or null, "proxy"}``
(``registry/http/registry_users.py`` makes the secrets; ``proxy`` is null or ``{"remote_url", "username", "password", "ca_path", "insecure", "ttl"}``).
What runs is asked of the run directory's lock and of the addresses, never of the row.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import time

from ... import errors
from ...store.atomic_files import read_json, write_json, write_whole
from ...store.database import decode, encode
from ..http import listen, registry_users
from . import supervisor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TypedDict

    from ..proxy.proxy import UpstreamConfig

    class Config(TypedDict):
        """A registry's configuration, in its row."""

        listen: list[str]  # "127.0.0.1:5000"
        path: str
        tls_cert: str | None
        tls_key: str | None
        users: dict[str, str] | None  # secrets (http/registry_users.py makes them) by name
        proxy: UpstreamConfig | None

    class Row(TypedDict):
        """A row of the table ``registries``."""

        name: str
        config: Config
        wanted: str  # "started" or "stopped"

    class Running(TypedDict, total=False):
        """What a process was started with: ``config.json`` in its run directory."""

        listen: list[str]
        path: str
        tls_cert: str | None
        tls_key: str | None
        users: str | None  # a file
        proxy: UpstreamConfig | None
        nonce: str

    class Description(TypedDict):
        """A registry as users see it."""

        name: str
        state: str
        listen: list[str]
        path: str
        tls_cert: str | None
        tls_key: str | None
        users: list[str]
        proxy: dict[str, Any] | None
        pid: int | None
        log: str

    from ...engine import Engine


READY = 20.0  # seconds that a registry gets to answer after its start
PATIENCE = 3.0  # seconds that one which should be running gets to answer
PROCESS_KEYS = (
    "listen",
    "path",
    "tls_cert",
    "tls_key",
    "proxy",
)  # a change of these needs a new process


# --- rows ---


def rows(engine: Engine) -> list[Row]:
    """Return all registries, by name."""
    return [_row(row) for row in engine.db.all("SELECT * FROM registries ORDER BY name")]


def get(engine: Engine, name: str) -> Row | None:
    """Return one registry, or None."""
    row = engine.db.one("SELECT * FROM registries WHERE name = ?", name)
    return _row(row) if row else None


def _row(row: Any) -> Row:
    config = decode(row["config"])
    config.setdefault("proxy", None)  # of older versions
    return {"name": row["name"], "config": config, "wanted": row["wanted"]}


def put(engine: Engine, row: Row) -> None:
    engine.db.run(
        "INSERT OR REPLACE INTO registries (name, config, wanted) VALUES (?, ?, ?)",
        row["name"],
        encode(row["config"]),
        row["wanted"],
    )


def forget(engine: Engine, name: str) -> None:
    engine.db.run("DELETE FROM registries WHERE name = ?", name)


# --- what runs ---


def lives(engine: Engine, name: str) -> bool:
    """Tell whether the service has a process, whether that answers or not."""
    return supervisor.is_held(engine.paths.registry_run(name))


def running_config(engine: Engine, name: str) -> Running:
    """Return what the process was started with (``config.json``); empty where there is none."""
    return read_json(os.path.join(engine.paths.registry_run(name), "config.json"), {})


def fits(engine: Engine, row: Row) -> bool:
    """Tell whether the running process was started with the row's configuration."""
    found = running_config(engine, row["name"])
    wanted: Mapping[str, Any] = row["config"]
    return all(found.get(key) == wanted[key] for key in PROCESS_KEYS) and (
        found.get("users") is None
    ) == (row["config"]["users"] is None)


def is_well(engine: Engine, name: str, patience: float = PATIENCE) -> bool:
    """Tell whether the service lives, has its supervisor, and answers on every address it was
    started with.
    """
    config = running_config(engine, name)
    if not config or not lives(engine, name) or start_of(engine, name, "supervisor") is None:
        return False
    end = time.monotonic() + patience
    while not _answers(config):
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def _answers(config: Running) -> bool:
    return all(
        listen.answers(*listen.parse(text), tls=config["tls_cert"] is not None)
        for text in config["listen"]
    )


def start_of(engine: Engine, name: str, role: str) -> tuple[int, int] | None:
    """Return ``(pid, start time)`` of the ``supervisor`` or the ``server`` of a service where it
    runs, else None.
    """
    from ...kernel.processes import procfs

    found = read_json(os.path.join(engine.paths.registry_run(name), role + ".json"))
    now = procfs.stat(found["pid"]) if found else None
    return (
        (found["pid"], found["start"])
        if now and now["start"] == found["start"] and now["state"] not in "ZX"
        else None
    )


def describe(engine: Engine, row: Row) -> Description:
    """Return what users are shown of a registry."""
    config, process = (
        row["config"],
        start_of(engine, row["name"], "supervisor") if lives(engine, row["name"]) else None,
    )
    return {
        "name": row["name"],
        "state": "started" if lives(engine, row["name"]) else "stopped",
        "listen": config["listen"],
        "path": config["path"],
        "tls_cert": config["tls_cert"],
        "tls_key": config["tls_key"],
        "users": sorted(config["users"] or ()),
        "proxy": show_proxy(config["proxy"]),
        "pid": process[0] if process else None,
        "log": os.path.join(engine.paths.registry_run(row["name"]), "log"),
    }


def show_proxy(proxy: UpstreamConfig | None) -> dict[str, Any] | None:
    """Return an upstream without its password."""
    return (
        None if proxy is None else {key: value for key, value in proxy.items() if key != "password"}
    )


# --- starting and stopping ---


def write_users(engine: Engine, row: Row) -> str | None:
    """Write the file of users, which a running server reads again automatically. Return its path;
    None where everybody has access.
    """
    path = os.path.join(engine.paths.registry_run(row["name"]), "users")
    if row["config"]["users"] is None:
        return None
    write_whole(path, registry_users.write(row["config"]["users"]), durable=False)
    return path


def start(engine: Engine, row: Row, wait: bool = True) -> None:
    """Start a registry's service, and wait until it answers.

    :param wait: without it the supervisor goes on trying, for example until the host has its
        addresses.
    :raises EngineError: where it does not answer; it has been stopped again then.
    """
    from ...deploy import daemon, install

    name = row["name"]
    install.ensure(engine)
    for _attempt in range(2):
        path = _write_config(engine, row)
        daemon.start(f"registry-{name}", install.command(engine) + ["registry-service", path])
        try:
            if not wait or _wait(engine, name, read_json(path)):
                return
        except BaseException:
            stop(engine, name)
            raise
        stop(
            engine, name
        )  # one from a task that was killed a moment ago came first, and knows an older configuration


def _write_config(engine: Engine, row: Row) -> str:
    directory = engine.paths.registry_run(row["name"])
    os.makedirs(directory, 0o700, exist_ok=True)
    path = os.path.join(directory, "config.json")
    wanted = row["config"]
    running: Running = {
        "listen": wanted["listen"],
        "path": wanted["path"],
        "tls_cert": wanted["tls_cert"],
        "tls_key": wanted["tls_key"],
        "users": write_users(engine, row),
        "proxy": wanted["proxy"],
        "nonce": secrets.token_hex(8),
    }
    write_json(path, running, durable=False)
    return path


def _wait(engine: Engine, name: str, document: Running) -> bool:
    """Tell whether the service that was started with ``document`` answers. Return False where
    another one has replaced it.
    """
    directory = engine.paths.registry_run(name)
    end = time.monotonic() + READY
    while time.monotonic() < end:
        status = read_json(os.path.join(directory, "status.json"), {})
        if status and status["nonce"] != document["nonce"]:
            return False
        if "error" in status:
            raise (errors.Conflict if status["kind"] == "Conflict" else errors.HostError)(
                f"registry {name}: {status['error']}"
            )
        if status and _answers(document):
            return True
        time.sleep(0.02)
    raise errors.HostError(
        "registry %s was started but does not answer on %s within %d seconds; its log ends with: %s"
        % (name, ", ".join(document["listen"]), READY, _last_line(os.path.join(directory, "log")))
    )


def _last_line(path: str) -> str:
    with contextlib.suppress(OSError, IndexError):
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()[-2000:].strip().splitlines()[-1]
    return "(nothing)"


def stop(engine: Engine, name: str) -> None:
    """End a registry's processes. They finish what they are answering; after a while they are
    killed.
    """
    from ...kernel.processes import pidfd

    began, told = time.monotonic(), set()
    while lives(engine, name):
        waited = time.monotonic() - began
        kill = waited > supervisor.END + 3.0
        if waited > supervisor.END + 30.0:
            raise errors.HostError(f"registry {name} does not end, not even when it is killed")
        chief = start_of(engine, name, "supervisor")
        for process in filter(
            None, (chief, start_of(engine, name, "server") if kill or chief is None else None)
        ):
            if kill or process not in told:
                told.add(process)
                fd = pidfd.open_process(*process)
                if fd is not None:
                    pidfd.send(fd, signal.SIGKILL if kill else signal.SIGTERM)
                    os.close(fd)
        time.sleep(0.01 if waited < 1 else 0.1)
    for file in ("config.json", "users", "status.json", "supervisor.json", "server.json"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(engine.paths.registry_run(name), file))


def remove(engine: Engine, name: str, storage: str | None = None) -> None:
    """Stop a registry, forget it, and erase its content at ``storage`` where that is given. May be
    repeated at any point.
    """
    from ..content import content_store as content

    stop(engine, name)
    if storage is not None:
        content.erase(storage)
    forget(engine, name)
    shutil.rmtree(engine.paths.registry_run(name), ignore_errors=True)


def boot(engine: Engine) -> list[tuple[str, str | None]]:
    """Start each registry that should run and does not. Return their names, with an error where
    there was one.
    """
    found: list[tuple[str, str | None]] = []
    for row in rows(engine):
        if row["wanted"] != "started":
            continue
        with engine.locks.hold("registry", row["name"]):
            if lives(engine, row["name"]):
                continue
            try:
                start(engine, row, wait=False)
                found.append((row["name"], None))
            except errors.EngineError as error:
                found.append((row["name"], str(error)))
    return found
