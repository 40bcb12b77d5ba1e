# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""cp, export and commit while the container, or a neighbour, exchanges what is copied for a link, a FIFO or a device: CVE-2018-15664,
CVE-2019-10152, CVE-2019-18466, CVE-2019-14271, CVE-2026-42306. Nothing of the host is read or written, and nobody waits for ever."""

from __future__ import annotations

import os
import stat
import subprocess
import time

import pytest
from integration.containers.conftest import image, rootfs  # noqa: F401  # pylint: disable=unused-import # fixtures
from pycontainer import containers
from pycontainer.containers import task
from pycontainer.containers.access import copy as copying
from pycontainer.containers.view import changes
from pycontainer.errors import EngineError
from pycontainer.reconcile import carry_out

SECONDS, TURNS = 1.0, 6  # of racing at least


@pytest.fixture(params=["running", "stopped"])
def web(request, engine, image, tmp_path):  # noqa: F811 # the imported fixture
    """A container with a bind mount at /vol, and the directory behind it: ``place`` a directory with a file, and ``file``."""
    shared = tmp_path / "shared"
    (shared / "place" / "sub").mkdir(parents=True)
    (shared / "place" / "inner").write_text("the container's\n")
    (shared / "file").write_text("the container's\n")
    carry_out(
        task.container(
            engine,
            {
                "name": "web",
                "image": "box:1",
                "network_mode": "none",
                "stop_timeout": 0,
                "volumes": [f"{shared}:/vol"],
            },
        ),
        False,
    )
    record = containers.find(engine, "web")
    if request.param == "stopped":
        containers.stop(engine, record)
    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "in" / "sub" / "evil").write_text("evil\n")
    (tmp_path / "in" / "evil").write_text("evil\n")
    (tmp_path / "out").mkdir()
    yield engine, record, shared
    containers.remove(engine, containers.find(engine, "web"), force=True)


@pytest.fixture
def flipping(program):
    """``flipping(a, b)``: a process that exchanges the two until the test ends."""
    started = []

    def start(first, second):
        started.append(
            subprocess.Popen(
                [program("flip"), str(first), str(second), "100"], stdout=subprocess.DEVNULL
            )
        )

    yield start
    for process in started:
        process.kill()
        process.wait()


def racing():
    """Counts turns until there were enough."""
    began, count = time.monotonic(), 0
    while time.monotonic() < began + SECONDS or (
        count < TURNS and time.monotonic() < began + 8 * SECONDS
    ):
        yield count
        count += 1
    assert count > 3


def attempt(work, *words, **how):
    """Do it, whatever comes of it but an error that is no sentence."""
    try:
        work(*words, **how)
    except EngineError:
        pass


def contents(top):
    """What all files below a directory hold."""
    found = set()
    for directory, _names, files in os.walk(top):
        for name in files:
            path = os.path.join(directory, name)
            if stat.S_ISREG(os.lstat(path).st_mode):
                with open(path, "rb") as file:
                    found.add(file.read())
    return found


@pytest.mark.parametrize(
    "target", ["/", "canary", "/proc/1/root", "../../../../../../../../../..canary"]
)
def test_a_directory_that_becomes_a_link(web, host, flipping, tmp_path, target):
    engine, record, shared = web
    os.symlink(target.replace("canary", host.canary), shared / "trap")
    secret = contents(host.canary)
    flipping(shared / "place", shared / "trap")
    below = "/vol/place" + host.canary if target in ("/", "/proc/1/root") else "/vol/place"
    for number in racing():
        for index, path in enumerate(("/vol/place", "/vol/place/sub", below, below + "/file")):
            attempt(copying.copy_in, engine, record, str(tmp_path / "in" / "evil"), path)
            attempt(copying.copy_in, engine, record, str(tmp_path / "in"), path, follow=True)
            attempt(
                copying.copy_in, engine, record, str(tmp_path / "in") + "/.", path, archive=True
            )
            if target != "/" or path.startswith(
                below
            ):  # else it is all of the container's own root, /proc and all
                # a place of its own each time: a link that was copied is a link on the host
                attempt(
                    copying.copy_out,
                    engine,
                    record,
                    path,
                    str(tmp_path / "out" / ("%d-%d" % (number, index))),
                    follow=bool(number % 2),
                )
        attempt(
            copying.copy_out, engine, record, "/vol/.", str(tmp_path / "out")
        )  # links in a directory that is there are never followed
    assert secret and not secret & contents(tmp_path / "out")


@pytest.mark.parametrize("other", ["fifo", "device", "link"])
def test_a_file_that_becomes_something_else(web, host, flipping, tmp_path, other):
    """Nobody waits for a writer of the FIFO, no device is opened, no link followed."""
    engine, record, shared = web
    trap = str(shared / "trap")
    if other == "fifo":
        os.mkfifo(trap)
    elif other == "device":
        os.mknod(trap, stat.S_IFCHR | 0o666, os.makedev(1, 5))  # /dev/zero: never ends
    else:
        os.symlink(
            os.path.join(
                host.canary,
                sorted(name for name in os.listdir(host.canary) if name not in ("sub", "null"))[0],
            ),
            trap,
        )
    secret = contents(host.canary)
    flipping(shared / "file", trap)
    for number in racing():
        attempt(copying.copy_out, engine, record, "/vol/file", str(tmp_path / "out" / str(number)))
        attempt(copying.copy_out, engine, record, "/vol", str(tmp_path / "out"))
        attempt(copying.copy_in, engine, record, str(tmp_path / "in" / "evil"), "/vol/file")
        os.makedirs(shared / "place", exist_ok=True)
        if not os.path.lexists(trap) or not os.path.lexists(shared / "file"):
            (shared / "file").write_text("the container's\n")
    found = contents(tmp_path / "out")
    assert not secret & found and all(len(data) < 100 for data in found)
    assert not [
        name
        for top, _names, files in os.walk(tmp_path / "out")
        for name in files
        if stat.S_ISCHR(os.lstat(os.path.join(top, name)).st_mode)
    ]


def test_what_is_exported_and_committed(web, host, flipping, tmp_path):
    """The writable layer itself is exchanged under the reader."""
    engine, record, _shared = web
    upper = os.path.join(engine.paths.container(record["id"]), "upper")
    os.makedirs(os.path.join(upper, "made", "sub"))
    with open(os.path.join(upper, "made", "sub", "own"), "w") as file:
        file.write("own\n")
    os.symlink(host.canary, os.path.join(upper, "trap"))
    os.mkfifo(os.path.join(upper, "fifo"))
    with open(os.path.join(upper, "plain"), "w") as file:
        file.write("own\n")
    secret = contents(host.canary)
    flipping(os.path.join(upper, "made"), os.path.join(upper, "trap"))
    flipping(os.path.join(upper, "plain"), os.path.join(upper, "fifo"))
    path = tmp_path / "root.tar"
    for _number in racing():
        attempt(lambda: changes.plan_export(engine, record, str(path), force=True).apply())
        attempt(changes.diff, engine, record)
        attempt(lambda: containers.plan_commit(engine, record, [], pause=False).apply())
        if path.exists():
            data = path.read_bytes()
            assert not [text for text in secret if text in data]


def test_links_and_modes_of_a_container(web, host, tmp_path):
    """An absolute link is the container's own; a set-id file is none on the host; what lies in the way on the host is no link to elsewhere."""
    engine, record, shared = web
    os.symlink(host.canary, shared / "away")
    (shared / "setuid").write_text("x")
    os.chmod(shared / "setuid", 0o6755)
    attempt(copying.copy_in, engine, record, str(tmp_path / "in" / "evil"), "/vol/away/evil")
    attempt(copying.copy_in, engine, record, str(tmp_path / "in") + "/.", "/vol/away")
    copying.copy_out(engine, record, "/vol/setuid", str(tmp_path / "out"))
    assert stat.S_IMODE(os.stat(tmp_path / "out" / "setuid").st_mode) == 0o755
    os.symlink(host.canary, tmp_path / "out" / "sub")  # where a directory of the container would go
    (shared / "place" / "sub" / "evil").write_text("evil\n")
    attempt(copying.copy_out, engine, record, "/vol/place/.", str(tmp_path / "out"))
    assert copying.split("a:b") == ("a", "/b") and copying.split("./a:b") == (None, "./a:b")
