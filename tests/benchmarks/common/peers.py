# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engines to compare with: Debian's docker and podman, set up in a scratch directory and taken down again.

Each peer has ``available()`` (a reason why not, or None), ``up(scratch, rootfs)`` and ``down()``, and Ansible tasks for the
same work. The rootfs is a directory with a static busybox; without one no image is made.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
import subprocess
import time

IMAGE = "localhost/bench:1"


def run(*command, **options):
    """A command's output. :raises RuntimeError: with that output when it fails."""
    done = subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **options,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stdout}")
    return done.stdout


def tar_of(rootfs, scratch):
    archive = pathlib.Path(scratch, "rootfs.tar")
    if not archive.exists():
        run("tar", "-C", rootfs, "-cf", archive, ".")
    return archive


class Pycontainer:
    name = "pycontainer"
    command = ("sleep", "3600")

    def available(self):
        return None

    def up(self, scratch, rootfs):
        self.ansible = pathlib.Path(__file__).parents[3] / ".venv/bin/ansible"
        run(
            self.ansible,
            "localhost",
            "-m",
            "pycontainer.engine.image",
            "-a",
            f"name={IMAGE} source=import path={rootfs}",
            "-e",
            "ansible_python_interpreter=/usr/bin/python3",
        )

    def down(self):
        run(
            self.ansible,
            "localhost",
            "-m",
            "pycontainer.engine.image",
            "-a",
            f"name={IMAGE} state=absent",
            "-e",
            "ansible_python_interpreter=/usr/bin/python3",
        )

    def task(self, names, state):
        common = {
            "state": "started" if state == "started" else "absent",
            "force_kill": state != "started",
        }
        if state == "started":
            common.update(image=IMAGE, command=list(self.command))
        if len(names) == 1:
            return {"pycontainer.engine.container": dict(common, name=names[0])}
        return {
            "pycontainer.engine.container": {
                "containers": [dict(common, name=name) for name in names]
            }
        }


class Docker:
    name = "community.docker"

    def available(self):
        return None if shutil.which("dockerd") else "docker.io is not installed"

    def up(self, scratch, rootfs=None):
        self.log = open(pathlib.Path(scratch, "dockerd.log"), "w")
        self.host = f"unix://{scratch}/docker.sock"
        self.daemon = subprocess.Popen(
            [
                "dockerd",
                "--data-root",
                f"{scratch}/docker",
                "--exec-root",
                f"{scratch}/docker-run",
                "-p",
                f"{scratch}/docker.pid",
                "-H",
                self.host,
            ],
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )
        for _attempt in range(150):
            if (
                subprocess.run(
                    ["docker", "-H", self.host, "version"],
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                ).returncode
                == 0
            ):
                break
            if self.daemon.poll() is not None:
                raise RuntimeError(f"dockerd ended: see {self.log.name}")
            time.sleep(0.2)
        if rootfs:
            run("docker", "-H", self.host, "import", tar_of(rootfs, scratch), IMAGE)

    def down(self):
        os.killpg(self.daemon.pid, signal.SIGTERM)
        self.daemon.wait(60)
        self.log.close()

    def task(self, names, state):
        arguments = {
            "name": "{{ item }}" if len(names) > 1 else names[0],
            "docker_host": self.host,
            "state": "started" if state == "started" else "absent",
            "force_kill": state != "started",
        }
        if state == "started":
            arguments.update(image=IMAGE, command=["sleep", "3600"], pull="never")
        task = {"community.docker.docker_container": arguments}
        if len(names) > 1:
            task["loop"] = names
        return task


class Podman:
    name = "containers.podman"

    def available(self):
        return None if shutil.which("podman") else "podman is not installed"

    def up(self, scratch, rootfs=None):
        # the collection calls one executable: a wrapper gives it the scratch storage; runc, for crun refuses hybrid cgroups with hugetlb in version 2
        self.wrapper = pathlib.Path(scratch, "podman.sh")
        self.wrapper.write_text(
            f"#!/bin/sh\nexec /usr/bin/podman --root {scratch}/podman --runroot {scratch}/podman-run "
            f"--tmpdir {scratch}/podman-tmp --runtime runc --cgroup-manager cgroupfs "
            '--events-backend file "$@"\n'
        )
        self.wrapper.chmod(0o755)
        if rootfs:
            run(self.wrapper, "import", tar_of(rootfs, scratch), IMAGE)

    def down(self):
        run(self.wrapper, "rm", "-af", "-t", "0")
        run(self.wrapper, "rmi", "-af")

    def task(self, names, state):
        arguments = {
            "name": "{{ item }}" if len(names) > 1 else names[0],
            "executable": str(self.wrapper),
            "state": "started" if state == "started" else "absent",
        }
        if state == "started":
            # nothing may raise a limit on a restricted host, and podman's default is to raise two
            arguments.update(
                image=IMAGE,
                command=["sleep", "3600"],
                pull="never",
                ulimit=["nofile=10000:10000", "nproc=10000:10000"],
                stop_signal=9,
            )
        task = {"containers.podman.podman_container": arguments}
        if len(names) > 1:
            task["loop"] = names
        return task
