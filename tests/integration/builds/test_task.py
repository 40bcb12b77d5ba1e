# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``source: build`` of the module image, and the command ``build``."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
from pycontainer import errors, images, reconcile
from pycontainer.builds import task as part

PARAMS = {
    "state": "present",
    "source": "build",
    "pull": "missing",
    "name": "web:1",
    "insecure": False,
    "validate_certs": True,
    "push": False,
    "force_absent": False,
}
TEXT = "FROM box:1\nARG V=0\nRUN echo $V > /v\nCOPY f /f\n"


@pytest.fixture
def task(builder):
    """The module as a function: ``task(build={...}, check=False, **params) -> result``."""

    def do(check=False, **params):
        plan = part.image(builder.engine, dict(PARAMS, **params))
        return reconcile.carry_out(plan, check)

    return do


@pytest.fixture
def context(builder):
    return builder.context(
        {"Containerfile": TEXT, "f": "1", "other/Named": "FROM box:1\nRUN echo other > /o\n"}
    )


def options(context, **more):
    return dict({"path": context, "network": "none"}, **more)


def test_build_name_and_tags(builder, task, context):
    result = task(
        build=options(context, args={"V": 7}, labels={"a": 1}),
        tags=["web:current"],
        repository="shop/web",
    )
    assert result["changed"] and result["actions"] == [
        "build image web:1: run step 3 of 4, line 3: RUN echo $V > /v"
    ]
    assert sorted(result["image"]["RepoTags"]) == ["shop/web:1", "web:1", "web:current"]
    assert (
        result["image"]["Config"]["Labels"] == {"a": "1"}
        and builder.read(images.get(builder.engine, "web:1"), "v") == "7\n"
    )
    again = task(
        build=options(context, args={"V": 7}, labels={"a": 1}),
        tags=["web:current"],
        repository="shop/web",
    )
    assert not again["changed"] and again["image"]["Id"] == result["image"]["Id"]
    more = task(build=options(context, args={"V": "7"}, labels={"a": "1"}), tags=["web:next"])
    assert more["actions"] == ["tag image as web:next"]


def test_another_file_and_stage(builder, task, context):
    record = task(build=options(context, dockerfile="other/Named"))["image"]
    assert builder.read(images.get(builder.engine, record["Id"]), "o") == "other\n"
    with open(context + "/Stages", "w") as file:
        file.write("FROM box:1 AS one\nRUN echo 1 > /o\nFROM box:1\nRUN false\n")
    assert task(build=options(context, dockerfile="Stages", target="one"))["changed"]


def test_a_secret_is_in_no_answer(task, context, builder):
    with open(context + "/Secret", "w") as file:
        file.write(
            "FROM box:1\nRUN --mount=type=secret,id=s cp /run/secrets/s /tmp/s && wc -c < /tmp/s "
            "> /n && rm /tmp/s\n"
        )
    result = task(
        build=options(
            context, dockerfile="Secret", secrets=[{"id": "s", "type": "value", "value": "hush"}]
        )
    )
    assert (
        "hush" not in json.dumps(result)
        and builder.read(images.get(builder.engine, "web:1"), "n") == "4\n"
    )


@pytest.mark.parametrize(
    "params, words",
    [
        ({"build": None}, "build.path: missing"),
        ({"build": {"path": "/nonexistent"}}, "build.path: '/nonexistent' is not valid"),
        ({"name": None}, "name: missing"),
        ({"build": {"dockerfile": "none"}}, "dockerfile: 'none' is not valid"),
        ({"build": {"target": "none"}}, "target: 'none' is not valid"),
        ({"path": "/etc"}, "^path: "),
        ({"build": {"network": "mine"}}, "network: 'mine'"),
        ({"build": {"args": {"A": None}}}, "args.A: missing"),
        ({"build": {"args": {"SOURCE_DATE_EPOCH": "x"}}}, "SOURCE_DATE_EPOCH: 'x'"),
        (
            {"build": {"args": {"BUILDKIT_SANDBOX_HOSTNAME": "x" * 65}}},
            "BUILDKIT_SANDBOX_HOSTNAME: 'x+' is not valid; accepted: a host name .* 64",
        ),
        (
            {"build": {"secrets": [{"id": "s", "type": "file", "src": "/nonexistent"}]}},
            "secrets: '/nonexistent'",
        ),
        ({"build": {"secrets": [{"id": "s", "type": "env"}]}}, "build.secrets: 's'"),
        (
            {
                "build": {
                    "secrets": [{"id": "s", "type": "value", "value": "v", "src": "/etc/passwd"}]
                }
            },
            "build.secrets: 's'",
        ),
        ({"source": "pull"}, "build: 'given' is not valid"),
        ({"platform": "windows/amd64"}, "platform: 'windows/amd64'"),
        (
            {"build": {"contexts": {"x": "/nonexistent"}, "dockerfile": "Uses"}},
            "contexts: '/nonexistent'",
        ),
        ({"build": {"shm_size": "lots"}}, "build.shm_size: 'lots'"),
        ({"config": {"user": "x"}}, "^config: "),
        ({"platform": ["linux/amd64", "linux/arm64"]}, "platform: 'linux/amd64,linux/arm64'.*push"),
        ({"platform": ["linux/amd64", "amd64"], "push": True}, "different platforms"),
        (
            {"platform": ["linux/amd64", "linux/arm64"], "push": True, "build": {"squash": True}},
            "together with squash",
        ),
        (
            {
                "platform": ["linux/amd64", "linux/arm64"],
                "push": True,
                "build": {"outputs": [{"type": "tar", "dest": "/x"}]},
            },
            "output of type tar",
        ),
        (
            {"platform": ["linux/amd64", "linux/arm64"], "source": "local", "build": None},
            "one platform, or several with source build",
        ),
        ({"build": {"squash": True, "annotations": {"a": "b"}}}, "build.annotations: 'given'"),
        ({"build": {"outputs": [{"type": "local"}]}}, "build.outputs: 'local'.*dest"),
        (
            {"build": {"outputs": [{"type": "tar", "dest": "/x", "push": True}]}},
            "build.outputs: 'push'",
        ),
        (
            {"build": {"outputs": [{"type": "tar", "dest": "/nonexistent/x"}]}},
            "build.outputs: '/nonexistent/x'",
        ),
        ({"build": {"outputs": [{"type": "oci", "dest": "/etc"}]}}, "build.outputs: '/etc'"),
        (
            {"build": {"outputs": [{"type": "local", "dest": "/etc/passwd"}]}},
            "build.outputs: '/etc/passwd'",
        ),
    ],
)
def test_what_is_refused(builder, task, context, params, words):
    with open(context + "/Uses", "w") as file:
        file.write("FROM box:1\nCOPY --from=x f /f\n")
    params = dict(params)
    if params.get("build", {}) is not None:
        params["build"] = options(context) | params.get("build", {})
    with pytest.raises(errors.EngineError, match=words):
        task(**params)
    assert [image["RepoTags"] for image in images.listing(builder.engine, everything=True)] == [
        ["box:1"]
    ]


def test_a_failure_says_where(task, context):
    with open(context + "/Bad", "w") as file:
        file.write("FROM box:1\nRUN echo why; exit 3\n")
    with pytest.raises(errors.EngineError) as caught:
        task(build=options(context, dockerfile="Bad"))
    assert vars(caught.value) == {"line": 2, "exit_code": 3, "logs": "why"}
    assert (
        str(caught.value) == "Bad:2: step 2 of 2 ended with exit code 3: RUN echo why; exit 3\nwhy"
    )


OUTPUTS = (
    ("local", "files", {}),
    ("tar", "files.tar", {}),
    ("oci", "oci.tar", {}),
    ("oci", "layout", {"tar": False}),
    ("docker", "docker.tar", {"name": ["a:1"]}),
)


def test_outputs(builder, task, context, tmp_path):
    wanted = [dict(more, type=kind, dest=str(tmp_path / name)) for kind, name, more in OUTPUTS] + [
        {"type": "image", "name": ["web:2"]}
    ]
    given = options(context, outputs=wanted)
    foretold = task(check=True, build=given)
    written = [
        "write the files of image web:1 to " + name
        for name in (f"{tmp_path}/files", f"the archive {tmp_path}/files.tar")
    ]
    assert foretold["actions"][1:] == written + [
        f"save image web:1 to {tmp_path}/{name}" for name in ("oci.tar", "layout", "docker.tar")
    ]
    assert not any((tmp_path / name).exists() for _kind, name, _more in OUTPUTS)
    result = task(build=given)
    assert result["actions"] == foretold["actions"] and sorted(result["image"]["RepoTags"]) == [
        "web:1",
        "web:2",
    ]
    assert (tmp_path / "files/v").read_text() == "0\n" and all(
        (tmp_path / name).exists() for _kind, name, _more in OUTPUTS
    )
    again = task(build=given)
    assert not again["changed"] and again["diff"]["after"] == {}
    (tmp_path / "files/v").write_text("1\n")
    os.unlink(tmp_path / "files/f")
    (tmp_path / "files/mine").write_text("mine")
    (tmp_path / "oci.tar").write_bytes(b"")
    mended = task(check=True, build=given)
    assert (
        mended["diff"]["before"][f"output {tmp_path}/files"] == {"f": "missing", "v": "different"}
        and len(mended["actions"]) == 2
    )
    assert task(build=given)["actions"] == mended["actions"] and not task(build=given)["changed"]
    assert (tmp_path / "files/v").read_text() == "0\n" and (
        tmp_path / "files/mine"
    ).read_text() == "mine"


def test_an_output_that_can_not_be_written_writes_nothing(builder, task, context, tmp_path):
    (tmp_path / "files/v").mkdir(parents=True)
    with pytest.raises(
        errors.EngineError, match="files/v: a file of the image can't take the place of a directory"
    ):
        task(build=options(context, outputs=[{"type": "local", "dest": str(tmp_path / "files")}]))
    assert os.listdir(tmp_path / "files") == ["v"] and os.listdir(tmp_path / "files/v") == []


def test_squash_of_the_steps(builder, task, context):
    given, base = options(context, squash=True), images.get(builder.engine, "box:1")
    foretold = task(check=True, build=given)
    result = task(build=given)
    assert (
        result["actions"] == foretold["actions"]
        and result["actions"][-1]
        == "merge the layers of the build's steps into one, and name the image web:1"
    )
    record = images.get(builder.engine, "web:1")
    assert (
        record["id"] == result["image"]["Id"]
        and record["layers"][:-1] == base["layers"]
        and builder.read(record, "v") == "0\n"
    )
    assert not task(build=given)["changed"] and not task(check=True, build=given)["changed"]
    with open(context + "/Small", "w") as file:
        file.write("FROM box:1\nCMD x\n")
    small = task(name="small:1", build=dict(given, dockerfile="Small"))["image"]
    assert (
        small["RootFS"]["Layers"] == base["layers"]
        and not task(name="small:1", build=dict(given, dockerfile="Small"))["changed"]
    )


def test_several_platforms(builder, task, context, registry):
    with open(context + "/Empty", "w") as file:
        file.write("FROM scratch\nARG TARGETARCH\nCOPY Empty /$TARGETARCH\n")
    name = registry + "/task:1"
    given = {
        "name": name,
        "insecure": True,
        "push": True,
        "platform": ["linux/arm64", "linux/amd64"],
        "build": options(context, dockerfile="Empty"),
    }
    foretold = task(check=True, **given)
    result = task(**given)
    assert result["actions"] == foretold["actions"] and [
        action.split(":")[2] for action in result["actions"][:2]
    ] == ["1 for linux/arm64", "1 for linux/amd64"]
    assert (
        result["actions"][2:] == ["push index " + name]
        and result["image"]["Architecture"] == "arm64"
    )
    shown = subprocess.run(
        ["skopeo", "inspect", "--raw", "--tls-verify=false", "docker://" + name],
        stdout=subprocess.PIPE,
        check=True,
    )
    assert [
        entry["platform"]["architecture"] for entry in json.loads(shown.stdout)["manifests"]
    ] == ["arm64", "amd64"]
    assert not task(**given)["changed"] and not task(check=True, **given)["changed"]


def test_push_of_what_was_built(builder, task, context):
    class Target:
        pushed = []

        def client(self, parsed, *_more):
            self.name = parsed.familiar
            return self

        for_push = lambda self: self

        def digest(self, _tag):
            return None

    import pycontainer.images.plans.send as pushing
    import pycontainer.images.task as image_task

    target, saved = Target(), (image_task.Registries, pushing.push)
    image_task.Registries, pushing.push = (
        lambda **_options: target,
        lambda engine, where, ident: Target.pushed.append((where.name, ident)),
    )
    try:
        result = task(name="127.0.0.1:1/web:1", push=True, build=options(context))
    finally:
        image_task.Registries, pushing.push = saved
    assert result["actions"][1:] == ["push image 127.0.0.1:1/web:1"]
    assert Target.pushed == [("127.0.0.1:1/web:1", result["image"]["Id"])]


# ------------------------------------------------------------------------------------------------------------- the command


@pytest.fixture
def command(builder):
    """``command(*words, stdin=None) -> (exit code, output, errors)`` of the host's command."""
    from pycontainer.deploy import install

    install.ensure(builder.engine)

    def do(*words, stdin=None, env=None):
        done = subprocess.run(
            install.command_line(builder.engine) + list(words),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
            env=dict(os.environ, **(env or {})),
        )
        return done.returncode, done.stdout, done.stderr

    return do


def test_the_command(builder, command, context, tmp_path):
    code, output, said = command(
        "build",
        "-t",
        "web:1",
        "-t",
        "web:2",
        "--network",
        "none",
        "--build-arg",
        "V=3",
        "--label",
        "a=b",
        "--iidfile",
        str(tmp_path / "id"),
        "--load",
        "--provenance=false",
        "--sbom",
        "false",
        context,
    )
    record = images.get(builder.engine, "web:2")
    assert (code, output) == (0, record["id"] + "\n") and (tmp_path / "id").read_text() == record[
        "id"
    ]
    assert "#2 [3/4] RUN echo $V > /v" in said and "#3 DONE" in said
    assert builder.read(record, "v") == "3\n" and record["config"]["config"]["Labels"] == {"a": "b"}
    code, output, said = command(
        "build",
        "-q",
        "-t",
        "web:1",
        "--network",
        "none",
        "--build-arg",
        "V",
        "--label",
        "a=b",
        context,
        env={"V": "3"},
    )
    assert (code, output, said) == (0, record["id"] + "\n", "")


def test_the_command_reads_standard_input(builder, command, context):
    assert (
        command(
            "build",
            "-q",
            "-t",
            "web:1",
            "-f",
            "-",
            "--network=none",
            context,
            stdin="FROM box:1\nCOPY f /g\n",
        )[0]
        == 0
    )
    assert builder.read(images.get(builder.engine, "web:1"), "g") == "1"
    assert (
        command(
            "build",
            "-q",
            "-t",
            "web:2",
            "--network=none",
            "-",
            stdin="FROM box:1\nRUN echo 2 > /g\n",
        )[0]
        == 0
    )
    assert builder.read(images.get(builder.engine, "web:2"), "g") == "2\n"
    code, dummy, said = command(
        "build", "-q", "--network=none", "-", stdin="FROM box:1\nCOPY f /g\n"
    )
    assert code == 1 and "copies from the context" in said


def test_the_command_fails_clearly(command, context):
    code, output, said = command(
        "build",
        "-t",
        "web:1",
        "-f",
        "-",
        "--network=none",
        context,
        stdin="FROM box:1\nRUN echo because; exit 3\n",
    )
    assert (
        code == 1
        and output == ""
        and "Containerfile:2: step 2 of 2 ended with exit code 3: RUN echo because; exit 3\nbecause"
        in said
    )
    for words, named in (
        (["--build-arg", "=x"], "--build-arg"),
        (["--secret", "src=x"], "--secret"),
        (["--build-context", "x"], "--build-context"),
        (["--progress", "x"], "--progress"),
        (["--add-host", "x"], "--add-host"),
        (["--ssh", "x"], "--ssh"),
        (["--sbom", "true"], "--sbom"),
        (["--provenance=mode=max"], "--provenance"),
    ):
        code, dummy, said = command("build", *words, context, env={"SSH_AUTH_SOCK": ""})
        assert code == 125 and named in said
    assert command("build", context + "/none")[0] == 125


def test_the_command_in_a_task(builder, context):
    from pycontainer.cli import task as cli

    result = cli.pycontainer(
        builder.engine, {"cmd": None, "argv": ["build", "-t", "web:1", "--network=none", context]}
    )
    assert (
        result["changed"]
        and result["stdout_lines"][-1] == images.get(builder.engine, "web:1")["id"]
    )
    assert "#2 [3/4] RUN echo $V > /v" in result["stdout_lines"]
    again = cli.pycontainer(
        builder.engine, {"cmd": None, "argv": ["build", "-t", "web:1", "--network=none", context]}
    )
    assert not again["changed"] and again["rc"] == 0
