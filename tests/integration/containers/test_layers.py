# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers stand on layers that are directories and on layers that are files, mounted for them alone; a lost layer is made again."""

from __future__ import annotations

import os
import shutil

import pytest
from pycontainer import containers, images
from pycontainer.containers import task
from pycontainer.containers.access import exec_client
from pycontainer.errors import HostError
from pycontainer.images.library import layer_store
from pycontainer.reconcile import carry_out
from pycontainer.store import settings


@pytest.fixture(params=["directory", "erofs"])
def box(request, engine, rootfs):
    """The image ``box:1``, its layer of either kind: the kind."""
    if request.param == "erofs" and layer_store.why_no_erofs(engine):
        pytest.skip(layer_store.why_no_erofs(engine))
    settings.write(engine.paths.config, {"layers": request.param})
    carry_out(images.plan_import(engine, "box:1", rootfs, {"command": ["sleep", "1000"]}), False)
    assert os.path.isdir(images.layer_paths(engine, "box:1")[0]) == (request.param == "directory")
    yield request.param
    for record in containers.every(engine):
        containers.remove(engine, record, force=True)


def do(engine, name="web", **params):
    return carry_out(
        task.container(
            engine,
            dict(
                {"name": name, "image": "box:1", "network_mode": "none", "stop_timeout": 0},
                **params,
            ),
        ),
        False,
    )


def sh(engine, script, name="web"):
    found = exec_client.run(engine.paths, containers.find(engine, name)["id"], ["sh", "-c", script])
    assert found["rc"] == 0, found
    return found["stdout"].decode().strip()


@pytest.mark.parametrize("mode", ("auto", "host"))
def test_files_owners_and_changes(engine, box, mode):
    before = open("/proc/self/mountinfo").read()
    do(engine, userns_mode=mode)
    assert (
        sh(engine, "cat /srv/data/file; stat -c %u:%g /srv/data; id -u")
        == "from the image\n33:33\n0"
    )
    assert sh(engine, "echo more >> /srv/data/file; rm /etc/group; mkdir /srv/new; mv /tmp /srv/new/tmp; cat "
                      "/srv/data/file; ls /srv/new") == (
        "from the image\nmore\ntmp")  # fmt: skip
    do(engine, state="restarted", userns_mode=mode)
    assert (
        sh(engine, "cat /srv/data/file; test -e /etc/group || echo gone")
        == "from the image\nmore\ngone"
    )
    found = [
        line
        for line in open("/proc/self/mountinfo").read().splitlines()
        if line not in before.splitlines()
    ]
    assert [line for line in found if "erofs" in line] == []
    do(engine, state="absent")
    do(engine, name="fresh", userns_mode=mode)
    assert sh(engine, "cat /srv/data/file; ls -d /tmp", "fresh") == "from the image\n/tmp"


def test_volumes_are_filled_from_the_image(engine, box):
    do(engine, volumes=["data:/srv/data"])
    assert sh(engine, "cat /srv/data/file; stat -c %u /srv/data") == "from the image\n33"
    do(engine, state="absent")


def test_the_image_can_go_when_the_container_has(engine, box):
    do(engine)
    do(engine, state="absent")
    carry_out(images.plan_absent(engine, "box:1"), False)
    assert os.listdir(engine.paths.layers) == os.listdir(engine.paths.tmp) == []


def remove(path):
    shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)


def test_a_start_makes_a_lost_layer_again(engine, box):
    def start():
        return carry_out(task.container(engine, {"name": "web", "state": "started"}), False)[
            "actions"
        ]

    do(engine)
    do(engine, state="stopped")
    (place,) = images.layer_paths(engine, "box:1")
    remove(place)
    assert start() == ["start container web"] and layer_store.is_there(place)
    assert sh(engine, "cat /srv/data/file") == "from the image"
    do(engine, state="stopped")
    if box == "erofs":  # cut short
        os.truncate(place, os.path.getsize(place) - 1)
        start()
        assert sh(engine, "cat /srv/data/file") == "from the image"
        do(engine, state="stopped")
    remove(place)
    assert do(engine, state="started")["actions"][0].startswith("repair image box:1: layer sha256:")
    do(engine, state="stopped")
    row = engine.db.one("SELECT * FROM layers")
    remove(place)
    engine.blobs.remove(row["blob"])
    with pytest.raises(
        HostError,
        match="container web can't start: image box:1 is damaged: .* load or build the image again",
    ):
        start()


def test_repair_spares_what_a_running_container_stands_on(engine, box):
    from pycontainer.cli import task as command

    def check(*flags):
        return command.pycontainer(engine, {"argv": ["system", "check", *flags], "cmd": None})

    do(engine)
    (place,) = images.layer_paths(engine, "box:1")
    if box == "directory":
        os.truncate(place + "/etc/passwd", 0)
    else:
        with open(place, "r+b") as file:
            file.seek(-1, os.SEEK_END)
            file.write(b"x")
    before = os.lstat(place).st_ino
    done = check("--repair")
    assert (
        done["rc"] == 1
        and "stop web first, which stands on it" in done["stderr"]
        and not done["changed"]
        and os.lstat(place).st_ino == before
    )
    do(engine, state="stopped")
    assert check("--repair")["changed"] and check()["stdout"] == "No damage found"
    do(engine, state="started")
    assert "root" in sh(engine, "cat /etc/passwd")
