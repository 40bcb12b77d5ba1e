# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules image (of a container, squashed, into an archive), image_info, image_export, container_export: check mode, for real, and again."""

from __future__ import annotations

import os
import tarfile

import pytest

DEFAULTS = {
    "state": "present",
    "source": "local",
    "pull": "missing",
    "insecure": False,
    "validate_certs": True,
    "push": False,
    "force_absent": False,
    "pause": True,
    "prune": True,
}


@pytest.fixture
def module(docker):
    """``module(part, function, **params)``: done once in check mode, once for real, once again, which must change nothing; the real result."""
    import importlib

    from pycontainer import reconcile
    from pycontainer.engine import Engine

    def once(engine, part, function, params):
        plan = getattr(importlib.import_module("pycontainer." + part), function)(engine, params)
        return reconcile.carry_out(plan, engine.check)

    def do(part, function, **params):
        with Engine(docker.engine.paths.data, docker.engine.paths.run, check=True) as engine:
            foretold = once(engine, part, function, params)
        done = once(docker.engine, part, function, params)
        assert [foretold[key] for key in ("changed", "actions")] == [
            done[key] for key in ("changed", "actions")
        ] and done["changed"]
        again = once(docker.engine, part, function, params)
        assert not again["changed"] and again["actions"] == []
        return done

    do.once = lambda part, function, **params: once(docker.engine, part, function, params)
    return do


def image(module, **params):
    return module("builds.task", "image", **dict(DEFAULTS, **params))


def info(docker, **params):
    from pycontainer.images import task

    return task.image_info(docker.engine, params)["images"]


@pytest.fixture
def worker(docker):
    docker(
        "run",
        "--name",
        "worker",
        "--network",
        "none",
        "box:1",
        "sh",
        "-c",
        "echo new > /new; rm /srv/data/file; head -c 100000 /dev/zero > /large",
    )


def test_of_a_container(docker, module, worker, tmp_path):
    path = str(tmp_path / "made.tar")
    result = image(
        module,
        name="made",
        tag="1",
        source="container",
        container="worker",
        author="me",
        comment="by hand",
        changes=['CMD ["true"]', "ENV A=1"],
        tags=["made:latest"],
        archive_path=path,
    )
    assert result["actions"] == [
        "commit container worker as image made:1",
        f"save image made:1 to {path}",
    ]
    assert result["image"]["Config"]["Cmd"] == ["true"] and sorted(result["image"]["RepoTags"]) == [
        "made:1",
        "made:latest",
    ]
    assert result["image"]["Author"] == "me"
    with tarfile.open(path) as archive:
        assert "manifest.json" in archive.getnames()
    document = info(docker, name=["made:1"], layers=True, history=True, compare_to="box:1")[0]
    assert [row["Kind"] + row["Path"] for row in document["Differences"]] == [
        "A/large",
        "A/new",
        "D/srv/data/file",
    ]
    assert [layer["Size"] for layer in document["Layers"]][1:] == [100004] and document["Layers"][
        0
    ]["Wasted"] == document["Wasted"] == 15
    assert (
        document["WastedFiles"][0]["How"] == "deleted"
        and document["History"][0]["Comment"] == "by hand"
    )
    assert [len(document["History"]), document["History"][0]["Id"]] == [2, document["Id"]]


def test_squashed(docker, module, worker, tmp_path):
    docker("commit", "worker", "made:1")
    done = image(
        module,
        name="slim:1",
        source="squash",
        squash={"image": "made:1"},
        archive_path=str(tmp_path / "slim.tar"),
    )
    assert len(done["image"]["RootFS"]["Layers"]) == 1
    done = image(module, name="made:1", source="squash")
    assert done["actions"] == ["tag image as made:1"]  # the same layers merged the same way
    assert info(docker, name=["made:1"], compare_to="slim:1")[0]["Differences"] == []


def test_an_archive_of_an_image_by_its_id(docker, module, tmp_path):
    path, ident = str(tmp_path / "nameless.tar"), docker("inspect", "-f", "{{.Id}}", "box:1")
    image(module, name=ident, source="local", archive_path=path)
    found = image(module.once, source="load", path=path)
    assert found["image_names"] == [ident] and not found["changed"]


def test_into_archives(docker, module, tmp_path):
    image(module, name="box:1", archive_path=str(tmp_path / "box.tar"))
    docker("tag", "box:1", "also:1")
    done = module(
        "images.task",
        "image_export",
        names=["box", "also:1"],
        tag="1",
        path=str(tmp_path / "layout"),
        format="oci-dir",
    )
    assert [document["Id"] for document in done["images"]] == [
        docker("images", "-q", "--no-trunc", "box")
    ]
    os.unlink(tmp_path / "box.tar")
    image(
        module,
        name="copy:1",
        source="import",
        path=docker.rootfs,
        changes=["CMD true"],
        archive_path=str(tmp_path / "copy.tar"),
    )
    docker("rmi", "copy:1")
    image(module, name="copy:1", source="load", path=str(tmp_path / "copy.tar"))


def test_a_containers_files(docker, module, worker, tmp_path):
    done = module(
        "containers.task", "container_export", name="worker", path=str(tmp_path / "root.tar")
    )
    assert done["path"] == str(tmp_path / "root.tar")
    assert module.once(
        "containers.task", "container_export", name="worker", path=done["path"], force=True
    )["changed"]
    from pycontainer.containers import task

    found = task.container_info(docker.engine, {"name": ["worker"], "changes": True})["container"][
        "Changes"
    ]
    assert [row["Kind"] + row["Path"] for row in found] == [
        "A/large",
        "A/new",
        "C/srv",
        "C/srv/data",
        "D/srv/data/file",
    ]


def test_intermediate_images_stay_where_asked(docker, module, tmp_path):
    for prune, left in ((False, 2), (True, 1)):
        (tmp_path / "Containerfile").write_text(
            "FROM box:1\nRUN echo 1 > /one\nRUN echo 2 > /two\n"
        )
        docker("build", "-q", "-t", "made:1", "--network", "none", str(tmp_path))
        image(module, name="made:1", state="absent", prune=prune)
        assert len(docker("images", "-aq").splitlines()) == left, prune
        docker("image", "prune")


@pytest.mark.parametrize(
    "params, said",
    [
        ({"source": "container"}, "container: missing"),
        (
            {"container": "x"},
            "container: 'x' is not valid; accepted: no container with source local",
        ),
        ({"state": "absent", "container": "x"}, "no container with state absent"),
        ({"source": "container", "container": "nosuch"}, "container nosuch does not exist"),
        ({"changes": ["CMD x"]}, "no changes with source local"),
        (
            {"source": "import", "path": "/etc", "changes": ["RUN x"]},
            "changes: 'RUN x' is not valid",
        ),
        (
            {"source": "import", "path": "/etc", "changes": ["EXPOSE 99999"]},
            "changes: 'EXPOSE 99999'",
        ),
        ({"squash": {"image": "box:1"}}, "squash: .* no squash with source local"),
        (
            {"source": "squash", "squash": {"image": "box:1", "from_layer": "7"}},
            "squash.from_layer: '7' is not valid; accepted: a number from 1 to 1",
        ),
        ({"source": "squash", "squash": {"image": "nosuch"}}, "no image nosuch"),
        ({"source": "squash", "name": None}, "name: missing"),
        ({"archive_path": "/nonexistent/x.tar"}, "path: '/nonexistent/x.tar' is not valid"),
        ({"state": "absent", "archive_path": "/x"}, "no archive_path with state absent"),
    ],
)
def test_bad_input(docker, module, snapshot, params, said):
    from pycontainer.errors import EngineError

    before = snapshot()
    with pytest.raises(EngineError, match=said):
        module.once(
            "builds.task",
            "image",
            **dict(DEFAULTS, name="box:1", **params)
            if "name" not in params
            else dict(DEFAULTS, **params),
        )
    assert snapshot() == before
