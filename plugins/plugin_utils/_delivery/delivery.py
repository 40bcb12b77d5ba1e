# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of ``source: controller``: an image from an archive here to a host, over Ansible's own connection.

The module ``image`` is asked with digests alone; where the image is there, that is all. Else the host is told what the missing layers
consist of, says which contents it lacks, and gets those, or the layer as it is where that is not much more. The host's half is
``_runtime/delivery/receiver.py``.
"""

from __future__ import annotations

import concurrent.futures
import hashlib
import json
import os

from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.utils.display import Display
from ansible_collections.pycontainer.engine.plugins.module_utils._runtime import errors, units
from ansible_collections.pycontainer.engine.plugins.module_utils._runtime.delivery import (
    recipe as delivery_recipe,
)
from ansible_collections.pycontainer.engine.plugins.module_utils._runtime.delivery import recompress
from ansible_collections.pycontainer.engine.plugins.module_utils._runtime.delivery.recipe import (
    decode,
    encode,
)
from ansible_collections.pycontainer.engine.plugins.module_utils._runtime.images.model import (
    manifest,
    reference,
)
from ansible_collections.pycontainer.engine.plugins.module_utils._runtime.untrusted.text import (
    printable,
)
from ansible_collections.pycontainer.engine.plugins.plugin_utils._delivery import (
    cache as delivery_cache,
)
from ansible_collections.pycontainer.engine.plugins.plugin_utils._delivery import (
    channel as delivery_channel,
)
from ansible_collections.pycontainer.engine.plugins.plugin_utils._delivery import (
    source as delivery_source,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from ansible_collections.pycontainer.engine.plugins.plugin_utils._engine_action import (
        EngineAction,
    )


TINY = 1 << 14  # bytes of a layer up to which it is sent whole without a question
WORTH = 0.6  # of a layer's size, up to which what it lacks is sent instead of the layer

display = Display()


def carry_out(
    action: EngineAction, arguments: dict[str, Any], ask: Callable[[dict[str, Any]], dict[str, Any]]
) -> dict[str, Any]:
    """Have the image on the host, and return the task's result.

    :param ask: called with what the module is told besides the arguments (``delivery`` of the
        engine's parameters) for the module's result.
    """
    if not arguments.get("name") or not arguments.get("path"):
        return ask({})  # the module says what is missing
    channel = delivery_channel.Channel(action)
    try:
        cache = delivery_cache.Cache()
        with delivery_source.Source(
            action._find_needle("files", arguments["path"]), cache
        ) as source:
            name = reference.full_text(arguments["name"], arguments.get("tag"))
            parsed = reference.parse(name)
            source.choose(parsed.tagged or name, name, _platform(action, arguments, source))
            result = Delivery(action, channel, source, parsed, arguments).carry_out(ask)
        cache.sweep()
        return result
    except errors.EngineError as error:
        raise AnsibleActionFail(str(error)) from None
    except OSError as error:
        raise AnsibleActionFail(
            f"the image could not be prepared on the controller: {errors.reason(error)}"
        ) from None


def _platform(
    action: EngineAction, arguments: dict[str, Any], source: delivery_source.Source
) -> tuple[str, str, str]:
    """Return the platform to take: as asked for, else the host's, which is looked up only where it
    matters.
    """
    given = arguments.get("platform")
    given = ",".join(given) if isinstance(given, list) else given
    if given or not source.has_platforms():
        return manifest.parse_platform(given)
    return manifest.host_platform(action._low_level_execute_command("uname -m")["stdout"].strip())


class Shipment:
    """What is sent to a host.

    :ivar whole: ``(archive_reader.Place or path, offset, size)`` of layers, by their index.
    :ivar rebuilt: indexes of the layers that the host rebuilds.
    :ivar pack: path of the packed contents, or None.
    :ivar files: how many contents.
    :ivar room: bytes that it takes on the host.
    """

    def __init__(self) -> None:
        self.whole: dict[int, tuple[Any, int, int]] = {}
        self.rebuilt: list[int] = []
        self.pack: str | None = None
        self.files = self.room = 0

    def streams(self) -> list[tuple[Any, int, int]]:
        """List what is sent besides recipes: ``(Place or path, offset, size)``."""
        return list(self.whole.values()) + (
            [(self.pack, 0, os.stat(self.pack).st_size)] if self.pack else []
        )


class Delivery:
    def __init__(
        self,
        action: EngineAction,
        channel: delivery_channel.Channel,
        source: delivery_source.Source,
        parsed: Any,
        arguments: dict[str, Any],
    ) -> None:
        self.action, self.channel, self.source, self.parsed = action, channel, source, parsed
        self.check = action._task.check_mode
        self.delta = arguments.get("delta", True)
        self.wanted: dict[str, Any] = {}  # what the host says that it lacks
        self.recipes: dict[int, delivery_source.Recipe] = {}  # by index of a layer
        self.lacking: set[bytes] = set()  # short digests of contents

    def carry_out(self, ask: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
        source = self.source
        request = {
            "id": source.id,
            "layers": [[layer.diff_id, layer.digest or "", layer.size] for layer in source.layers],
        }
        if self.check:
            request["config"] = encode(source.config)
        result = ask(request)
        wanted = result.pop("wanted", None)
        if wanted is None:
            return result if result.get("failed") else dict(result, delivery=self._told(Shipment()))
        self.wanted = wanted
        for delta in (boolean(self.delta), False):
            shipment = self._prepared(delta)
            if self.check:
                return self._foretold(result, shipment)
            self._check_room(shipment)
            answer = self._deliver(shipment)
            if "not_rebuilt" not in answer:
                break
            display.vv(
                f"{answer['not_rebuilt']}; its layers are sent whole", host=self.action.live.host
            )
        return answer if answer.get("failed") else self._with_told(answer, shipment)

    # --- what is to be sent ---

    def _prepared(self, delta: bool) -> Shipment:
        """Do as :meth:`_prepare`; the host keeps nothing for an archive that can't be sent."""
        try:
            return self._prepare(delta)
        except errors.EngineError:
            if not self.check:
                self._call("drop", {"id": self.source.id})
            raise

    def _prepare(self, delta: bool) -> Shipment:
        """Prepare what the host lacks."""
        shipment, missing = Shipment(), self.wanted["missing"]
        lacking = (
            self._offer(missing) if delta and self.wanted["local"] and self.wanted["xz"] else {}
        )
        for index in missing:
            layer = self.source.layers[index]
            if index in lacking and lacking[index] <= WORTH * layer.size:
                shipment.rebuilt.append(index)
                shipment.room += layer.size + self.recipes[index].size
            else:
                place = shipment.whole[index] = self.source.blob(layer)
                shipment.room += (
                    3 * place[2]
                )  # in the spool, in the store, and at least as much unpacked
        if shipment.rebuilt:
            shipment.pack, shipment.files, size = self.source.pack(
                [self.source.layers[index] for index in shipment.rebuilt], self.lacking
            )
            shipment.room += size
        return shipment

    def _offer(self, missing: list[int]) -> dict[int, float]:
        """Tell the host what the missing layers consist of. Return the bytes that it lacks of each,
        about as they travel, by index.
        """
        indexes = [index for index in missing if self.source.layers[index].size > TINY]
        with concurrent.futures.ThreadPoolExecutor(
            2
        ) as pool:  # hashing, inflating and compressing let others run
            found = dict(zip(indexes, pool.map(self._recipe, indexes)))
        self.recipes = {index: recipe for index, recipe in found.items() if recipe is not None}
        if not self.recipes:
            return {}
        layers = self.source.layers
        recipes = {
            layers[index].diff_id: (layers[index].diff_id, recipe.plain, recipe.digests)
            for index, recipe in self.recipes.items()
        }
        request = {
            "id": self.source.id,
            "repository": self.parsed.full_repository,
            "layers": [layer.diff_id for layer in layers],
            "check": int(self.check),
        }
        answer = self._call("offer", request, delivery_recipe.pack(list(recipes.values())))
        order = list(
            dict.fromkeys(
                digest[: delivery_recipe.SHORT]
                for _diff_id, _plain, digests in recipes.values()
                for digest in digests
            )
        )
        bits = decode(answer["missing"], len(order) // 8 + 1)
        self.lacking = {
            short for number, short in enumerate(order) if bits[number // 8] >> number % 8 & 1
        }
        return {index: self._lacks(layers[index], recipe) for index, recipe in self.recipes.items()}

    def _recipe(self, index: int) -> delivery_source.Recipe | None:
        try:
            return self.source.recipe(self.source.layers[index])
        except errors.Unsupported:
            return None  # above all zstd that nothing here reads; the host may

    def _lacks(self, layer: delivery_source.Layer, recipe: delivery_source.Recipe) -> float:
        plain = sum(
            size
            for _offset, size, digest in recipe.contents
            if digest[: delivery_recipe.SHORT] in self.lacking
        )
        return plain * layer.size / max(recipe.size, 1)

    def _check_room(self, shipment: Shipment) -> None:
        """:raises HostError: before anything is sent, when it can't fit."""
        if shipment.room > self.wanted["free"]:
            self._call("drop", {"id": self.source.id})
            raise errors.HostError(
                f"no space left in {self.wanted['data']} for {self.parsed.familiar}: it needs at "
                f"least {units.show_size(shipment.room)} and there is "
                f"{units.show_size(self.wanted['free'])}"
            )

    # --- sending it ---

    def _call(
        self, step: str, request: dict[str, Any], body: Iterable[bytes] = ()
    ) -> dict[str, Any]:
        answer = self.channel.call(self.wanted["command"] + [step], request, body)
        if answer.get("failed"):
            if answer.get("exception"):
                display.vvv(
                    printable(answer["exception"], 8000, lines=True), host=self.action.live.host
                )
            raise AnsibleActionFail(printable(answer.get("msg") or "the host does not say why"))
        return answer

    def _deliver(self, shipment: Shipment) -> dict[str, Any]:
        """Send it, and have the host make the image of it. Return the result, or ``{"not_rebuilt":
        why}``.
        """
        there, total, done = (
            set(self.wanted["parts"]),
            sum(size for _path, _offset, size in shipment.streams()),
            0,
        )
        names: dict[Any, list[str]] = {}
        for stream in shipment.streams():
            names[stream] = []
            for data in _chunks(*stream):
                name = hashlib.sha256(data).hexdigest()
                names[stream].append(name)
                if name not in there:
                    self._store(name, data)
                    there.add(name)
                done += len(data)
                self.action.live.bytes(f"Sending {self.parsed.familiar}", done, total)
        with self.action.live.watched() as told:
            return self.channel.call(
                self.wanted["command"] + ["take"],
                dict(self._request(shipment, names), progress=told.get("progress")),
            )

    def _store(self, name: str, data: bytes) -> None:
        try:
            self.channel.store(self.wanted["spool"], name, data)
        except delivery_channel.Refused as error:
            self._call("drop", {"id": self.source.id})
            raise AnsibleActionFail(
                f"{self.parsed.familiar} could not be sent: {error}; nothing of it was kept"
            ) from None

    def _request(self, shipment: Shipment, names: dict[Any, list[str]]) -> dict[str, Any]:
        """Return what the host makes the image of (``_runtime/delivery/receiver.py``)."""
        source, layers = self.source, []
        alike = self.wanted["zlib"] == recompress.sample()
        for index, layer in enumerate(source.layers):
            item = {"diff_id": layer.diff_id, "digest": layer.digest, "size": layer.size}
            if index in shipment.whole:
                place = shipment.whole[index]
                item.update(
                    parts=names[place], size=place[2], digest=layer.digest or _digest(*place)
                )
            elif index in shipment.rebuilt:
                again = self.recipes[index].again
                item.update(
                    rebuilt=True,
                    again=again if again and (alike or again["level"] is None) else None,
                )
            layers.append(item)
        exact = source.manifest is not None and all(
            index in shipment.whole or self.wanted["blobs"][index] or item.get("again")
            for index, item in enumerate(layers)
        )
        pack = [stream for stream in names if stream[0] == shipment.pack]
        return {
            "step": "take",
            "id": source.id,
            "options": self.wanted["options"],
            "config": encode(source.config),
            "exact": exact,
            "manifest": encode(source.manifest) if source.manifest is not None else "",
            "layers": layers,
            "pack": names[pack[0]] if pack else [],
        }

    # --- what the user is told ---

    def _told(self, shipment: Shipment) -> dict[str, int]:
        """Return the value ``delivery`` of the result."""
        return {
            "layers": len(shipment.whole),
            "rebuilt": len(shipment.rebuilt),
            "files": shipment.files,
            "bytes_sent": self.channel.sent,
            "bytes_total": sum(layer.size for layer in self.source.layers),
        }

    def _foretold(self, result: dict[str, Any], shipment: Shipment) -> dict[str, Any]:
        """Return the module's prediction, with what would be sent."""
        names = {
            stream: [hashlib.sha256(data).hexdigest() for data in _chunks(*stream)]
            for stream in shipment.streams()
        }
        self.channel.sent += (
            len(json.dumps(dict(self._request(shipment, names), progress=None)))
            + 1
            + sum(size for _path, _offset, size in names)
        )
        return self._with_told(result, shipment)

    def _with_told(self, result: dict[str, Any], shipment: Shipment) -> dict[str, Any]:
        """Return a result with what is, or would be, sent."""
        told, diff = self._told(shipment), result.pop("diff", None)
        result = {key: value for key, value in result.items() if key != "warnings" or value}
        if self.action._task.diff:
            text = (
                "layers sent whole: %(layers)d\nlayers rebuilt on the host: %(rebuilt)d, with "
                "%(files)d contents that it lacks\n" % told
            )
            text += f"sent: {units.show_size(told['bytes_sent'])} of {units.show_size(told['bytes_total'])}\n"
            result["diff"] = [diff or {}, {"prepared": text}]
        return dict(result, delivery=told)


def _chunks(path: Any, offset: int, size: int) -> Iterator[bytes]:
    """Read a part of a file in the portions in which it is sent."""
    end = offset + size
    for start in range(offset, end, delivery_channel.CHUNK):
        yield b"".join(
            delivery_source.pieces(path, start, min(delivery_channel.CHUNK, end - start))
        )


def _digest(path: Any, offset: int, size: int) -> str:
    checksum = hashlib.sha256()
    for piece in delivery_source.pieces(path, offset, size):
        checksum.update(piece)
    return "sha256:" + checksum.hexdigest()
