# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal, by its native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL), with Docker's fields."""

from __future__ import annotations

import socket
from _struct import pack

from . import peers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.run_file import RunFile
    from .shipper import Entry

SOCKET = "/run/systemd/journal/socket"
PRIORITIES = {"stdout": b"6", "stderr": b"3"}  # info and err, syslog(3)


class Journald:
    """The journal of this host."""

    patience = peers.PATIENCE

    def __init__(self, run: RunFile) -> None:
        log = run["log"]
        facts = log["facts"]
        self.path = SOCKET
        self.socket: socket.socket | None = None
        fields = {
            "CONTAINER_ID": facts["id"][:12],
            "CONTAINER_ID_FULL": facts["id"],
            "CONTAINER_NAME": facts["name"],
            "CONTAINER_TAG": facts["tag"],
            "IMAGE_NAME": facts["image"],
            "SYSLOG_IDENTIFIER": facts["tag"],
        }
        for key, value in log.get("attributes", {}).items():
            fields.setdefault(field_name(key), value)
        fields.pop("", None)
        self.fields = b"".join(field(key.encode(), value.encode()) for key, value in fields.items())

    def connect(self) -> None:
        self.socket = peers.datagrams(self.path)

    def send(self, entry: Entry) -> None:
        said = field(b"MESSAGE", entry.text) + field(b"PRIORITY", PRIORITIES[entry.stream])
        said += field(b"SYSLOG_TIMESTAMP", peers.stamp(entry.when).encode())
        if entry.goes_on:
            said += field(b"CONTAINER_PARTIAL_MESSAGE", b"true")
        peers.opened(self.socket).sendall(said + self.fields)

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()
            self.socket = None


def field(key: bytes, value: bytes) -> bytes:
    """Write a field: a line, or its length and its bytes where those have a line feed."""
    if b"\n" not in value:
        return key + b"=" + value + b"\n"
    return key + b"\n" + pack("<Q", len(value)) + value + b"\n"


def field_name(name: str) -> str:
    """Return what the journal takes as a field's name: ASCII capitals, digits, underscores, none of
    these at its beginning. "" where nothing is left.
    """
    kept = "".join(
        char if char.isascii() and char.isalnum() else "_" for char in name.upper()
    ).lstrip("_0123456789")
    return kept[:64]
