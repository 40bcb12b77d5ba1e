# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module is killed on its host at random moments; the same task again leads to what was asked for, and nothing is left over.

One playbook with a try after another: bring the host into a known state, the task that is killed, the task again, the task a
second time, what there is on the host. The last must be what a try has that was not killed. The first try of each kind is not
killed: it also tells how long the task takes, and the moments of the others are spread over that time.
"""

from __future__ import annotations

import json
import random
import threading

import pytest
from hosts.conftest import fleet_of
from support.fleet import standins
from support.scale import scaled

TRIES = scaled(4)  # of each kind
SEED = 1

WEB = {
    "name": "web",
    "image": "box:1",
    "volumes": ["data:/data", "/anonymous"],
    "published_ports": ["8080:80"],
    "memory": "64m",
}
PULLED = "127.0.0.1:5000/box:1"
KINDS = {
    "create": (
        {"pycontainer.engine.container": {"name": "web", "state": "absent", "keep_volumes": False}},
        {"pycontainer.engine.container": WEB},
    ),
    "replace": (
        {"pycontainer.engine.container": dict(WEB, env={"VERSION": "1"})},
        {"pycontainer.engine.container": dict(WEB, env={"VERSION": "2"})},
    ),
    "pull": (
        {"pycontainer.engine.image": {"name": PULLED, "state": "absent"}},
        {"pycontainer.engine.image": {"name": PULLED}},
    ),
}

# On the host: for each number in turn, finds the module that has it in its environment, and kills it after a part of the time
# that the task of that kind takes; without a part, it waits for the module's end and so learns that time.
KILLER = r"""
import glob, json, os, sys, time
lengths = {}
for number, kind, part in json.loads(sys.argv[1]):
    found, latest = None, number
    while found is None and latest == number:  # one that was too quick to be seen is left out when the next is there
        for directory in glob.glob("/proc/[0-9]*"):
            try:
                words = open(directory + "/environ", "rb").read().split(b"\0")
                victim = max((int(word[7:]) for word in words if word.startswith(b"VICTIM=")), default=-1)
                if victim >= number and b"python" in open(directory + "/cmdline", "rb").read().split(b"\0")[0]:
                    latest, found = victim, int(directory[6:]) if victim == number else None
                    break
            except OSError:
                pass
        time.sleep(0.002)
    if found is None:
        continue
    began = time.monotonic()
    if part is None:
        while os.path.exists("/proc/%d" % found):
            time.sleep(0.002)
        lengths[kind] = time.monotonic() - began
        continue
    time.sleep(part * lengths.get(kind, 0.5))
    try:
        os.kill(found, 9)
    except ProcessLookupError:
        pass
"""

# How many there are of all that could be left over.
COUNT = r"""
import collections, glob, json, os, sqlite3, subprocess
store = sqlite3.connect("/var/lib/pycontainer/state.db")
tables = [row[0] for row in store.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name <> 'history'")]
rules = subprocess.run(["nft", "list", "ruleset"], stdout=subprocess.PIPE).stdout.splitlines()
print(json.dumps({
    "rows": {table: store.execute("SELECT count(*) FROM " + table).fetchone()[0] for table in tables},
    "files": {top: len(os.listdir(top)) for top in sorted(glob.glob("/var/lib/pycontainer/*") + glob.glob("/var/lib/pycontainer/blobs/*") +
                                                          ["/run/pycontainer/containers"]) if os.path.isdir(top)},
    "mounts": len(open("/proc/self/mountinfo").readlines()), "links": len(os.listdir("/sys/class/net")), "rules": len(rules),
    "groups": sum("pycontainer" in path and not path.endswith("/engine") for path, _names, _files in os.walk("/sys/fs/cgroup"))}))
"""


@pytest.fixture(scope="module")
def host():
    with fleet_of(1, "killed", engine=True) as made:
        standins.prepare(made)
        yield made


@pytest.fixture
def filled(host, play):
    play(
        host,
        [
            {"pycontainer.engine.host": {}},
            {"pycontainer.engine.registry": {}},
            {
                "pycontainer.engine.image": {
                    "name": "box:1",
                    "source": "import",
                    "path": standins.ROOT,
                    "config": standins.SERVER,
                }
            },
            {
                "ansible.builtin.command": f"dd if=/dev/urandom of={standins.ROOT}/var/lib/more bs=1M count=8"
            },
            {
                "pycontainer.engine.image": {
                    "name": PULLED,
                    "source": "import",
                    "path": standins.ROOT,
                    "push": True,
                }
            },
        ],
    )
    return host


def one_try(number, kind):
    before, task = KINDS[kind]
    return [
        before,
        dict(task, environment={"VICTIM": str(number)}, ignore_errors=True),
        task,
        task,
        {
            "ansible.builtin.command": {
                "argv": ["/usr/bin/python3", "-c", COUNT],
                "expand_argument_vars": False,
            }
        },
    ]


def test_killed_at_random_moments(filled, play):
    chance = random.Random(SEED)
    parts = [[None] * len(KINDS)] + [
        [(place + chance.random()) / TRIES for dummy in KINDS] for place in range(TRIES)
    ]
    tries = [
        (number, kind, part)
        for number, (kind, part) in enumerate(pair for row in parts for pair in zip(KINDS, row))
    ]
    killer = threading.Thread(
        target=lambda: filled.execute(
            "h1", "/usr/bin/python3", "-c", KILLER, json.dumps(tries), timeout=250
        )
    )
    killer.start()
    results = play(
        filled, [task for number, kind, _part in tries for task in one_try(number, kind)]
    ).results("h1")
    killer.join()
    expected, wrong, hits = {}, [], []
    for number, kind, part in tries:
        _before, victim, again, second, counted = results[number * 5 : number * 5 + 5]
        counts = json.loads(counted["stdout"])
        if part is None:
            expected[kind] = counts
            assert not victim.get("failed")
        elif victim.get("failed"):
            hits.append(number)
        where = "%s, %s" % (
            kind,
            "killed after %d %% of its time" % (100 * part) if number in hits else "not killed",
        )
        if second["changed"]:
            wrong.append(f"{where}: changed again: {second['actions']}")
        if kind != "pull" and again["container"]["State"]["Status"] != "running":
            wrong.append(f"{where}: {again['container']['State']}")
        for what, found in counts.items():
            if found != expected[kind][what]:
                wrong.append(f"{where}: {what} {found} instead of {expected[kind][what]}")
    assert wrong == [], "\n".join(wrong)
    assert len(hits) >= len(KINDS) * TRIES // 2, hits
