# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Templates of ``--format`` and of logs' tags: what of Go's text/template (https://pkg.go.dev/text/template) Docker's
users write in a shell.

Fields (``{{.State.Pid}}``), variables, ``range``, ``if``, ``with``, ``else``, ``end``, pipes, the
trimming ``{{-`` and ``-}}``, the functions below. Values are what JSON has: a map is ranged over by
its sorted keys, as Go does it.

What of a value is no printable character is escaped (untrusted/text.py), so that labels and names
make no lines and move no cursor; ``json`` gives values as they are. The template's own texts stay.
"""

from __future__ import annotations

import json
import re

from ..errors import EngineError
from ..untrusted import json_reader
from ..untrusted.text import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any

    Word = tuple[str, Any]  # kind: "value", "name", "sign" or "field"; and what it is
    Pieces = list[tuple[int, str]]  # texts have even numbers, actions odd ones


_TOKEN = re.compile(
    r'\s*(?:("(?:[^"\\]|\\.)*"|`[^`]*`)|(:=|[|(),=])|(-?\d+(?:\.\d+)?)(?![\w.])|(\$?\w*(?:\.\w+)+|\$\w*|\.|\w+))'
)
_MISSING = object()


class Fault(EngineError):
    """A template can't be read or filled; a sentence's end that says why."""


class _Own(str):
    """A text of the template's own, or made with it: shown as it is."""


class _Node:
    """A piece of a template: text, an output, or a block with two bodies."""

    body: list[_Node]
    otherwise: list[_Node]

    def __init__(self, kind: str, words: list[Word], text: str = "") -> None:
        self.kind, self.words, self.text, self.body, self.otherwise = kind, words, text, [], []


def fill(template: str, record: Any) -> str:
    """Return the text that ``template`` makes of ``record``.

    :raises Fault: for one that can't be read or filled.
    """
    nodes, dummy = _parse(_pieces(template.replace("\\t", "\t").replace("\\n", "\n")), template, ())
    return "".join(_render(nodes, record, {"$": record}))


def _pieces(template: str) -> Pieces:
    """Return texts and actions in turn, with the white space away that ``{{-`` and ``-}}`` trim."""
    parts = re.split(r"(\{\{.*?\}\})", template, flags=re.DOTALL)
    for number in range(1, len(parts), 2):
        inner = parts[number][2:-2]
        if inner.startswith("- "):
            parts[number - 1], inner = parts[number - 1].rstrip(), inner[2:]
        if inner.endswith(" -"):
            parts[number + 1], inner = parts[number + 1].lstrip(), inner[:-2]
        parts[number] = inner.strip()
    return list(enumerate(parts))


def _words(action: str) -> list[Word]:
    found: list[Word] = []
    position = 0
    while position < len(action.rstrip()):
        match = _TOKEN.match(action, position)
        if match is None:
            raise Fault(f"can't read {action!r}")
        text, sign, number, name = match.groups()
        if (
            name
            and name[0] == "."
            and len(name) > 1
            and found[-1:] == [("sign", ")")]
            and match.start(4) == position
        ):
            found.append(("field", name))  # (index .Ports 0).HostPort: of what is in the brackets
            position = match.end()
            continue
        position = match.end()
        if text is not None:
            found.append(
                (
                    "value",
                    _Own(
                        text[1:-1]
                        if text[0] == "`"
                        else json_reader.load(
                            text.replace("\n", "\\n").replace("\t", "\\t"),
                            f"the text {text}",
                            kind=str,
                            error=Fault,
                        )
                    ),
                )
            )  # as fill() made them
        elif number is not None:
            found.append(("value", float(number) if "." in number else int(number)))
        else:
            found.append(("sign", sign) if sign else ("name", name))
    return found


def _parse(pieces: Pieces, template: str, ends: Sequence[str]) -> tuple[list[_Node], list[Word]]:
    """Read nodes until one of the words ``ends``.

    :returns: them, and that word with what follows it.
    """
    nodes: list[_Node] = []
    while pieces:
        number, text = pieces.pop(0)
        if number % 2 == 0:
            nodes.append(_Node("text", [], text))
            continue
        if text.startswith("/*"):
            continue
        words = _words(text)
        first = words[0][1] if words and words[0][0] == "name" else None
        if first in ("end", "else"):
            if first not in ends:
                break
            return nodes, words
        if first not in ("range", "if", "with"):
            nodes.append(_Node("output", words))
            continue
        nodes.append(_block(first, words[1:], pieces, template))
    else:
        if not ends:
            return nodes, []
    raise Fault(f"{template!r}: every range, if and with takes an end of its own")


def _block(kind: str, words: list[Word], pieces: Pieces, template: str) -> _Node:
    node = _Node(kind, words)
    node.body, last = _parse(pieces, template, ("else", "end"))
    if last[0][1] == "else":
        if len(last) > 1:  # else if
            node.otherwise = [_block(last[1][1], last[2:], pieces, template)]
        else:
            node.otherwise, dummy = _parse(pieces, template, ("end",))
    return node


def _render(nodes: Iterable[_Node], dot: Any, variables: dict[str, Any]) -> Iterator[str]:
    for node in nodes:
        if node.kind == "text":
            yield node.text
        elif node.kind == "output":
            names, words = _declared(node.words)
            value = _pipeline(words, dot, variables)
            if names:
                variables[names[0]] = value
            else:
                yield _shown(value)
        elif node.kind == "range":
            yield from _range(node, dot, variables)
        else:
            names, words = _declared(node.words)
            value = _pipeline(words, dot, variables)
            inner = dict(variables, **({names[0]: value} if names else {}))
            yield from _render(
                node.body if _true(value) else node.otherwise,
                value if node.kind == "with" and _true(value) else dot,
                inner,
            )


def _declared(words: list[Word]) -> tuple[list[str], list[Word]]:
    """Return the variables that ``$k, $v := pipeline`` names, and the pipeline."""
    signs = [word[1] for word in words if word[0] == "sign"]
    at = next(
        (index for index, word in enumerate(words) if word in (("sign", ":="), ("sign", "="))), None
    )
    if at is None or not {":=", "="} & set(signs):
        return [], words
    return [word[1] for word in words[:at] if word[0] == "name"], words[at + 1 :]


def _range(node: _Node, dot: Any, variables: dict[str, Any]) -> Iterator[str]:
    names, words = _declared(node.words)
    value = _pipeline(words, dot, variables)
    if not isinstance(value, (dict, list, type(None))):
        raise Fault(f"range goes over a list or a map, not over {value!r}")
    pairs = sorted(value.items()) if isinstance(value, dict) else list(enumerate(value or ()))
    if not pairs:
        yield from _render(node.otherwise, dot, variables)
    for key, item in pairs:
        inner = dict(variables, **dict(zip(names, (key, item) if len(names) == 2 else (item,))))
        yield from _render(node.body, item, inner)


def _pipeline(words: list[Word], dot: Any, variables: dict[str, Any]) -> Any:
    value = _MISSING
    for command in _split(words):
        value = _command(command, dot, variables, value)
    return value


def _split(words: list[Word]) -> list[list[Word]]:
    """Return the commands between the ``|`` of this level."""
    commands: list[list[Word]] = [[]]
    depth = 0
    for word in words:
        depth += {("sign", "("): 1, ("sign", ")"): -1}.get(word, 0)
        if word == ("sign", "|") and depth == 0:
            commands.append([])
        else:
            commands[-1].append(word)
    return commands


def _command(words: list[Word], dot: Any, variables: dict[str, Any], piped: Any) -> Any:
    if not words:
        raise Fault("{{}} is empty")
    if words[0][0] == "name" and words[0][1] in FUNCTIONS:
        arguments = _arguments(words[1:], dot, variables) + ([] if piped is _MISSING else [piped])
        try:
            return FUNCTIONS[words[0][1]](*arguments)
        except (AttributeError, TypeError, ValueError, KeyError, IndexError):
            raise Fault(
                f"{words[0][1]} does not take {', '.join(map(json.dumps, arguments)) or 'nothing'}"
            ) from None
    arguments = _arguments(words, dot, variables)
    if callable(arguments[0]):  # {{.Label "tier"}}
        try:
            return arguments[0](*arguments[1:], *([] if piped is _MISSING else [piped]))
        except TypeError:
            raise Fault(f"{words[0][1]} does not take {len(arguments) - 1} argument(s)") from None
    if len(arguments) != 1 or piped is not _MISSING:
        raise Fault(f"{words[0][1]} is not a function; accepted: {', '.join(sorted(FUNCTIONS))}")
    return arguments[0]


def _arguments(words: list[Word], dot: Any, variables: dict[str, Any]) -> list[Any]:
    found, rest = [], list(words)
    while rest:
        kind, word = rest.pop(0)
        if kind == "value":
            found.append(word)
        elif word == "(":
            depth, inner = 1, []
            while rest:
                item = rest.pop(0)
                depth += {("sign", "("): 1, ("sign", ")"): -1}.get(item, 0)
                if not depth:
                    break
                inner.append(item)
            value = _pipeline(inner, dot, variables)
            if rest and rest[0][0] == "field":
                value = _below(value, rest.pop(0)[1])
            found.append(value)
        elif kind == "name":
            found.append(_field(word, dot, variables))
        else:
            raise Fault(f"{word!r} is out of place")
    return found


def _field(word: str, dot: Any, variables: dict[str, Any]) -> Any:
    if word in ("true", "false", "nil"):
        return {"true": True, "false": False, "nil": None}[word]
    root, dummy, path = word.partition(".")
    if root and root not in variables:
        raise Fault(f"{word} is not a function; accepted: {', '.join(sorted(FUNCTIONS))}")
    return _below(variables[root] if root else dot, path)


def _below(found: Any, path: str) -> Any:
    """Return the field of ``found`` that ``.A.B`` leads to."""
    for name in filter(None, path.split(".")):
        if found is None:
            return None
        if not isinstance(found, dict) or name not in found:
            raise Fault(
                f"there is no .{path.lstrip('.')} here; accepted: "
                f"{', '.join(('.' + key for key in sorted(found))) if isinstance(found, dict) and found else 'nothing'}"
            )
        found = found[name]
    return found


def _true(value: Any) -> bool:
    return value not in (None, False, 0, "", [], {})


def _shown(value: Any) -> str:
    """Return it as Go prints it: ``[a b]``, ``map[a:1 b:2]``."""
    return "<no value>" if value is None else _printed(value)


def _printed(value: Any) -> str:
    if isinstance(value, dict):
        return "map[%s]" % " ".join(f"{_safe(key)}:{_printed(value[key])}" for key in sorted(value))
    if isinstance(value, list):
        return f"[{' '.join(map(_printed, value))}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "<nil>" if value is None else _safe(value)


def _safe(value: Any) -> str:
    return value if isinstance(value, _Own) else printable(value, None)


def _index(value: Any, *keys: Any) -> Any:
    """Be Go's index: a map without the key gives the empty value."""
    for key in keys:
        value = (value or {}).get(key, "") if isinstance(value, (dict, type(None))) else value[key]
    return value


def _join(value: Any, separator: str) -> str:
    if not isinstance(value, list):
        raise TypeError(value)
    return _Own(_safe(separator).join(map(_safe, value)))


def _printf(form: str, *values: Any) -> str:
    """Be Python's ``%`` with Go's ``%v`` and ``%q``."""
    plain = tuple(
        value if isinstance(value, (int, float)) and not isinstance(value, bool) else _shown(value)
        for value in values
    )
    return _Own(re.sub(r"%(-?\d*)v", r"%\1s", _safe(form)).replace("%q", '"%s"') % plain)


def _slice(value: Any, *bounds: int) -> Any:
    return value[slice(*bounds)] if len(bounds) == 2 else value[bounds[0] :]


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "json": json.dumps,
    "index": _index,
    "len": lambda value: len(value or ()),
    "join": _join,
    "slice": _slice,
    "upper": lambda text: text.upper(),
    "lower": lambda text: text.lower(),
    "title": lambda text: text.title(),
    "split": lambda text, separator: text.split(separator),
    "truncate": lambda text, count: text[:count],
    "println": lambda *values: _Own(" ".join(map(_shown, values)) + "\n"),
    "print": lambda *values: _Own("".join(map(_shown, values))),
    "printf": _printf,
    "eq": lambda first, *others: any(first == other for other in others),
    "ne": lambda first, second: first != second,
    "lt": lambda first, second: first < second,
    "le": lambda first, second: first <= second,
    "gt": lambda first, second: first > second,
    "ge": lambda first, second: first >= second,
    "not": lambda value: not _true(value),
    "and": lambda *values: next((value for value in values if not _true(value)), values[-1]),
    "or": lambda *values: next((value for value in values if _true(value)), values[-1]),
}
