# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses that a registry is reached at, and where it may redirect to.

A registry names addresses: where a blob is (``Location``), where an upload continues, the next page
of a list (``Link``), its token service (the ``realm`` of a challenge), a foreign layer (``urls`` of
its descriptor). Only :func:`follow` turns these into an :class:`Address`, and
``transport.Transport`` sends requests to nothing else.

The rule: never from TLS to plain HTTP, unless the registry is configured as insecure. Credentials
go only to the registry itself (``client.Client.is_home``) and to the token service that it names.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlencode, urljoin, urlsplit

from ...errors import RegistryError
from ...untrusted.text import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from urllib.parse import SplitResult


LONGEST = 8192  # characters: what servers take of a request's line
PORTS = {"http": 80, "https": 443}
_HOST = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.")


class Address:
    """``scheme://netloc`` and a ``target``, which is a path with an optional query.

    Only :func:`of_registry` and :func:`follow` make one.

    :ivar origin: ``(scheme, host, port)``, to compare.
    :ivar netloc: the host, with a port where one is written.
    """

    __slots__ = ("scheme", "netloc", "target", "origin")

    def __init__(
        self, scheme: str, netloc: str, target: str, origin: tuple[str, str | None, int]
    ) -> None:
        self.scheme, self.netloc, self.target, self.origin = scheme, netloc, target, origin

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}{self.target}"

    @property
    def shown(self) -> str:
        """The address for a sentence, without its query, which may hold a signature."""
        return printable(str(self).partition("?")[0], 200)

    @property
    def is_secure(self) -> bool:
        return self.scheme == "https"

    def at(self, target: str) -> Address:
        """Return another path of the same host, chosen by us."""
        return Address(self.scheme, self.netloc, target, self.origin)

    def asking(self, pairs: Mapping[str, str] | Sequence[tuple[str, str]]) -> Address:
        """Return the address with ``pairs`` added to its query."""
        return (
            self.at(self.target + ("&" if "?" in self.target else "?") + urlencode(pairs))
            if pairs
            else self
        )


def of_registry(scheme: str, host: str) -> Address:
    """Return the address of a registry's API, without a path.

    :param host: ``HOST[:PORT]``.
    :raises RegistryError: where that is none.
    """
    found = _read(f"{scheme}://{host}", f"registry {printable(host, 200)} can't be spoken to").at(
        ""
    )
    if found.netloc != host:
        raise RegistryError(
            f"registry {printable(host, 200)} can't be spoken to (its name is none)"
        )
    return found


def follow(registry: str, base: Address, text: str, what: str, insecure: bool = False) -> Address:
    """Return the :class:`Address` that a registry names, by the one rule of where it may lead.

    :param registry: its name, for sentences.
    :param base: the address of the answer, which a relative one is relative to.
    :param what: what it is the address of: "a blob".
    :param insecure: whether this host's configuration allows plain HTTP for the registry.
    :raises RegistryError: for what can't be followed, or leads from TLS to plain HTTP.
    """
    found = _read(
        text,
        f"registry {registry} names an address for {what} that nobody can follow: "
        f"{printable(_cut(text), 200)}",
        base,
    )
    if base.is_secure and not found.is_secure and not insecure:
        raise RegistryError(
            f"registry {registry} leads from TLS to {found.shown} for {what}, which is not "
            "encrypted"
        )
    return found


def _cut(text: str) -> str:
    return text.partition("?")[0] if isinstance(text, str) else text


def _read(text: str, what: str, base: Address | None = None) -> Address:
    problem: str | None = None
    parts, port = urlsplit(""), None
    text = text.strip(" \t") if isinstance(text, str) else ""
    if len(text) > LONGEST:
        problem = f"it has more than {LONGEST} characters"
    elif not text or not all(
        "!" <= character <= "~" for character in text
    ):  # others are written as %XX (RFC 3986, 2)
        problem = "it has characters that no address has" if text else "it is empty"
    else:
        try:
            parts = urlsplit(text)
            if base is not None and not parts.scheme:
                parts = urlsplit(urljoin(str(base), text))
            port = parts.port
        except ValueError:  # a bracket that is not closed, a port that is no number
            problem = "its host or port is none"
    if problem is None:
        problem = _wrong(parts, port)
    if problem is not None:
        raise RegistryError(f"{what} ({problem})")
    netloc = parts.netloc.rpartition("@")[2]
    target = (parts.path or "/") + ("?" + parts.query if parts.query else "")
    return Address(
        parts.scheme, netloc, target, (parts.scheme, parts.hostname, port or PORTS[parts.scheme])
    )


def _wrong(parts: SplitResult, port: int | None) -> str | None:
    """Return what is wrong with the parts of an address, or None."""
    if parts.scheme not in PORTS:
        return "it is not one of http or https"
    host = parts.hostname or ""
    if port == 0 or (port is None and parts.netloc.endswith(":")):
        return "its port is not from 1 to 65535"
    if ":" in host:
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            return "its host is none"
        return "its host is none" if "%" in host else None
    labels = host[:-1].split(".") if host.endswith(".") else host.split(".")
    if (
        len(host) > 253
        or not set(host) <= _HOST
        or not all(1 <= len(label) <= 63 for label in labels)
    ):
        return "its host is none"
    return None
