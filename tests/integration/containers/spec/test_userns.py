# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers with user namespaces of their own: whose ids they have, whose files are whose, and what leads to the host's."""

from __future__ import annotations

import json
import os
import stat
import time

import pytest
from pycontainer import containers
from pycontainer.containers import task
from pycontainer.containers.access import exec_client
from pycontainer.containers.client import monitor_client
from pycontainer.containers.options import security
from pycontainer.containers.records import status
from pycontainer.containers.spec import directory_ids, user_namespaces
from pycontainer.containers.view import audit, logs
from pycontainer.engine import Engine
from pycontainer.errors import Conflict, ContainerFailed, InvalidInput, Unsupported
from pycontainer.kernel.calls import syscalls
from pycontainer.kernel.mounts import mounts
from pycontainer.kernel.mounts import userns as kernel
from pycontainer.kernel.processes import procfs
from pycontainer.reconcile import carry_out
from pycontainer.store import settings

pytestmark = pytest.mark.skipif(
    procfs.kernel_version() < (5, 19), reason="layers with mapped owners need Linux 5.19"
)


def do(engine, check=False, **params):
    params.setdefault("name", "web")
    return carry_out(task.container(engine, params), check)


def base(**more):
    return dict({"image": "box:1", "network_mode": "none", "stop_timeout": 0}, **more)


def sh(engine, script, name="web", user=None):
    found = exec_client.run(
        engine.paths, containers.find(engine, name)["id"], ["sh", "-c", script], user=user
    )
    assert found["rc"] == 0, found
    return found["stdout"].decode().strip()


def pid(engine, name="web"):
    return do_status(engine, name)["pid"]


def do_status(engine, name):
    return status.now(engine.paths, containers.find(engine, name)["id"])


def ids(engine, name="web"):
    """The host's ids of the container's root, by the kernel."""
    return int(procfs.status(pid(engine, name))["Uid"].split()[0])


def host(result):
    return result["container"]["Security"]["HostUser"]


@pytest.fixture(autouse=True)
def removed(engine, image):
    yield
    for record in containers.every(engine):
        containers.remove(engine, record, force=True)
    assert engine.db.all("SELECT * FROM id_ranges") == []


def test_every_container_has_ids_of_its_own(engine):
    first = do(engine, **base())
    do(engine, **base(name="db"))
    assert (first["security"], host(first)) == ([], False) and first["container"]["HostConfig"][
        "UsernsMode"
    ] == "auto"
    assert first["container"]["HostConfig"]["IDMappings"] == {
        key: ["0:%d:65536" % user_namespaces.FIRST] for key in ("UidMap", "GidMap")
    }
    assert (ids(engine), ids(engine, "db")) == (
        user_namespaces.FIRST,
        user_namespaces.FIRST + 65536,
    )
    assert kernel.read(pid(engine))[0] == [(0, user_namespaces.FIRST, 65536)]
    assert (
        sh(
            engine,
            "id -u; stat -c %u:%g / /etc/passwd /etc/hosts /dev/null /dev/shm; stat -c %u:%g "
            "/srv/data",
        )
        == "0\n" + "0:0\n" * 5 + "33:33"
    )
    containers.remove(engine, containers.find(engine, "web"), force=True)
    do(engine, **base(name="other"))
    assert ids(engine, "other") == user_namespaces.FIRST, "what is free is given away again"


def test_ids_stay_over_starts_and_changes(engine):
    do(engine, **base())
    do(engine, **base(name="db"))
    sh(engine, "touch /tmp/mine", "db", user="33:33")
    assert not do(engine, **base(name="db"))["changed"]
    do(engine, name="db", state="restarted")
    do(engine, name="db", labels={"a": "b"})
    assert (
        ids(engine, "db") == user_namespaces.FIRST + 65536
        and sh(engine, "stat -c %u:%g /tmp/mine", "db") == "33:33"
    )
    with Engine(engine.paths.data, engine.paths.run) as again:
        assert (
            not do(again, **base(name="db"))["changed"]
            and ids(again, "db") == user_namespaces.FIRST + 65536
        )


def test_disk_has_the_owners_as_inside(engine, tmp_path):
    """The writable layer, a volume and a bind mount: what another container, the host or an export of it makes sense of."""
    os.chown(tmp_path, 0, 0)
    (tmp_path / "given").write_text("x")
    os.chown(tmp_path / "given", 33, 77)
    do(engine, **base(volumes=["data:/srv/data", f"{tmp_path}:/host"]))
    sh(
        engine,
        "stat -c %u:%g /host/given | grep -q 33:77; touch /srv/data/new /host/new /layer; mkdir "
        "-p /a/b",
        user="0",
    )
    sh(engine, "touch /tmp/www", user="33:33")
    upper = os.path.join(engine.paths.container(containers.find(engine, "web")["id"]), "upper")
    for path, owner in (
        (engine.paths.volume("data") + "/_data/new", 0),
        (tmp_path / "new", 0),
        (upper + "/layer", 0),
        (upper + "/a/b", 0),
        (upper + "/tmp/www", 33),
        (engine.paths.volume("data") + "/_data", 33),
        (engine.paths.volume("data") + "/_data/file", 0),
    ):
        status = os.stat(path)
        assert (status.st_uid, status.st_gid) == (owner, owner), path
    do(engine, **base(name="db", volumes=["data:/data"]))
    assert sh(engine, "stat -c %u:%g /data /data/new", "db") == "33:33\n0:0"


def test_root_inside_can_do_nothing_to_the_hosts_files(engine, tmp_path):
    """A bind mount is of no more use than the owners' rights on it, and nothing made through it serves the host's root."""
    do(engine, **base(volumes=[f"{tmp_path}:/host"]))
    assert sh(
        engine, "touch /host/node; busybox mknod /host/disk b 254 0 2>&1 || echo refused"
    ).endswith("refused")
    assert stat.S_ISREG(os.stat(tmp_path / "node").st_mode)


@pytest.mark.parametrize(
    "option, words",
    [
        ({"privileged": True}, "because of privileged"),
        ({"network_mode": "host"}, "because of network_mode host"),
        ({"pid_mode": "host"}, "because of pid_mode host"),
        ({"ipc_mode": "host"}, "because of ipc_mode host"),
        ({"capabilities": ["SYS_TIME"]}, "CAP_SYS_TIME"),
        ({"userns_mode": "host"}, "userns_mode: host:"),
        ({"user": "70000"}, "userns_mode: host"),
        ({"volumes": ["/proc/sys:/x"]}, "userns_mode: host"),
    ],
)
def test_what_leads_to_the_hosts(engine, option, words):
    planned = do(engine, check=True, **base(**option))
    result = do(engine, **base(**option))
    assert host(result) and ids(engine) == int(option.get("user", 0))
    assert [
        word
        for word in result["security"]
        if words in word and "userns" in word or "capability" in word
    ], result["security"]
    assert (
        len(planned["security"]) == len(result["security"])
        and result["container"]["HostConfig"]["UsernsMode"] == "host"
    )
    assert (
        "user" in result["container"]["Security"]["HostNamespaces"]
        and engine.db.all("SELECT * FROM id_ranges") == []
    )
    assert not do(engine, **base(**option))["changed"]


@pytest.mark.parametrize(
    "option",
    [
        {"privileged": True},
        {"network_mode": "host"},
        {"pid_mode": "host"},
        {"ipc_mode": "host"},
        {"capabilities": ["SYS_ADMIN", "NET_ADMIN"]},
        {"cgroupns_mode": "host"},
        {"uts": "host"},
    ],
)
def test_auto_by_name_works_with_them(engine, option):
    result = do(engine, **base(userns_mode="auto", **option))
    assert not host(result) and ids(engine) == user_namespaces.FIRST
    assert sh(engine, "test -d /sys/class/net && test -e /proc/self/status && id -u") == "0"


@pytest.mark.parametrize(
    "option, error, words",
    [
        (
            {"userns_mode": "keep-id"},
            InvalidInput,
            "auto, auto:size=<number of ids>, host, private",
        ),
        ({"userns_mode": "auto:size=5"}, InvalidInput, "from 1024"),
        ({"userns_mode": "private"}, InvalidInput, "next to uidmap"),
        (
            {"userns_mode": "host", "uidmap": ["0:1:2"]},
            InvalidInput,
            "nothing, with userns_mode host",
        ),
        ({"uidmap": ["0-5"]}, InvalidInput, "container id:host id:number"),
        (
            {"uidmap": ["0:100000:10", "5:200000:10"]},
            Unsupported,
            "uidmap: two entries have containerID 5",
        ),
        (
            {"userns_mode": "auto", "volumes": ["/proc/sys:/x"]},
            Unsupported,
            "userns_mode auto: the owners of /proc/sys can't be mapped",
        ),
    ],
)
def test_what_is_refused(engine, option, error, words):
    with pytest.raises(error, match=words):
        do(engine, check=True, **base(**option))


def test_maps_of_ones_own(engine):
    result = do(
        engine,
        **base(uidmap=["0:1700000000:1000", "5000:1700005000"], gidmap=["0:1700100000:1000"]),
    )
    assert kernel.read(pid(engine)) == (
        [(0, 1700000000, 1000), (5000, 1700005000, 1)],
        [(0, 1700100000, 1000)],
    )
    assert result["container"]["HostConfig"]["UsernsMode"] == "private" and not host(result)
    assert not do(
        engine,
        **base(uidmap=["5000:1700005000:1", "0:1700000000:1000"], gidmap=["0:1700100000:1000"]),
    )["changed"]
    assert (1700000000, 1700001000) in user_namespaces.taken(engine)


def test_another_size(engine):
    do(engine, **base(userns_mode="auto:size=200000", user="150000"))
    assert sh(engine, "id -u") == "150000" and ids(engine) == user_namespaces.FIRST + 150000


def test_an_unmapped_user_is_one_sentence(engine):
    do(engine, **base())
    with pytest.raises(
        ContainerFailed,
        match="uid 65536 is not mapped into the container's user namespace, which has 0 to 65535",
    ):
        sh(engine, "id", user="65536")


def test_a_change_of_mode_makes_a_new_container(engine):
    do(engine, **base(volumes=["data:/srv/data"]))
    sh(engine, "touch /srv/data/one", user="33")
    result = do(engine, name="web", userns_mode="host")
    assert (
        result["changed"]
        and host(result)
        and ids(engine) == 0
        and engine.db.all("SELECT * FROM id_ranges") == []
    )
    assert sh(engine, "stat -c %u /srv/data/one") == "33"
    assert not do(engine, name="web", userns_mode="host")["changed"]


def test_a_container_of_before_keeps_the_hosts(engine):
    """No ids are entered for it, as a store of an older version has none."""
    do(engine, **base(state="present", userns_mode="host"))
    record = containers.find(engine, "web")
    definition = {key: value for key, value in record["definition"].items() if key != "userns_mode"}
    engine.db.run("UPDATE containers SET definition = ?", json.dumps(definition))
    result = do(engine, **base(labels={"a": "b"}))
    assert host(result) and ids(engine) == 0
    assert not do(engine, **base(labels={"a": "b"}))["changed"]


def test_namespaces_of_another_container(engine):
    do(engine, **base(name="db", ipc_mode="shareable"))
    result = do(
        engine,
        **base(network_mode="container:db", pid_mode="container:db", ipc_mode="container:db"),
    )
    assert not host(result) and result["container"]["HostConfig"]["UsernsMode"].startswith(
        "container:"
    )
    for name in ("user", "net", "pid", "ipc"):
        assert os.readlink("/proc/%d/ns/%s" % (pid(engine), name)) == os.readlink(
            "/proc/%d/ns/%s" % (pid(engine, "db"), name)
        )
    assert (
        sh(
            engine,
            "stat -c %u / /etc/hosts /dev/shm /dev/null; touch /dev/shm/x; ls /sys/class/net",
        )
        == "0\n0\n0\n0\nlo"
    )
    assert len(engine.db.all("SELECT * FROM id_ranges")) == 1
    do(engine, name="web", state="restarted")
    monitor_client.kill(engine.paths, containers.find(engine, "web")["id"], "SIGKILL")
    assert monitor_client.wait(engine.paths, [containers.find(engine, "web")["id"]], 20) is not None
    assert do_status(engine, "web")["exit_code"] == 137
    with pytest.raises(InvalidInput, match="userns_mode: .*with network_mode container:"):
        do(engine, **base(name="no", network_mode="container:db", userns_mode="auto"))
    do(engine, **base(name="host", userns_mode="host"))
    assert host(do(engine, **base(name="third", network_mode="container:host")))
    with pytest.raises(Conflict, match="different user namespaces"):
        do(engine, **base(name="four", ipc_mode="shareable"))
        do(engine, **base(name="five", network_mode="container:db", ipc_mode="container:four"))


def test_features_that_need_rights(engine):
    """Low ports, ping, a shareable /dev/shm, init, a health check, limits, a terminal."""
    do(
        engine,
        **base(
            init=True,
            ipc_mode="shareable",
            ulimits=["nofile:100:200"],
            oom_score_adj=100,
            healthcheck={"test": ["CMD", "true"], "interval": 0.1},
            state="healthy",
        ),
    )
    assert sh(
        engine,
        "cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/net/ipv4/ping_group_range; "
        "echo /proc/1/oom_score_adj; ulimit -n; "
        "stat -c %u:%a /dev/shm",
    ).split() == ["0", "0", "65535", "/proc/1/oom_score_adj", "100", "0:1777"]
    assert procfs.read("/proc/%d/oom_score_adj" % pid(engine)) == "100\n"
    do(engine, **base(name="tty", tty=True, user="33"))
    assert sh(engine, "stat -Lc %u:%a /proc/1/fd/0 /dev/console", "tty") == "33:620\n33:620"


def test_output_of_another_user(engine):
    do(
        engine,
        **base(
            user="33",
            command=["sh", "-c", "echo out >/dev/stdout; echo err >/dev/stderr; sleep 1000"],
        ),
    )
    record = containers.find(engine, "web")
    for _attempt in range(200):
        found = sorted(entry["log"] for entry in logs.read(engine.paths, record["id"]))
        if len(found) == 2:
            break
        time.sleep(0.02)
    assert found == ["err\n", "out\n"]


def test_bind_below_which_something_else_is_mounted(engine, tmp_path):
    (tmp_path / "inner").mkdir()
    fd = mounts.new_fs("tmpfs")
    mounts.attach_root(fd, str(tmp_path / "inner"))
    try:
        (tmp_path / "inner" / "file").write_text("x")
        do(engine, **base(volumes=[f"{tmp_path}:/host"]))
        assert sh(engine, "stat -c %u:%g /host /host/inner /host/inner/file") == "0:0\n0:0\n0:0"
    finally:
        os.close(fd)
        containers.remove(engine, containers.find(engine, "web"), force=True)
        syscalls.umount2(str(tmp_path / "inner"), 2)


def test_where_the_kernel_can_not(engine, monkeypatch):
    monkeypatch.setattr(
        user_namespaces, "supported", lambda engine: "layers with mapped owners need Linux 5.19"
    )
    result = do(engine, **base())
    assert host(result) and ids(engine) == 0 and result["security"] and not result["warnings"]
    with pytest.raises(
        Unsupported, match="userns_mode auto: layers with mapped owners need Linux 5.19"
    ):
        do(engine, **base(name="db", userns_mode="auto"))


def test_the_kernel_is_asked_once(engine):
    assert user_namespaces.supported(engine) == "" and os.path.exists(
        os.path.join(engine.paths.run, "userns.json")
    )
    assert os.listdir(engine.paths.tmp) == []


def test_what_fails_once_is_asked_again(engine, monkeypatch):
    def full(*_maps):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(kernel, "namespace", full)
        assert (
            user_namespaces.supported(engine)
            == "the kernel can't do it here (no space left on device)"
        )
    assert user_namespaces.supported(engine) == ""


# --------------------------------------------------------------------------------------------------------- ids that are free


def test_free_ids():
    assert user_namespaces.free([], [(1000, 5000)], 1000) == 1000
    assert user_namespaces.free([(1000, 2000), (2500, 2600)], [(1000, 5000)], 1000) == 2600
    assert (
        user_namespaces.free([(2500, 2600), (0, 1001), (3600, 3601)], [(1000, 5000)], 1000) == 1001
    )
    assert (
        user_namespaces.free([(1500, 1501)], [(1000, 2000), (9000, 9999), (20000, 21000)], 1000)
        == 20000
    )
    assert user_namespaces.free([(0, 10000)], [(1000, 5000)], 1000) is None


def test_ids_of_others_are_left_alone(engine, monkeypatch, tmp_path):
    (tmp_path / "subuid").write_text("alice:%d:65536\n# no\nbroken:x:1\n" % user_namespaces.FIRST)
    (tmp_path / "subgid").write_text("bob:%d:65536\n" % (user_namespaces.FIRST + 65536))
    monkeypatch.setattr(
        user_namespaces, "SUBORDINATE", (str(tmp_path / "subuid"), str(tmp_path / "subgid"))
    )
    do(engine, **base())
    assert ids(engine) == user_namespaces.FIRST + 2 * 65536


def test_ids_of_the_user_pycontainer(engine, monkeypatch, tmp_path):
    (tmp_path / "subuid").write_text("pycontainer:1600000000:200000\n")
    (tmp_path / "subgid").write_text("pycontainer:1600010000:140000\n")
    monkeypatch.setattr(
        user_namespaces, "SUBORDINATE", (str(tmp_path / "subuid"), str(tmp_path / "subgid"))
    )
    do(engine, **base())
    do(engine, **base(name="db"))
    assert (ids(engine), ids(engine, "db")) == (1600010000, 1600010000 + 65536)
    with pytest.raises(Conflict, match="no 65536 ids are free"):
        do(engine, **base(name="third"))
    assert containers.find(engine, "db") and [
        record["name"] for record in containers.every(engine)
    ] == ["db", "web"]


def test_ids_that_the_administrator_has_set(engine):
    settings.write(engine.paths.config, {"container_ids": "1900000000-1900131071"})
    do(engine, **base())
    do(engine, **base(name="db"))
    assert (ids(engine), ids(engine, "db")) == (1900000000, 1900065536)
    with pytest.raises(Conflict, match="no 65536 ids are free"):
        do(engine, **base(name="third"))


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """A host with a directory: ``asked(text of sssd.conf, users by id)``; the ids that it was asked for, when ``asked.said()``."""
    script = tmp_path / "getent"
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for name in ("NSSWITCH", "SSSD"):
        path = str(tmp_path / name)
        monkeypatch.setattr(directory_ids, name, path if name == "NSSWITCH" else (path,))

    def make(sssd="", users=(), sources="files sss", wait=""):
        (tmp_path / "NSSWITCH").write_text(
            f"# passwd: sss\npasswd: {sources} [NOTFOUND=return]\ngroup: files\n"
        )
        (tmp_path / "SSSD").write_text(sssd)
        script.write_text(
            "#!/bin/sh\necho $* >> %s/said\n%s\nbase=$1; shift\nfor id; do case $base:$id in %s "
            "none) ;; esac; done\n"
            % (
                tmp_path,
                wait,
                "".join(
                    "passwd:%d) echo alice:x:%d:100::/:;; " % (ident, ident) for ident in users
                ),
            )
        )
        script.chmod(0o755)

    make.said = lambda: (
        (tmp_path / "said").read_text().splitlines() if (tmp_path / "said").exists() else []
    )
    return make


def test_ids_of_a_directory_are_left_alone(engine, asked):
    asked(users=[user_namespaces.FIRST, user_namespaces.FIRST + 2 * 65536 - 1])
    do(engine, **base())
    assert ids(engine) == user_namespaces.FIRST + 2 * 65536
    assert [line.split()[0] for line in asked.said()] == ["passwd", "passwd", "passwd", "group"]
    assert all(len(line.split()) <= directory_ids.SAMPLES + 2 for line in asked.said())


def test_ranges_of_sssd_are_left_alone(engine, asked):
    asked(
        "[sssd]\ndomains = a, b\n[domain/a]\nldap_idmap_range_max = %d\n[domain/b]\nid_provider = "
        "ipa\n" % (user_namespaces.FIRST + 65535)
    )
    do(engine, **base())
    assert ids(engine) == user_namespaces.FIRST + 65536


def test_a_directory_that_has_all_of_them_is_named(engine, asked):
    asked(users=range(1900000000, 1900000000 + 65536 * 16, 65536))
    settings.write(engine.paths.config, {"container_ids": "1900000000-1999999999"})
    sentence = r"no 65536 ids are free for another container, as the user alice \(id 19\d+\) has one of them; .* container_ids of the module"
    with pytest.raises(Conflict, match=sentence):
        do(engine, **base())
    assert engine.db.all("SELECT * FROM id_ranges") == []


def test_a_directory_that_does_not_answer_is_not_waited_for(engine, asked, monkeypatch):
    monkeypatch.setattr(directory_ids, "PATIENCE", 0.05)
    asked(users=[user_namespaces.FIRST], wait="exec sleep 100")
    do(engine, **base())
    assert ids(engine) == user_namespaces.FIRST


def test_a_host_without_a_directory_is_not_asked(engine, asked):
    asked(users=[user_namespaces.FIRST], sources="files systemd")
    do(engine, **base())
    assert ids(engine) == user_namespaces.FIRST and asked.said() == []


# ------------------------------------------------------------------------------------------------------------ the facts


def test_security_of_a_container(engine):
    found = do(
        engine,
        **base(
            capabilities=["NET_ADMIN"],
            devices=["/dev/null:/dev/x"],
            security_opts=["seccomp=unconfined", "systempaths=unconfined"],
            volumes=["/etc:/host:ro", f"{engine.paths.data}:/tmp/store"],
        ),
    )["container"]["Security"]
    assert found == {
        "Findings": [
            "bind mount of the host's /etc (read-only)",
            f"bind mount of the host's {engine.paths.data}",
            "capability CAP_NET_ADMIN",
            "security_opts: seccomp=unconfined: no seccomp filter",
            "security_opts: systempaths=unconfined: no masked or read-only paths",
            "device /dev/null",
        ],
        "Privileged": False,
        "HostNamespaces": [],
        "HostUser": False,
        "SensitiveMounts": ["/etc", engine.paths.data],
        "AddedCapabilities": ["CAP_NET_ADMIN"],
        "SeccompUnconfined": True,
        "PathsUnconfined": True,
        "Devices": ["/dev/null"],
    }
    info = task.container_info(engine, {"name": "web"})["container"]["Security"]
    assert info == found


def test_what_a_writer_could_have_executed_and_profiles_that_refuse_nothing(engine, tmp_path):
    (tmp_path / "all.json").write_text('{"defaultAction": "SCMP_ACT_ALLOW"}')
    options = {
        "security_opts": [f"seccomp={tmp_path / 'all.json'}"],
        "device_cgroup_rules": ["c 1:* rwm"],
        "userns_mode": "auto",
        "volumes": ["/usr/local/bin:/a", "/etc/init.d:/b", "/etc/profile.d:/c:ro", "/srv:/d"],
    }
    found = do(engine, **base(**options))["container"]["Security"]
    assert found["Findings"] == [
        "bind mount of the host's /etc/init.d: the host executes what is written there",
        "bind mount of the host's /usr/local/bin: the host executes what is written there",
        "security_opts: seccomp: a profile that refuses no system call that the default refuses",
        "device_cgroup_rules: c 1:* rwm: every device of these numbers",
    ]
    assert (
        found["SeccompUnconfined"]
        and found["Devices"] == ["c 1:* rwm"]
        and found["SensitiveMounts"] == ["/etc/init.d", "/usr/local/bin"]
    )


@pytest.mark.parametrize(
    "path, sensitive",
    [
        ("/", True),
        ("/etc", True),
        ("/etc/localtime", False),
        ("/etc/ssh/keys", True),
        ("/srv/data", False),
        ("/proc/sys", True),
        ("/var/lib", True),
        ("/var/lib/docker/volumes/x", True),
        ("/run/docker.sock", True),
        ("/var/run/docker.sock", True),
        ("/srv/x/docker.sock", True),
        ("/var/log", False),
        ("/home/alice", False),
        ("/dev/shm", False),
        ("/sys/fs/cgroup", True),
    ],
)
def test_sensitive_paths(engine, path, sensitive):
    assert audit.is_sensitive(engine.paths, path) is sensitive
    assert audit.is_sensitive(engine.paths, engine.paths.run) and audit.is_sensitive(
        engine.paths, engine.paths.data + "/blobs"
    )


def test_maps_of_options():
    assert (
        security.maps({"uidmap": ["0:1:2"]}) == ([(0, 1, 2)], [(0, 1, 2)])
        and security.maps({}) is None
    )
    assert security.maps({"gidmap": ["0:1:2"], "uidmap": ["3:4:5"]}) == ([(3, 4, 5)], [(0, 1, 2)])
