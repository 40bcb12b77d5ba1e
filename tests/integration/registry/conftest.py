# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A registry on a free port, and an HTTP client that shows all that it gets."""

from __future__ import annotations

import hashlib
import http.client
import json
import pathlib
import socket
import subprocess
import sys

import pytest

RUNTIME = str(pathlib.Path(__file__).resolve().parents[3] / "plugins" / "module_utils" / "_runtime")

IMAGE = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
SERVE = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("pycontainer", sys.argv[1] + "/__init__.py", submodule_search_locations=[sys.argv[1]])
sys.modules["pycontainer"] = module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
from pycontainer.registry import serve
sys.exit(serve(sys.argv[2], ["127.0.0.1:0"], started=lambda where: print(where[0].rpartition(":")[2], flush=True)))
"""


def digest_of(data, algorithm="sha256"):
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


class Answer:
    def __init__(self, response):
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        """The specification's error code; the form of the document is checked on the way."""
        assert self.headers["Content-Type"] == "application/json"
        errors = self.json()["errors"]
        assert len(errors) == 1 and errors[0]["message"]
        return errors[0]["code"]


class Client:
    """One connection to a registry; made anew when the registry closes it. The digests it was given are kept in order."""

    digest = staticmethod(digest_of)

    def __init__(self, port, repository="test/one"):
        self.port, self.repository = port, repository
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def __call__(self, method, path, body=None, **headers):
        """``path``: absolute, or below the repository. ``headers``: with _ for -."""
        if not path.startswith("/"):
            path = f"/v2/{self.repository}/{path}"
        self.connection.request(
            method,
            path,
            body,
            {name.replace("_", "-"): str(value) for name, value in headers.items()},
        )
        return Answer(self.connection.getresponse())

    def raw(self, data, half_close=False):
        """What comes back for ``data`` on a connection of its own, until it is closed."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as sock:
            sock.sendall(data)
            if half_close:
                sock.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: sock.recv(65536), b""))

    def begin(self):
        """A new upload's location."""
        answer = self("POST", "blobs/uploads/")
        assert answer.status == 202
        return answer.headers["Location"]

    def push_blob(self, data, algorithm="sha256"):
        digest = digest_of(data, algorithm)
        assert self("PUT", f"{self.begin()}?digest={digest}", data).status == 201
        return digest

    def put(self, reference, document, media_type=IMAGE, **headers):
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        return self("PUT", "manifests/" + reference, data, Content_Type=media_type, **headers)

    def descriptor(self, data, media_type="application/vnd.oci.image.layer.v1.tar", **more):
        return dict(
            {"mediaType": media_type, "digest": self.push_blob(data), "size": len(data)}, **more
        )

    def image(self, seed=b"x", **more):
        """An image manifest's bytes, its blobs pushed."""
        document = {
            "schemaVersion": 2,
            "mediaType": IMAGE,
            "config": self.descriptor(b"{}", "application/vnd.oci.image.config.v1+json"),
            "layers": [self.descriptor(b"layer " + seed)],
        }
        return json.dumps(dict(document, **more)).encode()


@pytest.fixture
def root(tmp_path):
    return str(tmp_path / "registry")


@pytest.fixture
def make_server(root):
    """Start a server; all that were started are stopped in the end."""
    from pycontainer.registry.http.server import Server
    from pycontainer.registry.proxy import proxy as cache

    servers = []

    def make(root=root, listen=(("127.0.0.1", 0),), proxy=None, **options):
        if proxy:
            options["make_api"] = cache.maker(proxy)
        server = Server(root, list(listen), log=options.pop("log", print), **options)
        server.start()
        servers.append(server)
        return server

    yield make
    for server in servers:
        server.stop(grace=2.0)


@pytest.fixture
def server(make_server):
    return make_server()


@pytest.fixture
def client(server):
    return Client(server.addresses[0][1])


@pytest.fixture
def new_client():
    """A client of whatever listens on a port of 127.0.0.1."""
    return Client


@pytest.fixture
def process(root):
    """Start a server as a process of its own: returns (process, port). It can be given another interpreter."""
    started = []

    def start(interpreter=sys.executable):
        process = subprocess.Popen(
            [interpreter, "-c", SERVE, RUNTIME, root],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process, int(process.stdout.readline())

    yield start
    for process in started:
        process.kill()
        process.communicate()


def make_certificate(directory, name="localhost"):
    paths = str(directory / "cert.pem"), str(directory / "key.pem")
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=" + name,
            "-addext",
            "subjectAltName=DNS:localhost,IP:127.0.0.1",
            "-out",
            paths[0],
            "-keyout",
            paths[1],
        ],
        check=True,
        stderr=subprocess.DEVNULL,
    )
    return paths


@pytest.fixture
def certificate(tmp_path):
    """(certificate, key) for localhost."""
    return make_certificate(tmp_path)


@pytest.fixture
def new_certificate():
    """Make one: ``new_certificate(directory, name)``."""
    return make_certificate
