# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small disk with project quotas: ext4 in a file, mounted by loop."""

from __future__ import annotations

import contextlib
import os
import subprocess

import pytest

from support import waiting

SIZE = 96 << 20


@contextlib.contextmanager
def mounted(image, at, options="loop,prjquota"):
    """Make a file system in the file ``image`` and mount it at ``at``, a directory that is made. In the block it is there."""
    with open(image, "wb") as file:
        file.truncate(SIZE)
    run("mkfs.ext4", "-q", "-F", "-O", "quota,project", "-E", "quotatype=prjquota", str(image))
    os.mkdir(at)
    try:
        run("mount", "-o", options, str(image), str(at))
    except subprocess.CalledProcessError as error:
        pytest.skip(f"this kernel counts no quotas on ext4 (CONFIG_QFMT_V2): {error.stdout!r}")
    try:
        yield str(at)
    finally:
        waiting.eventually(
            lambda: not subprocess.call(["umount", str(at)])
        )  # a zygote may be ending
        os.unlink(image)


def run(*words):
    subprocess.run(words, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
