# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/rootless.md as it is written: the preparation of a host, a container of a user, his unit, and a boot."""

from __future__ import annotations

import re

import pytest
import yaml
from hosts.conftest import fleet_of
from support import waiting
from support.fleet import roots, standins

PAGE = (roots.CHECKOUT / "docs" / "rootless.md").read_text()
FETCH = ("busybox", "wget", "-q", "-O", "-", "http://127.0.0.1:8080/")
UNIT = "/home/app/.config/systemd/user/pycontainer.service"


def block(language, word):
    """The page's block in a language that has a word in it."""
    found = re.findall(f"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    (one,) = [text for text in found if word in text]
    return one


@pytest.fixture(scope="module")
def host():
    with fleet_of(1, "rootless", init="systemd") as made:
        standins.prepare(made)
        added = made.execute("h1", "useradd", "--create-home", "--shell", "/bin/bash", "app")
        assert added.returncode == 0, added.stdout
        yield made


def as_user(host, *words):
    """A command of the user's, as in a session of his."""
    line = ["env", "HOME=/home/app", "XDG_RUNTIME_DIR=/run/user/1000", *words]
    return host.execute("h1", "setpriv", "--reuid=1000", "--regid=1000", "--init-groups", *line)


def test_the_page(run_book, play, host, tmp_path):
    play(host, [{"include_role": {"name": "pycontainer.engine.host"}}, *standins.tasks()])
    prepare, use = tmp_path / "prepare.yml", tmp_path / "use.yml"
    prepare.write_text(block("yaml", "linger"))
    use.write_text(block("yaml", "become_user"))
    assert yaml.safe_load(use.read_text())[0]["become_user"] == "app"
    first = run_book(host, prepare, "--diff")
    assert first.changed["h1"] > 0
    assert run_book(host, prepare).changed == {"h1": 0}
    assert run_book(host, prepare, "--check").changed == {"h1": 0}
    checked = run_book(host, use, "--check", "--diff")
    done = run_book(host, use)
    assert checked.changed == done.changed == {"h1": 1}
    assert run_book(host, use).changed == {"h1": 0}
    assert waiting.until(lambda: host.execute("h1", *FETCH).stdout == "Hello\n"), host.execute(
        "h1", *FETCH
    ).stdout
    listed = as_user(host, "pycontainer", "ps", "--format", "{{.Names}}")
    assert listed.stdout == "web\n"
    assert host.execute("h1", "pycontainer", "ps", "-aq").stdout == ""


def test_his_unit_starts_it_after_a_boot(host):
    write = f'mkdir -p "$(dirname {UNIT})"; cat > {UNIT}'
    made = host.execute(
        "h1",
        *("setpriv", "--reuid=1000", "--regid=1000", "--init-groups", "sh", "-ec", write),
        stdin=None,
        input=block("ini", "Service"),
    )
    assert made.returncode == 0, made.stdout
    enabled = as_user(host, "systemctl", "--user", "enable", "--now", "pycontainer")
    assert enabled.returncode == 0, enabled.stdout
    assert as_user(host, "systemctl", "--user", "is-active", "pycontainer").stdout == "active\n"
    before = as_user(host, "pycontainer", "inspect", "-f", "{{.State.Pid}}", "web").stdout
    assert before.strip().isdigit()
    host.reboot("h1")
    assert waiting.until(lambda: host.execute("h1", *FETCH).stdout == "Hello\n", 60), (
        as_user(host, "systemctl", "--user", "status", "pycontainer").stdout
        + as_user(host, "pycontainer", "ps", "-a").stdout
    )
    listed = as_user(host, "pycontainer", "ps", "--format", "{{.Names}}")
    assert listed.stdout == "web\n"
