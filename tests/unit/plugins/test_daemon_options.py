# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options about a daemon are taken out of a task with a warning; a registry's of the same name stay."""

from __future__ import annotations

import importlib
import pathlib

import pytest
from ansible.module_utils import basic
from ansible_collections.pycontainer.engine.plugins.plugin_utils import _daemon_options

COLLECTION = "ansible_collections.pycontainer.engine.plugins"
PLUGINS = pathlib.Path(__file__).resolve().parents[3] / "plugins"


def test_they_are_taken_out_with_one_sentence():
    arguments = {"name": "data", "timeout": 120, "docker_host": "tcp://a", "ca_path": "/ca.pem"}
    (said,) = _daemon_options.take(arguments, ())
    assert arguments == {"name": "data"}
    assert said.startswith("ca_path, docker_host, timeout: left out, ")


def test_a_registrys_stay_and_the_result_says_so():
    arguments = {"docker_host": "tcp://a", "validate_certs": False, "ca_path": "/ca.pem"}
    said = _daemon_options.take(arguments, ("ca_path", "validate_certs"))
    assert arguments == {"validate_certs": False, "ca_path": "/ca.pem"}
    assert said[0].startswith("docker_host: left out")
    assert said[1].startswith("ca_path, validate_certs: taken for the registry")


def test_a_registrys_alone_are_nothing_to_warn_of():
    arguments = {"validate_certs": False, "name": "box"}
    assert not _daemon_options.take(arguments, ("validate_certs",))


class Caught(BaseException):
    """Carries an argument spec out of a module's ``main``."""


def test_each_module_keeps_its_own(monkeypatch):
    """An option that a module has must reach it."""

    def caught(_self, argument_spec, **_rest):
        raise Caught(argument_spec)

    monkeypatch.setattr(basic.AnsibleModule, "__init__", caught)
    kept = {}
    for path in sorted((PLUGINS / "action").glob("*.py")):
        module = importlib.import_module(f"{COLLECTION}.modules.{path.stem}")
        with pytest.raises(Caught) as found:
            module.main()
        spec = found.value.args[0]
        names = {alias for entry in spec.values() for alias in entry.get("aliases") or ()}
        has = (names | set(spec)) & _daemon_options.DAEMON
        action = importlib.import_module(f"{COLLECTION}.action.{path.stem}").ActionModule
        kept[path.stem] = set(action.of_registries)
        assert has <= kept[path.stem], (path.stem, has)
    assert kept["image"] and not kept["network"]
