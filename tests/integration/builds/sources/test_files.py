# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of a build that are none: a FIFO that nobody writes, a device without an end, a link out of the context. None is waited for or read."""

from __future__ import annotations

import os
import re
import socket

import pytest
from pycontainer import errors
from pycontainer.builds.parse import build_request
from pycontainer.errors import HostError
from pycontainer.images.configuration import credentials


def endless(path, kind):
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path)
    elif kind == "large":
        with open(path, "wb") as file:
            file.truncate(5 << 20)
    else:
        os.symlink("/dev/zero", path)


@pytest.mark.parametrize("kind", ["fifo", "socket", "zero", "large"])
@pytest.mark.parametrize(
    "name", [".dockerignore", ".containerignore", "Containerfile.dockerignore"]
)
def test_an_ignore_file(builder, kind, name):
    context = builder.context({"f": "f"})
    with open(os.path.join(context, "Containerfile"), "w") as file:
        file.write("FROM box:1\nCOPY . /\n")
    endless(os.path.join(context, name), kind)
    from pycontainer.builds.plans import build_plan

    if kind == "zero":  # the link stays in the context, where no such file is
        build_plan.plan_from(
            builder.engine, ["t:1"], build_request.BuildRequest(network="none"), context
        )
        return
    why = "larger than 1048576 bytes" if kind == "large" else "not a regular file"
    path = re.escape(os.path.join(context, name))
    with pytest.raises(
        errors.InvalidInput,
        match=f"^ignore file: '{path}' is not valid; accepted: a regular .*[(]it is {why}[)]$",
    ):
        build_plan.plan_from(
            builder.engine, ["t:1"], build_request.BuildRequest(network="none"), context
        )


@pytest.mark.parametrize("kind", ["fifo", "zero", "large"])
def test_files_that_the_user_names(tmp_path, kind):
    path = str(tmp_path / "x")
    endless(path, kind)
    if kind != "large":
        with pytest.raises(HostError, match="can't be read: .*not a regular file"):
            credentials.read(path)
        return
    with pytest.raises(errors.InvalidInput, match="regular file of at most"):
        build_request._read(path)
