# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All options of a noun: read what a task says of one, and compare it with what is there.

A *definition* is the normal form of what was asked for: ``{option: value}``, only options that
somebody named. It is what a noun keeps in the store.
"""

from __future__ import annotations

from ..errors import InvalidInput
from .rows import ALLOW_MORE, IGNORE, STRICT, VALUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from .rows import Definition, Option, TaskOption


class Table:
    """A noun's options.

    :param noun: what a sentence calls one: ``a container``.
    :param options: the rows that are part of it.
    :param behaviour: the rows about what a task does with it.
    """

    def __init__(
        self, noun: str, options: Iterable[Option], behaviour: Iterable[TaskOption] = ()
    ) -> None:
        self.noun = noun
        self.options: dict[str, Option] = {row.name: row for row in options}
        self.behaviour: dict[str, TaskOption] = {row.name: row for row in behaviour}
        self.aliases: dict[str, str] = {
            alias: row.name
            for rows in (self.options, self.behaviour)
            for row in rows.values()
            for alias in row.aliases
        }

    def named(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a task names, under the options' own names.

        :param params: the module's parameters, or any map with option names; None is "not named".
            Ansible leaves an alias that a task uses beside the option that it stands for.
        """
        found = {name: value for name, value in params.items() if value is not None}
        for alias in set(found) & set(self.aliases):
            found.setdefault(self.aliases[alias], found.pop(alias))
        return found

    def definition(self, named: Mapping[str, Any]) -> Definition:
        """Return the normal form of what :meth:`named` returned. What a task does is left out.

        :raises InvalidInput: for a value that is not accepted, or an option that does not exist.
        """
        unknown = set(named) - set(self.options) - set(self.behaviour)
        if unknown:
            raise InvalidInput("options", sorted(unknown)[0], f"an option of {self.noun}")
        return {
            name: self.options[name].parse(value, name)
            for name, value in sorted(named.items())
            if name in self.options
        }

    def check_alone(self, listed: str, params: Mapping[str, Any]) -> None:
        """Refuse what stands beside a list and would be said to none of its entries.

        :param listed: the option with the list.
        :raises InvalidInput:
        """
        for name, value in params.items():
            row = self.behaviour.get(name)
            if row is not None and (row.of_list or value == row.default):
                continue  # Ansible hands a default over also where no task names the option
            if value is not None and (row is not None or name in self.options):
                raise InvalidInput(
                    name, value, f"nothing beside {listed}: each entry of the list has its own"
                )

    def comparisons(
        self,
        value: Mapping[str, str] | None,
        *,
        beside: Iterable[str] = (),
        aliases: Mapping[str, str] | None = None,
    ) -> dict[str, str]:
        """Return how each option is compared, by a task's ``comparisons``.

        :param value: what the task says. What it leaves out is as ``*`` says, else strict.
        :param beside: what else is compared, as one whole.
        :param aliases: names that stand for options in ``comparisons`` alone.
        :returns: ``{option: "strict" | "ignore" | "allow_more_present"}`` for every option.
        :raises InvalidInput:
        """
        given = dict(value or {})
        everything = given.pop("*", STRICT)
        if everything not in (STRICT, IGNORE):
            raise InvalidInput("comparisons.*", everything, "strict, ignore")
        known = {**self.aliases, **(aliases or {})}
        result = dict.fromkeys([*self.options, *beside], everything)
        for name, how in given.items():
            name = known.get(name, name)
            if name not in result:
                raise InvalidInput("comparisons", name, f"an option of {self.noun}, or '*'")
            loose = name in self.options and self.options[name].compare != VALUE
            accepted = (STRICT, IGNORE, ALLOW_MORE) if loose else (STRICT, IGNORE)
            if how not in accepted:
                raise InvalidInput("comparisons." + name, how, ", ".join(accepted))
            result[name] = how
        return result

    def differences(
        self, now: Definition, wanted: Definition, how: Mapping[str, str]
    ) -> list[tuple[Option, Any, Any]]:
        """Say what has to change so that what is defined as ``now`` is as ``wanted`` says.

        :param how: from :meth:`comparisons`.
        :returns: ``[(Option, before, after)]`` in the table's order.
        """
        found = []
        for name, option in self.options.items():
            if name in wanted:
                before = now.get(name, option.default)
                after = option.merged(before, wanted[name], how[name])
                if after != before:
                    found.append((option, before, after))
        return found
