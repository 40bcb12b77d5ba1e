# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run several jobs at once in forked processes: inflating, hashing and creating files each keep a
processor busy.

A worker dies with its task (PR_SET_PDEATHSIG). The task removes what a failed worker left.
"""

from __future__ import annotations

import json
import os
import selectors
import signal

from .. import errors
from ..kernel.calls import fork

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Job = Callable[[], Any]

LIMIT = 4  # at most: a network's delays are hidden by then, and memory stays small
WIDTH = 4  # bytes of a job's number in the queue
READ = 1 << 16  # bytes of answers that are read at once


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0))


def run(jobs: Sequence[Job], directory: str, remove: Callable[[list[str]], object]) -> list[Any]:
    """Return the results of all ``jobs``, in order. A single job runs in this process.

    :param jobs: functions whose results are JSON-able.
    :param directory: holds the workers' marks; what they create there is called KIND-PID-...
    :param remove: called at the end with the paths that workers left in ``directory``.
    :raises: the first error of any job; the other workers are ended then.
    """
    if len(jobs) < 2:
        return [job() for job in jobs]
    count = min(len(jobs), max(2, processors()), LIMIT)
    queue_read, queue_write = os.pipe()
    os.write(queue_write, b"".join(number.to_bytes(WIDTH, "big") for number in range(len(jobs))))
    os.close(queue_write)
    pool: dict[int, int] = {}  # a worker's pid -> the pipe of its answers
    try:
        for _number in range(count):
            pid, pipe = _start(jobs, queue_read, directory)
            pool[pid] = pipe
        return _gather(list(pool.values()), len(jobs))
    finally:
        os.close(queue_read)
        _end(pool, directory, remove)


def _mark(directory: str, pid: int, parent: int) -> str:
    """Return the file that marks a worker, which may live a moment longer than its task."""
    return os.path.join(directory, f"worker-{pid}-{parent}")


def _start(jobs: Sequence[Job], queue: int, directory: str) -> tuple[int, int]:
    """Fork a worker.

    :returns: its pid, and the pipe of its answers.
    """
    read, write = os.pipe()
    parent = os.getpid()

    def work() -> None:
        os.close(read)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        mark = _mark(directory, os.getpid(), parent)
        os.close(os.open(mark, os.O_CREAT | os.O_WRONLY, 0o600))
        _work(jobs, queue, write)

    pid = fork.child(work, with_parent=True)
    os.close(write)
    return pid, read


def _work(jobs: Sequence[Job], queue: int, out: int) -> None:
    """Do jobs from the queue until it is empty or one fails. An answer is a line of JSON."""
    while True:
        taken = os.read(queue, WIDTH)
        if not taken:
            return
        number = int.from_bytes(taken, "big")
        answer = _answer(jobs[number])
        line = json.dumps({**answer, "number": number}).encode() + b"\n"
        while line:
            line = line[os.write(out, line) :]
        if "result" not in answer:
            return


def _answer(job: Job) -> dict[str, Any]:
    try:
        return {"result": job()}
    except OSError as error:
        return {
            "errno": error.errno,
            "text": errors.reason(error, named=True),
            "file": str(error.filename) if error.filename else None,
        }
    except errors.EngineError as error:
        return {"class": type(error).__name__, "text": str(error)}
    except BaseException as error:  # noqa: B902 - the parent raises it
        text = f"{type(error).__name__}: {errors.reason(error)}"
        return {"class": "EngineError", "text": text}


def _gather(pipes: Sequence[int], count: int) -> list[Any]:
    """Read the answers of all workers.

    :raises HostError: when one was killed.
    """
    results: dict[int, Any] = {}
    parts: dict[int, list[bytes]] = {pipe: [] for pipe in pipes}  # of an answer that is not whole
    with selectors.DefaultSelector() as selector:
        for pipe in pipes:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            for key, _events in selector.select():
                data = os.read(key.fd, READ)
                if not data:
                    selector.unregister(key.fd)
                    continue
                first, *more = data.split(b"\n")
                parts[key.fd].append(first)
                for start in more:
                    answer = json.loads(b"".join(parts[key.fd]))
                    parts[key.fd] = [start]
                    results[answer["number"]] = _result(answer)
    if len(results) < count:
        raise errors.HostError("a process that unpacked a layer was killed")
    return [results[number] for number in range(count)]


def _result(answer: dict[str, Any]) -> Any:
    if "result" in answer:
        return answer["result"]
    if "errno" in answer:
        filename = [answer["file"]] if answer["file"] else []
        raise OSError(answer["errno"], answer["text"], *filename)
    known: type[errors.EngineError] = getattr(errors, answer["class"])
    error = known.__new__(known)  # the sentence is complete; InvalidInput would build another one
    Exception.__init__(error, answer["text"])
    raise error


def _end(pool: dict[int, int], directory: str, remove: Callable[[list[str]], object]) -> None:
    """End the workers that still live, and remove what they left."""
    for pid, pipe in pool.items():
        os.close(pipe)
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        os.waitpid(pid, 0)
    left = tuple(f"{kind}-{pid}-" for kind in ("blob", "worker") for pid in pool)
    names = [name for name in os.listdir(directory) if name.startswith(left)]
    remove([os.path.join(directory, name) for name in names])
