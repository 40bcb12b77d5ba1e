# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Describe a host: what it has, what it can do, and what the engine stores on it.

The module host_info and the command ``info`` use it.
"""

from __future__ import annotations

import importlib.util
import os
import platform

from .. import containers, images, networks, registry, volumes
from ..deploy.fingerprint import VERSION
from ..images.library import layer_store
from ..kernel import cgroups, features
from ..layers.compression import compressed_streams
from ..untrusted import trees

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..engine import Engine


# Optional libraries: module -> what it makes possible or faster.
OPTIONAL = {"cryptography": "signatures of images, where the command openssl is not there"}


def info(engine: Engine, _params: Any = None) -> dict[str, Any]:
    """Describe the host: ``{"host": {...}, "features": {...}, "policy": {...}, "registries": {...},
    "counts": {...}, "disk": {...}}``; sizes are bytes.

    Every feature is ``{"found", "reason", "needed_for", "detail"}``: ``reason`` says why it is
    missing.
    """
    found: dict[str, Any] = dict(features.detect())
    found.update(_libraries())
    reason = layer_store.why_no_erofs(engine)
    found["erofs_layers"] = {
        "found": not reason,
        "reason": reason,
        "needed_for": "image layers that are not unpacked (layers: erofs)",
        "detail": None,
    }
    return {
        "host": _host(engine),
        "features": found,
        "missing": _missing(found),
        "policy": images.describe_policy(engine),
        "registries": images.describe_registries(engine),
        "counts": _counts(engine),
        "disk": disk(engine),
    }


def _host(engine: Engine) -> dict[str, Any]:
    memory = {
        line.partition(":")[0]: line.partition(":")[2].split()
        for line in open("/proc/meminfo", encoding="ascii")
    }
    return {
        "version": VERSION,
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "hostname": platform.node(),
        "cgroup_mode": cgroups.mode(),
        "init": _init(),
        "cpus": os.cpu_count(),
        "memory": int(memory["MemTotal"][0]) << 10,
        "data_directory": engine.paths.data,
        "run_directory": engine.paths.run,
    }


def _init() -> str:
    try:
        with open("/proc/1/comm", encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return ""


def _libraries() -> dict[str, dict[str, Any]]:
    found = {}
    for name, purpose in OPTIONAL.items():
        there = importlib.util.find_spec(name) is not None
        found["python_" + name] = {
            "found": there,
            "reason": "" if there else f"Python module {name} is not installed (optional)",
            "needed_for": purpose,
            "detail": None,
        }
    for name, there, lacks, purpose in (
        (
            "quick_gzip",
            compressed_streams.gzip_is_quick(),
            "neither ISA-L (libisal2) nor Python's isal is installed (optional)",
            "layers that are inflated twice as fast",
        ),
        (
            "zstd",
            compressed_streams.zstd_is_read(),
            "there is neither libzstd nor a Python module or command for zstd",
            "images with zstd layers",
        ),
    ):
        found[name] = {
            "found": there,
            "reason": "" if there else lacks,
            "needed_for": purpose,
            "detail": None,
        }
    there = importlib.util.find_spec("pyroute2") is not None
    found["pyroute2"] = {
        "found": there,
        "reason": "" if there else "the package python3-pyroute2 is not installed",
        "needed_for": "networks",
        "detail": None,
    }
    return found


def _missing(found: dict[str, Any]) -> list[str]:
    """Return one sentence for each feature that this host lacks."""
    return [
        f"{name}: needed for {entry['needed_for']}: {entry['reason']}"
        for name, entry in sorted(found.items())
        if not entry["found"]
    ]


def _counts(engine: Engine) -> dict[str, int]:
    states = [
        containers.status(engine.paths, record["id"])["status"]
        for record in containers.every(engine)
    ]
    return {
        "containers": len(states),
        "containers_running": states.count("running"),
        "containers_paused": states.count("paused"),
        "containers_stopped": len(states) - states.count("running") - states.count("paused"),
        "images": len(images.listing(engine, everything=True)),
        "volumes": len(volumes.listing(engine)),
        "networks": len(networks.listing(engine)),
        "registries": len(registry.services(engine)),
    }


def disk(engine: Engine) -> dict[str, int]:
    """Return the bytes that each kind of object takes, as du(1) counts them, and the file system's
    free space.
    """
    paths = engine.paths
    found = {
        name: used(path)
        for name, path in (
            ("blobs", paths.blobs),
            ("layers", paths.layers),
            ("containers", paths.containers),
            ("volumes", paths.volumes),
            ("registries", paths.registries),
        )
    }
    where = paths.data if os.path.isdir(paths.data) else "/"
    system = os.statvfs(where)
    return dict(
        found, total=system.f_blocks * system.f_frsize, free=system.f_bavail * system.f_frsize
    )


def used(top: str) -> int:
    """Return the bytes of blocks below a directory. A file counts once whatever names it has;
    mounts below are not entered.
    """
    seen, total = set(), 0
    try:
        device = os.lstat(top).st_dev
        for entry in trees.walk(top, lambda entry: entry.status.st_dev == device):
            facts = entry.status
            if facts.st_dev != device or (
                facts.st_nlink > 1 and not entry.is_directory() and facts.st_ino in seen
            ):
                continue
            if facts.st_nlink > 1 and not entry.is_directory():
                seen.add(facts.st_ino)
            total += facts.st_blocks * 512
    except (FileNotFoundError, NotADirectoryError):
        pass  # there is none, or it went meanwhile
    return total
