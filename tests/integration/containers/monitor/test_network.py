# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container on a bridge with a published port: what its monitor sets up, and takes back however the container ends."""

from __future__ import annotations

import secrets
import socket
import subprocess
import urllib.request

import pytest
from pycontainer.containers.client import monitor_client
from pycontainer.errors import ContainerFailed

from .test_crash import kill_monitor

NET = "198.18.77."  # RFC 2544's range for tests


@pytest.fixture
def bridge():
    name = "pct" + secrets.token_hex(4)
    for command in (["add", name, "type", "bridge"], ["set", name, "up"]):
        subprocess.run(["ip", "link"] + command, check=True)
    subprocess.run(["ip", "address", "add", NET + "1/24", "dev", name], check=True)
    yield name
    subprocess.run(["ip", "link", "delete", name], check=True)


def links():
    return {name for _index, name in socket.if_nameindex()}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def web(boxes, bridge, port, number=2):
    boxes.file("www/index.html", "hello from inside\n")
    box = boxes("/bin/httpd", "-f", "-p", "8080", "-h", "/www")
    link = "v" + secrets.token_hex(4)
    box.run["network"] = {
        "mode": "bridge",
        "ports": [
            {"host_ip": "127.0.0.1", "host_port": port, "container_port": 8080, "protocol": "tcp"}
        ],
        "attachments": [
            {
                "network": "test",
                "bridge": bridge,
                "ifname": link,
                "address": NET + "%d/24" % number,
                "gateway": NET + "1",
                "mac": f"02:42:c6:12:4d:{number:02x}",
                "mtu": 1500,
            }
        ],
    }
    return box, link


def fetch(address):
    with urllib.request.urlopen(f"http://{address}/index.html", timeout=5) as answer:
        return answer.read()


def fetched(address):
    try:
        return fetch(address) == b"hello from inside\n"
    except OSError:
        return False


def test_bridge_and_published_port(boxes, bridge, eventually):
    port = free_port()
    box, link = web(boxes, bridge, port)
    box.start()
    eventually(lambda: fetched(NET + "2:8080"))
    assert fetched("127.0.0.1:%d" % port)
    assert link in links()
    assert b"default via 198.18.77.1" in box.execute("ip", "route")["stdout"]
    taken, _link = web(boxes, bridge, port, 3)
    with pytest.raises(ContainerFailed, match="published_ports.*%d.*taken" % port):
        taken.start()
    box.stop(timeout=0)
    assert link not in links()
    assert not fetched("127.0.0.1:%d" % port)
    taken.start()
    eventually(lambda: fetched("127.0.0.1:%d" % port))


def test_ports_come_back_with_a_new_monitor(boxes, bridge, eventually):
    port = free_port()
    box, link = web(boxes, bridge, port)
    box.start()
    eventually(lambda: fetched("127.0.0.1:%d" % port))
    kill_monitor(box, eventually)
    assert not fetched("127.0.0.1:%d" % port) and fetched(NET + "2:8080")
    assert monitor_client.adopt_orphans(box.paths) == [box.ident]
    assert fetched("127.0.0.1:%d" % port)
    box.stop(timeout=0)
    assert link not in links()


def test_missing_bridge_is_a_clean_error(boxes, bridge):
    box, link = web(boxes, "pct-not-there", free_port())
    with pytest.raises(ContainerFailed, match="pct-not-there is not there"):
        box.start()
    assert box.state["status"] == "exited" and link not in links()
