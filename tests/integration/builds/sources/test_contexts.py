# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Contexts that are no directory: Git repositories, archives at an address or at standard input; ADD of Git; named contexts in FROM."""

from __future__ import annotations

import functools
import http.server
import io
import os
import shutil
import socket
import subprocess
import tarfile
import threading
import time

import pytest
from pycontainer import errors, images
from pycontainer.builds.parse import build_request
from pycontainer.builds.plans import build_plan
from pycontainer.builds.sources import git

TEXT = "FROM box:1\nCOPY f d/ /in/\n"


def sh(*words, cwd=None):
    env = dict(
        os.environ,
        GIT_AUTHOR_NAME="a",
        GIT_AUTHOR_EMAIL="a@b",
        GIT_COMMITTER_NAME="a",
        GIT_COMMITTER_EMAIL="a@b",
        GIT_CONFIG_GLOBAL="/dev/null",
    )
    return subprocess.run(
        words, cwd=cwd, env=env, stdout=subprocess.PIPE, check=True, text=True
    ).stdout.strip()


class Repositories:
    """Served by a Git daemon. ``url``; ``commits``: of the first and second version; the first has the tag v1, the second is in branch main."""

    def __init__(self, top):
        self.top = str(top)
        if not shutil.which("git"):
            pytest.skip("git is not installed")
        work = os.path.join(self.top, "work")
        os.makedirs(os.path.join(work, "sub"))
        sh("git", "init", "-q", "-b", "main", cwd=work)
        self.commits = []
        for number in (1, 2):
            for name, text in {
                "Dockerfile": "FROM box:1\nCOPY . /in/\n",
                "sub/Dockerfile": "FROM box:1\nCOPY . /sub/\n",
                "f": "version %d\n" % number,
                "run.sh": "#!/bin/sh\n",
                "sub/g": "g\n",
                ".dockerignore": "Dockerfile\n.git\n",
            }.items():
                with open(os.path.join(work, name), "w") as file:
                    file.write(text)
            os.chmod(os.path.join(work, "run.sh"), 0o775)
            if number == 1:
                os.symlink("../../../../etc", os.path.join(work, "out"))
                os.symlink("/etc/hostname", os.path.join(work, "Linked"))
            sh("git", "add", "-A", cwd=work)
            sh("git", "commit", "-qm", "version", cwd=work)
            self.commits.append(sh("git", "rev-parse", "HEAD", cwd=work))
            if number == 1:
                sh("git", "tag", "-a", "-m", "one", "v1", cwd=work)
        sh("git", "clone", "-q", "--bare", work, os.path.join(self.top, "repo.git"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process = subprocess.Popen(
            [
                "git",
                "daemon",
                "--base-path=" + self.top,
                "--export-all",
                "--listen=127.0.0.1",
                "--port=%d" % self.port,
                "--reuseaddr",
                self.top,
            ],
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.url = "git://127.0.0.1:%d/repo.git" % self.port
        for _attempt in range(100):
            if (
                subprocess.run(
                    ["git", "ls-remote", self.url], capture_output=True, check=False
                ).returncode
                == 0
            ):
                return
            time.sleep(0.05)
        raise AssertionError("git daemon does not answer")

    def stop(self):
        os.killpg(self.process.pid, 15)
        self.process.wait()


@pytest.fixture(scope="module")
def repositories(tmp_path_factory):
    found = Repositories(tmp_path_factory.mktemp("git"))
    yield found
    found.stop()


def archive(files, mode="w"):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.uid = len(text), 0o640, 5
            tar.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_words):
        pass


@pytest.fixture
def web(tmp_path):
    """A directory and its address."""
    top = tmp_path / "web"
    top.mkdir()
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Handler, directory=str(top))
    ) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield top, "http://127.0.0.1:%d" % server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture
def build(builder):
    """``build(where, name=None, stdin=None, **options) -> record``."""

    def do(where, name=None, stdin=None, named=None, **options):
        options.setdefault("network", "none")
        made = build_plan.plan_from(
            builder.engine,
            ["t:1"],
            build_request.BuildRequest(**options),
            where,
            name,
            stdin and io.BytesIO(stdin),
            named=named,
        )
        do.plan = made
        made.apply()
        return images.get(builder.engine, made.image)

    yield do
    assert not os.listdir(builder.engine.paths.tmp)


def test_a_git_repository(build, builder, repositories):
    tree = builder.tree(build(repositories.url))
    assert (
        tree["in/f"] == ["100644", 0, 0, b"version 2\n"]
        and tree["in/run.sh"][0] == "100755"
        and tree["in/sub"][0] == "40755"
    )
    assert "in/Dockerfile" not in tree and "in/.git" not in tree
    build(repositories.url)
    assert not build.plan.changed


def test_parts_of_a_repository(build, builder, repositories):
    assert builder.read(build(repositories.url + "#v1"), "in/f") == "version 1\n"
    assert (
        builder.read(build(repositories.url + "#" + repositories.commits[0]), "in/f")
        == "version 1\n"
    )
    assert (
        builder.read(build(repositories.url + "#" + repositories.commits[0][:9]), "in/f")
        == "version 1\n"
    )
    assert builder.read(build(repositories.url + "#main:sub"), "sub/g") == "g\n"
    assert builder.read(build(repositories.url + "?tag=v1&subdir=sub"), "sub/g") == "g\n"
    assert builder.read(build(repositories.url + "#:sub", "Dockerfile"), "sub/g") == "g\n"


@pytest.mark.parametrize(
    "part, said",
    [
        ("#nosuch", "no branch or tag nosuch"),
        ("#:nosuch", "no directory nosuch"),
        ("#:out", "no directory out"),
        ("?foo=1", "foo is not known"),
        ("?tag=a&branch=b", "names two"),
        ("?commit=abcd", "not abcd"),
        ("#--upload-pack=x", "can't begin with -"),
    ],
)
def test_what_a_repository_has_not(build, repositories, part, said):
    with pytest.raises(errors.InvalidInput, match=said):
        build(repositories.url + part)


def test_a_containerfile_that_leads_out_of_the_repository(build, repositories):
    with pytest.raises(errors.InvalidInput, match="inside the context"):
        build(repositories.url, "Linked")


def test_a_repository_that_can_not_be_reached(build):
    with pytest.raises(
        errors.InvalidInput,
        match="can be fetched .*"
        + ("git ls-remote" if shutil.which("git") else "needs the program git"),
    ):
        build("git://127.0.0.1:1/x.git")


def test_addresses_and_their_secrets():
    for text in (
        "git://h/x",
        "ssh://git@h/x",
        "git@h:x/y.git",
        "https://h/x.git",
        "http://h/x.git#a:b",
        "https://h/x.git?ref=a",
    ):
        assert git.is_git(text), text
    for text in ("https://h/x.tar.gz", "x.git", "./git@h:x", "/a/b.git", "https://h/x.git/y"):
        assert not git.is_git(text), text
    tool = git.Git({"GIT_AUTH_TOKEN.h": lambda: b"secret\n"})
    assert (
        tool._environment(git.Repository("https://h/x.git"))["GIT_CONFIG_VALUE_0"]
        == "Authorization: basic eC1hY2Nlc3MtdG9rZW46c2VjcmV0"
    )
    assert "GIT_CONFIG_COUNT" not in tool._environment(git.Repository("https://other/x.git"))


def test_add_of_a_repository(builder, repositories):
    text = f"FROM box:1\nADD {repositories.url}#v1 /a/\nADD --keep-git-dir=true --chown=33:34 {repositories.url}#:sub /b/\n"
    record = builder(text)
    tree = builder.tree(record)
    assert (
        tree["a/f"] == ["100644", 0, 0, b"version 1\n"]
        and "a/.git" not in tree
        and tree["b/g"] == ["100644", 33, 34, b"g\n"]
    )
    assert (
        record["config"]["history"][-2]["created_by"] == f"ADD {repositories.url}#v1 /a/ # buildkit"
    )
    assert not builder.look(text, path=builder.context({})).changed
    assert "b/.git" not in tree  # it is in the directory above
    assert "k/.git" in builder.tree(
        builder(f"FROM box:1\nADD --keep-git-dir {repositories.url} /k/")
    )
    assert (
        builder.read(
            builder(
                f"FROM box:1\nADD --checksum={repositories.commits[1][:7]} {repositories.url} /c/"
            ),
            "c/f",
        )
        == "version 2\n"
    )
    for line, said in (
        (f"ADD --checksum=abcdef {repositories.url} /c/", "not abcdef"),
        (f"COPY {repositories.url} /c/", "is for ADD"),
        (f"ADD --keep-git-dir=false {repositories.url}?keep-git-dir=1 /c/", "something else"),
    ):
        with pytest.raises(errors.EngineError, match=said):
            builder("FROM box:1\n" + line)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz", "w:bz2"])
def test_an_archive_at_standard_input(build, builder, mode):
    record = build(
        "-",
        stdin=archive(
            {"./Dockerfile": TEXT, "f": "1", "d/g": "2", ".dockerignore": "d/h", "d/h": "3"}, mode
        ),
    )
    tree = builder.tree(record)
    assert tree["in/f"] == ["100640", 0, 0, b"1"] and tree["in/g"][3] == b"2" and "in/h" not in tree
    assert (
        builder.read(
            build("-", "x/File", archive({"x/File": TEXT, "f": "9", "d/g": "2"}, mode)), "in/f"
        )
        == "9"
    )


def test_a_containerfile_at_standard_input(build, builder):
    assert builder.read(build("-", stdin=b"FROM box:1\nRUN echo 1 > /x\n"), "x") == "1\n"
    with pytest.raises(errors.EngineError, match="copies from the context"):
        build("-", stdin=b"FROM box:1\nCOPY a /b\n")
    above = os.path.dirname(builder.engine.paths.tmp)
    there = os.listdir(above)
    build("-", stdin=archive({"Dockerfile": "FROM box:1\nCOPY evil /", "../../evil": "1"}))
    assert os.listdir(above) == there
    with pytest.raises(errors.InvalidInput, match="Containerfile or Dockerfile"):
        build("-", stdin=archive({"f": "1"}))


def test_an_archive_and_a_containerfile_at_an_address(build, builder, web):
    top, address = web
    (top / "c.tar.gz").write_bytes(archive({"Containerfile": TEXT, "f": "web", "d/g": "2"}, "w:gz"))
    (top / "File").write_text("FROM box:1\nRUN echo web > /x\n")
    assert builder.read(build(address + "/c.tar.gz"), "in/f") == "web"
    build(address + "/c.tar.gz")
    assert not build.plan.changed
    assert builder.read(build(address + "/File"), "x") == "web\n"
    with pytest.raises(errors.InvalidInput, match="404"):
        build(address + "/none")


def test_named_contexts(builder, web, repositories, build):
    top, address = web
    (top / "c.tar").write_bytes(archive({"f": "web"}))
    text = b"FROM box:1 AS two\nCOPY --from=one /f /one\nCOPY --from=three /f /three\nFROM base AS last\nCOPY --from=two /one /three /out/\n"
    named = {
        "one": address + "/c.tar",
        "three": repositories.url,
        "base": builder.context({"etc/x": "base"}),
    }
    record = build("-", stdin=text, named=named)
    tree = builder.tree(record)
    assert (
        tree["out/one"][3] == b"web"
        and tree["out/three"][3] == b"version 2\n"
        and tree["etc/x"] == ["100644", 0, 0, b"base"]
    )
    assert record["config"]["config"]["WorkingDir"] == "/" and len(record["layers"]) == 2


def test_a_context_in_place_of_a_stage(builder, build):
    text = b"FROM box:1 AS tool\nRUN false\nFROM box:1\nCOPY --from=tool /f /f\nFROM tool\nCOPY --from=1 /f /g\n"
    tree = builder.tree(build("-", stdin=text, named={"tool": builder.context({"f": "given"})}))
    assert tree["g"][3] == b"given" and sorted(tree) == ["f", "g"]
    record = build(
        "-",
        stdin=b"FROM box:1 AS tool\nRUN false\nFROM tool\n",
        named={"tool": "docker-image://box:1"},
    )
    assert record["config"]["config"]["Env"][0] == "FROM=image"
    assert (
        build("-", stdin=b"FROM nowhere:latest\n", named={"nowhere": "docker-image://box:1"})[
            "layers"
        ]
        == record["layers"]
    )
