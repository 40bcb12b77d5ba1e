# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who has which name on which network, as run.json of the containers says.

On each network a container has its name, its aliases, the first 12 digits of its id and its
hostname. Several containers may have one name. A name of a container that does not run is known as
well: nobody else is asked for it.
"""

from __future__ import annotations

import os
import socket

from ...kernel.processes import procfs
from ...store.atomic_files import read_json
from ..drivers import remote_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional

    from ...store.paths import Paths

    Addresses = list[bytes]  # packed: 4 bytes or 16

DEFAULT = "bridge"  # networks.definition.DEFAULT, which has no names
SHORT = 12  # digits of an id that are a name


class Member:
    """A container as others find it, and what of it matters when it asks.

    :ivar names: ``{network: [name]}``, in the order of its networks; the first is the container's.
    :ivar addresses: ``{network: [packed address]}``.
    :ivar subnets: ``[(packed address, prefix length)]`` that it is in.
    :ivar links: ``{name: another's name or id}``, for itself alone.
    :ivar network_links: the same of one network, ``{network: links}``.
    :ivar servers: its own DNS servers; None for the host's.
    :ivar outside: whether it is on a network that is not internal.
    :ivar ndots: of its resolv.conf, where it was asked for.
    :ivar served: whether it asks at 127.0.0.11; one that an older version made does not.
    """

    def __init__(self, ident: str, document: dict[str, Any]) -> None:
        network = document.get("network") or {}
        attachments = network.get("attachments") or ()
        self.ident, self.served = ident, "names" in network
        self.names: dict[str, list[str]] = network.get("names", None) or {}
        if not self.served:
            own = [document.get("name") or ident, ident[:SHORT]]
            self.names = {one["network"]: own for one in attachments if one["network"] != DEFAULT}
        self.addresses: dict[str, Addresses] = {}
        self.subnets: list[tuple[bytes, int]] = []
        for one in attachments:
            for text in (one.get("address"), one.get("address6")):
                if text:
                    address, _slash, prefix = text.partition("/")
                    self.addresses.setdefault(one["network"], []).append(packed(address))
                    self.subnets.append((packed(address), int(prefix or 0)))
        self.links = _links(network.get("links") or {})
        self.network_links = {
            name: _links(links) for name, links in (network.get("network_links") or {}).items()
        }
        dns = network.get("dns") or {}
        self.servers: Optional[list[str]] = dns.get("servers") or None
        self.outside: bool = not dns.get("internal", False)
        self.ndots: Optional[int] = dns.get("ndots")
        self.process: tuple[int, int] | None = None  # process 1's pid and start time, if it runs


def packed(address: str) -> bytes:
    """Return an IPv4 or IPv6 address in its 4 or 16 bytes. :raises OSError: it is none."""
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def _links(named: dict[str, str]) -> dict[str, str]:
    return {
        alias.lower(): other[:SHORT].lower() if _is_id(other) else other.lower()
        for alias, other in named.items()
    }


def _is_id(text: str) -> bool:
    return len(text) == 64 and not set(text) - set("0123456789abcdef")


def read(paths: Paths, ident: str) -> Member | None:
    """Read what run.json says of a container; None where there is none, or it can't be read."""
    try:
        document = read_json(os.path.join(paths.container(ident), "run.json"))
        return None if document is None else Member(ident, document)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def running(paths: Paths, ident: str) -> tuple[int, int] | None:
    """Return process 1 of a container that runs by its state.json, ``(pid, start time)``."""
    try:
        state = read_json(os.path.join(paths.container(ident), "state.json"), {})
        pid, start = state["pid"], state["pid_start"]
        if pid and state["boot"] == procfs.boot_id() and procfs.start_time(pid) == start:
            return pid, start
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None


class Table:
    """The names of all networks.

    :ivar generation: another number after each change.
    """

    def __init__(self, paths: Paths) -> None:
        self.paths, self._generation = paths, 0
        self._far: dict[str, dict[str, list[str]]] = {}  # network -> name -> addresses
        self._far_file: tuple[int, int] | None = None  # its inode and time, as last read
        self.members: dict[str, Member] = {}
        self.up: set[str] = set()  # ids of those that run
        self._named: dict[str, dict[str, list[str]]] = {}  # network -> name -> ids

    @property
    def generation(self) -> int:
        """Return the number, after a look whether the names of other hosts are new ones."""
        try:
            found = os.stat(remote_names.place(self.paths))
            now = (found.st_ino, found.st_mtime_ns)
        except OSError:
            now = None
        if now != self._far_file:
            self._far_file, self._generation = now, self._generation + 1
            self._far = remote_names.read(self.paths) if now else {}
        return self._generation

    def put(self, member: Member, up: bool) -> None:
        """Enter a container, or what has become of it. :param up: whether it runs."""
        if member.ident in self.members:
            self._drop(member.ident)
        self.members[member.ident] = member
        for network, names in member.names.items():
            table = self._named.setdefault(network, {})
            for name in dict.fromkeys(name.lower() for name in names):
                table.setdefault(name, []).append(member.ident)
        (self.up.add if up else self.up.discard)(member.ident)
        self._generation += 1

    def ended(self, ident: str) -> None:
        """Note that a container does not run any more."""
        self.up.discard(ident)
        self._generation += 1
        self.forget_removed()

    def forget_removed(self) -> None:
        """Forget those that do not run and have been removed from the host."""
        for ident in [ident for ident in self.members if ident not in self.up]:
            if not os.path.isdir(self.paths.container(ident)):
                self._drop(ident)

    def _drop(self, ident: str) -> None:
        member = self.members.pop(ident)
        for network, names in member.names.items():
            table = self._named[network]
            for name in {name.lower() for name in names}:
                table[name].remove(ident)
                if not table[name]:
                    del table[name]
            if not table:
                del self._named[network]
        self._generation += 1

    def find(self, asker: Member, name: str) -> Addresses | None:
        """Return the addresses that a name has for a container.

        :returns: [] for a name of a container that does not run; None for one that is nobody's.
        """
        linked = asker.links.get(name)
        for network in asker.names:
            own = asker.network_links.get(network, {}).get(name)
            found = self._on(network, own or linked or name)
            if found is not None:
                return found
            linked = linked or own  # a name of one's own is nobody else's
        if linked:
            return []
        for network in asker.names:
            if name.endswith("." + network.lower()):
                found = self._on(network, name[: -len(network) - 1])
                if found is not None:
                    return found
        return None

    def _on(self, network: str, name: str) -> Addresses | None:
        far = [packed(address) for address in self._far.get(network, {}).get(name, ())]
        idents = self._named.get(network, {}).get(name)
        if idents is None:
            return far or None
        up = [ident for ident in idents if ident in self.up]
        if (
            not up
            and not far
            and not any(os.path.isdir(self.paths.container(ident)) for ident in idents)
        ):
            return None
        near = [
            address for ident in up for address in self.members[ident].addresses.get(network, ())
        ]
        return near + far

    def owner(self, asker: Member, address: bytes) -> str | None:
        """Return the name of an address on a network of the asker's.

        :returns: "" for an address of such a network that nobody has, None for any other.
        """
        for network in asker.names:
            for idents in self._named.get(network, {}).values():
                for ident in idents:
                    member = self.members[ident]
                    if ident in self.up and address in member.addresses.get(network, ()):
                        return f"{member.names[network][0]}.{network}"
            for name, addresses in self._far.get(network, {}).items():
                if address in map(packed, addresses):
                    return f"{name}.{network}"
        return "" if any(_within(address, subnet) for subnet in asker.subnets) else None


def _within(address: bytes, subnet: tuple[bytes, int]) -> bool:
    first, prefix = subnet
    shift = len(first) * 8 - prefix
    return len(address) == len(first) and (
        int.from_bytes(address, "big") >> shift == int.from_bytes(first, "big") >> shift
    )
