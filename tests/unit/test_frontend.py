# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module says that runs by itself, without its action plugin: the collection's own arguments are no options that a user sees."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest


def module(name, tmp_path, **arguments):
    """The result of a module."""
    path = tmp_path / "arguments.json"
    path.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": arguments}))
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "ansible_collections.pycontainer.engine.plugins.modules." + name,
            str(path),
        ],
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", ["image", "volume_info"])
def test_supported_parameters_are_those_that_a_user_can_give(tmp_path, name):
    refused = module(name, tmp_path, nonesuch=1)["msg"]
    assert (
        refused.startswith("Unsupported parameters for ")
        and ": nonesuch. Supported parameters include: " in refused
    )
    assert not [
        word for word in ("engine", "delivery", "told") if word in refused.partition("include:")[2]
    ], refused
    refused = module(name, tmp_path, nonesuch=1, _pycontainer_told={"copy": "x", "progress": "y"})[
        "msg"
    ]
    assert ": nonesuch. Supported" in refused and "told" not in refused


def test_a_module_alone_says_what_lays_the_engine_down(tmp_path):
    said = module("volume_info", tmp_path)
    assert (
        said["msg"]
        == (
            "the engine of this collection is not on this host; the role pycontainer.engine.host "
            "lays it down"
        )
        and said["engine_missing"]
    )
    said = module("host_engine", tmp_path)
    assert "the engine comes with this module's action plugin, which did not run" in said["msg"]
    gone = str(tmp_path / "gone")
    said = module("host_engine", tmp_path, _pycontainer_told={"engine": ""}, _ansible_tmpdir=gone)
    assert said["msg"] == (
        f"the engine can't be written to {gone}/engine.zip: No such file or directory"
    )
    told = module("volume_info", tmp_path, _pycontainer_told={"copy": "0.0.0-absent"})
    assert told["msg"] == (
        "the engine 0.0.0-absent is not on this host; the role pycontainer.engine.host lays it down"
    )
    assert "0.0.0" not in json.dumps(told["invocation"])
