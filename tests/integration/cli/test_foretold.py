# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A playbook in check mode, by ansible-playbook over a local connection: what a task would bring is there for the tasks after it."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest

PLAYBOOK = os.path.join(os.path.dirname(sys.executable), "ansible-playbook")
CALLBACKS = str(pathlib.Path(__file__).resolve().parents[2] / "hosts" / "callback")
IGNORED = {"ignore_errors": True}
NAME = "pct-foretold/web:1"  # Docker Hub has no such image, and is not asked


def task(title, module, **options):
    return {"name": title, "pycontainer.engine." + module: options}


@pytest.fixture
def check(tmp_path):
    """``check(*tasks)``: the results, by the tasks' names."""
    if not os.path.exists(PLAYBOOK):
        pytest.skip("needs ansible-core beside this Python")

    def run(*tasks):
        (tmp_path / "play.json").write_text(
            json.dumps([{"hosts": "all", "gather_facts": False, "tasks": list(tasks)}])
        )
        file = tmp_path / "whole.json"
        environment = dict(
            os.environ,
            WHOLE_FILE=str(file),
            ANSIBLE_CALLBACK_PLUGINS=CALLBACKS,
            ANSIBLE_CALLBACKS_ENABLED="whole",
        )
        done = subprocess.run(
            [
                PLAYBOOK,
                "--check",
                "--diff",
                "-i",
                "here,",
                "-e",
                "ansible_connection=local ansible_python_interpreter=/usr/bin/python3",
                tmp_path / "play.json",
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env=environment,
        )
        assert file.exists(), done.stdout + done.stderr
        written = json.loads(file.read_text())
        return {
            entry["name"]: entry["hosts"].get("here")
            for entry in (written["tasks"] if isinstance(written, dict) else written)
        }

    return run


def test_images_of_earlier_tasks(check, docker, tmp_path):
    archive = str(tmp_path / "web.tar")
    docker("tag", "box:1", NAME)
    docker("save", "-o", archive, NAME)
    (tmp_path / "Containerfile").write_text('FROM scratch\nCOPY web.tar /\nCMD ["/x"]\n')
    found = check(
        task("deliver", "image", name=NAME, source="controller", path=archive),
        task(
            "tag", "image", name=NAME, source="local", repository="pct-foretold/other:2", push=True
        ),
        task(
            "build",
            "image",
            name="pct-foretold/built:1",
            source="build",
            build={"path": str(tmp_path)},
        ),
        task(
            "run",
            "container",
            containers=[
                {"name": "pct-one", "image": NAME, "network_mode": "none"},
                {"name": "pct-two", "image": "pct-foretold/other:2", "network_mode": "none"},
                {
                    "name": "pct-three",
                    "image": "pct-foretold/built:1",
                    "network_mode": "none",
                    "state": "healthy",
                    "healthcheck": {"test": "true"},
                },
            ],
        ),
    )
    assert found["tag"]["actions"] == [
        "tag image as pct-foretold/other:2",
        "push image pct-foretold/other:2",
    ]
    for result, by in zip(found["run"]["results"], ("deliver", "tag", "build")):
        name = result["name"]
        assert result["actions"] == [
            f"create container {name} from the image that the task {by} would bring",
            f"start container {name}",
        ]


def test_builds_and_commands_on_images_of_earlier_tasks(check, docker, tmp_path):
    archive = str(tmp_path / "web.tar")
    docker("tag", "box:1", NAME)
    docker("save", "-o", archive, NAME)
    (tmp_path / "Containerfile").write_text(f'FROM {NAME}\nENV A=1\nCMD ["/x"]\n')
    (tmp_path / "copying").write_text(f"FROM scratch\nCOPY --from={NAME} /bin /bin\n")
    found = check(
        task("deliver", "image", name=NAME, source="controller", path=archive),
        task(
            "build",
            "image",
            name="pct-foretold/built:1",
            source="build",
            build={"path": str(tmp_path)},
        ),
        task("adhoc build", "pycontainer", cmd=f"build -t pct-foretold/adhoc:1 {tmp_path}"),
        task(
            "adhoc copy",
            "pycontainer",
            cmd=f"build -t pct-foretold/copied:1 -f {tmp_path}/copying {tmp_path}",
        ),
        task("adhoc tag", "pycontainer", cmd=f"tag {NAME} pct-foretold/tagged:1"),
        task("adhoc load", "pycontainer", cmd=f"load -i {archive}"),
        task(
            "run",
            "container",
            containers=[
                {"name": name, "image": image, "network_mode": "none"}
                for name, image in (
                    ("pct-one", "pct-foretold/adhoc:1"),
                    ("pct-two", "pct-foretold/tagged:1"),
                    ("pct-three", "pct-foretold/copied:1"),
                )
            ],
        ),
        task("adhoc run", "pycontainer", cmd="run -d --network none pct-foretold/built:1"),
    )
    waits = "use the image that the task deliver would bring"
    for name, tag in (("build", "built"), ("adhoc build", "adhoc"), ("adhoc copy", "copied")):
        assert found[name]["actions"] == [f"build image pct-foretold/{tag}:1: {waits}"]
    assert not [name for name, result in found.items() if result.get("foretold")]
    assert "results" in found["run"], found
    for result, by in zip(found["run"]["results"], ("adhoc build", "adhoc tag", "adhoc copy")):
        assert f"from the image that the task {by} would bring" in result["actions"][0]
    assert "from the image that the task build would bring" in found["adhoc run"]["actions"][0]


def test_secrets_of_earlier_tasks(check, docker, tmp_path):
    """The host of these tasks is this machine, whose store has none of these names."""
    archive = str(tmp_path / "web.tar")
    docker("tag", "box:1", NAME)
    docker("save", "-o", archive, NAME)
    run = {"image": NAME, "network_mode": "none", "state": "present"}
    found = check(
        task("image", "image", name=NAME, source="controller", path=archive),
        task("secret", "secret", name="pct-pw", data="hunter2-of-the-tests"),
        task("config", "config", name="pct-conf", data="2", rolling_versions=True),
        task("one", "container", name="pct-1", secrets=["pct-pw"], configs=["pct-conf_v1"], **run),
        task("adhoc", "pycontainer", cmd=f"create --secret pct-pw --network none {NAME}"),
        {
            **task("typo", "container", name="pct-2", secrets=["pct-pv"], **run),
            "ignore_errors": True,
        },
        task("gone", "secret", name="pct-pw", state="absent"),
    )
    assert found["one"]["actions"] == [
        "create container pct-1 from the image that the task image would bring"
    ], found["one"]
    assert found["adhoc"]["changed"], found["adhoc"]
    assert "secrets: secret pct-pv does not exist (make it first" in found["typo"]["msg"]
    assert found["gone"]["actions"] == ["remove secret pct-pw"]


def test_networks_and_containers_of_earlier_tasks(check, docker, tmp_path):
    archive = str(tmp_path / "web.tar")
    docker("tag", "box:1", NAME)
    docker("save", "-o", archive, NAME)
    other = {"image": NAME, "network_mode": "none"}
    found = check(
        task("image", "image", name=NAME, source="controller", path=archive),
        task("net", "network", name="pct-net"),
        task("web", "container", name="pct-web", image=NAME, networks=[{"name": "pct-net"}]),
        task(
            "more",
            "container",
            containers=[
                {"name": "pct-side", "image": NAME, "network_mode": "container:pct-web"},
                {"name": "pct-data", "volumes_from": ["pct-web"], **other},
                {"name": "pct-late", "depends_on": ["pct-web"], **other},
            ],
        ),
        task("exec", "container_exec", container="pct-web", argv=["true"]),
        task("adhoc", "pycontainer", cmd="network create pct-net2"),
        task("adhoc run", "pycontainer", cmd=f"run -d --network pct-net2 --name pct-x {NAME}"),
        task("exec in that", "container_exec", container="pct-x", argv=["true"]),
        task("gone", "network", name="pct-net", state="absent"),
        {
            **task("late", "container", name="pct-y", image=NAME, networks=[{"name": "pct-net"}]),
            "ignore_errors": True,
        },
        task("no image", "image", name=NAME, state="absent"),
    )
    failed = {name: result["msg"] for name, result in found.items() if result.get("failed")}
    assert failed == {"late": "networks: network pct-net does not exist"}
    assert found["exec"]["actions"] == ["run true in container pct-web"]
    assert found["exec in that"]["rc"] == 0
    assert len(found["more"]["actions"]) >= 6, found["more"]


def test_copies_to_containers_of_earlier_tasks(check, docker, tmp_path):
    archive = str(tmp_path / "web.tar")
    docker("tag", "box:1", NAME)
    docker("save", "-o", archive, NAME)
    tree = tmp_path / "files" / "tree"
    (tree / "deep").mkdir(parents=True)
    (tree / "deep" / "leaf").write_text("leaf\n")
    into = {"container": "pct-web", "dest": "/srv"}
    found = check(
        task("image", "image", name=NAME, source="controller", path=archive),
        task("web", "container", name="pct-web", image=NAME, network_mode="none"),
        task("content", "container_copy", container="pct-web", content="x\n", dest="/etc/x"),
        task("tree", "container_copy", src="tree", **into),
        task("in tree", "container_copy", src=f"{tree}/", remote_src=True, **into),
        task("out", "container_copy", container="pct-web", from_container=True, src="/x", dest="x"),
        {
            **task("typo", "container_copy", content="x", owner="a", owner_id=1, **into),
            "ignore_errors": True,
        },
        task("gone", "container", name="pct-web", state="absent"),
        {**task("late", "container_copy", content="x", **into), "ignore_errors": True},
    )
    content = found["content"]
    assert content["actions"] == ["write /etc/x in container pct-web"] and content["changed"]
    assert content["diff"][0]["after"] == "x\n" and content["files"] == ["/etc/x"]
    assert found["tree"]["actions"] == [
        "make directory /srv/tree in container pct-web",
        "make directory /srv/tree/deep in container pct-web",
        "write /srv/tree/deep/leaf in container pct-web",
    ]
    assert found["in tree"]["files"] == ["/srv/deep", "/srv/deep/leaf"]
    assert found["out"]["actions"] == ["write x, which is /x of container pct-web"]
    assert "either owner or owner_id" in found["typo"]["msg"]
    assert found["late"]["msg"] == "container pct-web does not exist"


def test_what_would_come_and_go(check, docker, tmp_path):
    """What a checked command or task would remove is not there for those after it."""
    archive = str(tmp_path / "web.tar")
    docker("tag", "box:1", NAME)
    docker("save", "-o", archive, NAME)
    (tmp_path / "file").write_text("x")
    made = {"network": "pct-net", "secret": "pct-one", "config": "pct-one", "volume": "pct-vol"}
    found = check(
        task("image", "image", name=NAME, source="controller", path=archive),
        task("web", "container", name="pct-web", image=NAME, network_mode="none"),
        task("side", "container", name="pct-side", image=NAME, network_mode="none"),
        task("rm", "pycontainer", cmd="rm -f pct-web"),
        task("absent", "container", name="pct-side", state="absent"),
        task("network", "network", name="pct-net"),
        task("secret", "secret", name="pct-one", data="hunter2-of-the-tests"),
        task("volume", "pycontainer", cmd="volume create pct-vol"),
        task("config", "pycontainer", cmd=f"config create pct-one {tmp_path}/file"),
        *[
            task(f"{kind} rm", "pycontainer", cmd=f"{kind} rm {name}")
            for kind, name in made.items()
        ],
        task("rmi", "pycontainer", cmd=f"rmi {NAME}"),
        *[
            {**task(f"{cmd} again", "pycontainer", cmd=cmd), **IGNORED}
            for cmd in (
                *("rm pct-web", "rm pct-side", f"rmi {NAME}"),
                *(f"{kind} rm {name}" for kind, name in made.items()),
            )
        ],
    )
    assert found["rm"]["actions"] == ["remove container pct-web"] and found["rm"]["changed"]
    assert found["absent"]["actions"] == ["remove container pct-side"]
    assert found["network rm"]["actions"] == ["remove network pct-net"]
    assert found["secret rm"]["stdout"] == "pct-one" and found["config rm"]["changed"]
    assert found["rmi"]["actions"] == [f"remove image {NAME}"]
    failed = [name for name, result in found.items() if result.get("failed")]
    assert len(failed) == 7 and all(name.endswith(" again") for name in failed), failed


def test_modules_take_away_what_would_come(check, docker, tmp_path):
    """state: absent of what only an earlier task would make is a change, and once alone."""
    archive = str(tmp_path / "web.tar")
    docker("tag", "box:1", NAME)
    docker("save", "-o", archive, NAME)
    data = {"data": "hunter2-of-the-tests"}
    made = {
        "image": (NAME, {"source": "controller", "path": archive}, NAME),
        "network": ("pct-net", {}, "pct-net"),
        "volume": ("pct-vol", {}, "pct-vol"),
        "secret": ("pct-pw", data, "pct-pw"),
        "config": ("pct-conf", {**data, "rolling_versions": True}, "pct-conf_v1"),
    }
    absent = {
        kind: {"name": name, "state": "absent"}
        | ({"rolling_versions": True} if kind == "config" else {})
        for kind, (name, _, _) in made.items()
    }
    found = check(
        *[task(kind, kind, name=name, **more) for kind, (name, more, _) in made.items()],
        *[task(f"no {kind}", kind, **options) for kind, options in absent.items()],
        *[task(f"no {kind} again", kind, **options) for kind, options in absent.items()],
    )
    assert not [name for name, result in found.items() if result.get("failed")], found
    for kind, (_, _, shown) in made.items():
        assert found[f"no {kind}"]["actions"] == [f"remove {kind} {shown}"]
        assert found[f"no {kind}"]["changed"] and not found[f"no {kind} again"]["changed"]
