# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options about a container's life: restarts, health, logs, removal when it ends."""

from __future__ import annotations

from ... import units
from ...errors import InvalidInput
from .table import Option, choice, flag, text, whole

HEALTH_DEFAULTS = {
    "interval": 30,
    "timeout": 30,
    "start_period": 0,
    "start_interval": 5,
    "retries": 3,
}  # Docker's, in seconds
SHORTEST = 0.001  # Docker's smallest interval: 1 ms


def healthcheck(value, name):
    """``{"test": ["NONE"] | ["CMD", ...] | ["CMD-SHELL", command], "interval", ...: seconds, "retries"}``: only what is named."""
    if not isinstance(value, dict):
        raise InvalidInput(name, value, "a map with test, " + ", ".join(HEALTH_DEFAULTS))
    given = {key: item for key, item in value.items() if item is not None}
    unknown = set(given) - set(HEALTH_DEFAULTS) - {"test"}
    if unknown:
        raise InvalidInput(name, sorted(unknown)[0], "test, " + ", ".join(HEALTH_DEFAULTS))
    result = {}
    if "test" in given:
        result["test"] = _test(given["test"], name + ".test")
        if result["test"] == ["NONE"]:
            return result
    for key in ("interval", "timeout", "start_period", "start_interval"):
        if key in given:
            result[key] = units.duration(given[key], f"{name}.{key}")
            if result[key] and result[key] < SHORTEST:
                raise InvalidInput(f"{name}.{key}", given[key], "0 (the default) or at least 1ms")
    if "retries" in given:
        result["retries"] = whole(0)(given["retries"], name + ".retries")
    return result


def _test(value, name):
    if isinstance(value, str):
        return ["NONE"] if value.strip() == "NONE" else ["CMD-SHELL", text(value, name)]
    if not isinstance(value, (list, tuple)) or not value:
        raise InvalidInput(
            name, value, "NONE, a shell command, or a list that begins with CMD or CMD-SHELL"
        )
    words = [text(item, name) for item in value]
    if words[0] not in ("NONE", "CMD", "CMD-SHELL"):
        raise InvalidInput(name, value, "a list that begins with NONE, CMD or CMD-SHELL")
    if words[0] == "NONE":
        return ["NONE"]
    if len(words) < 2 or (words[0] == "CMD-SHELL" and len(words) != 2):
        raise InvalidInput(name, value, "CMD and a command's words, or CMD-SHELL and one command")
    return words


def health(definition, image_health, image_shell=None):
    """The health check in force: the definition's over the image's over the defaults; None where there is none.

    :param image_health: the image config's ``Healthcheck`` (durations in nanoseconds) or None. :param image_shell: its ``Shell``, for CMD-SHELL.
    """
    found = {}
    for key, source, factor in (
        ("test", "Test", None),
        ("interval", "Interval", 1e9),
        ("timeout", "Timeout", 1e9),
        ("start_period", "StartPeriod", 1e9),
        ("start_interval", "StartInterval", 1e9),
        ("retries", "Retries", None),
    ):
        if (image_health or {}).get(source):
            found[key] = image_health[source] / factor if factor else image_health[source]
    found.update({key: item for key, item in definition.get("healthcheck", {}).items() if item})
    if not found.get("test") or found["test"] == ["NONE"]:
        return None
    return dict(HEALTH_DEFAULTS, **found, **({"shell": image_shell} if image_shell else {}))


def log_options(value, name):
    """``{"max-size": bytes, "max-file": n}`` of the json-file driver: only what is named."""
    if not isinstance(value, dict):
        raise InvalidInput(name, value, "a map")
    result = {}
    for key, item in value.items():
        if key == "max-size":
            result[key] = units.size(item, name + ".max-size") if str(item) != "-1" else 0
        elif key == "max-file":
            result[key] = whole(1)(item, name + ".max-file")
        else:
            raise InvalidInput(name, key, "max-size, max-file")
    return result


def check(definition):
    """What one option alone can't tell. :raises InvalidInput:"""
    policy = definition.get("restart_policy", "no")
    if definition.get("restart_retries") and policy != "on-failure":
        raise InvalidInput(
            "restart_retries",
            definition["restart_retries"],
            "a number next to restart_policy on-failure",
        )
    if definition.get("auto_remove") and policy != "no":
        raise InvalidInput("auto_remove", True, f"either auto_remove, or restart_policy {policy}")
    logs = definition.get("log_options", {})
    if logs and definition.get("log_driver", "json-file") == "none":
        raise InvalidInput("log_options", logs, "nothing, with log_driver none")
    if logs.get("max-file", 1) > 1 and not logs.get("max-size"):
        raise InvalidInput("log_options", "max-file", "more than one file only next to max-size")


OPTIONS = (
    Option(
        "restart_policy", choice("no", "on-failure", "always", "unless-stopped"), "no", live=True
    ),
    Option("restart_retries", whole(0), 0, live=True),
    Option("healthcheck", healthcheck, {}, live=True),
    Option("log_driver", choice("json-file", "none"), "json-file", live=True),
    Option("log_options", log_options, {}, "map", live=True),
    Option("auto_remove", flag, False, live=True),
)
