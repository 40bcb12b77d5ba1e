# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``checkpoint``'s and ``restore``'s options: what is wrong with them is said first; where CRIU is not there, both are refused, nothing being made."""

from __future__ import annotations

import os

import pytest
from pycontainer.errors import EngineError, InvalidInput, Unsupported
from pycontainer.oci.checkpoint import criu, criu_dump
from pycontainer.oci.command import main
from pycontainer.oci.command.commands import checkpoint, restore


def call(root, *words):
    made = main.parse(list(words))
    made.options["root"] = str(root)
    return made


@pytest.mark.parametrize(
    "options, names",
    [
        (["--manage-cgroups-mode", "props"], "--manage-cgroups-mode.*ignore, soft, full, strict"),
        (["--empty-ns", "network", "--empty-ns", "uts"], "--empty-ns.*'uts'.*network"),
    ],
)
def test_values(tmp_path, options, names):
    with pytest.raises(InvalidInput, match=names):
        restore.restore(call(tmp_path, "restore", *options, "c1"), None)


def test_no_images(tmp_path):
    with pytest.raises(InvalidInput, match="--image-path.*checkpoint has written"):
        restore.restore(
            call(tmp_path / "root", "restore", "--image-path", str(tmp_path), "c1"), None
        )


def test_no_criu(tmp_path):
    (tmp_path / "inventory.img").touch()
    words = [
        "--criu",
        str(tmp_path / "none"),
        "restore",
        "--image-path",
        str(tmp_path),
        "--work-path",
        str(tmp_path / "work"),
        "-d",
        "c1",
    ]
    with pytest.raises(
        Unsupported, match=f"CRIU is not installed: there is no program {tmp_path / 'none'}"
    ):
        restore.restore(call(tmp_path / "root", *words), None)
    assert os.listdir(tmp_path) == ["inventory.img"]


def test_criu_that_does_not_work(tmp_path):
    (tmp_path / "inventory.img").touch()
    with pytest.raises(
        Unsupported, match="CRIU at /bin/false does not work with this kernel.*by its own check$"
    ):
        restore.restore(
            call(
                tmp_path / "root",
                "--criu",
                "/bin/false",
                "restore",
                "--image-path",
                str(tmp_path),
                "-d",
                "c1",
            ),
            None,
        )
    assert os.listdir(tmp_path) == ["inventory.img"]


@pytest.mark.parametrize("text", ["host", ":80", "host:", "host:x", "host:0", "host:65536"])
def test_page_server(text):
    with pytest.raises(InvalidInput, match="--page-server.*ADDRESS:PORT"):
        checkpoint._page_server(text)


def test_good_page_server():
    assert checkpoint._page_server("127.0.0.1:27277") == {"address": "127.0.0.1", "port": 27277}
    assert checkpoint._page_server("[::1]:27277") == {"address": "::1", "port": 27277}


def test_parent(tmp_path):
    (tmp_path / "earlier").mkdir()
    images = str(tmp_path / "images")
    (tmp_path / "images").mkdir()
    assert checkpoint._parent(images, "../earlier") == "../earlier"
    assert checkpoint._parent(str(tmp_path / "to-be-made"), "../earlier") == "../earlier"
    with pytest.raises(InvalidInput, match="--parent-path.*relative"):
        checkpoint._parent(images, str(tmp_path / "earlier"))
    with pytest.raises(InvalidInput, match="--parent-path.*a directory"):
        checkpoint._parent(images, "earlier")


def test_status_descriptor():
    reading, writing = os.pipe()
    try:
        with pytest.raises(InvalidInput, match="--status-fd"):
            checkpoint._status(reading)
        with pytest.raises(InvalidInput, match="--status-fd"):
            checkpoint._status(9999)
        checkpoint._status(writing)(1, [])  # closes it
        assert os.read(reading, 10) == b"\0"
        assert os.read(reading, 10) == b""
    finally:
        os.close(reading)


def test_errors_of_a_log(tmp_path):
    (tmp_path / "dump.log").write_text(
        "(00.1) Warn  (a.c:1): no\n(00.2) Error (b.c:2): first\n(00.3)     12: Error (c.c:3): "
        "second\n"
        "(00.4) Error (d.c:4): third\n(00.5) Error (criu/util.c:1534): rlimit: Can't setup "
        "RLIMIT_NOFILE for self\n"
    )
    assert (
        criu.errors(str(tmp_path), "dump.log") == "Error (b.c:2): first; 12: Error (c.c:3): second"
    )
    assert criu.errors(str(tmp_path), "none") == ""


def test_configuration_file():
    class Document:
        annotations = {}

    assert criu_dump.config_file(Document) == "/etc/criu/runc.conf"
    Document.annotations = {"org.criu.config": "/x"}
    assert criu_dump.config_file(Document) == "/x"
    Document.annotations = {"org.criu.config": ""}
    assert criu_dump.config_file(Document) is None


def test_files_of_images(tmp_path):
    """Images may come from elsewhere: their files are bounded, regular, and have the form that checkpoint gives them."""
    images = str(tmp_path)
    assert criu_dump.read(images, criu_dump.RECORD) is None
    for name, value in (
        (criu_dump.STREAMS, ["/dev/null", "pipe:[1]", ""]),
        (criu_dump.RECORD, {"mounts": ["/x"], "files": [["file[1:2]", 1]]}),
    ):
        criu_dump.write(images, name, value)
        assert criu_dump.read(images, name) == value
    for name, text in (
        (criu_dump.STREAMS, "[1]"),
        (criu_dump.STREAMS, '["a", "b", "c", "d"]'),
        (criu_dump.STREAMS, "{}"),
        (criu_dump.RECORD, "[]"),
        (criu_dump.RECORD, '{"mounts": []}'),
        (criu_dump.RECORD, '{"mounts": [], "files": [["x", 9]]}'),
        (criu_dump.RECORD, "[" * 100000),
        (criu_dump.RECORD, '{"mounts": %s, "files": []}' % ("9" * 5000)),
        (criu_dump.STREAMS, "no"),
        (criu_dump.STREAMS, ""),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(EngineError, match=f"{name}.* is "):
            criu_dump.read(images, name)
    (tmp_path / criu_dump.RECORD).unlink()
    os.mkfifo(tmp_path / criu_dump.RECORD)
    with pytest.raises(EngineError, match="is not a regular file"):
        criu_dump.read(images, criu_dump.RECORD)
