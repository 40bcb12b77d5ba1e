# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Challenges, hosts, waiting."""

from __future__ import annotations

import email.utils
import shutil
import subprocess
import time

import pytest
from pycontainer.errors import InvalidInput, RegistryError
from pycontainer.images.client import auth, headers, retry, transport
from pycontainer.images.client.basic_auth import Credentials


@pytest.mark.parametrize(
    "values, expected",
    [
        (
            ['Bearer realm="https://a/t",service="x y",scope="repository:a:pull,push"'],
            [
                (
                    "bearer",
                    {"realm": "https://a/t", "service": "x y", "scope": "repository:a:pull,push"},
                )
            ],
        ),
        (
            ['Basic realm="a, b", Bearer realm="https://a/t"'],
            [("basic", {"realm": "a, b"}), ("bearer", {"realm": "https://a/t"})],
        ),
        (["Basic realm=plain"], [("basic", {"realm": "plain"})]),
        (["Negotiate", 'Basic realm="r"'], [("negotiate", {}), ("basic", {"realm": "r"})]),
        (['BEARER realm="a\\"b"'], [("bearer", {"realm": 'a"b'})]),
        ([], []),
    ],
)
def test_challenges(values, expected):
    assert headers.challenges(values) == expected


@pytest.mark.parametrize(
    "host, expected",
    [
        ("localhost", True),
        ("localhost:5000", True),
        ("127.0.0.1:5000", True),
        ("127.9.9.9", True),
        ("[::1]:5000", True),
        ("10.0.0.1", False),
        ("example.com:443", False),
        ("localhost.example.com", False),
    ],
)
def test_loopback(host, expected):
    assert transport.is_loopback(host) is expected


def test_retry_after_is_obeyed_within_bounds():
    assert 7 <= retry.asked_pause("7", 1) <= 7.6
    assert retry.asked_pause("100000", 1) <= retry.LONGEST_WAIT + 0.6
    assert 8 <= retry.asked_pause(email.utils.formatdate(time.time() + 10, usegmt=True), 1) <= 10.6
    assert retry.asked_pause(email.utils.formatdate(time.time() - 10, usegmt=True), 1) <= 0.6
    assert retry.asked_pause("nonsense", 1) < 1


def test_of_requests_at_once_all_may_be_challenged():
    """Those that were on their way without credentials when the first one was asked for them are no refusal."""
    found = auth.Authorizer(None, "r.example", Credentials("me", "secret"))
    for _request in range(2):
        found.answer(['Basic realm="r"'], [], None)
    with pytest.raises(RegistryError, match="registry r.example refuses the credentials of me"):
        found.answer(['Basic realm="r"'], [], found.header([]))


def test_what_a_challenge_says_is_shown_up_to_a_length():
    with pytest.raises(RegistryError) as seen:
        auth.Authorizer(None, "r.example").answer(
            [" ".join("way%d x=y," % number for number in range(500))], []
        )
    assert "way4" in str(seen.value) and len(str(seen.value)) < 400


def test_certificates_that_are_not_there_are_refused():
    with pytest.raises(InvalidInput, match="^ca_path: "):
        transport.Options(ca_path="/nonexistent")
    with pytest.raises(InvalidInput, match="^client_key: "):
        transport.Options(client_key="/etc/passwd")


def test_of_certs_d_all_authorities_count(tmp_path, monkeypatch):
    """While one is replaced by another, a host has both; those that the host trusts anyway it goes on to trust."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    names = []
    for directory, name in (
        ("containers", "a.crt"),
        ("containers", "b.crt"),
        ("docker", "ca.crt"),
        ("host", "all.crt"),
    ):
        place = tmp_path / directory / "r.example:5000"
        place.mkdir(parents=True, exist_ok=True)
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
                "-keyout",
                "/dev/null",
                "-out",
                str(place / name),
                "-subj",
                f"/CN={directory} {name}",
            ],
            stderr=subprocess.DEVNULL,
            check=True,
        )
        names.append(f"{directory} {name}")
    monkeypatch.setattr(
        transport,
        "CERTIFICATE_DIRECTORIES",
        (str(tmp_path / "containers"), str(tmp_path / "docker")),
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "host" / "r.example:5000" / "all.crt"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))

    def trusted(**options):
        return sorted(
            item["subject"][0][0][1]
            for item in transport.Options(**options).context("r.example:5000").get_ca_certs()
        )

    assert trusted() == sorted(names)
    assert trusted(ca_path=str(tmp_path / "docker" / "r.example:5000" / "ca.crt")) == [
        "docker ca.crt"
    ]
    (tmp_path / "containers" / "r.example:5000" / "b.crt").write_text("nonsense")
    with pytest.raises(InvalidInput, match="b.crt.* is not valid"):
        trusted()
