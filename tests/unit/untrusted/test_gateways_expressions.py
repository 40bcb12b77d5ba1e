# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Regular expressions that may see text of others: a list of those that were looked at. A new one is looked at, and entered here.

What backtracks: two repetitions beside each other, or in each other, that take the same characters, and behind them something that may not
come; and a search (``search``, ``findall``, ``sub``) that can begin at every character of what it then runs over. Readers of headers count
their work instead (test_headers.py).
"""

from __future__ import annotations

import ast
import pathlib
import re
import time

import pycontainer
import pytest
from pycontainer.images.model import reference

RUNTIME = pathlib.Path(pycontainer.__file__).parent
LOOKED_AT = {
    r"f'{_COMPONENT}(?:/{_COMPONENT})*'",
    r"f'(?:{_LABEL}(?:\\.{_LABEL})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]{{1,5}})?'",
    r"((?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?)((?:/[a-z0-9._-]+)*)",
    r"(?:[ \t\r\n]|#[^\n]*)*",
    r"(?<!\\)((?:\\\\)*)\\[ \t]*\n\s*",
    r"(\d+(?:\.\d+)?)(us|ms|s|m|h)",
    r"(\d+(?:\.\d+)?)\s*(?:([bkmgtp])(?:i?b)?)?",
    r"(\d{1,5})(?:/(tcp|udp|sctp))?",
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?",
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)",
    r"/(v[12]/?)?$",
    r'299 - "((?:[^"\\]|\\.){1,1000})"',
    r"[ \t]*",
    r"[ \t]*(?:#[^\n]*)?(?:\r?\n|\Z)",
    r"[+-]?(?:0|[1-9](?:_?[0-9])*)|0x[0-9A-Fa-f](?:_?[0-9A-Fa-f])*|0o[0-7](?:_?[0-7])*|0b[01](?:_?[01])*",
    r"[0-7]{3,4}",
    r"[0-9A-Za-z_.:+-]+",
    r"[0-9]{1,3}",
    r"[0-9a-f:]{7,}",
    r"[0-9a-f]+",
    r"[0-9a-f]{64}",
    r"[A-Za-z0-9_-]+",
    r"[A-Za-z0-9_.-]+",
    r"[A-Za-z0-9_.-]{1,100}",
    r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}",
    r"[a-zA-Z0-9][a-zA-Z0-9_.-]{1,127}",
    r"\\(.)",
    r"\\(u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|.|\Z)",
    r"\d+(\.\d+)?",
    r"\d{1,3}%",
    r"\d{9,11}(\.\d+)?",
    r"\s*(?:INSERT(?:\s+OR\s+\w+)?\s+INTO|REPLACE\s+INTO|UPDATE|DELETE\s+FROM)\s+(?:main\.)?(\w+)",
    r"^https?://",
    r"blob-[0-9]+-((?:sha256|sha512)_[0-9a-f]+)-.*",
    r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18}|\*)",
    r"sha256:[0-9a-f]{1,64}|[0-9a-f]{1,64}",
}
BOUNDED = {  # what could begin at every digit, and is given short texts only (units.LONGEST_TEXT)
    r"(\d+(?:\.\d+)?)(us|ms|s|m|h)"
}
DYNAMIC = {("units.py", "str(value)")}  # the user's own filter is an expression


def uses():
    """``{(file, expression or None)}``."""
    found = set()
    files = [RUNTIME / "units.py"] + [
        path
        for part in ("images", "layers", "delivery", "volumes", "store")
        for path in sorted((RUNTIME / part).rglob("*.py"))
    ]
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if name.startswith("re.") and name != "re.escape":
                given = node.args[0]
                found.add(
                    (
                        path.name,
                        given.value if isinstance(given, ast.Constant) else ast.unparse(given),
                    )
                )
    return found


def test_every_expression_was_looked_at():
    assert sorted(use for use in uses() if use[1] not in LOOKED_AT and use not in DYNAMIC) == []
    assert set(LOOKED_AT) <= {text for _name, text in uses()}


UNITS = [
    "a",
    "1",
    "\\",
    " ",
    "a.",
    "-",
    "/",
    "\\ ",
    "_",
    "#",
    "0-",
    "1.",
    "f",
    "a-",
    "\n",
    '"',
    "::",
    "=",
    "1s",
    "T0",
    "a__",
    "\\\n ",
]


def seconds(expression, text, searched):
    began = time.process_time()
    (expression.search if searched else expression.fullmatch)(text)
    return time.process_time() - began


@pytest.mark.parametrize("text", sorted(LOOKED_AT - BOUNDED))
def test_four_times_as_much_is_not_ten_times_the_work(text):
    if "%" in text and "_" in text:  # reference.py's are made of parts
        expression = reference._HOST if "_LABEL" in text else reference._REPOSITORY
    else:
        expression = re.compile(text)
    searched = text.startswith(("/(", "^", "(?<!", "\\\\"))
    for unit in UNITS:
        for start, end in (("", "!"), (text[:1], "\0")):
            few, many = (
                min(seconds(expression, start + unit * count + end, searched) for _turn in range(3))
                for count in (2000, 8000)
            )
            assert many < 10 * max(few, 0.003), (unit, few, many)
