# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be done so that an image is there, has its names, is in a registry, or is gone: plans (``reconcile.py``).

An :class:`ImagePlan` also says which image it is about, before and after ``apply``: containers are planned with that.
"""

from __future__ import annotations

from ..errors import Conflict, InvalidInput, NotFound
from ..reconcile import Plan
from . import archive, client, collect, credentials, intake, manifest, push, records, reference, rootfs, transport
from .pull import Remote


class ImagePlan(Plan):
    """A plan about one image.

    :ivar coming: the image that ``apply`` brings, as a record; None where it is there already.
    """

    def __init__(self, engine, subject, parsed=None):
        super().__init__(subject, self._facts)
        self.engine, self.reference = engine, parsed
        self.coming = self._found = None
        self.gone = False
        self._new_names, self._new_digests = [], []

    def is_there(self, record):
        self._found = record
        return self

    def brings(self, record, names=(), digests=()):
        self.coming, self._new_names, self._new_digests = record, list(names), list(digests)
        return self

    def named(self, full):
        """A name that the image will have."""
        self._new_names.append(full)

    @property
    def image(self):
        """The id of the image that is there or will be."""
        return (self.coming or self._found)["id"]

    def record(self):
        """The image, as ``records.find`` gives it: from the store if it is there, else what would come (check mode)."""
        wanted = self.coming or self._found
        return records.find(self.engine, wanted["id"]) or wanted

    def _facts(self):
        if self.gone:
            return {"image": {}}
        record = self.record()
        stored = bool(record.get("added"))
        names = sorted(set(records.tags_of(self.engine, record["id"]) if stored else ()) | set(self._new_names))
        digests = sorted(set(records.digests_of(self.engine, record["id"]) if stored else ()) | set(self._new_digests))
        return {"image": records.describe(self.engine, record, names, digests)}


class Registries:
    """How to reach registries: one task's options, and a client for each repository.

    :param connection: keyword arguments of ``transport.Options``. :param auth_file: file with credentials.
    """

    def __init__(self, auth_file=None, **connection):
        self.auth_file = auth_file
        self.transport = transport.Transport(transport.Options(**connection))

    def client(self, parsed):
        found = credentials.lookup(parsed.registry, parsed.repository, self.auth_file)
        if found and "username" in found:
            found = found["username"], found["password"]
        return client.Client(parsed, self.transport, found)


def plan_present(engine, text, pull="missing", platform=None, registries=None):
    """Have the image ``text`` in the store, from its registry if need be.

    :param pull: ``missing``, ``always`` (the registry's digest is compared, nothing is fetched when it is the same) or
        ``never``. :param platform: ``os/arch[/variant]``; None for the host's. :param registries: a :class:`Registries`.
    :raises NotFound: when it is nowhere. :raises InvalidInput: for a malformed reference.
    """
    wanted = manifest.parse_platform(platform)
    local = records.find(engine, text)
    try:
        parsed = reference.parse(text)
    except InvalidInput:  # an id: only the store can have it
        if local is None:
            raise NotFound("there is no image %s on this host" % text) from None
        return ImagePlan(engine, "image %s" % text).is_there(local)
    plan = ImagePlan(engine, "image %s" % parsed.familiar, parsed)
    named = records.by_reference(engine, parsed)
    fits = local is not None and (platform is None or manifest.runs_on(local["config"], wanted))
    if named is None and local is not None:
        return plan.is_there(local)  # found by the beginning of its id
    if fits and (pull != "always" or parsed.digest):
        return plan.is_there(local)
    if pull == "never":
        raise NotFound(
            "there is no image %s%s on this host, and pull is never" % (parsed.familiar, " for %s" % platform if local is not None else "")
        )
    source = (registries or Registries()).client(parsed)
    if fits:
        current = source.digest(parsed.wanted)
        if current is None:
            raise NotFound("registry %s has no image %s:%s" % (parsed.registry, parsed.repository, parsed.tag))
        if "%s@%s" % (parsed.full_repository, current) in records.digests_of(engine, local["id"]):
            return plan.is_there(local)
    return _pull(plan, Remote(source, parsed, wanted), local)


def _pull(plan, remote, local):
    plan.brings(
        remote.record(),
        [remote.reference.tagged] if remote.reference.tagged else [],
        ["%s@%s" % (remote.reference.full_repository, digest) for digest in remote.digests],
    )
    plan.add("image", local and local["id"], remote.id, "pull image %s" % remote.what, lambda: remote.take(plan.engine))
    return plan


def plan_local(engine, text):
    """The image must be in the store already. :raises NotFound: when it is not."""
    return ImagePlan(engine, "image %s" % text, _reference_or_none(text)).is_there(records.get(engine, text))


def _reference_or_none(text):
    try:
        return reference.parse(text)
    except InvalidInput:
        return None


def plan_import(engine, text, path, options=None, message=None, platform=None):
    """Have ``text`` be an image of the root file system at ``path`` (directory or archive).

    :param options: ``{"command", "entrypoint", "env", "labels", "exposed_ports", "working_dir", "user", "volumes", "stop_signal"}``.
    """
    parsed = _tagged(text)
    config = rootfs.configuration(options)
    target = manifest.parse_platform(platform)
    diff_id, newest = rootfs.survey(path)
    data = rootfs.document(diff_id, newest, config, target, message)
    ident = manifest.digest_of(data)
    plan = ImagePlan(engine, "image %s" % parsed.familiar, parsed)
    named = records.by_reference(engine, parsed)
    there = records.find(engine, ident)
    if there is not None:
        plan.is_there(there)
        _name(plan, ident, parsed.tagged)
        return plan
    document = manifest.parse_config(data, path)
    plan.brings({"id": ident, "manifest": "", "config": document, "layers": [diff_id], "size": 0, "added": None}, [parsed.tagged])

    def take():
        layer = intake.Layer(diff_id, lambda: rootfs.open_layer(path))
        intake.take(engine, parsed.familiar, data, [layer], build_manifest=rootfs.build_manifest(data), references=[parsed.tagged])

    plan.add("image", named and named["id"], ident, "import image %s from %s" % (parsed.familiar, path), take)
    return plan


def _tagged(text, option="name"):
    parsed = reference.parse(text, option)
    if parsed.digest:
        raise InvalidInput(option, text, "a name with a tag, not a digest, for an image that is given it here")
    return parsed


def _name(plan, ident, full):
    """Give the image a name unless it has it."""
    engine = plan.engine
    row = engine.db.one("SELECT image FROM tags WHERE reference = ?", full)
    if row is not None and row["image"] == ident:
        return
    plan.named(full)
    plan.add(
        "tag " + records.familiar(full),
        row and row["image"],
        ident,
        "tag image as %s" % records.familiar(full),
        lambda: records.tag(engine, ident, full),
    )


def plan_load(engine, path, text=None, platform=None):
    """Have the images of an archive (docker save, OCI layout) in the store, under the names that the archive gives.

    :param text: take only the image of this name, or name the archive's only image so. None takes all.
    """
    target = manifest.parse_platform(platform)
    spool = None if engine.check else engine.paths.tmp
    with archive.opened(path, spool) as members:
        images = archive.contents(members, target)
        chosen = _choose(images, text, path)
        plan = ImagePlan(engine, "archive %s" % path, _reference_or_none(text) if text else None)
        wanted = [image for image, names in chosen if _load_plan(plan, image, names, path)]
    if wanted:
        plan.changes[0].apply = lambda: _load(
            engine, path, spool, target, [(image.id, names) for image, names in chosen if image in wanted]
        )
    image, names = chosen[0]
    there = records.find(engine, image.id)
    if there is not None:
        return plan.is_there(there)
    config = manifest.parse_config(image.config, path)
    return plan.brings(
        {"id": image.id, "manifest": "", "config": config, "layers": config["rootfs"]["diff_ids"], "size": 0, "added": None}, names
    )


def _choose(images, text, path):
    """``[(image, full names to give)]``."""
    if text is None:
        chosen = [(image, archive.full_names(image)) for image in images]
        nameless = [image for image, names in chosen if not names]
        if len(nameless) == len(images) == 1:
            return chosen
        return chosen
    wanted = _tagged(text).tagged
    chosen = [(image, [wanted]) for image in images if wanted in archive.full_names(image)]
    if not chosen and len(images) == 1:
        return [(images[0], [wanted])]
    if not chosen:
        there = [records.familiar(name) for image in images for name in archive.full_names(image)]
        raise InvalidInput("name", text, "an image that is in %s: %s" % (path, ", ".join(there) or "its images have no names"))
    return chosen


def _load_plan(plan, image, names, path):
    """Plan one image of an archive; whether its content has to be taken."""
    if records.find(plan.engine, image.id) is not None:
        for full in names:
            _name(plan, image.id, full)
        return False
    title = records.familiar(names[0]) if names else image.id[:19]
    row = plan.engine.db.one("SELECT image FROM tags WHERE reference = ?", names[0]) if names else None
    # one change carries all images out: the archive is laid out once
    plan.changes.insert(0, _change("image " + title, row and row["image"], image.id, "load image %s from %s" % (title, path)))
    return True


def _change(*arguments):
    holder = Plan("")
    holder.add(*arguments)
    return holder.changes[0]


def _load(engine, path, spool, target, chosen):
    names = dict(chosen)
    with archive.opened(path, spool) as members:
        for image in archive.contents(members, target):
            if image.id in names:
                archive.take(engine, members, image, names.pop(image.id))
    if names:
        raise Conflict("%s changed while it was loaded" % path)


def plan_tags(plan, texts, option="tags"):
    """Add further names of the plan's image to ``plan``."""
    for text in texts:
        _name(plan, plan.image, _tagged(text, option).tagged)


def plan_push(plan, texts, registries):
    """Add to ``plan`` the pushes of its image to the references ``texts``: those whose registry has another digest, or none."""
    engine, record = plan.engine, plan.record()
    for text in texts:
        parsed = _tagged(text)
        target = registries.client(parsed).for_push()
        current = target.digest(parsed.tag)
        if current is not None and current == record["manifest"]:
            continue
        plan.add(
            "registry " + parsed.familiar,
            current,
            record["manifest"] or record["id"],
            "push image %s" % parsed.familiar,
            lambda target=target: push.push(engine, target, record["id"]),
        )


def plan_absent(engine, text, force=False):
    """Have no image of this name, or id.

    A name that is not the image's only one is taken away; with its last name, or by id, the image goes.
    :param force: by id, also where it has several names; where a container uses it, only its names go.
    :raises Conflict: when a container uses it, or an id with several names is given, without ``force``.
    """
    plan = ImagePlan(engine, "image %s" % text)
    plan.gone = True
    record = records.find(engine, text)
    if record is None:
        return plan
    ident, names = record["id"], records.tags_of(engine, record["id"])
    parsed = _reference_or_none(text)
    row = records.by_reference(engine, parsed) if parsed is not None else None
    if row is not None and not parsed.digest and len(names) > 1:
        plan.add("tag " + parsed.familiar, ident, None, "untag image %s" % parsed.familiar, lambda: records.untag(engine, parsed.tagged))
        return plan
    if row is None and len(names) > 1 and not force:
        raise Conflict(
            "image %s has several names (%s); name one of them, or use force_absent" % (ident[:19], ", ".join(map(records.familiar, names)))
        )
    users = records.containers_of(engine, ident)
    records.check_unused(engine, ident, force)
    if users and not names:
        return plan  # nothing is left to take away before its containers are gone
    action = "untag image %s, which %s still use" % (text, ", ".join(users)) if users else "remove image %s" % text
    last = parsed.tagged if row is not None and not parsed.digest else None
    plan.add("image", ident, None, action, lambda: records.remove(engine, ident, force, last))
    return plan


def plan_prune(engine, everything=False):
    """Remove nameless images that no container uses; ``everything``: named ones too. Facts: ``images``, ``space_reclaimed``."""
    freed = []
    idents = records.dangling(engine, everything)
    plan = Plan("images", lambda: {"images": idents, "space_reclaimed": sum(freed)})

    def apply():
        for ident in idents:
            row = engine.db.one("SELECT size FROM images WHERE id = ?", ident)
            records.remove(engine, ident)
            freed.append(row["size"])
        freed.append(collect.collect(engine, everything=True))

    for ident in idents:
        plan.add("image " + ident[:19], ident, None, "remove image %s" % records.name_of(engine, ident), None)
    if plan.changes:
        plan.changes[0].apply = apply
    return plan
