# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two tasks at once over the same containers, and commands that look beside them: they end as one after the other would, and nothing is lost.

PYCONTAINER_TEST_SCALE says how many rounds; the suite takes a few.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys

import pytest
from pycontainer import containers
from pycontainer.deploy import install
from pycontainer.store import database
from support.scale import scaled

PACKAGE = os.path.dirname(os.path.dirname(database.__file__))

# What a module does with its arguments, for each line of standard input; the answers are lines, too. Ready with the first word, so that two begin together.
TASKS = """
import importlib.util, json, os, sys
spec = importlib.util.spec_from_file_location("pycontainer", sys.argv[1] + "/__init__.py", submodule_search_locations=[sys.argv[1]])
sys.modules["pycontainer"] = package = importlib.util.module_from_spec(spec)
spec.loader.exec_module(package)
from pycontainer import errors, nouns
from pycontainer.containers import task
from pycontainer.engine import Engine
from pycontainer.deploy import daemon
from pycontainer.reconcile import Plan, carry_out
daemon.booted_by_systemd = lambda: False  # systemd would start the zygote in the machine's own network
print("ready", flush=True)
for line in sys.stdin:
    answer = {"failed": False}
    try:
        with Engine(sys.argv[2], sys.argv[3]) as engine:
            for params in json.loads(line):
                outcome = task.container(engine, params)
                answer.update(carry_out(outcome, False) if isinstance(outcome, Plan) else outcome)
    except errors.EngineError as error:
        answer = {"failed": True, "msg": str(error), "results": getattr(error, "results", None)}
    except BaseException as error:
        answer = {"failed": True, "msg": "not a sentence: %r" % error}
    print(json.dumps(answer), flush=True)
"""


class Controller:
    """A process that carries out tasks, as modules do.

    :param network: the pid of a process in whose network namespace it is.
    """

    def __init__(self, paths, network):
        command = [
            "nsenter",
            "-t",
            str(network),
            "-n",
            sys.executable,
            "-c",
            TASKS,
            PACKAGE,
            paths.data,
            paths.run,
        ]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout.readline() == "ready\n"

    def begin(self, *tasks):
        self.process.stdin.write(json.dumps(tasks) + "\n")
        self.process.stdin.flush()

    def end(self):
        line = self.process.stdout.readline()
        assert line, f"the controller has ended with {self.process.wait()}"
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


@pytest.fixture
def both(engine, image):
    install.ensure(engine)
    holder = subprocess.Popen(
        ["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec cat"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout.readline() == b"up\n"
    pair = [Controller(engine.paths, holder.pid) for dummy in range(2)]
    yield pair
    for record in containers.every(engine):
        absent(pair, record["name"])
    for controller in pair:
        controller.close()
    holder.communicate()


def web(number, **more):
    return dict(
        {"name": "web%d" % number, "image": "box:1", "network_mode": "none", "stop_timeout": 0},
        **more,
    )


def many(*items):
    return {"containers": list(items)}


def together(pair, first, second):
    for controller, tasks in zip(pair, (first, second)):
        controller.begin(*tasks)
    return [controller.end() for controller in pair]


def absent(pair, *names):
    pair[0].begin(*[{"name": name, "state": "absent"} for name in names])
    assert not pair[0].end()["failed"]


def check_whole(engine):
    """Rows and directories are of the same containers, nothing is half done, and none is only created."""
    records = containers.every(engine)
    assert set(os.listdir(engine.paths.containers)) == {record["id"] for record in records}
    assert engine.db.all("SELECT * FROM operations") == []
    assert {
        row["container"]
        for row in engine.db.all(
            "SELECT container FROM ports UNION SELECT container FROM addresses"
        )
    } <= {record["id"] for record in records}
    states = {
        record["name"]: containers.status(engine.paths, record["id"])["status"]
        for record in records
    }
    assert "created" not in states.values(), states
    return {record["name"]: record["definition"] for record in records}, states


@pytest.mark.parametrize("listed", [False, True])
def test_the_same_task_twice_at_once(engine, both, listed):
    """Both succeed, also where it publishes ports, which each would find taken by the other."""
    items = [
        web(
            number,
            env={"A": "1"},
            network_mode="bridge",
            published_ports=["127.0.0.1:%d:80" % (18000 + number)],
        )
        for number in range(3)
    ]
    tasks = [many(*items)] if listed else items
    for turn in range(scaled(4)):
        answers = together(both, tasks, tasks)
        assert [answer.get("msg") for answer in answers if answer["failed"]] == [], turn
        definitions, states = check_whole(engine)
        assert set(definitions) == {"web0", "web1", "web2"} and set(states.values()) == {"running"}
        if turn % 2:
            absent(both, *definitions)
        else:  # the next is a change of all of them
            for item in items:
                item["env"] = {"A": str(turn)}


@pytest.mark.parametrize("listed", [False, True])
def test_opposing_definitions(engine, both, listed):
    """Each container is as one of the two wants it, and runs."""
    items = [[web(number, env={"A": str(which)}) for number in range(3)] for which in range(2)]
    tasks = [[many(*some)] if listed else some for some in items]
    for turn in range(scaled(4)):
        answers = together(both, *tasks)
        assert [answer.get("msg") for answer in answers if answer["failed"]] == [], turn
        definitions, states = check_whole(engine)
        assert set(definitions) == {"web0", "web1", "web2"} and set(states.values()) == {"running"}
        if turn % 2:
            absent(both, *definitions)


@pytest.mark.parametrize("listed", [False, True])
def test_create_against_remove(engine, both, listed):
    """Each is there and runs, or is not there."""
    make = [web(number) for number in range(4)]
    drop = [{"name": item["name"], "state": "absent"} for item in make]
    for turn in range(scaled(6)):
        answers = together(both, *[[many(*some)] if listed else some for some in (make, drop)])
        assert [answer.get("msg") for answer in answers if answer["failed"]] == [], turn
        definitions, states = check_whole(engine)
        assert set(states.values()) <= {"running"}
        if turn % 3 == 2:
            absent(both, *definitions)


def test_nothing_is_lost_while_somebody_looks(engine, both):
    """Five containers in one task beside a loop of ``ps -aq``: all that a task said are known afterwards."""
    look = install.command_line(engine) + ["ps", "-aq"]
    items = [web(number) for number in range(5)]
    for turn in range(scaled(3)):
        engine.db.close()  # so that those who look are the last to leave
        both[0].begin(many(*items))
        lookers = [
            subprocess.Popen(look, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            for dummy in range(2)
        ]
        while not select.select([both[0].process.stdout], [], [], 0)[0]:
            for number, looker in enumerate(lookers):
                if looker.poll() is not None:
                    assert looker.returncode == 0, looker.stderr.read()
                    lookers[number] = subprocess.Popen(
                        look, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
                    )
        answer = both[0].end()
        for looker in lookers:
            assert looker.wait() == 0, looker.stderr.read()
        assert not answer["failed"], (turn, answer)
        ids = {result["container"]["Id"] for result in answer["results"]}
        assert (
            ids
            == set(
                subprocess.run(
                    look + ["--no-trunc"], check=True, capture_output=True, text=True
                ).stdout.split()
            )
            and len(ids) == 5
        ), turn
        check_whole(engine)
        assert engine.db.all("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
        absent(both, *[item["name"] for item in items])
