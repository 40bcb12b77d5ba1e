# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client of the OCI distribution specification (1.1): manifests and blobs, both ways, of one repository.

Downloads go on where they broke off (Range); a registry that asks to slow down is obeyed (Retry-After); a redirect to
another host gets no Authorization header; every byte is checked against its digest by whoever takes it.
"""

from __future__ import annotations

import email.utils
import hashlib
import http.client
import json
import random
import socket
import ssl
import time
from urllib.parse import urlencode, urljoin, urlsplit

from ..errors import NotFound, RegistryError
from ..store.blobs import valid_digest
from . import auth, manifest, transport

TRIES = 5
LONGEST_WAIT = 60  # seconds
RETRIED = (429, 500, 502, 503, 504)
REDIRECTS = (301, 302, 303, 307, 308)


class Client:
    """Requests to one repository.

    :param reference: names registry and repository. :param credentials: as ``auth.Authorizer``'s.
    :param connection: a ``transport.Transport``.
    """

    def __init__(self, reference, connection, credentials=None):
        self.reference, self.transport = reference, connection
        self.registry, self.repository = reference.registry, reference.repository
        self.authorizer = auth.Authorizer(connection, self.registry, credentials)
        self.scopes = ["repository:%s:pull" % self.repository]

    def for_push(self, mount_from=()):
        """Ask for the right to push from now on, and to read the repositories whose blobs may be mounted."""
        self.scopes = ["repository:%s:pull,push" % self.repository] + ["repository:%s:pull" % name for name in mount_from]
        return self

    # --- manifests ---

    def digest(self, wanted):
        """The digest that the registry has for a tag or digest now, by HEAD; None when it has none.

        Some registries leave the digest out of the answer; then the manifest is fetched.
        """
        response = self._call("HEAD", "manifests/" + wanted, {"Accept": manifest.ACCEPT}, accept=(200, 404))
        response.read(0)
        if response.status == 404:
            return None
        digest = response.headers.get("Docker-Content-Digest") or ""
        return digest if valid_digest(digest) else manifest.digest_of(self.manifest(wanted)[0])

    def manifest(self, wanted):
        """``(bytes, media type)`` of a manifest or index. A digest that was asked for, or that the registry claims, is checked.

        :raises NotFound: when the registry has none.
        """
        response = self._call("GET", "manifests/" + wanted, {"Accept": manifest.ACCEPT}, accept=(200, 404))
        data = response.read(manifest.MAX_MANIFEST)
        if response.status == 404:
            raise NotFound("registry %s has no image %s%s" % (self.registry, self.repository, ("@" if ":" in wanted else ":") + wanted))
        claimed = wanted if ":" in wanted else response.headers.get("Docker-Content-Digest") or ""
        if valid_digest(claimed):
            found = "%s:%s" % (claimed.partition(":")[0], hashlib.new(claimed.partition(":")[0], data).hexdigest())
            if found != claimed:
                raise RegistryError(
                    "registry %s sent a manifest of %s whose digest is %s, not %s" % (self.registry, self.repository, found, claimed)
                )
        return data, response.headers.get("Content-Type")

    def put_manifest(self, name, data, media_type):
        """Store a manifest under a tag or digest. :returns: the digest."""
        response = self._call("PUT", "manifests/" + name, {"Content-Type": media_type}, data, accept=(201, 200, 202))
        response.read(1 << 16)
        return manifest.digest_of(data)

    # --- blobs, down ---

    def small_blob(self, digest, limit):
        """A blob's bytes, its digest checked. :raises RegistryError: when they are others, or more than ``limit``."""
        data = b"".join(self.blob(digest, limit))
        algorithm, dummy, encoded = digest.partition(":")
        if hashlib.new(algorithm, data).hexdigest() != encoded:
            raise RegistryError("registry %s sent a blob of %s whose digest is not %s" % (self.registry, self.repository, digest))
        return data

    def blob(self, digest, size=None):
        """A blob's pieces. Where the connection breaks, the rest is asked for by Range.

        :param size: no more bytes than this. The digest is for the caller to check.
        """
        offset, tries = 0, 0
        while True:
            headers = {"Range": "bytes=%d-" % offset} if offset else {}
            response = self._call("GET", "blobs/" + digest, headers, accept=(200, 206, 404))
            if response.status == 404:
                response.read(1 << 16)
                raise RegistryError("registry %s lacks blob %s of %s" % (self.registry, digest, self.repository))
            skip = self._skip(response, offset)
            try:
                for piece in response.pieces():
                    if skip:
                        piece, skip = piece[skip:], max(0, skip - len(piece))
                    offset += len(piece)
                    if size is not None and offset > size:
                        response.close()
                        raise RegistryError("registry %s sent more than the %d bytes of blob %s" % (self.registry, size, digest))
                    if piece:
                        tries = 0
                        yield piece
                return
            except (OSError, http.client.HTTPException) as error:
                response.close()
                tries += 1
                if tries >= TRIES:
                    raise self._broken(error) from None
                time.sleep(_pause(tries))

    def _skip(self, response, offset):
        """How many bytes of the answer are there already."""
        if not offset or response.status == 200:
            return offset
        start = response.headers.get("Content-Range", "").partition("bytes ")[2].partition("-")[0]
        if start != str(offset):
            raise RegistryError(
                "registry %s answers a request for bytes from %d with %r" % (self.registry, offset, response.headers.get("Content-Range"))
            )
        return 0

    # --- blobs, up ---

    def has_blob(self, digest):
        response = self._call("HEAD", "blobs/" + digest, accept=(200, 404))
        response.read(0)
        return response.status == 200

    def push_blob(self, digest, body, mount_from=None):
        """Store a blob unless the repository has it.

        :param body: an object with ``size`` and ``pieces()``. :param mount_from: a repository of the same registry that may have it.
        :returns: ``present``, ``mounted`` or ``pushed``.
        """
        if self.has_blob(digest):
            return "present"
        query = {"mount": digest, "from": mount_from} if mount_from else {}
        location, mounted = self._begin(query)
        if mounted:
            return "mounted"
        for tries in range(1, TRIES + 1):
            separator = "&" if urlsplit(location).query else "?"
            url = location + separator + urlencode({"digest": digest})
            response = self._try("PUT", url, {"Content-Type": "application/octet-stream"}, body)
            if response is not None:
                text = response.read(1 << 16)
                if response.status in (201, 204, 202):
                    return "pushed"
                if response.status not in RETRIED + (404, 416) or tries == TRIES:
                    raise self._refused("PUT", response, text)
            time.sleep(_pause(tries))
            location, _mounted = self._begin({})  # a session that failed is not to be trusted
        raise RegistryError("registry %s broke off every upload of blob %s" % (self.registry, digest))

    def _begin(self, query):
        """Open an upload: ``(its address, whether a mount made it unnecessary)``."""
        response = self._call("POST", "blobs/uploads/" + ("?" + urlencode(query) if query else ""), accept=(201, 202))
        response.read(1 << 16)
        if response.status == 201:
            return None, True
        location = response.headers.get("Location")
        if not location:
            raise RegistryError("registry %s opened an upload without saying where" % self.registry)
        return urljoin(self.transport.base(self.registry) + "/v2/%s/blobs/uploads/" % self.repository, location), False

    def _try(self, method, url, headers, body):
        """One try of a request whose body is large: the token is fresh by the request before. None when the connection broke."""
        try:
            header = self.authorizer.header(self.scopes)
            if header and self._is_home(url):
                headers = dict(headers, Authorization=header)
            return self.transport.request(method, url, headers, body)
        except (OSError, http.client.HTTPException):
            return None

    # --- requests ---

    def _is_home(self, url):
        return urlsplit(url)[:2] == urlsplit(self.transport.base(self.registry))[:2]

    def _call(self, method, path, headers=None, body=None, accept=(200,)):
        """A request to the repository, with authorization, redirects and retries.

        :param accept: statuses that are returned. :raises RegistryError: for any other.
        """
        url = "%s/v2/%s/%s" % (self._base(), self.repository, path)
        challenged = False
        tries = redirects = 0
        while True:
            sent = dict(headers or {})
            header = self.authorizer.header(self.scopes) if self._is_home(url) else None
            if header:
                sent["Authorization"] = header
            try:
                response = self.transport.request(method, url, sent, body)
            except (OSError, http.client.HTTPException) as error:
                tries += 1
                if tries >= TRIES or not _worth_retrying(error):
                    raise self._broken(error) from None
                time.sleep(_pause(tries))
                continue
            if response.status in accept:
                return response
            if response.status in REDIRECTS and method in ("GET", "HEAD") and response.headers.get("Location"):
                redirects += 1
                if redirects > 10:
                    raise RegistryError("registry %s redirects without end" % self.registry)
                url = urljoin(url, response.headers["Location"])
                response.close()
                continue
            text = response.read(1 << 16) if method != "HEAD" else response.read(0)
            if response.status == 401 and not challenged:
                challenged = True
                self.authorizer.answer(response.headers.get_all("WWW-Authenticate") or [], self.scopes)
                continue
            if response.status in RETRIED:
                tries += 1
                if tries < TRIES:
                    time.sleep(_asked_pause(response.headers.get("Retry-After"), tries))
                    continue
            raise self._refused(method, response, text)

    def _base(self):
        return self.transport.base(self.registry)

    def _broken(self, error):
        return RegistryError("registry %s can't be reached: %s" % (self.registry, transport.explain(error)))

    def _refused(self, method, response, text):
        """The error of an answer: the registry's own words where it has some (distribution-spec, "Error codes")."""
        try:
            listed = json.loads(text.decode("utf-8"))["errors"]
            words = "; ".join("%s%s" % (item.get("code", ""), ": %s" % item["message"] if item.get("message") else "") for item in listed)
        except (ValueError, KeyError, TypeError, AttributeError):
            words = ""
        who = self.authorizer.credentials
        what = {
            401: "refuses the credentials of %s" % who[0] if isinstance(who, tuple) else "asks for credentials that it was not given",
            403: "refuses access",
            404: "does not know the repository",
            429: "wants fewer requests; try again later",
        }.get(response.status, "answered %s with status %d" % (method, response.status))
        return RegistryError("registry %s %s (%s)%s" % (self.registry, what, self.repository, ": " + words[:500] if words else ""))


def _worth_retrying(error):

    return not isinstance(error, (ssl.SSLCertVerificationError, socket.gaierror, ConnectionRefusedError))


def _pause(tries):
    return min(LONGEST_WAIT, 0.25 * 2**tries) * random.uniform(0.75, 1.25)


def _asked_pause(header, tries):
    """Seconds to wait after a 429 or 5xx: what Retry-After says (seconds or a date, RFC 9110 10.2.3), within bounds."""
    if header and header.strip().isdigit():
        return min(LONGEST_WAIT, int(header)) + random.uniform(0, 0.5)
    if header:
        try:
            when = email.utils.parsedate_to_datetime(header).timestamp()
            return min(LONGEST_WAIT, max(0.0, when - time.time())) + random.uniform(0, 0.5)
        except (TypeError, ValueError):
            pass
    return _pause(tries)
