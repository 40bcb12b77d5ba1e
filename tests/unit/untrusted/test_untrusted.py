# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text, JSON, files and trees of others: what is accepted, and that each refusal is one sentence."""

from __future__ import annotations

import os
import threading

import pytest
from pycontainer.errors import RegistryError
from pycontainer.untrusted import files, json_reader, trees
from pycontainer.untrusted.text import printable, without_userinfo


@pytest.mark.parametrize(
    "given, shown",
    [
        ("web:1", "web:1"),
        ("a\x1b[31mred\r\nok: [host]", "a\\x1b[31mred\\r\\nok: [host]"),
        ("\u202eevil\u2028", "\\u202eevil\\u2028"),
        (b"caf\xc3\xa9 \xff", "caf\xe9 \\xff"),
        ("\udc80", "\\udc80"),
        ("\u00a0", " "),
        (7, "7"),
    ],
)
def test_printable(given, shown):
    assert printable(given) == shown


def test_printable_lines_and_length():
    assert printable("a\n\tb\x07", lines=True) == "a\n\tb\\x07"
    assert printable("x" * 2000) == "x" * 1000 + "..."
    assert len(printable("\x1b" * 2000)) < 4100


@pytest.mark.parametrize(
    "given, shown",
    [
        ("get https://me:secret@h.example:8/x?y@z failed", "get https://h.example:8/x?y@z failed"),
        ("https://me:se@cret@h/x", "https://h/x"),
        ("https://token@h/a and ssh://git@h/b@c", "https://h/a and ssh://h/b@c"),
        ("https://h/x@sha256:00", "https://h/x@sha256:00"),
        ("git@h:x.git", "git@h:x.git"),
        ("docker://x@sha256:00", "docker://x@sha256:00"),
    ],
)
def test_addresses_are_shown_without_a_password(given, shown):
    assert without_userinfo(given) == shown and str(RegistryError(given)) == shown


@pytest.mark.parametrize(
    "data, said",
    [
        (b"[" * 100_000, "nested more than 64 levels deep"),
        (b'{"a":' * 5_000, "nested more than 64 levels deep"),
        (b'["' + b"[" * 100 + b'"', "not JSON"),
        (b'{"a": ' + b"1" * 10_000 + b"}", "a number of 10000 digits"),
        (b'{"a": NaN}', "NaN is no number"),
        (b'{"a": "\\ud800"}', "not text in UTF-8"),
        (b'{"a": "\xff"}', "not text in UTF-8"),
        (b"[1]", "not an object"),
        (b"[" + b"0," * 300_000 + b"0]", "more than 250000 values"),
        (b" " * (5 << 20), "larger than 4194304 bytes"),
        (b"", "not JSON"),
    ],
)
def test_what_is_no_acceptable_json(data, said):
    found = []

    def read():
        with pytest.raises(RegistryError) as caught:
            json_reader.load(data, "the manifest of web:1", error=RegistryError)
        found.append(str(caught.value))

    before = threading.stack_size(512 << 10)  # what a registry's threads have
    try:
        thread = threading.Thread(target=read)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    assert found and found[0].startswith("the manifest of web:1 is ") and said in found[0], found


def test_json_that_is_accepted():
    text = b'{"a": ["{{{{[[[[", "\\"[", "\\\\"], "n": -12, "f": 1.5, "x": "\\ud83d\\ude00"}'
    assert json_reader.load(text, "it") == {
        "a": ["{{{{[[[[", '"[', "\\"],
        "n": -12,
        "f": 1.5,
        "x": "\U0001f600",
    }
    assert json_reader.load(b'["' + b"[" * 5000 + b'"]', "it", kind=list)
    assert json_reader.load(b'{"a":1,"a":2}', "it") == {"a": 2}
    with pytest.raises(RegistryError, match="a stands twice"):
        json_reader.load(b'{"a":1,"a":2}', "it", error=RegistryError, once=True)


def test_only_regular_files_beneath_their_directory_are_opened(tmp_path):
    (tmp_path / "top" / "in").mkdir(parents=True)
    (tmp_path / "top" / "in" / "file").write_bytes(b"content")
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "top" / "link").symlink_to("../secret")
    (tmp_path / "top" / "out").symlink_to("..")
    (tmp_path / "top" / "zero").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "top" / "fifo")
    assert files.read("in/file", 7, beneath=tmp_path / "top") == b"content"
    for name, said in (
        ("link", "a symbolic link"),
        ("out/secret", "can't be opened"),
        ("../secret", "no path beneath"),
        ("zero", "a symbolic link"),
        ("fifo", "not a regular file"),
        ("in", "not a regular file"),
        ("gone", "no such file"),
        ("a\0b", "no file's name"),
    ):
        with pytest.raises(files.Unacceptable, match=said) as caught:
            files.read(name, 100, beneath=tmp_path / "top")
        assert caught.value.missing == (name == "gone")
    with pytest.raises(files.Unacceptable, match="larger than 6 bytes"):
        files.read("in/file", 6, beneath=tmp_path / "top")
    assert files.read(tmp_path / "top" / "link", 100, links=True) == b"secret"


def test_a_tree_of_any_depth_is_walked(tmp_path):
    depth = 1900
    fd = os.open(tmp_path, os.O_RDONLY)
    for _level in range(depth):
        os.mkdir("d" * 20, dir_fd=fd)
        os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=fd))
        below = os.open("d" * 20, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(fd)
    before = len(os.listdir("/proc/self/fd"))
    found = most = 0
    for entry in trees.walk(tmp_path):
        found += 1
        most = max(most, len(os.listdir("/proc/self/fd")) if entry.depth % 100 == 0 else 0)
        assert os.stat(entry.name, dir_fd=entry.directory).st_ino == entry.status.st_ino
    assert found == 2 * depth and most < before + trees.OPEN + 5
    assert len(os.listdir("/proc/self/fd")) == before
    deepest = max((entry for entry in trees.walk(tmp_path)), key=lambda entry: entry.depth)
    assert deepest.depth == depth - 1
    assert [entry.name for entry in trees.walk(tmp_path, enter=lambda entry: False)] == [
        "d" * 20,
        "file",
    ]
    from pycontainer.store import tree_removal as removal

    removal.remove(str(tmp_path / ("d" * 20)))
