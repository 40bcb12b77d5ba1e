# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the command prints: its result, and its log on the error stream and in the file of
``--log``, in the form that engines read.
"""

from __future__ import annotations

import os
import time

from ... import json_text
from ...errors import reason
from ...untrusted.text import printable
from .arguments import Usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LONGEST = 8000  # characters of a line


class Log:
    """Errors go to the error stream and the file; warnings, and with ``--debug`` what is being
    done, to the file where there is one.

    :ivar debugging: whether ``--debug`` is given.
    """

    def __init__(self) -> None:
        self.fd: int | None = None
        self.as_json = False
        self.debugging = False

    def open(self, options: dict[str, Any]) -> None:
        """Begin to log as the global options say.

        :raises Usage: a file that can't be written, a format that is none.
        """
        if options["log-format"] not in (None, "text", "json"):
            raise Usage(
                f"option --log-format: {options['log-format']!r} is not known; accepted: text, json"
            )
        self.as_json, self.debugging = options["log-format"] == "json", options["debug"]
        if options["log"]:
            try:
                self.fd = os.open(
                    options["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644
                )
            except OSError as error:
                why = reason(error, named=True)
                raise Usage(f"option --log: {options['log']}: {why}") from None

    def error(self, text: str, of_program: bool = False) -> None:
        """Log an error.

        :param of_program: execve(2) refused the program, the file being there: the words are those
            that its own process would say, as with runc.
        """
        text = printable(" ".join(text.split("\n")), LONGEST)
        if self.fd is not None:
            self._write("error", text)
        _say(f"{'' if of_program else 'pycontainer-oci: '}{text}\n")

    def warning(self, text: str) -> None:
        self._write("warning", printable(text, LONGEST))

    def debug(self, text: str) -> None:
        if self.debugging:
            self._write("debug", text)

    def _write(self, level: str, text: str) -> None:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        if self.as_json:
            line = json_text.dump({"level": level, "msg": text, "time": now})
        else:
            line = f"time={json_text.dump(now)} level={level} msg={json_text.dump(text)}"
        if self.fd is None:
            _say(line + "\n")
            return
        try:
            os.write(self.fd, os.fsencode(line + "\n"))
        except OSError:  # no room: what was to be done is done without it
            pass


def _say(text: str) -> None:
    try:
        os.write(2, os.fsencode(text))
    except OSError:  # nobody reads it
        pass


def write(text: str) -> None:
    """Print a result; what a caller that has gone does not read is lost."""
    data = os.fsencode(text)
    while data:
        try:
            data = data[os.write(1, data) :]
        except BrokenPipeError:
            return
