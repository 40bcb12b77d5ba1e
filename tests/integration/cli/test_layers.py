# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands about what images and containers consist of: history, waste, diff, commit, squash, save, export."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tarfile

import pytest

MEGABYTE = 1 << 20
FILE = """
FROM box:1
RUN mkdir -p /big/sub && head -c 1048576 /dev/zero > /big/one && head -c 524288 /dev/zero > /big/sub/two && ln /big/one /big/again
RUN chmod 600 /big/sub/two && echo small > /srv/data/file
ENV A=1
RUN rm -r /big/one /big/sub
RUN rm /big/again
"""


@pytest.fixture
def wasteful(docker, tmp_path):
    """The image ``waste:1``: a file with two names that go one after the other, one that a chmod repeats, one that is replaced."""
    context = tmp_path / "context"
    context.mkdir()
    (context / "Containerfile").write_text(FILE)
    docker("build", "-q", "-t", "waste:1", "--network", "none", str(context))
    return "waste:1"


def test_history(docker, wasteful):
    rows = docker("history", wasteful).splitlines()
    print("\n".join(rows))
    print(docker("image", "waste", wasteful))
    print(docker("run", "--name", "cc", "--network", "none", "waste:1", "sh", "-c", "echo hi > /new; rm -r /srv/data; mkdir /srv/data; echo x > /srv/data/other; rm /big -r; chmod 700 /tmp"))
    print(docker("diff", "cc"))
    print(docker("commit", "-m", "msg", "-c", "ENV X=1", "cc", "comm:1"))
    print(docker("commit", "-m", "msg", "-c", "ENV X=1", "cc", "comm:1"))
    print(docker("history", "comm:1"))
    print(docker("image", "diff", wasteful, "comm:1"))
    print(docker("image", "squash", "waste:1", "-t", "slim:1"))
    print(docker("history", "slim:1"))
    print(docker("image", "diff", "waste:1", "slim:1"))
    print(docker("image", "squash", "waste:1", "-t", "slim:2", "--from", "box:1"))
    print(docker("history", "slim:2"), docker("image", "waste", "slim:2"))
    print(docker("image", "diff", "waste:1", "slim:2"))
    assert 0
