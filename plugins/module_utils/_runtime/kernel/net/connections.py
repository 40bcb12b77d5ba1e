# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is connected to the servers of a network namespace, and on which ports these listen.

Sources: proc_pid_net(5), net/tcp_states.h; the columns of net/sctp/assocs stand in its first line.
"""

from __future__ import annotations

import socket

from .listeners import LARGEST, LISTENING, address_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


FIN_WAIT2 = "05"  # all is sent, and taken by the other side
# ESTABLISHED, SYN_RECV, FIN_WAIT1, CLOSE_WAIT, LAST_ACK, CLOSING: there may be something to send.
OPEN = ("01", "03", "04", "08", "09", "0B")
SCTP_PORT = 11  # the column LPORT


def listening(pid: int) -> set[int]:
    """Return the TCP ports on which a process's network namespace listens for others."""
    return {
        port
        for local, port, _remote, state, _inode in _rows(pid)
        if state == LISTENING and not _is_loopback(local)
    }


def inbound(pid: int, ports: Collection[int]) -> int:
    """Count the connections of others to servers in a process's network namespace.

    :param ports: those of servers that may listen no more. :returns: 0 where the process is gone.
    """
    rows = list(_rows(pid))
    served = {*ports, *(port for _local, port, _remote, state, _i in rows if state == LISTENING)}
    count = sum(
        port in served
        and not _is_loopback(remote)
        and (state in OPEN or (state == FIN_WAIT2 and inode != "0"))
        for _local, port, remote, state, inode in rows
    )
    return count + sum(port in ports for port in _associations(pid))


def _is_loopback(address: str) -> bool:
    return address.startswith(("127.", "::ffff:127.")) or address == "::1"


def _rows(pid: int) -> Iterator[tuple[str, int, str, str, str]]:
    """Return ``(local address, its port, remote address, state, inode)`` of each TCP socket."""
    for suffix, family in (("", socket.AF_INET), ("6", socket.AF_INET6)):
        for fields in _table(pid, f"tcp{suffix}", 10):
            local, _colon, port = fields[1].partition(":")
            remote = fields[2].partition(":")[0]
            yield (
                address_of(family, local),
                int(port, 16),
                address_of(family, remote),
                fields[3],
                fields[9],
            )


def _associations(pid: int) -> list[int]:
    """Return the own port of each association of SCTP."""
    return [int(fields[SCTP_PORT]) for fields in _table(pid, "sctp/assocs", SCTP_PORT + 1)]


def _table(pid: int, name: str, least: int) -> list[list[str]]:
    """Return the lines of a table in words; [] where the kernel has none, or the process ended."""
    try:
        with open(f"/proc/{pid}/net/{name}") as file:
            lines = file.read(LARGEST).splitlines()[1:]
    except OSError:
        return []
    words = [line.split() for line in lines]
    return [fields for fields in words if len(fields) >= least]
