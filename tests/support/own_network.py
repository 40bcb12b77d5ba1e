# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests in a child with a network namespace of its own, which stands for the host, and what they do there."""

from __future__ import annotations

import functools
import http.client
import os
import subprocess
import time
import traceback

import pytest
from pycontainer import containers, networks
from pycontainer.containers import task
from pycontainer.engine import Engine
from pycontainer.reconcile import carry_out

CLONE_NEWNET = 0x40000000
SERVE = "mkdir -p /www && hostname > /www/index.html && exec httpd -f -p 80 -h /www"


def in_own_network(test):
    """Run the test in a forked child after unshare(2); its engine is the fixture's store, opened anew."""

    @functools.wraps(test)
    def wrapper(engine, image):
        reader, writer = os.pipe()
        engine.db.close()
        child = os.fork()
        if child == 0:
            verdict = b"died"
            try:
                verdict = _child(test, engine)
            finally:
                os.write(writer, verdict[-60000:])
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as file:
            verdict = file.read().decode()
        os.waitpid(child, 0)
        if verdict:
            pytest.fail(verdict, pytrace=False)

    del wrapper.__wrapped__  # pytest would ask it for its fixtures
    return wrapper


def _child(test, engine):
    from pycontainer.deploy import daemon
    from pycontainer.kernel.calls import syscalls

    syscalls.unshare(CLONE_NEWNET)
    daemon.booted_by_systemd = lambda: (
        False
    )  # systemd would start the zygote in the machine's own network
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with Engine(engine.paths.data, engine.paths.run) as own:
        try:
            test(own)
        except BaseException:
            return traceback.format_exc().encode()
        finally:
            for record in containers.every(own):
                containers.remove(own, record, force=True)
    return b""


def do(engine, check=False, **params):
    params = dict({"name": "web", "image": "box:1", "stop_timeout": 0}, **params)
    return carry_out(task.container(engine, params), check)


def web(**more):
    return dict({"command": ["sh", "-c", SERVE]}, **more)


def get(port, host="127.0.0.1"):
    """The page of a container's web server, which may need a moment to listen."""
    for attempt in range(100):
        try:
            connection = http.client.HTTPConnection(host, port, timeout=5)
            connection.request("GET", "/")
            return connection.getresponse().read().decode().strip()
        except OSError:
            if attempt == 99:
                raise
            time.sleep(0.02)


def refused(port, host="127.0.0.1"):
    try:
        http.client.HTTPConnection(host, port, timeout=1).connect()
    except OSError:
        return True
    return False


def network(engine, name, subnet):
    carry_out(
        networks.plan(
            engine, {"name": name, "state": "present", "ipam_config": [{"subnet": subnet}]}
        ),
        False,
    )
