# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A disk without a free byte: what looks works, and what makes room works. A disk that is mounted read-only: what looks works."""

from __future__ import annotations

import contextlib
import os
import subprocess

import pytest
from pycontainer import containers, images, volumes
from pycontainer.containers import task
from pycontainer.deploy import install
from pycontainer.engine import Engine
from pycontainer.errors import NoSpace, ReadOnly
from pycontainer.reconcile import Plan, carry_out
from pycontainer.store import reserve
from support import waiting

SIZE = 80 << 20
MAKE = {
    "ext4": ["mkfs.ext4", "-q", "-F"],
    # With data and metadata together: there is no room for many blocks of each.
    "btrfs": ["mkfs.btrfs", "-q", "-f", "--mixed"],
}
CHATTY = ["sh", "-c", "echo begun; trap 'exit 3' TERM; while :; do echo x; sleep 0.01; done"]


def run(*words):
    subprocess.run(words, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


@pytest.fixture(params=["tmpfs", "ext4", "btrfs"])
def disk(request, tmp_path):
    """A directory that is a file system of SIZE bytes."""
    with open("/proc/filesystems") as file:
        if request.param not in file.read().split():
            pytest.skip(f"this kernel has no {request.param}")
    at = tmp_path / "disk"
    at.mkdir()
    if request.param == "tmpfs":
        run("mount", "-t", "tmpfs", "-o", "size=%d" % SIZE, "tmpfs", str(at))
    else:
        with open(tmp_path / "image", "wb") as file:
            file.truncate(SIZE)
        run(*MAKE[request.param], str(tmp_path / "image"))
        run("mount", "-o", "loop", str(tmp_path / "image"), str(at))
    yield str(at)
    # A monitor that ends at this moment may still be in it.
    waiting.eventually(lambda: subprocess.run(["umount", str(at)], check=False).returncode == 0)


@contextlib.contextmanager
def filled(at):
    """Not a byte is free in the block, for root neither: the file takes what there is until there is nothing."""
    path, size = os.path.join(at, "filler"), 1 << 20
    with open(path, "ab", buffering=0) as file:
        while size:
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                size //= 4
        with contextlib.suppress(OSError):
            os.fsync(file.fileno())
    try:
        yield
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def do(engine, **params):
    params = dict({"image": "box:1", "network_mode": "none", "stop_timeout": 0}, **params)
    outcome = task.container(engine, params)
    return carry_out(outcome, False) if isinstance(outcome, Plan) else outcome


@pytest.fixture
def full(disk, scratch, rootfs):
    """``(command, engine)`` of a store on a disk that is full: three containers run, one is exited, and there are volumes and an image that nobody uses."""
    data = os.path.join(disk, "data")
    with Engine(data, scratch[1]) as engine:
        carry_out(
            images.plan_import(engine, "box:1", rootfs, {"command": ["sleep", "1000"]}), False
        )
        carry_out(images.plan_import(engine, "spare:1", rootfs, {"command": ["sleep", "1"]}), False)
        for number in range(3):
            do(
                engine,
                name="web%d" % number,
                volumes=["data%d:/data" % number],
                command=CHATTY if number == 2 else None,
            )
        do(engine, name="old", state="present")
        volumes.create(engine, "unused")
        words = install.command_line(engine)
        engine.db.close()

        def command(*more, ok=True):
            done = subprocess.run(
                [words[0]] + words[1:] + list(more),
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert not ok or done.returncode == 0 and "Traceback" not in done.stderr, (
                more,
                done.stdout,
                done.stderr,
            )
            return done.stdout if ok else done

        waiting.eventually(lambda: "begun" in command("logs", "web2"))
        with filled(disk):
            yield command, engine
        for record in containers.every(engine):
            containers.remove(engine, record, force=True)
        engine.db.close()
    from pycontainer.containers.client import zygote_client

    with contextlib.suppress(Exception):
        zygote_client.retire(engine.paths)


def test_what_looks_and_what_makes_room_work_on_a_full_disk(full):
    command, engine = full
    assert set(command("ps", "--format", "{{.Names}}").split()) == {"web0", "web1", "web2"}
    assert (
        "old" in command("ps", "-a", "-s")
        and "begun" in command("logs", "web2")
        and "box" in command("images")
    )
    assert command("exec", "web0", "echo", "hello") == "hello\n"
    assert '"Running": true' in command("inspect", "web0") and "web1" in command(
        "stats", "--no-stream"
    )
    for words in (
        ["system", "check"],
        ["system", "df"],
        ["volume", "ls"],
        ["network", "ls"],
        ["info"],
        ["top", "web0"],
        ["history", "box:1"],
        ["image", "inspect", "box:1"],
        ["diff", "web0"],
        ["port", "web0"],
        ["volume", "inspect", "data0"],
    ):
        command(*words)
    assert os.path.exists(engine.paths.reserve), "what only looks needs no room"
    some = [
        subprocess.Popen(install.command_line(engine) + ["ps", "-q"], stdout=subprocess.PIPE)
        for dummy in range(6)
    ]
    assert [len(one.communicate()[0].split()) for one in some] == [3] * 6, (
        "several at once wait for each other"
    )
    refused = command("create", "--name", "more", "box:1", ok=False)
    assert (
        refused.returncode == 1
        and "no space left" in refused.stderr.lower()
        and "Traceback" not in refused.stderr
    )
    assert os.path.exists(engine.paths.reserve), "what takes room does not get the reserve"
    command("kill", "web0")
    command("stop", "web1", "web2")
    waiting.eventually(lambda: set(command("ps", "-q").split()) == set())  # kill does not wait
    for number in range(3):  # btrfs may have no room for how they ended
        found = containers.find(engine, f"web{number}")
        assert containers.status(engine.paths, found["id"])["exit_code"] in (3, 137)
    engine.db.close()
    command("rm", "web0", "web1")
    command("volume", "rm", "unused")
    command("rmi", "spare:1")
    command("container", "prune", "-f")
    command("builder", "prune", "-f")
    command("system", "prune", "-a", "-f", "--volumes")
    assert (
        command("ps", "-aq") == ""
        and command("images", "-q") == ""
        and os.listdir(engine.paths.containers) == []
    )
    assert engine.db.all("SELECT * FROM operations") == []


def test_force_removes_a_container_that_writes_without_end(full):
    command, engine = full
    command("exec", "-d", "web0", "sh", "-c", "while :; do cat /bin/busybox >> /data/more; done")
    assert set(command("ps", "--format", "{{.Names}}").split()) == {"web0", "web1", "web2"}
    command("rm", "-f", "web0")
    command("volume", "rm", "data0")
    assert set(command("ps", "-a", "--format", "{{.Names}}").split()) == {"web1", "web2", "old"}


def test_the_reserve_is_made_again(full):
    command, engine = full
    disk = os.path.dirname(engine.paths.data)
    os.unlink(os.path.join(disk, "filler"))
    engine.db.spare.give_up()
    subprocess.run(["sync", "-f", disk], check=True)  # btrfs gives room back when it commits
    command("ps")
    assert os.stat(engine.paths.reserve).st_blocks * 512 >= reserve.SIZE


def test_without_a_reserve_what_can_not_be_done_is_said(full):
    """It has been eaten: what looks works still, and what would remove says why it can't."""
    command, engine = full
    engine.db.spare.give_up()
    disk = os.path.dirname(engine.paths.data)
    with (
        contextlib.suppress(OSError),
        open(os.path.join(disk, "filler"), "ab", buffering=0) as file,
    ):
        while file.write(b"x" * 4096):
            pass
    assert "old" in command("ps", "-a")
    refused = command("rm", "old", ok=False)
    assert refused.returncode == 1 and refused.stderr.count("\n") == 1
    assert "no space left" in refused.stderr and "delete 1 MiB of other files" in refused.stderr
    with pytest.raises(NoSpace):
        engine.db.run("DELETE FROM containers")
    assert len(containers.every(engine)) == 4
    engine.db.close()


@pytest.mark.parametrize("what", ["container", "volume", "image", "prune"])
def test_without_a_reserve_what_has_data_can_be_removed(full, what, tmp_path):
    """What is asked to go is the room that its removal takes."""
    command, engine = full
    disk = os.path.dirname(engine.paths.data)
    command("stop", "-t", "0", "web2")
    os.truncate(
        os.path.join(disk, "filler"), os.stat(os.path.join(disk, "filler")).st_size - SIZE // 8
    )
    subprocess.run(["sync", "-f", disk], check=True)
    if what in ("image", "prune"):
        (tmp_path / "root").mkdir()
        (tmp_path / "root" / "big").write_bytes(os.urandom(3 << 20))
        command("import", str(tmp_path / "root"), "big:1")
    else:
        place = "/data/big" if what == "volume" else "/big"
        command("exec", "web0", "dd", "if=/dev/zero", f"of={place}", "bs=1M", "count=4")
    command("stop", "-t", "0", "web0")
    if what == "volume":
        command("rm", "web0")
    engine.db.close()
    engine.db.spare.give_up()
    with filled(disk):
        if what == "container":
            command("rm", "web0")
            assert "web0" not in command("ps", "-a")
        elif what == "image":
            command("rmi", "big:1")
            assert "big" not in command("images")
        elif what == "prune":
            command("image", "prune", "-a", "-f")
            assert set(command("images", "--format", "{{.Repository}}").split()) == {"box"}
        else:
            command("volume", "rm", "data0")
            assert "data0" not in command("volume", "ls")
        command("rm", "-f", "web1", "old")
    assert engine.db.all("SELECT * FROM operations") == []


@pytest.mark.parametrize("disk", ["tmpfs"], indirect=True)
def test_a_full_run_directory(disk, rootfs, scratch):
    """Locks and sockets take no room there; state and log are elsewhere."""
    at = os.path.join(disk, "run")
    with Engine(scratch[0], at) as engine:
        carry_out(
            images.plan_import(engine, "box:1", rootfs, {"command": ["sleep", "1000"]}), False
        )
        do(engine, name="web")
        words = install.command_line(engine)
        with filled(disk):
            for more in (
                ["ps"],
                ["exec", "web", "true"],
                ["logs", "web"],
                ["system", "check"],
                ["stop", "web"],
                ["rm", "web"],
                ["rmi", "box:1"],
            ):
                done = subprocess.run(
                    words + more, capture_output=True, text=True, timeout=60, check=False
                )
                assert done.returncode == 0, (more, done.stdout, done.stderr)
        assert containers.every(engine) == []


@pytest.fixture(params=["whole", "this mount"])
def read_only(request, disk, scratch, rootfs, tmp_path):
    """``(command, engine, run)`` of a store on a file system that has become read-only.

    As a whole, or in this mount alone: a file system can't be mounted read-only by hand while containers run on it.
    """
    data = os.path.join(disk, "data")
    runs = request.param == "this mount"
    with Engine(data, scratch[1]) as engine:
        carry_out(
            images.plan_import(engine, "box:1", rootfs, {"command": ["sleep", "1000"]}), False
        )
        do(engine, name="web", state="started" if runs else "present", volumes=["data:/data"])
        do(engine, name="old", state="present")
        volumes.create(engine, "unused")
        (tmp_path / "build").mkdir()
        (tmp_path / "build" / "Containerfile").write_text("FROM box:1\nRUN true\n")
        install.ensure(engine)
        words = install.command_line(engine)
    if runs:
        run("mount", "--bind", disk, disk)
        run("mount", "-o", "remount,bind,ro", disk)
    else:
        run("mount", "-o", "remount,ro", disk)

    def command(*more):
        return subprocess.run(
            words + list(more), capture_output=True, text=True, timeout=60, check=False
        )

    try:
        yield command, data, scratch[1], runs, tmp_path
    finally:
        if runs:
            run("umount", disk)
        else:
            run("mount", "-o", "remount,rw", disk)
        with Engine(data, scratch[1]) as engine:
            assert [record["name"] for record in containers.every(engine)] == ["old", "web"]
            assert engine.db.all("SELECT * FROM operations") == []
            for record in containers.every(engine):
                containers.remove(engine, record, force=True)
        from pycontainer.containers.client import zygote_client

        with contextlib.suppress(Exception):
            zygote_client.retire(engine.paths)


@pytest.mark.parametrize("disk", ["ext4"], indirect=True)
def test_a_store_that_is_mounted_read_only(read_only):
    """What looks says the same as ever, what changes something says one sentence, and nothing has been done."""
    command, data, at, runs, tmp_path = read_only
    wrong = []
    for words, said in (
        (["ps", "-a", "--format", "{{.Names}}"], "old\nweb\n"),
        (["images"], "box"),
        (["volume", "ls"], "unused"),
        (["network", "ls"], ""),
        (["inspect", "web"], '"Name": "'),
        (["image", "inspect", "box:1"], "RepoTags"),
        (["history", "box:1"], ""),
        (["system", "df"], ""),
        (["system", "check"], ""),
        (["info"], ""),
        (["diff", "old"], ""),
        (["export", "old", "-o", "/dev/null"], ""),
        (["save", "box:1", "-o", str(tmp_path / "saved")], ""),
        (["cp", "old:/bin/busybox", str(tmp_path / "copied")], ""),
        *(
            (
                (["exec", "web", "echo", "hello"], "hello\n"),
                (["logs", "web"], ""),
                (["top", "web"], "sleep"),
                (["stats", "--no-stream", "web"], "web"),
            )
            if runs
            else ()
        ),
    ):
        done = command(*words)
        if (done.returncode, done.stderr) != (0, "") or said not in done.stdout:
            wrong.append((words, done.returncode, done.stdout, done.stderr))
    assert wrong == []
    for words in (
        ["create", "--name", "more", "box:1"],
        ["run", "--rm", "box:1", "true"],
        ["start", "old"],
        ["restart", "web"],
        ["rm", "-f", "web"],
        ["rm", "old"],
        ["rename", "old", "older"],
        ["update", "--memory", "64m", "web"],
        ["commit", "old", "c:1"],
        ["cp", str(tmp_path / "build"), "old:/x"],
        ["rmi", "-f", "box:1"],
        ["tag", "box:1", "box:2"],
        ["import", str(tmp_path / "saved"), "i:1"],
        ["build", "-t", "b:1", str(tmp_path / "build")],
        ["volume", "create", "more"],
        ["volume", "rm", "unused"],
        ["network", "create", "n"],
        ["container", "prune", "-f"],
        ["volume", "prune", "-a", "-f"],
        ["system", "prune", "-a", "-f"],
        *([["pause", "web"], ["stop", "web"]] if runs else ()),
    ):
        done = command(*words)
        if not (
            done.returncode
            and "mounted read-only" in done.stderr
            and done.stderr.count("Error") == 1
        ):
            wrong.append((words, done.returncode, done.stdout, done.stderr))
    assert wrong == []
    if runs:
        command("kill", "web")
        waiting.eventually(lambda: command("ps", "-q").stdout == "")
    with Engine(data, at) as engine:
        with pytest.raises(ReadOnly, match="mounted read-only"):
            do(engine, name="more")
        assert do(engine, name="old", state="present")["changed"] is False
        assert containers.status(engine.paths, containers.find(engine, "web")["id"])["status"] == (
            "exited" if runs else "created"
        )
