# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the command says of its work: on its error stream, and in the file of ``--log``, in the form that engines read there."""

from __future__ import annotations

import os
import time

from ... import json_text
from ...untrusted.text import printable
from .arguments import Usage

LONGEST = 8000  # characters of a line


class Log:
    """Errors go to the error stream and the file; warnings, and with ``--debug`` what is being done, to the file where there is one."""

    def __init__(self):
        self.fd, self.as_json, self.debugging = None, False, False

    def open(self, options):
        """:param options: the global ones. :raises Usage: a file that can't be written, a format that is none."""
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
                raise Usage(
                    f"option --log: {options['log']}: {os.strerror(error.errno).lower()}"
                ) from None

    def error(self, text, of_program=False):
        """:param of_program: execve(2) refused it, the file being there: the words are those that its own process would say, as with runc."""
        text = printable(" ".join(text.split("\n")), LONGEST)
        if self.fd is not None:
            self._write("error", text)
        _say(f"{'' if of_program else 'pycontainer-oci: '}{text}\n")

    def warning(self, text):
        self._write("warning", printable(text, LONGEST))

    def debug(self, text):
        if self.debugging:
            self._write("debug", text)

    def _write(self, level, text):
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


def _say(text):
    try:
        os.write(2, os.fsencode(text))
    except OSError:  # nobody reads it
        pass
