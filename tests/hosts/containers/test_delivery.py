# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images from the controller over SSH: what is sent, what is not sent again, and what becomes of it when something goes wrong."""

from __future__ import annotations

import collections
import glob
import json
import os
import random
import subprocess
import threading
import time

import pytest
from hosts.conftest import fleet_of
from support.fleet import images_made

COUNT = """
import os, sqlite3
store = sqlite3.connect("/var/lib/pycontainer/state.db")
print(store.execute("SELECT count(*) FROM images").fetchone()[0], len(os.listdir("/var/lib/pycontainer/layers")))
"""
ANN = """
id ann 2> /dev/null && exit
useradd --create-home --password '*' --shell /bin/sh ann
mkdir /home/ann/.ssh && cp /root/.ssh/authorized_keys /home/ann/.ssh/ && chown -R ann /home/ann/.ssh
echo 'ann ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/ann
"""
SPOOL = "/var/lib/pycontainer/delivery"
WORDS = [
    word.encode()
    for word in "layer file host image delta store mount paths state table value print return import class".split()
]


def text(seed, size=4000):
    """Something like source text: it becomes smaller, and no two are alike."""
    chance = random.Random(seed)
    words = []
    while size > 0:
        words.append(chance.choice(WORDS) + b"%d" % chance.randrange(1000))
        size -= len(words[-1]) + 1
    return b" ".join(words)


def version(number, changed=(), files=300):
    """Two layers: one that stays, one with ``files`` that was built again at another time, where ``changed`` are not as before."""
    base = images_made.tar(
        {"bin/busybox%d" % item: text("base%d" % item, 20000) for item in range(8)}
    )
    tree = {
        "srv/app/file%d.py" % item: text(f"{item}/{number if item in changed else ''}")
        for item in range(files)
    }
    return [base, images_made.tar(tree, 1700000000 + number)]


@pytest.fixture(scope="module")
def hosts():
    with fleet_of(3, "delivery", engine=True) as made:
        yield made


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The controller's cache, empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "pycontainer.engine" / "delivery"


def deliver(name, path, **options):
    return {
        "pycontainer.engine.image": dict(
            {"name": name, "source": "controller", "path": str(path)}, **options
        )
    }


def absent(*names):
    return [{"pycontainer.engine.image": {"name": name, "state": "absent"}} for name in names]


def result(played, host="h1"):
    return played.results(host)[-1]


def parts(fleet, host):
    """Paths of what has arrived for deliveries on a host, as seen from here."""
    return glob.glob(f"{fleet.directory}/{host}/data{SPOOL}/*/{'[0-9a-f]' * 64}")


def left(fleet, host="h1"):
    """What a delivery has left behind on a host."""
    return fleet.execute(
        host,
        "sh",
        "-c",
        f"ls -A {SPOOL} /var/lib/pycontainer/tmp /root/.ansible/tmp /home/ann/.ansible/tmp 2> "
        "/dev/null | grep -v -e : -e '^$'",
    ).stdout.split()


def stored(fleet, host="h1"):
    """How many images and layers a host has."""
    return fleet.execute(host, "/usr/bin/python3", "-c", COUNT).stdout.strip()


def test_a_whole_image_then_what_the_next_version_has_anew(play, hosts, tmp_path, cache):
    """On three hosts at once, of which one has nothing yet: each gets what it lacks."""
    one, two = tmp_path / "one", tmp_path / "two"
    first, second = (
        images_made.layout(one, version(1)),
        images_made.layout(two, version(2, (5, 6, 7))),
    )
    played = play(hosts, [deliver("shop/web:1", one)], "--limit", "h1,h2")
    for host in ("h1", "h2"):
        assert (
            result(played, host)["changed"]
            and result(played, host)["image"]["ManifestDigest"] == first
        )
        assert result(played, host)["delivery"]["layers"] == 2
    again = play(hosts, [deliver("shop/web:1", one)], "--limit", "h1,h2")
    assert again.changed == {"h1": 0, "h2": 0} and result(again)["delivery"]["bytes_sent"] == 0
    updated = play(hosts, [deliver("shop/web:2", two)])
    for host, expected in (("h1", (0, 1, 3)), ("h2", (0, 1, 3)), ("h3", (2, 0, 0))):
        told = result(updated, host)["delivery"]
        assert (told["layers"], told["rebuilt"], told["files"]) == expected
        assert (
            result(updated, host)["image"]["ManifestDigest"] == second and left(hosts, host) == []
        )
    told = result(updated)["delivery"]
    assert (
        told["bytes_sent"] < told["bytes_total"] / 10
        and result(updated, "h3")["delivery"]["bytes_sent"] > told["bytes_total"]
    )
    made = collections.Counter(name.split("-")[0] for name in os.listdir(cache))
    assert made == {
        "checked": 4,
        "pack": 1,
        "recipe": 1,
        "lock": 6,
        "sweep": 1,
    }  # made once for all: each layer of both is checked, each with a lock
    inside = play(
        hosts,
        [
            {
                "pycontainer.engine.container": {
                    "name": "made",
                    "image": "shop/web:2",
                    "state": "present",
                }
            }
        ],
        "--limit",
        "h1",
    )
    assert inside.changed == {"h1": 1}
    play(
        hosts,
        [
            {"pycontainer.engine.container": {"name": "made", "state": "absent"}},
            *absent("shop/web:1", "shop/web:2"),
        ],
    )


def test_check_mode_says_what_would_be_sent_and_stores_nothing(play, hosts, tmp_path):
    one = tmp_path / "one.tar"
    images_made.docker_archive(one, version(1))
    fresh = play(hosts, [deliver("web:1", one)], "--check", "--diff", "--limit", "h1")
    assert (
        fresh.changed == {"h1": 1}
        and "layers sent whole: 2" in fresh.output
        and stored(hosts) == "0 0"
        and left(hosts) == []
    )
    done = play(hosts, [deliver("web:1", one)], "--limit", "h1")
    assert (
        result(done)["delivery"] == result(fresh)["delivery"]
        and result(done)["image"]["Id"] == result(fresh)["image"]["Id"]
    )
    play(hosts, absent("web:1"), "--limit", "h1")


def test_check_mode_on_a_host_without_the_engine(play, hosts, tmp_path):
    images_made.layout(tmp_path / "one", version(1, files=3))
    hosts.execute("h3", "sh", "-c", "rm -rf /var/lib/pycontainer/*")
    checked = play(hosts, [deliver("web:1", tmp_path / "one")], "--check", "--limit", "h3")
    assert checked.changed == {"h3": 1} and result(checked, "h3")["delivery"]["layers"] == 2
    assert (
        hosts.execute("h3", "ls", "-A", "/var/lib/pycontainer").stdout == ""
        and left(hosts, "h3") == []
    )


@pytest.mark.parametrize("pipelining", ["true", "false"])
def test_as_another_user_who_becomes_root(play, hosts, tmp_path, pipelining):
    assert hosts.execute("h1", "sh", "-ec", ANN).returncode == 0
    options = (
        "--limit",
        "h1",
        "-e",
        json.dumps(
            {"ansible_user": "ann", "ansible_become": True, "ansible_ssh_pipelining": pipelining}
        ),
    )
    one, two = tmp_path / "one", tmp_path / "two"
    images_made.layout(one, version(1))
    second = images_made.layout(two, version(2, (5,)))
    played = play(
        hosts, [deliver("web:1", one), deliver("web:2", two), deliver("web:2", two)], *options
    )
    assert [outcome["changed"] for outcome in played.results("h1")] == [True, True, False]
    assert (
        played.results("h1")[1]["delivery"]["files"] == 1
        and result(played)["image"]["ManifestDigest"] == second
    )
    assert left(hosts) == []
    play(hosts, absent("web:1", "web:2"), *options)


def broken(play, fleet, host, task):
    """Deliver, and pull the host's cable when the first part has arrived: what the play says."""
    outcome = []
    thread = threading.Thread(
        target=lambda: outcome.append(play(fleet, [task], "--limit", host, may_fail=True))
    )
    thread.start()
    end = time.monotonic() + 120
    while not parts(fleet, host) and thread.is_alive() and time.monotonic() < end:
        time.sleep(0.005)
    subprocess.run(
        ["nsenter", f"--net={fleet.fabric}", "ip", "link", "set", "v" + host[1:], "down"],
        check=True,
    )
    thread.join()
    subprocess.run(
        ["nsenter", f"--net={fleet.fabric}", "ip", "link", "set", "v" + host[1:], "up"], check=True
    )
    return outcome[0]


@pytest.fixture
def large(tmp_path):
    """A layout whose image travels in eight parts. What it consists of does not become smaller."""
    path = tmp_path / "large"
    images_made.layout(
        path, [images_made.tar({"data": os.urandom(125 << 20)})], compress=lambda data: data
    )
    return path


def test_a_broken_connection_and_then_the_rest(play, hosts, large):
    host = "h2"
    play(hosts, [{"pycontainer.engine.host": {}}], "--limit", host)
    played = broken(play, hosts, host, deliver("large:1", large))
    assert played.hosts[host]["unreachable"] == 1, played.output
    there = len(parts(hosts, host))
    assert 1 <= there < 8 and stored(hosts, host) == "0 0"
    rest = result(play(hosts, [deliver("large:1", large)], "--limit", host), host)
    assert (
        rest["changed"]
        and rest["delivery"]["bytes_sent"]
        < rest["delivery"]["bytes_total"] - there * (16 << 20) + 10000
    )
    assert left(hosts, host) == [] and stored(hosts, host) == "1 1"
    play(hosts, absent("large:1"), "--limit", host)


def test_a_part_that_was_damaged_and_a_delivery_that_nobody_ends(play, hosts, large):
    host = "h2"
    broken(play, hosts, host, deliver("large:1", large))
    with open(parts(hosts, host)[0], "r+b") as file:
        file.write(b"damage")
    assert result(play(hosts, [deliver("large:1", large)], "--limit", host), host)["changed"]
    assert left(hosts, host) == [] and stored(hosts, host) == "1 1"
    play(hosts, absent("large:1"), "--limit", host)
    broken(play, hosts, host, deliver("large:1", large))
    assert parts(hosts, host)
    hosts.execute(host, "sh", "-c", f"touch -d '2 days ago' {SPOOL}/*")
    play(
        hosts, [{"pycontainer.engine.volume": {"name": "any", "state": "absent"}}], "--limit", host
    )
    assert left(hosts, host) == []


def test_a_disk_that_is_too_small(play, hosts, tmp_path, large):
    host = "h3"
    hosts.execute(host, "mount", "-t", "tmpfs", "-o", "size=100m", "tmpfs", "/var/lib/pycontainer")
    try:
        bomb = tmp_path / "bomb"
        images_made.layout(bomb, [images_made.tar({"zeros": bytes(300 << 20)})])
        for path, words in (
            (large, "it needs at least"),
            (bomb, "no space left in /var/lib/pycontainer"),
        ):
            failed = play(hosts, [deliver("large:1", path)], "--limit", host, may_fail=True)
            assert "no space left" in failed.errors[host][0] and words in failed.errors[host][0]
            assert left(hosts, host) == [] and stored(hosts, host) == "0 0"
        images_made.layout(tmp_path / "one", version(1, files=3))
        assert play(hosts, [deliver("web:1", tmp_path / "one")], "--limit", host).changed == {
            host: 1
        }
    finally:
        hosts.execute(host, "umount", "/var/lib/pycontainer")


def test_what_can_t_be_done_is_said(play, hosts, tmp_path):
    one = tmp_path / "one"
    images_made.layout(one, version(1, files=3))
    (tmp_path / "junk").write_bytes(b"junk" * 1000)
    cases = [
        (deliver("web:1", tmp_path / "none"), "Could not find or access"),
        (deliver("web:1", tmp_path / "junk"), "is not a tar archive"),
        (deliver("Web:1", one), "name: 'Web:1' is not valid"),
        ({"pycontainer.engine.image": {"source": "controller", "path": str(one)}}, "name: missing"),
        ({"pycontainer.engine.image": {"source": "controller", "name": "web:1"}}, "path: missing"),
        (
            dict(deliver("web:1", one), **{"async": 60, "poll": 1}),
            "does not go together with async",
        ),
        (deliver("web:1", one, delta="perhaps"), "delta"),
    ]
    tasks = [dict(task, ignore_errors=True) for task, _words in cases]
    played = play(hosts, tasks, "--limit", "h1")
    for outcome, (_task, words) in zip(played.results("h1"), cases):
        assert outcome["failed"] and words in outcome["msg"], outcome
    assert stored(hosts) == "0 0" and left(hosts) == []
