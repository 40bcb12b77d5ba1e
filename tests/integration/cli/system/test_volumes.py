# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes of containers that run: saved while they stand still, restored, sent to registries and other hosts."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tarfile
import tempfile
import threading
import urllib.request

import pytest
from pycontainer import containers, volumes
from pycontainer.engine import Engine
from pycontainer.errors import EngineError
from pycontainer.reconcile import carry_out
from pycontainer.volumes import content, task

# A program that writes one number into two files, again and again.
WRITER = (
    "n=0; while true; do n=$((n+1)); echo $n > /d/a; echo $n > /d/b; [ $n = 50 ] && : > /d/on; done"
)
# until it has written again: a content that is the archive's may be restored at any time
AGAIN = 'until b=$(cat /d/b) && [ -n "$b" ] && [ "$b" != "$saved" ]; do sleep 0.05; done'


def do(engine, check=False, **params):
    return carry_out(task.volume(engine, params), check)


def status(docker, name):
    return containers.status(docker.engine.paths, containers.find(docker.engine, name)["id"])[
        "status"
    ]


@pytest.fixture
def writer(docker):
    """A container ``busy`` that writes into the volume ``data``."""
    docker("run", "-d", "--name", "busy", "--network", "none", "-v", "data:/d", "box:1", "sh", "-c", WRITER)  # fmt: skip
    place = volumes.path(docker.engine, "data")
    docker("exec", "busy", "sh", "-c", "until [ -e /d/on ]; do sleep 0.05; done")
    return place


def test_a_saved_volume_is_of_one_moment(docker, writer, tmp_path):  # pylint: disable=unused-argument
    for number in range(3):
        path = str(tmp_path / f"{number}.tar")
        assert do(docker.engine, name="data", state="saved", path=path, freeze=True)["changed"]
        with tarfile.open(path) as file:
            first, second = (int(file.extractfile(f"./{name}").read() or b"0") for name in "ab")
        assert first - second in (0, 1) or 0 in (first, second)
        assert status(docker, "busy") == "running"


def test_it_stands_still_meanwhile_and_runs_on_after_failures(docker, writer):
    with pytest.raises(EngineError, match="^told$"), content.reading(docker.engine, "data", True):
        assert status(docker, "busy") == "paused"
        raise EngineError("told")
    assert status(docker, "busy") == "running"
    docker("pause", "busy")
    with content.reading(docker.engine, "data", True):
        pass
    assert status(docker, "busy") == "paused"  # as it was
    docker("unpause", "busy")
    child, engine = None, docker.engine
    engine.db.close()
    child = os.fork()
    if child == 0:
        try:
            with Engine(engine.paths.data, engine.paths.run) as own:
                with content.reading(own, "data", True):
                    os.kill(os.getpid(), 9)
        finally:
            os._exit(1)
    os.waitpid(child, 0)
    assert status(docker, "busy") == "paused"
    with Engine(engine.paths.data, engine.paths.run):
        assert status(docker, "busy") == "running"
    assert os.path.exists(writer + "/a")


def test_a_container_that_starts_meanwhile_waits(docker):
    do(docker.engine, name="data")
    done = threading.Event()

    def start():
        with Engine(docker.engine.paths.data, docker.engine.paths.run) as engine:
            containers.lock_and_start(engine, containers.find(engine, "late"))
        done.set()

    docker("create", "--name", "late", "--network", "none", "-v", "data:/d", "box:1")
    # one that is not among the users when the volume is looked at
    with docker.engine.locks.hold("volume", "data"):
        thread = threading.Thread(target=start)
        thread.start()
        assert not done.wait(0.5) and status(docker, "late") == "created"
    thread.join(30)
    assert done.is_set() and status(docker, "late") == "running"


def test_restoring_needs_its_containers_stopped(docker, writer, tmp_path):
    path, place = str(tmp_path / "a.tar"), writer
    do(docker.engine, name="data", state="saved", path=path, freeze=True)
    with tarfile.open(path) as file:
        saved = file.extractfile("./b").read()
    docker("exec", "-e", f"saved={saved.decode().strip()}", "busy", "sh", "-c", AGAIN)
    for check in (True, False):
        with pytest.raises(
            EngineError, match="volume data is in use: container busy is running; stop it first"
        ):
            do(docker.engine, check, name="data", state="restored", path=path)
    docker("stop", "-t", "0", "busy")
    with open(place + "/newer", "w"):
        pass
    assert do(docker.engine, name="data", state="restored", path=path)["changed"]
    assert not os.path.exists(place + "/newer")
    docker("start", "busy")
    assert docker("exec", "busy", "ls", "/d").split() == ["a", "b", "on"]


def test_commands(docker, tmp_path):
    docker("volume", "create", "data")
    place, archive = volumes.path(docker.engine, "data"), str(tmp_path / "a.tar.gz")
    with open(place + "/file", "w") as file:
        file.write("here\n")
    docker("volume", "export", "-o", archive, "data")
    with tarfile.open(archive, "r:gz") as file:
        assert file.getnames() == [".", "./file"]
    assert "does not exist" in docker("volume", "import", "other", archive, rc=1)
    docker("volume", "create", "other")
    docker("volume", "import", "other", archive)
    assert os.listdir(volumes.path(docker.engine, "other")) == ["file"]
    assert "needs -o FILE" in docker("volume", "export", "data", rc=125)
    from pycontainer.deploy import install

    install.ensure(docker.engine)
    command = install.command_line(docker.engine)
    written = subprocess.run([*command, "volume", "export", "data"], stdout=subprocess.PIPE, check=True)  # fmt: skip
    assert written.stdout[257:262] == b"ustar"
    os.unlink(volumes.path(docker.engine, "other") + "/file")
    subprocess.run(
        [*command, "volume", "import", "other", "-"], input=written.stdout, check=True, timeout=60
    )
    assert os.listdir(volumes.path(docker.engine, "other")) == ["file"]
    assert os.listdir(docker.engine.paths.tmp) == []


@pytest.fixture
def registry(tmp_path):
    """``127.0.0.1:PORT`` of a registry."""
    from pycontainer.registry.http.server import Server

    server = Server(str(tmp_path / "registry"), [("127.0.0.1", 0)], log=lambda *_words: None)
    server.start()
    yield f"127.0.0.1:{server.addresses[0][1]}"
    server.stop()


@contextlib.contextmanager
def another_host(tmp_path):
    from support import leaks

    run = tempfile.mkdtemp(prefix="pct-", dir="/run")
    data = str(tmp_path / "other")
    with Engine(data, run) as engine:
        yield engine
    leaks.remove(data, run)


def test_to_a_registry_and_another_host(docker, writer, registry, tmp_path):
    docker("stop", "-t", "0", "busy")
    there = {"artifact": f"{registry}/backups/data:monday"}
    engine = docker.engine
    assert do(engine, True, name="data", state="saved", **there)["changed"]
    told = do(engine, name="data", state="saved", freeze=True, **there)
    assert told["actions"] == [f"save volume data to {registry}/backups/data:monday"]
    assert not do(engine, name="data", state="saved", **there)["changed"]
    with urllib.request.urlopen(f"http://{registry}/v2/backups/data/manifests/monday") as answer:
        document = json.load(answer)
    assert document["artifactType"] == "application/vnd.pycontainer.volume.v1"
    assert document["config"]["mediaType"] == "application/vnd.oci.empty.v1+json"
    assert [layer["annotations"] for layer in document["layers"]] == [
        {"org.opencontainers.image.title": "volume.tar.gz"}
    ]
    with another_host(tmp_path) as other:
        made = do(other, name="data", state="restored", **there)
        assert sorted(os.listdir(made["volume"]["Mountpoint"])) == ["a", "b", "on"]
        assert not do(other, name="data", state="restored", **there)["changed"]
        assert not do(other, name="data", state="saved", **there)["changed"]
        with pytest.raises(EngineError, match=r"no artifact .*data:tuesday"):
            do(other, name="new", artifact=f"{registry}/backups/data:tuesday")
        blob = document["layers"][0]["digest"].partition(":")[2]
        found = [
            os.path.join(top, name)
            for top, _names, names in os.walk(tmp_path / "registry")
            for name in names
            if name == blob
        ]
        with open(found[0], "r+b") as file:
            file.seek(os.path.getsize(found[0]) // 2)
            file.write(b"\xff\xff\xff")
        with pytest.raises(EngineError):
            do(other, name="new", **there)
        assert volumes.get(other, "new") is None
    os.unlink(writer + "/on")
    assert do(engine, name="data", state="saved", **there)["changed"]


def test_an_image_is_no_volume(docker, registry):
    docker("tag", "box:1", f"{registry}/box:1")
    docker("push", f"{registry}/box:1")
    with pytest.raises(EngineError, match=r"box:1 is not of the type .*volume.v1, but an image"):
        do(docker.engine, name="new", artifact=f"{registry}/box:1")
    do(docker.engine, name="data")
    with pytest.raises(EngineError, match="but an image"):  # it is not overwritten
        do(docker.engine, name="data", state="saved", artifact=f"{registry}/box:1")


def test_anonymous_volumes_are_kept_and_removed_as_docker_does(docker):
    engine = docker.engine

    def anonymous():
        return {row["name"] for row in volumes.listing(engine) if row["anonymous"]}

    run = ("run", "-d", "--network", "none", "--stop-timeout", "0", "-v", "/a", "-v", "named:/n")
    docker(*run, "--name", "one", "box:1")
    (first,) = anonymous()
    docker("exec", "one", "touch", "/a/kept")
    docker("rm", "-f", "one")
    assert anonymous() == {first}
    # who mounts it by its name only looks into it
    looks = ("run", "--rm", "--network", "none", "-v", f"{first}:/b", "box:1", "ls", "/b")
    assert docker(*looks) == "kept" and anonymous() == {first}
    docker(*run, "--name", "two", "box:1")
    docker("rm", "-f", "-v", "two")
    assert anonymous() == {first} and volumes.get(engine, "named")
    docker("run", "--rm", "--network", "none", "-v", "/a", "box:1", "true")
    assert anonymous() == {first}
    unnamed = docker("volume", "create")
    assert anonymous() == {first, unnamed}
    docker("volume", "prune", "-f")
    assert anonymous() == set() and volumes.get(engine, "named")


@pytest.mark.parametrize("keep", [True, False])
def test_a_volume_whose_place_is_gone_stays_when_volumes_are_kept(docker, keep):
    from pycontainer.containers import task as container_task

    def web(**options):
        asked = {"name": "web", "image": "box:1", "network_mode": "none", "stop_timeout": 0}
        plan = container_task.container(docker.engine, {**asked, "keep_volumes": keep, **options})
        return carry_out(plan, False)

    web(volumes=["/a"])
    docker("exec", "web", "touch", "/a/kept")
    web(volumes=["/b"])
    left = [row["name"] for row in volumes.listing(docker.engine, {"dangling": True})]
    assert [os.listdir(volumes.path(docker.engine, name)) for name in left] == [["kept"]] * keep
