# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signals by name and number (signal(7)).

Without the module ``signal``, which would make every monitor larger and each cold run longer.
"""

from __future__ import annotations

import _signal

from ...errors import InvalidInput

HIGHEST = 64  # on Linux


def number(text: str) -> int | None:
    """Return the number of ``TERM``, ``SIGTERM``, ``sigterm``, ``RTMIN+3``, ``SIGRTMAX-1`` or
    ``15``; None for what is no signal.
    """
    if text.isascii() and text.isdigit():
        found = int(text) if len(text) < 5 else 0
    else:
        found = _of_name(text.upper())
    return found if 0 < found <= HIGHEST else None


def checked_number(name: str | int) -> int:
    """Return the number of ``SIGTERM``, ``TERM``, ``15`` or ``SIGRTMIN+3``.

    :raises InvalidInput: it is none.
    """
    found = number(str(name))
    if found is not None:
        return found
    raise InvalidInput(
        "signal", name, "a signal's name or number, such as SIGTERM, 15 or SIGRTMIN+3"
    )


def _of_name(text: str) -> int:
    name, sign, offset = text.partition("+") if "+" in text else text.partition("-")
    name = name if name.startswith("SIG") else "SIG" + name
    value = getattr(_signal, name, None) if name.isalnum() else None
    if not isinstance(value, int):
        return 0
    if not sign:
        return int(value)
    fits = name in ("SIGRTMIN", "SIGRTMAX") and offset.isascii() and offset.isdigit()
    return int(value) + int(sign + offset) if fits and len(offset) < 3 else 0


def name(number: int) -> str | None:
    """Return the name of a signal's number, ``SIGTERM`` or ``SIGRTMIN+3``; None where it has none."""
    if _signal.SIGRTMIN < number <= _signal.SIGRTMAX:
        return f"SIGRTMIN+{number - _signal.SIGRTMIN}"
    # Some have two: SIGCHLD and SIGCLD. The first in the alphabet is the usual one.
    names = [word for word in dir(_signal) if word.startswith("SIG") and word.isalnum()]
    return next((word for word in sorted(names) if getattr(_signal, word) == number), None)
