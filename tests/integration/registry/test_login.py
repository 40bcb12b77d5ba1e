# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""registry_login: verified against a registry, kept in a file, forgotten again."""

from __future__ import annotations

import base64
import http.server
import json
import subprocess
import threading
import types
import urllib.parse

import pytest
from pycontainer import reconcile
from pycontainer.errors import InvalidInput, RegistryError
from pycontainer.images.client.basic_auth import Credentials
from pycontainer.images.configuration import credentials, login
from pycontainer.registry.http import registry_users
from pycontainer.store.paths import Paths

DEFAULTS = {"registry_url": "docker.io", "state": "present"}


@pytest.fixture
def config(tmp_path):
    return str(tmp_path / "docker" / "config.json")


@pytest.fixture
def task(config):
    def run(check=False, **options):
        return reconcile.carry_out(
            login.plan(
                types.SimpleNamespace(check=check, paths=Paths()),
                dict(DEFAULTS, config_path=config, **options),
            ),
            check,
        )

    return run


@pytest.fixture
def guarded(make_server, tmp_path):
    """A registry with the user ann."""
    path = tmp_path / "users"
    path.write_text(registry_users.write({"ann": registry_users.derive("secret", rounds=1000)}))
    return "127.0.0.1:%d" % make_server(users=str(path)).addresses[0][1]


def test_login_and_logout(task, guarded, config):
    wanted = {"registry_url": guarded, "username": "ann", "password": "secret"}
    foreseen, result = task(check=True, **wanted), task(**wanted)
    assert foreseen["changed"] and foreseen["diff"] == result["diff"] == {
        "before_header": "credentials for " + guarded,
        "after_header": "credentials for " + guarded,
        "before": {"credentials": None},
        "after": {"credentials": "ann"},
    }
    assert result["login"] == {
        "registry": guarded,
        "username": "ann",
        "config_path": config,
        "verified": True,
    }
    assert "secret" not in json.dumps([foreseen, result])
    assert result["login_result"] == {"serveraddress": guarded, "username": "ann"}
    again = task(**wanted)
    assert not again["changed"] and not again["login"]["verified"]
    assert task(reauthorize=True, **wanted)["login"]["verified"]
    assert credentials.lookup(guarded, auth_file=config) == Credentials("ann", "secret")
    for check in (True, False):
        assert task(check=check, registry_url=guarded, state="absent")["changed"]
    assert (
        not task(registry_url=guarded, state="absent")["changed"]
        and credentials.kept(guarded, config) is None
    )


def test_check_mode_writes_nothing(task, guarded, tmp_path):
    task(check=True, registry_url=guarded, username="ann", password="secret")
    assert not (tmp_path / "docker").exists()


def test_refused_credentials_are_not_kept(task, guarded, config):
    task(registry_url=guarded, username="ann", password="secret")
    for check in (True, False):
        with pytest.raises(RegistryError, match="refuses the credentials of ann"):
            task(check=check, registry_url=guarded, username="ann", password="false")
    assert credentials.lookup(guarded, auth_file=config).password == "secret"
    result = task(registry_url=guarded, username="ann", password="false", verify=False)
    assert result["diff"]["after"] == {"credentials": "ann (new password)"} and result["diff"][
        "before"
    ] == {"credentials": "ann"}
    with pytest.raises(RegistryError):
        task(registry_url=guarded, username="ann", password="false", reauthorize=True)


def test_a_registry_without_users_takes_any(task, server):
    address = "127.0.0.1:%d" % server.addresses[0][1]
    assert (
        task(registry_url=f"http://{address}/v2/", username="x", password="y")["login"]["registry"]
        == address
    )


def test_nobody_there(task):
    with pytest.raises(RegistryError, match="127.0.0.1:1"):
        task(registry_url="127.0.0.1:1", username="a", password="b")
    result = task(
        check=True, registry_url="127.0.0.1:1", username="a", password="b"
    )  # the play may be about to start it
    assert (
        result["changed"]
        and "not verified: registry 127.0.0.1:1 does not answer" in result["warnings"][0]
        and not result["login"]["verified"]
    )
    assert task(registry_url="127.0.0.1:1", username="a", password="b", verify=False)["changed"]


def test_tls(task, make_server, tmp_path):
    cert, key = str(tmp_path / "c"), str(tmp_path / "k")
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=x",
            "-addext",
            "subjectAltName=DNS:localhost",
            "-out",
            cert,
            "-keyout",
            key,
        ],
        check=True,
        stderr=subprocess.DEVNULL,
    )
    users = tmp_path / "users"
    users.write_text(registry_users.write({"ann": registry_users.derive("secret", rounds=1000)}))
    port = make_server(tls_cert=cert, tls_key=key, users=str(users)).addresses[0][1]
    assert task(
        registry_url="https://localhost:%d" % port, username="ann", password="secret", ca_path=cert
    )["changed"]


class TokenService(http.server.BaseHTTPRequestHandler):
    """A registry that asks for a Bearer token, and its token service."""

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        good = "Basic " + base64.b64encode(b"ann:secret").decode()
        if url.path == "/token":
            self.answer(200 if self.headers["Authorization"] == good else 401, {"token": "t0ken"})
        elif self.headers["Authorization"] == "Bearer t0ken":
            self.answer(200, {})
        else:
            self.answer(
                401,
                {},
                'Bearer realm="http://127.0.0.1:%d/token",service="here"' % self.server.server_port,
            )

    def answer(self, status, document, challenge=None):
        data = json.dumps(document).encode()
        self.send_response(status)
        if challenge:
            self.send_header("WWW-Authenticate", challenge)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_arguments):
        pass


def test_bearer(task):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), TokenService) as service:
        threading.Thread(target=service.serve_forever, daemon=True).start()
        address = "127.0.0.1:%d" % service.server_port
        assert task(registry_url=address, username="ann", password="secret")["login"]["verified"]
        with pytest.raises(RegistryError, match="refuses"):
            task(registry_url=address, username="ann", password="false")
        service.shutdown()


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"registry_url": "a b", "username": "a", "password": "b"}, "registry_url: 'a b'"),
        ({"registry_url": "r.example.com/UPPER", "username": "a", "password": "b"}, "registry_url"),
        ({"registry_url": "", "username": "a", "password": "b"}, "registry_url"),
        ({"username": "", "password": "b"}, "username"),
        ({"username": "a", "password": ""}, "password"),
        ({"username": "a:b", "password": "c"}, "username: 'a:b'"),
        (
            {
                "registry_url": "127.0.0.1:1",
                "username": "a",
                "password": "b",
                "ca_path": "/nowhere",
            },
            "ca_path",
        ),
    ],
)
def test_bad_options(task, options, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        task(**options)


def test_docker_hub_and_paths(task, config):
    for text in ("docker.io", "https://index.docker.io/v1/", "registry-1.docker.io"):
        task(registry_url=text, username="a", password="b", verify=False)
    assert not task(username="a", password="b")["changed"]
    task(registry_url="https://r.example.com/team", username="t", password="p", verify=False)
    with open(config) as file:
        assert list(json.load(file)["auths"]) == [
            "https://index.docker.io/v1/",
            "r.example.com/team",
        ]
    assert credentials.lookup("r.example.com", "team/app", config) == Credentials("t", "p")
    assert credentials.lookup("r.example.com", "other/app", config) is None


def test_what_is_kept_in_the_file_docker_and_skopeo_take(task, guarded, config):
    import shutil

    if shutil.which("skopeo") is None:
        pytest.skip("skopeo is not installed")
    task(registry_url=guarded, username="ann", password="secret")
    done = subprocess.run(
        ["skopeo", "login", "--get-login", "--authfile", config, guarded],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "ann"
