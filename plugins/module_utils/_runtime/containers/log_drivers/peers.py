# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections to what takes logs: sockets of this host, servers, with TLS. Waits as long as it is
let; only the process of a log driver does so.
"""

from __future__ import annotations

import errno
import os
import socket

from ...options import log_address
from ..view import logs

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl

TIMEOUT = 10.0  # seconds for a connection, and for a peer to take what it is sent
ON_ITS_WAY = 1 << 16  # bytes that a connection's buffer holds
PATIENCE = 10.0  # seconds for which an entry is tried again in mode blocking

stamp = logs.stamp


def opened(connection: socket.socket | None) -> socket.socket:
    """Return a connection that is there. :raises OSError: it is not."""
    if connection is None:
        raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
    return connection


def alive(connection: socket.socket) -> None:
    """Look whether the peer is still there, before it is sent what would be lost otherwise.

    What it says meanwhile is thrown away. :raises OSError: it has ended the connection.
    """
    connection.settimeout(0)
    try:
        while connection.recv(4096):
            pass
    except BlockingIOError:
        return
    except OSError as error:
        if type(error).__name__ == "SSLWantReadError":  # ssl is loaded where it is in use alone
            return
        raise
    finally:
        connection.settimeout(TIMEOUT)
    raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))


def datagrams(path: str) -> socket.socket:
    """Connect to a socket of this host that takes datagrams."""
    return _local(path, socket.SOCK_DGRAM)


def _local(path: str, kind: int) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, kind)
    connection.settimeout(TIMEOUT)
    try:
        connection.connect(path)
    except OSError as error:
        connection.close()
        error.filename = path
        raise
    return connection


def connect(address: str, tls: ssl.SSLContext | None = None) -> socket.socket:
    """Connect to an address as ``log_address.split`` reads it; of those that a name has, to the first
    that answers.

    :raises OSError: naming the address.
    """
    scheme, host, port, path = log_address.split(address)
    if path:
        return _local(path, socket.SOCK_DGRAM if scheme == "unixgram" else socket.SOCK_STREAM)
    kind = socket.SOCK_DGRAM if scheme == "udp" else socket.SOCK_STREAM
    failed: OSError = OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    try:
        for family, _kind, protocol, _name, place in socket.getaddrinfo(host, port, type=kind):
            connection = socket.socket(family, kind, protocol)
            connection.settimeout(TIMEOUT)
            try:
                # What is on its way when the peer ends is lost: let it be little.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ON_ITS_WAY)
                connection.connect(place)
                if tls is not None:
                    connection = tls.wrap_socket(connection, server_hostname=host)
                return connection
            except OSError as error:
                connection.close()
                failed = error
    except OSError as error:
        failed = error
    failed.filename = address
    raise failed
