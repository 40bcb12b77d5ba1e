# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What test hosts are made of, built once and kept in ``.cache/hosts``: SSH keys, Debian roots, kernels, disk images.

Packages come from the Debian archive that this machine's apt is set up with.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

CHECKOUT = pathlib.Path(__file__).resolve().parents[3]
CACHE = pathlib.Path(os.environ.get("PYCONTAINER_TEST_CACHE", CHECKOUT / ".cache" / "hosts"))
SUITE = "bookworm"
EDITION = 3  # to be raised when this file makes something else of the same packages

# A host as an administrator has it before the role: an init system, SSH and Python. And what looks at it from inside.
BARE = [
    "systemd-sysv",
    "udev",
    "dbus",
    "openssh-server",
    "python3",
    "iproute2",
    "iputils-ping",
    "kmod",
    "procps",
    "ca-certificates",
    "tini",
    "busybox-static",
]
# What the role would install, and what the suite needs where it runs on the host itself.
LIBRARIES = ["python3-cffi", "python3-pyroute2", "nftables"]
SUITE_PACKAGES = [
    "sudo",
    "python3-apt",
    "python3-pytest",
    "python3-pytest-timeout",
    "python3-pytest-instafail",
    "python3-yaml",
    "skopeo",
    "docker-registry",
    "runc",
    "umoci",
    "criu",
    "apparmor",
    "libpam-systemd",
    "uidmap",
    "passt",
]
# Of a host that confines by SELinux: its files are labelled when the root is made.
SELINUX_SUITE = "trixie"  # bookworm's policy has no types for containers
SELINUX_PACKAGES = [
    "sudo",
    "python3-pytest",
    "python3-pytest-timeout",
    "python3-pytest-instafail",
    "python3-yaml",
    "selinux-policy-default",
    "policycoreutils",
    "selinux-utils",
]
# What Red Hat's policy allows and Debian's does not: services may start containers.
SELINUX_MODULE = "(allow initrc_t container_t (process (transition siginh rlimitinh noatsecure)))\n(allow container_t initrc_t (fd (use)))\n"

UNREAD = ("doc", "man", "locale")  # left out of each root

UNWANTED_UNITS = """
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer
    systemd-random-seed.service systemd-pstore.service systemd-udev-trigger.service systemd-timesyncd.service getty@tty1.service
    serial-getty@ttyS0.service systemd-firstboot.service modprobe@efi_pstore.service modprobe@drm.service docker-registry.service apparmor.service
""".split()

SSHD = """\
HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin prohibit-password
UsePAM no
UseDNS no
PrintMotd no
MaxStartups 200
"""

# Finds the disk, sets the address of QEMU's user network, and goes on to the real root: 2 seconds of a boot.
INITRD = """\
#!/bin/busybox sh
/bin/busybox --install -s /bin
mkdir -p /proc /sys /dev /new
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
while read -r module; do insmod "/modules/$module"; done < /modules/order
until [ -b /dev/vda ] && [ -b /dev/vdb ]; do sleep 0.02; done
mount -t ext4 -o noatime /dev/vda /new
mount -t ext4 -o ro /dev/vdb /new/lib/modules
ip link set lo up
ip link set eth0 up
ip addr add 10.0.2.15/24 dev eth0
ip route add default via 10.0.2.2
for directory in proc sys dev; do mount -o move "/$directory" "/new/$directory"; done
exec switch_root /new /sbin/init
"""


def run(*command, **options):
    """Run a command, its output on standard error so that standard output stays the caller's."""
    return subprocess.run(
        [str(word) for word in command],
        check=True,
        stdin=subprocess.DEVNULL,
        **{"stdout": sys.stderr, **options},
    )


def output(*command):
    return run(*command, stdout=subprocess.PIPE).stdout.decode()


def recipe(*words):
    """Eight digits that stand for how a thing is made: what was made by another recipe is another thing."""
    return hashlib.sha256(
        repr((EDITION, SSHD, INITRD, UNWANTED_UNITS, SELINUX_MODULE, words)).encode()
    ).hexdigest()[:8]


def build(name, make):
    """The path ``CACHE/name``, made by ``make(temporary path)`` where it is not there; it appears only whole."""
    path = CACHE / name
    if not path.exists():
        with alone(name):
            if not path.exists():
                temporary = CACHE / (name + ".partial")
                if temporary.is_dir():
                    shutil.rmtree(temporary)
                temporary.unlink(missing_ok=True)
                make(temporary)
                temporary.rename(path)
    return path


@contextlib.contextmanager
def alone(name):
    """While the block runs, no other process makes the thing of this name."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / (name + ".lock"), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def archive():
    """The address of the Debian archive of this machine's apt."""

    def found():
        listing = output(
            "apt-get", "indextargets", "--format", "$(ORIGIN) $(CREATED_BY) $(RELEASE) $(REPO_URI)"
        )
        rows = (line.split() for line in listing.splitlines())
        return [
            row[3]
            for row in rows
            if len(row) == 4 and row[0] == "Debian" and row[1] == "Packages" and "-" not in row[2]
        ]

    addresses = found()
    if not addresses:
        run("apt-get", "-qq", "update")
        addresses = found()
    return addresses[0]


def bootstrap(target, suite, packages, *options):
    # updates are left out: a mirror may list what it has no longer; signatures are checked, but not whether they are recent
    run(
        "mmdebstrap",
        "--mode=root",
        "--quiet",
        '--aptopt=Acquire::Check-Valid-Until "false"',
        '--aptopt=Acquire::Languages "none"',
        '--aptopt=APT::Install-Recommends "false"',
        "--include=" + ",".join(packages),
        *options,
        suite,
        target,
        f"deb {archive()} {suite} main",
    )


def keys():
    """A directory with the key that all hosts accept (``id``), the one that they show (``host``) and ``known_hosts``."""

    def make(path):
        path.mkdir()
        for name in ("id", "host"):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", path / name)
        (path / "known_hosts").write_text(
            f"* {' '.join((path / 'host.pub').read_text().split()[:2])}\n"
        )

    return build("keys", make)


def root(suite=SUITE, packages=None):
    """The directory of a Debian root with ``packages`` (default: all that the suite needs) beside the bare ones.

    The bare one is made by debootstrap's rules; others are copies of it into which packages are installed.
    """
    packages = LIBRARIES + SUITE_PACKAGES if packages is None else list(packages)

    def make(path):
        if packages:
            extend(root(suite, []), path, repository(packages, suite))
        else:
            bootstrap(
                path,
                suite,
                BARE,
                "--variant=minbase",
                "--dpkgopt=force-unsafe-io",
                *(f"--dpkgopt=path-exclude=/usr/share/{what}/*" for what in UNREAD),
            )
        configure(path)

    return build(f"root-{suite}-{recipe(suite, BARE, packages)}", make)


def extend(base, path, debs):
    """Make the root ``path`` of a copy of ``base``, with all packages of the directory ``debs``; none of their services starts."""
    run("cp", "-a", "--reflink=auto", base, path)
    forbid = path / "usr/sbin/policy-rc.d"
    forbid.write_text("#!/bin/sh\nexit 101\n")
    forbid.chmod(0o755)
    run(
        "unshare",
        "--mount",
        "sh",
        "-ec",
        """
        mount -t proc proc "$1/proc"
        mkdir "$1/run/debs"
        mount --bind "$2" "$1/run/debs"
        export DEBIAN_FRONTEND=noninteractive LC_ALL=C
        chroot "$1" sh -ec '
            dpkg --force-unsafe-io --force-confold --unpack /run/debs/*.deb
            dpkg --force-unsafe-io --force-confold --configure --pending
        '
        """,
        "sh",
        path,
        debs,
    )
    (path / "run/debs").rmdir()
    forbid.unlink()


def configure(path):
    """SSH for root by key; no name service to wait for; no units that cost a test host time."""
    ssh = path / "root" / ".ssh"
    ssh.mkdir(mode=0o700, exist_ok=True)
    shutil.copy(keys() / "id.pub", ssh / "authorized_keys")
    for old in (path / "etc/ssh").glob("ssh_host_*"):
        old.unlink()
    key = path / "etc/ssh/ssh_host_ed25519_key"
    shutil.copy(keys() / "host", key)
    key.chmod(0o600)
    for name, text in {
        "etc/ssh/sshd_config.d/test.conf": SSHD,
        "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
        "etc/hostname": "testhost\n",
        "etc/resolv.conf": "",
        "etc/hosts": "127.0.0.1 localhost\n",
    }.items():
        (path / name).write_text(text)
    for directory in ("lib/modules", "run/sshd", "var/lib/pycontainer"):
        (path / directory).mkdir(parents=True, exist_ok=True)
    (path / "var/lib/pycontainer").rmdir()
    run(
        "chroot",
        path,
        "systemctl",
        "--quiet",
        "set-default",
        "multi-user.target",
        stderr=subprocess.DEVNULL,
    )
    run("chroot", path, "systemctl", "--quiet", "mask", *UNWANTED_UNITS, stderr=subprocess.DEVNULL)
    if (path / "etc/selinux/default").is_dir():
        (path / "root/local.cil").write_text(SELINUX_MODULE)
        run("chroot", path, "semodule", "-n", "-i", "/root/local.cil", stderr=subprocess.DEVNULL)
        run("chroot", path, "setfiles", "/etc/selinux/default/contexts/files/file_contexts", "/")


def repository(packages, suite=SUITE, base=None):
    """A directory with ``packages`` and all that they want besides, as an apt source: ``deb [trusted=yes] file:PATH ./``.

    :param base: the directory of the root that they are for (default: the bare one).
    """
    base = base or root(suite, [])

    def make(path):
        work = path / "work"
        for directory in ("state/lists/partial", "cache/archives/partial"):
            (work / directory).mkdir(parents=True)
        (work / "sources.list").write_text(f"deb {archive()} {suite} main\n")
        options = [
            option
            for pair in {
                "Dir::State": work / "state",
                "Dir::State::status": base / "var/lib/dpkg/status",
                "Dir::Cache": work / "cache",
                "Dir::Etc::SourceList": work / "sources.list",
                "Dir::Etc::SourceParts": "/dev/null",
                "Acquire::Check-Valid-Until": "false",
                "Acquire::Languages": "none",
                "APT::Install-Recommends": "false",
                "APT::Sandbox::User": "root",
            }.items()
            for option in ("-o", "%s=%s" % pair)
        ]
        run("apt-get", *options, "-qq", "update")
        run("apt-get", *options, "-qq", "-y", "--download-only", "install", *packages)
        index = []
        for file in sorted((work / "cache/archives").glob("*.deb")):
            file.rename(path / file.name)
            data = (path / file.name).read_bytes()
            index.append(
                output("dpkg-deb", "--field", path / file.name)
                + (
                    f"Filename: ./{file.name}\nSize: {len(data)}\nSHA256: "
                    f"{hashlib.sha256(data).hexdigest()}\n"
                )
            )
        (path / "Packages").write_text("\n".join(index))
        shutil.rmtree(work)

    return build(f"repository-{suite}-{recipe(suite, packages, base.name)}", make)


def controller(version, python):
    """A directory for PYTHONPATH with ansible-core ``version`` (as ``2.21``), and what of its needs a Python ``python`` (as ``3.13``) finds on PyPI.

    Without cryptography, which is for Ansible's vault alone, and brings the library with it that a bare host lacks.
    """
    wanted = [
        f"ansible-core=={version}.*",
        "jinja2",
        "markupsafe",
        "packaging",
        "PyYAML",
        "resolvelib",
    ]

    def make(
        path,
    ):  # this Python may be older than what ansible-core wants: it runs in a root that has another one
        run(
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--target",
            path,
            "--python-version",
            python,
            "--only-binary=:all:",
            "--no-deps",
            "--no-compile",
            "--ignore-requires-python",
            *wanted,
        )

    return build(f"ansible-{version}-{recipe(python, wanted)}", make)


def image(directory):
    """A raw ext4 image of a root, 8 GiB and sparse."""
    return build(
        directory.name + ".raw",
        lambda path: run(
            "mke2fs",
            "-q",
            "-t",
            "ext4",
            "-O",
            "^has_journal",
            "-L",
            "root",
            "-d",
            directory,
            path,
            "8G",
        ),
    )


def kernel(suite=SUITE):
    """A directory with a Debian kernel: ``vmlinuz``, ``initrd``, ``modules.img``. Any root boots with any kernel."""

    def make(path):
        tree = path / "tree"
        path.mkdir()
        bootstrap(tree, suite, ["linux-image-cloud-amd64"], "--variant=extract")
        usr = tree / "usr"
        if not (usr / "lib/modules").exists():  # bullseye has no merged /usr
            (usr / "lib").mkdir(parents=True, exist_ok=True)
            (tree / "lib/modules").rename(usr / "lib/modules")
        release = os.listdir(usr / "lib/modules")[0]
        modules = usr / "lib/modules" / release
        shutil.copy(
            next(iter([*(tree / "boot").glob("vmlinuz-*"), modules / "vmlinuz"])), path / "vmlinuz"
        )
        for unused in (
            "kernel/drivers/gpu",
            "kernel/drivers/infiniband",
            "kernel/drivers/net/ethernet",
        ):
            shutil.rmtree(modules / unused, ignore_errors=True)
        run("depmod", "-b", usr, release, stderr=subprocess.DEVNULL)
        for file in [
            usr / "lib/modules",
            *(usr / "lib/modules").rglob("*"),
        ]:  # for a host with SELinux: there they are loaded on demand, too
            os.setxattr(
                file,
                "security.selinux",
                b"system_u:object_r:modules_object_t:s0\0",
                follow_symlinks=False,
            )
        initrd(usr, release, path / "initrd")
        size = int(output("du", "-sk", usr / "lib/modules").split()[0]) * 5 // 4 + 8192
        run(
            "mke2fs",
            "-q",
            "-t",
            "ext4",
            "-O",
            "^has_journal",
            "-L",
            "modules",
            "-d",
            usr / "lib/modules",
            path / "modules.img",
            "%dk" % size,
        )
        shutil.rmtree(tree)

    return build(f"kernel-{suite}-{recipe(suite)}", make)


def initrd(usr, release, target):
    tree = target.with_suffix(".tree")
    (tree / "bin").mkdir(parents=True)
    (tree / "modules").mkdir()
    shutil.copy(shutil.which("busybox"), tree / "bin/busybox")
    order = []
    for name in ("virtio_pci", "virtio_blk", "virtio_net"):
        for line in output(
            "modprobe", "-d", usr, "-S", release, "--show-depends", name
        ).splitlines():
            kind, dummy, file = line.partition(" ")
            file = pathlib.Path(file.strip())
            if kind == "insmod" and file not in order:
                order.append(file)
    for file in order:
        opener = {".xz": ["xz", "-dc"], ".zst": ["zstd", "-qdc"]}.get(file.suffix, ["cat"])
        plain = tree / "modules" / (file.stem if file.suffix != ".ko" else file.name)
        with open(plain, "wb") as out:
            run(*opener, file, stdout=out)
    (tree / "modules/order").write_text(
        "".join((file.stem if file.suffix != ".ko" else file.name) + "\n" for file in order)
    )
    (tree / "init").write_text(INITRD)
    (tree / "init").chmod(0o755)
    with open(target, "wb") as out:
        run("sh", "-c", f"cd {tree} && find . | cpio --quiet -o -H newc | gzip -6", stdout=out)
    shutil.rmtree(tree)
