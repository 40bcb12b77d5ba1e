# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""linux.devices, the devices that every container has, its terminal. runtime-spec config-linux.md "Devices", "Default Devices"."""

from __future__ import annotations

import os

import pytest

DEFAULTS = {
    "null": "1 3",
    "zero": "1 5",
    "full": "1 7",
    "random": "1 8",
    "urandom": "1 9",
    "tty": "5 0",
}


def test_default_devices_and_links(bundle):
    bundle.mount("/dev/pts", "devpts", "devpts", "newinstance", "ptmxmode=0666", "mode=0620")
    result = bundle.shell(
        "for n in null zero full random urandom tty; do stat -c '%F %a %t %T' /dev/$n; done;"
        " for l in ptmx fd stdin stdout stderr; do readlink /dev/$l; done; echo x > /dev/null; "
        "test -e /dev/console || echo no console"
    )
    assert result.lines[:6] == [
        "character special file 666 " + number for number in DEFAULTS.values()
    ], result
    assert result.lines[6:] == [
        "pts/ptmx",
        "/proc/self/fd",
        "/proc/self/fd/0",
        "/proc/self/fd/1",
        "/proc/self/fd/2",
        "no console",
    ]


def test_devices_as_given(bundle):
    bundle.linux["devices"] = [
        {
            "path": "/dev/foo",
            "type": "b",
            "major": 1,
            "minor": 5,
            "fileMode": 0o157,
            "uid": 10,
            "gid": 11,
        },
        {"path": "/new/dir/char", "type": "u", "major": 10, "minor": 229},
        {"path": "/dev/fifo", "type": "p", "fileMode": 0o660, "uid": 1, "gid": 2},
        {"path": "/slash/", "type": "c", "major": 1, "minor": 3},
        {"path": "/dev/closed", "type": "c", "major": 1, "minor": 3, "fileMode": 0},
    ]
    result = bundle.shell(
        "stat -c '%F %a %u %g %t %T' /dev/foo /new/dir/char /dev/fifo /slash /dev/closed"
    )
    assert result.lines == [
        "block special file 157 10 11 1 5",
        "character special file 666 0 0 a e5",
        "fifo 660 1 2 0 0",
        "character special file 666 0 0 1 3",
        "character special file 0 0 0 1 3",
    ]


def test_what_is_there_already_must_be_that_device(bundle):
    node = {"path": "/there", "type": "c", "major": 1, "minor": 5}
    bundle.linux["devices"] = [node]
    os.mknod(bundle.root + "/there", 0o20600, os.makedev(1, 5))
    assert bundle.run("true").code == 0
    for change in ({"minor": 7}, {"type": "b"}, {"type": "p"}):
        bundle.linux["devices"] = [dict(node, **change)]
        bundle.refused("device /there", "there is a file already that is not this device")
    os.unlink(bundle.root + "/there")
    open(bundle.root + "/there", "w").close()  # pylint: disable=consider-using-with
    bundle.linux["devices"] = [node]
    bundle.refused("device /there", "there is a file already")


@pytest.mark.parametrize(
    "node, words",
    (
        ({"path": "dev/x", "type": "c", "major": 1, "minor": 3}, "'dev/x' is not an absolute path"),
        ({"path": "/dev/x", "type": "s", "major": 1, "minor": 3}, "type s"),
        ({"path": "/dev/x", "type": "c", "major": 1}, "minor is missing"),
        ({"path": "/dev/x", "type": "c", "major": -1, "minor": 3}, "major: -1"),
        ({"type": "c"}, "''"),
    ),
)
def test_devices_that_can_not_be_are_refused(bundle, node, words):
    bundle.linux["devices"] = [node]
    bundle.refused(words)


def test_a_device_of_the_image_is_no_ptmx(bundle):
    bundle.config["mounts"] = bundle.config["mounts"][:1]
    os.mknod(bundle.root + "/dev/ptmx", 0o20666, os.makedev(5, 2))
    assert bundle.run("readlink", "/dev/ptmx").out == "pts/ptmx\n"


def test_the_hosts_dev_is_left_as_it_is(bundle):
    bundle.config["mounts"][1] = {
        "destination": "/dev",
        "type": "bind",
        "source": "/dev",
        "options": ["rbind", "rw"],
    }
    bundle.linux["devices"] = [{"path": "/dev/oci-test-node", "type": "c", "major": 1, "minor": 3}]
    before = sorted(os.listdir("/dev"))
    assert bundle.shell("echo x > /dev/null").code == 0
    assert sorted(os.listdir("/dev")) == before


def test_a_terminal(bundle):
    bundle.mount("/dev/pts", "devpts", "devpts", "newinstance", "ptmxmode=0666", "mode=0620")
    bundle.process.update(terminal=True, consoleSize={"height": 31, "width": 97})
    bundle.shell(
        "{ tty; stty size; stat -c '%F %t' /dev/console; test /dev/pts/0 -ef /dev/console && echo same; ls -l /proc/self/fd/0; "
        "} > /tmp/out 2>&1; exit 0"
    )
    with open(bundle.root + "/tmp/out") as file:
        lines = file.read().splitlines()
    assert (
        lines[0] in ("/dev/pts/0", "/dev/console")
        and lines[1] == "31 97"
        and lines[2] == "character special file 88"
    ), lines
