# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the link of a container may carry, measured with datagrams of two megabytes, and what is counted."""

from __future__ import annotations

import json
import os
import socket
import time

import pytest
from pycontainer import networks
from pycontainer.networks import container_links
from pycontainer.networks.drivers import link_kinds
from pycontainer.networks.traffic import bandwidth

LIMIT = 16_000_000  # bits a second: 2 MB take a second
AMOUNT = 1_000_000  # bytes

pytestmark = pytest.mark.skipif(
    not link_kinds.limits_rates(), reason="this kernel has no tbf, ingress, u32, mirred or ifb"
)


def sink(ready, port):
    """Take one connection; tell how long its bytes took."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("0.0.0.0", port))
        sock.listen(1)
        ready.write("ready\n")
        ready.flush()
        connection, _peer = sock.accept()
        began = time.monotonic()
        while connection.recv(1 << 16):
            pass
        return time.monotonic() - began


sink.serves = True


def pour(address, port):
    with socket.create_connection((address, port), 5) as sock:
        sock.sendall(bytes(AMOUNT))
    return True


def seconds(net, sender, receiver, address, port):
    """How long AMOUNT takes from one namespace to another."""
    file = receiver.start(sink, port)
    assert file.readline() == "ready\n"
    sender.call(pour, address, port)
    return float(file.read())


def test_both_ways_are_limited_and_changed_as_it_runs(net):
    engine = net.engine()
    one = net.container(engine, "a")
    host, inside = net.host(), one.namespace
    place = dict(one.attachment)

    def measure():
        return (
            seconds(net, host, inside, one.address, 9100),
            seconds(net, inside, host, "172.17.0.1", 9101),
        )

    free = measure()
    assert max(free) < 0.2
    for limits, slow in (
        ({"in": LIMIT, "out": None}, (True, False)),
        ({"in": None, "out": LIMIT}, (False, True)),
        ({"in": LIMIT, "out": LIMIT}, (True, True)),
        ({"in": LIMIT * 100, "out": LIMIT * 100}, (False, False)),
    ):
        container_links.limit(dict(place, bandwidth=limits))
        taken = measure()
        assert [time > 0.35 for time in taken] == list(slow), (limits, taken)
        assert all(not limited or time < 1.2 for time, limited in zip(taken, slow))
    ifb = bandwidth.mirror(place["ifname"])
    shown = net.run(f"tc qdisc show dev {place['ifname']}; tc qdisc show dev {ifb}")
    assert "rate 1600Mbit" in shown, "tc reads what was meant"
    container_links.limit(place)
    assert ifb not in net.run("ip -o link") and max(measure()) < 0.2


def test_limits_come_with_the_link_and_go_with_it(net):
    engine = net.engine()
    one = net.container(engine, "a")
    place = dict(one.attachment, bandwidth={"in": LIMIT, "out": LIMIT})
    container_links.connect(one.namespace.fd, place, "eth0")
    assert net.run("tc qdisc show").count("tbf") == 2
    container_links.connect(one.namespace.fd, place, "eth0")  # as after a kill
    assert net.run("tc qdisc show").count("tbf") == 2
    container_links.disconnect(place, one.namespace.fd)
    assert "pyi-" not in net.run("ip -o link")


def test_counters_are_the_containers_view(net):
    engine = net.engine()
    one = net.container(engine, "a")
    before = networks.counters([one.attachment], os.getpid())["bridge"]
    seconds(net, net.host(), one.namespace, one.address, 9102)
    after = networks.counters([one.attachment], os.getpid())["bridge"]
    assert after["received_bytes"] - before["received_bytes"] > AMOUNT
    assert 0 < after["sent_bytes"] - before["sent_bytes"] < AMOUNT / 2
    inside = json.loads(one.namespace.run("ip -j -s link show eth0"))[0]["stats64"]
    assert inside["rx"]["bytes"] == after["received_bytes"]
    assert sorted(after) == sorted(
        f"{way}_{kind}"
        for way in ("received", "sent")
        for kind in ("bytes", "packets", "errors", "dropped")
    )
