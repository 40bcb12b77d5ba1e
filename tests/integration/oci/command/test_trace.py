# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""PYCONTAINER_TRACE=1: the steps of a start, each a line as it begins (CONTRIBUTING.md, "Debug a container's start")."""

from __future__ import annotations

import os
import pathlib
import re

import pytest

LINE = re.compile(r"trace +\d+\.\d{3} ms (outside|inside): (.+)")
TRACED = dict(os.environ, PYCONTAINER_TRACE="1")
PATHS = {"maskedPaths": ["/proc/kcore"], "readonlyPaths": ["/proc/sys"]}
ALLOW_ALL = {"defaultAction": "SCMP_ACT_ALLOW"}
# What protects the host, in the order in which it must be done.
SAFE = [
    "let nobody look into its memory",  # before anything of the container is in its reach (CVE-2016-9962)
    "part its mounts from the host's",
    "attach its root where the host has it",
    "make its mounts and devices",
    "go into its control group when that has its limits",
    "hide linux.maskedPaths",
    "make linux.readonlyPaths read-only",
    "leave out capabilities that it can't give",
    "let no file become code of this process",  # before the root is entered (CVE-2019-14271)
    "enter the root",
    "close all other descriptors",  # before the working directory (CVE-2024-21626)
    "enter the working directory",
    "set its rlimits",
]
USER, FILTER = (
    "become its user, with its groups and capabilities",
    "install the seccomp filter (nothing more is traced)",
)


def steps(text, side):
    """What one side of a start said that it did; the rest of the text has to be nothing."""
    found = [LINE.fullmatch(line) for line in text.splitlines()]
    assert all(found), text
    return [match[2] for match in found if match[1] == side]


def in_order(wanted, found):
    """Whether these are there, one after the other."""
    rest = iter(found)
    return all(any(one == step for step in rest) for one in wanted)


def test_every_step_of_a_run(runtime, bundle):
    bundle.config["linux"].update(PATHS)
    done = runtime("run", "--bundle", bundle.shell("echo hello").path, "c", env=TRACED)
    assert (done.returncode, done.stdout) == (0, "hello\n")
    outside, inside = steps(done.stderr, "outside"), steps(done.stderr, "inside")
    assert in_order(
        [
            "make its control group",
            "write the control group's limits",
            "write down that there is a process",
            "let it come to its program",
            "wait until its program is executed",
        ],
        outside,
    )
    assert in_order([*SAFE, USER, "execute the program"], inside)


def test_nothing_is_said_otherwise(runtime, bundle):
    for value in ("", "0"):
        done = runtime(
            "run",
            "--bundle",
            bundle.shell("echo hello").path,
            "c",
            env=dict(os.environ, PYCONTAINER_TRACE=value),
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "hello\n", "")


@pytest.mark.parametrize("no_new_privileges", (False, True))
def test_the_filter_is_there_before_the_program(runtime, bundle, no_new_privileges):
    """It is installed with the rights that it needs: before the user's without no_new_privs, else last of all."""
    bundle.config["linux"].update(PATHS, seccomp=ALLOW_ALL)
    bundle.save(args=["true"], noNewPrivileges=no_new_privileges)
    done = runtime("run", "--bundle", bundle.path, "c", env=TRACED)
    inside = steps(done.stderr, "inside")
    assert done.returncode == 0 and inside[-1] == FILTER and in_order([*SAFE, FILTER], inside)
    assert (USER in inside) == no_new_privileges and "execute the program" not in inside


def test_a_step_that_fails_is_the_last(runtime, bundle):
    bundle.config["linux"]["sysctl"] = {"net.ipv4.ip_forward": "many"}
    bundle.save(args=["true"])
    done = runtime("run", "--bundle", bundle.path, "c", env=TRACED)
    *lines, sentence = done.stderr.splitlines()
    assert done.returncode and "sysctl net.ipv4.ip_forward=many" in sentence
    assert steps("\n".join(lines), "inside")[-1] == "set linux.sysctl"


def test_create_start_and_exec(runtime, bundle):
    """Whoever starts hears the rest."""
    with open(bundle.path / "output", "w") as output:
        created = runtime(
            "create", "--bundle", bundle.save().path, "c", env=TRACED, stdout=output, stderr=output
        )
    assert created.returncode == 0
    assert steps((bundle.path / "output").read_text(), "inside")[-1] == "be ready to start"
    started = runtime("start", "c")
    assert in_order([USER, "execute the program"], steps(started.stderr, "inside"))
    executed = runtime("exec", "c", "true", env=TRACED)
    assert executed.returncode == 0
    assert in_order(
        ["let no file become code of this process", "join the container's namespaces", USER],
        steps(executed.stderr, "inside"),
    )
    assert runtime("exec", "c", "true").stderr == ""


def test_a_user_namespace(runtime, bundle):
    ids = [{"containerID": 0, "hostID": 1_500_000_000, "size": 65536}]
    bundle.config["linux"]["namespaces"].append({"type": "user"})
    bundle.config["linux"].update(uidMappings=ids, gidMappings=ids)
    for name in ("dev", "proc"):
        (bundle.rootfs / name).mkdir(exist_ok=True)
    done = runtime("run", "--bundle", bundle.save(args=["true"]).path, "c", env=TRACED)
    assert done.returncode == 0, done.stderr
    assert "write the user namespace's maps, and make what they map" in steps(
        done.stderr, "outside"
    )
    assert in_order(
        [
            "let nobody look into its memory",
            "take the root and the mounts that its maker has made",
            "become the root of its user namespace",
            "make its mounts and devices",
        ],
        steps(done.stderr, "inside"),
    )


def test_contributing_shows_what_is_said(runtime, bundle):
    """The lines of CONTRIBUTING.md are those of a start."""
    page = (pathlib.Path(__file__).parents[4] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = page.partition("## Debug a container's start\n")[2].partition("\n## ")[0]
    shown = [match[2] for match in map(LINE.fullmatch, section.splitlines()) if match]
    done = runtime("run", "--bundle", bundle.save(args=["true"]).path, "c", env=TRACED)
    said = [LINE.fullmatch(line)[2] for line in done.stderr.splitlines()]
    assert len(shown) > 5 and not set(shown) - set(said)
