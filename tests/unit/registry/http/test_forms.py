# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read from clients and users: names, addresses, ranges, Accept headers, users' files."""

from __future__ import annotations

import base64

import pytest
from pycontainer.errors import InvalidInput
from pycontainer.registry.content import names
from pycontainer.registry.content.answers import Refusal
from pycontainer.registry.http import api, listen, registry_users


@pytest.mark.parametrize("name", ["a", "a/b", "library/alpine", "a.b_c__d-e--f/g1", "x" * 255])
def test_repository_names_that_are_taken(name):
    assert names.repository(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "A",
        "a//b",
        "/a",
        "a/",
        "a/.",
        "..",
        "a/../b",
        "_a",
        "a/_blobs",
        "a_",
        ".a",
        "a..b",
        "a\n",
        "é",
        "a b",
        "x" * 256,
    ],
)
def test_repository_names_that_are_refused(name):
    assert not names.repository(name)


def test_tags():
    assert names.tag("latest") and names.tag("_1.0-x") and names.tag("x" * 128)
    assert not any(map(names.tag, ["", ".x", "-x", "x" * 129, "a/b", "a:b", "a\n", ".."]))


def test_digests():
    assert names.digest("sha256:" + "0" * 64) and names.digest("sha512:" + "f" * 128)
    assert not any(
        map(
            names.digest,
            [
                "sha256:" + "0" * 63,
                "sha256:" + "A" * 64,
                "md5:" + "0" * 32,
                "sha512:" + "0" * 64,
                "sha256:../" + "0" * 61,
                "0" * 64,
            ],
        )
    )


@pytest.mark.parametrize(
    "text, result",
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=2-4", (2, 3)),
        ("bytes=2-", (2, 8)),
        ("bytes=-3", (7, 3)),
        ("bytes=-30", (0, 10)),
        ("bytes=5-99", (5, 5)),
        ("bytes=10-", (0, 0)),
        ("bytes=-0", (0, 0)),
        ("bytes=5-4", (0, 0)),
        ("bytes=0-1,3-4", None),
        ("items=0-1", None),
        ("bytes=-", None),
    ],
)
def test_ranges(text, result):
    assert api.byte_range(text, 10) == result


def test_range_of_an_empty_blob():
    assert api.byte_range("bytes=0-", 0) == (0, 0)


@pytest.mark.parametrize(
    "header, result",
    [
        ("", True),
        ("*/*", True),
        ("application/*", True),
        ("a/b, application/x", True),
        ("APPLICATION/X;q=0.1", True),
        ("application/y", False),
        ("application/x;q=0", False),
        ("application/x; q=0.000", False),
        ("text/*", False),
        ("application/x+json", False),
    ],
)
def test_accept(header, result):
    assert api.acceptable("application/x", header) is result


@pytest.mark.parametrize(
    "text, result",
    [
        ("127.0.0.1:5000", ("127.0.0.1", 5000)),
        ("localhost:1", ("127.0.0.1", 1)),
        ("[::1]:65535", ("::1", 65535)),
        ("[0:0::1]:80", ("::1", 80)),
        (" 0.0.0.0:80 ", ("0.0.0.0", 80)),
    ],
)
def test_addresses(text, result):
    assert listen.parse(text) == result
    assert listen.parse(listen.show(*result)) == result


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5000",
        ":5000",
        "127.0.0.1",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "::1:5000",
        "[127.0.0.1]:5000",
        "host:5000",
        "127.0.0.1:5000/x",
    ],
)
def test_addresses_that_are_refused(text):
    with pytest.raises(InvalidInput, match="listen: .*accepted: ADDRESS:PORT"):
        listen.parse(text)


class Asked:
    """A request's headers."""

    def __init__(self, credentials=None, scheme="Basic"):
        self.headers = (
            {}
            if credentials is None
            else {"authorization": f"{scheme} {base64.b64encode(credentials.encode()).decode()}"}
        )


@pytest.fixture
def users_file(tmp_path):
    path = tmp_path / "users"
    path.write_text(
        registry_users.write(
            {
                "ann": registry_users.derive("s3cret:with colon", rounds=1000),
                "jürg": registry_users.derive("ü", rounds=1000),
            }
        )
    )
    return path


def test_users(users_file):
    users = registry_users.Users(str(users_file), print)
    assert users.require(Asked("ann:s3cret:with colon"), "127.0.0.1", lambda: False) == "ann"
    assert (
        users.require(Asked("ann:s3cret:with colon"), "127.0.0.1", lambda: False) == "ann"
    )  # from memory
    assert users.require(Asked("jürg:ü", "basic"), "127.0.0.1", lambda: False) == "jürg"
    for wrong in (
        Asked(),
        Asked("ann:"),
        Asked("ann:wrong"),
        Asked("bob:s3cret:with colon"),
        Asked("ann"),
        Asked("ann:s3cret:with colon", "Bearer"),
    ):
        with pytest.raises(Refusal) as refusal:
            users.require(wrong, "127.0.0.1", lambda: False)
        assert (refusal.value.status, refusal.value.code) == (401, "UNAUTHORIZED")
        assert refusal.value.headers["WWW-Authenticate"].startswith("Basic realm=")


def test_changed_users_are_seen_and_a_lost_file_lets_nobody_in(users_file):
    lines = []
    users = registry_users.Users(str(users_file), lines.append)
    assert users.require(Asked("ann:s3cret:with colon"), "127.0.0.1", lambda: False) == "ann"
    users_file.write_text(registry_users.write({"ann": registry_users.derive("new", rounds=1000)}))
    assert users.require(Asked("ann:new"), "127.0.0.1", lambda: False) == "ann"
    with pytest.raises(Refusal):
        users.require(Asked("ann:s3cret:with colon"), "127.0.0.1", lambda: False)
    users_file.unlink()
    for _turn in range(2):
        with pytest.raises(Refusal):
            users.require(Asked("ann:new"), "127.0.0.1", lambda: False)
    assert len(lines) == 1
    users_file.write_text(registry_users.write({"ann": registry_users.derive("back", rounds=1000)}))
    assert users.require(Asked("ann:back"), "127.0.0.1", lambda: False) == "ann"


def test_a_users_file_of_another_form_is_refused(tmp_path):
    path = tmp_path / "users"
    path.write_text("ann:$2y$05$abcdefghijklmnopqrstuv\n")
    with pytest.raises(InvalidInput, match="line 1"):
        registry_users.Users(str(path), print)


def test_secrets():
    secret = registry_users.derive("pass", rounds=1000)
    assert registry_users.matches("pass", secret) and not registry_users.matches("Pass", secret)
    assert secret != registry_users.derive("pass", rounds=1000) and "pass" not in secret.replace(
        "pbkdf2", ""
    )
