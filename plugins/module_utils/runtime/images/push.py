# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pushing: an image's blobs and manifest, byte for byte as they came, so that its digest stays the same."""

from __future__ import annotations

from .. import progress
from . import manifest, records

ANSWERS = {"present": progress.THERE, "mounted": progress.MOUNTED, "pushed": progress.SENT}


class _StoredBlob:
    """A blob of the store as a request's body, read anew for every try."""

    def __init__(self, engine, digest, shown):
        self.engine, self.digest, self.size = engine, digest, engine.blobs.size(digest)
        self.item = engine.progress.item(digest.partition(":")[2][:12], self.size) if shown else progress.UNSEEN

    def pieces(self):
        self.item.phase(progress.SENDING)
        return self.item.counted(self._pieces())

    def _pieces(self):
        with self.engine.blobs.open(self.digest) as file:
            while True:
                piece = file.read(1 << 18)
                if not piece:
                    return
                yield piece


def push(engine, client, ident):
    """Send the image ``ident`` to the client's repository, under the reference's tag.

    Config and layers first, the manifest last: a registry never shows an image that is not whole.
    :returns: the manifest's digest there.
    """
    row = engine.db.one("SELECT * FROM images WHERE id = ?", ident)
    data = engine.blobs.read(row["manifest"])
    document = manifest.parse(data, records.name_of(engine, ident))
    mount_from = _elsewhere(engine, ident, client.reference)
    client.for_push([mount_from] if mount_from else [])
    engine.progress.subject("Pushing %s" % client.reference.familiar)
    config = document["config"]["digest"]
    digests = dict.fromkeys([item["digest"] for item in document["layers"]] + [config])
    for body in [_StoredBlob(engine, digest, digest != config) for digest in digests]:
        body.item.phase(ANSWERS[client.push_blob(body.digest, body, mount_from)])
    digest = client.put_manifest(client.reference.tag or row["manifest"], data, document["mediaType"])
    with engine.db.transaction() as connection:
        records.check_there(connection, ident)
        records.save(connection, ident, row["manifest"], row["size"], digests=[(client.reference.full_repository, digest)])
    return digest


def _elsewhere(engine, ident, reference):
    """Another repository of the same registry that is known to have the image: its blobs can be mounted instead of sent."""
    for row in engine.db.all("SELECT repository FROM digests WHERE image = ? ORDER BY repository", ident):
        registry, dummy, repository = row["repository"].partition("/")
        if registry == reference.registry and repository != reference.repository:
            return repository
    return None
