# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text of others goes to a terminal, a log or a message through ``untrusted/text.py``: whoever writes otherwise is named here."""

from __future__ import annotations

import ast
import pathlib

import pytest
from pycontainer import errors
from pycontainer.builds.steps import step_output
from pycontainer.cli import session, tables, templates
from pycontainer.progress import board as progress
from pycontainer.untrusted import text

PLUGINS = pathlib.Path(__file__).resolve().parents[3] / "plugins"
RUNTIME = "module_utils/_runtime/"
EVIL = "a\x1b[31mred\x07\r\nok: [host] \u202egnp\u2028\x9b2J"

WRITERS = {
    RUNTIME + "cli/session.py": "the gateway of commands",
    RUNTIME + "cli/__init__.py": "the end of the command: an EngineError's sentence, and help",
    RUNTIME + "cli/progress.py": "what the board says, which progress/board.py has made plain",
    RUNTIME + "cli/streams.py": "a container's own output, which stays as it is",
    RUNTIME + "cli/commands/containers/cp.py": "an archive, not to a terminal",
    RUNTIME + "cli/commands/images/build.py": "an archive, not to a terminal",
    RUNTIME + "containers/workers/defects.py": "the zygote's log, through text.entry",
    RUNTIME + "registry/http/server.py": "its log, which Server.log has made plain",
    RUNTIME + "delivery/receiver.py": "JSON for the controller",
    "plugin_utils/_screen.py": "flushes only",
}


def writes(path):
    """The lines on which a file comes by standard output or error, or prints."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "sys"
            and node.attr in ("stdout", "stderr", "__stdout__", "__stderr__")
        ):
            yield node.lineno
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "print"
        ):
            yield node.lineno


def files():
    return [
        path
        for path in sorted(PLUGINS.rglob("*.py"))
        if not path.relative_to(PLUGINS).as_posix().startswith(RUNTIME + "oci/")
    ]


@pytest.mark.parametrize("path", files(), ids=lambda path: path.relative_to(PLUGINS).as_posix())
def test_nobody_writes_past_the_gateway(path):
    if path.relative_to(PLUGINS).as_posix() not in WRITERS:
        assert list(writes(path)) == [], "writes to standard output or error by itself"


def test_the_list_is_no_longer_than_it_must_be():
    assert [name for name in WRITERS if not list(writes(PLUGINS / name))] == []


def harmless(said, lines=True):
    return all(one.isprintable() or (lines and one in "\n\t") for one in said)


def test_a_session(capsys):
    shown = session.Session(None, terminal=True)
    shown.say(EVIL, "b\tc")
    shown.complain(EVIL)
    shown.complain(errors.RegistryError(EVIL))
    shown.mention(EVIL)
    shown.warn(EVIL)
    shown.report(EVIL)
    out, err = capsys.readouterr()
    assert harmless(out) and harmless(err)
    assert len(out.splitlines()) == 2 and "b\tc" in out and len(err.splitlines()) == 5
    assert all(harmless(line, False) for line in shown.errors)


def test_a_programs_last_lines_stay_lines():
    assert str(step_output.StepFailed("it ended:\nline\x1b", 1)) == "it ended:\nline\\x1b"
    assert str(errors.HostError("a\nb")) == "a\\nb"
    assert len(str(errors.RegistryError("x" * 100_000))) < 5000
    assert len(str(errors.InvalidInput("name", "x" * 100_000, "a name"))) < 5000


def test_listings():
    records = [{"Names": EVIL, "Label": lambda _name: EVIL, "List": [EVIL], "Map": {EVIL: EVIL}}]
    for template in (
        None,
        "table {{.Names}}\t{{.List}}",
        "{{.Names}}",
        '{{.Label "x"}}',
        "{{.List}}",
        "{{.Map}}",
        '{{printf "%s %v" .Names .List}}',
        "{{print .Names}}",
        "{{upper .Names}}",
        '{{join .List ", "}}',
        "{{range .List}}{{.}}{{end}}",
        '{{index .Map "x"}}',
        "{{range $k, $v := .Map}}{{$k}}{{$v}}{{end}}",
        "json",
    ):
        found = tables.formatted(
            [dict(record, Label="x") if template == "json" else record for record in records],
            [("NAMES", "Names")],
            template,
        )
        assert all(harmless(line) for line in found) and len(found) <= 2, template
    assert tables.formatted(records, [], None, "Names") == [text.printable(EVIL)]


def test_a_templates_own_text_stays():
    assert templates.fill("{{range .L}}{{println .}}{{end}}", {"L": ["a", "b\nc"]}) == "a\nb\\nc\n"
    assert templates.fill('{{join .L "\\n"}}\\t{{.N}}', {"L": ["a", "b"], "N": 1}) == "a\nb\t1"
    assert templates.fill("{{json .}}", {"a": "\x1b"}) == '{"a": "\\u001b"}'


def test_progress(tmp_path):
    with open(tmp_path / "board", "w+b") as file:
        board = progress.Board(file.fileno())
        board.subject("Pulling " + EVIL)
        board.item(EVIL)
        board.output("10%\r20%" + EVIL)
        file.seek(0)
        found = progress.Look(file.read())
    assert (
        harmless(found.subject, False)
        and harmless(found.items[0][3], False)
        and harmless(found.output, False)
    )
    assert len(found.items) == 1


def test_an_entry_of_a_log_has_no_other_in_it():
    assert (
        text.entry("a\x1b\n2026-01-01T00:00:00 forged\n") == "a\\x1b\n  2026-01-01T00:00:00 forged"
    )
