# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""container_copy between the controller and containers of a host, over SSH: what differs is sent, and put into place."""

from __future__ import annotations

import os

import pytest
from hosts.conftest import fleet_of
from support.fleet import standins

MODULE = "pycontainer.engine.container_copy"


@pytest.fixture(scope="module")
def host():
    with fleet_of(1, "copying") as made:
        standins.prepare(made)
        yield made


@pytest.fixture
def web(host, play):
    play(
        host,
        [
            {"pycontainer.engine.host": {}},
            {
                "pycontainer.engine.image": {
                    "name": "web:1",
                    "source": "import",
                    "path": standins.ROOT,
                    "config": standins.SERVER,
                }
            },
            {
                "pycontainer.engine.container": {
                    "name": "web",
                    "image": "web:1",
                    "network_mode": "none",
                }
            },
        ],
    )
    yield host
    host.execute("h1", "pycontainer", "rm", "-f", "web")


def copies(play, host, *tasks):
    """Each task in check mode, for real, and again; returns the results of the real ones."""
    modes = ({"check_mode": True, "diff": True}, {"diff": True}, {})
    wanted = [
        dict({MODULE: dict(task, container="web")}, **mode) for task in tasks for mode in modes
    ]
    results = play(host, wanted).results("h1")
    for number in range(len(tasks)):
        checked, done, again = results[3 * number : 3 * number + 3]
        assert checked["changed"] and done["changed"] and not again["changed"]
        assert checked["actions"] == done["actions"] and checked["diff"] == done["diff"]
    return results[1::3]


def test_of_the_controller(play, web, tmp_path):
    (tmp_path / "files" / "site" / "deep").mkdir(parents=True)
    (tmp_path / "files" / "site" / "index.html").write_text("one\n")
    (tmp_path / "files" / "site" / "deep" / "leaf").write_text("leaf\n")
    os.symlink("deep/leaf", tmp_path / "files" / "site" / "link")
    (tmp_path / "files" / "app.conf").write_text("a = 1\n")
    site, conf = copies(
        play,
        web,
        {"src": "site/", "dest": "/www", "owner": "postgres", "directory_mode": "0755"},
        {"path": "app.conf", "container_path": "/etc/app.conf", "mode": "0600"},
    )
    assert site["files"] == ["/www/deep", "/www/deep/leaf", "/www/index.html", "/www/link"]
    assert conf["diff"][0]["after"] == "a = 1\n" and conf["container_path"] == "/etc/app.conf"

    def inside(command):
        return web.execute("h1", "pycontainer", "exec", "web", "sh", "-c", command).stdout

    assert inside("cat /www/index.html /www/link /etc/app.conf") == "one\nleaf\na = 1\n"
    assert "70" in inside("ls -ln /www/index.html")
    (tmp_path / "files" / "site" / "index.html").write_text("two\n")
    done = copies(play, web, {"src": "site", "dest": "/srv"}, {"src": "site/", "dest": "/www"})
    assert done[1]["files"] == ["/www/deep/leaf", "/www/index.html", "/www/link"] or done[1][
        "files"
    ][-1:] == ["/www/link"]
    assert inside("cat /www/index.html /srv/site/deep/leaf") == "two\nleaf\n"


def test_to_the_controller(play, web, tmp_path):
    done = copies(
        play,
        web,
        {"src": "/etc/passwd", "dest": "taken/", "from_container": True},
        {"src": "/etc", "dest": "whole", "from_container": True},
        {"src": "/etc/", "dest": "content", "from_container": True, "mode": "0600"},
    )
    assert "postgres" in (tmp_path / "taken" / "passwd").read_text()
    assert (tmp_path / "whole" / "etc" / "group").exists()
    assert (tmp_path / "content" / "group").stat().st_mode & 0o777 == 0o600
    assert done[0]["actions"] == [f"write {tmp_path}/taken/passwd on the controller"]


def test_refused(play, web):
    for sentence, task in (
        ("Could not find or access", {"src": "missing", "dest": "/a"}),
        ("there is no /missing in container web", {"src": "/missing", "from_container": True}),
        ("container no does not exist", {"content": "", "container": "no"}),
    ):
        given = dict({"container": "web", "dest": "/a"}, **task)
        errors = play(web, [{MODULE: given}], may_fail=True).errors["h1"]
        assert sentence in errors[0]


def test_checked_after_a_replacement(play, web):
    """The new container has none of the files that were copied into the old one."""
    copied = {MODULE: {"container": "web", "content": "x\n", "dest": "/etc/x"}}
    made = {"name": "web", "image": "web:1", "network_mode": "none"}
    play(web, [copied])
    for option, changed in (("hostname", True), ("pids_limit", False)):
        anew = {"pycontainer.engine.container": dict(made, **{option: "99"})}
        assert play(web, [anew, copied], "--check").results("h1")[-1]["changed"] is changed
