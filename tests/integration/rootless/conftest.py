# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users who are not root, and have accounts and further ids in mount namespaces of the tests alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile

import pytest
from pycontainer.deploy import fingerprint, install
from pycontainer.host import task as host
from pycontainer.store.paths import OF_USER, Paths
from support import leaks, waiting

BUSYBOX = shutil.which("busybox")
CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(__file__))))
MANAGER = "/lib/systemd/systemd"
ACCOUNT = "pyc-tester"
UID, FIRST, COUNT = 4343, 700000, 65536
MOUNTS = """
set -e
for name in passwd group subuid subgid; do mount --bind "$PLACE/$name" /etc/$name; done
if [ -n "$GROUP" ]; then
    mount --bind "$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)" /sys/fs/cgroup
    echo $$ > "/sys/fs/cgroup/$GROUP/cgroup.procs"
fi
if [ -e "$PLACE/run" ]; then mount --bind "$PLACE/run" /run; fi
if [ -n "$HIDDEN" ] && [ -e "$HIDDEN" ]; then mount --bind /dev/null "$HIDDEN"; fi
if [ -e "$PLACE/tun" ]; then mount --bind "$PLACE/tun" /dev/net/tun; fi
exec "$@"
"""


class User:
    """Somebody who is not root.

    :param place: a directory for his home and his files of accounts. :param ids: whether he has further ones.
    :param netns: the network that is the host's for him. :param hidden: a program that he does not find.
    :param group: the cgroup of version 2 that he was given, as systemd does; the host has no others then.
    """

    def __init__(self, place, ids=True, group="", netns="", hidden=""):
        self.place, self.group, self.netns, self.hidden = place, group, netns, hidden
        self.home = os.path.join(place, "home")
        self.data = os.path.join(self.home, OF_USER)
        self.run = os.path.join(self.data, "run")
        self.command = os.path.join(place, "pycontainer")
        os.mkdir(self.home)
        os.chown(self.home, UID, UID)
        for name, line in (
            ("passwd", f"{ACCOUNT}:*:{UID}:{UID}::{self.home}:/bin/sh"),
            ("group", f"{ACCOUNT}:x:{UID}:"),
        ):
            with open("/etc/" + name) as before:
                self.write(name, f"{before.read()}{line}\n")
        for name in ("subuid", "subgid"):
            self.write(name, f"{ACCOUNT}:{FIRST}:{COUNT}\n" if ids else "")
        if os.path.exists("/dev/net/tun"):  # every user's, as distributions have it
            os.mknod(os.path.join(place, "tun"), 0o20666, os.stat("/dev/net/tun").st_rdev)
            os.chmod(os.path.join(place, "tun"), 0o666)

    def write(self, name, text):
        with open(os.path.join(self.place, name), "w") as file:
            file.write(text)

    def words(self, words, become=True):
        """A command line with his accounts. :param become: as him; else as root."""
        found = ["nsenter", f"--net={self.netns}"] if self.netns else []
        found += ["unshare", "--mount", "sh", "-c", MOUNTS, "sh"]
        if become:
            found += ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups"]
        return [*found, *map(str, words)]

    def environment(self, **more):
        return {
            "PLACE": self.place,
            "GROUP": self.group,
            "HIDDEN": self.hidden,
            "HOME": self.home,
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "PYCONTAINER_TRACEBACK": "1",
            **more,
        }

    def run_as(self, words, become=True, **more):
        return subprocess.run(
            self.words(words, become),
            env=self.environment(**more),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            cwd="/",
            check=False,
        )

    def __call__(self, *words, rc=0):
        """A command of his; its standard output, and error where it is to fail."""
        done = self.run_as([self.command, *words])
        assert done.returncode == rc, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout if rc == 0 else done.stderr

    def begin(self, *words):
        """A command of his in the background."""
        return subprocess.Popen(
            self.words([self.command, *words]),
            env=self.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def record(self):
        """What his keeper has written down."""
        with open(os.path.join(self.run, "keeper.json")) as file:
            return json.load(file)

    def has_engine(self, runtime):
        """Have his copy of the engine there, which takes seconds to lay down."""
        os.makedirs(self.data)
        shutil.copytree(runtime, os.path.join(self.data, "runtime"), symlinks=True)
        subprocess.run(["chown", "-R", f"{UID}:{UID}", self.home], check=True)

    def clear(self):
        """Take away what he has made."""
        if os.path.exists(os.path.join(self.data, "state.db")):
            for ident in self("ps", "-aq", "--no-trunc").split():
                self("rm", "-f", ident)
        leaks.remove(self.data, self.run)


@pytest.fixture(scope="session")
def installed():
    """A directory with the engine laid down in it, as root has it for all users, and the host's command."""
    place = tempfile.mkdtemp(
        prefix="pct-rootless-", dir=os.environ.get("PYCONTAINER_TEST_DIR", "/var/tmp")
    )
    os.chmod(place, 0o755)
    paths = Paths(os.path.join(place, "data"), os.path.join(place, "run"))
    paths.make()
    copy = install.ensure_at(paths)
    words = {
        "start": os.path.join(paths.runtime, "current", "start.py"),
        "runtime": paths.runtime,
        "interpreter": copy.host["interpreter"],
        "own": OF_USER,
        "first": host.FIRST,
    }
    host.write_command(os.path.join(place, "pycontainer"), host.COMMAND % words)
    assert copy.name == fingerprint.name()
    yield place
    shutil.rmtree(place, ignore_errors=True)


def place_for(installed, name):
    place = os.path.join(installed, name)
    os.mkdir(place, 0o755)
    shutil.copy2(os.path.join(installed, "pycontainer"), place)
    return place


@pytest.fixture(scope="session")
def user(installed, archive):
    """A user with further ids, and an image ``box`` in his store."""
    if shutil.which("newuidmap") is None:
        pytest.skip("needs newuidmap (Debian: uidmap)")
    found = User(place_for(installed, "user"))
    try:
        found("import", archive, "box")
        yield found
    finally:
        found.clear()


@pytest.fixture(params=["", "systemd"])
def given(request, installed, archive, tmp_path):
    """A user who was given a cgroup, and with "systemd" has a manager of his services in it."""
    top = next(
        (line.split()[1] for line in open("/proc/mounts") if line.split()[2] == "cgroup2"), ""
    )
    if not top or shutil.which("newuidmap") is None:
        pytest.skip("needs cgroup v2 and newuidmap (Debian: uidmap)")
    name = f"pyc-{tmp_path.name}"
    group = os.path.join(top, name)
    os.mkdir(group)
    for path in (group, group + "/cgroup.procs", group + "/cgroup.subtree_control"):
        os.chown(path, UID, UID)
    found = User(place_for(installed, tmp_path.name), group=name)
    found.has_engine(os.path.join(installed, "data", "runtime"))
    manager = managing(found) if request.param else None
    try:
        found("import", archive, "box")
        yield found, request.param
    finally:
        found.clear()
        if manager is not None:
            manager.kill()
            manager.wait()
        leaks.empty_cgroup(group)


def managing(user):
    """Start a systemd that manages a user's services, on a host that seems to have been booted by systemd."""
    if not os.path.exists(MANAGER) or shutil.which("systemd-run") is None:
        pytest.skip("needs systemd")
    own = os.path.join(user.place, "run", "user", str(UID))
    os.makedirs(os.path.join(user.place, "run", "systemd", "system"))
    os.makedirs(own, 0o700)
    os.chown(own, UID, UID)
    words = user.words([MANAGER, "--user", "--log-target=null"])
    environment = user.environment(XDG_RUNTIME_DIR=f"/run/user/{UID}")
    manager = subprocess.Popen(words, env=environment, cwd="/")
    waiting.until(lambda: os.path.exists(os.path.join(own, "systemd", "private")))
    return manager


@pytest.fixture(scope="session")
def archive(installed):
    """A root file system with busybox, as an archive."""
    if BUSYBOX is None:
        pytest.skip("needs a statically linked busybox (Debian: busybox-static)")
    archive, top = os.path.join(installed, "box.tar"), os.path.join(installed, "rootfs")
    for name in ("bin", "etc", "srv/data", "tmp", "proc", "sys", "dev", "root"):
        os.makedirs(os.path.join(top, name))
    shutil.copy2(BUSYBOX, os.path.join(top, "bin", "busybox"))
    for applet in subprocess.run(
        [BUSYBOX, "--list"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout.split():
        if applet != "busybox":
            os.symlink("busybox", os.path.join(top, "bin", applet))
    for name, text in (("passwd", "root:x:0:0::/root:/bin/sh\nwww:x:33:33::/srv:/bin/sh\n"),):
        with open(os.path.join(top, "etc", name), "w") as file:
            file.write(text)
    os.chown(os.path.join(top, "srv", "data"), 33, 33)
    subprocess.run(["tar", "-C", top, "-cf", archive, "."], check=True)
    return archive


@pytest.fixture
def other(installed, tmp_path):
    """A user without further ids."""
    found = User(place_for(installed, tmp_path.name), ids=False)
    yield found
    found.clear()


@pytest.fixture(params=["pasta", "slirp4netns"])
def travelling(request, installed, archive, tmp_path):
    """A user whose host has one way to elsewhere: an interface, to a server at 10.99.0.2."""
    for program in ("newuidmap", "ip", request.param):
        if shutil.which(program) is None:
            pytest.skip(f"needs {program} (Debian: uidmap, iproute2, passt, slirp4netns)")
    names = {kind: f"pct-{kind}-{os.getpid()}" for kind in ("host", "far")}
    served = None
    hidden = shutil.which("pasta") if request.param == "slirp4netns" else ""
    try:
        for name in names.values():
            subprocess.run(["ip", "netns", "add", name], check=True)
        lines = [
            [
                "link",
                "add",
                "up0",
                "netns",
                names["host"],
                "type",
                "veth",
                "peer",
                "up0",
                "netns",
                names["far"],
            ],
            ["-n", names["host"], "address", "add", "10.99.0.1/24", "dev", "up0"],
            ["-n", names["far"], "address", "add", "10.99.0.2/24", "dev", "up0"],
            *(
                ["-n", name, "link", "set", link, "up"]
                for name in names.values()
                for link in ("lo", "up0")
            ),
            ["-n", names["host"], "route", "add", "default", "via", "10.99.0.2"],
        ]
        for line in lines:
            subprocess.run(["ip", *line], check=True)
        (tmp_path / "index.html").write_text("from afar\n")
        words = ["ip", "netns", "exec", names["far"], BUSYBOX, "httpd", "-f", "-p", "80", "-h"]
        served = subprocess.Popen([*words, str(tmp_path)])
        found = User(
            place_for(installed, tmp_path.name),
            netns=f"/run/netns/{names['host']}",
            hidden=hidden or "",
        )
        found.has_engine(os.path.join(installed, "data", "runtime"))
        try:
            found("import", archive, "box")
            yield found, request.param
        finally:
            found.clear()
    finally:
        if served is not None:
            served.kill()
            served.wait()
        for name in names.values():
            subprocess.run(["ip", "netns", "delete", name], check=False)
