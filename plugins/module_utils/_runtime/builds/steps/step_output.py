# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show a step's output line by line, and keep the end of it for the error when the step fails."""

from __future__ import annotations

from ...errors import EngineError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .build_progress import Progress


TAIL = 20  # lines of a failed step's output that its error shows


class StepFailed(EngineError):
    """A step failed.

    ``line``: of the Containerfile; ``exit_code``: None where it was not started; ``logs``: the last
    lines of its output.
    """

    lines = True

    def __init__(
        self, message: str, line: int, exit_code: int | None = None, logs: str = ""
    ) -> None:
        super().__init__(message)
        self.line, self.exit_code, self.logs = line, exit_code, logs


class Output:
    """A command's output: shown line by line, the last lines kept."""

    rest: bytes
    lines: list[str]

    def __init__(self, progress: Progress) -> None:
        self.progress, self.rest, self.lines = progress, b"", []

    def take(self, piece: bytes) -> None:
        *whole, self.rest = (self.rest + piece).split(b"\n")
        if len(self.rest) > 1 << 16:
            whole, self.rest = whole + [self.rest], b""
        for line in whole:
            self._line(line)

    def end(self) -> None:
        """Show what came after the last line feed."""
        if self.rest:
            self._line(self.rest)
            self.rest = b""

    def _line(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace").rstrip("\r")
        self.lines = (self.lines + [text])[-TAIL:]
        self.progress.output(text)

    def tail(self) -> str:
        return "\n".join(self.lines)
