# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP to one registry host: TLS and its options, plain HTTP where that is allowed, connections
kept open, proxies.

Encryption is the rule. ``insecure`` allows an unverified certificate or plain HTTP of the
registries that are named, not of what they lead to. A loopback address is always taken so, as
Docker does. Which of them the host speaks is found out by a request without credentials.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import ipaddress
import os
import socket
import ssl
import urllib.request
from urllib.parse import unquote, urlsplit

from ...errors import HostError, InvalidInput, RegistryError, reason
from ...rootless import keeper_client
from ...untrusted import files
from ...untrusted.text import printable
from . import min_speed, redirects
from .headers import Headers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Protocol

    from .redirects import Address

    class Body(Protocol):
        """A request's body of ``size`` bytes; ``pieces`` is called anew for each try."""

        size: int

        def pieces(self) -> Iterator[bytes]: ...

    Pool = dict[tuple[str, str], list[http.client.HTTPConnection]]


TIMEOUT = 60  # seconds without a byte
CONNECT_TIMEOUT = 15  # seconds until a connection is there
PROBE_TIMEOUT = 10
API_HOSTS = {"docker.io": "registry-1.docker.io"}
CERTIFICATE_DIRECTORIES = (
    "/etc/containers/certs.d",
    "/etc/docker/certs.d",
)  # HOST:PORT/{ca.crt,*.cert,*.key}
USER_AGENT = "pycontainer.engine"


class Options:
    """How to connect, from a task's options.

    :param insecure: allow plain HTTP or an unverified certificate.
    :param validate_certs: verify the server's certificate.
    :param ca_path: file with the authorities to trust.
    :param client_cert: file with the client's own certificate; ``client_key`` is its key's, where
        it is another.
    :raises InvalidInput: for a file that can't be read.
    """

    def __init__(
        self,
        insecure: bool = False,
        validate_certs: bool = True,
        ca_path: str | None = None,
        client_cert: str | None = None,
        client_key: str | None = None,
    ) -> None:
        self.insecure, self.validate_certs = bool(insecure), validate_certs is not False
        self.ca_path, self.client_cert, self.client_key = ca_path, client_cert, client_key
        for option in ("ca_path", "client_cert", "client_key"):
            path = getattr(self, option)
            if path and not os.path.isfile(path):
                raise InvalidInput(option, path, "an existing file in PEM form")
        if client_key and not client_cert:
            raise InvalidInput("client_key", client_key, "a key together with its client_cert")

    def context(self, host: str, insecure: bool = False, named: bool = True) -> ssl.SSLContext:
        """Make the TLS context for ``host``. The files in certs.d are used where the task says
        nothing.

        :param insecure: verify nothing.
        :param named: whether the task names the registry; only that one gets the task's client
            certificate.
        """
        authorities: list[str] = []
        cert = self.client_cert if named else None
        key = self.client_key if named else None
        for directory in CERTIFICATE_DIRECTORIES:
            found, own_cert, own_key = _certificates(os.path.join(directory, host))
            authorities += found
            if not cert and own_cert:
                cert, key = own_cert, own_key
        context = _context([self.ca_path], alone=True) if self.ca_path else _context(authorities)
        if insecure or not self.validate_certs or is_loopback(host):
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if cert:
            try:
                for path in (cert, key or cert):
                    os.close(files.open_regular(path, links=True))
                context.load_cert_chain(cert, key)
            except (OSError, files.Unacceptable, ssl.SSLError) as error:
                raise InvalidInput(
                    "client_cert",
                    cert,
                    f"a certificate and key in PEM form that belong together ({reason(error)})",
                ) from None
        return context


def _context(authorities: Sequence[str], alone: bool = False) -> ssl.SSLContext:
    """Make a TLS context that trusts the certificates in these files, and the host's unless they
    stand ``alone``.
    """
    context = None if alone else ssl.create_default_context()
    for path in authorities:
        try:
            os.close(files.open_regular(path, links=True))
            if context is None:
                context = ssl.create_default_context(cafile=path)
            context.load_verify_locations(path)
        except (OSError, files.Unacceptable, ssl.SSLError) as error:
            raise InvalidInput(
                "ca_path", path, f"a file with certificates in PEM form ({reason(error)})"
            ) from None
    return context or ssl.create_default_context()


def _certificates(directory: str) -> tuple[list[str], str | None, str | None]:
    """Return the authorities' certificates, and a client's own certificate and key."""
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        names = []
    authorities, cert, key = [], None, None
    for name in names:
        path = os.path.join(directory, name)
        if name.endswith(".crt"):
            authorities.append(path)
        elif cert is None and name.endswith(".cert") and os.path.exists(path[:-5] + ".key"):
            cert, key = path, path[:-5] + ".key"
    return authorities, cert, key


def is_loopback(host: str) -> bool:
    """Tell whether ``host`` (with an optional port) is this machine's loopback by its name or
    number.
    """
    name = split_host(host)[0]
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def split_host(host: str) -> tuple[str, int | None]:
    """Split ``example.com:5000`` or ``[::1]:5000`` into name and port; the port is None where there
    is none.
    """
    name, colon, port = host.rpartition(":")
    if not colon or "]" in port or not (port.isascii() and port.isdigit() and len(port) <= 5):
        name, port = host, ""
    return name.strip("[]"), int(port) if port else None


def _in_no_proxy(name: str) -> bool:
    """Tell whether an address is in a network (``10.0.0.0/8``) that NO_PROXY names, as Docker and
    Podman read it.
    """
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    for entry in (os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or "").split(","):
        with contextlib.suppress(ValueError):
            if "/" in entry and address in ipaddress.ip_network(entry.strip(), strict=False):
                return True
    return False


class Response:
    """A response whose body is still to be read.

    :ivar status: HTTP's number.
    :ivar address: the address that it came from.
    :ivar body: the bytes, where ``Client.call`` has read them.
    :ivar authorization: the header that the request had, where ``Client.send`` has noted it.
    """

    def __init__(
        self,
        response: http.client.HTTPResponse,
        connection: http.client.HTTPConnection,
        pool: Pool,
        address: Address,
    ) -> None:
        self._response, self._connection, self._pool = response, connection, pool
        self._key, self.address = _key(address), address
        self.status, self.headers = response.status, Headers(response.headers, address.netloc)
        self.body = b""
        self.authorization: str | None = None

    def read(self, limit: int) -> bytes:
        """Read the whole body. A connection that breaks raises as in :meth:`pieces`. :raises
        RegistryError: for more than ``limit`` bytes.
        """
        data = self._response.read(limit + 1)
        if len(data) > limit:
            self.close()
            raise RegistryError(
                f"{self._key[1]} sent more than the {limit} bytes that are accepted here"
            )
        if self._response.length:
            self.close()
            raise http.client.IncompleteRead(b"", self._response.length)
        self.finish()
        return data

    def pieces(self, size: int = 1 << 18) -> Iterator[bytes]:
        """Read the body in pieces. :raises OSError, http.client.HTTPException: where the connection
        breaks.
        """
        while True:
            piece = self._response.read(size)
            if not piece:
                if self._response.length:
                    self.close()
                    raise http.client.IncompleteRead(b"", self._response.length)
                self.finish()
                return
            yield piece

    def finish(self) -> None:
        """Give the connection back for the next request, or close it where the body was not read to
        its end.
        """
        if self._response.isclosed() and not self._response.will_close:
            self._pool.setdefault(self._key, []).append(self._connection)
        else:
            self.close()

    def close(self) -> None:
        self._response.close()
        self._connection.close()


class Transport:
    """Connections to registries and what they redirect to, with one task's options."""

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()
        self._pool: Pool = {}
        self._schemes: dict[str, Address] = {}  # of registries
        self._contexts: dict[str, ssl.SSLContext] = {}  # of hosts
        self._insecure: set[str] = set()
        self._named: set[str] = set()  # registries that the task names
        self._pid = os.getpid()

    def allow_insecure(self, registry: str) -> None:
        """Allow plain HTTP or an unverified certificate of this registry."""
        self._insecure.add(API_HOSTS.get(registry, registry))

    def is_insecure(self, registry: str) -> bool:
        """Tell whether :meth:`allow_insecure` was called for it."""
        return API_HOSTS.get(registry, registry) in self._insecure

    def base(self, registry: str) -> Address:
        """Return the address of a registry's API, without a path. With the option ``insecure``,
        each registry asked so may be.

        :raises RegistryError: where it does not answer at all.
        """
        if registry not in self._schemes:
            self._named.add(registry)
            if self.options.insecure:
                self.allow_insecure(registry)
            self._schemes[registry] = self._probe(API_HOSTS.get(registry, registry))
        return self._schemes[registry]

    def _probe(self, host: str) -> Address:
        if host not in self._insecure and not is_loopback(host):
            return redirects.of_registry("https", host)
        # Plain HTTP first where a port is given: a server that speaks it may wait without end for
        # the end of a TLS greeting's "line".
        order = ("http", "https") if split_host(host)[1] else ("https", "http")
        failures = []
        for scheme in order:
            url = redirects.of_registry(scheme, host)
            try:
                response = self._send("GET", url.at("/v2/"), {}, None, PROBE_TIMEOUT)
                body = response.read(1 << 16)
            except (OSError, http.client.HTTPException, RegistryError) as error:
                failures.append(f"{scheme}: {explain(error)}")
                continue
            if not (scheme == "http" and response.status == 400 and b"HTTPS" in body):
                return url
        raise RegistryError(f"registry {host} does not answer ({'; '.join(failures)})")

    def request(
        self,
        method: str,
        address: Address,
        headers: dict[str, str] | None = None,
        body: bytes | Body | None = None,
    ) -> Response:
        """Send one request and return its :class:`Response`. Redirects and errors are the caller's
        affair.

        :raises OSError, http.client.HTTPException: where the connection fails.
        """
        return self._send(method, address, dict(headers or {}), body, TIMEOUT)

    def _send(
        self,
        method: str,
        address: Address,
        headers: dict[str, str],
        body: bytes | Body | None,
        timeout: float,
    ) -> Response:
        key = _key(address)
        _complete(headers, method, address, body)
        if self._pid != os.getpid():  # a forked worker must not talk on its parent's connections
            self._pid, self._pool = os.getpid(), {}
        while True:
            connection = self._idle(key)
            reused = connection is not None
            connection = connection or self._connect(key, min(timeout, CONNECT_TIMEOUT))
            try:
                connection.sock.settimeout(timeout)
                self._write(connection, method, address.target, headers, body)
                return Response(connection.getresponse(), connection, self._pool, address)
            except (
                http.client.RemoteDisconnected,
                BrokenPipeError,
                ConnectionResetError,
                ssl.SSLEOFError,
                ssl.SSLZeroReturnError,
            ) as error:
                said = _alert(connection, error)
                connection.close()
                if said is not error:
                    raise said from None
                if not reused or not (
                    body is None or isinstance(body, bytes)
                ):  # of a large body nobody knows how much has arrived
                    raise
            except BaseException:
                connection.close()
                raise

    def _idle(self, key: tuple[str, str]) -> http.client.HTTPConnection | None:
        """Return an idle open connection, or None. Several threads may call this."""
        try:
            return self._pool[key].pop()
        except (KeyError, IndexError):
            return None

    def _write(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        target: str,
        headers: dict[str, str],
        body: bytes | Body | None,
    ) -> None:
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        if isinstance(body, bytes):
            connection.endheaders(body)
            return
        connection.endheaders()
        if body is not None:
            try:
                for piece in body.pieces():
                    connection.send(piece)
            except (BrokenPipeError, ConnectionResetError):
                pass  # the server has answered early; its answer says why

    def _connect(self, key: tuple[str, str], timeout: float) -> http.client.HTTPConnection:
        scheme, netloc = key
        name, port = split_host(netloc)
        proxy, headers = self._proxy(scheme, name, port)
        if scheme == "http":
            connection = http.client.HTTPConnection(*(proxy or (name, port)), timeout=timeout)
        else:
            context = self._contexts.get(netloc)
            if context is None:
                named = netloc in [API_HOSTS.get(registry, registry) for registry in self._named]
                context = self._contexts[netloc] = self.options.context(
                    netloc, netloc in self._insecure, named
                )
            connection = http.client.HTTPSConnection(
                *(proxy or (name, port)), timeout=timeout, context=context
            )
        connection.response_class = min_speed.Answer
        if keeper_client.active():  # whose network is the host's
            connection._create_connection = keeper_client.create_connection  # type: ignore[attr-defined]
        if proxy:
            connection.set_tunnel(name, port or (443 if scheme == "https" else 80), headers)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _proxy(
        self, scheme: str, name: str, port: int | None
    ) -> tuple[tuple[str, int] | None, dict[str, str]]:
        """Return ``((host, port), headers)`` of the proxy that HTTPS_PROXY, HTTP_PROXY and NO_PROXY
        ask for; ``(None, {})`` for none.
        """
        proxy_bypass = urllib.request.proxy_bypass_environment  # type: ignore[attr-defined]
        url = urllib.request.getproxies_environment().get(scheme)
        if (
            not url
            or is_loopback(name)
            or proxy_bypass(f"{name}:{port}" if port else name)
            or _in_no_proxy(name)
        ):
            return None, {}
        try:
            parts = urlsplit(url if "//" in url else "http://" + url)
            port_of_proxy, host = parts.port or 3128, parts.hostname
        except ValueError:
            host = None
        if not host:
            raise HostError(f"the proxy that the environment names for {scheme} is no address")
        headers = {}
        if parts.username is not None:
            credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            headers["Proxy-Authorization"] = (
                "Basic " + base64.b64encode(credentials.encode()).decode()
            )
        return (host, port_of_proxy), headers

    def close(self) -> None:
        for connections in list(self._pool.values()):
            for connection in connections:
                connection.close()
        self._pool = {}


def _key(address: Address) -> tuple[str, str]:
    """Return what requests on one connection have in common: scheme and host."""
    return address.scheme, address.netloc


def explain(error: Exception) -> str:
    """Return a connection's failure in words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate can't be verified: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return _explain_tls(error)
    if isinstance(error, socket.gaierror):
        return "its name is not known"
    if isinstance(error, min_speed.TooSlow):
        return str(error)
    if isinstance(error, TimeoutError) or isinstance(error, socket.timeout):
        return "no answer in time"
    if isinstance(error, http.client.IncompleteRead):
        return "the connection ended before the answer did"
    if isinstance(error, http.client.HTTPException):
        return "what answers there does not speak HTTP (%s)" % (
            printable(" ".join(str(error).split()), 100) or type(error).__name__
        )
    return reason(error, named=True)


def _complete(
    headers: dict[str, str], method: str, address: Address, body: bytes | Body | None
) -> None:
    """Add the headers that each request has.

    :raises RegistryError: one has characters that none may have; some are what a registry has said.
    """
    for name, value in headers.items():
        if not all(" " <= character <= "~" or character == "\t" for character in value):
            raise RegistryError(
                f"{address.netloc} wants to be sent a header {name} with characters that none "
                f"has: {printable(value, 100)}"
            )
    headers.setdefault("User-Agent", USER_AGENT)
    if body is not None:
        headers["Content-Length"] = str(len(body) if isinstance(body, bytes) else body.size)
    elif method in ("POST", "PUT", "PATCH"):
        headers["Content-Length"] = "0"


def _alert(connection: http.client.HTTPConnection, error: Exception) -> Exception:
    """Return what the other side said before it closed an encrypted connection, as an error;
    ``error`` itself where it said nothing.
    """
    if isinstance(connection.sock, ssl.SSLSocket):
        try:
            connection.sock.settimeout(1)
            connection.sock.recv(1)
        except ssl.SSLError as found:
            if found.reason in TLS_REASONS:
                return found
        except (OSError, ValueError):
            pass
    return error


TLS_REASONS = {  # OpenSSL's names for what is wrong -> what that means
    "WRONG_VERSION_NUMBER": "it does not speak TLS; insecure lets it be spoken to without",
    "HTTP_REQUEST": "it does not speak TLS; insecure lets it be spoken to without",
    "RECORD_LAYER_FAILURE": "it does not speak TLS; insecure lets it be spoken to without",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "it asks for a client's certificate (client_cert, client_key)",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": (
        "it accepts none of the ways to encrypt, or asks for a client's certificate (client_cert, "
        "client_key)"
    ),
    "SSLV3_ALERT_BAD_CERTIFICATE": "it does not accept the client's certificate",
    "TLSV1_ALERT_UNKNOWN_CA": "it does not accept the client's certificate",
    "UNSUPPORTED_PROTOCOL": "it speaks versions of TLS alone that are not safe",
    "TLSV1_ALERT_PROTOCOL_VERSION": "it speaks versions of TLS alone that are not safe",
}


def _explain_tls(error: ssl.SSLError) -> str:
    name = getattr(error, "reason", None) or ""
    words = name.replace("_", " ").lower()
    return TLS_REASONS.get(name) or f"the encryption failed: {words or error}"
