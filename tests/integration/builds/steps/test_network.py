# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""RUN on the default network, in a child with a network namespace of its own that stands for the host."""

from __future__ import annotations

import http.server
import os
import socket
import subprocess
import threading
import traceback

import pytest
from pycontainer import images

CLONE_NEWNET = 0x40000000


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"from the host\n")

    def log_message(self, *_words):
        pass


def test_the_default_network(builder):
    reader, writer = os.pipe()
    builder.engine.db.close()
    if not (child := os.fork()):
        verdict = "died"
        try:
            verdict = _child(builder)
        finally:
            os.write(writer, verdict.encode()[-60000:])
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        verdict = file.read().decode()
    os.waitpid(child, 0)
    if verdict:
        pytest.fail(verdict, pytrace=False)


def _child(builder):
    from pycontainer.engine import Engine
    from pycontainer.kernel.calls import syscalls

    syscalls.unshare(CLONE_NEWNET)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    try:
        with Engine(builder.engine.paths.data, builder.engine.paths.run) as own:
            builder.engine = own
            _traffic(builder)
    except BaseException:
        return traceback.format_exc()
    return ""


def _traffic(builder):
    server = http.server.ThreadingHTTPServer(("0.0.0.0", 0), Page)
    text = (
        "FROM box:1\nRUN wget -q -O /page http://host:%d/ && ip -o addr show eth0 > /address && "
        "grep host /etc/hosts | tail -1 > /hosts\n"
        "RUN --network=none ip link | grep -c ' eth0' > /links; true" % server.server_port
    )
    started = threading.Thread(target=server.serve_forever, daemon=True)
    plan = builder.look(text, network="default", extra_hosts={"host": "host-gateway"})
    before = {name for _index, name in socket.if_nameindex()}
    started.start()
    plan.apply()
    server.shutdown()
    record = images.get(builder.engine, "t:1")
    assert (
        builder.read(record, "page") == "from the host\n" and builder.read(record, "links") == "0\n"
    )
    assert " inet " in builder.read(record, "address")
    assert builder.engine.db.all("SELECT * FROM addresses") == []
    left = {name for _index, name in socket.if_nameindex()} - before
    assert not [name for name in left if name.startswith("pyv-")], left
