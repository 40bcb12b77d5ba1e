# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What containers mount: parts of volumes, read-only trees, directories that are made for them."""

from __future__ import annotations

import os

import pytest
from pycontainer import containers, volumes
from pycontainer.containers import task
from pycontainer.containers.access import copy, exec_client
from pycontainer.containers.lifecycle import start
from pycontainer.errors import ContainerFailed, EngineError, InvalidInput
from pycontainer.kernel.calls import constants as c
from pycontainer.kernel.calls import syscalls
from pycontainer.reconcile import carry_out
from pycontainer.volumes import task as volume_task


def do(engine, check=False, **params):
    params.setdefault("name", "web")
    return carry_out(task.container(engine, params), check)


def base(**more):
    return dict({"image": "box:1", "network_mode": "none", "stop_timeout": 0}, **more)


def mounting(kind, **more):
    return base(mounts=[dict({"type": kind, "target": "/m"}, **more)])


def volume(engine, name, **params):
    carry_out(volume_task.volume(engine, dict(params, name=name)), False)
    return volumes.path(engine, name)


def run(engine, script, name="web"):
    record = containers.find(engine, name)
    return exec_client.run(engine.paths, record["id"], ["sh", "-c", script])


def sh(engine, script, name="web"):
    found = run(engine, script, name)
    assert found["rc"] == 0, found
    return found["stdout"].decode().strip()


@pytest.fixture(autouse=True)
def removed(engine, image):
    yield
    for record in containers.every(engine):
        containers.remove(engine, record, force=True)
    for row in volumes.listing(engine):
        volumes.remove(engine, row["name"])


@pytest.fixture
def tree(tmp_path):
    """A directory with a tmpfs mounted below it."""
    (tmp_path / "top" / "inner").mkdir(parents=True)
    (tmp_path / "top" / "file").write_text("above")
    inner = str(tmp_path / "top" / "inner")
    syscalls.mount("inner", inner, "tmpfs", 0, None)
    with open(os.path.join(inner, "file"), "w") as file:
        file.write("below")
    yield str(tmp_path / "top")
    syscalls.umount2(inner, c.MNT_DETACH)


@pytest.mark.parametrize("userns", ["host", "auto"])
def test_read_only_is_so_for_what_is_mounted_below(engine, tree, userns):
    params = dict(mounting("bind", source=tree, read_only=True), userns_mode=userns)
    do(engine, **params)
    assert sh(engine, "cat /m/file /m/inner/file") == "abovebelow"
    assert run(engine, "touch /m/new")["rc"] and run(engine, "touch /m/inner/new")["rc"]
    assert not do(engine, **params)["changed"]
    params["mounts"][0]["read_only_force_recursive"] = True
    assert do(engine, **params)["changed"] and run(engine, "touch /m/inner/new")["rc"]
    del params["mounts"][0]["read_only_force_recursive"]
    params["mounts"][0]["read_only_non_recursive"] = True
    assert do(engine, **params)["changed"] and run(engine, "touch /m/new")["rc"]
    os.chmod(os.path.join(tree, "inner"), 0o777)
    sh(engine, "touch /m/inner/new")
    assert not do(engine, **params)["changed"]


@pytest.mark.parametrize("userns", ["host", "auto"])
def test_what_is_mounted_below_can_be_left_out(engine, tree, userns):
    params = dict(mounting("bind", source=tree, non_recursive=True), userns_mode=userns)
    done = do(engine, **params)
    assert sh(engine, "cat /m/file; ls /m/inner") == "above"
    assert done["container"]["HostConfig"]["Mounts"][0]["BindOptions"] == {
        "Propagation": "rprivate",
        "NonRecursive": True,
    }


def test_a_directory_of_the_host_is_made_for_a_mount(engine, tmp_path):
    source = tmp_path / "a" / "b"
    params = mounting("bind", source=str(source), create_mountpoint=True)
    assert do(engine, True, **params)["changed"] and not source.exists()
    do(engine, **params)
    assert os.stat(source).st_mode & 0o777 == 0o755
    sh(engine, "test -d /m")
    do(engine, state="stopped")
    source.rmdir()
    do(engine, state="started")
    assert source.is_dir() and not do(engine, **params)["changed"]
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match="mounts.source: .*no directory"):
        do(engine, **mounting("bind", source=f"{tmp_path}/file/x", create_mountpoint=True))


@pytest.mark.parametrize("userns", ["host", "auto"])
def test_a_part_of_a_volume_is_mounted(engine, userns):
    data = volume(engine, "data")
    os.makedirs(data + "/sites/one")
    with open(data + "/sites/one/file", "w") as file:
        file.write("one")
    os.symlink("sites/one", data + "/link")
    params = dict(
        mounting("volume", source="data", subpath="./sites//one/", read_only=True),
        userns_mode=userns,
    )
    shown = do(engine, **params)["container"]
    assert sh(engine, "cat /m/file; ls /m") == "onefile"
    assert shown["HostConfig"]["Mounts"][0]["VolumeOptions"]["Subpath"] == "sites/one"
    assert [entry["Name"] for entry in shown["Mounts"]] == ["data"]
    assert not do(engine, **params)["changed"]
    params["mounts"][0]["subpath"] = "link"  # of the volume's own
    assert do(engine, **params)["changed"] and sh(engine, "cat /m/file") == "one"
    params["mounts"][0]["subpath"] = "sites/one/file"
    assert do(engine, **params)["changed"] and sh(engine, "cat /m") == "one"
    assert [row["users"] for row in volumes.listing(engine)] == [["web"]]


def test_no_link_in_a_volume_leads_out_of_it(engine, tmp_path):
    data = volume(engine, "data")
    os.makedirs(data + "/in")
    (tmp_path / "secret").write_text("the host's")
    params = mounting("volume", source="data", subpath="in")
    do(engine, **dict(params, state="present"))
    for link in (str(tmp_path), "../../../../../../../../" + str(tmp_path)):
        os.rename(data + "/in", data + "/was")
        os.symlink(link, data + "/in")  # as another container may do
        with pytest.raises(InvalidInput, match="mounts.subpath: .*a path that is in volume data"):
            do(engine, **dict(params, state="started"))
        record = containers.find(engine, "web")
        with pytest.raises(ContainerFailed, match="/m: can't bind .*data/_data/in"):
            start.start_one(engine, record)
        with (
            pytest.raises(EngineError),
            copy.inside(engine, record, "/m/secret", False) as (side, rest),
        ):
            copy.Source(side, rest, "/m/secret", True)
        os.unlink(data + "/in")
        os.rename(data + "/was", data + "/in")
    do(engine, **dict(params, state="started"))


def test_a_part_that_is_not_there_is_refused(engine):
    for source in ({"source": "absent"}, {}):
        with pytest.raises(InvalidInput, match="mounts.subpath: .*a path that is in .*volume"):
            do(engine, **mounting("volume", subpath="srv", **source))
    for wrong in ("/a", "../a", "a/../b", "."):
        with pytest.raises(InvalidInput, match="mounts.subpath: .*a relative path without"):
            do(engine, **mounting("volume", source="data", subpath=wrong))
    assert not volumes.listing(engine) and not containers.every(engine)


def test_a_mount_says_what_volume_it_makes(engine):
    options = {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}
    params = mounting(
        "volume",
        source="memory",
        volume_driver="local",
        volume_options=options,
        labels={"of": "web"},
    )
    do(engine, **params)
    assert "size=1024k" in sh(engine, "grep ' /m ' /proc/mounts")
    made = volumes.inspect(engine, "memory")
    assert (made["Options"], made["Labels"]) == (options, {"of": "web"})
    assert not do(engine, **params)["changed"]
    for key, value, word in (
        ("volume_driver", "nfs", "mounts.volume_driver: .*local"),
        ("volume_options", {"type": "btrfs"}, "mounts.volume_options: type btrfs"),
        ("volume_options", {"colour": "red"}, "mounts.volume_options: .*type, device, o"),
    ):
        with pytest.raises(EngineError, match=word):
            do(engine, **mounting("volume", **{"source": "other", key: value}))


def test_options_of_a_tmpfs(engine):
    entry = {"type": "tmpfs", "target": "/m", "tmpfs_size": "1m", "tmpfs_mode": "0750"}
    params = base(mounts=[dict(entry, tmpfs_options=[{"exec": None}, {"uid": "33"}])])
    shown = do(engine, **params)["container"]["HostConfig"]["Mounts"][0]["TmpfsOptions"]
    assert shown["Options"] == [["exec"], ["uid", "33"]]
    flags = sh(engine, "grep ' /m ' /proc/mounts").split(" ")[3].split(",")
    assert {"nosuid", "nodev", "size=1024k", "mode=750"} <= set(flags)
    assert sh(engine, "stat -c %u /m") == "33"
    assert "noexec" not in flags and not do(engine, **params)["changed"]
    with pytest.raises(InvalidInput, match="mounts.tmpfs_options: .*colour"):
        do(engine, **base(mounts=[dict(entry, tmpfs_options=[{"colour": "red"}])]))


# ------------------------------------------------------------------------------ of other containers


def data_container(engine, tmp_path, **more):
    """A container that never runs, with a volume, an anonymous one, a bind and memory."""
    (tmp_path / "host").mkdir(exist_ok=True)
    (tmp_path / "host" / "file").write_text("the host's")
    params = {"volumes": ["named:/named", "/srv/data", f"{tmp_path}/host:/host:ro"]}
    params.update(more)
    do(engine, name="data", state="present", **base(tmpfs=["/memory"], **params))


def anonymous(engine):
    return [row["name"] for row in volumes.listing(engine) if row["anonymous"]]


def test_mounts_of_another_container(engine, tmp_path):
    data_container(engine, tmp_path)
    shown = do(engine, **base(volumes_from=["data"]))["container"]
    assert shown["HostConfig"]["VolumesFrom"] == ["data"]
    assert shown["HostConfig"]["Binds"] == [] and len(anonymous(engine)) == 1
    assert {
        entry["Destination"]: (entry["Type"], entry["RW"], entry.get("Name"))
        for entry in shown["Mounts"]
    } == {
        "/named": ("volume", True, "named"),
        "/srv/data": ("volume", True, anonymous(engine)[0]),
        "/host": ("bind", False, None),
    }
    assert sh(engine, "cat /srv/data/file /host/file") == "from the image\nthe host's"
    assert run(engine, "grep ' /memory ' /proc/mounts")["rc"]
    sh(engine, "echo new > /named/file")
    assert run(engine, "echo new > /host/new")["rc"]
    assert not do(engine, **base(volumes_from=["data"]))["changed"]
    done = do(engine, **base(volumes_from=["data:ro"]))
    assert done["actions"] == ["replace container web because of volumes_from"]
    assert run(engine, "echo new > /named/file")["rc"] and sh(engine, "cat /named/file") == "new"
    do(engine, name="third", **base(volumes_from=["web"]))  # what it has of others, as it has it
    assert run(engine, "echo new > /named/file", "third")["rc"]
    assert sh(engine, "cat /named/file /srv/data/file", "third") == "new\nfrom the image"


def test_an_anonymous_volume_stays_as_long_as_a_container_has_it(engine, tmp_path):
    data_container(engine, tmp_path)
    do(engine, **base(volumes_from=["data"]))
    (volume_name,) = anonymous(engine)
    sh(engine, "echo kept > /srv/data/file")
    do(engine, name="data", state="absent", keep_volumes=False)
    assert anonymous(engine) == [volume_name]
    assert not do(engine, **base(volumes_from=["data"]))["changed"], "it has what it had"
    with pytest.raises(EngineError, match="^volumes_from: container data does not exist$"):
        do(engine, **base(volumes_from=["data"], env={"A": "1"}))
    with pytest.raises(EngineError, match="^volumes_from: container data does not exist$"):
        do(engine, **base(name="other", volumes_from=["data"]))
    with pytest.raises(InvalidInput, match="volumes_from: 'web'.*another container"):
        do(engine, **base(volumes_from=["web"]))
    assert do(engine, **base(env={"A": "1"}))["changed"]  # which does not name the option
    assert sh(engine, "cat /srv/data/file") == "kept"
    do(engine, state="absent", keep_volumes=False)
    assert anonymous(engine) == [] and [row["name"] for row in volumes.listing(engine)] == ["named"]


def test_what_a_container_mounts_itself_wins(engine, tmp_path):
    data_container(engine, tmp_path)
    params = base(volumes_from=["data"], volumes=["own:/named"], tmpfs=["/host"])
    shown = do(engine, **params)["container"]["Mounts"]
    assert {entry["Destination"]: entry.get("Name") for entry in shown} == {
        "/named": "own",
        "/srv/data": anonymous(engine)[0],
    }
    assert sh(engine, "ls /host") == "" and not do(engine, **params)["changed"]


def test_other_mounts_of_the_other_container_are_told_and_taken(engine, tmp_path):
    data_container(engine, tmp_path)
    params = base(volumes_from=["data"])
    do(engine, **params)
    data_container(engine, tmp_path, labels={"a": "b"})
    data_container(engine, tmp_path, hostname="anew")
    assert not do(engine, **params)["changed"], "it has the same mounts, made anew or not"
    data_container(engine, tmp_path, volumes=["named:/elsewhere"])
    assert not do(engine, name="web", env={})["changed"], "a task that does not name the option"
    planned, done = do(engine, True, **params), do(engine, **params)
    assert (
        planned["actions"] == done["actions"] == ["replace container web because of volumes_from"]
    )
    assert "named:/named:rw" in done["diff"]["before"]["volumes_from"]
    assert "named:/elsewhere:rw" in done["diff"]["after"]["volumes_from"]
    assert [entry["Destination"] for entry in done["container"]["Mounts"]] == ["/elsewhere"]
    assert not do(engine, **params)["changed"]
    data_container(engine, tmp_path, volumes=["named:/third"])
    warned = do(engine, **base(volumes_from=["data"], recreate_policy="warn"))
    assert not warned["changed"] and "volumes_from" in warned["warnings"][0]


def test_mounts_of_another_container_of_the_same_list(engine, tmp_path):
    def listed(check=False, volumes="named:/named"):
        items = [
            base(name="web", volumes_from=["data"]),
            base(name="data", state="present", volumes=[volumes]),
        ]
        found = task.container(engine, {"containers": items})
        return found if isinstance(found, dict) else carry_out(found, check)

    assert listed()["changed"] and not listed()["changed"]
    done = listed(volumes="named:/other")
    assert [result["changed"] for result in done["results"]] == [True, True]
    record = containers.find(engine, "web")
    assert "/other" in sh(engine, "grep /other /proc/mounts") and record["name"] == "web"
    assert not listed(volumes="named:/other")["changed"]


def test_mounts_of_another_container_by_the_command(engine, tmp_path):
    from pycontainer.cli import read, run_flags

    given = read(["run", "--volumes-from", "data:ro", "--volumes-from", "more", "box:1"])[1]
    assert run_flags.options(given, run_flags.RUN_FLAGS)["volumes_from"] == ["data:ro", "more"]
    for wrong in ("data:rw,nocopy", ":ro", "a b"):
        with pytest.raises(InvalidInput, match="volumes_from: .*the modes ro, rw, z and Z"):
            do(engine, **base(volumes_from=[wrong]))
