# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users inside a root file system: the table of user strings, and files that are traps."""

from __future__ import annotations

import os

import pytest
from pycontainer.errors import InvalidInput
from pycontainer.kernel.mounts import users

PASSWD = """root:x:0:0:root:/root:/bin/sh
app:x:1000:1001::/srv/app:/bin/sh
1234:x:0:0:a name that is a number:/evil:/bin/sh
wide:x:4294967296:0::/:/bin/sh
minus:x:-1:-1::/:/bin/sh
nohome:x:70:70:::/bin/sh
twice:x:71:71::/first:/bin/sh
twice:x:72:72::/second:/bin/sh
broken line
short:x:73

badgid:x:74:x::/h:/bin/sh
"""
GROUP = """root:x:0:root
app:x:1001:
audio:x:29:app,other
video:x:44:app
4242:x:0:app
wheel:x:10:root
huge:x:4294967296:app
"""


@pytest.fixture
def root(tmp_path):
    """A root directory with /etc/passwd and /etc/group; its path."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text(PASSWD)
    (tmp_path / "etc/group").write_text(GROUP)
    return tmp_path


def resolve(root, user, groups=()):
    fd = os.open(root, os.O_PATH | os.O_DIRECTORY)
    try:
        return users.resolve(fd, user, groups)
    finally:
        os.close(fd)


@pytest.mark.parametrize(
    "user, expected",
    [
        ("", (0, 0, [0, 10], "/root")),
        ("root", (0, 0, [0, 10], "/root")),
        ("0", (0, 0, [0, 10], "/root")),
        ("app", (1000, 1001, [0, 29, 44, 1001], "/srv/app")),
        ("1000", (1000, 1001, [0, 29, 44, 1001], "/srv/app")),
        ("app:audio", (1000, 29, [29], "/srv/app")),
        ("app:5", (1000, 5, [5], "/srv/app")),
        ("1000:0", (1000, 0, [0], "/srv/app")),
        ("5000", (5000, 0, [0], "/")),
        ("5000:5001", (5000, 5001, [5001], "/")),
        ("2147483647:2147483647", (2147483647, 2147483647, [2147483647], "/")),
        ("1234", (1234, 0, [0], "/")),  # a number, whatever passwd calls so
        ("01000", (1000, 1001, [0, 29, 44, 1001], "/srv/app")),
        ("5000:4242", (5000, 4242, [4242], "/")),
        ("nohome", (70, 70, [70], "/")),
        ("twice", (71, 71, [71], "/first")),
        ("badgid", (74, 0, [0], "/h")),
    ],
)
def test_user_strings(root, user, expected):
    """Numbers are ids, names are looked up, a group in the string stands alone."""
    assert resolve(root, user) == expected


@pytest.mark.parametrize(
    "user",
    [
        "1000:", ":0", ":", "::", "a:b:c", "0:0:0", "-1", "+1", "-0", "0:-1", "app:-1", "--1", "2147483648", "4294967295", "4294967296",
        "4294967296000000000000", "0:4294967296", "nobody", "app:nogroup", "wide", "minus", "short", "broken line", " ", " 0", "0 ", "0x0",
        "1e3", "١", "root\n", "root\0", "app,root", "../root", "*",
    ],
)  # fmt: skip
def test_refused_user_strings(root, user):
    """What is no user is an error that names the option, never root."""
    with pytest.raises(InvalidInput, match="^user: "):
        resolve(root, user)


def test_groups(root):
    """More groups by name or number; an unknown one is refused."""
    assert resolve(root, "app", ["wheel", "77", 78]) == (
        1000,
        1001,
        [0, 10, 29, 44, 77, 78, 1001],
        "/srv/app",
    )
    assert resolve(root, "5000:5000", ["audio"]) == (5000, 5000, [29, 5000], "/")
    for wrong in ("nogroup", "-1", "4294967296", ""):
        with pytest.raises(InvalidInput, match="^groups: "):
            resolve(root, "app", [wrong])


def test_without_files(tmp_path):
    """An image without /etc has root and numbers."""
    assert resolve(tmp_path, "") == (0, 0, [0], "/")
    assert resolve(tmp_path, "33:34") == (33, 34, [34], "/")
    with pytest.raises(InvalidInput):
        resolve(tmp_path, "root")


def test_links_stay_inside(root):
    """Links are followed inside the root only: the host's files never say who a user is."""
    (root / "etc/passwd").unlink()
    (root / "etc/passwd").symlink_to("/etc/shadowed")
    assert resolve(root, "5") == (5, 0, [0], "/")
    (root / "etc/shadowed").write_text("inside:x:9:9::/in:/bin/sh\n")
    assert resolve(root, "inside")[0] == 9
    for target in (
        "../../../../../../../../../etc/passwd",
        "/proc/self/root/etc/passwd",
        "passwd",
        "/dev/zero",
    ):
        (root / "etc/passwd").unlink()
        (root / "etc/passwd").symlink_to(target)
        with pytest.raises(InvalidInput):
            resolve(root, "daemon")


def test_traps(root):
    """A FIFO, a directory or a device in place of the file does not stop or end the engine; it is as if it were not there."""
    (root / "etc/passwd").unlink()
    os.mkfifo(root / "etc/passwd")
    with pytest.raises(InvalidInput):
        resolve(root, "app")
    (root / "etc/group").unlink()
    (root / "etc/group").mkdir()
    assert resolve(root, "12:13") == (12, 13, [13], "/")


def test_huge_file(root):
    """Only the first MiB is read, and the line that is cut there is not used."""
    line = "u%07d:x:100:100::/h:/s\n"
    size = users.MAX_FILE
    count = size // len(line % 0)
    with open(root / "etc/passwd", "w") as stream:
        stream.writelines(line % number for number in range(count + 1000))
    assert resolve(root, "u0000001")[0] == 100
    assert resolve(root, "u%07d" % (count - 1))[0] == 100
    for number in (count, count + 500):
        with pytest.raises(InvalidInput):
            resolve(root, "u%07d" % number)
    text = (
        "".join(f"filler:x:1:1::/:/{'s' * 1000}\n" for _line in range(size // 1018))
        + "late:x:5:5::/:/s"
        + "s" * 2000
        + "\n"
    )
    assert text.index("late:") + 20 < size < len(text)
    (root / "etc/passwd").write_text(text)
    with pytest.raises(InvalidInput):
        resolve(root, "late")


def test_odd_bytes(root):
    """Lines that are no UTF-8 hide no others."""
    (root / "etc/passwd").write_bytes(b"caf\xe9:x:5:5::/:/s\nlater:x:6:6::/l:/s\n")
    assert resolve(root, "later") == (6, 6, [6], "/l")
