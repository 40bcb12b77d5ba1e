# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each test gave with each runtime: kept as JSON, printed as a table."""

from __future__ import annotations

import collections
import itertools
import json
import re

import sources

KINDS = ("runc", "crun", "ours")
PASSED = ("pass",)


class Results:
    """Results of one suite with one runtime: ``{"file:name": {"status", "seconds", "output"}}`` in a file."""

    def __init__(self, suite, kind):
        self.path = sources.CACHE / "results" / suite / (kind + ".json")
        self.tests = json.loads(self.path.read_text()) if self.path.exists() else {}

    def has(self, test):
        return ":".join(test) in self.tests

    def add(self, test, status, output, seconds):
        self.tests[":".join(test)] = {
            "status": status,
            "seconds": round(seconds, 2),
            "output": shortened(output),
        }
        self.save()

    def keep_only(self, tests):
        """Forget what there is no test of any more."""
        names = {":".join(test) for test in tests}
        self.tests = {
            name: result
            for name, result in self.tests.items()
            if ":".join(name.split(":")[:2]) in names or name in names
        }
        self.save()

    def save(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.path.with_suffix(".part")
        unfinished.write_text(json.dumps(self.tests, indent=1))
        unfinished.rename(self.path)

    def status(self, name):
        return self.tests.get(name, {}).get("status", "-")


def shortened(text, most=4000):
    """The beginning and the end of a long output, of lines that repeat only the first."""
    text = "\n".join(line for line, dummy in itertools.groupby(text.split("\n")))
    return text if len(text) <= 2 * most else f"{text[:most]}\n[...]\n{text[-most:]}"


def behind(statuses):
    """Whether ours lacks what a peer has: ``statuses`` of runc, crun, ours."""
    return statuses[2] not in (*PASSED, "-") and any(status in PASSED for status in statuses[:2])


def table(suites, only=None):
    """Print every test with its three results, and the counts. :returns: 1 when ours is behind in any test."""
    worse = []
    for suite in suites:
        results = [Results(suite, kind) for kind in KINDS]
        names = list(
            dict.fromkeys(
                name
                for result in results
                for name in result.tests
                if not only or re.search(only, name)
            )
        )
        if not names:
            continue
        width = min(max(map(len, names)), 90)
        print("\n%s\n%-*s  %s" % (suite, width, "test", "  ".join("%-7s" % kind for kind in KINDS)))
        for name in names:
            statuses = [result.status(name) for result in results]
            if name.count(":") > 1 and "fail" not in statuses and not behind(statuses):
                continue  # one assertion of many in a program of the validation suite
            mark = ""
            if behind(statuses):
                worse.append(f"{suite} {name}")
                mark = "  <-- behind"
            print(
                "%-*s  %s%s"
                % (width, name[:width], "  ".join("%-7s" % status for status in statuses), mark)
            )
        for kind, result in zip(KINDS, results):
            count = collections.Counter(result.status(name) for name in names)
            print(
                "%s: %s"
                % (
                    kind,
                    ", ".join(
                        "%d %s" % (number, status) for status, number in sorted(count.items())
                    ),
                )
            )
    if worse:
        print("\nours fails what runc or crun passes:\n  " + "\n  ".join(worse))
    return 1 if worse else 0
