# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Graylog's format GELF 1.1: datagrams, compressed and in chunks, or TCP, each entry ended by a NUL
byte.
"""

from __future__ import annotations

import json
import os
import socket
import zlib
from _struct import pack

from . import peers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..spec.run_file import RunFile
    from .shipper import Entry

LEVELS = {"stdout": 6, "stderr": 3}  # info and err, as syslog's
CHUNK = 1420  # bytes of a datagram that fits into one packet nearly everywhere, Docker's
MOST = 128  # chunks of one entry
HEAD = 12  # bytes of a chunk's own
WINDOW = {"gzip": 31, "zlib": 15}  # zlib's wbits for each


class Gelf:
    """One server. ``patience``: none over UDP, where nothing can be waited for."""

    def __init__(self, run: RunFile) -> None:
        log = run["log"]
        options, facts = log.get("options", {}), log["facts"]
        self.address: str = options["gelf-address"]
        self.streams = self.address.startswith("tcp:")
        tries = options.get("gelf-tcp-max-reconnect", 3)
        self.patience = (
            tries * options.get("gelf-tcp-reconnect-delay", 1.0) if self.streams else 0.0
        )
        self.compression = options.get("gelf-compression-type", "gzip")
        self.level = options.get("gelf-compression-level", 1)
        self.connection: socket.socket | None = None
        self.fields: dict[str, Any] = {
            "version": "1.1",
            "host": socket.gethostname(),
            "_container_id": facts["id"],
            "_container_name": facts["name"],
            "_image_id": facts["image_id"],
            "_image_name": facts["image"],
            "_command": facts["command"],
            "_tag": facts["tag"],
            "_created": peers.stamp(int(facts["created"] * 1e9)),
        }
        for key, value in log.get("attributes", {}).items():
            # Names of the format's own; "_id" is one that no field may have.
            name = "_" + "".join(char if char.isalnum() or char in "._-" else "_" for char in key)
            if name != "_id":
                self.fields.setdefault(name, value)

    def connect(self) -> None:
        self.connection = peers.connect(self.address)

    def send(self, entry: Entry) -> None:
        connection = peers.opened(self.connection)
        data = json.dumps(self.document(entry)).encode()
        if self.streams:
            peers.alive(connection)
            connection.sendall(data + b"\0")
            return
        for datagram in chunks(self._packed(data)):
            connection.send(datagram)

    def document(self, entry: Entry) -> dict[str, Any]:
        """Return an entry as the format has it."""
        return {
            **self.fields,
            "short_message": entry.text.decode("utf-8", "replace"),
            "timestamp": round(entry.when / 1e9, 3),
            "level": LEVELS[entry.stream],
        }

    def _packed(self, data: bytes) -> bytes:
        if self.compression == "none":
            return data
        packer = zlib.compressobj(self.level, zlib.DEFLATED, WINDOW[self.compression])
        return packer.compress(data) + packer.flush()

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def chunks(data: bytes) -> list[bytes]:
    """Cut a message into datagrams. :raises OSError: it has more than 128."""
    if len(data) <= CHUNK:
        return [data]
    size = CHUNK - HEAD
    pieces = [data[begin : begin + size] for begin in range(0, len(data), size)]
    if len(pieces) > MOST:
        raise OSError(f"an entry of {len(data)} bytes is more than {MOST} datagrams hold")
    ident = os.urandom(8)
    return [
        pack("<BB8sBB", 0x1E, 0x0F, ident, number, len(pieces)) + piece
        for number, piece in enumerate(pieces)
    ]
