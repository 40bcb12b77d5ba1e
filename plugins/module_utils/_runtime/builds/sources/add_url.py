# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetch web addresses for ADD.

The cache's key has what distinguishes two versions of a file: its ETag, else its time, else its
content.
"""

from __future__ import annotations

import hashlib
import os
from urllib import parse

from ...errors import reason
from ...untrusted.text import printable
from ..parse.expansion import Trouble

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from http.client import HTTPResponse
    from typing import Any

    from ..parse.build_request import Secret


TIMEOUT = 60  # seconds without an answer
AGENT = "pycontainer.engine"


def is_remote(word: str) -> bool:
    """Tell whether a source of ADD is a web address."""
    return word.startswith(("http://", "https://"))


def headers_of(url: str, secrets: Mapping[str, Secret]) -> dict[str, str]:
    """Return the Authorization header for an address, by the secrets HTTP_AUTH_HEADER_HOST or
    HTTP_AUTH_TOKEN_HOST.
    """
    host = parse.urlsplit(url).hostname or ""
    for name, prefix in (("HTTP_AUTH_HEADER_" + host, ""), ("HTTP_AUTH_TOKEN_" + host, "Bearer ")):
        if name in secrets:
            return {"Authorization": prefix + os.fsdecode(secrets[name]()).strip()}
    return {}


class Fetched:
    """A file of the web.

    ``name``: "" where the address ends in none; ``path``: where it was stored; ``mtime``:
    nanoseconds.
    """

    def __init__(self, url: str, path: str, mtime: int, digest: str) -> None:
        self.url, self.path, self.mtime, self.digest = url, path, mtime, digest
        self.name = name_of(url)

    def open(self) -> int:
        return os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)


def name_of(url: str) -> str:
    """Return the name of the file at an address, or "".

    An encoded slash (%2F) separates names like any other, so the result never leads to another
    directory.
    """
    name = parse.unquote(parse.urlsplit(url).path).rpartition("/")[2]
    return "" if name in (".", "..") or "\0" in name else name


class Refused(Trouble):
    """An error answer of a server."""


def _open(url: str, method: str, headers: Mapping[str, str]) -> HTTPResponse:
    """Ask a server.

    :raises Refused: where it answers with an error. :raises Trouble: where it can't be reached.
    """
    # here: they take as long to load as a cached build, and few builds use the web
    from http import client
    from urllib import error as errors
    from urllib import request as requests

    class Redirects(requests.HTTPRedirectHandler):
        """Follow redirects by the rule that holds for registries (images/client/redirects.py)."""

        def redirect_request(
            self, req: requests.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
        ) -> requests.Request | None:
            schemes = (
                ("https://",) if req.full_url.startswith("https:") else ("https://", "http://")
            )
            if not newurl.startswith(schemes):
                raise Refused(
                    f"ADD {url}: the server leads to {printable(newurl, 200)}, which is not "
                    + ("encrypted" if newurl.startswith("http://") else "http:// or https://")
                )
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    opener = requests.OpenerDirector()  # of no other protocols: a server may lead to ftp, too
    for handler in (
        requests.ProxyHandler,
        requests.HTTPHandler,
        requests.HTTPSHandler,
        requests.HTTPDefaultErrorHandler,
        requests.HTTPErrorProcessor,
        Redirects,
    ):
        opener.add_handler(handler())
    request = requests.Request(
        url, method=method, headers={"User-Agent": AGENT, "Accept-Encoding": "identity"}
    )
    for name, value in headers.items():
        request.add_unredirected_header(name, value)
    try:
        answer: HTTPResponse = opener.open(request, timeout=TIMEOUT)
        return answer
    except errors.HTTPError as error:
        raise Refused(f"ADD {url}: the server answers {error.code} {error.reason}") from None
    except (OSError, client.HTTPException, ValueError) as error:
        raise Trouble(f"ADD {url}: {_why(url, getattr(error, 'reason', error))}") from None


def _why(url: str, error: BaseException | str) -> str:
    """Return a sentence with the host in it."""
    import socket  # loaded by then

    host = printable(parse.urlsplit(url).netloc.rpartition("@")[2], 200)
    if isinstance(error, socket.gaierror):
        return f"the name of {host} can't be resolved: {reason(error)}"
    if isinstance(error, socket.timeout):
        return f"{host} does not answer within {TIMEOUT} seconds"
    why = error if isinstance(error, str) else reason(error, named=True)
    return f"{host} can't be reached: {printable(why, 300)}"


def version(url: str, headers: Mapping[str, str]) -> str | None:
    """Return what identifies the current version at the server, or None where the server does not
    say.

    Fetches nothing.
    """
    try:
        answer = _open(url, "HEAD", headers)
    except Refused:
        return None
    with answer:
        return answer.headers.get("ETag") or answer.headers.get("Last-Modified")


def fetch(url: str, path: str, headers: Mapping[str, str]) -> Fetched:
    """Store what is at ``url`` in the new file ``path``.

    :raises Trouble: where it can't be fetched whole.
    """
    import email.utils  # loaded with http.client
    from http import client  # as in _open

    checksum, count = hashlib.sha256(), 0
    with _open(url, "GET", headers) as answer, open(path, "xb") as file:
        try:
            while True:
                piece = answer.read(1 << 16)
                if not piece:
                    break
                count += len(piece)
                checksum.update(piece)
                file.write(piece)
        except (client.HTTPException, OSError) as error:
            raise Trouble(f"ADD {url}: {reason(error) or type(error).__name__}") from None
        expected = answer.headers.get("Content-Length")
        if expected and expected.isdigit() and int(expected) != count:
            raise Trouble(f"ADD {url}: {count} bytes came where {expected} were promised")
        stamp = answer.headers.get("Last-Modified")
    mtime = None
    if stamp:
        try:
            mtime = int(email.utils.parsedate_to_datetime(stamp).timestamp()) * 1000000000
        except (TypeError, ValueError):
            pass
    return Fetched(url, path, mtime if mtime is not None else 0, "sha256:" + checksum.hexdigest())
