# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""SELinux labels in effect: what a container's process may do is what the host's policy lets its label.

They need a host that enforces a policy with types for containers; `make test-vm` has one, Debian 13 with its reference policy.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import socket
import struct
import time

import pytest

ENFORCE = "/sys/fs/selinux/enforce"
PROCESS, FILE = (
    "system_u:system_r:container_t:s0:c1,c2",
    "system_u:object_r:container_file_t:s0:c1,c2",
)
OTHERS = "system_u:object_r:container_file_t:s0:c3,c4"


def known(context):
    """Whether the policy has a context (selinuxfs ``context``)."""
    try:
        pathlib.Path("/sys/fs/selinux/context").write_text(context)
    except OSError:
        return False
    return True


def _missing():
    if not os.path.exists(ENFORCE):
        return "SELinux is not enabled on this host"
    if pathlib.Path(ENFORCE).read_text().strip() != "1":
        return "SELinux is not enforcing (setenforce 1)"
    return "" if known(PROCESS) else "the host's SELinux policy has no container_t"


pytestmark = pytest.mark.skipif(bool(_missing()), reason=_missing())


def label(top, context):
    for path in [top, *pathlib.Path(top).rglob("*")]:
        os.setxattr(path, "security.selinux", context.encode(), follow_symlinks=False)


def label_of(path):
    return os.getxattr(path, "security.selinux").rstrip(b"\0").decode()


@pytest.fixture
def box(bundle):
    """A bundle whose files are labelled for it, with a directory ``/out`` that it shares with the host: pipes are not its to write to."""
    (bundle.path / "out").mkdir()
    (bundle.path / "foreign").mkdir()
    (bundle.path / "foreign" / "file").write_text("secret")
    bundle.config["process"]["selinuxLabel"] = PROCESS
    bundle.config["linux"]["mountLabel"] = FILE
    bundle.config["mounts"] += [
        {
            "destination": "/out",
            "type": "bind",
            "source": str(bundle.path / "out"),
            "options": ["rbind"],
        },
        {
            "destination": "/foreign",
            "type": "bind",
            "source": str(bundle.path / "foreign"),
            "options": ["rbind"],
        },
        {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["mode=1777"]},
        {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue"},
    ]
    label(bundle.rootfs, FILE)
    label(bundle.path / "out", FILE)
    return bundle


@pytest.fixture
def said(runtime, box):
    """``said(script)``: what a script says in the box, in ``$o``; ``also``: done while it runs, before it may end."""

    def run(script, also=None):
        out = box.path / "out"
        with contextlib.suppress(FileNotFoundError):
            (out / "done").unlink()
        box.shell(f"exec > /out/said 2>&1; {script}; touch /out/done; exec sleep 1000")
        runtime.detached(box, "c")
        end = time.monotonic() + 60
        while not (out / "done").exists():
            assert time.monotonic() < end, (out / "said").read_text()
            time.sleep(0.05)
        if also is not None:
            also(runtime.state("c")["pid"])
        runtime.ok("delete", "--force", "c")
        return (out / "said").read_text()

    return run


def test_a_process_has_its_label_and_what_is_labelled_for_it(said):
    assert said("cat /proc/self/attr/current; echo; touch /etc/made && echo wrote").replace(
        "\0", ""
    ).splitlines() == [PROCESS, "wrote"]


@pytest.mark.parametrize("context", (None, OTHERS))
def test_it_has_nothing_else(said, box, context):
    """A file of the host's, and one of another container's: the same type at another level."""
    if context:
        label(box.path / "foreign", context)
    else:
        assert label_of(box.path / "foreign" / "file") != FILE
    assert said("cat /foreign/file").strip() == "cat: can't open '/foreign/file': Permission denied"
    label(box.path / "foreign", FILE)
    assert said("cat /foreign/file").strip() == "secret"


def test_new_file_systems_have_the_mounts_label(said):
    def look(pid):
        inside = "/proc/%d/root" % pid
        assert {
            label_of(inside + path)
            for path in ("/dev", "/dev/null", "/dev/pts", "/dev/shm", "/dev/mqueue")
        } == {FILE}
        assert label_of(inside + "/proc/1") == PROCESS and "proc_t" in label_of(
            inside + "/proc/uptime"
        )

    assert said("echo > /dev/null && touch /dev/shm/x && echo all", look).strip() == "all"


def test_a_context_with_commas_beside_long_parameters(said, box):
    """fsconfig(2) takes 255 bytes of a value: what is longer goes to mount(2), in one text that commas divide."""
    box.config["mounts"].append(
        {
            "destination": "/tmp",
            "type": "tmpfs",
            "source": "tmpfs",
            "options": [f"mode={1023:0300o}"],
        }
    )
    assert (
        said(
            "touch /tmp/x && echo there", lambda pid: label_of("/proc/%d/root/tmp" % pid) == FILE
        ).strip()
        == "there"
    )


def test_its_keyring_is_its_own(said):
    """A key without its label is not shown to it (keyrings(7), /proc/keys)."""
    assert "_ses" in said("cat /proc/keys")


def test_exec(runtime, box):
    runtime.detached(box.save(), "c")
    out = box.path / "out" / "said"
    script = "cat /proc/self/attr/current > /out/said"
    runtime.ok("exec", "c", "sh", "-c", script)
    assert out.read_text().strip("\n\0") == PROCESS
    other = PROCESS.replace("c1,c2", "c1,c2,c9")
    runtime.ok("exec", "--process-label", other, "c", "sh", "-c", script)
    assert out.read_text().strip("\n\0") == other


def test_a_terminal_is_its_to_use(runtime, box, tmp_path):
    """Its label is that of the devpts it is of; a foreign terminal's would be taken away at execve(2)."""
    box.shell("tty; echo typed: $(head -n 1)").save(terminal=True)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "console"))
        server.listen()
        runtime.detached(box, "c", "--console-socket", tmp_path / "console")
        connection = server.accept()[0]
        with connection:
            _data, ancillary, _flags, _address = connection.recvmsg(4096, socket.CMSG_SPACE(4))
    master = struct.unpack("i", ancillary[0][2][:4])[0]
    os.write(master, b"word\n")
    said = b""
    with contextlib.suppress(OSError):  # EIO: all that had it open have ended
        while b"typed: word" not in said:
            said += os.read(master, 4096)
    os.close(master)
    assert b"/dev/pts/0" in said and b"typed: word" in said


def test_with_a_user_namespace(said, box):
    box.config["linux"]["namespaces"].append({"type": "user"})
    for kind in ("uidMappings", "gidMappings"):
        box.config["linux"][kind] = [{"containerID": 0, "hostID": 200000, "size": 65536}]
    for path in [box.rootfs, *box.rootfs.rglob("*"), box.path / "out"]:
        os.chown(path, 200000, 200000, follow_symlinks=False)
    for path in (box.path, *box.path.parents):
        if path.stat().st_mode & 0o77 == 0:
            path.chmod(0o711)
    assert said(
        "cat /proc/self/attr/current; echo; touch /dev/shm/x /etc/made && cat /foreign/file"
    ).replace("\0", "").splitlines() == [
        PROCESS,
        "cat: can't open '/foreign/file': Permission denied",
    ]


def test_hooks_that_are_the_hosts_are_not_confined(said, box):
    box.config["hooks"] = {
        "createContainer": [
            {
                "path": "/bin/sh",
                "args": ["sh", "-c", f"cat /proc/self/attr/current > {box.path}/hook"],
            }
        ]
    }
    assert said("cat /proc/self/attr/current").strip("\n\0") == PROCESS
    assert (box.path / "hook").read_text().strip("\n\0") == pathlib.Path(
        "/proc/self/attr/current"
    ).read_text().strip("\n\0")


def test_a_label_that_the_policy_has_not(runtime, box):
    box.config["process"]["selinuxLabel"] = "system_u:system_r:nonsense_t:s0"
    assert (
        "security label 'system_u:system_r:nonsense_t:s0' can't be set: invalid argument"
        in runtime.fails("run", "--bundle", box.save().path, "c")
    )
    assert runtime.ok("list", "-q") == ""
    box.config["process"]["selinuxLabel"] = PROCESS
    box.config["linux"]["mountLabel"] = "system_u:object_r:nonsense_t:s0"
    assert "invalid argument" in runtime.fails("run", "--bundle", box.save().path, "c")
    assert runtime.ok("list", "-q") == ""
