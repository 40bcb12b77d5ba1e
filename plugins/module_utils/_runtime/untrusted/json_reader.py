# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read JSON of others: bounded in size, depth and number of values before it is parsed, and one sentence for whatever is wrong.

The standard parser recurses on the C stack: 10 kB of brackets end a thread of 512 KiB with SIGSEGV on Python 3.13 and in RecursionError elsewhere.
"""

from __future__ import annotations

import json

from ..errors import EngineError
from .json_bounds import DEEPEST, MOST, unfit  # noqa: F401 # pylint: disable=unused-import # the reader's bounds
from .text import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

LARGEST = (
    4 << 20
)  # bytes: what registries take of a manifest (distribution-spec, "Pushing Manifests")
_DIGITS = 20  # of a whole number: 64 bits
_PLACES = 400  # characters of a fraction; no double has more that count
_KINDS: dict[type, str] = {dict: "an object", list: "an array", str: "a string"}


def load(
    data: bytes | bytearray | memoryview | str,
    what: str,
    kind: type | tuple[type, ...] | None = dict,
    error: Callable[[str], Exception] = EngineError,
    size: int = LARGEST,
    once: bool = False,
    more: bool = False,
) -> Any:
    """The value of a JSON document.

    :param data: bytes in UTF-8, or str. :param what: what the document is, in the error's sentence: "the manifest of web:1".
    :param kind: the type that the value must have: dict, list, str, a tuple of these, or None for any.
    :param error: called with the sentence for what is raised: a class of errors.py, or a function. :param size: bytes that are accepted.
    :param once: refuse a name that stands twice in an object. :param more: something else may follow the value.
    :raises EngineError: as ``error`` makes it, with one sentence.
    """
    problem = None
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogatepass")
    data = bytes(data)
    if len(data) > size:
        problem = f"larger than {size} bytes"
    else:
        problem = unfit(data)
    if problem is None:
        try:
            decoder = _STRICT if once else _PLAIN
            text = data.decode("utf-8")
            value = decoder.raw_decode(text.lstrip(" \t\r\n"))[0] if more else decoder.decode(text)
            if b"\\u" in data:  # half of a surrogate pair is no text
                json.dumps(value, ensure_ascii=False).encode("utf-8")
        except UnicodeError:
            problem = "not text in UTF-8"
        except json.JSONDecodeError as found:
            problem = f"not JSON ({found.msg}, at character {found.pos})"
        except (ValueError, RecursionError, MemoryError) as found:
            problem = "not acceptable JSON (%s)" % (
                printable(str(found), 200) or type(found).__name__
            )
    if problem is None and kind is not None and not isinstance(value, kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        problem = f"JSON, but not {' or '.join((_KINDS.get(one, one.__name__) for one in kinds))}"
    if problem is not None:
        raise error(f"{what} is {problem}")
    return value


def _whole(text: str) -> int:
    if len(text) > _DIGITS:
        raise ValueError(f"a number of {len(text)} digits")
    return int(text)


def _fraction(text: str) -> float:
    if len(text) > _PLACES:
        raise ValueError(f"a number of {len(text)} characters")
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"{text} is too large for a number")
    return value


def _constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _value in pairs]
        raise ValueError(f"{next((name for name in found if names.count(name) > 1))} stands twice")
    return found


_PLAIN = json.JSONDecoder(parse_int=_whole, parse_float=_fraction, parse_constant=_constant)
_STRICT = json.JSONDecoder(
    parse_int=_whole, parse_float=_fraction, parse_constant=_constant, object_pairs_hook=_once
)
