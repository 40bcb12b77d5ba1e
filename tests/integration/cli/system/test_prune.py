# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""prune, by the commands and the module: what goes, what stays, and that check mode foretells it."""

from __future__ import annotations

import time

import pytest


@pytest.fixture
def prune(docker):
    """The module: ``prune(check=False, **params)``."""
    from pycontainer import reconcile
    from pycontainer.engine import Engine
    from pycontainer.host import prune_plans as part

    def do(check=False, **params):
        if check:
            with Engine(docker.engine.paths.data, docker.engine.paths.run, check=True) as engine:
                return reconcile.carry_out(part.prune(engine, params), True)
        return reconcile.carry_out(part.prune(docker.engine, params), False)

    return do


ALL = dict(
    containers=True,
    networks=True,
    volumes=True,
    images=True,
    images_filters={"dangling": False},
    volumes_filters={"all": True},
)


def test_everything_that_nobody_uses(docker, prune, snapshot):
    docker("network", "create", "net")
    docker(
        "run",
        "--name",
        "ended",
        "--network",
        "net",
        "-v",
        "named:/x",
        "-v",
        "/anonymous",
        "box:1",
        "true",
    )
    docker("run", "-d", "--name", "living", "--network", "none", "-l", "keep=yes", "box:1")
    docker("import", "-c", "CMD true", docker.rootfs, "other:1")
    before = snapshot()
    foretold = prune(check=True, **ALL)
    assert snapshot() == before
    done = prune(**ALL)
    assert (foretold["changed"], foretold["actions"], foretold["diff"]) == (
        True,
        done["actions"],
        done["diff"],
    )
    assert [len(done[kind]) for kind in ("containers", "networks", "volumes", "images")] == [
        1,
        1,
        2,
        1,
    ] and done["networks"] == ["net"]
    assert (
        docker("ps", "-a", "--format", "{{.Names}}") == "living"
        and docker("images", "--format", "{{.Repository}}") == "box"
    )
    assert prune(**ALL)["changed"] is False


def test_what_only_becomes_unused_by_it_is_foretold(docker, prune):
    """A container that goes leaves its image, network and volumes to nobody."""
    docker("network", "create", "net")
    docker("create", "--name", "ended", "--network", "net", "-v", "named:/x", "box:1")
    assert (
        prune(check=True, networks=True, images=True, images_filters={"dangling": "false"})[
            "actions"
        ]
        == []
    )
    foretold, done = prune(check=True, **ALL), prune(**ALL)
    assert (
        foretold["actions"]
        == done["actions"]
        == [
            "remove container ended",
            "remove network net",
            "remove volume named",
            "remove image box:1",
        ]
    )
    assert (
        docker("images", "-q") == docker("ps", "-aq") == docker("volume", "ls", "-q") == ""
        and done["images_space_reclaimed"] > 1000000
    )


def test_filters(docker, prune):
    for name, label in (("one", "a=1"), ("two", "a=2"), ("three", "b=1")):
        docker("create", "--name", name, "--network", "none", "-l", label, "box:1")
        docker("volume", "create", "-l", label, name)
        docker("network", "create", "-l", label, name)
    assert prune(check=True, containers=True, containers_filters={"label": ["a"], "label!": "a=2"})[
        "actions"
    ] == ["remove container one"]
    assert prune(check=True, volumes=True, volumes_filters={"label!": "a", "all": "true"})[
        "volumes"
    ] == ["three"]
    assert prune(check=True, networks=True, networks_filters={"label": "b=1"})["networks"] == [
        "three"
    ]
    assert not prune(containers=True, containers_filters={"until": "1h"})["changed"]
    assert prune(
        check=True, containers=True, containers_filters={"until": str(int(time.time()) + 100)}
    )["changed"]
    docker("container", "prune", "--filter", "label!=a")
    docker("network", "prune", "--filter", "label=a=1")
    docker("volume", "prune", "-a", "--filter", "label!=b")
    assert sorted(docker("ps", "-a", "--format", "{{.Names}}").split()) == ["one", "two"]
    assert (
        docker("volume", "ls", "-q") == "three"
        and "one" not in docker("network", "ls", "--format", "{{.Name}}").split()
    )
    docker("system", "prune", "--filter", "label=a=2")
    assert docker("ps", "-a", "--format", "{{.Names}}") == "one"


def test_images_by_age_and_label(docker, prune):
    for number in (1, 2):
        docker(
            "import", "-c", "LABEL number=%d" % number, docker.rootfs, "moving:1"
        )  # the second one leaves the first without a name
    docker("import", "-c", "LABEL number=3", docker.rootfs, "named:1")
    docker("rmi", "box:1")
    dangling = docker("images", "-q", "-f", "dangling=true")
    assert "<none>" in docker("images") and len(dangling.splitlines()) == 1
    for other in ("label=number=2", "label!=number"):
        assert not docker.task("image", "prune", "--filter", other)["changed"]
    assert (
        docker(
            "images", "-f", "label!=number=3", "-f", "dangling=false", "--format", "{{.Repository}}"
        )
        == "moving"
    )
    assert prune(check=True, images=True, images_filters={"dangling": False, "label": "number=3"})[
        "actions"
    ] == ["remove image named:1"]
    assert not docker.task("image", "prune", "-a", "--filter", "until=2001-01-01")["changed"]
    assert dangling in docker(
        "image", "prune", "--filter", "label=number=1"
    ) and "<none>" not in docker("images")
    assert (
        docker.task("image", "prune", "-a", "--filter", "until=2100-01-01")["changed"]
        and docker("images", "-q") == ""
    )


def test_bad_filters(docker, prune):
    from pycontainer.errors import EngineError

    for params, said in (
        ({}, "at least one of them"),
        ({"images_filters": {"until": "1h"}}, "together with images: true"),
        (
            {"images": True, "images_filters": {"before": "x"}},
            "filters: 'before' is not valid; accepted: dangling, label, label!, until",
        ),
        (
            {"containers": True, "containers_filters": {"nosuch": "x"}},
            "containers_filters: 'nosuch'",
        ),
        (
            {"containers": True, "containers_filters": {"until": "soon"}},
            "containers_filters.until: 'soon' is not valid",
        ),
        ({"volumes": True, "volumes_filters": {"until": "1h"}}, "volumes_filters: 'until'"),
        ({"images": True, "images_filters": {"dangling": "maybe"}}, "filters.dangling: 'maybe'"),
    ):
        with pytest.raises(EngineError, match=said.replace("!", ".")):
            prune(check=True, **params)
    assert "--filter: 'before' is not valid" in docker(
        "image", "prune", "--filter", "before=x", rc=1
    )
    assert "name=value" in docker("image", "prune", "--filter", "label", rc=125)
    assert "--filter: 'nosuch' is not valid" in docker(
        "images", "-f", "nosuch=x", rc=1
    ) and "no image gone" in docker("images", "-f", "before=gone", rc=1)
