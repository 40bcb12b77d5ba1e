# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One command grammar, Docker's, for the on-host ``pycontainer`` command and the ad-hoc module.

:func:`read` and :func:`execute` carry out one command line in a session; :func:`main` is the
    on-host command. ``cli`` stands above
all nouns; ``commands`` has the commands, this folder what they share.
"""

from __future__ import annotations

import importlib
import io
import os
import signal
import sys
import traceback

from .. import errors
from . import colours, command_table, grammar
from .session import Session, marked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from .grammar import Command, Given


def read(argv: list[str]) -> tuple[Command, Given]:
    """Return the command that ``argv`` names and what it says.

    :raises UsageError: when there is no such command or its flags and words don't fit.
    :raises HelpAsked: when help is asked for.
    """
    if not argv or argv[0] in ("help", "--help", "-h"):
        rest = [word for word in argv[1:] if not word.startswith("-")]
        return read(rest + ["--help"]) if rest else _help(command_table.overview())
    if argv[0] in ("--version", "-v"):
        from ..deploy import fingerprint  # for this alone

        return _help("pycontainer version %s, build %s" % tuple(fingerprint.name().rsplit("-", 1)))
    if argv[0] == "__complete":  # the scripts of `completion` ask
        from .commands.system import completion

        return _help("\n".join(completion.offered(argv[2:])))
    found = grammar.find(command_table.COMMANDS, argv)
    if found is None:
        below = [
            command
            for command in command_table.COMMANDS
            if any(name.startswith(argv[0] + " ") for name in command.names)
        ]
        if below and argv[1:2] in ([], ["--help"], ["-h"]):
            return _help(command_table.overview(argv[0]))
        said = " ".join(argv[:2] if below else argv[:1])
        for name in (argv[0], said):
            if name in command_table.ELSEWHERE:
                raise grammar.UsageError(
                    f"pycontainer has no command {name}: {command_table.ELSEWHERE[name]}"
                )
        names = [
            name
            for command in below or command_table.COMMANDS
            for name in (
                [name for name in command.names if name.startswith(argv[0] + " ")][:1]
                if below
                else [name for name in command.names if " " not in name]
            )
        ]
        names += [] if below else list(command_table.GROUPS)
        raise grammar.UsageError(
            f"{said!r} is not a pycontainer command"
            f"{grammar.nearest(said, names, 'pycontainer --help')}"
        )
    command, count = found
    return command, grammar.parse(command, argv[count:])


def _help(text: str) -> NoReturn:
    raise grammar.HelpAsked(text)


def execute(session: Session, command: Command, given: Given) -> None:
    """Carry out a command that was read; its output, exit code and record are in the session
    afterwards.
    """
    session.engine.who["command"] = command.names[0]
    module, dummy, function = command.function.partition(":")
    try:
        getattr(importlib.import_module(".commands." + module, __package__), function)(
            session, given
        )
    except errors.EngineError as error:
        session.refuse(error)


def tolerates(command: Command) -> bool:
    """Tell whether a command works with a store whose database is lost, too."""
    return command.function == "system.system_check:check"


def main(argv: list[str]) -> int:
    """Be the on-host command.

    :returns: its exit code. 125: the command line is wrong, or ``run`` could not be done; 126 and
        127: its command could not be executed, or found.
    """
    # to whom it is ignored, nobody's end is told (wait(2))
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a locale may lack a character: no reason to fail
            stream.reconfigure(errors="backslashreplace")
    place: dict[str, str | None] = {"--root": None, "--runroot": None}
    while len(argv) > 1 and argv[0] in place:
        place[argv[0]] = os.path.abspath(argv[1])
        argv = argv[2:]
    try:
        command, given = read(argv)
        if os.geteuid() != 0:
            from ..rootless import enter

            enter.enter(False, place["--root"], place["--runroot"])
        from .. import nouns  # noqa: F401 # registers them; help is given without it
        from ..engine import Engine

        with Engine(place["--root"], place["--runroot"], broken=tolerates(command)) as engine:
            session = Session(engine, terminal=True)
            for sentence in engine.mended:
                session.warn(sentence)
            execute(session, command, given)
            return session.rc
    except grammar.HelpAsked as asked:
        sys.stdout.write(f"{asked}\n")
        return 0
    except errors.EngineError as error:
        sys.stderr.write(f"{marked('Error:', colours.RED)} {error}\n")
        return 125
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # "pycontainer logs web | head"
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141
    except Exception as error:  # noqa: B902 - a defect, or a host that fails: one sentence, and the traceback for whoever wants it
        if os.environ.get("PYCONTAINER_TRACEBACK"):
            traceback.print_exc()
        sys.stderr.write(
            f"{marked('Error:', colours.RED)} "
            f"{errors.unexpected(error, 'PYCONTAINER_TRACEBACK=1 shows the traceback')}\n"
        )
        return 125
