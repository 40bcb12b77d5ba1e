# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the suite: some pytest processes side by side, each with a few files, and one look for leaks around all of them.

    python tests/run.py [--workers N] DIRECTORY|FILE... [-- pytest's options]

Tests of the engine run in a network and a mount namespace of their own for each process, so that ports, links, nftables rules and mounts
of one are not another's. Those of hosts and sanity have this machine's network: they build their roots and environments from it.
A process is told its place by PYCONTAINER_TEST_WORKER (0, 1 ...), for what has one name on the machine, and by PYCONTAINER_TEST_SHARED a
directory for what one makes for all of them.

What takes long begins first, by the times of the run before (`.cache/suite/times.json`), or by those of `tests/times.json` where there is none.
With `--keep-times` the times of this run become those of `tests/times.json`.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import typing
import xml.etree.ElementTree

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent
TESTS = CHECKOUT / "tests"
sys.path.insert(0, str(TESTS))

from support import leaks  # noqa: E402  # pylint: disable=wrong-import-position

WITH_NETWORK = ("sanity", "hosts")  # one file a process
TOGETHER = ("unit", "fuzz")  # of any directory: they need nothing that a directory has in common
PORTION = 90  # seconds that the files of one process take, where it is not one file
USUAL_TIMES = TESTS / "times.json"
LAST_TIMES = CHECKOUT / ".cache" / "suite" / "times.json"
LINES_A_SECOND = 30  # of a file that never ran
SLOWEST = 20
# $1: a file system's image, $2: what the process has in it as its own, then the command. The disk is ext4 with a journal, as on most hosts, for
# ext4 without one looks through all that was deleted in the last minutes whenever it makes a file. It goes with the process: nothing on it
# needs to last, so nothing waits for this machine's disk. Where there is none to be had, /var/tmp is this machine's.
APART = """
ip link set lo up
truncate --size 32G "$1"
mke2fs -q -F -t ext4 -O has_journal -E lazy_itable_init=1,lazy_journal_init=1,nodiscard -m 0 "$1" &&
    mount -o loop,nobarrier,discard "$1" /var/tmp && chmod 1777 /var/tmp
rm "$1"
mkdir --mode 755 "$2"
shift 2
exec "$@"
"""


class Job:
    """Files that one process runs.

    :ivar expected: seconds that it is going to take.
    :ivar output: what pytest printed.
    :ivar cases: what its tests did, see :class:`Case`.
    :ivar seconds, busy: how long it took, and how much of it a processor worked for it.
    """

    running: set[int] = set()  # the processes of all jobs

    def __init__(self, files, expected):
        self.files, self.expected = files, expected
        self.networked = files[0].relative_to(TESTS).parts[0] in WITH_NETWORK
        self.output, self.returncode, self.cases = "", None, []
        self.seconds = self.busy = 0.0

    @property
    def name(self):
        names = [str(file.relative_to(CHECKOUT)) for file in self.files]
        return names[0] if len(names) == 1 else "%s and %d more" % (names[0], len(names) - 1)

    def run(self, worker, shared, options):
        """Run pytest. :param worker: its number. :param shared: a directory that all jobs have in common."""
        begin = time.monotonic()
        place = pathlib.Path(tempfile.mkdtemp(prefix="suite-"))
        own = pathlib.Path("/var/tmp", place.name) if os.geteuid() == 0 else place
        try:
            place.chmod(0o755)  # some tests are other users
            report = place / "report.xml"
            # Files of its own: every pytest that starts shuts the directory that they have in common to other users.
            command = [
                sys.executable,
                "-m",
                "pytest",
                "--instafail",
                f"--basetemp={own / 't'}",
                f"--junitxml={report}",
                "-o",
                "junit_family=xunit1",
                *options,
                *map(str, self.files),
            ]
            if self.networked:
                command += ["-o", "timeout=900"]  # the first builds roots and machines for others
            if os.geteuid() == 0:
                command = [
                    "unshare",
                    *(["--mount"] if self.networked else ["--net", "--mount"]),
                    *("--propagation", "slave", "--", "sh", "-c", APART, "sh"),
                    str(shared / f"{place.name}.image"),
                    str(own),
                    *command,
                    "--leak-check=apart",
                ]
            with open(place / "output", "w+b") as output:
                process = subprocess.Popen(
                    command,
                    cwd=CHECKOUT,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=dict(
                        os.environ,
                        PYCONTAINER_TEST_WORKER=str(worker),
                        PYCONTAINER_TEST_SHARED=str(shared),
                        PYCONTAINER_TEST_FLEETS=str(own),
                    ),
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
            subprocess.run(["rm", "-rf", place, own], check=False)  # of any depth

    def counts(self):
        return collections.Counter(case.outcome for case in self.cases)


class Case(typing.NamedTuple):
    """What one test did. :ivar busy: how long processors worked for it and for the processes that it waited for."""

    seconds: float
    busy: float
    file: str  # from the checkout's top
    name: str
    outcome: str  # passed, failed, error, skipped
    reason: str


def cases(report):
    """The tests of a report in JUnit's form."""
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        outcome, reason, busy = "passed", "", 0.0
        for child in case.iter("property"):
            if child.get("name") == "busy":
                busy = float(child.get("value") or 0)
        for child in case:
            if child.tag in ("failure", "error", "skipped"):
                outcome, reason = (
                    {"failure": "failed"}.get(child.tag, child.tag),
                    child.get("message") or "",
                )
        file = case.get("file") or ""
        yield Case(
            float(case.get("time") or 0), busy, file, f"{file}::{case.get('name')}", outcome, reason
        )


def times():
    """``{file: seconds}`` that files took, as far as is known."""
    found = {}
    for place in (USUAL_TIMES, LAST_TIMES):
        if place.exists():
            found.update(json.loads(place.read_text()))
    return found


def keep_times(done, place):
    """Write down what each file took; what did not run has its time from before."""
    found = collections.Counter()
    for job in done:
        for case in job.cases:
            found[case.file] += case.seconds
    known = {**times(), **{file: round(seconds, 1) for file, seconds in found.items()}}
    place.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        f"{json.dumps(file)}: {seconds}"
        for file, seconds in sorted(known.items())
        if (CHECKOUT / file).exists()
    ]
    place.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def jobs(places):
    """The jobs for directories and files, the longest first."""
    found, groups, known = [], collections.defaultdict(list), times()
    for place in places:
        path = pathlib.Path(place).resolve()
        for file in sorted(path.rglob("test_*.py")) if path.is_dir() else [path]:
            part = file.relative_to(TESTS).parts[0]
            groups[part if part in TOGETHER else file.parent].append(file)
    for files in groups.values():
        alone = files[0].relative_to(TESTS).parts[0] in WITH_NETWORK
        portion, size = [], 0.0
        for file in files:
            seconds = known.get(str(file.relative_to(CHECKOUT)))
            if seconds is None:
                seconds = len(file.read_bytes().splitlines()) / LINES_A_SECOND
            if portion and (alone or size + seconds > PORTION):
                found.append(Job(portion, size))
                portion, size = [], 0.0
            portion.append(file)
            size += seconds
        found.append(Job(portion, size))
    return sorted(found, key=lambda job: -job.expected)


def summed(counts):
    return (
        ", ".join(
            "%d %s" % (counts[outcome], outcome)
            for outcome in ("failed", "error", "passed", "skipped")
            if counts[outcome]
        )
        or "nothing ran"
    )


def run(todo, workers, shared, options):
    """Run jobs side by side in their order, one line for each that is done, the whole output of those that fail."""
    waiting, lock, done = list(todo), threading.Lock(), []

    def work(worker):
        while True:
            with lock:
                if not waiting:
                    return
                job = waiting.pop(0)
            job.run(worker, shared, options)
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


def remove_base(patience=5.0):
    """The engine's own parent group goes too, unless it was there before, once its last process has ended."""
    end = time.monotonic() + patience
    while base_there() and time.monotonic() < end:
        for top in leaks.cgroup_mounts():
            for name in ("pycontainer/engine", "pycontainer"):
                with contextlib.suppress(OSError):
                    os.rmdir(os.path.join(top, name))
        time.sleep(0.05)


def report(done, begin):
    """Print what there is to know at the end."""
    every = [case for job in done for case in job.cases]
    print("\nslowest:")
    for case in sorted(every, reverse=True)[:SLOWEST]:
        print(f"  {case.seconds:6.1f} s, {case.busy:5.1f} busy  {case.name}")
    reasons = collections.Counter(case.reason for case in every if case.outcome == "skipped")
    if reasons:
        print("\nskipped:")
        for reason, count in reasons.most_common():
            print("  %4d  %s" % (count, reason))
    failed = [case.name for case in every if case.outcome in ("failed", "error")]
    broken = [
        job.name
        for job in done
        if job.returncode not in (0, 5)
        and not any(case.outcome in ("failed", "error") for case in job.cases)
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
        default=2 * (os.cpu_count() or 1),
        help="processes side by side (default: twice as many as there are processors)",
    )
    parser.add_argument(
        "--keep-times", action="store_true", help="write the times of this run to tests/times.json"
    )
    parser.add_argument("places", nargs="+", metavar="DIRECTORY|FILE")
    given = parser.parse_args(own)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a shell's background job ignores it, and hands that on to all tests
    begin, before, there = time.monotonic(), leaks.snapshot(), base_there()
    shared = pathlib.Path(tempfile.mkdtemp(prefix="suite-"))
    shared.chmod(0o755)  # some tests are other users
    try:
        done = run(jobs(given.places), given.workers, shared, options)
    finally:
        shutil.rmtree(shared, ignore_errors=True)
    if not options:  # else it may be some tests of a file alone
        keep_times(done, LAST_TIMES)
        if given.keep_times:
            keep_times(done, USUAL_TIMES)
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
