# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far the hosts are, at the controller's terminal: a line for each while a registry keeps them waiting, and nothing left of it."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys

import pytest
from hosts.conftest import BIN, fleet_of
from support import terminals
from support.fleet import namespaces
from support.waiting import eventually as until

SERVER = pathlib.Path(__file__).resolve().parents[1] / "support" / "registries" / "slow_registry.py"
PLACE = f"{namespaces.SUBNET}.254:5000"
IMAGE = PLACE + "/slow:1"
PULL = {"pycontainer.engine.image": {"name": IMAGE, "insecure": True}}
GONE = {"pycontainer.engine.image": {"name": IMAGE, "state": "absent"}}
COMMAND = ("/usr/bin/python3", "-I", "-S", "/var/lib/pycontainer/runtime/current/start.py")
BOARDS = "/run/pycontainer/progress"
ROW = r" *%s +Pulling .*slow:1 .*\d+(\.\d+)?[kM]B/3\.164MB  0/3 layers"


@pytest.fixture(scope="module")
def fleet():
    with fleet_of(3, "progress", engine=True) as made:
        yield made


@contextlib.contextmanager
def serving(net, address, path):
    """A slow registry in a network namespace. :param path: of the file that lets it go on."""
    with subprocess.Popen(
        ["nsenter", f"--net={net}", sys.executable, str(SERVER), address, "5000", str(path)],
        stdout=subprocess.PIPE,
    ) as server:
        try:
            assert server.stdout.readline()
            yield
        finally:
            server.kill()


@pytest.fixture(scope="module")
def gate(fleet, tmp_path_factory):
    """The file that lets the slow registry go on."""
    path = tmp_path_factory.mktemp("registry") / "gate"
    with serving(fleet.fabric, PLACE.partition(":")[0], path):
        yield path


@pytest.fixture
def ansible(fleet, collections, tmp_path, gate):
    """``ansible(tasks, *options)``: argv, environment and directory of a run of tasks. The gate is closed, and no host has the image."""
    for host in fleet.hosts():
        fleet.execute(
            host, *COMMAND, "rmi", IMAGE
        )  # where there is no engine yet, there is no image
    gate.unlink(missing_ok=True)

    def prepared(tasks, *options, hosts="all", **environment):
        book = tmp_path / "book.json"
        book.write_text(json.dumps([{"hosts": hosts, "gather_facts": False, "tasks": tasks}]))
        environment = dict(
            {
                "ANSIBLE_INVENTORY": str(fleet.inventory),
                "ANSIBLE_COLLECTIONS_PATH": str(collections),
                "ANSIBLE_FORKS": "10",
            },
            **environment,
        )
        return {
            "argv": ["nsenter", f"--net={fleet.fabric}", BIN / "ansible-playbook", book, *options],
            "env": environment,
            "cwd": tmp_path,
        }

    yield prepared
    gate.touch()
    until(lambda: not any(boards(fleet, host) for host in fleet.hosts()))


def boards(fleet, host):
    """The progress files on a host, as ``ls -l`` shows them."""
    return fleet.execute(
        host, "sh", "-c", f"ls -l {BOARDS} 2>/dev/null | grep -v ^total"
    ).stdout.splitlines()


def shows(*hosts, row=ROW):
    return lambda terminal: all(
        any(re.match(row % host, line) for line in terminal.lines()) for host in hosts
    )


def test_a_line_for_each_host_while_it_waits(fleet, ansible, gate):
    with terminals.Terminal(**ansible([PULL, GONE]), columns=130) as terminal:
        terminal.wait_for(shows("h1", "h2", "h3"))
        assert terminal.lines()[-5].startswith("TASK [") and terminal.lines()[-4] == "", (
            terminal.lines()
        )  # where Ansible goes on
        for host in fleet.hosts():
            assert [line.split()[0] for line in boards(fleet, host)] == ["-rw-------"]
        gate.touch()
        assert terminal.end() == 0
    assert "Pulling" not in "\n".join(terminal.lines()), terminal.lines()
    assert sorted(line for line in terminal.lines() if line.startswith("changed")) == sorted(
        f"changed: [{host}]" for host in fleet.hosts() * 2
    )
    assert [
        line
        for line in terminal.lines()
        if not re.match(r"(PLAY|TASK) |changed: |h\d  +: ok=2 |$", line)
    ] == []


def test_a_narrow_and_low_terminal(ansible, gate):
    with terminals.Terminal(**ansible([PULL]), columns=40, rows=4) as terminal:
        terminal.wait_for(lambda terminal: "  and 2 more" in terminal.lines())
        assert (
            re.match(r"  h1  .*3\.164MB", terminal.lines()[-2])
            and max(map(len, terminal.lines()[-2:])) < 40
        )  # so nothing wraps
        assert not any("h3" in line for line in terminal.lines())
        terminal.resize(30, 10)
        terminal.wait_for(shows("h3", row=r"  %s  .*3\.16"))
        gate.touch()
        assert terminal.end() == 0
    assert "MB" not in "\n".join(terminal.lines())


@pytest.mark.parametrize(
    "environment",
    [{}, {"ANSIBLE_PIPELINING": "False", "ANSIBLE_SSH_PIPELINING": "False"}],
    ids=["", "no pipelining"],
)
def test_as_another_user(fleet, ansible, gate, environment):
    """``su`` asks for a password, which the looks need as well."""
    for host in fleet.hosts():
        done = fleet.execute(
            host,
            "sh",
            "-ec",
            "id worker 2>/dev/null || useradd -m -s /bin/sh -p '*' worker; echo root:secret | "
            "chpasswd; "
            "mkdir -p ~worker/.ssh; cp /root/.ssh/authorized_keys ~worker/.ssh/; chown -R worker "
            "~worker/.ssh",
        )
        assert done.returncode == 0, done.stdout
    options = [
        "-e",
        json.dumps(
            {
                "ansible_user": "worker",
                "ansible_become": True,
                "ansible_become_method": "su",
                "ansible_become_password": "secret",
                "ansible_ssh_pipelining": not environment,
            }
        ),
    ]
    with terminals.Terminal(**ansible([PULL], *options, **environment), columns=130) as terminal:
        terminal.wait_for(shows("h1", "h2", "h3"))
        gate.touch()
        assert terminal.end() == 0
    assert "Pulling" not in "\n".join(terminal.lines())


def test_containers_builds_and_loops(fleet, ansible, gate):
    """Whatever takes long: the pulls of a list of containers, a step of a build, an item of a loop."""
    made = fleet.execute(
        "h1",
        "sh",
        "-c",
        "mkdir -p /srv/base/bin /srv/build && cp /bin/busybox /srv/base/bin && ln -sf busybox "
        "/srv/base/bin/sh && "
        "printf 'FROM base:1\\nRUN echo hello; while [ ! -e /go ]; do /bin/busybox sleep 0.1; "
        "done\\n' > /srv/build/Containerfile",
    )
    assert made.returncode == 0, made.stdout
    tasks = [
        {
            "pycontainer.engine.container": {
                "containers": [
                    {
                        "name": "box",
                        "image": "127.0.0.1:5000/slow:1",
                        "command": ["x"],
                        "state": "present",
                    }
                ]
            }
        },
        {"pycontainer.engine.image": {"name": "base:1", "source": "import", "path": "/srv/base"}},
        {
            "pycontainer.engine.image": {
                "name": "built:{{ item }}",
                "source": "build",
                "build": {"path": "/srv/build"},
            },
            "loop": [1],
        },
        {"pycontainer.engine.container": {"name": "box", "state": "absent"}},
        {"pycontainer.engine.image": {"name": "127.0.0.1:5000/slow:1", "state": "absent"}},
    ]
    at_home = serving(fleet.directory / "h1" / "net", "127.0.0.1", gate)  # which needs no TLS
    with at_home, terminals.Terminal(**ansible(tasks, hosts="h1"), columns=130) as terminal:
        terminal.wait_for(shows("h1"))
        gate.touch()
        terminal.wait_for(shows("h1", row=r"  %s  \[2/2\] RUN echo hello.*"))
        assert any(
            "hello" in line.partition("RUN echo hello")[2] or ".." in line
            for line in terminal.lines()
        )
        fleet.execute(
            "h1",
            "sh",
            "-c",
            "for each in /proc/[0-9]*; do grep -q 'while . ! -e /go' $each/cmdline && touch "
            "$each/root/go; done",
        )
        assert terminal.end() == 0, terminal.output
    assert not re.search("Pulling|RUN", "\n".join(terminal.lines()))


def test_an_interrupt_leaves_a_clean_terminal(fleet, ansible, gate):
    with terminals.Terminal(**ansible([PULL]), columns=130) as terminal:
        terminal.wait_for(shows("h1", "h2", "h3"))
        terminal.type("\x03")
        assert terminal.end() == 99
    assert "Pulling" not in "\n".join(terminal.lines()) and any(
        "interrupted" in line for line in terminal.lines()
    ), terminal.lines()
    gate.touch()
    until(lambda: not any(boards(fleet, host) for host in fleet.hosts()))


def test_a_killed_module_leaves_nothing_for_long(fleet, ansible, gate):
    with terminals.Terminal(**ansible([PULL]), columns=130) as terminal:
        terminal.wait_for(shows("h1", "h2", "h3"))
        name = boards(fleet, "h1")[0].split()[-1]
        assert (
            fleet.execute(
                "h1",
                "sh",
                "-c",
                'kill -9 $(ls -l /proc/[0-9]*/fd | awk \'/^.proc/ {split($0, part, "/")} /%s/ '
                "{print part[3]}')" % name,
            ).returncode
            == 0
        )
        terminal.wait_for(lambda terminal: "fatal: [h1]" in terminal.output)
        gate.touch()
        assert terminal.end() == 2
    assert not re.search(r"h\d +Pulling", "\n".join(terminal.lines())), terminal.lines()
    assert len(boards(fleet, "h1")) == 1
    fleet.execute("h1", *COMMAND, "ps")
    assert boards(fleet, "h1") == []
    assert "python" not in fleet.execute("h1", "sh", "-c", "ps -e -o args | grep -v zygote").stdout


QUIET = {
    "no terminal": None,
    "off": {"PYCONTAINER_PROGRESS": "off"},
    "no colour": {"ANSIBLE_NOCOLOR": "1"},
    "a dumb terminal": {"TERM": "dumb"},
    "a variable": ["-e", "pycontainer_progress=off"],
}


@pytest.mark.parametrize("how", QUIET)
def test_nothing_is_shown_nor_kept_on_the_host(fleet, ansible, gate, how):
    """Where nobody looks the host is not even told to say how far it is; so what is asserted does not hang on how long is waited."""
    more = QUIET[how]
    run = ansible(
        [PULL],
        *(more if isinstance(more, list) else ()),
        hosts="h1",
        **(more if isinstance(more, dict) else {}),
    )
    at_work = "ls /var/lib/pycontainer/tmp | grep worker"
    if how == "no terminal":
        environment = dict(os.environ, **run["env"])
        with subprocess.Popen(
            list(map(str, run["argv"])),
            env=environment,
            cwd=run["cwd"],
            stdout=subprocess.PIPE,
            text=True,
        ) as ansible_run:
            until(lambda: fleet.execute("h1", "sh", "-c", at_work).stdout)
            assert boards(fleet, "h1") == []
            gate.touch()
            output = ansible_run.communicate()[0]
            assert ansible_run.returncode == 0, output
        assert "\x1b" not in output and "Pulling" not in output
        return
    with terminals.Terminal(**run) as terminal:
        until(lambda: fleet.execute("h1", "sh", "-c", at_work).stdout)
        assert boards(fleet, "h1") == []
        gate.touch()
        assert terminal.end() == 0
    assert "Pulling" not in terminal.output


def test_plain_lines_where_they_are_asked_for(fleet, ansible, gate):
    run = ansible([PULL], PYCONTAINER_PROGRESS="plain")
    environment = dict(os.environ, **run["env"])
    with subprocess.Popen(
        list(map(str, run["argv"])),
        env=environment,
        cwd=run["cwd"],
        stdout=subprocess.PIPE,
        text=True,
    ) as ansible_run:
        wanted, found = set(fleet.hosts()), []
        for line in ansible_run.stdout:
            found.append(line)
            wanted -= {
                host
                for host in wanted
                if re.match(rf"{host}: Pulling {re.escape(IMAGE)}: .*MB, 0/3 layers$", line)
            }
            if not wanted:
                gate.touch()
    assert ansible_run.returncode == 0 and not wanted and "\x1b" not in "".join(found), found


def test_another_word_is_refused(ansible):
    run = ansible([PULL], hosts="h1", PYCONTAINER_PROGRESS="fancy")
    with terminals.Terminal(**run) as terminal:
        assert terminal.end() == 2
    assert (
        "PYCONTAINER_PROGRESS: 'fancy' is not valid; accepted: auto, plain, off"
        in terminal.output.replace("\r\n", "")
    )
