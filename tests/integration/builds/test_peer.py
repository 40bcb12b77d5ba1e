# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same Containerfiles by us and by buildah: configuration and files are equal, but for what corpus.DIFFERENT names."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess

import pytest

from . import corpus
from .conftest import tree

KEYS = (
    "Cmd",
    "Entrypoint",
    "Env",
    "ExposedPorts",
    "Healthcheck",
    "Labels",
    "OnBuild",
    "Shell",
    "StopSignal",
    "User",
    "Volumes",
    "WorkingDir",
)


class Peer:
    """buildah with a store of its own. ``refusal``: what the last command wrote on its standard error."""

    def __init__(self, top):
        self.top, self.refusal = str(top), ""

    def __call__(self, *words, check=True):
        command = [
            "buildah",
            "--root",
            self.top + "/root",
            "--runroot",
            self.top + "/run",
            "--storage-driver",
            "vfs",
        ] + list(words)
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0 or not check, done.stderr
        self.refusal = done.stderr
        return done.stdout.strip() if done.returncode == 0 else None

    def build(self, text, path, options):
        """``(configuration, tree)``, or None where it refuses."""
        file = os.path.join(self.top, "Containerfile")
        with open(file, "w", encoding="utf-8") as written:
            written.write(text)
        words = [
            "bud",
            "--isolation",
            "chroot",
            "--format",
            "docker",
            "--layers=false",
            "--pull=never",
            "-q",
            "-t",
            "t",
            "-f",
            file,
        ]
        for key, value in options.get("args", {}).items():
            words += ["--build-arg", f"{key}={value}"]
        for key, value in options.get("labels", {}).items():
            words += ["--label", f"{key}={value}"]
        if options.get("target"):
            words += ["--target", options["target"]]
        printed = self(*words, path, check=False)
        if printed is None:
            return None
        config, layer = self.image(printed.splitlines()[-1])
        files = None if config["config"].get("OnBuild") else tree(layer)
        return config["config"] | {"author": config.get("author", "")}, files

    def image(self, ident):
        """An image's configuration and the directory with its files, as they lie in the store: to ask for them takes six commands."""
        images = os.path.join(self.top, "root", "vfs-images")
        with open(os.path.join(images, "images.json")) as file:
            (layer,) = {each["layer"] for each in json.load(file) if each["id"] == ident}
        name = base64.b64encode(f"sha256:{ident}".encode()).decode()
        with open(os.path.join(images, ident, "=" + name)) as file:
            return json.load(file), os.path.join(self.top, "root", "vfs", "dir", layer)


@pytest.fixture(scope="module")
def peer(tmp_path_factory, base_tree):
    if not shutil.which("buildah"):
        pytest.skip("buildah is not installed")
    found = Peer(tmp_path_factory.mktemp("buildah"))
    container = found("from", "scratch")
    top = found("mount", container)
    subprocess.run(["cp", "-a", base_tree + "/.", top], check=True)
    found(
        "config", "--cmd", '["sh"]', "--env", "FROM=image", "--env", "PATH=/bin:/usr/bin", container
    )
    found("commit", "-q", "--format", "docker", container, "box:1")
    found("umount", container)
    found("rm", container)
    yield found
    found("rmi", "-a", "-f", check=False)


@pytest.fixture
def peers_box(builder, base_tree):
    """The image ``box:1`` as the peer has it."""
    from pycontainer import images
    from pycontainer.reconcile import carry_out

    carry_out(
        images.plan_import(
            builder.engine,
            "box:1",
            base_tree,
            {"command": ["sh"], "env": {"FROM": "image", "PATH": "/bin:/usr/bin"}},
        ),
        False,
    )
    return builder


def ours(builder, text, path, options):
    """As Peer.build; a refusal's sentence."""
    from pycontainer.errors import EngineError

    try:
        record = builder(text, path=path, **options)
    except EngineError as error:
        return str(error)
    return record["config"]["config"] | {
        "author": record["config"].get("author", "")
    }, builder.tree(record)


def compared(config):
    """What of a configuration must be equal: what is there, whatever the order of variables."""
    found = {key: config.get(key) for key in KEYS + ("author",) if config.get(key)}
    found["Env"] = sorted(found.get("Env") or ())
    if found.get("WorkingDir") == "/":
        del found["WorkingDir"]  # says the same as none
    labels = {
        key: value
        for key, value in (found.pop("Labels", None) or {}).items()
        if not key.startswith("io.buildah")
    }
    return found | ({"Labels": labels} if labels else {})


@pytest.mark.parametrize("name", list(corpus.CASES))
def test_as_buildah(peer, peers_box, name):
    text, options = corpus.CASES[name]
    options = dict(options)
    ignore = options.pop("ignore", None)
    path = peers_box.context(dict(corpus.FILES, **({".dockerignore": ignore} if ignore else {})))
    theirs, our = peer.build(text, path, options), ours(peers_box, text, path, options)
    different, dummy = corpus.DIFFERENT.get(name, ("", ""))
    if theirs is None and not isinstance(our, str) and different != "result":
        theirs = peer.build(text, path, options)  # on a busy machine buildah fails now and then
    if theirs is None or isinstance(our, str):
        same = theirs is None and isinstance(our, str)
        assert same == (different != "result"), (our, theirs, peer.refusal)
        return
    assert (compared(our[0]) == compared(theirs[0])) == (different != "config"), (
        compared(our[0]),
        compared(theirs[0]),
    )
    if theirs[1] is None:
        return
    gone = {
        "proc",
        "sys",
        "dev",
        "run",
        "etc/hosts",
        "etc/resolv.conf",
        "etc/hostname",
        "etc/mtab",
        "run/secrets",
        "run/.containerenv",
    }
    mine, other = (
        {
            key: value
            for key, value in each[1].items()
            if key not in gone and not key.startswith("bin/")
        }
        for each in (our, theirs)
    )
    changed = {
        key: (mine.get(key), other.get(key))
        for key in set(mine) | set(other)
        if mine.get(key) != other.get(key)
    }
    assert (not changed) == (different != "tree"), changed
