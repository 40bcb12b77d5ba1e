# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task wants a container to be, and in what the one that is there differs.

The definition of the container that results is what was asked for before, with what this task names
over it. An option that a task leaves out keeps its value, also where another option makes a new
container necessary.
"""

from __future__ import annotations

from ... import images, networks
from ...errors import Conflict, EngineError, InvalidInput, NotFound, required
from ...options.rows import IGNORE, LIVE, RESTART, STRICT
from .. import options
from ..lifecycle import dependencies
from ..options import network_options, publishing, restart_and_health, secret_files, storage
from ..records import catalog, object_names, status
from ..spec import config_json, inherited_mounts, shared_namespaces, user_namespaces
from ..view import systemd_unit
from . import preconditions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Any

    from ...engine import Engine
    from ...options.rows import Definition, Option
    from ...reconcile import Plan
    from ..records.catalog import Record
    from ..spec.inherited_mounts import Remade

    Change = tuple[str, Any, Any]  # name, before, after
    PullKey = tuple[Any, ...]  # what is asked for, how, for which platform, from where

PULLS = {True: "always", False: "missing"}  # docker_container's booleans
# Options of the image's pull.
REGISTRY = ("auth_file", "ca_path", "client_cert", "client_key", "insecure", "validate_certs")
# States in which the container's processes are there.
RUNS = ("started", "restarted", "paused", "healthy")


class Task:
    """What a task says about one container, checked and in normal form.

    :param params: the container module's parameters, or one entry of ``containers``.
    :raises InvalidInput: naming the option.
    """

    def __init__(self, params: dict[str, Any]) -> None:
        self.name = catalog.check_name(params.get("name"))
        params = options.behaviour.prepared(params)
        said = options.behaviour.said(params)
        self.state, self.image, self.platform = said["state"], said["image"], said["platform"]
        self.pull = PULLS.get(said["pull"], said["pull"])
        self.policy, self.healthy_timeout = said["recreate_policy"], said["healthy_wait_timeout"]
        self.on_change = said["on_change"]
        self.drain: float | None = said["drain_timeout"]
        self.recreate, self.restart = said["recreate"], said["restart"]
        self.keep_volumes, self.kill_signal = said["keep_volumes"], said["kill_signal"]
        self.kills_at_once = said["force_kill"] and self.kill_signal is None
        self.detach, self.cleanup, self.output_logs = (
            said["detach"],
            said["cleanup"],
            said["output_logs"],
        )
        self.name_mismatch, self.label_mismatch = (
            said["image_name_mismatch"],
            said["image_label_mismatch"],
        )
        unit = said["generate_systemd"]
        self.unit = systemd_unit.settings(unit) if unit else None
        self.registries = images.registries_of(params)
        self.reached = repr([params.get(name) for name in REGISTRY])
        self.definition = options.definition(params)
        publishing.at_address(self.definition, said["default_host_ip"])
        self.how = options.comparisons(params.get("comparisons"))


class Image:
    """The image that a container is to have.

    All of it is known before the image is here: a registry says it, or in a check the task that
    would bring it.

    :ivar id: the image's. :ivar reference: what the user wrote. :ivar config: its ``config``
        object. :ivar architecture: what machines it is for, in OCI's words.
    :ivar origin: words for the plan, where another task of a check would bring it.
    :ivar blank: nothing is known of it.
    """

    def __init__(
        self,
        ident: str | None,
        reference: str | None,
        record: dict[str, Any],
        task: str | None = None,
        blank: bool = False,
    ) -> None:
        self.id, self.reference, self.blank = ident, reference, blank
        self.config = record["config"].get("config") or {}
        self.architecture = record["config"].get("architecture") or ""
        self.origin = "" if task is None else f" from the image that the task {task} would bring"


class Desired:
    """What one container is to be, held against the one that is there.

    :param record, state: of the container that is there, and its status; None where it is not.
    :param pulls: the plans of images that are pulled for several containers; those of this one are
        added.
    :param coming: names of containers that the same task makes: they may be joined before they are
        there.
    :param replaced: those that it makes anew, by name: who joins them is made anew, too.
    :ivar planned: the plans of the pulls of its images, of those that no other container has already.
    :ivar definition: what it will be; empty before :meth:`settle`.
    :ivar differences: ``[(option, before, after)]``, from the container that is there.
    :ivar gone: a container is not there whose mounts it is to have.
    :ivar joined: the containers whose namespaces it joins, ``{kind: id}``.
    """

    def __init__(
        self,
        engine: Engine,
        task: Task,
        record: Record | None,
        state: str | None,
        pulls: dict[PullKey, Any],
        coming: Collection[str] = (),
        replaced: Mapping[str, Remade] | None = None,
    ) -> None:
        self.engine, self.task, self.record, self.state = engine, task, record, state
        self.pulls, self.coming, self.replaced = pulls, coming, {} if replaced is None else replaced
        self.planned: list[Plan] = []
        self.definition: Definition = {}
        self.differences: list[tuple[Option, Any, Any]] = []
        self.joined: dict[str, str] = {}
        self.gone: NotFound | None = None

    @property
    def there(self) -> Record:
        """The record, where it is known that the container is there."""
        return required(self.record, f"container {self.task.name}")

    def settle(self) -> Image:
        """Find out what it is to be, and return its image.

        :raises EngineError: what the task wants can't work.
        """
        self.image = self._image()
        self._find_images()
        self.task.definition = object_names.named(self.engine, self.task.definition, self.coming)
        self._define()
        self._check_labels()
        self._check_health()
        self.joined = self._checked()
        return self.image

    def _image(self) -> Image:
        """Return the image that the container is to have; plan its pull."""
        if self.task.image is None:
            if self.record is None:
                raise InvalidInput(
                    "image", None, f"an image, because container {self.task.name} does not exist"
                )
            return Image(
                self.there["image"],
                self.there["definition"].get("image"),
                images.get(self.engine, self.there["image"]),
            )
        found, plan = self._present(self.task.image, "image")
        return Image(
            found["id"],
            self.task.image,
            found,
            getattr(plan, "task", None),
            getattr(plan, "blank", False),
        )

    def _present(self, name: str, option: str) -> tuple[dict[str, Any], Any]:
        """Return the record of an image, and the plan that it is there.

        :param option: that names it.
        """
        key = (name, self.task.pull, self.task.platform, self.task.reached)
        if key not in self.pulls:
            try:
                self.pulls[key] = images.plan_foretold(self.engine, key[0]) or images.plan_present(
                    self.engine, *key[:3], self.task.registries
                )
            except InvalidInput as error:  # the option has another name here
                raise InvalidInput(
                    option if error.option == "name" else error.option, error.value, error.accepted
                ) from None
            self.planned.append(self.pulls[key])
        return self.pulls[key].record(), self.pulls[key]

    def _find_images(self) -> None:
        """Find the images that its mounts show; plan their pulls."""
        for entry in self.task.definition.get("mounts") or ():
            if entry["type"] == "image":
                entry["image"] = self._present(entry["source"], "mounts.source")[0]["id"]

    def _define(self) -> None:
        now, wanted = self._now(), self.task.definition
        if (
            now.get("restart_retries")
            and wanted.get("restart_policy", "on-failure") != "on-failure"
        ):  # they go with the policy that they are of
            wanted = {"restart_retries": 0, **wanted}
        self.definition = dict(now)
        if self.record is None:
            self.definition.update(self.task.definition)
        else:
            self.differences = options.TABLE.differences(
                self._connected(now), wanted, self.task.how
            )
            self.definition.update(
                {option.name: after for option, _before, after in self.differences}
            )
        if self.task.image is not None:
            self.definition["image"] = self.task.image
        self._inherit()
        self._check_definition(now)

    def _connected(self, now: Definition) -> Definition:
        """Return a definition without the networks of the task that the container is no longer on:
        one that was removed from under it, and made anew, has none of its addresses.
        """
        had, asked = (
            {entry["name"] for entry in network_options.attachments(one)}
            for one in (now, self.task.definition)
        )
        lost = (had & asked) - networks.of_container(self.engine, self.there["id"])
        if not lost:
            return now
        found = dict(now)
        found["networks"] = [one for one in now.get("networks", ()) if one["name"] not in lost]
        if now.get("network_mode") in lost:
            found["network_mode"] = "none"
        return found

    def _inherit(self) -> None:
        """Find the mounts that it has of other containers, where the task names those."""
        if "volumes_from" not in self.task.definition:
            return
        try:
            self.definition[inherited_mounts.KEY] = inherited_mounts.resolve(
                self.engine,
                self.definition["volumes_from"],
                self.task.name,
                self.coming,
                self.replaced,
            )
        except NotFound as error:
            if self.record is None:
                raise
            self.gone = error  # it has its mounts; another one would not get them

    def _has_inherited(self) -> list[Any]:
        """Return the mounts of other containers that the one that is there has."""
        found: list[Any] = self.there["definition"].get(inherited_mounts.KEY, [])
        return found

    def _inherits_others(self) -> bool:
        """Tell whether what the task names gives it other mounts than the one that is there has."""
        now = self.definition.get(inherited_mounts.KEY, [])
        return self.record is not None and now != self._has_inherited()

    def _now(self) -> Definition:
        """Return the definition that is there, spelled as the task spells it."""
        if self.record is None:
            return {}
        wanted = self.task.definition
        alike = object_names.named(self.engine, self.record["definition"], self.coming)
        alike = storage.respelled(alike, wanted)
        alike = publishing.respelled(alike, wanted)
        return shared_namespaces.respelled(self.engine, alike, wanted)

    def _check_definition(self, now: Definition) -> None:
        known = options.TABLE.options
        try:
            options.check(
                {name: self.definition[name] for name in self.definition if name in known}
            )
        except InvalidInput as error:
            name = error.option.partition(".")[0]
            if name not in now or name in self.task.definition:
                raise
            had = " (what the container has of before, as the task does not name it)"
            raise InvalidInput(error.option, error.value, error.accepted + had) from None

    def _check_labels(self) -> None:
        """Refuse labels that come with the image unasked for, with ``image_label_mismatch: fail``.

        A task that names no labels has nothing to say about them.
        """
        task = self.task
        if task.label_mismatch != "fail" or task.how["labels"] != STRICT or self.image.blank:
            return
        if "labels" not in task.definition:
            return
        unasked = set(self.image.config.get("Labels") or {}) - set(
            self.definition.get("labels") or {}
        )
        if unasked:
            raise Conflict(
                f"labels: the image of container {task.name} has labels that the container is not to "
                f"have (image_label_mismatch fail): {', '.join(sorted(unasked))}"
            )

    def _check_health(self) -> None:
        if self.task.state != "healthy" or self.image.blank:
            return
        if config_json.systemd(self.definition, self.image.config):
            return
        if restart_and_health.health(self.definition, self.image.config.get("Healthcheck")) is None:
            raise InvalidInput(
                "state", "healthy", f"another state: container {self.task.name} has no health check"
            )

    def _checked(self) -> dict[str, str]:
        """Refuse what can't work on this host; returns whose namespaces it joins.

        A container that is only stopped, or left as it is, needs nothing of the host: a path or
        network of its may be gone by now.
        """
        rests = self._rests()
        if not rests:
            preconditions.everything(
                self.engine,
                self.definition,
                {"Cmd": ["?"]} if self.image.blank else self.image.config,
                self.record,
                self.coming,
            )
            dependencies.check(self.engine, self.task.name, self.definition, self.coming)
        try:
            joined = shared_namespaces.resolve(
                self.engine, self.definition, self.task.name, self.coming
            )
        except EngineError:
            if not rests:
                raise
            return {}
        if not rests:
            user_namespaces.check(self.engine, self.definition, joined)
        return joined

    def _rests(self) -> bool:
        """Tell whether nothing of an existing container is changed or started."""
        same = (
            self.record is not None
            and not self.differences
            and not self._inherits_others()
            and (self.image.id == self.there["image"] or self.task.how["image"] == IGNORE)
        )
        runs = self.task.state in RUNS and (
            self.state not in status.LIVING or self.task.state == "restarted" or self.task.restart
        )
        return same and not runs and not self.task.recreate

    # -- what differs

    def costly(self) -> list[Change]:
        """List what needs a new container."""
        found = [
            (option.name, before, after)
            for option, before, after in self.differences
            if not self._is_live(option, before, after)
        ]
        if self.image.id != self.there["image"] and self.task.how["image"] != IGNORE:
            found.append(
                (
                    "image",
                    self.there["image"],
                    self.image.id or "the image" + self.image.origin[len(" from the image") :],
                )
            )
        if not found and self.task.name_mismatch == "recreate":
            found += self._renamed()
        named = [name for name, _before, _after in found]
        found += [change for change in self._other_joins() if change[0] not in named]
        if self._inherits_others() and "volumes_from" not in named:
            before, after = self._has_inherited(), self.definition[inherited_mounts.KEY]
            found.append(("volumes_from", storage.texts(before), storage.texts(after)))
        if self.task.recreate:
            found.append(("recreate", False, True))
        if found and self.gone is not None:
            raise self.gone
        return found

    def easy(self, costly: list[Change]) -> list[Change]:
        """List what changes while the container runs, beside what is ``costly``."""
        found = [
            (option.name, before, after)
            for option, before, after in self.differences
            if self._is_live(option, before, after)
        ]
        if not any(name in ("image", "image_name") for name, _before, _after in costly):
            found += self._renamed()
        return found

    def _renamed(self) -> list[Change]:
        """List the image's name where it is another one than before."""
        had = self.there["definition"].get("image")
        if self.task.how["image"] == IGNORE or images.same_name(self.image.reference, had):
            return []
        return [("image_name", had, self.image.reference)]

    def excessive(self, costly: list[Change], easy: list[Change]) -> list[Change]:
        """List what costs more than the task admits (``on_change``, ``recreate_policy``)."""
        bound = self.task.on_change
        if bound == "fail":
            return costly + easy
        if bound == "restart":
            return [change for change in costly if not self._takes_restart(change[0])]
        return costly if bound == "live" or self.task.policy != "recreate" else []

    def _takes_restart(self, name: str) -> bool:
        """Tell whether the container can take a change by a restart.

        It can't where the change leads to another user namespace: its files have the owners of this
        one.
        """
        option = options.TABLE.options.get(name)
        if option is None or option.change != RESTART:
            return False
        now, then = (
            user_namespaces.planned(self.engine, definition, self.image.config, self.joined)[0]
            for definition in (self.there["definition"], self.definition)
        )
        return now == then

    def leave(self, costly: list[Change]) -> None:
        """Let the container keep what would need a new one."""
        had = self.there["definition"]
        for name, before, _after in costly:
            if name in options.TABLE.options:
                self.definition[name] = before
        self.definition.update(
            {name: had.get(name, []) for name in storage.OF_PLACES if name in self.definition}
        )  # as they were said
        if "volumes_from" in self.definition:
            self.definition["volumes_from"] = had.get("volumes_from", [])
            self.definition[inherited_mounts.KEY] = self._has_inherited()
        self.leave_image()

    def leave_image(self) -> None:
        """Let the container keep its image."""
        self.definition["image"] = self.there["definition"].get("image")

    def _is_live(self, option: Option, before: Any, after: Any) -> bool:
        """Tell whether a change of the option needs no new container, as its row says."""
        if option.change == secret_files.LIVE_ON_FILES:
            return secret_files.same_files(before, after)
        if option.change == network_options.LIVE_ON_NETWORKS:
            return network_options.has_own_namespace(
                self.there["definition"]
            ) and network_options.has_own_namespace(self.definition)
        return option.change == LIVE

    def _other_joins(self) -> list[Change]:
        """List the options by which it joins another container than it does now, or one made anew.

        :raises Conflict: one that goes by this task is named by its id.
        """
        found: list[Change] = []
        had = shared_namespaces.recorded(self.engine, self.there["id"])
        for kind, ident in self.joined.items():
            option = shared_namespaces.OPTIONS[kind]
            said, name = self.definition[option].partition(":")[2], self._name_of(ident)
            anew = name in self.replaced
            if anew and said not in self.replaced:
                raise Conflict(
                    f"{option}: container:{said} goes by this task, which makes container {name} "
                    f"anew; name it container:{name}"
                )
            if had.get(kind) != ident or anew:
                before = f"container:{(had.get(kind) or '')[:12]}"
                after = "container:" + ("a new one" if anew else ident[:12])
                found.append((option, before, after))
        return found

    def _name_of(self, ident: str) -> str:
        record = catalog.by_id(self.engine, ident)
        if record is None:
            raise NotFound(
                f"container {ident[:12]} does not exist: another task has removed it meanwhile"
            )
        return record["name"]
