# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module container_copy between a container and the host: what differs is written, in check mode foretold, and a second time nothing."""

from __future__ import annotations

import base64
import os
import threading

import pytest


@pytest.fixture(params=["running", "stopped", "running as the host's root"])
def web(docker, request):
    """A container ``web`` with a volume at /vol. ``web.inside(path)``: owner, mode and content, asked of itself."""
    words = ["--userns", "host"] if "host" in request.param else []
    docker("run", "-d", "--name", "web", "--network", "none", "-v", "data:/vol", *words, "box:1")
    docker(
        *("exec", "web", "sh", "-c"),
        "mkdir -p /d/sub && echo one > /d/one && ln -s /d/sub /to-sub && ln -s one /d/link",
    )
    if request.param == "stopped":
        docker("stop", "-t", "0", "web")

    def inside(path):
        if request.param == "stopped":
            docker("start", "web")
        try:
            command = f"stat -c '%u:%g %a' {path} && cat {path}"
            return docker("exec", "web", "sh", "-c", command).splitlines()
        finally:
            if request.param == "stopped":
                docker("stop", "-t", "0", "web")

    docker.inside = inside
    yield docker
    docker("rm", "-f", "web")


@pytest.fixture
def copy(web):
    """``copy(**params)``: in check mode, for real, and again without a change; the real result."""
    from pycontainer import reconcile
    from pycontainer.containers import task
    from pycontainer.engine import Engine

    def once(engine, params):
        given = dict({"container": "web", "remote_src": True, "diff": True}, **params)
        return reconcile.carry_out(task.container_copy(engine, given), engine.check)

    def do(**params):
        with Engine(web.engine.paths.data, web.engine.paths.run, check=True) as engine:
            foretold = once(engine, params)
        done = once(web.engine, params)
        assert [foretold[key] for key in ("changed", "actions", "diff")] == [
            done[key] for key in ("changed", "actions", "diff")
        ]
        assert done["changed"]
        again = once(web.engine, params)
        assert not again["changed"] and again["actions"] == again["diff"] == []
        return done

    do.once = lambda **params: once(web.engine, params)
    return do


@pytest.fixture
def tree(tmp_path):
    top = tmp_path / "tree"
    (top / "deep").mkdir(parents=True)
    (top / "deep" / "leaf").write_text("leaf\n")
    (top / "file").write_text("host\n")
    (top / "file").chmod(0o640)
    os.chown(top / "file", 12, 13)
    os.symlink("deep", top / "link")
    return top


def test_a_content(web, copy):
    done = copy(content="hello\n", dest="/etc/app.conf", owner="www", mode="0600")
    assert web.inside("/etc/app.conf") == ["33:33 600", "hello"]
    assert done["actions"] == ["write /etc/app.conf in container web"]
    assert done["files"] == ["/etc/app.conf"] and done["container_path"] == "/etc/app.conf"
    done = copy(content="other\n", dest="/etc/app.conf", owner="www", mode="0600")
    assert [done["diff"][0][side] for side in ("before", "after")] == ["hello\n", "other\n"]
    done = copy(content="other\n", dest="/etc/app.conf", group="extra", mode="4755")
    assert done["actions"] == [
        "change /etc/app.conf in container web: mode 0600 to 4755, owner 33:33 to 0:77"
    ]
    assert web.inside("/etc/app.conf") == ["0:77 4755", "other"]
    binary = base64.b64encode(b"\0\xff").decode()
    done = copy(content=binary, content_is_b64=True, dest="/vol/binary", owner_id=5, group_id=6)
    assert web.inside("/vol/binary")[0] == "5:6 644"
    assert "2 bytes" in str(done["diff"])


def test_a_directory(web, copy, tree):
    copy(src=str(tree), dest="/srv")
    assert web.inside("/srv/tree/deep/leaf") == ["0:0 644", "leaf"]
    assert web.inside("/srv/tree/link/leaf")[1] == "leaf"
    (tree / "deep" / "leaf").write_text("changed\n")
    (tree / "deep").chmod(0o700)
    done = copy(src=str(tree), dest="/srv")
    assert done["files"] == ["/srv/tree/deep", "/srv/tree/deep/leaf"]
    assert web.inside("/srv/tree/deep/leaf")[1] == "changed"
    copy(src=f"{tree}/", dest="/new/place")  # without itself; what is missing is made
    assert web.inside("/new/place/file") == ["0:0 640", "host"]
    copy(src=f"{tree}/", dest="/vol", archive=False, directory_mode="0711")
    assert web.inside("/vol/file") == ["12:13 640", "host"]


def test_a_file(web, copy, tree):
    copy(src=f"{tree}/file", dest="/d")  # a directory
    assert web.inside("/d/file")[1] == "host"
    copy(src=f"{tree}/file", dest="/made/for/it/")
    assert web.inside("/made/for/it/file")[1] == "host"
    copy(src=f"{tree}/file", dest="/d/link")  # a link is replaced
    assert web.inside("/d/link")[1] == "host" and web.inside("/d/one")[1] == "one"


def test_links(web, copy, tree):
    copy(src=f"{tree}/file", dest="/to-sub", follow=True)
    assert web.inside("/d/sub/file")[1] == "host"
    copy(content="through\n", dest="/d/link", follow=True)
    assert web.inside("/d/one")[1] == "through"
    os.symlink("file", tree / "to-file")
    copy(src=f"{tree}/to-file", dest="/d/copied")  # local_follow is the default
    assert web.inside("/d/copied")[1] == "host"
    copy(src=f"{tree}/to-file", dest="/d/sub/as-link", local_follow=False)
    assert web.inside("/d/sub/as-link")[0] == "0:0 777"


def test_force(web, copy, tree):
    assert not copy.once(content="x", dest="/d/one", force=False)["changed"]
    assert web.inside("/d/one")[1] == "one"
    assert copy.once(content="one\n", dest="/d/one", force=True)["changed"]
    assert copy.once(content="one\n", dest="/d/one", force=True)["changed"]
    assert copy.once(content="new", dest="/d/new", force=False)["changed"]


def test_out(web, copy, tmp_path):
    copy(src="/d/one", dest=str(tmp_path / "one"), from_container=True)
    assert (tmp_path / "one").read_text() == "one\n" and (tmp_path / "one").stat().st_uid == 0
    done = copy(src="/d", dest=str(tmp_path), from_container=True)
    assert os.readlink(tmp_path / "d" / "link") == "one" and "on the host" in done["actions"][0]
    copy(src="/d/link", dest=str(tmp_path / "followed"), from_container=True, follow=True)
    assert (tmp_path / "followed").read_text() == "one\n"


def test_refused(web, copy, tree):
    from pycontainer import errors

    for sentence, params in (
        ("owner: 'nobody' is not valid", {"content": "", "dest": "/a", "owner": "nobody"}),
        ("mode: 644 is not valid", {"content": "", "dest": "/a", "mode": 644}),
        ("mode: '9' is not valid", {"content": "", "dest": "/a", "mode": "9"}),
        ("there is no directory /no in container web", {"content": "", "dest": "/no/a"}),
        ("there is no /nowhere on the host", {"src": "/nowhere", "dest": "/a"}),
        ("dest: '/d' is not valid", {"content": "", "dest": "/d"}),
        ("/d/sub in container web is a directory", {"src": f"{tree}/sub", "dest": "/d"}),
        (
            "owner: 'www' is not valid",
            {"src": "/d", "dest": "/", "from_container": True, "owner": "www"},
        ),
    ):
        (tree / "sub").write_text("")
        with pytest.raises(errors.EngineError, match=sentence):
            copy.once(**params)
    copy(src=f"{tree}/sub", dest="/d", overwrite=True)
    assert web.inside("/d/sub") == ["0:0 644"]


def test_foreign_text_in_a_diff(web, copy):
    copy(content="\x1b[2Jred\n", dest="/d/text")
    done = copy(content="plain\n", dest="/d/text")
    assert done["diff"][0]["before"] == "\\x1b[2Jred\n"


@pytest.mark.parametrize("web", ["running"], indirect=True)
def test_a_link_that_comes_meanwhile(web, copy, tree, tmp_path):
    """A container that exchanges a directory for a link to the host's all the time: nothing of the host is written."""
    victim = tmp_path / "victim"
    victim.mkdir()
    web(
        *("exec", "-d", "web", "sh", "-c"),
        f"mkdir -p /r/a; while :; do rm -rf /r/a; ln -s {victim} /r/a; rm /r/a; mkdir /r/a; done",
    )
    from pycontainer import errors

    stop = threading.Event()
    threading.Timer(3, stop.set).start()
    done = 0
    while not stop.is_set():
        try:
            done += copy.once(content="x", dest="/r/a/file")["changed"]
        except errors.EngineError:
            pass
    assert os.listdir(victim) == []
    assert done
