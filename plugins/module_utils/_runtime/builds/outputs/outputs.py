# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write a build's outputs (``--output``): its files, or an archive for other engines.

Existing files are compared: a plan has a change only where something would be written.
"""

from __future__ import annotations

import os

from ... import images
from ...errors import InvalidInput
from ...reconcile import Plan
from ...untrusted import files
from . import local_output
from .image_view import ImageView

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, BinaryIO

    from ...engine import Engine


KNOWN = {
    "local": ("dest", "privileged"),
    "tar": ("dest",),
    "oci": ("dest", "tar", "name"),
    "docker": ("dest", "name"),
    "image": ("name", "push"),
    "registry": ("name",),
}
FORMS = {"docker": "docker-archive", "oci": "oci-archive"}
SHOWN = 100  # names of files that a plan's difference has at most


class Output:
    """One output.

    :ivar kind: a key of KNOWN.
    :ivar dest: a path, or ``-`` for standard output.
    :ivar names: for the image.
    :ivar push: whether they are pushed.
    :ivar directory: whether an OCI layout is one.
    :ivar privileged: whether a directory is given devices, set-id files and file capabilities.
    :ivar option: what it was given as.
    """

    option: str
    kind: str
    dest: str
    names: list[str]
    push: bool
    directory: bool
    privileged: bool

    def __init__(self, text: str) -> None:
        """Read a flag's value: ``type=oci,dest=FILE`` and so on, a directory alone, or ``-``.

        :raises InvalidInput: for another.
        """
        written = text
        if "=" not in text:
            text = f"type={'tar' if text == '-' else 'local'},dest={text}"
        given = dict(part.partition("=")[::2] for part in text.split(","))
        names = [given["name"]] if given.get("name") else []
        self._take(dict(given, name=names), "output", written)

    @classmethod
    def of_options(cls, options: Mapping[str, Any]) -> Output:
        """Read an entry of the module's ``outputs``: ``{"type", "dest", "name": [...], "tar",
        "push"}``, None for what is not given.

        :raises InvalidInput: naming ``build.outputs``.
        """
        found, given = (
            cls.__new__(cls),
            {key: value for key, value in options.items() if value is not None},
        )
        for name in ("tar", "push", "privileged"):
            if name in given:
                given[name] = "true" if given[name] else "false"
        found._take(given, "build.outputs", given.get("type"))
        if found.dest == "-":
            raise InvalidInput(
                "build.outputs", "-", "a path: a task has no standard output of its own"
            )
        return found

    def _take(self, given: dict[str, Any], option: str, shown: Any) -> None:
        given, self.option = {key: value for key, value in given.items() if value != []}, option
        self.kind = given.pop("type", "")
        if self.kind not in KNOWN:
            raise InvalidInput(option, shown, f"type={', type='.join(KNOWN)}")
        unknown = sorted(set(given) - set(KNOWN[self.kind]))
        if unknown:
            raise InvalidInput(
                option, unknown[0], f"with type={self.kind}: {', '.join(KNOWN[self.kind])}"
            )
        self.dest, self.names = given.get("dest") or "", list(given.get("name") or ())
        self.push = self.kind == "registry" or given.get("push", "false").lower() == "true"
        self.privileged = given.get("privileged", "false").lower() == "true"
        self.directory = self.kind == "oci" and given.get("tar", "true").lower() == "false"
        if "dest" in KNOWN[self.kind] and (
            not self.dest or self.dest == "-" and (self.kind == "local" or self.directory)
        ):
            raise InvalidInput(option, shown, f"with type={self.kind}: dest=...")

    @property
    def form(self) -> str:
        """The form of an archive or layout, as :func:`images.plan_save` names it."""
        return "oci-dir" if self.directory else FORMS[self.kind]

    @property
    def is_image(self) -> bool:
        """Whether it only concerns the image's names."""
        return "dest" not in KNOWN[self.kind]

    def check(self) -> None:
        """Check the target before anything is built.

        :raises InvalidInput: where it can't be written.
        """
        if self.kind == "local" and os.path.lexists(self.dest) and not os.path.isdir(self.dest):
            raise InvalidInput(
                self.option, self.dest, "a directory, or a path where one can be made"
            )
        if self.kind in ("tar", "oci", "docker") and not self.directory and self.dest != "-":
            if os.path.isdir(self.dest):
                raise InvalidInput(
                    self.option, self.dest, f"a file, not a directory, with type={self.kind}"
                )
            parent = os.path.dirname(os.path.abspath(self.dest))
            if not os.path.isdir(parent):
                raise InvalidInput(
                    self.option,
                    self.dest,
                    f"a path in a directory that exists; there is no {parent}",
                )

    def action(self, shown: str) -> str:
        """Return what is done, as a sentence.

        :param shown: the image's name for it.
        """
        if self.kind == "local":
            return f"write the files of image {shown} to {self.dest}"
        if self.kind == "tar":
            return f"write the files of image {shown} to the archive {self.dest}"
        return f"save image {shown} to {self.dest}"

    def plan(self, engine: Engine, record: dict[str, Any], names: list[str], shown: str) -> Plan:
        """Plan to write the output to ``dest``.

        :param record: of an image of the store.
        :param names: full references that it has.
        :raises InvalidInput, Trouble: where it can't be written there.
        """
        self.check()
        plan = Plan(f"output {self.dest}")
        if self.kind == "local":
            with ImageView(engine, record) as seen:
                found, lost = local_output.different(seen.fd, self.dest, self.privileged)
            if found:
                plan.warnings.extend(lost)
                after = dict.fromkeys(list(found)[:SHOWN], "as in the image")
                before = {name: found[name] for name in after}
                if len(found) > SHOWN:
                    before["..."] = after["..."] = f"{len(found) - SHOWN} more"
                plan.add(
                    "output " + self.dest,
                    before,
                    after,
                    self.action(shown),
                    lambda: self._local(engine, record),
                )
        elif self.kind == "tar":
            if not self._tar_is(engine, record):
                plan.add(
                    "output " + self.dest,
                    "another content" if os.path.lexists(self.dest) else None,
                    shown,
                    self.action(shown),
                    lambda: self.write(engine, record, names, None),
                )
        else:
            saved = images.plan_save(
                engine, self._chosen(record, names), os.path.abspath(self.dest), self.form
            )
            for change in saved.changes:
                plan.add(
                    "output " + self.dest,
                    change.before,
                    change.after,
                    self.action(shown),
                    change.apply,
                )
        return plan

    def write(
        self, engine: Engine, record: dict[str, Any], names: list[str], stdout: BinaryIO | None
    ) -> None:
        """Write the output of an image of the store.

        :param names: full references that it has.
        :param stdout: for ``-``.
        """
        if self.kind == "local":
            self._local(engine, record)
        elif self.kind == "tar":
            with ImageView(engine, record) as seen:
                self._put(stdout, seen.archive())
        elif self.dest == "-":
            self._put(stdout, images.save_pieces(engine, self._chosen(record, names), self.form))
        else:
            images.plan_save(
                engine, self._chosen(record, names), os.path.abspath(self.dest), self.form
            ).apply()

    def _local(self, engine: Engine, record: dict[str, Any]) -> None:
        os.makedirs(self.dest, exist_ok=True)
        with ImageView(engine, record) as seen:
            # raises, before anything is written, where a file can't replace what is there
            local_output.different(seen.fd, self.dest, self.privileged)
            local_output.write(seen.fd, self.dest, self.privileged)

    def _tar_is(self, engine: Engine, record: dict[str, Any]) -> bool:
        """Tell whether the file at ``dest`` is byte for byte what would be written."""
        if not os.path.isfile(self.dest):
            return False
        with (
            ImageView(engine, record) as seen,
            os.fdopen(files.open_regular(self.dest, links=True), "rb") as file,
        ):
            return all(
                file.read(len(piece)) == bytes(piece) for piece in seen.archive()
            ) and not file.read(1)

    def _chosen(
        self, record: dict[str, Any], names: list[str]
    ) -> list[tuple[dict[str, Any], list[str]]]:
        return [(record, [images.tagged(name).tagged for name in self.names] or names)]

    def _put(self, stdout: BinaryIO | None, pieces: Iterable[bytes]) -> None:
        """Write all of ``pieces`` to standard output, or into a file that appears whole."""
        if self.dest != "-":
            images.write_archive(self.dest, pieces)
            return
        if stdout is None:
            raise InvalidInput("dest", self.dest, "a path: there is no standard output here")
        for piece in pieces:
            stdout.write(piece)
        stdout.flush()
