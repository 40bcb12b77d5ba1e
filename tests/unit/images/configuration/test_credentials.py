# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials as Docker's and the containers tools' files and helpers hold them."""

from __future__ import annotations

import base64
import json
import os
import stat

import pytest
from pycontainer.errors import InvalidInput, NotFound, RegistryError
from pycontainer.images.client.basic_auth import Credentials
from pycontainer.images.configuration import credentials

HUB = "https://index.docker.io/v1/"


def auth(user, password):
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch):
    """A home of its own, and no file that belongs to this machine."""
    for name in ("REGISTRY_AUTH_FILE", "DOCKER_CONFIG", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(credentials, "home", lambda: str(tmp_path))
    return tmp_path


def write(path, document):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return str(path)


def test_nothing():
    assert credentials.lookup("example.com") is None


@pytest.mark.parametrize(
    "key",
    [
        "example.com:5000",
        "https://example.com:5000",
        "https://example.com:5000/v1/",
        "http://example.com:5000/v2/",
        "example.com:5000/",
    ],
)
def test_the_forms_of_a_key(tmp_path, key):
    path = write(tmp_path / "f", {"auths": {key: auth("ann", "a:b")}})
    assert credentials.lookup("example.com:5000", auth_file=path) == Credentials("ann", "a:b")
    assert credentials.lookup("example.com", auth_file=path) is None


@pytest.mark.parametrize(
    "key", [HUB, "docker.io", "index.docker.io", "https://registry-1.docker.io/v2/"]
)
def test_docker_hub(tmp_path, key):
    path = write(tmp_path / "f", {"auths": {key: auth("ann", "x")}})
    assert credentials.lookup("docker.io", "library/alpine", path).username == "ann"


def test_the_forms_of_an_entry(tmp_path):
    path = write(
        tmp_path / "f",
        {
            "auths": {
                "token": {
                    "identitytoken": "t",
                    "auth": base64.b64encode(b"00000000-0000-0000-0000-000000000000:").decode(),
                },
                "plain": {"username": "u", "password": "p"},
                "nul": {"auth": base64.b64encode(b"u:p\0\0").decode()},
                "empty": {},
                "broken": {"auth": "?"},
                "null": None,
                "number": {"username": 5, "password": "p"},
            }
        },
    )
    assert credentials.lookup("token", auth_file=path) == Credentials(identity_token="t")
    assert (
        credentials.lookup("plain", auth_file=path)
        == credentials.lookup("nul", auth_file=path)
        == Credentials("u", "p")
    )
    for host in ("empty", "broken", "null", "number"):
        assert credentials.lookup(host, auth_file=path) is None


def test_the_most_specific_key_wins(tmp_path):
    path = write(
        tmp_path / "f",
        {
            "auths": {
                "example.com": auth("all", "x"),
                "example.com/team": auth("team", "x"),
                "example.com/team/app": auth("app", "x"),
            }
        },
    )

    def user(repository):
        return credentials.lookup("example.com", repository, path).username

    assert [
        user(name) for name in (None, "other", "teamwork", "team/other", "team/app", "team/app/sub")
    ] == ["all", "all", "all", "team", "app", "app"]


def test_the_order_of_files(tmp_path, monkeypatch):
    write(tmp_path / ".dockercfg", {"r": auth("old", "x")})
    assert credentials.lookup("r").username == "old"
    write(tmp_path / ".config/containers/auth.json", {"auths": {"r": auth("containers", "x")}})
    assert credentials.lookup("r").username == "containers"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    write(tmp_path / "run/containers/auth.json", {"auths": {"r": auth("runtime", "x")}})
    assert credentials.lookup("r").username == "runtime"
    write(tmp_path / ".docker/config.json", {"auths": {"r": auth("docker", "x")}})
    assert credentials.lookup("r").username == "docker"
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "other"))
    write(tmp_path / "other/config.json", {"auths": {"r": auth("other", "x")}})
    assert credentials.lookup("r").username == "other"
    monkeypatch.setenv(
        "REGISTRY_AUTH_FILE", write(tmp_path / "named.json", {"auths": {"r": auth("named", "x")}})
    )
    assert credentials.lookup("r").username == "named"
    assert credentials.lookup("r", auth_file=write(tmp_path / "asked", {"auths": {}})) is None


def test_a_named_file_must_be_there(tmp_path):
    with pytest.raises(NotFound, match="does not exist"):
        credentials.lookup("r", auth_file=str(tmp_path / "no"))


@pytest.mark.parametrize("text", ["[]", "{", '{"auths": []}', '{"credHelpers": 1}'])
def test_a_file_of_another_form(tmp_path, text):
    (tmp_path / "f").write_text(text)
    with pytest.raises(InvalidInput, match="config_path"):
        credentials.lookup("r", auth_file=str(tmp_path / "f"))


# --- changes ---


def test_store_makes_the_file_for_its_owner_alone(tmp_path):
    credentials.store("example.com", "ann", "pässwörd")
    path = tmp_path / ".docker" / "config.json"
    assert (
        stat.S_IMODE(path.stat().st_mode) == 0o600
        and stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    )
    assert (
        credentials.lookup("example.com")
        == credentials.kept("example.com")
        == Credentials("ann", "pässwörd")
    )
    assert json.loads(path.read_text()) == {"auths": {"example.com": auth("ann", "pässwörd")}}


def test_store_leaves_the_rest(tmp_path):
    before = {
        "auths": {"other": auth("bob", "x"), "https://example.com/v1/": auth("old", "x")},
        "HttpHeaders": {"a": "b"},
        "unknown": [1],
    }
    path = write(tmp_path / "f", before)
    os.chmod(path, 0o644)
    credentials.store("example.com", "ann", "y", path)
    credentials.store("docker.io", "hub", "z", path)
    with open(path) as file:
        document = json.load(file)
    assert document == dict(
        before,
        auths={"other": auth("bob", "x"), "example.com": auth("ann", "y"), HUB: auth("hub", "z")},
    )
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    credentials.erase("docker.io", path)
    credentials.erase("example.com", path)
    credentials.erase("never", path)
    with open(path) as file:
        assert json.load(file) == dict(before, auths={"other": auth("bob", "x")})


def test_erase_makes_no_file(tmp_path):
    credentials.erase("example.com")
    assert os.listdir(tmp_path) == []


def test_a_link_stays_a_link(tmp_path):
    path = write(tmp_path / "real", {})
    (tmp_path / "link").symlink_to(path)
    credentials.store("r", "a", "b", str(tmp_path / "link"))
    assert (tmp_path / "link").is_symlink() and credentials.lookup(
        "r", auth_file=path
    ).username == "a"


@pytest.mark.root
def test_the_file_keeps_its_owner_and_new_directories_get_that_of_their_parent(tmp_path):
    home = tmp_path / "bob"
    home.mkdir()
    os.chown(home, 1234, 1235)
    path = str(home / ".docker" / "config.json")
    credentials.store("r", "a", "b", path)
    assert [
        (os.stat(name).st_uid, os.stat(name).st_gid) for name in (os.path.dirname(path), path)
    ] == [(1234, 1235)] * 2
    os.chown(path, 4321, 1235)
    credentials.store("r", "a", "c", path)
    assert os.stat(path).st_uid == 4321


# --- helpers ---

HELPER = r"""#!/bin/sh
# A credential helper that keeps what it is given in a file for each server.
cd "$HELPER_DIR" || exit 1
case "$1" in
store) cat > input; name=$(sed 's/.*"ServerURL": "\([^"]*\)".*/\1/' input | tr -c 'a-z0-9.\n' _); mv input "$name" ;;
get) name=$(tr -c 'a-z0-9.\n' _); if [ -e "$name" ]; then cat "$name"; else echo "credentials not found in native keychain"; exit 1; fi ;;
erase) name=$(tr -c 'a-z0-9.\n' _); rm "$name" ;;
esac
"""


@pytest.fixture
def helper(tmp_path, monkeypatch):
    directory = tmp_path / "helper"
    directory.mkdir()
    (tmp_path / "docker-credential-toy").write_text(HELPER)
    (tmp_path / "docker-credential-toy").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("HELPER_DIR", str(directory))
    return directory


@pytest.mark.parametrize(
    "document", [{"credsStore": "toy"}, {"credHelpers": {"r.example.com": "toy", HUB: "toy"}}]
)
def test_helper(tmp_path, helper, document):
    path = write(tmp_path / "f", document)
    for host in ("r.example.com", "docker.io"):
        assert credentials.lookup(host, auth_file=path) is None
        credentials.store(host, "ann", "secret", path)
        assert credentials.lookup(host, auth_file=path) == Credentials("ann", "secret")
        assert "secret" not in open(path).read() and len(os.listdir(helper)) == 1
        credentials.erase(host, path)
        assert credentials.lookup(host, auth_file=path) is None and os.listdir(helper) == []


def test_a_helpers_token(tmp_path, helper):
    (helper / "r").write_text('{"Username": "<token>", "Secret": "t"}')
    assert credentials.lookup(
        "r", auth_file=write(tmp_path / "f", {"credsStore": "toy"})
    ) == Credentials(identity_token="t")


def test_a_helper_that_is_not_there(tmp_path):
    inline = {"auths": {"r": auth("a", "b")}}
    assert (
        credentials.lookup(
            "r", auth_file=write(tmp_path / "f", dict(inline, credsStore="none"))
        ).username
        == "a"
    )
    with pytest.raises(RegistryError, match="docker-credential-none.*not installed"):
        credentials.lookup(
            "r", auth_file=write(tmp_path / "g", dict(inline, credHelpers={"r": "none"}))
        )


def test_a_helper_that_fails(tmp_path, helper):
    (tmp_path / "docker-credential-toy").write_text("#!/bin/sh\necho no keychain here; exit 1\n")
    with pytest.raises(RegistryError, match="no keychain here"):
        credentials.lookup("r", auth_file=write(tmp_path / "f", {"credsStore": "toy"}))
    with pytest.raises(RegistryError):
        credentials.lookup("r", auth_file=write(tmp_path / "f", {"credsStore": "../../bin/evil"}))


def test_keys_of_two_logins_at_once_both_stay(tmp_path):
    path, pids = str(tmp_path / "f"), []
    for number in range(8):
        pid = os.fork()
        if pid == 0:
            try:
                credentials.store("r%d" % number, "u", "p", path)
            finally:
                os._exit(0)
        pids.append(pid)
    for pid in pids:
        os.waitpid(pid, 0)
    with open(path) as file:
        assert len(json.load(file)["auths"]) == 8
