# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans for an image: present, named, in a registry, or absent (``reconcile.py``).

An :class:`ImagePlan` also says which image it is about, before and after ``apply``. Plans for
containers use that.
"""

from __future__ import annotations

from ... import units
from ...errors import Conflict, EngineError, HostError, InvalidInput, NotFound, Untrusted, required
from ...reconcile import Plan
from ..library import garbage, image_events, image_filters, integrity, records
from ..model import manifest, reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ...engine import Engine
    from ..configuration.access import Registries
    from ..library.integrity import Damage
    from ..library.records import ImageRecord, ImageRow
    from ..model.manifest import Platform
    from ..model.reference import Reference
    from .pull import Remote

    Document = dict[str, Any]


class ImagePlan(Plan):
    """A plan about one image.

    :ivar coming: the image that ``apply`` brings, as a record; None where it is in the store
        already.
    :ivar loaded: the names of all images of an archive, None where it is about none.
    :ivar loading: these images by id, each as it comes and with its names.
    :ivar tagged_images: the names that the image is given by a step of its own.
    :ivar untagged: names and digests that ``apply`` takes away.
    :ivar deleted: ids of the images that it may remove.
    :ivar unknown: whether ``apply`` may bring another image than was predicted.
    """

    def __init__(self, engine: Engine, subject: str, parsed: Reference | None = None) -> None:
        super().__init__(subject, self._facts)
        self.engine, self.reference = engine, parsed
        self.coming: ImageRecord | None = None
        self._found: ImageRecord | None = None
        self.gone, self._lost, self.unknown = False, False, False
        self.loaded: list[str] | None = None
        self.loading: dict[str, tuple[ImageRecord, list[str]]] = {}
        self.tagged_images: list[str] = []
        self.untagged: list[str] = []
        self.deleted: list[str] = []
        self._new_names: list[str] = []
        self._new_digests: list[str] = []

    def is_there(self, record: ImageRecord) -> ImagePlan:
        """Set the image of the store that the plan is about.

        :returns: the plan.
        """
        self._found = record
        return self

    def is_lost(self, row: ImageRow) -> ImagePlan:
        """Set that the image is in the store, and its documents are lost.

        What it is becomes known with them.

        :returns: the plan.
        """
        self._lost = True
        return self.is_there(records.coming(row["id"], {}, row["manifest"]))

    def brings(
        self, record: ImageRecord, names: Iterable[str] = (), digests: Iterable[str] = ()
    ) -> ImagePlan:
        """Set the image that ``apply`` brings, with its names and digests.

        :returns: the plan.
        """
        self.coming, self._new_names, self._new_digests = record, list(names), list(digests)
        return self

    def named(self, full: str) -> None:
        """Add a name that the image will have."""
        self._new_names.append(full)

    @property
    def image(self) -> str:
        """The id of the image that is or will be in the store."""
        return self._wanted()["id"]

    def _wanted(self) -> ImageRecord:
        """The record that was set when the plan was made."""
        return required(self.coming or self._found, "the image of a plan")

    def record(self) -> ImageRecord:
        """Return the image as ``records.find`` does: from the store, else what would come (check
        mode).
        """
        wanted = self._wanted()
        return records.find(self.engine, wanted["id"]) or wanted

    def _facts(self) -> Document:
        if self.gone:
            gone = [
                ident
                for ident in self.deleted
                if self.engine.check or records.row_or_none(self.engine, ident) is None
            ]
            return {"image": {}, "deleted": gone, "untagged": self.untagged}
        try:
            record = self.record()
        except EngineError:
            if not self._lost:
                raise
            return {"image": {"Id": self.image}}  # in check mode
        found: Document = {
            "image": self._described(record, self._new_names, self._new_digests),
            "tagged_images": self.tagged_images,
        }
        if self.loaded is not None:
            found["image_names"] = self.loaded
            found["images"] = [
                self._described(records.find_even_damaged(self.engine, ident) or coming, names)
                for ident, (coming, names) in self.loading.items()
            ]
        return found

    def _described(
        self, record: ImageRecord, names: Iterable[str], digests: Iterable[str] = ()
    ) -> Document:
        """Describe an image with the names that it has in the store, and these."""
        stored = bool(record.get("added"))
        return records.describe(
            self.engine,
            record,
            sorted({*(records.tags_of(self.engine, record["id"]) if stored else ()), *names}),
            sorted({*(records.digests_of(self.engine, record["id"]) if stored else ()), *digests}),
        )


def plan_present(
    engine: Engine,
    text: str,
    pull: str = "missing",
    platform: str | None = None,
    registries: Registries | None = None,
    verify: Document | None = None,
) -> ImagePlan:
    """Plan that the image ``text`` is in the store and whole, as far as the host's policy allows.

    :param pull: ``missing``, ``always`` (the registry's digest is compared, and nothing is fetched
        when it is the same) or ``never``.
    :param platform: ``os/arch[/variant]``; None for the host's.
    :param registries: a :class:`Registries`.
    :param verify: ``{"key", "repository", "digest_only"}``: require this signature, also for an
        image that is in the store already.
    :raises NotFound: when no registry has it.
    :raises InvalidInput: for a malformed reference.
    :raises Untrusted: when the host's policy or ``verify`` does not accept it.
    """
    wanted, found = manifest.parse_platform(platform), _damage(engine, text)
    if found and found.documents and verify is None:  # nothing can be told about it before
        if pull == "never":
            raise HostError(f"{found.sentences[0]}, and pull is never")
        return _repaired(
            ImagePlan(engine, f"image {text}", records.resolve(engine, text)[1]).is_lost(found.row),
            found,
            registries,
        )
    plan = _plan_present(engine, text, pull, wanted, platform, registries, verify)
    return (
        plan
        if plan.changed or found and pull == "never" and found.blobs
        else _repaired(plan, found, registries)
    )


def _damage(engine: Engine, text: str) -> Damage | None:
    """Return the damage that a quick look finds in the image, or None."""
    row = records.find_row(engine, text)
    return integrity.look(engine, row) if row is not None else None


def _repaired(
    plan: ImagePlan, found: Damage | None, registries: Registries | None = None
) -> ImagePlan:
    """Return ``plan`` with the repair of what is lost, if anything is."""
    if found:
        from ..library import repair  # with all that takes images in; few images need it

        repair.add(plan, plan.engine, found, registries)
    return plan


def _plan_present(
    engine: Engine,
    text: str,
    pull: str,
    wanted: Platform,
    platform: str | None,
    registries: Registries | None,
    verify: Document | None,
) -> ImagePlan:
    _row, parsed = records.resolve(engine, text)
    if parsed is None:  # an id: only the store can have it
        _no_verify(text, verify)
        local = records.find(engine, text)
        if local is None:
            raise NotFound(f"{records.absent(text)}, and no registry can be asked for an ID")
        return ImagePlan(engine, f"image {text}").is_there(local)
    local = records.find(engine, parsed.name)
    plan = ImagePlan(engine, f"image {parsed.familiar}", parsed)
    fitting = local
    if local is not None and platform is not None and not manifest.runs_on(local["config"], wanted):
        fitting = None
    if fitting is not None and (pull != "always" or parsed.digest) and verify is None:
        return plan.is_there(fitting)
    if pull == "never" and (fitting is None or not verify):
        of_this_kind = f" for {platform}" if local is not None else ""
        raise NotFound(
            f"there is no image {parsed.familiar}{of_this_kind} on this host, and pull is never"
        )
    from ..configuration.access import Registries
    from ..trust import verification  # what talks to registries is loaded only where one is asked
    from .pull import Remote

    wish = verification.of_registry(engine, parsed, verify)
    source = (registries or Registries()).source(parsed, engine)
    if fitting is not None and pull != "always" and wish is not None:
        try:
            verification.check_local(engine, source, parsed, fitting, wish)
            return plan.is_there(fitting)
        except Untrusted:
            if pull == "never":
                raise
    if fitting is not None and verify is None:
        current = source.digest(parsed.wanted)
        if current is None:
            raise NotFound(
                f"registry {parsed.registry} has no image {parsed.repository}:{parsed.tag}"
            )
        if f"{parsed.full_repository}@{current}" in records.digests_of(engine, fitting["id"]):
            return plan.is_there(fitting)
    return _pull(plan, Remote(source, parsed, wanted, wish), local)


def _pull(plan: ImagePlan, remote: Remote, local: ImageRecord | None) -> ImagePlan:
    plan.warnings += remote.client.warnings
    if local is not None and remote.is_here(
        plan.engine, local
    ):  # it was asked for because of its signatures
        return plan.is_there(local)
    plan.brings(
        remote.record(),
        [remote.reference.tagged] if remote.reference.tagged else [],
        [f"{remote.reference.full_repository}@{digest}" for digest in remote.digests],
    )
    plan.add(
        "image",
        local and local["id"],
        remote.id,
        f"pull image {remote.what}",
        lambda: remote.take(plan.engine),
    )
    return plan


def _no_verify(text: str, verify: Document | None) -> None:
    """Check that ``verify`` is not given for an image that is named by its id: no registry is asked
    about it.

    :raises InvalidInput: when it is.
    """
    if verify is not None:
        raise InvalidInput(
            "verify",
            verify,
            f"no verify with the id of an image ({text}): name it as its registry does",
        )


def plan_local(engine: Engine, text: str) -> ImagePlan:
    """Plan that the image is in the store already; repair it where it is damaged.

    :raises NotFound: when it is missing.
    """
    found, plan = (
        _damage(engine, text),
        ImagePlan(engine, f"image {text}", records.resolve(engine, text)[1]),
    )
    if found and found.documents:
        return _repaired(plan.is_lost(found.row), found)
    return _repaired(plan.is_there(records.get(engine, text)), found)


def tagged(text: str, option: str = "name") -> Reference:
    """Return a reference with a tag.

    :raises InvalidInput: for one with a digest.
    """
    parsed = reference.parse(text, option)
    if parsed.digest:
        raise InvalidInput(
            option, text, "a name with a tag, not a digest, for an image that is given it here"
        )
    return parsed


def name_image(plan: ImagePlan, ident: str, full: str) -> None:
    """Give the image a name unless it has it."""
    engine = plan.engine
    row = engine.db.one("SELECT image FROM tags WHERE reference = ?", full)
    if row is not None and row["image"] == ident:
        return
    plan.named(full)
    plan.tagged_images.append(records.familiar(full))
    plan.add(
        "tag " + records.familiar(full),
        row and row["image"],
        ident,
        f"tag image as {records.familiar(full)}",
        lambda: image_events.tag(engine, ident, full),
    )


def plan_tags(plan: ImagePlan, texts: Iterable[str], option: str = "tags") -> None:
    """Add further names of the plan's image to ``plan``."""
    for text in texts:
        name_image(plan, plan.image, tagged(text, option).full_tag)


def plan_absent(engine: Engine, text: str, force: bool = False, prune: bool = True) -> ImagePlan:
    """Plan that no image has this name, or id.

    A name that is not the image's only one is removed. With its last name, or by id, the image is
    removed.

    :param force: by id, also where it has several names. Where a container uses it, only its names
        are removed.
    :param prune: whether nameless images that it was built from are removed too.
    :raises Conflict: without ``force``: when a container uses it, or an id is given and it has
        several names, or a digest is given and it has names in other repositories.
    """
    plan = ImagePlan(engine, f"image {text}")
    plan.gone = True
    found, parsed = records.resolve(engine, text)  # no more of it: a damaged image goes as well
    if found is None:
        return plan
    ident, names = found["id"], records.tags_of(engine, found["id"])
    if parsed is not None and not parsed.digest and len(names) > 1:
        plan.untagged = [parsed.familiar]
        plan.add(
            "tag " + parsed.familiar,
            ident,
            None,
            f"untag image {parsed.familiar}",
            lambda: image_events.untag(engine, ident, parsed.full_tag),
        )
        return plan
    if parsed is None and len(names) > 1 and not force:
        raise Conflict(
            f"image {ident[:19]} has several names ({', '.join(map(records.familiar, names))}); "
            "name one of them, or use force_absent"
        )
    others = (
        [name for name in names if not name.startswith(parsed.full_repository + ":")]
        if parsed is not None and parsed.digest
        else []
    )
    if parsed is not None and others and not force:
        raise Conflict(
            f"image {parsed.familiar} has names in other repositories too "
            f"({', '.join(map(records.familiar, others))}); take these away first, or use "
            "force_absent"
        )
    users = records.containers_of(engine, ident)
    records.check_unused(engine, ident, force)
    if users and not names:
        return plan  # nothing is left to take away before its containers are gone
    action = (
        f"untag image {text}, which {', '.join(users)} still use"
        if users
        else f"remove image {text}"
    )
    last = parsed.tagged if parsed is not None and not parsed.digest else None
    plan.untagged = list(map(records.familiar, names + records.digests_of(engine, ident)))
    if not users:
        plan.deleted = records.removed_with(engine, ident) if prune else [ident]
    plan.add(
        "image", ident, None, action, lambda: image_events.remove(engine, ident, force, last, prune)
    )
    return plan


def _described(engine: Engine, ident: str) -> Document:
    record = records.find_even_damaged(engine, ident)
    if record is None:
        raise records.absent(ident)
    return records.describe(engine, record)


def plan_prune(engine: Engine, everything: bool = False, filters: Document | None = None) -> Plan:
    """Plan to remove nameless images that no container uses; with ``everything`` named ones too.

    Facts: ``images``, ``space_reclaimed``.

    :param filters: ``{"until", "label", "label!", "dangling"}`` as in ``image_filters.listing``;
        ``dangling`` false is ``everything``.
    """
    chosen = image_filters.check_filters(engine, filters, image_filters.PRUNE_FILTERS)
    freed: list[int] = []
    everything = not chosen.pop("dangling", not everything)
    idents = [
        ident
        for ident in records.dangling(engine, everything)
        if not chosen or image_filters.matches(_described(engine, ident), chosen)
    ]
    plan = Plan("images", lambda: {"images": idents, "space_reclaimed": sum(freed)})

    def apply() -> None:
        freed.append(engine.blobs.partials.sweep(0))  # first: it takes no room
        for row in filter(None, (records.row_or_none(engine, ident) for ident in idents)):
            records.empty(engine, row)
        for ident in idents:
            freed.append(
                image_events.remove(engine, ident)
            )  # 0 for one that went with what came from it
        freed.append(garbage.collect(engine, everything=True))

    for ident in idents:
        plan.add(
            "image " + ident[:19],
            ident,
            None,
            f"remove image {records.name_of(engine, ident)}",
            None,
        )
    left = engine.blobs.partials.size() if not chosen else 0
    if left:
        plan.add(
            "transfers",
            units.show_size(left),
            None,
            "remove what has come of layers whose transfer broke off",
            None,
        )
    unneeded = garbage.left(engine) if not chosen else 0
    if unneeded:
        plan.add("blobs", units.show_size(unneeded), None, "remove blobs that no image has", None)
    if plan.changes:
        plan.changes[0].apply = apply
    return plan
