# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Directories that are nested deeper than the stack, the limit of open files and PATH_MAX allow: looked at, archived and removed like others."""

from __future__ import annotations

import os
import tarfile

import pytest

DEEP = 1900
NAME = "directory"  # so that the path is longer than PATH_MAX


def dig(top, name=NAME):
    """Nested directories with a file of 1000 bytes in the innermost."""
    fd = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
    for _number in range(DEEP):
        os.mkdir(name, dir_fd=fd)
        inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=fd)
        os.close(fd)
        fd = inner
    file = os.open("file", os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=fd)
    os.write(file, b"x" * 1000)
    os.close(file)
    os.close(fd)


@pytest.fixture
def deep(docker):
    docker("create", "--name", "deep", "--network", "none", "-v", "deep:/deep", "box:1")
    engine = docker.engine
    (ident,) = os.listdir(engine.paths.containers)
    dig(os.path.join(engine.paths.container(ident), "upper"))
    dig(os.path.join(engine.paths.volume("deep"), "_data"))
    return docker


def test_a_container_and_a_volume(deep, tmp_path):
    assert deep("ps", "-as", "--format", "{{.Size}}").startswith("1kB (virtual")
    assert '"SizeRw": 1000' in deep("inspect", "-s", "deep")
    deep("system", "df")
    deep("export", "-o", str(tmp_path / "deep.tar"), "deep")
    with tarfile.open(tmp_path / "deep.tar") as archive:
        found = max(archive, key=lambda member: member.name.count("/"))
    assert found.name == "./" + "/".join([NAME] * DEEP + ["file"]) and found.size == 1000
    assert "/" + "/".join([NAME] * DEEP + ["file"]) in deep("diff", "deep").replace("A ", "").split(
        "\n"
    )
    for words in (
        ("commit", "deep", "deep:1"),
        ("cp", "deep:/" + NAME, str(tmp_path)),
    ):  # no image and no copy has so many
        result = deep.task(*words)
        assert (
            result["rc"] == 1
            and "nested deeper than 250" in result["stderr"]
            and "\n" not in result["stderr"]
        ), result
    assert deep("system", "check") == "No damage found"
    deep("rm", "deep")
    deep("volume", "prune", "-af")
    assert deep("ps", "-aq") == deep("volume", "ls", "-q") == ""
    deep("container", "prune", "-f")


@pytest.mark.parametrize("name", ("d", NAME))
def test_a_build_cache(docker, name):
    top = os.path.join(docker.engine.paths.data, "build", "cache", "0" * 32)
    os.makedirs(os.path.join(top, "data"))
    with open(os.path.join(top, "id"), "w") as file:
        file.write("/cache x")
    dig(os.path.join(top, "data"), name)
    assert "reclaimed space: 1" in docker("builder", "prune", "-f")
    assert not os.path.exists(top)
