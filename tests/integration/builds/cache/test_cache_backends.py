# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The build cache of one host used by another, through a registry, a directory, and the image itself; limits, annotations, stages without cache."""

from __future__ import annotations

import contextlib
import json
import os

import pytest
from pycontainer import errors, images
from pycontainer.builds.parse import build_request, cache_flags
from pycontainer.builds.plans import build_inputs, build_plan
from pycontainer.builds.steps import build_progress
from pycontainer.engine import Engine
from pycontainer.images.model import manifest
from pycontainer.reconcile import carry_out

TEXT = """FROM box:1 AS tool
RUN cat /proc/sys/kernel/random/uuid > /stamp
FROM box:1
WORKDIR /w
COPY f .
RUN cat /proc/sys/kernel/random/uuid > /stamp && true
RUN true
COPY --from=tool /stamp /tool
ENV A=1
"""


@pytest.fixture
def hosts(builder, tmp_path, base_tree):
    """``hosts(n)``: a function that builds in the store of host n; the record, with what was said as ``.lines``."""
    engines = {0: builder.engine}
    path = builder.context({"f": "1"})

    def build(number, text=TEXT, check=False, **options):
        if number not in engines:
            engines[number] = stack.enter_context(
                Engine(
                    data=str(tmp_path / ("data%d" % number)), run=str(tmp_path / ("run%d" % number))
                )
            )
            carry_out(
                images.plan_import(
                    engines[number],
                    "box:1",
                    base_tree,
                    {"command": ["sh"], "env": {"FROM": "image"}},
                ),
                False,
            )
        engine, build.lines = engines[number], []
        options.setdefault("network", "none")
        build.plan = build_plan.plan_build(
            engine,
            ["t:1"],
            build_request.BuildRequest(**options),
            build_inputs.Inputs(path, data=text.encode()),
            progress=build_progress.Plain(build.lines.append),
        )
        if check:
            return build.plan
        build.plan.apply()
        return images.get(engine, "t:1")

    build.engines = engines
    with contextlib.ExitStack() as stack:
        yield build


def ran(lines):
    return sum(" DONE " in line for line in lines)


@pytest.fixture(params=["registry", "local"])
def place(request, tmp_path):
    """``(text for cache_to, text for cache_from)``."""
    if request.param == "registry":
        address = request.getfixturevalue("registry") + f"/cache/{os.urandom(4).hex()}:c"
        return f"type=registry,ref={address}", address
    return f"type=local,dest={tmp_path}/cache", f"type=local,src={tmp_path}/cache"


def test_a_cache_from_elsewhere(hosts, place):
    to, source = place
    first = hosts(0, cache_to=[to + ",mode=max"])
    assert hosts.plan.actions[1].startswith("export the build cache to") and ran(hosts.lines) == 6
    hosts(0, cache_to=[to + ",mode=max"])
    assert not hosts.plan.changed
    second = hosts(1, cache_from=[source])
    assert (
        ran(hosts.lines) == 0
        and second["layers"] == first["layers"]
        and second["id"] == first["id"]
    )
    shown = images.listing(hosts.engines[1])
    assert (
        sorted(tag for image in shown for tag in image["RepoTags"]) == ["box:1", "t:1"]
        and len(shown) == 2
    )  # the cache's own image is gone
    hosts(1)
    assert not hosts.plan.changed
    hosts(2, TEXT.replace("RUN true", "RUN echo new > /new"), cache_from=[source])
    assert ran(hosts.lines) == 2  # the new step and the one over it


def test_a_cache_of_the_last_stage_alone(hosts, place):
    hosts(0, cache_to=[place[0]])
    hosts(1, cache_from=[place[1]])
    assert ran(hosts.lines) == 2  # the other stage, and what is copied from it


def test_check_mode_asks_and_fetches_nothing(hosts, place):
    hosts(0, cache_to=[place[0] + ",mode=max"])
    found = hosts(1, check=True, cache_from=[place[1]])
    assert found.actions == [
        "build image t:1: all steps are in the cache, its configuration is new"
    ]
    assert len(images.listing(hosts.engines[1], everything=True)) == 1


def test_a_cache_in_the_image(hosts, registry):
    name = registry + "/inline:1"
    for options in ({"cache_to": ["type=inline"]}, {"args": {"BUILDKIT_INLINE_CACHE": "1"}}):
        record = hosts(0, **options)
        pushed = images.ImagePlan(hosts.engines[0], "x").is_there(record)
        images.plan_push(pushed, [name], images.Registries())
        pushed.apply()
        hosts(len(hosts.engines), cache_from=[name])
        assert ran(hosts.lines) == 2
    assert cache_flags.KEY not in hosts(0, "FROM t:1\nENV B=1")["config"]


def test_a_cache_that_is_not_there(hosts, registry, tmp_path):
    (tmp_path / "junk").mkdir()
    (tmp_path / "junk" / "index.json").write_text("[]")
    hosts(
        0,
        cache_from=[
            registry + "/none:1",
            "127.0.0.1:1/none:1",
            f"type=local,src={tmp_path}/none",
            f"type=local,src={tmp_path}/junk",
        ],
    )
    assert ran(hosts.lines) == 6
    assert [
        sum(part in warning for warning in hosts.plan.warnings)
        for part in ("/none:1 can't be read", f"{tmp_path}/none", "junk")
    ] == [2, 1, 1]


def test_a_cache_that_lies(hosts, tmp_path):
    """What a cache's configuration says is not trusted: steps of wrong forms, of layers that it has not."""
    hosts(0, cache_to=[f"type=local,dest={tmp_path}/cache,mode=max"])
    blobs = tmp_path / "cache" / "blobs" / "sha256"
    index = json.loads((tmp_path / "cache" / "index.json").read_text())
    document = json.loads((blobs / index["manifests"][0]["digest"][7:]).read_text())
    config = json.loads((blobs / document["config"]["digest"][7:]).read_text())
    steps = config[cache_flags.KEY]["steps"]
    for step in steps:
        step["diff_id"] = "sha256:" + "0" * 64 if step["diff_id"] else step["diff_id"]
    config[cache_flags.KEY]["steps"] = steps + [
        None,
        {},
        {"keys": 1},
        {"keys": ["a"], "diff_id": None, "created": ""},
    ]
    data = json.dumps(config).encode()
    document["config"].update(digest=manifest.digest_of(data), size=len(data))
    (blobs / document["config"]["digest"][7:]).write_bytes(data)
    text = json.dumps(document).encode()
    index["manifests"][0].update(digest=manifest.digest_of(text), size=len(text))
    (blobs / index["manifests"][0]["digest"][7:]).write_bytes(text)
    (tmp_path / "cache" / "index.json").write_text(json.dumps(index))
    hosts(1, cache_from=[f"type=local,src={tmp_path}/cache"])
    assert ran(hosts.lines) == 6


@pytest.mark.parametrize(
    "text, said",
    [
        ("type=gha", "type=registry, type=local"),
        ("type=registry", "ref="),
        ("type=registry,ref=x,mode=all", "mode"),
        ("type=local,dest=x,foo=1", "dest, mode"),
        ("UPPER:1", "cache_to"),
        ("type=registry,ref=a@sha256:" + "0" * 64, "tag"),
    ],
)
def test_places_that_are_refused(text, said):
    with pytest.raises(errors.InvalidInput, match=said):
        build_request.BuildRequest(cache_to=[text])


def test_a_stage_without_cache(builder):
    first = builder(TEXT, {"f": "1"})
    again = builder(TEXT, {"f": "1"}, nocache_stages=["Tool"])
    assert (
        builder.ran
        == ["RUN cat /proc/sys/kernel/random/uuid > /stamp", "COPY --from=tool /stamp /tool"]
        and first["layers"][:4] == again["layers"][:4]
    )
    builder("FROM box:1\nRUN echo 1", nocache_stages=["stage-0"])
    builder("FROM box:1\nRUN echo 1", nocache_stages=["stage-0"])
    assert builder.ran == ["RUN echo 1"]


def test_annotations(builder):
    def annotations(record):
        return json.loads(builder.engine.blobs.read(record["manifest"])).get("annotations")

    first = builder(TEXT, {"f": "1"}, annotations={"b": "2", "manifest:a": "1"})
    assert annotations(first) == {"a": "1", "b": "2"}
    assert not builder.look(TEXT, {"f": "1"}, annotations={"b": "2", "a": "1"}).changed
    second = builder(TEXT, {"f": "1"}, annotations={"a": "3"})
    assert second["id"] == first["id"] and annotations(second) == {"a": "3"} and builder.ran == []
    with pytest.raises(errors.InvalidInput, match="annotations"):
        builder(TEXT, {"f": "1"}, annotations={"index:a": "3"})


def test_limits_of_run(builder):
    from pycontainer import containers

    normal = containers.definition({"ulimits": ["nofile=77:88"], "memory": "64m"})
    record = builder(
        "FROM box:1\nRUN ulimit -n > /n; cat /sys/fs/cgroup/memory/memory.limit_in_bytes "
        "/sys/fs/cgroup/memory.max 2>/dev/null > /m; true",
        limits=normal,
    )
    assert builder.read(record, "n") == "77\n" and builder.read(record, "m") == "67108864\n"
