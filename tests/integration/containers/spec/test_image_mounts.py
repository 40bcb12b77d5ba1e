# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``mounts`` of type image: the files of another image in a container."""

from __future__ import annotations

import os

import pytest
from pycontainer import containers, images
from pycontainer.cli import run_flags
from pycontainer.containers import task
from pycontainer.containers.access import exec_client
from pycontainer.containers.lifecycle import start, stop
from pycontainer.errors import Conflict, ContainerFailed, EngineError, InvalidInput, NotFound
from pycontainer.images.library import records
from pycontainer.reconcile import carry_out


def do(engine, check=False, **params):
    params = dict({"image": "box:1", "network_mode": "none", "stop_timeout": 0}, **params)
    return carry_out(task.container(engine, dict({"name": "web"}, **params)), check)


def showing(**more):
    return {"mounts": [dict({"type": "image", "source": "tools:1", "target": "/m"}, **more)]}


def run(engine, script):
    ident = containers.find(engine, "web")["id"]
    return exec_client.run(engine.paths, ident, ["sh", "-c", script])


def sh(engine, script):
    found = run(engine, script)
    assert found["rc"] == 0, found
    return found["stdout"].decode().strip()


@pytest.fixture
def tools(engine, image, tmp_path):
    """An image of one layer, and a function that gives its name to another one."""

    def name(text):
        root = tmp_path / text
        (root / "opt").mkdir(parents=True)
        (root / "opt" / "file").write_text(text)
        os.symlink("/etc", root / "out")
        carry_out(images.plan_import(engine, "tools:1", str(root), {}), False)
        return records.find(engine, "tools:1")["id"]

    name("first")
    yield name
    for record in containers.every(engine):
        containers.remove(engine, record, force=True)
    for row in engine.db.all("SELECT id FROM images"):
        if row["id"] != records.find(engine, "box:1")["id"]:
            records.remove(engine, row["id"])


@pytest.mark.parametrize("userns", ["host", "auto"])
def test_read_only(engine, tools, userns):
    params = dict(showing(), userns_mode=userns, cap_add=["SYS_ADMIN"])
    shown = do(engine, **params)["container"]
    assert shown["HostConfig"]["Mounts"] == [
        {"Type": "image", "Source": "tools:1", "Target": "/m", "ReadOnly": True}
    ]
    assert {"Type": "image", "Source": "tools:1", "Destination": "/m", "RW": False}.items() <= next(
        entry for entry in shown["Mounts"] if entry["Destination"] == "/m"
    ).items()
    assert not do(engine, **params)["changed"]
    assert sh(engine, "cat /m/opt/file; stat -c %u /m/opt/file") == "first0"
    assert run(engine, "touch /m/opt/new")["rc"]
    assert run(engine, "mount -o remount,bind,rw /m; touch /m/opt/new")["rc"]
    do(engine, state="restarted")
    assert sh(engine, "cat /m/opt/file") == "first"


@pytest.mark.parametrize("userns", ["host", "auto"])
def test_writable(engine, tools, userns):
    params = dict(showing(read_only=False), userns_mode=userns)
    do(engine, **params)
    sh(engine, "echo -n mine > /m/opt/file; mkdir /m/new")
    do(engine, state="restarted")
    assert sh(engine, "cat /m/opt/file") == "mine"
    do(engine, **params, recreate=True)
    assert sh(engine, "cat /m/opt/file") == "first"
    assert run(engine, "ls /m/new")["rc"]


def test_in_use_until_its_container_goes(engine, tools):
    do(engine, **showing())
    with pytest.raises(Conflict, match="image tools:1 is used by the container web"):
        records.remove(engine, records.find(engine, "tools:1")["id"])
    first = records.find(engine, "tools:1")["id"]
    tools("second")
    assert sh(engine, "cat /m/opt/file") == "first"
    assert not do(engine, state="started")["changed"]  # it names no mounts
    assert do(engine, True, **showing())["changed"]
    assert do(engine, **showing())["changed"]
    assert sh(engine, "cat /m/opt/file") == "second"
    records.remove(engine, first)
    do(engine, state="absent")
    records.remove(engine, records.find(engine, "tools:1")["id"])
    for check in (True, False):
        with pytest.raises((NotFound, EngineError), match="tools:1"):
            do(engine, check, **showing(), pull="never")
    assert not containers.every(engine)


@pytest.mark.parametrize("userns", ["host", "auto"])
def test_part_of_it(engine, tools, userns):
    do(engine, **showing(subpath="opt"), userns_mode=userns)
    assert sh(engine, "cat /m/file") == "first"
    assert run(engine, "touch /m/new")["rc"]
    do(engine, **showing(subpath="opt/file"), userns_mode=userns)
    assert sh(engine, "cat /m") == "first"
    for wrong in ("nothing", "out/passwd"):
        with pytest.raises(ContainerFailed, match=f"mount /m: can't show {wrong} of the image"):
            do(engine, **showing(subpath=wrong), userns_mode=userns)
    for wrong in ({"source": ""}, {"no_copy": True}, {"subpath": "../x"}):
        with pytest.raises(InvalidInput, match="^mounts"):
            do(engine, **showing(**wrong))


def test_layers_that_are_gone_come_again(engine, tools):
    do(engine, **showing())
    record = containers.find(engine, "web")
    stop.stop(engine, record)
    for layer in images.layer_paths(engine, records.find(engine, "tools:1")["id"]):
        os.rename(layer, layer + ".gone")
    try:
        start.start_one(engine, record)
        assert sh(engine, "cat /m/opt/file") == "first"
    finally:
        containers.remove(engine, record, force=True)


def test_flag():
    said = "type=image,source=tools:1,target=/m,image-subpath=opt,rw=true"
    wanted = showing(subpath="opt", read_only=False)["mounts"][0]
    assert run_flags.mount(said) == wanted
    assert run_flags.mount(said.replace("rw=true", "ro=false")) == wanted
