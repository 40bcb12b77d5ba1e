# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes a bare image of a distribution ready for Ansible, in a root with busybox and a stand-in for the distribution's package manager.

Which packages are asked for is seen here; that the managers install them is seen with apt-get alone (tests/hosts/test_molecule.py).
"""

from __future__ import annotations

import pathlib
import re
import shutil
import subprocess

import pytest

SCRIPT = pathlib.Path(__file__).resolve().parents[3] / "playbooks" / "files" / "molecule_ready.sh"
BUSYBOX, DASH = shutil.which("busybox"), shutil.which("dash")
CHROOT = shutil.which("chroot") or "/usr/sbin/chroot"
ALL = "python3 sudo bash ip ca-certificates"

pytestmark = pytest.mark.skipif(None in (BUSYBOX, DASH), reason="needs busybox and dash")


@pytest.fixture
def image(tmp_path):
    """A root with busybox alone, which has neither Python, sudo, bash, ip nor certificates."""
    (tmp_path / "bin").mkdir()
    shutil.copy(BUSYBOX, tmp_path / "bin" / "busybox")
    (tmp_path / "bin" / "ls").symlink_to("busybox")
    # busybox's own shell would have ``ip`` as one of its parts
    listed = subprocess.run(["ldd", DASH], capture_output=True, text=True, check=True).stdout
    for path in (DASH, *re.findall(r"(/\S+) \(0x", listed)):
        place = tmp_path / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    (tmp_path / "bin" / "sh").symlink_to(DASH)
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "null").touch()  # a file does
    shutil.copy(SCRIPT, tmp_path / "ready.sh")
    return tmp_path


def program(image, name):
    path = image / "bin" / name
    path.write_text(f'#!/bin/sh\necho "{name} $*" >> /said\n')
    path.chmod(0o755)


def ready(image):
    done = subprocess.run(
        [CHROOT, image, "/bin/sh", "/ready.sh"],
        env={"PATH": "/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    said = image / "said"
    return done, said.read_text().splitlines() if said.exists() else []


@pytest.mark.parametrize(
    "manager, lines",
    [
        (  # Debian, Ubuntu
            "apt-get",
            [
                "apt-get -qq update",
                "apt-get -qq install -y --no-install-recommends python3 python3-apt sudo bash iproute2 ca-certificates",
            ],
        ),
        (
            "apk",
            ["apk add --quiet --no-cache python3 sudo bash iproute2 ca-certificates"],
        ),  # Alpine
        (  # Rocky Linux, Fedora
            "dnf",
            ["dnf -q -y install python3 python3-dnf sudo bash iproute ca-certificates"],
        ),
        ("microdnf", ["microdnf -y install python3 sudo bash iproute ca-certificates"]),
        ("yum", ["yum -q -y install python3 sudo bash iproute ca-certificates"]),
        ("zypper", ["zypper -q -n install python3 python3-xml sudo bash iproute2 ca-certificates"]),
        (  # Arch Linux
            "pacman",
            ["pacman -Sy --quiet --noconfirm --needed python sudo bash iproute2 ca-certificates"],
        ),
        ("xbps-install", ["xbps-install -Sy python3 sudo bash iproute2 ca-certificates"]),
    ],
)
def test_a_bare_image(image, manager, lines):
    program(image, manager)
    done, said = ready(image)
    assert said == lines, done.stderr
    assert (done.returncode, done.stdout) == (0, f"made ready with: {ALL}\n")


def test_only_what_is_missing(image):
    for name in ("apk", "python3", "bash", "ip"):
        program(image, name)
    (image / "etc" / "ssl" / "certs").mkdir(parents=True)
    (image / "etc" / "ssl" / "certs" / "ca.pem").touch()
    assert ready(image)[1] == ["apk add --quiet --no-cache sudo"]
    (image / "said").unlink()
    program(image, "sudo")
    done, said = ready(image)
    assert (done.returncode, done.stdout, said) == (0, "", [])


def test_no_package_manager(image):
    done, _said = ready(image)
    assert done.returncode == 1
    assert done.stderr == (
        f"the image lacks {ALL}, and no package manager that could install it "
        "(apt-get, apk, dnf, microdnf, yum, zypper, pacman, xbps-install)\n"
    )
