# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The source of events for Event-Driven Ansible, with hosts over SSH; and who changed what, as a play tells it."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import re
import shlex
import time

import pytest
import yaml
from hosts.conftest import fleet_of
from support.fleet import roots

SOURCE = roots.CHECKOUT / "extensions" / "eda" / "plugins" / "event_source" / "containers.py"
# The role host links it into the PATH; here is but the engine.
PYCONTAINER = "/usr/bin/python3 -I -S /var/lib/pycontainer/runtime/current/start.py"


def _module():
    spec = importlib.util.spec_from_file_location("event_source_containers", SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def hosts():
    with fleet_of(2, "events", engine=True) as made:
        yield made


@pytest.fixture
def source(hosts, monkeypatch, tmp_path):
    """The source's module; its ``ssh`` and ``ansible-inventory`` begin where the hosts can be reached."""
    for name, program in (("ssh", "/usr/bin/ssh"), ("ansible-inventory", roots.CHECKOUT / ".venv/bin/ansible-inventory")):  # fmt: skip
        script = tmp_path / name
        script.write_text(f'#!/bin/sh\nexec nsenter --net={hosts.fabric} {program} "$@"\n')
        script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return _module()


def arguments(hosts, **more):
    return {
        "inventory": str(hosts.inventory),
        "command": PYCONTAINER,
        "min_wait": 0.2,
        "max_wait": 0.5,
        "since": "1h",  # whenever it is connected
        **more,
    }


async def until(queue, wanted, seconds=60):
    """Events until all of ``wanted``, a set of (host, type, action, name), have come; returns all that came."""
    found, left = [], set(wanted)
    end = time.monotonic() + seconds
    while left:
        try:
            event = await asyncio.wait_for(queue.get(), end - time.monotonic())
        except asyncio.TimeoutError:
            raise AssertionError(f"missing {left}; came {found}") from None
        found.append(event)
        left.discard((event["host"], event["type"], event["action"], event["name"]))
    return found


def on(hosts, host, *words):
    done = hosts.execute(host, *PYCONTAINER.split(), *words)
    assert done.returncode == 0, done.stdout
    return done.stdout


def followers(hosts, host):
    """How many ``events`` run on a host."""
    return hosts.execute(host, "sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '").stdout.count(
        " events --format json"
    )


def test_many_hosts_are_followed_and_a_lost_one_again(source, hosts):
    async def scenario():
        queue = asyncio.Queue(1)
        args = arguments(hosts, filters={"type": ["volume"]})
        following = asyncio.ensure_future(source.main(queue, args))
        try:
            for host in ("h1", "h2"):
                await asyncio.to_thread(on, hosts, host, "volume", "create", f"of-{host}")
            found = await until(
                queue, {(host, "volume", "create", f"of-{host}") for host in ("h1", "h2")}
            )
            assert await asyncio.to_thread(followers, hosts, "h1")
            event = next(event for event in found if event["host"] == "h1")
            assert event["meta"] == {"hosts": "h1"}
            assert event["attributes"] == {"driver": "local"} and event["id"] == "of-h1"
            assert abs(event["time"] - time.time()) < 60 and event["time_nano"] > 10**18
            # its connection is cut: what happens meanwhile comes once, when it is back
            await asyncio.to_thread(
                hosts.execute, "h2", "sh", "-c",
                "for p in $(grep -al ' *events' /proc/[0-9]*/cmdline | cut -d/ -f3); do "
                "grep -aq json /proc/$p/cmdline && kill -9 $p; done",
            )  # fmt: skip
            await until(queue, {("h2", "host", "unreachable", "h2")})
            await asyncio.to_thread(on, hosts, "h2", "volume", "create", "meanwhile")
            await asyncio.to_thread(on, hosts, "h2", "volume", "rm", "meanwhile")
            found = await until(
                queue,
                {("h2", "volume", "create", "meanwhile"), ("h2", "volume", "destroy", "meanwhile"),
                 ("h2", "host", "reached", "h2")},
            )  # fmt: skip
            assert [event["action"] for event in found if event["type"] == "volume"] == [
                "create",
                "destroy",
            ]
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    asyncio.run(scenario())
    end = time.monotonic() + 20
    while sum(followers(hosts, host) for host in ("h1", "h2")) and time.monotonic() < end:
        time.sleep(0.1)
    assert [followers(hosts, host) for host in ("h1", "h2")] == [0, 0]  # nothing stays on a host


def test_a_host_that_is_not_there_keeps_no_other(source, hosts):
    async def scenario():
        queue = asyncio.Queue()
        ssh_args = next(
            line.partition("=")[2]
            for line in hosts.inventory.read_text().splitlines()
            if line.startswith("ansible_ssh_common_args=")
        )
        key = roots.keys() / "id"
        there = hosts.inventory.read_text().split("ansible_host=")[1].split()[0]
        args = {
            "hosts": [
                {"name": "gone", "address": "192.0.2.1", "ssh_args": "-o ConnectTimeout=1"},
                {"name": "h1", "address": there, "user": "root", "private_key": str(key),
                 "ssh_args": ssh_args},
            ],
            "command": PYCONTAINER,
            "min_wait": 0.1,
            "since": "1h",
        }  # fmt: skip
        following = asyncio.ensure_future(source.main(queue, args))
        try:
            await asyncio.to_thread(on, hosts, "h1", "volume", "create", "here")
            found = await until(
                queue, {("gone", "host", "unreachable", "gone"), ("h1", "volume", "create", "here")}
            )
            gone = next(event for event in found if event["host"] == "gone")
            assert "192.0.2.1" in gone["detail"]
            await asyncio.sleep(1)
            assert not [event for event in list(queue._queue) if event["host"] == "gone"]  # once
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "args, part",
    [
        ({}, "hosts: missing; needed: hosts, or an inventory"),
        ({"hosts": ["a"], "colour": 1}, "colour: no option of this source"),
        ({"hosts": ["-oProxyCommand=x"]}, "a host's name does not begin with -"),
        ({"hosts": [{"name": "a", "shoe": 1}]}, "accepted: a name, user@name"),
        ({"hosts": ["a"], "filters": "x"}, "filters: 'x' is not valid"),
        ({"hosts": ["a"], "min_wait": 0}, "min_wait: 0 is not valid"),
        ({"inventory": "/no/such,"}, "inventory"),
    ],
)
def test_arguments_that_can_not_be_are_one_sentence(source, args, part):
    async def short():
        await asyncio.wait_for(source.main(asyncio.Queue(), args), 5)

    if "inventory" in args:
        args = {"inventory": str(roots.CHECKOUT / "no-such-inventory")}
    with pytest.raises(ValueError) as caught:
        asyncio.run(short())
    assert part in str(caught.value) and "\n" not in str(caught.value)


def test_command_lines_are_what_they_should_be():
    module = _module()
    options = module._options({"hosts": ["a"], "filters": {"event": ["die", "oom"]}, "since": "5m"})
    host = module.Host("ssh://ann@web1:2222", options)
    words = host.command()
    assert words[0] == "ssh" and words[-2] == "web1" and words[-3] == "--"
    assert words[words.index("-p") + 1] == "2222" and words[words.index("-l") + 1] == "ann"
    assert shlex.split(words[-1].partition("; ")[2]) == [
        "sudo", "-n", "--", "pycontainer", "events", "--format", "json", "--since", "5m",
        "--filter", "event=die", "--filter", "event=oom",
    ]  # fmt: skip
    line = json.dumps({"Type": "container", "Action": "health_status: unhealthy",
                       "Actor": {"ID": "1", "Attributes": {"name": "web"}},
                       "timeNano": 5_000_000_001}).encode()  # fmt: skip
    event = host.event(line)
    assert (event["action"], event["detail"], event["name"]) == (
        "health_status",
        "unhealthy",
        "web",
    )
    assert host.event(line) is None  # it has come already
    assert "3.000000001" in host.command()[-1]
    fresh = module.Host("web1", dict(options, since=None))
    assert "--since 0s" in fresh.command()[-1] and "sudo" not in fresh.command()[-1]
    fresh.ready(b"1796180432\n")
    assert "--since 1796180432.0" in fresh.command()[-1]  # by the host's clock
    assert host.event(b"no json") is None and host.event(b"[]") is None


def test_a_play_tells_who_it_is(play, hosts):
    """The task's name, its play, its file and the controller's account stand on the host, and in container_info."""
    tasks = [
        {"name": "Make a place", "pycontainer.engine.volume": {"name": "kept"}},
        {"name": "Make a place", "pycontainer.engine.volume": {"name": "kept"}},
        {
            "name": "Make it in silence",
            "pycontainer.engine.volume": {"name": "quiet"},
            "no_log": True,
        },
    ]
    play(hosts, tasks)
    shown = on(hosts, "h1", "system", "history", "kept", "quiet", "--format", "json")
    quiet, made = [json.loads(line) for line in shown.splitlines()]
    assert made["actions"] == ["create volume kept"]
    assert quiet["actions"] == ["hidden, as the task has no_log"]
    by = made["by"]
    assert by["task"] == "Make a place" and by["play"] == "all" and by["user"] == "root"
    assert by["controller"] and by["controller_user"] and by["playbook"].startswith("play.json:")
    assert by["from"]


def test_the_page_about_events(play, hosts):
    """docs/events.md: its rulebook is a part of the collection's, and its tasks run."""
    page = (roots.CHECKOUT / "docs" / "events.md").read_text()
    tasks, book = map(
        yaml.safe_load, re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    )
    whole = yaml.safe_load((roots.CHECKOUT / "extensions/eda/rulebooks/containers.yml").read_text())
    assert book[0]["sources"] == whole[0]["sources"]
    assert book[0]["rules"][0] in whole[0]["rules"]
    module = _module()
    module._options(book[0]["sources"][0]["pycontainer.engine.containers"])
    done = play(hosts, tasks)
    assert done.results("h1")[0]["history"] == [] and done.results("h1")[0]["exists"] is False


def test_its_documentation_names_its_arguments():
    module = _module()
    options = yaml.safe_load(module.DOCUMENTATION)["options"]
    known = module._options({"hosts": ["a"]})
    assert set(options) == {"inventory", "limit", *known}
    defaults = {name: option.get("default") for name, option in options.items()}
    assert {name: known[name] for name in known if name not in ("hosts", "filters")} == {
        name: defaults[name] for name in known if name not in ("hosts", "filters")
    }
