# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client of the OCI distribution specification (1.1): manifests, blobs and referrers of one
repository.

Downloads resume where they broke off (Range). Retry-After is obeyed. A redirect to another host
gets no Authorization header. The caller checks the digest of a blob.
"""

from __future__ import annotations

import hashlib
import http.client
import re
from urllib.parse import urlencode

from ...errors import EngineError, Interrupted, NotFound, RegistryError
from ...store.blobs import valid_digest
from ...untrusted import json_reader
from ...untrusted.text import printable
from ..model import manifest
from . import auth, retry, transport
from . import redirects as addresses
from .headers import next_page, number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from ..model.reference import Reference
    from .basic_auth import Credentials
    from .headers import Headers
    from .redirects import Address
    from .retry import Patience
    from .transport import Body, Response, Transport


REDIRECTS = (301, 302, 303, 307, 308)
MAX_REDIRECTS = 10
WORDS = 1 << 20  # bytes of an answer that is only there to be quoted
MAX_PAGES = 100  # of a list of referrers


class Refused(Interrupted):
    """A registry has answered with an error, of which ``status`` is HTTP's number."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Client:
    """Requests to one repository.

    :param reference: names registry and repository.
    :param credentials: as of ``auth.Authorizer``.
    :param tries: how often a request is tried.
    :param namespace: the registry that this one stands in for (distribution-spec 1.2, "Registry
        proxying").
    :ivar warnings: sentences that the registry sent as warnings.
    """

    def __init__(
        self,
        reference: Reference,
        connection: Transport,
        credentials: Credentials | Callable[[], Credentials | None] | None = None,
        tries: int = retry.TRIES,
        namespace: str | None = None,
    ) -> None:
        self.reference, self.transport, self.tries = reference, connection, tries
        self.registry, self.repository = reference.registry, reference.repository
        self.authorizer = auth.Authorizer(connection, self.registry, credentials)
        self.scopes = [f"repository:{self.repository}:pull"]
        self.warnings: list[str] = []
        self._query = {"ns": namespace} if namespace else {}

    def for_push(self, mount_from: Sequence[str] = ()) -> Client:
        """Ask for the right to push from now on, and to read the repositories whose blobs may be
        mounted. Return the client.
        """
        self.scopes = [f"repository:{self.repository}:pull,push"] + [
            f"repository:{name}:pull" for name in mount_from
        ]
        return self

    # --- manifests ---

    def digest(self, wanted: str) -> str | None:
        """Return the digest that the registry has for a tag or digest now, by HEAD; None where it
        has none.

        Some registries leave the digest out of the answer, or know no HEAD. There the manifest is
        fetched.
        """
        response = self.call(
            "HEAD",
            self._path("manifests", wanted),
            {"Accept": manifest.ACCEPT},
            accept=(200, 404, 405),
            limit=0,
        )
        if response.status == 404:
            return None
        digest = response.headers.get("Docker-Content-Digest") or ""
        if response.status == 200 and valid_digest(digest):
            return digest
        try:
            return manifest.digest_of(self.manifest(wanted)[0])
        except NotFound:
            return None

    def manifest(self, wanted: str) -> tuple[bytes, str | None]:
        """Fetch a manifest or index and return it with its media type. A digest that is asked for,
        or that the registry claims, is checked.

        :raises NotFound: where the registry has none.
        """
        response = self.call(
            "GET",
            self._path("manifests", wanted),
            {"Accept": manifest.ACCEPT},
            accept=(200, 404),
            limit=manifest.MAX_MANIFEST,
        )
        data = response.body
        if response.status == 404:
            raise NotFound(
                f"registry {self.registry} has no image "
                f"{self.repository}{('@' if ':' in wanted else ':') + wanted}{_in_brackets(_words(data))}"
            )
        self._check_document(response, "a manifest")
        claimed = wanted if ":" in wanted else response.headers.get("Docker-Content-Digest") or ""
        if valid_digest(claimed):
            found = f"{claimed.partition(':')[0]}:{hashlib.new(claimed.partition(':')[0], data).hexdigest()}"
            if found != claimed:
                raise RegistryError(
                    f"registry {self.registry} sent a manifest of {self.repository} whose digest "
                    f"is {found}, not {claimed}"
                )
        return data, response.headers.get("Content-Type")

    def _check_document(self, response: Response, what: str) -> None:
        """:raises RegistryError: for a proxy's page or a login form in place of a document."""
        kind = (response.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
        if kind in ("text/html", "application/xhtml+xml"):
            raise RegistryError(
                f"registry {self.registry} answered with a page ({printable(kind, 100)}) where "
                f"{what} of {self.repository} was asked for: something else than a registry "
                "answers there"
            )

    def put_manifest(self, name: str, data: bytes, media_type: str) -> str:
        """Store a manifest under a tag or digest and return its digest. ``referrers.put`` stores
        one with a subject.
        """
        self.put_manifest_answer(name, data, media_type)
        return manifest.digest_of(data)

    def put_manifest_answer(
        self,
        name: str,
        data: bytes,
        media_type: str,
        headers: dict[str, str] | None = None,
        accept: tuple[int, ...] = (),
    ) -> Headers:
        """Store a manifest as :meth:`put_manifest` does and return the answer's headers.

        :param headers: more headers to send.
        :param accept: more statuses that are no error.
        """
        headers = dict(headers or {}, **{"Content-Type": media_type})
        return self.call(
            "PUT", "manifests/" + name, headers, data, accept=(201, 200, 202) + accept, limit=WORDS
        ).headers

    def tags(self) -> list[str]:
        """List the repository's tags. :raises NotFound: where the registry has no such repository."""
        path: str | Address = "tags/list" + ("?" + urlencode(self._query) if self._query else "")
        found: list[str] = []
        for _page in range(MAX_PAGES):
            response = self.call("GET", path, accept=(200, 404), limit=manifest.MAX_MANIFEST)
            if response.status == 404:
                raise NotFound(f"registry {self.registry} has no repository {self.repository}")
            what = f"the list of tags that registry {self.registry} answered with for {self.repository}"
            listed = json_reader.load(response.body, what, error=RegistryError).get("tags") or []
            if not isinstance(listed, list) or not all(isinstance(tag, str) for tag in listed):
                raise RegistryError(what + " is not one")
            found += listed
            following = self._next(response)
            if following is None:
                break
            path = following
        return found

    def _next(self, response: Response) -> Address | None:
        """Return the address of a list's next page, or None."""
        link = next_page(response.headers.get_all("Link"))
        return (
            None if link is None else self.follow(link, "the next page of a list", response.address)
        )

    def referrers(self, digest: str, artifact_type: str | None = None) -> list[dict[str, Any]]:
        """List the descriptors of the manifests whose subject is ``digest``, by the API or else by
        the fallback tag.

        :param artifact_type: list those of this type only.
        """
        found = self._listed(digest, artifact_type)
        if found is None:
            found = self.referrers_tag(digest)[0]
        return [
            item
            for item in found
            if artifact_type is None or item.get("artifactType") == artifact_type
        ]

    def _listed(self, digest: str, artifact_type: str | None) -> list[dict[str, Any]] | None:
        """List all pages of the referrers API (distribution-spec 1.1, "Listing Referrers"). Return
        None where the registry has no such API.
        """
        query = {"artifactType": artifact_type} if artifact_type else {}
        path: str | Address = self._path("referrers", digest, **query)
        found: list[dict[str, Any]] = []
        for _page in range(MAX_PAGES):
            response = self.call(
                "GET",
                path,
                {"Accept": manifest.OCI_INDEX},
                accept=(200, 400, 404, 405, 501),
                limit=manifest.MAX_MANIFEST,
            )
            kind = (response.headers.get("Content-Type") or "").partition(";")[0].strip()
            if (
                response.status != 200 or kind != manifest.OCI_INDEX
            ):  # a registry that takes the path for something else
                return None
            document = manifest.parse(
                response.body, f"the list of referrers of {self.repository}", kind
            )
            found += document.get("manifests", [])
            following = self._next(response)
            if following is None:
                return found
            path = following
        return found

    def referrers_tag(self, digest: str) -> tuple[list[dict[str, Any]], str | None]:
        """Return the descriptors of the fallback tag, an index, and its ETag (distribution-spec
        1.1, "Referrers Tag Schema").
        """
        path = self._path("manifests", digest.replace(":", "-"))
        response = self.call(
            "GET",
            path,
            {"Accept": manifest.OCI_INDEX},
            accept=(200, 404),
            limit=manifest.MAX_MANIFEST,
        )
        if response.status == 404:
            return [], None
        document = manifest.parse(
            response.body,
            f"the list of referrers of {self.repository}",
            response.headers.get("Content-Type"),
        )
        return document.get("manifests", []), response.headers.get("ETag")

    # --- blobs ---

    def small_blob(self, digest: str, limit: int) -> bytes:
        """Fetch a blob and check its digest. :raises RegistryError: where it does not match, or the
        blob has more than ``limit`` bytes.
        """
        data = b"".join(self.blob(digest, limit, exact=False))
        algorithm, dummy, encoded = digest.partition(":")
        if hashlib.new(algorithm, data).hexdigest() != encoded:
            raise RegistryError(
                f"registry {self.registry} sent a blob of {self.repository} whose digest is not "
                f"{digest}"
            )
        return data

    def has_blob(self, digest: str) -> bool:
        return (
            self.call("HEAD", self._path("blobs", digest), accept=(200, 404), limit=0).status == 200
        )

    def blob_size(self, digest: str) -> int:
        """Return a blob's size in bytes, as the registry says. :raises NotFound: where it has no
        such blob.
        """
        response = self.call("HEAD", self._path("blobs", digest), accept=(200, 404), limit=0)
        if response.status == 404:
            raise self._no_blob(404, digest, None, 0)
        length = number(response.headers.get("Content-Length"))
        if length is None:
            raise RegistryError(f"registry {self.registry} does not say how large blob {digest} is")
        return length

    def blob(
        self,
        digest: str,
        size: int | None = None,
        offset: int = 0,
        exact: bool = True,
        url: str | None = None,
    ) -> Iterator[bytes]:
        """Fetch a blob in pieces. Where the connection breaks, the rest is asked for by Range. The
        caller checks the digest.

        :param size: bytes that it has at most, and also at least where ``exact``.
        :param offset: bytes to leave out at the beginning.
        :param url: where it is, if not in the registry.
        :raises NotFound: where the registry has no such blob.
        :raises RegistryError: where it can't be had, or has another size.
        """
        patience = retry.Patience(self.tries)
        place = self._path("blobs", digest) if url is None else self.follow(url, "a foreign layer")
        while size is None or offset < size or not size:
            response = self.call(
                "GET",
                place,
                {"Range": f"bytes={offset}-"} if offset else {},
                accept=(200, 206, 404, 416),
            )
            if response.status in (404, 416):
                response.close()
                raise self._no_blob(response.status, digest, size, offset)
            skip, before = self._skip(response, digest, size, offset), offset
            try:
                for piece in response.pieces():
                    if skip:
                        piece, skip = piece[skip:], max(0, skip - len(piece))
                    offset += len(piece)
                    if size is not None and offset > size:
                        response.close()
                        raise RegistryError(
                            f"registry {self.registry} sent more than the {size} bytes of blob {digest}"
                        )
                    if piece:
                        patience.progress()
                        yield piece
            except (OSError, http.client.HTTPException) as error:
                response.close()
                if not patience.after_error(error):
                    raise self.broken(error, patience) from None
                continue
            if size is None or not exact or offset == size:
                return
            if offset == before or response.headers.get(
                "Content-Length"
            ):  # it is no broken connection: there is no more
                raise RegistryError(
                    f"registry {self.registry} has only {offset} of the {size} bytes of blob "
                    f"{digest}"
                )

    def _no_blob(
        self, status: int, digest: str, size: int | None, offset: int
    ) -> RegistryError | NotFound:
        if status == 404:
            return NotFound(f"registry {self.registry} lacks blob {digest} of {self.repository}")
        return RegistryError(
            f"registry {self.registry} has not the bytes from {offset} on of blob {digest}"
            f", which is to have {size}"
        )

    def _skip(self, response: Response, digest: str, size: int | None, offset: int) -> int:
        """Return how many bytes of the answer are here already. :raises RegistryError: for another
        part than was asked for.
        """
        if response.status == 200:
            return offset
        text = response.headers.get("Content-Range") or ""
        match = re.fullmatch(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18}|\*)", text.strip())
        if (
            match is None
            or int(match.group(1)) != offset
            or (size is not None and match.group(2) not in ("*", str(size)))
        ):
            response.close()
            raise RegistryError(
                f"registry {self.registry} answers a request for the bytes from {offset} on "
                f"of blob {digest} with {printable(text, 100)}"
            )
        return 0

    # --- requests ---

    def _path(self, kind: str, name: str, **query: str) -> str:
        query = dict(query, **self._query)
        return f"{kind}/{name}" + ("?" + urlencode(query) if query else "")

    def url(self, path: str | Address) -> Address:
        """Return the address of ``path`` below the repository; an :class:`Address` stays as it is."""
        if isinstance(path, addresses.Address):
            return path
        return self.transport.base(self.registry).at(f"/v2/{self.repository}/{path}")

    def follow(self, text: str, what: str, base: Address | None = None) -> Address:
        """Return the address that the registry names.

        :param base: the address of the answer that names it; by default the repository's.
        :raises RegistryError: where the address is not allowed.
        """
        return addresses.follow(
            self.registry,
            base or self.url(""),
            text,
            what,
            self.transport.is_insecure(self.registry),
        )

    def is_home(self, address: Address) -> bool:
        """Tell whether an address is the registry's own, which alone gets its credentials."""
        return address.origin == self.transport.base(self.registry).origin

    def call(
        self,
        method: str,
        path: str | Address,
        headers: dict[str, str] | None = None,
        body: bytes | Body | None = None,
        accept: tuple[int, ...] = (200,),
        limit: int | None = None,
    ) -> Response:
        """Send a request to the repository, with authorization, redirects and retries.

        :param path: as for :meth:`url`.
        :param accept: statuses that are no error.
        :param limit: read the answer's body, which may have so many bytes, into ``body``; None
            leaves it to be read.
        :raises RegistryError: for any other status.
        """
        url, patience = self.url(path), retry.Patience(self.tries)
        challenged, redirects = False, 0
        while True:
            try:
                response = self.send(method, url, headers, body)
                if response.status in accept:
                    self._note(response)
                    if limit is not None:
                        response.body = response.read(limit)
                    return response
                if (
                    response.status in REDIRECTS
                    and method in ("GET", "HEAD")
                    and response.headers.get("Location")
                ):
                    redirects += 1
                    url = self._redirected(url, response, redirects)
                    continue
                text = response.read(WORDS)
                if response.status == 401 and not challenged and self.is_home(url):
                    challenged = True
                    self.challenged(response)
                    continue
            except (OSError, http.client.HTTPException) as error:
                if not patience.after_error(error):
                    raise self.broken(error, patience) from None
                continue
            if not patience.after_answer(response):
                raise self.refused(method, response, text, patience)

    def send(
        self,
        method: str,
        address: Address,
        headers: dict[str, str] | None = None,
        body: bytes | Body | None = None,
    ) -> Response:
        """Send one request with the Authorization header that is known. :raises OSError,
        http.client.HTTPException: where the connection fails.
        """
        sent = dict(headers or {})
        header = self.authorizer.header(self.scopes) if self.is_home(address) else None
        if header:
            sent["Authorization"] = header
        response = self.transport.request(method, address, sent, body)
        response.authorization = header
        return response

    def challenged(self, response: Response) -> None:
        """Meet the challenge of a 401 answer to :meth:`send`. :raises RegistryError: where it can't
        be met.
        """
        self.authorizer.answer(
            response.headers.get_all("WWW-Authenticate"), self.scopes, response.authorization
        )

    def _redirected(self, url: Address, response: Response, count: int) -> Address:
        response.close()
        target = self.follow(response.headers.get("Location") or "", "what was asked for", url)
        if count > MAX_REDIRECTS:
            raise RegistryError(
                f"registry {self.registry} redirects without end, in the end to {target.shown}"
            )
        return target

    def _note(self, response: Response) -> None:
        """Keep a warning of the registry (distribution-spec 1.1, "Warnings"), each once."""
        for value in response.headers.get_all("Warning"):
            match = re.fullmatch(r'299 - "((?:[^"\\]|\\.){1,1000})"', value.strip())
            if match and len(self.warnings) < 10:
                sentence = "registry %s: %s" % (
                    self.registry,
                    printable(re.sub(r"\\(.)", r"\1", match.group(1))),
                )
                if sentence not in self.warnings:
                    self.warnings.append(sentence)

    def broken(self, error: Exception, patience: Patience) -> Interrupted:
        """Make the error of a connection that failed for good."""
        return Interrupted(
            f"registry {self.registry} can't be reached: "
            f"{transport.explain(error)}{patience.said()}"
        )

    def refused(
        self, method: str, response: Response, text: bytes, patience: Patience | None = None
    ) -> Refused:
        """Make the error of an answer, with the registry's own words where it has some
        (distribution-spec, "Error codes").
        """
        who = self.authorizer.user
        what = {
            401: f"refuses the credentials of {who}"
            if who
            else "asks for credentials that it was not given",
            403: "refuses access",
            404: "does not know the repository",
            429: "wants fewer requests; try again later",
        }.get(response.status, f"answered {method} with status {response.status}")
        words = _words(text)
        return Refused(
            f"registry {self.registry} {what} "
            f"({self.repository}){': ' + words if words else ''}{patience.said() if patience else ''}",
            response.status,
        )


def _words(text: bytes) -> str:
    """Return what an answer's body says: the specification's errors, or the title of a proxy's
    page.
    """
    try:
        listed = json_reader.load(text, "the answer")["errors"]
        words = "; ".join(
            "%s%s" % (item.get("code", ""), ": %s" % item["message"] if item.get("message") else "")
            for item in listed
        )
    except (EngineError, KeyError, TypeError, AttributeError):
        title = _title(text[:4096])
        words = f"a page with the title {title!r}" if title else ""
    return printable(words, 500)


def _in_brackets(words: str) -> str:
    return f" ({words})" if words and "_UNKNOWN" not in words else ""


def _title(page: bytes) -> str:
    """Return the title of a page in HTML, or an empty text."""
    start = page.lower().find(b"<title")
    start = page.find(b">", start) + 1 if start >= 0 else 0
    return page[start:].partition(b"<")[0].strip()[:200].decode("utf-8", "replace") if start else ""
