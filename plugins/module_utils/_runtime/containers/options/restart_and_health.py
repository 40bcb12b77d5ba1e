# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options about a container's life: restarts, health, removal when it ends."""

from __future__ import annotations

import re

from ... import units
from ...errors import InvalidInput
from ...options.forms import boolean, choice, text, whole
from ...options.rows import LIVE, MAP, Computed, Flag, Nowhere, Option, Suboption

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypedDict

    from ...options.rows import Definition

    class Need(TypedDict):
        """What a container asks of one that it depends on.

        ``condition``: STARTED, HEALTHY or COMPLETED. ``restart``: whether it is restarted with that
        one. ``required``: whether it is not started without that one.
        """

        condition: str
        restart: bool
        required: bool


# What has to be true of a container before one that depends on it is started, in Compose's words.
STARTED, HEALTHY, COMPLETED = "service_started", "service_healthy", "service_completed_successfully"
CONDITIONS = {
    **{name: name for name in (STARTED, HEALTHY, COMPLETED)},
    "started": STARTED,
    "healthy": HEALTHY,
    "completed": COMPLETED,
}
_CONTAINER = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")

# Docker's. Times are in seconds.
HEALTH_DEFAULTS: dict[str, Any] = {
    "interval": 30,
    "timeout": 30,
    "start_period": 0,
    "start_interval": 5,
    "retries": 3,
}
HEALTH_TIMES = ("interval", "timeout", "start_period", "start_interval")
STARTUP_DEFAULTS: dict[str, Any] = {"interval": 30, "timeout": 30, "retries": 0, "success": 0}
SHORTEST = 0.001  # Docker's smallest interval: 1 ms


def healthcheck(value: Any, name: str) -> dict[str, Any]:
    """What of a health check is named, times in seconds.

    :returns: any of ``test`` (``["NONE"]``, ``["CMD", ...]`` or ``["CMD-SHELL", command]``),
        ``interval``, ``timeout``, ``start_period``, ``start_interval`` and ``retries``.
    """
    accepted = "test, " + ", ".join(HEALTH_DEFAULTS)
    if not isinstance(value, dict):
        raise InvalidInput(name, value, f"a map with {accepted}")
    given = {key: item for key, item in value.items() if item is not None}
    if given.pop("test_cli_compatible", True) is False:
        given.setdefault("test", "NONE")
    unknown = set(given) - set(HEALTH_DEFAULTS) - {"test"}
    if unknown:
        raise InvalidInput(name, sorted(unknown)[0], accepted)
    result: dict[str, Any] = {}
    if "test" in given:
        result["test"] = _test(given["test"], name + ".test")
        if result["test"] == ["NONE"]:
            return result
    for key in HEALTH_TIMES:
        if key in given:
            result[key] = units.duration(given[key], f"{name}.{key}")
            if result[key] and result[key] < SHORTEST:
                raise InvalidInput(f"{name}.{key}", given[key], "0 (the default) or at least 1ms")
    if "retries" in given:
        result["retries"] = whole(0)(given["retries"], name + ".retries")
    return result


def _test(value: Any, name: str) -> list[str]:
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


def health(
    definition: Definition,
    image_health: dict[str, Any] | None,
    image_shell: list[str] | None = None,
) -> dict[str, Any] | None:
    """The health check in force: the definition's over the image's over the defaults.

    None where there is none.

    :param image_health: the image config's ``Healthcheck`` (durations in nanoseconds), or None.
    :param image_shell: its ``Shell``, for CMD-SHELL.
    """
    given, found = image_health or {}, {}
    for key, source in (("test", "Test"), ("retries", "Retries")):
        if given.get(source):
            found[key] = given[source]
    for key in HEALTH_TIMES:
        source = key.title().replace("_", "")  # StartPeriod
        if given.get(source):
            found[key] = given[source] / 1e9
    found.update({key: item for key, item in definition.get("healthcheck", {}).items() if item})
    if not found.get("test") or found["test"] == ["NONE"]:
        return None
    if image_shell:
        found["shell"] = image_shell
    if definition.get("healthcheck_failure_action", "none") != "none":
        found["on_failure"] = definition["healthcheck_failure_action"]
    if definition.get("health_startup_cmd"):
        given = {
            key: definition[f"health_startup_{key}"]
            for key in STARTUP_DEFAULTS
            if definition.get(f"health_startup_{key}")
        }
        found["startup"] = {**STARTUP_DEFAULTS, **given, "test": definition["health_startup_cmd"]}
    return {**HEALTH_DEFAULTS, **found}


def startup_cmd(value: Any, name: str) -> list[str]:
    """A command for a shell, as ``["CMD-SHELL", command]``; empty for none."""
    return _test(value, name) if text(value, name).strip() else []


def startup_time(value: Any, name: str) -> float:
    """Seconds; 0 for the default."""
    seconds: float = units.duration(value, name)
    if seconds and seconds < SHORTEST:
        raise InvalidInput(name, value, "0 (the default) or at least 1ms")
    return seconds


def check_health(definition: Definition, image_health: dict[str, Any] | None) -> None:
    """Refuse options about a health check where neither task nor image has one.

    :raises InvalidInput:
    """
    for option in ("healthcheck_failure_action", "health_startup_cmd"):
        value = definition.get(option)
        if value and value != "none" and health(definition, image_health) is None:
            raise InvalidInput(option, value, "a health check beside it, which the image lacks too")


def dependencies(value: Any, name: str) -> dict[str, Need]:
    """What a container depends on, ``{container: Need}``.

    :param value: names, each with ``:condition`` where that is not STARTED: a list, or a text with
        commas. Or a map, as in Compose, from names to conditions or to maps.
    """
    found: dict[str, Need] = {}
    if isinstance(value, dict):
        for other, asked in value.items():
            entry = {"condition": asked} if isinstance(asked, str) else asked or {}
            found[_container(other, name)] = _need(entry, f"{name}.{other}")
        return found
    if not isinstance(value, (str, list, tuple)):
        raise InvalidInput(name, value, "a list of names of containers, or a map")
    for item in [value] if isinstance(value, str) else value:
        for said in text(item, name).split(",") if item != "" else ():
            other, _colon, condition = said.strip().partition(":")
            if condition and condition not in CONDITIONS:
                raise InvalidInput(
                    name, said, f"name or name:condition, of {', '.join(CONDITIONS)}"
                )
            found[_container(other, name)] = _need({"condition": condition or STARTED}, name)
    return found


def _container(value: Any, name: str) -> str:
    if not isinstance(value, str) or not _CONTAINER.fullmatch(value):
        raise InvalidInput(name, value, "names of containers")
    return value


def _need(value: Any, name: str) -> Need:
    if not isinstance(value, dict) or set(value) - {"condition", "restart", "required"}:
        raise InvalidInput(name, value, "a map with condition, restart and required")
    given = {key: item for key, item in value.items() if item is not None}
    condition = given.get("condition", STARTED)
    if not isinstance(condition, str) or condition not in CONDITIONS:
        raise InvalidInput(f"{name}.condition", condition, ", ".join(CONDITIONS))
    return {
        "condition": CONDITIONS[condition],
        "restart": boolean(given.get("restart", False), f"{name}.restart"),
        "required": boolean(given.get("required", True), f"{name}.required"),
    }


def check(definition: Definition) -> None:
    """Refuse options that contradict each other. :raises InvalidInput:"""
    policy = definition.get("restart_policy", "no")
    if definition.get("restart_retries") and policy != "on-failure":
        raise InvalidInput(
            "restart_retries",
            definition["restart_retries"],
            "a number next to restart_policy on-failure",
        )
    if definition.get("auto_remove") and policy != "no":
        raise InvalidInput("auto_remove", True, f"either auto_remove, or restart_policy {policy}")
    if definition.get("healthcheck_failure_action") == "restart" and policy != "no":
        raise InvalidInput(
            "healthcheck_failure_action",
            "restart",
            f"none, kill or stop beside restart_policy {policy}, which starts it again after a kill",
        )
    for key in STARTUP_DEFAULTS:
        name = f"health_startup_{key}"
        if definition.get(name) and not definition.get("health_startup_cmd"):
            raise InvalidInput(name, definition[name], "a health_startup_cmd beside it")


OPTIONS: tuple[Option, ...] = (
    Option(
        "restart_policy",
        "str",
        choice("no", "on-failure", "always", "unless-stopped"),
        default="no",
        change=LIVE,
        place="run.json restart.policy",
        inspect="HostConfig.RestartPolicy.Name",
        flag=Flag(
            "--restart", "no, on-failure[:n], always or unless-stopped", update=True, reads="apart"
        ),
        description="""
        When to start the container again after it ended: V(no), V(on-failure), V(always) or
        V(unless-stopped); V(on-failure:5) has O(restart_retries), too. With V(always) and V(unless-stopped) it
        is started after a reboot, too, unless it was stopped. With V(on-failure) it is not, for a
        reboot is no failure of the container.

        The default is V(no).
        """,
    ),
    Option(
        "restart_retries",
        "int",
        whole(0),
        default=0,
        change=LIVE,
        place="run.json restart.retries",
        inspect="HostConfig.RestartPolicy.MaximumRetryCount",
        flag="--restart",
        description="""
        How often to start it again at most, with O(restart_policy=on-failure). V(0) is for no
        limit.
        """,
    ),
    Option(
        "healthcheck",
        "dict",
        healthcheck,
        default={},
        change=LIVE,
        place="run.json health",
        inspect=Computed("Config.Healthcheck"),
        flag=Flag(
            "--no-healthcheck",
            "No health check, whatever the image says",
            kind="switch",
            reads="apart",
        ),
        suboptions=(
            Suboption(
                "test",
                "raw",
                place="run.json health.test",
                inspect="Config.Healthcheck.Test",
                flag=Flag("--health-cmd", "Command that says whether it is healthy", reads="shell"),
                description="""
                The command, as a list that begins with V(CMD) or V(CMD-SHELL), or as a string for
                a shell in the container. V(NONE) turns the image's health check off.
                """,
            ),
            Suboption(
                "test_cli_compatible",
                "bool",
                place="run.json health.test",
                inspect="Config.Healthcheck.Test",
                flag=Nowhere("a flag that is not given is the image's"),
                description="""
                V(false) turns the health check off where O(healthcheck.test) is not given, as
                docker_container does it. The default is to take the image's command.
                """,
            ),
            Suboption(
                "interval",
                "str",
                place="run.json health.interval",
                inspect="Config.Healthcheck.Interval",
                flag=Flag("--health-interval", "Time between two checks"),
                description="Time between two checks, for example V(1m30s). The default is V(30s).",
            ),
            Suboption(
                "timeout",
                "str",
                place="run.json health.timeout",
                inspect="Config.Healthcheck.Timeout",
                flag=Flag("--health-timeout", "Time a check may take"),
                description="Time that a check may take. The default is V(30s).",
            ),
            Suboption(
                "start_period",
                "str",
                place="run.json health.start_period",
                inspect="Config.Healthcheck.StartPeriod",
                flag=Flag("--health-start-period", "Time in which failures don't count"),
                description="""
                Time after the start in which failures do not count. The default is V(0s).
                """,
            ),
            Suboption(
                "start_interval",
                "str",
                place="run.json health.start_interval",
                inspect="Config.Healthcheck.StartInterval",
                flag=Flag("--health-start-interval", "Time between two checks in the start period"),
                description="Time between two checks in the start period. The default is V(5s).",
            ),
            Suboption(
                "retries",
                "int",
                place="run.json health.retries",
                inspect="Config.Healthcheck.Retries",
                flag=Flag("--health-retries", "Failures that make it unhealthy"),
                description="""
                Number of failures in a row that make the container unhealthy. The default is
                V(3).
                """,
            ),
        ),
        description="""
        How to find out whether the container is well. What is not given is the image's.
        """,
    ),
    Option(
        "healthcheck_failure_action",
        "str",
        choice("none", "kill", "restart", "stop"),
        choices=["none", "kill", "restart", "stop"],
        default="none",
        change=LIVE,
        place="run.json health.on_failure",
        inspect="Config.HealthcheckOnFailureAction",
        flag=Flag("--health-on-failure", "When it is unhealthy: none, kill, restart or stop"),
        aliases=["health_on_failure"],
        description="""
        What is done to a container that is unhealthy. V(kill) kills it, and its O(restart_policy)
        says whether it is started again. V(stop) stops it for good, and V(restart) stops it and
        starts it again. Both send O(stop_signal) and wait for O(stop_timeout). V(restart) goes with
        O(restart_policy=no) alone.

        The default is V(none).
        """,
    ),
    Option(
        "health_startup_cmd",
        "str",
        startup_cmd,
        default=[],
        change=LIVE,
        place="run.json health.startup.test",
        inspect=Computed("Config.StartupHealthCheck.Test"),
        flag=Flag("--health-startup-cmd", "Command that says whether it has come up"),
        description="""
        A command for a shell in the container that says whether it has come up. The health check
        begins when it has succeeded. An empty text is for none.
        """,
    ),
    Option(
        "health_startup_interval",
        "str",
        startup_time,
        default=0,
        change=LIVE,
        place="run.json health.startup.interval",
        inspect=Computed("Config.StartupHealthCheck.Interval"),
        flag=Flag("--health-startup-interval", "Time between two runs of it"),
        description="Time between two runs of O(health_startup_cmd). The default is V(30s).",
    ),
    Option(
        "health_startup_retries",
        "int",
        whole(0),
        default=0,
        change=LIVE,
        place="run.json health.startup.retries",
        inspect=Computed("Config.StartupHealthCheck.Retries"),
        flag=Flag("--health-startup-retries", "Failures of it until a restart"),
        description="""
        Failures of O(health_startup_cmd) in a row after which the container is restarted. V(0) is
        for never, which is the default.
        """,
    ),
    Option(
        "health_startup_success",
        "int",
        whole(0),
        default=0,
        change=LIVE,
        place="run.json health.startup.success",
        inspect=Computed("Config.StartupHealthCheck.Successes"),
        flag=Flag("--health-startup-success", "Successes of it until the health check begins"),
        description="""
        Successes of O(health_startup_cmd) in a row that are needed. V(0), which is the default, is
        for one.
        """,
    ),
    Option(
        "health_startup_timeout",
        "str",
        startup_time,
        default=0,
        change=LIVE,
        place="run.json health.startup.timeout",
        inspect=Computed("Config.StartupHealthCheck.Timeout"),
        flag=Flag("--health-startup-timeout", "Time a run of it may take"),
        description="Time that O(health_startup_cmd) may take. The default is V(30s).",
    ),
    Option(
        "depends_on",
        "raw",
        dependencies,
        default={},
        compare=MAP,
        change=LIVE,
        place=Nowhere("who starts or stops containers reads it in the definition"),
        inspect="HostConfig.DependsOn",
        flag=Flag(
            "--depends-on, --requires",
            "Containers that are started before it: name[:started|healthy|completed]",
            kind="list",
        ),
        aliases=["requires"],
        description="""
        Containers that this one depends on, by name. Whoever starts this one starts them first, at
        a boot, too: a task, C(pycontainer start) or C(pycontainer run). Where several are stopped
        or removed together, and when the host is shut down, this one is stopped before them.

        A list of names, such as V([db, cache]), or a map as in Compose, from a name to V(condition),
        V(restart) and V(required). V(condition) is V(service_started), which is the default,
        V(service_healthy) or V(service_completed_successfully). The start waits for the condition,
        for O(healthy_wait_timeout) seconds at most. A container that has ended with exit code 0 is
        not started again for V(service_completed_successfully).

        With V(restart=true), this one is restarted when a task or command restarts or replaces the
        other one. With V(required=false), this one is started with a warning where the other one
        does not exist or does not meet the condition.
        """,
    ),
    Option(
        "sdnotify",
        "str",
        choice("conmon", "container", "healthy", "ignore"),
        choices=["conmon", "container", "healthy", "ignore"],
        default="conmon",
        place=("config.json mounts", "config.json process.env"),
        inspect="Config.sdNotifyMode",
        flag=Flag("--sdnotify", "Who tells systemd: conmon, container, healthy or ignore"),
        description="""
        When the container's unit of systemd (O(generate_systemd)) is ready. V(conmon), which is the
        default: when the container was started. V(healthy): when its health check says so.
        V(container): when its program says so by C(NOTIFY_SOCKET), see sd_notify(3), which also has
        to say that it lives where the unit has C(WatchdogSec=). V(ignore): at once.
        """,
    ),
    Option(
        "auto_remove",
        "bool",
        boolean,
        default=False,
        change=LIVE,
        place="run.json auto_remove",
        inspect="HostConfig.AutoRemove",
        flag=Flag("--rm", "Remove it when it ends"),
        aliases=["rm", "remove"],
        description="Remove the container, with its anonymous volumes, when it ends.",
    ),
)
