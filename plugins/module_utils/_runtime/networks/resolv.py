# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The texts of a container's /etc/resolv.conf and /etc/hosts. Sources: resolv.conf(5), hosts(5)."""

from __future__ import annotations

import re
import socket

from ..errors import InvalidInput
from .definition import DEFAULT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from .definition import Definition

HOST_FILE = "/etc/resolv.conf"
# The real servers, where /etc/resolv.conf names systemd-resolved's stub.
SYSTEMD_FILE = "/run/systemd/resolve/resolv.conf"
# Docker's, for a host that has none a container could reach
FALLBACK = {4: ("8.8.8.8", "8.8.4.4"), 6: ("2001:4860:4860::8888", "2001:4860:4860::8844")}
LARGEST = 1 << 16
NAME_SERVER = "127.0.0.11"  # in each container on a network with names (names/loopback_port.py)

_LOCAL_NAMES = "127.0.0.1\tlocalhost\n"
_LOCAL_NAMES_IPV6 = """::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
"""


def resolv_conf(
    dns_servers: Sequence[str] | None = None,
    dns_search_domains: Sequence[str] | None = None,
    dns_opts: Sequence[str] | None = None,
    host_network: bool = False,
    names: bool = False,
    families: Collection[int] = (4,),
    path: str = HOST_FILE,
    systemd_path: str = SYSTEMD_FILE,
) -> str:
    """Return the text of resolv.conf: the host's, but for what is given.

    :param dns_servers, dns_search_domains, dns_opts: what replaces the host's; None takes the
        host's. A search domain ``.`` alone means none.
    :param host_network: whether the container shares the host's network, so that its loopback
        servers are within reach.
    :param names: whether it is on a network with names: all that it asks, it asks there, and as
        Docker has it single words first (``ndots:0``).
    :param families: those, of 4 and 6, in which it reaches other hosts: the host's servers of another
        family are left out.
    :param path, systemd_path: where the host's are read.
    :raises InvalidInput: for what is no address, domain or option.
    """
    servers, search, options = _host(path)
    if not host_network:
        if servers and all(_is_loopback(server) for server in servers):
            servers = _host(systemd_path)[0]
        servers = [server for server in servers if _within_reach(server, families)] or [
            server for family in sorted(families) for server in FALLBACK[family]
        ]
    if dns_servers is not None:
        servers = [_ip("dns_servers", text) for text in dns_servers]
    if names:
        servers = [NAME_SERVER]
    if dns_search_domains is not None:
        domains = [] if dns_search_domains == ["."] else dns_search_domains
        search = [
            _word("dns_search_domains", text, "a domain name", r"[A-Za-z0-9_.-]{1,253}")
            for text in domains
        ]
    if dns_opts is not None:
        options = [
            _word(
                "dns_opts",
                text,
                "options of resolv.conf(5) such as ndots:2",
                r"[A-Za-z0-9_:.-]{1,64}",
            )
            for text in dns_opts
        ]
    if names and not any(option.partition(":")[0] == "ndots" for option in options):
        options = ["ndots:0", *options]
    lines = [f"nameserver {server}" for server in servers]
    lines += [f"search {' '.join(search)}"] if search else []
    lines += [f"options {' '.join(options)}"] if options else []
    return "".join(line + "\n" for line in lines)


def has_names(config: Definition) -> bool:
    """Tell whether containers find each other by name on a network.

    On the default one they do not, as Docker has it, nor where ``disable_dns`` says so.
    """
    return config["name"] != DEFAULT and not config["disable_dns"]


def _host(path: str) -> tuple[list[str], list[str], list[str]]:
    """Return ``(servers, search domains, options)`` of a resolv.conf; empty where there is none."""
    servers: list[str] = []
    search: list[str] = []
    options: list[str] = []
    try:
        with open(path, "rb") as file:
            text = file.read(LARGEST).decode("utf-8", "replace")
    except OSError:
        return servers, search, options
    for line in text.splitlines():
        words = line.split("#")[0].split(";")[0].split()
        if len(words) < 2:
            continue
        if words[0] == "nameserver":
            servers.append(words[1])
        elif words[0] in ("search", "domain"):
            search = words[1:]  # the last one counts
        elif words[0] == "options":
            options += words[1:]
    return servers, search, options


def _within_reach(server: str, families: Collection[int]) -> bool:
    """Tell whether a container reaches a server of the host's; a link-local one is on a link of the host's."""
    local = _is_loopback(server) or server.lower().startswith("fe80:")
    return not local and (6 if ":" in server else 4) in families


def _is_loopback(server: str) -> bool:
    return server.startswith("127.") or server == "::1"


def _ip(option: str, text: str) -> str:
    """Return an IPv4 or IPv6 address. :raises InvalidInput: it is none."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, text)
            return text
        except (OSError, ValueError, TypeError):
            pass
    raise InvalidInput(option, text, "IP addresses")


def _word(option: str, text: object, accepted: str, pattern: str) -> str:
    if not isinstance(text, str) or not re.fullmatch(pattern, text):
        raise InvalidInput(option, text, accepted)
    return text


def hosts(
    hostname: str,
    addresses: Iterable[str] = (),
    aliases: Iterable[str] = (),
    extra: Mapping[str, str] | None = None,
    domainname: str | None = None,
    ipv6: bool = True,
) -> str:
    """Return the text of /etc/hosts.

    :param addresses: the container's own, with or without ``/prefix``, in the order of its
        networks.
    :param aliases: more names for its addresses.
    :param extra: option ``etc_hosts``: ``{name: address}``; ``host-gateway`` must have been
        replaced by the gateway's address before.
    :param ipv6: whether the container has IPv6 at all, on its loopback link too.
    :raises InvalidInput: for what is no name or address: a newline would make a line of its own
        (CVE-2022-4318).
    """
    names = [f"{hostname}.{domainname}"] if domainname else []
    names += [name for name in [hostname] + list(aliases) if name]
    for name in names:
        _word("hostname", name, "letters, digits, '_', '.' and '-'", r"[A-Za-z0-9_.-]{1,253}")
    text = _LOCAL_NAMES + (_LOCAL_NAMES_IPV6 if ipv6 else "")
    for name, address in (extra or {}).items():
        _word(
            "etc_hosts",
            name,
            "names of letters, digits, '_', '.' and '-'",
            r"[A-Za-z0-9_.-]{1,253}",
        )
        text += f"{_ip('etc_hosts', address)}\t{name}\n"
    for address in addresses:
        text += f"{address.partition('/')[0]}\t{' '.join(dict.fromkeys(names))}\n"
    return text
