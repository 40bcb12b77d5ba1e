# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""AppArmor: containers, commands in them and build steps are confined by default, by another profile or not at all, as asked for."""

from __future__ import annotations

import json
import pathlib
import shutil
import subprocess

import pytest
from pycontainer.errors import InvalidInput, Unsupported
from pycontainer.kernel.calls.constants import MACHINE
from pycontainer.kernel.isolation import apparmor

HERE = apparmor.enabled() and shutil.which("apparmor_parser", path="/usr/sbin:/sbin") is not None
confined = pytest.mark.skipif(not HERE, reason="needs a kernel with AppArmor, and apparmor_parser")
CURRENT = ("cat", "/proc/self/attr/current")
DEFAULT = apparmor.DEFAULT + " (enforce)"
OWN = "profile pycontainer-test flags=(attach_disconnected) {\n  file,\n  capability,\n  network,\n  signal,\n  deny /srv/** w,\n}\n"


@pytest.fixture
def own():
    """A profile of the administrator's; and the default one, which a test may take away."""
    subprocess.run(["apparmor_parser", "-Kr"], input=OWN, text=True, check=True)
    yield "apparmor=pycontainer-test"
    for text in (OWN, apparmor.RULES % {"name": apparmor.DEFAULT}):
        subprocess.run(
            ["apparmor_parser", "-R"], input=text, text=True, stderr=subprocess.DEVNULL, check=False
        )


@confined
def test_all_that_runs_in_a_container_is_confined(docker, tmp_path):
    assert docker("run", "--rm", "box:1", *CURRENT).strip() == DEFAULT
    assert (
        docker(
            "run",
            "--rm",
            "--init",
            "--security-opt",
            "no-new-privileges",
            "--user",
            "www",
            "box:1",
            *CURRENT,
        ).strip()
        == DEFAULT
    )
    docker(
        "run",
        "-d",
        "--name",
        "web",
        "--health-cmd",
        "cat /proc/self/attr/current",
        "--health-interval",
        "1s",
        "box:1",
    )
    assert (
        docker("exec", "web", *CURRENT).strip()
        == docker("exec", "--user", "www", "web", *CURRENT).strip()
        == DEFAULT
    )
    assert docker("exec", "--privileged", "web", *CURRENT).strip() == "unconfined"
    found = json.loads(docker("inspect", "web"))[0]
    assert found["AppArmorProfile"] == apparmor.DEFAULT and not any(
        "AppArmor" in line for line in found["Security"]["Findings"]
    )
    (tmp_path / "Dockerfile").write_text("FROM box:1\nRUN cat /proc/self/attr/current > /seen\n")
    docker("build", "-t", "seen:1", str(tmp_path))
    assert docker("run", "--rm", "seen:1", "cat", "/seen").strip() == DEFAULT


@confined
@pytest.mark.skipif(
    MACHINE != "x86_64" or not shutil.which("gcc"), reason="needs x86 and a C compiler"
)
def test_families_of_sockets_whatever_the_call(docker, tmp_path):
    """i386's socketcall has its arguments where no seccomp filter can look."""
    subprocess.run(
        [
            "gcc",
            "-static",
            "-o",
            tmp_path / "calls",
            pathlib.Path(__file__).parents[2] / "attacks" / "programs" / "calls.c",
        ],
        check=True,
    )
    answers = docker(
        "run",
        "--rm",
        "--security-opt",
        "seccomp=unconfined",
        "-v",
        f"{tmp_path / 'calls'}:/calls:ro",
        "box:1",
        "/calls",
        "s,102,1,38,5,0",
        "s,102,1,40,1,0",
        "i,359,38,5,0",
        "s,102,1,1,1,0",
    ).split()
    assert answers[1::2] == ["-13", "-13", "-13", "0"]


@confined
def test_what_it_refuses(docker):
    mighty = (
        "run",
        "--rm",
        "--userns=host",
        "--cap-add",
        "ALL",
        "--security-opt",
        "seccomp=unconfined",
        "--security-opt",
        "systempaths=unconfined",
    )
    attempts = (
        "mount -t tmpfs none /srv && echo mounted; echo 10 > /proc/sys/vm/swappiness && echo set; "
        "echo h > /proc/sysrq-trigger && echo asked; "
        "umount /dev/mqueue && echo unmounted; echo 1 > /proc/self/oom_score_adj && echo "
        "adjusted; echo 3 > /proc/sys/kernel/shm_rmid_forced; true"
    )
    assert docker(*mighty, "box:1", "sh", "-c", attempts).split() == ["unmounted", "adjusted"]
    assert (
        "mounted"
        in docker(
            *mighty,
            "--security-opt",
            "apparmor=unconfined",
            "box:1",
            "sh",
            "-c",
            "mount -t tmpfs none /srv && echo mounted",
        ).split()
    )
    docker(
        "run",
        "-d",
        "--name",
        "one",
        "--pid=host",
        "--cap-add",
        "KILL",
        "--cap-add",
        "SYS_PTRACE",
        "--userns=host",
        "box:1",
    )
    with subprocess.Popen(["sleep", "100"]) as process:
        try:
            assert "ermission denied" in docker(
                "exec",
                "one",
                "sh",
                "-c",
                "kill %d 2>&1; cat /proc/%d/environ 2>&1; true" % (process.pid, process.pid),
            )
            assert process.poll() is None
        finally:
            process.kill()


@confined
def test_another_profile_and_none(docker, own):
    assert docker(
        "run",
        "--rm",
        "--security-opt",
        own,
        "box:1",
        "sh",
        "-c",
        "cat /proc/self/attr/current; touch /srv/x 2>/dev/null || echo refused",
    ).split() == ["pycontainer-test", "(enforce)", "refused"]
    for words in (("--privileged",), ("--security-opt", "apparmor=unconfined")):
        assert docker("run", "--rm", *words, "box:1", *CURRENT).strip() == "unconfined"
    assert (
        docker(
            "run", "--rm", "--privileged", "--security-opt", "apparmor=default", "box:1", *CURRENT
        ).strip()
        == DEFAULT
    )
    assert "accepted: default, unconfined, or a profile that is loaded" in docker(
        "create", "--security-opt", "apparmor=missing", "box:1", rc=1
    )


@confined
def test_it_is_loaded_again_where_it_is_gone(docker, own):
    """As after a boot; and a container from before AppArmor was enabled is confined from its next start on."""
    docker("run", "-d", "--name", "web", "--stop-timeout", "0", "box:1")
    docker("stop", "web")
    subprocess.run(
        ["apparmor_parser", "-R"],
        input=apparmor.RULES % {"name": apparmor.DEFAULT},
        text=True,
        check=True,
    )
    docker("start", "web")
    assert (
        docker("exec", "web", *CURRENT).strip() == DEFAULT and apparmor.DEFAULT in apparmor.loaded()
    )
    path = (
        docker.engine.paths.container(json.loads(docker("inspect", "web"))[0]["Id"])
        + "/config.json"
    )
    with open(path) as file:
        config = json.load(file)
    assert config["process"].pop("apparmorProfile") == apparmor.DEFAULT
    docker("stop", "web")
    with open(path, "w") as file:
        json.dump(config, file)
    docker("start", "web")
    assert docker("exec", "web", *CURRENT).strip() == DEFAULT


@confined
def test_a_restored_container_is_confined_as_before(docker):
    program = shutil.which("criu", path="/usr/sbin:/sbin:/usr/bin")
    if (
        program is None
        or subprocess.run(
            [program, "check"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
        ).returncode
    ):
        pytest.skip("CRIU does not work here (criu check)")
    docker("run", "-d", "--name", "web", "--network", "none", "--userns", "host", "box:1")
    docker("checkpoint", "create", "web", "one")
    docker("start", "--checkpoint", "one", "web")
    assert docker("exec", "web", "cat", "/proc/1/attr/current").strip() == DEFAULT


@pytest.mark.skipif(apparmor.enabled(), reason="needs a kernel without AppArmor")
def test_where_there_is_none(docker):
    """Nothing is said of what nobody asked for; what was asked for is refused before anything is made."""
    docker("run", "--rm", "box:1", "true")
    docker("run", "--rm", "--security-opt", "apparmor=unconfined", "box:1", "true")
    for profile in ("default", "docker-default"):
        assert f"security_opts: apparmor={profile}: AppArmor is not enabled on this host" in docker(
            "create", "--security-opt", "apparmor=" + profile, "box:1", rc=1
        )
    assert docker("ps", "-aq") == ""


def test_a_host_with_apparmor_and_without_its_parser(monkeypatch, tmp_path):
    """The kernel's files, as this reads them, in another place."""
    from pycontainer.containers.plans import preconditions

    (tmp_path / "enabled").write_text("Y\n")
    (tmp_path / "profiles").write_text("/usr/bin/man (enforce)\nman with spaces (complain)\n")
    monkeypatch.setattr(apparmor, "MODULE", str(tmp_path / "enabled"))
    monkeypatch.setattr(apparmor, "PROFILES", str(tmp_path / "profiles"))
    monkeypatch.setattr(apparmor, "OWN", (str(tmp_path / "missing"), str(tmp_path / "own")))
    (tmp_path / "own").write_text("unconfined\n")
    monkeypatch.setattr(apparmor, "_parser", lambda: None)
    assert apparmor.default() == (None, "apparmor_parser, which loads profiles, is not installed")
    assert apparmor.loaded() == {"/usr/bin/man", "man with spaces"}
    preconditions._apparmor({"security_opts": ["apparmor=man with spaces"]})
    with pytest.raises(
        Unsupported,
        match=(
            "apparmor=default: apparmor_parser, which loads profiles, is not installed on this host"
        ),
    ):
        preconditions._apparmor({"security_opts": ["apparmor=default"]})
    with pytest.raises(InvalidInput, match="loaded on this host"):
        preconditions._apparmor({"security_opts": ["apparmor=docker-default"]})
    (tmp_path / "profiles").write_text(apparmor.DEFAULT + " (enforce)\n")
    assert apparmor.default() == (apparmor.DEFAULT, "")
    (tmp_path / "own").write_text(
        "ansible (unconfined)\n"
    )  # a profile of that mode: a name, and no rules
    assert apparmor.default() == (apparmor.DEFAULT, "")
    (tmp_path / "own").write_text("lxc-container-default (enforce)\n")
    assert apparmor.default() == (
        None,
        "the engine is confined by AppArmor itself (lxc-container-default (enforce))",
    )
    monkeypatch.setattr(apparmor, "loaded", lambda: None)
    assert apparmor.default() == (None, "the engine may not manage AppArmor profiles")
    preconditions._apparmor({"security_opts": ["apparmor=theirs"]})
    (tmp_path / "enabled").write_text("N\n")
    assert apparmor.default() == (None, "AppArmor is not enabled")
