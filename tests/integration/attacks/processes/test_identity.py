# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who a process in a container is: ids from hostile strings and files, groups, capabilities, and what is chowned on the way."""

from __future__ import annotations

import os
import stat
import struct
import subprocess

import pytest
from pycontainer.errors import ContainerFailed, EngineError
from pycontainer.kernel.isolation import capabilities

PASSWD = """root:x:0:0:root:/root:/bin/sh
1000:x:0:0:a number for a name:/root:/bin/sh
2147483648:x:0:0::/:/bin/sh
-1:x:0:0::/:/bin/sh
+5:x:0:0::/:/bin/sh
0x0:x:0:0::/:/bin/sh
 :x:0:0::/:/bin/sh
:x:0:0:no name:/:/bin/sh
big:x:4294967296:4294967296::/:/bin/sh
minus:x:-1:-1::/:/bin/sh
max:x:4294967295:4294967295::/:/bin/sh
word:x:zero:zero::/:/bin/sh
user:x:1001:1001::relative/home:/bin/sh
short:x:0
second:x:1002:1002::/:/bin/sh
second:x:0:0::/:/bin/sh
"""
GROUP = "root:x:0:second\n1001:x:0:\nstaff:x:50:user,second\nbad:x:-1:user\nwheel:x:4294967296:user\nextra:x:77:\n"
REFUSED = object()
STRINGS = {  # what "user" may hold -> (uid, gid), or that it is refused; "" is the image's own
    "0": (0, 0),
    "00": (0, 0),
    "root": (0, 0),
    "0:0": (0, 0),
    "root:root": (0, 0),
    "1000": (1000, 0),
    "1000:1000": (1000, 1000),
    "1000:root": (1000, 0),
    "01000": (1000, 0),
    "1001": (1001, 1001),
    "1001:1001": (1001, 1001),
    "user": (1001, 1001),
    "user:1001": (1001, 1001),
    "user:staff": (1001, 50),
    "second": (1002, 1002),
    "2147483647": (2147483647, 0),
    "2147483647:2147483647": (2147483647, 2147483647),
    "2147483648": REFUSED,
    "4294967295": REFUSED,
    "4294967296": REFUSED,
    "4294967295:0": REFUSED,
    "18446744073709551616": REFUSED,
    "1000:4294967296": REFUSED,
    "1000:4294967295": REFUSED,
    "1000:2147483648": REFUSED,
    "-1": REFUSED,
    "+5": REFUSED,
    "-0": REFUSED,
    "1000:-1": REFUSED,
    "1000:": REFUSED,
    ":0": REFUSED,
    ":": REFUSED,
    "::": REFUSED,
    "0:0:0": REFUSED,
    " 0": REFUSED,
    "0 ": REFUSED,
    "0x0": (0, 0),
    " ": (0, 0),
    "\u0660": REFUSED,
    "\u00b2": REFUSED,
    "1000\n": REFUSED,
    "0\n:0": REFUSED,
    "nobody-here": REFUSED,
    "word": REFUSED,
    "big": REFUSED,
    "minus": REFUSED,
    "max": REFUSED,
    "short": REFUSED,
    "user:nogroup": REFUSED,
    "user:bad": REFUSED,
    "user:wheel": REFUSED,
    "root/../user": REFUSED,
}


def test_user_strings(boxes):
    """CVE-2016-3697, CVE-2024-40635, CVE-2026-46680, CVE-2026-30892: a number is a number, what is out of range is refused, and
    nothing but what says so is root. "0x0" and " " are names that the image's passwd has."""
    if boxes.kind == "oci":
        pytest.skip("users of the OCI command are numbers: test_numbers_out_of_range")
    boxes.file("etc/passwd", PASSWD)
    boxes.file("etc/group", GROUP)
    box = boxes("/bin/sleep", "1000")
    box.start()
    wrong = {}
    for text, expected in STRINGS.items():
        try:
            found = box.execute(
                "/bin/sh", "-c", "id -u; id -g; grep -c '^CapEff:.0*$' /proc/self/status", user=text
            )
            result = tuple(int(word) for word in found["stdout"].split())
        except (ContainerFailed, EngineError):
            result = REFUSED
        if expected is REFUSED:
            good = result is REFUSED
        else:
            good = result == expected + (int(expected[0] != 0),)
        if not good:
            wrong[text] = "refused" if result is REFUSED else result
    assert not wrong


@pytest.mark.parametrize(
    "uid, gid, more",
    [
        (2**32 - 1, 0, ()),
        (0, 2**32 - 1, ()),
        (2**32, 0, ()),
        (-1, 0, ()),
        (0, -1, ()),
        (0, 2**40, ()),
        (0, 0, (2**32 - 1,)),
        (0, 0, (-1,)),
        ("0", 0, ()),
        (1.5, 0, ()),
        (None, None, ("a",)),
    ],
)
def test_numbers_out_of_range(boxes, uid, gid, more):
    """process.user as a document has it."""
    box = boxes("/bin/id")
    box.config["process"]["user"] = {"uid": uid, "gid": gid, "additionalGids": list(more)}
    with pytest.raises(ContainerFailed):
        box.start()


@pytest.mark.parametrize(
    "user, groups, expected",
    [
        ("1001", "", {1001, 50}),
        ("1001:1001", "77", {1001, 77}),
        ("1000:1000", "", {1000}),
        ("1000", "50,77", {0, 50, 77}),
    ],
)
def test_groups(boxes, user, groups, expected):
    """CVE-2022-36109, CVE-2022-2989, CVE-2022-2990, CVE-2023-25173: the groups are the image's and those asked for, the primary
    one among them, so that neither a group's file nor a file that a group is shut out of can be read through a gap."""
    if boxes.kind == "oci" and user == "1001":
        user, groups = "1001:1001", "50"
    elif boxes.kind == "oci" and ":" not in user:
        user += ":0"
    boxes.file("etc/passwd", PASSWD)
    boxes.file("etc/group", GROUP)
    shut = sorted(expected)[0]
    os.chown(boxes.file("srv/shut-out", "secret", 0o604), 0, shut)
    os.chown(boxes.file("srv/others", "secret", 0o640), 0, 4711)
    script = (
        "grep Groups: /proc/self/status; grep Gid: /proc/self/status; cat /srv/shut-out /srv/others"
    )
    box = boxes("/bin/sh", "-c", script)
    box.user(user, groups)
    text = box.output()
    check_groups(text, expected, boxes.kind)
    running = boxes("/bin/sleep", "100")
    running.user(user, groups)
    running.start()
    if boxes.kind == "engine":
        found = running.execute("/bin/sh", "-c", script)
        check_groups((found["stdout"] + found["stderr"]).decode(), expected, boxes.kind)


def check_groups(text, expected, kind):
    """(Whether the primary group is among the others is in an OCI document as it wants it.)"""
    lines = {
        line.split(":")[0]: set(map(int, line.split()[1:]))
        for line in text.splitlines()
        if line.startswith(("Groups:", "Gid:"))
    }
    assert lines["Groups"] | lines["Gid"] == expected and (
        kind == "oci" or lines["Gid"] <= lines["Groups"]
    ), text
    assert "secret" not in text and text.count("Permission denied") == 2, text


CAPS = "grep -E '^Cap|NoNew' /proc/self/status"


def sets(text):
    return {
        line.split(":")[0][3:]: int(line.split()[1], 16)
        for line in text.splitlines()
        if line.startswith("Cap")
    }


@pytest.mark.parametrize("more", [(), ("CAP_NET_ADMIN", "CAP_SYS_ADMIN")], ids=["default", "added"])
@pytest.mark.parametrize("uid", [0, 1000])
def test_inheritable_and_ambient_capabilities(boxes, uid, more):
    """CVE-2022-29162, CVE-2022-24769, CVE-2022-27649, -27650, -27651: none is inheritable or ambient unless asked for, in the
    container and in commands; a user's program that has capabilities in its file gets those and no others."""
    box = boxes("/bin/sh", "-c", CAPS + "; sleep 100")
    expected = 0
    for kind in ("bounding", "effective", "permitted"):
        wanted = sorted(set(box.config["process"]["capabilities"][kind]) | set(more))
        box.config["process"]["capabilities"][kind] = wanted
        expected = capabilities.mask(wanted)
    box.user("%d:%d" % (uid, uid))
    box.start()
    found = box.execute("/bin/sh", "-c", CAPS)["stdout"].decode()
    while "NoNew" not in box.log():
        pass
    for text in (box.log(), found):
        mine = sets(text)
        assert (mine["Inh"], mine["Amb"], mine["Bnd"]) == (0, 0, expected), text
        assert mine["Eff"] == mine["Prm"] == (expected if uid == 0 else 0), text


def file_capability(path, names):
    """security.capability, version 2 (capabilities(7), linux/capability.h): permitted and effective."""
    mask = capabilities.mask(names)
    os.setxattr(
        path,
        "security.capability",
        struct.pack("<IIIII", 0x02000001, mask & 0xFFFFFFFF, 0, mask >> 32, 0),
    )


@pytest.mark.parametrize(
    "bounded", [False, True], ids=["in the bounding set", "not in the bounding set"]
)
@pytest.mark.parametrize("no_new_privileges", [False, True])
def test_programs_with_capabilities_in_their_file(boxes, program, bounded, no_new_privileges):
    names = ["CAP_SYS_ADMIN"] if bounded else ["CAP_NET_RAW"]
    target = os.path.join(boxes.layer, "bin", "capable")
    boxes.program(program("status"), "bin/capable")
    file_capability(target, names)
    os.chmod(
        boxes.program(program("status"), "bin/setuid") and os.path.join(boxes.layer, "bin/setuid"),
        0o4755,
    )
    box = boxes("/bin/sh", "-c", "/bin/capable; echo ==; /bin/setuid")
    box.user("1000:1000")
    box.config["process"]["noNewPrivileges"] = no_new_privileges
    text = box.output()
    first, dummy, second = text.partition("==")
    if no_new_privileges:
        assert (
            sets(first).get("Eff", 0) == 0
            and sets(second)["Eff"] == 0
            and "Uid:\t1000\t1000\t1000" in second
        ), text
    elif bounded:
        assert sets(first).get("Eff", 0) == 0, text
    else:
        assert sets(first)["Prm"] == capabilities.mask(names), text


STREAMS = {
    "the host's null": lambda host: os.open(host.null, os.O_RDWR),
    "a file": lambda host: os.open(os.path.join(host.canary, "file"), os.O_RDWR),
    "nothing": lambda host: None,
}


@pytest.mark.parametrize("user", ["", "0", "1000", "1000:1000", "0:5"])
def test_streams_of_the_host_keep_their_owner(boxes, host, user):
    """The regression of crun 1.8.1: with --user, a null device of the host that is a standard stream got the user as owner."""
    box = boxes("/bin/sleep", "100")
    box.start()
    for name, make in STREAMS.items():
        streams = [make(host) for _number in range(3)]
        try:
            if boxes.kind == "engine":
                from pycontainer.containers.access import exec_client

                assert (
                    exec_client.Session(
                        boxes.paths, box.ident, ["/bin/true"], streams, user=user or None
                    ).result()
                    == 0
                )
            else:
                words = ["exec"] + (["--user", user] if user else []) + [box.ident, "/bin/true"]
                keys = dict(
                    zip(
                        ("stdin", "stdout", "stderr"),
                        [subprocess.DEVNULL if fd is None else fd for fd in streams],
                    )
                )
                assert box.command(*words, **keys).returncode == 0
        finally:
            for fd in streams:
                os.close(fd) if fd is not None else None
        assert not host.changes(), name
    inner = box.execute("/bin/stat", "-c", "%u %a", "/dev/null")["stdout"].split()
    assert inner == [b"0", b"666"] and stat.S_ISCHR(os.stat(host.null).st_mode)
