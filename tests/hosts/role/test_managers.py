# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role ``host`` with the package managers of other distributions: each is the real one, as Debian packages it.

The host says that it is of that distribution, and has a repository in its form with what Debian's packages hold.
"""

from __future__ import annotations

import pathlib

import pytest
from support.fleet import roots
from support.fleet.namespaces import Fleet

ROLE = {"include_role": {"name": "pycontainer.engine.host"}}
MANAGERS = [
    "dnf",
    "python3-dnf",
    "rpm",
    "createrepo-c",
    "zypper",
    "pacman-package-manager",
    "makepkg",
    "libarchive-tools",
]
ALL = "dnf yum zypper pacman apt apt-get aptitude dpkg-query"

DNF = """
printf 'ID="almalinux"\\nNAME="AlmaLinux"\\nVERSION_ID="9.4"\\nID_LIKE="rhel centos fedora"\\n' > /etc/os-release
mkdir -p /etc/yum.repos.d
printf '[here]\\nname=here\\nbaseurl=file:///srv/made\\ngpgcheck=0\\n' > /etc/yum.repos.d/here.repo
"""
ZYPPER = """
printf 'ID="opensuse-leap"\\nNAME="openSUSE Leap"\\nVERSION_ID="15.6"\\nID_LIKE="suse opensuse"\\n' > /etc/os-release
zypper --non-interactive addrepo --no-gpgcheck /srv/made here
"""
PACMAN = """
printf 'ID=arch\\nNAME="Arch Linux"\\nBUILD_ID=rolling\\n' > /etc/os-release
printf '[options]\\nArchitecture = auto\\nSigLevel = Never\\n[debian]\\nServer = file:///srv/made\\n' > /etc/pacman.conf
mkdir -p /var/lib/pacman/sync
pacman --sync --refresh
"""
KINDS = {  # the form of its packages, how the host is made one of the kind, what it lists the installed ones by, their names
    "dnf": ("rpm", DNF, ["rpm", "-qa", "--qf", "%{NAME}\n"], "python3-"),
    "zypper": (
        "rpm",
        ZYPPER,
        ["rpm", "--dbpath", "/var/lib/rpm", "-qa", "--qf", "%{NAME}\n"],
        "python3-",
    ),
    "pacman": ("pacman", PACMAN, ["pacman", "-Qq"], "python-"),
}


@pytest.fixture(scope="module")
def base():
    return roots.root(packages=MANAGERS)


@pytest.fixture(scope="module", params=KINDS)
def host(request, base):
    """``(a fleet of one, its package manager)``: it has that one alone."""
    kind, settings, dummy_listing, dummy_prefix = KINDS[request.param]
    repository = roots.repository(
        ["python3-cffi", "python3-pyroute2", "nftables", "python3-zstandard"], base=base
    )
    fleet = Fleet(
        "manager",
        root=base,
        binds={repository: "/srv/repository", pathlib.Path(roots.__file__).parent: "/srv/fleet"},
    )
    try:
        fleet.up(1)
        for script in (
            f"python3 /srv/fleet/repackage.py {kind} /srv/repository /srv/made",
            f"for name in {ALL}; do [ $name = {request.param} ] || rm -f /usr/bin/$name; done; rm "
            f"-rf /etc/debian_version /etc/apt /etc/os-release; {settings}",
        ):
            done = fleet.execute("h1", "sh", "-ec", script)
            assert done.returncode == 0, done.stdout
        yield fleet, request.param
    finally:
        fleet.down()


def test_a_package_that_no_repository_has_is_named(play, host):
    fleet, manager = host
    refused = play(
        fleet, [dict(ROLE, vars={"pycontainer_host_extras": ["nonesuch"]})], may_fail=True
    )
    message = refused.errors["h1"][-1]
    assert (
        f"nonesuch: still missing for /usr/bin/python3 after {manager} was asked for " in message
    ), refused.output
    assert {
        "dnf": "No package python3-nonesuch available.",
        "zypper": "No provider of 'python3-nonesuch' found.",
        "pacman": "target not found: python-nonesuch",
    }[manager] in message
    assert ("epel-release" in message) == (manager == "dnf")  # which left out the others, too
    assert fleet.execute("h1", "test", "-e", "/var/lib/pycontainer/runtime/current").returncode != 0


def test_what_is_missing_is_installed_once(play, host):
    fleet, manager = host
    dummy_kind, dummy_settings, listing, prefix = KINDS[manager]

    def installed():
        return set(fleet.execute("h1", *listing).stdout.split())

    names = [prefix + "cffi", prefix + "pyroute2", "nftables"]
    checked = play(fleet, [ROLE], "--check")
    assert [
        result["msg"] for result in checked.results("h1") if "nftables" in str(result.get("msg"))
    ] == [" ".join(names)]
    assert not installed() & set(names)
    play(fleet, [ROLE])
    assert set(names) <= installed()
    assert fleet.execute("h1", "pycontainer", "--help").returncode == 0
    assert play(fleet, [ROLE]).changed == {"h1": 0}
    extra = [dict(ROLE, vars={"pycontainer_host_extras": ["zstandard"]})]
    play(fleet, extra)
    assert prefix + "zstandard" in installed()
    assert play(fleet, extra).changed == {"h1": 0}
