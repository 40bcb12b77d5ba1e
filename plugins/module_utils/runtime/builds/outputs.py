# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a build gives out beside the image in the store (``--output``): its files, or an archive that other engines read."""

from __future__ import annotations

import os

from .. import images
from ..errors import InvalidInput
from ..images import difference
from ..kernel import mounts, overlay
from . import placing, sources

KNOWN = {"local": ("dest",), "tar": ("dest",), "oci": ("dest", "tar", "name"), "docker": ("dest", "name"), "image": ("name", "push"), "registry": ("name",)}
FORMS = {"docker": "docker-archive", "oci": "oci-archive"}


class Output:
    """``kind``: a key of KNOWN; ``dest``: a path, or ``-`` for standard output; ``names``: for the image; ``push``."""

    def __init__(self, text):
        """:param text: ``type=oci,dest=FILE`` and so on, a directory alone, or ``-``. :raises InvalidInput:"""
        if "=" not in text:
            text = "type=%s,dest=%s" % ("tar" if text == "-" else "local", text)
        given = dict(part.partition("=")[::2] for part in text.split(","))
        self.kind = given.pop("type", "")
        if self.kind not in KNOWN:
            raise InvalidInput("output", text, "type=%s" % ", type=".join(KNOWN))
        unknown = sorted(set(given) - set(KNOWN[self.kind]))
        if unknown:
            raise InvalidInput("output", text, "with type=%s: %s" % (self.kind, ", ".join(KNOWN[self.kind])))
        self.dest, self.names = given.get("dest") or "", [given["name"]] if given.get("name") else []
        self.push = self.kind == "registry" or given.get("push", "false").lower() == "true"
        self.directory = self.kind == "oci" and given.get("tar", "true").lower() == "false"
        if "dest" in KNOWN[self.kind] and (not self.dest or self.dest == "-" and (self.kind == "local" or self.directory)):
            raise InvalidInput("output", text, "with type=%s: dest=..." % self.kind)

    def write(self, engine, record, names, stdout):
        """Give out an image of the store. :param names: full references that it has. :param stdout: a binary file."""
        if self.kind == "local":
            os.makedirs(self.dest, exist_ok=True)
            _files(engine, record, self.dest)
        elif self.kind == "tar":
            with _View(engine, record) as view:
                _put(self.dest, stdout, difference.archive("/proc/self/fd/%d/." % view))
        elif self.kind in FORMS:
            chosen = [(record, [images.tagged(name).tagged for name in self.names] or names)]
            form = "oci-dir" if self.directory else FORMS[self.kind]
            if self.dest == "-":
                _put(self.dest, stdout, images.save_pieces(engine, chosen, form))
            else:
                images.plan_save(engine, chosen, os.path.abspath(self.dest), form).apply()


class _View:
    """An image's files, read-only: a descriptor."""

    def __init__(self, engine, record):
        paths = images.layer_paths(engine, record["id"])
        self.fd = overlay.overlay(paths) if paths else mounts.new_fs("tmpfs", {"mode": "755"})

    def __enter__(self):
        return self.fd

    def __exit__(self, *_exception):
        os.close(self.fd)


def _files(engine, record, directory):
    with _View(engine, record) as view:
        tree = sources.Tree(os.dup(view), "the image")
        top = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        placer = placing.Placer(top, follow=False)
        try:
            placer.tree(tree, tree.find("/")[0], "")
        finally:
            placer.close()
            os.close(top)
            tree.close()


def _put(dest, stdout, pieces):
    """All of ``pieces`` to standard output, or into a file that appears whole."""
    if dest == "-":
        for piece in pieces:
            stdout.write(piece)
        stdout.flush()
        return
    new = "%s.new-%d" % (dest, os.getpid())
    try:
        with open(new, "xb") as file:
            for piece in pieces:
                file.write(piece)
        os.rename(new, dest)
    finally:
        if os.path.lexists(new):
            os.unlink(new)
