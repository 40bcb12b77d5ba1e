# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of the web that a registry is reached at, and where it may lead from there.

A registry names addresses: where a blob is (``Location``), where an upload goes on, the next page of a list (``Link``), its token service
(the ``realm`` of a challenge), a foreign layer (``urls`` of its descriptor). :func:`follow` alone makes an :class:`Address` of these, and
``transport.Transport`` sends requests to nothing else. The rule: never from TLS to plain HTTP, unless the registry is configured as
insecure; and nobody but the registry itself gets its credentials (``client.Client.is_home``), except the token service that it names.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlencode, urljoin, urlsplit

from ...errors import RegistryError
from ...untrusted.text import printable

LONGEST = 8192  # characters: what servers take of a request's line
PORTS = {"http": 80, "https": 443}
_HOST = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.")


class Address:
    """``scheme://netloc`` and a ``target``, which is a path and perhaps a query. Made by :func:`of_registry` and :func:`follow` alone.

    :ivar origin: ``(scheme, host, port)``, to compare. :ivar netloc: host, with a port where one is written.
    """

    __slots__ = ("scheme", "netloc", "target", "origin")

    def __init__(self, scheme, netloc, target, origin):
        self.scheme, self.netloc, self.target, self.origin = scheme, netloc, target, origin

    def __str__(self):
        return f"{self.scheme}://{self.netloc}{self.target}"

    @property
    def shown(self):
        """For a sentence: without what may be secret in it, a signature in the query."""
        return printable(str(self).partition("?")[0], 200)

    @property
    def is_secure(self):
        return self.scheme == "https"

    def at(self, target):
        """Another path of the same host, which is ours to choose."""
        return Address(self.scheme, self.netloc, target, self.origin)

    def asking(self, pairs):
        """With more in its query. :param pairs: as of ``urlencode``."""
        return (
            self.at(self.target + ("&" if "?" in self.target else "?") + urlencode(pairs))
            if pairs
            else self
        )


def of_registry(scheme, host):
    """The address of a registry's API, without a path. :param host: ``HOST[:PORT]``. :raises RegistryError: when that is none."""
    found = _read(f"{scheme}://{host}", f"registry {printable(host, 200)} can't be spoken to").at(
        ""
    )
    if found.netloc != host:
        raise RegistryError(
            f"registry {printable(host, 200)} can't be spoken to (its name is none)"
        )
    return found


def follow(registry, base, text, what, insecure=False):
    """The :class:`Address` that a registry names, by the one rule of where it may lead.

    :param registry: its name, for sentences. :param base: the Address that named it, which a relative one is relative to.
    :param what: what it is of: "a blob". :param insecure: whether plain HTTP is allowed for this registry by configuration.
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


def _cut(text):
    return text.partition("?")[0] if isinstance(text, str) else text


def _read(text, what, base=None):
    problem, parts, port = None, None, None
    text = text.strip(" \t") if isinstance(text, str) else ""
    if len(text) > LONGEST:
        problem = "it has more than %d characters" % LONGEST
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


def _wrong(parts, port):
    """What is wrong with the parts of an address, or None."""
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
