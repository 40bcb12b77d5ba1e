# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a command works with: the engine, where its output goes, and the record of what it changed.

The on-host command and the ad-hoc module run the same functions; they differ in the session that
they hand them.
"""

from __future__ import annotations

import contextlib
import sys

from ..errors import EngineError
from ..events import change_history
from ..untrusted.text import printable
from . import colours, tables
from .grammar import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from contextlib import AbstractContextManager
    from typing import Any, TypeVar

    from ..engine import Engine
    from ..reconcile import Plan
    from .grammar import Given

    T = TypeVar("T")


def marked(word: str, colour: str) -> str:
    """Return a word for standard error, in colour where a person sees it."""
    return colours.paint(word, colour) if colours.wanted(sys.stderr) else word


class Session:
    """One command's surroundings.

    :param check: plan only.
    :param terminal: whether a person's terminal is at the other end, so that a command may take
        over standard input and output (``run -it``, ``logs -f``); the ad-hoc module has none.
    :ivar rc: the exit code.
    :ivar lines, errors: what was written to standard output and error.
    :ivar refused: the exit code when the engine refuses what was asked for.
    :ivar changed, actions, diffs, warnings: of the task's result.
    """

    changed: bool
    actions: list[str]
    diffs: list[dict[str, Any]]
    warnings: list[str]
    rc: int
    lines: list[str]
    errors: list[str]
    foretold: list[dict[str, Any]]  # images that checked commands would bring
    foretold_others: list[tuple[str, str, bool]]  # kind and name of what else; whether it would go
    refused: int

    def __init__(self, engine: Engine, check: bool = False, terminal: bool = False) -> None:
        self.engine, self.check, self.terminal = engine, check, terminal
        self.changed, self.actions, self.diffs, self.warnings, self.rc = False, [], [], [], 0
        self.lines, self.errors = [], []
        self.foretold, self.foretold_others = [], []
        self.refused = 1  # the exit code when the engine refuses what was asked for

    def say(self, *lines: str) -> None:
        """Write to standard output, line by line.

        Whatever text of others is in a line, it stays one line and moves no cursor; its tabs stay.
        """
        self.lines += self._said(lines)

    def flow(self, *lines: str) -> None:
        """Write lines of what goes on and on: as :meth:`say`, but at a terminal none is kept."""
        shown = self._said(lines)
        if not self.terminal:
            self.lines += shown

    def _said(self, lines: Iterable[str]) -> list[str]:
        shown = [printable(line, None, lines=True).replace("\n", "\\n") for line in lines]
        if self.terminal:
            for line in shown:
                sys.stdout.write(line + "\n")
            sys.stdout.flush()
        return shown

    def listing(self, lines: Sequence[str]) -> None:
        """Write what may be a tables.Table, which a person sees in colours."""
        if not (self.terminal and isinstance(lines, tables.Table) and colours.wanted(sys.stdout)):
            self.say(*lines)
            return
        self.lines += lines
        sys.stdout.write("".join(line + "\n" for line in colours.table(lines)))
        sys.stdout.flush()

    def clear(self) -> None:
        """Begin the next output at the top of an empty screen."""
        if self.terminal:
            sys.stdout.write("\x1b[2J\x1b[H")

    def complain(self, said: str | EngineError) -> None:
        """Write a sentence or an error to standard error; the command's exit code becomes 1.

        What follows is still done, as Docker does with lists.
        """
        self._err(str(said), ("Error:", colours.RED), lines=getattr(said, "lines", False))
        self.rc = self.rc or 1

    def mention(self, line: str) -> None:
        """Write to standard error what is no failure: what ``-f`` was to remove is not there."""
        self._err(line)

    def warn(self, line: str) -> None:
        """Write what was done otherwise than one may think; in a task the warnings are the
        result's.
        """
        if self.terminal:
            self._err(line, ("Warning:", colours.YELLOW), kept=False)

    def report(self, line: str) -> None:
        """Write how far it is: no result, so at a terminal it goes to standard error."""
        if self.terminal:
            self._err(line, kept=False)
        else:
            self.say(line)

    def _err(
        self,
        line: str,
        title: tuple[str, str] | None = None,
        kept: bool = True,
        lines: bool = False,
    ) -> None:
        line = printable(line, None, lines=lines)
        if kept:
            self.errors.append(line)
        if self.terminal:
            sys.stderr.write(f"{marked(*title) + ' ' if title else ''}{line}\n")
            sys.stderr.flush()

    def refuse(self, error: EngineError) -> None:
        """End a command that could not be done: its sentence, and Docker's exit code for that."""
        self.complain(error)
        self.rc = 125 if isinstance(error, UsageError) else self.refused

    def confirmed(self, question: str, force: bool) -> bool:
        """Ask a person at a terminal whether to take away more than was named; a task says yes by
        giving the command.
        """
        if force or not self.terminal:
            return True
        sys.stderr.write(
            f"WARNING! This will remove {question}.\nAre you sure you want to continue? [y/N] "
        )
        sys.stderr.flush()
        if sys.stdin.readline().strip().lower() in ("y", "yes"):
            return True
        return False  # which is an answer, no failure

    def carry_out(self, plan: Plan, live: bool = False) -> dict[str, Any]:
        """Apply a plan unless in check mode, and take down what it changes.

        :param live: show a person how far it is. :returns: ``plan.facts()``.
        """
        if not self.check:
            with (
                self._live()
                if live and self.terminal and plan.changed
                else contextlib.nullcontext()
            ):
                with change_history.noted(self.engine, plan):
                    plan.apply()
        self.record(plan.changed, plan.actions, plan.diff() if plan.changed else None)
        warnings = [printable(warning) for warning in plan.warnings]
        self.warnings += warnings
        for warning in warnings:
            self.warn(warning)
        facts = plan.facts()
        if self.check and plan.changed and isinstance(facts.get("image"), dict):
            self.foretell(facts["image"].get("RepoTags") or (), facts["image"])
        return facts

    def foretell(self, names: Iterable[str], image: dict[str, Any]) -> None:
        """Keep what a checked command would bring, for the tasks after it (``plugin_utils/_foretold.py``).

        :param image: what is known of it, {} where nothing is.
        """
        if names:
            self.foretold.append({"names": sorted(names), "image": image})

    def forget(self, names: Iterable[str]) -> None:
        """Keep that a checked command would take these names from images."""
        if self.check:
            self.foretold.append({"names": sorted(names), "image": {}, "gone": True})

    def foretell_other(self, kind: str, name: str, gone: bool = False) -> None:
        """Keep what a checked command would make, or remove.

        :param kind: network, container, secret, config, volume.
        """
        if self.check:
            self.foretold_others.append((kind, name, gone))

    def removes_coming(self, kind: str, name: str) -> bool:
        """Take down that a checked command would remove what an earlier task would make; return
        whether it is so. Call it where the host has none of that name.
        """
        if not (self.check and self.engine.is_foretold(kind, name)):
            return False
        self.record(True, [f"remove {kind} {name}"])
        self.foretell_other(kind, name, gone=True)
        self.say(name)
        return True

    def _live(self) -> AbstractContextManager[None]:
        from . import progress as live  # here: most commands have nothing to show

        return live.shown(self.engine)

    def record(
        self, changed: bool, actions: Iterable[str] = (), diff: dict[str, Any] | None = None
    ) -> None:
        """Take down what was changed, for the result of a task."""
        self.changed = self.changed or changed
        self.actions += actions
        if diff:
            self.diffs.append(diff)

    def each(self, names: Iterable[T], work: Callable[[T], object]) -> None:
        """Call ``work(name)`` for every name; an error of one does not keep the others from their
        turn.
        """
        for name in names:
            try:
                work(name)
            except EngineError as error:
                self.complain(error)

    def locked(self, kind: str, name: str) -> AbstractContextManager[Any]:
        """Return the lock of an object for a ``with`` block; check mode, which changes nothing,
        takes none.
        """
        return contextlib.nullcontext() if self.check else self.engine.locks.hold(kind, name)

    def need_tty(self, given: Given) -> None:
        """Check that ``-i -t`` has a terminal to join.

        :raises EngineError: where standard input is none.
        """
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

    def need_terminal(self, what: str, instead: str) -> None:
        """Check that ``what`` has the person's terminal that it needs.

        :raises UsageError: where there is none.
        """
        if not self.terminal:
            raise UsageError(f"{what} needs a terminal of its own, which a task has not; {instead}")
