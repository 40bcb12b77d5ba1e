# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory plugin: containers of this machine as hosts, what it says of them, and of what can't be asked."""

from __future__ import annotations

import json

import pytest

MACHINES = {"here": {"ansible_connection": "local"}}
NOWHERE = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 9}


@pytest.fixture(scope="module")
def labelled(ansible):
    """A container with labels that a template, a group's name and a terminal have something to fear from."""
    ansible.docker(
        *("run", "-d", "--network", "none", "--name", "labelled"),
        *("--label", "com.docker.compose.project=shop", "--label", "com.docker.compose.service=db"),
        *(
            "--label",
            "note={{ lookup('pipe', 'touch /tmp/never') }}\x1b[31m",
            "--label",
            "tier=back",
        ),
        "py:1",
    )
    return "labelled"


@pytest.fixture
def inventory(ansible, labelled):
    """``inventory(text, **hosts)``: what ``ansible-inventory --list`` says of these hosts' containers, and its warnings."""

    def listed(text, rc=0, **hosts):
        source = ansible.directory / "90-containers.yml"
        source.write_text("plugin: pycontainer.engine.containers\nhosts: [others]\n" + text)
        said = ansible.run(
            "ansible-inventory", "-i", source, "--list", hosts=hosts or MACHINES, rc=rc
        )
        if rc:
            return said
        begins = said.index("\n{\n") if not said.startswith("{") else 0
        return json.loads(said[begins:]), said[:begins]

    return listed


def plain(value):
    """A value without the marks of what is not trusted."""
    if isinstance(value, dict):
        if set(value) == {"__ansible_unsafe"}:
            return value["__ansible_unsafe"]
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value


def test_containers_are_hosts_with_groups(inventory):
    found, _said = inventory("")
    facts = found["_meta"]["hostvars"]["labelled.here"]
    assert facts["ansible_pycontainer_host"] == {"__ansible_unsafe": "here"}  # no template
    assert "lookup" in facts["pycontainer_labels"]["note"]["__ansible_unsafe"]
    assert plain(facts["pycontainer_project"]) == "shop"
    for group in (
        "pycontainer",
        "pycontainer_machine_here",
        "pycontainer_image_py_1",
        "pycontainer_label_tier_back",
        "pycontainer_state_running",
        "pycontainer_project_shop",
        "pycontainer_service_db",
    ):
        assert "labelled.here" in found[group]["hosts"], group
    assert all(name.replace("_", "a").isalnum() for name in found if name != "_meta")
    assert "stopped.here" not in found["pycontainer"]["hosts"]
    shut = found["_meta"]["hostvars"]["shut.here"]
    assert plain(shut["ansible_remote_tmp"]) == "/dev/shm/.ansible"


def test_names_filters_and_composed_groups(inventory):
    found, _said = inventory(
        """
hostnames: [pycontainer_machine, "'my-' ~ pycontainer_name"]
running_only: false
group_by: []
inspect: true
strict: true
filters:
  - include: pycontainer_labels.tier | default('') == 'back'
  - include: pycontainer_state == 'created'
  - exclude: true
keyed_groups: [{key: pycontainer_state, prefix: is}]
groups: {shops: "pycontainer_project | default('') == 'shop'"}
compose: {where: "pycontainer_machine ~ '!'"}
"""
    )
    assert sorted(found["pycontainer"]["hosts"]) == ["my-labelled", "my-stopped"], _said
    assert found["is_created"]["hosts"] == ["my-stopped"] and found["shops"]["hosts"] == [
        "my-labelled"
    ]
    facts = plain(found["_meta"]["hostvars"]["my-labelled"])
    assert facts["where"] == "here!" and facts["pycontainer_inspect"]["Config"]["Image"] == "py:1"


def test_who_can_not_be_asked_is_a_warning(inventory):
    elsewhere = dict(MACHINES["here"], ansible_pycontainer_data_root="/nonexistent")
    found, said = inventory("", here=MACHINES["here"], gone=NOWHERE, empty=elsewhere)
    assert "labelled.here" in found["pycontainer"]["hosts"]
    assert "gone could not be asked for its containers" in said
    assert "empty could not be asked for its containers: the engine is not there" in said
    info = plain(found["_meta"]["hostvars"]["gone"]["pycontainer_host_info"])
    assert info["reached"] is False and "refused" in info["error"]


def test_what_is_wrong_in_the_file_is_one_sentence(inventory):
    assert "filters: " in inventory("filters: [{only: true}]", rc=None)[1]
    found, said = inventory("strict: false\nhostnames: [nothing]")
    assert "is left out: hostnames gives it no name that is free" in said


def test_the_cache_is_asked_first(inventory, ansible, tmp_path):
    kept = f"cache: true\ncache_plugin: ansible.builtin.jsonfile\ncache_connection: {tmp_path}\n"
    before, _said = inventory(kept)
    ansible.docker("rename", "labelled", "other")
    try:
        again, _said = inventory(kept)
        anew, _said = inventory("")
    finally:
        ansible.docker("rename", "other", "labelled")
    assert before["pycontainer"] == again["pycontainer"] != anew["pycontainer"]


def test_tasks_run_in_what_it_finds(inventory, ansible):
    inventory("")
    source = ansible.directory / "90-containers.yml"
    said = ansible.run(
        *("ansible", "-i", source, "web.here:shut.here", "-m", "copy", "-a"),
        "content=x dest=/dev/shm/found",
        hosts=MACHINES,
    )
    assert said.count("CHANGED") == 2
