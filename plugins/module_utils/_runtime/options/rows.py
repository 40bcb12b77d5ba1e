# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a row of a table of options says.

A row is all that is written down about an option. ``make generate`` makes the module's argument
spec, its documentation, the flags of the commands and the table in the docs from the rows. How two
values compare, what a change costs and what ``inspect`` shows are read from them as they are.

Both sides of every comparison are in the normal form that the row's parser returns: there is no
echo of an engine to compare with, only what was asked for before.
"""

from __future__ import annotations

from .forms import choice, ordered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Union

    from .forms import Parser

    Definition = dict[str, Any]  # {option: value in normal form}, only options that were named

# How a task's ``comparisons`` may have an option compared.
STRICT, IGNORE, ALLOW_MORE = "strict", "ignore", "allow_more_present"

# What a value is to a comparison: one whole, a list whose order counts, one whose order does not,
# names and values.
VALUE, LIST, SET, MAP = "value", "list", "set", "map"

# What a change costs what is there: nothing; a restart at least; a new one in its place. A noun may
# have more.
LIVE, RESTART, REPLACE = "live", "restart", "replace"

_EMPTY: dict[str, Callable[[], Any]] = {VALUE: lambda: None, LIST: list, SET: list, MAP: dict}


UNSET: Any = object()  # the default of an argument for which None is a value


class Nowhere:
    """Why an option has no place in the documents or in ``inspect``, or no flag."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason


class Shown:
    """A key of ``inspect`` that shows what was asked for.

    :param key: Docker's, with dots: ``HostConfig.Memory``.
    :param form: a function of the option's normal form, where Docker has another one.
    :param unset: what ``form`` gets when nobody named the option. Without it that is the option's
        default.
    """

    __slots__ = ("key", "form", "unset")

    def __init__(
        self, key: str, form: Callable[[Any], Any] | None = None, unset: Any = UNSET
    ) -> None:
        self.key, self.form, self.unset = key, form, unset


class Computed:
    """A key of ``inspect`` that the noun's code makes, since more than the option decides it."""

    __slots__ = ("key",)

    def __init__(self, key: str) -> None:
        self.key = key


class Flag:
    """A flag of a command that says what an option says.

    :param names: in Docker's help form: ``-m, --memory``. :param help: one line.
    :param update: whether the command that changes one has it, beside those that make one.
    :param kind: ``switch``, ``value`` or ``list``. Without it, what fits the option's type.
    :param reads: how the command makes a value of the text: a key of ``READERS`` in
        ``cli/run_flags.py``. Without it, what fits the type.
    """

    __slots__ = ("names", "help", "update", "kind", "reads")

    def __init__(
        self, names: str, help: str, update: bool = False, kind: str = "", reads: str = ""
    ) -> None:
        self.names, self.help, self.update, self.kind, self.reads = names, help, update, kind, reads


if TYPE_CHECKING:
    Flags = Union[Flag, tuple[Flag, ...], str, Nowhere]
    Places = Union[str, tuple[str, ...], Nowhere]


class Row:
    """What Ansible and the command line are told of an option.

    :param name: as a task spells it. :param type: Ansible's, with ``elements`` and ``choices``.
    :param flag: its :class:`Flag`, or several; a text names the flag of another row that says it as
        well, and the key in that: ``--mount readonly``. :class:`Nowhere` says why there is none. A
        :class:`TaskOption` needs none.
    :param description: the documentation, with Ansible's markup. Blank lines are between
        paragraphs.
    :param version_added: the collection's version that brought it, for what came later than the
        module.
    """

    __slots__ = (
        "name",
        "type",
        "elements",
        "choices",
        "aliases",
        "suboptions",
        "flag",
        "description",
        "version_added",
    )

    def __init__(
        self,
        name: str,
        type: str,
        *,
        description: str,
        flag: Flags | None = None,
        elements: str = "",
        choices: Sequence[Any] = (),
        aliases: Sequence[str] = (),
        suboptions: Sequence[Suboption] = (),
        version_added: str = "",
    ) -> None:
        self.name, self.type, self.elements = name, type, elements
        self.choices, self.aliases, self.suboptions = choices, aliases, suboptions
        self.flag = Nowhere("it is a task's alone") if flag is None else flag
        self.description, self.version_added = description, version_added


class TaskOption(Row):
    """A row about what a task does. It is no part of what the task is about.

    :param default: Ansible's, which a task that does not name the option has too.
    :param of_list: whether it is about a list of them. Any other stands in each entry of the list.
    """

    __slots__ = ("default", "of_list")

    def __init__(
        self, name: str, type: str, *, default: Any = None, of_list: bool = False, **rest: Any
    ) -> None:
        super().__init__(name, type, **rest)
        self.default, self.of_list = default, of_list


class Suboption(Row):
    """A row about a key of an option that is a map or a list of maps, whose parser reads it.

    :param place: as :class:`Option` has it. :param inspect: as :class:`Option` has it.
    :param required: whether Ansible asks for it. :param default: Ansible's.
    """

    __slots__ = ("place", "inspect", "required", "default")

    def __init__(
        self,
        name: str,
        type: str,
        *,
        place: Places,
        inspect: str | Nowhere,
        required: bool = False,
        default: Any = None,
        **rest: Any,
    ) -> None:
        super().__init__(name, type, **rest)
        self.place, self.inspect, self.required, self.default = place, inspect, required, default


class Option(Row):
    """A row about an option that is part of a container, or of another noun.

    :param parse: ``parse(value, name)`` returns the normal form, or raises InvalidInput. Without
        it, one of ``choices`` is accepted.
    :param default: the normal form of "not asked for".
    :param compare: VALUE, LIST, SET or MAP.
    :param key: of a list or set: a function of a member, for what there can be one of, e.g. a
        mount's place. Without it, that is the member itself.
    :param change: what a change costs what is there: LIVE, RESTART, REPLACE, or what the noun has
        beside.
    :param place: where it takes effect, a file or table and a key in it: ``config.json
        process.cwd``, ``run.json stop.signal``, ``resolv.conf``. Several where it has several
        effects. :class:`Nowhere` says why there is none.
    :param inspect: Docker's key, where ``docker inspect`` shows it: a text for one that shows the
        normal form, :class:`Shown`, :class:`Computed`, or :class:`Nowhere` with the reason.
    """

    __slots__ = ("parse", "default", "compare", "key", "change", "place", "inspect")

    # Not by way of Row's: there are many rows, and every task makes them.
    def __init__(
        self,
        name: str,
        type: str,
        parse: Parser | None = None,
        *,
        place: Places,
        inspect: str | Shown | Computed | Nowhere,
        flag: Flags,
        description: str,
        default: Any = UNSET,
        compare: str = VALUE,
        key: Callable[[Any], Any] | None = None,
        change: str = REPLACE,
        elements: str = "",
        choices: Sequence[Any] = (),
        aliases: Sequence[str] = (),
        suboptions: Sequence[Suboption] = (),
        version_added: str = "",
    ) -> None:
        self.name, self.type, self.elements = name, type, elements
        self.choices, self.aliases, self.suboptions = choices, aliases, suboptions
        self.flag, self.description, self.version_added = flag, description, version_added
        self.parse = parse or choice(*choices)
        self.compare, self.key, self.change = compare, key, change
        self.default = _EMPTY[compare]() if default is UNSET else default
        self.place = place
        self.inspect = Shown(inspect) if isinstance(inspect, str) else inspect

    def merged(self, now: Any, wanted: Any, comparison: str) -> Any:
        """The value that there should be: ``now`` itself where nothing has to change."""
        if comparison == IGNORE or now == wanted:
            return now
        if comparison == ALLOW_MORE:
            if self.compare == MAP:
                return dict(now or {}, **wanted)
            more = self._with(list(now or []), wanted)
            if more == (now or []):
                return now
            return ordered(more) if self.compare == SET else more
        return wanted

    def _with(self, now: list[Any], wanted: list[Any]) -> list[Any]:
        """The members of ``now`` with those of ``wanted``.

        Each stands in the place of what it can't be beside, else at the end.
        """
        key = self.key or (lambda member: member)
        keys = [key(member) for member in wanted]
        more = [wanted[keys.index(key(had))] if key(had) in keys else had for had in now]
        return more + [member for member in wanted if member not in more]

    def show(self, definition: Definition, document: dict[str, Any]) -> None:
        """Put the option's key into a document of ``inspect``, unless that is computed there."""
        shown = self.inspect
        if not isinstance(shown, Shown):
            return
        *path, key = shown.key.split(".")
        for part in path:
            document = document.setdefault(part, {})
        value = definition.get(self.name, self.default if shown.unset is UNSET else shown.unset)
        document[key] = shown.form(value) if shown.form else value


def or_empty(value: Any) -> Any:
    """Docker's empty text for "nothing"."""
    return value or ""
