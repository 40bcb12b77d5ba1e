# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices that the host's CDI specifications describe: what a container gets of them, and what is refused."""

from __future__ import annotations

import json
import os
import pathlib
import re
import sys

import pytest
import yaml
from pycontainer import containers
from pycontainer.cli import read, run_flags
from pycontainer.containers import options, task
from pycontainer.containers.devices import cdi_specs
from pycontainer.containers.spec import container_files
from pycontainer.errors import EngineError, InvalidInput
from pycontainer.reconcile import carry_out
from support.container_tasks import sh

PAGE = pathlib.Path(__file__).resolve().parents[4] / "docs" / "devices.md"


@pytest.fixture
def specs(tmp_path, monkeypatch):
    """``specs(file, **document)`` writes one; the first directory is /etc/cdi's, "run/" the second."""
    for name in ("etc", "run"):
        (tmp_path / name).mkdir()
    places = (str(tmp_path / "etc"), str(tmp_path / "run"))
    monkeypatch.setattr(cdi_specs, "DIRECTORIES", places)

    def write(file, devices=(), text=None, **more):
        path = tmp_path / file
        listed = [{"name": name, "containerEdits": edits} for name, edits in dict(devices).items()]
        document = {"cdiVersion": "1.1.0", "kind": "v.example/d", "devices": listed, **more}
        path.write_text(json.dumps(document) if text is None else text)
        return path

    return write


@pytest.fixture(autouse=True)
def removed(engine, image):
    yield
    for record in containers.every(engine):
        containers.remove(engine, record, force=True)


def do(engine, **params):
    said = {"name": "web", "image": "box:1", "network_mode": "none", "stop_timeout": 0, **params}
    return carry_out(task.container(engine, said), False)


def refused(engine, **params):
    """The sentence that refuses a task which changes nothing."""
    with pytest.raises(EngineError) as error:
        do(engine, **params)
    assert containers.every(engine) == []
    assert "\n" not in str(error.value)
    return str(error.value)


def test_the_example_of_the_page(engine, specs):
    text = PAGE.read_text()
    (spec,) = re.findall("```json\n(.*?)```", text, re.S)
    example = yaml.safe_load(re.findall("```yaml\n(.*?)```", text, re.S)[-1])[0]
    specs("etc/lab.json", text=spec)
    said = example["pycontainer.engine.container"]
    do(engine, **dict(said, name="web", image="box:1"))
    assert sh(engine, "head -c 2 /dev/meter > /tmp/two; stat -c %s /tmp/two") == "2"
    config = container_files.read_config(engine, containers.find(engine, "web")["id"])
    rule = {"allow": True, "type": "c", "access": "r", "major": 1, "minor": 5}
    assert config["linux"]["resources"]["devices"][-1] == rule
    assert sh(engine, "echo $METER_LIBRARY; ls $METER_LIBRARY/UTC").split() == [
        "/opt/meter",
        "/opt/meter/UTC",
    ]
    assert sh(engine, "stat -c %t:%T /dev/meter") == "1:5"
    again = do(engine, **dict(said, name="web", image="box:1"))
    assert not again["changed"]


def test_all_edits_and_the_order_of_directories(engine, specs, tmp_path):
    hook = tmp_path / "hook"
    hook.write_text('#!/bin/sh\ncat > "$1/state"\necho "$2 $HOOKED" > "$1/said"\n')
    hook.chmod(0o755)
    shown = tmp_path / "shown"
    shown.mkdir()
    (shown / "file").write_text("of the host\n")
    out = tmp_path / "out"
    out.mkdir(mode=0o777)
    out.chmod(0o777)
    edits = {
        "env": ["FROM=run", "OF=device"],
        "deviceNodes": [{"path": "/dev/nil", "hostPath": "/dev/null", "fileMode": 0o600}],
        "mounts": [{"hostPath": str(shown), "containerPath": "/shown", "options": ["ro", "rbind"]}],
        "additionalGids": [77, 0],
        "hooks": [
            {
                "hookName": "createRuntime",
                "path": str(hook),
                "args": ["hook", str(out), "word"],
                "env": ["HOOKED=yes", "PATH=/usr/bin:/bin"],
                "timeout": 20,
            }
        ],
    }
    specs("etc/a.json", {"one": {"env": ["FROM=etc"]}, "two": {"env": ["SECOND=2"]}})
    specs("run/a.json", {"one": edits}, containerEdits={"env": ["FROM=all", "COMMON=yes"]})
    names = ["v.example/d=one", "v.example/d=two"]
    result = do(engine, devices=names, env={"OF": "task", "MINE": "1"})
    assert sh(engine, "echo $FROM $OF $COMMON $SECOND $MINE") == "run device yes 2 1"
    assert sh(engine, "cat /shown/file; echo x > /dev/nil; stat -c %a /dev/nil") == (
        "of the host\n600"
    )
    assert "77" in sh(engine, "id -G").split() and "0" in sh(engine, "id -G").split()
    with pytest.raises(AssertionError):
        sh(engine, "touch /shown/new")
    assert (out / "said").read_text() == "word yes\n"
    state = json.loads((out / "state").read_text())
    assert state["id"] == result["container"]["Id"] and state["status"] == "created"
    (asked,) = result["container"]["HostConfig"]["DeviceRequests"]
    assert (asked["Driver"], asked["DeviceIDs"]) == ("cdi", names)
    assert not do(engine, devices=names, env={"OF": "task", "MINE": "1"})["changed"]
    assert do(engine, devices=names[:1])["changed"]


def test_a_hook_in_the_containers_namespaces_finds_the_root(engine, specs, tmp_path):
    """As NVIDIA's do: by the bundle's config.json, from the state on its standard input."""
    hook = tmp_path / "hook.py"
    hook.write_text(
        f"#!{os.path.realpath(sys.executable)}\n"
        "import json, os, sys\n"
        "bundle = json.load(sys.stdin)['bundle']\n"
        "root = json.load(open(bundle + '/config.json'))['root']['path']\n"
        "open(os.path.join(root, 'tmp', 'hooked'), 'w').write('yes')\n"
    )
    hook.chmod(0o755)
    specs("etc/a.json", {"one": {"hooks": [{"hookName": "createContainer", "path": str(hook)}]}})
    do(engine, devices=["v.example/d=one"], userns_mode="host")
    assert sh(engine, "cat /tmp/hooked") == "yes"


def test_a_start_takes_what_is_described_now(engine, specs):
    specs("etc/a.json", {"one": {"env": ["VERSION=1"]}})
    do(engine, devices=["v.example/d=one"])
    specs("etc/a.json", {"one": {"env": ["VERSION=2"]}})
    assert sh(engine, "echo $VERSION") == "1"
    do(engine, state="restarted")
    assert sh(engine, "echo $VERSION") == "2"
    specs("etc/a.json", {"other": {}})
    do(engine, state="stopped")
    with pytest.raises(EngineError, match="v.example/d=one"):
        do(engine)


def test_gpus_in_the_forms_of_docker_and_podman(engine, specs, monkeypatch):
    gpus = {name: {"env": [f"GPU{name}=yes"]} for name in ("0", "1", "all")}
    specs("etc/gpu.json", gpus, kind="nvidia.com/gpu")
    show = "echo $GPU0 $GPU1 $GPUall $NVIDIA_DRIVER_CAPABILITIES"
    do(engine, device_requests=[{"count": 2, "capabilities": [["gpu", "utility"], ["gpu"]]}])
    assert sh(engine, show) == "yes yes utility"
    do(engine, gpus=["all"])
    assert sh(engine, show) == "yes"
    assert not do(engine, device_requests=[{"count": -1, "capabilities": [["gpu"]]}])["changed"]
    do(engine, device_requests=[{"driver": "cdi", "device_ids": ["nvidia.com/gpu=1"]}])
    assert sh(engine, "echo $GPU1$GPU0") == "yes"
    do(engine, device_requests=[])
    assert sh(engine, show) == ""
    for line, wanted in {
        "all": {"count": -1, "device_ids": []},
        "2": {"count": 2, "device_ids": []},
        '"device=0,1",capabilities=utility': {"count": 0, "device_ids": ["0", "1"]},
        "device=0": {"count": 0, "device_ids": ["0"]},
    }.items():
        given = read(["run", "--gpus", line, "IMAGE"])[1]
        said = options.definition(run_flags.options(given, run_flags.RUN_FLAGS))
        (request,) = said["device_requests"]
        assert {key: request[key] for key in wanted} == wanted
    with pytest.raises(InvalidInput, match="--gpus"):
        run_flags.options(read(["run", "--gpus", "speed=9", "I"])[1], run_flags.RUN_FLAGS)


def test_yaml_where_the_host_can_read_it(engine, specs, monkeypatch):
    text = "cdiVersion: 0.5.0\nkind: v.example/d\ndevices:\n- name: '0'\n  containerEdits:\n    env: [A=b]\n"
    specs("etc/a.yaml", text=text)
    do(engine, devices=["v.example/d=0"])
    assert sh(engine, "echo $A") == "b"
    do(engine, state="absent")
    monkeypatch.setitem(sys.modules, "yaml", None)
    assert "python3-yaml" in refused(engine, devices=["v.example/d=0"])
    monkeypatch.undo()


def test_what_is_refused_before_anything_is_changed(engine, specs, tmp_path):
    specs("etc/a.json", {"one": {}, "two": {}})
    said = refused(engine, devices=["v.example/d=three"])
    assert "v.example/d=one, v.example/d=two" in said
    assert "nvidia-ctk" in refused(engine, gpus=["all"])
    assert "is not valid" in refused(engine, devices=["v.example=three"])
    for what, edits in {
        "hooks poststop are not run": {"hooks": [{"hookName": "poststop", "path": "/bin/true"}]},
        "is no program": {"hooks": [{"hookName": "createRuntime", "path": "/no/such"}]},
        "/no/such to mount": {"mounts": [{"hostPath": "/no/such", "containerPath": "/x"}]},
        "no/such": {"deviceNodes": [{"path": "/dev/no/such"}]},
        "is not a device": {"deviceNodes": [{"path": "/dev/x", "hostPath": "/etc/passwd"}]},
        "intelRdt is not supported": {"intelRdt": {"closID": "x"}},
        "'nodes' is not known": {"nodes": []},
        "env[0]": {"env": [5]},
        "not NAME=value": {"env": ["FIVE"]},
    }.items():
        specs("etc/a.json", {"one": edits})
        assert what in refused(engine, devices=["v.example/d=one"])
    specs("etc/a.json", text="{")
    assert "not JSON" in refused(engine, devices=["v.example/d=one"])
    specs("etc/a.json", {"one": {}}, cdiVersion="7.0.0")
    assert "7.0.0" in refused(engine, devices=["v.example/d=one"])
    specs("etc/a.json", {"one": {}})
    specs("etc/b.json", {"one": {}})
    assert "both describe" in refused(engine, devices=["v.example/d=one"])


def test_what_others_than_root_can_write_is_not_used(engine, specs, tmp_path):
    specs("etc/a.json", {"one": {}}).chmod(0o666)
    assert "others than root" in refused(engine, devices=["v.example/d=one"])
    hook = tmp_path / "hook"
    hook.write_text("#!/bin/sh\n")
    hook.chmod(0o777)
    specs("etc/a.json", {"one": {"hooks": [{"hookName": "prestart", "path": str(hook)}]}}).chmod(
        0o644
    )
    assert "others than root" in refused(engine, devices=["v.example/d=one"])
