# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual machines with systemd, cgroup v2 and a kernel of their own, emulated by QEMU: no KVM is needed.

A machine of each kind boots once; its memory and disk are kept, and every later one starts from them in about a second.
SSH of machine i is at 127.0.0.1:PORT+i; the machines reach nothing outside. All is 12 to 20 times slower than native.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

from . import roots

PORT = 2400


class Qmp:
    """A machine's control socket (QEMU Machine Protocol)."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.file = self.socket.makefile("rw")
        self.file.readline()
        self.call("qmp_capabilities")

    def call(self, command, **arguments):
        self.file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.file.flush()
        for line in self.file:
            reply = json.loads(line)
            if "error" in reply:
                raise RuntimeError(f"{command}: {reply['error']['desc']}")
            if "return" in reply:
                return reply["return"]
        raise RuntimeError(f"{command}: the machine ended")

    def close(self):
        self.file.close()
        self.socket.close()


def wait(condition, seconds, what):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        result = condition()
        if result:
            return result
        time.sleep(0.05)
    raise RuntimeError("%s took over %d s" % (what, seconds))


def clock_rate():
    """The kernel argument that spares a guest the calibration of its clock, which fails on a busy machine."""
    found = re.search(
        r"tsc: Detected ([\d.]+) MHz",
        subprocess.run(["dmesg"], stdout=subprocess.PIPE, text=True, check=False).stdout,
    )
    return "tsc_early_khz=%d" % (float(found.group(1)) * 1000) if found else ""


class Machine:
    """One virtual machine.

    :param name: ``vm1`` ...: the number at the end gives its port and address.
    :param suite: of the root; :param kernel: suite of the kernel. :param memory: MiB. :param arguments: more for the kernel.
    """

    def __init__(
        self,
        name="vm1",
        suite=roots.SUITE,
        kernel=None,
        memory=1024,
        cpus=1,
        root=None,
        arguments="",
    ):
        self.name, self.memory, self.cpus, self.arguments = name, memory, cpus, arguments
        self.number = int(re.sub(r"\D", "", name) or 0)
        self.port = PORT + self.number
        self.suite, self.kernel_suite, self.root = suite, kernel or suite, root
        self.directory = roots.CACHE / "vm" / name

    def up(self, cold=False):
        """Start it; returns itself when SSH answers. :param cold: boot, not start from the kept state."""
        self.down()
        self.image, self.kernel = (
            roots.image(self.root or roots.root(self.suite)),
            roots.kernel(self.kernel_suite),
        )
        if cold:
            self._start(self.image)
        else:
            kept = self._kept()
            self._start(kept / "disk.qcow2", kept / "state")
        self._be_itself()
        return self

    def _start(self, backing, state=None):
        self.directory.mkdir(parents=True)
        disk = self.directory / "disk.qcow2"
        roots.run(
            "qemu-img", "create", "-q", "-f", "qcow2", "-F", backing.suffix[1:], "-b", backing, disk
        )
        command = [
            "qemu-system-x86_64",
            "-daemonize",
            "-pidfile",
            self.directory / "pid",
            "-qmp",
            f"unix:{self._socket()},server=on,wait=off",
            # q35: the smaller microvm has no timer that a guest on a busy machine can rely on. A processor without AVX: that costs
            # more to emulate than it saves. 512 MB for translated code: with little of it a boot takes three times as long.
            "-M",
            "q35",
            "-cpu",
            "Nehalem",
            "-accel",
            "tcg,thread=multi,tb-size=512",
            "-smp",
            self.cpus,
            "-m",
            self.memory,
            "-nodefaults",
            "-no-user-config",
            "-display",
            "none",
            "-serial",
            f"file:{self.directory / 'console'}",
            "-device",
            "virtio-rng-pci",
            "-kernel",
            self.kernel / "vmlinuz",
            "-initrd",
            self.kernel / "initrd",
            "-append",
            "console=ttyS0 net.ifnames=0 mitigations=off systemd.unified_cgroup_hierarchy=1 "
            f"{clock_rate()} {self.arguments}",
            "-drive",
            f"id=root,if=none,file={disk},format=qcow2,cache=unsafe,discard=unmap",
            "-drive",
            f"id=modules,if=none,file={self.kernel / 'modules.img'},format=raw,readonly=on",
            "-device",
            "virtio-blk-pci,drive=root",
            "-device",
            "virtio-blk-pci,drive=modules",
            "-netdev",
            "user,id=net0,restrict=on,ipv6=off,hostfwd=tcp:127.0.0.1:%d-:22" % self.port,
            "-device",
            "virtio-net-pci,netdev=net0,romfile=",
        ]
        roots.run(*command, *(["-incoming", f"exec:cat {state}"] if state else []))
        if state:  # a connection tried before the state is loaded would wait for its own time-out
            with contextlib.closing(Qmp(self._socket())) as qmp:
                wait(
                    lambda: qmp.call("query-status")["status"] == "running",
                    120,
                    f"{self.name}: loading the state",
                )

    def _socket(self):
        """A short path, for the address of a Unix socket has at most 107 bytes."""
        return f"/run/testvm-{hashlib.sha256(str(self.directory).encode()).hexdigest()[:8]}-{self.name}"

    def _kept(self):
        """The directory with the disk and the memory of a machine of this kind just after its boot."""
        version = roots.output("qemu-system-x86_64", "--version")
        key = repr(
            (
                str(self.image),
                str(self.kernel),
                self.memory,
                self.cpus,
                self.arguments,
                clock_rate(),
                version,
                pathlib.Path(__file__).read_text(),
            )
        )
        kept = roots.CACHE / ("booted-" + hashlib.sha256(key.encode()).hexdigest()[:8])
        with roots.alone(kept.name):
            return kept if (kept / "state").exists() else self._keep(kept)

    def _keep(self, kept):
        self._start(self.image)
        wait(
            lambda: self.ssh("systemctl is-system-running --wait", seconds=5).returncode == 0,
            300,
            f"{self.name}: booting",
        )
        self.ssh("sync; echo 3 > /proc/sys/vm/drop_caches; sleep 0.5")
        with contextlib.closing(Qmp(self._socket())) as qmp:
            qmp.call("migrate-set-parameters", **{"max-bandwidth": 1 << 32})
            qmp.call("migrate", uri=f"exec:cat > {self.directory / 'state'}")
            wait(
                lambda: qmp.call("query-migrate")["status"] == "completed",
                120,
                f"{self.name}: saving the state",
            )
            qmp.call("quit")
        wait(lambda: not (self.directory / "pid").exists(), 20, f"{self.name}: ending")
        shutil.rmtree(kept, ignore_errors=True)
        self.directory.rename(kept)
        return kept

    def _be_itself(self):
        """Wait for SSH, and set what sets this machine apart from the one that was kept."""
        ident = hashlib.sha256(self.name.encode()).hexdigest()[:32]
        command = (
            "date -us @%d > /dev/null; hostname %s; echo %s > /etc/hostname; echo 127.0.1.1 %s >> "
            "/etc/hosts; echo %s > /etc/machine-id"
            % (time.time(), self.name, self.name, self.name, ident)
        )
        wait(lambda: self.ssh(command, seconds=5).returncode == 0, 240, f"{self.name}: SSH")

    def ssh_command(self, seconds=60):
        keys = roots.keys()
        return [
            "ssh",
            "-i",
            str(keys / "id"),
            "-o",
            f"UserKnownHostsFile={keys / 'known_hosts'}",
            "-o",
            "BatchMode=yes",
            "-o",
            "ConnectTimeout=%d" % seconds,
            "-p",
            str(self.port),
            "root@127.0.0.1",
        ]

    def ssh(self, command, seconds=60, **options):
        """Run a shell command on the machine. Options are subprocess.run's."""
        return subprocess.run(
            self.ssh_command(seconds) + [command],
            check=False,
            **{
                "stdin": subprocess.DEVNULL,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.STDOUT,
                "text": True,
                **options,
            },
        )

    def copy_in(self, target, *paths, base=roots.CHECKOUT):
        """Put files and directories of the checkout below ``target`` on the machine."""
        with subprocess.Popen(
            ["tar", "-C", str(base), "--exclude=__pycache__", "-cf", "-", *map(str, paths)],
            stdout=subprocess.PIPE,
        ) as tar:
            self.ssh(
                f"mkdir -p {target} && tar -C {target} --no-same-owner -xf -", stdin=tar.stdout
            ).check_returncode()

    def reboot(self):
        """Boot anew, with the disk as it is; returns when all that starts by itself has started."""
        before = self._boot_id(60)
        self.ssh("systemctl --no-block reboot", seconds=5)
        wait(lambda: self._boot_id(5) not in (before, None), 300, f"{self.name}: reboot")
        self.ssh("systemctl is-system-running --wait")

    def _boot_id(self, seconds):
        """None while it does not answer: what ssh says then is no boot id."""
        answer = self.ssh("cat /proc/sys/kernel/random/boot_id", seconds=seconds)
        return answer.stdout if answer.returncode == 0 else None

    def unplug(self):
        """Reset it as by its button: nothing is synced, nothing is stopped."""
        with contextlib.closing(Qmp(self._socket())) as qmp:
            qmp.call("system_reset")
        wait(lambda: self.ssh("true", seconds=5).returncode == 0, 300, f"{self.name}: boot")

    def inventory(self):
        """The path of an Ansible inventory with this machine in it."""
        path = self.directory / "inventory"
        keys = roots.keys()
        path.write_text(
            "%s ansible_host=127.0.0.1 ansible_port=%d ansible_user=root "
            "ansible_ssh_private_key_file=%s ansible_ssh_pipelining=true "
            "ansible_python_interpreter=/usr/bin/python3 ansible_ssh_common_args='-o "
            "UserKnownHostsFile=%s -o ControlPath=none'\n"
            % (self.name, self.port, keys / "id", keys / "known_hosts")
        )
        return path

    def run(self, *command, environment=None, **options):
        """Run a command here with Ansible's inventory set to this machine. Options are subprocess.run's."""
        return subprocess.run(
            [str(word) for word in command],
            check=False,
            env=dict(os.environ, ANSIBLE_INVENTORY=str(self.inventory()), **(environment or {})),
            **{
                "stdin": subprocess.DEVNULL,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.STDOUT,
                "text": True,
                **options,
            },
        )

    def down(self):
        """End it and remove its disk."""
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, ValueError):
            pid = int((self.directory / "pid").read_text())
            if str(self.directory) in pathlib.Path("/proc/%d/cmdline" % pid).read_text():
                os.kill(pid, signal.SIGKILL)
                wait(
                    lambda: (
                        not pathlib.Path("/proc/%d/cmdline" % pid).exists()
                        or not pathlib.Path("/proc/%d/cmdline" % pid).read_text()
                    ),
                    20,
                    "ending",
                )
        pathlib.Path(self._socket()).unlink(missing_ok=True)
        shutil.rmtree(self.directory, ignore_errors=True)
