# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A registry and clients that mean harm: documents without end. On every Python that this host has."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

NEWER = ["python3.%d" % minor for minor in range(9, 16) if minor != sys.version_info[1]]


def answers(interpreter):
    path = shutil.which(interpreter)
    return path is not None and subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("data", [b"[" * 10_000, b'{"a":' * 2_000 + b"1" + b"}" * 2_000,
                                  b'{"schemaVersion":2,"layers":' + b"[" * 60_000 + b"]" * 60_000 + b"}", b'{"a":' + b"9" * 10_000 + b"}"],
                         ids=["open", "objects", "balanced", "number"])
@pytest.mark.parametrize("interpreter", [sys.executable] + NEWER)
def test_a_nested_manifest_is_refused_and_the_registry_lives(process, new_client, interpreter, data):
    if interpreter != sys.executable and not answers(interpreter):
        pytest.skip("no %s here" % interpreter)
    server, port = process(interpreter)
    client = new_client(port)
    answer = client.put("latest", data)
    assert (answer.status, answer.code) == (400, "MANIFEST_INVALID"), answer.body
    assert len(answer.body) < 500
    assert server.poll() is None and client("GET", "/v2/").status == 200
