# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``docker top``: the processes of a container, as the host sees them."""

from __future__ import annotations

import os
import pwd
import time

from ...errors import InvalidInput
from ..client import monitor_client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...engine import Engine


# Columns of ps -o, by their names there: the heading, and the field of a process.
COLUMNS = {
    "args": ("COMMAND", "CMD"),
    "cmd": ("CMD", "CMD"),
    "comm": ("COMMAND", "COMM"),
    "command": ("COMMAND", "CMD"),
    "etime": ("ELAPSED", "ELAPSED"),
    "ni": ("NI", "NI"),
    "nice": ("NI", "NI"),
    "nlwp": ("NLWP", "NLWP"),
    "pcpu": ("%CPU", "%CPU"),
    "%cpu": ("%CPU", "%CPU"),
    "pgid": ("PGID", "PGID"),
    "pid": ("PID", "PID"),
    "pmem": ("%MEM", "%MEM"),
    "%mem": ("%MEM", "%MEM"),
    "ppid": ("PPID", "PPID"),
    "rss": ("RSS", "RSS"),
    "s": ("S", "STAT"),
    "sid": ("SID", "SID"),
    "start": ("STARTED", "STIME"),
    "stat": ("STAT", "STAT"),
    "state": ("S", "STAT"),
    "stime": ("STIME", "STIME"),
    "time": ("TIME", "TIME"),
    "uid": ("UID", "UID"),
    "user": ("USER", "USER"),
    "vsz": ("VSZ", "VSZ"),
}
FULL = [(name, name) for name in ("UID", "PID", "PPID", "STIME", "TIME", "CMD")]
OF_USERS = [COLUMNS[name] for name in ("user", "pid", "%cpu", "%mem", "vsz", "rss", "stat")] + [
    ("START", "STIME"),
    ("TIME", "TIME"),
    ("COMMAND", "CMD"),
]
ALL = frozenset("aAedgwx")  # letters of ps that choose processes, or lines that are not cut


def columns(options: Sequence[str]) -> list[tuple[str, str]]:
    """Return the columns that options of ps ask for: ``[(heading, field)]``.

    Those are ``-f``, ``u`` and ``-o NAME,...``; which processes are shown they do not choose.

    :raises InvalidInput: for an option or a column that there is not.
    """
    found: list[tuple[str, str]] = []
    kind, rest = FULL, list(options)
    while rest:
        word = rest.pop(0)
        letters, dashes = word.lstrip("-"), len(word) - len(word.lstrip("-"))
        if dashes == 2:
            name, _equals, value = letters.partition("=")
            if name != "format":
                raise InvalidInput("OPTION", word, "options of ps such as -ef, aux and -o pid,args")
            found += _named(value or (rest.pop(0) if rest else ""))
            continue
        for number, letter in enumerate(letters):
            if letter == "o":
                found += _named(letters[number + 1 :] or (rest.pop(0) if rest else ""))
                break
            if letter == "u" and (not dashes or set(letters) & set("ax")):
                kind = OF_USERS
            elif letter == "f" or letter in ALL:
                kind = kind if letter != "f" else FULL
            else:
                raise InvalidInput("OPTION", word, "options of ps such as -ef, aux and -o pid,args")
    return found or kind


def _named(text: str) -> list[tuple[str, str]]:
    found = []
    for name in text.split(","):
        name, equals, heading = name.partition("=")
        if name not in COLUMNS:
            raise InvalidInput("-o", name, ", ".join(COLUMNS))
        found.append((heading if equals else COLUMNS[name][0], COLUMNS[name][1]))
    return found


def top(engine: Engine, ident: str) -> list[dict[str, str]]:
    """List a container's processes from /proc alone: no program of the image runs (CVE-2022-1227).

    :returns: one map for each, with the fields that ``COLUMNS`` name; ids as the host has them.
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
        with open("/proc/uptime") as file:
            uptime = float(file.read().split()[0])
        with open(f"/proc/{pid}/cmdline", "rb") as binary:
            words = binary.read().rstrip(b"\0").replace(b"\0", b" ").decode("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = rest.split()  # proc_pid_stat(5), from field 3 on
    seconds = (int(fields[11]) + int(fields[12])) // tick
    age = max(uptime - int(fields[19]) / tick, 0.01)
    resident = int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
    whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "UID": str(uid),
        "USER": _user(uid),
        "PGID": fields[2],
        "SID": fields[3],
        "STAT": fields[0],
        "NI": fields[16],
        "NLWP": fields[17],
        "VSZ": str(int(fields[20]) >> 10),
        "RSS": str(resident >> 10),
        "%CPU": f"{100 * (int(fields[11]) + int(fields[12])) / tick / age:.1f}",
        "%MEM": f"{100 * resident / whole:.1f}",
        "ELAPSED": _clock(int(age)),
        "COMM": head.partition("(")[2],
        "PID": str(pid),
        "PPID": fields[1],
        "STIME": time.strftime("%H:%M", time.localtime(booted + int(fields[19]) / tick)),
        "TIME": _clock(seconds),
        "CMD": words or f"[{head.partition('(')[2]}]",
    }


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def _user(uid: int) -> str:
    """Return the host's name of a user, its number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
