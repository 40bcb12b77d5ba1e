# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``start``: execute the program of a created container."""

from __future__ import annotations

import os

from ....errors import Conflict, ContainerFailed
from ...launch import channel
from ...spec.document import Document
from ..arguments import Command
from ..states import open_container

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...features.sd_notify import Relay
    from ...spec.config_types import Config
    from ..arguments import Call
    from ..output import Log
    from ..states import Container

COMMAND = Command("execute the program of a created container", "ID", 1, 1)


def start(call: Call, log: Log) -> None:
    container = open_container(call.options["root"], call.arguments[0])
    container.lock()
    container.read()
    status = container.status()
    if status != "created":
        raise Conflict(f"container {container.ident} can't be started: it is {status}, not created")
    from .. import start_socket  # here: ``run``, which uses this file, has no such socket

    connection = start_socket.connect(container)
    relay = notify_relay(container)
    # From here on it is started, or its end is noticed by the connection.
    os.unlink(f"{container.path}/{start_socket.SOCKET}")
    connection.send(b"s")
    warnings: list[str] = []
    config = container.config()
    channel.listen(connection, warnings, name=config["process"]["args"][0])
    for text in warnings:
        log.warning(text)
    run_poststart(container, config, log)
    wait_until_ready(relay, container)


def notify_relay(container: Container) -> Relay | None:
    """Return what listens for the program's word that it is ready; None where nobody waits for that
    (NOTIFY_SOCKET).
    """
    if not os.environ.get("NOTIFY_SOCKET"):
        return None
    from ...features import sd_notify  # here: few callers have such a socket

    return sd_notify.Relay(container)


def wait_until_ready(relay: Relay | None, container: Container) -> None:
    """Wait until the program of a container that is left alone says that it is ready, or ends."""
    process = None if relay is None else container.process()
    if relay is not None and process is not None:
        container.unlock()
        relay.wait(container.pid, process)


def run_poststart(container: Container, config: Config, log: Log) -> None:
    """Run the poststart hooks.

    :raises ContainerFailed: one fails; the container is removed then.
    """
    if not (config.get("hooks") or {}).get("poststart"):
        return
    from ...features import hooks  # here: few documents have hooks

    document = Document(config)
    state = document.state(container.ident, container.data["bundle"], container.pid, "running")
    try:
        hooks.run(hooks.read(config), "poststart", state)
    except ContainerFailed:
        from .. import teardown  # here: it is loaded when something is to be removed

        teardown.remove(container, log)
        raise
