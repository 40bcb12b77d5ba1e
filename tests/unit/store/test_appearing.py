# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file that appears when it is whole; what is no file stays what it is."""

from __future__ import annotations

import os
import stat
import threading

import pytest
from pycontainer.store import atomic_files


def test_a_file_is_there_whole_or_not_at_all(tmp_path):
    path = tmp_path / "file"
    with atomic_files.appearing(str(path)) as file:
        file.write(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new"
    with pytest.raises(RuntimeError), atomic_files.appearing(str(path)) as file:
        file.write(b"half")
        raise RuntimeError
    assert path.read_bytes() == b"new" and os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("by_link", [False, True])
def test_a_pipe_is_written_to_and_stays(tmp_path, by_link):
    pipe = path = tmp_path / "pipe"
    os.mkfifo(pipe)
    if by_link:
        path = tmp_path / "link"
        path.symlink_to(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    with atomic_files.appearing(str(path)) as file:
        file.write(b"all of it")
    reader.join()
    assert read == [b"all of it"]
    assert stat.S_ISFIFO(os.stat(path).st_mode) and path.is_symlink() == by_link


def test_a_device_stays(tmp_path):
    device = tmp_path / "null"
    try:
        os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        os.close(os.open(device, os.O_WRONLY))
    except OSError as error:
        pytest.skip(f"no device can be made here: {error.strerror}")
    with atomic_files.appearing(str(device)) as file:
        file.write(b"away")
    assert stat.S_ISCHR(os.stat(device).st_mode)
