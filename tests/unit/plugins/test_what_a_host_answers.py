# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine of the inventory may answer anything: it is told in a sentence, and nothing else."""

from __future__ import annotations

import types

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible_collections.pycontainer.engine.plugins.inventory import containers
from ansible_collections.pycontainer.engine.plugins.module_utils._runtime import errors
from ansible_collections.pycontainer.engine.plugins.module_utils._runtime.containers.access import (
    tree_manifest,
)
from ansible_collections.pycontainer.engine.plugins.plugin_utils import _controller_files, _machine


class Machine(_machine.Machine):
    """One that gives the same refusal whatever it is asked."""

    def __init__(self, refusal):
        self.name, self.refusal, self.commands = "alpha", refusal, []

    def run(self, command, data):
        self.commands.append(command)
        mark = data.partition(b'"mark": "')[2].partition(b'"')[0]
        return 0, mark + b"\n" + mark + b" " + self.refusal, b""


@pytest.mark.parametrize("refusal", [b"[]", b"{}", b'{"error": 1}', b'"text"', b"{", b"\xff"])
def test_a_refusal_of_another_form(refusal):
    with pytest.raises(AnsibleConnectionFailure, match="^(alpha: )?what (alpha|it) answers"):
        Machine(refusal).ask({})


def test_a_refusal_has_no_control_characters():
    with pytest.raises(AnsibleConnectionFailure) as caught:
        Machine(b'{"error": "no\\u001b[2J such"}').ask({})
    assert "\x1b" not in str(caught.value)


def test_a_store_in_a_place_with_a_blank():
    machine = Machine(b'{"error": "none"}')
    with pytest.raises(AnsibleConnectionFailure):
        machine.ask({}, root="/srv/a b; reboot")
    assert machine.commands[0].startswith("'/srv/a b; reboot/")


@pytest.mark.parametrize("kind", [tree_manifest.FILE, tree_manifest.DIRECTORY])
@pytest.mark.parametrize("name", ["../x", "..", "/etc/x", "a/../../x", "x\0"])
def test_a_file_of_a_container_goes_where_the_task_says(tmp_path, name, kind):
    """The host names what it sends; it does not choose another directory of the controller."""
    loader = types.SimpleNamespace(get_basedir=lambda: str(tmp_path))
    told = {"name": name, "only_content": False}
    action = types.SimpleNamespace(_loader=loader)
    (tmp_path / "dest").mkdir()
    with (
        pytest.raises(errors.EngineError, match="^the host calls what it sent "),
        _controller_files._placed(action, told, kind, "dest/", True),
    ):
        pytest.fail("it would be written there")


class Display:
    def __init__(self):
        self.said = []

    def warning(self, text):
        self.said.append(text)


@pytest.mark.parametrize(
    "more", [{"Mounts": [1]}, {"Mounts": [{"RW": True, "Destination": {}}]}, {"State": 1}, 5]
)
def test_a_document_of_another_form(more):
    document = {
        "Name": "/web",
        "Id": "1",
        "Config": {"Image": "box:1"},
        "State": {"Status": "running"},
        "HostConfig": {"ReadonlyRootfs": True},
    }
    document = dict(document, **more) if isinstance(more, dict) else more
    plugin = containers.InventoryModule()
    plugin.display = Display()
    plugin.inventory = type("Inventory", (), {"hosts": {}})()
    plugin._add("alpha", {"containers": [document]})
    assert plugin.display.said == ["alpha: what it says of a container can't be read"]
