# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``--detach-keys``: the keys by which a person leaves a terminal that is joined to a container's.
The container goes on.
"""

from __future__ import annotations

from ...errors import InvalidInput

DEFAULT = "ctrl-p,ctrl-q"
CONTROLS = "@abcdefghijklmnopqrstuvwxyz[\\]^_"  # in the order of what they send, from 0 on


class Detached(Exception):
    """The keys were typed: the terminal was left, and what is at its other side runs on."""


def parse(text: str | None, flag: str = "--detach-keys") -> bytes:
    """Return the bytes that the keys send.

    :param text: such as ``ctrl-p,ctrl-q``; None for the default. :raises InvalidInput: it names no
        keys.
    """
    sent = bytearray()
    for key in (DEFAULT if text is None else text).split(","):
        control = key[5:].lower() if key.lower().startswith("ctrl-") else ""
        if len(control) == 1 and control in CONTROLS:
            sent.append(CONTROLS.index(control))
        elif len(key) == 1 and " " < key <= "~":
            sent.append(ord(key))
        else:
            raise InvalidInput(
                flag,
                text,
                "single characters and ctrl-<a to z, @, [, \\, ], ^ or _>, with commas between",
            )
    return bytes(sent)


class Watch:
    """Looks for the keys in what is typed. What may be their beginning is held back until it is
    clear.
    """

    def __init__(self, keys: bytes) -> None:
        self.keys, self.held = keys, b""

    def take(self, data: bytes) -> tuple[bytes, bool]:
        """Return ``(bytes to pass on, whether the keys were typed)``; nothing after the keys is
        passed on.
        """
        data = self.held + data
        at = data.find(self.keys)
        if at >= 0:
            self.held = b""
            return data[:at], True
        length = next(
            (
                size
                for size in range(min(len(self.keys) - 1, len(data)), 0, -1)
                if self.keys.startswith(data[-size:])
            ),
            0,
        )
        self.held = data[len(data) - length :]
        return data[: len(data) - length], False
