# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make what follows from the rows of options: one :class:`Noun` at the end for each table.

    python devel/make_options.py            write the files
    python devel/make_options.py --check    exit 1 and name what is not what this script makes

A module's argument spec and documentation, the flags of its commands, and the table in the docs.
"""

from __future__ import annotations

import json
import pathlib
import sys
import textwrap

CHECKOUT = pathlib.Path(__file__).resolve().parents[1]
PLUGINS = CHECKOUT / "plugins"
sys.path.insert(0, str(PLUGINS / "module_utils"))

from _runtime.containers import options as containers  # noqa: E402
from _runtime.options import rows as kinds  # noqa: E402

HEAD = '''# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""{doc}

Made by devel/make_options.py from the rows in {folder}: change those, and run
`make generate`.
"""

from __future__ import annotations

'''
WIDTH = 100


class Noun:
    """A table of options, and what is said of it in what is made.

    :param name: of its module: ``container``. :param folder: where its rows are.
    :param table: its ``options.table.Table``.
    :param listed: the option that has all others as suboptions, or "".
    :param commands: the commands that have its flags, for a docstring.
    :param introduction: the beginning of its page in the docs.
    """

    def __init__(self, name, folder, table, listed, commands, introduction):
        self.name, self.folder, self.table, self.listed = name, folder, table, listed
        self.commands, self.introduction = commands, introduction

    def head(self, doc):
        """The beginning of a file of Python."""
        return HEAD.format(doc=doc, folder=self.folder)

    def rows(self):
        """Every row that an entry of a list has, those about the task first."""
        behaviour = self.table.behaviour.values()
        return [row for row in behaviour if not row.of_list] + list(self.table.options.values())

    def of_list(self):
        """The rows that stand beside a list."""
        return [row for row in self.table.behaviour.values() if row.of_list]


def flags_of(row):
    """A row's own flags."""
    flags = row.flag if isinstance(row.flag, tuple) else (row.flag,)
    return [flag for flag in flags if isinstance(flag, kinds.Flag)]


# -- Python


def literal(value, column=0, ahead=0, behind=1):
    """Python's source of a value, in the layout of `ruff format`.

    :param column: the indentation. :param ahead: how much stands before it in its line.
    :param behind: how much follows, as a comma.
    """
    flat = source(value)
    if column + ahead + len(flat) + behind <= WIDTH or not isinstance(value, (dict, list)):
        return flat
    pad = " " * (column + 4)
    if isinstance(value, dict):
        lines = [
            f"{pad}{source(key)}: {literal(item, column + 4, len(source(key)) + 2)},"
            for key, item in value.items()
        ]
        return "{\n" + "\n".join(lines) + "\n" + " " * column + "}"
    lines = [f"{pad}{literal(item, column + 4)}," for item in value]
    joined = pad + source(value)[1:-1]
    if column or len(joined) > WIDTH:  # in one line only where it is not part of something else
        joined = "\n".join(lines)
    return "[\n" + joined + "\n" + " " * column + "]"


def source(value):
    """Python's source of a value in one line, with double quotes."""
    if isinstance(value, dict):
        items = (f"{source(key)}: {source(item)}" for key, item in value.items())
        return "{" + ", ".join(items) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(source, value)) + "]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


# -- the argument spec


# Ansible takes them for secrets themselves by their names.
NAMES_OF_SECRETS = ("secrets", "passwd_entry")


def spec_of(row):
    """A row's entry in Ansible's argument spec."""
    found = {"type": row.type}
    if getattr(row, "required", False):
        found["required"] = True
    if row.elements:
        found["elements"] = row.elements
    if row.name in NAMES_OF_SECRETS:
        found["no_log"] = False
    if row.choices:
        found["choices"] = list(row.choices)
    if not isinstance(row, kinds.Option) and row.default is not None:
        found["default"] = row.default
    if row.aliases:
        found["aliases"] = list(row.aliases)
    if row.suboptions:
        found["options"] = {sub.name: spec_of(sub) for sub in row.suboptions}
    return found


def argument_spec(noun):
    constant, listed = noun.name.upper(), noun.listed
    item = literal({row.name: spec_of(row) for row in noun.rows()}, 0, len(f"{constant} = "), 0)
    beside = {row.name: spec_of(row) for row in noun.of_list()}
    text = noun.head(
        f"Ansible's argument spec of a {noun.name}, data alone: it travels with every task."
    )
    text += f"{constant} = {item}\n\n\ndef argument_spec() -> dict[str, object]:\n"
    if not listed:
        return text + f'    """Return the {noun.name} module\'s."""\n    return dict({constant})\n'
    lines = [
        f"        {name}={literal(entry, 8, len(name) + 1)},"
        for name, entry in beside.items()
        if name != listed
    ]
    entries = source(beside[listed])[:-1] + ', "options": item}'
    return (
        text
        + f'    """Return the {noun.name} module\'s: one {noun.name}, or ``{listed}`` with a list '
        + 'of them."""\n'
        + f'    item = dict({constant}, name={{"type": "str", "required": True}})\n'
        + f"    return dict(\n        {constant},\n"
        + f"        {listed}={entries},\n"
        + "\n".join(lines)
        + "\n    )\n"
    )


# -- the documentation


def paragraphs(row):
    """A row's description as a list of paragraphs, each in one line."""
    return [" ".join(part.split()) for part in row.description.strip().split("\n\n")]


COSTS = {
    "live": "Changes while the container runs.",
    "live on networks": "Changes while the container runs, where its network namespace stays its own. "
    "Else a change makes a new container.",
    "live on files": "A change makes a new container, but for one of C(on_change) alone, which holds "
    "from then on while the container runs.",
    "restart": "A change makes a new container, or with O(on_change=restart) restarts it.",
    "replace": "A change makes a new container.",
}


def cost(row):
    """What a change of an option costs, as a paragraph of its documentation."""
    return [COSTS[row.change]] if hasattr(row, "change") else []


def documented(row, column):
    """The lines of a row's documentation: YAML, below its name."""
    pad = " " * column
    lines = [f"{pad}description:"]
    for paragraph in [*paragraphs(row), *cost(row)]:
        lines.append(f"{pad}  - >-")
        lines += textwrap.wrap(
            paragraph,
            WIDTH,
            initial_indent=pad + "    ",
            subsequent_indent=pad + "    ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    said = spec_of(row)
    said.pop("no_log", None)
    if row.version_added:
        said["version_added"] = row.version_added
    subs = said.pop("options", None) and row.suboptions
    lines += [
        f"{pad}{key}: {value if key in ('type', 'elements') else json.dumps(value)}"
        for key, value in said.items()
    ]
    if subs:
        lines.append(f"{pad}suboptions:")
        for sub in subs:
            lines.append(f"{pad}  {sub.name}:")
            lines += documented(sub, column + 4)
    return lines


def documentation(noun):
    lines = []
    for row in noun.rows():
        anchor = f" &{row.name}" if noun.listed and row.name != "name" else ""
        lines.append(f"  {row.name}:{anchor}")
        lines += documented(row, 4)
    for row in noun.of_list():
        lines.append(f"  {row.name}:")
        lines += documented(row, 4)
        if row.name == noun.listed:
            lines += [
                "    suboptions:",
                "      name:",
                "        description:",
                f"          - The {noun.name}'s name.",
                "        type: str",
                "        required: true",
            ]
            lines += [
                f"      {item.name}: *{item.name}" for item in noun.rows() if item.name != "name"
            ]
    return (
        noun.head(f"The documentation of a {noun.name}'s options.")
        + "\nclass ModuleDocFragment:\n"
        + '    DOCUMENTATION = r"""\noptions:\n'
        + "\n".join(lines)
        + '\n"""\n'
    )


# -- the flags


def flag_call(flag, option, row):
    """The source of one flag for the grammar."""
    kind = flag.kind or {"bool": "switch", "list": "list", "dict": "list"}.get(row.type, "value")
    reads = flag.reads or {"int": "int", "float": "float", "dict": "="}.get(row.type, "")
    said = [flag.names, kind, flag.help, option]
    inner = ", ".join(map(source, said)) + (f", reads={source(reads)}" if reads else "")
    for line in (f"    Flag({inner}),", f"        {inner}"):
        if len(line) <= WIDTH:
            return line if line.startswith("    Flag") else f"    Flag(\n{line}\n    ),"
    parts = [*map(source, said), *([f"reads={source(reads)}"] if reads else [])]
    return "    Flag(\n" + "".join(f"        {part},\n" for part in parts) + "    ),"


def flags(noun):
    calls, update, said_by = [], [], {}
    for row in noun.rows():
        for sub in (row, *row.suboptions):
            option = row.name if sub is row else f"{row.name}.{sub.name}"
            for flag in flags_of(sub):
                calls.append(flag_call(flag, option, sub))
                update += [row.name] if flag.update else []
        if isinstance(row.flag, str):
            said_by[row.name] = row.flag.split()[0]
    return (
        noun.head(f"The flags of {noun.commands} that say a {noun.name}'s options.")
        + "from .grammar import Flag\n\n"
        + "FLAGS = [\n"
        + "\n".join(calls)
        + "\n]\n\n# Options whose flags ``update`` has, too.\nUPDATE = "
        + literal(update, 0, len("UPDATE = "), 0)
        + "\n\n# Options that the flag of another one says as well.\nSAID_BY = "
        + literal(said_by, 0, len("SAID_BY = "), 0)
        + "\n"
    )


# -- the table in the docs

COLUMNS = """
| option | type | flag | change | takes effect in | `inspect` |
|---|---|---|---|---|---|
"""
BEHAVIOUR = """
These say what a task does with a {name}, and are no part of it:

| option | type | flag |
|---|---|---|
"""


def flag_cell(row):
    if isinstance(row.flag, str):
        return f"`{row.flag}`"
    if isinstance(row.flag, kinds.Nowhere):
        return row.flag.reason if isinstance(row, kinds.Option) else ""
    return ", ".join(f"`{flag.names}`" + ("*" if flag.update else "") for flag in flags_of(row))


def places_cell(row):
    if isinstance(row.place, kinds.Nowhere):
        return row.place.reason
    places = row.place if isinstance(row.place, tuple) else (row.place,)
    cells = []
    for place in places:
        file, _space, key = place.partition(" ")
        cells.append(f"{file} `{key}`" if key else file)
    return ", ".join(cells)


def inspect_cell(row):
    shown = row.inspect
    if isinstance(shown, kinds.Nowhere):
        return shown.reason
    return f"`{shown if isinstance(shown, str) else shown.key}`"


def type_cell(row):
    return f"{row.type} of {row.elements}" if row.elements else row.type


def docs(noun):
    lines = []
    for row in noun.table.options.values():
        between = "[]." if row.type == "list" else "."
        for sub in (row, *row.suboptions):
            name = row.name if sub is row else row.name + between + sub.name
            change = row.change if sub is row else ""
            cells = [f"`{name}`", type_cell(sub), flag_cell(sub), change]
            lines.append("| " + " | ".join([*cells, places_cell(sub), inspect_cell(sub)]) + " |")
    text = noun.introduction + COLUMNS + "\n".join(lines) + "\n"
    behaviour = [
        f"| `{row.name}` | {type_cell(row)} | {flag_cell(row)} |"
        for row in noun.table.behaviour.values()
    ]
    if behaviour:
        text += BEHAVIOUR.format(name=noun.name) + "\n".join(behaviour) + "\n"
    return text


# -- the nouns

CONTAINER = Noun(
    "container",
    "containers/options",
    containers.TABLE,
    "containers",
    "``run``, ``create`` and ``update``",
    """\
# The options of a container

<!-- Made by devel/make_options.py from the rows in containers/options: change those, and run `make generate`. -->

Look up, for each option of the module `container`, which flag of `pycontainer run` is the same, what a change costs a container that runs, and where
to see it: in which file below `/var/lib/pycontainer/containers/<id>/` it takes effect (`config.json` is the OCI runtime specification's document), and
under which of Docker's keys `inspect` shows it. What the options mean, `ansible-doc pycontainer.engine.container` says.

A flag with a star is one that `pycontainer update` has, too. What a change costs: `live` is nothing, `live on networks` is nothing as long as the
container has a network namespace of its own, on networks or with `network_mode: none`, `live on files` is nothing where an entry's `on_change`
alone differs, `restart` is a new container or, with `on_change: restart`, a restart of the same one, `replace` is a new container in the place of the old one.
""",
)

UTILS = PLUGINS / "module_utils"
FILES = {  # what is made of a noun, and where it lies
    UTILS / "_container_options.py": (argument_spec, CONTAINER),
    PLUGINS / "doc_fragments" / "_container_options.py": (documentation, CONTAINER),
    UTILS / "_runtime" / "cli" / "option_flags.py": (flags, CONTAINER),
    CHECKOUT / "docs" / "container-options.md": (docs, CONTAINER),
}


def main():
    made = {path: make(noun) for path, (make, noun) in FILES.items()}
    if "--check" in sys.argv:
        stale = [
            str(path.relative_to(CHECKOUT))
            for path, text in made.items()
            if not path.exists() or path.read_text(encoding="utf-8") != text
        ]
        if stale:
            sys.exit("not what the rows say, run `make generate`: " + ", ".join(stale))
        return
    for path, text in made.items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
