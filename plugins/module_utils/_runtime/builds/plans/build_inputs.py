# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locate the inputs of a build: its context, its Containerfile, and named contexts."""

from __future__ import annotations

import os

from ...errors import InvalidInput
from ...images.model import manifest
from ...untrusted import files
from ..parse import stages
from ..sources import context_fetch
from ..sources.contexts import Contexts
from ..stage import stage_state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO

    from ...engine import Engine
    from ..parse.build_request import BuildRequest
    from ..parse.stages import Containerfile
    from ..sources.context_fetch import Located

LARGEST = 4 << 20  # bytes of a Containerfile
FILES = ("Containerfile", "Dockerfile")


class Inputs:
    """What a build reads.

    :ivar path: the context's directory, or None.
    :ivar file: path of the Containerfile, or None.
    :ivar data: its bytes, where there is no file.
    :ivar named: ``{name: directory, address or docker-image://reference}`` of named contexts.
    :ivar located: where ``path`` was fetched to, or None.
    """

    def __init__(
        self,
        path: str | None = None,
        file: str | None = None,
        data: bytes | None = None,
        named: Mapping[str, str] | None = None,
        located: Located | None = None,
    ) -> None:
        self.path, self.file, self.data, self.named, self.located = path, file, data, named, located

    def __enter__(self) -> Inputs:
        return self

    def __exit__(self, failed: object, *_details: object) -> None:
        """Remove what was fetched if the block failed; else the contexts do (:meth:`open`)."""
        if failed is not None:
            self.close()

    def close(self) -> None:
        """Remove what was fetched."""
        if self.located is not None:
            self.located.close()

    def open(self, engine: Engine, request: BuildRequest) -> tuple[Containerfile, Contexts]:
        """Parse the Containerfile.

        :returns: it, and the contexts, which are the caller's to close.
        :raises BadFile, InvalidInput: for what can't be read.
        """
        parsed = stages.Containerfile(
            self._data(),
            self._title(),
            request.build_args,
            platform_args(request.platform),
            request.target,
        )
        if request.epoch is None:
            request.set_epoch(parsed.meta.get("SOURCE_DATE_EPOCH"))
        relative = None
        if self.file and self.path:
            relative = os.path.relpath(os.path.realpath(self.file), os.path.realpath(self.path))
        return parsed, Contexts(engine, request, self.path, relative, self.named, self.located)

    def _data(self) -> bytes:
        if self.file is None:
            return self.data or b""
        try:
            return files.read(self.file, LARGEST, links=True)
        except files.Unacceptable as error:
            raise InvalidInput(
                "dockerfile", self.file, f"a regular file of at most {LARGEST} bytes ({error})"
            ) from None

    def _title(self) -> str:
        """Return the Containerfile's name for errors."""
        if self.file is None:
            return "Containerfile"
        if self.path and os.path.realpath(self.file).startswith(os.path.realpath(self.path)):
            return os.path.relpath(self.file, self.path)
        return self.file


def locate(
    engine: Engine,
    request: BuildRequest,
    where: str,
    name: str | None = None,
    stdin: BinaryIO | None = None,
    data: bytes | None = None,
    named: Mapping[str, str] | None = None,
) -> Inputs:
    """Locate the inputs of a build, and fetch them where needed.

    :param where: a directory, the address of a Git repository or an archive, or ``-`` for
        ``stdin``.
    :param name: of the Containerfile in it.
    :param data: the Containerfile's bytes, where it is not in it.
    :param named: named contexts.
    :raises InvalidInput: for an input that is missing or can't be fetched.
    """
    found = context_fetch.locate(engine, where, request, stdin)
    try:
        if found.path is None:
            return Inputs(None, None, found.data, named, found)
        if data is not None:
            return Inputs(found.path, None, data, named, found)
        file = find_file(found.path, name)
        if found.temporary and not os.path.realpath(file).startswith(
            os.path.realpath(found.path) + "/"
        ):
            raise InvalidInput(
                "dockerfile",
                name or os.path.basename(file),
                "a file inside the context that was fetched",
            )
        return Inputs(found.path, file, None, named, found)
    except BaseException:
        found.close()
        raise


def find_file(path: str, name: str | None = None) -> str:
    """Return the Containerfile's path.

    :param path: the context's directory.
    :raises InvalidInput: when there is none.
    """
    if name:
        found = os.path.join(path, name)
        if not os.path.isfile(found):
            raise InvalidInput("dockerfile", name, f"a file in {path}")
        return found
    for each in FILES:
        if os.path.isfile(os.path.join(path, each)):
            return os.path.join(path, each)
    raise InvalidInput(
        "path", path, "a directory with a Containerfile or Dockerfile, or another name for it"
    )


def platform_args(platform: str | None) -> dict[str, str]:
    """Return TARGETPLATFORM and its like (Dockerfile reference, "Automatic platform ARGs")."""
    found: dict[str, str] = {}
    for side, given in (
        ("TARGET", manifest.parse_platform(platform)),
        ("BUILD", manifest.host_platform()),
    ):
        system, architecture, variant = given[:2] + (stage_state.normal_variant(given),)
        found.update(
            {
                side + "PLATFORM": manifest.show_platform((system, architecture, variant)),
                side + "OS": system,
                side + "ARCH": architecture,
                side + "VARIANT": variant,
                side + "OSVERSION": "",
            }
        )
    return found
