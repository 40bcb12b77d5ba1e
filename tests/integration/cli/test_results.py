# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tasks return under the names that users know of community.docker's modules."""

from __future__ import annotations

import json

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
    assert "exec_id" not in waited


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
