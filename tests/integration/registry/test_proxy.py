# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A registry that is a cache of another: what it fetches, keeps, serves without its upstream, and does not take."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time

import pytest
from pycontainer import images
from pycontainer.errors import InvalidInput, NotFound, RegistryError
from pycontainer.registry.content import collect
from pycontainer.registry.http.server import Server
from pycontainer.registry.proxy import proxy

from .conftest import INDEX, Client, digest_of

BIG = os.urandom(5 << 20)


class Upstream:
    """A registry of ours that can go and come back at the same address, and counts what it is asked for."""

    def __init__(self, root, **options):
        self.root, self.options, self.lines, self.port = root, options, [], 0
        self.start()

    def start(self):
        self.server = Server(
            self.root,
            [("127.0.0.1", self.port)],
            log=print,
            access_log=self.lines.append,
            **self.options,
        )
        self.port = self.server.addresses[0][1]
        self.server.start()

    def stop(self):
        self.server.stop(grace=1.0)

    def asked(self, *words):
        """How many requests have all of ``words`` in their line."""
        return len([line for line in self.lines if all(word in line for word in words)])


@pytest.fixture
def upstream(tmp_path):
    found = Upstream(str(tmp_path / "upstream"))
    yield found
    with contextlib.suppress(OSError):
        found.stop()


@pytest.fixture
def source(upstream):
    """A client that pushes to the upstream registry."""
    return Client(upstream.port)


@pytest.fixture
def cache(make_server, upstream):
    """A server that is a cache of ``upstream``."""
    return make_server(proxy={"remote_url": "http://127.0.0.1:%d" % upstream.port})


@pytest.fixture
def client(cache):
    return Client(cache.addresses[0][1])


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    from pycontainer.images.client import retry

    monkeypatch.setattr(retry, "pause", lambda tries: 0.01)


def image(source, tag="1", seed=b"x", layer=BIG):
    """Push an image with one large layer. :returns: its digest and the layer's."""
    data = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": source.descriptor(b"{}" + seed, "application/vnd.oci.image.config.v1+json"),
            "layers": [source.descriptor(layer)],
        }
    ).encode()
    assert source.put(tag, data).status == 201
    return digest_of(data), digest_of(layer)


def test_what_it_lacks_is_fetched_once_and_kept(upstream, source, client):
    digest, layer = image(source)
    for _turn in range(3):
        answer = client("GET", "manifests/1")
        assert answer.status == 200 and answer.headers[
            "Docker-Content-Digest"
        ] == digest == digest_of(answer.body)
        answer = client("GET", "blobs/" + layer)
        assert (
            answer.status == 200
            and answer.body == BIG
            and answer.headers["Content-Length"] == str(len(BIG))
        )
    assert (
        upstream.asked("GET", "/manifests/") == 1 and upstream.asked("GET", "/blobs/" + layer) == 1
    )
    assert upstream.asked("HEAD", "/manifests/1") == 3  # the tag is asked for each time
    assert client("HEAD", "blobs/" + layer).headers["Content-Length"] == str(len(BIG))
    assert client("GET", "blobs/" + layer, Range="bytes=100-199").body == BIG[100:200]


def test_a_tag_that_moves(source, client):
    image(source)
    assert client("GET", "manifests/1").status == 200
    second, _layer = image(source, seed=b"y")
    assert client("GET", "manifests/1").headers["Docker-Content-Digest"] == second
    assert source("DELETE", "manifests/1").status == 202
    assert client("GET", "manifests/1").code == "MANIFEST_UNKNOWN"


def test_without_its_upstream(upstream, source, client):
    digest, layer = image(source)
    image(source, tag="2", seed=b"not asked for", layer=b"other")
    for path in ("manifests/1", "blobs/" + layer, "blobs/" + digest_of(b"{}x")):
        assert client("GET", path).status == 200
    upstream.stop()
    for path in (
        "manifests/1",
        "manifests/" + digest,
        "blobs/" + layer,
        "blobs/" + digest_of(b"{}x"),
        "tags/list",
    ):
        assert client("GET", path).status == 200, path
    assert client("GET", "tags/list").json()["tags"] == ["1"]
    for path in ("manifests/2", "blobs/" + digest_of(b"other"), "manifests/sha256:" + "1" * 64):
        answer = client("GET", path)
        assert (
            answer.status == 504
            and answer.code == "UNKNOWN"
            and "can't be reached" in answer.json()["errors"][0]["message"]
        ), path
    upstream.start()
    assert (
        client("GET", "manifests/2").status == 200
        and client("GET", "blobs/" + digest_of(b"other")).body == b"other"
    )


def test_what_is_nowhere(client, source):
    image(source)
    assert client("GET", "manifests/nothing").code == "MANIFEST_UNKNOWN"
    assert client("GET", "manifests/sha256:" + "1" * 64).code == "MANIFEST_UNKNOWN"
    assert client("GET", "blobs/sha256:" + "1" * 64).code == "BLOB_UNKNOWN"
    assert client("HEAD", "blobs/sha256:" + "1" * 64).status == 404
    assert client("GET", "/v2/no/such/tags/list").status == 404
    assert client("GET", "manifests/-").code == "MANIFEST_UNKNOWN"
    assert client("GET", "blobs/sha256:1").code == "DIGEST_INVALID"


def test_nothing_can_be_pushed(client):
    for method, path in (
        ("POST", "blobs/uploads/"),
        ("PUT", "blobs/uploads/x"),
        ("PATCH", "blobs/uploads/x"),
        ("PUT", "manifests/1"),
    ):
        answer = client(method, path, b"{}")
        assert answer.status == 405 and "push there" in answer.json()["errors"][0]["message"]


def test_several_clients_at_once(upstream, source, cache):
    _digest, layer = image(source)
    found = []

    def get(offset):
        answer = Client(cache.addresses[0][1])(
            "GET", "blobs/" + layer, **({"Range": "bytes=%d-" % offset} if offset else {})
        )
        found.append(answer.body == BIG[offset:] and answer.status == (206 if offset else 200))

    threads = [
        threading.Thread(target=get, args=(offset,))
        for offset in (0, 0, 100, len(BIG) - 1, 0, 3 << 20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 6 and upstream.asked("GET", "/blobs/" + layer) == 1


def test_a_client_that_leaves_does_not_end_the_fetch(upstream, source, client, cache):
    _digest, layer = image(source)
    connection = http.client.HTTPConnection("127.0.0.1", cache.addresses[0][1])
    connection.request("GET", "/v2/test/one/blobs/" + layer)
    connection.getresponse().read(1000)
    connection.close()
    end = time.monotonic() + 20
    while not cache.storage.has_blob("test/one", layer):
        assert time.monotonic() < end
        time.sleep(0.02)
    assert (
        client("GET", "blobs/" + layer).body == BIG
        and upstream.asked("GET", "/blobs/" + layer) == 1
    )
    assert os.listdir(cache.storage.path("tmp")) == []


def test_wrong_bytes_are_not_kept(upstream, source, client, cache):
    _digest, layer = image(source)
    path = upstream.server.storage._blob(layer)
    with open(path, "r+b") as file:
        file.write(b"wrong")
    with pytest.raises(http.client.IncompleteRead):  # the last byte is not sent
        client("GET", "blobs/" + layer)
    end = time.monotonic() + 20
    while os.listdir(cache.storage.path("tmp")):
        assert time.monotonic() < end
        time.sleep(0.02)
    assert not cache.storage.has_blob("test/one", layer)
    with open(path, "r+b") as file:
        file.write(BIG[:5])
    client = Client(cache.addresses[0][1])
    assert client("GET", "blobs/" + layer).body == BIG and cache.storage.has_blob("test/one", layer)


def test_a_blob_that_another_repository_has(upstream, source, cache):
    _digest, layer = image(source)
    other = Client(upstream.port, "test/two")
    image(other)
    for name in ("test/one", "test/two"):
        assert Client(cache.addresses[0][1], name)("GET", "blobs/" + layer).body == BIG
    assert upstream.asked("GET", "/blobs/" + layer) == 1


def test_the_namespace_that_a_client_names(upstream, source, client):
    image(source)
    name = "127.0.0.1:%d" % upstream.port
    answer = client("GET", "manifests/1?ns=" + name)
    assert answer.status == 200 and answer.headers["OCI-Namespace"] == name
    assert client("GET", "manifests/1?ns=docker.io").code == "NAME_UNKNOWN"


def test_referrers_and_tags_are_upstreams(upstream, source, client):
    digest, _layer = image(source)
    note = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": "application/x-note",
        "config": source.descriptor(b"{}", "application/vnd.oci.empty.v1+json"),
        "layers": [],
        "subject": {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": digest,
            "size": 1,
        },
    }
    assert source.put("note", note).status == 201
    found = client("GET", "referrers/" + digest)
    assert found.headers["Content-Type"] == INDEX and [
        item["artifactType"] for item in found.json()["manifests"]
    ] == ["application/x-note"]
    assert (
        client("GET", f"referrers/{digest}?artifactType=application/x-other").json()["manifests"]
        == []
    )
    assert client("GET", "tags/list").json()["tags"] == ["1", "note"]


def test_what_nobody_asks_for_goes(source, client, cache):
    digest, layer = image(source)
    assert client("GET", "manifests/1").status == client("GET", "blobs/" + layer).status == 200
    proxy.expire(cache.storage, 1000)
    assert cache.storage.has_manifest("test/one", digest)
    path = cache.storage._manifest("test/one", digest)
    os.utime(path, (time.time() - 2000, time.time() - 2000))
    assert (
        client("GET", "manifests/1").status == 200
    )  # an hour has not gone: the note of it stays old
    cache.storage.touch_manifest("test/one", digest, 1500)
    proxy.expire(cache.storage, 1000)
    assert cache.storage.has_manifest("test/one", digest)
    os.utime(path, (time.time() - 2000, time.time() - 2000))
    proxy.expire(cache.storage, 1000)
    assert (
        not cache.storage.has_manifest("test/one", digest) and cache.storage.tags("test/one") == []
    )
    assert collect.collect(cache.storage, 0.0) >= 1 and not cache.storage.has_blob(
        "test/one", layer
    )


@pytest.fixture
def guarded(tmp_path):
    """An upstream with a user."""
    from pycontainer.registry.http import registry_users

    (tmp_path / "users").write_text(registry_users.write({"me": registry_users.derive("secret")}))
    found = Upstream(str(tmp_path / "guarded"), users=str(tmp_path / "users"))
    yield found
    found.stop()


def test_credentials_for_upstream(guarded, make_server, tmp_path, monkeypatch):
    """Only those that were given: what the host keeps is nobody else's."""
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "auth.json"))
    (tmp_path / "auth.json").write_text(
        json.dumps({"auths": {"127.0.0.1:%d" % guarded.port: {"auth": "bWU6c2VjcmV0"}}})
    )
    url = "http://127.0.0.1:%d" % guarded.port
    config = {"remote_url": url, "username": "me", "password": "secret"}
    allowed, wrong, nobody = (
        make_server(root=str(tmp_path / name), proxy=options)
        for name, options in (
            ("a", config),
            ("b", dict(config, password="wrong")),
            ("c", {"remote_url": url}),
        )
    )
    registries = images.Registries(credentials=images.Credentials("me", "secret"))
    target = registries.client(images.parse("127.0.0.1:%d/test/one:1" % guarded.port)).for_push()
    data = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}).encode()
    target.put_manifest("1", data, INDEX)
    assert Client(allowed.addresses[0][1])("GET", "manifests/1").body == data
    for server, words in (
        (wrong, "refuses the credentials of me"),
        (nobody, "asks for credentials"),
    ):
        answer = Client(server.addresses[0][1])("GET", "manifests/1")
        assert answer.status in (404, 504) and words in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    "url, name",
    [
        ("https://registry-1.docker.io", ("docker.io", False)),
        ("docker.io", ("docker.io", False)),
        ("http://127.0.0.1:5000/", ("127.0.0.1:5000", True)),
        ("registry.example.com", ("registry.example.com", False)),
        ("https://[::1]:5000", ("[::1]:5000", False)),
    ],
)
def test_addresses(url, name):
    assert proxy.read_url(url) == name


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example",
        "https://a.example/path",
        "https://",
        "https://me:x@a.example",
        "https://a.example?q=1",
        "https://a b",
        "http://[::1",
    ],
)
def test_addresses_that_are_none(url):
    with pytest.raises(InvalidInput, match="^proxy.remote_url: "):
        proxy.read_url(url)


# --- peers ---


def run(*command, **options):
    return subprocess.run(
        command, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    ).stdout.decode()


@pytest.fixture
def real_image(upstream, tmp_path):
    """An image that engines can run, in the upstream registry: its repository's path and tag."""
    if not shutil.which("skopeo") or not shutil.which("umoci"):
        pytest.skip("skopeo or umoci is not installed")
    layout = str(tmp_path / "layout")
    run("umoci", "init", "--layout", layout)
    run("umoci", "new", "--image", layout + ":t")
    (tmp_path / "file").write_bytes(os.urandom(2 << 20))
    run("umoci", "insert", "--image", layout + ":t", str(tmp_path / "file"), "/file")
    run(
        "skopeo",
        "copy",
        "-q",
        "--dest-tls-verify=false",
        f"oci:{layout}:t",
        "docker://127.0.0.1:%d/real/image:1" % upstream.port,
    )
    return "real/image:1"


def test_our_own_client_through_it_as_a_mirror(engine, upstream, cache, real_image):
    """The cache is asked first, under the registry's own name, and answers when the registry is gone."""
    mirror = "127.0.0.1:%d" % cache.addresses[0][1]
    name = "127.0.0.1:%d/%s" % (upstream.port, real_image)
    registries = images.Registries(mirrors=[mirror])
    images.plan_present(engine, name, registries=registries).apply()
    record = images.get(engine, name)
    assert (
        upstream.asked("GET", "/blobs/") == len(record["layers"]) + 1
    )  # by way of the cache alone
    images.remove(engine, record["id"])
    upstream.stop()
    images.plan_present(engine, name, registries=images.Registries(mirrors=[mirror])).apply()
    assert images.get(engine, name)["id"] == record["id"]
    with pytest.raises((NotFound, RegistryError)):
        images.plan_present(engine, name + "x", registries=images.Registries(mirrors=[mirror]))


def test_skopeo_and_podman_through_it(upstream, cache, real_image, tmp_path):
    name = "127.0.0.1:%d/%s" % (cache.addresses[0][1], real_image)
    if not shutil.which("podman"):
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
    try:
        for turn in range(2):
            run(
                "skopeo",
                "copy",
                "-q",
                "--src-tls-verify=false",
                "docker://" + name,
                "dir:%s/copy%d" % (tmp_path, turn),
            )
            run(*base, "pull", "-q", "--tls-verify=false", name)
            run(*base, "rmi", "-a", "-f")
            if not turn:
                upstream.stop()
        configuration = (
            tmp_path / "registries.conf"
        )  # podman's own way to a mirror, which names no namespace
        configuration.write_text(
            '[[registry]]\nprefix = "registry.example.com"\nlocation = "registry.example.com"\n'
            '[[registry.mirror]]\nlocation = "127.0.0.1:%d"\ninsecure = true\n'
            % cache.addresses[0][1]
        )
        run(
            *base,
            "pull",
            "-q",
            "registry.example.com/" + real_image,
            env=dict(os.environ, CONTAINERS_REGISTRIES_CONF=str(configuration)),
        )
    finally:
        shutil.rmtree(run_root, ignore_errors=True)
