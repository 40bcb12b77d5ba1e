# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables of the host and the image, annotations and the time zone, seen from inside."""

from __future__ import annotations

import pytest
from pycontainer import containers
from pycontainer.containers import task
from pycontainer.containers.options import process
from pycontainer.containers.spec import container_files
from pycontainer.errors import InvalidInput
from pycontainer.reconcile import carry_out
from support.container_tasks import sh


@pytest.fixture(autouse=True)
def removed(engine, image):
    yield
    for record in containers.every(engine):
        containers.remove(engine, record, force=True)


def do(engine, **params):
    said = {"name": "web", "image": "box:1", "network_mode": "none", "stop_timeout": 0, **params}
    return carry_out(task.container(engine, said), False)


def first(engine):
    """The variables of process 1 of the container."""
    return sh(engine, "/bin/cat /proc/1/environ").split("\0")


def test_the_hosts_variables_stay_those_of_its_making(engine, monkeypatch):
    monkeypatch.setenv("LANG_HERE", "one")
    monkeypatch.setenv("OVER", "host")
    do(engine, env_host=True, env={"OVER": "task"})
    assert {"LANG_HERE=one", "OVER=task"} <= set(first(engine))
    monkeypatch.setenv("LANG_HERE", "two")
    assert not do(engine, env_host=True, env={"OVER": "task"})["changed"]
    assert do(engine, stop_timeout=1)["changed"]  # its documents are written anew
    do(engine, state="restarted")
    assert "LANG_HERE=one" in first(engine)
    assert do(engine, env_host=False)["changed"]
    assert not [entry for entry in first(engine) if entry.startswith("LANG_HERE")]


def test_proxies_alone(engine, monkeypatch):
    monkeypatch.setenv("https_proxy", "http://proxy.example:1")
    monkeypatch.setenv("NO_PROXY", "localhost")
    monkeypatch.setenv("OTHER_HERE", "x")
    do(engine)
    assert not [entry for entry in first(engine) if "proxy" in entry.lower()]
    do(engine, http_proxy=True, env={"NO_PROXY": "mine"})
    found = first(engine)
    assert {"https_proxy=http://proxy.example:1", "NO_PROXY=mine"} <= set(found)
    assert "OTHER_HERE=x" not in found


def test_variables_of_the_image_are_merged_and_left_out(engine):
    do(engine, env_merge={"PATH": "/opt:${PATH}:$NONE", "X": "$PATH"}, env={"X": "mine"})
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    assert {f"PATH=/opt:{path}:", "X=mine"} <= set(first(engine))
    do(engine, env_merge={}, unsetenv=["PATH"], command=["/bin/sleep", "1000"])
    assert not [entry for entry in first(engine) if entry.startswith("PATH=")]
    do(engine, unsetenv=[], unsetenv_all=True, env={"A": "b"})
    assert sorted(filter(None, first(engine))) == ["A=b", "HOME=/root"]


def test_annotations_stand_in_the_document(engine):
    result = do(engine, annotations={"a.example/b": "c"}, user="www")
    config = container_files.read_config(engine, containers.find(engine, "web")["id"])
    assert config["annotations"]["a.example/b"] == "c"
    assert result["container"]["HostConfig"]["Annotations"] == {"a.example/b": "c"}
    with pytest.raises(InvalidInput, match="org.pycontainer"):
        do(engine, annotations={"org.pycontainer.user": "root"})


def test_the_time_zone(engine, tmp_path, monkeypatch):
    (tmp_path / "Lab").mkdir()
    (tmp_path / "Lab" / "Two").write_bytes(b"TZif2 of the lab")
    (tmp_path / "text").write_text("no zone")
    monkeypatch.setattr(process, "ZONES", str(tmp_path))
    do(engine, timezone="Lab/Two")
    assert sh(engine, "cat /etc/localtime") == "TZif2 of the lab"
    assert not do(engine, timezone="Lab/Two")["changed"]
    mounts = do(engine)["container"]["Mounts"]
    assert mounts == []
    for wrong in ("Lab/Three", "text", "Lab", "../etc/passwd"):
        with pytest.raises(InvalidInput, match="timezone"):  # before there is a plan
            task.container(engine, {"name": "web", "timezone": wrong})
    assert not do(engine, timezone="Lab/Two")["changed"]
