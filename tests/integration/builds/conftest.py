# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of builds share: a base image of busybox, builds from texts, trees of what came of them."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import socket
import stat
import subprocess
import time

import pytest

BUSYBOX = shutil.which("busybox")


def make_base(top):
    """A root file system with busybox, users, and the links that other tests follow."""
    for name in ("bin", "etc", "srv/data", "tmp", "root", "usr/lib"):
        os.makedirs(os.path.join(top, name))
    shutil.copy2(BUSYBOX, os.path.join(top, "bin", "busybox"))
    for applet in subprocess.run(
        [BUSYBOX, "--list"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout.split():
        if applet != "busybox":
            os.symlink("busybox", os.path.join(top, "bin", applet))
    texts = {
        "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nwww:x:33:34:www:/srv:/bin/sh\n",
        "etc/group": "root:x:0:\nweb:x:34:\nextra:x:77:\n",
        "srv/data/file": "from the image\n",
        "srv/data/other": "another\n",
    }
    for name, text in texts.items():
        with open(os.path.join(top, name), "w") as file:
            file.write(text)
    os.chmod(os.path.join(top, "tmp"), 0o1777)
    os.symlink("usr/lib", os.path.join(top, "lib"))
    os.symlink("/srv/data", os.path.join(top, "data"))
    os.chown(os.path.join(top, "srv/data/other"), 33, 34)
    for directory, names, files in os.walk(top):
        for name in names + files:
            os.utime(os.path.join(directory, name), (1700000000, 1700000000), follow_symlinks=False)


@pytest.fixture(scope="session")
def base_tree(tmp_path_factory):
    if (
        BUSYBOX is None
        or subprocess.run(["ldd", BUSYBOX], capture_output=True, check=False).returncode == 0
    ):
        pytest.skip("needs a statically linked busybox (Debian: busybox-static)")
    top = tmp_path_factory.mktemp("base")
    top.chmod(0o755)
    make_base(str(top))
    return str(top)


class Builder:
    """Builds in one engine's store.

    ``builder(text, files={...}, **options)`` builds and returns the image's record; ``builder.lines`` is what the last build said.
    """

    def __init__(self, engine, scratch):
        self.engine, self.scratch, self.lines, self.plan, self.count = engine, scratch, [], None, 0

    def context(self, files):
        """A new directory with these files: ``{name: text, bytes, ("link", target) or {"mode", "text"}}``; a name that ends with / is a directory."""
        self.count += 1
        top = os.path.join(self.scratch, "context%d" % self.count)
        os.mkdir(top)
        for name, content in files.items():
            path = os.path.join(top, name)
            os.makedirs(path if name.endswith("/") else os.path.dirname(path), exist_ok=True)
            if name.endswith("/"):
                continue
            mode = None
            if isinstance(content, dict):
                content, mode = content["text"], content["mode"]
            if isinstance(content, tuple):
                os.symlink(content[1], path)
                continue
            with open(path, "wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
            if mode is not None:
                os.chmod(path, mode)
        return top

    def look(self, text, files=None, name="t:1", path=None, check=False, named=None, **options):
        """The plan of a build."""
        from pycontainer.builds.parse import build_request
        from pycontainer.builds.plans import build_inputs, build_plan
        from pycontainer.builds.steps import build_progress

        self.lines = []
        path = path or self.context(files or {})
        options.setdefault("network", "none")
        return build_plan.plan_build(
            self.engine,
            [name] if name else [],
            build_request.BuildRequest(**options),
            build_inputs.Inputs(path, data=text.encode(), named=named),
            progress=build_progress.Plain(self.lines.append),
        )

    def __call__(self, text, files=None, name="t:1", **options):
        from pycontainer import images

        self.plan = self.look(text, files, name, **options)
        self.plan.apply()
        return images.get(self.engine, self.plan.image)

    @property
    def ran(self):
        """Titles of the steps that the last build ran, without their numbers."""
        steps = [
            (index, line)
            for index, line in enumerate(self.lines)
            if " [" in line and line.startswith("#")
        ]
        done = {line.split()[0] for line in self.lines if " DONE " in line}
        return [line.partition("] ")[2] for _index, line in steps if line.split()[0] in done]

    @contextlib.contextmanager
    def mounted(self, record):
        """A directory that shows an image's files."""
        from pycontainer import images
        from pycontainer.kernel.mounts import overlay

        fd = overlay.overlay(images.layer_paths(self.engine, record["id"]))
        try:
            yield "/proc/self/fd/%d" % fd
        finally:
            os.close(fd)

    def read(self, record, name):
        with self.mounted(record) as top, open(os.path.join(top, name)) as file:
            return file.read()

    def tree(self, record, times=False):
        with self.mounted(record) as top:
            return tree(top, times)


def tree(top, times=False):
    """``{path: facts}`` of a tree."""
    found = {}
    for directory, names, files in os.walk(top):
        for name in names + files:
            path = os.path.join(directory, name)
            status = os.lstat(path)
            kind = stat.S_IFMT(status.st_mode)
            facts = [f"{status.st_mode:o}", status.st_uid, status.st_gid]
            if kind == stat.S_IFREG:
                with open(path, "rb") as file:
                    facts.append(file.read())
            elif kind == stat.S_IFLNK:
                facts.append(os.readlink(path))
            if times:
                facts.append(status.st_mtime_ns)
            found[os.path.relpath(path, top)] = facts
    return found


@pytest.fixture
def builder(engine, base_tree, tmp_path):
    """A Builder whose store has the image ``box``."""
    from pycontainer import images
    from pycontainer.reconcile import carry_out

    carry_out(
        images.plan_import(
            engine, "box:1", base_tree, {"command": ["sh"], "env": {"FROM": "image"}}
        ),
        False,
    )
    return Builder(engine, str(tmp_path))


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """``127.0.0.1:PORT`` of a CNCF distribution registry."""
    if not shutil.which("docker-registry"):
        pytest.skip("docker-registry is not installed")
    root = tmp_path_factory.mktemp("registry")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (root / "config.yml").write_text(
        "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage: "
        "{filesystem: {rootdirectory: %s/data}}\n"
        "http: {addr: 127.0.0.1:%d}\n" % (root, port)
    )
    process = subprocess.Popen(
        ["docker-registry", "serve", str(root / "config.yml")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for _attempt in range(100):
        with contextlib.suppress(OSError):
            http.client.HTTPConnection("127.0.0.1", port, timeout=5).request("GET", "/v2/")
            break
        time.sleep(0.05)
    yield "127.0.0.1:%d" % port
    process.terminate()
    process.wait()
