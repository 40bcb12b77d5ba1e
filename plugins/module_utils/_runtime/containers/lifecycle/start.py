# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start containers: what has to be there on the host first, then one request to the zygote for
each.

The way of a start: here, ``zygote_client.start``, the zygote's fork of a monitor, ``Worker.start``
(workers/start_worker.py), ``Launch.run`` (oci/launch).
"""

from __future__ import annotations

import contextlib
import os
import threading

from ... import networks, volumes
from ...deploy import install
from ...errors import ContainerFailed, EngineError, HostError, InvalidInput, reason
from ...kernel.calls import constants as c
from ...kernel.calls import syscalls
from ...kernel.mounts import users
from ..access import copy
from ..client import monitor_client, zygote_client
from ..log_drivers import log_files
from ..options import secret_files, storage
from ..records import catalog, container_image, network_names, run_events, status
from ..spec import (
    config_json,
    container_files,
    container_mounts,
    shared_namespaces,
    user_namespaces,
)
from ..view import logs
from . import create, dependencies, stop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Optional

    from ...engine import Engine
    from ...options.rows import Definition
    from ..client.messages import Checkpoint, StartAnswer
    from ..options.secret_files import Named
    from ..records.catalog import Record
    from ..spec.run_file import RunFile

    Results = dict[str, Optional[EngineError]]  # by container id: why it did not start

HELD = 200  # locks of containers, each a descriptor, that are held at once
SHM_SIZE = 64 << 20  # bytes of a /dev/shm, Docker's default


def start(
    engine: Engine,
    records: Sequence[Record],
    at_once: int | None = None,
    stdin: int | None = None,
    checkpoint: Checkpoint | None = None,
) -> Results:
    """Start containers whose locks the caller holds, several at once; ``wanted`` becomes running.

    :param at_once: how many; None: as zygote_client.start sees fit.
    :param stdin: :param checkpoint: see zygote_client.start.
    :returns: ``{id: None or the exception}``.
    """
    install.ensure(engine)
    results: Results = {}
    _make_bridges(engine, records)
    for level in dependencies.levels(
        records, lambda record: shared_namespaces.names(engine, record["definition"])
    ):
        results.update(_start_level(engine, level, at_once, stdin, checkpoint))
    return results


def start_one(
    engine: Engine, record: Record, stdin: int | None = None, checkpoint: Checkpoint | None = None
) -> None:
    """Start one container whose lock the caller holds.

    :raises ContainerFailed: with its last lines. :raises HostError: the host lacks what it needs.
    """
    error = start(engine, [record], stdin=stdin, checkpoint=checkpoint)[record["id"]]
    if error is not None:
        raise error


def lock_and_start(engine: Engine, record: Record, stdin: int | None = None) -> None:
    """As :func:`start_one`, for a container whose lock the caller does not hold, after what it
    depends on.

    :raises NotFound: another task has removed it meanwhile.
    """
    bring_up(engine, record["name"], record["definition"])
    with catalog.held(engine, record["id"]) as now:
        start_one(engine, now, stdin)


def restart_together(
    engine: Engine,
    names: Sequence[str],
    timeout: float | None = None,
    signal: str | int | None = None,
) -> dict[str, Exception]:
    """Stop several containers at the same time and start each as soon as it has ended.

    None of them needs another. Their locks are not held by the caller.

    :param timeout, signal: see stop.stop. :returns: the errors, by name.
    """
    room = threading.BoundedSemaphore(2 * (os.cpu_count() or 1))  # as zygote_client.start

    def work(own: Engine, record: Record) -> None:
        if status.lives(own.paths, record["id"]):
            stop.stop(own, record, timeout=timeout, signal=signal)
        with room:
            start_one(own, record)
        run_events.tell_of(own.paths, record["id"], "restart")

    return stop.together(engine, names, work)


def bring_up(
    engine: Engine,
    name: str,
    definition: Definition,
    patience: float = dependencies.PATIENCE,
    warnings: list[str] | None = None,
) -> None:
    """Start what a container depends on where it does not run, and wait until it is as asked for.

    The caller holds no container's lock: two that wait for each other's would wait forever.

    :param patience: seconds for each condition; 0: no limit. :param warnings: gets sentences.
    :raises ContainerFailed: what it depends on is not as it is asked for.
    """
    if not dependencies.of(definition):
        return
    order = _Starts(engine, dependencies.missing(engine, definition), patience)
    order.left[name] = definition
    order.run()
    if warnings is not None:
        warnings += order.warnings
    if name in order.failed:
        raise order.failed[name]


def start_each(
    engine: Engine,
    records: Sequence[Record],
    at_once: int | None = None,
    patience: float = dependencies.PATIENCE,
    warnings: list[str] | None = None,
) -> Results:
    """Start containers whose locks the caller does not hold, and what they depend on, each as soon
    as that is as it asks.

    One that another task has removed meanwhile is left to that task, without an error.

    :param patience, warnings: as of :func:`bring_up`.
    """
    wanted = {record["name"]: record for record in records}
    for record in records:
        for other in dependencies.missing(engine, record["definition"]):
            wanted.setdefault(other["name"], other)
    order = _Starts(engine, list(wanted.values()), patience, at_once)
    order.run()
    if warnings is not None:
        warnings += order.warnings
    return {record["id"]: order.failed.get(name) for name, record in wanted.items()}


class _Starts(dependencies.Order):
    """Containers that are started in their order. Their locks are held for each start alone.

    :param at_once: as of :func:`start`.
    """

    def __init__(
        self, engine: Engine, records: Sequence[Record], patience: float, at_once: int | None = None
    ) -> None:
        super().__init__(
            engine, {record["name"]: record["definition"] for record in records}, patience
        )
        self.records = {record["name"]: record for record in records}
        self.at_once = at_once

    def run(self) -> None:
        names = self.next()
        while names:
            ready = [self.records[name] for name in names if name in self.records]
            for first in range(0, len(ready), HELD):
                self._start(ready[first : first + HELD])
            names = self.next()

    def _start(self, records: Sequence[Record]) -> None:
        engine = self.engine
        with contextlib.ExitStack() as stack:
            for name in sorted({record["name"] for record in records}):
                stack.enter_context(engine.locks.hold("container", name))
            there = [
                record
                for record in records
                if catalog.by_id(engine, record["id"])
                and status.settled(engine.paths, record["id"])["status"] not in status.LIVING
            ]
            results = start(engine, there, self.at_once)
        for record in there:
            error = results[record["id"]]
            if error is not None:
                self.failed[record["name"]] = error


def _make_bridges(engine: Engine, records: Sequence[Record]) -> None:
    names = {
        entry["network"]
        for record in records
        for entry in container_files.read_run(engine, record["id"])["network"]["attachments"]
    }
    if names:
        networks.ensure_links(engine, sorted(names))


def _start_level(
    engine: Engine,
    records: Sequence[Record],
    at_once: int | None,
    stdin: int | None,
    checkpoint: Checkpoint | None,
) -> Results:
    results: Results = {}
    ready = []
    engine.db.require_writable()
    for record in records:
        try:
            _prepare(engine, record)
            ready.append(record)
        except HostError as error:
            results[record["id"]] = error
    if not ready:
        return results
    answers = zygote_client.start(
        engine.paths,
        [record["id"] for record in ready],
        install.command_line(engine),
        at_once,
        stdin,
        checkpoint,
    )
    for record in ready:
        answer = answers[record["id"]]
        if "error" in answer:
            results[record["id"]] = _failure(engine, record, answer)
        else:
            results[record["id"]] = None
            catalog.set_wanted(engine, record["id"], "running")
    return results


def _failure(engine: Engine, record: Record, answer: StartAnswer) -> ContainerFailed:
    """Make the error that the user gets: which container, why, its last lines."""
    sentence = f"container {network_names.shown_name(record)} did not start: {answer['error']}"
    return ContainerFailed(sentence, answer.get("exit_code"), logs.tail(engine.paths, record["id"]))


# ------------------------------------------------------------------- what a start needs of the host


def _prepare(engine: Engine, record: Record) -> None:
    """See to the image's layers, volumes with driver options, confinement, the shareable /dev/shm."""
    monitor_client.settle(engine.paths, record["id"])
    run = container_files.read_run(engine, record["id"])
    if not all(container_image.is_there(layer) for layer in run["layers"]):
        _repair_image(engine, record, record["image"])
    for entry in storage.images_of(record["definition"]):
        shown = run.get("images", {}).get(entry["target"])
        if shown is not None and not all(
            container_image.is_there(layer) for layer in shown["layers"]
        ):
            _repair_image(engine, record, entry["image"])
    create.host_directories(record)
    for name in sorted(set(container_files.mounted_volumes(engine, record["id"]).values())):
        volumes.attach(engine, name)
    _add_user_entries(engine, record)
    container_files.renew_devices(engine, record)
    container_files.confine(engine, record)
    container_files.refresh_names(engine, record)
    _reach_log(record, run)
    if record["definition"].get("ipc_mode") == "shareable":
        _mount_shared_memory(engine, record)
    if secret_files.references(record["definition"]):
        _fill_memory(engine, record)
    if record["definition"].get("sdnotify") == "container":
        place = os.path.join(engine.paths.container_run(record["id"]), container_mounts.NOTIFY)
        os.makedirs(place, 0o755, exist_ok=True)


def _reach_log(record: Record, run: RunFile) -> None:
    """See, as Docker does, whether what is to take the container's log is there, in mode blocking.

    :raises HostError: it is not.
    """
    log = run["log"]
    if log["driver"] in (*log_files.DRIVERS, "none") or log.get("buffer") is not None:
        return
    if log.get("options", {}).get("fluentd-async"):
        return
    from ..log_drivers import shipper  # few containers need it

    driver = shipper.driver_of(run)
    try:
        driver.connect()
    except OSError as error:
        raise HostError(
            f"container {record['name']} can't start: log_driver {log['driver']}: {reason(error)}; "
            "with mode: non-blocking in log_options it starts all the same"
        ) from None
    finally:
        driver.close()


def _repair_image(engine: Engine, record: Record, ident: str | None) -> None:
    try:
        container_image.repair(engine, ident)
    except EngineError as error:
        raise HostError(f"container {record['name']} can't start: {error}") from None


def _add_user_entries(engine: Engine, record: Record) -> None:
    """Add ``passwd_entry`` and ``group_entry`` to the container's files, where these have no line
    for the ids that it runs with.

    :raises HostError: a file can't be written.
    """
    definition = record["definition"]
    if not definition.get("passwd_entry") and not definition.get("group_entry"):
        return
    config = container_image.config(engine, record["image"])
    with copy.at_rest(engine, record) as root:
        try:
            uid, gid, _groups, _home = users.resolve(
                root, definition.get("user") or config.get("User") or ""
            )
        except InvalidInput:
            return  # the start says so
        known = {
            "USERNAME": str(uid),
            "USERLIST": str(uid),
            "GROUPNAME": str(gid),
            "UID": str(uid),
            "GID": str(gid),
            "NAME": "container user",
            "HOME": _home_of(record, config),
        }
        for option, path, number in (
            ("passwd_entry", "/etc/passwd", uid),
            ("group_entry", "/etc/group", gid),
        ):
            entry = definition.get(option)
            if not entry:
                continue
            for name, value in known.items():
                entry = entry.replace("$" + name, value)
            try:
                users.add_line(root, path, number, entry)
            except (InvalidInput, OSError) as error:
                why = "it is no regular file" if isinstance(error, InvalidInput) else reason(error)
                raise HostError(
                    f"container {record['name']}: {option}: its {path} can't be written: {why}"
                ) from None


def _home_of(record: Record, config: dict[str, Any]) -> str:
    """Return the home that the container's variables name, else its working directory."""
    definition = record["definition"]
    found = definition.get("working_dir") or config.get("WorkingDir") or "/"
    for variable in config_json.environment(record["id"], definition, config):
        if variable.startswith("HOME="):
            found = variable[len("HOME=") :]
    text = str(found)
    return text if text.isprintable() and ":" not in text else "/"


def _mount_shared_memory(engine: Engine, record: Record) -> None:
    path = os.path.join(engine.paths.container_run(record["id"]), "shm")
    os.makedirs(path, 0o700, exist_ok=True)
    if os.path.ismount(path):
        return
    uid, gid = user_namespaces.host_root(engine, record)
    size = record["definition"].get("shm_size", SHM_SIZE)
    options = f"mode=1777,size={size},uid={uid},gid={gid}"
    label = container_files.read_config(engine, record["id"])["linux"].get("mountLabel")
    options += f',context="{label}"' if label else ""
    try:
        syscalls.mount("shm", path, "tmpfs", c.MS_NOSUID | c.MS_NODEV | c.MS_NOEXEC, options)
    except OSError as error:
        raise HostError(
            f"container {record['name']}: can't mount its shared memory: {reason(error, named=True)}"
        ) from None


def _fill_memory(engine: Engine, record: Record) -> None:
    """Bring a container's secrets and configs into memory, with owners of its user namespace."""
    # Here: few containers have any.
    from ...oci.spec.id_maps import translate
    from ..records import memory_files

    config = container_files.read_config(engine, record["id"])
    extents = user_namespaces.of_documents(config)
    uids, gids = extents if extents else ([(0, 0, 2**32 - 1)],) * 2
    label = config["linux"].get("mountLabel")
    memory_files.fill(
        engine,
        record,
        lambda ident: translate(uids, ident),
        lambda ident: translate(gids, ident),
        label,
    )


# ----------------------------------------------------------------- secrets and configs that change


def holders(engine: Engine, kind: str, name: str) -> list[dict[str, str]]:
    """Return the running containers that have a secret or config; see ``engine.holders``."""
    found = []
    for record in catalog.every(engine):
        entries = secret_files.named(record["definition"], kind, name)
        if entries and status.lives(engine.paths, record["id"]):
            then = " and ".join(_then(entries)) or "nothing more"
            found.append({"id": record["id"], "name": record["name"], "then": then})
    return found


def _then(entries: Sequence[Named]) -> list[str]:
    """Say in words what is done once the files of these entries are replaced."""
    asked = sorted({entry["on_change"] for entry in entries} - {secret_files.NOTHING})
    if secret_files.RESTART in asked:
        return ["restart it"]
    said = [f"send it {signal}" for signal in asked]
    if any(map(secret_files.is_variable, entries)):
        said.append("process 1 has the new variable from its next start on")
    return said


def renew(engine: Engine, kind: str, name: str, ident: str) -> None:
    """Give a running container a secret or config as it is now, and do what its entry says.

    :raises HostError: it can't be done, naming the container.
    """
    with catalog.held(engine, ident) as record:
        entries = secret_files.named(record["definition"], kind, name)
        if not entries or not status.lives(engine.paths, ident):
            return  # its next start reads what is there
        _fill_memory(engine, record)
        asked = sorted({entry["on_change"] for entry in entries} - {secret_files.NOTHING})
        if secret_files.RESTART in asked:
            if status.now(engine.paths, ident)["status"] == "paused":
                stop.unpause(engine, record)
            stop.stop(engine, record)
            start_one(engine, record)
            run_events.tell_of(engine.paths, ident, "restart")
            return
        from ..records import memory_files  # here: few containers have any

        pid = status.now(engine.paths, ident)["pid"]
        if pid:  # else it is between two of its runs
            memory_files.show(engine, record, entries, pid)
        for signal in asked:
            monitor_client.kill(engine.paths, ident, signal)
