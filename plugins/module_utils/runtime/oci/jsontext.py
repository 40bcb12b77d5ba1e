# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON by the C functions that the standard library's ``json`` stands on: importing that costs 3 ms, for ``re`` above all.

``load`` and ``dump`` do what json.loads and json.dumps do (in one line: without spaces); where an interpreter lacks those functions, they are these.
"""

from __future__ import annotations

try:
    from _json import encode_basestring_ascii, make_encoder, make_scanner
except ImportError:
    make_scanner = None


class _Context:
    """The options of a scanner, as json.JSONDecoder has them."""

    strict, object_hook, object_pairs_hook, parse_float, parse_int = True, None, None, float, int
    parse_constant = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}.__getitem__


def load(text):
    """The value of a JSON text. :raises ValueError: saying what is wrong where."""
    if make_scanner is None:
        return _json().loads(text)
    text = text.strip(" \t\n\r")
    context = _Context()
    context.memo = {}
    try:
        value, end = make_scanner(context)(text, 0)
    except (StopIteration, SystemError, ValueError):  # SystemError: it looks for json's own exception, which nobody has loaded
        end = None
    if end != len(text):
        return _json().loads(text)  # it has the words for what is wrong
    return value


def dump(value, indent=None):
    """JSON of a value, in one line or with ``indent`` spaces for each level."""
    if make_scanner is None:
        return _json().dumps(value, indent=indent, separators=(",", ": " if indent else ":"))
    if indent is not None:
        return "".join(_lines(value, " " * indent, "\n"))
    return "".join(_encoder()(value, 0))


def _lines(value, step, line):
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


def _encoder():
    return make_encoder(None, _refuse, encode_basestring_ascii, None, ":", ",", False, False, True)


def _refuse(value):
    raise TypeError("%s can't be written as JSON" % type(value).__name__)


def _json():
    import json

    return json
