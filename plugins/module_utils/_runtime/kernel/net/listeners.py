# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which process has a port of this network namespace: for the sentence about a port that is taken.

It reads all processes' descriptors, some ten milliseconds on a busy host. Sources: proc_pid_net(5), proc_pid_fd(5).
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct

from .netlink import family_of

LISTENING = "0A"  # TCP_LISTEN, net/tcp_states.h
LARGEST = 16 << 20  # bytes of a table that are looked at


def holder(protocol: str, host_ip: str, port: int) -> tuple[str, int] | None:
    """Return ``(command's name, pid)`` of a process that listens on a port.

    :param host_ip: the address that can't be bound; a process on it comes before one on all addresses.
    :returns: None where there is none, as when the kernel itself has the port. The name is the process's own choice.
    """
    inodes = _inodes(protocol, host_ip, port)
    if not inodes:
        return None
    links = {f"socket:[{inode}]": rank for rank, inode in enumerate(inodes)}
    found: tuple[int, int] | None = None
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        with contextlib.suppress(OSError):  # a process that ends
            for fd in os.listdir(f"/proc/{name}/fd"):
                rank = links.get(_link(f"/proc/{name}/fd/{fd}"), -1)
                if rank >= 0 and (found is None or rank < found[0]):
                    found = (rank, int(name))
        if found is not None and found[0] == 0:
            break
    if found is None:
        return None
    try:
        with open(f"/proc/{found[1]}/comm", encoding="utf-8", errors="replace") as file:
            return file.read(64).strip(), found[1]
    except OSError:
        return None


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:  # a descriptor that is closed
        return ""


def _inodes(protocol: str, host_ip: str, port: int) -> list[str]:
    """Return the inodes of sockets that have a port, those on the very address first."""
    same: list[str] = []
    other: list[str] = []
    for suffix, family in (("", socket.AF_INET), ("6", socket.AF_INET6)):
        try:
            with open(f"/proc/self/net/{protocol}{suffix}") as file:
                lines = file.read(LARGEST).splitlines()[1:]
        except OSError:
            continue  # a kernel without IPv6; the table of SCTP has another form
        for line in lines:
            fields = line.split()
            if len(fields) < 10 or (protocol == "tcp" and fields[3] != LISTENING):
                continue
            text, _colon, number = fields[1].partition(":")
            if int(number, 16) == port:
                exact = family == family_of(host_ip) and address_of(family, text) == host_ip
                (same if exact else other).append(fields[9])
    return same + other


def address_of(family: int, text: str) -> str:
    """Read an address of the table: words of four bytes in the machine's order."""
    words = [int(text[start : start + 8], 16) for start in range(0, len(text), 8)]
    return socket.inet_ntop(family, struct.pack(f"={len(words)}I", *words))
