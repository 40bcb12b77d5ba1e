# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other people's clients against the registry: what they push comes back with the same digest, whoever pulls it."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import threading

import pytest


def needs(program):
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


def run(*command, **options):
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
        check=False,
        **options,
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture
def address(server):
    return "127.0.0.1:%d" % server.addresses[0][1]


@pytest.fixture
def root_file_system(tmp_path):
    """A tar archive with a few files and 3 MiB of what does not compress."""
    path = tmp_path / "root.tar"
    with tarfile.open(path, "w") as archive:
        for name, data in (("etc/hello", b"hello\n"), ("data", os.urandom(3 << 20))):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return str(path)


@pytest.fixture
def oci_layout(tmp_path):
    """A directory with an image of two layers in OCI form: made by hand, so that its digest is known."""
    import gzip
    import hashlib

    path = tmp_path / "layout"
    blobs = path / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def put(data, media_type):
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"mediaType": media_type, "digest": "sha256:" + digest, "size": len(data)}

    layers, diff_ids = [], []
    for number in range(2):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            entry = tarfile.TarInfo("file%d" % number)
            data = os.urandom(100000)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
        diff_ids.append("sha256:" + hashlib.sha256(buffer.getvalue()).hexdigest())
        layers.append(
            put(gzip.compress(buffer.getvalue()), "application/vnd.oci.image.layer.v1.tar+gzip")
        )
    config = put(
        json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "config": {},
                "rootfs": {"type": "layers", "diff_ids": diff_ids},
            }
        ).encode(),
        "application/vnd.oci.image.config.v1+json",
    )
    manifest = put(
        json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": config,
                "layers": layers,
            }
        ).encode(),
        "application/vnd.oci.image.manifest.v1+json",
    )
    manifest["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
    (path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
    (path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return str(path), manifest["digest"]


# --- skopeo ---


@needs("skopeo")
def test_skopeo_there_and_back(address, oci_layout, tmp_path):
    layout, digest = oci_layout
    run(
        "skopeo",
        "copy",
        "--insecure-policy",
        "--dest-tls-verify=false",
        f"oci:{layout}:latest",
        f"docker://{address}/team/app:1",
    )
    found = json.loads(
        run("skopeo", "inspect", "--tls-verify=false", f"docker://{address}/team/app:1")
    )
    assert found["Digest"] == digest and found["RepoTags"] == ["1"]
    run(
        "skopeo",
        "copy",
        "--insecure-policy",
        "--src-tls-verify=false",
        f"docker://{address}/team/app:1",
        f"oci:{tmp_path / 'back'}:latest",
    )
    back = json.loads((tmp_path / "back" / "index.json").read_text())
    assert back["manifests"][0]["digest"] == digest
    run(
        "skopeo",
        "copy",
        "--insecure-policy",
        "--src-tls-verify=false",
        "--dest-tls-verify=false",
        "--format=v2s2",
        f"docker://{address}/team/app@{digest}",
        f"docker://{address}/team/docker:1",
    )  # mounts the blobs, converts the manifest
    run(
        "skopeo",
        "copy",
        "--insecure-policy",
        "--src-tls-verify=false",
        f"docker://{address}/team/docker:1",
        f"dir:{tmp_path / 'dir'}",
    )
    assert (
        json.loads((tmp_path / "dir" / "manifest.json").read_text())["mediaType"]
        == "application/vnd.docker.distribution.manifest.v2+json"
    )
    assert "1" in run("skopeo", "list-tags", "--tls-verify=false", f"docker://{address}/team/app")
    run("skopeo", "delete", "--tls-verify=false", f"docker://{address}/team/app:1")
    assert (
        json.loads(
            run("skopeo", "list-tags", "--tls-verify=false", f"docker://{address}/team/app")
        )["Tags"]
        == []
    )


@needs("skopeo")
def test_skopeo_with_users(make_server, oci_layout, tmp_path):
    from pycontainer.registry.http import registry_users

    path = tmp_path / "users"
    path.write_text(registry_users.write({"ann": registry_users.derive("secret")}))
    address = "127.0.0.1:%d" % make_server(users=str(path)).addresses[0][1]
    copy = [
        "skopeo",
        "copy",
        "--insecure-policy",
        "--dest-tls-verify=false",
        f"oci:{oci_layout[0]}:latest",
        f"docker://{address}/app:1",
    ]
    assert subprocess.run(copy, stderr=subprocess.DEVNULL, check=False).returncode
    run(*copy, "--dest-creds=ann:secret")


# --- podman ---


@pytest.fixture
def podman(tmp_path):
    if shutil.which("podman") is None:
        pytest.skip("podman is not installed")
    run_root = tempfile.mkdtemp(
        prefix="pct-podman-", dir="/run"
    )  # podman takes at most 50 characters
    base = [
        "podman",
        "--root",
        str(tmp_path / "podman"),
        "--runroot",
        run_root,
        "--storage-driver",
        "vfs",
        "--cgroup-manager",
        "cgroupfs",
    ]
    yield lambda *words: run(*base, *words)
    shutil.rmtree(run_root, ignore_errors=True)


def test_podman_push_and_pull(address, podman, root_file_system):
    podman("import", root_file_system, f"{address}/podman/one:1")
    podman("push", "--tls-verify=false", f"{address}/podman/one:1")
    image = podman("image", "inspect", "--format", "{{.Id}}", f"{address}/podman/one:1")
    podman("rmi", "-a", "-f")
    podman("pull", "--tls-verify=false", f"{address}/podman/one:1")
    assert podman("image", "inspect", "--format", "{{.Id}}", f"{address}/podman/one:1") == image
    podman("tag", f"{address}/podman/one:1", f"{address}/podman/two:1")
    podman("push", "--tls-verify=false", f"{address}/podman/two:1")
    podman("search", "--tls-verify=false", "--list-tags", f"{address}/podman/two")


def test_podman_pushes_a_list(address, podman, root_file_system, client):
    podman("import", root_file_system, f"{address}/podman/arch:amd64")
    podman("push", "--tls-verify=false", f"{address}/podman/arch:amd64")
    podman("manifest", "create", "many")
    podman("manifest", "add", "--tls-verify=false", "many", f"docker://{address}/podman/arch:amd64")
    podman(
        "manifest",
        "push",
        "--all",
        "--tls-verify=false",
        "many",
        f"docker://{address}/podman/arch:many",
    )
    answer = client("GET", "/v2/podman/arch/manifests/many")
    assert answer.status == 200 and len(answer.json()["manifests"]) == 1


def test_eight_pushes_at_once(address, podman, root_file_system):
    names = ["%s/podman/many%d:1" % (address, number % 3) + "%d" % number for number in range(8)]
    podman("import", root_file_system, names[0])
    errors = []

    def push(name):
        try:
            podman("push", "--tls-verify=false", names[0], "docker://" + name)
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=push, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    podman("rmi", "-a", "-f")
    podman("pull", "--tls-verify=false", names[-1])


@needs("buildah")
def test_buildah(address, tmp_path, root_file_system):
    base = [
        "buildah",
        "--root",
        str(tmp_path / "b"),
        "--runroot",
        str(tmp_path / "br"),
        "--storage-driver",
        "vfs",
    ]
    container = run(*base, "from", "scratch").strip()
    run(*base, "add", container, root_file_system, "/")
    run(*base, "commit", "--tls-verify=false", container, f"docker://{address}/built:1")
    run(*base, "rm", container)
    run(*base, "pull", "--tls-verify=false", f"{address}/built:1")


# --- docker ---


def test_docker_push_and_pull(address, docker_daemon, root_file_system, make_server, tmp_path):
    from pycontainer.registry.http import registry_users

    name = f"{address}/docker/one:1"
    docker_daemon("import", root_file_system, name)
    pushed = docker_daemon("push", name)
    digest = pushed[pushed.index("sha256:") :].split()[0]
    image = docker_daemon("image", "inspect", "--format", "{{.Id}}", name)
    docker_daemon("rmi", name)
    docker_daemon("pull", name)
    found = docker_daemon("image", "inspect", "--format", "{{.Id}} {{index .RepoDigests 0}}", name)
    assert found.split() == [image.strip(), f"{address}/docker/one@{digest}"]
    docker_daemon("tag", name, name.replace("one", "two"))
    assert "Mounted from docker/one" in docker_daemon("push", name.replace("one", "two"))

    (tmp_path / "users").write_text(registry_users.write({"ann": registry_users.derive("secret")}))
    guarded = (
        "127.0.0.1:%d"
        % make_server(root=str(tmp_path / "guarded"), users=str(tmp_path / "users")).addresses[0][1]
    )
    docker_daemon("tag", name, guarded + "/one:1")
    with pytest.raises(AssertionError, match="no basic auth credentials"):
        docker_daemon("push", guarded + "/one:1")
    docker_daemon("login", "-u", "ann", "-p", "secret", guarded)
    docker_daemon("push", guarded + "/one:1")
    with pytest.raises(AssertionError, match="401 Unauthorized"):
        docker_daemon("login", "-u", "ann", "-p", "false", guarded)


def test_docker_pulls_through_a_cache(docker_daemon, root_file_system, make_server, tmp_path):
    from pycontainer.registry.http.server import Server

    upstream = Server(str(tmp_path / "upstream"), [("127.0.0.1", 0)], log=print, access_log=None)
    upstream.start()
    there = "127.0.0.1:%d/team/app:1" % upstream.addresses[0][1]
    cache = make_server(
        root=str(tmp_path / "cache"), proxy={"remote_url": "http://" + there.partition("/")[0]}
    )
    name = "127.0.0.1:%d/team/app:1" % cache.addresses[0][1]
    docker_daemon("import", root_file_system, there)
    docker_daemon("push", there)
    image = docker_daemon("image", "inspect", "--format", "{{.Id}}", there)
    with pytest.raises(AssertionError, match="push there"):
        docker_daemon("tag", there, name)
        docker_daemon("push", name)
    for turn in range(2):
        docker_daemon("rmi", "-f", image.strip())
        docker_daemon("pull", name)
        assert docker_daemon("image", "inspect", "--format", "{{.Id}}", name) == image
        if not turn:
            upstream.stop(grace=1.0)
