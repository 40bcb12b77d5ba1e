# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands about images, volumes and registries."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import tarfile
import time

import pytest


@pytest.fixture
def served(docker, tmp_path):
    """The address of ``registry serve`` on loopback."""
    from pycontainer.deploy import install

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    install.ensure(docker.engine)
    words = [
        "registry",
        "serve",
        "--listen",
        "127.0.0.1:%d" % port,
        "--root",
        str(tmp_path / "registry"),
    ]
    process = subprocess.Popen(
        install.command_line(docker.engine) + words,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    for _attempt in range(200):
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield "127.0.0.1:%d" % port
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0, process.stderr.read()
    process.stderr.close()


def test_tag_push_pull_rmi(docker, served):
    name, ident = served + "/demo/box:1", docker("images", "-q", "--no-trunc")
    for command in (["tag", "box:1", name], ["push", name]):
        assert [docker.task(*command)["changed"] for _again in range(2)] == [True, False], command
    assert docker("push", name) == name
    assert (
        docker("rmi", name) == "Untagged: " + name
        and docker("rmi", name, rc=1) == f"there is no image {name} on this host"
    )
    assert docker("rmi", "box:1") == "Untagged: box:1\nDeleted: " + ident
    result = docker.task("pull", name)
    assert (
        result["changed"]
        and result["stdout"] == name
        and not docker.task("pull", name)["changed"]
        and docker("images", "-q", "--no-trunc") == ident
    )
    assert docker("run", "--rm", "--network", "none", name, "echo", "pulled") == "pulled"
    assert "demo/none" in docker("pull", served + "/demo/none:1", rc=1)
    lines = docker("images", "--digests").splitlines()
    assert (
        re.split("   +", lines[0]) == ["REPOSITORY", "TAG", "DIGEST", "IMAGE ID", "CREATED", "SIZE"]
        and "sha256:" in lines[1]
    )
    assert docker.task("image", "prune", "-a")["stdout_lines"][:2] == ["Deleted Images:", ident]


def test_signed_and_mirrored(docker, served, tmp_path):
    """A pushed image is signed, and pulled only with the right key; a mirror that lacks it changes nothing."""
    for name in ("mine", "other"):
        subprocess.run(
            ["openssl", "genpkey", "-algorithm", "ED25519", "-out", str(tmp_path / name)],
            check=True,
        )
        subprocess.run(
            [
                "openssl",
                "pkey",
                "-in",
                str(tmp_path / name),
                "-pubout",
                "-out",
                str(tmp_path / (name + ".pub")),
            ],
            check=True,
        )
    name = served + "/demo/signed:1"
    docker("tag", "box:1", name)
    assert docker("push", name) == name
    assert "it is not signed" in docker(
        "pull", "--verify-key", str(tmp_path / "mine.pub"), name, rc=1
    )
    assert (
        docker("push", "--sign-key", str(tmp_path / "mine"), name) == name
        and not docker.task("push", "--sign-key", str(tmp_path / "mine"), name)["changed"]
    )
    docker("rmi", name)
    assert "not by that key" in docker(
        "pull", "--verify-key", str(tmp_path / "other.pub"), name, rc=1
    )
    assert (
        docker(
            "pull",
            "--mirror",
            "127.0.0.1:1",
            "--mirror",
            served + "/nothing",
            "--verify-key",
            str(tmp_path / "mine.pub"),
            name,
        )
        == name
    )
    assert "HOST[:PORT]" in docker("pull", "--mirror", "https://x", name, rc=1)


def test_the_missing_image_of_a_run_is_pulled(docker, served):
    name = served + "/demo/box:1"
    docker("tag", "box:1", name)
    docker("push", name)
    docker("rmi", name, "box:1")
    result = docker.task("run", "--rm", "--network", "none", name, "echo", "x")
    assert result["stdout"] == "x" and result["actions"][0] == "pull image " + name


def test_listing_and_inspect(docker):
    docker("tag", "box:1", "other/box:2")
    assert docker("images").splitlines()[0].split() == [
        "REPOSITORY",
        "TAG",
        "IMAGE",
        "ID",
        "CREATED",
        "SIZE",
    ]
    assert (
        docker("images", "box") == docker("images", "-f", "reference=box")
        and len(docker("images", "box").splitlines()) == 2
    )
    row = json.loads(docker("images", "--format", "json", "box"))
    assert (row["Repository"], row["Tag"], len(row["ID"])) == ("box", "1", 12) and re.fullmatch(
        r"[0-9.]+MB", row["Size"]
    )
    document = json.loads(docker("image", "inspect", "box:1"))[0]
    assert (
        document["RepoTags"] == ["box:1", "other/box:2"]
        and docker("inspect", "-f", "{{.Id}}", row["ID"]) == document["Id"]
    )
    assert (
        "several names" in docker("rmi", row["ID"], rc=1)
        and docker("rmi", "-f", row["ID"]).splitlines()[0] == "Untagged: box:1"
    )


def test_import_and_its_changes(docker, tmp_path):
    with tarfile.open(tmp_path / "root.tar", "w") as archive:
        archive.add(docker.rootfs, arcname=".")
    words = [
        "-c",
        'CMD ["echo", "a b"]',
        "-c",
        "ENV A=1 B='x y'",
        "-c",
        "LABEL l=m",
        "-c",
        "EXPOSE 80 53/udp",
        "-c",
        "WORKDIR /srv",
        "-c",
        "USER www",
        "-c",
        "VOLUME /data",
        "-c",
        "STOPSIGNAL USR1",
        "-c",
        "ENTRYPOINT env",
        "-m",
        "made here",
    ]
    first = docker.task("import", *words, str(tmp_path / "root.tar"), "made:1")
    assert (
        first["changed"]
        and not docker.task("import", *words, str(tmp_path / "root.tar"), "made:1")["changed"]
    )
    document = json.loads(docker("image", "inspect", "made:1"))[0]
    config = document["Config"]
    assert (
        first["stdout"] == document["Id"]
        and document["Comment"] == "made here"
        and config["Cmd"] == ["echo", "a b"]
    )
    assert (
        config["Entrypoint"] == ["/bin/sh", "-c", "env"]
        and config["Labels"] == {"l": "m"}
        and config["WorkingDir"] == "/srv"
        and config["User"] == "www"
    )
    assert (
        sorted(config["ExposedPorts"]) == ["53/udp", "80/tcp"]
        and list(config["Volumes"]) == ["/data"]
        and "B=x y" in config["Env"]
    )
    data = (tmp_path / "root.tar").read_bytes().decode("latin-1")
    assert data  # the same archive through standard input
    done = subprocess.run(
        _command(docker) + ["import", "-", "piped:1"],
        input=data.encode("latin-1"),
        stdout=subprocess.PIPE,
        check=True,
    )
    assert done.stdout.startswith(b"sha256:") and "piped" in docker("images")


def _command(docker):
    from pycontainer.deploy import install

    install.ensure(docker.engine)
    return install.command_line(docker.engine)


def test_load(docker, tmp_path):
    archive = tmp_path / "two.tar"
    document = json.loads(docker("image", "inspect", "box:1"))[0]
    _save(docker, archive, document, ["box:1", "also/box:2"])
    docker("rmi", "box:1")
    result = docker.task("load", "-i", str(archive))
    assert result["changed"] and sorted(result["stdout_lines"]) == [
        "Loaded image: also/box:2",
        "Loaded image: box:1",
    ]
    assert not docker.task("load", "-i", str(archive))["changed"]
    docker("rmi", "box:1")
    with open(archive, "rb") as file:
        done = subprocess.run(
            _command(docker) + ["load"], stdin=file, stdout=subprocess.PIPE, check=True
        )
    assert b"Loaded image: box:1\n" in done.stdout and os.listdir(docker.engine.paths.tmp) == []


def _save(docker, path, document, names):
    """An archive in the form of docker save."""
    import gzip
    import io

    engine = docker.engine
    config = engine.blobs.read(document["Id"])
    manifest = json.loads(engine.blobs.read(document["ManifestDigest"]))
    layer = engine.blobs.read(manifest["layers"][0]["digest"])
    if layer[:2] == b"\x1f\x8b":
        layer = gzip.decompress(layer)
    listing = json.dumps(
        [{"Config": "config.json", "RepoTags": names, "Layers": ["layer.tar"]}]
    ).encode()
    with tarfile.open(path, "w") as archive:
        for name, data in (
            ("config.json", config),
            ("layer.tar", layer),
            ("manifest.json", listing),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def test_login_and_logout(docker, served, monkeypatch, tmp_path):
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "auth.json"))
    line = ("login", "-u", "me", "-p", "secret", served)
    assert docker.on_host(*line)[:2] == (0, "Login Succeeded\n")
    assert "registry_login" in docker(
        *line, rc=125
    )  # a task's options are written into the host's log
    assert [docker.task("logout", served)["changed"] for _again in range(2)] == [True, False]
    code, out, errors = docker.on_host(
        "login", "-u", "me", "--password-stdin", served, stdin="secret\n"
    )
    assert (code, out) == (0, "Login Succeeded\n"), errors
    docker("logout", served)


def test_volumes(docker):
    result = docker.task("volume", "create", "-l", "a=b", "data")
    assert (
        result["changed"]
        and result["stdout"] == "data"
        and not docker.task("volume", "create", "data")["changed"]
    )
    name = docker("volume", "create")
    assert re.fullmatch("[0-9a-f]{64}", name)
    docker(
        "create", "--name", "web", "--network", "none", "-v", "used:/x", "-v", "/anonymous", "box:1"
    )
    assert (
        docker("volume", "ls").splitlines()[0] == "DRIVER   VOLUME NAME"
        and len(docker("volume", "ls", "-q").splitlines()) == 4
    )
    assert docker("volume", "ls", "-q", "-f", "label=a=b") == "data" and "used" not in docker(
        "volume", "ls", "-q", "-f", "dangling=true"
    )
    assert json.loads(docker("volume", "inspect", "data"))[0]["Labels"] == {"a": "b"}
    assert "is used by container web" in docker("volume", "rm", "used", rc=1)
    assert docker("rm", "-v", "web") == "web" and sorted(
        docker("volume", "ls", "-q").splitlines()
    ) == sorted(["data", name, "used"])
    assert (
        docker.task("volume", "rm", "data", "nosuch")["rc"] == 1
        and docker("volume", "rm", "-f", "nosuch") == "nosuch"
    )
    assert docker.task("volume", "prune", "-a")["changed"] and docker("volume", "ls", "-q") == ""


def test_rm_keeps_anonymous_volumes_without_v(docker):
    docker("create", "--name", "web", "--network", "none", "-v", "/anonymous", "box:1")
    docker("rm", "web")
    assert len(docker("volume", "ls", "-q").splitlines()) == 1
    assert (
        docker.task("volume", "prune", "-f")["stdout_lines"][0] == "Deleted Volumes:"
        and docker("volume", "ls", "-q") == ""
    )


def test_the_host(docker):
    assert re.split("   +", docker("system", "df").splitlines()[0]) == [
        "TYPE",
        "TOTAL",
        "ACTIVE",
        "SIZE",
    ]
    assert "Images: 1" in docker("info") and docker("info", "-f", "{{.counts.images}}") == "1"
    assert (
        json.loads(docker("version", "-f", "json"))["Os"] == "linux"
        and docker("version", "-f", "{{.Os}}") == "linux"
    )
    assert docker("registry", "ls") == "NAME   LISTEN   STATE   PATH" and docker("boot") == ""
