# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hooks: when, where, as whom, with what. runtime-spec config.md "POSIX-platform Hooks", runtime.md "Lifecycle"."""

from __future__ import annotations

import json
import os

import pytest

ALL = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")
RUNTIME = ("prestart", "createRuntime", "poststart", "poststop")


def script(text, **more):
    return dict({"path": "/bin/sh", "args": ["sh", "-c", text]}, **more)


def test_all_run_in_order_and_each_kind_in_the_order_of_its_list(bundle, tmp_path):
    log = tmp_path / "log"
    log.touch()
    bundle.mount("/log", "none", str(log), "bind")
    outside = {
        kind: [script("echo %s%d >> %s" % (kind, number, log)) for number in (1, 2)]
        for kind in ALL
        if kind != "startContainer"
    }
    bundle.config["hooks"] = dict(
        outside,
        startContainer=[script("echo startContainer%d >> /log" % number) for number in (1, 2)],
    )
    result = bundle.shell("echo program >> /log; sleep 1")
    assert result.code == 0, result
    words = log.read_text().split()
    expected = ["%s%d" % (kind, number) for kind in ALL for number in (1, 2)]
    assert [word for word in words if word != "program"] == expected
    assert words.index("startContainer2") < words.index("program")


@pytest.mark.parametrize("kind", ALL)
def test_the_state_is_on_standard_input(bundle, tmp_path, kind):
    (tmp_path / "out").mkdir()
    bundle.mount("/out", "none", str(tmp_path / "out"), "bind")
    bundle.config["annotations"] = {"a.key": "a value"}
    bundle.config["hooks"] = {
        kind: [script(f"cat > {'/out' if kind == 'startContainer' else tmp_path / 'out'}/state")]
    }
    assert bundle.run("sleep", "0.2").code == 0
    state = json.loads((tmp_path / "out" / "state").read_text())
    assert (
        state["ociVersion"] == "1.3.0"
        and state["id"].startswith("oci-test-")
        and state["bundle"] == bundle.directory
    )
    assert state["annotations"] == {"a.key": "a value"}
    assert state["status"] == {"poststart": "running", "poststop": "stopped"}.get(kind, "created")
    if kind in ("createContainer", "startContainer"):
        assert state["pid"] == 1
    elif kind != "poststop":
        assert state["pid"] > 1


@pytest.mark.parametrize("kind", ALL[:5])
def test_a_failing_hook_stops_the_container_and_poststop_follows(bundle, tmp_path, kind):
    log = tmp_path / "log"
    bundle.config["hooks"] = {
        kind: [script("exit 0"), script("echo why it failed >&2; exit 3")],
        "poststop": [script(f"echo stopped >> {log}")],
    }
    result = bundle.run("sleep", "60")
    assert result.code == 125
    assert (
        f"error running {kind} hook #1: " in result.err
        and "exit status 3" in result.err
        and "why it failed" in result.err
    )
    assert log.read_text() == "stopped\n"


@pytest.mark.parametrize("kind", ALL)
def test_output_goes_to_the_files_that_annotations_name(bundle, tmp_path, kind):
    files = [tmp_path / "output", tmp_path / "errors"]
    bundle.config["annotations"] = {
        "run.oci.hooks.stdout": str(files[0]),
        "run.oci.hooks.stderr": str(files[1]),
    }
    files[0].write_text("before\n")
    bundle.config["hooks"] = {
        kind: [script("echo said; echo complained >&2"), script("echo again")]
    }
    assert bundle.run("sleep", "0.2").code == 0
    assert [file.read_text() for file in files] == ["before\nsaid\nagain\n", "complained\n"]


@pytest.mark.parametrize("kind", ("createRuntime", "startContainer"))
def test_a_file_for_output_that_can_not_be_is_an_error(bundle, tmp_path, kind):
    bundle.config["annotations"] = {"run.oci.hooks.stderr": str(tmp_path / "no" / "such")}
    bundle.config["hooks"] = {kind: [script("true")]}
    result = bundle.run("true")
    assert (
        result.code == 125
        and f"annotation run.oci.hooks.stderr: {tmp_path}/no/such can't be written: no such file"
        in result.err
    )


def test_a_failing_poststop_is_a_warning_and_the_next_runs(bundle, tmp_path):
    bundle.config["hooks"] = {"poststop": [script("exit 1"), script(f"touch {tmp_path}/done")]}
    result = bundle.run("true")
    assert (
        result.code == 0
        and (
            "warning: poststop hook failed with exit code 1: error running hooks: error running "
            "poststop hook #0"
        )
        in result.err
    )
    assert (tmp_path / "done").exists()


@pytest.mark.parametrize("kind", ALL)
def test_env_is_exactly_what_is_given(bundle, tmp_path, kind):
    (tmp_path / "out").mkdir()
    bundle.mount("/out", "none", str(tmp_path / "out"), "bind")
    place = "/out" if kind == "startContainer" else tmp_path / "out"
    bundle.config["hooks"] = {
        kind: [
            {
                "path": "/bin/busybox",
                "args": [
                    "sh",
                    "-c",
                    f"busybox env > {place}/env"
                    if kind == "startContainer"
                    else f"/bin/busybox env > {place}/env",
                ],
                "env": ["ONE=1", "EMPTY=", "PATH=/bin"],
            }
        ]
    }
    assert bundle.run("sleep", "0.2", env={"SECRET": "host"}).code == 0
    found = {
        line
        for line in (tmp_path / "out" / "env").read_text().splitlines()
        if not line.startswith(("PWD=", "SHLVL=", "_=", "OLDPWD="))
    }
    assert found == {"ONE=1", "EMPTY=", "PATH=/bin"}


def test_without_env_a_hook_has_that_of_who_runs_it(bundle, tmp_path):
    bundle.config["hooks"] = {
        "createRuntime": [script('test "$MARK" = outside')],
        "startContainer": [script('test -z "$MARK" && test "$IN" = yes')],
    }
    bundle.process["env"].append("IN=yes")
    result = bundle.run("true", env={"MARK": "outside"})
    assert result.code == 0, result


def test_an_empty_env_is_an_empty_environment(bundle):
    bundle.config["hooks"] = {"createRuntime": [script('test -z "$MARK"', env=[])]}
    assert bundle.run("true", env={"MARK": "outside"}).code == 0


def test_arguments_are_as_given(bundle, tmp_path):
    bundle.config["hooks"] = {
        "createRuntime": [
            {
                "path": "/bin/busybox",
                "args": ["touch", str(tmp_path / "one"), str(tmp_path / "t w o")],
            },
            {"path": "/bin/true"},
        ]
    }
    assert bundle.run("true").code == 0
    assert (tmp_path / "one").exists() and (tmp_path / "t w o").exists()


@pytest.mark.parametrize("kind", ("createRuntime", "startContainer", "poststart"))
def test_a_hook_that_takes_too_long_is_killed_with_what_it_started(bundle, tmp_path, kind):
    bundle.config["hooks"] = {kind: [script("sleep 61.25 & sleep 61.25", timeout=1)]}
    result = bundle.run("sleep", "60")
    assert (
        result.code == 125
        and f"error running {kind} hook #0" in result.err
        and "did not end in 1 s" in result.err
    )
    assert not [
        pid
        for pid in os.listdir("/proc")
        if pid.isdigit() and b"61.25" in read(f"/proc/{pid}/cmdline")
    ]


def test_a_process_that_a_hook_leaves_behind_with_its_output_is_not_waited_for(bundle):
    bundle.config["hooks"] = {"createRuntime": [script("sleep 62.5 & echo $! > pid")]}
    try:
        assert bundle.run("true").code == 0
        with open(os.path.join(bundle.directory, "pid")) as file:
            left = int(file.read())
        assert b"62.5" in read("/proc/%d/cmdline" % left)
    finally:
        os.kill(left, 9)


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


@pytest.mark.parametrize("kind", RUNTIME[:3])
def test_runtime_hooks_are_in_the_runtimes_namespaces_and_find_the_containers(
    bundle, tmp_path, kind
):
    bundle.config["hooks"] = {
        kind: [
            script(
                "pid=$(sed 's/.*\"pid\": *\\([0-9]*\\).*/\\1/'); for n in mnt net uts; do "
                f"readlink /proc/self/ns/$n /proc/$pid/ns/$n; done > {tmp_path}/ns; ls "
                f"/proc/$pid/root{'' if kind == 'poststart' else bundle.root}/bin | head -1 >> "
                f"{tmp_path}/ns; touch {bundle.root}/tmp/looked"
            )
        ]
    }
    assert bundle.shell("until [ -e /tmp/looked ]; do sleep 0.05; done").code == 0
    lines = (tmp_path / "ns").read_text().splitlines()
    for number, name in enumerate(("mnt", "net", "uts")):
        assert lines[2 * number] == os.readlink("/proc/self/ns/" + name) != lines[2 * number + 1]
    assert lines[6] == "[", "the mounts are made by then"


def test_create_container_hooks_are_in_the_containers_namespaces_with_paths_of_the_host(
    bundle, tmp_path
):
    (tmp_path / "seen").mkdir()
    (tmp_path / "seen" / "file").touch()
    bundle.config["hostname"] = "box"
    bundle.config["root"]["readonly"] = True
    bundle.mount("/data", "tmpfs", "tmpfs")
    bundle.config["hooks"] = {
        "createContainer": [
            script(
                f"set -e; readlink /proc/self/ns/mnt /proc/self/ns/net > {tmp_path}/ns; pwd >> "
                f"{tmp_path}/ns; mount --bind {tmp_path}/seen {bundle.root}/data"
            )
        ]
    }
    result = bundle.shell("ls /data; readlink /proc/self/ns/mnt; touch /no 2>&1")
    assert result.lines[0] == "file", result
    lines = (tmp_path / "ns").read_text().splitlines()
    assert lines[0] == result.lines[1] != os.readlink("/proc/self/ns/mnt")
    assert lines[1] != os.readlink("/proc/self/ns/net")
    assert lines[2] == bundle.root
    assert "Read-only" in result.out
    assert not os.path.exists(bundle.root + "/data/file"), "the mount is the container's alone"


def test_start_container_hooks_have_the_programs_rights_and_directory(bundle):
    bundle.process["user"] = {"uid": 1234, "gid": 56}
    bundle.process["cwd"] = "/tmp"
    bundle.process["noNewPrivileges"] = True
    bundle.linux["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}],
    }
    bundle.config["hooks"] = {
        "startContainer": [
            script(
                "{ id -u; id -g; pwd; grep -E 'CapPrm|NoNewPrivs|^Seccomp:' /proc/self/status; mkdir d; "
                "} > /tmp/out 2>&1; exit 0"
            )
        ]
    }
    result = bundle.shell("cat /tmp/out; grep -E 'CapPrm|NoNewPrivs|^Seccomp:' /proc/self/status")
    assert result.lines[:3] == ["1234", "56", "/tmp"], result
    assert result.lines[3:6] == result.lines[7:10]
    assert "Function not implemented" in result.lines[6]


@pytest.mark.parametrize(
    "hook, words",
    [
        ({"path": "bin/true"}, "absolute path"),
        ({"path": "/bin/true", "timeout": 0}, "timeout 0"),
        ({"path": "/bin/true", "timeout": -1}, "timeout -1"),
        ({"path": "/bin/true", "args": ["a\0b"]}, "NUL"),
        ({}, "absolute path"),
    ],
)
def test_what_can_not_be_a_hook_is_refused_first(bundle, hook, words, tmp_path):
    bundle.config["hooks"] = {
        "createRuntime": [script(f"touch {tmp_path}/ran")],
        "poststop": [hook],
    }
    bundle.refused("hooks.poststop", words)
    assert not (tmp_path / "ran").exists()


def test_a_missing_program_says_so(bundle):
    bundle.config["hooks"] = {"createRuntime": [{"path": "/nowhere/hook"}]}
    bundle.refused("error running createRuntime hook #0: /nowhere/hook", "no such file")
