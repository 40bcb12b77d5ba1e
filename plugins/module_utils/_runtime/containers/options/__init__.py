# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a container: what a task may say, and what it means. Each is one row.

``table.py`` says what a row has.

Rows and parsers lie by subject in ``process``, ``resources``, ``storage``, ``network``,
``security`` and ``lifecycle``; ``behaviour`` has the options that are no part of a container. The
chapter uses the kernel's lists of names and ``untrusted``, and no other chapter of containers.

A *definition* is the normal form of what was asked for: ``{option: value}``, only options that
somebody named. It is what ``containers.definition`` of the store holds.
"""

from __future__ import annotations

from ...errors import InvalidInput
from . import behaviour, lifecycle, network, process, resources, security, storage
from .table import ALLOW_MORE, IGNORE, STRICT, VALUE, Option, TaskOption

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .table import Definition

PARTS = (process, resources, storage, network, security, lifecycle)
OPTIONS: dict[str, Option] = {option.name: option for part in PARTS for option in part.OPTIONS}
BEHAVIOUR: dict[str, TaskOption] = {option.name: option for option in behaviour.OPTIONS}
ALIASES: dict[str, str] = {
    alias: option.name
    for rows in (OPTIONS, BEHAVIOUR)
    for option in rows.values()
    for alias in option.aliases
}


def definition(params: Mapping[str, Any]) -> Definition:
    """Return the normal form of what a task says about a container.

    An option that it does not name is left out.

    :param params: the module's parameters, or any map with option names; None is "not named".
        Ansible leaves an alias that a task uses beside the option that it stands for.
    :raises InvalidInput: for a value that is not accepted, or an option that does not exist.
    """
    named = {name: value for name, value in params.items() if value is not None}
    for alias in set(named) & set(ALIASES):
        named.setdefault(ALIASES[alias], named.pop(alias))
    process.prepare(named)
    unknown = set(named) - set(OPTIONS) - set(BEHAVIOUR)
    if unknown:
        raise InvalidInput("options", sorted(unknown)[0], "an option of a container")
    return {
        name: OPTIONS[name].parse(value, name)
        for name, value in sorted(named.items())
        if name in OPTIONS
    }


def check_alone(params: Mapping[str, Any]) -> None:
    """Refuse what stands beside ``containers`` and would be said to none of them.

    :raises InvalidInput:
    """
    for name, value in params.items():
        row = BEHAVIOUR.get(name)
        if row is not None and (row.of_list or value == row.default):
            continue  # Ansible hands a default over also where no task names the option
        if value is not None and (row is not None or name in OPTIONS):
            raise InvalidInput(
                name, value, "nothing beside containers: each entry of the list has its own"
            )


def check(wanted: Definition) -> None:
    """Refuse options that contradict each other, which no single one can see.

    :raises InvalidInput:
    """
    for part in (resources, storage, network, security, lifecycle):
        part.check(wanted)


def comparisons(value: Mapping[str, str] | None) -> dict[str, str]:
    """Return how each option is compared, by a task's ``comparisons``.

    :param value: what the task says. What it leaves out is as ``*`` says, else strict.
    :returns: ``{option: "strict" | "ignore" | "allow_more_present"}`` for every option.
    :raises InvalidInput:
    """
    given = dict(value or {})
    everything = given.pop("*", STRICT)
    if everything not in (STRICT, IGNORE):
        raise InvalidInput("comparisons.*", everything, "strict, ignore")
    result = dict.fromkeys([*OPTIONS, "image"], everything)
    for name, how in given.items():
        name = "env" if name == "env_file" else ALIASES.get(name, name)
        if name not in result:
            raise InvalidInput("comparisons", name, "an option of a container, or '*'")
        loose = name in OPTIONS and OPTIONS[name].compare != VALUE
        accepted = (STRICT, IGNORE, ALLOW_MORE) if loose else (STRICT, IGNORE)
        if how not in accepted:
            raise InvalidInput("comparisons." + name, how, ", ".join(accepted))
        result[name] = how
    return result


def differences(
    now: Definition, wanted: Definition, how: Mapping[str, str]
) -> list[tuple[Option, Any, Any]]:
    """Say what has to change so that a container defined as ``now`` is as ``wanted`` says.

    :param how: from :func:`comparisons`.
    :returns: ``[(Option, before, after)]`` in the table's order.
    """
    found = []
    for name, option in OPTIONS.items():
        if name in wanted:
            before = now.get(name, option.default)
            after = option.merged(before, wanted[name], how[name])
            if after != before:
                found.append((option, before, after))
    return found
