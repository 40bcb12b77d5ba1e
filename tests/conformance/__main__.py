# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Suites that others wrote for an OCI runtime, and the engines that use one, run with ours and with Debian's runc and crun beside it.

Ends with 1 when ours fails a test that runc or crun passes. Results are kept in .cache/conformance/results; docs/conformance.md says more.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import signal
import sys
import time

import isolation
import report
import sources
from runtimes import Runtime, ours

SUITES = {
    "crun": "crun_suite",
    "podman": "podman_suite",
    "docker": "docker_suite",
    "runc": "runc_suite",
    "validation": "validation_suite",
}


def arguments():
    parser = argparse.ArgumentParser(prog="tests/conformance", description=__doc__)
    parser.add_argument(
        "suites", nargs="*", metavar="SUITE", help=f"{', '.join(SUITES)}; all when none is named"
    )
    parser.add_argument(
        "--runtime",
        action="append",
        choices=["runc", "crun", "ours"],
        help="run only these; the others' results are those kept",
    )
    parser.add_argument("--path", help="the executable to test in place of this checkout's")
    parser.add_argument(
        "--only", metavar="REGEX", help="only tests whose file and name, joined by a colon, match"
    )
    parser.add_argument(
        "--again", action="store_true", help="run runc and crun also where their results are kept"
    )
    parser.add_argument(
        "--failed", action="store_true", help="only tests that did not pass when they last ran"
    )
    parser.add_argument("--table", action="store_true", help="print what is kept, run nothing")
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="print what failed tests wrote"
    )
    options = parser.parse_args()
    unknown = set(options.suites) - set(SUITES)
    if unknown:
        parser.error(f"no such suite: {', '.join(sorted(unknown))}; there are {', '.join(SUITES)}")
    return options


def runtimes(options):
    names = options.runtime or ["runc", "crun", "ours"]
    found = []
    for name in names:
        path = (
            (options.path or ours())
            if name == "ours"
            else shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
        )
        if path:
            found.append(Runtime(name, str(path)))
        else:
            print(f"{name} is not installed: no results of it", file=sys.stderr)
    return found


def prepared(name):
    """The suite, its sources fetched and its helpers built; None, said once, where it can't be had."""
    try:
        return __import__(SUITES[name]).Suite()
    except sources.Unavailable as error:
        if not isolation.inside():
            print(f"{name}: not available here: {error}", file=sys.stderr)
        return None


def run_suite(name, options):
    """Run one suite with each runtime that is wanted, writing each test's result at once."""
    suite = prepared(name)
    if suite is None:
        return
    try:
        run_tests(name, suite, options)
    finally:
        suite.close()


def run_tests(name, suite, options):
    tests = suite.tests()
    chosen = [test for test in tests if not options.only or re.search(options.only, ":".join(test))]
    for runtime in runtimes(options):
        kept = report.Results(name, runtime.kind)
        todo = [
            test
            for test in chosen
            if runtime.kind == "ours" or options.again or options.runtime or not kept.has(test)
        ]
        if options.failed:
            todo = [test for test in todo if kept.status(":".join(test)) in ("fail", "timeout")]
        with (
            isolation.no_controllers_on_v2() if runtime.kind == "crun" else contextlib.nullcontext()
        ):
            for number, test in enumerate(todo, 1):
                begin = time.monotonic()
                status, output = suite.run(test, runtime)
                kept.add(test, status, output, time.monotonic() - begin)
                for text, part in getattr(suite, "parts", lambda output: {})(output).items():
                    kept.add((*test, text), part, "", 0)
                if status in ("fail", "timeout") or options.verbose:
                    print(
                        "%s %s %d/%d %s: %s"
                        % (name, runtime.kind, number, len(todo), ":".join(test), status),
                        flush=True,
                    )
                    if options.verbose and status != "pass":
                        print("    " + "\n    ".join(output.strip().splitlines()[-60:]), flush=True)
        kept.keep_only(tests)
        suite.close()  # an engine with this runtime, before what the next one is shown of the host is mounted


def main():
    options = arguments()
    names = options.suites or list(SUITES)
    if not options.table:
        if os.geteuid():
            sys.exit("conformance tests need root")
        if not isolation.inside():  # there the archive can't be reached
            for name in names:
                prepared(name)
        isolation.enter()
        signal.signal(signal.SIGTERM, lambda *dummy: sys.exit("terminated"))
        for name in names:
            run_suite(name, options)
    return report.table(names, options.only)


if __name__ == "__main__":
    sys.exit(main())
