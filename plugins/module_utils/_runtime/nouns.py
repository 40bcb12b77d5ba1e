# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Register the nouns with the engine: importing this file does it. Whoever opens an engine imports it first.

It stands above the nouns and below what opens engines: the modules' front end, the host's command, the controller's deliveries.
The imports are inside the methods: an engine is opened with every task, and almost always there is nothing to do.
"""

from __future__ import annotations

import os

from .engine import Noun, register

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import Any

    from .engine import Engine


class _Images(Noun):
    operations = ("pull", "unpack", "remove-image")

    def recover(self, engine: Engine, kind: str, detail: dict[str, Any]) -> None:
        from .images.library import recovery

        recovery.recover(engine, kind, detail)

    def clean_after_boot(self, engine: Engine) -> None:
        from .images.library import garbage

        garbage.sweep(engine)


class _Delivery(Noun):
    def sweep(self, engine: Engine) -> None:
        if os.path.isdir(engine.paths.deliveries):
            from .delivery import spool

            spool.sweep(engine.paths)


class _Networks(Noun):
    operations = ("create-network", "remove-network")

    def recover(self, engine: Engine, kind: str, detail: dict[str, Any]) -> None:
        from .networks import recovery

        recovery.recover(engine, kind, detail)


class _Volumes(Noun):
    operations = ("create-volume", "remove-volume", "fill-volume")

    def recover(self, engine: Engine, kind: str, detail: dict[str, Any]) -> None:
        from .volumes import recovery

        recovery.recover(engine, kind, detail)


class _Secrets(Noun):
    operations = ("change-secret",)

    def recover(self, engine: Engine, kind: str, detail: dict[str, Any]) -> None:
        from .secrets import task

        task.recover(engine, detail)


class _Registry(Noun):
    operations = ("remove-registry",)

    def recover(self, engine: Engine, kind: str, detail: dict[str, Any]) -> None:
        from .registry.service import recovery

        recovery.recover(engine, kind, detail)


class _Containers(Noun):
    operations = (
        "create-container",
        "replace-container",
        "restart-container",
        "remove-container",
        "freeze-container",
        "checkpoint-container",
    )

    def recover(self, engine: Engine, kind: str, detail: dict[str, Any]) -> bool | None:
        from .containers.lifecycle import recovery

        return recovery.recover(engine, kind, detail)

    def reconnect(self, engine: Engine, network: str, idents: list[str]) -> None:
        from .containers.lifecycle import live_changes

        live_changes.reconnect(engine, network, idents)

    def asked_addresses(self, engine: Engine, network: str) -> list[tuple[str, str]]:
        from .containers.lifecycle import live_changes

        return live_changes.asked_addresses(engine, network)

    def holders(self, engine: Engine, kind: str, name: str) -> list[dict[str, str]]:
        from .containers.lifecycle import start

        return start.holders(engine, kind, name)

    def renew(self, engine: Engine, kind: str, name: str, ident: str) -> None:
        from .containers.lifecycle import start

        start.renew(engine, kind, name, ident)

    def at_rest(
        self, engine: Engine, names: list[str], freeze: bool
    ) -> AbstractContextManager[None]:
        from .containers.lifecycle import stop

        return stop.at_rest(engine, names, freeze)

    def adopt(self, engine: Engine) -> None:
        """Give the containers whose monitors were killed new ones; a look at a lock for each container when there are none."""
        idents = os.listdir(engine.paths.running)
        if not idents:
            return
        from .containers.client import names_client

        if names_client.lost(engine.paths):
            from .containers.client import zygote_client

            zygote_client.connect(engine.paths).close()  # a new one has names answered again
            engine.mended.append(names_client.MENDED)
        from .containers.records import run_state

        if not all(run_state.monitored(engine.paths, ident) for ident in idents):
            from .containers.client import monitor_client

            monitor_client.adopt_orphans(engine.paths)


class _Builds(Noun):
    operations = ("build", "build-step")

    def recover(self, engine: Engine, kind: str, detail: dict[str, Any]) -> None:
        from .builds import recovery

        recovery.recover(engine, kind, detail)


register(
    _Images(),
    _Delivery(),
    _Networks(),
    _Volumes(),
    _Secrets(),
    _Registry(),
    _Containers(),
    _Builds(),
)
