# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send a blob (distribution-spec 1.1, "Pushing blobs"): mounted from another repository, whole, or
in chunks.

The blob is sent in one request. Where that breaks off, the registry is asked how much it has, and
the rest is sent from there. A proxy or registry that takes no request so large gets chunks.
"""

from __future__ import annotations

import http.client
from urllib.parse import urlencode

from ...errors import Interrupted, RegistryError, required
from . import retry
from .client import WORDS, Refused
from .headers import number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    from .client import Client
    from .redirects import Address
    from .transport import Response

    class BlobData(Protocol):
        """The bytes of a blob, which can be read more than once. ``size`` is their number."""

        @property
        def size(self) -> int: ...

        def pieces(self, offset: int, count: int) -> Iterator[bytes]: ...


CHUNK = (
    8 << 20
)  # bytes; the first size that is tried where a whole blob is too large for one request
SMALLEST = 512 << 10
OCTETS = "application/octet-stream"
REFUSALS = (400, 401, 403, 404, 405, 501)


class Body:
    """``size`` bytes of a blob from ``offset`` on, to be sent."""

    def __init__(self, source: BlobData, offset: int, size: int) -> None:
        self.source, self.offset, self.size = source, offset, size

    def pieces(self) -> Iterator[bytes]:
        return self.source.pieces(self.offset, self.size)


def push_blob(client: Client, digest: str, source: BlobData, mount_from: str | None = None) -> str:
    """Store a blob unless the repository has it.

    :param client: one that may push (``Client.for_push``).
    :param mount_from: a repository of the same registry that may have it.
    :returns: ``present``, ``mounted`` or ``pushed``.
    :raises RegistryError: where the registry does not take it.
    """
    if client.has_blob(digest):
        return "present"
    session = _Session(client, digest, source)
    if session.mount(mount_from) if mount_from else session.begin():
        return "mounted"
    session.send()
    return "pushed"


class _Session:
    """One upload.

    :ivar location: where to go on.
    :ivar offset: bytes that the registry has.
    :ivar limit: bytes in one request, or None.
    """

    def __init__(self, client: Client, digest: str, source: BlobData) -> None:
        self.client, self.digest, self.source = client, digest, source
        self.location: Address | None = None
        self.limit: int | None = None
        self.offset, self.least = 0, 0
        self.patience = retry.Patience(client.tries)
        self.challenged = self.anew = self.chunked = False

    def mount(self, repository: str) -> bool:
        """Begin with the blob of another repository. Where the registry refuses that, begin
        without.
        """
        try:
            return self.begin({"mount": self.digest, "from": repository})
        except RegistryError as error:
            if not is_refusal(error):
                raise
            self.client.for_push()
            return self.begin()

    def begin(self, query: dict[str, str] | None = None) -> bool:
        """Open the upload. Return True where a mount has made it unnecessary."""
        path = "blobs/uploads/" + ("?" + urlencode(query) if query else "")
        response = self.client.call("POST", path, accept=(201, 202), limit=WORDS)
        if response.status == 201:
            return True
        self.location, self.offset = None, 0
        self._follow(response)
        if self.location is None:
            raise RegistryError(
                f"registry {self.client.registry} opened an upload without saying where"
            )
        self.least = number(response.headers.get("OCI-Chunk-Min-Length"), 0)
        return False

    def _follow(self, response: Response) -> None:
        location = response.headers.get("Location")
        if location:
            self.location = self.client.follow(
                location, "an upload", self.location or self.client.url("blobs/uploads/")
            )

    def send(self) -> None:
        while True:
            try:
                response = self._step()
                text = response.read(WORDS)
            except (OSError, http.client.HTTPException) as error:
                if not self.patience.after_error(error):
                    raise self.client.broken(error, self.patience) from None
                self._resume()
                continue
            if self._goes_on(response, text):
                continue
            return

    @property
    def _opened(self) -> Address:
        """The address of the upload that has begun."""
        return required(self.location, "the address of an upload")

    @property
    def _whole(self) -> bool:
        return self.offset == 0 and not self.chunked

    def _step(self) -> Response:
        """Send the next request: all of it, a chunk, or the end."""
        if self._whole:
            return self._request("PUT", Body(self.source, 0, self.source.size), digest=self.digest)
        rest = self.source.size - self.offset
        if not rest:
            return self._request("PUT", None, digest=self.digest)
        count = min(rest, self.limit or rest)
        return self._request("PATCH", Body(self.source, self.offset, count), count)

    def _request(self, method: str, body: Body | None, count: int = 0, **query: str) -> Response:
        address, headers = self._opened.asking(query), {}
        if body is not None:
            headers["Content-Type"] = OCTETS
        if method == "PATCH":
            headers["Content-Range"] = f"{self.offset}-{self.offset + count - 1}"
        return self.client.send(method, address, headers, body)

    def _goes_on(self, response: Response, text: bytes) -> bool:
        """Take an answer. Return False where the blob is there. :raises RegistryError: where it is
        refused.
        """
        if response.status == 202 and not self._ended:  # a chunk has come
            before = self.offset
            self._follow(response)
            self.offset = _received(
                response,
                self.offset + min(self.source.size - self.offset, self.limit or self.source.size),
            )
            if self.offset > self.source.size:
                raise RegistryError(
                    f"registry {self.client.registry} has got {self.offset} bytes of a blob of "
                    f"{self.source.size}, it says"
                )
            if self.offset > before:
                self.patience.progress()
            elif not self.patience.after_error(ConnectionError("an upload does not get on")):
                raise self.client.refused("an upload", response, text, self.patience)
            return True
        if response.status in (201, 202, 204):
            return False
        if response.status == 401 and not self.challenged:  # the token's time was over
            self.challenged = True
            self.client.challenged(response)
            self._resume()
            return True
        if response.status == 413 and self._halve():
            self._resume()
            return True
        if response.status in (404, 416) and self.patience.after_error(
            ConnectionError("the upload is gone")
        ):
            self._resume()
            return True
        if self.patience.after_answer(response):
            self._resume()
            return True
        if (
            response.status in (400, 405, 501) and not self.anew
        ):  # it takes no blob in one request, or what it has is not what was sent
            self.anew = self.chunked = True
            self.limit = self.limit or max(self.least, CHUNK)
            self.begin()
            return True
        raise self.client.refused("an upload", response, text, self.patience)

    @property
    def _ended(self) -> bool:
        """Return whether the answered request was the upload's last."""
        return self._whole or self.offset == self.source.size

    def _halve(self) -> bool:
        """Make the chunks smaller. Return False where they can't be."""
        smallest = max(SMALLEST, self.least)
        if self.limit is not None and self.limit <= smallest:
            return False
        self.limit = max(
            smallest, min(CHUNK, self.source.size // 2) if self.limit is None else self.limit // 2
        )
        self.chunked = True
        return True

    def _resume(self) -> None:
        """Ask how much the registry has. Where that is nothing, or it does not know the upload any
        more, begin another.
        """
        try:
            response = self.client.send("GET", self._opened)
            response.read(WORDS)
            if response.status == 204:
                self._follow(response)
                self.offset = _received(response, 0)
                if 0 < self.offset <= self.source.size:
                    return
        except (OSError, http.client.HTTPException):
            pass
        self.begin()


def is_refusal(error: RegistryError) -> bool:
    """Tell whether the registry, or its token service, does not want a request, rather than can't
    answer it.
    """
    return not isinstance(error, Interrupted) or (
        isinstance(error, Refused) and error.status in REFUSALS
    )


def _received(response: Response, otherwise: int) -> int:
    """Return the bytes that an answer's Range says are there: ``0-99`` is 100. ``0-0`` is, by
    custom, an empty upload as well as one of one byte.
    """
    text = (response.headers.get("Range") or "").strip()
    text = text[len("bytes=") :] if text.startswith("bytes=") else text
    last = number(text[2:]) if text.startswith("0-") else None
    if last is None:
        return otherwise
    return last + 1 if last else min(otherwise, 1)
