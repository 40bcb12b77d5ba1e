# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an option of a container is: one row of a table from which everything else follows.

A row says what the option's one normal form is (``normalise``), what it is when nobody names it (``default``), whether a
change of it reaches a running container (``live``), and how two values compare (``kind``). Both sides of every comparison
are in the normal form: there is no engine's echo to compare with, only what was asked for before.
"""

from __future__ import annotations

from ...errors import InvalidInput

STRICT, IGNORE, ALLOW_MORE = "strict", "ignore", "allow_more_present"


class Option:
    """One option.

    :param name: as the task spells it.
    :param normalise: ``normalise(value, name) -> JSON-able normal form``; raises InvalidInput.
    :param default: the normal form of "not asked for".
    :param kind: ``value`` (compared whole), ``list`` (order counts), ``set`` (a list whose order does not count) or ``map``.
    :param live: whether a running container takes a change without a restart.
    :param key: of a list or set: a function of a member, for what there can be one of, e.g. a mount's place; the member itself by default.
    """

    __slots__ = ("name", "normalise", "default", "kind", "live", "key")

    def __init__(self, name, normalise, default=None, kind="value", live=False, key=None):
        self.name, self.normalise = name, normalise
        self.default, self.kind, self.live = default, kind, live
        self.key = key or (lambda member: member)

    def merged(self, now, wanted, comparison):
        """The value that the container should have: ``now`` itself where nothing has to change."""
        if comparison == IGNORE or now == wanted:
            return now
        if comparison == ALLOW_MORE:
            if self.kind == "map":
                return dict(now or {}, **wanted)
            more = self._with(list(now or []), wanted)
            return now if more == (now or []) else ordered(more) if self.kind == "set" else more
        return wanted

    def _with(self, now, wanted):
        """The members of ``now`` with those of ``wanted``: in the place of what they can't stand beside, else behind them."""
        keys = [self.key(member) for member in wanted]
        more = []
        for member in now:
            more += [wanted[keys.index(self.key(member))]] if self.key(member) in keys else [member]
        return more + [member for member in wanted if member not in more]


def ordered(items):
    """A set's normal form: its members once each, in a fixed order."""
    return sorted(_once(items), key=repr)


def _once(items):
    seen = []
    for item in items:
        if item not in seen:
            seen.append(item)
    return seen


# Normal forms that many options share. Each takes (value, name) and raises InvalidInput(name, ...).


def text(value, name):
    if isinstance(value, (bool, dict, list)) or value is None:
        raise InvalidInput(name, value, "a text")
    value = str(value)
    if "\0" in value:
        raise InvalidInput(name, value, "a text without NUL bytes")
    return value


def line(value, name):
    """A text that ends up in a line of a file: a newline in it would write another line (CVE-2022-4318)."""
    value = text(value, name)
    if any(ord(char) < 32 or ord(char) == 127 for char in value):
        raise InvalidInput(name, value, "a text without control characters")
    return value


def flag(value, name):
    if not isinstance(value, bool):
        raise InvalidInput(name, value, "true or false")
    return value


def whole(low=None, high=None, extra=()):
    """A normaliser for whole numbers from ``low`` to ``high``, or one of ``extra``."""

    def normalise(value, name):
        accepted = (
            "a whole number"
            + (" from %d" % low if low is not None else "")
            + (" to %d" % high if high is not None else "")
        )
        accepted += "".join(" or %d" % number for number in extra)
        if isinstance(value, bool):
            raise InvalidInput(name, value, accepted)
        try:
            number = int(value)
        except (TypeError, ValueError):
            raise InvalidInput(name, value, accepted) from None
        if number != value and not isinstance(value, str):
            raise InvalidInput(name, value, accepted)
        if number not in extra and (
            (low is not None and number < low) or (high is not None and number > high)
        ):
            raise InvalidInput(name, value, accepted)
        return number

    return normalise


def choice(*values):
    def normalise(value, name):
        if value not in values:
            raise InvalidInput(name, value, ", ".join(values))
        return value

    return normalise


def listed(normalise_item, as_set=False):
    """A normaliser for lists whose items go through ``normalise_item(item, name)``."""

    def normalise(value, name):
        if not isinstance(value, (list, tuple)):
            raise InvalidInput(name, value, "a list")
        items = [normalise_item(item, name) for item in value]
        return ordered(items) if as_set else items

    return normalise


def mapped(normalise_key, normalise_item):
    """A normaliser for maps; a value that YAML made a boolean or null is refused, numbers are taken as written."""

    def normalise(value, name):
        if not isinstance(value, dict):
            raise InvalidInput(name, value, "a map of names and values")
        result = {}
        for key, item in value.items():
            if item is None or isinstance(item, bool):
                raise InvalidInput(
                    f"{name}.{key}",
                    item,
                    "a text or a number (quote the value to have it taken literally)",
                )
            result[normalise_key(key, name)] = normalise_item(item, f"{name}.{key}")
        return result

    return normalise


def absolute(value, name):
    """An absolute path without ``.``, ``..`` and doubled slashes, not the root itself."""
    value = line(value, name)
    if not value.startswith("/"):
        raise InvalidInput(name, value, "an absolute path")
    parts = []
    for part in value.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)
