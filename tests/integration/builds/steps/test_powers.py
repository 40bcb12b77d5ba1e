# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What RUN may have beyond a container's usual powers, where its cgroup is, and an ignore file from elsewhere."""

from __future__ import annotations

import contextlib
import glob
import os
import secrets

import pytest
from integration.builds.test_task import command, options, task  # noqa: F401 - fixtures
from pycontainer import containers, images
from pycontainer.builds.parse.lines import BadFile
from pycontainer.builds.steps import build_progress
from pycontainer.errors import InvalidInput
from pycontainer.kernel import cgroups

INSECURE = "FROM box:1\nRUN --security=insecure grep -E '^(CapEff|Seccomp):' /proc/self/status > /x; test -w /proc/sys/kernel/hostname && echo w >> /x\n"


def test_insecure_has_the_hosts_powers(builder):
    with open("/proc/self/status") as file:
        all_of_host = next(line.split()[1] for line in file if line.startswith("CapBnd"))
    record = builder(INSECURE, allowed=["security.insecure"])
    assert builder.read(record, "x").split() == ["CapEff:", all_of_host, "Seccomp:", "0", "w"]
    assert builder(INSECURE, allowed=["security.insecure"], name="t:2")["id"] == record["id"]
    plain = builder(INSECURE.replace(" --security=insecure", " --security=sandbox"))
    assert plain["id"] != record["id"] and builder.read(plain, "x").split()[1] == "00000000a80425fb"


@pytest.mark.parametrize(
    "text, options, line",
    [
        (INSECURE, {}, 2),
        (INSECURE, {"allowed": ["network.host"]}, 2),
        ("FROM box:1\nRUN true\nRUN --network=host true", {}, 3),
        ("FROM box:1 AS a\nONBUILD RUN --security=insecure true\nFROM a", {}, 3),
    ],
)
def test_what_is_not_allowed_is_refused_before_anything_runs(builder, text, options, line):
    with pytest.raises(
        BadFile,
        match=(
            ":%d: RUN: --.* is not allowed here; --allow|:%d: RUN: --security=insecure is not "
            "allowed"
        )
        % (line, line),
    ):
        builder(text, **options)
    assert builder.ran == [] and images.find(builder.engine, "t:1") is None


def test_what_is_allowed(builder):
    text = "FROM box:1 AS other\nRUN --security=insecure true\nFROM box:1\nRUN --network=host grep -c : /proc/net/dev > /x"
    with open("/proc/net/dev") as file:
        count = "%d\n" % sum(":" in line for line in file)
    for more in ({"allowed": ["network.host"]}, {"network": "host"}):
        assert builder.read(builder(text, nocache=True, **more), "x") == count
    with pytest.raises(
        InvalidInput,
        match="allow: 'device' is not valid; accepted: network.host, security.insecure",
    ):
        builder(text, allowed=["device"])


def test_the_parent_of_the_cgroup(builder, monkeypatch):
    name, seen = "builds-test-" + secrets.token_hex(4), []

    def output(_self, _line):
        seen.extend(
            path
            for top in cgroups.base_paths("/" + name).values()
            for path in glob.glob(top + "/*/")
        )

    monkeypatch.setattr(build_progress.Plain, "output", output)
    try:
        builder(
            "FROM box:1\nRUN echo here; sleep 0.2",
            limits=containers.definition({"cgroup_parent": "/" + name}),
        )
        assert seen and all(not os.path.exists(path) for path in seen)
    finally:
        for top in cgroups.base_paths("/" + name).values():
            with contextlib.suppress(FileNotFoundError):
                os.rmdir(top)


def test_the_command_and_the_task(builder, command, task, tmp_path):
    context = builder.context(
        {
            "Containerfile": "FROM box:1\nCOPY . /c/\n",
            "a": "1",
            "b": "2",
            ".dockerignore": "a\n",
            "Powers": INSECURE,
        }
    )
    (tmp_path / "ignored").write_text("b\nContainerfile\nPowers\n.dockerignore\n")
    code, dummy, said = command(
        "build", "-t", "t:1", "--ignorefile", str(tmp_path / "ignored"), context
    )
    assert code == 0, said
    assert {
        name for name in builder.tree(images.get(builder.engine, "t:1")) if name.startswith("c/")
    } == {"c/a"}
    assert not task(name="t:1", build=options(context, ignorefile=str(tmp_path / "ignored")))[
        "changed"
    ]
    code, dummy, said = command("build", "--ignorefile", "/nonexistent", context)
    assert code == 1 and "ignorefile: '/nonexistent' is not valid" in said
    assert command("build", "-f", context + "/Powers", "--network=none", context)[0] == 1
    assert (
        command(
            "build",
            "-t",
            "t:2",
            "-f",
            context + "/Powers",
            "--network=none",
            "--allow",
            "security.insecure",
            context,
        )[0]
        == 0
    )
    assert not task(
        name="t:2", build=options(context, dockerfile="Powers", allow=["security.insecure"])
    )["changed"]
    code, dummy, said = command("build", "--cgroup-parent", "../x", context)
    assert code == 1 and "cgroup_parent: '../x' is not valid" in said


def test_the_later_of_two_stages_with_one_name_is_meant(builder):
    record = builder(
        "FROM box:1 AS a\nRUN echo first > /f\nFROM a AS b\nRUN cat /f > /g\nFROM box:1 AS A\nRUN "
        "echo second > /f\n"
        "FROM a\nCOPY --from=a /f /copied\nCOPY --from=b /g /before\nRUN --mount=from=a,target=/m "
        "cat /m/f > /mounted"
    )
    assert [builder.read(record, name) for name in ("f", "copied", "before", "mounted")] == [
        "second\n",
        "second\n",
        "first\n",
        "second\n",
    ]
    assert (
        builder.read(
            builder("FROM box:1 AS a\nRUN false\nFROM box:1 AS a\nRUN echo 2 > /f", target="a"), "f"
        )
        == "2\n"
    )
