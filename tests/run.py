# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the suite: some pytest processes side by side, each with a few files, and one look for leaks around all of them.

    python tests/run.py [--workers N] DIRECTORY|FILE... [-- pytest's options]

Tests of the engine run in a network and a mount namespace of their own for each process, so that ports, links, nftables rules and mounts
of one are not another's. Those of hosts and sanity have this machine's network: they build their roots and environments from it.
A process is told its place by PYCONTAINER_TEST_WORKER (0, 1 ...), for what has one name on the machine.
"""

from __future__ import annotations

import argparse
import collections
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent
TESTS = CHECKOUT / "tests"
sys.path.insert(0, str(TESTS))

from support import leaks  # noqa: E402  # pylint: disable=wrong-import-position

WITH_NETWORK = ("sanity", "hosts")  # one file a process: they wait more than they work
LINES = 2400  # of test files that a process gets at most: some seconds to two minutes
SLOWEST = 20
APART = [
    "unshare",
    "--net",
    "--mount",
    "--propagation",
    "slave",
    "--",
    "sh",
    "-c",
    'ip link set lo up && exec "$@"',
    "sh",
]


class Job:
    """Files that one process runs.

    :ivar output: what pytest printed.
    :ivar cases: [(seconds, name, outcome, reason)].
    :ivar seconds, busy: how long it took, and how much of it a processor worked for it.
    """

    running: set[int] = set()  # the processes of all jobs

    def __init__(self, files):
        self.files = files
        self.lines = sum(len(file.read_bytes().splitlines()) for file in files)
        self.apart = files[0].relative_to(TESTS).parts[0] not in WITH_NETWORK
        self.output, self.returncode, self.cases = "", None, []
        self.seconds = self.busy = 0.0

    @property
    def name(self):
        names = [str(file.relative_to(CHECKOUT)) for file in self.files]
        return names[0] if len(names) == 1 else "%s and %d more" % (names[0], len(names) - 1)

    def run(self, worker, options):
        """Run pytest. :param worker: its number."""
        begin = time.monotonic()
        place = pathlib.Path(tempfile.mkdtemp(prefix="suite-"))
        try:
            place.chmod(0o755)  # some tests are other users
            report = place / "report.xml"
            # Files of its own: every pytest that starts shuts the directory that they have in common to other users.
            command = [
                sys.executable,
                "-m",
                "pytest",
                "--instafail",
                f"--basetemp={place / 't'}",
                f"--junitxml={report}",
                "-o",
                "junit_family=xunit1",
                *options,
                *map(str, self.files),
            ]
            if not self.apart:
                command += [
                    "-o",
                    "timeout=900",
                ]  # the first builds roots and machines for the others
            elif os.geteuid() == 0:
                command = APART + command + ["--leak-check=apart"]
            with open(place / "output", "w+b") as output:
                process = subprocess.Popen(
                    command,
                    cwd=CHECKOUT,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=dict(os.environ, PYCONTAINER_TEST_WORKER=str(worker)),
                )
                Job.running.add(process.pid)
                _pid, status, used = os.wait4(process.pid, 0)
                Job.running.discard(process.pid)
                process.returncode = self.returncode = os.waitstatus_to_exitcode(status)
                output.seek(0)
                self.output = output.read().decode("utf-8", "replace")
            self.seconds = time.monotonic() - begin
            self.busy = used.ru_utime + used.ru_stime
            if report.exists():
                self.cases = list(cases(report))
        finally:
            subprocess.run(["rm", "-rf", place], check=False)  # of any depth

    def counts(self):
        return collections.Counter(outcome for _seconds, _name, outcome, _reason in self.cases)


def cases(report):
    """The tests of a report in JUnit's form."""
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        outcome, reason = "passed", ""
        for child in case:
            if child.tag in ("failure", "error", "skipped"):
                outcome, reason = (
                    {"failure": "failed"}.get(child.tag, child.tag),
                    child.get("message") or "",
                )
        yield (
            float(case.get("time") or 0),
            f"{case.get('file')}::{case.get('name')}",
            outcome,
            reason,
        )


def jobs(places):
    """The jobs for directories and files, the longest first."""
    found, groups = [], collections.defaultdict(list)
    for place in places:
        path = pathlib.Path(place).resolve()
        for file in sorted(path.rglob("test_*.py")) if path.is_dir() else [path]:
            groups[file.parent].append(file)
    for directory, files in groups.items():
        alone = directory.relative_to(TESTS).parts[0] in WITH_NETWORK
        portion, size = [], 0
        for file in files:
            lines = len(file.read_bytes().splitlines())
            if portion and (alone or size + lines > LINES):
                found.append(Job(portion))
                portion, size = [], 0
            portion.append(file)
            size += lines
        found.append(Job(portion))
    return sorted(found, key=lambda job: -job.lines)


def summed(counts):
    return (
        ", ".join(
            "%d %s" % (counts[outcome], outcome)
            for outcome in ("failed", "error", "passed", "skipped")
            if counts[outcome]
        )
        or "nothing ran"
    )


def run(todo, workers, options):
    """Run jobs side by side, one line for each that is done, the whole output of those that fail.

    The first process does what waits more than it works (hosts, sanity), the others do the rest, until either is done.
    """
    waiting, lock, done = list(todo), threading.Lock(), []

    def work(worker):
        while True:
            with lock:
                if not waiting:
                    return
                job = next((job for job in waiting if job.apart == (worker > 0)), waiting[0])
                waiting.remove(job)
            job.run(worker, options)
            with lock:
                done.append(job)
                if job.returncode not in (0, 5):  # 5: nothing was selected
                    print(job.output, flush=True)
                print(
                    f"[{len(done)}/{len(todo)}] {job.seconds:4.0f} s, {job.busy:4.0f} busy  {job.name}: "
                    f"{summed(job.counts())}",
                    flush=True,
                )

    threads = [
        threading.Thread(target=work, args=(number,), daemon=True) for number in range(workers)
    ]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except BaseException:
        waiting.clear()
        for pid in list(Job.running):
            os.kill(pid, signal.SIGINT)  # pytest tidies up
        for thread in threads:
            thread.join()
        raise
    return done


def base_there():
    return any(os.path.isdir(os.path.join(top, "pycontainer")) for top in leaks.cgroup_mounts())


def remove_base():
    """The engine's own parent group goes too, unless it was there before."""
    for top in leaks.cgroup_mounts():
        for name in ("pycontainer/engine", "pycontainer"):
            try:
                os.rmdir(os.path.join(top, name))
            except OSError:
                continue


def report(done, begin):
    """Print what there is to know at the end."""
    slowest = sorted((case for job in done for case in job.cases), reverse=True)[:SLOWEST]
    print("\nslowest:")
    for seconds, name, _outcome, _reason in slowest:
        print(f"  {seconds:6.1f} s  {name}")
    reasons = collections.Counter(
        reason
        for job in done
        for _seconds, _name, outcome, reason in job.cases
        if outcome == "skipped"
    )
    if reasons:
        print("\nskipped:")
        for reason, count in reasons.most_common():
            print("  %4d  %s" % (count, reason))
    failed = [
        name
        for job in done
        for _seconds, name, outcome, _reason in job.cases
        if outcome in ("failed", "error")
    ]
    broken = [
        job.name
        for job in done
        if job.returncode not in (0, 5)
        and not any(case[2] in ("failed", "error") for case in job.cases)
    ]
    if failed or broken:
        print("\nfailed:")
        for name in failed + [f"{name}: pytest ended with an error of its own" for name in broken]:
            print(f"  {name}")
    counts = sum((job.counts() for job in done), collections.Counter())
    busy = sum(job.busy for job in done)
    print(f"\n{summed(counts)} in {time.monotonic() - begin:.0f} s; {busy:.0f} s of processors")


def main():
    own, dashes, options = sys.argv[1:], "--", []
    if dashes in own:
        options = own[own.index(dashes) + 1 :]
        own = own[: own.index(dashes)]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--workers",
        type=int,
        default=(os.cpu_count() or 1) + 1,
        help="processes side by side (default: one more than there are processors)",
    )
    parser.add_argument("places", nargs="+", metavar="DIRECTORY|FILE")
    given = parser.parse_args(own)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a shell's background job ignores it, and hands that on to all tests
    begin, before, there = time.monotonic(), leaks.snapshot(), base_there()
    done = run(jobs(given.places), given.workers, options)
    if not there:
        remove_base()
    left = leaks.since(before)
    report(done, begin)
    print(f"leaks: {len(left)}" if left else "no leaks")
    for line in left:
        print(f"  {line}")
    return int(bool(left) or any(job.returncode not in (0, 5) for job in done))


if __name__ == "__main__":
    sys.exit(main())
