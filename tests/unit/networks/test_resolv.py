# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The texts of resolv.conf and hosts."""

from __future__ import annotations

import pytest
from pycontainer import networks
from pycontainer.errors import InvalidInput


@pytest.fixture
def files(tmp_path):
    def make(text, systemd=""):
        (tmp_path / "resolv.conf").write_text(text)
        (tmp_path / "systemd").write_text(systemd)
        return {"path": str(tmp_path / "resolv.conf"), "systemd_path": str(tmp_path / "systemd")}

    return make


def test_the_hosts(files):
    text = (
        "# comment\nnameserver 192.0.2.1 # first\nnameserver 127.0.0.1\nnameserver "
        "fd00::1\ndomain old\n"
        "search a.example b.example\noptions ndots:2\noptions rotate\n"
    )
    assert (
        networks.resolv_conf(**files(text))
        == "nameserver 192.0.2.1\nsearch a.example b.example\noptions ndots:2 rotate\n"
    )
    assert networks.resolv_conf(host_network=True, **files(text)).startswith(
        "nameserver 192.0.2.1\nnameserver 127.0.0.1\nnameserver fd00::1\n"
    )


def test_systemd_resolved_is_looked_behind(files):
    assert (
        networks.resolv_conf(**files("nameserver 127.0.0.53\nsearch x\n", "nameserver 192.0.2.7\n"))
        == "nameserver 192.0.2.7\nsearch x\n"
    )


def test_fallback(files):
    assert (
        networks.resolv_conf(**files("nameserver 127.0.0.1\n"))
        == "nameserver 8.8.8.8\nnameserver 8.8.4.4\n"
    )
    assert (
        networks.resolv_conf(path="/does/not/exist", systemd_path="/nor/this")
        == "nameserver 8.8.8.8\nnameserver 8.8.4.4\n"
    )


@pytest.mark.parametrize(
    "families, servers",
    [([4], ["192.0.2.1"]), ([6], ["fd00::1"]), ([4, 6], ["192.0.2.1", "fd00::1"])],
)
def test_servers_of_the_families_that_it_has(files, families, servers):
    text = "nameserver 192.0.2.1\nnameserver fe80::1%eth0\nnameserver ::1\nnameserver fd00::1\n"
    found = networks.resolv_conf(families=families, **files(text))
    assert found.split() == [word for one in servers for word in ("nameserver", one)]


def test_fallback_of_ipv6(files):
    found = networks.resolv_conf(families=[6], **files("nameserver 192.0.2.1\n"))
    assert found == "nameserver 2001:4860:4860::8888\nnameserver 2001:4860:4860::8844\n"


def test_overrides(files):
    given = files("nameserver 192.0.2.1\nsearch a\noptions b\n")
    assert (
        networks.resolv_conf(["192.0.2.9", "fd00::9"], ["z.example"], ["ndots:1"], **given)
        == "nameserver 192.0.2.9\nnameserver fd00::9\nsearch z.example\noptions ndots:1\n"
    )
    assert networks.resolv_conf(None, ["."], [], **given) == "nameserver 192.0.2.1\n"


@pytest.mark.parametrize(
    "options",
    [
        {"dns_servers": ["192.0.2.1\nnameserver 6.6.6.6"]},
        {"dns_servers": ["localhost"]},
        {"dns_servers": ["192.0.2.1\0"]},
        {"dns_search_domains": ["a\nnameserver 6.6.6.6"]},
        {"dns_search_domains": ["a b"]},
        {"dns_opts": ["x\n"]},
        {"dns_opts": ["x\0"]},
    ],
)
def test_bad_values(options):
    with pytest.raises(InvalidInput):
        networks.resolv_conf(**options)


def test_hosts():
    text = networks.hosts(
        "web", ["10.0.0.2/24", "10.1.0.2/24"], ["alias", "web"], {"db": "10.0.0.9"}, "example.org"
    )
    lines = text.splitlines()
    assert lines[0] == "127.0.0.1\tlocalhost"
    assert lines[-3:] == [
        "10.0.0.9\tdb",
        "10.0.0.2\tweb.example.org web alias",
        "10.1.0.2\tweb.example.org web alias",
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ("a\nb", []),
        ("a b", []),
        ("a", [], ["x\0"]),
        ("a", [], [], {"x\n6.6.6.6 bank": "10.0.0.1"}),
        ("a", [], [], {"x": "10.0.0.1\n"}),
        ("a", [], [], {"x": "nowhere"}),
        ("a", ["10.0.0.1"], [], {}, "x\ny"),
    ],
)
def test_bad_hosts(arguments):
    with pytest.raises(InvalidInput):
        networks.hosts(*arguments)
