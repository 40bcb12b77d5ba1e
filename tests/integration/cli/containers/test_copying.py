# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""cp: Docker's rules for names, owners on both sides, volumes, archives at standard input and output, what is refused."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import tarfile

import pytest


@pytest.fixture(params=["running", "stopped", "running as the host's root"])
def box(docker, request, tmp_path):
    """A container ``web`` with a volume at /vol; ``box.cp(...)``, ``box.inside(path)``: a file's owner, mode and content in it."""
    words = ["--userns", "host"] if "host" in request.param else []
    docker("run", "-d", "--name", "web", "--network", "none", "-v", "data:/vol", *words, "box:1")
    docker(
        "exec",
        "web",
        "sh",
        "-c",
        "mkdir -p /d/sub && echo one > /d/one && echo two > /d/sub/two && ln -s one /d/link && ln "
        "-s /d/sub /to-sub && "
        "echo f > /f && chown 33:33 /f && chmod 4750 /f && echo v > /vol/v && ln /d/one /d/hard "
        "&& mkfifo /d/pipe && ln -s /nowhere /dangling",
    )
    if request.param == "stopped":
        docker("stop", "-t", "0", "web")

    def inside(path):
        """Asked of the container itself."""
        if request.param == "stopped":
            docker("start", "web")
        try:
            return docker(
                "exec", "web", "sh", "-c", "stat -c '%%u:%%g %%a' %s && cat %s" % (path, path)
            ).splitlines()
        finally:
            if request.param == "stopped":
                docker("stop", "-t", "0", "web")

    docker.inside = inside
    docker.kind = request.param
    (tmp_path / "h").mkdir()
    (tmp_path / "h" / "file").write_text("host\n")
    os.chown(tmp_path / "h" / "file", 12, 13)
    os.chmod(tmp_path / "h" / "file", 0o640)
    (tmp_path / "h" / "tree" / "deep").mkdir(parents=True)
    (tmp_path / "h" / "tree" / "deep" / "leaf").write_text("leaf\n")
    os.symlink("deep", tmp_path / "h" / "tree" / "link")
    (tmp_path / "out").mkdir()
    yield docker
    docker("rm", "-f", "web")


def test_in(box, tmp_path):
    host = tmp_path / "h"
    box("cp", str(host / "file"), "web:/new")  # DEST is not there
    assert box.inside("/new") == ["0:0 640", "host"]
    box("cp", str(host / "file"), "web:/d")  # a directory
    assert box.inside("/d/file") == ["0:0 640", "host"]
    box("cp", "-a", str(host / "file"), "web:/f")  # a file; owners are kept
    assert box.inside("/f") == ["12:13 640", "host"]
    box("cp", str(host / "file"), "web:/vol/in-volume")
    assert box.inside("/vol/in-volume") == ["0:0 640", "host"]
    box("cp", str(host / "tree"), "web:/d")
    assert box.inside("/d/tree/deep/leaf")[1:] == ["leaf"] and box.inside("/d/tree/link/leaf")[
        1:
    ] == ["leaf"]
    box("cp", str(host / "tree"), "web:/made")  # not there: it becomes that
    assert box.inside("/made/deep/leaf")[1:] == ["leaf"]
    box("cp", str(host / "tree") + "/.", "web:/d/sub")  # the content alone
    assert box.inside("/d/sub/deep/leaf")[1:] == ["leaf"] and box.inside("/d/sub/two")[1:] == [
        "two"
    ]
    box("cp", str(host / "file"), "web:/to-sub")  # a link to a directory
    assert box.inside("/d/sub/file")[1:] == ["host"]
    box("cp", str(host / "file"), "web:/d/link")  # a link to a file: that is written
    assert box.inside("/d/one")[1:] == ["host"]
    box("cp", str(host / "tree" / "link"), "web:/as-link")
    box("cp", "-L", str(host / "tree" / "link"), "web:/followed")
    assert box.inside("/followed/leaf")[1:] == ["leaf"]


def test_out(box, tmp_path):
    out = tmp_path / "out"
    box("cp", "web:/f", str(out / "f"))
    status = os.stat(out / "f")
    assert (
        status.st_uid,
        status.st_gid,
        stat.S_IMODE(status.st_mode),
        (out / "f").read_text(),
    ) == (0, 0, 0o750, "f\n")  # no set-id bit
    box("cp", "-a", "web:/f", str(out))
    status = os.stat(out / "f")
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (33, 33, 0o4750)
    box("cp", "web:/vol", str(out))
    assert (out / "vol" / "v").read_text() == "v\n"
    box("cp", "web:/vol/v", str(out / "single"))
    assert (out / "single").read_text() == "v\n"
    box("cp", "web:/d", str(out / "d"))
    assert (
        sorted(os.listdir(out / "d")) == ["hard", "link", "one", "pipe", "sub"]
        and os.readlink(out / "d" / "link") == "one"
    )
    assert os.stat(out / "d" / "one").st_ino == os.stat(
        out / "d" / "hard"
    ).st_ino and stat.S_ISFIFO(os.stat(out / "d" / "pipe").st_mode)
    box("cp", "web:/d", str(out / "d"))  # it is there now: into it
    assert (out / "d" / "d" / "sub" / "two").read_text() == "two\n"
    box("cp", "web:/d/sub/.", str(out))
    assert (out / "two").read_text() == "two\n"
    box("cp", "web:/to-sub", str(out / "l"))
    box("cp", "-L", "web:/to-sub", str(out / "followed"))
    assert os.readlink(out / "l") == "/d/sub" and (out / "followed" / "two").read_text() == "two\n"
    assert (
        box.task("cp", "web:/f", str(out / "never"), check=True)["actions"]
        == [f"copy web:/f to {out / 'never'}"]
        and not (out / "never").exists()
    )


def test_archives(box, tmp_path):
    from pycontainer.deploy import install

    install.ensure(box.engine)
    command = install.command_line(box.engine)
    data = subprocess.run(
        command + ["cp", "web:/f", "-"], stdout=subprocess.PIPE, check=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        member = archive.getmembers()[0]
        assert (member.name, member.uid, member.gid, member.mode) == ("f", 33, 33, 0o4750)
    listing = subprocess.run(
        command + ["cp", "web:/d", "-"], stdout=subprocess.PIPE, check=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(listing)) as archive:
        assert sorted(archive.getnames()) == [
            "d",
            "d/hard",
            "d/link",
            "d/one",
            "d/pipe",
            "d/sub",
            "d/sub/two",
        ]
    subprocess.run(command + ["cp", "-", "web:/d/sub"], input=data, check=True)
    assert box.inside("/d/sub/f") == ["33:33 4750", "f"]
    linked = tarfile.TarInfo("linked")
    linked.type, linked.linkname = tarfile.LNKTYPE, "first"
    linked.uid, linked.gid, linked.mode, linked.mtime = 7, 8, 0o604, 1234567890
    first = tarfile.TarInfo("first")
    first.size, first.uid, first.mode = 1, 5, 0o640
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(first, io.BytesIO(b"1"))
        archive.addfile(linked)
    subprocess.run(command + ["cp", "-", "web:/d/sub"], input=buffer.getvalue(), check=True)
    for name in ("first", "linked"):  # the last one of a file's names says what it is
        assert box.inside("/d/sub/" + name) == ["7:8 604", "1"]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("../../escape"))
    done = subprocess.run(
        command + ["cp", "-", "web:/d"],
        input=buffer.getvalue(),
        stderr=subprocess.PIPE,
        check=False,
    )
    assert done.returncode == 1 and b"names that stay inside" in done.stderr
    assert "standard input" in box("cp", "-", "web:/d", rc=125) and "standard output" in box(
        "cp", "web:/d", "-", rc=125
    )


@pytest.mark.parametrize(
    "words, rc, said",
    [
        (("web:/nosuch", "OUT/x"), 1, "there is no /nosuch in container web"),
        (("web:/f", "OUT/no/where"), 1, "there is no directory"),
        (("web:/f", "OUT/no/"), 1, "there is no directory"),
        (("web:/d", "HOST/file"), 1, "is a file, and /d a directory"),
        (("HOST/nosuch", "web:/d"), 1, "nosuch on the host"),
        (("HOST/file", "web:/no/where"), 1, "there is no directory /no in container web"),
        (("HOST/file", "web:/no/"), 1, "there is no directory /no/"),
        (("HOST/tree", "web:/f"), 1, "/f in container web is a file"),
        (("web:/f/", "OUT"), 1, "/f/ in container web"),
        (("HOST/file", "web:/dangling/x"), 1, "there is no directory /dangling"),
        (("nosuch:/f", "OUT"), 1, "container nosuch does not exist"),
        (("a:/f", "b:/f"), 125, "not between two containers"),
        (("HOST/file", "OUT"), 125, "CONTAINER:PATH"),
        (("web:", "OUT"), 1, "CONTAINER:PATH"),
        (("web:/d/sub", "OUT/f2", "x"), 125, "got 3"),
    ],
)
def test_refused(box, tmp_path, words, rc, said):
    if box.kind != "running":
        pytest.skip("once will do")
    words = [
        word.replace("OUT", str(tmp_path / "out")).replace("HOST", str(tmp_path / "h"))
        for word in words
    ]
    assert said in box("cp", *words, rc=rc)
    assert os.listdir(tmp_path / "out") == []
