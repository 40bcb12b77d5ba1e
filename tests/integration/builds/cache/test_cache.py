# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The build cache: what is run again and what is not, intermediate images and their end, check mode, reproducible builds."""

from __future__ import annotations

import os
import time

import pytest
from pycontainer import images

TEXT = 'FROM box:1\nARG V=1\nENV E=1\nRUN echo one$E$V$W$0 > /one\nCOPY a.txt dir /in/\nRUN echo two > /two\nCMD ["x"]\n'
FILES = {"a.txt": "a\n", "dir/b": "b\n", "unused": "u\n"}
STEPS = ["RUN echo one$E$V$W$0 > /one", "COPY a.txt dir /in/", "RUN echo two > /two"]


def touched(path, text=None, mode=None):
    """Give a file another time, and another content or mode."""
    if text is not None:
        with open(path, "w") as file:
            file.write(text)
    if mode is not None:
        os.chmod(path, mode)
    os.utime(path, (1600000000, 1600000000))


def test_an_unchanged_build_changes_nothing(builder):
    path = builder.context(FILES)
    first = builder(TEXT, path=path)
    assert builder.ran == STEPS
    again = builder.look(TEXT, path=path)
    assert not again.changed and again.image == first["id"] and again.step == ""
    time.sleep(0.06)
    assert not builder.look(TEXT, path=path).changed


@pytest.mark.parametrize(
    "change, expected",
    [
        (lambda path: touched(path + "/a.txt"), []),
        (lambda path: touched(path + "/unused", "new"), []),
        (lambda path: os.utime(path + "/dir"), []),
        (lambda path: touched(path + "/a.txt", "new"), STEPS[1:]),
        (lambda path: touched(path + "/dir/b", mode=0o755), STEPS[1:]),
        (lambda path: touched(path + "/dir/c", "new"), STEPS[1:]),
        (lambda path: os.rename(path + "/dir/b", path + "/dir/c"), STEPS[1:]),
        (lambda path: (os.unlink(path + "/dir/b"), os.symlink("x", path + "/dir/b")), STEPS[1:]),
        (lambda path: os.chown(path + "/a.txt", 5, 5), []),
        (lambda path: os.setxattr(path + "/a.txt", "user.x", b"1"), STEPS[1:]),
    ],
)
def test_what_counts_of_a_context(builder, change, expected):
    path = builder.context(FILES)
    builder(TEXT, path=path)
    time.sleep(0.06)
    builder(TEXT, path=path)  # now the files' digests are remembered
    change(path)
    builder(TEXT, path=path)
    assert builder.ran == expected


def test_a_file_of_the_same_size_and_time_is_seen(builder):
    """Only its ctime tells that the content is another."""
    path = builder.context(FILES)
    touched(path + "/a.txt", "one")
    time.sleep(0.1)
    builder(TEXT, path=path)
    touched(path + "/a.txt", "two")
    builder(TEXT, path=path)
    assert builder.ran == STEPS[1:]


@pytest.mark.parametrize(
    "old, new, expected",
    [
        ('CMD ["x"]', 'CMD ["y"]', []),
        ("ENV E=1", "ENV E=2", STEPS),
        ("ENV E=1", "ENV E=1\nLABEL a=b\nEXPOSE 80\nSTOPSIGNAL 9", []),
        ("ENV E=1", "USER 5", STEPS[1:]),
        ("ARG V=1", "ARG V=2", STEPS),
        ("ARG V=1", "ARG W=2", STEPS),
        ("echo two", "echo 2", ["RUN echo 2 > /two"]),
        ("ENV E=1", 'SHELL ["/bin/busybox", "sh", "-c"]\nENV E=1', STEPS),
        ("# comment", "", []),
        ("RUN echo one$E", "RUN  echo one$E", []),
        ("RUN echo two", "WORKDIR /w\nRUN echo two", ["WORKDIR /w", "RUN echo two > /two"]),
        (
            "COPY a.txt dir /in/",
            "COPY --chown=5 a.txt dir /in/",
            ["COPY --chown=5 a.txt dir /in/", STEPS[2]],
        ),
    ],
)
def test_what_counts_of_the_file(builder, old, new, expected):
    path = builder.context(FILES)
    if old == "ENV E=1" and new == "USER 5":
        expected = ["RUN echo one$E$V$W$0 > /tmp/one"] + STEPS[1:2] + ["RUN echo two > /tmp/two"]
        text = TEXT.replace("> /", "> /tmp/")
    else:
        text = TEXT
    builder(text, path=path)
    builder(text.replace(old, new), path=path)
    assert builder.ran == expected


def test_arguments_count_from_where_they_are_declared(builder):
    text = "FROM box:1\nRUN echo one > /one\nARG V\nRUN echo $V > /two"
    builder(text, args={"V": "1"})
    builder(text, args={"V": "2"})
    assert builder.ran == ["RUN echo $V > /two"]
    builder(text, args={"V": "1", "HTTP_PROXY": "http://x"})
    assert builder.ran == []  # a predefined argument is in no key


def test_no_cache_runs_everything(builder):
    path = builder.context(FILES)
    first = builder(TEXT, path=path, args={"SOURCE_DATE_EPOCH": "1"})
    second = builder(TEXT, path=path, args={"SOURCE_DATE_EPOCH": "1"}, nocache=True)
    assert builder.ran == STEPS and first["id"] == second["id"]


def test_another_stage_counts_by_its_files(builder):
    """A stage that was built again to the same files leaves what is copied from it in the cache."""
    text = (
        "FROM box:1 AS one\nRUN echo %s > /other; echo same > /f\nFROM box:1\nCOPY --from=one /f /g"
    )
    builder(text % 1)
    builder(text % 2)
    assert builder.ran == ["RUN echo 2 > /other; echo same > /f"]
    assert not builder.look(text % 2).changed


def test_the_same_with_link_stands_on_another_base(builder):
    builder("FROM box:1\nRUN echo 1 > /x\nCOPY --link a /a", {"a": "a"})
    builder("FROM box:1\nRUN echo 2 > /x\nCOPY --link a /a", {"a": "a"})
    assert builder.ran == ["RUN echo 2 > /x"]


def test_a_binds_files_count(builder):
    text = "FROM box:1\nRUN --mount=target=/c,source=dir cat /c/b > /x"
    path = builder.context(FILES)
    builder(text, path=path)
    touched(path + "/unused", "other")
    assert not builder.look(text, path=path).changed
    touched(path + "/dir/b", "other")
    record = builder(text, path=path)
    assert builder.read(record, "x") == "other"


def test_reproducible(builder, engine):
    """The same inputs and SOURCE_DATE_EPOCH: the same digest of the configuration and of the manifest, from nothing."""
    text = TEXT + (
        "RUN mkdir /d && ln /one /d/link && touch -d '2001-01-01 00:00:00' /d/old && chmod "
        "4755 /d/link\nWORKDIR /w"
    )
    args = {"SOURCE_DATE_EPOCH": "1700000000"}
    first = builder(text, FILES, args=args)
    time.sleep(1.1)
    second = builder(text, FILES, name="t:2", args=args, nocache=True)
    assert (first["id"], first["manifest"]) == (second["id"], second["manifest"])
    assert first["config"]["created"] == "2023-11-14T22:13:20Z"
    assert {entry["created"] for entry in first["config"]["history"][1:]} == {
        "2023-11-14T22:13:20Z"
    }
    times = {facts[-1] for facts in builder.tree(first, times=True).values()}
    assert max(times) == 1700000000 * 10**9 and 978307200 * 10**9 in times


def test_reproducible_in_another_store(builder, tmp_path, base_tree):
    """Another host, another time, other directories: the same digests."""
    from pycontainer import images
    from pycontainer.builds.parse import build_request
    from pycontainer.builds.plans import build_inputs
    from pycontainer.builds.plans import build_plan as plan
    from pycontainer.engine import Engine

    text = (
        "ARG SOURCE_DATE_EPOCH=1700000000\n"
        + TEXT
        + "RUN date > /d && mkdir /e && date > /e/f\nRUN rm /d\nWORKDIR /w"
    )
    text, found = text.replace("date >", "echo 1 >"), []
    for number in range(2):
        with Engine(
            data=str(tmp_path / ("data%d" % number)), run=str(tmp_path / ("run%d" % number))
        ) as engine:
            images.plan_import(
                engine, "box:1", base_tree, {"command": ["sh"], "env": {"FROM": "image"}}
            ).apply()
            made = plan.plan_build(
                engine,
                ["t:1"],
                build_request.BuildRequest(network="none"),
                build_inputs.Inputs(builder.context(FILES), data=text.encode()),
            )
            made.apply()
            record = images.get(engine, "t:1")
            found.append(
                (
                    record["manifest"],
                    record["layers"],
                    [entry["created"] for entry in record["config"]["history"][1:]],
                )
            )
        time.sleep(1.1)
    assert found[0][0:2] == found[1][0:2] and set(found[0][2]) == {"2023-11-14T22:13:20Z"}


def test_layers_are_the_same_tree_when_they_are_unpacked_again(builder, engine):
    """What the store keeps is the step's own directory; its archive must say the same."""
    text = (
        "FROM box:1\nRUN rm -r /srv/data && mkdir /srv/data && echo 1 > /srv/data/n && ln "
        "/srv/data/n /hard && rm /etc/group && mkfifo /f && chmod 1700 /f"
        " && mkdir -m 2750 /g && chown 5:6 /g && mv /usr /usr2\nRUN echo 2 > /srv/data/m"
    )
    record = builder(text)
    with builder.mounted(record):
        before = builder.tree(record, times=True)
    engine.db.run("DELETE FROM layers")
    images.ensure_unpacked(engine, "t:1")
    assert builder.tree(images.get(engine, "t:1"), times=True) == before


# --------------------------------------------------------------------------------------------------- intermediate images


def idents(builder, everything):
    return {image["Id"] for image in images.listing(builder.engine, everything=everything)}


def test_intermediates_are_hidden_and_go_with_the_last_that_came_from_them(builder, engine):
    base = images.get(engine, "box:1")["id"]
    one = builder(TEXT, FILES)["id"]
    shown, all_of_them = idents(builder, False), idents(builder, True)
    assert shown == {base, one} and len(all_of_them) == 5
    two = builder(TEXT.replace("echo two", "echo 2"), FILES, name="t:2")["id"]
    assert idents(builder, False) == {base, one, two} and len(idents(builder, True)) == 7
    images.plan_absent(engine, "t:1").apply()
    assert idents(builder, False) == {base, two} and len(idents(builder, True)) == 5
    images.plan_absent(engine, "t:2").apply()
    assert idents(builder, True) == {base}
    assert engine.db.all("SELECT * FROM steps") == [] and engine.db.all("SELECT * FROM uses") == []
    assert len(os.listdir(engine.paths.layers)) == 1


def test_prune_takes_the_intermediates_of_what_it_takes_and_no_others(builder, engine):
    first = builder(TEXT, FILES)["id"]
    second = builder(TEXT.replace("echo one", "echo 1"), FILES)["id"]
    assert {image["Id"] for image in images.listing(engine, {"dangling": True})} == {first}
    images.plan_prune(engine).apply()
    assert (
        first not in idents(builder, True)
        and second in idents(builder, True)
        and len(idents(builder, True)) == 5
    )
    assert not builder.look(TEXT.replace("echo one", "echo 1"), FILES).changed
    images.plan_prune(engine, everything=True).apply()
    assert idents(builder, True) == set()


def test_a_stages_intermediates_live_as_long_as_what_was_copied_from_it(builder, engine):
    builder("FROM box:1 AS one\nRUN echo 1 > /f\nFROM box:1\nCOPY --from=one /f /g")
    images.plan_prune(engine).apply()
    assert not builder.look(
        "FROM box:1 AS one\nRUN echo 1 > /f\nFROM box:1\nCOPY --from=one /f /g"
    ).changed
    images.plan_absent(engine, "t:1").apply()
    assert len(idents(builder, True)) == 1


def test_a_lost_layer_is_made_again(builder, engine):
    record = builder(TEXT, FILES)
    engine.db.run("DELETE FROM layers WHERE diff_id = ?", record["layers"][-1])
    assert builder.look(TEXT, FILES).changed
    assert builder.read(builder(TEXT, FILES), "two") == "two\n"


# ------------------------------------------------------------------------------------------------------------ check mode


def test_check_mode_says_which_step_would_run(builder, engine, scratch):
    from pycontainer.engine import Engine

    path = builder.context(FILES)
    builder(TEXT, path=path)
    touched(path + "/a.txt", "new")
    before = sorted(os.walk(engine.paths.data))
    with Engine(scratch[0], scratch[1], check=True) as looking:
        builder.engine = looking
        plan = builder.look(TEXT, path=path)
        assert plan.changed and plan.step == "5/7" and plan.line == 5
        assert plan.actions == ["build image t:1: run step 5 of 7, line 5: COPY a.txt dir /in/"]
        assert plan.facts() == {"image": {}}
        missing = builder.look("FROM box:1\nRUN echo new", path=path)
        assert missing.step == "2/2"
    assert sorted(os.walk(engine.paths.data)) == before


def test_the_tag_moves_back_without_a_build(builder, engine):
    one = builder(TEXT, FILES)
    builder(TEXT.replace("echo two", "echo 2"), FILES)
    plan = builder.look(TEXT, FILES)
    assert plan.actions == ["tag image as t:1"]
    plan.apply()
    assert images.get(engine, "t:1")["id"] == one["id"]
