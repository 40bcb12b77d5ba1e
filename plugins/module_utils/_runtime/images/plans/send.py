# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Push an image's blobs and manifest, byte for byte as they came, so that its digest stays the
same.

Blobs are sent in several threads: sending waits for the network, and encryption lets other threads
run.
"""

from __future__ import annotations

import concurrent.futures
import hashlib
import threading

from ...errors import HostError, RegistryError
from ...progress import board
from ..client import foreign_layers, upload
from ..library import records
from ..model import manifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ...engine import Engine
    from ..model.reference import Reference

    Document = dict[str, Any]


AT_ONCE = 4
PIECE = 1 << 18  # bytes

ANSWERS = {"present": board.THERE, "mounted": board.MOUNTED, "pushed": board.SENT}


class StoredBlob:
    """A blob of the store as ``upload.Body``'s source.

    :param stop: a threading.Event: give up when it is set.
    """

    def __init__(
        self, engine: Engine, digest: str, stop: threading.Event, shown: bool = True
    ) -> None:
        self.engine, self.digest, self.size, self.stop = (
            engine,
            digest,
            engine.blobs.size(digest),
            stop,
        )
        self.item = (
            engine.progress.item(digest.partition(":")[2][:12], self.size)
            if shown
            else board.UNSEEN
        )

    def pieces(self, offset: int, count: int) -> Iterator[bytes]:
        self.item.phase(board.SENDING)
        return iter(self.item.counted(self._pieces(offset, count), at=offset))

    def _pieces(self, offset: int, count: int) -> Iterator[bytes]:
        with self.engine.blobs.open(self.digest) as file:
            file.seek(offset)
            while count:
                if self.stop.is_set():
                    raise HostError("another blob of the same image could not be sent")
                piece = file.read(min(PIECE, count))
                if not piece:
                    raise HostError(f"blob {self.digest} in the store is damaged: it is cut short")
                count -= len(piece)
                yield piece

    def check(self) -> None:
        """Check the content of the blob.

        :raises HostError: when it does not have the digest.
        """
        algorithm, dummy, encoded = self.digest.partition(":")
        found = hashlib.new(algorithm)
        for piece in self._pieces(0, self.size):
            found.update(piece)
        if found.hexdigest() != encoded:
            raise HostError(
                f"blob {self.digest} in the store is damaged: its content has another digest; "
                "pycontainer system check --repair mends it"
            )


def push(engine: Engine, client: Any, ident: str, name: str | None = None) -> str:
    """Send the image ``ident`` to the client's repository, under the reference's tag.

    Config and layers first, the manifest last: a registry never shows an incomplete image.

    :param name: the tag or digest to use in place of the reference's tag.
    :returns: the manifest's digest there.
    """
    row = records.row_of(engine, ident)
    data = engine.blobs.read(row["manifest"])
    document = manifest.parse(data, records.name_of(engine, ident))
    foreign_layers.refuse_push(document, records.name_of(engine, ident))
    mount_from = _elsewhere(engine, ident, client.reference)
    client.for_push([mount_from] if mount_from else [])
    engine.progress.subject(f"Pushing {client.reference.familiar}")
    _send_blobs(engine, client, document, mount_from)
    digest = client.put_manifest(
        name or client.reference.tag or row["manifest"], data, document["mediaType"]
    )
    with engine.db.transaction() as connection:
        records.check_there(connection, ident)
        records.name(connection, ident, digests=[(client.reference.full_repository, digest)])
    return digest


def _send_blobs(engine: Engine, client: Any, document: Document, mount_from: str | None) -> None:
    """Send what the registry lacks; the first error ends all."""
    stop = threading.Event()
    config = document["config"]["digest"]
    bodies = [
        StoredBlob(engine, digest, stop, digest != config)
        for digest in dict.fromkeys([item["digest"] for item in document["layers"]] + [config])
    ]
    first = (
        bodies.pop()
    )  # the config: small, and after it the token and the connection are there for the others
    try:
        _send(client, first, mount_from)
    except RegistryError as error:
        if not mount_from or not upload.is_refusal(error):
            raise
        # some token services give nothing to a user who may not have all of what is requested
        client.for_push()
        mount_from = None
        _send(client, first, None)
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        jobs = [pool.submit(_send, client, body, mount_from) for body in bodies]
        try:
            for job in concurrent.futures.as_completed(jobs):
                job.result()
        except BaseException:
            stop.set()
            for job in jobs:
                job.cancel()
            raise


def _send(client: Any, body: StoredBlob, mount_from: str | None) -> None:
    try:
        body.item.phase(ANSWERS[upload.push_blob(client, body.digest, body, mount_from)])
    except RegistryError:
        body.check()  # that says more, where it is the cause
        raise


def _elsewhere(engine: Engine, ident: str, reference: Reference) -> str | None:
    """Return another repository of the same registry that is known to have the image.

    Its blobs can be mounted instead of sent.
    """
    for row in engine.db.all(
        "SELECT repository FROM digests WHERE image = ? ORDER BY repository", ident
    ):
        registry, dummy, repository = row["repository"].partition("/")
        if registry == reference.registry and repository != reference.repository:
            return repository
    return None
