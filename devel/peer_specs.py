# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the peers' modules and ours take and return, as their argument specs and documentation say.

    python devel/peer_specs.py DIRECTORY    bring the peers' collections there, once

The peers are community.docker and containers.podman, out of PyPI's package `ansible`. It holds a
hundred collections: these two are unpacked, and the rest is not kept. Nothing of them is part of
this project. Run with an environment that has ansible-core and this checkout as a collection.
"""

from __future__ import annotations

import ast
import importlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile

CHECKOUT = pathlib.Path(__file__).resolve().parents[1]
DIRECTORY = CHECKOUT / ".cache" / "peers"
PACKAGE = "ansible>=13,<14"  # community.docker 5, containers.podman 1.20
COLLECTIONS = ("community.docker", "containers.podman")
OURS = "pycontainer.engine"
# Each module of a peer, and ours for it.
MODULES = {
    "docker_container": "container",
    "docker_container_exec": "container_exec",
    "docker_container_info": "container_info",
    "docker_container_copy_into": "container_copy",
    "docker_image": "image",
    "docker_image_build": "image",
    "docker_image_pull": "image",
    "docker_image_push": "image",
    "docker_image_load": "image",
    "docker_image_tag": "image",
    "docker_image_remove": "image",
    "docker_image_export": "image_export",
    "docker_image_info": "image_info",
    "docker_network": "network",
    "docker_network_info": "network_info",
    "docker_secret": "secret",
    "docker_config": "config",
    "docker_volume": "volume",
    "docker_volume_info": "volume_info",
    "docker_login": "registry_login",
    "docker_prune": "prune",
    "docker_host_info": "host_info",
    "podman_container": "container",
    "podman_secret": "secret",
    "podman_volume": "volume",
    "podman_network": "network",
    "podman_image": "image",
    "podman_image_info": "image_info",
}


def collection_of(peer):
    return COLLECTIONS[peer.startswith("podman")]


def bring(directory):
    """Unpack the peers' plugins into ``directory``, unless they are there. :raises OSError:"""
    marks = [directory / "ansible_collections" / name.replace(".", "/") for name in COLLECTIONS]
    if all((mark / "MANIFEST.json").exists() for mark in marks):
        return
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory) as scratch:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        # For newer Pythons than this one, too: nothing of it is run but the argument specs.
        command += ["--python-version", "3.13", "--only-binary=:all:", "--no-cache-dir"]
        command += ["--disable-pip-version-check", "--dest", scratch, PACKAGE]
        subprocess.run(command, check=True)
        (wheel,) = pathlib.Path(scratch).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                parts = name.split("/")
                if ".".join(parts[1:3]) in COLLECTIONS and (
                    parts[3] == "MANIFEST.json"
                    or parts[3:5] in (["plugins", "modules"], ["plugins", "module_utils"])
                ):
                    archive.extract(name, pathlib.Path(scratch, "new"))
        for name in COLLECTIONS:
            where = directory / "ansible_collections" / name.replace(".", "/")
            where.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(where, ignore_errors=True)
            new = pathlib.Path(scratch, "new", "ansible_collections", name.replace(".", "/"))
            os.rename(new, where)


def versions(directory):
    """Return the version of each peer's collection."""
    found = {}
    for name in COLLECTIONS:
        path = directory / "ansible_collections" / name.replace(".", "/") / "MANIFEST.json"
        about = json.loads(path.read_text(encoding="utf-8"))
        found[name] = about["collection_info"]["version"]
    return found


class _Caught(BaseException):
    """Carries an argument spec out of a module's ``main``."""


def read(directory):
    """Return ``{"options": spec, "returns": keys}`` of each peer's module and of each of ours.

    A module is run up to where it hands its argument spec to Ansible.

    :returns: ``{module's name: ...}``.
    """
    from ansible.module_utils import basic  # not where only `bring` is wanted

    sys.path.insert(0, str(directory))
    # What an earlier import of the package keeps of sys.path would hide the peers.
    for name in [name for name in sys.modules if name.startswith("ansible_collections")]:
        del sys.modules[name]

    def caught(_self, argument_spec, **_rest):
        raise _Caught(argument_spec)

    found = {}
    usual, basic.AnsibleModule.__init__ = basic.AnsibleModule.__init__, caught
    try:
        for peer, ours in MODULES.items():
            for collection, name in ((collection_of(peer), peer), (OURS, ours)):
                if name in found:
                    continue
                module = importlib.import_module(
                    f"ansible_collections.{collection}.plugins.modules.{name}"
                )
                try:
                    module.main()
                except _Caught as spec:
                    found[name] = {"options": spec.args[0], "returns": _returns(module.__file__)}
    finally:
        basic.AnsibleModule.__init__ = usual
        sys.path.remove(str(directory))
    return found


def _returns(path):
    """The keys that a module's documentation says it returns, with their types."""
    import yaml

    for node in ast.parse(pathlib.Path(path).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "RETURN":
            said = yaml.safe_load(node.value.value) or {}
            return {name: entry.get("type") for name, entry in said.items()}
    return {}


if __name__ == "__main__":
    bring(pathlib.Path(sys.argv[1]))
