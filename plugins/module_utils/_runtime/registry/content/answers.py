# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the registry answers: a response, or one of the specification's errors (distribution-spec v1.1, "Error Codes")."""

from __future__ import annotations

import json


class Response:
    """An HTTP answer.

    :param status: HTTP status. :param headers: dictionary; Content-Length is set from the body.
    :param body: bytes. :param file: instead of ``body``, an open binary file, ``count`` bytes of it from ``offset``; it is
        closed after it was sent. :param pieces: instead of both, an iterable of ``count`` bytes, which raises ConnectionError
        where they don't come.
    """

    __slots__ = ("status", "headers", "body", "file", "offset", "count", "pieces")

    def __init__(self, status, headers=None, body=b"", file=None, offset=0, count=0, pieces=None):
        self.status, self.headers, self.body = status, dict(headers or {}), body
        self.file, self.offset, self.count, self.pieces = file, offset, count, pieces

    @property
    def length(self):
        return len(self.body) if self.file is None and self.pieces is None else self.count

    def close(self):
        """Let go of what the body comes from."""
        for source in (self.file, self.pieces):
            if hasattr(source, "close"):
                source.close()


def document(value, media_type="application/json", status=200, headers=None):
    """A JSON answer."""
    return Response(
        status, dict(headers or {}, **{"Content-Type": media_type}), json.dumps(value).encode()
    )


class Refusal(Exception):
    """An answer that is an error: its HTTP status, the specification's code and one sentence.

    :param close: the connection can't be used for another request.
    """

    def __init__(self, status, code, message, detail=None, headers=None, close=False):
        super().__init__(message)
        self.status, self.code, self.detail, self.headers, self.close = (
            status,
            code,
            detail,
            headers or {},
            close,
        )

    def response(self):
        error = {"code": self.code, "message": str(self)}
        if self.detail is not None:
            error["detail"] = self.detail
        return document({"errors": [error]}, status=self.status, headers=self.headers)


def blob_unknown(digest):
    return Refusal(404, "BLOB_UNKNOWN", "this repository has no such blob", {"digest": digest})


def manifest_unknown(reference):
    return Refusal(
        404, "MANIFEST_UNKNOWN", "this repository has no such manifest", {"reference": reference}
    )


def name_unknown(name):
    return Refusal(404, "NAME_UNKNOWN", "this registry has no such repository", {"name": name})


def digest_invalid(digest, message="the digest is not one of sha256 or sha512"):
    return Refusal(400, "DIGEST_INVALID", message, {"digest": digest})
