# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command ``build``: what it gives out (files, archives, pushes, indexes), one layer of several, files about the image."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile

import pytest
from pycontainer import images

from .test_task import command  # noqa: F401 - a fixture

TEXT = 'FROM box:1\nRUN mkdir /o && echo 1 > /o/f && chown 33:34 /o/f && ln /o/f /o/g && ln -s f /o/l\nRUN rm /o/g && echo 2 > /o/h\nCMD ["x"]\n'


@pytest.fixture
def context(builder):
    return builder.context(
        {"Dockerfile": TEXT, "Empty": "FROM scratch\nARG TARGETARCH\nCOPY Empty /$TARGETARCH\n"}
    )


def build(command, *words, binary=False):
    code, output, said = command("build", "--network=none", *words)
    assert code == 0, said
    return output


def test_files(command, context, tmp_path):
    build(command, "-o", str(tmp_path / "out"), context)
    top = tmp_path / "out"
    assert (
        (top / "o/f").read_text() == "1\n"
        and os.stat(top / "o/f").st_uid == 33
        and os.readlink(top / "o/l") == "f"
        and not (top / "o/g").exists()
    )
    os.symlink("/etc", tmp_path / "trap")
    (top / "o/f").write_text("old")
    build(command, "-o", f"type=local,dest={top}", context)
    assert (top / "o/f").read_text() == "1\n"


def test_archives(command, context, tmp_path, builder):
    words = [
        "-o",
        f"type=tar,dest={tmp_path}/files.tar",
        "-o",
        f"type=oci,dest={tmp_path}/oci.tar",
        "-o",
        f"type=docker,dest={tmp_path}/docker.tar",
        "-o",
        f"type=oci,tar=false,dest={tmp_path}/layout",
        "--iidfile",
        str(tmp_path / "iid"),
        "--metadata-file",
        str(tmp_path / "meta"),
    ]
    ident = build(command, "-t", "out:1", *words, context).strip()
    assert (tmp_path / "iid").read_text() == ident
    record = images.get(builder.engine, "out:1")
    assert json.loads((tmp_path / "meta").read_text()) == {
        "containerimage.config.digest": ident,
        "containerimage.digest": record["manifest"],
        "image.name": "out:1",
    }
    with tarfile.open(tmp_path / "files.tar") as tar:
        assert {"o", "o/f", "o/h", "o/l", "bin/busybox"} <= {
            name.rstrip("/") for name in tar.getnames()
        } and tar.getmember("o/f").uid == 33
    for name in ("oci-archive:%s/oci.tar", "docker-archive:%s/docker.tar", "oci:%s/layout"):
        shown = subprocess.run(
            ["skopeo", "inspect", "--config", name % tmp_path], stdout=subprocess.PIPE, check=True
        )
        assert json.loads(shown.stdout)["config"]["Cmd"] == ["x"]


def test_standard_output(builder, context):
    from pycontainer.builds.outputs.outputs import Output

    record, out = builder(TEXT, name="out:1"), io.BytesIO()
    Output("-").write(builder.engine, record, [], out)
    assert "o/f" in tarfile.open(fileobj=io.BytesIO(out.getvalue())).getnames()


def test_squash(command, context, builder):
    build(command, "-t", "one:1", "--squash", context)
    record, base = images.get(builder.engine, "one:1"), images.get(builder.engine, "box:1")
    assert (
        record["layers"][:-1] == base["layers"]
        and builder.read(record, "o/h") == "2\n"
        and record["config"]["config"]["Cmd"] == ["x"]
    )
    assert build(command, "-t", "one:1", "--squash", context).strip() == record["id"]


def test_pushes_and_platforms(command, context, builder, registry):
    name = registry + "/pushed:1"
    build(command, "-t", name, "--push", "--insecure", context)
    words = [
        "-f",
        context + "/Empty",
        "--platform",
        "linux/arm64,linux/amd64,linux/arm/v7",
        "--insecure",
        "-o",
        f"type=registry,name={registry}/many:1",
    ]
    build(command, *words, context)
    shown = subprocess.run(
        ["skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{registry}/many:1"],
        stdout=subprocess.PIPE,
        check=True,
    )
    found = json.loads(shown.stdout)
    assert [entry["platform"] for entry in found["manifests"]] == [
        {"architecture": "arm64", "os": "linux"},
        {"architecture": "amd64", "os": "linux"},
        {"architecture": "arm", "os": "linux", "variant": "v7"},
    ]
    assert (
        subprocess.run(
            ["skopeo", "inspect", "--tls-verify=false", "docker://" + name],
            stdout=subprocess.DEVNULL,
            check=False,
        ).returncode
        == 0
    )


@pytest.mark.parametrize(
    "words, said",
    [
        (["-t", "a:1", "--squash", "--annotation", "a=b"], "don't go together"),
        (["--push"], "needs a name"),
        (["--squash"], "needs a name"),
        (["-o", "type=x"], "type=local"),
        (["--platform", "linux/amd64,linux/arm64"], "together with a push"),
        (["-o", "type=tar"], "dest=..."),
        (["-o", "type=local,dest=-"], "dest=..."),
        (["-o", "type=tar,dest=x,foo=1"], "type=tar: dest"),
        (["-o", "-", "-o", "-"], "only one"),
    ],
)
def test_what_is_refused(command, context, words, said):
    code, output, complaint = command("build", "--network=none", *words, context)
    assert code != 0 and output == "" and said in complaint


def test_what_is_privileged_in_an_image_is_left_out(command, builder, tmp_path):
    """Devices, set-id bits and file capabilities come to the host only when they are asked for; a second run finds nothing to do either way."""
    text = (
        "FROM box:1\nRUN --security=insecure mknod /disk b 8 0 && mknod /disk2 c 1 1 && ln /disk2 "
        "/disk3 && mkfifo /pipe && echo x > /su && "
        "chmod 6755 /su && mkdir -m 2775 /shared\nCOPY cap /\n"
    )
    context = builder.context({"Dockerfile": text, "cap": "c"})
    capability = bytes.fromhex("0100000200200000000000000000000000000000")
    os.setxattr(os.path.join(context, "cap"), "security.capability", capability)
    top = tmp_path / "out"
    words = ("build", "--network=none", "--allow=security.insecure")
    code, _output, said = command(*words, "-o", str(top), context)
    assert code == 0 and "no device nodes, so it lacks disk, disk2, disk3 (" in said
    assert "set-id bits and file capabilities, which the image has at cap, su (" in said
    assert not (top / "disk").exists() and not (top / "disk3").exists() and (top / "pipe").is_fifo()
    assert (
        os.stat(top / "su").st_mode & 0o7777 == 0o755
        and os.stat(top / "shared").st_mode & 0o7777 == 0o2775
    )
    assert (top / "cap").read_text() == "c" and not os.listxattr(top / "cap")
    before = os.stat(top / "su").st_ino
    code, _output, said = command(*words, "-o", str(top), context)
    assert code == 0 and "device" not in said and os.stat(top / "su").st_ino == before
    code, _output, said = command(*words, "-o", f"type=local,privileged=true,dest={top}", context)
    assert (
        code == 0
        and "device" not in said
        and os.stat(top / "disk").st_rdev == os.makedev(8, 0)
        and os.stat(top / "disk3").st_nlink == 2
    )
    assert (
        os.stat(top / "su").st_mode & 0o7777 == 0o6755
        and os.getxattr(top / "cap", "security.capability") == capability
    )
    before = os.stat(top / "su").st_ino
    command(*words, "-o", f"type=local,privileged=true,dest={top}", context)
    assert os.stat(top / "su").st_ino == before
