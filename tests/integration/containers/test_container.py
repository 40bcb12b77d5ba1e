# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The container module's work on the real kernel: create, change, replace, remove, lists, recovery."""

from __future__ import annotations

import os
import resource
import socket
import stat

import pytest
from pycontainer import containers, images, volumes
from pycontainer.containers import task
from pycontainer.containers.access import exec_client
from pycontainer.containers.client import monitor_client
from pycontainer.containers.view import logs
from pycontainer.containers.view import stats as metering
from pycontainer.errors import Conflict, ContainerFailed, EngineError, HostError, InvalidInput
from pycontainer.images.library import records
from pycontainer.kernel.processes import procfs
from pycontainer.reconcile import carry_out
from pycontainer.store import atomic_files
from support import unwatched
from support.container_tasks import base, do, sh


@pytest.fixture(autouse=True)
def removed(engine, image):
    yield
    for record in containers.every(engine):
        containers.remove(engine, record, force=True)


def test_whole_life(engine):
    planned = do(engine, True, **base())
    assert planned["changed"] and planned["container"] == {} and containers.every(engine) == []
    first = do(engine, **base(env={"A": 1}))
    assert (
        first["changed"]
        and first["container"]["State"]["Running"]
        and first["actions"] == ["create container web", "start container web"]
    )
    assert sh(engine, "echo $A") == "1"
    assert not do(engine, **base(env={"A": 1}))["changed"]
    pid = first["container"]["State"]["Pid"]
    assert do(engine, name="web", state="restarted")["container"]["State"]["Pid"] != pid
    assert (
        do(engine, state="paused")["container"]["State"]["Paused"]
        and not do(engine, state="paused")["changed"]
    )
    assert do(engine, state="started")["actions"] == ["unpause container web"]
    assert not do(engine, state="started")["changed"]
    assert (
        not do(engine, state="stopped")["container"]["State"]["Running"]
        and not do(engine, state="stopped")["changed"]
    )
    assert not do(engine, state="present")["changed"]
    assert do(engine, state="absent")["changed"] and containers.every(engine) == []
    assert os.listdir(engine.paths.containers) == [] and os.listdir(engine.paths.running) == []
    assert not do(engine, state="absent")["changed"]


def test_a_container_is_found_by_its_id(engine):
    ident = do(engine, **base())["container"]["Id"]
    assert not do(engine, **base(name=ident))["changed"]
    assert do(engine, name=ident[:12], labels={"a": "b"})["actions"] == [
        "change labels of container web"
    ]
    assert (
        carry_out(task.container(engine, {"name": ident[:11], "state": "absent"}), True)["actions"]
        == []
    )
    assert (
        do(engine, name=ident[:12], state="absent")["actions"]
        == ["stop container web", "remove container web"]
        and containers.every(engine) == []
    )


def test_what_a_container_was_made_of_may_be_gone_when_it_is_stopped(engine, tmp_path):
    (tmp_path / "dir").mkdir()
    do(engine, name="first", **base())
    params = base(volumes=[f"{tmp_path / 'dir'}:/x"])
    do(engine, **params)
    do(engine, name="joined", **base(network_mode="container:first"))
    (tmp_path / "dir").rmdir()
    do(engine, name="first", state="absent")
    assert not do(engine, **params)["changed"] and not do(engine, name="joined")["changed"], (
        "they run, and nothing is asked for that they are not"
    )
    for name in ("web", "joined"):
        assert do(engine, True, name=name, state="stopped")["actions"] == ["stop container " + name]
        assert (
            do(engine, name=name, state="stopped")["changed"]
            and not do(engine, name=name, state="stopped")["changed"]
        )
    for name, word in (
        ("web", "volumes: .*a path that exists"),
        ("joined", "container first does not exist"),
    ):
        with pytest.raises(EngineError, match=word):
            do(engine, name=name)
    with pytest.raises(EngineError, match="a path that exists"):
        do(engine, state="stopped", env={"A": "1"})


def test_a_paused_container_that_is_restarted_is_paused_again(engine):
    do(engine, **base(state="paused"))
    done = do(engine, state="paused", restart=True)
    assert (
        done["actions"] == ["restart container web", "pause container web"]
        and done["container"]["State"]["Paused"]
    )


def test_an_image_that_is_ignored_is_not_said_to_be_the_containers(engine, rootfs):
    carry_out(images.plan_import(engine, "later:1", rootfs, {"command": ["sleep", "2000"]}), False)
    do(engine, **base())
    done = do(engine, **base(image="later:1", labels={"a": "b"}, comparisons={"image": "ignore"}))
    assert done["actions"] == ["change labels of container web"]
    assert (done["container"]["Config"]["Image"], done["container"]["Image"]) == (
        "box:1",
        images.get(engine, "box:1")["id"],
    )


def test_filters_know_labels_of_the_image_and_its_other_names(engine, rootfs):
    carry_out(
        images.plan_import(
            engine,
            "labelled:1",
            rootfs,
            {"command": ["sleep", "1000"], "labels": {"tier": "db", "own": "no"}},
        ),
        False,
    )
    records.tag(engine, "labelled:1", "docker.io/library/other:2")
    do(engine, **base(image="labelled:1", labels={"own": "yes"}))
    select = lambda **filters: len(task.container_info(engine, {"filters": filters})["containers"])
    assert (
        select(label="tier=db")
        == select(label=["tier", "own=yes"])
        == select(ancestor="other:2")
        == select(ancestor="docker.io/library/labelled:1")
        == 1
    )
    assert select(label="own=no") == select(ancestor="box:1") == 0
    records.untag(engine, "docker.io/library/other:2")
    assert select(ancestor="other:2") == 0


def test_process_options(engine):
    do(
        engine,
        **base(
            user="www",
            groups=["extra"],
            working_dir="/made/here",
            hostname="box",
            domainname="example.org",
            env={"X": "a b"},
            labels={"a": 1},
            tty=False,
            init=True,
            ulimits=["nofile:64:128"],
            oom_score_adj=100,
            entrypoint=["sh", "-c"],
            command=["id > /tmp/id; pwd > /tmp/pwd; exec sleep 1000"],
        ),
    )
    assert (
        sh(engine, "while ! test -e /tmp/pwd; do sleep 0.02; done; cat /tmp/id")
        == "uid=33(www) gid=33(www) groups=33(www),77(extra)"
    )
    assert (
        sh(engine, "cat /tmp/pwd; hostname; echo $HOME $X; ulimit -n; ulimit -Hn")
        == "/made/here\nbox\n/srv a b\n64\n128"
    )
    found = containers.inspect(engine, containers.find(engine, "web"))
    assert open("/proc/%d/oom_score_adj" % found["State"]["Pid"]).read().strip() == "100"
    assert found["Config"]["Labels"] == {"a": "1"} and found["Config"]["Hostname"] == "box"


def test_security_options(engine):
    do(
        engine,
        **base(
            cap_drop=["ALL"],
            capabilities=["CHOWN"],
            security_opts=["no-new-privileges"],
            read_only=True,
            sysctls={"net.ipv4.ip_default_ttl": 99},
            tmpfs=["/tmp:size=1m,mode=700"],
            shm_size="2m",
        ),
    )
    status = sh(engine, "cat /proc/self/status")
    caps = {
        line.split()[0]: line.split()[1]
        for line in status.splitlines()
        if line.startswith(("Cap", "NoNewPrivs", "Seccomp:"))
    }
    assert (
        caps["CapEff:"] == caps["CapBnd:"] == "0000000000000001"
        and caps["CapInh:"] == "0000000000000000"
    )
    assert caps["NoNewPrivs:"] == "1" and caps["Seccomp:"] == "2"
    assert (
        sh(
            engine,
            "cat /proc/sys/net/ipv4/ip_default_ttl; touch /x 2>/dev/null || echo read-only; touch "
            "/tmp/x && stat -c %a /tmp; "
            "(echo 9 > /proc/sys/net/ipv4/ip_default_ttl) 2>/dev/null || echo no",
        )
        == "99\nread-only\n700\nno"
    )
    with open("/proc/sys/net/ipv4/ip_default_ttl") as file:
        assert file.read().strip() != "99"


def test_privileged_and_shared_namespaces(engine):
    result = do(engine, **base(privileged=True, pid_mode="host", uts="host", ipc_mode="host"))
    assert len(result["security"]) == 5 and "Seccomp:\t0" in sh(engine, "cat /proc/self/status")
    assert sh(engine, "hostname") == os.uname().nodename and sh(
        engine, "readlink /proc/self/ns/pid"
    ) == os.readlink("/proc/self/ns/pid")


def test_joined_namespaces_and_what_follows_from_them(engine):
    do(engine, name="first", **base(ipc_mode="shareable"))
    do(
        engine,
        **base(
            network_mode="container:first", pid_mode="container:first", ipc_mode="container:first"
        ),
    )
    assert sh(
        engine, "readlink /proc/self/ns/net; readlink /proc/self/ns/pid; readlink /proc/self/ns/ipc"
    ) == sh(
        engine,
        "readlink /proc/self/ns/net; readlink /proc/self/ns/pid; readlink /proc/self/ns/ipc",
        "first",
    )
    sh(engine, "echo hello > /dev/shm/x", "first")
    assert sh(engine, "cat /dev/shm/x") == "hello"
    assert not do(
        engine,
        **base(
            network_mode="container:first", pid_mode="container:first", ipc_mode="container:first"
        ),
    )["changed"]
    ident = containers.find(engine, "first")["id"]
    for said in (ident, ident[:12]):  # however it is named
        joined = dict.fromkeys(("network_mode", "pid_mode", "ipc_mode"), "container:" + said)
        assert not do(engine, **base(**joined))["changed"]
    with pytest.raises(InvalidInput, match="another container"):
        do(engine, name="first", **base(pid_mode="container:" + ident))
    with pytest.raises(
        Conflict, match="network_mode: .*goes by this task.*name it container:first"
    ):
        task.container(
            engine,
            {
                "containers": [
                    dict(base(network_mode="container:" + ident), name="web"),
                    dict(base(), name="first", recreate=True),
                ]
            },
        )
    do(engine, name="first", recreate=True)
    again = do(
        engine,
        True,
        **base(
            network_mode="container:first", pid_mode="container:first", ipc_mode="container:first"
        ),
    )
    assert any("replace container web" in action for action in again["actions"])


def test_volumes_and_mounts(engine, tmp_path):
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "x").write_text("host")
    params = base(
        volumes=["data:/srv/data", f"{tmp_path / 'dir'}:/host:ro", "/anonymous"],
        mounts=[{"type": "tmpfs", "target": "/t", "tmpfs_size": "1m"}],
    )
    do(engine, **params)
    assert (
        sh(
            engine,
            "cat /srv/data/file; cat /host/x; stat -c %u /srv/data; touch /host/y 2>/dev/null || "
            "echo ro; touch /anonymous/kept /srv/data/new /t/x",
        )
        == "from the image\nhost33\nro"
    )
    assert not do(engine, **params)["changed"]
    names = {row["name"]: row["anonymous"] for row in volumes.listing(engine)}
    assert names["data"] is False and list(names.values()).count(True) == 1
    mounts = {
        entry["Destination"]: entry
        for entry in containers.inspect(engine, containers.find(engine, "web"))["Mounts"]
    }
    assert (
        mounts["/srv/data"]["Name"] == "data"
        and mounts["/host"]["RW"] is False
        and set(mounts) == {"/srv/data", "/host", "/anonymous"}
    )
    do(engine, **dict(params, recreate=True))
    assert sh(engine, "ls /anonymous /srv/data") == "/anonymous:\nkept\n\n/srv/data:\nfile\nnew"
    do(engine, state="absent", keep_volumes=False)
    assert [row["name"] for row in volumes.listing(engine)] == ["data"]


def test_a_volume_with_driver_options_is_shared(engine):
    volumes.create(engine, "mem", {"type": "tmpfs", "o": "size=1m"})
    for name in ("web", "other"):
        do(engine, name=name, **base(volumes=["mem:/mem"]))
    sh(engine, "echo x > /mem/x")
    assert (
        sh(engine, "cat /mem/x", "other") == "x"
        and sh(engine, "grep ' /mem ' /proc/mounts").split()[2] == "tmpfs"
    )
    for name in ("web", "other"):
        do(engine, name=name, state="absent")
    volumes.remove(engine, "mem")


BAD = [
    ({"image": "box:nope", "pull": "never"}, "box:nope"),
    ({"image": "UPPER"}, "UPPER"),
    ({"volumes": ["/does/not/exist:/x"]}, "/does/not/exist"),
    ({"networks": [{"name": "nope"}], "network_mode": "nope"}, "nope"),
    ({"network_mode": "container:nope"}, "nope"),
    ({"cpus": 4096}, "cpus"),
    ({"devices": ["/dev/nope"]}, "/dev/nope"),
    ({"command": [""], "entrypoint": []}, "command"),
    ({"name": "x"}, "name"),
    ({"name": "../x"}, "name"),
    ({"env": {"A": None}}, "env"),
    ({"device_read_bps": [{"path": "/dev/null", "rate": "1m"}]}, "device_read_bps"),
    ({"cpuset_cpus": "4000"}, "cpuset"),
]


@pytest.mark.parametrize("bad, word", BAD, ids=[word for _bad, word in BAD])
def test_bad_input_changes_nothing(engine, bad, word):
    for check in (True, False):
        with pytest.raises(EngineError) as caught:
            do(engine, check, **dict(base(), **bad))
        assert word in str(caught.value) and "\n" not in str(caught.value)
    assert (
        containers.every(engine) == [] == os.listdir(engine.paths.containers)
        and volumes.listing(engine) == []
    )


def test_exec_and_info(engine):
    with pytest.raises(EngineError):
        task.container_exec(engine, {"container": "web", "command": "true"})
    do(engine, **base(env={"A": "1"}))
    run = lambda **params: task.container_exec(engine, dict(params, container="web"))
    for bad, word in (
        ({"chdir": "tmp"}, "chdir: 'tmp'"),
        ({"env": {"A": True}}, "env.A"),
        ({"user": "a:b:c"}, "user"),
    ):
        engine.check = True
        with pytest.raises(EngineError, match=word):
            run(command="true", **bad)
        engine.check = False
    assert run(command="sh -c 'echo $A $B; echo err >&2; exit 7'", env={"B": 2})["rc"] == 7
    found = run(argv=["cat"], stdin="hello", user="www")
    assert (found["rc"], found["stdout"], found["stderr"], found["stdout_lines"]) == (
        0,
        "hello",
        "",
        ["hello"],
    )
    assert (
        run(argv=["sh", "-c", "id -u; pwd"], user="www", chdir="/tmp", strip_empty_ends=False)[
            "stdout"
        ]
        == "33\n/tmp\n"
    )
    assert run(argv=["test", "-t", "0"], tty=True)["rc"] == 0
    assert run(argv=["sleep", "5"], detach=True)["pid"] > 0
    info = task.container_info(engine, {"name": ["web", "nope"]})
    assert info["exists"] and info["container"]["Name"] == "/web"
    assert "Stats" not in info["container"]
    used = task.container_info(engine, {"name": ["web"], "stats": True})["container"]["Stats"]
    assert (
        used["pids"]["current"] == 2
        and used["network"] == {"received": 0, "sent": 0}
        and used["cpu"]["total"] > 0
    )
    if os.path.exists("/proc/pressure/memory"):
        assert used["pressure"]["memory"]["some"]["avg60"] >= 0
    select = lambda **filters: len(task.container_info(engine, {"filters": filters})["containers"])
    assert (
        select(name="we") == select(ancestor="box:1") == select(status="running") == 1
        and select(status="exited") == select(label="x") == 0
    )
    assert select(ancestor="box") == 1 and select(ancestor="box:2") == 0
    do(engine, state="stopped")
    assert (
        task.container_info(engine, {"name": ["web"], "stats": True})["container"]["Stats"] is None
    )
    with pytest.raises(EngineError, match="not running"):
        run(command="true")


def test_a_meter_reads_on_over_the_runs_of_a_container(engine, monkeypatch):
    do(engine, **base())
    ident = containers.find(engine, "web")["id"]
    meter = metering.Meter(engine)
    try:
        assert meter.read(ident)["pids"]["current"] == 1
        kept = meter.open[ident]
        assert meter.read(ident)["cpu"]["total"] > 0 and meter.open[ident] is kept
        descriptors = len(os.listdir("/proc/self/fd"))
        for dummy in range(5):
            meter.read(ident)
        assert len(os.listdir("/proc/self/fd")) == descriptors
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        try:
            for soft in (70, limits[0]):
                meter.close()
                resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, descriptors + 40), limits[1]))
                meter.most = metering.room(soft)
                assert (
                    meter.read(ident)["pids"]["current"] == 1 and meter.open
                )  # it raises the limit
                assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == (
                    limits[1] if soft == 70 else soft
                )
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        monkeypatch.setattr(metering, "more_room", lambda: 0)  # as where it can't be raised enough
        most, meter.most = meter.most, 0
        meter.forget(ident)
        assert meter.read(ident)["pids"]["current"] == 1 and not meter.open
        meter.most = most
        assert meter.read(ident) and meter.open
        do(engine, state="stopped")
        assert meter.read(ident) is None and not meter.open
        do(engine, state="started")
        assert meter.read(ident)["pids"]["current"] == 1 and meter.open[ident] is not kept
        monitor_client.kill(engine.paths, ident)
        monitor_client.wait(engine.paths, [ident])
        do(engine, state="started")  # another run behind its back
        assert meter.read(ident)["pids"]["current"] == 1
    finally:
        meter.close()
    assert not [
        name
        for name in os.listdir("/proc/self/fd")
        if os.path.realpath("/proc/self/fd/" + name).startswith("/sys/fs/cgroup/")
    ]


def test_rename_and_find(engine):
    do(engine, **base())
    record = containers.find(engine, "web")
    containers.rename(engine, record, "site")
    assert (
        containers.find(engine, record["id"][:6])["name"] == "site"
        and containers.get(engine, "web") is None
    )
    assert containers.inspect(engine, containers.find(engine, "site"))["Name"] == "/site"


def test_boot_brings_back_what_should_run(engine):
    do(engine, name="always", **base(restart_policy="always"))
    do(engine, name="stopped", **base(restart_policy="always"))
    do(engine, name="stopped", state="stopped")
    do(engine, name="never", **base())
    do(engine, name="failed", **base(restart_policy="on-failure"))  # a reboot is no failure of it
    for name in ("always", "never", "failed"):
        monitor_client.stop(engine.paths, [containers.find(engine, name)["id"]], 0)
    containers.boot(engine)
    states = {
        record["name"]: containers.status(engine.paths, record["id"])["status"]
        for record in containers.every(engine)
    }
    assert states == {
        "always": "running",
        "stopped": "exited",
        "never": "exited",
        "failed": "exited",
    }


def test_two_tasks_at_once(engine):
    """The second waits for the first, sees what it did, and has nothing left to do."""
    from pycontainer.engine import Engine

    children = []
    engine.db.close()
    for _ in range(4):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                with Engine(engine.paths.data, engine.paths.run) as own:
                    do(own, **base(env={"A": "1"}))
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    assert (
        len(containers.every(engine)) == 1 == len(os.listdir(engine.paths.containers))
        and sh(engine, "echo $A") == "1"
    )


def test_devices(engine, tmp_path):
    """A node of the kernel log (no container has it by default) that may be opened for writing only."""
    node = str(tmp_path / "node")
    os.mknod(node, 0o600 | stat.S_IFCHR, os.makedev(1, 11))
    look = "for mode in '<' '>'; do eval \"(: $mode /dev/log0) 2>/dev/null\" && echo $mode; done; stat -c %t:%T /dev/log0"
    do(engine, **base(devices=[node + ":/dev/log0:w"]))
    assert sh(engine, look) == ">\n1:b"
    do(engine, **base(devices=[], device_cgroup_rules=["c 1:11 w"]))
    assert sh(engine, "/bin/busybox mknod /dev/log0 c 1 11; " + look) == ">\n1:b"
    do(engine, **base(device_cgroup_rules=[], userns_mode="host"))
    assert sh(engine, "/bin/busybox mknod /dev/log0 c 1 11; " + look) == "1:b"


def test_seccomp_profile_of_ones_own(engine, tmp_path):
    profile = tmp_path / "profile.json"
    profile.write_text(
        '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95}]}'
    )
    do(engine, **base(security_opts=[f"seccomp={profile}"]))
    assert "not supported" in sh(engine, "mkdir /x 2>&1 || true").lower()
    assert not do(engine, **base(security_opts=[f"seccomp={profile}"]))["changed"]


def test_logs(engine):
    do(
        engine,
        **base(
            command=["sh", "-c", "echo out; echo err >&2; exec sleep 1000"],
            log_options={"max-size": "1m", "max-file": 2},
        ),
    )
    record = containers.find(engine, "web")
    for _ in range(100):
        entries = [
            (entry["stream"], entry["log"]) for entry in logs.read(engine.paths, record["id"])
        ]
        if len(entries) == 2:
            break
        sh(engine, "sleep 0.02")
    assert sorted(entries) == [("stderr", "err\n"), ("stdout", "out\n")]
    assert do(engine, log_driver="none", log_options={})["container"]["Id"] == record["id"]


def test_a_log_elsewhere_needs_its_server_at_a_start_in_mode_blocking(engine):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        options = {"syslog-address": address, "tag": "{{.Name}}/{{.ImageName}}", "labels": "a"}
        wanted = base(
            command=["sh", "-c", "echo out; exec sleep 1000"],
            log_driver="syslog",
            log_options=options,
            labels={"a": "b"},
        )
        with pytest.raises(HostError, match="log_driver syslog: connection refused.*non-blocking"):
            do(engine, **wanted)
        server.listen()
        done = do(engine, **wanted)["container"]
        connection, _address = server.accept()
        with connection:  # who looked whether there is a server
            assert connection.recv(100) == b""
        connection, _address = server.accept()
        with connection, connection.makefile() as lines:
            assert "web/box:1[" in lines.readline()
        assert done["HostConfig"]["LogConfig"] == {"Type": "syslog", "Config": options}
        assert not do(engine, **wanted)["changed"]
        record = containers.find(engine, "web")
        assert [entry["log"] for entry in logs.read(engine.paths, record["id"])] == ["out\n"]
        outcome = do(engine, log_options={**options, "mode": "non-blocking"})
        assert outcome["changed"] and outcome["container"]["Id"] == record["id"]


def test_cgroup_parent_and_namespace(engine):
    do(engine, **base(cgroup_parent="/pycontainer-test-parent", cgroupns_mode="host"))
    assert "/pycontainer-test-parent/" in sh(engine, "cat /proc/self/cgroup")
    do(engine, state="absent")
    import glob

    for path in glob.glob("/sys/fs/cgroup/*/pycontainer-test-parent") + glob.glob(
        "/sys/fs/cgroup/pycontainer-test-parent"
    ):
        os.rmdir(path)  # the parent is the user's own: the engine leaves it


def test_the_next_call_of_any_kind_gives_a_container_its_monitor_back(engine):
    import signal
    import time

    from pycontainer.engine import Engine

    first = do(engine, **base())["container"]
    monitor = procfs.stat(first["State"]["Pid"])["parent"]
    unwatched.kill(engine.paths.run)  # they would see to it that another follows
    os.kill(monitor, signal.SIGKILL)
    while containers.status(engine.paths, first["Id"])["monitored"]:
        time.sleep(0.01)
    with Engine(engine.paths.data, engine.paths.run) as again:
        state = containers.status(again.paths, first["Id"])
        assert (
            state["monitored"]
            and state["status"] == "running"
            and state["pid"] == first["State"]["Pid"]
        )


def test_a_container_of_an_older_version_has_todays_filter_from_its_next_start_on(engine):
    do(engine, **base())
    record = containers.find(engine, "web")
    path = os.path.join(engine.paths.container(record["id"]), "config.json")
    made = atomic_files.read_json(path)
    assert "socketcall" not in made["linux"]["seccomp"]["syscalls"][0]["names"]
    made["linux"]["seccomp"]["syscalls"][0]["names"].append("socketcall")
    atomic_files.write_json(path, made)
    assert do(engine, restart=True)["actions"] == ["restart container web"]
    assert (
        "socketcall" not in atomic_files.read_json(path)["linux"]["seccomp"]["syscalls"][0]["names"]
    )


@pytest.mark.parametrize("architecture", ["386", "amd64"])
def test_socketcall_is_for_images_of_32_bit_x86(engine, rootfs, architecture):
    """As it is made, and as it is started."""
    carry_out(
        images.plan_import(
            engine, "of:1", rootfs, {"command": ["sleep", "1000"]}, platform="linux/" + architecture
        ),
        False,
    )
    said = [
        [
            line
            for line in do(engine, check=check, **base(image="of:1"))["security"]
            if "socketcall" in line
        ]
        for check in (True, False)
    ]
    assert [len(lines) for lines in said] == ([1, 1] if architecture == "386" else [0, 0])
    record = containers.find(engine, "web")
    rules = atomic_files.read_json(
        os.path.join(engine.paths.container(record["id"]), "config.json")
    )["linux"]["seccomp"]["syscalls"]
    assert [rule["action"] for rule in rules if "socketcall" in rule["names"]] == [
        "SCMP_ACT_ALLOW" if architecture == "386" else "SCMP_ACT_ERRNO"
    ]


def test_a_command_may_have_as_much_as_the_kernel_takes(engine):
    """Arguments and environment of more than a packet holds; and what execve(2) itself refuses is said in a sentence."""
    do(engine, **base())
    ident = containers.find(engine, "web")["id"]
    words, env = ["w" * 1000] * 300, {"V%d" % number: "v" * 100_000 for number in range(8)}
    found = exec_client.run(
        engine.paths, ident, ["sh", "-c", "echo $# ${#V7}", "sh", *words], env=env
    )
    assert found["stdout"].split() == [b"300", b"100000"], found
    for arguments in (["true", "x" * (1 << 17)], ["true", *["x" * 100_000] * 70]):
        with pytest.raises(
            ContainerFailed,
            match="^exec true: its arguments and environment are larger than this kernel takes",
        ) as refused:
            exec_client.run(engine.paths, ident, arguments)
        assert refused.value.exit_code == 126
    with pytest.raises(ContainerFailed, match="^exec x{400}[.]{3}: "):
        exec_client.run(engine.paths, ident, ["x" * 200_000])
    with pytest.raises(EngineError, match="bytes' is not valid|bytes is not valid"):
        exec_client.run(engine.paths, ident, ["true", *["x" * 1_000_000] * 70])
