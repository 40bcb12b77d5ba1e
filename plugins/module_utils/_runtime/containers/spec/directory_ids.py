# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ids that a directory service gives to users and groups of this host (SSSD, FreeIPA, Winbind,
LDAP), as far as that can be told cheaply.

A directory may have 100,000 users, so nobody is listed. What SSSD's settings reserve is read, and
of a range that a container is to have a few ids are looked up. Hosts whose NSS has local sources
alone are not asked anything.
"""

from __future__ import annotations

import configparser
import glob
import subprocess

from ...untrusted import files
from ...untrusted.text import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    Range = tuple[int, int]  # (first, end): ids from first to end - 1

NSSWITCH, SSSD = "/etc/nsswitch.conf", ("/etc/sssd/sssd.conf", "/etc/sssd/conf.d/*.conf")
LOCAL = {"files", "compat", "db", "systemd", "altfiles", "cache", "extrausers", "mymachines"}
# sssd-ldap(5): the defaults of ldap_idmap_range_min and ldap_idmap_range_max, from which FreeIPA
# takes its ranges, too.
MAPPED = (200000, 2000200000)
SAMPLES = 16  # ids of a range that are looked up
PATIENCE = 5.0  # seconds that a directory may take for them
LARGEST = 1 << 20


def is_used() -> bool:
    """Tell whether users or groups of this host may come from elsewhere than its own files."""
    for line in _text(NSSWITCH).splitlines():
        database, _colon, sources = line.partition("#")[0].partition(":")
        if (
            database.strip() in ("passwd", "group")
            and {word for word in sources.split() if word[0] not in "[!"} - LOCAL
        ):
            return True
    return False


def reserved() -> list[Range]:
    """Return the ids that SSSD's domains take from."""
    found = []
    for path in (path for pattern in SSSD for path in glob.glob(pattern)):
        parser = configparser.ConfigParser(strict=False, interpolation=None)
        try:
            parser.read_string(_text(path))
        except configparser.Error:
            found.append(MAPPED)  # it can't be read here; SSSD may be able to
            continue
        for name in parser.sections():
            if name.lower().startswith("domain/"):
                low, high = (
                    _number(parser[name].get("ldap_idmap_range_" + end), usual)
                    for end, usual in zip(("min", "max"), MAPPED)
                )
                found.append((low, high + 1))
    return found


def somebody(first: int, size: int) -> str:
    """Name whom the directory has among the ids from ``first`` on, as ``the user alice (id
    1879048200)``; "" for nobody.

    A sample is looked up: the first, the last and some between.
    """
    step = max(1, (size - 1) // (SAMPLES - 1))
    wanted = [
        str(number) for number in sorted({*range(first, first + size, step), first + size - 1})
    ]
    for database, kind in (("passwd", "user"), ("group", "group")):
        try:
            done = subprocess.run(
                ["getent", database, *wanted],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=PATIENCE,
                check=False,
            )
        except (
            OSError,
            subprocess.TimeoutExpired,
        ):  # a directory that does not answer keeps no container from being made
            continue
        words = done.stdout.decode("utf-8", "replace").partition("\n")[0].split(":")
        if len(words) > 2:
            return f"the {kind} {printable(words[0])} (id {printable(words[2])})"
    return ""


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.strip().isdecimal() else otherwise


def _text(path: str) -> str:
    try:
        return files.read(path, LARGEST, links=True).decode("utf-8", "replace")
    except files.Unacceptable:
        return ""
