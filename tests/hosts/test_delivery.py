# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images from the controller over SSH: what is sent, what is not sent again, and what becomes of it when something goes wrong."""

from __future__ import annotations

import json
import os
import random

import pytest
from hosts import images_made
from hosts.conftest import fleet_of

SPOOL = "/var/lib/pycontainer/delivery"
WORDS = [word.encode() for word in "layer file host image delta store mount paths state table value print return import class".split()]


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
    base = images_made.tar({"bin/busybox%d" % item: text("base%d" % item, 20000) for item in range(8)})
    tree = {"srv/app/file%d.py" % item: text("%s%s" % (item, number if item in changed else "")) for item in range(files)}
    return [base, images_made.tar(tree, 1700000000 + number)]


@pytest.fixture(scope="module")
def hosts():
    with fleet_of(3, "delivery") as made:
        yield made


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The controller's cache, empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "pycontainer.engine" / "delivery"


def deliver(name, path, **options):
    return {"pycontainer.engine.image": dict({"name": name, "source": "controller", "path": str(path)}, **options)}


def absent(*names):
    return [{"pycontainer.engine.image": {"name": name, "state": "absent"}} for name in names]


def result(played, host="h1"):
    return played.results(host)[-1]


def spooled(fleet, host="h1"):
    return fleet.execute(host, "sh", "-c", "find %s -type f | wc -l" % SPOOL).stdout.strip()


def test_first_a_whole_image_then_the_next_version(play, hosts, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    first = images_made.layout(one, version(1))
    second = images_made.layout(two, version(2, (5, 6, 7)))
    played = play(hosts, [deliver("shop/web:1", one)])
    print(json.dumps({k: v for k, v in result(played).items() if k != "image"}, indent=1))
    assert result(played)["image"]["ManifestDigest"] == first
    again = play(hosts, [deliver("shop/web:1", one)])
    print(again.changed, json.dumps({k: v for k, v in result(again).items() if k != "image"}, indent=1))
    checked = play(hosts, [deliver("shop/web:2", two)], "--check", "--diff")
    print(json.dumps({k: v for k, v in result(checked).items() if k != "image"}, indent=1), checked.output)
    updated = play(hosts, [deliver("shop/web:2", two)])
    print(json.dumps({k: v for k, v in result(updated).items() if k != "image"}, indent=1))
    assert result(updated)["image"]["ManifestDigest"] == second
    print(hosts.execute("h1", "sh", "-c", "find /var/lib/pycontainer -maxdepth 2; find %s; ls -la /root/.ansible/tmp" % SPOOL).stdout)
    print(os.listdir(os.environ["XDG_CACHE_HOME"] + "/pycontainer.engine/delivery"))
