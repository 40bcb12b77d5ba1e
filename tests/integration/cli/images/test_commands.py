# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that look at registries and at the host, and names for images of several platforms."""

from __future__ import annotations

import http.server
import json
import os
import signal
import socket
import subprocess
import threading
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
    words = ["registry", "serve", "--listen", f"127.0.0.1:{port}", "--root", str(tmp_path / "r")]
    process = subprocess.Popen(install.command_line(docker.engine) + words)
    for _attempt in range(400):
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield f"127.0.0.1:{port}"
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0


@pytest.fixture
def answering():
    """A server that answers each path with a document: ``answering(documents)`` is its address."""
    servers = []

    def start(documents):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                path = self.path.partition("?")[0]
                data = json.dumps(documents.get(path, {})).encode()
                self.send_response(200 if path in documents or path == "/v2/" else 404)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_args):
                pass

        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return "127.0.0.1:%d" % servers[-1].server_address[1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_search_in_a_registry(docker, served):
    for name in ("shop/web", "shop/db", "tools/webhook"):
        docker("tag", "box:1", f"{served}/{name}:1")
        docker("push", f"{served}/{name}:1")
    names = ["search", "--format", "{{.Name}}"]
    assert docker(*names, f"{served}/WEB").split() == [
        f"{served}/shop/web",
        f"{served}/tools/webhook",
    ]
    assert len(docker(*names, f"{served}/").split()) == 3
    assert docker(*names, "--limit", "1", f"{served}/shop") == f"{served}/shop/db"
    assert docker(*names, "-f", "stars=1", f"{served}/web") == ""
    assert docker("search", f"{served}/web").splitlines()[0].split() == [
        "NAME",
        "DESCRIPTION",
        "STARS",
        "OFFICIAL",
    ]
    assert "1 to 100" in docker("search", "--limit", "101", "web", rc=125)
    assert "stars, is-official" in docker("search", "-f", "size=1", "web", rc=1)


def test_search_as_on_the_hub(docker, answering, monkeypatch):
    from pycontainer.images.client import search
    from pycontainer.images.configuration.access import Registries
    from pycontainer.images.model import reference

    found = [
        {"name": "web", "description": "a\x1b[31mred\nline " + "x" * 90, "star_count": 7},
        {"name": "lib/web", "star_count": "many", "is_official": True},
        "no row",
    ]
    host = answering({"/v1/search": {"results": found}})
    client = Registries().client(reference.parse(host + "/search"))
    rows = search.of_hub(client, "web", 25)
    assert [(r["Name"], r["StarCount"], r["IsOfficial"]) for r in rows] == [
        ("web", 7, False),
        ("lib/web", 0, True),
    ]
    monkeypatch.setattr(search, "repositories", lambda _client, _term, _limit: rows)
    text = docker("search", "web")
    assert "\x1b" not in text and "red line" in text and len(text.splitlines()) == 3
    assert docker("search", "-f", "is-official=true", "--format", "{{.Name}}", "web") == "lib/web"


def test_a_registry_that_lists_nothing(docker, answering):
    host = answering({})
    assert "does not list its repositories" in docker("search", host + "/web", rc=1)
    host = answering({"/v2/_catalog": {"repositories": [1]}})
    assert "is not one" in docker("search", host + "/web", rc=1)


def test_an_index_of_two_platforms(docker, served):
    docker("import", "--platform", "linux/arm64", docker.rootfs, "arm:1")
    name = f"{served}/shop/web:1"
    foretold = docker.task("manifest", "create", name, "box:1", "arm:1", check=True)
    assert foretold["changed"] and "no image" in docker("manifest", "inspect", name, rc=1)
    assert docker.task("manifest", "create", name, "box:1")["changed"]
    assert "--amend adds to it" in docker("manifest", "create", name, "arm:1", rc=1)
    assert docker.task("manifest", "create", "--amend", name, "arm:1")["changed"]
    assert not docker.task("manifest", "create", "-a", name, "arm:1")["changed"]
    before = json.loads(docker("manifest", "inspect", name))
    assert [m["platform"]["architecture"] for m in before["manifests"]] == ["amd64", "arm64"]
    digest = docker("manifest", "push", name)
    assert not docker.task("manifest", "push", name)["changed"]
    docker("manifest", "push", "--purge", name)
    assert "there is no index" in docker("manifest", "rm", name, rc=1)
    assert json.loads(docker("manifest", "inspect", name)) == before
    whole = json.loads(docker("manifest", "inspect", "-v", f"{served}/shop/web@{digest}"))
    assert whole["Descriptor"]["digest"] == digest and whole["Manifest"] == before
    assert docker("manifest", "create", "x:1", "box:1") and docker("manifest", "rm", "x:1") == ""


def test_what_an_index_says_of_its_platforms(docker, served):
    """Two images that say the same platform themselves, and an index of one."""
    docker("import", "--platform", "linux/arm64", docker.rootfs, "arm:1")
    docker("commit", docker("create", "--network", "none", "box:1"), "other:1")
    name = f"{served}/shop/web:1"
    made = docker.task("manifest", "create", name, "box:1", "other:1")
    assert "box:1 and other:1 are both for linux/amd64" in made["warnings"][0]
    assert docker("manifest", "push", name, rc=1) == made["warnings"][0]

    line = ["manifest", "annotate", "--arch", "arm", "--variant", "v7", "--os-version", "1.2"]
    line += ["--os-features", "a,b", "--os-features", "b", name, "docker.io/library/other:1"]
    foretold, first, second = docker.task(*line, check=True), docker.task(*line), docker.task(*line)
    assert foretold["changed"] and first["changed"] and not second["changed"]
    assert first["actions"] == [f"annotate other:1 in index {name}"] and not first["stdout"]
    assert docker.task("manifest", "annotate", "--os-features", "c", name, "other:1")["changed"]
    assert json.loads(docker("manifest", "inspect", name))["manifests"][1]["platform"] == {
        "architecture": "arm",
        "os": "linux",
        "variant": "v7",
        "os.version": "1.2",
        "os.features": ["a", "b", "c"],
    }
    described = json.loads(docker("manifest", "inspect", "-v", name))
    assert docker("manifest", "push", name) == described["Descriptor"]["digest"]
    assert not docker.task("manifest", "push", name)["changed"]
    docker("manifest", "push", "--purge", name)
    assert json.loads(docker("manifest", "inspect", name)) == described["Manifest"]

    docker("manifest", "create", name, "arm:1")
    docker("manifest", "annotate", "--arch", "riscv64", name, "arm:1")
    docker("manifest", "push", "-p", name)
    only = json.loads(docker("manifest", "inspect", name))["manifests"]
    assert [entry["platform"] for entry in only] == [{"architecture": "riscv64", "os": "linux"}]


@pytest.mark.parametrize(
    "flags, said",
    [
        ((), "takes at least one of --arch"),
        (("--arch", "arm46"), "--arch: 'arm46' is not valid; accepted: 386, amd64"),
        (("--os", "Linux"), "--os: 'Linux' is not valid; accepted: linux"),
        (("--variant", ""), "--variant: '' is not valid; accepted: a word"),
        (("--os-features", "a,,b"), "--os-features: '' is not valid"),
    ],
)
def test_annotations_that_are_refused(docker, flags, said):
    assert said in docker(
        "manifest", "annotate", *flags, "x:1", "box:1", rc=125 if not flags else 1
    )


def test_annotations_of_what_an_index_lacks(docker):
    assert "there is no index x:1" in docker(
        "manifest", "annotate", "--os", "linux", "x:1", "box:1", rc=1
    )
    docker("import", "--platform", "linux/arm64", docker.rootfs, "arm:1")
    docker("manifest", "create", "x:1", "box:1")
    refused = docker("manifest", "annotate", "--os", "linux", "x:1", "arm:1", rc=1)
    assert "index x:1 has no image arm:1; it has box:1" in refused
    docker("manifest", "rm", "x:1")


def test_all_tags_of_a_repository(docker, served):
    for tag in ("1", "2"):
        docker("tag", "box:1", f"{served}/web:{tag}")
        docker("push", f"{served}/web:{tag}")
        docker("rmi", f"{served}/web:{tag}")
    assert docker("pull", "-a", f"{served}/web").splitlines() == [
        f"{served}/web:1",
        f"{served}/web:2",
    ]
    assert not docker.task("pull", "-a", f"{served}/web")["changed"]
    assert "without tag" in docker("pull", "-a", f"{served}/web:1", rc=125)


def test_columns_of_top(docker):
    docker("run", "-d", "--name", "web", "--network", "none", "box:1")
    assert docker("top", "web").splitlines()[0].split()[:3] == ["UID", "PID", "PPID"]
    lines = docker("top", "web", "-eo", "user,pid,comm=NAME").splitlines()
    assert lines[0].split() == ["USER", "PID", "NAME"]
    assert lines[1].split()[2] == "sleep"
    pid = json.loads(docker("inspect", "web"))[0]["State"]["Pid"]
    assert lines[1].split()[1] == str(pid)
    assert docker("top", "web", "aux").split()[:4] == ["USER", "PID", "%CPU", "%MEM"]
    assert docker("top", "web", "-ef") == docker("top", "web")
    assert int(docker("top", "web", "--format", "rss").split()[1]) > 0
    assert "-o: 'nosuch' is not valid" in docker("top", "web", "-o", "nosuch", rc=1)
    assert "OPTION: '-Z' is not valid" in docker("top", "web", "-Z", rc=1)


def test_disk_use_of_each(docker, tmp_path):
    (tmp_path / "Containerfile").write_text("FROM box:1\nRUN echo one > /one\n")
    docker("build", "-q", "-t", "built:1", str(tmp_path))
    docker("create", "--name", "idle", "--network", "none", "-v", "data:/srv/data", "box:1")
    text = docker("system", "df", "-v")
    for title in ("Images space usage:", "Containers space usage:", "Build cache usage:"):
        assert title in text
    found = json.loads(docker("system", "df", "-v", "--format", "json"))
    images = {image["Repository"]: image for image in found["Images"]}
    assert images["built"]["SharedSize"] == images["box"]["SharedSize"] != "0B"
    assert images["box"]["UniqueSize"] == "0B" and images["box"]["Containers"] == "1"
    assert found["Volumes"][0]["Links"] == "1" and found["Containers"][0]["Names"] == "idle"
    assert docker("system", "df", "-v", "--format", "{{len .Images}}") == "2"


def test_images_as_a_tree(docker, tmp_path):
    (tmp_path / "Containerfile").write_text("FROM box:1\nRUN echo one > /one\n")
    docker("build", "-q", "-t", "built:1", str(tmp_path))
    docker("import", docker.rootfs + "/etc", "other:1")
    lines = docker("images", "--tree").splitlines()
    assert lines[0].split() == ["IMAGE", "ID", "SIZE", "ADDED"]
    at = next(number for number, line in enumerate(lines) if line.startswith("box:1"))
    assert lines[at + 1].startswith("\u2514\u2500 built:1")
    assert any(line.startswith("other:1") for line in lines)
    assert "--tree goes with neither" in docker("images", "--tree", "-q", rc=125)


def test_one_stream_of_a_run(docker):
    both = ["box:1", "sh", "-c", "echo out; echo err >&2; exit 3"]
    for stream, stdout, stderr in (("stdout", "out", ""), ("STDERR", "", "err")):
        done = docker.task("run", "--rm", "--network", "none", "-a", stream, *both)
        assert (done["rc"], done["stdout"], done["stderr"]) == (3, stdout, stderr)
    rc, out, err = docker.on_host("run", "--rm", "--network", "none", "-a", "stderr", *both)
    assert (rc, out, err) == (3, "", "err\n")
    fed = ["run", "--rm", "-i", "--network", "none", "-a", "stdin", "-a", "stdout", "box:1", "cat"]
    assert docker.on_host(*fed, stdin="fed\n") == (0, "fed\n", "")
    assert "not 'all'" in docker("run", "-a", "all", "box:1", rc=125)
    assert "either --attach or --detach" in docker("run", "-d", "-a", "stdout", "box:1", rc=125)
    assert os.listdir(docker.engine.paths.containers) == []
