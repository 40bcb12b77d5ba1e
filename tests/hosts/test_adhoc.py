# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Docker's commands over SSH: ``ansible HOSTS -m pycontainer -a '...'``, and the same lines in a playbook."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import pytest
from hosts.conftest import fleet_of
from support.fleet import roots
from support.terminals import Terminal

BIN = pathlib.Path(sys.executable).parent
RUN = "run -d --network none --stop-timeout 0"


@pytest.fixture(scope="module")
def fleet():
    with fleet_of(2, "adhoc", engine=True) as made:
        yield made


@pytest.fixture(scope="module")
def ad_hoc(fleet, collections, tmp_path_factory):
    """``ad_hoc(line, *options)``: ``{host: result}`` of a line with the module's full name, from a directory without an ansible.cfg.

    :param bare: with the bare name, from this repository's directory.
    """
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    shutil.copy(
        roots.CHECKOUT / "ansible.cfg",
        collections / "ansible_collections" / "pycontainer" / "engine",
    )
    callbacks = roots.CHECKOUT / "tests" / "hosts" / "callback"

    def run(line, *options, bare=False, whole=True):
        file = elsewhere / "whole.json"
        file.unlink(missing_ok=True)
        environment = {"ANSIBLE_COLLECTIONS_PATH": str(collections), "ANSIBLE_PIPELINING": "True"}
        if whole:
            environment.update(
                WHOLE_FILE=str(file),
                ANSIBLE_CALLBACK_PLUGINS=str(callbacks),
                ANSIBLE_CALLBACKS_ENABLED="whole",
                ANSIBLE_LOAD_CALLBACK_PLUGINS="True",
            )
        where = (
            collections / "ansible_collections" / "pycontainer" / "engine" if bare else elsewhere
        )
        module = "pycontainer" if bare else "pycontainer.engine.pycontainer"
        done = fleet.run(
            BIN / "ansible",
            "all",
            "-m",
            module,
            "-a",
            line,
            *options,
            environment=environment,
            cwd=where,
        )
        if not whole:
            return done.stdout
        assert file.exists(), done.stdout
        return json.loads(file.read_text())["tasks"][0]["hosts"]

    for host in ("h1", "h2"):  # an image from what is on the host
        made = fleet.execute(
            host,
            "sh",
            "-c",
            "mkdir -p /var/tmp/box/bin /var/tmp/box/tmp && cp /bin/busybox /var/tmp/box/bin/ && "
            "for name in sh sleep echo cat env ls; do ln -sf busybox /var/tmp/box/bin/$name; done",
        )
        assert made.returncode == 0, made.stdout
    results = run('import -c \'CMD ["sleep", "1000"]\' /var/tmp/box box:1')
    assert all(result["changed"] for result in results.values()), results
    return run


def values(results, key="stdout"):
    return {result[key] if key in result else result for result in results.values()}


def test_a_line_arrives_as_it_was_typed(ad_hoc):
    line = (
        RUN
        + """ --name web -e A=b -e "C=d e" --label 'x={"y": 1}' box:1 sh -c 'echo $A = $C; exec sleep 1000'"""
    )
    first = ad_hoc(line)
    assert values(first, "changed") == {True} and all(
        len(result["stdout"]) == 64 for result in first.values()
    ), first
    assert values(ad_hoc("logs web")) == {"b = d e"}
    assert values(ad_hoc("inspect -f '{% raw %}{{json .Config.Labels}}{% endraw %}' web")) == {
        '{"x": "{\\"y\\": 1}"}'
    }


def test_output_and_exit_code(ad_hoc):
    shown = ad_hoc("ps -a", "--limit", "h1", whole=False)
    assert "h1 | SUCCESS" in shown and '"stdout_lines": [\n        "CONTAINER ID ' in shown, shown
    failed = ad_hoc("exec web sh -c 'echo out; echo no >&2; exit 3'")
    assert {
        (result["rc"], result["stdout"], result["stderr"], result["failed"])
        for result in failed.values()
    } == {(3, "out", "no", True)}
    assert values(ad_hoc("frob"), "rc") == {125} and values(ad_hoc("rm nosuch"), "msg") == {
        "container nosuch does not exist"
    }


def test_the_bare_name_in_the_repository(ad_hoc):
    shown = ad_hoc("ps --filter label=x", bare=True)
    assert all("web" in result.get("stdout", "") for result in shown.values()), shown
    assert values(ad_hoc("rename web=x y", bare=True), "rc") == {1}


def test_check_and_diff(ad_hoc):
    planned = ad_hoc("stop web", "--check", "--diff")
    assert values(planned, "changed") == {True} and all(
        result["diff"][0]["before"] == {"status": "running"} for result in planned.values()
    )
    assert values(ad_hoc("ps -q --filter status=running"), "stdout") != {""}
    assert values(ad_hoc("stop web"), "changed") == {True} and values(
        ad_hoc("stop web"), "changed"
    ) == {False}
    assert values(ad_hoc("start web"), "changed") == {True}


def test_templates_on_the_line(ad_hoc):
    results = ad_hoc("exec -e HOST={{ inventory_hostname }} web sh -c 'echo $HOST'")
    assert {host: result["stdout"] for host, result in results.items()} == {"h1": "h1", "h2": "h2"}
    assert values(ad_hoc("{{ word }} -e A={{ word }} web sh -c 'echo $A'", "-e", "word=exec")) == {
        "exec"
    }


def test_in_the_background(ad_hoc, fleet):
    started = ad_hoc(
        "run --rm --network none --name brief -e A=b box:1 sh -c 'sleep 1; echo $A'",
        "-B",
        "60",
        "-P",
        "0",
    )
    assert all(result["started"] in (1, True) for result in started.values()), started
    assert values(
        ad_hoc(
            "run --rm --network none -e A=b box:1 sh -c 'sleep 0.5; echo $A'", "-B", "60", "-P", "1"
        )
    ) == {"b"}
    for _attempt in range(40):
        if "brief" not in fleet.execute("h1", "pycontainer", "ps", "-a").stdout:
            break
        time.sleep(0.25)
    jobs = [result["ansible_job_id"] for result in started.values()]
    assert len(set(jobs)) == 2


def test_in_a_playbook(play, fleet):
    name = "pycontainer.engine.pycontainer"
    made = play(
        fleet,
        [
            {name: RUN + " --name play -e A=b -l x=y -e HOST={{ inventory_hostname }} box:1"},
            {name: "exec play sh -c 'echo $A $HOST'"},
            {name: {"cmd": "exec -e 'B={{ word }}' play sh -c 'echo $B'"}, "vars": {"word": "a b"}},
            {
                name: {"argv": ["exec", "-e", "B={{ word }}", "play", "sh", "-c", 'echo "$B"=1']},
                "vars": {"word": "c  d"},
            },
            {name: "exec -e I={{ item }} play sh -c 'echo $I'", "loop": ["1", "x=y"]},
            {"action": name + " exec -e A=z play sh -c 'echo $A'"},
            {name: "ps -a"},
            {name: "rm -f play"},
        ],
    )
    results = made.results("h1")
    assert [result.get("stdout") for result in results[1:4]] == ["b h1", "a b", "c  d=1"]
    assert [item["stdout"] for item in results[4]["results"]] == ["1", "x=y"] and results[5][
        "stdout"
    ] == "z"
    assert [result["changed"] for result in results] == [
        True,
        True,
        True,
        True,
        True,
        True,
        False,
        True,
    ]


def test_stray_options_are_refused(play, fleet):
    name = "pycontainer.engine.pycontainer"
    failed = play(
        fleet,
        [
            {name: {"cmd": "ps", "argv": ["ps"]}, "ignore_errors": True},
            {name: {"cmd": "ps", "chdir": "/"}, "ignore_errors": True},
            {name: {"cmd": "ps 'x"}, "ignore_errors": True},
        ],
    )
    messages = [result["msg"] for result in failed.results("h1")]
    assert (
        "mutually exclusive" in messages[0]
        and "chdir" in messages[1]
        and "closed quotes" in messages[2]
    )


TALKS = "n=0; until [ -e /tmp/stop ]; do n=$((n+1)); echo line $n; echo odd $n >&2; sleep 0.3; done"


def streamed(fleet, collections, line, *options):
    """``(words, environment)`` of a command that shows something continuously."""
    words = [BIN / "ansible", "all", "-m", "pycontainer.engine.pycontainer", "-a", line, *options]
    environment = {
        "ANSIBLE_COLLECTIONS_PATH": str(collections),
        "ANSIBLE_INVENTORY": str(fleet.inventory),
        "ANSIBLE_PIPELINING": "True",
        "HOME": "/root",
    }
    return ["nsenter", f"--net={fleet.fabric}", *map(str, words)], environment


def test_logs_of_all_hosts_as_they_come(ad_hoc, fleet, collections):
    """Each line once and in order, with its host; it ends with the containers."""
    ad_hoc(RUN + f" --name talks box:1 sh -c '{TALKS}'")
    words, environment = streamed(fleet, collections, "logs -f --tail 4 talks")
    with subprocess.Popen(
        words, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True
    ) as process:
        first = [process.stdout.readline() for _line in range(2)]
        ended = ad_hoc("exec talks sh -c ': > /tmp/stop'")  # it runs still, and ends now
        rest = process.stdout.read()
    assert values(ended, "rc") == {0} and process.returncode == 0, rest
    last = ad_hoc("logs --tail 2 talks")
    for host in ("h1", "h2"):
        said = [
            line.partition(" | ")[2]
            for line in ("".join(first) + rest).splitlines()
            if line.startswith(f"{host} | ") and line[5:].startswith(("line", "odd"))
        ]
        for kind in ("line", "odd"):
            numbers = [int(line.split()[1]) for line in said if line.startswith(kind)]
            end = int(last[host]["stdout_lines"][-1].split()[1])
            assert numbers == list(range(numbers[0], end + 1)), said
    ad_hoc("rm -f talks")
    assert values(ad_hoc("logs -f talks"), "msg") == {"container talks does not exist"}
    refused = ad_hoc("logs -f talks", "--forks", "1")
    assert all("2 hosts needs as many forks" in msg for msg in values(refused, "msg"))


def test_stats_of_all_hosts_live(ad_hoc, fleet, collections):
    ad_hoc(RUN + " --name busy box:1")
    words, environment = streamed(fleet, collections, "stats")
    with Terminal(words, env=environment) as terminal:
        terminal.wait_for(
            lambda there: (
                there.output.count("\x1b[J") > 5
                and [line[:2] for line in there.lines() if " busy " in line] == ["h1", "h2"]
            )
        )
        assert sum(line.startswith("HOST ") for line in terminal.lines()) == 1, terminal.lines()
        terminal.type("\x03")
        assert terminal.end() != 0
    ad_hoc("rm -f busy")


def test_what_needs_a_terminal_of_the_host(ad_hoc):
    refused = ad_hoc("exec -it web sh")
    for host, result in refused.items():
        assert f"ssh -t root@10.99.0.{host[1:]} 'pycontainer exec -it web sh'" in result["msg"], (
            result
        )


def test_a_playbook_does_not_follow(play, fleet):
    name = "pycontainer.engine.pycontainer"
    failed = play(fleet, [{name: "logs -f web", "ignore_errors": True}, {name: "stats"}])
    first, second = failed.results("h1")
    assert "at a terminal: ssh -t root@" in first["msg"] and "CPU %" in second["stdout"]
