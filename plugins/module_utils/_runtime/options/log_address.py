# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of what takes logs: ``tcp://host:port``, ``unix:///path``, and the facilities of syslog.

Whoever writes a log has it in memory for as long as a container runs: it imports nothing.
"""

from __future__ import annotations

LOCAL = ("unix", "unixgram")
FACILITIES = (  # of syslog, in the order of their numbers
    *("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron"),
    *("authpriv", "ftp", "ntp", "security", "console", "solaris-cron"),
    *(f"local{number}" for number in range(8)),
)


def split(address: str, port: int = 0) -> tuple[str, str, int, str]:
    """Return ``(scheme, host, port, path)`` of an address, the last for those of this host alone.

    :param port: that of an address without one. :raises ValueError: it is none.
    """
    scheme, separator, rest = address.partition("://")
    if not separator or any(ord(char) <= 32 or ord(char) == 127 for char in rest):
        raise ValueError(address)
    if scheme in LOCAL:
        if not rest.startswith("/"):
            raise ValueError(address)
        return scheme, "", 0, rest
    if rest.startswith("["):
        host, closed, said = rest[1:].partition("]")
        if not closed or (said and not said.startswith(":")):
            raise ValueError(address)
        said = said[1:]
    else:
        host, _colon, said = rest.partition(":")
    number = (
        int(said) if said.isascii() and said.isdigit() and len(said) <= 5 else 0 if said else port
    )
    if not host or "/" in host or "@" in host or not 0 < number < 65536:
        raise ValueError(address)
    return scheme, host, number, ""


def complete(address: str, port: int) -> str:
    """Write an address with its port. :raises ValueError: it is none."""
    scheme, host, number, path = split(address, port)
    if path:
        return f"{scheme}://{path}"
    return f"{scheme}://[{host}]:{number}" if ":" in host else f"{scheme}://{host}:{number}"
