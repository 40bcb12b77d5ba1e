# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a build's context is: a directory, a Git repository, an archive at a web address or at standard input, or nowhere.

What has to be fetched comes into a directory of the store's ``tmp`` and goes when the build ends, or with the next sweep if it is killed.
"""

from __future__ import annotations

import os
import tempfile

from ...errors import InvalidInput
from ...images.library import layer_store
from ...store import trees
from ...untrusted import files
from ...untrusted.text import without_userinfo
from ..parse import lines
from ..parse.expansion import Trouble
from ..trees import add_archives
from . import add_url, git


class Located:
    """``path``: the context's directory, or None; ``data``: the Containerfile's bytes where that is all there is; ``temporary``: directories
    that go with :meth:`close`."""

    def __init__(self):
        self.path, self.data, self.temporary = None, None, []

    def close(self):
        while self.temporary:
            trees.remove(self.temporary.pop())


def is_remote(text):
    """Whether a context's name is an address rather than a directory."""
    return git.is_git(text) or add_url.is_remote(text)


def locate(engine, text, request, stdin=None, option="path"):
    """The Located of ``text``: a directory, an address, or ``-``. :param stdin: for ``-``, the open file. :raises InvalidInput:"""
    found = Located()
    try:
        if text == "-":
            _take(found, engine, lambda path: _copied(stdin, path), "standard input")
        elif git.is_git(text):
            wanted, keep = (
                git.Repository(text),
                request.build_args.get("BUILDKIT_CONTEXT_KEEP_GIT_DIR", "").lower()
                in ("1", "true"),
            )
            found.path = git.Git(request.secrets, request.ssh.get("default")).check_out(
                wanted, directory(engine, found), keep
            )[1]
        elif add_url.is_remote(text):
            _take(
                found,
                engine,
                lambda path: add_url.fetch(text, path, add_url.headers_of(text, request.secrets)),
                without_userinfo(text),
            )
        elif os.path.isdir(text):
            found.path = os.path.abspath(text)
        else:
            raise InvalidInput(
                option,
                text,
                "an existing directory, a Git repository's address, or http:// or https:// and an "
                "archive",
            )
        return found
    except BaseException as error:
        found.close()
        if isinstance(error, Trouble):
            raise InvalidInput(option, text, f"a context that can be fetched ({error})") from None
        raise


def directory(engine, found):
    """A new empty directory for what is fetched."""
    if os.path.isdir(engine.paths.tmp) and not engine.check:
        path = layer_store.temporary(engine, "layer")
        os.mkdir(path, 0o700)
    else:  # in check mode the store may not be there
        path = tempfile.mkdtemp(prefix="pycontainer-")
    found.temporary.append(path)
    return path


def _take(found, engine, fetch, what):
    """What ``fetch(path)`` puts into a file: an archive is the context, anything else a Containerfile without one."""
    path = os.path.join(directory(engine, found), "file")
    fetch(path)
    if not add_archives.is_archive(lambda: os.open(path, os.O_RDONLY | os.O_CLOEXEC)):
        try:
            found.data = files.read(path, lines.MAX_SIZE)
        except files.Unacceptable:
            raise Trouble(
                "%s is no archive, and a Containerfile has at most %d bytes"
                % (what, lines.MAX_SIZE)
            ) from None
        return
    found.path = directory(engine, found)
    top = os.open(found.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        add_archives.extract(top, lambda: os.open(path, os.O_RDONLY | os.O_CLOEXEC), what)
    finally:
        os.close(top)
    os.unlink(path)


def _copied(stdin, path):
    with open(path, "xb") as file:
        while True:
            piece = stdin.read(1 << 18)
            if not piece:
                return
            file.write(piece)
