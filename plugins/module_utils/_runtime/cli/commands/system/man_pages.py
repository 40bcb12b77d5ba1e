# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``man``: manual pages, made from the grammar (man-pages(7), groff_man(7)).

``pycontainer(1)`` names all commands; each command has a page of its own, as
``pycontainer-volume-ls(1)``.
"""

from __future__ import annotations

import os

from ....deploy.fingerprint import VERSION
from ....reconcile import Plan
from ....store.atomic_files import write_whole
from ....store.paths import DATA, RUN
from ....untrusted import files
from ... import command_table
from ...grammar import UsageError, find

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...grammar import Command, Given
    from ...session import Session


MARK = '.\\" Written by pycontainer man'
SECTION = ".1"
LARGEST = 1 << 20  # bytes of a page that is looked at


def man(session: Session, given: Given) -> None:
    """Print a page, or with ``--directory`` write all of them there."""
    if given.directory is not None:
        if given.words:
            raise UsageError("man takes either a command or --directory")
        _write(session, os.path.abspath(given.directory))
        return
    name = "pycontainer"
    if given.words:
        found = find(command_table.COMMANDS, given.words)
        if found is None or found[1] != len(given.words):
            raise UsageError(
                f"there is no page of {' '.join(given.words)!r}: it is not a pycontainer command; "
                "pycontainer --help lists all"
            )
        name = page_name(found[0])
    session.say(*pages()[name + SECTION].rstrip("\n").split("\n"))


def _write(session: Session, directory: str) -> None:
    plan = Plan("manual pages")

    def keep(path: str, text: str) -> None:
        os.makedirs(directory, exist_ok=True)
        write_whole(path, text, mode=0o644, durable=False)

    wanted = pages()
    there = _ours(directory)
    for name, text in wanted.items():
        if there.get(name) != text:
            path = os.path.join(directory, name)
            plan.add(
                name,
                "older" if name in there else None,
                VERSION,
                f"write the manual page {path}",
                lambda path=path, text=text: keep(path, text),  # type: ignore[misc]
            )
    for name in sorted(set(there) - set(wanted)):
        path = os.path.join(directory, name)
        plan.add(
            name,
            "older",
            None,
            f"remove the manual page {path}, whose command is gone",
            lambda path=path: os.unlink(path),  # type: ignore[misc]
        )
    session.carry_out(plan)


def _ours(directory: str) -> dict[str, str]:
    """Return the pages that a version of this command has written."""
    found = {}
    for name in os.listdir(directory) if os.path.isdir(directory) else ():
        path = os.path.join(directory, name)
        if name.startswith("pycontainer") and name.endswith(SECTION) and os.path.isfile(path):
            text = files.read_given(path, LARGEST).decode("utf-8", "replace")
            if MARK in text:
                found[name] = text
    return found


def page_name(command: Command) -> str:
    """Return the name of a command's page, without its section: ``pycontainer-volume-ls``."""
    return "-".join(["pycontainer", *command.names[0].split()])


def pages() -> dict[str, str]:
    """Return every page: ``{file's name: text in groff's man macros}``."""
    found = {page_name(command) + SECTION: _page(command) for command in command_table.COMMANDS}
    return {"pycontainer" + SECTION: _overview(), **found}


def _page(command: Command) -> str:
    lines = _head(page_name(command), command.help)
    words = " ".join(filter(None, ["[OPTIONS]" if command.flags else "", command.takes]))
    lines += [".SH SYNOPSIS", f".B pycontainer {_text(command.names[0])}", _text(words)]
    lines += [".SH DESCRIPTION", _text(command.help + ".")]
    if len(command.names) > 1:
        lines += [".PP", "Other names: " + _bold(command.names[1:]) + "."]
    if command.flags:
        lines.append(".SH OPTIONS")
        for flag in command.flags:
            kind = "" if flag.kind == "switch" else f" \\fI{flag.kind}\\fR"
            more = " May be given several times." if flag.kind == "list" else ""
            lines += [".TP", _bold(flag.names) + kind, _text(flag.help + "." + more)]
    return _ended(lines, "pycontainer")


def _overview() -> str:
    lines = _head(
        "pycontainer", "Docker's images, containers, volumes and networks without an engine"
    )
    lines += [
        ".SH SYNOPSIS",
        ".B pycontainer",
        _text("[--root DIR] [--runroot DIR] COMMAND [OPTIONS] [ARGUMENTS]"),
        ".SH DESCRIPTION",
        _text(
            "The command of the Ansible collection pycontainer.engine on a host. It has Docker's "
            "commands and flags. There is no daemon: each call does its work itself, as root."
        ),
        ".SH OPTIONS",
        ".TP",
        _bold(["--root"]) + " \\fIDIR\\fR",
        _text(f"Another store than {DATA}."),
        ".TP",
        _bold(["--runroot"]) + " \\fIDIR\\fR",
        _text(f"Another directory of this boot than {RUN}."),
        ".TP",
        _bold(["--help"]),
        "Help, also after a command.",
        ".TP",
        _bold(["-v", "--version"]),
        "The version.",
        ".SH COMMANDS",
    ]
    for command in sorted(command_table.COMMANDS, key=lambda command: command.names[0]):
        lines += [".TP", _bold([command.names[0]]), _text(command.help + ".")]
    lines += [".SH EXIT STATUS", ".TP", "125", "The command line is wrong, or run was refused."]
    lines += [".TP", "126, 127", "The container's command can't be executed, or is not there."]
    return _ended(lines, "")


def _head(name: str, title: str) -> list[str]:
    return [
        MARK,
        f'.TH {_text(name.upper())} 1 "" "pycontainer {VERSION}" "pycontainer.engine"',
        ".SH NAME",
        f"{_text(name)} \\- {_text(title)}",
    ]


def _ended(lines: list[str], other: str) -> str:
    if other:
        lines += [".SH SEE ALSO", f".BR {other} (1)"]
    return "\n".join(lines) + "\n"


def _bold(names: Iterable[str]) -> str:
    return ", ".join(f"\\fB{_text(name)}\\fR" for name in names)


def _text(text: str) -> str:
    """Return a text as groff takes it: no line of it is a request."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text[:1] in (".", "'") else text
