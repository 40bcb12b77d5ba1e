# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``events``: what happens to real containers, networks, volumes and images, in dockerd's words and order."""

from __future__ import annotations

import itertools
import json
import os
import random
import select
import signal
import subprocess
import threading
import time

import pytest
from pycontainer.deploy import install
from pycontainer.events import journal, journal_reader

RUN = ("run", "-d", "--network", "none", "--stop-timeout", "0")


def told(docker, *flags):
    """The events so far, as documents."""
    lines = docker("events", "--until", "0s", "--format", "json", *flags).splitlines()
    return [json.loads(line) for line in lines]


def named(events, *attributes):
    return [
        (event["Type"], event["Action"])
        + tuple(event["Actor"]["Attributes"].get(name) for name in attributes)
        for event in events
    ]


class Following:
    """``events`` of the host's command, as it runs."""

    def __init__(self, docker, *flags):
        install.ensure(docker.engine)
        self.found, self.rest = [], b""
        since = f"{time.time():.9f}"  # whenever it comes to listen
        self.process = subprocess.Popen(
            [*install.command_line(docker.engine), "events", "--since", since, *flags],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )

    def lines(self, count, seconds=20):
        """The next lines, as soon as they are there."""
        end = time.monotonic() + seconds
        while len(self.found) < count:
            ready, _, _ = select.select([self.process.stdout], [], [], end - time.monotonic())
            assert ready, f"only {self.found} within {seconds} seconds"
            *whole, self.rest = (self.rest + os.read(self.process.stdout.fileno(), 1 << 16)).split(
                b"\n"
            )
            self.found += [line.decode() for line in whole]
        given, self.found = self.found[:count], self.found[count:]
        return given

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def test_a_life_is_told_with_what_it_had(docker):
    docker("network", "create", "front")
    docker("volume", "create", "v1")
    docker(
        "create", "--name", "web", "-l", "tier=front", "--network", "front",
        "-v", "v1:/srv/data:ro", "--health-cmd", "true", "--health-interval", "1s",
        "--stop-timeout", "0", "box:1",
    )  # fmt: skip
    docker("start", "web")
    docker("exec", "web", "echo", "hi")
    docker("pause", "web")
    docker("unpause", "web")
    docker("rename", "web", "shop")
    docker("update", "--memory", "64m", "--memory-swap", "64m", "shop")
    docker("kill", "-s", "USR1", "shop")
    docker("stop", "shop")
    docker("rm", "shop")
    docker("volume", "rm", "v1")
    docker("network", "rm", "front")
    events = told(docker, "--filter", "event=create", "--filter", "event=start",
                  "--filter", "event=destroy", "--filter", "event=mount", "--filter", "event=unmount",
                  "--filter", "event=connect", "--filter", "event=disconnect", "--filter", "event=die",
                  "--filter", "event=stop", "--filter", "event=kill", "--filter", "event=pause",
                  "--filter", "event=unpause", "--filter", "event=update", "--filter", "event=rename",
                  "--filter", "event=exec_create", "--filter", "event=exec_start",
                  "--filter", "event=exec_die")  # fmt: skip
    assert named(events, "name", "signal", "exitCode") == [
        ("network", "create", "front", None, None),
        ("volume", "create", None, None, None),
        ("container", "create", "web", None, None),
        ("network", "connect", "front", None, None),
        ("volume", "mount", None, None, None),
        ("container", "start", "web", None, None),
        ("container", "exec_create: echo hi", "web", None, None),
        ("container", "exec_start: echo hi", "web", None, None),
        ("container", "exec_die", "web", None, "0"),
        ("container", "pause", "web", None, None),
        ("container", "unpause", "web", None, None),
        ("container", "rename", "shop", None, None),
        ("container", "update", "shop", None, None),
        ("container", "kill", "shop", "10", None),
        ("container", "kill", "shop", "9", None),
        ("container", "die", "shop", None, "137"),
        ("network", "disconnect", "front", None, None),
        ("volume", "unmount", None, None, None),
        ("container", "stop", "shop", None, None),
        ("container", "destroy", "shop", None, None),
        ("volume", "destroy", None, None, None),
        ("network", "destroy", "front", None, None),
    ]
    start = next(event for event in events if event["Action"] == "start")
    attributes = {"image": "box:1", "name": "web", "tier": "front"}
    assert start == {
        "status": "start",
        "id": start["id"],
        "from": "box:1",
        "Type": "container",
        "Action": "start",
        "Actor": {"ID": start["id"], "Attributes": attributes},
        "scope": "local",
        "time": start["timeNano"] // 10**9,
        "timeNano": start["timeNano"],
    }
    assert len(start["id"]) == 64
    mount = next(event for event in events if event["Action"] == "mount")
    assert mount["Actor"] == {
        "ID": "v1",
        "Attributes": {
            "container": start["id"],
            "destination": "/srv/data",
            "driver": "local",
            "propagation": "",
            "read/write": "false",
        },
    }
    connect = next(event for event in events if event["Action"] == "connect")
    network = next(event for event in events if event["Type"] == "network")["Actor"]["ID"]
    assert connect["Actor"]["ID"] == network and len(network) == 64
    renamed = next(event for event in events if event["Action"] == "rename")
    assert renamed["Actor"]["Attributes"]["oldName"] == "/web"


def test_what_happens_without_a_command_is_told_by_the_monitor(docker):
    """Health, an end, a restart by policy, memory that ran out: nobody called for these."""
    with Following(docker, "--format", "{{.Action}} {{.Actor.Attributes.exitCode}}",
                   "--filter", "type=container", "--filter", "event=die", "--filter", "event=start",
                   "--filter", "event=oom", "--filter", "event=health_status") as following:  # fmt: skip
        docker(*RUN, "--name", "sick", "--health-cmd", "test -f /tmp/ok", "--health-interval", "1s",
               "--health-retries", "1", "box:1", "sh", "-c", "sleep 1.5; touch /tmp/ok; sleep 100")  # fmt: skip
        assert following.lines(3) == [
            "start <no value>",
            "health_status: unhealthy <no value>",
            "health_status: healthy <no value>",
        ]
        docker(*RUN, "--name", "crash", "--restart", "on-failure:1", "box:1", "sh", "-c", "exit 3")
        assert following.lines(4) == ["start <no value>", "die 3", "start <no value>", "die 3"]
        docker(*RUN, "--name", "big", "-m", "8m", "--memory-swap", "8m", "box:1",
               "sh", "-c", "a=xxxxxxxxxxxxxxxx; while true; do a=$a$a; done")  # fmt: skip
        assert following.lines(3) == ["start <no value>", "oom <no value>", "die 137"]


def test_a_follower_sleeps_until_something_happens_and_ends_with_its_reader(docker):
    with Following(docker, "--filter", "event=tag") as following:
        docker("tag", "box:1", "box:2")
        (line,) = following.lines(1)
        assert " image tag sha256:" in line and line.endswith(" (name=box:2)")
        pid = following.process.pid
        ticks = os.sysconf("SC_CLK_TCK")

        def used():
            with open(f"/proc/{pid}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / ticks

        before = used()
        time.sleep(1)
        assert used() - before <= 0.01  # it waits in the kernel
        docker("tag", "box:1", "box:3")
        assert following.lines(1)[0].endswith(" (name=box:3)")  # and is woken
        following.process.stdout.close()
        assert following.process.wait(10) == 0
        following.process.stdout = open(os.devnull)


def test_a_second_run_and_a_look_write_nothing(docker):
    docker(*RUN, "--name", "web", "box:1")
    before = told(docker)
    for words in (["start", "web"], ["ps", "-a"], ["inspect", "web"], ["logs", "web"],
                  ["volume", "ls"], ["tag", "box:1", "box:1"]):  # fmt: skip
        assert not docker.task(*words)["changed"]
    docker.task("stop", "web", check=True)
    docker.task("rm", "-f", "web", check=True)
    assert told(docker) == before


def test_images_are_told_of(docker, tmp_path):
    docker("tag", "box:1", "box:2")
    docker("rmi", "box:2")
    docker("save", "-o", str(tmp_path / "box.tar"), "box:1")
    docker("rmi", "box:1")
    docker("load", "-i", str(tmp_path / "box.tar"))
    (tmp_path / "Containerfile").write_text("FROM box:1\nLABEL a=b\n")
    docker("build", "-t", "built:1", str(tmp_path))
    docker("image", "prune", "-a", "-f")
    events = [event for event in told(docker) if event["Type"] == "image"]
    shown = [
        (event["Action"], event["Actor"]["Attributes"].get("name", "")[:7]) for event in events
    ]
    assert shown[:10] == [
        ("tag", "box:1"),
        ("import", "sha256:"),
        ("tag", "box:2"),
        ("untag", "box:2"),
        ("save", "box:1"),
        ("untag", "box:1"),
        ("delete", "sha256:"),
        ("load", "box:1"),
        ("tag", "built:1"),
        ("build", "built:1"),
    ]
    assert shown[-1] == ("prune", "") and ("delete", "sha256:") in shown[10:]
    assert events[9]["Actor"]["Attributes"] == {"a": "b", "name": "built:1"}


def test_copies_commits_and_exports_are_told_of(docker, tmp_path):
    docker("create", "--name", "web", "--network", "none", "box:1")
    (tmp_path / "file").write_text("x")
    docker("cp", str(tmp_path / "file"), "web:/srv/x")
    docker("cp", "web:/srv/x", str(tmp_path / "back"))
    docker("commit", "-m", "why", "web", "committed:1")
    docker("export", "-o", str(tmp_path / "web.tar"), "web")
    events = told(docker, "--filter", "container=web")
    assert [event["Action"] for event in events] == [
        "create", "extract-to-dir", "archive-path", "commit", "export",
    ]  # fmt: skip
    assert events[3]["Actor"]["Attributes"]["imageRef"] == "committed:1"
    assert events[3]["Actor"]["Attributes"]["comment"] == "why"


def test_a_replaced_container_is_told_of_by_its_name(docker):
    from pycontainer import containers

    docker(*RUN, "--name", "web", "box:1")
    first = containers.find(docker.engine, "web")["id"]
    plan = containers.plan(
        docker.engine, {"name": "web", "state": "started", "env": {"A": "b"}, "image": "box:1"}
    )
    plan.apply()
    second = containers.find(docker.engine, "web")["id"]
    events = told(docker, "--filter", "container=web")
    assert {event["Actor"]["Attributes"]["name"] for event in events} == {"web"}
    assert [(event["Action"], event["id"]) for event in events][2:] == [
        ("create", second),
        ("kill", first),
        ("die", first),
        ("stop", first),
        ("start", second),
        ("destroy", first),
    ]


@pytest.mark.parametrize(
    "flags, part",
    [
        (
            ["--filter", "colour=red"],
            "--filter: 'colour' is not valid; accepted: config, container",
        ),
        (["--filter", "type=ship"], "--filter type: 'ship' is not valid"),
        (["--filter", "image"], "accepted is name=value"),
        (["--since", "soon"], "--since takes a time"),
        (["--format", "{{.Colour}}"], "there is no .Colour here"),
        ([], "needs a terminal of its own, which a task has not; give --until 0s"),
    ],
)
def test_what_can_not_be_is_one_sentence(docker, flags, part):
    rest = [] if not flags else ["--until", "0s"]
    result = docker.task("events", *flags, *rest)
    assert result["rc"] == 125 or result["rc"] == 1
    assert part in result["stderr"] and len(result["stderr"].splitlines()) == 1


def test_hostile_labels_make_no_lines(docker):
    docker("create", "--name", "web", "--network", "none", "-l", "a=\x1b[2J\nfake", "box:1")
    line = docker("events", "--until", "0s", "--filter", "container=web")
    assert "\x1b" not in line and len(line.splitlines()) == 1 and "\\x1b[2J\\nfake" in line
    shown = docker("events", "--until", "0s", "--filter", "container=web", "--format",
                   "{{.Actor.Attributes.a}}")  # fmt: skip
    assert "\x1b" not in shown and len(shown.splitlines()) == 1
    (event,) = told(docker, "--filter", "container=web")
    assert event["Actor"]["Attributes"]["a"] == "\x1b[2J\nfake"


def plain(event):
    """An event without what differs from run to run, and from release to release of dockerd."""
    attributes = dict(event["Actor"]["Attributes"])
    for key, value in attributes.items():
        if len(value.rpartition(":")[2]) == 64:
            attributes[key] = "id"
    attributes.pop("execDuration", None)  # from 23.0 on
    return event["Type"], event["Action"], attributes


def test_dockerd_says_the_same(docker, docker_daemon, rootfs, tmp_path):
    """The same commands here and there: types, actions and attributes, but for ids and what is said of health checks."""
    script = [
        ("volume", "create", "v1"),
        ("create", "--name", "web", "-l", "tier=front", "--network", "none", "-v", "v1:/data",
         "--stop-timeout", "0", "box:1", "sleep", "100"),
        ("start", "web"),
        ("exec", "web", "echo", "hi"),
        ("pause", "web"),
        ("unpause", "web"),
        ("rename", "web", "web2"),
        ("kill", "-s", "USR1", "web2"),
        ("stop", "-t", "1", "web2"),
        ("commit", "web2", "committed:1"),
        ("rm", "web2"),
        ("run", "--rm", "--name", "once", "--network", "none", "box:1", "sh", "-c", "exit 0"),
        ("volume", "rm", "v1"),
    ]  # fmt: skip
    subprocess.run(["tar", "-C", rootfs, "-cf", str(tmp_path / "root.tar"), "."], check=True)
    docker_daemon("import", str(tmp_path / "root.tar"), "box:1")
    for words in script:
        docker_daemon(*words)
        docker(*words)
    chosen = ("--filter", "type=container", "--filter", "type=volume")
    theirs = [
        json.loads(line)
        for line in docker_daemon(
            "events",
            "--since",
            "1h",
            "--until",
            f"{time.time() + 1:.3f}",
            "--format",
            "{{json .}}",
            *chosen,
        ).splitlines()
    ]
    ours = told(docker, *chosen)
    again = ("volume", "create", {"driver": "local"})  # dockerd says it of one that is there, too
    shown = [plain(event) for event in theirs]
    assert shown.pop(1) == again
    assert [plain(event) for event in ours] == shown
    assert list(ours[1]) == list(theirs[2])  # the same keys in the same order


def test_the_journal_is_bounded_and_a_follower_misses_nothing(docker, monkeypatch):
    monkeypatch.setattr(journal, "LIMIT", 200_000)  # all of it is less than two files
    paths = docker.engine.paths
    seen, enough = [], threading.Event()

    def follow():
        for event in journal_reader.follow(paths):
            if event["Type"] == "test":
                seen.append(int(event["Actor"]["ID"]))
            if len(seen) == 2000:
                enough.set()
                return

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    time.sleep(0.2)
    writers = []
    for first in range(4):
        pid = os.fork()
        if not pid:
            for number in range(first, 2000, 4):
                journal.write(paths, ("test", "a", str(number), {"x": "y" * 50}))
            os._exit(0)
        writers.append(pid)
    for pid in writers:
        os.waitpid(pid, 0)
    assert enough.wait(60), f"{len(seen)} of 2000"
    assert sorted(seen) == list(range(2000))
    sizes = [os.stat(os.path.join(paths.events, name)).st_size for name in os.listdir(paths.events)]
    # Writers take no lock: each may be one record beyond it.
    assert len(sizes) == 2 and max(sizes) <= 200_000 + 4 * 200


def test_a_record_that_was_cut_off_costs_no_other(docker):
    paths = docker.engine.paths
    with open(os.path.join(paths.events, journal.NAME), "ab") as file:
        file.write(b'\x1e{"Type":"test","Acti')
    journal.write(paths, ("test", "whole", "1", {}))
    assert [event["Action"] for event in told(docker, "--filter", "scope=local")][-1] == "whole"


def test_who_changed_what_is_kept_in_bounds(docker, monkeypatch):
    from pycontainer.containers import task
    from pycontainer.events import change_history

    docker.engine.who = {"controller": "build7", "controller_user": "ann", "task": "Run\x1b[2J it"}
    docker("create", "--name", "web", "--network", "none", "box:1")
    docker("rename", "web", "shop")
    docker("start", "shop")
    docker("start", "shop")  # changes nothing
    docker("rm", "-f", "shop")
    found = task.container_info(docker.engine, {"name": ["shop"], "history": True})
    assert not found["exists"]
    assert [entry["actions"] for entry in found["history"]] == [
        ["remove container shop"],
        ["start container shop"],
        ["rename container web to shop"],
        ["create container web"],
    ]
    by = found["history"][0]["by"]
    assert by == {
        "controller": "build7",
        "controller_user": "ann",
        "task": "Run\\x1b[2J it",
        "command": "rm",
        "user": by["user"],
    }
    shown = docker("system", "history", "shop", "-n", "1").splitlines()
    assert len(shown) == 2 and "ann@build7" in shown[1] and "remove container shop" in shown[1]
    (entry,) = docker("system", "history", "shop", "-n", "1", "--format", "json").splitlines()
    assert json.loads(entry)["what"] == "container shop"
    monkeypatch.setattr(change_history, "EACH", 5)
    monkeypatch.setattr(change_history, "ALL", 12)
    for number in range(9):
        change_history.note(docker.engine, [("container a", [f"do {number}"], "")])
        change_history.note(docker.engine, [(f"volume {number}", ["x" * 10000] * 500, "y" * 9999)])
    rows = change_history.read(docker.engine)
    assert len(rows) == 12
    assert [row["actions"] for row in rows if row["what"] == "container a"] == [
        [f"do {number}"] for number in (8, 7, 6, 5, 4)
    ]
    row = docker.engine.db.one("SELECT max(length(detail)) AS size FROM history")
    assert row["size"] < 2 * change_history.ROOM


def test_what_failed_is_kept_with_its_reason(docker):
    docker("create", "--name", "web", "--network", "none", "box:1", "nosuch")
    assert docker.task("start", "web")["failed"]
    (entry, _created) = docker("system", "history", "web", "--format", "json").splitlines()
    assert "not found" in json.loads(entry)["error"]
    assert "(failed)" in docker("system", "history", "web")


def test_a_full_disk_stops_no_change_for_its_record(docker, monkeypatch):
    """Neither an event nor who did it: both are written when the change is done."""
    from pycontainer.errors import NoSpace
    from pycontainer.events import change_history

    docker("create", "--name", "web", "--network", "none", "box:1")
    events, rows = told(docker), change_history.read(docker.engine)

    def full(*_arguments):
        raise OSError(28, "No space left on device")

    really = docker.engine.db.transaction

    def no_room(durable=True):
        if not durable:
            raise NoSpace("no space left")
        return really(durable)

    monkeypatch.setattr(journal, "_open", full)
    monkeypatch.setattr(docker.engine.db, "transaction", no_room)
    assert docker.task("rm", "web")["changed"]
    monkeypatch.undo()
    assert told(docker) == events and change_history.read(docker.engine) == rows


def test_killed_writers_leave_whole_records(docker):
    """kill -9 at random moments: what is read is whole, and the next ones are written."""
    from pycontainer.engine import Engine
    from pycontainer.events import change_history

    paths, dice = docker.engine.paths, random.Random(7)

    def write_for_ever():
        with Engine(paths.data, paths.run) as engine:
            for number in itertools.count():
                journal.write(paths, ("test", "written", str(number), {"x": "y" * 300}))
                change_history.note(engine, [("container victim", [f"do {number}"], "")])

    docker.engine.db.close()  # else it could not be used in the children
    for _round in range(12):
        pid = os.fork()
        if not pid:
            try:
                write_for_ever()
            finally:
                os._exit(1)
        time.sleep(0.1 + dice.random() / 10)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    written = [event for event in journal_reader.read(paths) if event["Type"] == "test"]
    assert len(written) > 100 and {event["Actor"]["Attributes"]["x"] for event in written} == {
        "y" * 300
    }
    rows = change_history.read(docker.engine, ["container victim"])
    assert len(rows) == change_history.EACH
    assert docker.engine.db.one("PRAGMA integrity_check") == {"integrity_check": "ok"}
    change_history.note(docker.engine, [("container victim", ["do one more"], "")])
    assert change_history.read(docker.engine)[0]["actions"] == ["do one more"]


def test_on_a_disk_that_is_really_full_an_event_is_lost_and_nothing_else(tmp_path):
    from pycontainer.store.paths import Paths

    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(place)], check=True)
    try:
        paths = Paths(str(place), str(tmp_path / "run"))
        for number in range(1000):
            journal.write(paths, ("test", "written", str(number), {"x": "y" * 300}))
        kept = list(journal_reader.read(paths))
        assert 100 < len(kept) < 200  # the last of them may be half there, and is left out
        (place / "events" / journal.NAME).rename(place / "events" / journal.OLDER)
        os.truncate(place / "events" / journal.OLDER, 20_001)
        journal.write(paths, ("test", "again", "1", {}))
        found = list(journal_reader.read(paths))
        assert found[-1]["Action"] == "again" and found[:-1] == kept[: len(found) - 1]
    finally:
        subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("text", ["²", "9" * 400, "1.²", "12345678901234567890"])
def test_a_moment_that_is_none_is_told(docker, text):
    done = docker.task("events", "--since", text, "--until", "0s")
    assert done["rc"] in (1, 125) and "flag --since takes a time" in done["stderr"], done
