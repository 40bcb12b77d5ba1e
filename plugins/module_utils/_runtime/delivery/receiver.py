# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's half of ``source: controller``: what it lacks of an image, and the image from what the controller has sent.

1. The module ``image`` is asked with digests alone (:func:`present`). Where the image is there, that was all.
2. The controller may send recipes of the missing layers (``recipe.py``); ``offer`` answers which contents are not here.
3. It sends whole layers and missing contents as parts into the spool (``spool.py``); ``take`` makes the image of them.

``offer``, ``take`` and ``drop`` are called over the connection as commands, not as modules: a module's payload is larger than what
an update needs. They read JSON, and what follows it, from standard input, and answer with JSON.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import sys
import tempfile
import traceback

from .. import errors, reconcile
from ..deploy import fingerprint
from ..images import ImagePlan, check_trust_of_file, name_image, tagged, tell_event
from ..images.library import ingest, integrity, layer_store, records
from ..images.model import manifest
from ..layers.compression import compressed_streams
from ..progress import board
from ..untrusted import json_reader
from . import local_files, recompress
from . import recipe as delivery_recipe
from .spool import Spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, BinaryIO, NoReturn

    from ..engine import Engine
    from ..images.library.ingest import Stored
    from ..images.model.reference import Reference


# What of a task's options a later step needs again.
OPTIONS = (
    "name",
    "tag",
    "state",
    "source",
    "path",
    "tags",
    "repository",
    "push",
    "index",
    "sign",
    "insecure",
    "validate_certs",
    "ca_path",
    "client_cert",
    "client_key",
    "auth_file",
)

BOOTSTRAP = "import sys; sys.path.insert(0, %(place)r); import %(package)s.nouns; from %(package)s.delivery.receiver import main; sys.exit(main(sys.argv[1:]))"


class NotRebuilt(errors.RegistryError):
    """A layer did not come out right from what this host has; it has to be sent whole."""


# --- the module ---


def present(engine: Engine, params: dict[str, Any], name: str) -> ImagePlan | dict[str, Any]:
    """Plan ``source: controller``, or where the image has to be sent, return what is lacking of it:
    ``{"wanted": {...}}``.

    :param params: the module's options. ``delivery`` is what the controller says: ``{"id",
        "layers": [[DiffID, digest or "", size]]}``, in check mode with ``config`` (see
        ``recipe.encode``), and for the last step more (:class:`_Image`).
    """
    request = params.get("delivery")
    if not request:
        raise errors.InvalidInput(
            "source", "controller", "a task that runs through this collection's action plugin"
        )
    parsed = tagged(name)
    plan = ImagePlan(engine, f"image {parsed.familiar}", parsed)
    record = integrity.whole(engine, request["id"])
    if record is not None:
        if not engine.check:
            Spool(
                engine, request["id"]
            ).remove()  # another task was faster, or one was killed at its very end
        name_image(plan.is_there(record), request["id"], parsed.full_tag)
        return plan
    check_trust_of_file(
        engine, "controller", params["path"], f"image {parsed.familiar} from the controller"
    )
    if "config" not in request:
        return {"wanted": _wanted(engine, params, request)}
    config = manifest.parse_config(delivery_recipe.decode(request["config"]), parsed.familiar)
    plan.brings(records.coming(request["id"], config), [parsed.full_tag])
    named = records.by_reference(engine, parsed)
    plan.add(
        "image",
        named and named["id"],
        request["id"],
        f"deliver image {parsed.familiar}",
        lambda: _take(engine, request, parsed),
    )
    if engine.check:
        facts = plan.facts
        plan.facts = lambda: dict(facts(), wanted=_wanted(engine, params, request))
    return plan


def _wanted(engine: Engine, params: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    """Return what the controller has to know in order to send an image."""
    rows, spool = (
        layer_store.rows(engine, [diff_id for diff_id, _digest, _size in request["layers"]]),
        Spool(engine, request["id"]),
    )
    if not engine.check:
        spool.make()
    blobs = [
        bool(digest) and engine.blobs.has(digest, size)
        for _diff_id, digest, size in request["layers"]
    ]
    whole = [
        blob or bool(row and row["blob"] and engine.blobs.has(row["blob"]))
        for row, blob in zip(rows, blobs)
    ]
    place = engine.paths.data if os.path.isdir(engine.paths.data) else "/"
    status = os.statvfs(place)
    return {
        "missing": [index for index, there in enumerate(whole) if not there],
        "blobs": blobs,  # whether each is there as the manifest names it
        "parts": spool.parts(),
        "local": engine.db.one("SELECT 1 FROM layers")
        is not None,  # whether there is anything to rebuild layers from
        "zlib": recompress.sample(),
        "xz": importlib.util.find_spec("_lzma") is not None,
        "spool": spool.path,
        "free": status.f_bavail * status.f_frsize,
        "data": engine.paths.data,
        "options": {key: params.get(key) for key in OPTIONS},
        "command": [
            sys.executable,
            "-I",
            "-c",
            BOOTSTRAP
            % {"place": os.path.dirname(fingerprint.directory()), "package": fingerprint.PACKAGE},
        ],
    }


# --- the commands ---


def main(argv: list[str]) -> int:
    """Carry out ``offer``, ``take`` or ``drop``: a request at standard input, an answer as JSON at
    standard output.
    """
    from ..engine import Engine

    fingerprint.laid_down(
        "/", os.path.dirname(fingerprint.directory())
    )  # it is not swept away meanwhile
    try:
        request = json_reader.load(
            sys.stdin.buffer.readline(), "the request", size=delivery_recipe.LARGEST
        )
        with (
            Engine(check=bool(request.get("check"))) as engine,
            _reports(engine, request.get("progress")),
        ):
            answer = COMMANDS[argv[0]](engine, request, sys.stdin.buffer)
    except NotRebuilt as error:
        answer = {"not_rebuilt": str(error)}
    except errors.EngineError as error:
        answer = {"failed": True, "msg": str(error)}
    except Exception as error:  # noqa: B902 - the controller's user is told in one sentence
        answer = {
            "failed": True,
            "msg": errors.unexpected(error, "-vvv shows the traceback"),
            "exception": traceback.format_exc(),
        }
    json.dump(answer, sys.stdout)
    return 0


@contextlib.contextmanager
def _reports(engine: Engine, name: str | None) -> Iterator[None]:
    """Let the controller see in the block how far it is, under the name that it gave."""
    if name is None or not board.NAME.fullmatch(name):
        yield
        return
    with board.board(engine.paths.progress, name) as engine.progress:
        yield


def offer(engine: Engine, request: dict[str, Any], body: BinaryIO) -> dict[str, Any]:
    """Tell which contents of the recipes in ``body`` this host lacks: bits in the order in which
    they come first, 1 for lacking.

    :param request: ``{"id", "repository", "layers": [DiffIDs of the image], "check": 1 in check
        mode, else 0}``.
    """
    spool = Spool(engine, request["id"])
    try:
        with ingest.explained(engine, f"what is sent for {request['repository']}"):
            return _offer(engine, request, body, spool)
    except errors.HostError:
        if not engine.check:
            spool.remove()
        raise


def _offer(engine: Engine, request: dict[str, Any], body: BinaryIO, spool: Spool) -> dict[str, Any]:
    if engine.check:
        recipes = delivery_recipe.unpack(body)
    else:
        spool.make()
        spool.save("recipes", body)
        with spool.open("recipes") as file:
            recipes = delivery_recipe.unpack(file)
    wanted: dict[bytes, tuple[bytes, int]] = {}
    for recipe in recipes.values():
        described = delivery_recipe.contents(recipe.plain(), f"layer {recipe.diff_id[:19]}")
        for digest, (name, size) in zip(recipe.digests, described):
            wanted.setdefault(digest, (name, size))
    found = local_files.find(
        engine, wanted, local_files.related(engine, request["layers"], request["repository"])
    )
    if not engine.check:
        spool.keep(
            "found",
            {
                "found": {
                    digest.hex(): [os.fsdecode(path), offset]
                    for digest, (path, offset, _size) in found.items()
                },
                "sizes": {digest.hex(): size for digest, (_name, size) in wanted.items()},
            },
        )
    bits = bytearray((len(wanted) + 7) // 8)
    for number, digest in enumerate(wanted):
        if digest not in found:
            bits[number // 8] |= 1 << number % 8
    return {"missing": delivery_recipe.encode(bytes(bits))}


def take(engine: Engine, request: dict[str, Any], _body: BinaryIO) -> dict[str, Any]:
    """Store the image from what was sent. Return the result of the task."""
    from ..images import image  # what registries need is loaded only where an image is taken

    return reconcile.carry_out(
        image(engine, dict(request["options"], delivery=request), present), False
    )


def drop(engine: Engine, request: dict[str, Any], _body: BinaryIO) -> dict[str, Any]:
    """Remove what is here of a delivery that can't go on."""
    Spool(engine, request["id"]).remove()
    return {}


COMMANDS: dict[str, Callable[[Engine, dict[str, Any], BinaryIO], dict[str, Any]]] = {
    "offer": offer,
    "take": take,
    "drop": drop,
}


def _take(engine: Engine, request: dict[str, Any], parsed: Reference) -> None:
    engine.progress.subject(f"Storing {parsed.familiar}")
    spool = Spool(engine, request["id"])
    try:
        _Image(engine, request, spool, parsed.familiar).take([parsed.full_tag])
    except errors.RegistryError as error:
        if any(item.get("rebuilt") for item in request["layers"]):
            raise NotRebuilt(str(error)) from None
        spool.remove()
        raise
    except Exception:
        spool.remove()
        raise
    spool.remove()


class _Image:
    """An image that was sent.

    :param request: ``{"id", "config", "manifest": bytes as of ``recipe.encode`` or "", "exact":
        whether the manifest's blobs all come out, "layers": [{"diff_id", "digest", "size", "parts":
        [names] or None, "rebuilt": bool, "again": settings or None}], "pack": [names of the parts
        with the missing contents]}``.
    """

    def __init__(self, engine: Engine, request: dict[str, Any], spool: Spool, what: str) -> None:
        self.engine, self.request, self.spool, self.what = engine, request, spool, what
        self.config = delivery_recipe.decode(request["config"])
        self.manifest = delivery_recipe.decode(request["manifest"]) if request["manifest"] else None
        self.recipes: dict[str, delivery_recipe.Recipe] = {}  # by DiffID
        # by short digest in hexadecimal: where a content is, its bytes, where it is in the pack
        self.found: dict[str, tuple[str, int]] = {}
        self.sizes: dict[str, int] = {}
        self.packed: dict[str, int] = {}

    def take(self, names: list[str]) -> None:
        """Store the image and give it its names."""
        with tempfile.TemporaryFile(dir=self.engine.paths.tmp) as pack:
            self.pack = pack
            with ingest.explained(self.engine, self.what):
                if any(item.get("rebuilt") for item in self.request["layers"]):
                    self._open_pack()
            exact = self.request["exact"]
            layer_list = [self._layer(item, exact) for item in self.request["layers"]]
            ident = ingest.take(
                self.engine,
                self.what,
                self.config,
                layer_list,
                manifest_data=self.manifest if exact else None,
                build_manifest=None if exact else self._build_manifest,
                references=names,
                manner=ingest.LOAD,
            )
        tell_event(self.engine, "load", ident, names)

    def _open_pack(self) -> None:
        """Lay the missing contents out, and note where each is. They come in the order in which the
        rebuilt layers name them first.
        """
        with self.spool.open("recipes") as file:
            self.recipes = delivery_recipe.unpack(file)
        kept = self.spool.kept("found")
        self.found, self.sizes = kept["found"], kept["sizes"]
        offset = 0
        for item in self.request["layers"]:
            for digest in self.recipes[item["diff_id"]].digests if item.get("rebuilt") else ():
                text = digest.hex()
                if text not in self.found and text not in self.packed:
                    self.packed[text] = offset
                    offset += self.sizes[text]
        for piece in compressed_streams.decompress(
            self.spool.read(self.request["pack"]), f"what was sent for {self.what}"
        ):
            self.pack.write(piece)
        self.pack.flush()
        if self.pack.tell() != offset:
            raise errors.RegistryError(
                f"{self.what}: what was sent has {self.pack.tell()} bytes where {offset} were "
                "missing"
            )

    def _layer(self, item: dict[str, Any], exact: bool) -> ingest.Layer:
        """Describe a layer that was sent, is rebuilt, or is there."""
        diff_id, digest, size = item["diff_id"], item["digest"], item["size"]
        if item.get("parts") is not None:
            return ingest.Layer(diff_id, lambda: self.spool.read(item["parts"]), digest, size)
        if not item.get("rebuilt"):
            named = digest if exact or (digest and self.engine.blobs.has(digest, size)) else None
            return ingest.Layer(
                diff_id, lambda: self._gone(diff_id), named, size if named else None
            )
        if item.get("again"):
            return ingest.Layer(
                diff_id,
                lambda: recompress.compressed(self._archive(diff_id), item["again"]),
                digest,
                size,
            )
        return ingest.Layer(diff_id, lambda: self._archive(diff_id))

    def _gone(self, diff_id: str) -> NoReturn:
        raise errors.HostError(
            f"layer {diff_id[:19]}, which was on this host, was removed meanwhile; run the task "
            "again"
        )

    def _archive(self, diff_id: str) -> Iterator[bytes]:
        """Make a layer's archive from the files of this host and what was sent, in pieces."""
        recipe = self.recipes[diff_id]
        what = f"layer {diff_id[:19]}"

        def content(number: int, size: int) -> Iterator[bytes]:
            text = recipe.digests[number].hex()
            offset = self.packed.get(text)
            pieces = self._local(text, size) if offset is None else self._sent(offset, size)
            left = size
            for piece in pieces:
                left -= len(piece)
                yield piece
            if left:
                raise errors.RegistryError(f"{what}: a content that it needs has another size")

        return delivery_recipe.put_together(recipe.plain(), content, what)

    def _local(self, text: str, size: int) -> Iterator[bytes]:
        path, offset = self.found[text]
        try:
            yield from local_files.read(self.engine, (os.fsencode(path), offset, size))
        except OSError as error:
            raise errors.RegistryError(
                f"a file that was on this host can't be read: {errors.reason(error, named=True)}"
            ) from None

    def _sent(self, offset: int, size: int) -> Iterator[bytes]:
        while size:
            piece = os.pread(self.pack.fileno(), min(size, delivery_recipe.PIECE), offset)
            if not piece:
                return
            offset, size = offset + len(piece), size - len(piece)
            yield piece

    def _build_manifest(self, stored: list[Stored]) -> bytes:
        """Make the manifest with the blobs as they are here. What the one that was sent says beside
        them stays.
        """
        described = {"digest": self.request["id"], "size": len(self.config)}
        if self.manifest is None:
            return manifest.build(described, stored, docker=True)  # docker's archives have none
        original = manifest.parse(self.manifest, self.what)
        built = manifest.parse(
            manifest.build(
                described, stored, docker=original["mediaType"] == manifest.DOCKER_MANIFEST
            ),
            self.what,
        )
        kept = [
            old if old["digest"] == new["digest"] else new
            for old, new in zip(original["layers"], built["layers"])
        ]
        return json.dumps(dict(original, layers=kept), separators=(",", ":")).encode()
