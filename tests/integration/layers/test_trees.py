# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two dozen generated images: what they show here, as directories and as EROFS images, is to the last attribute what podman shows."""

from __future__ import annotations

import contextlib
import random
import struct
import tarfile

import pytest
from pycontainer import images
from pycontainer.kernel.mounts import erofs
from pycontainer.store import settings
from support.layouts import as_directory, fingerprint, layer, layout, member, mounted

SEEDS = range(24)
FORMATS = (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT)
CAPABILITY = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0).decode("latin-1")
KINDS = {"file": tarfile.REGTYPE, "directory": tarfile.DIRTYPE, "symlink": tarfile.SYMTYPE, "fifo": tarfile.FIFOTYPE, "char": tarfile.CHRTYPE,
         "block": tarfile.BLKTYPE}  # fmt: skip


class Image:
    """An image that one number decides. Each entry's directories have entries too, and no name comes twice in a layer: podman needs both."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.tree = {b"": "directory"}  # what the layers so far show
        self.layers = [self._layer(number) for number in range(self.random.randint(1, 5))]

    def _layer(self, number):
        self.form, self.members, self.done, self.files = self.random.choice(FORMATS), [], set(), []
        for _count in range(self.random.randint(5, 60)):
            below = sorted(set(self.tree) - {b""})
            if number and below and self.random.random() < 0.25:
                self._hide(self.random.choice(below))
            elif number and below and self.random.random() < 0.2:
                self._again(self.random.choice(below))
            else:
                self._new()
        return layer(self.members, self.form)

    def _free(self, path):
        """Whether nothing of this layer is at, below or in the way to ``path``."""
        return not any(other == path or other.startswith(path + b"/") for other in self.done)

    def _hide(self, path):
        head, dummy, name = path.rpartition(b"/")
        if self._free(path) and self._parents(path):
            self.members.append(member(head + (b"/" if head else b"") + b".wh." + name))
            self._forget(path)
            self.done.add(path)

    def _again(self, path):
        """What is below gets other attributes, another content or another type; of a directory perhaps nothing from below is left."""
        if not self._free(path) or not self._parents(path):
            return
        kind = self.random.choice(list(KINDS))
        if kind == "directory" and self.tree[path] == "directory":
            self._put(path, kind)
            if self.random.random() < 0.5:
                self._forget(path)
                self.tree[path] = kind
                self.members.append(member(path + b"/.wh..wh..opq"))
        else:
            self._forget(path)
            self._put(path, kind)

    def _new(self):
        parent = self.random.choice(
            sorted(path for path, kind in self.tree.items() if kind == "directory")
        )
        path = (parent + b"/" if parent else b"") + self._name()
        if path in self.tree or not self._free(path) or not self._parents(path):
            return
        if self.files and self.random.random() < 0.15:
            target, options = self.random.choice(self.files)
            self.members.append(
                member(
                    path,
                    kind=tarfile.LNKTYPE,
                    **dict(options, linkname=target.decode("utf-8", "surrogateescape")),
                )
            )
            self.tree[path] = "file"
            self.done.add(path)
        else:
            self._put(path, self.random.choice(["file"] * 6 + ["directory"] * 4 + list(KINDS)))

    def _name(self):
        word = b"%x" % self.random.getrandbits(24)
        return self.random.choice(
            (
                word,
                word,
                b"caf\xe9 " + word,
                b"\xc3\xa9-" + word,
                b"n" * self.random.randint(90, 200) + word,
                b"." + word,
                b"-" + word + b".so.1",
            )
        )

    def _parents(self, path):
        """Entries for the directories above ``path``, which may change them; False where this layer took one of them away."""
        parts = path.split(b"/")[:-1]
        above = [b"/".join(parts[: count + 1]) for count in range(len(parts))]
        if any(other in self.done and self.tree.get(other) != "directory" for other in above):
            return False
        for directory in above:
            if directory not in self.done:
                self._put(directory, "directory")
        return True

    def _put(self, path, kind):
        pick = self.random
        options = {"mode": pick.choice((0o644, 0o755, 0o600, 0o4755, 0o2755, 0o1777, 0)), "uid": pick.choice((0, 0, 1, 65534, 100000)),
                   "gid": pick.choice((0, 0, 8, 65534, 2000000)), "mtime": pick.randint(0, 2000000000)}  # fmt: skip
        if self.form == tarfile.PAX_FORMAT:
            pax = (
                {"mtime": "%d.%09d" % (options["mtime"], pick.getrandbits(29))}
                if pick.random() < 0.7
                else {}
            )
            if (
                kind == "file" and pick.random() < 0.2
            ):  # podman without overlayfs leaves a directory those that it had in a layer below
                pax["SCHILY.xattr.user.note"] = "n" * pick.randint(1, 300)
            if kind == "file" and pick.random() < 0.1:
                pax["SCHILY.xattr.security.capability"] = CAPABILITY
            options["pax"] = pax
        content = b""
        if kind == "file":
            content = pick.choice(
                (
                    b"",
                    b"x",
                    pick.randbytes(511),
                    pick.randbytes(512),
                    b"\0" * 70000,
                    pick.randbytes(pick.randint(1, 200000)),
                )
            )
            self.files.append((path, options))
        elif kind == "symlink":
            options["linkname"] = pick.choice(
                ("/etc/passwd", "../..", "nowhere", "a/" * 60 + "b", "caf\u00e9")
            )
        elif kind in ("char", "block"):
            options.update(devmajor=pick.choice((1, 8, 250)), devminor=pick.choice((3, 255, 300)))
        self.members.append(member(path, content, kind=KINDS[kind], **options))
        self.tree[path] = kind
        self.done.add(path)

    def _forget(self, path):
        for other in [
            other for other in self.tree if other == path or other.startswith(path + b"/")
        ]:
            del self.tree[other]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_tree_is_podmans(engine, task, podman, tmp_path, seed):
    image = Image(seed)
    layout(tmp_path / "layout", image.layers)
    name = podman("pull", "-q", f"oci:{tmp_path / 'layout'}:t").strip()
    expected = fingerprint(podman("image", "mount", name).strip())
    podman("image", "umount", name)
    assert set(expected) == set(image.tree) - {b""}
    for kind in ["directory"] + ([] if erofs.why_not(engine.paths.tmp) else ["erofs"]):
        settings.write(engine.paths.config, {"layers": kind})
        ident = task(engine, source="load", path=str(tmp_path / "layout"), name="test:1")["image"][
            "Id"
        ]
        with contextlib.ExitStack() as stack:
            paths = [
                stack.enter_context(as_directory(path))
                for path in images.layer_paths(engine, ident)
            ]
            with mounted(paths, tmp_path / kind) as root:
                found = fingerprint(root)
        differing = {
            path: (found.get(path), expected.get(path))
            for path in set(found) | set(expected)
            if found.get(path) != expected.get(path)
        }
        assert not differing, (kind, list(differing.items())[:3])
        task(engine, name=ident, state="absent")
