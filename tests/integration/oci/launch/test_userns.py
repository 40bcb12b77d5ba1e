# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""linux.uidMappings, gidMappings and a user namespace; mounts with mapped ids. By the runtime-spec, without the engine."""

from __future__ import annotations

import copy
import os
import secrets
import shutil
import subprocess
import tempfile

import pytest
from pycontainer.errors import ContainerFailed, Unsupported
from pycontainer.kernel import cgroups
from pycontainer.kernel.calls import constants as c
from pycontainer.kernel.mounts import mounts, userns
from pycontainer.kernel.processes import pidfd, procfs
from pycontainer.oci.launch import join, launch, site
from pycontainer.oci.spec.document import Document
from pycontainer.oci.spec.program import Program

BUSYBOX = "/bin/busybox"
DISK = os.environ.get("PYCONTAINER_TEST_DIR", "/var/tmp")
BASE = 1_500_000_000
MAPS = [{"containerID": 0, "hostID": BASE, "size": 65536}]
KINDS = ("user", "mount", "network", "uts", "pid", "ipc", "cgroup")
CAPABILITIES = [
    "CAP_" + name
    for name in (
        "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP "
        "NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE"
    ).split()
]
MOUNTS = [
    {
        "destination": "/proc",
        "type": "proc",
        "source": "proc",
        "options": ["nosuid", "noexec", "nodev"],
    },
    {
        "destination": "/dev",
        "type": "tmpfs",
        "source": "tmpfs",
        "options": ["nosuid", "strictatime", "mode=755", "size=65536k"],
    },
    {
        "destination": "/dev/pts",
        "type": "devpts",
        "source": "devpts",
        "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
    },
    {
        "destination": "/dev/shm",
        "type": "tmpfs",
        "source": "shm",
        "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
    },
    {
        "destination": "/dev/mqueue",
        "type": "mqueue",
        "source": "mqueue",
        "options": ["nosuid", "noexec", "nodev"],
    },
    {
        "destination": "/sys",
        "type": "sysfs",
        "source": "sysfs",
        "options": ["nosuid", "noexec", "nodev", "ro"],
    },
    {
        "destination": "/sys/fs/cgroup",
        "type": "cgroup",
        "source": "cgroup",
        "options": ["ro", "nosuid", "noexec", "nodev"],
    },
]


class Place(site.Site):
    """A directory; the process writes to a FIFO of the host's root."""

    def __init__(self, root, stdout):
        super().__init__("userns-" + secrets.token_hex(6), os.path.dirname(root), root)
        self.stdout = stdout

    def make_group(self, _launch):
        return cgroups.create(self.ident)

    def open_root(self, _launch):
        return mounts.bind(self.root_place)

    def open_streams(self, _launch):
        out = os.open(self.stdout, os.O_WRONLY)
        return None, out, out


class Box:
    """A container of one test: its config may be changed until ``start``."""

    def __init__(self, place):
        self.place, self.root = place, os.path.join(place, "rootfs")
        self.started = self.reader = None
        sets = dict.fromkeys(("bounding", "effective", "permitted"), CAPABILITIES)
        self.config = {
            "ociVersion": "1.2.0",
            "root": {"path": "rootfs"},
            "hostname": "box",
            "mounts": copy.deepcopy(MOUNTS),
            "process": {
                "user": {"uid": 0, "gid": 0},
                "args": [],
                "env": ["PATH=/bin"],
                "cwd": "/",
                "capabilities": sets,
            },
            "linux": {
                "namespaces": [{"type": kind} for kind in KINDS],
                "uidMappings": MAPS,
                "gidMappings": MAPS,
                "maskedPaths": ["/proc/kcore", "/proc/scsi", "/sys/firmware"],
                "readonlyPaths": ["/proc/sys", "/proc/bus"],
            },
        }

    @property
    def linux(self):
        return self.config["linux"]

    def join(self, kind, path):
        for entry in self.linux["namespaces"]:
            if entry["type"] == kind:
                entry["path"] = path

    def bind(self, source, destination, *options, **more):
        self.config["mounts"].append(
            dict(
                {
                    "destination": destination,
                    "type": "bind",
                    "source": source,
                    "options": ["rbind", *options],
                },
                **more,
            )
        )

    def start(self, *args):
        self.end()
        if args:
            self.config["process"]["args"] = list(args)
        fifo = os.path.join(self.place, "out-" + secrets.token_hex(4))
        os.mkfifo(fifo, 0o600)
        self.reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        document = Document(self.config)
        program = Program(document.process, document.linux)
        self.started = launch.Launch(document, program, Place(self.root, fifo))
        self.started.run()
        return self.started.pid

    def output(self, *args):
        """Start, wait for the end, and what it wrote."""
        self.start(*args)
        assert pidfd.ended(self.started.pidfd, 30)
        return os.read(self.reader, 1 << 16).decode()

    def shell(self, script):
        return self.output("/bin/sh", "-c", script)

    def execute(self, *argv, **changes):
        """A further process: what it wrote to a pipe."""
        reader, writer = os.pipe2(os.O_CLOEXEC)
        process = dict(self.config["process"], args=list(argv), **changes)
        if changes.get("terminal"):
            streams = (None, None, None)
        else:
            streams = (None, writer, writer)
        made = join.Process(
            "box",
            (self.started.pid, procfs.start_time(self.started.pid)),
            self.started.group,
            Program(process, self.linux),
            streams,
        )
        made.start()
        os.close(writer)
        if made.terminal is not None:
            os.close(reader)
            reader = made.terminal
        os.waitid(os.P_PIDFD, made.pidfd, os.WEXITED)
        os.close(made.pidfd)
        try:
            return os.read(reader, 1 << 16).decode()
        finally:
            os.close(reader)

    def end(self):
        if self.started is not None and self.started.pidfd is not None:
            pidfd.send(self.started.pidfd, c.SIGKILL)
            assert pidfd.ended(self.started.pidfd, 10)
            os.waitid(os.P_PIDFD, self.started.pidfd, os.WEXITED | 0x40000000)  # __WALL
            os.close(self.started.pidfd)
            self.started.group.remove()
            self.started = None
        if self.reader is not None:
            os.close(self.reader)
            self.reader = None


@pytest.fixture
def box_of():
    """Makes containers: root file systems whose owner is the container's root, below a directory that only the host's may enter."""
    made = []

    def make(owner=BASE):
        box = Box(tempfile.mkdtemp(prefix="pycontainer-userns-", dir=DISK))
        for name in ("bin", "etc", "proc", "sys", "dev", "tmp", "root", "mnt"):
            os.makedirs(os.path.join(box.root, name))
        shutil.copy(BUSYBOX, os.path.join(box.root, "bin"))
        for applet in subprocess.run(
            [BUSYBOX, "--list"], stdout=subprocess.PIPE, text=True, check=True
        ).stdout.split():
            if applet != "busybox":
                os.symlink("busybox", os.path.join(box.root, "bin", applet))
        os.chmod(os.path.join(box.root, "tmp"), 0o1777)
        for directory, _names, files in os.walk(box.root):
            for name in [directory] + [os.path.join(directory, file) for file in files]:
                os.lchown(name, owner, owner)
        made.append(box)
        return box

    yield make
    for box in reversed(made):
        box.end()
    for box in made:
        shutil.rmtree(box.place)


@pytest.fixture
def box(box_of):
    return box_of()


def host_ids(pid):
    status = procfs.status(pid)
    return int(status["Uid"].split()[0]), int(status["Gid"].split()[0])


def test_root_inside_is_nobody_of_the_host(box):
    pid = box.start("/bin/sleep", "100")
    assert host_ids(pid) == (BASE, BASE) and procfs.status(pid)["Groups"] == ""
    assert userns.read(pid) == ([(0, BASE, 65536)], [(0, BASE, 65536)])
    assert box.execute("/bin/id") == "uid=0 gid=0\n"
    assert box.execute("/bin/cat", "/proc/self/uid_map").split() == ["0", str(BASE), "65536"]
    assert (
        os.readlink("/proc/%d/ns/user" % pid)
        == box.execute("/bin/readlink", "/proc/self/ns/user").strip()
    )


def test_files_are_the_containers(box):
    assert (
        box.shell(
            "touch /new; stat -c '%u %g' /new /tmp /dev /dev/shm /dev/null; chown 5:6 /new; stat "
            "-c '%u %g' /new"
        )
        == "0 0\n" * 5 + "5 6\n"
    )
    made = os.stat(os.path.join(box.root, "new"))
    assert (made.st_uid, made.st_gid) == (BASE + 5, BASE + 6)


def test_devices_are_real_and_mknod_fails(box):
    box.linux["devices"] = [
        {
            "path": "/dev/net/box",
            "type": "c",
            "major": 1,
            "minor": 5,
            "uid": 10,
            "gid": 11,
            "fileMode": 0o640,
        },
        {"path": "/dev/null2", "type": "c", "major": 1, "minor": 3},
    ]
    found = box.shell(
        "echo x >/dev/null && head -c 3 /dev/zero | wc -c; "
        "stat -c '%u %g %a %t:%T' /dev/net/box /dev/null2 /dev/net; mknod /dev/x c 1 3; echo $?"
    )
    assert found.splitlines() == [
        "3",
        "10 11 640 1:5",
        "0 0 666 1:3",
        "0 0 755 0:0",
        "mknod: /dev/x: Operation not permitted",
        "1",
    ]


def test_a_node_outside_of_dev_is_the_hosts_own(box):
    box.linux["devices"] = [{"path": "/null", "type": "c", "major": 1, "minor": 3}]
    with pytest.raises(
        ContainerFailed, match="device /null: .* the host has no c 1:3 at that path"
    ):
        box.start("/bin/true")


def test_without_a_tmpfs_at_dev_the_nodes_are_the_hosts(box):
    del box.config["mounts"][1:5]
    assert (
        box.shell(
            "echo x >/dev/null; head -c 2 /dev/zero | wc -c; cut -d' ' -f5 /proc/self/mountinfo | "
            "grep -c /dev/"
        )
        == "2\n6\n"
    )


def test_streams_are_the_users(box):
    box.config["process"]["user"] = {"uid": 1000, "gid": 1001}
    assert (
        box.shell("echo one >/dev/stdout; stat -Lc '%u %g' /proc/self/fd/1") == "one\n1000 1001\n"
    )


def test_user_and_groups(box):
    box.config["process"]["user"] = {"uid": 7, "gid": 8, "additionalGids": [9, 65535]}
    assert box.output("/bin/id") == "uid=7 gid=8 groups=9,65535\n"


@pytest.mark.parametrize(
    "user",
    [
        {"uid": 65536, "gid": 0},
        {"uid": 0, "gid": 70000},
        {"uid": 0, "gid": 0, "additionalGids": [65536]},
    ],
)
def test_a_user_that_is_not_mapped_is_refused(box, user):
    box.config["process"]["user"] = user
    with pytest.raises(
        ContainerFailed,
        match="is not mapped into the container's user namespace, which has 0 to 65535",
    ):
        box.start("/bin/true")


def test_without_root(box_of):
    box = box_of(BASE + 1000)
    box.linux.update(
        uidMappings=[mapping(1000, BASE + 1000)], gidMappings=[mapping(1000, BASE + 1000)]
    )
    box.config["process"]["user"] = {"uid": 1000, "gid": 1000}
    box.config["mounts"][2]["options"].remove("gid=5")
    pid = box.start("/bin/sleep", "100")
    assert host_ids(pid) == (BASE + 1000, BASE + 1000)
    assert box.execute("/bin/id") == "uid=1000 gid=1000\n"


def test_several_extents(box):
    box.linux["uidMappings"] = [
        {"containerID": 0, "hostID": BASE, "size": 10},
        {"containerID": 100, "hostID": BASE + 200_000, "size": 5},
    ]
    assert box.shell("chown 104 /etc && stat -c %u /etc; chown 10 /etc || echo no").splitlines()[
        0::2
    ] == ["104", "no"]
    assert os.stat(os.path.join(box.root, "etc")).st_uid == BASE + 200_004


def mapping(inside=0, outside=BASE, size=1):
    return {"containerID": inside, "hostID": outside, "size": size}


@pytest.mark.parametrize(
    "maps, sentence",
    [
        ([], "a namespace of type user needs linux.uidMappings"),  # as gidMappings are given
        ([mapping(size=0)], "size 0"),
        ([mapping(outside=-1)], "hostID -1 is not a number"),
        ([mapping(size=2**32 - 1)], "at id 4294967294"),
        ([mapping(size=10), mapping(5, BASE + 100)], "two entries have containerID 5"),
        ([mapping(size=10), mapping(20, BASE + 9)], "two entries have hostID %d" % (BASE + 9)),
        (
            [mapping(number, BASE + 2 * number) for number in range(341)],
            "341 entries: the kernel takes 340",
        ),
    ],
)
def test_wrong_maps_are_refused_by_their_name(box, maps, sentence):
    box.linux["uidMappings"] = maps
    with pytest.raises(Unsupported, match=sentence):
        box.start("/bin/true")


def test_without_maps_root_is_the_caller_alone(box):
    del box.linux["uidMappings"], box.linux["gidMappings"]
    box.config["mounts"] = [
        entry for entry in box.config["mounts"] if entry["type"] != "devpts"
    ]  # its gid=5 is not there
    assert (
        box.output("/bin/cat", "/proc/self/uid_map", "/proc/self/gid_map").split()
        == ["0", "0", "1"] * 2
    )


def test_maps_need_a_user_namespace(box):
    box.linux["namespaces"] = [
        entry for entry in box.linux["namespaces"] if entry["type"] != "user"
    ]
    with pytest.raises(Unsupported, match="linux.uidMappings without a namespace of type user"):
        box.start("/bin/true")


def test_as_many_extents_as_the_kernel_takes(box):
    box.linux["uidMappings"] = [mapping(number, 2 * number + 100000) for number in range(200)]
    for directory, _names, files in os.walk(box.root):
        for name in [directory] + [os.path.join(directory, file) for file in files]:
            os.lchown(name, 100000, BASE)
    assert box.shell("wc -l </proc/self/uid_map") == "200\n"


# -------------------------------------------------------------------------------------------------------- what it may not


def test_it_can_do_nothing_to_the_host(box):
    """All capabilities, and still no rights over what is the host's."""
    for kind in ("bounding", "effective", "permitted"):
        box.config["process"]["capabilities"][kind] = [
            "CAP_SYS_ADMIN",
            "CAP_SYS_PTRACE",
            "CAP_SYSLOG",
            "CAP_SYS_BOOT",
            "CAP_MKNOD",
            "CAP_CHOWN",
            "CAP_DAC_OVERRIDE",
            "CAP_SYS_TIME",
        ]
    box.linux["maskedPaths"] = box.linux["readonlyPaths"] = []
    foreign = os.path.join(box.root, "foreign")
    with open(foreign, "w") as file:
        file.write("host")
    os.chmod(foreign, 0o600)
    found = box.shell(
        "cat /foreign; chown 0 /foreign; echo x >/proc/sys/kernel/core_pattern; date -s "
        "2000-01-01 >/dev/null; echo b >/proc/sysrq-trigger; "
        "stat -c %u /foreign; mount -t tmpfs none /mnt && echo mounted"
    )
    assert found.splitlines()[-2:] == ["65534", "mounted"]
    assert (
        found.count("ermission denied")
        + found.count("not permitted")
        + found.count("nonexistent directory")
        == 5
    ), found


def test_privileged_settings_are_made_by_the_host(box):
    box.config["process"].update(
        oomScoreAdj=321,
        ioPriority={"class": "IOPRIO_CLASS_BE", "priority": 6},
        scheduler={"policy": "SCHED_BATCH", "nice": 5},
        rlimits=[{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}],
    )
    pid = box.start("/bin/sleep", "100")
    assert procfs.read("/proc/%d/oom_score_adj" % pid) == "321\n"
    assert (
        os.sched_getscheduler(pid) == os.SCHED_BATCH and os.getpriority(os.PRIO_PROCESS, pid) == 5
    )
    assert "100                  200" in procfs.read("/proc/%d/limits" % pid)


def test_kernel_parameters_of_its_network(box):
    box.linux["sysctl"] = {
        "net.ipv4.ip_unprivileged_port_start": "80",
        "kernel.shm_rmid_forced": "1",
    }
    assert box.shell(
        "cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/shm_rmid_forced; echo "
        "1 >/proc/sys/net/ipv4/ip_forward"
    ).startswith("80\n1\n/bin/sh: can't create /proc/sys/net/ipv4/ip_forward: Read-only")


def test_groups_that_may_ping_must_be_its_own(box):
    """What Docker sets without a user namespace: the kernel refuses it in one, and does not say why."""
    box.linux["sysctl"] = {"net.ipv4.ping_group_range": "0 2147483647"}
    with pytest.raises(
        ContainerFailed,
        match=(
            "ping_group_range=0 2147483647: invalid argument: groups that the container's user "
            "namespace does not have"
        ),
    ):
        box.shell("true")
    box.linux["sysctl"] = {"net.ipv4.ping_group_range": "0 65535"}
    assert box.shell("cat /proc/sys/net/ipv4/ping_group_range").split() == ["0", "65535"]


def test_masks_hold(box):
    box.linux["maskedPaths"] = ["/proc/cpuinfo", "/sys/firmware"]
    assert box.shell(
        "wc -c </proc/cpuinfo; echo 1 >/proc/sys/kernel/hostname; ls /sys/firmware | wc -l"
    ).splitlines() == [
        "0",
        "/bin/sh: can't create /proc/sys/kernel/hostname: Read-only file system",
        "0",
    ]


def test_terminal(box):
    box.config["process"].update(terminal=True, user={"uid": 1000, "gid": 1000})
    box.start(
        "/bin/sh",
        "-c",
        "tty; stat -c '%u %g' /dev/pts/0 /dev/console; echo x >/dev/console; stat -c %t:%T "
        "/dev/console; sleep 100",
    )
    text = b""
    while text.count(b"\n") < 5:
        text += os.read(box.started.terminal, 4096)
    assert text.decode().splitlines() == ["/dev/pts/0", "1000 5", "1000 5", "x", "88:0"]
    assert box.execute("/bin/stat", "-c", "%u %g", "/dev/pts/1", terminal=True) == "1000 5\r\n"


def test_streams_of_exec(box):
    box.start("/bin/sleep", "100")
    assert (
        box.execute(
            "/bin/sh",
            "-c",
            "echo hi >/dev/stdout; id -u; id -G",
            user={"uid": 5, "gid": 6, "additionalGids": [7]},
        )
        == "hi\n5\n6 7\n"
    )


def test_exec_of_an_unmapped_user_is_refused(box):
    box.start("/bin/sleep", "100")
    with pytest.raises(ContainerFailed, match="uid 65536 is not mapped"):
        box.execute("/bin/id", user={"uid": 65536, "gid": 0})


# ------------------------------------------------------------------------------------------------ namespaces of others


@pytest.mark.parametrize("missing", ["network", "pid", "ipc", "cgroup", "uts"])
def test_the_hosts_namespace_is_shown_by_the_hosts_mounts(box, missing):
    box.linux["namespaces"] = [
        entry for entry in box.linux["namespaces"] if entry["type"] != missing
    ]
    if missing == "uts":
        del box.config["hostname"]
    box.linux["maskedPaths"] = box.linux["readonlyPaths"] = []
    if not os.path.isdir("/dev/mqueue"):
        box.config["mounts"] = [
            entry for entry in box.config["mounts"] if entry["type"] != "mqueue"
        ]
    found = box.shell(
        "ls /sys/class/net /proc/self/ns >/dev/null && readlink /proc/self/ns/%s"
        % {"network": "net"}.get(missing, missing)
    ).strip()
    assert found == os.readlink("/proc/self/ns/%s" % {"network": "net"}.get(missing, missing))


def test_joins_another_ones_user_namespace(box, box_of):
    pid = box.start("/bin/sleep", "100")
    other = box_of()
    for kind, name in (("user", "user"), ("network", "net"), ("ipc", "ipc")):
        other.join(kind, "/proc/%d/ns/%s" % (pid, name))
    del other.linux["uidMappings"], other.linux["gidMappings"]
    inside = other.start("/bin/sleep", "100")
    for name in ("user", "net", "ipc"):
        assert os.readlink("/proc/%d/ns/%s" % (inside, name)) == os.readlink(
            "/proc/%d/ns/%s" % (pid, name)
        )
    assert procfs.stat(inside)["parent"] == os.getpid()
    assert other.execute("/bin/id") == "uid=0 gid=0\n" and host_ids(inside) == (BASE, BASE)
    assert (
        other.execute("/bin/sh", "-c", "ls /sys/class/net; touch /x; stat -c %u /x /dev/zero")
        == "lo\n0\n0\n"
    )


def test_joins_its_process_namespace_too(box, box_of):
    pid = box.start("/bin/sleep", "100")
    other = box_of()
    for kind, name in (("user", "user"), ("pid", "pid")):
        other.join(kind, "/proc/%d/ns/%s" % (pid, name))
    assert "sleep 100" in other.output("/bin/ps", "-o", "args")


def test_joins_the_hosts_network_namespace_by_path(box):
    box.join("network", "/proc/self/ns/net")
    assert (
        box.shell("readlink /proc/self/ns/net; ls /sys/class/net >/dev/null; echo $?")
        == os.readlink("/proc/self/ns/net") + "\n0\n"
    )


def test_maps_that_are_not_those_of_the_joined_namespace_are_refused(box, box_of):
    pid = box.start("/bin/sleep", "100")
    other = box_of()
    other.join("user", "/proc/%d/ns/user" % pid)
    other.linux["uidMappings"] = [mapping(0, BASE, 10)]
    with pytest.raises(Unsupported, match="linux.uidMappings is not the map of the user namespace"):
        other.start("/bin/true")
    other.join("user", "/proc/self/ns/net")
    with pytest.raises(ContainerFailed, match="can't join the user namespace /proc/self/ns/net"):
        other.start("/bin/true")


# ------------------------------------------------------------------------------------------------ mounts with mapped ids


@pytest.fixture
def shared():
    place = tempfile.mkdtemp(prefix="pycontainer-userns-", dir=DISK)
    os.makedirs(place + "/closed/dir")
    os.chmod(place + "/closed", 0)
    with open(place + "/closed/dir/file", "w") as file:
        file.write("hello")
    os.chown(place + "/closed/dir/file", 100, 211)
    yield place + "/closed/dir"
    shutil.rmtree(place)


def test_bind_of_what_it_could_not_reach(box, shared):
    box.bind(shared, "/mnt/x")
    assert box.shell("cat /mnt/x/file; stat -c '%u %g' /mnt/x/file") == "hello65534 65534\n"


@pytest.mark.parametrize("option", ["idmap", "ridmap"])
def test_idmap_takes_the_containers_map(box, shared, option):
    box.bind(shared, "/mnt/x", option)
    assert box.shell("stat -c '%u %g' /mnt/x/file; touch /mnt/x/new") == "100 211\n"
    assert os.stat(shared + "/new").st_uid == 0


def test_idmap_with_maps_of_its_own(box, shared):
    box.bind(
        shared,
        "/mnt/x",
        uidMappings=[mapping(100, BASE, 100)],
        gidMappings=[mapping(200, BASE, 100)],
    )
    box.bind(
        shared,
        "/mnt/y",
        uidMappings=[mapping(100, BASE + 1000, 1)],
        gidMappings=[mapping(210, BASE + 2000, 5)],
    )
    box.bind(shared, "/mnt/z", "idmap=uids=0-%d-1#@100-9-5;gids=211-%d-1" % (BASE + 7, BASE + 3))
    assert (
        box.shell("stat -c '%u %g' /mnt/x/file /mnt/y/file /mnt/z/file") == "0 11\n1000 2001\n9 3\n"
    )


def test_idmap_without_a_user_namespace(box_of, shared):
    box = box_of(0)
    box.linux["namespaces"] = [
        entry for entry in box.linux["namespaces"] if entry["type"] != "user"
    ]
    del box.linux["uidMappings"], box.linux["gidMappings"]
    box.bind(
        shared,
        "/mnt/x",
        uidMappings=[mapping(100, 1000, 100)],
        gidMappings=[mapping(200, 500, 100)],
    )
    assert (
        box.shell("stat -c '%u %g' /mnt/x/file; touch /mnt/x/new")
        == "1000 511\ntouch: /mnt/x/new: Value too large for defined data type\n"
    )
    box.bind(shared, "/mnt/y", "idmap")
    with pytest.raises(Unsupported, match="mount /mnt/y: idmap needs uidMappings and gidMappings"):
        box.start("/bin/true")


@pytest.mark.parametrize(
    "entry, sentence",
    [
        (
            {"options": ["bind", "idmap"], "source": "/proc/sys"},
            "ids of /proc/sys of the host can't be mapped: its file system does not have that",
        ),
        (
            {"options": ["bind"], "source": "/tmp", "uidMappings": [mapping()]},
            "uidMappings and gidMappings go together",
        ),
        ({"options": ["bind", "idmap=uids=1-2"], "source": "/tmp"}, "idmap=uids=1-2 is not"),
        ({"options": ["idmap"], "type": "tmpfs", "source": "tmpfs"}, "for a bind mount only"),
    ],
)
def test_idmap_that_is_refused(box, entry, sentence):
    box.config["mounts"].append(dict({"destination": "/mnt/x", "type": "bind"}, **entry))
    with pytest.raises((Unsupported, ContainerFailed), match=sentence):
        box.start("/bin/true")


def test_a_failed_start_leaves_nothing(box):
    descriptors = len(os.listdir("/proc/self/fd"))
    box.bind("/does/not/exist", "/mnt/x")
    with pytest.raises(ContainerFailed, match="can't bind /does/not/exist"):
        box.start("/bin/true")
    left = [
        path
        for place in cgroups.base_paths().values()
        for path in os.listdir(place)
        if path == box.started.site.ident
    ]
    assert left == []
    assert len(os.listdir("/proc/self/fd")) == descriptors + 1  # the FIFO's, which the test opened
