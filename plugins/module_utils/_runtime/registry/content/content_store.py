# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Store a registry's content: content-addressed files below one directory, each of which appears
only whole.

  registry.json                                  marks such a directory; locked by its server
  blobs/<algorithm>/<2 digits>/<hex>             every blob once
  repositories/<name>/_blobs/<algorithm>/<hex>   a hard link: this repository has the blob
  repositories/<name>/_manifests/<algorithm>/<hex> and <hex>.json
                                                 a manifest, and what is known of it
  repositories/<name>/_tags/<tag>                a text file with a digest
  repositories/<name>/_referrers/<algorithm>/<hex of the subject>/<algorithm>-<hex>
                                                 a descriptor, as JSON
  uploads/ tmp/                                  incomplete content; emptied when a server starts

A component of a repository's name can't begin with an underscore, so the names don't clash. A
repository's blobs are hard links, so the blob's link count tells whether another repository uses
it. A blob that no manifest of a repository names is removed from it in time (collect.py). Files are
synced before they get their name, and a name before it is confirmed to a client.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import threading
import time
import uuid

from ...errors import Conflict, HostError, InvalidInput
from ...store.atomic_files import sync_directory
from ...untrusted import json_reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, BinaryIO, TypedDict

    class Known(TypedDict):
        """What is known of a manifest: a file beside it."""

        media_type: str
        subject: str | None  # a digest

    from .manifests import Manifest


MARK = {"pycontainer": "registry", "version": 1}
PARTS = ("blobs", "repositories", "uploads", "tmp")


def inspect(root: str) -> bool:
    """Tell whether the directory ``root`` holds a registry's content. An empty or missing one does
    not.

    :raises InvalidInput: where it holds something else, which would be mixed up with a registry's
        content.
    """
    try:
        with open(os.path.join(root, "registry.json"), "rb") as file:
            data = file.read(1 << 10)
            mark = (
                json_reader.load(data, "registry.json", kind=None, error=ValueError)
                if data
                else None
            )
    except FileNotFoundError:
        mark = None
    except (NotADirectoryError, ValueError):
        raise InvalidInput(
            "path", root, "a directory that is empty, not there yet, or holds a registry's content"
        ) from None
    if mark is not None:
        if mark != MARK:
            raise InvalidInput("path", root, f"a registry's content of version {MARK['version']}")
        return True
    with contextlib.suppress(FileNotFoundError):
        if set(os.listdir(root)) - {"registry.json", "lost+found"}:
            raise InvalidInput(
                "path",
                root,
                "a directory that is empty, not there yet, or holds a registry's content",
            )
    return False


def erase(root: str) -> None:
    """Remove a registry's content, and the directory where it is empty then. No server may be using
    it.
    """
    if not inspect(root):
        return
    for part in PARTS:
        shutil.rmtree(os.path.join(root, part), ignore_errors=True)
    for part in PARTS:
        if os.path.lexists(os.path.join(root, part)):
            raise HostError(
                f"the registry's content in {os.path.join(root, part)} could not be removed"
            )
    os.unlink(
        os.path.join(root, "registry.json")
    )  # last: as long as it is there, the rest may be removed
    with contextlib.suppress(OSError):
        os.rmdir(root)


class Storage:
    """One registry's content, opened by the one server that uses it.

    :raises InvalidInput: where ``root`` holds something else.
    :raises Conflict: where another server uses it.
    """

    def __init__(self, root: str) -> None:
        self.root = os.path.abspath(root)
        marked = inspect(self.root)
        self._make(self.root)
        self._lock_fd: int | None = os.open(
            os.path.join(self.root, "registry.json"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        try:
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock_fd)
            raise Conflict(
                f"the registry's content in {self.root} is already served by another process"
            ) from None
        if not marked:  # before anything else is in the directory
            self._write(os.open(self.path("registry.json"), os.O_WRONLY), json.dumps(MARK).encode())
            sync_directory(self.root)
        for part in ("uploads", "tmp"):
            shutil.rmtree(self.path(part), ignore_errors=True)
        for part in PARTS:
            self._make(self.path(part))
        self._guard = threading.Lock()  # of what links and unlinks a blob, and of the next three; never held while data is synced
        self._opened = time.monotonic()
        # (repository, digest): when a blob was last sent or asked for
        self._asked: dict[tuple[str, str], float] = {}
        self._changed: set[str] | None = None  # repositories; None: all that there are

    def close(self) -> None:
        """Release the content for another server. It may be called twice."""
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None

    def path(self, *parts: str) -> str:
        return os.path.join(self.root, *parts)

    def repository(self, name: str, *parts: str) -> str:
        return os.path.join(self.root, "repositories", name, *parts)

    def temporary(self) -> str:
        """Return a new path in the storage; it is removed at the next start."""
        return self.path("tmp", uuid.uuid4().hex)

    # --- directories and files ---

    def _make(self, path: str) -> None:
        """Create a directory and its parents, durably."""
        if os.path.isdir(path):
            return
        parent = os.path.dirname(path)
        self._make(parent)
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, 0o700)
        sync_directory(parent)

    @staticmethod
    def _write(fd: int, data: bytes) -> None:
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            os.fsync(fd)
        finally:
            os.close(fd)

    def _place(self, path: str, data: bytes) -> None:
        """Put ``data`` at ``path`` atomically. The caller syncs the directory."""
        temporary = self.temporary()
        self._write(
            os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), data
        )
        self._make(os.path.dirname(path))
        os.rename(temporary, path)

    # --- blobs ---

    def _blob(self, digest: str) -> str:
        algorithm, dummy, encoded = digest.partition(":")
        return self.path("blobs", algorithm, encoded[:2], encoded)

    def _link(self, name: str, digest: str) -> str:
        return self.repository(name, "_blobs", *digest.split(":"))

    def has_blob(self, name: str, digest: str) -> bool:
        """Tell whether a repository has a blob. It then stays for a while, because clients ask
        before they name it in a manifest.
        """
        with self._guard:
            found = os.path.exists(self._link(name, digest))
            if found:
                self._asked[name, digest] = time.monotonic()
        return found

    def blobs(self, name: str) -> set[str]:
        """Return the digests of a repository's blobs."""
        return self._listed(self.repository(name, "_blobs"))

    @staticmethod
    def _listed(top: str) -> set[str]:
        found: set[str] = set()
        with contextlib.suppress(FileNotFoundError):
            for algorithm in os.listdir(top):
                found.update(
                    f"{algorithm}:{encoded}"
                    for encoded in os.listdir(os.path.join(top, algorithm))
                    if "." not in encoded
                )
        return found

    def open_blob(self, name: str, digest: str) -> BinaryIO | None:
        """Open a repository's blob; return None where it has none."""
        try:
            return open(self._link(name, digest), "rb", buffering=0)
        except FileNotFoundError:
            return None

    def adopt(self, path: str, name: str, digest: str) -> None:
        """Make the file ``path`` the blob ``digest`` of a repository. Its content has been verified
        and synced.

        The repository's link is made first and the common name last, so a crash never leaves
        content that no repository has.
        """
        link, blob = self._link(name, digest), self._blob(digest)
        for directory in (os.path.dirname(link), os.path.dirname(blob)):
            self._make(directory)
        with self._guard:
            known = self._share(blob, link)
            if not known:
                os.link(path, link)
                os.rename(path, blob)
            self._brought(name, digest)
        if known:
            os.unlink(path)
        for directory in (os.path.dirname(link), os.path.dirname(blob)):
            sync_directory(directory)

    def mount(self, name: str, digest: str, source: str | None = None) -> bool:
        """Give a repository a blob of another one: of ``source``, or of any. Return whether there
        was one.
        """
        origin = self._blob(digest) if source is None else self._link(source, digest)
        link = self._link(name, digest)
        if not os.path.exists(origin):
            return False
        self._make(os.path.dirname(link))
        with self._guard:
            if not self._share(origin, link):
                return False
            self._brought(name, digest)
        sync_directory(os.path.dirname(link))
        return True

    def _brought(self, name: str, digest: str) -> None:
        self._asked[name, digest] = time.monotonic()
        if self._changed is not None:
            self._changed.add(name)

    @staticmethod
    def _share(origin: str, link: str) -> bool:
        try:
            os.link(origin, link)
        except FileExistsError:
            pass
        except FileNotFoundError:
            return False
        return True

    def delete_blob(self, name: str, digest: str, idle: float = 0.0) -> bool:
        """Remove a blob from a repository, and its content where no other has it. Return whether it
        was there.

        :param idle: only where it was not sent or asked for in so many seconds.
        """
        link, blob = self._link(name, digest), self._blob(digest)
        with self._guard:
            if idle and time.monotonic() - self._asked.get((name, digest), self._opened) < idle:
                return False
            try:
                status = os.stat(link)
                if status.st_nlink <= 2:
                    with contextlib.suppress(FileNotFoundError):
                        if os.stat(blob).st_ino == status.st_ino:
                            os.unlink(blob)  # first, for the same reason as in adopt()
                os.unlink(link)
            except FileNotFoundError:
                return False
        sync_directory(os.path.dirname(link))
        return True

    # --- what collect.py has to search ---

    def changed(self, name: str) -> None:
        """Note that a repository may have blobs that no manifest names."""
        with self._guard:
            if self._changed is not None:
                self._changed.add(name)

    def take_changed(self) -> list[str]:
        """Return the repositories that changed since the last call; the first call returns all."""
        with self._guard:
            found, self._changed = self._changed, set()
        return self.repositories() if found is None else sorted(found)

    def forget_asked(self, seconds: float) -> None:
        """Forget requests for blobs that are older than this."""
        limit = time.monotonic() - seconds
        with self._guard:
            self._asked = {key: when for key, when in self._asked.items() if when > limit}

    # --- manifests ---

    def manifests(self, name: str) -> set[str]:
        """Return the digests of a repository's manifests."""
        return self._listed(self.repository(name, "_manifests"))

    def _manifest(self, name: str, digest: str) -> str:
        return self.repository(name, "_manifests", *digest.split(":"))

    def _referrer(self, name: str, subject: str, digest: str) -> str:
        return self.repository(name, "_referrers", *subject.split(":"), digest.replace(":", "-"))

    def has_manifest(self, name: str, digest: str) -> bool:
        return os.path.exists(self._manifest(name, digest))

    def open_manifest(self, name: str, digest: str) -> tuple[BinaryIO, Known] | None:
        """Open a manifest and return it with what is known of it; None where there is none."""
        path = self._manifest(name, digest)
        try:
            file = open(path, "rb", buffering=0)
        except FileNotFoundError:
            return None
        try:
            with open(path + ".json", "rb") as known:
                return file, json_reader.load(known.read(), f"what is known of {digest}")
        except FileNotFoundError:  # it is being deleted
            file.close()
            return None

    def put_manifest(
        self, name: str, digest: str, data: bytes, manifest: Manifest, tags: Iterable[str] = ()
    ) -> None:
        """Store a manifest, read as ``manifest`` from ``data``, then name it by ``tags``."""
        path = self._manifest(name, digest)
        if manifest.subject is not None:
            descriptor = {"mediaType": manifest.media_type, "digest": digest, "size": len(data)}
            if manifest.artifact_type:
                descriptor["artifactType"] = manifest.artifact_type
            if manifest.annotations:
                descriptor["annotations"] = manifest.annotations
            referrer = self._referrer(name, manifest.subject, digest)
            self._place(referrer, json.dumps(descriptor).encode())
            sync_directory(os.path.dirname(referrer))
        self._place(
            path + ".json",
            json.dumps({"media_type": manifest.media_type, "subject": manifest.subject}).encode(),
        )
        self._place(path, data)
        sync_directory(os.path.dirname(path))
        for tag in tags:
            self.put_tag(name, tag, digest)

    def put_tag(self, name: str, tag: str, digest: str) -> None:
        """Point a tag at a manifest."""
        self._place(self.repository(name, "_tags", tag), digest.encode())
        sync_directory(self.repository(name, "_tags"))

    def used_at(self, name: str, digest: str) -> float:
        """Return when a manifest was last stored or touched, in seconds since the epoch."""
        try:
            return os.stat(self._manifest(name, digest)).st_mtime
        except FileNotFoundError:
            return time.time()

    def touch_manifest(self, name: str, digest: str, every: float) -> None:
        """Record that a manifest was requested, at most once in ``every`` seconds."""
        if time.time() - self.used_at(name, digest) > every:
            with contextlib.suppress(FileNotFoundError):
                os.utime(self._manifest(name, digest))

    def delete_manifest(self, name: str, digest: str) -> bool:
        """Remove a manifest and the tags that name it. Return whether it was there."""
        found = self.open_manifest(name, digest)
        if found is None:
            return False
        found[0].close()
        path = self._manifest(name, digest)
        for tag in self.tags(name):
            if self.resolve(name, tag) == digest:
                self.delete_tag(name, tag)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        if found[1]["subject"] is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._referrer(name, found[1]["subject"], digest))
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path + ".json")
        sync_directory(os.path.dirname(path))
        self.changed(name)
        return True

    def resolve(self, name: str, tag: str) -> str | None:
        """Return the digest that a tag names, or None."""
        try:
            with open(self.repository(name, "_tags", tag), "rb") as file:
                return file.read().decode("ascii")
        except FileNotFoundError:
            return None

    def delete_tag(self, name: str, tag: str) -> bool:
        """Remove a tag. Return whether it was there."""
        try:
            os.unlink(self.repository(name, "_tags", tag))
        except FileNotFoundError:
            return False
        sync_directory(self.repository(name, "_tags"))
        return True

    # --- lists ---

    def exists(self, name: str) -> bool:
        """Tell whether there is such a repository: something has been pushed to it."""
        return any(os.path.isdir(self.repository(name, part)) for part in ("_blobs", "_manifests"))

    def tags(self, name: str) -> list[str]:
        """List a repository's tags in lexical order."""
        try:
            return sorted(os.listdir(self.repository(name, "_tags")))
        except FileNotFoundError:
            return []

    def repositories(self) -> list[str]:
        """List all repositories in lexical order."""
        top, found = self.path("repositories"), []
        for path, directories, _files in os.walk(top):
            if any(part in directories for part in ("_blobs", "_manifests")):
                found.append(os.path.relpath(path, top))
            directories[:] = [name for name in directories if not name.startswith("_")]
        return sorted(found)

    def referrers(self, name: str, subject: str) -> list[dict[str, Any]]:
        """List the descriptors of the manifests whose subject is ``subject``, by digest."""
        directory, found = self.repository(name, "_referrers", *subject.split(":")), []
        with contextlib.suppress(FileNotFoundError):
            for entry in sorted(os.listdir(directory)):
                if not self.has_manifest(name, entry.replace("-", ":")):
                    continue  # a push that has not come to its end
                with (
                    contextlib.suppress(FileNotFoundError),
                    open(os.path.join(directory, entry), "rb") as file,
                ):
                    found.append(json_reader.load(file.read(), f"what refers to {subject}"))
        return found
