# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an image has lost is found, told, and made again from its archives or from the registry that it came from; nothing else is touched."""

from __future__ import annotations

import os
import shutil

import pytest
from integration.images.plans.test_registry import put
from integration.layers.test_unpack import base, second, third
from pycontainer import images
from pycontainer.errors import HostError
from pycontainer.images.library import garbage, layer_store
from pycontainer.reconcile import carry_out
from support.layouts import PARAMS, as_directory, fingerprint, layer, layout, member, mounted

FEW = layer(
    [
        member(b"etc/", kind=b"5", mode=0o755),
        member(b"etc/x", b"content of x", mode=0o640, uid=3),
        member(b"etc/y", b"y" * 9000),
    ]
)
OPEN = layer(
    [member(b"etc/passed", b"through"), member(b"etc/linked", kind=b"1", linkname="etc/x")]
)


@pytest.fixture
def pulled(engine, kind, task, registry, tmp_path):
    """An image with two layers, the upper one with open ends, pulled from a registry: its reference."""
    reference, _digest = put(registry, tmp_path, "repair/a:1", FEW, OPEN)
    task(engine, name=reference)
    return reference


def places(engine, reference):
    return images.layer_paths(engine, reference)


def tree(engine, reference, tmp_path):
    at = tmp_path / (f"mnt-{len(os.listdir(tmp_path))}")
    with mounted(places(engine, reference), at) as root:
        return fingerprint(root)


def remove(path):
    shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)


def blobs(engine):
    return {digest: engine.blobs.size(digest) for digest in garbage._all_blobs(engine)}


LOSSES = {
    "a place": lambda engine, row, paths, described: remove(paths[0]),
    "both places": lambda engine, row, paths, described: [remove(path) for path in paths],
    "a blob": lambda engine, row, paths, described: engine.blobs.remove(described[0]["digest"]),
    "an empty blob": lambda engine, row, paths, described: os.truncate(engine.paths.blob(described[1]["digest"]), 0),
    "blobs and places": lambda engine, row, paths, described: (
        [remove(path) for path in paths], [engine.blobs.remove(item["digest"]) for item in described]),
    "the manifest": lambda engine, row, paths, described: engine.blobs.remove(row["manifest"]),
    "the configuration": lambda engine, row, paths, described: os.truncate(engine.paths.blob(row["id"]), 10),
    "everything": lambda engine, row, paths, described: (
        [remove(path) for path in paths], [engine.blobs.remove(digest) for digest in blobs(engine)]),
}  # fmt: skip


@pytest.mark.parametrize(
    "lost, how",
    [
        ("id", "gone"),
        ("id", "changed"),
        ("manifest", "gone"),
        ("manifest", "changed"),
        ("both", "changed"),
    ],
)
def test_an_image_whose_documents_are_lost_is_listed_and_can_be_removed(
    engine, task, tmp_path, lost, how
):
    """Without a registry that has it. Till then its layers stay, whichever other image goes: a container may run on them."""
    for name, content in (("a", FEW), ("b", layer([member(b"b", b"b")]))):
        layout(tmp_path / name, [content])
        task(engine, source="load", path=str(tmp_path / name), name=name + ":1")
    row, before = images.find_row(engine, "a:1"), places(engine, "a:1")
    for digest in (row["id"], row["manifest"]) if lost == "both" else (row[lost],):
        if how == "gone":
            engine.blobs.remove(digest)
        else:
            os.truncate(engine.paths.blob(digest), 10)
    found = {image["RepoTags"][0]: image for image in images.listing(engine)}
    assert sorted(found) == ["a:1", "b:1"] and (
        "system check --repair" in found["a:1"].get("Damaged", "")
    ) is (lost != "manifest")
    assert not images.plan_prune(engine, True, {"label": "a"}).changed
    assert task(engine, name="b:1", state="absent")["changed"] and all(
        os.path.exists(path) for path in before
    )
    planned = task(engine, True, name="a:1", state="absent")
    assert (
        task(engine, name="a:1", state="absent")["actions"]
        == planned["actions"]
        == ["remove image a:1"]
    )
    assert (
        blobs(engine) == {}
        and os.listdir(engine.paths.layers) == []
        and images.listing(engine) == []
    )


@pytest.mark.parametrize("loss", LOSSES)
def test_a_task_repairs_what_is_lost(engine, task, pulled, tmp_path, loss):
    expected, before, stored = tree(engine, pulled, tmp_path), places(engine, pulled), blobs(engine)
    row = engine.db.one("SELECT * FROM images")
    from pycontainer.images.model import manifest

    described = manifest.parse(engine.blobs.read(row["manifest"]), "it")["layers"]
    LOSSES[loss](engine, row, before, described)
    planned = task(engine, True, name=pulled)
    assert planned["changed"] and planned["actions"][0].startswith(f"repair image {pulled}: ")
    assert blobs(engine) != stored or not all(
        os.path.exists(path) for path in before
    )  # check mode changed nothing
    done = task(engine, name=pulled)
    assert done["actions"] == planned["actions"] and done["image"]["Id"] == row["id"]
    assert not task(engine, name=pulled)["changed"] and not images.damaged(engine, True)
    assert (
        places(engine, pulled) == before
        and blobs(engine) == stored
        and tree(engine, pulled, tmp_path) == expected
    )
    assert os.listdir(engine.paths.tmp) == []


def test_a_truncated_file_of_a_layer(engine, task, kind, pulled, tmp_path):
    expected = tree(engine, pulled, tmp_path)
    for damaged, sentence in (("etc/x", "has 0 bytes, not 12"), ("etc/y", "lacks 'etc/y'")):
        place = places(engine, pulled)[1]
        if kind == "erofs":
            with open(place, "r+b") as file:
                file.seek(4096 + 512 * 2)
                file.write(b"another content")
            sentence = "has another content"
        elif damaged == "etc/x":
            os.truncate(place + "/etc/x", 0)
        else:
            os.unlink(place + "/etc/y")
        assert not images.damaged(engine)  # a quick look does not see it
        (found,) = images.damaged(engine, True)
        assert sentence in found.sentences[0] and len(found.sentences) == 1
        assert carry_out(images.plan_repair(engine, found), False)["changed"]
        assert not images.damaged(engine, True) and tree(engine, pulled, tmp_path) == expected


CHANGES = {
    "owner": (lambda top: os.chown(top + "/etc/x", 9, 9), "has another owner or mode"),
    "mode": (lambda top: os.chmod(top + "/etc/x", 0o777), "has another owner or mode"),
    "time": (lambda top: os.utime(top + "/etc/x", (5, 5)), "has another time"),
    "type": (
        lambda top: (os.unlink(top + "/etc/x"), os.mkdir(top + "/etc/x")),
        "is of another type",
    ),
    "more": (
        lambda top: open(top + "/etc/more", "w").close(),
        "has 'etc/more', which is not of it",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_directories_are_held_against_the_headers_of_their_archive(engine, task, tmp_path, change):
    layout(tmp_path / "one", [FEW])
    task(engine, source="load", path=str(tmp_path / "one"), name="web:1")
    top = places(engine, "web:1")[0]
    work, sentence = CHANGES[change]
    work(top)
    if change in ("more", "type"):
        os.utime(top + "/etc", ns=(1700000000 * 10**9, 1700000000 * 10**9))
    (found,) = images.damaged(engine, True)
    assert sentence in found.sentences[0]


def test_what_is_whole_is_found_whole(engine, kind, task, tmp_path):
    """Everything that layers can have, and those that a build made."""
    layout(tmp_path / "all", [base(), second(), third()])
    task(engine, source="load", path=str(tmp_path / "all"), name="all:1")
    assert not images.damaged(engine, True)


def test_names_of_the_greatest_length(engine, kind, task, tmp_path):
    """A whiteout's mark is no part of the name that it hides."""
    longest = b"n" * 255
    layout(
        tmp_path / "all",
        [
            layer([member(longest, b"x"), member(b"d/" + longest, b"y")]),
            layer(
                [
                    member(b".wh." + longest),
                    member(b"d/.wh." + longest),
                    member(b".wh..wh.plnk/" + b"p" * 300),
                ]
            ),
        ],
    )
    task(engine, source="load", path=str(tmp_path / "all"), name="all:1")
    assert not images.damaged(engine, True)


def test_a_layer_that_can_not_be_held_against_its_archive_is_told_with_the_others(
    engine, task, tmp_path, monkeypatch
):
    from pycontainer.layers import inodes

    layout(tmp_path / "one", [FEW])
    task(engine, source="load", path=str(tmp_path / "one"), name="web:1")

    def broken(*_arguments, **_options):
        raise OSError(36, "File name too long", "etc")

    monkeypatch.setattr(inodes, "read", broken)
    (found,) = images.damaged(engine, True)
    assert found.sentences[0].endswith("can't be held against its archive: file name too long")


def test_more_directories_than_descriptors(engine, task, tmp_path):
    import resource

    layout(tmp_path / "one", [layer([member(b"d/%d/e" % number, b"") for number in range(300)])])
    task(engine, source="load", path=str(tmp_path / "one"), name="web:1")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
    try:
        assert not images.damaged(engine, True)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("back", (False, True), ids=("gone", "back"))
def test_an_image_that_is_removed_meanwhile_has_no_damage(
    engine, task, tmp_path, monkeypatch, back
):
    """Another task removes it, and may bring it again, between the look at its row and the looks at its files."""
    from pycontainer.images.library import integrity as damage

    layout(tmp_path / "one", [FEW])
    task(engine, source="load", path=str(tmp_path / "one"), name="web:1")
    really, looks = damage.look, []

    def look(engine, row, *rest):
        looks.append(row)
        if len(looks) == 1:
            task(engine, name="web:1", state="absent")
            try:
                return really(engine, row, *rest)
            finally:
                if back:
                    task(engine, source="load", path=str(tmp_path / "one"), name="web:1")
        return really(engine, row, *rest)

    monkeypatch.setattr(damage, "look", look)
    assert images.damaged(engine, True) == [] and looks
    monkeypatch.undo()
    assert not images.damaged(engine, True) and bool(images.listing(engine)) is back
    if not back:
        assert blobs(engine) == {} and os.listdir(engine.paths.layers) == []


def test_a_damaged_index(engine, kind, task, tmp_path):
    if kind != "erofs":
        pytest.skip("of EROFS images")
    layout(tmp_path / "one", [FEW])
    task(engine, source="load", path=str(tmp_path / "one"), name="web:1")
    (place,) = places(engine, "web:1")
    with open(place, "r+b") as file:
        file.seek(-100, os.SEEK_END)
        file.write(b"?" * 10)
    (found,) = images.damaged(engine, True)
    assert "has a damaged index" in found.sentences[0]
    carry_out(images.plan_repair(engine, found), False)
    with as_directory(place) as top:
        assert sorted(os.listdir(top + "/etc")) == ["x", "y"]


def test_without_a_registry_the_sentence_says_what_to_do(engine, kind, task, tmp_path):
    layout(tmp_path / "one", [FEW])
    task(engine, source="load", path=str(tmp_path / "one"), name="web:1")
    (place,), (row,) = places(engine, "web:1"), engine.db.all("SELECT * FROM layers")
    engine.blobs.remove(row["blob"])
    assert places(engine, "web:1") == [place]  # who only needs the files has them
    with pytest.raises(
        HostError,
        match=(
            "image web:1 is damaged: sha256:.* is lost, and no registry is known to have it; load "
            "or build the image"
        ),
    ):
        task(engine, name="web:1", source="local")
    assert layer_store.is_there(place)
    assert task(engine, source="load", path=str(tmp_path / "one"), name="web:1")["changed"]
    assert not images.damaged(engine, True)


def test_a_damaged_layer_is_not_given_up_before_there_is_another(engine, kind, task, tmp_path):
    """It is all that is left, where its archive is gone and no registry has it."""
    layout(tmp_path / "one", [FEW])
    task(engine, source="load", path=str(tmp_path / "one"), name="web:1")
    (place,), (row,) = places(engine, "web:1"), engine.db.all("SELECT * FROM layers")
    if kind == "erofs":
        with open(place, "r+b") as file:
            file.seek(-1, os.SEEK_END)
            file.write(b"x")
    else:
        os.truncate(place + "/etc/y", 1)
    (found,) = images.damaged(engine, True)
    engine.blobs.remove(row["blob"])
    found.blobs[row["blob"]] = "is gone"
    before = os.lstat(place).st_ino
    with pytest.raises(HostError, match="load or build the image again"):
        images.plan_repair(engine, found).apply()
    assert os.lstat(place).st_ino == before and os.listdir(engine.paths.tmp) == []


def test_pull_never_asks_no_registry(engine, task, pulled):
    row = engine.db.one("SELECT * FROM images")
    remove(places(engine, pulled)[0])
    assert task(engine, name=pulled, pull="never")["changed"]
    engine.blobs.remove(row["manifest"])
    with pytest.raises(HostError, match="manifest sha256:.* is gone, and pull is never"):
        task(engine, name=pulled, pull="never")


def test_other_images_stay(engine, task, pulled, tmp_path):
    """The lost layer is another image's too, and that one's own layers are left alone."""
    layout(tmp_path / "other", [FEW, layer([member(b"own", b"own")])])
    task(engine, source="load", path=str(tmp_path / "other"), name="other:1")
    before = places(engine, "other:1")
    marks = [os.lstat(path).st_ino for path in before]
    remove(places(engine, pulled)[1])
    assert len(images.damaged(engine)) == 2
    task(engine, name=pulled)
    assert not images.damaged(engine, True) and places(engine, "other:1") == before
    assert os.lstat(before[0]).st_ino == marks[0]


def test_the_kind_may_change(engine, task, registry, tmp_path):
    """A layer that is made again is of the kind that is settled now, at the same place."""
    from pycontainer.store import settings

    if layer_store.why_no_erofs(engine):
        pytest.skip(layer_store.why_no_erofs(engine))
    reference, _digest = put(registry, tmp_path, "repair/kinds:1", FEW, OPEN)
    task(engine, name=reference)
    expected, before = tree(engine, reference, tmp_path), places(engine, reference)
    for kind in ("erofs", "directory"):
        settings.write(engine.paths.config, {"layers": kind})
        assert not task(engine, name=reference)["changed"]
        for number, path in enumerate(before):
            remove(path)
            task(engine, name=reference)
            assert os.path.isdir(path) == (kind == "directory"), number
            assert tree(engine, reference, tmp_path) == expected
    assert places(engine, reference) == before


def test_quick_and_full(engine, task, pulled):
    from pycontainer.cli import task as command

    def check(*flags, check=False):
        return command.pycontainer(engine, {"argv": ["system", "check", *flags], "cmd": None})

    assert check()["stdout"] == "No damage found" and not check()["rc"]
    remove(places(engine, pulled)[0])
    found = check("--quick")
    assert found["rc"] == 1 and "is gone or cut short" in found["stdout"] and not found["changed"]
    done = check("-q", "--repair")
    assert done["changed"] and not done["rc"] and "is gone or cut short" in done["stdout"]
    assert check("-r")["stdout"] == "No damage found"


USES = {
    "save": {"source": "local", "archive_path": True},
    "save alone": None,
    "squash": {"source": "squash", "name": "flat:1", "squash": {"image": True}},
    "commit": {"source": "container", "name": "made:1", "container": "worker"},
    "build": {"source": "build", "name": "built:1", "build": {"path": True}},
    "push": {"source": "local", "push": True, "repository": True},
}


def use(engine, what, reference, place, check):
    """What stands on an image, as a task does it."""
    from pycontainer.builds import task as tasks
    from pycontainer.images import task as part

    if what == "save alone":
        return carry_out(
            part.image_export(engine, {"names": [reference], "path": str(place / "alone.tar")}),
            check,
        )
    params = dict(
        PARAMS,
        name=reference,
        **{key: value for key, value in USES[what].items() if key not in ("name",)},
    )
    params["name"] = USES[what].get("name", reference)
    for option, value in (
        ("archive_path", str(place / "saved.tar")),
        ("squash", {"image": reference}),
        ("build", {"path": str(place / "context")}),
        ("repository", reference.rpartition("/")[0] + "/again:1"),
    ):
        if params.get(option):
            params[option] = value
    return carry_out(tasks.image(engine, params), check)


@pytest.mark.parametrize("what", USES)
@pytest.mark.parametrize("loss", ("a place", "an empty blob"))
def test_what_stands_on_an_image_repairs_it_first(engine, task, registry, tmp_path, what, loss):
    from pycontainer import containers
    from pycontainer.images.model import manifest

    reference, _digest = put(
        registry, tmp_path, "repair/%s%d:1" % (what[:4], sorted(LOSSES).index(loss)), FEW, OPEN
    )
    task(engine, name=reference)
    if what == "commit":
        containers.plan(
            engine,
            {
                "name": "worker",
                "image": reference,
                "command": ["sh"],
                "network_mode": "none",
                "state": "present",
            },
        ).apply()
        (record,) = containers.every(engine)
        with open(os.path.join(engine.paths.container(record["id"]), "upper", "new"), "w") as file:
            file.write("new")
    (tmp_path / "context").mkdir()
    (tmp_path / "context" / "Containerfile").write_text(
        f"FROM {reference}\nCOPY Containerfile /x\n"
    )
    before, stored = places(engine, reference), blobs(engine)
    row = engine.db.one("SELECT * FROM images")
    LOSSES[loss](
        engine, row, before, manifest.parse(engine.blobs.read(row["manifest"]), "it")["layers"]
    )
    lost = images.damaged(engine)[0].sentences
    foretold = use(engine, what, reference, tmp_path, True)
    assert foretold["changed"] and [damage.sentences for damage in images.damaged(engine)] == [
        lost
    ]  # check mode changed nothing
    done = use(engine, what, reference, tmp_path, False)
    assert (
        done["changed"] and not images.damaged(engine, True) and set(blobs(engine)) >= set(stored)
    )
    assert what == "build" or foretold["actions"] == done["actions"]
    assert (
        not use(engine, what, reference, tmp_path, False)["changed"]
        and os.listdir(engine.paths.tmp) == []
    )


@pytest.mark.parametrize("what", sorted(set(USES) - {"push"}))
def test_what_stands_on_an_image_that_nobody_has_says_so(engine, task, tmp_path, what):
    from pycontainer import containers

    layout(tmp_path / "one", [FEW, OPEN])
    task(engine, source="load", path=str(tmp_path / "one"), name="web:1")
    if what == "commit":
        containers.plan(
            engine,
            {
                "name": "worker",
                "image": "web:1",
                "command": ["sh"],
                "network_mode": "none",
                "state": "present",
            },
        ).apply()
    (tmp_path / "context").mkdir()
    (tmp_path / "context" / "Containerfile").write_text("FROM web:1\nCOPY Containerfile /x\n")
    before = len(engine.db.all("SELECT * FROM images"))
    engine.blobs.remove(engine.db.all("SELECT * FROM layers")[0]["blob"])
    with pytest.raises(
        HostError,
        match="image web:1 is damaged: sha256:.* is lost, and no registry is known to have it",
    ):
        use(engine, what, "web:1", tmp_path, False)
    assert (
        len(engine.db.all("SELECT * FROM images")) == before and os.listdir(engine.paths.tmp) == []
    )
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".tar")]
