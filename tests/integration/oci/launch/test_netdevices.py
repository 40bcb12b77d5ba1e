# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""linux.netDevices, in a network namespace of the test's own. runtime-spec config-linux.md "Network Devices"."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
from pycontainer.kernel.isolation import namespaces


@pytest.fixture(autouse=True)
def own_network():
    """The runtime is in a namespace where links can be made."""
    from pycontainer.kernel.calls import constants, syscalls

    home = namespaces.open_namespace("self", "network")
    syscalls.unshare(constants.CLONE_NEWNET)
    yield
    namespaces.join(home, "network")
    os.close(home)


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def here():
    return {
        link["ifname"]
        for link in json.loads(
            subprocess.run(["ip", "-j", "link"], check=True, capture_output=True).stdout
        )
    }


@pytest.fixture
def device():
    ip(
        "link",
        "add",
        "moved",
        "mtu",
        "1400",
        "address",
        "02:00:00:00:00:07",
        "type",
        "veth",
        "peer",
        "name",
        "other",
    )
    ip("addr", "add", "10.1.2.3/24", "brd", "10.1.2.254", "dev", "moved")
    ip("addr", "add", "10.1.3.3/24", "dev", "moved")
    ip("addr", "add", "10.1.4.4/24", "scope", "link", "dev", "moved")
    ip("addr", "add", "10.1.5.5/24", "valid_lft", "1000", "preferred_lft", "1000", "dev", "moved")
    ip("addr", "add", "fd00::7/64", "nodad", "dev", "moved")
    return "moved"


@pytest.mark.parametrize(
    "entry, name", (({}, "moved"), ({"name": "inside"}, "inside"), ({"name": "eth%d"}, "eth0"))
)
def test_a_link_moves_with_its_addresses(bundle, device, entry, name):
    bundle.linux["netDevices"] = {device: entry}
    result = bundle.shell(f"ip addr show dev {name}")
    assert result.code == 0 and device not in here(), result
    text = result.out
    assert "mtu 1400" in text and "02:00:00:00:00:07" in text and ("UP" in text.split(">")[0])
    assert (
        "inet 10.1.2.3/24 brd 10.1.2.254 scope global" in text
        and "inet 10.1.3.3/24 scope global" in text
        and "inet6 fd00::7/64" in text
    )
    assert "10.1.4.4" not in text and "10.1.5.5" not in text, "only permanent ones of global scope"


def test_into_a_namespace_that_is_joined(bundle, device):
    process = subprocess.Popen(["unshare", "--net", "sleep", "100"])  # pylint: disable=consider-using-with
    try:
        while open("/proc/%d/comm" % process.pid).read() != "sleep\n":  # pylint: disable=consider-using-with
            pass
        bundle.namespace("network", "/proc/%d/ns/net" % process.pid)
        bundle.linux["netDevices"] = {device: {}}
        assert "10.1.2.3" in bundle.run("ip", "addr", "show", "dev", device).out
        assert (
            "10.1.2.3"
            in subprocess.run(
                ["nsenter", "--net=/proc/%d/ns/net" % process.pid, "ip", "addr"],
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    "devices, words",
    (
        (
            {"nothere": {}},
            "network device nothere can't be moved to the container as nothere: there is no such "
            "device",
        ),
        ({"moved": {"name": "lo"}}, "there is one of that name"),
        ({"moved": {"name": "a/b"}}, "invalid network device name 'a/b'"),
        ({"x" * 16: {}}, "invalid network device name"),
    ),
)
def test_what_can_not_be_moved_is_refused(bundle, device, devices, words):
    bundle.linux["netDevices"] = devices
    bundle.refused(words)
    assert device in here()


def test_a_network_namespace_is_needed(bundle, device):
    bundle.namespace("network", remove=True)
    bundle.linux["netDevices"] = {device: {}}
    bundle.refused("unable to move network devices without a NET namespace")
