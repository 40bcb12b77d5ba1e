# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``docker top``: the processes of a container, as the host sees them."""

from __future__ import annotations

import os
import time

from ..client import monitor_client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...engine import Engine


def top(engine: Engine, ident: str) -> list[dict[str, str]]:
    """List a container's processes from /proc alone: no program of the image runs (CVE-2022-1227).

    :returns: ``[{"UID", "PID", "PPID", "STIME", "TIME", "CMD"}]``, ids as the host has them.
    :raises Conflict: when it does not run.
    """
    with open("/proc/stat") as file:
        booted = next(int(line.split()[1]) for line in file if line.startswith("btime"))
    rows = [_process(pid, booted) for pid in sorted(monitor_client.processes(engine.paths, ident))]
    return [row for row in rows if row is not None]


def _process(pid: int, booted: int) -> dict[str, str] | None:
    """Describe one process; None where it has ended. :param booted: seconds since the epoch."""
    tick = os.sysconf("SC_CLK_TCK")
    try:
        uid = os.stat(f"/proc/{pid}").st_uid
        with open(f"/proc/{pid}/stat") as file:
            head, _paren, rest = file.read().rpartition(")")
        with open(f"/proc/{pid}/cmdline", "rb") as binary:
            words = binary.read().rstrip(b"\0").replace(b"\0", b" ").decode("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = rest.split()  # proc_pid_stat(5), from field 3 on
    seconds = (int(fields[11]) + int(fields[12])) // tick
    return {
        "UID": str(uid),
        "PID": str(pid),
        "PPID": fields[1],
        "STIME": time.strftime("%H:%M", time.localtime(booted + int(fields[19]) / tick)),
        "TIME": f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}",
        "CMD": words or f"[{head.partition('(')[2]}]",
    }
