# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON of others is read by ``untrusted/json_reader.py`` alone: whoever parses JSON otherwise is named here, with whose documents they are."""

from __future__ import annotations

import ast
import pathlib

import pytest

PLUGINS = pathlib.Path(__file__).resolve().parents[3] / "plugins"
RUNTIME = "module_utils/_runtime/"
READERS = {"load", "loads", "JSONDecoder", "raw_decode", "read_json"}

# Documents that this engine wrote and that root alone can change, or what its own processes say to each other.
OWN = {
    RUNTIME + "untrusted/json_reader.py": "the reader",
    RUNTIME + "store/atomic_files.py": "read_json itself",
    RUNTIME + "cli/commands/images/search_manifest.py": "lists of images that root has named",
    RUNTIME + "store/database.py": "columns of the database",
    RUNTIME + "containers/client/messages.py": "between root's own processes",
    RUNTIME + "containers/monitor/monitor.py": "a sleeping monitor's arguments",
    RUNTIME + "containers/monitor/zygote.py": "a guard's arguments",
    RUNTIME + "rootless/keeper.py": "between a user's own processes",
    RUNTIME + "rootless/keeper_client.py": "between a user's own processes",
    RUNTIME + "containers/monitor/health.py": "from a process forked for the check",
    RUNTIME
    + "containers/view/logs.py": "the log, which the monitor writes, an object of three texts a line",
    RUNTIME + "containers/lifecycle/cleanup.py": "config.json",
    RUNTIME + "containers/records/run_events.py": "run.json",
    RUNTIME + "events/journal_reader.py": "the journal, each line an object of texts",
    RUNTIME + "containers/spec/user_namespaces.py": "config.json and the ranges in use",
    RUNTIME + "containers/spec/selinux_labels.py": "config.json",
    RUNTIME + "containers/spec/container_files.py": "run.json and config.json",
    RUNTIME + "containers/client/stdio.py": "config.json",
    RUNTIME + "containers/spec/shared_namespaces.py": "config.json",
    RUNTIME + "containers/records/run_state.py": "state.json",
    RUNTIME + "containers/spec/run_file.py": "config.json and run.json",
    RUNTIME
    + "containers/spec/confinement.py": "a profile in the definition, which options/security.py has read",
    RUNTIME + "volumes/catalog.py": "config.json",
    RUNTIME + "secrets/secret_catalog.py": "a secret's file",
    RUNTIME + "containers/records/network_names.py": "run.json",
    RUNTIME + "networks/firewall.py": "state.json",
    RUNTIME + "networks/mending.py": "state.json",
    RUNTIME + "networks/inspection.py": "run.json",
    RUNTIME
    + "networks/drivers/remote_names.py": "names of other hosts, which an overlay's task wrote",
    RUNTIME + "networks/names/name_table.py": "run.json, state.json",
    RUNTIME + "host/rebuild.py": "run.json, config.json and state.json",
    RUNTIME + "images/library/garbage.py": "run.json",
    RUNTIME + "images/plans/indexes.py": "lists of images that root has named",
    RUNTIME + "registry/service/service.py": "a service's configuration and status",
    RUNTIME + "registry/service/supervisor.py": "a service's configuration",
    RUNTIME + "layers/workers.py": "from a process forked for unpacking",
    RUNTIME + "delivery/spool.py": "what a delivery keeps",
    RUNTIME + "builds/steps/workspace.py": "from a process forked for compressing",
    RUNTIME
    + "builds/steps/run_container.py": "from a process forked for a step, outside of the container",
    RUNTIME + "builds/trees/stat_cache.py": "digests of a context's files",
    RUNTIME + "deploy/install.py": "host.json, and what Python says of itself",
    "plugin_utils/_screen.py": "the run's own file",
    "plugin_utils/_delivery/source.py": "a recipe in the controller's cache",
}


def raw(path):
    """The lines on which a file parses JSON by itself."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Attribute)
            and node.attr in READERS
            and isinstance(node.value, ast.Name)
            and (node.value.id in ("json", "jsontext") or node.attr == "read_json")
        ):
            yield node.lineno
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[-1] in (
            "json",
            "jsontext",
            "atomic_files",
        ):
            yield from [node.lineno for alias in node.names if alias.name in READERS]


def files():
    # oci/ reads documents of others by a parser of its own, which imports nothing (json_text.py)
    return [
        path
        for path in sorted(PLUGINS.rglob("*.py"))
        if not path.relative_to(PLUGINS).as_posix().startswith(RUNTIME + "oci/")
    ]


@pytest.mark.parametrize("path", files(), ids=lambda path: path.relative_to(PLUGINS).as_posix())
def test_json_of_others_is_read_by_the_reader(path):
    if path.relative_to(PLUGINS).as_posix() not in OWN:
        assert list(raw(path)) == [], "parses JSON without untrusted/json_reader.py"


def test_the_list_is_no_longer_than_it_must_be():
    assert [
        name for name in sorted(OWN) if not list(raw(PLUGINS / name)) and "json_reader" not in name
    ] == []


def test_a_way_around_is_seen(tmp_path):
    path = tmp_path / "new.py"
    for text in (
        "import json\njson.loads(x)",
        "from json import loads",
        "from ..store.atomic_files import read_json, write_json",
        "import json\nf = json.load",
        "files.read_json(path)",
        "json.JSONDecoder().raw_decode(x)",
        "from ..oci import jsontext\njsontext.load(x)",
    ):
        path.write_text(text)
        assert list(raw(path)), text
