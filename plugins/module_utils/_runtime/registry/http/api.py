# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry's API: every endpoint of the OCI distribution specification v1.1, and Docker's
``_catalog``.

From the coming 1.2: deleting an upload, ``digest-algorithm`` of a new one, and tags with a manifest
that is pushed by digest.
"""

from __future__ import annotations

import hashlib
import os
import re
from urllib.parse import quote

from ..content import manifests, names
from ..content.answers import (
    Refusal,
    Response,
    blob_unknown,
    digest_invalid,
    document,
    manifest_unknown,
    name_unknown,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, BinaryIO

    from ..content.content_store import Storage
    from ..content.manifests import Manifest
    from ..content.uploads import Upload, Uploads
    from .wire import Request


PAGE = 10000  # names in one answer, where the client asks for none or more
REFERRERS_PAGE = 1000
PER_PUSH = 10  # tags with one manifest

ROUTES = [
    (re.compile(pattern), function)
    for pattern, function in (
        ("/v2/?()()", "base"),
        ("/v2/_catalog()()", "catalog"),
        ("/v2/(.+)/blobs/uploads/?()", "uploads"),
        ("/v2/(.+)/blobs/uploads/([^/]+)", "upload"),
        ("/v2/(.+)/blobs/([^/]+)", "blob"),
        ("/v2/(.+)/manifests/([^/]+)", "manifest"),
        ("/v2/(.+)/tags/list()", "tags"),
        ("/v2/(.+)/referrers/([^/]+)", "referrers"),
    )
]


class Api:
    """Answer requests from the storage and its uploads."""

    def __init__(self, storage: Storage, uploads: Uploads) -> None:
        self.storage, self.uploads = storage, uploads

    def expire(self) -> None:
        """Remove expired content, before blobs that no manifest names."""

    def close(self) -> None:
        """End what the API holds; nothing more is asked."""

    def answer(self, request: Request) -> Response:
        """Answer a request, whose body is read as far as it is needed. :raises Refusal: for an
        answer that is an error.
        """
        for pattern, function in ROUTES:
            match = pattern.fullmatch(request.path)
            if match:
                break
        else:
            raise Refusal(
                404, "UNSUPPORTED", "this registry has no such endpoint", {"path": request.path}
            )
        name, last = match.groups()
        if name and not names.repository(name):
            raise Refusal(
                400,
                "NAME_INVALID",
                "a repository's name is at most 255 of a-z, 0-9 and, between them, . _ - /",
                {"name": name},
            )
        handlers = {
            "GET": "get_",
            "HEAD": "get_",
            "POST": "post_",
            "PUT": "put_",
            "PATCH": "patch_",
            "DELETE": "delete_",
        }
        handler = getattr(self, handlers.get(request.method, "none_") + function, None)
        if handler is None:
            allowed = [
                method for method, prefix in handlers.items() if hasattr(self, prefix + function)
            ]
            raise Refusal(
                405,
                "UNSUPPORTED",
                f"this endpoint has no method {request.method}",
                headers={"Allow": ", ".join(allowed)},
            )
        return handler(request, name, last)

    # --- what there is ---

    def get_base(self, _request: Request, _name: str, _last: str) -> Response:
        return document({})

    def get_catalog(self, request: Request, _name: str, _last: str) -> Response:
        return self._page(
            request,
            "/v2/_catalog",
            self.storage.repositories(),
            lambda found: {"repositories": found},
        )

    def get_tags(self, request: Request, name: str, _last: str) -> Response:
        if not self.storage.exists(name):
            raise name_unknown(name)
        return self._page(
            request,
            f"/v2/{name}/tags/list",
            self.storage.tags(name),
            lambda found: {"name": name, "tags": found},
        )

    @staticmethod
    def _page(
        request: Request, path: str, everything: list[str], form: Callable[[list[str]], Any]
    ) -> Response:
        """Answer with at most ``n`` of a sorted list, those after ``last``, and a link to the next
        page (RFC 8288).
        """
        wish, last = request.argument("n"), request.argument("last")
        if wish is not None and not (wish.isascii() and wish.isdigit() and len(wish) < 10):
            raise Refusal(400, "PAGINATION_NUMBER_INVALID", "n is not a number", {"n": wish})
        count = PAGE if wish is None else min(int(wish), PAGE)
        rest = everything if last is None else [item for item in everything if item > last]
        found, headers = rest[:count], {}
        if found and len(found) < len(rest):
            headers["Link"] = '<%s?n=%d&last=%s>; rel="next"' % (
                path,
                count,
                quote(found[-1], safe=""),
            )
        return document(form(found), headers=headers)

    def get_referrers(self, request: Request, name: str, digest: str) -> Response:
        if not names.digest(digest):
            raise digest_invalid(digest)
        found, headers = self.storage.referrers(name, digest), {}
        wanted, last = request.argument("artifactType"), request.argument("last")
        if wanted:
            found = [item for item in found if item.get("artifactType") == wanted]
            headers["OCI-Filters-Applied"] = "artifactType"
        if last is not None:
            found = [item for item in found if item["digest"] > last]
        shown = self._fitting(found)
        if len(shown) < len(found):
            arguments = [("artifactType", wanted)] if wanted else []
            arguments.append(("last", shown[-1]["digest"]))
            headers["Link"] = '</v2/%s/referrers/%s?%s>; rel="next"' % (
                name,
                digest,
                "&".join("%s=%s" % (key, quote(value, safe="")) for key, value in arguments),
            )
        return document(
            {"schemaVersion": 2, "mediaType": manifests.OCI_INDEX, "manifests": shown},
            manifests.OCI_INDEX,
            headers=headers,
        )

    @staticmethod
    def _fitting(descriptors: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return as many as an index of at most 4 MiB holds, at least one."""
        size = 200
        for count, descriptor in enumerate(descriptors):
            size += len(document(descriptor).body) + 2
            if count and (size > manifests.LIMIT or count >= REFERRERS_PAGE):
                return descriptors[:count]
        return descriptors

    # --- blobs ---

    def get_blob(self, request: Request, name: str, digest: str) -> Response:
        if not names.digest(digest):
            raise digest_invalid(digest)
        lacking = request.method == "HEAD" and not self.storage.has_blob(
            name, digest
        )  # a push asks so
        file = None if lacking else self.storage.open_blob(name, digest)
        if file is None:
            raise blob_unknown(digest)
        return _content(request, file, digest, "application/octet-stream", ranges=True)

    def delete_blob(self, _request: Request, name: str, digest: str) -> Response:
        if not names.digest(digest):
            raise digest_invalid(digest)
        if not self.storage.delete_blob(name, digest):
            raise blob_unknown(digest)
        return Response(202)

    # --- uploads ---

    def post_uploads(self, request: Request, name: str, _last: str) -> Response:
        """Begin an upload. With ``mount``, take the blob from another repository; with ``digest``,
        the body is the whole blob.
        """
        mount, digest = request.argument("mount"), request.argument("digest")
        algorithm = request.argument("digest-algorithm") or "sha256"
        for value in (mount, digest):
            if value is not None and not names.digest(value):
                raise digest_invalid(value)
        if algorithm not in ("sha256", "sha512"):
            raise digest_invalid(algorithm, "digest-algorithm is not one of sha256 and sha512")
        source = request.argument("from")
        if (
            mount is not None
            and (source is None or names.repository(source))
            and self.storage.mount(name, mount, source)
        ):
            return _stored(name, mount)
        upload = self.uploads.create(name, digest.partition(":")[0] if digest else algorithm)
        if digest is None:
            return Response(202, upload.headers())
        with self.uploads.hold(name, upload.ident):
            try:
                upload.append(request.body)
            except BaseException:
                self.uploads.drop(upload)  # nobody knows this session
                raise
            self.uploads.finish(upload, digest)
        return _stored(name, digest)

    def get_upload(self, _request: Request, name: str, ident: str) -> Response:
        with self.uploads.hold(name, ident) as upload:
            return Response(204, upload.headers())

    def patch_upload(self, request: Request, name: str, ident: str) -> Response:
        with self.uploads.hold(name, ident) as upload:
            _check_range(request, upload)
            upload.append(request.body)
            return Response(202, upload.headers())

    def put_upload(self, request: Request, name: str, ident: str) -> Response:
        """End an upload, with the rest of the blob or none."""
        digest = request.argument("digest")
        if digest is None or not names.digest(digest):
            raise digest_invalid(digest)
        with self.uploads.hold(name, ident) as upload:
            _check_range(request, upload)
            upload.append(request.body)
            self.uploads.finish(upload, digest)
        return _stored(name, digest)

    def delete_upload(self, _request: Request, name: str, ident: str) -> Response:
        with self.uploads.hold(name, ident) as upload:
            self.uploads.drop(upload)
        return Response(204)

    # --- manifests ---

    def _digest(self, name: str, reference: str) -> str:
        """Return the digest that a reference, a tag or a digest, stands for. :raises Refusal: where
        it stands for none.
        """
        if ":" in reference:
            if not names.digest(reference):
                raise digest_invalid(reference)
            return reference
        digest = self.storage.resolve(name, reference) if names.tag(reference) else None
        if digest is None:
            raise manifest_unknown(reference) if self.storage.exists(name) else name_unknown(name)
        return digest

    def get_manifest(self, request: Request, name: str, reference: str) -> Response:
        digest = self._digest(name, reference)
        found = self.storage.open_manifest(name, digest)
        if found is None:
            raise manifest_unknown(reference)
        file, known = found
        if not acceptable(known["media_type"], request.headers.get("accept", "")):
            file.close()
            raise Refusal(
                404,
                "MANIFEST_UNKNOWN",
                "the manifest is of a type that the Accept header does not name",
                {"mediaType": known["media_type"]},
            )
        return _content(request, file, digest, known["media_type"])

    def put_manifest(self, request: Request, name: str, reference: str) -> Response:
        tags = [value for key, value in request.query if key == "tag"]
        by_tag = ":" not in reference
        if by_tag:
            tags = [reference]
        elif not names.digest(reference):
            raise digest_invalid(reference)
        wrong = [tag for tag in tags if not names.tag(tag)]
        if wrong:
            raise Refusal(
                400,
                "TAG_INVALID",
                "a tag is at most 128 of A-Z, a-z, 0-9, _ and, after the first, . and -",
                {"tag": wrong[0]},
            )
        if len(tags) > PER_PUSH:
            raise Refusal(414, "TAG_INVALID", f"at most {PER_PUSH} tags may come with a manifest")
        data = request.body.read(manifests.LIMIT)
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        if not by_tag and reference != digest:
            digest = (
                "sha512:" + hashlib.sha512(data).hexdigest()
                if reference.startswith("sha512:")
                else digest
            )
            if reference != digest:
                raise digest_invalid(reference, f"the manifest has the digest {digest}")
        manifest = manifests.Manifest(data, request.headers.get("content-type", ""))
        self._check_content(name, manifest)
        self.storage.put_manifest(name, digest, data, manifest, tags)
        headers = {"Location": f"/v2/{name}/manifests/{digest}", "Docker-Content-Digest": digest}
        if manifest.subject is not None:
            headers["OCI-Subject"] = manifest.subject
        if tags and not by_tag:
            headers["OCI-Tag"] = ", ".join(tags)
        return Response(201, headers)

    def _check_content(self, name: str, manifest: Manifest) -> None:
        """:raises Refusal: MANIFEST_BLOB_UNKNOWN, where something that is pulled by the manifest is
        not here.
        """
        for digests, has in (
            (manifest.blobs, self.storage.has_blob),
            (manifest.children, self.storage.has_manifest),
        ):
            for digest in digests:
                if not has(name, digest):
                    raise Refusal(
                        404,
                        "MANIFEST_BLOB_UNKNOWN",
                        "the manifest names content that this repository has not got",
                        {"digest": digest},
                    )

    def delete_manifest(self, _request: Request, name: str, reference: str) -> Response:
        if ":" in reference:
            if not self.storage.delete_manifest(name, self._digest(name, reference)):
                raise manifest_unknown(reference)
        elif not names.tag(reference) or not self.storage.delete_tag(name, reference):
            raise manifest_unknown(reference)
        return Response(202)


def _stored(name: str, digest: str) -> Response:
    return Response(
        201, {"Location": f"/v2/{name}/blobs/{digest}", "Docker-Content-Digest": digest}
    )


def _content(
    request: Request, file: BinaryIO, digest: str, media_type: str, ranges: bool = False
) -> Response:
    """Answer with a stored file: whole, a range of it, or "not modified"."""
    size = os.fstat(file.fileno()).st_size
    headers = {"Content-Type": media_type, "Docker-Content-Digest": digest, "ETag": f'"{digest}"'}
    if _names_tag(request.headers.get("if-none-match", ""), digest):
        file.close()
        return Response(304, headers)
    if ranges:
        headers["Accept-Ranges"] = "bytes"
        headers["Cache-Control"] = "max-age=31536000, immutable"
        try:
            part = requested_range(request, digest, size)
        except Refusal:
            file.close()
            raise
        if part is not None:
            headers["Content-Range"] = content_range(part, size)
            return Response(206, headers, file=file, offset=part[0], count=part[1])
    return Response(200, headers, file=file, count=size)


def _names_tag(header: str, digest: str) -> bool:
    return any(item.strip() in ("*", f'"{digest}"', f'W/"{digest}"') for item in header.split(","))


def requested_range(request: Request, digest: str, size: int) -> tuple[int, int] | None:
    """Return ``(offset, count)`` of the part of a blob that a GET asks for; None for all of it.

    :raises Refusal: 416 where the blob has nothing of the range.
    """
    wish = request.headers.get("range")
    tag = f'"{digest}"'
    if not wish or request.method != "GET" or request.headers.get("if-range", tag) != tag:
        return None
    part = byte_range(wish, size)
    if part == (0, 0):
        raise Refusal(
            416,
            "SIZE_INVALID",
            "the range is beyond the blob's end",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return part


def content_range(part: tuple[int, int], size: int) -> str:
    """Return the header of an answer with ``(offset, count)`` of a blob."""
    return f"bytes {part[0]}-{part[0] + part[1] - 1}/{size}"


def byte_range(text: str, size: int) -> tuple[int, int] | None:
    """Read a Range header (RFC 9110 section 14.2) as ``(offset, count)``.

    None means that it is not understood, or has several ranges, and is ignored. ``(0, 0)`` means
    that nothing of it can be satisfied, also for a range that ends before it begins. The RFC allows
    to ignore or reject that; the OCI conformance tests require the latter.
    """
    match = re.fullmatch(r"bytes=\s*([0-9]{0,19})-([0-9]{0,19})\s*", text)
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        count = min(int(last), size)
        return (size - count, count) if count else (0, 0)
    first, last = int(first), int(last) if last else size - 1
    return (first, min(last, size - 1) - first + 1) if first <= last and first < size else (0, 0)


def acceptable(media_type: str, header: str) -> bool:
    """Tell whether an Accept header (RFC 9110 section 12.5.1) admits ``media_type``. An empty one
    admits everything.
    """
    if not header.strip():
        return True
    for item in header.split(","):
        parts = [part.strip().lower() for part in item.split(";")]
        quality = next((part[2:] for part in parts[1:] if part.startswith("q=")), "1")
        if parts[0] in (
            media_type,
            "*/*",
            media_type.partition("/")[0] + "/*",
        ) and not re.fullmatch(r"0(\.0*)?", quality):
            return True
    return False


def _check_range(request: Request, upload: Upload) -> None:
    """A chunk must begin where the last one ended (distribution-spec, "Pushing a blob in chunks").

    :raises Refusal: 416 with where it has to go on.
    """
    text = request.headers.get("content-range")
    if text is None:
        return
    match = re.fullmatch(r"(?:bytes[ =])?([0-9]{1,19})-([0-9]{1,19})(?:/.*)?", text.strip())
    if match is None:
        raise Refusal(
            400, "BLOB_UPLOAD_INVALID", "Content-Range is not first-last", {"Content-Range": text}
        )
    first, last = int(match.group(1)), int(match.group(2))
    if first != upload.size or last < first:
        raise Refusal(
            416,
            "BLOB_UPLOAD_INVALID",
            "the chunk does not begin where the upload stands",
            {"size": upload.size},
            upload.headers(),
        )
    if request.body.length is not None and request.body.length != last - first + 1:
        raise Refusal(
            400,
            "SIZE_INVALID",
            "Content-Range and Content-Length differ",
            {"Content-Range": text, "Content-Length": request.body.length},
        )
