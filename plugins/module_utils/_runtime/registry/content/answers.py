# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry's answers: a response, or one of the specification's errors (distribution-spec v1.1,
"Error Codes").
"""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, BinaryIO


class Response:
    """An HTTP answer.

    :param headers: Content-Length is set from the body.
    :param file: in place of ``body``, an open binary file: ``count`` bytes of it from ``offset``.
        It is closed after sending.
    :param pieces: in place of both, ``count`` bytes in pieces. It raises ConnectionError where they
        fail to arrive.
    """

    __slots__ = ("status", "headers", "body", "file", "offset", "count", "pieces")

    def __init__(
        self,
        status: int,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        file: BinaryIO | None = None,
        offset: int = 0,
        count: int = 0,
        pieces: Iterable[bytes] | None = None,
    ) -> None:
        self.status, self.headers, self.body = status, dict(headers or {}), body
        self.file, self.offset, self.count, self.pieces = file, offset, count, pieces

    @property
    def length(self) -> int:
        return len(self.body) if self.file is None and self.pieces is None else self.count

    def close(self) -> None:
        """Close the source of the body."""
        for source in (self.file, self.pieces):
            close = getattr(source, "close", None)
            if close is not None:
                close()


def document(
    value: Any,
    media_type: str = "application/json",
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    """Make a JSON answer."""
    return Response(
        status, dict(headers or {}, **{"Content-Type": media_type}), json.dumps(value).encode()
    )


class Refusal(Exception):
    """An error as an answer: its HTTP status, the specification's code and one sentence.

    :param close: whether the connection must be closed after it.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        detail: Any = None,
        headers: dict[str, str] | None = None,
        close: bool = False,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.detail, self.headers, self.close = (
            status,
            code,
            detail,
            headers or {},
            close,
        )

    def response(self) -> Response:
        error = {"code": self.code, "message": str(self)}
        if self.detail is not None:
            error["detail"] = self.detail
        return document({"errors": [error]}, status=self.status, headers=self.headers)


def blob_unknown(digest: str) -> Refusal:
    return Refusal(404, "BLOB_UNKNOWN", "this repository has no such blob", {"digest": digest})


def manifest_unknown(reference: str) -> Refusal:
    return Refusal(
        404, "MANIFEST_UNKNOWN", "this repository has no such manifest", {"reference": reference}
    )


def name_unknown(name: str) -> Refusal:
    return Refusal(404, "NAME_UNKNOWN", "this registry has no such repository", {"name": name})


def digest_invalid(
    digest: str | None, message: str = "the digest is not one of sha256 or sha512"
) -> Refusal:
    return Refusal(400, "DIGEST_INVALID", message, {"digest": digest})
