# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draw how far long work is, for a terminal of a given width: a line for each layer or step, or one line for a whole host.

Nothing but ASCII is drawn around names, and no line is wider than asked for.
"""

from __future__ import annotations

import unicodedata

from ..units import show_decimal
from . import board

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

BAR, LEAST = 50, 10  # columns of a bar: Docker's, and what is too narrow to be one
HOSTS = 20  # columns of hosts' names, at most
HOST_BAR = 20


def width_of(text: str) -> int:
    """Columns that a terminal needs for ``text``."""
    if text.isascii():
        return len(text)
    return sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def clip(text: str, width: int) -> str:
    """``text``, its end replaced by ".." where it is wider than ``width`` columns."""
    if width_of(text) <= width:
        return text
    mark = ".."[: max(0, width)]
    room, kept = width - len(mark), []
    for character in text:
        room -= _columns(character)
        if room < 0:
            break
        kept.append(character)
    return "".join(kept) + mark


def redrawn(lines_left: list[str], lines_kept: list[str]) -> str:
    """The text that draws lines from the cursor on, over what is there, and puts the cursor back above those that are kept.

    There it is right in a terminal that has become narrower meanwhile, too. Each line's rest is erased after the line, and all
    below at the end, so that nothing flickers.
    """
    text = "".join(line + "\x1b[K\n" for line in lines_left + lines_kept)
    return "\r" + text + "\x1b[J" + (f"\x1b[{len(lines_kept)}A" if lines_kept else "")


def draw_bar(done: int, total: int, width: int) -> str:
    """``[====>    ]`` in ``width`` columns."""
    inner = width - 2
    filled = min(inner, inner * done // total) if total else 0
    return "[%s]" % (("=" * (filled - 1) + ">") if filled else "").ljust(inner)


def amount(done: int, total: int) -> str:
    """``12.3MB/45.6MB``, or what there is of it."""
    return (
        f"{show_decimal(min(done, total))}/{show_decimal(total)}" if total else show_decimal(done)
    )


def lines(look: board.Look, width: int, now: int) -> list[tuple[str, bool]]:
    """The lines of everything that a ``board.Look`` knows, in order: ``[(text, whether it stays as it is)]``.

    :param now: CLOCK_MONOTONIC in milliseconds, for how long a step has been running.
    """
    found = []
    for number, item in in_order(look):
        if isinstance(item, str):
            found.append((clip(item, width), True))
            continue
        if item[0] in board.STEPS:
            found.append((_step(item, width, now), item[0] != board.RUNNING))
            if item[0] == board.RUNNING and look.output and number == len(look.items) - 1:
                found.append((clip(" => => # " + look.output, width), False))
        else:
            found.append((_layer(item, width), item[0] in board.ENDED))
    return found


def in_order(look: board.Look) -> list[tuple[int, board.Report] | tuple[None, str]]:
    """``[(its number, item)]`` of a ``board.Look``, and ``(None, subject)`` where one came between."""
    found: list[tuple[int, board.Report] | tuple[None, str]] = []
    heads = list(look.subjects)
    for number, item in enumerate(look.items):
        while heads and heads[0][0] <= number:
            found.append((None, heads.pop(0)[1]))
        found.append((number, item))
    return found + [(None, text) for _number, text in heads]


def _layer(item: board.Report, width: int) -> str:
    phase, done, total, name = item
    text = f"{name}: {board.WORDS[phase]}"
    if phase in board.MOVING:
        numbers = amount(done, total)
        room = min(BAR + 2, width - width_of(text) - len(numbers) - 3)
        text += (
            f" {draw_bar(done, total, room)}  {numbers}"
            if total and room >= LEAST
            else "  " + numbers
        )
    return clip(text, width)


def _step(item: board.Report, width: int, now: int) -> str:
    phase, began, length, name = item
    seconds = f"{(now - began if phase == board.RUNNING else length) / 1000:.1f}s"
    room = width - len(seconds) - 1
    text = clip(f" => {'CACHED ' if phase == board.CACHED else ''}{name}", room)
    return clip(text + " " * (room - width_of(text)) + " " + seconds, width)


class Summary:
    """One host's state in a few words.

    :ivar text: what is done there. :ivar done, total: bytes. :ivar ended, count: layers.
    """

    def __init__(
        self, text: str, done: int = 0, total: int = 0, ended: int = 0, count: int = 0
    ) -> None:
        self.text, self.done, self.total, self.ended, self.count = text, done, total, ended, count


def summary(look: board.Look) -> Summary:
    """A :class:`Summary` of a ``board.Look``: the running step, and the bytes of its layers."""
    items = look.items[look.since :]
    steps = [number for number, item in enumerate(items) if item[0] in board.STEPS]
    text = look.subject
    if steps:
        text = items[steps[-1]][3]
        if look.output and steps[-1] == len(items) - 1 and items[-1][0] == board.RUNNING:
            text += ": " + look.output
        items = items[steps[-1] + 1 :]
    done = sum(
        total if phase in board.ENDED and total else done for phase, done, total, _name in items
    )
    ended = sum(phase in board.ENDED for phase, _done, _total, _name in items)
    total = sum(total for _phase, _done, total, _name in items)
    return Summary(text, done, total, ended, len(items))


def numbers(found: Summary) -> str:
    """What of a :class:`Summary` is numbers: ``45.2MB/120.3MB  3/6 layers``."""
    parts = [amount(found.done, found.total)] if found.done or found.total else []
    if found.count:
        parts.append("%d/%d layer%s" % (found.ended, found.count, "s"[: found.count != 1]))
    return "  ".join(parts)


def host_line(host: str, found: Summary, width: int, hosts: int = HOSTS) -> str:
    """One line for a host. :param found: its :class:`Summary`. :param hosts: columns for the name, the same in every line."""
    head = clip(host, hosts)
    head = f"  {head}{' ' * (hosts - width_of(head))}  "
    tail = numbers(found)
    if found.total and width - width_of(head) - len(tail) - HOST_BAR - 4 >= HOST_BAR:
        tail = f"{draw_bar(found.done, found.total, HOST_BAR)}  {tail}"
    room = width - width_of(head) - len(tail) - 2
    if room < LEAST or not tail:
        return clip(head + (tail or found.text), width)
    text = clip(found.text, room)
    return clip(f"{head}{text}{' ' * (room - width_of(text))}  {tail}", width)


def host_lines(rows: Iterable[tuple[str, Summary]], width: int, height: int) -> list[str]:
    """The lines of several hosts, no more than ``height``. :param rows: ``[(host, Summary)]``."""
    rows = sorted(rows, key=lambda row: row[0])
    hosts = min(HOSTS, max([width_of(host) for host, _found in rows], default=0))
    kept = rows if len(rows) <= height else rows[: max(0, height - 1)]
    found = [host_line(host, each, width, hosts) for host, each in kept]
    if len(kept) < len(rows):
        found.append(clip(f"  and {len(rows) - len(kept)} more", width))
    return found


def sentence(found: Summary) -> str:
    """A :class:`Summary` as a plain line without its host: ``Pulling web:1: 45.2MB/120.3MB, 3/6 layers``."""
    return ": ".join(part for part in (found.text, numbers(found).replace("  ", ", ")) if part)
