# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""checkpoint and restore by CRIU, where it works; where it does not, they are refused in one sentence and the container runs on untouched."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess

import pytest
from pycontainer.kernel.processes import procfs
from pycontainer.oci.checkpoint import criu_restore
from support.waiting import until

COUNT = (
    "i=0; while :; do i=$((i+1)); echo $i > /data/new && mv /data/new /data/count; sleep 0.02; done"
)
USER = [{"containerID": 0, "hostID": 100000, "size": 65536}]


def criu_works():
    program = shutil.which("criu", path=os.environ["PATH"] + ":/usr/sbin")
    return (
        program is not None
        and subprocess.run(
            [program, "check"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
        ).returncode
        == 0
    )


@pytest.fixture(scope="module")
def criu():
    if not criu_works():
        pytest.skip("CRIU does not work here (criu check)")


@pytest.fixture
def counting(bundle, tmp_path):
    """A bundle that counts in a file of the host's: the file. It has what CRIU has to be told of, and limits."""
    (tmp_path / "data").mkdir()
    (bundle.rootfs / "bin" / "mv").symlink_to("busybox")
    bundle.config["mounts"] += [
        {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["ro"]},
        {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro"]},
        {
            "destination": "/data",
            "type": "bind",
            "source": str(tmp_path / "data"),
            "options": ["rbind"],
        },
        {
            "destination": "/data/deep/name",
            "type": "bind",
            "source": "/etc/hostname",
            "options": ["bind", "ro"],
        },
    ]
    bundle.config["linux"]["namespaces"].append({"type": "cgroup"})
    bundle.config["linux"].update(
        maskedPaths=["/proc/timer_list", "/proc/acpi", "/sys/firmware"],
        readonlyPaths=["/proc/sys"],
        resources={"pids": {"limit": 40}, "memory": {"limit": 64 << 20}},
    )
    bundle.shell(COUNT)
    return tmp_path / "data" / "count"


def number(count):
    return int(count.read_text())


def saved(runtime, bundle, count, images, *options):
    """Run it, let it count, and save it: what it had come to."""
    runtime.detached(bundle, "c")
    assert until(lambda: count.exists() and number(count) > 3)
    runtime.ok("checkpoint", "--image-path", images, *options, "c")
    return number(count)


def restored(runtime, bundle, images, *options):
    """Restore it, with its output going to <bundle>/output."""
    with open(bundle.path / "output", "a") as output:
        done = runtime(
            "restore",
            "--detach",
            "--bundle",
            bundle.path,
            "--image-path",
            images,
            *options,
            "c",
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    assert done.returncode == 0, (bundle.path / "output").read_text()


def test_goes_on_where_it_was(criu, runtime, bundle, counting, tmp_path):
    before = saved(runtime, bundle, counting, tmp_path / "images", "--work-path", tmp_path / "work")
    assert json.loads(runtime.ok("list", "--format", "json")) in (None, [])
    assert (tmp_path / "work" / "dump.log").exists() and not (
        tmp_path / "images" / "dump.log"
    ).exists()
    assert number(counting) == before  # it has ended
    (bundle.path / "output").write_text("a log that has become longer\n")
    restored(runtime, bundle, tmp_path / "images", "--pid-file", tmp_path / "pid")
    assert until(lambda: number(counting) > before)
    assert number(counting) < before + 1000  # not begun anew, and not far
    state = runtime.state("c")
    assert state["status"] == "running" and state["pid"] == int((tmp_path / "pid").read_text())
    assert "already exists" in runtime.fails(
        "restore", "--detach", "--bundle", bundle.path, "--image-path", tmp_path / "images", "c"
    )
    assert runtime.state("c") == state


def test_limits_and_mounts_hold(criu, runtime, bundle, counting, tmp_path):
    bundle.config["root"]["readonly"] = True
    bundle.save()
    saved(runtime, bundle, counting, tmp_path / "images")
    restored(runtime, bundle, tmp_path / "images")
    group = procfs.cgroups(runtime.state("c")["pid"])
    assert group.get("pids", group.get("")) == "/pycontainer-oci/c"
    place = "/sys/fs/cgroup/pids" if "pids" in group else "/sys/fs/cgroup"
    assert open(place + "/pycontainer-oci/c/pids.max").read() == "40\n"

    def refused(script):
        done = runtime("exec", "c", "sh", "-c", script)
        assert done.returncode != 0
        return done.stderr

    assert "Read-only" in refused("touch /x")
    assert "Read-only" in refused("echo x > /data/deep/name")
    assert "Read-only" in refused("echo x > /proc/sys/kernel/hostname")
    assert runtime.ok("exec", "c", "ls", "/sys/firmware") == ""
    assert runtime.ok("exec", "c", "cat", "/proc/timer_list") == ""
    assert runtime.ok("exec", "c", "ip", "-o", "link").count("LOOPBACK,UP") == 1


def test_user_namespace(criu, runtime, bundle, counting, tmp_path):
    bundle.config["linux"]["namespaces"].append({"type": "user"})
    bundle.config["linux"].update(uidMappings=USER, gidMappings=USER)
    for mount in bundle.config["mounts"]:
        if mount["destination"] == "/data":
            mount["options"].append("idmap")
    bundle.save()
    subprocess.run(["chown", "-R", "100000:100000", bundle.rootfs], check=True)
    before = saved(runtime, bundle, counting, tmp_path / "images")
    restored(runtime, bundle, tmp_path / "images")
    assert until(lambda: number(counting) > before)
    assert os.stat(counting).st_uid == 0
    assert open("/proc/%d/uid_map" % runtime.state("c")["pid"]).read().split() == [
        "0",
        "100000",
        "65536",
    ]
    runtime.ok("exec", "c", "sh", "-c", "echo x > /dev/null; ls /dev/fd /dev/pts/ptmx")


def test_left_running_and_again(criu, runtime, bundle, counting, tmp_path):
    first = saved(runtime, bundle, counting, tmp_path / "one", "--leave-running")
    assert runtime.state("c")["status"] == "running"
    assert until(lambda: number(counting) > first + 3)
    runtime.ok("pause", "c")
    runtime.ok("checkpoint", "--image-path", tmp_path / "two", "c")  # a paused one, too
    second = number(counting)
    restored(runtime, bundle, tmp_path / "two")
    assert until(lambda: number(counting) > second)
    runtime.ok("delete", "--force", "c")
    restored(runtime, bundle, tmp_path / "one")  # where it was before
    assert until(lambda: number(counting) < second)


def test_namespace_of_others_and_hooks(criu, runtime, bundle, counting, tmp_path):
    """A network namespace by its path is joined again, and the hooks of the runtime run while the namespaces are empty."""
    with subprocess.Popen(["unshare", "--net", "sleep", "1000"]) as other:
        try:
            mine = os.readlink("/proc/self/ns/net")
            assert until(lambda: os.readlink("/proc/%d/ns/net" % other.pid) != mine)
            for entry in bundle.config["linux"]["namespaces"]:
                if entry["type"] == "network":
                    entry["path"] = "/proc/%d/ns/net" % other.pid
            bundle.config["hooks"] = {
                "prestart": [
                    {"path": "/bin/sh", "args": ["sh", "-c", f"cat > {tmp_path / 'hook'}"]}
                ]
            }
            bundle.save()
            before = saved(runtime, bundle, counting, tmp_path / "images")
            (tmp_path / "hook").unlink()
            restored(runtime, bundle, tmp_path / "images")
            pid = runtime.state("c")["pid"]
            assert os.readlink("/proc/%d/ns/net" % pid) == os.readlink(
                "/proc/%d/ns/net" % other.pid
            )
            assert json.loads((tmp_path / "hook").read_text())["pid"] == pid
            assert until(lambda: number(counting) > before)
        finally:
            other.kill()


def test_pipes(criu, runtime, bundle, tmp_path):
    """Standard streams that are pipes are those of the caller's, at the restore those of that caller's."""
    bundle.save(args=["cat"])
    inside, ours = os.pipe()
    reading, writing = os.pipe()
    assert (
        runtime(
            "run",
            "--detach",
            "--bundle",
            bundle.path,
            "c",
            stdin=inside,
            stdout=writing,
            stderr=writing,
        ).returncode
        == 0
    )
    os.write(ours, b"one\n")
    assert os.read(reading, 100) == b"one\n"
    runtime.ok("checkpoint", "--image-path", tmp_path / "images", "c")
    for fd in (inside, ours, reading, writing):
        os.close(fd)
    inside, ours = os.pipe()
    reading, writing = os.pipe()
    done = runtime(
        "restore",
        "--detach",
        "--bundle",
        bundle.path,
        "--image-path",
        tmp_path / "images",
        "c",
        stdin=inside,
        stdout=writing,
        stderr=writing,
    )
    os.close(writing)
    assert done.returncode == 0, os.read(reading, 4096)
    os.write(ours, b"two\n")
    assert os.read(reading, 100) == b"two\n"
    for fd in (inside, ours, reading):
        os.close(fd)


def test_terminal_and_foreground(criu, runtime, bundle, tmp_path):
    """The terminal's master comes to the socket; in the foreground the command waits, and its code is the program's."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tmp_path / "console"))
    server.listen(2)
    server.settimeout(20)
    bundle.shell("read line; echo got $line; exit 7")
    bundle.save(terminal=True)
    runtime.ok(
        "run", "--detach", "--console-socket", tmp_path / "console", "--bundle", bundle.path, "c"
    )
    first = _master(server)
    runtime.ok("checkpoint", "--image-path", tmp_path / "images", "c")
    os.close(first)
    runtime.ok(
        "restore",
        "--detach",
        "--console-socket",
        tmp_path / "console",
        "--bundle",
        bundle.path,
        "--image-path",
        tmp_path / "images",
        "c",
    )
    master = _master(server)
    server.close()
    os.write(master, b"hello\n")
    seen = b""
    while b"got hello" not in seen:
        seen += os.read(master, 1000)
    os.close(master)
    assert until(lambda: runtime.state("c")["status"] == "stopped")
    runtime.ok("delete", "c")

    bundle.save(
        terminal=False,
        args=["sh", "-c", "while :; do test -e /tmp/end && exit 7; sleep 0.05; done"],
    )
    runtime.detached(bundle, "c")
    runtime.ok("checkpoint", "--image-path", tmp_path / "other", "c")
    (bundle.rootfs / "tmp" / "end").touch()
    done = runtime("restore", "--bundle", bundle.path, "--image-path", tmp_path / "other", "c")
    assert done.returncode == 7, done.stderr
    assert "does not exist" in runtime.fails("state", "c")


def _master(server):
    connection, _address = server.accept()
    _data, ancillary, _flags, _from = connection.recvmsg(100, socket.CMSG_SPACE(4))
    connection.close()
    fd = struct.unpack("i", ancillary[0][2])[0]
    fcntl.ioctl(fd, 0x5414, struct.pack("HHHH", 24, 80, 0, 0))  # TIOCSWINSZ: it is a terminal
    return fd


def test_what_fails_leaves_nothing(criu, runtime, bundle, counting, tmp_path):
    """A restore whose host has changed, and a dump that CRIU refuses: said with CRIU's words, and all is as before."""
    saved(runtime, bundle, counting, tmp_path / "images")
    (tmp_path / "images" / "core-1.img").unlink()
    line = runtime.fails(
        "restore",
        "--detach",
        "--bundle",
        bundle.path,
        "--image-path",
        tmp_path / "images",
        "--pid-file",
        tmp_path / "pid",
        "c",
    )
    assert "can't be restored: CRIU: " in line and "restore.log" in line
    assert "does not exist" in runtime.fails("state", "c")
    assert not (tmp_path / "pid").exists()
    assert not [
        mount["point"]
        for mount in procfs.mounts()
        if mount["point"].startswith(
            (str(tmp_path), criu_restore.PLACE + "/root", criu_restore.PLACE + "/m/")
        )
    ]

    bundle.config["mounts"] = [
        mount for mount in bundle.config["mounts"] if not mount["destination"].startswith("/data")
    ]
    bundle.save()
    line = runtime.fails(
        "restore", "--detach", "--bundle", bundle.path, "--image-path", tmp_path / "images", "c"
    )
    assert "mount /data" in line and "files of the host's" in line

    with open(
        tmp_path / "of the host's", "w"
    ) as unsupported:  # nobody but the host knows that file
        with open(bundle.path / "output", "w") as output:
            bundle.shell("sleep 1000")
            assert (
                runtime(
                    "run",
                    "--detach",
                    "--preserve-fds",
                    unsupported.fileno() - 2,
                    "--bundle",
                    bundle.path,
                    "c",
                    stdout=output,
                    stderr=output,
                    pass_fds=[unsupported.fileno()],
                ).returncode
                == 0
            )
    before = runtime.state("c")
    line = runtime.fails("checkpoint", "--image-path", tmp_path / "more", "c")
    assert "container c can't be checkpointed: CRIU: " in line and "dump.log" in line
    assert runtime.state("c") == before and before["status"] == "running"


# ------------------------------------------------------------------------------------------------------------ without CRIU


def test_refused_without_criu(runtime, bundle, counting, tmp_path):
    runtime.detached(bundle, "c")
    assert until(counting.exists)
    before = runtime.state("c")
    for program, said in (
        ("/nowhere/criu", "CRIU is not installed: there is no program /nowhere/criu"),
        ("/bin/false", "CRIU at /bin/false does not work with this kernel"),
    ):
        line = runtime.fails(
            "--criu",
            program,
            "checkpoint",
            "--image-path",
            tmp_path / "images",
            "--work-path",
            tmp_path / "work",
            "c",
        )
        assert said in line
    assert runtime.state("c") == before and before["status"] == "running"
    assert sorted(os.listdir(tmp_path)) == ["bundle", "data", "root"]
    seen = number(counting)
    assert until(lambda: number(counting) > seen)


def test_sources_below_the_root_are_there_at_a_restore(runtime, bundle, tmp_path):
    """All is made up to what CRIU itself does, which here is nothing."""
    (bundle.rootfs / "etc" / "mine").write_text("mine\n")
    maps = {
        kind: [{"containerID": 0, "hostID": 1000, "size": 10}]
        for kind in ("uidMappings", "gidMappings")
    }
    for destination, more in (("/plain", {}), ("/mapped", maps)):
        bundle.config["mounts"].append(
            {
                "destination": destination,
                "type": "bind",
                "source": str(bundle.rootfs / "etc"),
                "options": ["bind"],
                **more,
            }
        )
    bundle.save()
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "inventory.img").touch()
    (tmp_path / "images" / "pycontainer.json").write_text(
        json.dumps({"mounts": ["/plain", "/mapped"], "files": []})
    )
    line = runtime.fails(
        "--criu",
        "/bin/true",
        "restore",
        "--detach",
        "--bundle",
        bundle.path,
        "--image-path",
        tmp_path / "images",
        "c",
    )
    assert "it can't be restored: CRIU: it ended without an answer" in line


def test_options_come_first(runtime, bundle, counting):
    runtime.detached(bundle, "c")
    assert "--manage-cgroups-mode" in runtime.fails(
        "checkpoint", "--manage-cgroups-mode", "none", "c"
    )
    assert "--empty-ns" in runtime.fails("checkpoint", "--empty-ns", "mount", "c")
    assert runtime.state("c")["status"] == "running"


def test_parent_path(criu, runtime, bundle, counting, tmp_path):
    (tmp_path / "earlier").mkdir()
    runtime.detached(bundle, "c")
    assert "--parent-path" in runtime.fails(
        "checkpoint", "--parent-path", tmp_path / "earlier", "c", cwd=tmp_path
    )
    assert "--parent-path" in runtime.fails(
        "checkpoint", "--parent-path", "./none", "--image-path", "./images", "c", cwd=tmp_path
    )
    assert "--page-server" in runtime.fails(
        "checkpoint", "--page-server", "nowhere", "c", cwd=tmp_path
    )
    assert runtime.state("c")["status"] == "running"


def test_only_what_runs(runtime, bundle):
    assert "does not exist" in runtime.fails("checkpoint", "--parent-path", "/", "c")
    bundle.save()
    assert (
        runtime(
            "create",
            "--bundle",
            bundle.path,
            "c",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ).returncode
        == 0
    )
    assert "it is created" in runtime.fails("checkpoint", "c")
    assert "already exists" in runtime.fails("restore", "--bundle", bundle.path, "c")
