# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Produce the next pieces of a stream in a thread while the caller handles the ones before.

zlib, hashlib and system calls release the interpreter's lock. So inflating a layer and writing its
files use two processors.
"""

from __future__ import annotations

import contextlib
import queue
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Optional

    Waiting = queue.Queue[tuple[Optional[bytes], Optional[BaseException]]]

DEPTH = 2  # pieces that wait at most: memory is a few times their size
PATIENCE = 1  # seconds for a thread whose pieces are not wanted any more; it may wait for a network


@contextlib.contextmanager
def ahead(chunks: Iterable[bytes]) -> Iterator[Iterator[bytes]]:
    """Yield an iterator over the pieces of ``chunks``, in order. The thread ends with the block.

    An exception of ``chunks`` is raised in the reader.
    """
    waiting: Waiting = queue.Queue(DEPTH)
    ending = threading.Event()

    def work() -> None:
        try:
            for chunk in chunks:
                waiting.put((chunk, None))
                if ending.is_set():
                    return
            waiting.put((None, None))
        except BaseException as error:  # noqa: B902 - raised where the pieces are read
            waiting.put((None, error))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield _taken(waiting)
    finally:
        ending.set()
        with contextlib.suppress(queue.Empty):
            while True:
                waiting.get_nowait()
        thread.join(PATIENCE)


def _taken(waiting: Waiting) -> Iterator[bytes]:
    while True:
        chunk, error = waiting.get()
        if error is not None:
            raise error
        if chunk is None:
            return
        yield chunk
