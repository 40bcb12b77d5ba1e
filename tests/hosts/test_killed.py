# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module is killed on its host at random moments; the same task again leads to what was asked for, and nothing is left over.

One playbook with a try after another: bring the host into a known state, the task that is killed, the task again, the task a
second time, what there is on the host. The last must be what a try has that was not killed.
"""

from __future__ import annotations

import json
import random
import threading

import pytest
from hosts import standins
from hosts.conftest import fleet_of

TRIES = 20
SEED = 1
LONGEST = 0.4  # seconds: about what the tasks take

WEB = {"name": "web", "image": "box:1", "volumes": ["data:/data", "/anonymous"], "published_ports": ["8080:80"], "memory": "64m"}
PULLED = "127.0.0.1:5000/box:1"
KINDS = {
    "create": ({"pycontainer.engine.container": {"name": "web", "state": "absent", "keep_volumes": False}}, {"pycontainer.engine.container": WEB}),
    "replace": ({"pycontainer.engine.container": dict(WEB, env={"VERSION": "1"})}, {"pycontainer.engine.container": dict(WEB, env={"VERSION": "2"})}),
    "pull": ({"pycontainer.engine.image": {"name": PULLED, "state": "absent"}}, {"pycontainer.engine.image": {"name": PULLED}}),
}

# On the host: kills, for each number in turn, the module that has it in its environment, after its delay.
KILLER = r"""
import glob, json, os, sys, time
for number, delay in json.loads(sys.argv[1]):
    wanted, found = b"VICTIM=%d\0" % number, None
    while found is None:
        for directory in glob.glob("/proc/[0-9]*"):
            try:
                if wanted in open(directory + "/environ", "rb").read() and b"python" in open(directory + "/cmdline", "rb").read().split(b"\0")[0]:
                    found = int(directory[6:])
                    break
            except OSError:
                pass
        time.sleep(0.002)
    time.sleep(delay)
    try:
        os.kill(found, 9)
        print(number, flush=True)
    except ProcessLookupError:
        pass
"""

# How many there are of all that could be left over.
COUNT = r"""
import collections, glob, json, os, sqlite3, subprocess
store = sqlite3.connect("/var/lib/pycontainer/state.db")
tables = [row[0] for row in store.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")]
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
    with fleet_of(1, "killed") as made:
        standins.prepare(made)
        yield made


@pytest.fixture
def filled(host, play):
    play(host, [
        {"pycontainer.engine.host": {}}, {"pycontainer.engine.registry": {}},
        {"pycontainer.engine.image": {"name": "box:1", "source": "import", "path": standins.ROOT, "config": standins.SERVER}},
        {"ansible.builtin.command": "dd if=/dev/urandom of=%s/var/lib/more bs=1M count=8" % standins.ROOT},
        {"pycontainer.engine.image": {"name": PULLED, "source": "import", "path": standins.ROOT, "push": True}}])
    return host


def one_try(number, kind):
    """The tasks of a try; those of number 0 are not killed."""
    before, task = KINDS[kind]
    return [before, dict(task, environment={"VICTIM": str(number)}, ignore_errors=True), task, task,
            {"ansible.builtin.command": {"argv": ["/usr/bin/python3", "-c", COUNT], "expand_argument_vars": False}}]


def test_killed_at_random_moments(filled, play):
    chance = random.Random(SEED)
    kinds = list(KINDS) + [list(KINDS)[number % len(KINDS)] for number in range(TRIES)]
    delays = [[number, chance.uniform(0, LONGEST)] for number in range(1, TRIES + 1)]
    killed = []
    killer = threading.Thread(target=lambda: killed.append(filled.execute("h1", "/usr/bin/python3", "-c", KILLER, json.dumps(delays), timeout=200).stdout))
    killer.start()
    tasks = [task for position, kind in enumerate(kinds) for task in one_try(max(position - len(KINDS) + 1, 0), kind)]
    results = play(filled, tasks).results("h1")
    killer.join()
    expected, wrong = {}, []
    for position, kind in enumerate(kinds):
        _before, victim, again, second, counted = results[position * 5:position * 5 + 5]
        counts = json.loads(counted["stdout"])
        where = "%s, try %d (%s)" % (kind, position - len(KINDS) + 1, "killed" if victim.get("failed") else "not killed")
        if position < len(KINDS):
            expected[kind] = counts
            assert not victim.get("failed")
        if second["changed"]:
            wrong.append("%s: changed again: %s" % (where, second["actions"]))
        if kind != "pull" and again["container"]["State"]["Status"] != "running":
            wrong.append("%s: %s" % (where, again["container"]["State"]))
        for what, number in counts.items():
            if number != expected[kind][what]:
                wrong.append("%s: %s %s instead of %s" % (where, what, number, expected[kind][what]))
    assert wrong == []
    hits = [number for number in range(1, TRIES + 1) if results[(number + len(KINDS) - 1) * 5 + 1].get("failed")]
    assert len(hits) >= TRIES // 3, (hits, killed)
