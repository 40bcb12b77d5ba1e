# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A registry that caches another one ("pull-through"): it serves what it has, and fetches and keeps
the rest.

For each request of a tag the upstream registry is asked by HEAD, so the cache is never behind it.
Where the upstream does not answer, the last known manifest is served. Content that a digest names
is never fetched twice. Content that nobody has requested for ``ttl`` is removed.
"""

from __future__ import annotations

import os
import threading
import time
from urllib.parse import urlsplit

from ... import images
from ...errors import EngineError, InvalidInput, NotFound, RegistryError
from ..content import manifests, names
from ..content.answers import (
    Refusal,
    Response,
    blob_unknown,
    digest_invalid,
    document,
    manifest_unknown,
)
from ..http.api import Api, content_range, requested_range
from .fetching import Fetches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypedDict

    class UpstreamConfig(TypedDict, total=False):
        """The registry that is cached, as in a row's ``config`` and in ``config.json``."""

        remote_url: str
        username: str | None
        password: str | None
        ca_path: str | None
        insecure: bool
        ttl: float  # seconds; 0 keeps everything

    from ..content.content_store import Storage
    from ..content.uploads import Uploads
    from ..http.wire import Request


DEFAULT_TTL = "168h"
TRIES = 2  # a client waits meanwhile, and has tries of its own
REMEMBERED = 20000  # sizes of blobs
TOUCH = 3600.0  # seconds after which a manifest's last use is written down again
ACCEPTED = "the address of a registry, such as https://registry-1.docker.io or https://registry.example.com:5000"


def read_url(text: str) -> tuple[str, bool]:
    """Read an upstream's address.

    :returns: the registry's name, and whether it is reached without TLS.
    :raises InvalidInput: where it is none.
    """
    try:
        parts = urlsplit(text if "//" in text else "https://" + text)
    except ValueError:  # a bracket that is not closed
        raise InvalidInput("proxy.remote_url", text, ACCEPTED) from None
    if (
        parts.scheme not in ("http", "https")
        or not parts.netloc
        or parts.path.strip("/")
        or parts.query
        or parts.username
    ):
        raise InvalidInput("proxy.remote_url", text, ACCEPTED)
    name = (
        "docker.io"
        if parts.netloc in ("registry-1.docker.io", "index.docker.io", "docker.io")
        else parts.netloc
    )
    try:
        images.parse(f"{name}/a/b")
    except InvalidInput:
        raise InvalidInput("proxy.remote_url", text, ACCEPTED) from None
    return name, parts.scheme == "http"


class Upstream:
    """The registry that is cached.

    :ivar name: its host and port, ``docker.io`` for Docker's.
    """

    def __init__(self, config: UpstreamConfig) -> None:
        self.name, plain = read_url(config["remote_url"])
        options: dict[str, Any] = {"insecure": bool(config.get("insecure")) or plain}
        if config.get("ca_path"):
            options["ca_path"] = config["ca_path"]
        user = config.get("username")
        self._registries = images.Registries(
            credentials=images.Credentials(user, config.get("password") or "") if user else False,
            tries=TRIES,
            **options,
        )
        self._clients: dict[str, Any] = {}  # by repository
        self._lock = threading.Lock()

    def close(self) -> None:
        self._registries.close()

    def client(self, repository: str) -> Any:
        """Return a client for a repository, which keeps its tokens."""
        with self._lock:
            found = self._clients.get(repository)
            if found is None:
                if len(self._clients) > 1000:
                    self._clients.clear()
                found = self._clients[repository] = self._registries.client(
                    images.Reference(self.name, repository)
                )
            return found


class ProxyApi(Api):
    """An :class:`Api` with an upstream behind it."""

    def __init__(
        self, storage: Storage, uploads: Uploads, config: UpstreamConfig, log: Callable[[str], None]
    ) -> None:
        super().__init__(storage, uploads)
        self.upstream, self.fetches = Upstream(config), Fetches(storage, log)
        self._ttl = config.get("ttl") or 0
        self._sizes: dict[str, int] = {}  # of blobs, by digest

    def close(self) -> None:
        self.upstream.close()

    def expire(self) -> None:
        if self._ttl:
            expire(self.storage, self._ttl)

    def answer(self, request: Request) -> Response:
        namespace = request.argument("ns")
        if namespace is not None and namespace != self.upstream.name:
            raise Refusal(
                404,
                "NAME_UNKNOWN",
                f"this registry is a cache of {self.upstream.name}",
                {"ns": namespace},
            )
        response = super().answer(request)
        if namespace is not None:
            response.headers["OCI-Namespace"] = namespace
        return response

    def _no_push(self, *_arguments: object) -> Response:
        raise Refusal(
            405,
            "UNSUPPORTED",
            f"this registry is a cache of {self.upstream.name}: push there",
            headers={"Allow": "GET, HEAD"},
        )

    post_uploads = get_upload = patch_upload = put_upload = delete_upload = put_manifest = _no_push  # type: ignore[assignment]  # names of parameters

    # --- manifests ---

    def get_manifest(self, request: Request, name: str, reference: str) -> Response:
        digest = reference if ":" in reference else self._current(name, reference)
        if not names.digest(digest):
            raise digest_invalid(digest)
        if not self.storage.has_manifest(name, digest):
            self._fetch_manifest(name, digest)
        if ":" not in reference and self.storage.resolve(name, reference) != digest:
            self.storage.put_tag(name, reference, digest)
        self.storage.touch_manifest(name, digest, TOUCH)
        return super().get_manifest(request, name, digest)

    def _current(self, name: str, tag: str) -> str:
        """Return the digest that a tag names: upstream's, or the last one known where upstream
        can't be asked.
        """
        if not names.tag(tag):
            raise manifest_unknown(tag)
        known = self.storage.resolve(name, tag)
        try:
            digest = self.upstream.client(name).digest(tag)
        except RegistryError as error:
            if (
                known is not None
                and self.storage.has_manifest(name, known)
                and _status(error) not in (401, 403)
            ):
                return known
            raise _refusal(error) from None
        if digest is None:
            if known is not None:
                self.storage.delete_tag(name, tag)
            raise manifest_unknown(tag)
        return digest

    def _fetch_manifest(self, name: str, digest: str) -> None:
        try:
            data, kind = self.upstream.client(name).manifest(digest)
        except EngineError as error:
            raise _refusal(error, manifest_unknown(digest)) from None
        manifest = manifests.Manifest(data, kind or "")
        self._remember(data)
        self.storage.put_manifest(name, digest, data, manifest)
        self.storage.changed(name)

    def _remember(self, data: bytes) -> None:
        if len(self._sizes) > REMEMBERED:
            self._sizes.clear()
        self._sizes.update(manifests.sizes(data))

    # --- blobs ---

    def get_blob(self, request: Request, name: str, digest: str) -> Response:
        if not names.digest(digest):
            raise digest_invalid(digest)
        if self.storage.has_blob(name, digest) or self.storage.mount(name, digest):
            return super().get_blob(request, name, digest)
        size = self._size(name, digest)
        headers = {
            "Content-Type": "application/octet-stream",
            "Docker-Content-Digest": digest,
            "ETag": f'"{digest}"',
            "Accept-Ranges": "bytes",
        }
        if request.method == "HEAD":
            return Response(200, headers, pieces=(), count=size)
        offset, count, status = 0, size, 200
        part = requested_range(request, digest, size)
        if part is not None:
            (offset, count), status = part, 206
            headers["Content-Range"] = content_range(part, size)
        begun = self.fetches.begin(
            name, digest, size, lambda: self.upstream.client(name).blob(digest, size)
        )
        if begun is None:
            return super().get_blob(request, name, digest)
        return Response(status, headers, pieces=begun[0].read(begun[1], offset, count), count=count)

    def _size(self, name: str, digest: str) -> int:
        found = self._sizes.get(digest)
        if found is None:
            try:
                found = self.upstream.client(name).blob_size(digest)
            except EngineError as error:
                raise _refusal(error, blob_unknown(digest)) from None
            self._sizes[digest] = found
        return found

    # --- lists ---

    def get_tags(self, request: Request, name: str, last: str) -> Response:
        try:
            found = self.upstream.client(name).tags()
        except NotFound as error:
            raise _refusal(error) from None
        except RegistryError as error:
            if not self.storage.exists(name) or _status(error) in (401, 403):
                raise _refusal(error) from None
            return super().get_tags(request, name, last)
        return self._page(
            request,
            f"/v2/{name}/tags/list",
            sorted(found),
            lambda shown: {"name": name, "tags": shown},
        )

    def get_referrers(self, request: Request, name: str, digest: str) -> Response:
        if not names.digest(digest):
            raise digest_invalid(digest)
        wanted = request.argument("artifactType")
        try:
            found = self.upstream.client(name).referrers(digest, wanted)
        except EngineError:
            return super().get_referrers(request, name, digest)
        headers = {"OCI-Filters-Applied": "artifactType"} if wanted else {}
        return document(
            {"schemaVersion": 2, "mediaType": manifests.OCI_INDEX, "manifests": found},
            manifests.OCI_INDEX,
            headers=headers,
        )


def _status(error: Exception) -> int | None:
    """Return the HTTP status of an upstream's answer that is an error; None where it did not
    answer.
    """
    return error.status if isinstance(error, images.Refused) else None


def _refusal(error: Exception, unknown: Refusal | None = None) -> Refusal:
    """Return the answer to a client for an upstream's failure: 404 for content that is missing or
    not allowed, else 504.
    """
    if isinstance(error, NotFound) or _status(error) in (401, 403, 404):
        return (
            unknown
            if unknown is not None and isinstance(error, NotFound)
            else Refusal(404, "NAME_UNKNOWN", str(error))
        )
    return Refusal(504, "UNKNOWN", f"upstream: {error}")


def maker(config: UpstreamConfig) -> Callable[[Storage, Uploads, Callable[[str], None]], ProxyApi]:
    """Return what makes the API of a cache, for ``http.server.Server``."""
    return lambda storage, uploads, log: ProxyApi(storage, uploads, config, log)


def expire(storage: Storage, seconds: float) -> None:
    """Remove the manifests that were not requested in so many seconds. ``collect`` then removes the
    blobs that only they name.
    """
    limit = time.time() - seconds
    for name in storage.repositories():
        for digest in storage.manifests(name):
            if storage.used_at(name, digest) < limit:
                storage.delete_manifest(name, digest)


def check(config: UpstreamConfig) -> None:
    """:raises InvalidInput: for an upstream that can't be used."""
    read_url(config["remote_url"])
    if config.get("password") and not config.get("username"):
        raise InvalidInput(
            "proxy.username", config.get("username"), "the user whose password is given"
        )
    ca_path = config.get("ca_path")
    if ca_path and not os.path.isfile(ca_path):
        raise InvalidInput("proxy.ca_path", ca_path, "an existing file in PEM form")
