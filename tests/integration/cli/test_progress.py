# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host's command shows while it pulls, pushes and builds: bars at a terminal, plain lines elsewhere, nothing with -q."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest
from pycontainer.deploy import install
from support import terminals

SERVER = pathlib.Path(__file__).resolve().parents[2] / "support" / "registries" / "slow_registry.py"


@pytest.fixture
def slow(docker, tmp_path):
    """``(image, gate)``: a registry's image whose layers come half, until the file ``gate`` is there."""
    gate = tmp_path / "gate"
    with subprocess.Popen(
        [sys.executable, str(SERVER), "127.0.0.1", "0", str(gate)],
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            yield f"127.0.0.1:{server.stdout.readline().split()[-1]}/slow:1", gate
        finally:
            server.kill()


def command(docker, *words):
    install.ensure(docker.engine)
    return install.command_line(docker.engine) + list(words)


def names(docker, image):
    """The short names of the image's layers."""
    row = docker.engine.db.one(
        "SELECT images.manifest FROM images JOIN tags ON tags.image = images.id WHERE reference = "
        "?",
        image,
    )
    from pycontainer.images.model import manifest

    return [
        layer["digest"][7:19]
        for layer in manifest.parse(docker.engine.blobs.read(row["manifest"]), image)["layers"]
    ]


def test_bars_at_a_terminal(docker, slow):
    image, gate = slow
    with terminals.Terminal(command(docker, "pull", image), columns=80, rows=24) as terminal:
        terminal.wait_for(
            lambda terminal: (
                sum(
                    ": Downloading [" in line and "]  524.3kB/1.055MB" in line
                    for line in terminal.lines()
                )
                >= 2
            )
        )
        assert terminal.lines()[0] == "Pulling " + image and all(
            len(line) == 79 for line in terminal.lines() if "[" in line
        )
        terminal.resize(45, 24)
        terminal.wait_for(
            lambda terminal: (
                sum(": Downloading  524.3kB/1.055MB" in line for line in terminal.lines()) >= 2
            )
        )
        gate.touch()
        assert terminal.end() == 0
    assert terminal.lines() == ["Pulling " + image] + [
        f"{name}: Pull complete" for name in names(docker, image)
    ] + [image]


def test_what_is_finished_scrolls_away(docker, slow):
    """In a terminal of three lines there is room for two layers."""
    image, gate = slow
    with terminals.Terminal(command(docker, "pull", image), columns=80, rows=3) as terminal:
        terminal.wait_for(lambda terminal: terminal.lines()[-1:] == ["2 more"])
        gate.touch()
        assert terminal.end() == 0
    assert terminal.lines() == ["Pulling " + image] + [
        f"{name}: Pull complete" for name in names(docker, image)
    ] + [image]


def test_an_interrupt_leaves_nothing(docker, slow):
    image, gate = slow
    with terminals.Terminal(command(docker, "pull", image)) as terminal:
        terminal.wait_for(lambda terminal: "524.3kB" in terminal.output)
        terminal.type("\x03")
        assert terminal.end() == 130
    assert "Downloading" in terminal.lines()[1] and docker("images", "-q") == docker(
        "images", "-q", "box"
    )
    gate.touch()
    assert image in docker("pull", image)


@pytest.mark.parametrize("quiet", [False, True])
def test_plain_lines_elsewhere(docker, slow, quiet):
    image, gate = slow
    gate.touch()
    code, output, errors = docker.on_host("pull", *["-q"][:quiet], image)
    assert (code, output) == (0, image + "\n")
    if quiet:
        assert errors == ""
    else:
        assert errors.splitlines()[0] == "Pulling " + image
        ends = [line for line in errors.splitlines() if line.endswith(": Pull complete")]
        assert sorted(ends) == sorted(f"{name}: Pull complete" for name in names(docker, image))
    assert docker.on_host("pull", image)[1:] == (image + "\n", "")  # there was nothing to do


def test_pushes_and_runs(docker, slow):
    image, gate = slow
    gate.touch()
    code, dummy, errors = docker.on_host("create", image, "x")
    assert code == 0 and errors.splitlines()[0] == "Pulling " + image
    with terminals.Terminal(command(docker, "push", image)) as terminal:
        assert terminal.end() == 0
    assert terminal.lines() == [image]  # it has it
    for name, end in (("slow:2", "Layer already exists"), ("other:1", "Pushed")):
        other = image.replace("slow:1", name)
        docker("tag", image, other)
        with terminals.Terminal(command(docker, "push", other)) as terminal:
            assert terminal.end() == 0
        assert terminal.lines() == ["Pushing " + other] + [
            f"{layer}: {end}" for layer in names(docker, image)
        ] + [other]


def test_a_build_at_a_terminal(docker, tmp_path):
    (tmp_path / "Containerfile").write_text("FROM box:1\nRUN echo one; echo two\nENV A=b\n")
    with terminals.Terminal(
        command(docker, "build", "-t", "built:1", "."), columns=80, cwd=tmp_path
    ) as terminal:
        assert terminal.end() == 0
    title, *steps, ident = terminal.lines()
    assert title == "Building built:1" and ident.startswith("sha256:") and len(steps) == 3
    assert (
        steps[1].startswith(" => [2/3] RUN echo one; echo two ")
        and steps[1].endswith("s")
        and len(steps[1]) == 79
    )
    with terminals.Terminal(
        command(docker, "build", "--no-cache", "--progress", "plain", "."), columns=80, cwd=tmp_path
    ) as terminal:
        assert terminal.end() == 0
    assert "#2 [2/3] RUN echo one; echo two" in terminal.lines()
    assert "needs a terminal" in docker.on_host("build", "--progress", "tty", str(tmp_path))[2]
