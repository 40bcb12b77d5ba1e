# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What podman's and docker's cases share: a command line that is run with a time limit, and looks at what came of it."""

from __future__ import annotations

import os
import subprocess
import sys
import time


class Done:
    """How a command ended."""

    def __init__(self, code, output):
        self.code, self.output = code, output

    def __repr__(self):
        return "exit code %d: %s" % (self.code, self.output)


class CommandLine:
    """An engine's command line. Every call prints itself, so that a failed case tells its story."""

    command = ()
    environment = {}

    def call(self, *words, code=0, stdin=None, timeout=60, terminal=False):
        """Run a command. :param code: what it must end with, or None. :returns: its output without the last newline"""
        command = [*self.command, *map(str, words)]
        print("$ " + " ".join(map(str, words)), flush=True)
        if terminal:
            command = ["script", "-qefc", subprocess.list2cmdline(command), "/dev/null"]
        done = subprocess.run(
            command,
            input=stdin,
            stdin=None if stdin is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
            env=dict(os.environ, **self.environment),
        )
        print(done.stdout.rstrip(), flush=True)
        if code is not None:
            assert done.returncode == code, "exit code %d, not %d" % (done.returncode, code)
        return done.stdout.rstrip("\r\n").replace("\r\n", "\n")

    def until(self, wanted, *words, seconds=15):
        """Call until ``wanted(output)``."""
        end = time.monotonic() + seconds
        while True:
            output = self.call(*words, code=None)
            if wanted(output):
                return output
            assert time.monotonic() < end, f"never came: {output!r}"
            time.sleep(0.2)


def collector():
    """A dictionary and the decorator that puts functions into it by their names."""
    found = {}

    def case(function):
        found[function.__name__] = function
        return function

    return found, case


def main(engine, cases):
    """Run the case that the command line names: SCRATCH RUNTIME NAME."""
    scratch, runtime, name = sys.argv[1:]
    return cases[name](engine(scratch, runtime)) or 0


def lines(output):
    """``Name:value`` lines of a /proc/PID/status as a dictionary."""
    return {
        key: value.strip()
        for key, colon, value in (line.partition(":") for line in output.splitlines())
        if colon
    }
