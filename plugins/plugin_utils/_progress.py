# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a host is, shown at the controller's terminal while its task runs.

A task that has not ended after two seconds is looked after: a thread reads the module's board on the host (``_runtime/progress/board.py``) over
a connection object of its own, once a second or less often, and what a task sends by itself it says with :meth:`Live.bytes`. Short tasks
pay nothing, and without a terminal nothing of this happens.
"""

from __future__ import annotations

import configparser
import contextlib
import copy
import os
import threading
import time
import uuid

from ansible import constants as C
from ansible import context
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.utils.display import Display
from ansible_collections.pycontainer.engine.plugins.module_utils._runtime.progress import (
    bars,
    board,
)
from ansible_collections.pycontainer.engine.plugins.module_utils._runtime.store import paths
from ansible_collections.pycontainer.engine.plugins.plugin_utils import _screen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from threading import Event
    from typing import Any

    from ansible_collections.pycontainer.engine.plugins.plugin_utils._engine_action import (
        EngineAction,
    )


ASKED = "PYCONTAINER_PROGRESS"  # the environment; ansible.cfg has [pycontainer] progress, a host or play the variable pycontainer_progress
AUTO, PLAIN, OFF = "auto", "plain", "off"
DIRECTORY = f"{paths.SHELL_RUN}/progress"
FIRST, EACH = 2.0, 1.0  # seconds until the first look, and between two
SHARE, RARELY = (
    10,
    5.0,
)  # after a look that took long, so many times as long until the next, but at most so many seconds; and where there is nothing to see
PLAIN_EACH = 10.0  # seconds between two plain lines of a host
# Callbacks whose output is for people and comes in whole lines. Others, such as json, get no line of ours between theirs.
FOR_PEOPLE = {
    "default",
    "minimal",
    "debug",
    "yaml",
    "skippy",
    "timestamp",
    "unixy",
    "diy",
    "default_without_diff",
    "tasks_only",
    "print_task",
}
NOISY = 3  # -vvv: the connections' own lines come at any time

display = Display()


def mode(variable: Any = None) -> str:
    """``bars``, ``plain`` or ``off``. :param variable: the value of ``pycontainer_progress``. :raises AnsibleActionFail: for another word."""
    for value, name in (
        (variable, "pycontainer_progress"),
        (os.environ.get(ASKED), ASKED),
        (_configured(), "[pycontainer] progress"),
    ):
        if value in (None, ""):
            continue
        asked = str(value).lower()
        if asked in (OFF, "false", "no"):  # YAML's off
            return OFF
        if asked == PLAIN:
            return PLAIN
        if asked != AUTO:
            raise AnsibleActionFail(f"{name}: {value!r} is not valid; accepted: auto, plain, off")
        break
    if (
        not _screen.TERMINAL
        or C.ANSIBLE_NOCOLOR
        or os.environ.get("TERM", "dumb") == "dumb"
        or not _for_people()
    ):
        return OFF
    return PLAIN if display.verbosity >= NOISY else "bars"


def _configured() -> str | None:
    if not C.CONFIG_FILE:
        return None
    parser = configparser.ConfigParser(interpolation=None, inline_comment_prefixes=(";",))
    with contextlib.suppress(configparser.Error, OSError, UnicodeDecodeError):
        parser.read(C.CONFIG_FILE, encoding="utf-8")
    return parser.get("pycontainer", "progress", fallback=None)


def _for_people() -> bool:
    """Tell whether what Ansible prints itself is for people."""
    if context.CLIARGS.get("one_line"):
        return False
    ad_hoc = "module_name" in context.CLIARGS and not C.DEFAULT_LOAD_CALLBACK_PLUGINS
    return ad_hoc or str(C.DEFAULT_STDOUT_CALLBACK).rpartition(".")[2] in FOR_PEOPLE


class Live:
    """One task on one host, shown while the block runs.

    :param action: the action plugin. :param task_vars: its variables.
    """

    def __init__(self, action: EngineAction, task_vars: dict[str, Any] | None) -> None:
        self.action = action
        self.host = str((task_vars or {}).get("inventory_hostname") or "host")
        idle = (
            action.only_looks
            or action._task.check_mode
            or action._task.async_val
            or action._task.no_log
        )
        self.mode = OFF if idle else mode(_variable(action, task_vars))
        self.began, self.said = time.monotonic(), 0.0
        self._screen: _screen.Screen | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Live:
        return self

    def __exit__(self, *_exception: object) -> None:
        with self._lock:
            self.mode = OFF
            _screen.leave(self._screen)

    def bytes(self, text: str, done: int, total: int = 0) -> None:
        """Show that so many bytes have been sent to the host, of so many. May be called for every
        piece.

        :param text: "Sending web:1".
        """
        if self.mode != OFF and self._due():
            self.show(bars.Summary(text, done, total))

    def show(self, summary: bars.Summary) -> None:
        """:param summary: of a host that is not to be trusted."""
        with self._lock:
            if self.mode == PLAIN:
                if time.monotonic() >= self.said + PLAIN_EACH:
                    self.said = time.monotonic()
                    display.display(
                        f"{self.host}: {bars.sentence(summary)}",
                        screen_only=True,
                        stderr=not _for_people(),
                    )
            elif self.mode != OFF:
                self.said = time.monotonic()
                self._screen = self._screen or _screen.Screen(self.host)
                self._screen.show(summary)

    def _due(self) -> bool:
        """Tell whether it is time to show something again."""
        now = time.monotonic()
        return now >= self.began + FIRST and now >= self.said + (
            PLAIN_EACH if self.mode == PLAIN else EACH / 2
        )

    @contextlib.contextmanager
    def watched(self) -> Iterator[dict[str, str]]:
        """Look at the host while the block runs. Yield what the module must be told beside its
        options.
        """
        if self.mode == OFF:
            yield {}
            return
        name, ended = uuid.uuid4().hex, threading.Event()
        threading.Thread(target=self._look, args=(name, ended), daemon=True).start()
        try:
            yield {"progress": name}
        finally:
            ended.set()

    def _look(self, name: str, ended: Event) -> None:
        """In a thread: read the board now and then. What goes wrong here is no matter of the
        task's.
        """
        pause, idle, reader = FIRST, EACH, None
        while not ended.wait(pause):
            reader = reader or _reader(self.action)
            began = time.monotonic()
            try:
                answer = reader._low_level_execute_command(
                    f"cat {DIRECTORY}/{name} 2>/dev/null || :"
                )
            except (AnsibleError, OSError):
                answer = {}
            found = board.Look(str(answer.get("stdout") or "").encode("utf-8", "replace"))
            seen = bool(found.subject or found.items)
            if seen and not ended.is_set():
                self.show(bars.summary(found))
            idle = EACH if seen else min(RARELY, 2 * idle)
            pause = max(
                PLAIN_EACH / 2 if seen and self.mode == PLAIN else idle,
                min(RARELY, SHARE * (time.monotonic() - began)),
            )


def _variable(action: EngineAction, task_vars: dict[str, Any] | None) -> Any:
    value = (task_vars or {}).get("pycontainer_progress")
    return action._templar.template(value) if isinstance(value, str) else value


def _reader(action: EngineAction) -> EngineAction:
    """Return an action like ``action`` with a connection object of its own: a command changes what
    a connection and its become plugin remember.
    """
    reader = copy.copy(action)
    reader._connection = copy.copy(action._connection)
    if reader._connection.become is not None:
        reader._connection.set_become_plugin(copy.copy(reader._connection.become))
    return reader
