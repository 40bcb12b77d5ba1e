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
from . import docker_info
from .disk_use import disk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..engine import Engine


# Optional libraries: module -> what it makes possible or faster.
OPTIONAL = {"cryptography": "signatures of images, where the command openssl is not there"}


def info(engine: Engine, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Describe the host: ``{"host": {...}, "features": {...}, "policy": {...}, "registries": {...},
    "counts": {...}, "disk": {...}, "host_info": {...}}``; sizes are bytes. ``host_info`` has the
    keys of Docker's ``info``.

    :param params: of the module host_info; see ``docker_info.asked``.

    Every feature is ``{"found", "reason", "needed_for", "detail"}``: ``reason`` says why it is
    missing.
    """
    lists = docker_info.asked(engine, params or {})
    found: dict[str, Any] = dict(features.detect())
    found.update(_libraries())
    reason = layer_store.why_no_erofs(engine)
    found["erofs_layers"] = {
        "found": not reason,
        "reason": reason,
        "needed_for": "image layers that are not unpacked (layers: erofs)",
        "detail": None,
    }
    facts: dict[str, Any] = {
        "host": _host(engine),
        "features": found,
        "missing": _missing(found),
        "policy": images.describe_policy(engine),
        "registries": images.describe_registries(engine),
        "counts": _counts(engine),
        "disk": disk(engine),
    }
    return {**facts, **lists, "host_info": docker_info.system(facts), "can_talk_to_docker": True}


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
