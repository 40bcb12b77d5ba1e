# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands about what images and containers consist of: history, waste, diff, commit, squash, save, export."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tarfile

import pytest

MEGABYTE = 1 << 20
FILE = """
FROM box:1
RUN mkdir -p /big/sub && head -c 1048576 /dev/zero > /big/one && head -c 524288 /dev/zero > /big/sub/two && ln /big/one /big/again
RUN chmod 600 /big/sub/two && echo small > /srv/data/file
ENV A=1
RUN rm -r /big/one /big/sub
RUN rm /big/again
"""


@pytest.fixture
def wasteful(docker, tmp_path):
    """The image ``waste:1``: a file with two names that go one after the other, one that a chmod repeats, one that is replaced."""
    context = tmp_path / "context"
    context.mkdir()
    (context / "Containerfile").write_text(FILE)
    docker("build", "-q", "-t", "waste:1", "--network", "none", str(context))
    return "waste:1"


def columns(lines):
    return [re.split("   +", line) for line in lines]


def test_history(docker, wasteful):
    rows = columns(docker("history", wasteful).splitlines())
    assert rows[0] == ["IMAGE", "CREATED", "CREATED BY", "SIZE", "COMMENT"]
    assert [(row[0] != "<missing>", row[3]) for row in rows[1:]] == [
        (True, "0B"),
        (True, "0B"),
        (False, "0B"),
        (True, "524kB"),
        (True, "1.57MB"),
        (False, "1.98MB"),
    ]
    assert (
        rows[1][0] == docker("images", "-q", wasteful)
        and len(rows[4][2]) == 45
        and rows[4][2].endswith("\u2026")
    )
    assert (
        docker("inspect", "-f", "{{.Id}}", rows[1][0])
        == docker("history", "-q", "--no-trunc", wasteful).splitlines()[0]
    )
    whole = docker(
        "history",
        "--no-trunc",
        "--human=false",
        "--format",
        "{{.CreatedBy}}|{{.Size}}|{{.CreatedAt}}|{{.Layer}}",
        wasteful,
    ).splitlines()
    assert (
        whole[3].startswith("RUN /bin/sh -c chmod 600 /big/sub/two && echo small > /srv/data/file")
        and whole[3].split("|")[1] == "524294"
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", whole[0].split("|")[2])
    layers = json.loads(docker("image", "inspect", wasteful))[0]["RootFS"]["Layers"]
    assert [line.split("|")[3] for line in whole] == [layers[4], layers[3], "", *layers[2::-1]]
    assert (
        json.loads(docker("history", "--format", "json", wasteful).splitlines()[0])["Comment"]
        == "buildkit.dockerfile.v0"
    )
    assert docker("history", "nosuch", rc=1) == "there is no image nosuch on this host"


def test_waste(docker, wasteful):
    report = json.loads(docker("image", "waste", "--format", "json", wasteful))
    assert [
        (layer["Files"], layer["Deletes"], layer["Wasted"]) for layer in report["Layers"][1:]
    ] == [(2, 0, MEGABYTE + MEGABYTE // 2), (2, 0, MEGABYTE // 2), (0, 2, 0), (0, 1, 0)]
    assert [
        (file["Path"], file["Size"], file["Layer"], file["HiddenBy"], file["How"])
        for file in report["WastedFiles"]
    ] == [
        ("/big/again", MEGABYTE, 2, 5, "deleted"),
        ("/big/sub/two", MEGABYTE // 2, 2, 3, "repeated"),
        ("/big/sub/two", MEGABYTE // 2, 3, 4, "deleted"),
        ("/srv/data/file", 15, 1, 3, "replaced"),
    ]
    assert report["Wasted"] == 2 * MEGABYTE + 15 and report["Size"] == sum(
        layer["Size"] for layer in report["Layers"]
    )
    lines = docker("image", "waste", "-n", "1", wasteful).splitlines()
    assert (
        columns(lines)[0] == ["LAYER", "SIZE", "FILES", "DELETES", "WASTED", "CREATED BY"]
        and lines[-3].startswith("SIZE") is False
    )
    assert (
        columns(lines)[-1] == ["1.05MB", "2", "5", "deleted", "/big/again"]
        and "Wasted: 2.1MB of 4.08MB" in lines
    )
    assert "whole number" in docker(
        "image", "waste", "-n", "x", wasteful, rc=125
    ) and "json" in docker("image", "waste", "--format", "{{.}}", wasteful, rc=125)


CHANGE = "echo hi > /new; rm -r /srv/data; mkdir /srv/data; echo x > /srv/data/other; chmod 700 /tmp; ln /new /again; mkfifo /pipe; touch /root/t; rm /root/t"


def test_diff_of_a_container(docker, wasteful):
    docker(
        "run",
        "--name",
        "worker",
        "--network",
        "none",
        "-v",
        "named:/vol/deep",
        wasteful,
        "sh",
        "-c",
        CHANGE,
    )
    assert docker("diff", "worker").splitlines() == [
        "A /again",
        "A /new",
        "A /pipe",
        "C /srv",
        "C /srv/data",
        "D /srv/data/file",
        "A /srv/data/other",
        "C /tmp",
        "A /vol",
        "A /vol/deep",
    ]
    assert docker("diff", docker("ps", "-aq")) == docker("container", "diff", "worker")
    docker("create", "--name", "fresh", "--network", "none", wasteful)
    assert (
        docker("diff", "fresh") == ""
        and docker("diff", "nosuch", rc=1) == "container nosuch does not exist"
    )


def test_commit(docker, wasteful):
    docker(
        "run",
        "--name",
        "worker",
        "--network",
        "none",
        "-e",
        "B=2",
        "-l",
        "made=here",
        "--user",
        "0",
        wasteful,
        "sh",
        "-c",
        CHANGE + "; echo run >> /count",
    )
    words = [
        "commit",
        "-a",
        "me",
        "-m",
        "by hand",
        "-c",
        "ENV C=3 D=$B",
        "-c",
        'ENTRYPOINT ["sh", "-c"]',
        "-c",
        "EXPOSE 90",
        "-c",
        "WORKDIR srv",
        "-c",
        "HEALTHCHECK --interval=3s CMD true",
    ]
    foretold = docker.task(*words, "worker", "made:1", check=True)
    result = docker.task(*words, "worker", "made:1")
    assert result["changed"] and foretold["actions"] == result["actions"] == [
        "commit container worker as image made:1"
    ]
    document = json.loads(docker("image", "inspect", "made:1"))[0]
    base = json.loads(docker("image", "inspect", wasteful))[0]
    assert (
        document["Id"] == result["stdout"]
        and document["RootFS"]["Layers"][:-1] == base["RootFS"]["Layers"]
    )
    assert (document["Author"], document["Comment"]) == ("me", "by hand")
    config = document["Config"]
    assert (
        {"FROM=image", "A=1", "B=2", "C=3", "D=2"} <= set(config["Env"])
        and config["Labels"] == {"made": "here"}
        and config["User"] == "0"
    )
    assert (
        config["Entrypoint"] == ["sh", "-c"]
        and "Cmd" not in config
        and sorted(config["ExposedPorts"]) == ["80/tcp", "90/tcp"]
    )
    assert config["WorkingDir"] == "/srv" and config["Healthcheck"] == {
        "Test": ["CMD-SHELL", "true"],
        "Interval": 3000000000,
    }
    again = docker.task(*words, "worker", "made:1")
    assert (again["changed"], again["stdout"]) == (False, document["Id"])
    assert docker.task(*words, "worker")["changed"] is False and docker.task(
        *words, "worker", "made:2"
    )["actions"] == ["tag image as made:2"]
    assert (
        docker(
            "run",
            "--rm",
            "--network",
            "none",
            "made:1",
            "cat /srv/data/other; ls /srv/data; stat -c %a /tmp",
        )
        == "x\nother\n700"
    )
    docker("start", "-a", "worker")
    assert (
        docker.task(*words, "worker", "made:1")["changed"]
        and docker("inspect", "-f", "{{.Id}}", "made:2") == document["Id"]
    )
    assert "<none>" not in docker("images")  # made:2 has it still
    assert "accepted: instructions CMD, ENTRYPOINT" in docker(
        "commit", "-c", "RUN true", "worker", rc=1
    )
    assert "--change: 'ENV' is not valid" in docker("commit", "-c", "ENV", "worker", rc=1)
    assert "nosuch" in docker("commit", "nosuch", rc=1) and "lower case" in docker(
        "commit", "worker", "Bad Name", rc=1
    )


def test_commit_of_nothing(docker):
    docker("create", "--name", "fresh", "--network", "none", "box:1", "echo", "other")
    first = docker.task("commit", "fresh", "same:1")
    assert first["changed"] and not docker.task("commit", "fresh", "same:1")["changed"]
    box, same = (json.loads(docker("image", "inspect", name))[0] for name in ("box:1", "same:1"))
    assert (
        same["RootFS"] == box["RootFS"]
        and same["Config"]["Cmd"] == ["echo", "other"]
        and docker("history", "-q", "same:1").count("missing") == 1
    )
    assert docker("run", "--rm", "--network", "none", "same:1") == "other"


def test_a_running_container_stands_still_while_it_is_committed(docker, tmp_path):
    from pycontainer import containers

    docker(
        "run",
        "-d",
        "--name",
        "busy",
        "--network",
        "none",
        "box:1",
        "sh",
        "-c",
        "echo x > /ready; while true; do echo x >> /log; done",
    )
    record, seen = containers.get(docker.engine, "busy"), []
    while "/ready" not in docker("diff", "busy"):
        pass
    with pytest.MonkeyPatch.context() as patch:
        from pycontainer.images.library import ingest

        patch.setattr(
            ingest,
            "take",
            lambda *words, **more: (
                seen.append(containers.status(docker.engine.paths, record["id"])["status"]) or 1 / 0
            ),
        )
        with pytest.raises(ZeroDivisionError):
            docker("commit", "busy", "still:1")
        assert (
            seen == ["paused"]
            and containers.status(docker.engine.paths, record["id"])["status"] == "running"
        )
    docker("commit", "busy", "still:1")
    assert (
        "A /log" in docker("diff", "busy")
        and containers.status(docker.engine.paths, record["id"])["status"] == "running"
    )
    assert docker("run", "--rm", "--network", "none", "still:1", "cat", "/ready") == "x"
    docker("pause", "busy")
    docker("commit", "busy", "still:2")
    assert docker("inspect", "-f", "{{.State.Status}}", "busy") == "paused"


def test_a_kill_in_a_commit_leaves_no_container_frozen(docker):
    """The process is gone; the next call of any kind thaws what it had frozen."""
    from pycontainer import containers
    from pycontainer.engine import Engine

    docker("run", "-d", "--name", "busy", "--network", "none", "box:1")
    record = containers.get(docker.engine, "busy")
    docker.engine.db.close()
    child = os.fork()
    if child == 0:
        try:
            from pycontainer.containers.access import commit

            with (
                Engine(docker.engine.paths.data, docker.engine.paths.run) as engine,
                commit.frozen(engine, record),
            ):
                os.kill(os.getpid(), 9)
        finally:
            os._exit(1)
    os.waitpid(child, 0)
    assert containers.status(docker.engine.paths, record["id"])["status"] == "paused"
    with Engine(docker.engine.paths.data, docker.engine.paths.run) as engine:
        assert (
            containers.status(engine.paths, record["id"])["status"] == "running"
            and engine.operations.abandoned() == []
        )


def test_diff_of_images(docker, wasteful):
    docker("run", "--name", "worker", "--network", "none", wasteful, "sh", "-c", CHANGE)
    docker("commit", "worker", "made:1")
    assert docker("image", "diff", wasteful, "made:1").splitlines() == [
        "A /again",
        "A /new",
        "A /pipe",
        "D /srv/data/file",
        "A /srv/data/other",
        "C /tmp",
    ]
    assert (
        "D /new" in docker("image", "diff", "made:1", wasteful).splitlines()
        and docker("image", "diff", wasteful, wasteful) == ""
    )
    rows = [
        json.loads(line)
        for line in docker("image", "diff", "--format", "json", wasteful, "made:1").splitlines()
    ]
    assert rows[1] == {"Path": "/new", "Kind": "A", "Size": 3, "Before": 0}


def test_squash(docker, wasteful, tmp_path):
    result = docker.task("image", "squash", wasteful, "-t", "slim:1")
    assert (
        result["changed"]
        and not docker.task("image", "squash", wasteful, "-t", "slim:1")["changed"]
    )
    assert (
        docker("image", "diff", wasteful, "slim:1") == ""
        and len(docker("image", "inspect", "-f", "{{range .RootFS.Layers}}x{{end}}", "slim:1")) == 1
    )
    assert json.loads(docker("image", "waste", "--format", "json", "slim:1"))["Wasted"] == 0
    assert (
        json.loads(docker("image", "inspect", "slim:1"))[0]["Config"]
        == json.loads(docker("image", "inspect", wasteful))[0]["Config"]
    )
    for number, form in enumerate(
        ("box:1", "4", docker("image", "inspect", "-f", "{{index .RootFS.Layers 0}}", "box:1")[:20])
    ):
        docker("image", "squash", wasteful, "-t", "upper:%d" % number, "--from", form)
        assert docker("image", "diff", wasteful, "upper:%d" % number) == "", form
    upper = json.loads(docker("image", "inspect", "upper:0"))[0]
    assert (
        upper["RootFS"]["Layers"][0]
        == json.loads(docker("image", "inspect", "box:1"))[0]["RootFS"]["Layers"][0]
        and len(upper["RootFS"]["Layers"]) == 2
    )
    assert len(upper["RepoTags"]) == 3
    docker("image", "squash", "upper:2")  # without a name it takes over the image's
    assert len(json.loads(docker("image", "inspect", "upper:2"))[0]["RootFS"]["Layers"]) == 1
    assert not docker.task("image", "squash", "upper:2")["changed"]
    for wrong in ("0", "9", "nosuch:1", "sha256:0123456789"):
        assert f"--from: {wrong!r} is not valid; accepted: a number from 1 to 5" in docker(
            "image", "squash", wasteful, "--from", wrong, rc=1
        )


def test_squash_of_hidden_names(docker, tmp_path):
    """What a merged layer has to hide below stays hidden: files, whole directories, directories that come again with other content."""
    (tmp_path / "Containerfile").write_text("""FROM box:1
RUN mkdir -p /a/b/c /x/y && echo 1 > /a/b/c/old && echo 1 > /x/y/old && echo 1 > /x/file && ln -s b /a/link
RUN rm -r /a/b && mkdir /a/b && echo 2 > /a/b/new && rm /x/file
RUN rm -r /x && echo 3 > /x && ln /a/b/new /a/hard && echo 4 > /a/one && ln /a/one /a/two && mkfifo /a/pipe && ln /a/pipe /a/pipe2
RUN rm /x && mkdir /x && chown 5:6 /a/link -h && chmod 4711 /a/hard
""")
    docker("build", "-q", "-t", "hiding:1", "--network", "none", str(tmp_path))
    for count in range(2, 6):
        docker("image", "squash", "hiding:1", "-t", "merged:%d" % count, "--from", str(count))
        assert docker("image", "diff", "hiding:1", "merged:%d" % count) == "", count
        listing = (
            "find / -xdev \\( -path /proc -o -path /sys -o -path /dev -o -path /etc \\) -prune -o "
            "-type d -mindepth 1 -exec stat -c '%n %f %u:%g %Y' {} + -o ! -type d -exec stat -c "
            "'%n %f %u:%g %s %Y' {} +; stat -c '%n %h' /a/pipe /a/two"
        )
        seen = [
            docker("run", "--rm", "--network", "none", name, "sh", "-c", f"({listing}) | sort")
            for name in ("hiding:1", "merged:%d" % count)
        ]
        assert seen[0] == seen[1] and "/a/b/new" in seen[0], count


def test_save_and_load_by_pipe(docker, tmp_path):
    from pycontainer.deploy import install

    install.ensure(docker.engine)
    command = install.command_line(docker.engine)
    data = subprocess.run(command + ["save", "box"], stdout=subprocess.PIPE, check=True).stdout
    assert (
        docker("save", "-o", str(tmp_path / "box.tar"), "box") == ""
        and (tmp_path / "box.tar").read_bytes() == data
    )
    assert not docker.task("save", "-o", str(tmp_path / "box.tar"), "box")["changed"]
    packed = subprocess.run(
        command + ["save", "--gzip", "box:1"], stdout=subprocess.PIPE, check=True
    ).stdout
    docker("rmi", "box:1")
    done = subprocess.run(command + ["load"], input=packed, stdout=subprocess.PIPE, check=True)
    assert done.stdout == b"Loaded image: box:1\n"
    assert "-o FILE" in docker(
        "save", "box", rc=125
    ) and "docker-archive, oci-archive, oci-dir" in docker("save", "--format", "x", "box", rc=1)
    assert "-o DIRECTORY" in docker(
        "save", "--format", "oci-dir", "box", rc=125
    ) and "no image nosuch" in docker("save", "-o", "/tmp/x", "nosuch", rc=1)


def test_export_and_import(docker, tmp_path):
    from pycontainer.deploy import install

    docker(
        "run",
        "--name",
        "worker",
        "--network",
        "none",
        "--userns",
        "host",
        "-v",
        "named:/vol",
        "box:1",
        "sh",
        "-c",
        CHANGE + "; echo kept > /vol/file; mknod /null c 1 3",
    )
    path = str(tmp_path / "root.tar")
    assert (
        docker.task("export", "-o", path, "worker")["changed"]
        and not docker.task("export", "-o", path, "worker")["changed"]
    )
    with tarfile.open(path) as archive:
        names = archive.getnames()
        assert (
            "./srv/data/other" in names
            and "./srv/data/file" not in names
            and "./vol/file" not in names
        )
        assert (
            archive.getmember("./new").linkname == "./again" and archive.getmember("./null").ischr()
        )
    install.ensure(docker.engine)
    command = install.command_line(docker.engine)
    piped = subprocess.run(
        command + ["export", "worker"], stdout=subprocess.PIPE, check=True
    ).stdout
    assert piped == open(path, "rb").read()
    first = docker.task("import", "-c", "CMD cat /new", path)
    assert first["changed"] and not docker.task("import", "-c", "CMD cat /new", path)["changed"]
    assert docker("images", "-q", "--no-trunc", "-f", "dangling=true") == first["stdout"]
    assert docker("run", "--rm", "--network", "none", first["stdout"]) == "hi"
    assert docker("import", path, "again:1") and "fetch it first" in docker(
        "import", "http://example.com/x.tar", rc=125
    )
    assert docker("export", "nosuch", "-o", path, rc=1) and "-o FILE" in docker(
        "export", "worker", rc=125
    )
    docker(
        "run",
        "-d",
        "--name",
        "running",
        "--network",
        "none",
        "box:1",
        "sh",
        "-c",
        "echo 1 > /now; sleep 100",
    )
    docker("export", "running", "-o", str(tmp_path / "running.tar"))
