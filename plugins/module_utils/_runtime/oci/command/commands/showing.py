# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``state``, ``list`` and ``ps``."""

from __future__ import annotations

import os

from .... import json_text
from ....errors import HostError, InvalidInput, NotFound
from ..main import write
from ..states import every, open_container


def state(call, _log):
    write(json_text.dump(open_container(call.options["root"], call.arguments[0]).state(), 2) + "\n")


def list(call, log):  # pylint: disable=redefined-builtin # the command's name
    _check_format(call)
    if call.options["chosen-root"] and not os.path.isdir(call.options["root"]):
        raise NotFound(f"option --root: there is no directory {call.options['root']}")
    broken = []
    found = [container.state() for container in every(call.options["root"], broken)]
    for text in broken:
        log.warning(text)
    if call["quiet"]:
        write("".join(entry["id"] + "\n" for entry in found))
    elif call["format"] == "json":
        write((json_text.dump(found) if found else "null") + "\n")
    else:
        rows = [("ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER")]
        rows += [
            tuple(str(entry[key]) for key in ("id", "pid", "status", "bundle", "created", "owner"))
            for entry in found
        ]
        widths = [max(11, *(len(row[column]) for row in rows)) for column in range(6)]
        write(
            "".join(
                " ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() + "\n"
                for row in rows
            )
        )


def _check_format(call):
    if call["format"] not in (None, "table", "json"):
        raise InvalidInput("--format", call["format"], "table or json")


def ps(call, _log):
    _check_format(call)
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
    write(table(_ps(call.arguments[1:] or ["-ef"]), set(pids)))


def _ps(options):
    """What the host's own ps(1) prints."""
    import subprocess

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


def table(text, pids):
    """The lines of a table of processes that are of ``pids``, with its heading."""
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
