# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ad-hoc module's work: one command line, its output as a task's result."""

from __future__ import annotations

import shlex

from .. import cli
from ..errors import EngineError, InvalidInput
from . import execute, grammar, read
from .session import Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..engine import Engine


def tolerates(params: dict[str, Any]) -> bool:
    """Tell whether the command line works with a store whose database is lost, too.

    The front end asks before it opens the store.
    """
    try:
        return cli.tolerates(read(_words(params))[0])
    except (EngineError, grammar.HelpAsked):
        return False


def _words(params: dict[str, Any]) -> list[str]:
    try:
        argv = list(params["argv"] or shlex.split(params["cmd"]))
    except ValueError as error:
        raise InvalidInput("cmd", params["cmd"], f"words with closed quotes ({error})") from None
    return argv[1:] if argv[:1] == ["pycontainer"] else argv


def pycontainer(engine: Engine, params: dict[str, Any]) -> dict[str, Any]:
    """Carry out a command line.

    :returns: changed, actions, diff, stdout, stdout_lines, stderr, rc; ``failed`` where the
        command's exit code is not 0.
    """
    argv = _words(params)
    if not argv:
        raise InvalidInput("cmd", params["cmd"], "a command, for example: ps -a")
    session = Session(engine, check=engine.check)
    try:
        execute(session, *read(argv))
    except grammar.HelpAsked as asked:
        session.say(*str(asked).splitlines())
    except grammar.UsageError as error:
        session.refuse(error)
    stdout, stderr = "\n".join(session.lines), "\n".join(session.errors)
    result = {
        "changed": session.changed,
        "actions": session.actions,
        "diff": session.diffs,
        "warnings": [*engine.mended, *session.warnings],
        "stdout": stdout,
        "stdout_lines": stdout.splitlines(),
        "stderr": stderr,
        "rc": session.rc,
    }
    if session.foretold:
        result["foretold"] = session.foretold  # the controller's half takes it out
    if session.foretold_others:
        result["foretold_others"] = session.foretold_others
    if session.rc:
        result.update(failed=True, msg=stderr or f"the command ended with exit code {session.rc}")
    return result
