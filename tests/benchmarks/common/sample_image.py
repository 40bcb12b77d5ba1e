# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An image as large and as mixed as those that people pull, made without any network from the files of this Debian machine.

Six layers: a base system, Python, git with perl and ssh, some thousand Python files as of a COPY, one large binary, and a
layer of chown, rm and useradd with whiteouts. They are written as Docker writes them (pax, sub-second times, gzip level 6)
into an OCI layout, once: the layout is kept and used again.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import pathlib
import shutil
import stat
import subprocess
import tarfile
import zlib

VERSION = 3  # of what is made here
MB = 1000000
# layer: (packages whose files it has, bytes, entries): what is left over is cut off, what lacks is filled from LARGE
PYTHON = (
    "python3.11",
    "python3.11-minimal",
    "libpython3.11-minimal",
    "libpython3.11-stdlib",
    "python3-minimal",
    "python3-pip",
    "python3-setuptools",
)
TOOLS = (
    "git",
    "git-man",
    "perl",
    "perl-modules-5.36",
    "libperl5.36",
    "openssh-client",
    "libcurl3-gnutls",
    "less",
)
LARGE = (
    "/usr/bin",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/libexec",
    "/usr/sbin",
)
DATA = (
    "/usr/share/zoneinfo",
    "/usr/share/doc",
    "/usr/share/locale",
    "/usr/share/man",
    "/usr/share/perl",
    "/usr/include",
)


def make(scratch):
    """The OCI layout of the image, tagged ``t``, below ``scratch``: its directory."""
    where = pathlib.Path(scratch, "sample-image-%d" % VERSION)
    if not where.exists():
        half = where.with_suffix(".new")
        shutil.rmtree(half, ignore_errors=True)
        Layout(half).write(_layers())
        half.rename(where)
    return where


def describe(layout):
    """``{"layers", "gzip", "plain", "entries"}`` of a layout."""
    return json.loads(pathlib.Path(layout, "figures.json").read_text())


def _layers():
    taken = set()
    base = _base_packages()
    yield lambda layer: layer.fill(_files(base, taken), 204 * MB, 6900, taken)
    yield lambda layer: layer.fill(_files(PYTHON, taken), 60 * MB, 2500, taken)
    yield lambda layer: layer.fill(_files(TOOLS, taken), 110 * MB, 3900, taken)
    yield lambda layer: layer.copies(_python_files(), 45 * MB, 1676)
    yield lambda layer: layer.binary("/app/server", 18500000)
    yield lambda layer: layer.changes()


def _base_packages():
    listed = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${Essential} ${Priority}\n"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    rows = [line.split() for line in listed.stdout.splitlines()]
    return [row[0] for row in rows if set(row[1:]) & {"yes", "required", "important"}]


def _files(packages, taken):
    """Paths of packages' files and directories that are there and were not ``taken``, in order."""
    listed = subprocess.run(
        ["dpkg-query", "-L", *packages],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    paths = {
        os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        for path in listed.stdout.splitlines()
    }  # /usr merged
    return [
        path
        for path in sorted(paths)
        if path.startswith("/") and os.path.lexists(path) and path not in taken
    ]


def _python_files():
    for top in ("/usr/lib/python3", "/usr/lib/python3.11", "/usr/share"):
        for directory, names, files in os.walk(top):
            names.sort()
            yield from (
                os.path.join(directory, name) for name in sorted(files) if name.endswith(".py")
            )


def _walk(tops):
    for top in tops:
        for directory, names, files in os.walk(top):
            names.sort()
            yield directory
            yield from (os.path.join(directory, name) for name in sorted(files))


class Layer:
    """One layer's archive on its way into a file. :ivar size: bytes of content. :ivar entries: members."""

    def __init__(self, sink):
        self.archive = tarfile.open(
            fileobj=sink, mode="w|", format=tarfile.PAX_FORMAT, bufsize=1 << 20
        )
        self.size = self.entries = 0
        self.inodes = {}

    def add(self, path, name=None, **changes):
        """A file of this machine under its own or another name. False where it is of a kind that images do not have."""
        status = os.lstat(path)
        if not (
            stat.S_ISREG(status.st_mode)
            or stat.S_ISDIR(status.st_mode)
            or stat.S_ISLNK(status.st_mode)
        ):
            return False
        info = tarfile.TarInfo((name or path).lstrip("/"))
        info.mode, info.uid, info.gid = stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid
        info.mtime = status.st_mtime_ns // 1000000000
        info.pax_headers = {"mtime": "%d.%09d" % divmod(status.st_mtime_ns, 1000000000)}
        if stat.S_ISDIR(status.st_mode):
            info.type = tarfile.DIRTYPE
        elif stat.S_ISLNK(status.st_mode):
            info.type, info.linkname = tarfile.SYMTYPE, os.readlink(path)
        elif status.st_ino in self.inodes:
            info.type, info.linkname = tarfile.LNKTYPE, self.inodes[status.st_ino]
        else:
            info.size = status.st_size
            if status.st_nlink > 1:
                self.inodes[status.st_ino] = info.name
        for key, value in changes.items():
            setattr(info, key, value)
        if info.isreg():
            with open(path, "rb") as file:
                self.archive.addfile(info, file)
        else:
            self.archive.addfile(info)
        self.size += info.size if info.isreg() else 0
        self.entries += 1
        return True

    def fill(self, paths, size, entries, taken):
        """First ``paths``, then small files until there are enough entries, then large ones until there are enough bytes."""
        for path in paths:
            if (
                self.entries < entries
                and self.size + os.lstat(path).st_size <= size
                and self.add(path)
            ):
                taken.add(path)
        for path in _walk(DATA):
            if self.entries >= entries - 200 or self.size >= size:
                break
            if path not in taken and os.lstat(path).st_size < 20000 and self.add(path):
                taken.add(path)
        for path in _walk(LARGE):
            if self.size >= size:
                break
            status = os.lstat(path)
            if (
                path not in taken
                and stat.S_ISREG(status.st_mode)
                and 100000 < status.st_size <= size - self.size
                and self.add(path)
            ):
                taken.add(path)

    def copies(self, paths, size, entries):
        """What a COPY of an application brings: Python files below /app, and a few larger data files."""
        for path in paths:
            if self.entries >= entries or self.size >= size:
                break
            self.add(path, "/app/src" + path)
        self.binary("/app/src/data.bin", max(0, size - self.size))

    def binary(self, name, size):
        """One file of ``size`` bytes with a program's content: what this machine's own programs begin with."""
        content = io.BytesIO()
        for path in _walk(LARGE[:1]):
            if content.tell() >= size:
                break
            if os.path.isfile(path) and os.lstat(path).st_size > 1 << 20:
                with open(path, "rb") as file:
                    content.write(file.read(size - content.tell()))
        info = tarfile.TarInfo(name.lstrip("/"))
        info.size, info.mode, info.mtime = min(size, content.tell()), 0o755, 1700000000
        content.seek(0)
        self.archive.addfile(info, content)
        self.size += info.size
        self.entries += 1

    def changes(self):
        """A RUN of useradd, chown -R and rm -r."""
        for path in ("/etc", "/etc/passwd", "/etc/group"):
            self.add(path)
        for path in _walk(("/usr/share/perl",)):
            if self.size > 1200000:
                break
            self.add(path, uid=1000, gid=1000)
        for name in (
            "usr/share/.wh.zoneinfo",
            "usr/share/doc/.wh.adduser",
            "usr/share/man/.wh..wh..opq",
        ):
            self.archive.addfile(tarfile.TarInfo(name))
            self.entries += 1


class Layout:
    """An OCI layout (image-spec, image-layout.md) that is being written."""

    def __init__(self, where):
        self.where = pathlib.Path(where)
        self.blobs = self.where / "blobs" / "sha256"
        self.blobs.mkdir(parents=True)

    def write(self, layers):
        described, diff_ids, figures = [], [], {"layers": 0, "gzip": 0, "plain": 0, "entries": 0}
        for fill in layers:
            sink = _Gzip(self.where / "layer")
            layer = Layer(sink)
            fill(layer)
            layer.archive.close()
            sink.close()
            described.append(
                self._keep(
                    sink.packed.hexdigest(),
                    sink.size,
                    "application/vnd.oci.image.layer.v1.tar+gzip",
                )
            )
            diff_ids.append("sha256:" + sink.plain.hexdigest())
            for key, value in (
                ("layers", 1),
                ("gzip", sink.size),
                ("plain", layer.size),
                ("entries", layer.entries),
            ):
                figures[key] += value
        config = {
            "architecture": _architecture(),
            "os": "linux",
            "config": {"Cmd": ["sh"]},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": [{"created_by": "sample"} for _layer in described],
        }
        body = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": self._put(
                json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json"
            ),
            "layers": described,
        }
        item = dict(
            self._put(json.dumps(body).encode(), body["mediaType"]),
            annotations={"org.opencontainers.image.ref.name": "t"},
        )
        (self.where / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        (self.where / "index.json").write_text(
            json.dumps({"schemaVersion": 2, "manifests": [item]})
        )
        (self.where / "figures.json").write_text(json.dumps(figures))

    def _keep(self, digest, size, media_type):
        (self.where / "layer").rename(self.blobs / digest)
        return {"mediaType": media_type, "digest": "sha256:" + digest, "size": size}

    def _put(self, data, media_type):
        (self.where / "layer").write_bytes(data)
        return self._keep(hashlib.sha256(data).hexdigest(), len(data), media_type)


class _Gzip:
    """A file that compresses what is written, and hashes both sides."""

    def __init__(self, path):
        self._file, self._deflater = open(path, "wb"), zlib.compressobj(6, zlib.DEFLATED, 31)
        self.plain, self.packed, self.size = hashlib.sha256(), hashlib.sha256(), 0

    def write(self, data):
        self.plain.update(data)
        self._out(self._deflater.compress(data))

    def _out(self, data):
        self.packed.update(data)
        self.size += len(data)
        self._file.write(data)

    def close(self):
        self._out(self._deflater.flush())
        self._file.close()


def _architecture():
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
