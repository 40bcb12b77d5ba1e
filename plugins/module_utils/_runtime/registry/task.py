# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module ``registry`` calls: a task's options in, a plan out."""

from __future__ import annotations

import ipaddress
import os
import re

from .. import units
from ..errors import Conflict, EngineError, InvalidInput
from ..reconcile import Plan
from .content import storage
from .http import auth, listen
from .service import service

NAME = re.compile("[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}")
DEFAULT_LISTEN = ["127.0.0.1:5000"]


def plan(engine, params):
    """The plan of a task of the module ``registry``; ``params`` are its options.

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
    wanted = {
        "name": params["name"],
        "config": _config(engine, params, current),
        "wanted": params["state"],
    }
    _check(engine, wanted, current)
    return _present(engine, wanted, current)


# --- what is wanted ---


def _config(engine, params, current):
    """The registry's configuration: what it is, or the defaults, with what the task names in their place."""
    default_path = os.path.join(engine.paths.registries, params["name"])
    defaults = {
        "listen": DEFAULT_LISTEN,
        "path": default_path,
        "tls_cert": None,
        "tls_key": None,
        "users": None,
        "proxy": None,
    }
    config = dict(current["config"]) if current else defaults
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
        config["tls_cert"], config["tls_key"] = (
            params["tls_cert"] or None,
            params["tls_key"] or None,
        )
    elif params["tls_key"] is not None:
        raise InvalidInput(
            "tls_key", params["tls_key"], "a key together with its certificate in tls_cert"
        )
    if params["users"] is not None:
        config["users"] = _users(params["users"], config["users"] or {}) or None
    if params.get("proxy") is not None:
        config["proxy"] = _proxy(params["proxy"])
    return config


def _proxy(asked):
    """The upstream that a task names, in normal form; None for an empty address."""
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
    found = {
        key: asked.get(key) or None for key in ("remote_url", "username", "password", "ca_path")
    }
    found["insecure"] = bool(asked.get("insecure"))
    found["ttl"] = units.duration(
        proxy.DEFAULT_TTL if asked.get("ttl") is None else asked["ttl"], "proxy.ttl"
    )
    proxy.check(found)
    return found


def _users(asked, known):
    """``{name: secret}`` of the users that a task names; the secret stays where the password is the same."""
    found = {}
    for user in asked:
        auth.check_name(user["name"], "users.name")
        if user["name"] in found:
            raise InvalidInput("users.name", user["name"], "each name once")
        if not user["password"]:
            raise InvalidInput("users.password", "", "a password that is not empty")
        secret = known.get(user["name"])
        found[user["name"]] = (
            secret
            if secret and auth.matches(user["password"], secret)
            else auth.derive(user["password"])
        )
    return found


# --- whether it can be had ---


def _check(engine, wanted, current):
    """:raises EngineError: when the configuration can't work on this host, as far as that can be seen beforehand."""
    config, name = wanted["config"], wanted["name"]
    for other in service.rows(engine):
        if other["name"] != name and other["config"]["path"] == config["path"]:
            raise Conflict(f"path: {config['path']} is the storage of registry {other['name']}")
    storage.inspect(config["path"])
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


def _check_published(engine, address, port):
    for row in engine.db.all("SELECT * FROM ports WHERE protocol = 'tcp' AND host_port = ?", port):
        if row["host_ip"] == address or {row["host_ip"], address} & {"0.0.0.0", "::", ""}:
            container = engine.db.one("SELECT name FROM containers WHERE id = ?", row["container"])
            raise Conflict(
                "listen: port %d is published by container %s"
                % (port, container["name"] if container else row["container"])
            )


# --- the plans ---


def _present(engine, wanted, current):
    name, config = wanted["name"], wanted["config"]
    found = Plan(
        f"registry {name}",
        lambda: {"registry": service.describe(engine, service.get(engine, name) or wanted)},
    )
    found.warnings += _warnings(wanted, current)
    lives = service.lives(engine, name)
    before = current["config"] if current else {}
    for key in ("listen", "path", "tls_cert", "tls_key"):
        if current and before[key] != config[key]:
            found.add(key, before[key], config[key], f"change {key} of registry {name}")
    if current and before["proxy"] != config["proxy"]:
        found.add(
            "proxy",
            *_show_proxies(before["proxy"], config["proxy"]),
            f"change proxy of registry {name}",
        )
    if current and before["users"] != config["users"]:
        found.add(
            "users",
            *_show_users(before["users"], config["users"]),
            f"change users of registry {name}",
        )
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


def _state(engine, wanted, current, lives):
    """What the registry's state is where that is not what is wanted, else None."""
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


def _show_proxies(before, after):
    """Both sides of the difference, without the password."""
    shown = service.show_proxy(after)
    if before and after and before["password"] != after["password"]:
        shown["password"] = "(new password)"
    return service.show_proxy(before), shown


def _show_users(before, after):
    """Both sides of the difference, without anything secret."""
    before, after = before or {}, after or {}
    return sorted(before), [
        name + (" (new password)" if name in before and before[name] != after[name] else "")
        for name in sorted(after)
    ]


def _warnings(wanted, current):
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


def _apply(engine, wanted, current):
    """Write down what is wanted, then bring it about; where that fails, put back what was."""
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


def _run(engine, row):
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


def _restore(engine, row):
    try:
        _run(engine, row)
    except EngineError:
        pass  # the error that made it necessary says more


def _absent(engine, params, current):
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
        if params["delete_storage"] and not others and os.path.isdir(path) and storage.inspect(path)
        else None
    )

    def apply():
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
