# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Source packages by name, from the archive that this machine's apt is set up with, kept in ``.cache/conformance``.

apt gets lists and directories of its own, so that nothing of the machine's set-up is changed.
"""

from __future__ import annotations

import glob
import os
import pathlib
import re
import shutil
import subprocess
import sys

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
CACHE = pathlib.Path(
    os.environ.get("PYCONTAINER_CONFORMANCE_CACHE", CHECKOUT / ".cache" / "conformance")
)


class Unavailable(Exception):
    """Why a suite can't be had here."""


def run(*command, **options):
    """A command's output. :raises Unavailable: with the end of that output when it fails."""
    done = subprocess.run(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **options,
    )
    if done.returncode:
        raise Unavailable(f"{' '.join(map(str, command))}: {done.stdout.strip()[-1000:]}")
    return done.stdout


def debian_sources():
    """apt's sources with every ``deb`` turned into ``deb-src``, only Debian's own archive, as ``{file name: text}``."""
    found = {}
    for path in [
        "/etc/apt/sources.list",
        *glob.glob("/etc/apt/sources.list.d/*.list"),
        *glob.glob("/etc/apt/sources.list.d/*.sources"),
    ]:
        if os.path.exists(path):
            text = pathlib.Path(path).read_text()
            if path.endswith(".sources"):
                stanzas = [
                    re.sub(r"(?m)^Types:.*$", "Types: deb-src", part)
                    for part in re.split(r"\n\s*\n", text)
                    if "debian" in part
                ]
                found[os.path.basename(path)] = "\n\n".join(stanzas)
            else:
                lines = [
                    re.sub(r"^\s*deb\s", "deb-src ", line)
                    for line in text.splitlines()
                    if re.match(r"\s*deb\s.*debian", line)
                ]
                found[os.path.basename(path)] = "\n".join(lines) + "\n"
    return found


def apt_options():
    top = CACHE / "apt"
    parts = top / "sources.d"
    for directory in (parts, top / "lists" / "partial", top / "cache" / "archives" / "partial"):
        directory.mkdir(parents=True, exist_ok=True)
    for name, text in debian_sources().items():
        (parts / name).write_text(text)
    return [
        "-o",
        f"Dir::Etc::sourcelist={top}/none",
        "-o",
        f"Dir::Etc::sourceparts={parts}",
        "-o",
        f"Dir::State::lists={top}/lists",
        "-o",
        f"Dir::Cache={top}/cache",
        "-o",
        "APT::Sandbox::User=root",
        "-o",
        "APT::Update::Error-Mode=any",
        "-qq",
    ]


def source(package):
    """The unpacked source of a Debian source package, with Debian's patches: a directory."""
    home = CACHE / "source" / package
    if not home.exists():
        print(f"getting the source of {package}", file=sys.stderr)
        options = apt_options()
        run("apt-get", *options, "update")
        unfinished = CACHE / "source" / (package + ".part")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        run("apt-get", *options, "source", package, cwd=unfinished)
        unfinished.rename(home)
    trees = [path for path in home.iterdir() if path.is_dir()]
    if len(trees) != 1:
        raise Unavailable(f"{package}: {home} holds {len(trees)} directories, not one source tree")
    return trees[0]
