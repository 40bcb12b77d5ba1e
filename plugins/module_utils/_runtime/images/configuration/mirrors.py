# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several registries that stand for one: its mirrors in their order, then itself. What one has not, or can't give, the next is asked for."""

from __future__ import annotations

from ...errors import NotFound, RegistryError

MIRROR_TRIES = 2  # a mirror that fails has others behind it


class Sources:
    """Reading of one repository, with the methods of ``client.Client`` that read.

    :param clients: mirrors first, the registry itself last. :param down: registries (names) that have failed in this task already;
        shared, and added to.
    """

    def __init__(self, reference, clients, down):
        self.reference, self.clients, self._down = reference, clients, down
        self._first = None  # who has the manifest is asked for the blobs first

    @property
    def warnings(self):
        return [text for client in self.clients for text in client.warnings]

    def _order(self):
        alive = [
            client
            for client in self.clients
            if client.registry not in self._down or client is self.clients[-1]
        ]
        return sorted(alive, key=lambda client: client is not self._first)

    def _ask(self, question, remember=False, empty=()):
        """The first answer. :param empty: what is no answer while there is another to be asked."""
        errors, asked = [], self._order()
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

    def _failed(self, client):
        if client is not self.clients[-1]:
            self._down.add(client.registry)

    @staticmethod
    def _summary(errors):
        """One error of several: the last is the registry's own."""
        if all(isinstance(error, NotFound) for error in errors):
            return errors[-1]
        last = next(error for error in reversed(errors) if isinstance(error, RegistryError))
        return type(last)("; ".join(dict.fromkeys(str(error) for error in reversed(errors))))

    def digest(self, wanted):
        return self._ask(lambda client: client.digest(wanted), empty=(None,))

    def manifest(self, wanted):
        return self._ask(lambda client: client.manifest(wanted), remember=True)

    def referrers(self, digest, artifact_type=None):
        return self._ask(lambda client: client.referrers(digest, artifact_type), empty=([],))

    def small_blob(self, digest, limit):
        return self._ask(lambda client: client.small_blob(digest, limit))

    def has_blob(self, digest):
        return self._ask(lambda client: client.has_blob(digest), empty=(False,))

    def blob(self, digest, size=None, offset=0, url=None):
        """A blob's pieces; where one source fails in the midst, the next goes on from there. :param url: as ``client.Client``'s."""
        errors = []
        for client in self._order() if url is None else self.clients[-1:]:
            try:
                for piece in client.blob(digest, size, offset, url=url):
                    offset += len(piece)
                    yield piece
                return
            except (NotFound, RegistryError) as error:
                errors.append(error)
        raise self._summary(errors)
