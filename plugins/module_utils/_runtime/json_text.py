# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON by the C functions below the standard library's ``json``, whose import costs 3 ms, most of it for ``re``.

``load`` and ``dump`` do what json.loads and json.dumps do (in one line: without spaces); where an interpreter lacks those
functions, the standard library does it. ``read`` is for documents of others.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    import types
    from collections.abc import Callable, Iterator
    from typing import Any

encode_basestring_ascii: Any
make_encoder: Any
make_scanner: Any
try:
    from _json import encode_basestring_ascii, make_encoder, make_scanner
except ImportError:
    make_scanner = None


LARGEST = 1 << 26  # bytes of a document of others


class _Context:
    """The options of a scanner, as json.JSONDecoder has them."""

    strict, object_hook, object_pairs_hook, parse_float, parse_int = True, None, None, float, int
    memo: dict[str, str]
    parse_constant = {
        "NaN": float("nan"),
        "Infinity": float("inf"),
        "-Infinity": float("-inf"),
    }.__getitem__


def load(text: str) -> Any:
    """The value of a JSON text. :raises ValueError: saying what is wrong where."""
    if make_scanner is None:
        return _json().loads(text)
    text = text.strip(" \t\n\r")
    context = _Context()
    context.memo = {}
    try:
        value, end = make_scanner(context)(text, 0)
    except (
        StopIteration,
        SystemError,
        ValueError,
    ):  # SystemError: it looks for json's own exception, which nobody has loaded
        end = None
    if end != len(text):
        return _json().loads(text)  # it has the words for what is wrong
    return value


def read(
    path: str | bytes, error: Callable[[str], Exception], limit: int = LARGEST, given: bool = False
) -> tuple[str, Any]:
    """``(text, value)`` of a document of others: a regular file, bounded in size, depth and values. A link to one is followed.

    :param given: a user names it: it may be a pipe, as in ``--process <(command)``.
    :param error: called with a sentence, makes what is raised. :raises EngineError: as ``error`` makes it, or files.Unacceptable:
        it can't be opened.
    """
    from .untrusted import files  # here, as below: this file serves without its package too

    if not given:
        return parse(files.read(path, limit, links=True), os.fsdecode(path), error)
    try:
        data = files.read_given(path, limit)
    except OSError as failed:
        from .errors import reason

        what = reason(failed, named=True)
        raise error(f"{os.fsdecode(path)} can't be opened: {what}") from None
    return parse(data, os.fsdecode(path), error)


def parse(data: bytes, what: str, error: Callable[[str], Exception]) -> tuple[str, Any]:
    """As :func:`read`, for bytes; ``what`` begins the sentence. Bytes that are not UTF-8 are kept as surrogates, as in names of files."""
    from .untrusted.json_bounds import unfit

    text = os.fsdecode(data)
    if (
        unfit(data) is None and b"\\ud" not in data and b"\\uD" not in data
    ):  # halves of surrogate pairs may be no text
        try:
            value = load(text)
        except (ValueError, RecursionError, MemoryError):
            value = _judged(data, what, error)
    else:
        value = _judged(data, what, error)
    if b"\\u0000" in data.replace(b"\\\\", b""):
        raise error(
            f"{what}: {_with_nul(value, '') or 'it'} holds a NUL character, which nothing in a "
            "container may have"
        )
    return text, value


def _judged(data: bytes, what: str, error: Callable[[str], Exception]) -> Any:
    """By the reader that has the words for what is wrong."""
    from .untrusted import json_reader

    return json_reader.load(data, what, None, error, LARGEST)


def _with_nul(value: Any, where: str) -> str | None:
    """The place of the first text with a NUL character, such as ``process.args[1]``."""
    if isinstance(value, str):
        return where if "\0" in value else None
    entries: list[tuple[str, Any]] = []
    if isinstance(value, list):
        entries = [(f"{where}[{number}]", entry) for number, entry in enumerate(value)]
    elif isinstance(value, dict):
        if any("\0" in key for key in value):
            return "a name in " + (where or "it")
        entries = [(f"{where}.{key}" if where else key, entry) for key, entry in value.items()]
    for place, entry in entries:
        found = _with_nul(entry, place)
        if found:
            return found
    return None


def dump(value: Any, indent: int | None = None) -> str:
    """JSON of a value, in one line or with ``indent`` spaces for each level."""
    if make_scanner is None:
        text: str = _json().dumps(value, indent=indent, separators=(",", ": " if indent else ":"))
        return text
    if indent is not None:
        return "".join(_lines(value, " " * indent, "\n"))
    return "".join(_encoder()(value, 0))


def write_whole(path: str, data: bytes, mode: int, temporary: str | None = None) -> None:
    """Make ``data`` the content of the file at ``path``: all of it or, where there is no room, as before. It is not synced.

    :param temporary: the name under which it is written first, by default ``path`` with ".new".
    :raises OSError: with the file's name.
    """
    temporary = temporary or path + ".new"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        try:
            while data:
                data = data[os.write(fd, data) :]
        finally:
            os.close(fd)
        os.rename(temporary, path)
    except OSError as error:
        try:
            os.unlink(temporary)
        except OSError:
            pass
        error.filename, error.filename2 = path, None
        raise


def _lines(value: Any, step: str, line: str) -> Iterator[str]:
    if isinstance(value, (dict, list)) and value:
        brackets, inner = "{}" if isinstance(value, dict) else "[]", line + step
        yield brackets[0]
        for number, entry in enumerate(value):
            yield "," + inner if number else inner
            if brackets == "{}":
                yield encode_basestring_ascii(str(entry)) + ": "
                entry = value[entry]
            yield from _lines(entry, step, inner)
        yield line + brackets[1]
    else:
        yield from _encoder()(value, 0)


def _encoder() -> Callable[[Any, int], Iterator[str]]:
    encoder: Callable[[Any, int], Iterator[str]] = make_encoder(
        None, _refuse, encode_basestring_ascii, None, ":", ",", False, False, True
    )
    return encoder


def _refuse(value: object) -> None:
    raise TypeError(f"{type(value).__name__} can't be written as JSON")


def _json() -> types.ModuleType:
    import json

    return json
