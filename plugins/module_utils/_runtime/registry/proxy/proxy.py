# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A registry that is a cache of another one: what it has it serves, what it lacks it fetches and keeps ("pull-through").

A tag is asked of the upstream registry each time, by HEAD, so the cache is never behind it; where the upstream does not answer, what
was seen last is served. Content that is named by a digest is never asked for twice. What nobody has asked for in ``ttl`` goes.
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
from ..http.api import Api, byte_range
from .fetching import Fetches

DEFAULT_TTL = "168h"
TRIES = 2  # a client waits meanwhile, and has tries of its own
REMEMBERED = 20000  # sizes of blobs
TOUCH = 3600.0  # seconds after which a manifest's last use is written down again
ACCEPTED = "the address of a registry, such as https://registry-1.docker.io or https://registry.example.com:5000"


def read_url(text):
    """``(the registry's name, whether it is spoken to without TLS)`` of an upstream's address. :raises InvalidInput:"""
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

    :param config: ``{"remote_url", "username", "password", "ca_path", "insecure"}``.
    :ivar name: its host and port, ``docker.io`` for Docker's.
    """

    def __init__(self, config):
        self.name, plain = read_url(config["remote_url"])
        options = {"insecure": bool(config.get("insecure")) or plain}
        if config.get("ca_path"):
            options["ca_path"] = config["ca_path"]
        user = config.get("username")
        self._registries = images.Registries(
            credentials=(user, config.get("password") or "") if user else False,
            tries=TRIES,
            **options,
        )
        self._clients, self._lock = {}, threading.Lock()

    def close(self):
        self._registries.close()

    def client(self, repository):
        """One for each repository, which knows its tokens."""
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
    """As :class:`Api`, with an upstream behind it. :param log: as ``server.Server``'s."""

    def __init__(self, storage, uploads, config, log):
        super().__init__(storage, uploads)
        self.upstream, self.fetches, self._sizes = Upstream(config), Fetches(storage, log), {}

    def close(self):
        self.upstream.close()

    def answer(self, request):
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

    def _no_push(self, *_arguments):
        raise Refusal(
            405,
            "UNSUPPORTED",
            f"this registry is a cache of {self.upstream.name}: push there",
            headers={"Allow": "GET, HEAD"},
        )

    post_uploads = get_upload = patch_upload = put_upload = delete_upload = put_manifest = _no_push

    # --- manifests ---

    def get_manifest(self, request, name, reference):
        digest = reference if ":" in reference else self._current(name, reference)
        if not names.digest(digest):
            raise digest_invalid(digest)
        if not self.storage.has_manifest(name, digest):
            self._fetch_manifest(name, digest)
        if ":" not in reference and self.storage.resolve(name, reference) != digest:
            self.storage.put_tag(name, reference, digest)
        self.storage.touch_manifest(name, digest, TOUCH)
        return super().get_manifest(request, name, digest)

    def _current(self, name, tag):
        """The digest that a tag names: upstream's, or the last one known where upstream can't be asked."""
        if not names.tag(tag):
            raise manifest_unknown(tag)
        known = self.storage.resolve(name, tag)
        try:
            digest = self.upstream.client(name).digest(tag)
        except RegistryError as error:
            if (
                known is not None
                and self.storage.has_manifest(name, known)
                and getattr(error, "status", None) not in (401, 403)
            ):
                return known
            raise _refusal(error) from None
        if digest is None:
            if known is not None:
                self.storage.delete_tag(name, tag)
            raise manifest_unknown(tag)
        return digest

    def _fetch_manifest(self, name, digest):
        try:
            data, kind = self.upstream.client(name).manifest(digest)
        except EngineError as error:
            raise _refusal(error, manifest_unknown(digest)) from None
        manifest = manifests.Manifest(data, kind or "")
        self._remember(data)
        self.storage.put_manifest(name, digest, data, manifest)
        self.storage.changed(name)

    def _remember(self, data):
        if len(self._sizes) > REMEMBERED:
            self._sizes.clear()
        self._sizes.update(manifests.sizes(data))

    # --- blobs ---

    def get_blob(self, request, name, digest):
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
        wish = request.headers.get("range")
        part = (
            byte_range(wish, size)
            if wish and request.headers.get("if-range", f'"{digest}"') == f'"{digest}"'
            else None
        )
        if part == (0, 0):
            raise Refusal(
                416,
                "SIZE_INVALID",
                "the range is beyond the blob's end",
                headers={"Content-Range": "bytes */%d" % size},
            )
        if part is not None:
            (offset, count), status = part, 206
            headers["Content-Range"] = "bytes %d-%d/%d" % (offset, offset + count - 1, size)
        begun = self.fetches.begin(
            name, digest, size, lambda: self.upstream.client(name).blob(digest, size)
        )
        if begun is None:
            return super().get_blob(request, name, digest)
        return Response(status, headers, pieces=begun[0].read(begun[1], offset, count), count=count)

    def _size(self, name, digest):
        found = self._sizes.get(digest)
        if found is None:
            try:
                found = self.upstream.client(name).blob_size(digest)
            except EngineError as error:
                raise _refusal(error, blob_unknown(digest)) from None
            self._sizes[digest] = found
        return found

    # --- lists ---

    def get_tags(self, request, name, last):
        try:
            found = self.upstream.client(name).tags()
        except NotFound as error:
            raise _refusal(error) from None
        except RegistryError as error:
            if not self.storage.exists(name) or getattr(error, "status", None) in (401, 403):
                raise _refusal(error) from None
            return super().get_tags(request, name, last)
        return self._page(
            request,
            f"/v2/{name}/tags/list",
            sorted(found),
            lambda shown: {"name": name, "tags": shown},
        )

    def get_referrers(self, request, name, digest):
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


def _refusal(error, unknown=None):
    """What a client is told of an upstream's failure: 404 for what is not there or may not be had, else 504."""
    if isinstance(error, NotFound) or getattr(error, "status", None) in (401, 403, 404):
        return (
            unknown
            if unknown is not None and isinstance(error, NotFound)
            else Refusal(404, "NAME_UNKNOWN", str(error))
        )
    return Refusal(504, "UNKNOWN", f"upstream: {error}")


def expire(storage, seconds):
    """Remove the manifests that nobody has asked for in so many seconds; the blobs that only they name go with ``collect``."""
    limit = time.time() - seconds
    for name in storage.repositories():
        for digest in storage.manifests(name):
            if storage.used_at(name, digest) < limit:
                storage.delete_manifest(name, digest)


def check(config):
    """:raises InvalidInput: for an upstream that can't be used."""
    read_url(config["remote_url"])
    if config.get("password") and not config.get("username"):
        raise InvalidInput(
            "proxy.username", config.get("username"), "the user whose password is given"
        )
    if config.get("ca_path") and not os.path.isfile(config["ca_path"]):
        raise InvalidInput("proxy.ca_path", config["ca_path"], "an existing file in PEM form")
