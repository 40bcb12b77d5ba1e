# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``logs -f`` and ``stats`` of many hosts at once, for the command ``ansible``.

A module answers once, so the controller's half of each host's task asks again and again over the task's connection, and shows what is new: lines
with the host before each, or one table that is drawn anew. It runs in the process that Ansible forks for the host. Each writes to the standard
output of ``ansible`` itself, one after the other by a lock on a file. Ansible's own Display would bring the lines through a queue; _screen.py says why
that is no way for what ends by an interrupt.
"""

from __future__ import annotations

import fcntl
import os
import re
import shlex
import time

from ansible import constants as C
from ansible import context
from ansible.errors import AnsibleActionFail
from ansible_collections.pycontainer.engine.plugins.module_utils._runtime.untrusted.text import (
    printable,
)
from ansible_collections.pycontainer.engine.plugins.plugin_utils import _fleet_table, _screen
from ansible_collections.pycontainer.engine.plugins.plugin_utils._engine_action import RUNTIME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ansible_collections.pycontainer.engine.plugins.plugin_utils._engine_action import (
        EngineAction,
    )

EACH = 1.0  # seconds between two questions
IDLE = 3  # questions without an answer until it is asked whether the container still runs
PATH = os.path.join(C.DEFAULT_LOCAL_TMP, "pycontainer-stream.json")
ENGINE = f"/usr/bin/python3 -IS {RUNTIME}/current/start.py"
FOLLOW = re.compile(r"--follow(=true)?|-[ft]*f[ft]*")
STAMPS = re.compile(r"--timestamps(=true)?|-[ft]*t[ft]*")
STAMPED = re.compile(r"\d{4}-\d\d-\d\dT")
LIVING = ("running", "paused", "restarting")


def _standard_output() -> int | None:
    """Return a descriptor of standard output; asked when this file is loaded, in Ansible's main process."""
    try:
        return fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, 3)
    except OSError:
        return None


_fd = _standard_output()
TERMINAL = _fd is not None and os.isatty(_fd)


def wanted(words: list[str]) -> Callable[..., dict[str, Any]] | None:
    """Return what shows a command continuously; None where it is one that answers once.

    :param words: the command. It has to come from the command line of ``ansible``: a playbook has to end.
    """
    if "module_name" not in context.CLIARGS or not words or _fd is None:
        return None
    if words[0] == "logs" and any(FOLLOW.fullmatch(word) for word in words[1:]):
        return logs
    once = any(word.startswith("--no-stream") or word in ("--help", "-h") for word in words)
    if words[0] == "stats" and TERMINAL and not once:
        return stats
    return None


def check(command: str, task_vars: dict[str, Any]) -> None:
    """:raises AnsibleActionFail: some hosts would have to wait for others that do not end."""
    hosts, forks = len(task_vars.get("ansible_play_hosts") or ()), context.CLIARGS.get("forks") or 1
    if hosts > forks:
        raise AnsibleActionFail(
            f"{command} of {hosts} hosts needs as many forks, and there are {forks}: add --forks {hosts}"
        )


def logs(
    action: EngineAction, words: list[str], task_vars: dict[str, Any], run: Callable[..., Any]
) -> dict[str, Any]:
    """Show a log's lines as they come, until the container ends.

    :param run: carries out a command as the module does; for what it says of a wrong one.
    """
    check("logs -f", task_vars)
    rest = [word for word in map(_not_following, words[1:]) if word]
    result: dict[str, Any] = run({"argv": ["logs", "--tail", "0", *_without(rest, "-n", "--tail")]})
    if result.get("failed"):
        return result
    host, width = _host(task_vars), _width(task_vars)
    stamps = any(STAMPS.fullmatch(word) for word in rest)
    names, since, seen, idle = rest, "", 0, 0
    name = [
        word
        for word in _without(rest, "-n", "--tail", "--since", "--until")
        if not word.startswith("-")
    ]
    while True:
        # --since is as exact as microseconds: ask from a moment before
        asked = [*(["--since", since[:23] + "Z"] if since else []), *names]
        found = [line for line in _ask(action, ["logs", "-t", *asked]) if STAMPED.match(line)]
        lines = sorted(found, key=lambda line: line.partition(" ")[0])
        lines = [line for line in lines if line.partition(" ")[0] >= since]
        new = lines[seen:] if since else lines
        if new:
            shown = new if stamps else [line.partition(" ")[2] for line in new]
            _write("".join(f"{line}\n" for line in _fleet_table.prefixed(host, shown, width)))
            since = new[-1].partition(" ")[0]
            seen = sum(line.partition(" ")[0] == since for line in lines)
            names = _without(rest, "-n", "--tail", "--since")
        idle = 0 if new else idle + 1
        if idle >= IDLE:
            idle = 0
            status = _ask(action, ["inspect", "--format", "{{.State.Status}}", *name])
            if not set(LIVING).intersection(status):
                return dict(result, stdout="", stdout_lines=[])
        time.sleep(EACH)


def stats(
    action: EngineAction, words: list[str], task_vars: dict[str, Any], run: Callable[..., Any]
) -> dict[str, Any]:
    """Show what containers use, in one table of all hosts, until an interrupt."""
    check("continuous stats", task_vars)
    once = ["stats", "--no-stream", *words[1:]]
    result: dict[str, Any] = run({"argv": once})
    host = _host(task_vars)
    while not result.get("failed"):
        lines = _ask(action, once)
        if lines:
            _draw(host, lines)
        time.sleep(EACH)
    return result


def _ask(action: EngineAction, words: list[str]) -> list[str]:
    """Return the lines of a command of the engine on the host, of both its outputs.

    :raises AnsibleActionFail: it failed; with what it said.
    """
    # with input, SSH makes no terminal, which would bring both outputs as one
    answer = action._low_level_execute_command(f"{ENGINE} {shlex.join(words)}", in_data=b"\n")
    if answer.get("rc"):
        said = str(answer.get("stderr") or answer.get("stdout") or "it said nothing").strip()
        raise AnsibleActionFail(f"{words[0]} on the host: {printable(said, 2000)}")
    return [*answer.get("stdout_lines", ()), *(answer.get("stderr") or "").splitlines()]


def _not_following(word: str) -> str:
    """Return a word without the flag to follow; "" where it is nothing else."""
    if not FOLLOW.fullmatch(word):
        return word
    return "" if word.startswith("--") else word.replace("f", "").strip("-") and "-t"


def _without(words: list[str], *flags: str) -> list[str]:
    """Return words without flags that have a value."""
    found, skip = [], False
    for word in words:
        if skip or word in flags:
            skip = word in flags and not skip
        elif not word.startswith(tuple(f"{flag}=" for flag in flags)):
            found.append(word)
    return found


def _host(task_vars: dict[str, Any]) -> str:
    return str(task_vars.get("inventory_hostname") or "host")


def _width(task_vars: dict[str, Any]) -> int:
    return max(map(len, map(str, task_vars.get("ansible_play_hosts") or [_host(task_vars)])))


def _update(change: Callable[[dict[str, Any]], str]) -> None:
    """Change what the hosts' processes know together, and write what ``change`` returns.

    ``hosts``: {host: lines}, ``height``: rows of the table that is drawn.
    """
    _screen.write_together(PATH, '{"hosts": {}, "height": 0}', change, _put)


def _write(text: str) -> None:
    _update(lambda _state: text)


def _draw(host: str, lines: list[str]) -> None:
    """Draw the table of all hosts over the one before."""

    def change(state: dict[str, Any]) -> str:
        state["hosts"][host] = lines
        table = _fleet_table.merged(dict(sorted(state["hosts"].items()))) or [
            printable(line, None) for line in lines
        ]
        columns, rows = os.get_terminal_size(-1 if _fd is None else _fd)
        table = [line[: columns - 1] for line in table[: max(rows - 1, 2)]]
        up = f"\x1b[{state['height']}A" if state["height"] else ""
        state["height"] = len(table)
        return f"\r{up}\x1b[J" + "".join(f"{line}\n" for line in table)

    _update(change)


def _put(text: str) -> None:
    data = text.encode("utf-8", "replace")
    while data and _fd is not None:
        data = data[os.write(_fd, data) :]
