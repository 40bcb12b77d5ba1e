# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs of others: what they say is bounded, and so is their time."""

from __future__ import annotations

import os
import stat
import time

import pytest
from pycontainer.errors import RegistryError, Unsupported
from pycontainer.images.configuration import credentials
from pycontainer.images.trust import keys
from pycontainer.untrusted import programs

KEY = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8n0bpXnYkYjA0QhPLzC1t8yWZl4T
m1rT1cWq1vXgJ2dYk4cJtVqGJmZ8wJx1rR1m1mJtVd0QXv0gk0pXyq0b0Q==
-----END PUBLIC KEY-----
"""


def sh(script):
    return ["/bin/sh", "-c", script]


@pytest.fixture
def command(tmp_path, monkeypatch):
    """``command(name, script)``: put a program into PATH."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def make(name, script):
        path = tmp_path / name
        path.write_text("#!/bin/sh\n" + script)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    return make


def test_what_it_says_and_how_it_ends():
    done = programs.run(sh("cat; echo wrong >&2; exit 3"), b"a" * (1 << 20))
    assert (done.code, done.output, done.errors) == (3, b"a" * (1 << 20), b"wrong\n")
    assert programs.run(sh("kill -9 $$")).code == -9


def test_a_complaint_is_short_and_in_one_line():
    assert programs.run(sh("echo a; echo b; exit 1")).complaint == "a b"
    assert programs.run(sh("echo a; printf 'b\\n%0500d' 1 >&2")).complaint == "b " + "0" * 298


@pytest.mark.parametrize("stream", ["1", "2"])
def test_one_that_says_too_much_is_killed(stream):
    with pytest.raises(programs.Excessive, match="^sh says more than 1048576 bytes$"):
        programs.run(sh(f"exec cat /dev/zero >&{stream}"), seconds=60)


@pytest.mark.parametrize("script", ["exec sleep 60", "exec >&- 2>&-; exec sleep 60"])
def test_one_that_does_not_end_is_killed(script):
    began = time.monotonic()
    with pytest.raises(programs.Excessive, match="^sh does not end"):
        programs.run(sh(script), seconds=0.2)
    assert time.monotonic() - began < 10


def test_a_helper_of_credentials(command, tmp_path):
    command("docker-credential-endless", "exec cat /dev/zero")
    path = tmp_path / "config.json"
    path.write_text('{"credsStore": "endless"}')
    with pytest.raises(
        RegistryError,
        match="^the credential helper docker-credential-endless says more than 1048576 bytes$",
    ):
        credentials.lookup("r", auth_file=str(path))


def test_openssl(command, monkeypatch):
    monkeypatch.setattr(keys, "means", lambda: "openssl")
    key = keys.PublicKey(KEY, "key")
    command("openssl", "exec cat /dev/zero >&2")
    with pytest.raises(Unsupported, match="openssl failed: openssl says more than 1048576 bytes$"):
        key.verifies(b"x", b"y")
    command("openssl", "echo Verification failure; exit 1")
    assert not key.verifies(b"x", b"y")
    command("openssl", "echo no such engine >&2; exit 1")
    with pytest.raises(Unsupported, match="openssl said: no such engine$"):
        key.verifies(b"x", b"y")
