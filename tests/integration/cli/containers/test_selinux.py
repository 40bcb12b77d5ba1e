# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""SELinux: containers have labels where the host's setting or their options say so, and what they are given is labelled for them.

Most of it needs a host that enforces a policy with contexts for containers; `make test-vm` has one.
"""

from __future__ import annotations

import json
import os

import pytest
from pycontainer.errors import InvalidInput, Unsupported
from pycontainer.kernel.isolation import selinux
from pycontainer.kernel.processes import procfs
from pycontainer.reconcile import carry_out
from pycontainer.store import settings

WHY = selinux.defaults()[1] or (
    ""
    if procfs.read(selinux.FILES + "/enforce") == "1"
    else "SELinux is not enforcing (setenforce 1)"
)
enforced = pytest.mark.skipif(bool(WHY), reason=WHY)
CURRENT = ("cat", "/proc/self/attr/current")


@pytest.fixture
def labelled(docker):
    """The commands, on a host whose containers have labels."""
    settings.write(
        docker.engine.paths.config, dict(settings.given(docker.engine.paths.config), selinux=True)
    )
    return docker


@pytest.fixture
def shared(tmp_path):
    """A directory of the host's with a file in it."""
    (tmp_path / "shared" / "sub").mkdir(parents=True)
    (tmp_path / "shared" / "sub" / "file").write_text("text\n")
    os.symlink("/etc/passwd", tmp_path / "shared" / "link")
    return tmp_path / "shared"


def label(docker, *words):
    return docker(*words, *CURRENT).strip("\n\0")


def inspected(docker, name):
    return json.loads(docker("inspect", name))[0]


def kind(context):
    return context.split(":")[2]


@enforced
def test_all_that_runs_in_a_container_has_its_label(labelled):
    labelled(
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
    labelled("run", "-d", "--name", "other", "--userns", "host", "box:1")
    found = inspected(labelled, "web")
    process, files = found["ProcessLabel"], found["MountLabel"]
    assert (
        kind(process) == kind(selinux.defaults()[0]["process"])
        and process != inspected(labelled, "other")["ProcessLabel"]
    )
    assert process.split(":", 3)[3] == files.split(":", 3)[3] and not any(
        "SELinux" in line for line in found["Security"]["Findings"]
    )
    for words in (
        ("exec", "web"),
        ("exec", "--user", "www", "web"),
        ("exec", "--privileged", "web"),
    ):
        assert label(labelled, *words) == process
    assert (
        labelled(
            "exec",
            "web",
            "sh",
            "-c",
            "touch /made /tmp/made /dev/shm/made && cat /etc/hosts /etc/resolv.conf > /dev/null "
            "&& echo all",
        )
        == "all"
    )
    assert labelled.on_host("exec", "-i", "web", "cat", stdin="given")[1] == "given"
    assert labelled.on_host(
        "run",
        "-i",
        "--rm",
        "box:1",
        "sh",
        "-c",
        "cat; cat /proc/self/attr/current",
        stdin="given\n",
    )[1].startswith("given\nsystem_u:")
    assert "made" in labelled("diff", "web") and labelled("logs", "web") == ""
    labelled("run", "--name", "brief", "box:1", "echo", "said")
    assert labelled("logs", "brief") == "said"


@enforced
def test_files_of_the_host_and_of_other_containers(labelled, shared):
    read = ("cat", "/data/sub/file")
    mount = f"{shared}:/data"
    assert "Permission denied" in labelled("run", "--rm", "-v", mount, "box:1", *read, rc=1)
    for mode, others in (("z", 0), ("Z", 1)):
        labelled("run", "-d", "--name", "first", "-v", f"{mount}:{mode}", "box:1")
        assert labelled("exec", "first", *read) == "text"
        labelled("exec", "first", "touch", "/data/sub/made")
        assert labelled(
            "run",
            "--rm",
            "-v",
            mount,
            "box:1",
            "sh",
            "-c",
            "cat /data/sub/file >/dev/null 2>&1; echo $?",
        ).strip() == str(others)
        labelled("rm", "-f", "first")
    assert "container" not in selinux.label_of("/etc/passwd"), "the link in it was followed"


@enforced
def test_volumes_and_shared_memory(labelled):
    labelled(
        "run",
        "-d",
        "--name",
        "one",
        "--ipc",
        "shareable",
        "-v",
        "data:/data",
        "-v",
        "/anonymous",
        "box:1",
    )
    labelled("run", "-d", "--name", "two", "--ipc", "container:one", "-v", "data:/data", "box:1")
    labelled(
        "exec",
        "one",
        "sh",
        "-c",
        "echo text > /data/file; echo word > /dev/shm/word; touch /anonymous/file",
    )
    assert labelled("exec", "two", "cat", "/data/file", "/dev/shm/word") == "text\nword"
    assert inspected(labelled, "one")["ProcessLabel"] == inspected(labelled, "two")["ProcessLabel"]
    web = label(labelled, "run", "--rm", "--network", "container:two", "-v", "data:/data", "box:1")
    assert web != inspected(labelled, "one")["ProcessLabel"] and kind(web) == "container_t"
    assert labelled(
        "run",
        "--rm",
        "--network",
        "container:two",
        "box:1",
        "cat",
        "/etc/resolv.conf",
        "/etc/hosts",
    )
    labelled(
        "run",
        "--rm",
        "-v",
        "data:/srv/data",
        "box:1",
        "sh",
        "-c",
        "cat /srv/data/file && touch /srv/data/more",
    )


@enforced
def test_volumes_that_show_something_else(labelled, shared):
    """A tmpfs is the container's; a directory of the host's is labelled if that is asked for, and never one that its services use."""
    labelled(
        "volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "-o", "o=size=1m", "quick"
    )
    labelled(
        "volume", "create", "-o", "type=none", "-o", "o=bind", "-o", f"device={shared}", "theirs"
    )
    labelled("volume", "create", "-o", "type=none", "-o", "o=bind", "-o", "device=/etc", "hosts")
    before = selinux.label_of("/etc/passwd")
    labelled("run", "--rm", "-v", "quick:/quick", "box:1", "touch", "/quick/file")
    assert "Permission denied" in labelled(
        "run", "--rm", "-v", "theirs:/data", "box:1", "cat", "/data/sub/file", rc=1
    )
    assert (
        labelled("run", "--rm", "-v", "theirs:/data:z", "box:1", "cat", "/data/sub/file") == "text"
    )
    assert "services of the host would lose what is there" in labelled(
        "run", "--rm", "-v", "hosts:/data:Z", "box:1", "true", rc=125
    )
    assert selinux.label_of("/etc/passwd") == before != ""


@enforced
def test_options(labelled):
    own = label(labelled, "run", "--rm", "--security-opt", "label=disable", "box:1")
    assert kind(own) != "container_t"
    assert (
        label(labelled, "run", "--rm", "--privileged", "box:1")
        == label(labelled, "run", "--rm", "--pid", "host", "box:1")
        == own
    )
    assert label(
        labelled, "run", "--rm", "--security-opt", "label=level:s0:c7,c9", "box:1"
    ).endswith(":s0:c7,c9")
    assert (
        kind(
            label(
                labelled,
                "run",
                "--rm",
                "--privileged",
                "--security-opt",
                "label:type:container_t",
                "box:1",
            )
        )
        == "container_t"
    )
    labelled("create", "--name", "bare", "--security-opt", "label=disable", "box:1")
    assert (
        "security_opts: label=disable: no SELinux label, which this host's containers have"
        in inspected(labelled, "bare")["Security"]["Findings"]
    )
    assert "label=type:nonsense_t" in labelled(
        "create", "--security-opt", "label=type:nonsense_t", "box:1", rc=1
    )
    assert "'/etc:/data:z' is not valid; accepted: a path that is not the host's own" in labelled(
        "create", "-v", "/etc:/data:z", "box:1", rc=1
    )


@enforced
def test_starts_and_the_hosts_setting(docker):
    docker("run", "-d", "--name", "web", "--stop-timeout", "0", "box:1")
    assert (
        inspected(docker, "web")["ProcessLabel"] == ""
        and kind(label(docker, "exec", "web")) != "container_t"
    )
    assert (
        kind(label(docker, "run", "--rm", "--security-opt", "label=type:container_t", "box:1"))
        == "container_t"
    )
    seen = []
    for on in (True, True, False):
        settings.write(docker.engine.paths.config, {"selinux": on})
        docker("restart", "web")
        seen.append(inspected(docker, "web")["ProcessLabel"])
        assert (
            (label(docker, "exec", "web") == seen[-1])
            if on
            else (kind(label(docker, "exec", "web")) != "container_t")
        )
    assert seen[0] == seen[1] != "" and seen[2] == ""


@enforced
def test_files_that_are_copied_or_committed(labelled, tmp_path):
    (tmp_path / "file").write_text("copied\n")
    labelled("run", "-d", "--name", "web", "box:1")
    labelled("cp", str(tmp_path / "file"), "web:/etc/file")
    assert labelled("exec", "web", "cat", "/etc/file") == "copied"
    labelled("commit", "web", "made:1")
    assert labelled("run", "--rm", "made:1", "cat", "/etc/file") == "copied"


@pytest.mark.skipif(selinux.enabled(), reason="needs a kernel without SELinux")
def test_where_there_is_none(docker, shared):
    """What was asked for is refused before anything is made; modes z and Z have nothing to do; a host's setting is of no effect."""
    settings.write(
        docker.engine.paths.config, dict(settings.given(docker.engine.paths.config), selinux=True)
    )
    assert (
        docker(
            "run",
            "--rm",
            "-v",
            f"{shared}:/data:Z",
            "--security-opt",
            "label=disable",
            "box:1",
            "cat",
            "/data/sub/file",
        )
        == "text"
    )
    for option in ("type:container_t", "level:s0:c1,c2", "user:system_u", "role:system_r"):
        assert f"security_opts: label={option}: SELinux is not enabled on this host" in docker(
            "create", "--security-opt", "label=" + option, "box:1", rc=1
        )
    for option in ("", "maybe", "type:", "type:a b", "level:a;b"):
        assert "label=type:<type>" in docker(
            "create", "--security-opt", "label=" + option, "box:1", rc=1
        )
    assert docker("ps", "-aq") == ""


def test_the_hosts_setting_is_written_where_it_can_be_had(engine):
    from pycontainer.host import task
    from pycontainer.reconcile import Plan

    def actions(wanted):
        plan = Plan("host", dict)
        task.plan_selinux(plan, engine, wanted)
        return carry_out(plan, False)["actions"]

    if selinux.defaults()[0] is None:
        with pytest.raises(Unsupported, match="selinux: true: SELinux"):
            actions(True)
        assert settings.given(engine.paths.config) == {}
    else:
        assert (
            len(actions(True)) == 1
            and actions(True) == []
            and settings.read(engine.paths.config)["selinux"] is True
        )
    assert (
        actions(False) == ["set selinux to false in " + engine.paths.config]
        and actions(False) == []
    )
    assert settings.read(engine.paths.config)["selinux"] is False


def test_two_of_one_kind():
    from pycontainer.containers.options import security

    for given in (["label=type:a", "label=type:b"], ["label=disable", "label=type:a"]):
        with pytest.raises(InvalidInput):
            security.check({"security_opts": given})
    assert security.labels(
        {"security_opts": ["label=type:a", "label=level:s0:c1,c2", "apparmor=x"]}
    ) == {"type": "a", "level": "s0:c1,c2"}
