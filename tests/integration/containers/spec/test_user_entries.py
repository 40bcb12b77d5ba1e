# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines for users without one, names and resolvers below further roots, and names of runtimes."""

from __future__ import annotations

import os

import pytest
from pycontainer import containers
from pycontainer.containers import task
from pycontainer.containers.access import exec_client
from pycontainer.errors import HostError, InvalidInput
from pycontainer.reconcile import carry_out

ENTRIES = {
    "passwd_entry": "$USERNAME:*:$UID:$GID:$NAME:$HOME:/bin/sh",
    "group_entry": "g$GROUPNAME:x:$GID:$USERLIST",
}


def do(engine, check=False, **params):
    params = dict({"image": "box:1", "network_mode": "none", "stop_timeout": 0}, **params)
    return carry_out(task.container(engine, dict({"name": "web"}, **params)), check)


@pytest.fixture(autouse=True)
def removed(engine, image):
    yield
    for record in containers.every(engine):
        containers.remove(engine, record, force=True)


def sh(engine, script):
    ident = containers.find(engine, "web")["id"]
    found = exec_client.run(engine.paths, ident, ["sh", "-c", script])
    assert found["rc"] == 0, found
    return found["stdout"].decode().splitlines()


@pytest.mark.parametrize("userns", ["host", "auto"])
def test_entries(engine, userns):
    params = dict(ENTRIES, user="1234:55", env={"HOME": "/srv"}, userns_mode=userns)
    shown = do(engine, **params)["container"]["Config"]
    assert (shown["PasswdEntry"], shown["GroupEntry"]) == tuple(ENTRIES.values())
    assert sh(engine, "tail -n 1 /etc/passwd /etc/group; stat -c %u /etc/passwd") == [
        "==> /etc/passwd <==",
        "1234:*:1234:55:container user:/srv:/bin/sh",
        "",
        "==> /etc/group <==",
        "g55:x:55:1234",
        "0",
    ]
    assert sh(engine, "id -un") == ["1234"]
    do(engine, state="restarted")  # it has them by now
    assert not do(engine, **params)["changed"]
    assert sh(engine, "grep -c 1234 /etc/passwd; grep -c 55 /etc/group") == ["1", "1"]
    assert do(engine, **dict(params, user="www"))["changed"]
    assert sh(engine, "tail -n 1 /etc/passwd") == ["www:x:33:33:www:/srv:/bin/sh"]


def test_entries_of_hostile_files(engine, tmp_path):
    """What is no regular file is not written to, and links lead nowhere else."""
    victim = tmp_path / "victim"
    victim.write_text("")
    do(engine, **ENTRIES, user="77", state="present")
    directory = os.path.join(engine.paths.container(containers.find(engine, "web")["id"]), "upper")
    os.makedirs(directory + "/etc", exist_ok=True)
    os.symlink(str(victim), directory + "/etc/passwd")
    do(engine)
    assert victim.read_text() == ""
    do(engine, state="stopped")
    os.unlink(directory + "/etc/passwd")
    os.mkfifo(directory + "/etc/passwd")
    with pytest.raises(HostError, match="web: passwd_entry: its /etc/passwd .* is no regular file"):
        do(engine)


@pytest.mark.parametrize(
    "wrong", [{"passwd_entry": "a:b"}, {"group_entry": "a"}, {"passwd_entry": "a\n::::::"}]
)
def test_refused_entries(engine, wrong):
    with pytest.raises(InvalidInput, match=f"^{next(iter(wrong))}: "):
        do(engine, True, **wrong)


def test_roots(engine):
    params = {"chrootdirs": "/srv/root,/mnt/", "volumes": ["data:/mnt"]}
    shown = do(engine, **params)["container"]
    assert shown["Config"]["ChrootDirs"] == ["/srv/root", "/mnt"]
    assert [entry["Destination"] for entry in shown["Mounts"]] == ["/mnt"]
    for name in ("hosts", "hostname", "resolv.conf"):
        assert sh(engine, f"cat /etc/{name}") == sh(engine, f"cat /srv/root/etc/{name}")
        assert sh(engine, f"cat /etc/{name}") == sh(engine, f"cat /mnt/etc/{name}")
    assert not do(engine, **params)["changed"]


def test_runtime(engine):
    with pytest.raises(InvalidInput, match="^runtime: .*'kata'.*runs no other runtime"):
        do(engine, True, runtime="kata")
    assert do(engine, runtime="runc")["container"]["HostConfig"]["Runtime"] == "pycontainer"
    assert not do(engine, runtime="io.containerd.runc.v2")["changed"]


def test_the_driver_of_volumes(engine):
    with pytest.raises(InvalidInput, match="^volume_driver: 'nfs' is not valid; accepted: local"):
        do(engine, True, volume_driver="nfs")
    assert do(engine, volume_driver="local", volumes=["data:/data"])["changed"]
    assert not do(engine, volumes=["data:/data"])["changed"]
