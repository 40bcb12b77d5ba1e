# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``ps``: list the processes of a container, by the host's ps(1)."""

from __future__ import annotations

import os

from .... import json_text
from ....errors import HostError
from ..arguments import Command
from ..output import write
from ..states import open_container
from .list import check_format

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from ..arguments import Call
    from ..output import Log

COMMAND = Command(
    "list the processes of a container", "ID [PS-OPTION...]", 1, None, ("format|f=",), in_order=True
)


def ps(call: Call, _log: Log) -> None:
    check_format(call)
    container = open_container(call.options["root"], call.arguments[0])
    group = container.group()
    pids = (
        sorted(group.procs())
        if group.paths
        else [container.pid] * (container.process() is not None)
    )
    if call["format"] == "json":
        write(json_text.dump(pids) + "\n")
        return
    write(table(_output_of_ps(call.arguments[1:] or ["-ef"]), set(pids)))


def _output_of_ps(options: list[str]) -> str:
    """Return what the host's own ps(1) prints.

    :raises HostError: it is not there, or refuses the options.
    """
    import subprocess  # here: with --format json it is not needed

    try:
        done = subprocess.run(
            ["ps", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(os.environ, LC_ALL="C"),
            check=False,
        )
    except FileNotFoundError:
        raise HostError(
            "ps: this host has no ps command (procps); --format json lists the process ids "
            "without it"
        ) from None
    if done.returncode:
        raise HostError(f"ps {' '.join(options)}: {os.fsdecode(done.stderr).strip()}")
    return os.fsdecode(done.stdout)


def table(text: str, pids: Collection[int]) -> str:
    """Return the lines of a table of processes that are of ``pids``, with its heading.

    :raises HostError: it has no column PID.
    """
    lines = text.splitlines()
    heading = lines[0].split()
    if "PID" not in heading:
        raise HostError(f"ps: its table has no column PID: {lines[0]}")
    column = heading.index("PID")
    kept = [
        line
        for line in lines[1:]
        if len(line.split()) > column
        and line.split()[column].isdigit()
        and int(line.split()[column]) in pids
    ]
    return "".join(line + "\n" for line in [lines[0], *kept])
