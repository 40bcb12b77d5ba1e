# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The function that the module ``registry`` calls: it turns a task's options into a plan."""

from __future__ import annotations

import copy
import ipaddress
import os
import re

from .. import units
from ..errors import Conflict, EngineError, InvalidInput
from ..reconcile import Plan
from .content import content_store
from .http import listen, registry_users
from .service import service

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal

    from ..engine import Engine
    from .service.service import Config, Row, UpstreamConfig


NAME = re.compile("[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}")
DEFAULT_LISTEN = ["127.0.0.1:5000"]


def plan(engine: Engine, params: dict[str, Any]) -> Plan:
    """Plan a task of the module ``registry``.

    :param params: the task's options.
    :raises InvalidInput, Conflict: before anything is changed.
    """
    if not NAME.fullmatch(params["name"]):
        raise InvalidInput(
            "name",
            params["name"],
            "1 to 63 letters, digits, _, . and -, the first a letter or digit",
        )
    current = service.get(engine, params["name"])
    if params["state"] == "absent":
        return _absent(engine, params, current)
    if params["delete_storage"]:
        raise InvalidInput("delete_storage", True, "true with state=absent only")
    wanted: Row = {
        "name": params["name"],
        "config": _config(engine, params, current),
        "wanted": params["state"],
    }
    _check(engine, wanted, current)
    return _present(engine, wanted, current)


# --- what is wanted ---


def _config(engine: Engine, params: dict[str, Any], current: Row | None) -> Config:
    """Return the registry's configuration: the current one, or the defaults, with the options that
    the task names.
    """
    default_path = os.path.join(engine.paths.registries, params["name"])
    defaults: Config = {
        "listen": DEFAULT_LISTEN,
        "path": default_path,
        "tls_cert": None,
        "tls_key": None,
        "users": None,
        "proxy": None,
    }
    config = copy.copy(current["config"]) if current else defaults
    if params["listen"] is not None:
        config["listen"] = [listen.show(*listen.parse(text)) for text in params["listen"]]
        if not config["listen"] or len(set(config["listen"])) != len(config["listen"]):
            raise InvalidInput(
                "listen", params["listen"], "one or more different addresses, " + listen.ACCEPTED
            )
    if params["path"] is not None:
        if not os.path.isabs(params["path"]):
            raise InvalidInput("path", params["path"], "an absolute path")
        config["path"] = os.path.normpath(params["path"])
    if (
        params["tls_cert"] is not None
    ):  # a certificate that comes without a key has it in its own file
        config["tls_cert"] = params["tls_cert"] or None
        config["tls_key"] = params["tls_key"] or None
    elif params["tls_key"] is not None:
        raise InvalidInput(
            "tls_key", params["tls_key"], "a key together with its certificate in tls_cert"
        )
    if params["users"] is not None:
        config["users"] = _users(params["users"], config["users"] or {}) or None
    if params.get("proxy") is not None:
        config["proxy"] = _proxy(params["proxy"])
    return config


def _proxy(asked: dict[str, Any]) -> UpstreamConfig | None:
    """Return the upstream that a task names, in normal form; None for an empty address."""
    from .proxy import proxy

    if not asked.get("remote_url"):
        extra = [key for key in ("username", "password", "ca_path", "insecure") if asked.get(key)]
        if extra:
            raise InvalidInput(
                "proxy." + extra[0],
                asked[extra[0]] if extra[0] != "password" else "given",
                "nothing without proxy.remote_url",
            )
        return None
    found: UpstreamConfig = {
        "remote_url": asked["remote_url"],
        "username": asked.get("username") or None,
        "password": asked.get("password") or None,
        "ca_path": asked.get("ca_path") or None,
        "insecure": bool(asked.get("insecure")),
        "ttl": units.duration(
            proxy.DEFAULT_TTL if asked.get("ttl") is None else asked["ttl"], "proxy.ttl"
        ),
    }
    proxy.check(found)
    return found


def _users(asked: list[dict[str, str]], known: dict[str, str]) -> dict[str, str]:
    """Return the secrets of the users that a task names. A secret stays where the password is the
    same.
    """
    found = {}
    for user in asked:
        registry_users.check_name(user["name"], "users.name")
        if user["name"] in found:
            raise InvalidInput("users.name", user["name"], "each name once")
        if not user["password"]:
            raise InvalidInput("users.password", "", "a password that is not empty")
        secret = known.get(user["name"])
        found[user["name"]] = (
            secret
            if secret and registry_users.matches(user["password"], secret)
            else registry_users.derive(user["password"])
        )
    return found


# --- whether it can work ---


def _check(engine: Engine, wanted: Row, current: Row | None) -> None:
    """:raises EngineError: where the configuration can't work on this host, as far as that shows
    beforehand.
    """
    config, name = wanted["config"], wanted["name"]
    for other in service.rows(engine):
        if other["name"] != name and other["config"]["path"] == config["path"]:
            raise Conflict(f"path: {config['path']} is the storage of registry {other['name']}")
    content_store.inspect(config["path"])
    if config["tls_cert"]:
        from .http.server import Certificate

        Certificate(config["tls_cert"], config["tls_key"], log=None)
    if wanted["wanted"] == "started":
        ours = (
            set(service.running_config(engine, name).get("listen", ()))
            if service.lives(engine, name)
            else set()
        )
        ports = {listen.parse(text)[1] for text in ours}
        for text in config["listen"]:
            address, port = listen.parse(text)
            _check_published(engine, address, port)
            if port not in ports:
                listen.bind(address, port).close()


def _check_published(engine: Engine, address: str, port: int) -> None:
    for row in engine.db.all("SELECT * FROM ports WHERE protocol = 'tcp' AND host_port = ?", port):
        if row["host_ip"] == address or {row["host_ip"], address} & {"0.0.0.0", "::", ""}:
            container = engine.db.one("SELECT name FROM containers WHERE id = ?", row["container"])
            raise Conflict(
                "listen: port %d is published by container %s"
                % (port, container["name"] if container else row["container"])
            )


# --- the plans ---


def _present(engine: Engine, wanted: Row, current: Row | None) -> Plan:
    name, config = wanted["name"], wanted["config"]
    found = Plan(
        f"registry {name}",
        lambda: {"registry": service.describe(engine, service.get(engine, name) or wanted)},
    )
    found.warnings += _warnings(wanted, current)
    lives = service.lives(engine, name)
    if current:
        _add_changes(found, name, current["config"], config)
    state = _state(engine, wanted, current, lives)
    if state is not None or current is None:
        before = state or "absent"
        found.add(
            "state",
            before,
            wanted["wanted"],
            {
                ("absent", "started"): "create and start registry %s",
                ("absent", "stopped"): "create registry %s",
                ("stopped", "started"): "start registry %s",
                ("started", "stopped"): "stop registry %s",
            }.get(
                (before, wanted["wanted"]),
                "restart registry %s"
                if wanted["wanted"] == "started"
                else "keep registry %s from starting",
            )
            % name,
        )
    if found.changes:
        found.changes[0].apply = lambda: _apply(engine, wanted, current)
    return found


def _add_changes(found: Plan, name: str, before: Config, config: Config) -> None:
    """Add what differs between two configurations to a plan."""
    key: Literal["listen", "path", "tls_cert", "tls_key"]
    for key in ("listen", "path", "tls_cert", "tls_key"):
        if before[key] != config[key]:
            found.add(key, before[key], config[key], f"change {key} of registry {name}")
    if before["proxy"] != config["proxy"]:
        proxies = _show_proxies(before["proxy"], config["proxy"])
        found.add("proxy", *proxies, f"change proxy of registry {name}")
    if before["users"] != config["users"]:
        users = _show_users(before["users"], config["users"])
        found.add("users", *users, f"change users of registry {name}")


def _state(engine: Engine, wanted: Row, current: Row | None, lives: bool) -> str | None:
    """Return the registry's state where that is not what is wanted, else None."""
    if wanted["wanted"] == "stopped":
        if lives:
            return "started"
        return "not running" if current and current["wanted"] == "started" else None
    if not lives:
        return "stopped" if current else "absent"
    if service.start_of(engine, wanted["name"], "supervisor") is None:
        return "started without its supervisor"
    if not service.is_well(engine, wanted["name"]):
        return "not answering"
    if current is None or current["wanted"] != "started":
        return "stopped"
    if current["config"] == wanted["config"] and not service.fits(engine, wanted):
        return "started with another configuration"  # a task was killed between the two
    return None


def _show_proxies(before: UpstreamConfig | None, after: UpstreamConfig | None) -> tuple[Any, Any]:
    """Return both sides of the difference, without the password."""
    shown = service.show_proxy(after)
    if before and after and shown and before["password"] != after["password"]:
        shown["password"] = "(new password)"
    return service.show_proxy(before), shown


def _show_users(
    before: dict[str, str] | None, after: dict[str, str] | None
) -> tuple[list[str], list[str]]:
    """Return both sides of the difference, without anything secret."""
    before, after = before or {}, after or {}
    return sorted(before), [
        name + (" (new password)" if name in before and before[name] != after[name] else "")
        for name in sorted(after)
    ]


def _warnings(wanted: Row, current: Row | None) -> list[str]:
    config, found = wanted["config"], []
    open_to_others = [
        text
        for text in config["listen"]
        if not ipaddress.ip_address(listen.parse(text)[0]).is_loopback
    ]
    if config["users"] and not config["tls_cert"] and open_to_others:
        found.append(
            f"registry {wanted['name']}: without tls_cert its users' passwords travel in clear "
            f"text to {', '.join(open_to_others)}"
        )
    if current and current["config"]["path"] != config["path"]:
        found.append(
            f"registry {wanted['name']}: what was pushed before stays in "
            f"{current['config']['path']}"
        )
    return found


def _apply(engine: Engine, wanted: Row, current: Row | None) -> None:
    """Store the new configuration, then start it. Where that fails, restore the old one."""
    name = wanted["name"]
    with engine.locks.hold("registry", name):
        service.put(engine, wanted)
        try:
            _run(engine, wanted)
        except BaseException:
            if current is None:
                service.remove(engine, name)
            else:
                service.put(engine, current)
                if current["wanted"] == "started":
                    _restore(engine, current)
            raise


def _run(engine: Engine, row: Row) -> None:
    name = row["name"]
    if row["wanted"] == "stopped":
        service.stop(engine, name)
    elif (
        service.lives(engine, name) and service.fits(engine, row) and service.is_well(engine, name)
    ):
        service.write_users(engine, row)
    else:
        service.stop(engine, name)
        service.start(engine, row)


def _restore(engine: Engine, row: Row) -> None:
    try:
        _run(engine, row)
    except EngineError:
        pass  # the error that made it necessary says more


def _absent(engine: Engine, params: dict[str, Any], current: Row | None) -> Plan:
    name, found = params["name"], Plan(f"registry {params['name']}", lambda: {"registry": None})
    path = os.path.normpath(
        current["config"]["path"]
        if current
        else params["path"] or os.path.join(engine.paths.registries, name)
    )
    others = [
        row["name"]
        for row in service.rows(engine)
        if row["name"] != name and row["config"]["path"] == path
    ]
    doomed = (
        path
        if params["delete_storage"]
        and not others
        and os.path.isdir(path)
        and content_store.inspect(path)
        else None
    )

    def apply() -> None:
        with (
            engine.locks.hold("registry", name),
            engine.operations.record("remove-registry", name=name, storage=doomed),
        ):
            service.remove(engine, name, doomed)

    if current or service.lives(engine, name):
        found.add(
            "state",
            "started" if service.lives(engine, name) else "stopped",
            None,
            f"remove registry {name}",
        )
    if doomed:
        found.add("storage", doomed, None, f"delete the registry's content in {doomed}")
    if found.changes:
        found.changes[0].apply = apply
    return found
