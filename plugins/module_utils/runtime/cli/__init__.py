# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One command grammar, Docker's, for the on-host ``pycontainer`` command and the ad-hoc module.

:func:`execute` runs one command line in a session; :func:`main` is the on-host command.
"""

from __future__ import annotations

import importlib
import os
import sys

from .. import errors
from . import commands, grammar
from .session import Session


def read(argv):
    """The command that ``argv`` names and what it says: ``(Command, Given)``.

    :raises grammar.UsageError: when there is no such command or its flags and words don't fit.
    """
    found = grammar.find(commands.COMMANDS, argv)
    if found is None:
        words = [word for word in argv[:1] if word in {command.names[0].split()[0] for command in commands.COMMANDS}]
        raise grammar.UsageError(
            "%r is not a pycontainer command; accepted: %s" % (" ".join(argv[:2]), ", ".join(
                name for command in commands.COMMANDS for name in command.names[:1] if not words or name.startswith(words[0] + " "))))
    command, count = found
    return command, grammar.parse(command, argv[count:])


def execute(session, command, given):
    """Run a command that was read; its output and record are in the session afterwards."""
    module, dummy, function = command.function.partition(":")
    getattr(importlib.import_module("." + module, __package__), function)(session, given)


def main(argv):
    """The on-host command: returns its exit code (125: the engine itself refused, as Docker's)."""
    from ..engine import Engine

    if not argv or argv[0] in ("help", "--help", "-h"):
        sys.stdout.write(commands.overview() + "\n")
        return 0
    if argv[0] in ("--version", "-v"):
        argv = ["version"]
    try:
        found = grammar.find(commands.COMMANDS, argv)
        if found and any(word in ("--help", "-h") for word in argv[found[1]:found[1] + 1]):
            sys.stdout.write(found[0].page() + "\n")
            return 0
        command, given = read(argv)
        with Engine() as engine:
            session = Session(engine, terminal=True)
            execute(session, command, given)
            return session.rc
    except errors.EngineError as error:
        sys.stderr.write("Error: %s\n" % error)
        return 125
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # "pycontainer logs web | head"
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141
