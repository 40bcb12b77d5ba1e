# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The functions that the modules ``secret`` and ``config`` call.

No plan, diff, sentence or result has data of a secret in it: a diff says that they change.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import functools
import hmac

from .. import engine as nouns
from .. import units
from ..errors import EngineError, HostError, InvalidInput, NotFound, reason
from ..reconcile import Plan
from ..rootless import keeper_client
from ..untrusted import files
from . import sealing
from . import secret_catalog as catalog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ..engine import Engine

LARGEST = catalog.LARGEST
CONTENT = "content"  # of the action plugin: base64 of a file of the controller


def secret(engine: Engine, params: Mapping[str, Any]) -> Plan:
    """Return the plan for one secret.

    :param params: of the module: ``name``, ``state`` present or absent, ``data``, ``data_is_b64``,
        ``data_src`` with ``remote_src``, ``labels``, ``force``, ``rolling_versions``,
        ``versions_to_keep``; and CONTENT.
    :raises InvalidInput, Conflict: for options that can't work.
    """
    return _Task(engine, catalog.SECRET, params).plan


def config(engine: Engine, params: Mapping[str, Any]) -> Plan:
    """Return the plan for one config; see :func:`secret`."""
    return _Task(engine, catalog.CONFIG, params).plan


def data_of(params: Mapping[str, Any]) -> bytes:
    """Return the data that a task gives.

    :raises InvalidInput: there are none, too many, or they can't be read; never with them in it.
    """
    given = [key for key in ("data", "data_src") if params.get(key) is not None]
    if len(given) != 1:
        raise InvalidInput(
            "data", None if not given else "...", "one of data and data_src, with state: present"
        )
    if params.get(CONTENT) is not None:
        found = base64.b64decode(params[CONTENT])
    elif "data" in given:
        found = _decoded(params)
    else:
        found = _file(params["data_src"])
    if len(found) > catalog.LARGEST:
        raise InvalidInput(given[0], f"{len(found)} bytes", f"at most {catalog.LARGEST} bytes")
    return found


def _decoded(params: Mapping[str, Any]) -> bytes:
    text = str(params["data"])
    if not params.get("data_is_b64"):
        return text.encode("utf-8", "surrogateescape")
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInput("data", "...", "base64, with data_is_b64") from None


def _file(path: str) -> bytes:
    try:
        return files.read_given(path, catalog.LARGEST)
    except (OSError, files.Unacceptable) as error:
        raise InvalidInput(
            "data_src", path, f"a file of the host that can be read ({reason(error)})"
        ) from None


class _Task:
    def __init__(self, engine: Engine, kind: str, params: Mapping[str, Any]) -> None:
        self.engine, self.kind, self.params = engine, kind, params
        self.name = catalog.check_name(params["name"])
        self.rolling = bool(params.get("rolling_versions"))
        self.shown = self._latest() if self.rolling else self.name
        self.plan = Plan(f"{kind} {self.name}", self._facts)
        self.touched: list[dict[str, str]] = []
        if params.get("state") == "absent":
            for name in self._versions() if self.rolling else [self.name]:
                if catalog.exists(engine, kind, name):
                    catalog.check_unused(engine, kind, name)
                    self._remove(name)
            self._remove_foretold()
        else:
            labels = params.get("labels")
            self.labels = None if labels is None else units.texts(labels, "labels")
            self._present(data_of(params))

    def _remove_foretold(self) -> None:
        """Plan the removal of what only earlier tasks of a check would have made."""
        for kind, name in self.engine.foretold_others:
            base, _dash, number = name.rpartition("_v")
            mine = base == self.name and number.isdigit() if self.rolling else name == self.name
            if kind == self.kind and mine and not catalog.exists(self.engine, kind, name):
                self.shown = name  # the controller's half forgets this one
                self.plan.add(name, "present", "absent", f"remove {kind} {name}")

    # -- versions

    def _versions(self) -> list[str]:
        return catalog.versions(self.engine, self.kind, self.name)

    def _latest(self) -> str:
        versions = self._versions()
        return versions[-1] if versions else f"{self.name}_v1"

    def _next(self) -> str:
        versions = self._versions()
        number = int(versions[-1].rpartition("_v")[2]) if versions else 0
        return f"{self.name}_v{number + 1}"

    # -- the plan

    def _present(self, data: bytes) -> None:
        name = self.shown
        there = catalog.exists(self.engine, self.kind, name)
        before = catalog.require(self.engine, self.kind, name) if there else None
        differs = before is None or self.params.get("force") or self._differs(name, data)
        if before is None or (differs and self.rolling):
            self.shown = self._next() if self.rolling else name
            self._create(data)
        elif differs or self._sealed_otherwise(before["sealed"]):
            self._change(data, bool(differs))
            self._relabel(before["labels"], write=False)
        else:
            self._relabel(before["labels"], write=True)

    def _differs(self, name: str, data: bytes) -> bool:
        """Tell whether other data are there. They are compared with what is opened of the file."""
        try:
            return not hmac.compare_digest(catalog.read(self.engine, self.kind, name), data)
        except HostError as error:
            self.plan.warnings.append(f"{error}; the task's data take its place")
            return True

    def _sealed_otherwise(self, method: str) -> bool:
        """Tell whether this host's setting asks for another encryption than its file has."""
        return self.kind == catalog.SECRET and method != sealing.chosen(self.engine)[0]

    def _create(self, data: bytes) -> None:
        self._check_sealing()
        self.plan.add(
            "state" if not self.rolling else self.shown,
            "absent",
            "present",
            f"create {self.kind} {self.shown}",
            lambda: self._write(data),
        )
        keep = self._keep()
        if keep is not None and keep >= 0:
            users = catalog.users(self.engine, self.kind)
            coming = [*self._versions(), self.shown]
            for name in coming[: -max(keep, 1)]:
                if name not in users:
                    self._remove(name)

    def _keep(self) -> int | None:
        """Return how many versions are kept, None for one without."""
        keep: int | None = self.params.get("versions_to_keep")
        return None if not self.rolling else 5 if keep is None else keep

    def _change(self, data: bytes, differs: bool) -> None:
        self._check_sealing()
        what = "data" if differs else "encryption"
        holders = nouns.holders(self.engine, self.kind, self.shown) if differs else []
        self.plan.add(
            what,
            "as before",
            "changed",
            f"change the {what} of {self.kind} {self.shown}",
            lambda: self._rotate(data, holders),
        )
        for holder in holders:
            self.plan.add(
                f"container {holder['name']}",
                "has the data before",
                holder["then"],
                f"replace {self.kind} {self.shown} in container {holder['name']}: {holder['then']}",
            )

    def _relabel(self, before: Mapping[str, str], write: bool) -> None:
        labels = self.labels
        if labels is not None and labels != before:
            self.plan.add(
                "labels",
                dict(before),
                labels,
                f"set the labels of {self.kind} {self.shown}",
                functools.partial(catalog.update_labels, self.engine, self.kind, self.shown, labels)
                if write
                else None,
            )

    def _remove(self, name: str) -> None:
        self.plan.add(
            name if self.rolling else "state",
            "present",
            "absent",
            f"remove {self.kind} {name}",
            lambda: catalog.remove(self.engine, self.kind, name),
        )

    def _check_sealing(self) -> None:
        if self.kind == catalog.SECRET:
            sealing.check(self.engine)

    # -- what is done

    def _write(self, data: bytes) -> None:
        first = not any(
            catalog.is_plain(self.engine, name)
            for name in catalog.names(self.engine, catalog.SECRET)
        )
        why = catalog.write(self.engine, self.kind, self.shown, data, self.labels, self._keep())
        if why and first:
            who = "the user" if keeper_client.without_root() else "root"
            self.plan.warnings.append(
                f"secrets are not encrypted on this host's disk, only readable by {who} alone: {why}"
            )

    def _rotate(self, data: bytes, holders: Sequence[Mapping[str, str]]) -> None:
        """Change the data, and give them to the containers that have them."""
        if not holders:
            self._write(data)
            return
        version = catalog.require(self.engine, self.kind, self.shown)["version"]
        detail = {"what": self.kind, "name": self.shown, "version": version}
        with self.engine.operations.record("change-secret", **detail):
            self._write(data)
            errors = []
            for holder in holders:
                try:
                    nouns.renew(self.engine, self.kind, self.shown, holder["id"])
                    self.touched.append({"name": holder["name"], "then": holder["then"]})
                except EngineError as error:  # the others are to have them, too
                    errors.append(error)
            if errors:
                raise errors[0]

    def _facts(self) -> dict[str, Any]:
        try:
            document = catalog.inspect(self.engine, self.kind, self.shown)
        except NotFound:
            document = {}
        return {
            f"{self.kind}_id": document.get("ID", ""),
            f"{self.kind}_name": self.shown,
            self.kind: document,
            "containers": self.touched,
        }


def recover(engine: Engine, detail: Mapping[str, Any]) -> None:
    """Give the data that a killed task has changed to the containers that have them.

    :param detail: what was recorded.
    """
    kind, name = detail["what"], detail["name"]
    with contextlib.suppress(EngineError):  # it is gone, or damaged
        if catalog.require(engine, kind, name)["version"] == detail["version"]:
            return  # the task did not come to that
        for holder in nouns.holders(engine, kind, name):
            with contextlib.suppress(EngineError):  # it has them from its next start on
                nouns.renew(engine, kind, name, holder["id"])
