# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command for those who are not root of the host: a user, and the root of a user namespace (as podman's without root is)."""

from __future__ import annotations

import json
import os
import pathlib
import pwd
import shutil
import subprocess

import pytest
from pycontainer.kernel import cgroups
from pycontainer.kernel.processes import procfs
from pycontainer.kernel.systemd import systemd_units

from .conftest import COMMAND, Runtime
from .test_terminal import Receiver, read_until

USER = 4242
AS_USER = ["setpriv", "--reuid=%d" % USER, "--regid=%d" % USER, "--clear-groups"]
AS_ROOT_INSIDE = AS_USER + ["unshare", "--user", "--map-root-user", "--mount"]


class Other(Runtime):
    """The command with other rights. :param words: what gives them up."""

    def __init__(self, root, words):
        super().__init__(root)
        self.words = words

    def argv(self, *words):
        return self.words + super().argv(*words)


@pytest.fixture
def place(tmp_path, bundle):
    """Directories that the user can use; the bundle is his. Returns where his containers are."""
    for directory in (tmp_path, *tmp_path.parents):
        if directory.stat().st_mode & 0o005 != 0o005:
            directory.chmod(directory.stat().st_mode | 0o055)
    done = subprocess.run(
        AS_USER + [COMMAND, "--version"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"the checkout is out of a user's reach: {done.stdout}")
    subprocess.run(["chown", "-R", "%d:%d" % (USER, USER), bundle.path], check=True)
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    os.chown(theirs, USER, USER)
    yield theirs
    runtime = Other(theirs, AS_USER)
    for ident in os.listdir(theirs):
        runtime("delete", "--force", ident)
    assert os.listdir(theirs) == []


@pytest.fixture
def user(place):
    return Other(place, AS_USER)


def in_user_namespace(bundle, *more, uid=USER, gid=USER):
    bundle.config["linux"]["namespaces"].append({"type": "user"})
    bundle.config["linux"].update(
        uidMappings=[{"containerID": 0, "hostID": uid, "size": 1}, *more],
        gidMappings=[{"containerID": 0, "hostID": gid, "size": 1}, *more],
    )
    return bundle


def test_a_user_runs_what_spec_writes_for_him(user, bundle):
    os.unlink(bundle.path / "config.json")
    user.ok("spec", "--rootless", "--bundle", bundle.path)
    config = json.loads((bundle.path / "config.json").read_text())
    assert config["linux"]["uidMappings"] == [{"containerID": 0, "hostID": USER, "size": 1}]
    config["process"].update(
        args=[
            "sh",
            "-c",
            "id -u; cat /proc/self/uid_map; echo x > /dev/null; touch /tmp/mine; ls -ln /tmp/mine",
        ],
        terminal=False,
        env=["PATH=/bin"],
    )
    config["root"]["readonly"] = False
    bundle.config = config
    bundle.save()
    lines = user.ok("run", "--bundle", bundle.path, "c", stderr=None).splitlines()
    assert [line.split() for line in lines[:2]] == [["0"], ["0", str(USER), "1"]]
    assert lines[2].split()[2:4] == ["0", "0"]
    assert (bundle.rootfs / "tmp" / "mine").stat().st_uid == USER


def test_the_life_of_a_users_container(user, bundle):
    in_user_namespace(bundle).save()
    user.ok(
        "create", "--bundle", bundle.path, "c", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    assert user.state("c")["status"] == "created"
    user.ok("start", "c")
    assert user.state("c")["status"] == "running"
    assert os.stat("/proc/%d" % user.state("c")["pid"]).st_uid == USER
    assert (
        user.ok("exec", "c", "sh", "-c", "id -u; echo $PPID; cat /proc/1/cmdline")
        == "0\n0\nsleep\x001000\x00"
    )
    assert user.ok("list", "-q") == "c\n"
    user.ok("kill", "c", "KILL")
    user.ok("delete", "--force", "c")
    assert user.ok("list", "-q") == ""


def test_exec_before_the_start(user, bundle):
    """The process that waits hands its namespaces to who may connect to it; it shows them to nobody, lest another of the container looks into it."""
    in_user_namespace(bundle).save()
    bundle.config["linux"]["namespaces"].append({"type": "cgroup"})
    bundle.save()
    user.ok(
        "create", "--bundle", bundle.path, "c", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    pid = user.state("c")["pid"]
    assert subprocess.run(
        AS_USER + ["readlink", "/proc/%d/ns/net" % pid],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    ).returncode
    kinds = "cgroup ipc mnt net pid user uts"
    for _again in range(2):
        lines = user.ok(
            "exec",
            "c",
            "sh",
            "-c",
            f"id -u; echo $PPID; for kind in {kinds}; do readlink /proc/self/ns/$kind; done; ls "
            "-d /bin/busybox; for file in /proc/1/exe /proc/1/fd/*; do readlink $file; done; true",
        ).split()
        assert lines[:2] == ["0", "0"] and lines[-1] == "/bin/busybox"
        assert lines[2:-1] == [
            os.readlink("/proc/%d/ns/%s" % (pid, kind)) for kind in kinds.split()
        ]
    with pytest.raises(AssertionError, match="no such file"):
        user.ok("exec", "c", "/nothing")
    user.ok("start", "c")
    assert user.state("c")["status"] == "running"
    assert [os.readlink("/proc/%d/ns/%s" % (pid, kind)) for kind in kinds.split()] == lines[2:-1]
    assert sorted(os.listdir("/proc/%d/fd" % pid)) == ["0", "1", "2"], (
        "what it handed over is its program's"
    )
    assert user.ok("exec", "c", "echo", "on") == "on\n"
    user.ok("delete", "--force", "c")
    user.ok(
        "create", "--bundle", bundle.path, "d", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    os.kill(user.state("d")["pid"], 9)
    assert "d" in user.fails("exec", "d", "true")


def test_a_terminal(user, bundle):
    in_user_namespace(bundle).save(
        args=["sh", "-c", "tty; read line; echo got $line"], terminal=True
    )
    receiver = Receiver(bundle.path / "socket")
    os.chmod(receiver.path, 0o777)
    user.ok("create", "--console-socket", receiver.path, "--bundle", bundle.path, "c")
    master = receiver.take()
    user.ok("start", "c")
    os.write(master, b"it\n")
    assert b"got it" in read_until(master, b"got it")
    os.close(master)
    receiver.socket.close()


def test_root_of_a_user_namespace(place, bundle, tmp_path):
    """Who can make no device nodes, and may leave no group, has those of the host, and keeps his."""
    inside = Other(place, AS_ROOT_INSIDE)
    bundle.shell(
        "id -u; ls -l /dev/null; echo x > /dev/null; cat /dev/zero | head -c 3 | wc -c; mount"
    )
    safe = tmp_path / "safe"
    safe.mkdir()
    bundle.config["mounts"].append(
        {
            "destination": "/safe",
            "type": "bind",
            "source": str(safe),
            "options": ["rbind", "rprivate", "noexec"],
        }
    )
    bundle.save()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "nosuid,nodev", "safe", safe], check=True
    )  # of which the kernel lets go neither
    try:
        lines = inside.ok("run", "--bundle", bundle.path, "c").splitlines()
    finally:
        subprocess.run(["umount", safe], check=True)
    assert lines[0] == "0" and lines[1].startswith("crw-rw-rw-") and lines[2] == "3"
    assert any(" on /dev/urandom " in line for line in lines)
    assert any(" on /safe " in line and "nosuid,nodev,noexec" in line for line in lines)


def test_a_user_namespace_within_one(place, bundle):
    inside = Other(place, AS_ROOT_INSIDE)
    bundle.config["linux"].update(
        uidMappings=[{"containerID": 0, "hostID": 0, "size": 1}],
        gidMappings=[{"containerID": 0, "hostID": 0, "size": 1}],
    )
    bundle.config["linux"]["namespaces"].append({"type": "user"})
    bundle.shell("id -u; echo x > /dev/null; cat /dev/zero | head -c 3 | wc -c")
    assert inside.ok("run", "--bundle", bundle.path, "c") == "0\n3\n"


def test_ids_that_are_not_the_users(user, bundle):
    in_user_namespace(bundle)
    bundle.config["linux"]["uidMappings"][0]["hostID"] = 0
    bundle.save()
    assert "uid %d, which is the caller's own, has to be among hostID" % USER in user.fails(
        "run", "--bundle", bundle.path, "c"
    )
    bundle.config["linux"]["uidMappings"] = [
        {"containerID": 0, "hostID": USER, "size": 1},
        {"containerID": 1, "hostID": 200000, "size": 10},
    ]
    bundle.save()
    done = user("run", "--bundle", bundle.path, "c")
    assert (
        done.returncode == 1
        and (
            "newuidmap and newgidmap are needed"
            if shutil.which("newuidmap") is None
            else "(see /etc/subuid"
        )
        in done.stderr
    )
    assert user.ok("list", "-q") == ""


def test_without_a_user_namespace(user, bundle):
    """He gets one, as with crun: its root is he himself."""
    bundle.save(args=["sh", "-c", "id -u; cat /proc/self/uid_map"])
    assert user.ok("run", "--bundle", bundle.path, "c").split() == ["0", "0", str(USER), "1"]
    bundle.save(args=["true"], user={"uid": 5, "gid": 0})
    assert "uid 5 is not mapped into the container's user namespace, which has 0" in user.fails(
        "run", "--bundle", bundle.path, "c"
    )
    assert user.ok("list", "-q") == ""


def test_without_a_user_namespace_but_with_more_ids(place, bundle, tmp_path):
    user = Other(place, with_more_ids(tmp_path))
    bundle.save(args=["sh", "-c", "cat /proc/self/uid_map"], user={"uid": 5, "gid": 6})
    assert user.ok("run", "--bundle", bundle.path, "c").split() == [
        "0",
        str(USER),
        "1",
        "1",
        "200000",
        "1000",
    ]


def test_namespaces_of_another_of_his_containers(user, bundle):
    """User, network and time namespace by path: the last is one that he could not come back from."""
    in_user_namespace(bundle)
    bundle.config["linux"]["namespaces"].append({"type": "time"})
    bundle.config["linux"]["timeOffsets"] = {"boottime": {"secs": 86400 * 365}}
    bundle.save()
    user.ok(
        "run",
        "--detach",
        "--bundle",
        bundle.path,
        "c",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    pid = user.state("c")["pid"]
    for entry in bundle.config["linux"]["namespaces"]:
        if entry["type"] in ("user", "network", "time"):
            entry["path"] = "/proc/%d/ns/%s" % (
                pid,
                {"network": "net"}.get(entry["type"], entry["type"]),
            )
    for name in ("uidMappings", "gidMappings", "timeOffsets"):
        del bundle.config["linux"][name]
    bundle.save(
        args=[
            "sh",
            "-c",
            "for kind in user net time; do readlink /proc/self/ns/$kind; done; busybox cut -d. "
            "-f1 /proc/uptime",
        ]
    )
    lines = user.ok("run", "--bundle", bundle.path, "d").split()
    assert lines[:3] == [
        os.readlink("/proc/%d/ns/%s" % (pid, kind)) for kind in ("user", "net", "time")
    ]
    assert int(lines[3]) > 86400 * 365
    user.ok("delete", "--force", "c")


def test_a_sealed_maker(user, bundle):
    """Its interpreter is executed again, as the small step's own call is forbidden (kernel/programs/trampoline.py), and is still to write the maps."""
    in_user_namespace(bundle)
    bundle.config["linux"]["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["execveat"], "action": "SCMP_ACT_ERRNO"}],
    }
    bundle.save(args=["id", "-u"])
    assert user.ok("run", "--bundle", bundle.path, "c") == "0\n"


def test_without_anything_that_holds_its_processes(user, bundle):
    in_user_namespace(bundle)
    bundle.config["linux"]["namespaces"] = [
        entry for entry in bundle.config["linux"]["namespaces"] if entry["type"] != "pid"
    ]
    bundle.config["mounts"] = [
        mount for mount in bundle.config["mounts"] if mount["destination"] != "/proc"
    ]
    bundle.save(args=["true"])
    done = user("run", "--bundle", bundle.path, "c")
    assert (
        done.returncode == 0
        and done.stderr.count("Such configuration is strongly discouraged") == 1
    )


def test_without_a_network_namespace(user, bundle):
    """sysfs is the host's then, and read-only as far as it goes."""
    in_user_namespace(bundle)
    bundle.config["linux"]["namespaces"] = [
        entry for entry in bundle.config["linux"]["namespaces"] if entry["type"] != "network"
    ]
    bundle.config["mounts"].append(
        {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["ro"]}
    )
    bundle.save(
        args=[
            "sh",
            "-c",
            "ls -d /sys/class; touch /sys/x /sys/fs/cgroup/x 2>&1 | busybox grep -c Read-only",
        ]
    )
    assert user.ok("run", "--bundle", bundle.path, "c").split() == ["/sys/class", "2"]


DELEGATED = """
cd {place}
group=$(cut -d: -f3 /proc/self/cgroup)
mkdir /sys/fs/cgroup$group/shell
echo $$ > /sys/fs/cgroup$group/shell/cgroup.procs
chown {user}:{user} /sys/fs/cgroup$group /sys/fs/cgroup$group/cgroup.* /sys/fs/cgroup$group/shell /sys/fs/cgroup$group/shell/cgroup.procs
sed -i "s|GROUP|$group|" {bundle}/config.json
ours() {{ {as_user} {command} --root {place} "$@"; }}
ours create --bundle {bundle} c < /dev/null > {bundle}/output 2>&1 || cat {bundle}/output
ours start c
cat /sys/fs/cgroup$group/one/memory.max /sys/fs/cgroup$group/one/pids.max
ours exec c cat /proc/self/cgroup
ours pause c
ours state c | grep -o paused
ours resume c
ours update --memory 64m c
cat /sys/fs/cgroup$group/one/memory.max
ours delete --force c
test -d /sys/fs/cgroup$group/one || echo gone
"""


@pytest.mark.skipif(
    not systemd_units.booted() or cgroups.mode() != "v2",
    reason="needs systemd and cgroup v2, to have a group delegated",
)
def test_limits_in_a_group_that_is_the_users(place, bundle, tmp_path):
    bundle.config["linux"].update(
        cgroupsPath="GROUP/one", resources={"memory": {"limit": 32 << 20}, "pids": {"limit": 20}}
    )
    bundle.config["linux"]["namespaces"].append({"type": "cgroup"})
    in_user_namespace(bundle).save()
    script = tmp_path / "script"
    script.write_text(
        DELEGATED.format(
            place=place, bundle=bundle.path, command=COMMAND, user=USER, as_user=" ".join(AS_USER)
        )
    )
    done = subprocess.run(
        [
            "systemd-run",
            "--quiet",
            "--wait",
            "--pipe",
            "--property=Delegate=yes",
            "sh",
            "-e",
            script,
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.split() == [str(32 << 20), "20", "0::/", "paused", str(64 << 20), "gone"]


@pytest.fixture
def account(place, bundle):
    """A user with a manager of his own, as everybody has one from his login on: an account that nobody logs in to. The bundle is his."""
    if (
        not systemd_units.booted()
        or cgroups.mode() != "v2"
        or not any(os.path.exists(place + "/pam.d/systemd-user") for place in ("/etc", "/usr/lib"))
    ):
        pytest.skip("needs systemd, cgroup v2 and users' managers (package libpam-systemd)")
    found = pwd.getpwnam("games")
    subprocess.run(["systemctl", "start", "user@%d.service" % found.pw_uid], check=True)
    try:
        subprocess.run(
            ["chown", "-R", "%d:%d" % (found.pw_uid, found.pw_gid), place, bundle.path], check=True
        )
        yield found
    finally:
        subprocess.run(["systemctl", "stop", "user@%d.service" % found.pw_uid], check=True)


def test_limits_in_a_scope_of_the_users_own_manager(account, place, bundle):
    """The kernel lets nobody but root move a process into it from where a login puts it: the manager has to be asked."""
    user = Other(
        place,
        ["setpriv", "--reuid=%d" % account.pw_uid, "--regid=%d" % account.pw_gid, "--clear-groups"],
    )
    bundle.config["linux"].update(
        cgroupsPath="user.slice:test:c",
        resources={"memory": {"limit": 32 << 20}, "pids": {"limit": 20}},
    )
    in_user_namespace(bundle, uid=account.pw_uid, gid=account.pw_gid).save()
    user.ok(
        "--systemd-cgroup",
        "create",
        "--bundle",
        bundle.path,
        "c",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    group = "/sys/fs/cgroup" + procfs.cgroups(user.state("c")["pid"])[""]
    assert group.endswith("/user@%d.service/user.slice/test-c.scope" % account.pw_uid)

    def limits():
        return [
            pathlib.Path(group, name).read_text().strip() for name in ("memory.max", "pids.max")
        ]

    assert limits() == [str(32 << 20), "20"]
    user.ok("start", "c")
    user.ok(
        "exec",
        "--detach",
        "c",
        "sleep",
        "1000",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert len(pathlib.Path(group, "cgroup.procs").read_text().split()) == 2
    user.ok("update", "--memory", str(64 << 20), "c")
    assert limits() == [str(64 << 20), "20"]
    user.ok("pause", "c")
    assert user.state("c")["status"] == "paused"
    user.ok("delete", "--force", "c")
    assert not os.path.exists(group)


def with_more_ids(tmp_path):
    """Words before a command that a user runs for whom /etc/subuid and /etc/subgid have some ids."""
    if shutil.which("newuidmap") is None:
        pytest.skip("needs newuidmap (package uidmap)")
    for name, line in (
        ("passwd", "somebody:x:%d:%d::%s:/bin/sh" % (USER, USER, tmp_path)),
        ("subuid", "somebody:200000:1000"),
        ("subgid", "somebody:200000:1000"),
    ):
        (tmp_path / name).write_text(line + "\n")
        (tmp_path / name).chmod(0o644)
    files = f'for name in passwd subuid subgid; do mount --bind {tmp_path}/$name /etc/$name; done; exec "$@"'
    return ["unshare", "--mount", "sh", "-ec", files, "sh", *AS_USER]


def test_more_ids_by_newuidmap(place, bundle, tmp_path):
    user = Other(place, with_more_ids(tmp_path))
    in_user_namespace(bundle, {"containerID": 1, "hostID": 200000, "size": 100}).save(
        args=["sh", "-c", "id -u; id -G; touch /tmp/mine"],
        user={"uid": 33, "gid": 34, "additionalGids": [35]},
    )
    (bundle.rootfs / "tmp").chmod(0o777)
    assert user.ok("run", "--bundle", bundle.path, "c") == "33\n34 35\n"
    status = (bundle.rootfs / "tmp" / "mine").stat()
    assert (status.st_uid, status.st_gid) == (200032, 200033)


PODMAN = """
cd {home}
podman() {{ command podman --storage-driver vfs --cgroup-manager cgroupfs --events-backend file "$@"; }}
ours() {{ podman --runtime {command} "$@"; }}
podman import -q {home}/box.tar localhost/box > /dev/null
ours run -d --name web --network none -v {home}/volume:/x:ro localhost/box sh -c 'trap "exit 3" TERM; while :; do sleep 0.1; done' > /dev/null
ours run -d --name by --pid container:web --network none localhost/box sleep 100 > /dev/null
ours exec web sh -c 'id -u; cat /proc/self/uid_map'
ours exec --user 33:34 web sh -c 'id -u; cat /x/file; touch /x/y 2> /dev/null || echo no'
ours exec by cat /proc/1/comm
ours rm -f -t 0 by > /dev/null
ours stop -t 10 web
ours ps -a --format '{{{{.Names}}}} {{{{.Status}}}}'
ours rm web
podman unshare rm -rf {home}/.local/share/containers
"""


@pytest.mark.skipif(not shutil.which("podman"), reason="podman is not installed")
def test_podman_without_root(place, bundle, tmp_path):
    home = tmp_path / "home"
    (home / "volume").mkdir(parents=True)
    (home / "volume" / "file").write_text("seen\n")
    subprocess.run(
        ["tar", "--owner=0", "--group=0", "-C", bundle.rootfs, "-cf", home / "box.tar", "."],
        check=True,
    )
    subprocess.run(["chown", "-R", "%d:%d" % (USER, USER), home], check=True)
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_RUNTIME_DIR": str(place)}
    reaped = [
        "unshare",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
    ]  # podman waits long for what nobody waits for; and its own helper goes
    try:
        done = subprocess.run(
            reaped
            + with_more_ids(tmp_path)
            + ["sh", "-ec", PODMAN.format(home=home, command=COMMAND)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    finally:
        for name in os.listdir(place):
            subprocess.run(["rm", "-rf", place / name], check=True)
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines == [
        ["0"],
        ["0", str(USER), "1"],
        ["1", "200000", "1000"],
        ["33"],
        ["seen"],
        ["no"],
        ["sh"],
        ["web"],
        ["web", "Exited", "(3)", *lines[8][3:]],
        ["web"],
    ], done.stdout + done.stderr
