# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An image's id leads to that image and to no other, whatever names images are given."""

from __future__ import annotations

import json
import os
import tarfile

import pytest
from pycontainer import images
from pycontainer.errors import Conflict, InvalidInput, NotFound
from pycontainer.images.library import records
from support.layouts import layer, layout, member, run


@pytest.fixture
def pair(engine, task, tmp_path):
    """Ids of two images, a:1 and b:1."""
    found = []
    for name in ("a", "b"):
        layout(tmp_path / name, [layer([member(name.encode(), name.encode())])])
        found.append(
            task(engine, source="load", path=str(tmp_path / name), name=name + ":1")["image"]["Id"]
        )
    return found


def archive(path, source, names):
    """An archive of docker save's form with the image a:1 under ``names``, which nothing of ours would write."""
    run("tar", "-xf", source, "-C", str(path))
    listed = json.loads((path / "manifest.json").read_text())
    listed[0]["RepoTags"] = names
    (path / "manifest.json").write_text(json.dumps(listed))
    for name in ("index.json", "oci-layout"):
        if (path / name).exists():
            (path / name).unlink()
    with tarfile.open(str(path) + ".tar", "w") as file:
        file.add(str(path), arcname="")
    return str(path) + ".tar"


def test_no_way_to_give_an_id_as_a_name(engine, task, pair, tmp_path):
    one, two = pair
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "f").write_text("x")
    for name in (
        two,
        two[7:],
        "sha256:" + two[7:19],
        "docker.io/library/" + two,
        f"docker.io/library/{two[7:]}:1",
    ):
        with pytest.raises(InvalidInput, match="^tags: .*not an image ID"):
            task(engine, source="local", name="a:1", tags=[name])
        with pytest.raises(InvalidInput, match="^repository: .*not an image ID"):
            task(engine, source="local", name="a:1", repository=name)
        # load takes an ID as the choice of an image of the archive, never as a name for one
        refusal = "not an image ID" if name.startswith("docker.io/") else "an image that is in"
        with pytest.raises(InvalidInput, match=f"^name: .*{refusal}"):
            task(engine, source="load", path=str(tmp_path / "a"), name=name)
        with pytest.raises(InvalidInput, match="^name: .*not an image ID"):
            task(engine, source="import", path=str(tree), name=name)
        with pytest.raises(InvalidInput, match="not an image ID"):
            images.plan_squash(engine, "a:1", [name])
    for full in (
        "docker.io/library/" + two,
        f"docker.io/library/{two[7:]}:1",
        "a:1",
        "docker.io/library/a@" + two,
    ):  # the last door
        with pytest.raises(InvalidInput, match="^name: "):
            records.tag(engine, one, full)
        with pytest.raises(InvalidInput, match="^name: "), engine.db.transaction() as connection:
            records.save(engine, connection, one, one, 1, [full])
    assert records.tags_of(engine, one) == ["docker.io/library/a:1"] and records.tags_of(
        engine, two
    ) == ["docker.io/library/b:1"]


def test_archives_that_call_an_image_by_another_ones_id(engine, task, pair, tmp_path):
    one, two = pair
    images.plan_save(engine, images.chosen(engine, ["a:1"]), str(tmp_path / "saved.tar")).apply()
    for number, name in enumerate((two, two[7:] + ":latest", "docker.io/library/" + two)):
        (tmp_path / str(number)).mkdir()
        path = archive(tmp_path / str(number), str(tmp_path / "saved.tar"), [name])
        with pytest.raises(InvalidInput, match="^path: .*not an image ID"):
            task(engine, source="load", path=path)
        assert not task(engine, source="load", path=path, name="a:1")["changed"]
    index = json.loads((tmp_path / "a" / "index.json").read_text())
    index["manifests"][0]["annotations"] = {"org.opencontainers.image.ref.name": two}
    (tmp_path / "a" / "index.json").write_text(json.dumps(index))
    with pytest.raises(InvalidInput, match="^path: .*not an image ID"):
        task(engine, source="load", path=str(tmp_path / "a"))
    assert images.find(engine, two)["id"] == two


def test_ids_come_before_names(engine, task, pair):
    """Whole, and as long as listings show them; a shorter word is a name first, as with Docker."""
    one, two = pair
    task(engine, source="local", name="a:1", tags=[two[7:19], two[7:11]])
    for text in (two, two[7:], two[7:19], two[:19], two[:11]):
        assert records.find(engine, text)["id"] == two
        assert (
            images.plan_present(engine, text).image == two
            and images.plan_local(engine, text).image == two
        )
        assert [record["id"] for record, _names in images.chosen(engine, [text])] == [two]
    assert images.find(engine, two[7:11])["id"] == one
    assert (
        images.find(engine, two[7:19] + ":latest")["id"] == one
    )  # what is written as a name is one
    assert task(engine, name=two[7:19], state="absent")["actions"] == [f"remove image {two[7:19]}"]
    assert images.find(engine, "b:1") is None and images.find(engine, "a:1")["id"] == one
    assert images.find(engine, two[7:19])["id"] == one  # now nothing else is meant
    with pytest.raises(Conflict, match="several names"):
        task(engine, name=one[7:19], state="absent")


def test_an_id_that_is_not_here_is_asked_of_no_registry(engine, task, pair):
    asked = []

    class Registries:
        def source(self, *arguments):
            asked.append(arguments)

    absent = "sha256:" + "0" * 64
    for text in (absent, absent[7:], absent[:20]):
        for pull in ("missing", "always", "never"):
            with pytest.raises(
                NotFound,
                match=(
                    f"^there is no image with the ID {text} on this host, and no registry can be "
                    "asked for an ID$"
                ),
            ):
                images.plan_present(engine, text, pull, registries=Registries())
        with pytest.raises(NotFound, match=f"^there is no image with the ID {text} on this host$"):
            task(engine, source="local", name=text)
        assert not task(engine, name=text, state="absent")["changed"]
    assert not asked and os.listdir(engine.paths.tmp) == []
