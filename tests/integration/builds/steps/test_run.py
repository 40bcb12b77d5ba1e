# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""RUN: the container it is, what --mount shows, what is left afterwards, and what happens when it fails."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time

import pytest
from pycontainer import errors, images
from pycontainer.builds.parse.build_request import secret_of
from pycontainer.builds.sources import ssh_agent
from pycontainer.builds.steps import run_command
from pycontainer.kernel import cgroups

made = []  # names of the control groups that this test's builds made


def leftovers(engine):
    """What a build may leave in the kernel and in the store's tmp: nothing."""
    found = [
        path
        for top in cgroups.base_paths().values()
        for name in made
        for path in glob.glob(f"{top}/{name}")
    ]
    with open("/proc/self/mountinfo") as file:
        found += [line for line in file if engine.paths.data in line]
    return (
        found
        + os.listdir(engine.paths.tmp)
        + engine.db.all("SELECT * FROM operations")
        + engine.db.all("SELECT * FROM addresses")
    )


@pytest.fixture
def before(engine, monkeypatch):
    def noted(count):
        made.append(os.urandom(count).hex())
        return made[-1]

    monkeypatch.setattr(run_command.secrets, "token_hex", noted)
    return leftovers(engine)


def test_it_is_a_container(builder, before):
    text = """FROM box:1
RUN (hostname; tr '\\0' '\\n' < /proc/self/environ | grep -c HOSTNAME; grep -c . /proc/net/dev; \
 grep ^CapEff /proc/self/status; grep ^Seccomp: /proc/self/status; readlink /proc/self/ns/pid; echo $$; \
cat /proc/1/comm; ls /dev/pts; cat /etc/hostname; cat /proc/sys/net/ipv4/ip_unprivileged_port_start; id -G; tty) > /x 2>&1; true"""
    record = builder(text)
    lines = builder.read(record, "x").splitlines()
    assert lines[0] == "buildkitsandbox" and lines[1] == "0"
    assert lines[2] == "3"  # loopback and two lines of title
    assert lines[3].split()[1] == "00000000a80425fb" and lines[4].split()[1] == "2"
    assert (
        lines[5] != os.readlink("/proc/self/ns/pid")
        and lines[6] == "1"
        and lines[7] == "sh"
        and lines[-1] == "not a tty"
    )
    assert leftovers(builder.engine) == before


def test_nothing_of_the_mounts_is_in_the_layer(builder, before):
    text = """FROM box:1
RUN --mount=type=cache,target=/var/cache/x --mount=type=tmpfs,target=/t --mount=target=/c/d --mount=type=secret,id=s,target=/etc/deep/secret \
 --mount=type=secret,id=s echo 1 > /var/cache/x/f; echo 1 > /t/f; ls /c/d > /x; cat /run/secrets/s /etc/deep/secret >> /x
RUN rm -r /tmp"""
    record = builder(text, {"f": "1"}, secrets=[secret_of("s", value="hush")])
    tree = builder.tree(record)
    assert tree["x"][3] == b"f\nhushhush"
    left = {
        "var",
        "var/cache",
        "c",
        "t",
        "run",
        "proc",
        "dev",
        "sys",
        "etc/deep",
        "etc/hosts",
        "etc/resolv.conf",
        "etc/hostname",
    }
    assert not left & set(tree)
    secret_files = subprocess.run(
        ["grep", "-rl", "hush", builder.engine.paths.data],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    ).stdout.split()
    assert [path for path in secret_files if not path.startswith(builder.engine.paths.layers)] == []
    assert leftovers(builder.engine) == before


def test_mount_points_that_get_files_stay(builder):
    record = builder("FROM box:1\nRUN --mount=type=tmpfs,target=/new/t echo 1 > /new/f")
    assert set(builder.tree(record)) >= {"new/f"} and "new/t" not in builder.tree(record)


def test_a_cache_is_kept_and_can_have_a_mode(builder):
    text = "FROM box:1\nRUN --mount=type=cache,id=c,target=/c,mode=0700,uid=33,gid=34 ls -ldn /c > /x; ls /c >> /x; echo 1 > /c/%s"
    builder(text % "one")
    found = builder.read(builder(text % "two"), "x")
    assert (
        found.startswith("drwx------")
        and found.split()[2:4] == ["33", "34"]
        and found.splitlines()[1:] == ["one"]
    )
    record = builder(
        "FROM box:1\nRUN --mount=type=cache,id=c,target=/d,readonly ls /d > /x; touch /d/no || "
        "echo read-only >> /x"
    )
    assert builder.read(record, "x") == "one\ntwo\nread-only\n"
    other = builder(
        "FROM box:1\nRUN --mount=type=cache,id=c,target=/c ls /c > /x",
        args={"BUILDKIT_CACHE_MOUNT_NS": "mine"},
    )
    assert builder.read(other, "x") == ""


def test_a_cache_can_begin_with_a_stages_files(builder):
    record = builder(
        "FROM box:1 AS one\nRUN mkdir /seed && echo 1 > /seed/f\nFROM box:1\nRUN "
        "--mount=type=cache,id=n,target=/c,from=one,source=/seed cat /c/f > /x"
    )
    assert builder.read(record, "x") == "1\n"


def test_a_bind_is_read_only_or_loses_what_is_written(builder):
    record = builder(
        "FROM box:1\nRUN --mount=target=/c touch /c/new || echo refused > /x\nRUN "
        "--mount=target=/c,rw echo 2 > /c/f && cat /c/f >> /x",
        {"f": "1\n"},
    )
    assert builder.read(record, "x") == "refused\n2\n"
    with open(os.path.join(builder.scratch, "context1", "f")) as file:
        assert file.read() == "1\n"


def test_a_bind_does_not_show_what_is_ignored(builder):
    record = builder(
        "FROM box:1\nRUN --mount=target=/c ls -A /c > /x; cat /c/d/* >> /x",
        {"f": "1", "no": "2", "d/a": "3", "d/no": "4", ".dockerignore": "no\n**/no"},
    )
    assert builder.read(record, "x") == ".dockerignore\nd\nf\n3"


def test_a_bind_of_a_file(builder):
    record = builder(
        "FROM box:1\nRUN --mount=target=/f.txt,source=d/f cat /f.txt > /x", {"d/f": "1"}
    )
    assert builder.read(record, "x") == "1" and "f.txt" not in builder.tree(record)


def test_secrets(builder, monkeypatch, tmp_path):
    monkeypatch.setenv("TOKEN", "from-env")
    (tmp_path / "file").write_text("from-file")
    text = """FROM box:1
RUN --mount=type=secret,id=a --mount=type=secret,id=b,env=B --mount=type=secret,id=c,target=/s/c,mode=0440,uid=33,gid=34 --mount=type=secret,id=none \
(cat /run/secrets/a; echo; echo $B; cat /s/c; echo; ls -ln /run/secrets/a /s/c; ls /run/secrets) > /x"""
    secrets = [
        secret_of("a", value="one"),
        secret_of("b", variable="TOKEN"),
        secret_of("c", path=str(tmp_path / "file")),
    ]
    lines = builder.read(builder(text, secrets=secrets), "x").splitlines()
    assert lines[:3] == ["one", "from-env", "from-file"]
    assert (
        lines[3].split()[0] == "-r--------"
        and lines[4].split()[0] == "-r--r-----"
        and lines[4].split()[2:4] == ["33", "34"]
        and lines[5:] == ["a"]
    )
    with pytest.raises(errors.EngineError, match="not given a secret none"):
        builder("FROM box:1\nRUN --mount=type=secret,id=none,required true")


def test_an_agents_socket(builder, tmp_path):
    path = str(tmp_path / "agent")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(1)
        record = builder(
            "FROM box:1\nRUN --mount=type=ssh test -S $SSH_AUTH_SOCK && echo $SSH_AUTH_SOCK > /x",
            ssh={"default": path},
        )
    assert builder.read(record, "x") == "/run/buildkit/ssh_agent.0\n"


def test_an_agent_for_another_user(builder, tmp_path):
    """A socket of the build's own, with the owner that is asked for: what is said to it reaches the agent, and its answers come back."""
    path = str(tmp_path / "agent")
    with socket.socket(socket.AF_UNIX) as agent, contextlib.ExitStack() as stack:
        agent.bind(path)
        agent.listen(4)
        agent.settimeout(10)
        text = "FROM box:1\nUSER www\nRUN --mount=type=ssh,uid=33,mode=0640,target=/tmp/s stat -c '%u %g %a' $SSH_AUTH_SOCK > /tmp/x"
        assert (
            builder.read(builder(text, ssh={"default": path}), "tmp/x") == "33 0 640\n"
            and os.stat(path).st_uid == 0
        )
        place = ssh_agent.relay(str(tmp_path), "relay", path, (0, 0), 0o600, stack)
        for word in (b"one", b"two"):
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(10)
                client.connect(place)
                client.sendall(word)
                with agent.accept()[0] as peer:
                    assert peer.recv(100) == word
                    peer.sendall(b"answer " + word)
                assert client.recv(100) == b"answer " + word and client.recv(1) == b""


def test_host_network_and_more_hosts(builder):
    record = builder(
        "FROM box:1\nRUN readlink /proc/self/ns/net > /x; grep other /etc/hosts >> /x",
        network="host",
        extra_hosts={"other": "10.1.2.3"},
    )
    assert builder.read(record, "x") == f"{os.readlink('/proc/self/ns/net')}\n10.1.2.3\tother\n"


def test_a_process_that_is_left_running_ends(builder, before):
    record = builder("FROM box:1\nRUN sleep 1000 & echo 1 > /x")
    assert builder.read(record, "x") == "1\n" and leftovers(builder.engine) == before


# ----------------------------------------------------------------------------------------------------------------- failure


def test_a_failed_step(builder, before):
    old = builder("FROM box:1\nRUN echo old > /x")
    with pytest.raises(errors.EngineError) as caught:
        builder(
            "FROM box:1\nRUN echo first > /y\n\nRUN echo begin; \\\n  for i in $(seq 40); do echo "
            "line $i; done; exit 7\nRUN never"
        )
    error = caught.value
    assert (error.line, error.exit_code) == (4, 7)
    assert str(error).startswith(
        "Containerfile:4: step 3 of 4 ended with exit code 7: RUN echo begin;"
    )
    assert error.logs.splitlines() == [
        "line %d" % number for number in range(21, 41)
    ] and error.logs in str(error)
    assert (
        images.get(builder.engine, "t:1")["id"] == old["id"] and leftovers(builder.engine) == before
    )
    builder("FROM box:1\nRUN echo first > /y\n\nRUN echo better")
    assert builder.ran == ["RUN echo better"]  # what had been done was not lost


def test_a_failed_build_keeps_nothing_of_its_failed_step(builder, engine):
    number = len(os.listdir(engine.paths.layers))
    with pytest.raises(errors.EngineError):
        builder("FROM box:1\nRUN echo made > /x; dd if=/dev/zero of=/big bs=1M count=3; exit 1")
    assert len(os.listdir(engine.paths.layers)) == number and os.listdir(engine.paths.tmp) == []
    assert [image["RepoTags"] for image in images.listing(engine, everything=True)] == [["box:1"]]


@pytest.mark.parametrize(
    "text, part",
    [
        ("RUN nosuchprogram", "ended with exit code 127"),
        ('RUN ["nosuch"]', "could not be started: exec nosuch: executable file not found"),
        ("USER nobody-here\nRUN id", "could not be started: user: 'nobody-here'"),
        ("RUN sh -c 'kill -9 $$'; exit $?", "ended with exit code 137"),
        ("RUN --mount=from=box:1,source=/none,target=/x true", "source /none: no such file"),
        ("RUN --mount=type=ssh,required true", "not given an agent default"),
        ("RUN --mount=source=none,target=/x true", "/none: not found in the context"),
    ],
)
def test_errors(builder, before, text, part):
    with pytest.raises(errors.EngineError, match=part) as caught:
        builder("FROM box:1\n" + text)
    assert str(caught.value).startswith("Containerfile:%d: " % (text.count("\n") + 2))
    assert leftovers(builder.engine) == before


def test_a_full_disk(base_tree, tmp_path):
    """Nothing is half-made, and when there is room again the build works."""
    from integration.builds.conftest import Builder
    from pycontainer.engine import Engine
    from pycontainer.reconcile import carry_out

    data, run = tmp_path / "data", tmp_path / "run"
    data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(data)], check=True)
    try:
        with Engine(str(data), str(run)) as engine:
            carry_out(images.plan_import(engine, "box:1", base_tree, {}), False)
            builder = Builder(engine, str(tmp_path))
            big = {"big": os.urandom(20 << 20)}
            for text, part in (
                (
                    "FROM box:1\nCOPY big /big",
                    r"step \[2/2\] COPY big /big \(line 2\): no space left in .* for the build",
                ),
                ("FROM box:1\nRUN dd if=/dev/zero of=/big bs=1M count=30", "No space left"),
                (
                    "FROM box:1\nRUN --mount=type=tmpfs,target=/t head -c 9m /dev/urandom > /a",
                    r"step \[2/2\] RUN .*o space left",
                ),
            ):
                with pytest.raises(errors.EngineError, match=part):
                    builder(text, big)
                assert (
                    os.listdir(engine.paths.tmp) == [] and len(os.listdir(engine.paths.layers)) == 1
                )
                assert [image["RepoTags"] for image in images.listing(engine, everything=True)] == [
                    ["box:1"]
                ]
            assert (
                builder.read(builder("FROM box:1\nCOPY small /small", {"small": "1"}), "small")
                == "1"
            )
    finally:
        subprocess.run(["umount", "--lazy", str(data)], check=True)


def test_two_builds_at_once(builder, engine, scratch):
    """They don't know of each other; both images are whole, and a step that both made is there once."""
    from pycontainer.engine import Engine

    children = []
    engine.db.close()
    for number in range(3):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                with Engine(*scratch) as own:
                    builder.engine, builder.count = own, number * 100
                    text = (
                        "FROM box:1\nRUN echo same > /same; touch -d '2020-01-01 00:00:00' "
                        "/same\nRUN echo %d > /own\nCOPY f /f" % number
                    )
                    builder(text, {"f": "x" * 400000}, name="t:%d" % number)
                    code = 0
            finally:
                os._exit(code)
        children.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0, 0]
    for number in range(3):
        record = images.get(engine, "t:%d" % number)
        assert (
            builder.read(record, "own") == "%d\n" % number
            and builder.read(record, "same") == "same\n"
            and len(builder.read(record, "f")) == 400000
        )
    assert os.listdir(engine.paths.tmp) == []


def test_caches_can_be_removed(builder, engine):
    from pycontainer.cli import task as cli

    for ident in ("one", "two"):
        builder(
            f"FROM box:1\nRUN --mount=type=cache,id={ident},target=/c head -c 1000 /dev/zero > /c/f"
        )
    result = cli.pycontainer(engine, {"cmd": "builder prune", "argv": None})
    assert (
        result["stdout_lines"]
        == ["Deleted build caches:", "one", "two", "", "Total reclaimed space: 2.01kB"]
        and result["changed"]
    )
    assert not cli.pycontainer(engine, {"cmd": "builder prune -f", "argv": None})["changed"]
    record = builder("FROM box:1\nRUN --mount=type=cache,id=one,target=/c ls /c > /x")
    assert builder.read(record, "x") == ""


def test_some_caches_can_be_removed(builder, engine):
    """By their ids, their last use and their size, and with images of steps; foretold."""
    import time

    from pycontainer.builds.cache import cache_mounts
    from pycontainer.cli import task as cli
    from pycontainer.engine import Engine
    from pycontainer.errors import InvalidInput
    from pycontainer.host import prune_plans
    from pycontainer.reconcile import carry_out

    def do(check=False, **params):
        with Engine(engine.paths.data, engine.paths.run, check=check) as other:
            result = carry_out(prune_plans.prune(other, {"builder_cache": True, **params}), check)
        return [name.rpartition(" ")[0] or name for name in result["builder_cache_caches_deleted"]]

    for ident in ("old", "mid", "new"):
        builder(
            f"FROM box:1\nRUN --mount=type=cache,id={ident},target=/c head -c 4096 /dev/zero > /c/f"
        )
    now = time.time()
    paths = {name.rpartition(" ")[0]: path for name, path in cache_mounts.listing(engine)}
    for ident, age in (("old", 7200), ("mid", 3600), ("new", 60)):
        os.utime(os.path.join(paths[ident], "id"), (now - age, now - age))
    assert do(True, builder_cache_filters={"until": "90m"}) == ["old"]
    assert do(True, builder_cache_filters={"until": "1m", "id": ["mid", "new"]}) == ["mid", "new"]
    assert do(True, builder_cache_keep_storage="9k") == ["old"]
    assert do(True, builder_cache_keep_storage="1m") == []
    assert do(True, builder_cache_filters={"type": "source.local"}) == []
    said = "builder prune -f --keep-storage "
    assert not cli.pycontainer(engine, {"cmd": said + "1m", "argv": None})["changed"]
    wrong = cli.pycontainer(engine, {"cmd": said + "some", "argv": None})
    assert "--keep-storage: 'some' is not valid" in wrong["stderr"]
    filtered = {"cmd": "builder prune -f --filter parent=x", "argv": None}
    assert "--filter: 'parent' is not valid" in cli.pycontainer(engine, filtered)["stderr"]
    for params, said in (
        ({"builder_cache_filters": {"parent": "x"}}, "id, type, until"),
        ({"builder_cache_filters": {"type": "internal"}}, "exec.cachemount"),
        ({"builder_cache_keep_storage": "some"}, "builder_cache_keep_storage"),
        ({"builder_cache": False, "builder_cache_all": True}, "together with builder_cache"),
    ):
        with pytest.raises(InvalidInput, match=said):
            do(True, **params)
    # a build that uses a cache makes it the newest
    builder("FROM box:1\nRUN --mount=type=cache,id=old,target=/c echo again > /x")
    assert do(True, builder_cache_keep_storage="9k") == ["mid"]
    assert do(builder_cache_filters={"until": "30m"}) == ["mid"]
    assert do(builder_cache_filters={"until": "30m"}) == []
    foretold = do(True, builder_cache_all=True)
    assert sorted(foretold[:2]) == ["new", "old"] and all(":" in name for name in foretold[2:])
    assert foretold[2:] and do(builder_cache_all=True) == foretold
    assert do(builder_cache_all=True) == []


def test_a_killed_build_leaves_nothing_after_the_next_call(builder, engine, scratch, before):
    """By SIGKILL, in the midst of RUN: the next call of any kind ends what runs and clears up."""
    mark = "1000.%d" % int.from_bytes(os.urandom(4), "big")
    code = textwrap.dedent("""
        import sys
        sys.path.insert(0, %r)
        import conftest
        from pycontainer.engine import Engine
        from pycontainer.builds.parse import build_request
        from pycontainer.builds.plans import build_inputs, build_plan
        with Engine(%r, %r) as engine:
            build_plan.plan_build(engine, ["t:1"], build_request.BuildRequest(network="none"), build_inputs.Inputs(data=b"FROM box:1\\nRUN echo 1 > /x\\n"
                            b"RUN echo started; sleep %s")).apply()
    """) % (
        os.path.dirname(
            os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        ),
        *scratch,
        mark,
    )
    process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    try:
        end = time.monotonic() + 30
        while (
            not any(_runs(path, mark) for path in glob.glob("/proc/[0-9]*"))
            and time.monotonic() < end
        ):
            time.sleep(0.05)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    made.append(
        json.loads(
            engine.db.one("SELECT detail FROM operations WHERE kind = 'build-step'")["detail"]
        )["ident"]
    )
    assert [item for item in leftovers(engine) if str(item).endswith(made[-1])]
    engine.recover()
    assert leftovers(engine) == before
    assert images.find(engine, "t:1") is None


def _runs(path, mark):
    """Whether a process is the build's sleeping command."""
    try:
        with open(path + "/cmdline", "rb") as file:
            return file.read() == b"sleep\0%s\0" % mark.encode()
    except OSError:
        return False
