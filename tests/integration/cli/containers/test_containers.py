# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands about containers: what they print, how they end, what they change, what they refuse."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time

import pytest
from pycontainer import containers
from pycontainer.deploy import install

RUN = ("run", "-d", "--network", "none", "--stop-timeout", "0")


def states(docker):
    return dict(
        line.split()
        for line in docker("ps", "-a", "--format", "{{.Names}} {{.State}}").splitlines()
    )


def test_run_waits_and_ends_as_its_command(docker):
    result = docker.task(
        "run", "--rm", "--network", "none", "box:1", "sh", "-c", "echo out; echo err >&2; exit 7"
    )
    assert (result["rc"], result["stdout"], result["stderr"], result["msg"], result["changed"]) == (
        7,
        "out",
        "err",
        "err",
        True,
    )
    assert docker("ps", "-a") == "CONTAINER ID   IMAGE   COMMAND   CREATED   STATUS   PORTS   NAMES"
    assert docker.on_host(
        "run", "--rm", "--network", "none", "box:1", "sh", "-c", "echo out; echo err >&2; exit 7"
    ) == (7, "out\n", "err\n")


@pytest.mark.parametrize(
    "command, code, part", [("nosuch", 127, "not found"), ("/etc/passwd", 126, "permission denied")]
)
def test_a_command_that_can_not_be_run(docker, command, code, part):
    for flags in (["--rm"], ["--rm", "-d"]):
        result = docker.task("run", *flags, "--network", "none", "box:1", command)
        assert result["rc"] == code and part in result["stderr"] and result["failed"]
    assert states(docker) == {}
    docker(*RUN, "--name", "web", "box:1")
    assert part in docker("exec", "web", command, rc=code)


def test_a_detached_container_goes_when_it_ends(docker):
    docker(
        "run",
        "-d",
        "--rm",
        "--name",
        "brief",
        "--network",
        "none",
        "-v",
        "/anonymous",
        "box:1",
        "sleep",
        "0.2",
    )
    for _attempt in range(100):
        if not docker("ps", "-aq") and not docker("volume", "ls", "-q"):  # the volume goes last
            break
        time.sleep(0.05)
    assert docker("ps", "-aq") == "" and docker("volume", "ls", "-q") == ""


def test_a_container_whose_caller_is_killed_goes_when_it_ends(docker):
    install.ensure(docker.engine)
    line = install.command_line(docker.engine) + [
        "run",
        "--rm",
        "--name",
        "brief",
        "--network",
        "none",
        "-v",
        "/anonymous",
        "box:1",
    ]
    line += ["sh", "-c", "echo begun; until test -e /anonymous/end; do sleep 0.05; done"]
    caller = subprocess.Popen(line, stdout=subprocess.PIPE)
    assert caller.stdout.readline() == b"begun\n"
    caller.kill()
    caller.wait()
    caller.stdout.close()
    assert json.loads(docker("inspect", "brief"))[0]["HostConfig"]["AutoRemove"] is True
    # Its end may come before that of this command, and takes it along.
    assert docker.task("exec", "brief", "touch", "/anonymous/end")["rc"] in (0, 137)
    for _attempt in range(100):
        if not docker("ps", "-aq") and not docker("volume", "ls", "-q"):
            break
        time.sleep(0.05)
    assert docker("ps", "-aq") == "" and docker("volume", "ls", "-q") == ""


def test_life(docker):
    ident = docker(*RUN, "--name", "web", "box:1")
    assert re.fullmatch("[0-9a-f]{64}", ident)
    changing = [
        ("stop", "exited"),
        ("start", "running"),
        ("pause", "paused"),
        ("unpause", "running"),
    ]
    for command, state in changing:
        first, second = docker.task(command, "web"), docker.task(command, "web")
        assert (first["changed"], second["changed"], first["stdout"], second["stdout"]) == (
            True,
            False,
            "web",
            "web",
        ), command
        assert states(docker) == {"web": state}
    assert (
        docker.task("restart", "-t", "0", ident[:12])["changed"]
        and docker("rename", "web", "shop") == ""
        and states(docker) == {"shop": "running"}
    )
    assert docker("kill", "-s", "KILL", "shop") == "shop" and docker("wait", "shop") == "137"
    assert (
        docker("rm", "shop") == "shop"
        and docker("rm", "shop", rc=1) == "container shop does not exist"
    )


def test_no_name_leads_from_an_id_to_another_container(docker):
    docker("create", "--name", "web", "--network", "none", "box:1")
    docker("create", "--name", "other", "--network", "none", "box:1")
    (ident,) = docker("inspect", "--format", "{{.Id}}", "web").split()
    docker("rename", "other", ident)
    assert docker("inspect", "--format", "{{.Name}}", ident).strip() == "/web"
    docker("rm", ident)
    assert docker("ps", "-a", "--format", "{{.Names}}").strip() == ident


def test_stop_with_another_signal(docker):
    docker(
        "run",
        "-d",
        "--network",
        "none",
        "--name",
        "web",
        "box:1",
        "sh",
        "-c",
        "trap 'exit 5' USR1; echo ready; while :; do sleep 0.05; done",
    )
    while not docker("logs", "web"):
        time.sleep(0.02)
    docker("stop", "-s", "USR1", "-t", "-1", "web")
    assert docker("inspect", "-f", "{{.State.ExitCode}}", "web") == "5"
    docker("start", "web")
    assert "signal: 'NONSENSE'" in docker("stop", "-s", "NONSENSE", "web", rc=1) and states(
        docker
    ) == {"web": "running"}


@pytest.mark.parametrize("verb", ["stop", "restart"])
def test_all_are_stopped_at_the_same_time(docker, tmp_path, verb):
    """Each ends by its own will only when both have got the signal."""
    text = (
        "trap 'touch got-$HOSTNAME; until [ $(ls | grep -c got-) = 2 ]; do sleep .05; done; "
        "touch met-$HOSTNAME; exit 5' TERM; touch ready-$HOSTNAME; while :; do sleep .05; done"
    )
    for name in ("one", "two"):
        words = ["--network", "none", "-v", f"{tmp_path}:/meet", "-w", "/meet", "--name", name]
        docker("run", "-d", *words, "box:1", "sh", "-c", text)
    while len(list(tmp_path.glob("ready-*"))) < 2:
        time.sleep(0.02)
    before = docker("inspect", "-f", "{{.State.Pid}}", "one", "two").split()
    result = docker.task(verb, "-t", "15", "one", "nosuch", "two")
    assert sorted(result["stdout_lines"]) == ["one", "two"] and result["rc"] == 1
    assert result["stderr"] == "container nosuch does not exist"
    assert sorted(result["actions"]) == [f"{verb} container one", f"{verb} container two"]
    assert len(list(tmp_path.glob("met-*"))) == 2
    if verb == "stop":
        codes = docker("inspect", "-f", "{{.State.ExitCode}}", "one", "two").split()
        assert codes == ["5", "5"]
    else:
        after = docker("inspect", "-f", "{{.State.Pid}}", "one", "two").split()
        assert states(docker) == {"one": "running", "two": "running"}
        assert not set(before) & set(after)


def test_one_that_does_not_restart_keeps_no_other_from_it(docker, tmp_path):
    needed = tmp_path / "needed"
    needed.touch()
    docker(*RUN, "--name", "bad", "-v", f"{needed}:/needed", "box:1")
    docker(*RUN, "--name", "good", "box:1")
    joining = ("--stop-timeout", "0", "--network", "container:bad")
    docker("run", "-d", "--name", "side", *joining, "box:1")
    needed.unlink()
    result = docker.task("restart", "-t", "0", "bad", "good")
    assert result["rc"] == 1 and result["stdout_lines"] == ["good"]
    assert result["stderr"].startswith("container bad did not start: ")
    assert result["actions"] == ["restart container good"]
    assert states(docker) == {"bad": "exited", "good": "running", "side": "running"}


def test_every_name_has_its_turn(docker):
    for name in ("one", "two"):
        docker("create", "--network", "none", "--name", name, "box:1")
    for command in (["start"], ["stop", "-t", "0"], ["rm"]):
        result = docker.task(*command, "one", "nosuch", "two")
        assert (result["rc"], result["stdout_lines"], result["stderr"]) == (
            1,
            ["one", "two"],
            "container nosuch does not exist",
        ), command
        assert result["changed"] and result["failed"]
    for command in (
        ["rm", "-f"],
        ["rmi", "-f"],
        ["volume", "rm", "-f"],
        ["network", "rm", "-f"],
    ):  # a second run of it is no failure
        result = docker.task(*command, "nosuch")
        assert (result["rc"], result["changed"]) == (0, False) and "failed" not in result, command
        assert command[0] == "volume" or "nosuch" in result["stderr"]


def test_ps(docker):
    docker(
        *RUN,
        "--name",
        "web",
        "-l",
        "tier=front",
        "-v",
        "data:/data",
        "box:1",
        "sleep",
        "1000000000000000",
    )
    docker("create", "--name", "made", "--network", "none", "box:1")
    docker("run", "--network", "none", "--name", "over", "box:1", "false", rc=1)
    docker("pause", "web")
    line = docker("ps").splitlines()[1]
    assert re.fullmatch(
        r'[0-9a-f]{12}   box:1   "sleep 1000000000000…"   (Less than a second|\d+ seconds?) ago   '
        r"Up (Less than a second|\d+ seconds?) \(Paused\)\s+web",
        line,
    )
    rows = {
        row["Names"]: row
        for row in map(json.loads, docker("ps", "-a", "--format", "json").splitlines())
    }
    assert (
        re.fullmatch(r"Exited \(1\) .* ago", rows["over"]["Status"])
        and rows["made"]["Status"] == "Created"
    )
    assert (
        rows["web"]["Labels"] == "tier=front"
        and rows["web"]["Mounts"] == "data"
        and rows["web"]["LocalVolumes"] == "1"
    )
    assert docker("ps", "-aq", "--no-trunc").splitlines() == [
        containers.find(docker.engine, name)["id"] for name in ("over", "made", "web")
    ]
    assert (
        docker("ps", "-l", "--format", "{{.Names}}") == "over"
        and docker("ps", "-n", "2", "--format", "{{.Names}}") == "over\nmade"
    )
    for chosen, names in (
        ("status=created", "made"),
        ("label=tier", "web"),
        ("name=ov", "over"),
        ("exited=1", "over"),
        ("volume=data", "web"),
        ("name=^/?web$", "web"),
        ("name=^eb", ""),
        ("before=made", "web"),
        ("since=made", "over"),
        ("expose=81", ""),
        ("publish=80", ""),
    ):
        assert docker("ps", "-a", "-f", chosen, "--format", "{{.Names}}") == names, chosen
    assert docker(
        "ps", "--format", '{{.Names}} {{.Label "tier"}} {{.Label "no"}}|{{.Size}}'
    ).startswith("web front |0B (virtual ")
    written, whole = map(
        int, docker("inspect", "-s", "-f", "{{.SizeRw}} {{.SizeRootFs}}", "web").split()
    )
    assert written == 0 and whole == docker.engine.db.all("SELECT size FROM images")[0]["size"]
    assert docker(
        "ps", "--format", "table {{.Names}}\\t{{.State}}"
    ) == "NAMES   STATE\nweb     paused" and "SIZE" in docker("ps", "-s")


def test_exec(docker):
    docker(*RUN, "--name", "web", "box:1")
    assert (
        docker(
            "exec",
            "-e",
            "A=b c",
            "-w",
            "/tmp",
            "-u",
            "www",
            "web",
            "sh",
            "-c",
            "echo $A $FROM; pwd; id -un",
        )
        == "b c image\n/tmp\nwww"
    )
    assert docker.task("exec", "web", "sh", "-c", "echo no >&2; exit 3")["stderr"] == "no"
    assert docker.on_host("exec", "-i", "web", "cat", stdin="fed\n") == (0, "fed\n", "")
    assert docker.on_host("exec", "-it", "web", "cat", stdin="fed\n")[::2] == (
        1,
        "Error: -i with -t: the input device is not a TTY; leave -t out to pass on a file or a "
        "pipe\n",
    )
    assert docker("exec", "-d", "web", "touch", "/tmp/there") == ""
    assert "needs a terminal" in docker("exec", "-it", "web", "sh", rc=125)
    docker("stop", "web")
    assert docker("exec", "web", "ls", rc=1) == "container web is not running (it is exited)"


def test_a_command_gets_no_descriptor_of_the_host(docker, tmp_path):
    """Through one it could open the host's file, or terminal, anew."""
    docker(*RUN, "--name", "web", "box:1")
    from pycontainer.deploy import install

    install.ensure(docker.engine)
    with open(tmp_path / "out", "w") as out, open("/etc/hostname") as file:
        subprocess.run(
            install.command_line(docker.engine)
            + [
                "exec",
                "-i",
                "web",
                "sh",
                "-c",
                "for fd in 0 1 2; do readlink /proc/$$/fd/$fd; done; cat",
            ],
            stdin=file,
            stdout=out,
            stderr=out,
            check=True,
            timeout=60,
        )
    lines = (tmp_path / "out").read_text().splitlines()
    assert (
        all(line.startswith("pipe:") for line in lines[:3])
        and lines[3:] == open("/etc/hostname").read().splitlines()
    )


def test_logs_top_stats_port(docker):
    docker(
        "run",
        "-d",
        "--network",
        "none",
        "--name",
        "web",
        "box:1",
        "sh",
        "-c",
        "echo one; sleep 0.1; echo two >&2; sleep 0.1; echo three; exec sleep 1000",
    )
    while len(docker("logs", "web").splitlines()) < 3:
        time.sleep(0.02)
    assert (
        docker("logs", "-n", "1", "web") == "three"
        and docker("logs", "--since", "1h", "--until", "10m", "web") == ""
    )
    assert re.match(r"\d{4}-\d\d-\d\dT[0-9:.]+Z one\n", docker("logs", "-t", "web"))
    assert docker.on_host("logs", "web") == (0, "one\nthree\n", "two\n")
    assert re.split(r"\s+", docker("top", "web").splitlines()[1], maxsplit=5)[5] == "sleep 1000"
    header, row = docker("stats", "--no-stream", "web").splitlines()
    assert re.split(r"\s{2,}", header) == [
        "CONTAINER ID",
        "NAME",
        "CPU %",
        "MEM USAGE / LIMIT",
        "MEM %",
        "NET I/O",
        "BLOCK I/O",
        "PIDS",
    ]
    assert re.search(r"\d+\.\d\d%   [0-9.]+[KM]iB / [0-9.]+[MG]iB", row)
    found = json.loads(docker("stats", "--no-stream", "--format", "json", "web"))
    assert found["Name"] == "web" and found["PIDs"] == 1
    if os.path.exists("/proc/pressure/cpu"):
        assert all(
            re.fullmatch(r"\d+\.\d\d%|--", found[name])
            for name in ("CPUPressure", "MemPressure", "IOPressure")
        )
    assert docker("port", "web") == "" and "publishes no port 80/tcp" in docker(
        "port", "web", "80", rc=1
    )


def test_inspect(docker):
    ident = docker(*RUN, "--name", "web", "-l", "a.b=c", "box:1")
    assert (
        json.loads(docker("inspect", "web"))[0]["Id"] == ident
        and docker("container", "inspect", "-f", "{{.Id}}", "web") == ident
    )
    template = (
        '{{.State.Running}} {{index .Config.Labels "a.b"}} {{len .Mounts}} {{json .Config.Cmd}}'
    )
    assert docker("inspect", "-f", template, "web") == 'true c 0 ["sleep", "1000"]'
    result = docker.task("inspect", "nosuch", "web")
    assert (
        result["rc"] == 1
        and len(json.loads(result["stdout"])) == 1
        and "no container or image or volume or network nosuch" in result["stderr"]
    )
    assert "no image web" in docker(
        "inspect", "--type", "image", "web", rc=1
    ) and "accepted are" in docker("inspect", "--type", "pod", "web", rc=125)


def test_an_end_that_nobody_has_seen(docker):
    """A power cut's, or one without a monitor: Docker's 255, never a success and never "None"."""
    from pycontainer.containers.records import run_state as state

    ident = docker(*RUN, "--name", "web", "box:1")
    docker("stop", "-t", "0", "web")
    paths = docker.engine.paths
    state.write(
        paths,
        ident,
        dict(
            state.read(paths, ident),
            status="running",
            exit_code=None,
            boot="another",
            finished_at=None,
        ),
    )
    assert docker("ps", "-a", "--format", "{{.Status}}").startswith("Exited (255) ")
    assert docker("inspect", "-f", "{{.State.ExitCode}}", "web") == "255" == docker("wait", "web")
    assert docker("ps", "-aq", "--filter", "exited=255") and not docker(
        "ps", "-aq", "--filter", "exited=0"
    )
    assert (
        docker(
            "inspect", "-f", "{{.State.ExitCode}}", docker("create", "--network", "none", "box:1")
        )
        == "0"
    )


def test_update_changes_what_it_names(docker):
    docker(*RUN, "--name", "web", "--restart", "on-failure:3", "box:1")
    line = ("update", "-m", "64m", "--pids-limit", "50", "--restart", "always", "web")
    first, second = docker.task(*line), docker.task(*line)
    assert (first["changed"], second["changed"], first["stdout"]) == (True, False, "web")
    assert (
        docker(
            "inspect",
            "-f",
            "{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}} {{.HostConfig.RestartPolicy.Name}}",
            "web",
        )
        == "67108864 50 always"
    )
    assert "at least one thing" in docker("update", "web", rc=125) and "--memory" in docker(
        "update", "-m", "1x", "web", rc=1
    )


def test_prune(docker):
    docker(*RUN, "--name", "stays", "box:1")
    gone = [
        docker("create", "--network", "none", "-l", "k=%d" % number, "box:1") for number in range(2)
    ]
    result = docker.task("container", "prune", "--filter", "label=k=1")
    assert (
        result["changed"]
        and result["stdout_lines"][:2] == ["Deleted Containers:", gone[1]]
        and "Total reclaimed space" in result["stdout"]
    )
    assert docker.on_host("container", "prune", stdin="n\n")[0] == 0 and len(states(docker)) == 2
    assert docker.on_host("container", "prune", stdin="y\n")[0] == 0 and states(docker) == {
        "stays": "running"
    }
    assert not docker.task("container", "prune", "-f")["changed"]
    docker("rm", "-f", "stays")
    assert (
        docker.task("system", "prune", "-a")["changed"]
        and docker("images", "-q") == ""
        and not docker.task("system", "prune", "-a")["changed"]
    )


def test_start_attached_and_cidfile(docker, tmp_path):
    ident = docker(
        "create",
        "--network",
        "none",
        "--name",
        "one",
        "--cidfile",
        str(tmp_path / "id"),
        "box:1",
        "sh",
        "-c",
        "echo hello; exit 4",
    )
    assert (tmp_path / "id").read_text() == ident
    assert (
        docker("create", "--network", "none", "--cidfile", str(tmp_path / "id"), "box:1", rc=1)
        == f"--cidfile: {tmp_path / 'id'} is there already"
    )
    for _again in range(2):
        assert docker.on_host("start", "-a", "one") == (4, "hello\n", "")
    assert "takes one container" in docker("start", "-a", "one", "two", rc=125)


BAD = [
    (["run", "--network", "none", "nosuch@x", "ls"], 125, "nosuch@x"),
    (["run", "--pull", "never", "nosuch:1"], 125, "there is no image nosuch:1"),
    (["run", "--pull", "perhaps", "box:1"], 125, "--pull: 'perhaps'"),
    (["run", "--name", "web", "box:1"], 125, "the name web is in use"),
    (["run", "--name", "a b", "box:1"], 125, "--name: 'a b'"),
    (["run", "-m", "1x", "box:1"], 125, "--memory: '1x'"),
    (["run", "--cpus", "many", "box:1"], 125, "--cpus: 'many'"),
    (["run", "-v", "/no/such/place:/x", "box:1"], 125, "/no/such/place"),
    (["run", "-v", "a:b", "box:1"], 125, "--volume"),
    (["run", "--mount", "type=bind,nonsense=1", "box:1"], 125, "--mount: 'nonsense=1'"),
    (
        ["run", "--mount", "type=volume,target=/x,readonly=perhaps", "box:1"],
        125,
        "readonly=true or readonly=false",
    ),
    (["run", "-p", "nonsense", "box:1"], 125, "--publish: 'nonsense'"),
    (["run", "--network", "nosuch", "box:1"], 125, "network nosuch does not exist"),
    (["run", "--network", "container:nosuch", "box:1"], 125, "nosuch"),
    (["run", "--env-file", "/no/such", "box:1"], 125, "--env-file: '/no/such'"),
    (["run", "--restart", "sometimes", "box:1"], 125, "--restart: 'sometimes'"),
    (["run", "--restart", "on-failure:x", "box:1"], 125, "--restart: 'x'"),
    (["run", "--rm", "--restart", "always", "box:1"], 125, "--rm"),
    (["run", "--ulimit", "files=1", "box:1"], 125, "--ulimit: 'files=1'"),
    (["run", "--cap-add", "NONSENSE", "box:1"], 125, "--cap-add: 'NONSENSE'"),
    (["run", "--security-opt", "nonsense", "box:1"], 125, "--security-opt: 'nonsense'"),
    (["run", "--device", "nonsense", "box:1"], 125, "--device: 'nonsense'"),
    (["run", "--health-interval", "soon", "box:1"], 125, "--health-interval: 'soon'"),
    (["run", "--no-healthcheck", "--health-cmd", "true", "box:1"], 125, "--no-healthcheck"),
    (["run", "--log-opt", "max-size=big", "box:1"], 125, "--log-opt"),
    (["run", "--sysctl", "vm.swappiness=1", "box:1"], 125, "--sysctl: 'vm.swappiness'"),
    (["run", "-it", "box:1"], 125, "needs a terminal"),
    (["frob"], 125, "'frob' is not a pycontainer command"),
    (["ps", "--frob"], 125, "unknown flag --frob"),
    (["ps", "-f", "nonsense"], 125, "--filter 'nonsense'"),
    (["ps", "-f", "nonsense=1"], 1, "--filter: 'nonsense'"),
    (["ps", "-f", "name=["], 1, "--filter name: '['"),
    (["ps", "-f", "status=Running"], 1, "--filter status: 'Running'"),
    (["ps", "-f", "exited=x"], 1, "--filter exited: 'x'"),
    (["ps", "-f", "publish=web"], 1, "--filter publish: 'web'"),
    (["ps", "-f", "since=nosuch"], 1, "container nosuch does not exist"),
    (
        ["run", "--network", "container:web", "-p", "8080:80", "box:1"],
        125,
        "'8080:80/tcp' is not valid; accepted: nothing, with network_mode container:web",
    ),
    (["run", "--add-host", "a", "box:1"], 125, "--add-host: 'a'"),
    (["run", "--cidfile", "/no/such/file", "box:1"], 125, "--cidfile: '/no/such/file'"),
    (["top", "other"], 1, "container other is not running (it is created)"),
    (["exec", "-w", "tmp", "web", "pwd"], 1, "--workdir: 'tmp'"),
    (["exec", "-u", "nosuch", "web", "id"], 126, "'nosuch'"),
    (["ps", "--format", "{{.Nonsense}}"], 125, "there is no .Nonsense here"),
    (["logs", "--tail", "x", "web"], 125, "--tail"),
    (["logs", "--since", "x", "web"], 125, "--since"),
    (["logs", "-f", "web"], 125, "needs a terminal"),
    (["kill", "-s", "FOO", "web"], 1, "signal: 'FOO'"),
    (["stop", "-t", "soon", "web"], 125, "--time"),
    (["rename", "web", "a b"], 1, "a b"),
    (["rename", "web", "other"], 1, "the name other is in use"),
    (["rm", "web"], 1, "container web runs"),
    (["attach", "web"], 125, "needs a terminal"),
    (["pause", "other"], 1, "container other is not running"),
    (["rmi", "box:1"], 1, "is used by"),
    (["tag", "nosuch", "x:1"], 1, "nosuch"),
    (["load", "-i", "/no/such"], 1, "/no/such"),
    (["load"], 125, "-i FILE"),
    (["import", "/no/such", "x:1"], 1, "/no/such"),
    (["import", "-c", "FROM x", "/", "x:1"], 1, "FROM"),
    (["login", "-u", "x"], 125, "needs a terminal"),
    (["volume", "rm", "nosuch"], 1, "volume nosuch does not exist"),
    (["volume", "create", "a/b"], 1, "a/b"),
    (["network", "rm", "nosuch"], 1, "network nosuch does not exist"),
    (["network", "connect", "nosuch", "web"], 1, "network nosuch does not exist"),
    (["network", "create", "--subnet", "x", "front"], 1, "subnet"),
    (["registry", "serve", "--root", "/tmp/x"], 125, "needs a terminal"),
    (["volume"], 0, ""),
]


def test_bad_input_is_one_sentence_and_changes_nothing(docker, snapshot):
    docker(*RUN, "--name", "web", "box:1")
    docker("create", "--name", "other", "--network", "none", "box:1")
    before = snapshot()
    for argv, code, part in BAD:
        result = docker.task(*argv)
        assert (
            result["rc"] == code
            and part in result["stderr"]
            and "\n" not in result["stderr"]
            and not result["changed"]
        ), (argv, result)
        assert snapshot() == before, argv


def test_the_host_command_says_errors_on_stderr(docker):
    assert docker.on_host("rm", "nosuch") == (1, "", "Error: container nosuch does not exist\n")
    assert docker.on_host("frob")[0] == 125 and docker.on_host("ps", "--help")[1].startswith(
        "Usage:  pycontainer ps [OPTIONS]\n"
    )
    assert docker.on_host("--help")[1].startswith("Usage:  pycontainer ") and docker.on_host(
        "--version"
    )[1].startswith("pycontainer version ")
    assert os.path.exists(docker.engine.paths.database)


def test_commands_start_and_stop_in_the_order_of_what_depends_on_what(docker):
    docker("create", "--name", "db", "--network", "none", "box:1")
    docker("run", "-d", "--name", "web", "--network", "none", "--requires", "db", "box:1")
    states = docker("ps", "-a", "--format", "{{.Names}} {{.State}}").splitlines()
    assert sorted(states) == ["db running", "web running"]
    said = "--depends-on: 'job:later' is not valid; accepted: name or name:condition"
    assert said in docker("create", "--depends-on", "job:later", "box:1", rc=1)
    assert docker("stop", "-t", "0", "db", "web").splitlines() == ["web", "db"]
    assert "container db is needed by web" in docker("rm", "db", rc=1)
    docker("container", "prune", "-f", "--filter", "label!=keep")
    docker("create", "--name", "db", "--network", "none", "box:1")
    needs = ["--depends-on", "db:started"]
    docker("create", "--name", "web", "--network", "none", *needs, "box:1")
    checked = docker.task("start", "web", check=True)
    assert checked["actions"] == ["start container db, which web depends on", "start container web"]
    assert docker.task("start", "web")["actions"] == checked["actions"]
    docker("stop", "-t", "0", "web")
    assert docker("ps", "--format", "{{.Names}}").split() == ["db"]
    docker("stop", "-t", "0", "db")
    docker("start", "web")
    docker("stop", "-t", "0", "web", "db")
    docker("rename", "db", "base")
    docker("start", "web")
    assert sorted(docker("ps", "--format", "{{.Names}}").split()) == ["base", "web"]
    docker("stop", "-t", "0", "base")
    docker("container", "prune", "-f")
    assert docker("rm", "-f", "base", "web").splitlines() == ["web", "base"]


def test_details_of_a_log(docker):
    """What labels, variables and the tag say beside each line, in Docker's form."""
    docker(
        *("run", "-d", "--name", "web", "--network", "none"),
        *("--label", "com.example/role=a b", "--label", "other=1", "-e", "APP_MODE=x,y"),
        *("--log-opt", "labels-regex=^com[.]", "--log-opt", "env-regex=^APP_"),
        *(
            "--log-opt",
            'tag={{.Name | upper}}-{{join (split "a b" " ") "+"}}{{with .ExtraAttributes nil}}{{len .}}{{end}}',
        ),
        *("box:1", "echo", "hello"),
    )
    docker("wait", "web")
    said = "APP_MODE=x%2Cy,com.example%2Frole=a+b,tag=WEB-a%2Bb2 hello"
    assert docker("logs", "--details", "web") == said
    assert re.fullmatch(f"[0-9TZ:.-]+ {re.escape(said)}", docker("logs", "-t", "--details", "web"))
    docker("rm", "web")


@pytest.mark.parametrize("names", ["web", "side web", "last web", "last side web"])
def test_restart_of_those_who_share_a_namespace(docker, names):
    """Who has a namespace of a restarted container joins it again, once, whoever else is named."""
    docker("run", "-d", "--name", "web", "--network", "none", "box:1", "sleep", "1000")
    joining = {"side": ("--network", "container:web"), "last": ("--pid", "container:side")}
    for name, how in joining.items():
        docker("run", "-d", "--stop-timeout", "0", "--name", name, *how, "box:1", "sleep", "1000")
    docker("restart", "-t", "0", *names.split())
    for kind, one, other in (("net", "web", "side"), ("pid", "side", "last")):
        assert docker("exec", one, "readlink", f"/proc/self/ns/{kind}") == docker(
            "exec", other, "readlink", f"/proc/self/ns/{kind}"
        )
    told = docker("events", "--since", "1h", "--until", "0s", "--filter", "event=restart")
    for name in ("web", "side", "last"):
        assert len(re.findall(f"restart.*name={name}[,)]", told)) == 1, told
    docker("rm", "-f", "last", "side", "web")
