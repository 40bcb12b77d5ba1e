# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tasks return under the names that users know of community.docker's modules."""

from __future__ import annotations

import json
import os

import pytest


@pytest.fixture
def image(docker):
    """The module image: ``image(check=False, **params)``."""
    from pycontainer import reconcile
    from pycontainer.engine import Engine
    from pycontainer.images import task

    def do(check=False, **params):
        whole = {"state": "present", "source": "local", "pull": "missing", **params}
        if check:
            with Engine(docker.engine.paths.data, docker.engine.paths.run, check=True) as engine:
                return reconcile.carry_out(task.image(engine, whole), True)
        return reconcile.carry_out(task.image(docker.engine, whole), False)

    return do


def test_an_exec_is_found_among_the_events(docker):
    from pycontainer.containers import task

    docker("run", "-d", "--name", "web", "--network", "none", "box:1")
    begun = task.container_exec(
        docker.engine, {"container": "web", "argv": ["sleep", "0"], "detach": True}
    )
    assert len(begun["exec_id"]) == 64 and begun["pid"]
    told = [
        json.loads(line)
        for line in docker(
            "events", "--since", "1m", "--until", "0s", "--format", "json", "-f", "container=web"
        ).splitlines()
    ]
    ids = [
        event["Actor"]["Attributes"]["execID"]
        for event in told
        if event["Action"].startswith("exec_create")
    ]
    assert ids == [begun["exec_id"]]
    waited = task.container_exec(docker.engine, {"container": "web", "argv": ["true"]})
    assert "exec_id" not in waited and "failed" not in waited
    ended = task.container_exec(
        docker.engine, {"container": "web", "argv": ["sh", "-c", "echo so far; exit 3"]}
    )
    assert (ended["rc"], ended["stdout"], ended["failed"]) == (3, "so far", True)
    assert ended["msg"] == "the command ended with exit code 3"


def test_names_that_an_image_is_given(docker, image):
    tags = ["one:1", "box:1", "two:1"]
    foretold = image(check=True, name="box:1", tags=tags)
    done = image(name="box:1", tags=tags)
    assert foretold["tagged_images"] == done["tagged_images"] == ["one:1", "two:1"]
    assert image(name="box:1", tags=tags)["tagged_images"] == []


def test_what_goes_with_an_image(docker, image):
    ident = docker("images", "-q", "--no-trunc")
    docker("tag", "box:1", "other:1")
    for check in (True, False):
        gone = image(check=check, name="other:1", state="absent")
        assert (gone["untagged"], gone["deleted"]) == (["other:1"], [])
    docker("create", "--name", "user", "--network", "none", "box:1")
    docker("tag", "box:1", "other:1")
    gone = image(check=True, name=ident, state="absent", force_absent=True)
    assert (gone["untagged"], gone["deleted"]) == (["box:1", "other:1"], [])
    docker("rm", "user")
    docker("rmi", "other:1")
    for check in (True, False):
        gone = image(check=check, name="box:1", state="absent")
        assert (gone["untagged"], gone["deleted"]) == (["box:1"], [ident])
    gone = image(name="box:1", state="absent")
    assert (gone["changed"], gone["untagged"], gone["deleted"]) == (False, [], [])


def test_nameless_images_that_it_was_built_from_go_with_it(docker, image, tmp_path):
    (tmp_path / "Containerfile").write_text(
        "FROM box:1\nRUN echo one > /one\nRUN echo two > /two\n"
    )
    docker("build", "-t", "built:1", str(tmp_path))
    before = set(docker("images", "-aq", "--no-trunc").splitlines())
    kept = image(check=True, name="built:1", state="absent", prune=False)["deleted"]
    foretold = image(check=True, name="built:1", state="absent")["deleted"]
    done = image(name="built:1", state="absent")["deleted"]
    after = set(docker("images", "-aq", "--no-trunc").splitlines())
    assert len(before - after) == 2 and set(done) == before - after
    assert foretold == done and kept == done[:1]


def test_images_of_an_archive(docker, image, tmp_path):
    docker("import", "-c", "CMD other", docker.rootfs, "other:1")
    archive = str(tmp_path / "two.tar")
    docker("save", "-o", archive, "box:1", "other:1")
    docker("rmi", "box:1", "other:1")
    foretold = image(check=True, source="load", path=archive)
    done = image(source="load", path=archive)
    for result in (foretold, done):
        assert sorted(found["RepoTags"] for found in result["images"]) == [["box:1"], ["other:1"]]
        assert sorted(result["image_names"]) == ["box:1", "other:1"]
    assert [found["Id"] for found in foretold["images"]] == [f["Id"] for f in done["images"]]
    assert all(found["Size"] for found in done["images"])


@pytest.fixture
def host_info(docker):
    from pycontainer.host import info

    return lambda **params: info.info(docker.engine, params)


def test_the_host_in_dockers_words(docker, host_info):
    docker("run", "-d", "--name", "web", "--network", "none", "box:1")
    docker("create", "--name", "idle", "--network", "none", "box:1")
    found = host_info()
    said = found["host_info"]
    assert found["can_talk_to_docker"] and "containers" not in found
    assert (said["Containers"], said["ContainersRunning"], said["Images"]) == (2, 1, 1)
    assert (said["Name"], said["NCPU"]) == (os.uname().nodename, os.cpu_count())
    assert said["CgroupVersion"] in "12" and "bridge" in said["Plugins"]["Network"]
    text = docker("info", "-f", "{{.ContainersRunning}} {{.KernelVersion}} {{.host.hostname}}")
    assert text == "1 {0.release} {0.nodename}".format(os.uname())


def test_lists_of_the_host(docker, host_info):
    docker("run", "-d", "--name", "web", "-l", "a=1", "-p", "127.0.0.1::80", "box:1")
    docker("create", "--name", "idle", "-l", "a=2", "-v", "data:/data", "box:1")
    found = host_info(containers=True, images=True, networks=True, volumes=True, disk_usage=True)
    (web,) = found["containers"]
    assert web["Names"] == ["/web"] and web["Command"] == "sleep 1000"
    assert set(web) == {"Id", "Image", "Command", "Created", "Status", "Ports", "Names"}
    (port,) = web["Ports"]
    assert (port["IP"], port["PrivatePort"], port["Type"]) == ("127.0.0.1", 80, "tcp")
    assert web["Status"].startswith(("Up ", "Up Less"))
    assert [image["RepoTags"] for image in found["images"]] == [["box:1"]]
    assert found["volumes"] == [{"Driver": "local", "Name": "data"}]
    assert {"Id", "Driver", "Name", "Scope"} == set(found["networks"][0])
    assert set(found["disk_usage"]) == {"LayersSize"} and found["disk_usage"]["LayersSize"] > 1000
    whole = host_info(containers=True, containers_all=True, disk_usage=True, verbose_output=True)
    assert {entry["State"] for entry in whole["containers"]} == {"running", "created"}
    assert len(whole["disk_usage"]["Containers"]) == 2
    assert whole["disk_usage"]["Volumes"][0]["UsageData"]["RefCount"] == 1
    some = host_info(containers=True, containers_all=True, containers_filters={"label": "a=2"})
    assert [entry["Names"] for entry in some["containers"]] == [["/idle"]]


@pytest.mark.parametrize(
    "params, said",
    [
        ({"images_filters": {"dangling": True}}, "images_filters.*together with images: true"),
        ({"containers_all": True}, "containers_all"),
        ({"volumes": True, "volumes_filters": {"nosuch": 1}}, "volumes_filters: 'nosuch'"),
        ({"images": True, "images_filters": {"until": "soon"}}, "images_filters.until: 'soon'"),
        ({"networks": True, "networks_filters": {"nosuch": 1}}, "networks_filters: 'nosuch'"),
        ({"containers": True, "containers_filters": {"nosuch": 1}}, "containers_filters: 'nosuch'"),
    ],
)
def test_what_a_list_can_not_be_of(host_info, params, said):
    from pycontainer.errors import InvalidInput

    with pytest.raises(InvalidInput, match=said):
        host_info(**params)


def test_a_container_names_its_networks_by_id(docker):
    """NetworkID and EndpointID are those of the network's own inspect; without a run there are none."""
    docker("network", "create", "--subnet", "172.30.77.0/24", "net")
    docker("run", "-d", "--name", "web", "--network", "net", "--ip", "172.30.77.9", "box:1")
    (network,) = json.loads(docker("network", "inspect", "net"))
    (web,) = json.loads(docker("inspect", "web"))
    place = web["NetworkSettings"]["Networks"]["net"]
    assert place["NetworkID"] == network["Id"]
    assert network["Containers"][web["Id"]]["EndpointID"] == place["EndpointID"]
    assert web["NetworkSettings"]["EndpointID"] == place["EndpointID"]
    assert place["IPAMConfig"] == {"IPv4Address": "172.30.77.9"} and place["Links"] is None
    docker("stop", "-t", "0", "web")
    (web,) = json.loads(docker("inspect", "web"))
    place = web["NetworkSettings"]["Networks"]["net"]
    assert place["NetworkID"] == place["EndpointID"] == ""
    assert web["NetworkSettings"]["SandboxID"] == ""
