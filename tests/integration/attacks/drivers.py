# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One container under attack, whoever runs it: the engine (monitor, zygote, overlay) or the OCI command (a bundle, nobody stays).

Both take the same config.json. A test changes ``box.config`` and the layer's files, then calls ``start``, ``execute``, ``output``.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time

from integration.containers.monitor import conftest as process
from pycontainer.errors import ContainerFailed, EngineError
from support import laid_down


def default_config(ident, directory, args):
    """The config.json that the engine writes for a container without any option, and the files that it binds."""
    from pycontainer.containers.spec import config_json, surroundings

    for name in ("hostname", "hosts", "resolv.conf"):
        with open(os.path.join(directory, name), "w") as file:
            file.write("127.0.0.1 localhost\n" if name == "hosts" else "")
    config = config_json.config(
        ident,
        {"network_mode": "none"},
        {"Cmd": list(args), "Env": ["A=1"]},
        surroundings.Surroundings(directory, directory),
    )
    config["hostname"] = "box"
    return config


class EngineBox(process.Box):
    """A container of the engine."""

    kind = "engine"

    def __init__(self, boxes, args):
        super().__init__(boxes, args)
        self.boxes = boxes
        self.config = default_config(self.ident, self.directory, args)

    def start(self):
        self.boxes.host.watch(self.ident)
        pid = super().start()
        self.boxes.host.watch(self.ident, pid)
        return pid

    def user(self, user, groups=""):
        """Whom the engine resolves in the image."""
        self.config["annotations"].update(
            {"org.pycontainer.user": user, "org.pycontainer.groups": groups}
        )

    def terminal(self):
        self.run["tty"] = True
        self.config["process"]["terminal"] = True

    @property
    def pid(self):
        return self.state["pid"]

    def root(self, path=""):
        """A path of the root file system, as the host sees what the container wrote."""
        return os.path.join(self.directory, "upper", path)


class OciBox:
    """A container of ``pycontainer-oci``: create and start in the background, its output in a file."""

    kind = "oci"

    def __init__(self, boxes, args):
        import secrets

        self.boxes, self.ident = boxes, "attack-" + secrets.token_hex(8)
        self.directory = os.path.join(boxes.paths.data, "bundles", self.ident)
        self.master, self.keys, self.shift = (
            None,
            {},
            0,
        )  # keys: more arguments of subprocess.run; shift: who owns the root
        os.makedirs(self.directory)
        self.config = default_config(self.ident, self.directory, args)

    def command(self, *words, **options):
        """Run the OCI command; the log goes to standard error."""
        done = subprocess.run(
            oci_command() + ["--root", os.path.join(self.boxes.paths.run, "oci"), *words],
            check=False,
            timeout=60,
            **options,
        )
        if done.returncode and options.get("stderr") == subprocess.PIPE:
            raise ContainerFailed(
                done.stderr.decode("utf-8", "replace").strip() or "exit code %d" % done.returncode,
                exit_code=done.returncode,
            )
        return done

    def start(self):
        self.boxes.host.watch(self.ident)
        rootfs = os.path.join(self.directory, "rootfs")
        if not os.path.exists(rootfs):
            subprocess.run(["cp", "-a", self.boxes.layer, rootfs], check=True)
            if self.shift:
                subprocess.run(
                    ["chown", "-R", "--no-dereference", "%d:%d" % (self.shift, self.shift), rootfs],
                    check=True,
                )
        with open(os.path.join(self.directory, "config.json"), "w") as file:
            json.dump(self.config, file)
        errors = os.path.join(self.directory, "errors")
        words = ["--log", errors, "run", "--detach", "--bundle", self.directory]
        listener = None
        if self.config["process"].get("terminal"):
            listener = self._listen()
            words += ["--console-socket", listener.name]
        with open(os.path.join(self.directory, "log"), "wb") as log:
            done = subprocess.run(
                self._base() + words + [self.ident],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                timeout=60,
                check=False,
                **self.keys,
            )
        if listener is not None:
            if done.returncode == 0:
                self.master = listener.receive()
            listener.close()
        if done.returncode:
            raise ContainerFailed(
                self._text("errors") + self._text("log"), exit_code=done.returncode
            )
        pid = self.pid
        self.boxes.host.watch(self.ident, pid)
        return pid

    def _base(self):
        return oci_command() + ["--root", os.path.join(self.boxes.paths.run, "oci")]

    def _listen(self):
        return ConsoleSocket(os.path.join(self.boxes.paths.run, self.ident[:16] + ".sock"))

    def _text(self, name):
        try:
            with open(os.path.join(self.directory, name), errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    @property
    def state(self):
        return json.loads(
            self.command("state", self.ident, stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout
        )

    @property
    def pid(self):
        return self.state.get("pid") or 0

    def user(self, user, groups=""):
        uid, _colon, gid = user.partition(":")
        self.config["process"]["user"] = {
            "uid": int(uid),
            "gid": int(gid or 0),
            "additionalGids": [int(group) for group in groups.split(",") if group],
        }

    def terminal(self):
        self.config["process"]["terminal"] = True

    def wait(self, timeout=20):
        end = time.monotonic() + timeout
        while self.state["status"] != "stopped":
            assert time.monotonic() < end, f"{self.ident} has not ended"
            time.sleep(0.03)

    def log(self):
        if self.master is not None:
            with open(os.path.join(self.directory, "log"), "ab") as file:
                while True:
                    try:
                        data = os.read(self.master, 65536)
                    except OSError:
                        break
                    if not data:
                        break
                    file.write(data)
        return self._text("log")

    def output(self):
        self.start()
        self.wait()
        return self.log()

    def execute(self, *argv, user=None, cwd=None, env=None, stdin=None):
        """As the engine's exec: its exit code and output. :raises ContainerFailed: when it can't be started."""
        words = ["--log", os.path.join(self.directory, "exec-errors"), "exec"]
        words += ["--user", user] if user else []
        words += ["--cwd", cwd] if cwd else []
        for item in (env or {}).items():
            words += ["--env", "%s=%s" % item]
        done = subprocess.run(
            self._base() + words + [self.ident, *argv],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
            **self.keys,
        )
        errors = self._text("exec-errors")
        if errors and done.returncode:
            raise ContainerFailed(errors, exit_code=done.returncode)
        return {"rc": done.returncode, "stdout": done.stdout, "stderr": done.stderr}

    def stop(self, timeout=0):
        if os.path.exists(os.path.join(self.boxes.paths.run, "oci", self.ident)):
            subprocess.run(
                self._base() + ["delete", "--force", self.ident],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=60,
                check=False,
            )
        if self.master is not None:
            os.close(self.master)
            self.master = None

    def root(self, path=""):
        return os.path.join(self.directory, "rootfs", path)


class ConsoleSocket:
    """Takes a container's terminal, as the specification's callers do."""

    def __init__(self, name):
        import socket

        self.name = name
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(name)
        self.server.listen(1)

    def receive(self):
        import array

        self.server.settimeout(10)
        connection = self.server.accept()[0]
        ancillary = connection.recvmsg(4096, 64)[1]
        connection.close()
        return array.array("i", ancillary[0][2][:4])[0]

    def close(self):
        self.server.close()
        os.unlink(self.name)


def oci_command():
    """argv of the OCI command, as it is laid down on a host."""
    return [laid_down.oci_command()]


class Boxes(process.Boxes):
    """Makes containers of one kind over one layer. :ivar host: the harness.Host that watches."""

    def __init__(self, paths, host, kind):
        super().__init__(paths)
        self.host, self.kind, self.place = host, kind, EngineBox if kind == "engine" else OciBox
        self.directories()

    def directories(self):
        for name in ("lib", "lib64", "srv", "mnt", "vol"):
            os.makedirs(os.path.join(self.layer, name), exist_ok=True)

    def __call__(self, *args):
        box = self.place(self, args)
        self.made.append(box)
        return box

    def program(self, source, to="bin/attack"):
        """Put a compiled program into the layer."""
        shutil.copy(source, os.path.join(self.layer, to))
        os.chmod(os.path.join(self.layer, to), 0o755)
        return "/" + to

    def link(self, name, target):
        """A symbolic link in the layer, in place of what is there."""
        path = os.path.join(self.layer, name)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        elif os.path.lexists(path):
            os.unlink(path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.symlink(target, path)

    def end(self):
        """Stop and remove all, however the test left them."""
        from pycontainer.containers.lifecycle import cleanup

        if self.kind == "engine":
            from pycontainer.containers.client import monitor_client, zygote_client
            from pycontainer.containers.records import run_state as state

            idents, end = [box.ident for box in self.made], time.monotonic() + 15
            while True:  # the monitor of a start that has just failed may be on its way out
                running = [
                    ident
                    for ident in idents
                    if state.monitored(self.paths, ident)
                    or state.alive(state.read(self.paths, ident))
                ]
                try:
                    if running:
                        monitor_client.stop(self.paths, running, timeout=0)
                    break
                except EngineError:
                    if time.monotonic() > end:
                        raise
                    time.sleep(0.1)
            for ident in idents:
                cleanup.take_down(self.paths, ident)
            zygote_client.retire(self.paths)
            return
        for box in self.made:
            box.stop()
