# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses a registry listens on: read them, try them, ask whether a registry answers there."""

from __future__ import annotations

import errno
import ipaddress
import re
import socket
import ssl

from ...errors import Conflict, HostError, InvalidInput, reason
from ...rootless import keeper_client

ACCEPTED = "ADDRESS:PORT, such as 127.0.0.1:5000, 0.0.0.0:5000 or [::1]:5000"


def parse(text: object, lowest: int = 1) -> tuple[str, int]:
    """Read an ``ADDRESS:PORT``; ``localhost`` is 127.0.0.1.

    :param lowest: 0 where the kernel may choose the port.
    :raises InvalidInput: where it is none.
    """
    match = re.fullmatch(r"(?:\[([0-9a-fA-F:.]+)\]|([^:\[\]]+)):([0-9]{1,5})", str(text).strip())
    if match is None or not lowest <= int(match.group(3)) <= 65535:
        raise InvalidInput("listen", text, ACCEPTED)
    host = match.group(1) or ("127.0.0.1" if match.group(2) == "localhost" else match.group(2))
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise InvalidInput("listen", text, ACCEPTED) from None
    if (address.version == 6) != (match.group(1) is not None):
        raise InvalidInput("listen", text, ACCEPTED)
    return str(address), int(match.group(3))


def show(address: str, port: int) -> str:
    """Write an address in the one way that :func:`parse` reads."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def bind(address: str, port: int) -> socket.socket:
    """Return a listening socket.

    :raises Conflict: where the port is taken.
    :raises HostError: where the address can't be used.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = keeper_client.new_socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if ":" in address:
            sock.setsockopt(
                socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1
            )  # so that [::] and 0.0.0.0 can be had together
        sock.bind((address, port))
        sock.listen(128)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            raise Conflict(f"listen: {show(address, port)} is taken by another process") from None
        if error.errno == errno.EADDRNOTAVAIL:
            raise Conflict(f"listen: {address} is not an address of this host") from None
        if error.errno == errno.EACCES:
            raise HostError(
                f"listen: {show(address, port)} needs root: without root a port is at least that of "
                "net.ipv4.ip_unprivileged_port_start"
            ) from None
        raise HostError(
            f"listen: {show(address, port)} can't be used: {reason(error, named=True)}"
        ) from None
    return sock


def answers(address: str, port: int, tls: bool, timeout: float = 5.0) -> bool:
    """Tell whether a registry answers on /v2/ there, from this host."""
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)
    try:
        with keeper_client.create_connection((address, port), timeout=timeout) as sock:
            if tls:
                context = ssl.SSLContext(
                    ssl.PROTOCOL_TLS_CLIENT
                )  # it is asked whether it lives, not who it is
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                sock = context.wrap_socket(sock)
            sock.sendall(b"GET /v2/ HTTP/1.0\r\nHost: localhost\r\n\r\n")
            head = b""
            while b"\r\n\r\n" not in head and len(head) < 8192:
                piece = sock.recv(4096)
                if not piece:
                    break
                head += piece
            sock.close()
    except OSError:
        return False
    lines = head.decode("latin-1").lower().split("\r\n")
    return (
        lines[0][8:12] in (" 200", " 401")
        and "docker-distribution-api-version: registry/2.0" in lines
    )
