# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a command works with: the engine, where its output goes, and the record of what it changed.

The on-host command and the ad-hoc module run the same functions; they differ in the session that they hand them.
"""

from __future__ import annotations

import contextlib
import sys

from ..errors import EngineError
from ..untrusted.text import printable
from . import colours, tables
from .grammar import UsageError


def marked(word, colour):
    """A word for standard error, in colour where a person sees it."""
    return colours.paint(word, colour) if colours.wanted(sys.stderr) else word


class Session:
    """One command's surroundings.

    :param check: plan only. :param terminal: whether a person's terminal is at the other end, so that a command may take over
        standard input and output (``run -it``, ``logs -f``); the ad-hoc module has none.
    """

    def __init__(self, engine, check=False, terminal=False):
        self.engine, self.check, self.terminal = engine, check, terminal
        self.changed, self.actions, self.diffs, self.warnings, self.rc = False, [], [], [], 0
        self.lines, self.errors = [], []
        self.refused = 1  # the exit code when the engine refuses what was asked for

    def say(self, *lines):
        """Standard output, line by line. Whatever text of others is in a line, it stays one line and moves no cursor; its tabs stay."""
        lines = [printable(line, None, lines=True).replace("\n", "\\n") for line in lines]
        self.lines += lines
        if self.terminal:
            for line in lines:
                sys.stdout.write(line + "\n")
            sys.stdout.flush()

    def listing(self, lines):
        """Standard output of what may be a tables.Table, which a person sees in colours."""
        if not (self.terminal and isinstance(lines, tables.Table) and colours.wanted(sys.stdout)):
            self.say(*lines)
            return
        self.lines += lines
        sys.stdout.write("".join(line + "\n" for line in colours.table(lines)))
        sys.stdout.flush()

    def clear(self):
        """Begin the next output at the top of an empty screen."""
        if self.terminal:
            sys.stdout.write("\x1b[2J\x1b[H")

    def complain(self, said):
        """Standard error, and the command's exit code becomes 1; what follows is still done, as Docker does with lists.

        :param said: a sentence, or an EngineError.
        """
        self._err(str(said), ("Error:", colours.RED), lines=getattr(said, "lines", False))
        self.rc = self.rc or 1

    def mention(self, line):
        """Standard error, where it is no failure: what ``-f`` was to remove is not there."""
        self._err(line)

    def warn(self, line):
        """Standard error, of what was done otherwise than one may think; in a task the warnings are the result's."""
        if self.terminal:
            self._err(line, ("Warning:", colours.YELLOW), kept=False)

    def report(self, line):
        """How far it is: no result, so at a terminal it goes to standard error."""
        if self.terminal:
            self._err(line, kept=False)
        else:
            self.say(line)

    def _err(self, line, title=None, kept=True, lines=False):
        line = printable(line, None, lines=lines)
        if kept:
            self.errors.append(line)
        if self.terminal:
            sys.stderr.write(f"{marked(*title) + ' ' if title else ''}{line}\n")
            sys.stderr.flush()

    def refuse(self, error):
        """The command could not be done: its sentence, and Docker's exit code for that."""
        self.complain(error)
        self.rc = 125 if isinstance(error, UsageError) else self.refused

    def confirmed(self, question, force):
        """Whether a person at a terminal says yes to what takes away more than was named; a task says so by giving the command."""
        if force or not self.terminal:
            return True
        sys.stderr.write(
            f"WARNING! This will remove {question}.\nAre you sure you want to continue? [y/N] "
        )
        sys.stderr.flush()
        if sys.stdin.readline().strip().lower() in ("y", "yes"):
            return True
        return False  # which is an answer, no failure

    def carry_out(self, plan, live=False):
        """Apply a plan unless in check mode, and take down what it changes. Returns ``plan.facts()``.

        :param live: show a person how far it is.
        """
        if not self.check:
            with (
                self._live()
                if live and self.terminal and plan.changed
                else contextlib.nullcontext()
            ):
                plan.apply()
        self.record(plan.changed, plan.actions, plan.diff() if plan.changed else None)
        warnings = [printable(warning) for warning in plan.warnings]
        self.warnings += warnings
        for warning in warnings:
            self.warn(warning)
        return plan.facts()

    def _live(self):
        from . import progress as live  # here: most commands have nothing to show

        return live.shown(self.engine)

    def record(self, changed, actions=(), diff=None):
        self.changed = self.changed or changed
        self.actions += actions
        if diff:
            self.diffs.append(diff)

    def each(self, names, work):
        """Call ``work(name)`` for every name; an error of one does not keep the others from their turn."""
        for name in names:
            try:
                work(name)
            except EngineError as error:
                self.complain(error)

    def locked(self, kind, name):
        """The lock of an object for a ``with`` block; check mode, which changes nothing, takes none."""
        return contextlib.nullcontext() if self.check else self.engine.locks.hold(kind, name)

    def need_tty(self, given):
        """:raises EngineError: where ``-i -t`` is to join a terminal that standard input is not."""
        if (
            self.terminal
            and given.tty
            and given.interactive
            and not given.detach
            and not sys.stdin.isatty()
        ):
            raise EngineError(
                "-i with -t: the input device is not a TTY; leave -t out to pass on a file or a "
                "pipe"
            )

    def need_terminal(self, what, instead):
        """:raises UsageError: where ``what`` needs a person's terminal and there is none."""
        if not self.terminal:
            raise UsageError(f"{what} needs a terminal of its own, which a task has not; {instead}")
