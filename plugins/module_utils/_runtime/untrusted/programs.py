# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run programs whose output nobody has promised anything about: bounded in size and time, one sentence for what is beyond."""

from __future__ import annotations

import os
import selectors
import subprocess
import time

from ..errors import EngineError, required

LARGEST = 1 << 20  # bytes of standard output, and of standard error
_PIECE = 1 << 16


class Excessive(EngineError):
    """A program has said more than is accepted, or did not end in time. It was killed."""


class Finished:
    """A program that has ended. ``code`` is its exit code, or the negative number of a signal."""

    __slots__ = ("code", "output", "errors")

    def __init__(self, code: int, output: bytes, errors: bytes) -> None:
        self.code, self.output, self.errors = code, output, errors

    @property
    def complaint(self) -> str:
        """What it says about its failure, in one short line: of its errors, or else of its output."""
        text = (self.errors.strip() or self.output.strip())[:_PIECE].decode("utf-8", "replace")
        return " ".join(text.split())[:300]


def run(
    command: list[str], given: bytes = b"", limit: int = LARGEST, seconds: float = 30
) -> Finished:
    """Run a program and return what it says.

    :param given: what it reads from standard input.
    :param limit: bytes that its standard output, and its standard error, may have.
    :param seconds: the time that it has.
    :raises Excessive: where it needs more of either; it is killed then.
    :raises OSError: where it can't be started.
    """
    name = os.path.basename(command[0])
    source = os.memfd_create("input", os.MFD_CLOEXEC)
    with os.fdopen(source, "w+b") as file:
        file.write(given)
        file.seek(0)
        process = subprocess.Popen(
            command, stdin=file, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
    with process:
        try:
            pipes = [
                required(pipe, f"a pipe of {name}").fileno()
                for pipe in (process.stdout, process.stderr)
            ]
            said = _read(name, pipes, limit, seconds)
            process.wait(1)  # it has closed both
        except subprocess.TimeoutExpired:
            process.kill()
            raise Excessive(f"{name} does not end") from None
        except BaseException:
            process.kill()
            raise
    return Finished(process.returncode, *said)


def _read(name: str, pipes: list[int], limit: int, seconds: float) -> list[bytes]:
    """Read pipes to their ends."""
    end = time.monotonic() + seconds
    said = {fd: bytearray() for fd in pipes}
    with selectors.DefaultSelector() as selector:
        for fd in pipes:
            selector.register(fd, selectors.EVENT_READ)
        while selector.get_map():
            left = end - time.monotonic()
            if left <= 0:
                raise Excessive(f"{name} does not end within {seconds:g} seconds")
            for key, _events in selector.select(left):
                piece = os.read(key.fd, _PIECE)
                said[key.fd] += piece
                if not piece:
                    selector.unregister(key.fd)
                elif len(said[key.fd]) > limit:
                    raise Excessive(f"{name} says more than {limit} bytes")
    return [bytes(said[fd]) for fd in pipes]
