# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine laid down on a host, for what runs between tasks: monitors, registries, the boot unit, the command.

``<data>/runtime/<version>-<fingerprint>/`` holds the package ``pycontainer`` with its bytecode, ``start.py``, which runs it in a
Python without site-packages, and ``pycontainer-oci``, the OCI runtime command; ``<data>/runtime/current`` leads to the newest. A
copy appears whole, by rename, and is removed when another has taken its place and nothing that was started from it holds its lock.
Every user can run ``pycontainer-oci``; only root's processes hold the lock, for another could keep all away with it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import py_compile
import shutil
import subprocess
import sys

from ..errors import Unsupported
from ..oci.command import module_archive
from ..store import locks
from ..store.atomic_files import read_json, sync_directory, write_json, write_whole
from ..store.paths import DATA, PASSABLE, RUN
from ..untrusted import owners
from . import fingerprint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypedDict, Union

    class Python(TypedDict):
        """What a Python of this host has."""

        interpreter: str
        version: list[int]  # [3, 11]
        tag: str  # sys.implementation.cache_tag
        home: str  # the directory of its standard library
        libraries: dict[str, Union[str, None]]  # LIBRARIES: where they are
        files: list[str]  # of these libraries, what is imported first

    from ..engine import Engine
    from ..store.paths import Paths

SYSTEM_PYTHON = "/usr/bin/python3"

# What a Python on the host must be able to import: the library and what is lost without it.
LIBRARIES = {"_cffi_backend": "everything", "pyroute2": "networks"}

START = """\
# Runs the engine that lies beside this file: python -I -S start.py COMMAND...
import fcntl
import os
import sys

here = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, here)
sys.path.extend(%(paths)r)
ENTRIES = %(entries)r
# While this or a process forked from it lives, the copy is not swept away.
fcntl.flock(os.open(os.path.join(here, "lock"), os.O_RDONLY | os.O_CLOEXEC), fcntl.LOCK_SH)
entry = ENTRIES.get("".join(sys.argv[1:2]))
if entry is None:
    from pycontainer.cli import main
    sys.exit(main(sys.argv[1:]))
from importlib import import_module
sys.exit(import_module("pycontainer." + entry).main(sys.argv[2:]))
"""

INSIDE_COMMAND = "pycontainer-inside"
INSIDE = """\
#!%(interpreter)s -IS
# What Ansible's connection into containers runs on this host.
import sys
from fcntl import LOCK_SH, flock
from gc import disable
from os import _exit, path

disable()  # it lives for as long as a command, and keeps next to nothing
here = path.dirname(path.realpath(__file__))
sys.path += [here] + %(paths)r
try:
    lock = open(here + "/lock", "rb", 0)
    flock(lock, LOCK_SH)  # while this lives, the copy is not swept away
except PermissionError:  # for root alone
    pass
from pycontainer.containers.access.inside import main

try:
    _exit(main(sys.argv[1:]))
except SystemExit as error:
    _exit(error.code)
"""

# What runs for long, or is called very often, has an entry of its own, past the command line and its imports: first word -> module
# with main(argv).
ENTRIES = {
    "registry-service": "registry.service.supervisor",
    "oci": "oci.command.main",
    "keeper": "rootless.keeper",
}

OCI_COMMAND = "pycontainer-oci"
FOR_ROOT = ("lock", "start.py", "host.json")  # of a copy's files; the rest is every user's
BUNDLE = "import sys; sys.path.insert(0, %(here)r); sys.path.extend(%(paths)r); from pycontainer.oci.command.module_archive import write; write(%(here)r)"

PROBE = """\
import json, os, sys
from importlib.util import find_spec
found, files = {}, []
for name in sys.argv[1:]:
    spec = find_spec(name)
    path = spec and spec.origin
    files += [path] if path else []
    found[name] = path and os.path.dirname(path if spec.submodule_search_locations is None else os.path.dirname(path))
home = os.path.dirname(os.__file__)
known = {"version": sys.version_info[:2], "tag": sys.implementation.cache_tag, "home": home}
print(json.dumps({**known, "libraries": found, "files": files}))
"""

WRITABLE = (
    "%s can't be used: root's services would run from it, and others than root can write to %s"
)


def probe(interpreter: str) -> Python | None:
    """What a Python of this host has; None when it does not run. Neither the environment nor a user's own libraries count."""
    done = (
        subprocess.run(
            [interpreter, "-I", "-c", PROBE, *LIBRARIES],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            cwd="/",
            check=False,
        )
        if os.access(interpreter, os.X_OK)
        else None
    )
    if done is None or done.returncode:
        return None
    found: Python = json.loads(done.stdout)
    found["interpreter"] = interpreter
    return found


def choose(interpreter: str | None = None) -> Python:
    """The Python to run the engine with between tasks.

    The system's own where it will do, for that stays when a virtual environment is removed; else the one that runs this.
    """
    if interpreter is not None:
        part = owners.writable(interpreter)
        if part:  # it is not even tried
            raise Unsupported("interpreter: " + WRITABLE % (interpreter, part))
        found = probe(interpreter)
        if found is None:
            raise Unsupported(f"interpreter: {interpreter} is not a Python that runs on this host")
        return found
    candidates = [
        found
        for found in map(probe, dict.fromkeys((SYSTEM_PYTHON, sys.executable)))
        if found is not None
    ]
    fit = [found for found in candidates if not unfit(found)]
    return (fit or candidates)[0]


def unfit(found: Python) -> str:
    """Why a Python (see :func:`probe`) can't run the engine, as a sentence, or ''."""
    if tuple(found["version"]) < (3, 9):
        version = ".".join(map(str, found["version"]))
        return f"{found['interpreter']} is Python {version}; Python 3.9 or newer is needed"
    if found["libraries"]["_cffi_backend"] is None:
        return f"{found['interpreter']} can't import _cffi_backend, which everything needs: install python3-cffi"
    places = [found["interpreter"], found.get("home"), *found["libraries"].values()]
    for path in places + found.get("files", []):
        part = owners.writable(path) if path else ""
        if part:
            return WRITABLE % (path, part)
    return ""


def refuse_unfit(interpreter: str | None = None) -> None:
    """:raises Unsupported: where the engine can't run on this host: before anything is made on it."""
    problem = unfit(choose(interpreter))
    if problem:
        raise Unsupported(problem)


class Copy:
    """The laid-down copy of one engine.

    :param runtime: the directory of all copies (``paths.Paths.runtime``); :param name: see ``fingerprint.name``.
    """

    def __init__(self, runtime: str, name: str) -> None:
        self.runtime, self.name = runtime, name
        self.path = os.path.join(runtime, name)
        self.start = os.path.join(self.path, "start.py")

    @property
    def exists(self) -> bool:
        return os.path.isdir(self.path)

    @property
    def host(self) -> dict[str, Any]:
        """What was recorded about the host: ``{"interpreter", "libraries": {name: directory or None}}``; {} without a copy."""
        found: dict[str, Any] = read_json(os.path.join(self.path, "host.json"), {})
        return found

    @property
    def is_current(self) -> bool:
        return current(self.runtime) == self.name

    @property
    def package(self) -> str:
        """The directory of the package ``pycontainer``."""
        return os.path.join(self.path, fingerprint.PACKAGE)

    def command(self) -> list[str]:
        """The argv to which the engine's commands (``ps``, ``boot``, ``zygote`` ...) are added."""
        return [self.host["interpreter"], "-I", "-S", self.start]


def current(runtime: str) -> str | None:
    """The name of the copy that the on-host command runs, or None."""
    try:
        return os.readlink(os.path.join(runtime, "current"))
    except OSError:
        return None


def own_copy(engine: Engine) -> Copy:
    return Copy(engine.paths.runtime, fingerprint.name())


def command(engine: Engine) -> list[str]:
    """The argv that runs this engine outside of a task; :func:`ensure` must have been called once before."""
    return own_copy(engine).command()


def command_line(engine: Engine) -> list[str]:
    """:func:`command` for the command line: with the place of the store, where it is not the usual one."""
    place = (engine.paths.data, engine.paths.run)
    return command(engine) + (
        [] if place == (DATA, RUN) else ["--root", place[0], "--runroot", place[1]]
    )


def ensure(engine: Engine, interpreter: str | None = None) -> Copy:
    """Lay this engine down where it is not yet, make it the current one, and return its :class:`Copy`.

    Called before anything is started that outlives a task; two system calls when there is nothing to do.
    """
    return ensure_at(engine.paths, interpreter)


def ensure_at(paths: Paths, interpreter: str | None = None) -> Copy:
    """:func:`ensure` for those who have no engine, but its ``paths.Paths``."""
    copy = Copy(paths.runtime, fingerprint.name())
    if copy.exists and copy.is_current and interpreter is None:
        return copy
    with locks.Locks(paths.locks).hold("runtime"):
        if not copy.exists:
            lay_down(paths, copy, choose(interpreter))
        elif interpreter is not None and copy.host["interpreter"] != interpreter:
            record_host(copy.path, copy, choose(interpreter))
        if not copy.is_current:
            point_to(copy)
        sweep(paths, copy)
    return copy


def lay_down(paths: Paths, copy: Copy, python: Python) -> None:
    """Write a copy of this engine for the Python ``python`` (see :func:`probe`); the caller holds the lock ``runtime``."""
    reason = unfit(python)
    if reason:
        raise Unsupported(reason)
    partial = os.path.join(paths.tmp, "runtime-" + copy.name)
    shutil.rmtree(partial, ignore_errors=True)
    write_sources(partial)
    compile_all(partial, copy, python)
    record_host(partial, copy, python)
    for directory, _names, files in os.walk(partial):
        os.chmod(directory, 0o755)
        for name in files:
            sync_file(os.path.join(directory, name))
        sync_directory(directory)
    open_way(paths)
    os.rename(partial, copy.path)
    sync_directory(copy.runtime)


def open_way(paths: Paths) -> None:
    """Let every user come to the copies, in a data root that an older version has shut, and then had its database readable there."""
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.chmod(paths.database + suffix, 0o600)
    for place in (paths.data, paths.runtime):
        os.chmod(place, os.stat(place).st_mode & 0o7777 | PASSABLE)


def write_sources(directory: str) -> None:
    """Write the package and the lock file of a copy into ``directory``."""
    for path in sorted(fingerprint.sources()):
        target = os.path.join(directory, fingerprint.PACKAGE, path)
        os.makedirs(os.path.dirname(target), 0o700, exist_ok=True)
        with open(target, "wb") as file:
            file.write(fingerprint.read(path))
    write_whole(os.path.join(directory, "lock"), b"", durable=False)


def bring(engine: Engine, params: dict[str, Any]) -> dict[str, Any]:
    """What the module ``host_engine`` does: this engine on the host, for good or, for a task that may change nothing, in ``directory``."""
    if params["directory"] is None:
        return {"engine_copy": own_copy(engine).path if engine.check else ensure(engine).path}
    os.mkdir(params["directory"], 0o700)
    write_sources(params["directory"])
    return {"engine_copy": params["directory"]}


def sync_file(path: str) -> None:
    """See that a file of a copy lasts, and that every user can read it where it is of the OCI command."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if os.path.basename(path) not in FOR_ROOT:
            os.fchmod(fd, os.fstat(fd).st_mode & 0o111 | 0o644)
        os.fsync(fd)
    finally:
        os.close(fd)


def compile_all(partial: str, copy: Copy, python: Python) -> None:
    """Bytecode that is taken without a look at the source: a copy's files never change."""
    if python["tag"] != sys.implementation.cache_tag:
        subprocess.run(
            [
                python["interpreter"],
                "-I",
                "-S",
                "-m",
                "compileall",
                "-q",
                "--invalidation-mode",
                "unchecked-hash",
                "-s",
                partial,
                "-p",
                copy.path,
                partial,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=False,
        )
        return
    for directory, _names, files in os.walk(os.path.join(partial, fingerprint.PACKAGE)):
        for path in (os.path.join(directory, name) for name in files if name.endswith(".py")):
            py_compile.compile(
                path,
                dfile=copy.path + path[len(partial) :],
                doraise=True,
                invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
            )


def record_host(directory: str, copy: Copy, python: Python) -> None:
    """Write what of a copy depends on the host's Python. :param directory: the copy's, or where it is being made."""
    directories = list(dict.fromkeys(path for path in python["libraries"].values() if path))
    write_whole(
        os.path.join(directory, "start.py"), START % {"paths": directories, "entries": ENTRIES}
    )
    write_whole(
        os.path.join(directory, OCI_COMMAND),
        module_archive.start(python["interpreter"], copy.path, directories),
        mode=0o755,
    )
    write_whole(
        os.path.join(directory, INSIDE_COMMAND),
        INSIDE % {"interpreter": python["interpreter"], "paths": directories},
        mode=0o755,
    )
    subprocess.run(
        [
            python["interpreter"],
            "-I",
            "-S",
            "-X",
            "no_debug_ranges",
            "-c",
            BUNDLE % {"here": directory, "paths": directories},
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )  # without one it starts more slowly
    write_json(
        os.path.join(directory, "host.json"),
        {"interpreter": python["interpreter"], "libraries": python["libraries"]},
    )


def point_to(copy: Copy) -> None:
    """Make ``copy`` the current one."""
    temporary = os.path.join(copy.runtime, "current.tmp")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)
    os.symlink(copy.name, temporary)
    os.rename(temporary, os.path.join(copy.runtime, "current"))
    sync_directory(copy.runtime)


def sweep(paths: Paths, keep: Copy | None = None) -> None:
    """Remove the copies but ``keep`` that nothing was started from, and what a killed task left half-written."""
    for entry in os.scandir(paths.tmp):
        if entry.name.startswith("runtime-"):
            shutil.rmtree(entry.path, ignore_errors=True)
    for entry in os.scandir(paths.runtime):
        if (
            entry.is_dir(follow_symlinks=False)
            and (keep is None or entry.name != keep.name)
            and unused(entry.path)
        ):
            doomed = os.path.join(paths.tmp, "runtime-" + entry.name)
            os.rename(entry.path, doomed)  # in one step, so that nobody finds half a copy
            shutil.rmtree(doomed)


def unused(path: str) -> bool:
    """Whether no process that was started from the copy at ``path`` lives."""
    return not locks.held(os.path.join(path, "lock"), fcntl.LOCK_EX)


def remove(paths: Paths) -> None:
    """Remove every copy, in use or not: what runs from one has loaded what it needs."""
    sweep(paths)
    for entry in list(os.scandir(paths.runtime)):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)
