# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store whose database is lost under running containers is built again; system check finds what the database and the host disagree about."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request

import pytest
from pycontainer.deploy import install
from support import waiting
from support.scale import scaled

HINT = "pycontainer system check --repair"
LOSSES = {
    "missing": lambda path: os.unlink(path),
    "empty": lambda path: os.truncate(path, 0),
    "truncated": lambda path: os.truncate(path, os.stat(path).st_size // 2),
    "garbage": lambda path: write(path, b"garbage" * 1000),
}


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def rows(engine):
    from pycontainer.store import rowfiles

    return {
        table: sorted(map(tuple, (row.items() for row in engine.db.all(f"SELECT * FROM {table}"))))
        for table in rowfiles.KEYS
    }


def lose(engine, how):
    engine.db.close()
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(engine.paths.database + suffix)
    LOSSES[how](engine.paths.database)


@pytest.fixture
def served(docker):
    """A container with an address and a published port that answers: ``(its inspect document, the port)``."""
    docker("network", "create", "--label", "a=b", "inner")
    docker(
        "run",
        "-d",
        "--name",
        "web",
        "--network",
        "inner",
        "-p",
        "127.0.0.1::80",
        "-v",
        "kept:/kept",
        "-l",
        "x=y",
        "box:1",
        "sh",
        "-c",
        "mkdir /www; echo hello > /www/index.html; exec httpd -f -p 80 -h /www",
    )
    document = json.loads(docker("inspect", "web"))[0]
    port = int(document["NetworkSettings"]["Ports"]["80/tcp"][0]["HostPort"])
    listening(port)
    return document, port


def listening(port):
    """Wait until the container's server answers."""
    end = time.monotonic() + 30
    while True:
        try:
            return answer(port)
        except (OSError, http.client.HTTPException):
            assert time.monotonic() < end
            time.sleep(0.02)


def answer(port):
    with urllib.request.urlopen("http://127.0.0.1:%d/" % port, timeout=10) as found:
        return found.read()


@pytest.mark.parametrize("how", LOSSES)
def test_a_lost_database_is_built_again_under_running_containers(docker, served, how):
    document, port = served
    docker("create", "--name", "other", "--network", "none", "box:1")
    docker("volume", "create", "--label", "l=m", "plain")
    engine, before = docker.engine, rows(docker.engine)
    lose(engine, how)
    for command in (
        ("ps", "-a"),
        ("images",),
        ("volume", "ls"),
        ("run", "-d", "box:1"),
        ("system", "check"),
    ):
        rc, out, err = docker.on_host(
            "--root", engine.paths.data, "--runroot", engine.paths.run, *command
        )
        assert (
            rc and out == "" and err.startswith("Error: ") and HINT in err and err.count("\n") == 1
        ), (command, out, err)
    rc, out, err = docker.on_host(
        "--root", engine.paths.data, "--runroot", engine.paths.run, "system", "check", "--repair"
    )
    assert rc == 0 and err == "", (out, err)
    kept = [name for name in os.listdir(engine.paths.data) if name.startswith("state.db.damaged-")]
    assert len(kept) == (how != "missing")
    assert rows(engine) == before
    again = json.loads(docker("inspect", "web"))[0]
    assert (
        again["State"]["Pid"] == document["State"]["Pid"]
        and again["State"]["Running"]
        and again["NetworkSettings"] == document["NetworkSettings"]
    )
    assert answer(port) == b"hello\n"
    docker("run", "-d", "--name", "second", "--network", "inner", "box:1")
    assert (
        json.loads(docker("inspect", "second"))[0]["NetworkSettings"]["IPAddress"]
        != document["NetworkSettings"]["IPAddress"]
    )
    assert docker("system", "check") == "No damage found"
    docker("stop", "-t", "0", "web")
    docker("rm", "web")
    assert (
        docker("volume", "ls", "-q") == "kept\nplain"
        and docker("ps", "-aq", "--filter", "name=web") == ""
    )


@pytest.mark.parametrize("source", ("backup", "directories"))
def test_without_copies_of_its_rows(docker, served, source):
    """The newest backup, else what the directories say: enough to go on with what runs."""
    document, port = served
    engine = docker.engine
    docker("volume", "rm", "-f", "unused")
    if source == "backup":
        engine.secure()
    before = rows(engine)
    lose(engine, "missing")
    shutil.rmtree(engine.paths.records)
    if source == "directories":
        shutil.rmtree(engine.paths.backups, ignore_errors=True)
    said = docker.on_host(
        "--root", engine.paths.data, "--runroot", engine.paths.run, "system", "check", "--repair"
    )
    assert said[0] == 0, said
    after = rows(engine)
    assert answer(port) == b"hello\n"
    if source == "backup":
        assert after == before
        return
    for table in ("addresses", "ports", "id_ranges"):
        assert after[table] == before[table]
    again = json.loads(docker("inspect", "web"))[0]
    assert again["State"]["Pid"] == document["State"]["Pid"]
    assert (
        docker("images", "-aq")
        and docker("volume", "ls", "-q") == "kept"
        and docker("network", "inspect", "inner")
    )
    docker("system", "prune", "-f")
    docker("restart", "-t", "0", "web")
    assert json.loads(docker("inspect", "web"))[0]["State"]["Running"]
    docker("rm", "-f", "web")
    assert (
        docker("system", "check", "--repair") in ("No damage found", "")
        and docker("system", "check") == "No damage found"
    )


def files(engine):
    return {
        (top, name): os.lstat(os.path.join(top, name)).st_mtime_ns
        for top, _names, files in os.walk(engine.paths.data)
        for name in files
    }


def test_check_mode_changes_nothing(docker, served):
    from pycontainer import cli
    from pycontainer.cli import task
    from pycontainer.engine import Engine

    lose(docker.engine, "missing")
    before = files(docker.engine)
    params = {"argv": ["system", "check", "--repair"], "cmd": None}
    assert task.tolerates(params) and not task.tolerates({"argv": ["ps"], "cmd": None}) and cli
    with Engine(
        docker.engine.paths.data, docker.engine.paths.run, check=True, broken=True
    ) as engine:
        result = task.pycontainer(engine, params)
    assert (
        result["changed"]
        and result["actions"] == ["build the database again"]
        and files(docker.engine) == before
    )
    docker.on_host(
        "--root",
        docker.engine.paths.data,
        "--runroot",
        docker.engine.paths.run,
        "system",
        "check",
        "--repair",
    )


def repaired(docker, *expected):
    """system check tells the sentences, and no more, mends them, and finds nothing afterwards."""
    found = docker.task("system", "check", "--quick")
    assert found["rc"] == 1 and len(found["stdout_lines"]) == len(expected), found
    for line, part in zip(found["stdout_lines"], expected):
        assert part in line
    before = docker.task("system", "check", "--quick")["stdout"]
    assert (
        docker.task("system", "check", "--quick", "--repair", check=True)["changed"]
        and docker.task("system", "check", "--quick")["stdout"] == before
    )
    done = docker.task("system", "check", "--quick", "--repair")
    assert done["rc"] == 0 and done["changed"], done
    assert docker("system", "check", "--quick") == "No damage found"


def test_directories_that_no_row_knows(docker, served):
    """Somebody deleted rows: their copies bring them back, else what the directories say does."""
    engine, before = docker.engine, rows(docker.engine)
    engine.db.records = None  # so that the copies stay
    engine.db.close()
    with engine.db.transaction() as connection:
        for table in ("containers", "volumes", "addresses", "ports", "id_ranges"):
            connection.execute(f"DELETE FROM {table}")
    engine.db.close()
    engine.db.records = engine.paths.records
    found = docker.task("system", "check", "--quick")
    assert (
        found["rc"] == 1
        and "container web is not in the database" in found["stdout"]
        and "volume kept is not in the database" in found["stdout"]
    )
    docker("system", "check", "--quick", "--repair")
    assert rows(engine) == before and docker("system", "check", "--quick") == "No damage found"
    docker("rm", "-f", "web")


def test_rows_whose_directories_are_gone(docker):
    engine = docker.engine
    docker("create", "--name", "web", "--network", "none", "box:1")
    docker("volume", "create", "kept")
    (ident,) = os.listdir(engine.paths.containers)
    shutil.rmtree(engine.paths.container(ident))
    shutil.rmtree(engine.paths.volume("kept"))
    assert (
        docker("ps", "-a", "--format", "{{.Names}}") == "web"
        and docker("volume", "ls", "-q") == "kept"
    )
    repaired(docker, "container web: its directory is gone", "volume kept: its directory is gone")
    assert docker("ps", "-aq") == docker("volume", "ls", "-q") == ""


def test_what_is_kept_for_nobody(docker):
    docker("network", "create", "inner")
    engine = docker.engine
    engine.db.run("INSERT INTO addresses VALUES ('inner', '10.9.9.9', ?, '02:42')", "a" * 64)
    engine.db.run("INSERT INTO ports VALUES ('tcp', '0.0.0.0', 80, ?)", "b" * 64)
    engine.db.run("INSERT INTO id_ranges VALUES (?, 1, 2)", "a" * 64)
    repaired(docker, "are kept for containers that are not there: aaaaaaaaaaaa, bbbbbbbbbbbb")
    assert not any(rows(engine)[table] for table in ("addresses", "ports", "id_ranges"))


def test_what_runs_and_nothing_tells_of(docker, served):
    """Neither row, nor copy, nor directory: the processes end, and groups, link, rules and address are free again."""
    from pycontainer.kernel.processes import procfs

    document, port = served
    engine, ident = docker.engine, document["Id"]
    pid = document["State"]["Pid"]
    began = procfs.start_time(pid)
    for table, column in (
        ("containers", "id"),
        ("addresses", "container"),
        ("ports", "container"),
        ("id_ranges", "container"),
    ):
        engine.db.run(f"DELETE FROM {table} WHERE {column} = ?", ident)
    shutil.rmtree(engine.paths.container(ident))
    found = docker.task("system", "check", "--quick")
    assert (
        found["rc"] == 1
        and f"container {ident[:12]} is gone, but 1 process is left of it" in found["stdout"]
    ), found
    assert "is no container's" in found["stdout"] and len(found["stdout_lines"]) == 2
    docker("system", "check", "--quick", "--repair")
    assert procfs.start_time(pid) != began and not os.path.exists(engine.paths.container_run(ident))
    assert docker("system", "check", "--quick") == "No damage found"
    docker(
        "run", "-d", "--name", "next", "--network", "inner", "-p", "127.0.0.1:%d:80" % port, "box:1"
    )


def test_rules_that_lead_to_nobody(docker):
    """An element of a published port's map whose address no container has."""
    from pycontainer.networks import publish

    docker("network", "create", "inner")
    docker("run", "-d", "--name", "web", "--network", "inner", "-p", "18080:80", "box:1")
    address = json.loads(docker("inspect", "web"))[0]["NetworkSettings"]["IPAddress"]
    docker("rm", "-f", "web")
    if not publish.publish(
        "a" * 64,
        [address],
        [{"host_ip": "0.0.0.0", "host_port": 18081, "container_port": 80, "protocol": "tcp"}],
    ):
        pytest.skip("no nf_tables here")
    repaired(docker, f"published ports lead to {address}, which no container has")


def test_bridges_that_no_network_has(docker):
    """One that this engine has made; those of others stay, and one of a network too."""
    from pycontainer.kernel.net import netlink
    from pycontainer.networks import catalog, links

    docker("network", "create", "inner")
    docker("network", "create", "gone")
    bridges = {name: catalog.get(docker.engine, name)["bridge"] for name in ("inner", "gone")}
    with netlink.Socket() as sock:
        assert netlink.link(sock, bridges["gone"])["alias"] == links.alias(docker.engine.paths)
    others = "pyc-other000000"
    subprocess.run(["ip", "link", "add", others, "type", "bridge"], check=True)
    subprocess.run(["ip", "link", "set", others, "alias", "pycontainer /srv/x"], check=True)
    docker.engine.db.run("DELETE FROM networks WHERE name = 'gone'")
    docker.engine.secure()
    try:
        repaired(docker, f"the bridge {bridges['gone']} is no network's")
        with netlink.Socket() as sock:
            assert netlink.link(sock, bridges["gone"]) is None
            assert netlink.link(sock, bridges["inner"]) is not None
            assert netlink.link(sock, others) is not None
    finally:
        subprocess.run(["ip", "link", "del", others], check=True)


def test_links_and_keys_that_no_network_has(docker):
    """An overlay's link, an encrypted one's, a VLAN; those of others stay, and a network's parent too."""
    from pycontainer.networks import catalog, links
    from pycontainer.networks.drivers import overlay_network, wireguard_keys, wireguard_link

    paths = docker.engine.paths
    overlay = {"peers": {}, "name": "h1", "port": 51820}
    noted = wireguard_link.note(links.alias(paths), overlay)
    other = wireguard_link.note(links.alias(paths) + "-other", overlay)
    made = {
        overlay_network.link_name("a" * 64): links.alias(paths),
        overlay_network.link_name("b" * 64): noted,
        overlay_network.link_name("c" * 64): other,
        "up0.7": links.alias(paths),
        "up0.8": links.alias(paths),
    }
    try:
        for number, (name, alias) in enumerate(made.items()):
            words = [name, "type", "veth", "peer", "name", f"up{number}"]
            subprocess.run(["ip", "link", "add", *words], check=True)
            subprocess.run(["ip", "link", "set", name, "alias", alias], check=True)
        docker("network", "create", "-d", "macvlan", "-o", "parent=up0.8", "lan")
        docker("network", "create", "inner")
        kept = catalog.get(docker.engine, "inner")["id"]
        for ident in (kept, "d" * 64):
            wireguard_keys.make(paths, ident)
        gone = [name for name in made if name != "up0.8" and made[name] != other]
        repaired(
            docker, *[f"the link {name} is no network's" for name in gone], "the key dddddddddddd"
        )
        there = {link for _index, link in socket.if_nameindex()}
        assert there & set(made) == set(made) - set(gone)
        assert os.listdir(paths.network_keys) == [kept]
    finally:
        for name in made:
            subprocess.run(["ip", "link", "del", name], check=False, capture_output=True)


def test_copies_that_are_not_as_the_rows(docker):
    from pycontainer.store import rowfiles

    docker("volume", "create", "kept")
    top = os.path.join(docker.engine.paths.records, "volumes")
    write(os.path.join(top, os.listdir(top)[0]), b"garbage")
    repaired(docker, "the copies of the database's rows")
    assert not rowfiles.load(docker.engine.paths.records)[1]


def secret_of(docker, name, data="hunter2", **params):
    from pycontainer.reconcile import carry_out
    from pycontainer.secrets import task

    carry_out(task.secret(docker.engine, {"name": name, "data": data, **params}), False)
    return os.path.join(docker.engine.paths.secrets, "secret", name + ".json")


def test_files_of_secrets(docker, tmp_path):
    from pycontainer.store import settings

    settings.write(docker.engine.paths.config, {"secrets_key": "none"})
    others, opened = secret_of(docker, "others"), secret_of(docker, "opened")
    os.chown(others, 1000, 0)
    os.chmod(opened, 0o644)
    write(opened + ".tmp.1.2", b"rest")
    for data in "abc":
        secret_of(docker, "app", data, rolling_versions=True, versions_to_keep=2)
    docker("create", "--name", "web", "--secret", "app_v2", "box:1")
    secret_of(docker, "app", "d", rolling_versions=True, versions_to_keep=1)
    docker("rm", "web")
    repaired(
        docker,
        "secret app_v2 is an old version that is kept no more",
        f"{opened} belongs to user 0 with mode 0644",
        f"{others} belongs to user 1000 with mode 0600",
        f"{opened}.tmp.1.2 is left of a task",
    )
    assert sorted(os.listdir(os.path.dirname(others))) == [
        "app_v4.json",
        "opened.json",
        "others.json",
    ]
    key = tmp_path / "key"
    key.write_bytes(os.urandom(32))
    key.chmod(0o600)
    settings.write(docker.engine.paths.config, {"secrets_key": str(key)})
    repaired(docker, *(f"secret {name} is kept by none" for name in ("app_v4", "opened", "others")))


def test_secrets_that_only_a_person_can_mend(docker, tmp_path):
    from pycontainer.store import settings

    key = tmp_path / "key"
    key.write_bytes(os.urandom(32))
    key.chmod(0o600)
    settings.write(docker.engine.paths.config, {"secrets_key": str(key)})
    for name in ("damaged", "gone", "changed", "linked"):
        path = secret_of(docker, name)
    docker("create", "--name", "web", "--secret", "gone", "box:1")
    with open(path.replace("linked", "changed"), "r+") as file:
        document = json.load(file)
        file.seek(0)
        json.dump({**document, "version": 2}, file)
    write(path.replace("linked", "damaged"), b"{}")
    os.unlink(path.replace("linked", "gone"))
    os.rename(path, tmp_path / "linked")
    os.symlink(tmp_path / "linked", path)
    told = [
        "secret changed can't be decrypted with the key file",
        "damaged.json is damaged; remove secret damaged and make it again",
        "linked.json is not a regular file",
        "container web names secret gone, which does not exist; make it again",
    ]
    for command in (["system", "check", "--quick"], ["system", "check", "--quick", "--repair"]):
        found = docker.task(*command)["stdout_lines"]
        assert len(found) == len(told) and all(part in line for line, part in zip(found, told))
    for name in ("damaged", "changed", "linked"):
        docker("secret", "rm", name)
    docker("rm", "web")
    assert docker("system", "check", "--quick") == "No damage found"


BROKEN = {"config.json": b"garbage", "run.json": b'{"half": ', "state.json": b"\x00\xff"}


@pytest.mark.parametrize("name", list(BROKEN) + ["all, gone"])
@pytest.mark.parametrize("runs", (False, True), ids=("ended", "running"))
def test_one_broken_container_breaks_no_command_about_the_others(docker, name, runs):
    engine = docker.engine
    docker("run", "-d", "--name", "good", "--network", "none", "-v", "named:/a", "box:1")
    docker(
        "run",
        *(["-d"] if runs else []),
        "--name",
        "bad",
        "--network",
        "none",
        "-v",
        "/b",
        "-v",
        "other:/c",
        "box:1",
        *([] if runs else ["true"]),
    )
    ident = json.loads(docker("inspect", "bad"))[0]["Id"]
    for file in BROKEN if name == "all, gone" else [name]:
        path = os.path.join(engine.paths.container(ident), file)
        if name == "all, gone":
            os.unlink(path)
        else:
            write(path, BROKEN[name])
    assert sorted(docker("ps", "-a", "--format", "{{.Names}}").split()) == ["bad", "good"]
    for words in (
        ("ps",),
        ("ps", "-a"),
        ("ps", "-as"),
        ("ps", "-a", "--filter", "network=none"),
        ("ps", "-a", "--filter", "publish=80"),
        ("volume", "ls"),
        ("images",),
        ("network", "ls"),
        ("info",),
        ("system", "df"),
        ("inspect", "good"),
        ("volume", "inspect", "named"),
        ("volume", "prune", "-f"),
        ("ps", "-a", "--filter", "volume=other"),
        ("image", "prune", "-f"),
        ("stats", "--no-stream"),
        ("boot",),
    ):
        result = docker.task(*words)
        assert not result["rc"] or "bad" in result["stderr"], (words, result)
    assert (
        len(docker("volume", "ls", "-q").split()) == 3
    )  # nobody took away what the broken one may need
    found = docker.task("inspect", "bad")
    assert not found["rc"] or ("container bad" in found["stderr"] and "\n" not in found["stderr"])
    if name != "state.json":
        assert "container bad: its " in docker.task("system", "check", "--quick")["stdout"]
    docker("rm", "-f", "bad")
    docker("run", "-d", "--name", "bad", "--network", "none", "box:1")
    docker("rm", "-f", "-v", "bad", "good")
    docker("volume", "prune", "-af")
    assert docker("system", "check", "--quick") == "No damage found"


def test_no_damage_is_told_while_others_build_and_remove(docker, tmp_path):
    """Images, layers and blobs come and go under the eyes of who looks at all of them."""
    install.ensure(docker.engine)
    words = install.command_line(docker.engine)
    (tmp_path / "context").mkdir()
    (tmp_path / "context" / "Containerfile").write_text("FROM box:1\nCOPY . /new\nENV A=1\n")
    script = tmp_path / "loop"
    script.write_text(
        "set -e\ncd $0.d\nwhile [ ! -e stop ]; do\n  date +%N > ../context/file\n"
        '  "$@" build -q -t b:1 ../context > said\n  "$@" rmi -f b:1 > said\n  echo >> rounds\ndone\n'
    )
    at = tmp_path / "loop.d"
    at.mkdir()
    with subprocess.Popen(
        ["sh", str(script), *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as loop:
        try:
            for _round in range(scaled(3)):
                before = (at / "rounds").stat().st_size if (at / "rounds").exists() else 0
                done = subprocess.run(
                    [*words, "system", "check"], capture_output=True, text=True, check=False
                )
                assert (done.returncode, done.stdout) == (0, "No damage found\n"), done
                waiting.eventually(
                    lambda before=before: (
                        loop.poll() is not None
                        or (at / "rounds").exists()
                        and (at / "rounds").stat().st_size > before
                    )
                )
                assert loop.poll() is None, loop.stderr.read()
        finally:
            (at / "stop").touch()
        assert loop.wait() == 0, loop.stderr.read()
