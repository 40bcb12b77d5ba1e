# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 at random, of one, some or all that the engine has running, while something is done to a container.

A task as modules carry it out, or a command of the host, is begun; at a random moment of it some of
these are killed: itself, its children, the zygote and its guard, the monitor, their workers, who
writes logs, who answers names, the container's own processes. Then the task is given again: it ends
in the asked-for state, and the one after it changes nothing. No line that the container wrote before
is missing in its log, no exit code is wrong, and what is there is what is there without a kill.

PYCONTAINER_TEST_SCALE says how many rounds, PYCONTAINER_TEST_SEED which; a round's number is in what
is said of it, and PYCONTAINER_TEST_ROUND gives that one alone.
"""

from __future__ import annotations

import collections
import json
import os
import random
import socket
import subprocess
import time
import traceback

import pytest
from pycontainer import containers
from pycontainer.containers.access import exec_client
from pycontainer.containers.client import zygote_client
from pycontainer.containers.records import catalog, run_state, status
from pycontainer.containers.view import logs
from pycontainer.deploy import install
from pycontainer.engine import Engine
from pycontainer.errors import EngineError
from pycontainer.kernel import cgroups
from pycontainer.kernel.processes import procfs
from pycontainer.reconcile import carry_out
from pycontainer.secrets import task as secret_task
from pycontainer.store import settings
from support import own_network, waiting
from support.own_network import in_own_network
from support.scale import FACTOR, scaled

ROUNDS = 50
APART = ("events", "runtime", "backups", "locks")  # what grows there is no leftover
SEED = int(os.environ.get("PYCONTAINER_TEST_SEED", "17"))
# A run of it is known by the time of its begin. It writes a line, and then its number into a volume.
COUNT = """
trap 'exit 7' TERM
trap 'true' HUP
read -r at rest < /proc/uptime
httpd -p 80 -h /srv
i=0
while :; do
    i=$((i+1))
    echo "$at $i"
    echo "$i" > /srv/data/$at
    sleep 0.02
done
"""
WEB = {
    "command": ["sh", "-c", COUNT],
    "published_ports": ["127.0.0.1:18080:80"],
    "volumes": ["data:/srv/data", "/anonymous"],
    "memory": "64m",
    "secrets": [{"source": "db", "on_change": "hup"}, "db,type=env,target=PASSWORD"],
    "configs": [{"source": "conf", "target": "/etc/app.conf"}],
    "stop_timeout": 5,
    "log_options": {"max-size": "20k", "max-file": "100"},
}
CHECKED = {"healthcheck": {"test": ["CMD", "true"], "interval": "100ms"}}


def do(engine, **params):
    return own_network.do(engine, **params)


def secret(engine, kind="secret", name="db", data="one"):
    params = {"name": name, "state": "present", "data": data}
    return carry_out(getattr(secret_task, kind)(engine, params), False)


class Kind:
    """Something that is done to a container.

    :param before: the task whose state it begins with. :param task: the task.
    :param command: the command line that does the same, None for none.
    """

    def __init__(self, before, task, command=None, state="running"):
        self.before, self.task, self.command, self.state = before, task, command, state

    def prepare(self, engine):
        secret(engine)
        secret(engine, "config", "conf", "one")
        do(engine, **self.before)

    def carry_out(self, engine):
        return do(engine, **self.task)

    def check(self, engine):
        record = containers.find(engine, "web")
        for key in ("env", "memory"):
            if key in self.task and record["definition"].get(key) != {
                "32m": 32 << 20,
                "64m": 64 << 20,
            }.get(str(self.task[key]), self.task[key]):
                yield f"{key} is {record['definition'].get(key)}"
        now = status.now(engine.paths, record["id"])["status"]
        if now != self.state:
            yield f"it is {now}"
        if self.state == "running":
            seen = exec_client.run(
                engine.paths,
                record["id"],
                ["sh", "-c", "echo $A $PASSWORD; cat /run/secrets/db /etc/app.conf"],
            )
            wanted = f"{record['definition'].get('env', {}).get('A', '')} one\noneone"
            if seen["stdout"].decode().strip() != wanted.strip():
                yield f"inside there is {seen}"


class Removal(Kind):
    def check(self, engine):
        if catalog.every(engine):
            yield f"there is {catalog.every(engine)}"


class Rotation(Kind):
    """New data of a secret and a config, which the container gets while it runs."""

    def carry_out(self, engine):
        first = secret(engine, data="two")
        second = secret(engine, "config", "conf", "two")
        return {"changed": first["changed"] or second["changed"]}

    def check(self, engine):
        record = containers.find(engine, "web")
        do(engine, **self.before)  # what has no process any more is started
        seen = exec_client.run(
            engine.paths, record["id"], ["cat", "/run/secrets/db", "/etc/app.conf"]
        )
        if seen["stdout"] != b"twotwo":
            yield f"inside there is {seen}"


class Nothing(Kind):
    """It writes its log meanwhile."""

    def carry_out(self, engine):
        if self.first(engine):
            time.sleep(0.3)
        return do(engine, **self.task)

    def first(self, engine):
        return engine.who.get("first")


ABSENT = {"state": "absent", "keep_volumes": False}
STOPPED = {**WEB, "state": "stopped"}
CHANGED = {**WEB, "env": {"A": "2"}}
KINDS = {
    "create": Kind(
        ABSENT,
        WEB,
        (
            "run -d --name web -p 127.0.0.1:18080:80 -v data:/srv/data -v /anonymous -m 64m "
            "--secret db --secret db,type=env,target=PASSWORD --stop-timeout 5 "
            "--config conf,target=/etc/app.conf box:1 sh -c"
        ).split()
        + [COUNT],
    ),
    "start": Kind(STOPPED, WEB, ["start", "web"]),
    "stop": Kind(WEB, STOPPED, ["stop", "web"], "exited"),
    "restart": Kind(WEB, {**CHANGED, "on_change": "restart"}),
    "replace": Kind(WEB, CHANGED),
    "replace when healthy": Kind({**WEB, **CHECKED}, {**CHANGED, **CHECKED, "state": "healthy"}),
    "replace and drain": Kind(WEB, {**CHANGED, "drain_timeout": 1, "healthy_wait_timeout": 10}),
    "update": Kind(WEB, {**WEB, "memory": "32m"}, ["update", "-m", "32m", "web"]),
    "rotate": Rotation(WEB, WEB),
    "log": Nothing(WEB, WEB),
    "log apart": Nothing(
        {**WEB, "log_options": {"mode": "non-blocking", "max-buffer-size": "1m"}},
        {**WEB, "log_options": {"mode": "non-blocking", "max-buffer-size": "1m"}},
    ),
    "remove": Removal(WEB, ABSENT, ["rm", "-f", "-v", "web"]),
}


class Operation:
    """What is done, in a process of its own."""

    def __init__(self, engine, kind, by_command):
        self.reader, writer = os.pipe()
        if by_command:
            line = install.command_line(engine) + kind.command
            self.process = subprocess.Popen(
                line,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=writer,
                start_new_session=True,
            )
            self.pid = self.process.pid
        else:
            self.process, self.pid = None, self._fork(engine, kind, writer)
        os.close(writer)

    @staticmethod
    def _fork(engine, kind, writer):
        engine.db.close()
        pid = os.fork()
        if pid == 0:
            try:
                os.setsid()
                with Engine(engine.paths.data, engine.paths.run) as own:
                    own.who["first"] = True
                    kind.carry_out(own)
            except EngineError as error:
                os.write(writer, str(error).encode())
            except BaseException:
                os.write(writer, traceback.format_exc().encode())
            finally:
                os._exit(0)
        return pid

    def result(self):
        """Wait for its end: ``(its exit code, negative for a signal, and what it said)``."""
        with os.fdopen(self.reader, "rb") as file:
            said = file.read().decode()
        if self.process is not None:
            return self.process.wait(60), said
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1]), said


# ------------------------------------------------------------------------------------- what there is


def processes(engine, operation=None):
    """The engine's processes, of this store alone: ``{pid: name}``. :param operation: a pid, with its children."""
    found, parents = {}, {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/cmdline") as file, open(f"/proc/{entry}/stat") as facts:
                line, text = file.read(), facts.read()
        except OSError:
            continue
        name, rest = text.partition("(")[2].rpartition(")")[::2]
        parents[int(entry)] = int(rest.split()[1]), name
        if engine.paths.run in line and name.startswith("pyc-"):
            found[int(entry)] = name
    if operation is not None:
        family = {operation}
        while more := {pid for pid, facts in parents.items() if facts[0] in family} - family:
            family |= more
        found.update({pid: "operation " + parents[pid][1] for pid in family if pid in parents})
    for place in cgroups.base_paths().values():
        for ident in os.listdir(engine.paths.containers):
            try:
                with open(os.path.join(place, ident, "cgroup.procs")) as file:
                    found.update({int(pid): "container" for pid in file.read().split()})
            except OSError:
                pass
    return found


def count(engine):
    """How many there are of all that could be left over, and what runs by its name."""
    tables = [
        row["name"]
        for row in engine.db.all(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        )
    ]
    found = {
        f"rows of {table}": engine.db.all(f"SELECT count(*) AS n FROM {table}")[0]["n"]
        for table in tables
        if table != "history"
    }
    for top in (engine.paths.data, engine.paths.run):
        for directory, names, _files in os.walk(top):
            depth = directory[len(top) :].count("/")
            if depth < 2 and os.path.basename(directory) not in APART:
                found[f"in {directory}"] = len(
                    [
                        name
                        for name in os.listdir(directory)
                        if not name.startswith(("state.db-", "zygote-", "names."))
                    ]
                )
            if depth > 1:
                names[:] = []
    found.update(
        {
            f"in the directory of container {number}": sorted(
                name
                for name in os.listdir(engine.paths.container(record["id"]))
                if not name.startswith("log.json")
            )
            for number, record in enumerate(catalog.every(engine))
        }
    )
    with open("/proc/self/mountinfo") as file:
        found["mounts"] = sum(
            engine.paths.run in line or engine.paths.data in line for line in file
        )
    found["links"] = len(socket.if_nameindex())
    rules = subprocess.run(["nft", "list", "ruleset"], stdout=subprocess.PIPE, check=False).stdout
    found["rules"] = len(rules.splitlines())
    found["groups"] = sum(
        os.path.isdir(os.path.join(place, ident))
        for place in cgroups.base_paths().values()
        for ident in SEEN | set(os.listdir(engine.paths.containers))
    )
    running = collections.Counter(processes(engine).values())
    for name in ("container", "pyc-names", "pyc-zygote", "pyc-guard"):  # these come when needed
        if name == "container" or running[name] <= 1:
            del running[name]
    found["processes"] = dict(sorted(running.items()))
    return {key: value for key, value in found.items() if value}


SEEN = set()  # the ids of all containers


def lost(engine, wrote, victims):
    """Sentences about lines that are missing in the log.

    What nobody has read goes with the last who has the pipe: with a container that is killed together
    with its monitor. What the process of a log driver has goes with it, and is counted.

    :param wrote: {run: the last number that it wrote}
    """
    if "pyc-log" in victims:
        return
    together = {"container", "pyc-monitor"} <= set(victims)
    for record in catalog.every(engine):
        numbers = collections.defaultdict(list)
        for entry in logs.read(engine.paths, record["id"]):
            if entry["stream"] == "stdout":  # the other has what the shell says of a kill
                run, number = entry["log"].split()
                numbers[run].append(int(number))
        for run, found in numbers.items():
            if found != list(range(1, len(found) + 1)):
                gaps = [(one, two) for one, two in zip([0, *found], found) if two != one + 1]
                yield f"its log goes on after a gap: {gaps}"
            elif len(found) < wrote.get(run, 0) and not together:
                yield f"its log has {len(found)} lines of {wrote[run]}"


def written(engine):
    """What the containers have written down of themselves: {run: the last number}."""
    found, top = {}, os.path.join(engine.paths.volume("data"), "_data")
    if os.path.isdir(top):
        for name in os.listdir(top):
            with open(os.path.join(top, name)) as file:
                text = file.read().strip()
            if text.isdigit():
                found[name] = int(text)
    return found


# ------------------------------------------------------------------------------------------- a round


class Rounds:
    """:ivar usual: what there is after each kind with no kill, and how long it takes."""

    def __init__(self, engine):
        self.engine, self.usual, self.wrong = engine, {}, []
        self.tally = collections.Counter()

    def opened(self):
        return Engine(self.engine.paths.data, self.engine.paths.run)

    def learn(self):
        """Do each once undisturbed."""
        for name, kind in KINDS.items():
            for by_command in (False, True)[: 1 + bool(kind.command)]:
                self._prepare(kind)
                begun = time.monotonic()
                code, said = Operation(self.engine, kind, by_command).result()
                assert (code, said) == (0, ""), f"{name}: {code} {said}"
                self.usual[name, by_command] = time.monotonic() - begun
            with self.opened() as engine:
                kind.carry_out(engine)
                again = kind.carry_out(engine)
                assert not again["changed"], f"{name}: {again}"
                wrong = list(kind.check(engine))
                assert not wrong, f"{name}: {wrong}"
                kind.counts = count(engine)

    def _prepare(self, kind):
        with self.opened() as engine:
            zygote_client.connect(engine.paths).close()
            do(engine, **ABSENT)
            kind.prepare(engine)
            SEEN.update(record["id"] for record in catalog.every(engine))
        with self.opened() as engine:
            if kind.before.get("state") is None:
                waiting.eventually(lambda: written(engine))

    def one(self, number):
        chance = random.Random(f"{SEED} {number}")
        name = chance.choice(list(KINDS))
        kind = KINDS[name]
        by_command = bool(kind.command) and chance.random() < 0.5
        self._prepare(kind)
        operation = Operation(self.engine, kind, by_command)
        time.sleep(chance.random() * self.usual[name, by_command] * 1.1)
        victims, wrote = self._kill(operation.pid, chance), written(self.engine)
        code, said = operation.result()
        where = f"round {number}, {name}{' by a command' if by_command else ''}, killed {victims}"
        wrong = []
        if "Traceback" in said:
            wrong.append(f"it said {said}")
        if code not in (0, -9) and (not by_command or not victims or not said):
            wrong.append(f"it ended with {code}: {said}")
        try:
            wrong += self._again(kind, victims, wrote)
        except Exception:
            wrong.append(traceback.format_exc())
        if wrong:
            with open(os.path.join(self.engine.paths.run, "zygote.log")) as file:
                wrong.append(f"the zygote has said {file.read()[-2000:]!r}")
        for each in wrong:
            self.wrong.append(f"{where}: {each}")
            print(self.wrong[-1], flush=True)
        self.tally.update([name, *(word.split()[0] for word in victims)])

    def _kill(self, operation, chance):
        """Kill one, some, all of ours, or all; returns their names."""
        there = processes(self.engine, operation)
        how = chance.choice(("one", "one", "some", "ours", "all"))
        pids = sorted(there)
        if how == "one":
            names = sorted(set(there.values()))
            wanted = chance.choice(names) if names else ""
            pids = [pid for pid in pids if there[pid] == wanted][:1]
        elif how == "some":
            pids = [pid for pid in pids if chance.random() < 0.5]
        elif how == "ours":
            pids = [pid for pid in pids if there[pid] != "container"]
        chance.shuffle(pids)
        for pid in pids:
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                pass
        waiting.eventually(lambda: not any(map(procfs.start_time, pids)))
        return [there[pid] for pid in pids]

    def _again(self, kind, victims, wrote):
        """Give the task again, and look at what there is."""
        with self.opened() as engine:
            kind.carry_out(engine)
            yield from kind.check(engine)
            again = kind.carry_out(engine)
            if again["changed"]:
                yield f"it changes again: {again.get('actions')}"
            SEEN.update(record["id"] for record in catalog.every(engine))
            if kind.state == "exited":
                yield from self._end(engine, victims)
            found = {}

            def same():  # a check of its health is a process, too
                found.clear()
                found.update(count(engine))
                return found == kind.counts

            waiting.until(same, 10)
            for what in sorted(set(found) | set(kind.counts)):
                if found.get(what) != kind.counts.get(what):
                    yield f"{what}: {found.get(what)} instead of {kind.counts.get(what)}"
            waiting.until(lambda: not list(lost(engine, wrote, victims)), 3)
            yield from lost(engine, wrote, victims)

    @staticmethod
    def _end(engine, victims):
        """Whether the exit code is its own, or that of the kill."""
        state = run_state.read(engine.paths, containers.find(engine, "web")["id"])
        code, error = state["exit_code"], state["error"]
        allowed = {7} | ({137} if "container" in victims else set())
        unseen = code is None and error and "pyc-monitor" in victims
        if code not in allowed and not unseen:
            yield f"its exit code is {code} ({error})"


@pytest.mark.skipif(FACTOR <= 1, reason="kills at random are for `make test-long`")
@pytest.mark.timeout(7200)
@in_own_network
def test_killed_at_random(engine):
    settings.write(engine.paths.config, {"secrets_key": "none"})
    install.ensure(engine)
    rounds = Rounds(engine)
    rounds.learn()
    only = os.environ.get("PYCONTAINER_TEST_ROUND")
    for number in range(scaled(ROUNDS)) if only is None else [int(only)]:
        rounds.one(number)
    with rounds.opened() as own:
        do(own, **ABSENT)
    print(f"seed {SEED}:", json.dumps(rounds.tally))
    assert rounds.wrong == [], f"seed {SEED}:\n" + "\n".join(rounds.wrong)
