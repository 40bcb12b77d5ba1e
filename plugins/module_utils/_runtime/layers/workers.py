# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several jobs at once in forked processes: inflating, hashing and making files keep a processor busy each.

A worker dies with its task (PR_SET_PDEATHSIG), and the task takes away what a failed worker left.
"""

from __future__ import annotations

import json
import os
import selectors
import signal

from .. import errors
from ..images.library import garbage
from ..kernel.calls import fork

LIMIT = 4  # at most: a network's delays are hidden by then, and memory stays small


def processors():
    """How many processors there are for this process."""
    return len(os.sched_getaffinity(0))


def run(engine, jobs):
    """The results of all ``jobs``, in order.

    :param jobs: functions without arguments; results JSON-able. One job alone runs in this process.
    :raises: the first error of any; the others are ended then.
    """
    if len(jobs) < 2:
        return [job() for job in jobs]
    count = min(len(jobs), max(2, processors()), LIMIT)
    queue_read, queue_write = os.pipe()
    os.write(
        queue_write,
        bytes(range(len(jobs)))
        if len(jobs) <= 256
        else b"".join(number.to_bytes(2, "big") for number in range(len(jobs))),
    )
    os.close(queue_write)
    width = 1 if len(jobs) <= 256 else 2
    pool = {}
    try:
        for _number in range(count):
            pid, pipe = _start(engine, jobs, queue_read, width)
            pool[pid] = pipe
        return _gather(pool, len(jobs))
    finally:
        os.close(queue_read)
        _end(engine, pool)


def mark(engine, pid, parent):
    """The file that tells ``collect.sweep`` of a worker, which may live a moment longer than its task."""
    return os.path.join(engine.paths.tmp, "worker-%d-%d" % (pid, parent))


def _start(engine, jobs, queue, width):
    read, write = os.pipe()
    parent = os.getpid()

    def work():
        os.close(read)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.close(os.open(mark(engine, os.getpid(), parent), os.O_CREAT | os.O_WRONLY, 0o600))
        _work(jobs, queue, width, write)

    pid = fork.child(work, with_parent=True)
    os.close(write)
    return pid, read


def _work(jobs, queue, width, out):
    while True:
        taken = os.read(queue, width)
        if not taken:
            return
        number = int.from_bytes(taken, "big")
        try:
            answer = {"result": jobs[number]()}
        except OSError as error:
            answer = {
                "errno": error.errno,
                "text": error.strerror or errors.reason(error),
                "file": str(error.filename) if error.filename else None,
            }
        except errors.EngineError as error:
            answer = {"class": type(error).__name__, "text": str(error)}
        except BaseException as error:  # noqa: B902 - the parent raises it
            answer = {
                "class": "EngineError",
                "text": f"{type(error).__name__}: {errors.reason(error)}",
            }
        line = json.dumps(dict(answer, number=number)).encode() + b"\n"
        while line:
            line = line[os.write(out, line) :]
        if "result" not in answer:
            return


def _gather(pool, count):
    results, buffers = {}, {}
    with selectors.DefaultSelector() as selector:
        for pipe in pool.values():
            selector.register(pipe, selectors.EVENT_READ)
            buffers[pipe] = b""
        while selector.get_map():
            for key, _events in selector.select():
                data = os.read(key.fd, 1 << 16)
                if not data:
                    selector.unregister(key.fd)
                    continue
                *lines, buffers[key.fd] = (buffers[key.fd] + data).split(b"\n")
                for line in lines:
                    answer = json.loads(line)
                    results[answer["number"]] = _result(answer)
    if len(results) < count:
        raise errors.HostError("a process that unpacked a layer was killed")
    return [results[number] for number in range(count)]


def _result(answer):
    if "result" in answer:
        return answer["result"]
    if "errno" in answer:
        raise OSError(
            answer["errno"], answer["text"], *([answer["file"]] if answer["file"] else [])
        )
    known = getattr(errors, answer["class"])
    error = known.__new__(known)  # the sentence is complete; InvalidInput would build another one
    Exception.__init__(error, answer["text"])
    raise error


def _end(engine, pool):
    for pid, pipe in pool.items():
        os.close(pipe)
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        os.waitpid(pid, 0)
    left = tuple("%s-%d-" % (kind, pid) for kind in ("blob", "worker") for pid in pool)
    garbage.remove_left(
        engine,
        [
            os.path.join(engine.paths.tmp, name)
            for name in os.listdir(engine.paths.tmp)
            if name.startswith(left)
        ],
    )
