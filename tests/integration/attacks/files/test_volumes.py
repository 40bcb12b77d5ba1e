# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes and files that the engine itself puts into containers: CVE-2022-23648 (VOLUME with ".."), CVE-2020-1726 (content over
content), CVE-2021-41089 and CVE-2021-41091 (modes), CVE-2025-9566 (a file written through a link), CVE-2022-1227 (top)."""

from __future__ import annotations

import os

import pytest
from integration.containers.conftest import image, rootfs  # noqa: F401  # pylint: disable=unused-import # fixtures
from pycontainer import containers, images, volumes
from pycontainer.containers import task
from pycontainer.containers.access import exec_client
from pycontainer.containers.records import container_image as configurations
from pycontainer.containers.view import top
from pycontainer.errors import EngineError
from pycontainer.reconcile import carry_out


def do(engine, **params):
    return carry_out(
        task.container(
            engine,
            dict(
                {"name": "web", "image": "box:1", "network_mode": "none", "stop_timeout": 0},
                **params,
            ),
        ),
        False,
    )


@pytest.fixture
def store(engine, image):  # noqa: F811 # the imported fixture
    yield engine
    for record in containers.every(engine):
        containers.remove(engine, record, force=True)


def sh(engine, script, name="web"):
    return exec_client.run(engine.paths, containers.find(engine, name)["id"], ["sh", "-c", script])[
        "stdout"
    ].decode()


def volume_paths(engine):
    return [volumes.path(engine, row["name"]) for row in volumes.listing(engine)]


@pytest.mark.parametrize(
    "place",
    [
        "/srv/data",
        "up",
        "/../../../../../../../..%s",
        "/srv/../../../../..%s",
        "//..//..%s",
        "/proc/self/cwd/..%s",
        "/link",
        "/link/sub",
        "/dev/../../..%s",
        "/",
        "",
    ],
)
def test_image_volumes_bring_nothing_of_the_host_in(
    store, host, rootfs, tmp_path, monkeypatch, place
):
    import shutil

    copy = tmp_path / "rootfs"
    shutil.copytree(rootfs, copy, symlinks=True)
    os.symlink(host.canary, copy / "link")
    target = (
        "../../../../../../../.." + host.canary
        if place == "up"
        else place.replace("%s", host.canary)
    )
    carry_out(images.plan_import(store, "evil:1", str(copy), {"command": ["sleep", "1000"]}), False)
    ident = images.get(store, "evil:1")["id"]
    # past what import would refuse, as an image from a registry may have it
    monkeypatch.setitem(
        configurations._documents,
        ident,
        {"config": {"Cmd": ["sleep", "1000"], "Volumes": {target: {}}}},
    )
    try:
        do(store, image="evil:1")
    except EngineError:
        pass
    found = volume_paths(store)
    assert place != "/srv/data" or [os.listdir(path) for path in found] == [["file"]], (
        "an honest one is filled"
    )
    for path in found:
        assert "untouched" not in "".join(
            open(os.path.join(directory, name)).read()
            for directory, _names, files in os.walk(path)
            for name in files
        )
        assert not {"core_pattern", "inner"} & {
            name for _directory, _names, files in os.walk(path) for name in files
        }


def test_a_volume_is_filled_once_and_never_again(store):
    do(store, volumes=["data:/srv/data"])
    assert sh(store, "cat /srv/data/file") == "from the image\n"
    sh(store, "echo mine > /srv/data/file; rm -f /srv/data/gone; echo x > /srv/data/more")
    path = volumes.path(store, "data")
    before = {name: open(os.path.join(path, name)).read() for name in os.listdir(path)}
    containers.remove(
        store, containers.find(store, "web"), force=True, keep_volumes=True
    )  # nobody uses it
    do(store, name="other", volumes=["data:/srv/data"])
    containers.remove(store, containers.find(store, "other"), force=True, keep_volumes=True)
    do(store, name="third", volumes=["data:/etc"])
    assert {name: open(os.path.join(path, name)).read() for name in os.listdir(path)} == before


def test_a_host_directory_that_is_mounted_keeps_its_mode_and_gets_nothing(store, host):
    """A bind mount is no volume: no content, owner or mode of the image's directory goes to it."""
    do(store, volumes=[f"{host.canary}:/srv/data"], user="www")
    assert sh(store, "ls /srv/data").split() == [
        "core_pattern",
        "file",
        "null",
        "sub",
        "sysrq-trigger",
    ]


@pytest.mark.parametrize("name", ["hosts", "hostname", "resolv.conf"])
def test_the_engines_files_are_not_written_through_links(store, host, name):
    """The container's root can change its hosts file; not what its name leads to when the engine writes it anew."""
    do(store)
    record = containers.find(store, "web")
    sh(
        store,
        f"rm -f /etc/{name}; ln -sf {host.canary + '/file'} /etc/{name}; mv /etc/{name} /etc/x; "
        f"umount /etc/{name}",
    )
    sh(store, f"echo evil > /etc/{name}")
    path = os.path.join(store.paths.container(record["id"]), name)
    assert os.path.isfile(path) and not os.path.islink(path)
    do(store, hostname="another", etc_hosts={"a": "1.2.3.4"})
    path = os.path.join(store.paths.container(containers.find(store, "web")["id"]), name)
    assert os.path.isfile(path) and not os.path.islink(path)


def test_top_runs_nothing_of_the_container(store):
    """It reads /proc of the host; the container's ps and nsenter, which could be anything, stay unused."""
    do(store)
    sh(
        store,
        "printf '#!/bin/sh\\ntouch /ran; exec sleep 1' > /bin/evil; "
        "for n in ps nsenter sh cat; do rm -f /bin/$n; cp /bin/evil /bin/$n 2>/dev/null; done; "
        "true",
    )
    ident = containers.find(store, "web")["id"]
    found = top.top(store, ident)
    assert "sleep" in repr(found)
    assert not os.path.exists(os.path.join(store.paths.container(ident), "upper", "ran"))
