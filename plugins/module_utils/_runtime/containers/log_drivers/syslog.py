# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Syslog: this host's, or a server's by UDP, TCP or TLS, in the formats that Docker writes.

RFC 3164, RFC 5424; over TLS frames of RFC 5425. Over streams without TLS, a line feed ends each.
"""

from __future__ import annotations

import os
import socket
import time

from ...options import log_address
from . import peers

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl

    from ..spec.run_file import RunFile
    from .shipper import Entry

LOCAL = ("/dev/log", "/var/run/syslog", "/var/run/log")  # where a host's own listens
SEVERITIES = {"stdout": 6, "stderr": 3}  # info and err
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


class Syslog:
    """One syslog. ``patience``: none over UDP, where nothing can be waited for."""

    def __init__(self, run: RunFile) -> None:
        options, facts = run["log"].get("options", {}), run["log"]["facts"]
        self.address: str = options.get("syslog-address", "")
        self.scheme = self.address.partition("://")[0]
        self.patience = 0.0 if self.scheme == "udp" else peers.PATIENCE
        self.facility = log_address.FACILITIES.index(options.get("syslog-facility", "daemon"))
        self.format = options.get("syslog-format", "")
        self.options, self.tag = options, _word(facts["tag"])
        self.host = socket.gethostname()
        self.connection: socket.socket | None = None
        self.streams = False

    def connect(self) -> None:
        self.connection = self._connected()
        self.streams = self.connection.type == socket.SOCK_STREAM

    def _connected(self) -> socket.socket:
        if self.address:
            tls = context(self.options) if self.scheme == "tcp+tls" else None
            try:
                return peers.connect(self.address, tls)
            except OSError:
                if self.scheme != "unix":
                    raise
            return peers.connect("unixgram" + self.address[len("unix") :])  # of the other kind
        problem: OSError = FileNotFoundError(2, "no syslog listens", " or ".join(LOCAL))
        for path in LOCAL:
            for scheme in ("unixgram", "unix"):
                try:
                    return peers.connect(f"{scheme}://{path}")
                except OSError as error:
                    problem = problem if isinstance(error, FileNotFoundError) else error
        raise problem

    def send(self, entry: Entry) -> None:
        connection = peers.opened(self.connection)
        if self.streams:
            peers.alive(connection)
        connection.sendall(self.message(entry))

    def message(self, entry: Entry) -> bytes:
        """Return an entry as it goes over the wire."""
        priority = self.facility * 8 + SEVERITIES[entry.stream]
        text = self._head(priority, entry.when).encode() + entry.text
        if self.scheme == "tcp+tls" and self.format.startswith("rfc5424"):
            return f"{len(text)} ".encode() + text
        return text + b"\n" if self.streams else text

    def _head(self, priority: int, when: int) -> str:
        pid, seconds = os.getpid(), when // 1000000000
        if self.format.startswith("rfc5424"):
            fraction = f".{when % 1000000000 // 1000:06d}" if self.format == "rfc5424micro" else ""
            moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + fraction + "Z"
            return f"<{priority}>1 {moment} {self.host} {self.tag[:48]} {pid} {self.tag[:32]} - "
        now = time.localtime(seconds)
        moment = f"{MONTHS[now.tm_mon - 1]} {now.tm_mday:2d} {time.strftime('%H:%M:%S', now)}"
        host = f"{self.host} " if self.format == "rfc3164" else ""
        return f"<{priority}>{moment} {host}{self.tag}[{pid}]: "

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def _word(tag: str) -> str:
    """Return a tag as one word of ASCII, which a header's fields are."""
    return "".join(char if "!" <= char <= "~" else "_" for char in tag) or "-"


def context(options: dict[str, str]) -> ssl.SSLContext:
    """Make what a TLS connection is checked and known by. :raises OSError: a file can't be read."""
    import ssl  # here: it is large, and only TLS needs it

    made = ssl.create_default_context(cafile=options.get("syslog-tls-ca-cert"))
    if options.get("syslog-tls-skip-verify"):
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    if options.get("syslog-tls-cert"):
        made.load_cert_chain(options["syslog-tls-cert"], options.get("syslog-tls-key"))
    return made
