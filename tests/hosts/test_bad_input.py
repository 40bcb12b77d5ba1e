# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can't be done is refused through Ansible with one clear sentence, in check mode as for real, and nothing is changed on the host."""

from __future__ import annotations

import json

import pytest
from hosts.conftest import fleet_of
from support.fleet import standins

NAMESPACE = "pycontainer.engine."
BOX = {"name": "new", "image": "box:1"}


def container(**options):
    return {NAMESPACE + "container": dict(BOX, **options)}


def task(module, **options):
    return {NAMESPACE + module: options}


def command(line):
    return {NAMESPACE + "pycontainer": line}


CASES = [
    (container(image="127.0.0.1:5000/none:1"), "registry 127.0.0.1:5000 has no image none:1"),
    (
        container(image="Box:1"),
        "image: 'Box:1' is not valid; accepted: [registry[:port]/]repository[:tag]",
    ),
    (
        container(image="box:ta g"),
        "image: 'box:ta g' is not valid; accepted: a tag of 1 to 128 letters",
    ),
    (
        container(image="box@sha256:12"),
        "image: 'box@sha256:12' is not valid; accepted: a digest of the form sha256:",
    ),
    (container(image=""), "image: '' is not valid"),
    (
        task("container", name="new"),
        "image: missing; needed: an image, because container new does not exist",
    ),
    (container(name="a b"), "name: 'a b' is not valid; accepted: a container's name"),
    (
        container(published_ports=["8080:80"]),
        "published_ports: port 0.0.0.0:8080/tcp is taken by container web",
    ),
    (
        container(published_ports=["22:80"]),
        "published_ports: port 0.0.0.0:22/tcp is taken by process sshd (pid ",
    ),
    (
        container(published_ports=["127.0.0.1:22:80"]),
        "published_ports: port 127.0.0.1:22/tcp is taken by process sshd (pid ",
    ),
    (
        container(published_ports=["99999:80"]),
        "published_ports: '99999:80' is not valid; accepted: container, host:container",
    ),
    (
        container(ports=["99999:80"]),
        "published_ports: '99999:80' is not valid; accepted: container, host:container",
    ),  # an alias
    (
        container(published_ports=["1:2:3:4"]),
        "published_ports: '1:2:3:4' is not valid; accepted: container, host:container",
    ),
    (
        container(volumes=["/nonesuch:/data"]),
        "volumes: '/nonesuch' is not valid; accepted: a path that exists on the host",
    ),
    (
        container(volumes=["data:relative"]),
        "volumes: 'relative' is not valid; accepted: an absolute path",
    ),
    (
        container(mounts=[{"type": "bind", "source": "/nonesuch", "target": "/data"}]),
        "mounts: '/nonesuch' is not valid; accepted: a path that exists on the host",
    ),
    (
        container(memroy="64m"),
        "Unsupported parameters for (pycontainer.engine.container) module: memroy.",
    ),
    (container(memory="12x"), "memory: '12x' is not valid; accepted: a number of bytes"),
    (container(memory="1k"), "memory: '1k' is not valid; accepted: 0 (no limit) or at least 6m"),
    (container(cpus=1000), "cpus: 1000 is not valid; accepted: at most"),
    (
        container(restart_policy="sometimes"),
        "restart_policy: 'sometimes' is not valid; accepted: no, on-failure, always, "
        "unless-stopped",
    ),
    (
        container(state="flying"),
        "value of state must be one of: absent, created, healthy, paused, present, restarted, "
        "started, stopped, got: flying",
    ),
    (container(networks=[{"name": "nonesuch"}]), "networks: network nonesuch does not exist"),
    (container(network_mode="nonesuch"), "networks: network nonesuch does not exist"),
    (
        container(network_mode="container:nonesuch"),
        "network_mode: container nonesuch does not exist",
    ),
    (
        container(capabilities=["FLY"]),
        "capabilities: 'FLY' is not valid; accepted: ALL or a capability's name",
    ),
    (
        container(devices=["/dev/nonesuch"]),
        "devices: '/dev/nonesuch' is not valid; accepted: a device of the host",
    ),
    (
        container(sysctls={"kernel.panic": 1}),
        "sysctls: 'kernel.panic' is not valid; accepted: net.*",
    ),
    (container(ulimits=["nofile"]), "ulimits: 'nofile' is not valid; accepted: name:soft[:hard]"),
    (
        container(env_file="/nonesuch"),
        "env_file: '/nonesuch' is not valid; accepted: a file on the host",
    ),
    (
        container(stop_signal="SIGNONE"),
        "stop_signal: 'SIGNONE' is not valid; accepted: a signal's name",
    ),
    (
        container(security_opts=["seccomp=/nonesuch"]),
        "security_opts: 'seccomp=/nonesuch' is not valid; accepted: a file on the host",
    ),
    (
        container(user="nobody-here"),
        "container new did not start: user: 'nobody-here' is not valid; accepted: a user in the "
        "image's /etc/passwd",
    ),
    (container(command="/nonesuch"), "container new did not start: "),
    (
        container(working_dir="relative"),
        "working_dir: 'relative' is not valid; accepted: an absolute path",
    ),
    (
        container(etc_hosts={"x": "not-an-address"}),
        "etc_hosts.x: 'not-an-address' is not valid; accepted: an IP address",
    ),
    (
        container(healthcheck={"test": ["CMD", "true"], "interval": "soon"}),
        "healthcheck.interval: 'soon' is not valid; accepted: seconds",
    ),
    (
        task("container", containers=[BOX, dict(BOX, image="box:1")]),
        "containers: 'new' is not valid; accepted: each container once",
    ),
    (
        task("container", containers=[BOX, {"name": "web", "memory": "12x"}]),
        "containers[1] (web): memory: '12x' is not valid",
    ),
    (
        task("container", containers=[BOX], state="absent"),
        "state: 'absent' is not valid; accepted: nothing beside containers",
    ),
    (
        task("container", name="nonesuch", state="restarted"),
        "image: missing; needed: an image, because container nonesuch does not exist",
    ),
    (
        task("container_exec", container="nonesuch", command="id"),
        "container nonesuch does not exist",
    ),
    (
        task("container_checkpoint", container="nonesuch", checkpoint="one"),
        "container nonesuch does not exist",
    ),
    (
        task("container_checkpoint", container="web", checkpoint="a/b"),
        "checkpoint: 'a/b' is not valid; accepted: letters, digits",
    ),
    (task("container_exec", container="web"), "one of the following is required: argv, command"),
    (task("image", name="127.0.0.1:5000/none:1"), "registry 127.0.0.1:5000 has no image none:1"),
    (
        task("image", name="127.0.0.1:1/none:1"),
        "registry 127.0.0.1:1 does not answer (http: connection refused",
    ),
    (
        task("image", name="http://127.0.0.1:5000/none:1"),
        "name: 'http://127.0.0.1:5000/none:1' is not valid; accepted: "
        "[registry[:port]/]repository[:tag]",
    ),
    (
        task("image", name="new:1", source="build"),
        "build.path: missing; needed: the directory of the build's context",
    ),
    (
        task("image", name="new:1", source="build", build={"path": "/nonesuch"}),
        "build.path: '/nonesuch' is not valid; accepted: an existing directory",
    ),
    (
        task("image", name="new:1", source="build", build={"path": "/etc"}),
        "path: '/etc' is not valid; accepted: a directory with a Containerfile or Dockerfile",
    ),
    (
        task("image", name="new:1", build={"path": "/etc"}),
        "build: 'given' is not valid; accepted: no build with source pull",
    ),
    (
        task("image", name="new:1", source="import", path="/nonesuch"),
        "path: '/nonesuch' is not valid; accepted: an existing directory or archive",
    ),
    (
        task("image", name="new:1", source="import", path="/etc/passwd"),
        "/etc/passwd is not a tar archive, or is damaged",
    ),
    (
        task("image", source="load", path="/etc/passwd"),
        "/etc/passwd is not a tar archive, or is damaged",
    ),
    (task("image", name="nonesuch:1", source="local"), "there is no image nonesuch:1 on this host"),
    (
        task("image", name="box:1", state="absent"),
        "image box:1 is used by the containers other, web; remove them first",
    ),
    (task("volume", name="a b"), "name: 'a b' is not valid; accepted: a volume's name"),
    (task("volume", name="new", driver="nfs4"), "value of driver must be one of: local, got: nfs4"),
    (
        task("volume", name="new", driver_options={"type": "tmpfs", "o": "size=lots"}),
        "driver_options.o: 'lots' is not valid; accepted: a number of bytes",
    ),
    (
        task("volume", name="data", state="absent"),
        "volume data is used by container web; remove that first",
    ),
    (
        task("network", name="new", ipam_config=[{"subnet": "172.28.0.1/16"}]),
        "ipam_config.subnet: '172.28.0.1/16' is not valid; accepted: 172.28.0.0/16",
    ),
    (
        task("network", name="new", ipam_config=[{"subnet": "172.31.0.0/24"}]),
        "ipam_config.subnet: 172.31.0.0/24 overlaps 172.31.0.0/16 of network net",
    ),
    (
        task(
            "network", name="new", ipam_config=[{"subnet": "172.28.0.0/16", "gateway": "10.0.0.1"}]
        ),
        "ipam_config.gateway: '10.0.0.1' is not valid; accepted: an address of a host in "
        "172.28.0.0/16",
    ),
    (
        task("network", name="new", labels={"backup": True}),
        "labels.backup: True is not valid; accepted: a text or a number",
    ),
    (
        task("network", name="new", driver="weave"),
        "value of driver must be one of: bridge, macvlan, ipvlan, overlay, got: weave",
    ),
    (
        task("network", name="new", driver="overlay"),
        "peers: what h1 has of network new is not known yet",
    ),
    (task("network", name="net", state="absent"), "network net is used by web; remove them first"),
    (
        task("registry", name="new", listen=["127.0.0.1:5000"]),
        "listen: 127.0.0.1:5000 is taken by another process",
    ),
    (
        task("registry", name="new", listen=["0.0.0.0:22"]),
        "listen: 0.0.0.0:22 is taken by another process",
    ),
    (
        task("registry", name="new", listen=["5001"]),
        "listen: '5001' is not valid; accepted: ADDRESS:PORT",
    ),
    (
        task(
            "registry",
            name="new",
            listen=["127.0.0.1:5001"],
            tls_cert="/nonesuch",
            tls_key="/nonesuch",
        ),
        "tls_cert: '/nonesuch' is not valid; accepted: a certificate (PEM)",
    ),
    (
        task("registry_login", registry_url="127.0.0.1:1", username="u", password="secret"),
        "registry 127.0.0.1:1 does not answer (http: connection refused",
    ),
    (command("runn box:1"), "'runn' is not a pycontainer command; did you mean run? "),
    (
        command("run -d --memory 12x box:1"),
        "--memory: '12x' is not valid; accepted: a number of bytes",
    ),
    (
        command("run -d --nonesuch box:1"),
        "unknown flag --nonesuch for pycontainer run; pycontainer run --help lists all",
    ),
    (command("run -d --name web box:1"), "the name web is in use by a container"),
    (command("run -d 127.0.0.1:5000/none:1"), "registry 127.0.0.1:5000 has no image none:1"),
    (command("rm nonesuch"), "container nonesuch does not exist"),
    (command("rm web"), "container web runs; stop it first, or remove it with -f"),
    (command("exec web"), "pycontainer exec takes CONTAINER COMMAND..., got 1 argument(s)"),
    (command("rmi box:1"), "image box:1 is used by the containers other, web; remove them first"),
]

# All that the engine could change on a host, as JSON: rows, files, links, addresses, rules, mounts, control groups.
# The history is apart: it has what was tried and undone, too. So has the journal of events, which is left out.
SNAPSHOT = r"""
import json, os, sqlite3, subprocess
def said(*words): return subprocess.run(words, stdout=subprocess.PIPE, text=True).stdout.splitlines()
def tree(top):
    found = {}
    for directory, _names, files in os.walk(top):
        if directory != "/run/pycontainer/locks" and "/runtime" not in directory and directory != "/var/lib/pycontainer/events":
            found[directory] = None
            for name in files:
                status = os.lstat(os.path.join(directory, name))
                if not name.startswith("state.db"): found[os.path.join(directory, name)] = (status.st_mode, status.st_size)
    return found
print(json.dumps({
    "rows": [row for row in sqlite3.connect("/var/lib/pycontainer/state.db").iterdump()
             if "sqlite_sequence" not in row and "history" not in row.partition("(")[0]]
        if os.path.exists("/var/lib/pycontainer/state.db") else None,
    "history": [row for row in sqlite3.connect("/var/lib/pycontainer/state.db").iterdump() if row.startswith('INSERT INTO "history"')]
        if os.path.exists("/var/lib/pycontainer/state.db") else None,
    "files": {**tree("/var/lib/pycontainer"), **tree("/run/pycontainer")}, "links": said("ip", "-brief", "address"), "rules": said("nft", "list", "ruleset"),
    "mounts": [line.split()[4] for line in open("/proc/self/mountinfo")],
    "groups": sorted(path for path, _names, _files in os.walk("/sys/fs/cgroup") if "pycontainer" in path)}))
"""


def snapshot(fleet):
    done = fleet.execute("h1", "/usr/bin/python3", "-c", SNAPSHOT)
    assert done.returncode == 0, done.stdout
    return json.loads(done.stdout)


def difference(before, after):
    return {
        kind: (
            [row for row in before[kind] or [] if row not in (after[kind] or [])],
            [row for row in after[kind] or [] if row not in (before[kind] or [])],
        )
        for kind in before
        if before[kind] != after[kind]
    }


@pytest.fixture(scope="module")
def host():
    with fleet_of(1, "refusing") as made:
        standins.prepare(made)
        yield made


@pytest.fixture
def busy(host, play):
    """The host with an image, a registry, and a container that has a volume, a network and a port."""
    play(
        host,
        [
            {"pycontainer.engine.host": {}},
            {"pycontainer.engine.registry": {}},
            {
                "pycontainer.engine.image": {
                    "name": "box:1",
                    "source": "import",
                    "path": standins.ROOT,
                    "config": standins.SERVER,
                }
            },
            {
                "pycontainer.engine.network": {
                    "name": "net",
                    "ipam_config": [{"subnet": "172.31.0.0/16"}],
                }
            },
            {
                "pycontainer.engine.container": {"name": "other", "image": "box:1"}
            },  # and so the default network is there
            {
                "pycontainer.engine.container": {
                    "name": "web",
                    "image": "box:1",
                    "volumes": ["data:/data"],
                    "networks": [{"name": "net"}],
                    "published_ports": ["8080:80"],
                }
            },
        ],
    )
    return host


LIBRARY = "/usr/lib/python3/dist-packages"


def without_library(host, play, sentence):
    """A container is refused while the host has no cffi."""
    assert host.execute("h1", "sh", "-ec", f"mv {LIBRARY}/_cffi_backend* /root/").returncode == 0
    try:
        results = play(host, [dict(container(), ignore_errors=True)]).results("h1")
        assert sentence in results[0]["msg"]
    finally:
        assert (
            host.execute("h1", "sh", "-ec", f"mv /root/_cffi_backend* {LIBRARY}/").returncode == 0
        )


def test_missing_library(host, play):
    """The first one: a zygote that runs has the library loaded, and needs the file no more."""
    before = snapshot(host)
    without_library(
        host,
        play,
        "/usr/bin/python3 can't import _cffi_backend, which everything needs: install python3-cffi",
    )
    assert difference(before, snapshot(host)) == {}
    play(
        host,
        [
            {
                "pycontainer.engine.image": {
                    "name": "box:1",
                    "source": "import",
                    "path": standins.ROOT,
                    "config": standins.SERVER,
                }
            }
        ],
    )
    without_library(
        host,
        play,
        "containers need Python's cffi on this host (Debian, Ubuntu, Fedora: python3-cffi)",
    )
    assert not [row for row in snapshot(host)["rows"] if row.startswith('INSERT INTO "containers"')]


def test_a_sentence_and_nothing_changed(busy, play):
    before = snapshot(busy)
    results = play(
        busy,
        [
            dict(case, check_mode=check, ignore_errors=True)
            for case, _sentence in CASES
            for check in (True, False)
        ],
    ).results("h1")
    wrong = []
    for number, (case, sentence) in enumerate(CASES):
        checked, done = results[number * 2 : number * 2 + 2]
        said = done["msg"]
        if (
            not done.get("failed")
            or not said.startswith(sentence)
            or "\n" in said
            or "Traceback" in said
        ):
            wrong.append((case, said))
        if "did not start" in sentence or NAMESPACE + "registry_login" in case:
            assert not checked.get("failed"), (
                case
            )  # what only the start tells; a registry that the same play may be about to start
        elif checked["msg"] != said:
            wrong.append((case, "in check mode", checked.get("msg")))
    assert wrong == []
    changes = difference(before, snapshot(busy))
    _gone, told = changes.pop("history", ([], []))
    # What was started and taken back is in the history, and nothing that was refused before.
    assert len(told) == sum("did not start" in sentence for _case, sentence in CASES), told
    assert changes == {}


def test_other_users_than_root(busy, play):
    made = busy.execute(
        "h1",
        "sh",
        "-ec",
        "id user > /dev/null 2>&1 || useradd --create-home --password '*' user; mkdir -p "
        "/home/user/.ssh; touch /etc/subuid /etc/subgid; sed -i /^user:/d /etc/subuid /etc/subgid; "
        "cp /root/.ssh/authorized_keys /home/user/.ssh/; chown -R user: /home/user/.ssh",
    )
    assert made.returncode == 0, made.stdout
    before = snapshot(busy)
    tasks = [
        dict(each, ignore_errors=True)
        for each in (
            container(),
            task("container_info"),
            task("image", name="box:1"),
            command("ps"),
            task("host"),
        )
    ]
    results = play(busy, tasks, "-e", "ansible_user=user").results("h1")
    assert {result["msg"] for result in results} == {
        "pycontainer.engine needs root (in Ansible: become: true), or lines of user user in /etc/subuid and /etc/subgid, which "
        "root adds with `usermod --add-subuids 100000-165535 --add-subgids 100000-165535 user`"
    }
    assert difference(before, snapshot(busy)) == {}
