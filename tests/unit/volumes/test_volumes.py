# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes: plans, driver options, what is refused, recovery."""

from __future__ import annotations

import os

import pytest
from pycontainer import volumes
from pycontainer.errors import Conflict, EngineError, InvalidInput, NotFound
from pycontainer.reconcile import carry_out
from pycontainer.store import atomic_files
from pycontainer.volumes import catalog, driver, recovery, task


def do(engine, check=False, **params):
    return carry_out(task.volume(engine, params), check)


def test_create_again_and_remove(engine):
    assert (
        do(engine, True, name="data", labels={"a": 1})["changed"]
        and volumes.get(engine, "data") is None
    )
    first = do(engine, name="data", labels={"a": 1})
    assert (
        first["changed"]
        and first["volume"]["Labels"] == {"a": "1"}
        and os.path.isdir(first["volume"]["Mountpoint"])
    )
    assert not do(engine, name="data", labels={"a": 1})["changed"]
    assert not do(engine, name="data")["changed"]
    open(os.path.join(first["volume"]["Mountpoint"], "file"), "w").close()
    assert do(engine, name="data", state="absent")["changed"] and not os.path.exists(
        engine.paths.volume("data")
    )
    assert not do(engine, name="data", state="absent")["changed"]


def test_labels_change_in_place_and_driver_options_as_recreate_says(engine):
    do(engine, name="data", labels={"a": "1"})
    marker = os.path.join(volumes.path(engine, "data"), "kept")
    open(marker, "w").close()
    assert do(engine, name="data", labels={"a": "2"})["volume"]["Labels"] == {
        "a": "2"
    } and os.path.exists(marker)
    options = {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}
    kept = do(engine, name="data", driver_options=options)
    assert not kept["changed"] and "left as it is" in kept["warnings"][0]
    assert do(engine, name="data", driver_options=options, recreate="options-changed")["volume"][
        "Options"
    ] == options and not os.path.exists(marker)
    assert not do(engine, name="data", driver_options=options, recreate="options-changed")[
        "changed"
    ]
    assert do(engine, name="data", recreate="always")["changed"]
    assert do(engine, name="data", recreate="true")["changed"]  # podman_volume's
    assert not do(engine, name="data", recreate="false")["changed"]


def test_driver_options_may_be_a_list(engine):
    said = ["type=tmpfs", "device=tmpfs", "o=size=1m", "o=mode=0700"]
    options = {"type": "tmpfs", "device": "tmpfs", "o": "size=1m,mode=0700"}
    assert do(engine, name="data", options=said)["volume"]["Options"] == options
    assert not do(engine, name="data", driver_options=options)["warnings"]
    for wrong, word in ((["room=1m"], "options: 'room=1m'"), (["type"], "options: 'type'")):
        with pytest.raises(InvalidInput, match=word):
            do(engine, name="other", options=wrong)
    with pytest.raises(InvalidInput, match="either options, or driver_options"):
        do(engine, name="other", options=said, driver_options=options)


@pytest.mark.parametrize(
    "params",
    [
        {"name": "a"},
        {"name": "../x"},
        {"name": ""},
        {"name": "x" * 129},
        {"name": "ok", "driver": "nfs"},
        {"name": "ok", "labels": {"a": True}},
        {"name": "ok", "driver_options": {"size": "1g"}},
        {"name": "ok", "driver_options": {"type": "nfs", "o": "addr=1.2.3.4"}},
        {"name": "ok", "driver_options": {"type": "tmpfs", "o": "huge=always"}},
        {"name": "ok", "driver_options": {"type": "none", "o": "bind"}},
        {
            "name": "ok",
            "driver_options": {"type": "none", "o": "bind", "device": "/does/not/exist"},
        },
    ],
)
def test_refused_and_nothing_made(engine, params):
    with pytest.raises(EngineError):
        do(engine, **params)
    assert os.listdir(engine.paths.volumes) == [] and volumes.listing(engine) == []


def use(engine, volume, name="web"):
    """A container's row and document that mount a volume."""
    ident = name.encode().hex().ljust(64, "0")
    engine.db.run("INSERT INTO containers VALUES (?, ?, '{}', NULL, 'created', 0)", ident, name)
    os.makedirs(engine.paths.container(ident))
    atomic_files.write_json(
        os.path.join(engine.paths.container(ident), "config.json"),
        {"mounts": [{"type": "bind", "destination": "/x", "source": volumes.path(engine, volume)}]},
    )


def test_in_use_is_refused(engine):
    do(engine, name="data")
    use(engine, "data")
    for change in ({"state": "absent"}, {"recreate": "always"}):
        with pytest.raises(Conflict, match="web"):
            do(engine, name="data", **change)
    assert volumes.used_by(engine, "data") == ["web"]
    with pytest.raises(NotFound):
        volumes.remove(engine, "nope")


def test_listing_and_prune(engine):
    for name, anonymous in (("used", True), ("named", False), ("loose", True)):
        catalog.create(engine, name, labels={"kind": name}, anonymous=anonymous)
    use(engine, "used")
    names = lambda filters: [row["name"] for row in volumes.listing(engine, filters)]
    assert (
        names({}) == ["loose", "named", "used"]
        and names({"dangling": True}) == ["loose", "named"]
        and names({"dangling": False}) == ["used"]
    )
    assert names({"label": "kind=named"}) == ["named"] and names({"name": "ed"}) == [
        "named",
        "used",
    ]
    assert names({"name": ["^named$", "^used$"]}) == ["named", "used"] and names(
        {"label": ["kind=named", "kind"]}
    ) == ["named"]
    assert names({"label": 5}) == names({"driver": "nfs"}) == [] and names(
        {"dangling": ["true", "false"], "driver": ["nfs", "local"]}
    ) == names({})
    for bad in ({"colour": 1}, {"dangling": "maybe"}, {"name": "["}):
        with pytest.raises(InvalidInput, match="^filters"):
            names(bad)
    assert carry_out(volumes.prune(engine), False)["actions"] == ["remove volume loose"]
    assert carry_out(volumes.prune(engine, everything=True), False)["actions"] == [
        "remove volume named"
    ]
    assert not volumes.prune(engine, everything=True).changed


def test_recovery_removes_what_has_no_row(engine):
    do(engine, name="whole")
    catalog._make_directory(engine, "half")
    for name in ("whole", "half"):
        recovery.recover(engine, "create-volume", {"name": name})
    assert os.path.isdir(volumes.path(engine, "whole")) and not os.path.exists(
        engine.paths.volume("half")
    )


def test_drop_anonymous_leaves_the_named_and_the_used(engine):
    for name, anonymous in (("used", True), ("named", False), ("loose", True)):
        catalog.create(engine, name, anonymous=anonymous)
    use(engine, "used")
    volumes.drop_anonymous(engine, ["used", "named", "loose", "gone"])
    assert [row["name"] for row in volumes.listing(engine)] == ["named", "used"]


def test_driver_options_mount_and_unmount(engine, tmp_path):
    do(engine, name="scratch", driver_options={"type": "tmpfs", "o": "size=1m,mode=0700,noexec"})
    do(
        engine,
        name="other",
        driver_options={"type": "none", "o": "bind,ro", "device": str(tmp_path)},
    )
    (tmp_path / "file").write_text("x")
    for name in ("scratch", "other"):
        volumes.attach(engine, name)
        volumes.attach(engine, name)
        assert driver.is_mounted(volumes.path(engine, name))
    assert (
        os.statvfs(volumes.path(engine, "scratch")).f_blocks
        * os.statvfs(volumes.path(engine, "scratch")).f_frsize
        == 1 << 20
    )
    assert os.listdir(volumes.path(engine, "other")) == ["file"]
    with pytest.raises(OSError):
        open(os.path.join(volumes.path(engine, "other"), "new"), "w")
    for name in ("scratch", "other"):
        do(engine, name=name, state="absent")
        assert not driver.is_mounted(volumes.path(engine, name))
    assert (tmp_path / "file").exists()


def layer(directory, **files_):
    for path, text in files_.items():
        full = os.path.join(directory, path.replace("__", "/"))
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w") as file:
            file.write(text)
    return str(directory)


def test_first_use_copies_the_image(engine, tmp_path):
    top, low = tmp_path / "top", tmp_path / "low"
    layers = [
        layer(top, srv__new="new", srv__both="top"),
        layer(low, srv__old="old", srv__both="low", srv__sub__deep="deep"),
    ]
    os.chmod(low / "srv", 0o750), os.chmod(top / "srv", 0o2750), os.chown(top / "srv", 12, 34)
    os.symlink("/etc/shadow", top / "srv" / "link")
    os.link(top / "srv" / "new", top / "srv" / "twin")
    os.setxattr(top / "srv" / "new", "user.kept", b"1")
    os.mkfifo(top / "srv" / "fifo", 0o640)
    catalog.create(engine, "data")
    volumes.populate(engine, "data", layers, "/srv")
    data = volumes.path(engine, "data")
    assert sorted(os.listdir(data)) == ["both", "fifo", "link", "new", "old", "sub", "twin"]
    assert (
        open(os.path.join(data, "both")).read() == "top"
        and open(os.path.join(data, "sub", "deep")).read() == "deep"
    )
    assert (
        os.readlink(os.path.join(data, "link")) == "/etc/shadow"
        and os.getxattr(os.path.join(data, "new"), "user.kept") == b"1"
    )
    info = os.stat(data)
    assert (info.st_uid, info.st_gid, info.st_mode & 0o7777) == (12, 34, 0o2750)
    assert os.stat(os.path.join(data, "new")).st_ino == os.stat(os.path.join(data, "twin")).st_ino
    os.unlink(os.path.join(data, "both"))
    volumes.populate(engine, "data", layers, "/srv")  # not empty: left alone
    assert "both" not in os.listdir(data) and os.listdir(engine.paths.volume("data")) == ["_data"]


@pytest.mark.parametrize("way", ["absolute", "upwards"])
def test_first_use_never_leaves_the_image(engine, tmp_path, way):
    """CVE-2022-23648: a VOLUME that is a link, or has '..', must not bring the host's files in."""
    canary, image = tmp_path / "canary", tmp_path / "image"
    layer(canary, secret="host")
    layer(image, a__b="x")
    os.symlink(str(canary) if way == "absolute" else "../" * 20 + str(canary)[1:], image / "link")
    for number, where in enumerate(
        ("/link", "/../../../../../../.." + str(canary), "/a/../../.." + str(canary))
    ):
        name = "vol%d" % number
        catalog.create(engine, name)
        volumes.populate(engine, name, [str(image)], where)
        assert os.listdir(volumes.path(engine, name)) == []


def test_trees_of_any_depth_are_removed(engine, tmp_path):
    from pycontainer.store import tree_removal

    top = tmp_path / "top"
    top.mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kept").write_text("x")
    os.symlink(tmp_path / "outside", top / "link")
    here = os.open(top, os.O_RDONLY)
    for dummy in range(1500):
        os.mkdir("d", dir_fd=here)
        deeper = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(here)
    tree_removal.remove(str(top))
    tree_removal.remove(str(top))
    assert not top.exists() and (tmp_path / "outside" / "kept").exists()
