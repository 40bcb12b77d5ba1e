# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies on the host for root alone: CVE-2021-41103, CVE-2021-41091, CVE-2024-25621 (modes of directories, whatever the umask),
CVE-2020-15257 (sockets that a container could reach), CVE-2024-41110's kind (requests of others)."""

from __future__ import annotations

import glob
import os
import socket
import stat
import subprocess
import sys

import pytest
from pycontainer.containers.records import status
from pycontainer.kernel.processes import procfs

NOBODY = 65534


@pytest.fixture(params=[0o000, 0o077, 0o777], ids=oct)
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def as_nobody(source, *arguments):
    """Python source run as another user of the host: its output."""
    return subprocess.run(
        [
            "setpriv",
            "--reuid",
            str(NOBODY),
            "--regid",
            str(NOBODY),
            "--clear-groups",
            sys.executable,
            "-I",
            "-c",
            source,
            *arguments,
        ],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    ).stdout


REACH = "import os, sys\nfor path in sys.argv[1:]:\n    try:\n        os.stat(path)\n    except OSError:\n        continue\n    print(path)\n"


def test_modes_whatever_the_umask(scratch, umask, tmp_path):
    from pycontainer.engine import Engine

    os.chmod(
        os.path.dirname(scratch[0]), 0o755
    )  # the scratch directory's own mode must not be what protects
    os.chmod(scratch[1], 0o755)
    run = os.path.join(scratch[1], "engine")
    with Engine(data=scratch[0], run=run) as engine:
        for top in (engine.paths.data, engine.paths.run):
            for directory, _names, _files in os.walk(top):
                passable = directory in (
                    engine.paths.data,
                    engine.paths.runtime,
                )  # to the OCI command, which users run too
                assert stat.S_IMODE(os.stat(directory).st_mode) == (0o711 if passable else 0o700), (
                    directory
                )
        inside = [
            os.path.join(top, name)
            for top in (engine.paths.data, engine.paths.run)
            for name in os.listdir(top)
        ]
        assert engine.paths.database in inside
        found = as_nobody(
            "import os, sys\nprint([path for path in sys.argv[1:] if os.access(path, os.R_OK)])",
            *inside,
        )
        assert found == "[]\n"
        assert (
            as_nobody(
                "import os, sys\nprint([path for path in sys.argv[1:] if os.access(path, "
                "os.X_OK)])",
                *inside,
            )
            == f"['{engine.paths.runtime}']\n"
        )


def everything(paths):
    return [
        path
        for top in (paths.data, paths.run)
        for directory, names, files in os.walk(top)
        for path in [os.path.join(directory, name) for name in names + files]
    ]


def test_a_running_container_is_out_of_reach_for_others(boxes):
    if boxes.kind == "oci":
        pytest.skip("who calls the OCI command says where its directories lie")
    before = os.umask(0)
    try:
        box = boxes("/bin/sleep", "1000")
        box.start()
    finally:
        os.umask(before)
    for path in everything(boxes.paths):
        mode = os.lstat(path).st_mode
        if stat.S_ISSOCK(mode):
            assert stat.S_IMODE(mode) == 0o600, path
    secret = [
        box.directory,
        os.path.join(box.directory, "config.json"),
        os.path.join(box.directory, "upper"),
        boxes.layer + "/etc/passwd",
        os.path.join(box.directory, "control.sock"),
        os.path.join(boxes.paths.container_run(box.ident), "stdout"),
    ]
    assert all(os.path.lexists(path) for path in secret)
    os.chmod(os.path.dirname(boxes.paths.data), 0o755)
    assert as_nobody(REACH, *secret) == ""
    assert [
        entry.name for entry in os.scandir(boxes.paths.data) if entry.stat().st_mode & 0o077
    ] == ["runtime"]


def test_directories_of_the_oci_command(boxes):
    if boxes.kind == "engine":
        pytest.skip("see the test above")
    before = os.umask(0)
    try:
        box = boxes("/bin/sleep", "1000")
        box.start()
    finally:
        os.umask(before)
    root = os.path.join(boxes.paths.run, "oci")
    assert [
        stat.S_IMODE(os.stat(path).st_mode) for path in (root, os.path.join(root, box.ident))
    ] == [0o700, 0o700]
    assert not [
        name
        for name in os.listdir(os.path.join(root, box.ident))
        if os.lstat(os.path.join(root, box.ident, name)).st_mode & 0o022
    ]


def unix_sockets():
    """``{inode: name}`` of this network namespace."""
    with open("/proc/net/unix") as file:
        return {
            line.split()[6]: line.split()[7] if len(line.split()) > 7 else ""
            for line in file.readlines()[1:]
        }


def test_no_socket_in_the_abstract_namespace(boxes):
    """A container with the host's network namespace reaches every abstract socket of the host."""
    box = boxes("/bin/sleep", "1000")
    box.config["linux"]["namespaces"] = [
        entry for entry in box.config["linux"]["namespaces"] if entry["type"] != "network"
    ]
    box.config["linux"]["sysctl"] = {}
    box.config["mounts"] = [
        entry
        for entry in box.config["mounts"]
        if entry["destination"] != "/sys" and not entry["destination"].startswith("/sys/")
    ]
    box.start()
    names, ours = unix_sockets(), 0
    pids = {box.pid, procfs.stat(box.pid)["parent"]} - {1} | (
        {
            int(pid)
            for pid in os.listdir("/proc")
            if pid.isdigit() and boxes.paths.run in command(pid)
        }
    )
    for pid in pids - {os.getpid()}:
        for link in glob.glob("/proc/%d/fd/*" % pid):
            try:
                target = os.readlink(link)
            except OSError:
                continue
            if target.startswith("socket:["):
                name = names.get(target[8:-1], "")
                ours += 1
                assert not name.startswith("@"), name
    assert ours or boxes.kind == "oci"


def command(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


ASK = (
    "import json, socket, sys\ns = socket.socket(socket.AF_UNIX, "
    "socket.SOCK_SEQPACKET)\ns.settimeout(5)\ns.connect(sys.argv[1])\n"
    "try:\n    s.send(sys.argv[2].encode())\n    print(s.recv(4096).decode())\nexcept OSError as "
    "error:\n    print(type(error).__name__)\n"
)


@pytest.mark.parametrize(
    "name, message",
    [
        ("zygote", '{"op": "retire"}'),
        ("zygote", '{"op": "exec"}'),
        ("zygote", ""),
        ("control.sock", '{"op": "kill", "signal": 9}'),
        ("control.sock", '{"op": "stop", "timeout": 0}'),
        ("control.sock", '{"op": "attach"}'),
        ("control.sock", "{}"),
        ("control.sock", ""),
    ],
)
def test_requests_of_others_are_not_heard(boxes, name, message):
    """Were the socket's mode lost, its other side would still ask who is there (SO_PEERCRED); and an empty or odd request does no harm."""
    if boxes.kind == "oci":
        pytest.skip("it listens nowhere")
    box = boxes("/bin/sleep", "1000")
    box.start()
    directory = boxes.paths.run if name == "zygote" else box.directory
    real = next(
        os.path.join(directory, entry)
        for entry in os.listdir(directory)
        if entry.startswith(name) and entry.endswith(".sock")
    )
    path = os.path.join(boxes.paths.run, "s")
    os.symlink(real, path)  # an address has 107 bytes at most
    places = (
        boxes.paths.run,
        os.path.dirname(boxes.paths.data),
        boxes.paths.data,
        boxes.paths.containers,
        directory,
        real,
    )
    modes = {place: stat.S_IMODE(os.stat(place).st_mode) for place in places}
    for place in modes:
        os.chmod(place, 0o777)
    try:
        assert as_nobody(ASK, path, message).strip() in (
            "",
            "ConnectionResetError",
            "BrokenPipeError",
        )
    finally:
        for place, mode in modes.items():
            os.chmod(place, mode)
    assert status.now(boxes.paths, box.ident)["status"] == "running"
    assert box.execute("/bin/echo", "alive")["stdout"] == b"alive\n"
    with socket.socket(
        socket.AF_UNIX, socket.SOCK_SEQPACKET
    ) as mine:  # root's own odd request: an answer or an end, and all goes on
        mine.settimeout(5)
        mine.connect(path)
        mine.send(b"not json")
        try:
            mine.recv(4096)
        except OSError:
            pass
    assert box.execute("/bin/echo", "alive")["stdout"] == b"alive\n"
    assert status.now(boxes.paths, box.ident)["status"] == "running"
