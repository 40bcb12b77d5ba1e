# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's key on an encrypted overlay network: made here, for root alone, and never sent anywhere.

A key is the base64 of 32 bytes, as ``wg genkey`` prints it. The public half is X25519 of the private
one and 9 (RFC 7748), which takes a millisecond. Each network has a key of its own on each host.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import time

from ...errors import HostError, InvalidInput
from ...store.atomic_files import make_private, write_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...store.paths import Paths

LENGTH = 32
PRIME, A24 = (1 << 255) - 19, 121665  # of curve25519


def place(paths: Paths, ident: str) -> str:
    """Return the path of a network's private key. :param ident: the network's."""
    return os.path.join(paths.network_keys, ident)


def make(paths: Paths, ident: str) -> str:
    """Make a new key in the place of the one that is there; returns its public half."""
    make_private(paths.network_keys)
    private = os.urandom(LENGTH)
    write_whole(place(paths, ident), base64.b64encode(private) + b"\n")
    return base64.b64encode(public(private)).decode()


def private(paths: Paths, ident: str) -> bytes | None:
    """Return a network's private key; None where there is none, or something else is there."""
    try:
        with open(place(paths, ident), "rb") as file:
            found = base64.b64decode(file.read(64).strip(), validate=True)
    except (OSError, binascii.Error):
        return None
    return found if len(found) == LENGTH else None


def require(paths: Paths, name: str, ident: str) -> bytes:
    """Return a network's private key. :raises HostError: there is none."""
    found = private(paths, ident)
    if found is None:
        raise HostError(
            f"network {name}: this host's key is missing ({place(paths, ident)}); run the task "
            "that makes the network again, on all its hosts"
        )
    return found


def known(paths: Paths, ident: str) -> str:
    """Return the public half of the key that is there, "" without one."""
    found = private(paths, ident)
    return base64.b64encode(public(found)).decode() if found else ""


def age(paths: Paths, ident: str) -> float:
    """Return how many seconds old a network's key is; 0 without one."""
    try:
        return max(0.0, time.time() - os.stat(place(paths, ident)).st_mtime)
    except OSError:
        return 0.0


def forget(paths: Paths, ident: str) -> None:
    """Remove a network's key; none is no error."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(place(paths, ident))


def check(text: object, option: str) -> str:
    """Return a public key as it was told. :raises InvalidInput: it is none."""
    try:
        raw = base64.b64decode(text if isinstance(text, str) else "", validate=True)
    except (ValueError, binascii.Error):
        raw = b""
    if len(raw) != LENGTH or not any(raw):
        raise InvalidInput(option, text, "a public key of WireGuard, 44 characters of base64")
    return base64.b64encode(raw).decode()


def public(secret: bytes) -> bytes:
    """Return the public half of a private key: X25519 of it and the base point 9 (RFC 7748, 5)."""
    number = int.from_bytes(secret, "little")
    number = number & ~7 & ~(1 << 255) | 1 << 254
    x2, z2, x3, z3, swapped = 1, 0, 9, 1, 0
    for position in range(254, -1, -1):
        bit = number >> position & 1
        if swapped ^ bit:
            x2, z2, x3, z3 = x3, z3, x2, z2
        swapped = bit
        more, less = (x2 + z2) % PRIME, (x2 - z2) % PRIME
        square, other = more * more % PRIME, less * less % PRIME
        difference = (square - other) % PRIME
        across, along = (x3 - z3) * more % PRIME, (x3 + z3) * less % PRIME
        x3 = (across + along) ** 2 % PRIME
        z3 = 9 * (across - along) ** 2 % PRIME
        x2 = square * other % PRIME
        z2 = difference * (square + A24 * difference) % PRIME
    if swapped:
        x2, z2 = x3, z3
    return (x2 * pow(z2, PRIME - 2, PRIME) % PRIME).to_bytes(LENGTH, "little")
