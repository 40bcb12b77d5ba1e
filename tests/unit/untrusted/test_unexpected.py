# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An exception that nobody expected, at every front end: one sentence, and the traceback only for whoever asks for it."""

from __future__ import annotations

import errno
import importlib
import io
import json
import sys
import types

import pytest
from pycontainer import cli, errors

RAISED = [
    OSError(errno.ENOSPC, "No space left on device", "/var/lib/x"),
    OSError(errno.EIO, "Input/output error"),
    OSError(errno.EROFS, "Read-only file system", "/a\x1b"),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
    OSError("no number"),
    PermissionError(errno.EACCES, "Permission denied", b"/b"),
    ValueError("embedded null byte"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"),
    UnicodeEncodeError("latin-1", "\u20ac", 0, 1, "no"),
    RecursionError("maximum recursion depth exceeded"),
    MemoryError(),
    KeyError("process"),
    AttributeError("x\nforged: y"),
    TypeError("z" * 100_000),
]
EXPECTED = {
    errno.ENOSPC: "this host refused a step: no space left on device: /var/lib/x",
    errno.EIO: "this host refused a step: input/output error",
    errno.EROFS: "this host refused a step: read-only file system: /a\\x1b",
    errno.ENOMEM: "this host refused a step: cannot allocate memory",
}
PLACES = [
    "pycontainer.engine.Engine.__enter__",
    "pycontainer.cli.execute",
    "pycontainer.cli.commands.containers.ps_port.ps",
    "pycontainer.containers.listing",
    "pycontainer.cli.tables.formatted",
    "pycontainer.cli.session.Session.say",
    "pycontainer.cli.read",
]


def check(said, error):
    assert "\n" not in said and len(said) < 1000 and "Traceback" not in said and said.isprintable()
    assert ("defect" in said) == (
        getattr(error, "errno", None) not in EXPECTED
        and not isinstance(error, (MemoryError, UnicodeEncodeError))
        and "null byte" not in str(error)
    ), said
    assert EXPECTED.get(getattr(error, "errno", None), "") in said


@pytest.mark.parametrize("error", RAISED, ids=repr)
def test_the_sentence(error):
    check(errors.unexpected(error, "how"), error)


def put(monkeypatch, place, error):
    """Have what stands at ``place`` raise."""

    def fail(*_arguments, **_options):
        raise error

    path, name = place.rsplit(".", 1)
    try:
        holder = importlib.import_module(path)
    except ImportError:
        module, inner = path.rsplit(".", 1)
        holder = getattr(importlib.import_module(module), inner)
    monkeypatch.setattr(holder, name, fail)


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("place", PLACES)
def test_the_command(place, error, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(cli.signal, "signal", lambda *_arguments: None)
    monkeypatch.delenv("PYCONTAINER_TRACEBACK", raising=False)
    put(monkeypatch, place, error)
    assert (
        cli.main(["--root", str(tmp_path / "data"), "--runroot", str(tmp_path / "run"), "ps", "-a"])
        == 125
    )
    out, err = capsys.readouterr()
    assert (
        out == ""
        and err.startswith("Error: ")
        and err.endswith("(PYCONTAINER_TRACEBACK=1 shows the traceback)\n")
    )
    check(err[:-1], error)


def test_the_commands_traceback(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(cli.signal, "signal", lambda *_arguments: None)
    monkeypatch.setenv("PYCONTAINER_TRACEBACK", "1")
    put(monkeypatch, "pycontainer.cli.execute", ValueError("it"))
    assert (
        cli.main(["--root", str(tmp_path / "data"), "--runroot", str(tmp_path / "run"), "ps"])
        == 125
    )
    err = capsys.readouterr().err
    assert err.startswith("Traceback") and err.splitlines()[-1].startswith(
        "Error: it failed unexpectedly: ValueError: it;"
    )


class Ended(Exception):
    """A module's exit."""


@pytest.fixture
def module(monkeypatch):
    """A stand-in for AnsibleModule; what it exits with is the exception's argument."""
    basic = pytest.importorskip("ansible.module_utils.basic")

    class Module:
        check_mode, _diff, no_log = True, False, False

        def __init__(self, *_arguments, **_options):
            self.params = {"cmd": "ps -a", "argv": None}
            self.warned, self.told = [], {}

        def fail_json(self, **result):
            raise SystemExit(dict(result, failed=True))

        def exit_json(self, **result):
            raise SystemExit(result)

        def warn(self, text):
            self.warned.append(text)

    monkeypatch.setattr(basic, "AnsibleModule", Module)
    name = "ansible_collections.pycontainer.engine.plugins.module_utils._frontend"
    sys.modules.pop(name, None)
    found = importlib.import_module(name)
    yield found
    # Neither this one, nor what has imported it, is what others get.
    for known, module in list(sys.modules.items()):
        if any(value is found for value in (module, *getattr(module, "__dict__", {}).values())):
            del sys.modules[known]
    vars(importlib.import_module(name.rpartition(".")[0])).pop("_frontend", None)


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    "place",
    [
        "pycontainer.engine.Engine.__enter__",
        "pycontainer.cli.task.pycontainer",
        "pycontainer.cli.task.execute",
        "pycontainer.containers.listing",
        "pycontainer.cli.session.Session.say",
        "pycontainer.reconcile.carry_out",
    ],
)
def test_a_module(module, place, error, monkeypatch, tmp_path):
    from pycontainer.store import paths

    monkeypatch.setattr(paths, "DATA", str(tmp_path / "data"))
    monkeypatch.setattr(module, "laid_down", lambda _module: "pycontainer")
    put(monkeypatch, place, error)
    if place == "pycontainer.reconcile.carry_out":
        from pycontainer import reconcile

        monkeypatch.setattr(
            "pycontainer.cli.task.pycontainer",
            lambda *_arguments: reconcile.Plan.__new__(reconcile.Plan),
        )
    with pytest.raises(SystemExit) as ended:
        module.run("cli.task", "pycontainer", {}, store_needed=False)
    result = ended.value.code
    assert result["failed"] and result["exception"].startswith("Traceback")
    assert result["msg"].endswith("(-vvv shows the traceback)")
    check(result["msg"], error)


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_an_action(error, monkeypatch):
    plugin = pytest.importorskip(
        "ansible_collections.pycontainer.engine.plugins.plugin_utils._engine_action"
    )
    monkeypatch.setattr(plugin.ActionBase, "run", lambda *_arguments: {})
    monkeypatch.setattr(
        plugin._progress, "Live", lambda *_arguments: __import__("contextlib").nullcontext()
    )
    put(monkeypatch, plugin.__name__ + ".EngineAction.carry_out", error)
    action = plugin.EngineAction.__new__(plugin.EngineAction)
    action._task = types.SimpleNamespace(args={})
    result = action.run()
    assert result["failed"] and result["exception"].startswith("Traceback")
    check(result["msg"], error)


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_the_hosts_half_of_a_delivery(error, monkeypatch, capsys):
    from pycontainer.delivery import receiver

    monkeypatch.setattr(receiver.fingerprint, "laid_down", lambda *_arguments: None)
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(buffer=io.BytesIO(b'{"check": 1}\n')))
    put(monkeypatch, "pycontainer.engine.Engine.__enter__", error)
    assert receiver.main(["offer"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["failed"] and answer["exception"].startswith("Traceback")
    check(answer["msg"], error)
