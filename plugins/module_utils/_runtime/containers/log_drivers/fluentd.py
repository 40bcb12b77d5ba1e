# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fluentd and Fluent Bit by the Forward protocol: one message an entry, MessagePack."""

from __future__ import annotations

import base64
import os
import socket
from _struct import pack

from . import peers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..spec.run_file import RunFile
    from .shipper import Entry

ANSWER = 1024  # bytes of an acknowledgement at most


class Fluentd:
    """One server. ``patience``: the retries' time in all."""

    def __init__(self, run: RunFile) -> None:
        log = run["log"]
        options, facts = log.get("options", {}), log["facts"]
        self.address: str = options.get("fluentd-address", "tcp://127.0.0.1:24224")
        self.patience: float = peers.PATIENCE
        if "fluentd-max-retries" in options or "fluentd-retry-wait" in options:
            self.patience = options.get("fluentd-max-retries", 10) * options.get(
                "fluentd-retry-wait", 1.0
            )
        self.fine = bool(options.get("fluentd-sub-second-precision"))
        self.receipts = bool(options.get("fluentd-request-ack"))
        self.connection: socket.socket | None = None
        self.tag = facts["tag"]
        self.fields = {
            "container_id": facts["id"],
            "container_name": "/" + facts["name"],
            **log.get("attributes", {}),
        }

    def connect(self) -> None:
        self.connection = peers.connect(self.address)

    def send(self, entry: Entry) -> None:
        connection = peers.opened(self.connection)
        peers.alive(connection)
        record: dict[str, Any] = {
            **self.fields,
            "source": entry.stream,
            "log": entry.text.decode("utf-8", "replace"),
        }
        if entry.goes_on:
            record["partial_message"] = "true"
        seconds, rest = divmod(entry.when, 1000000000)
        # EventTime: extension 0, seconds and nanoseconds.
        when = b"\xd7\x00" + pack(">II", seconds, rest) if self.fine else packed(seconds)
        message = packed(self.tag) + when + packed(record)
        if not self.receipts:
            connection.sendall(b"\x93" + message)
            return
        chunk = base64.b64encode(os.urandom(16)).decode()
        connection.sendall(b"\x94" + message + packed({"chunk": chunk}))
        self._receipt(connection, chunk)

    def _receipt(self, connection: socket.socket, chunk: str) -> None:
        """Wait for the answer ``{"ack": chunk}``. :raises OSError: it is another, or none."""
        wanted, got = packed({"ack": chunk}), b""
        while len(got) < len(wanted):
            piece = connection.recv(ANSWER)
            if not piece:
                raise OSError("the connection ended before the server said that it has the entry")
            got += piece
        if packed(chunk) not in got:
            raise OSError("the server acknowledged another entry")

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def packed(value: str | int | dict[str, Any]) -> bytes:
    """Write a text, a whole number that is not negative, or a map of texts as MessagePack."""
    if isinstance(value, str):
        data = value.encode("utf-8", "surrogatepass")
        if len(data) < 32:
            return bytes([0xA0 | len(data)]) + data
        if len(data) < 1 << 8:
            return b"\xd9" + pack(">B", len(data)) + data
        return (
            b"\xda" + pack(">H", len(data))
            if len(data) < 1 << 16
            else b"\xdb" + pack(">I", len(data))
        ) + data
    if isinstance(value, int):
        return b"\xce" + pack(">I", value) if value < 1 << 32 else b"\xcf" + pack(">Q", value)
    head = bytes([0x80 | len(value)]) if len(value) < 16 else b"\xde" + pack(">H", len(value))
    return head + b"".join(packed(key) + packed(item) for key, item in value.items())
