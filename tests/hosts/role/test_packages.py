# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role ``host`` on a host that has nothing but Python: what is missing is installed, and only that."""

from __future__ import annotations

import pytest
from support.fleet import roots
from support.fleet.namespaces import Fleet

ROLE = {"include_role": {"name": "pycontainer.engine.host"}}


@pytest.fixture(scope="module")
def bare_host():
    """One namespace host without cffi, pyroute2 and nftables, whose apt has a source with them."""
    repository = roots.repository(
        [
            "python3-apt",
            "python3-cffi",
            "python3-pyroute2",
            "nftables",
            "python3-zstandard",
            "libisal2",
        ]
    )
    fleet = Fleet("bare", root=roots.root(packages=[]), binds={repository: "/srv/repository"})
    try:
        fleet.up(1)
        fleet.execute(
            "h1",
            "sh",
            "-c",
            "echo 'deb [trusted=yes] file:/srv/repository ./' > /etc/apt/sources.list; rm -rf "
            "/etc/apt/sources.list.d/*",
        )
        yield fleet
    finally:
        fleet.down()


def installed(fleet):
    return set(fleet.execute("h1", "dpkg-query", "-W", "-f", "${Package}\n").stdout.split())


def test_check_mode_says_what_would_come(play, bare_host):
    before = installed(bare_host)
    checked = play(bare_host, [ROLE], "--check")
    said = [
        result["msg"]
        for result in checked.results("h1")
        if "python3-cffi" in str(result.get("msg"))
    ]
    assert said == ["python3-cffi python3-pyroute2 nftables"]
    assert checked.changed == {"h1": 2}
    assert installed(bare_host) == before


def test_missing_libraries_are_installed_once(play, bare_host):
    before = installed(bare_host)
    play(bare_host, [ROLE])
    assert {"python3-cffi", "python3-pyroute2", "nftables"} <= installed(bare_host) - before
    assert bare_host.execute("h1", "pycontainer", "--help").returncode == 0
    assert play(bare_host, [ROLE]).changed == {"h1": 0}


def test_extras_are_installed_on_request(play, bare_host):
    extra = [dict(ROLE, vars={"pycontainer_host_extras": ["zstandard", "isal"]})]
    play(bare_host, extra)
    assert {"python3-zstandard", "libisal2"} <= installed(bare_host)
    assert play(bare_host, extra).changed == {"h1": 0}


def test_unknown_package_manager_is_said(play, bare_host):
    names = {
        "host_package_names": {
            "dnf": {"_cffi_backend": "x", "pyroute2": "y", "nft": "z", "library": "w"}
        }
    }
    refused = play(
        bare_host,
        [dict(ROLE, vars=dict(names, pycontainer_host_extras=["nonesuch"]))],
        may_fail=True,
    )
    assert refused.errors["h1"][0].startswith(
        "nonesuch: missing on this host, and its package manager is none of dnf."
    )


OTHER = """
set -e
cp --remove-destination -L /etc/os-release /etc/os-release.kept
rm /etc/os-release
printf 'ID=other\\nNAME=Other\\n' > /etc/os-release
printf '#!/bin/sh\\necho "$@" >> /root/asked\\ntouch /usr/lib/python3/dist-packages/nonesuch.py\\n' > /sbin/apk
chmod 755 /sbin/apk
"""


def test_ansible_core_alone_will_do_for_apk(play, bare_host):
    """A stand-in for what Debian has no package of, on a host whose distribution Ansible does not know: the facts name what is there last."""
    wanted = [dict(ROLE, vars={"pycontainer_host_extras": ["nonesuch"]})]
    play(bare_host, [ROLE])  # what is needed is there, by the host's own
    assert bare_host.execute("h1", "sh", "-c", OTHER).returncode == 0
    try:
        checked = play(bare_host, wanted, "--check")
        assert [
            result["msg"]
            for result in checked.results("h1")
            if "nonesuch" in str(result.get("msg"))
        ] == ["py3-nonesuch"]
        play(bare_host, wanted)
        assert (
            bare_host.execute("h1", "cat", "/root/asked").stdout.strip()
            == "add --update-cache py3-nonesuch"
        )
    finally:
        bare_host.execute(
            "h1",
            "sh",
            "-c",
            "mv /etc/os-release.kept /etc/os-release; rm -f /root/asked /sbin/apk "
            "/usr/lib/python3/dist-packages/nonesuch.py",
        )


def test_a_package_that_no_source_has_is_named(play, bare_host):
    refused = play(
        bare_host, [dict(ROLE, vars={"pycontainer_host_extras": ["nonesuch"]})], may_fail=True
    )
    message = refused.errors["h1"][-1]
    assert (
        message.startswith("nonesuch: still missing for /usr/bin/python3 after apt was asked for ")
        and "No package matching 'python3-nonesuch'" in message
    )
