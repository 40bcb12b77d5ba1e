# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A FIFO, or a link to a device that has no end, in the place of a file: refused in a sentence by whoever reads files of others or small documents."""

from __future__ import annotations

import os
import threading

import pytest
from pycontainer import errors
from pycontainer.builds.parse import cache_flags, expansion, lines
from pycontainer.builds.sources import context_fetch
from pycontainer.cli import run_flags
from pycontainer.containers.options import process, security
from pycontainer.images.archives import archive_writer as saving
from pycontainer.images.client import transport
from pycontainer.images.configuration import registries_conf
from pycontainer.images.trust import keys, policy
from pycontainer.registry.http import registry_users, server
from pycontainer.untrusted import files

DIGEST = "sha256:" + "0" * 64


def fifo(path):
    os.mkfifo(path)


def endless(path):
    os.symlink("/dev/zero", path)


def of_layout(read):
    def call(path):
        os.makedirs(os.path.join(os.path.dirname(path), "blobs", "sha256"))
        os.rename(path, os.path.join(os.path.dirname(path), "blobs", "sha256", "0" * 64))
        return read(os.path.dirname(path))

    return call


REGULAR = {
    "a policy": (policy.load, "no image is accepted on this host: its policy can't be read: "),
    "a registries.conf": (registries_conf._read, "a file that can be read"),
    "a public key": (lambda path: keys.load(path, "verify.key"), "verify.key: "),
    "a private key": (lambda path: keys.PrivateKey(path, "sign.key"), "sign.key: "),
    "a file of users": (lambda path: registry_users.Users(path, print), "is not a regular file"),
    "an authority": (lambda path: transport._context([path]), "ca_path: "),
    "a registry's certificate": (lambda path: server.Certificate(path, None, print), "tls_cert: "),
    "a document of a build cache": (
        of_layout(lambda path: cache_flags._document(path, DIGEST)),
        "is not a regular file|is a symbolic link",
    ),
}


@pytest.mark.parametrize("make", [fifo, endless])
@pytest.mark.parametrize("what", REGULAR)
def test_what_is_no_regular_file_is_refused(tmp_path, monkeypatch, what, make):
    monkeypatch.setattr(keys, "check_means", lambda _what: None)
    path = str(tmp_path / "document")
    make(path)
    read, said = REGULAR[what]
    with pytest.raises(errors.EngineError, match=said):
        read(path)


@pytest.mark.parametrize("make", [fifo, endless])
def test_what_is_no_regular_file_is_no_index_of_a_build_cache(tmp_path, make):
    make(str(tmp_path / "index.json"))
    assert cache_flags.layout_digest(str(tmp_path)) is None


@pytest.mark.parametrize("make", [fifo, endless])
def test_what_is_no_regular_file_is_no_blob_of_a_layout(tmp_path, make):
    path = str(tmp_path / "document")
    make(path)
    assert of_layout(lambda path: saving._blob_is(path, DIGEST))(path) is False


GIVEN = {
    "an env file": (process.env_file, process.LONGEST_FILE),
    "an env file of a command": (
        lambda path: run_flags.environment((), [path]),
        process.LONGEST_FILE,
    ),
    "a label file": (lambda path: run_flags._labels((), [path]), process.LONGEST_FILE),
    "a seccomp profile": (
        lambda path: security.seccomp_file(path, "security_opts"),
        security.SECCOMP_LARGEST,
    ),
}


@pytest.mark.parametrize("what", GIVEN)
def test_a_small_document_that_a_user_names_has_an_end(tmp_path, what):
    path = str(tmp_path / "document")
    endless(path)
    with pytest.raises(errors.InvalidInput, match="larger than %d bytes" % GIVEN[what][1]):
        GIVEN[what][0](path)


def test_a_small_document_may_come_through_a_pipe(tmp_path):
    path = str(tmp_path / "pipe")
    fifo(path)
    for read, data, expected in (
        (process.env_file, b"\xef\xbb\xbfa=1\r\nb=\xff\n", {"a": "1", "b": "\udcff"}),
        (lambda path: run_flags.environment((), [path]), b"a=1\n", {"a": "1"}),
        (
            lambda path: security.seccomp_file(path, "x"),
            b'{"defaultAction": "x"}',
            '{"defaultAction":"x"}',
        ),
    ):

        def write():
            with open(path, "wb") as file:
                file.write(data)

        writer = threading.Thread(target=write)
        writer.start()
        assert read(path) == expected
        writer.join()


def test_a_fetched_containerfile_has_a_limit(tmp_path, monkeypatch):
    def fetch(path):
        with open(path, "wb") as file:
            file.truncate(lines.MAX_SIZE + 1)

    monkeypatch.setattr(context_fetch, "directory", lambda _engine, _found: str(tmp_path))
    with pytest.raises(
        expansion.Trouble,
        match="https://h/x is no archive, and a Containerfile has at most 8388608 bytes",
    ):
        context_fetch._take(context_fetch.Located(), None, fetch, "https://h/x")


def test_files_are_read_up_to_a_limit(tmp_path):
    (tmp_path / "file").write_bytes(b"1234")
    assert files.read_given(str(tmp_path / "file"), 4) == b"1234"
    with pytest.raises(files.Unacceptable, match="is larger than 3 bytes"):
        files.read_given(str(tmp_path / "file"), 3)
