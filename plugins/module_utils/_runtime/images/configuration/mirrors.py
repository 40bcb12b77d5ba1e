# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read from several registries as one: the mirrors in their order, then the registry itself.

Where one lacks something or fails, the next is asked.
"""

from __future__ import annotations

from ...errors import Interrupted, NotFound, RegistryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Sequence
    from typing import Any, TypeVar

    Answer = TypeVar("Answer")
    from ..client.client import Client
    from ..model.reference import Reference


MIRROR_TRIES = 2  # a mirror that fails has others behind it


class Mirrored:
    """Reading of one repository, with the methods of ``client.Client`` that read.

    :param clients: mirrors first, the registry itself last.
    :param down: names of registries that have failed in this task already; shared, and added to.
    """

    def __init__(self, reference: Reference, clients: Sequence[Client], down: set[str]) -> None:
        self.reference, self.clients, self._down = reference, clients, down
        self._first: Client | None = None  # who has the manifest is asked for the blobs first

    @property
    def warnings(self) -> list[str]:
        return [text for client in self.clients for text in client.warnings]

    def _order(self) -> list[Client]:
        alive = [
            client
            for client in self.clients
            if client.registry not in self._down or client is self.clients[-1]
        ]
        return sorted(alive, key=lambda client: client is not self._first)

    def _ask(
        self,
        question: Callable[[Client], Answer],
        remember: bool = False,
        empty: Container[Any] = (),
    ) -> Answer:
        """Return the first answer.

        :param remember: ask the registry that gave it first from now on.
        :param empty: a value that is no answer while another registry can be asked.
        """
        errors: list[NotFound | RegistryError] = []
        asked = self._order()
        for client in asked:
            try:
                answer = question(client)
            except NotFound as error:
                errors.append(error)
                continue
            except RegistryError as error:
                errors.append(error)
                self._failed(client)
                continue
            if answer in empty and client is not asked[-1]:
                continue
            if remember:
                self._first = client
            return answer
        raise self._summary(errors)

    def _failed(self, client: Client) -> None:
        if client is not self.clients[-1]:
            self._down.add(client.registry)

    @staticmethod
    def _summary(errors: list[NotFound | RegistryError]) -> NotFound | RegistryError:
        """Combine several errors into one: the last is the registry's own."""
        if all(isinstance(error, NotFound) for error in errors):
            return errors[-1]
        last = next(error for error in reversed(errors) if isinstance(error, RegistryError))
        kind = Interrupted if isinstance(last, Interrupted) else RegistryError
        return kind("; ".join(dict.fromkeys(str(error) for error in reversed(errors))))

    def digest(self, wanted: str) -> str | None:
        return self._ask(lambda client: client.digest(wanted), empty=(None,))

    def manifest(self, wanted: str) -> tuple[bytes, str | None]:
        return self._ask(lambda client: client.manifest(wanted), remember=True)

    def referrers(self, digest: str, artifact_type: str | None = None) -> list[dict[str, Any]]:
        return self._ask(lambda client: client.referrers(digest, artifact_type), empty=([],))

    def small_blob(self, digest: str, limit: int) -> bytes:
        return self._ask(lambda client: client.small_blob(digest, limit))

    def has_blob(self, digest: str) -> bool:
        return self._ask(lambda client: client.has_blob(digest), empty=(False,))

    def blob(
        self, digest: str, size: int | None = None, offset: int = 0, url: str | None = None
    ) -> Iterator[bytes]:
        """Fetch a blob in pieces, as ``Client.blob`` does. Where one source fails midway, the next
        continues.
        """
        errors: list[NotFound | RegistryError] = []
        for client in self._order() if url is None else self.clients[-1:]:
            try:
                for piece in client.blob(digest, size, offset, url=url):
                    offset += len(piece)
                    yield piece
                return
            except (NotFound, RegistryError) as error:
                errors.append(error)
        raise self._summary(errors)
