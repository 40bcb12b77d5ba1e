# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two halves of a delivery without a connection between them: what the host lacks, rebuilds, refuses and clears away."""

from __future__ import annotations

import contextlib
import gzip
import importlib
import io
import json
import os
import tarfile
import time

import pytest
from integration.images.library.test_crash import killed_at
from pycontainer import delivery, images
from pycontainer.delivery import receiver, recompress
from pycontainer.delivery import spool as delivery_spool
from pycontainer.engine import Engine
from pycontainer.errors import EngineError
from pycontainer.images.library import records
from pycontainer.images.model.manifest import digest_of
from support.fleet import images_made
from support.layouts import PARAMS, fingerprint, layer, member, mounted, need, run

PLUGINS = "ansible_collections.pycontainer.engine.plugins.plugin_utils._delivery."
controllers = pytest.importorskip(PLUGINS + "delivery")  # of the environment that has Ansible
delivery_cache, delivery_channel, delivery_source = (
    importlib.import_module(PLUGINS + name) for name in ("cache", "channel", "source")
)
NAME = "shop/web:1"


class Connection:
    """Stands for action plugin and connection: the host's half runs in this process, its input and output as JSON."""

    def __init__(self, engine, check=False):
        self.engine, self.stored, self.host = engine, [], "here"
        self._task = type("Task", (), {"check_mode": check, "diff": True})
        self.live, self._connection = self, None
        self.on_store = lambda name, data: data
        self.on_call = lambda command, request: None

    def bytes(self, text, done, total=0):
        assert text.startswith("Sending") and 0 < done <= total

    @contextlib.contextmanager
    def watched(self):
        yield {}

    def _find_needle(self, _directory, path):
        return path

    # --- in a channel's place ---

    def call(self, command, request, body=()):
        self.on_call(command[-1], request)
        body, request = b"".join(body), json.dumps(request)
        self.sent += len(request) + 1 + len(body)
        try:
            return json.loads(
                json.dumps(
                    receiver.COMMANDS[command[-1]](
                        self.engine, json.loads(request), io.BytesIO(body)
                    )
                )
            )
        except receiver.NotRebuilt as error:
            return {"not_rebuilt": str(error)}
        except EngineError as error:
            return {"failed": True, "msg": str(error)}

    def store(self, directory, name, data):
        self.sent += len(data)
        self.stored.append(name)
        data = self.on_store(name, data)
        with open(os.path.join(directory, name), "wb") as file:
            file.write(data)

    sent = 0


@pytest.fixture
def deliver(engine, tmp_path, monkeypatch):
    """``deliver(path, check=False, name=NAME, **options) -> result`` of the task; ``deliver.connection`` is the last one."""
    from pycontainer import reconcile
    from pycontainer.images import task

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(controllers.display, "vv", lambda *_words, **_options: None)

    def do(path, check=False, name=NAME, on_store=None, on_call=None, **options):
        opened = Engine(engine.paths.data, engine.paths.run, check=True) if check else engine
        connection = do.connection = Connection(opened, check)
        connection.on_store, connection.on_call = (
            on_store or connection.on_store,
            on_call or connection.on_call,
        )
        monkeypatch.setattr(delivery_channel, "Channel", lambda _action: connection)
        params = dict(PARAMS, name=name, source="controller", path=str(path), **options)

        def ask(request):
            outcome = task.image(
                opened, dict(params, delivery=json.loads(json.dumps(request))), delivery.present
            )
            return (
                reconcile.carry_out(outcome, check)
                if isinstance(outcome, reconcile.Plan)
                else dict(outcome)
            )

        return controllers.carry_out(
            connection, {key: value for key, value in params.items() if value is not None}, ask
        )

    return do


def text(word, count=3000):
    return b"".join(
        b"%s %d %x\n" % (word, number, number * 7919 % 10007) for number in range(count // 10)
    )


def versions(tmp_path, compress=images_made.by_zlib):
    """Two layouts: in the second, of 40 files two are not as before, all times differ, and there is a link more."""

    def archive(number):
        members = [member(b"srv/", kind=tarfile.DIRTYPE, mode=0o755, mtime=number)]
        for item in range(40):
            content = text(b"%d-%d" % (item, number if item in (3, 4) else 0))
            members.append(
                member(
                    b"srv/f%d" % item,
                    content,
                    mtime=1700000000 + number,
                    pax={"SCHILY.xattr.user.n": "%d" % number},
                )
            )
        members.append(member(b"srv/link", kind=tarfile.LNKTYPE, linkname="srv/f3"))
        return layer(members)

    base = layer([member(b"base%d" % item, text(b"base%d" % item, 30000)) for item in range(3)])
    return [
        (
            tmp_path / ("v%d" % number),
            images_made.layout(tmp_path / ("v%d" % number), [base, archive(number)], compress),
        )
        for number in (1, 2)
    ]


def tree(engine, name, tmp_path):
    with mounted(images.layer_paths(engine, name), tmp_path / os.urandom(4).hex()) as at:
        return fingerprint(at)


def is_clean(engine):
    return (
        not os.path.exists(engine.paths.deliveries)
        and os.listdir(engine.paths.tmp) == []
        and engine.db.all("SELECT * FROM operations") == []
    )


@pytest.mark.usefixtures("kind")
def test_the_next_version_is_rebuilt_from_the_one_before(engine, deliver, task, tmp_path):
    (one, first), (two, second) = versions(tmp_path)
    whole = deliver(one)
    assert whole["image"]["ManifestDigest"] == first and (
        whole["delivery"]["layers"],
        whole["delivery"]["rebuilt"],
    ) == (2, 0)
    update = deliver(two, name="shop/web:2")
    assert update["image"]["ManifestDigest"] == second
    told = update["delivery"]
    assert (told["layers"], told["rebuilt"], told["files"]) == (0, 1, 2) and told[
        "bytes_sent"
    ] < told["bytes_total"] / 4
    assert is_clean(engine)
    rebuilt = tree(engine, "shop/web:2", tmp_path)
    for name in ("shop/web:1", "shop/web:2"):
        task(engine, name=name, state="absent")
    task(engine, name="shop/web:2", source="load", path=str(two))
    assert tree(engine, "shop/web:2", tmp_path) == rebuilt


def test_nothing_is_sent_when_it_is_there(engine, deliver, tmp_path):
    one = versions(tmp_path)[0][0]
    deliver(one)
    again = deliver(one)
    assert not again["changed"] and again["delivery"]["bytes_sent"] == 0
    named = deliver(one, name="other:5", tags=["third:1"])
    assert (
        named["actions"] == ["tag image as other:5", "tag image as third:1"]
        and named["delivery"]["bytes_sent"] == 0
    )


def test_check_mode_foretells_it_and_stores_nothing(engine, deliver, tmp_path):
    (one, _first), (two, _second) = versions(tmp_path)
    foretold = deliver(one, check=True)
    assert foretold["changed"] and engine.db.all("SELECT * FROM images") == [] and is_clean(engine)
    done = deliver(one)
    assert (
        foretold["delivery"] == done["delivery"]
        and foretold["actions"] == done["actions"]
        and foretold["image"]["Id"] == done["image"]["Id"]
    )
    foretold = deliver(two, check=True, name="shop/web:2")
    assert is_clean(engine)
    done = deliver(two, name="shop/web:2")
    assert foretold["delivery"] == done["delivery"]
    assert "rebuilt on the host: 1, with 2" in foretold["diff"][1]["prepared"]


@pytest.mark.parametrize("delta", [True, False])
def test_gzip_of_others_keeps_its_digest_only_when_it_is_sent_whole(
    engine, deliver, tmp_path, delta
):
    (one, first), (two, second) = versions(tmp_path, images_made.foreign)
    assert deliver(one)["image"]["ManifestDigest"] == first
    update = deliver(two, name="shop/web:2", delta=delta)
    assert (update["image"]["ManifestDigest"] == second) is not delta and update["delivery"][
        "rebuilt"
    ] == int(delta)
    document = json.loads(engine.blobs.read(update["image"]["ManifestDigest"]))
    assert document["annotations"] == {"made.by": "test"}
    assert (
        document["layers"][0]["digest"]
        == json.loads(engine.blobs.read(first))["layers"][0]["digest"]
    )
    for item in document["layers"]:  # what the manifest says of each blob is so
        data = engine.blobs.read(item["digest"])
        assert (
            len(data) == item["size"]
            and item["mediaType"].endswith("+gzip")
            and gzip.decompress(data)
        )


def test_another_zlib_on_the_host_makes_no_promise(engine, deliver, tmp_path, monkeypatch):
    (one, _first), (two, second) = versions(tmp_path)
    deliver(one)
    monkeypatch.setattr(recompress, "sample", lambda: "another")
    update = deliver(two, name="shop/web:2")
    assert update["delivery"]["rebuilt"] == 1 and update["image"]["ManifestDigest"] != second


def test_a_zlib_that_keeps_no_promise_costs_a_second_sending(
    engine, deliver, tmp_path, monkeypatch
):
    (one, _first), (two, second) = versions(tmp_path)
    deliver(one)
    monkeypatch.setattr(
        recompress, "compressed", lambda plain, _settings: iter([gzip.compress(b"".join(plain))])
    )
    update = deliver(two, name="shop/web:2")
    assert (update["delivery"]["layers"], update["delivery"]["rebuilt"]) == (1, 0) and update[
        "image"
    ]["ManifestDigest"] == second
    assert is_clean(engine)


def test_a_damaged_file_of_the_version_before_is_sent_anew(engine, deliver, tmp_path):
    (one, _first), (two, second) = versions(tmp_path)
    deliver(one)
    victim = next(
        os.path.join(path, "srv/f7")
        for path in images.layer_paths(engine, NAME)
        if os.path.exists(os.path.join(path, "srv/f7"))
    )
    with open(victim, "r+b") as file:
        file.write(b"X")
    update = deliver(two, name="shop/web:2")
    assert update["delivery"]["files"] == 3 and update["image"]["ManifestDigest"] == second


def test_a_file_that_changes_between_the_steps_is_found_out(engine, deliver, tmp_path):
    (one, _first), (two, second) = versions(tmp_path)
    deliver(one)
    victim = next(
        os.path.join(path, "srv/f7")
        for path in images.layer_paths(engine, NAME)
        if os.path.exists(os.path.join(path, "srv/f7"))
    )

    def spoil(_name, data):
        with open(victim, "r+b") as file:
            file.write(b"X")
        return data

    update = deliver(two, name="shop/web:2", on_store=spoil)
    assert (
        update["delivery"]["rebuilt"] == 0
        and update["image"]["ManifestDigest"] == second
        and is_clean(engine)
    )


@pytest.mark.parametrize("pack", [None, gzip.compress])
def test_docker_archives(engine, deliver, tmp_path, pack):
    def made(number):
        ident = images_made.docker_archive(
            tmp_path / "plain.tar",
            [
                images_made.tar({"a%d" % item: text(b"a%d" % item) for item in range(30)}),
                images_made.tar({"b%d" % item: text(b"b%d" % item) for item in range(30)}, number),
            ],
        )
        path = tmp_path / ("archive%d" % number)
        path.write_bytes(
            pack((tmp_path / "plain.tar").read_bytes())
            if pack
            else (tmp_path / "plain.tar").read_bytes()
        )
        return path, ident

    (one, first), (two, second) = made(1), made(2)
    whole, update = deliver(one), deliver(two, name="shop/web:2")
    assert (whole["image"]["Id"], update["image"]["Id"]) == (first, second)
    assert update["delivery"]["files"] == 0 and update["delivery"]["rebuilt"] == 1
    assert len(json.loads(engine.blobs.read(update["image"]["ManifestDigest"]))["layers"]) == 2
    assert not deliver(two, name="shop/web:2")["changed"]


@pytest.mark.parametrize("kind", ["docker-archive", "oci-archive", "oci"])
def test_archives_of_skopeo(engine, deliver, tmp_path, kind):
    """Which it compresses by a library of Go's where it compresses."""
    need("skopeo")
    made = []
    for path, _digest in versions(tmp_path):
        run("skopeo", "copy", "-q", f"oci:{path}:t", f"docker-archive:{path}.docker:any:1")
        target = f"{path}.{kind}"
        run("skopeo", "copy", "-q", f"docker-archive:{path}.docker", f"{kind}:{target}:any:1")
        made.append(
            (
                target,
                digest_of(run("skopeo", "inspect", "--raw", f"oci:{target}:any:1").encode())
                if kind == "oci"
                else None,
            )
        )
    assert deliver(made[0][0])["changed"]
    update = deliver(made[1][0], name="shop/web:2")
    assert (update["delivery"]["rebuilt"], update["delivery"]["files"]) == (1, 2)
    for path in images.layer_paths(engine, "shop/web:2"):
        assert os.listdir(path)
    if kind == "oci":
        assert update["image"]["ManifestDigest"] != made[1][1]
        records.remove(engine, update["image"]["Id"])
        assert (
            deliver(made[1][0], name="shop/web:2", delta=False)["image"]["ManifestDigest"]
            == made[1][1]
        )


def broken_off(deliver, tmp_path, monkeypatch):
    """Begin a delivery whose connection breaks after four of its parts; returns the archive."""
    monkeypatch.setattr(delivery_channel, "CHUNK", 1000)
    one = versions(tmp_path)[0][0]

    def breaks(name, data):
        if len(deliver.connection.stored) == 4:
            raise ConnectionError("broken")
        return data

    with pytest.raises(Exception, match="broken"):
        deliver(one, on_store=breaks)
    return one


def test_parts_that_are_there_are_not_sent_again(engine, deliver, tmp_path, monkeypatch):
    one = broken_off(deliver, tmp_path, monkeypatch)
    before = deliver.connection.stored[:3]
    assert engine.db.all("SELECT * FROM images") == []
    result = deliver(one)
    assert len(deliver.connection.stored) > 3 and not set(before) & set(deliver.connection.stored)
    assert result["changed"] and is_clean(engine)


def test_a_part_that_a_power_cut_has_left_without_content_is_sent_again(
    engine, deliver, tmp_path, monkeypatch
):
    one = broken_off(deliver, tmp_path, monkeypatch)
    lost, kept = deliver.connection.stored[:2]
    (directory,) = os.scandir(engine.paths.deliveries)
    os.truncate(os.path.join(directory.path, lost), 0)
    result = deliver(one)
    assert lost in deliver.connection.stored and kept not in deliver.connection.stored
    assert result["changed"] and is_clean(engine)


@pytest.mark.parametrize("delta", [True, False])
def test_killed_while_it_is_taken(scratch, engine, deliver, tmp_path, delta):
    """At one step after the other: the host's next call clears up, the parts are still there, and the task again ends right."""
    (one, _first), (two, _second) = versions(tmp_path)
    deliver(one)
    count, requests = 1, []

    def breaks(command, request):
        if command == "take":
            requests.append(request)
            raise ConnectionError("broken")

    while True:
        if images.find(engine, "shop/web:2"):
            records.remove(engine, images.get(engine, "shop/web:2")["id"])
        with pytest.raises(Exception, match="broken"):
            deliver(two, name="shop/web:2", on_call=breaks, delta=delta)
        engine.db.close()  # a forked child can't use what its parent has open
        if not killed_at(scratch, count, lambda opened: receiver.take(opened, requests[-1], None)):
            break
        with Engine(data=scratch[0], run=scratch[1]) as opened:
            assert (
                engine.db.all("SELECT * FROM operations") == []
                and os.listdir(opened.paths.tmp) == []
                and not images.damaged(opened, True)
            )
        result = deliver(two, name="shop/web:2", delta=delta)
        assert not result.get("failed") and is_clean(engine) and not images.damaged(engine, True)
        assert not deliver(two, name="shop/web:2", delta=delta)["changed"]
        count += 41
    assert count > 100


def test_a_damaged_part_is_a_clear_error_and_nothing_stays(engine, deliver, tmp_path):
    one = versions(tmp_path)[0][0]
    result = deliver(one, on_store=lambda _name, data: data[:-1] + b"X")
    assert result["failed"] and "was damaged on its way to this host" in result["msg"]
    assert (
        engine.db.all("SELECT * FROM images") == []
        and is_clean(engine)
        and not os.path.exists(os.path.join(engine.paths.blobs, "sha256"))
        or os.listdir(os.path.join(engine.paths.blobs, "sha256")) == []
    )
    assert deliver(one)["changed"]


def test_a_damaged_archive_is_a_clear_error_and_nothing_stays(engine, deliver, tmp_path):
    (one, _first), (two, _second) = versions(tmp_path)
    for path in (one / "blobs" / "sha256").iterdir():
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            path.write_bytes(data[:-20] + bytes(20))
    for check in (True, False):
        with pytest.raises(
            Exception,
            match="^layer sha256:.* of the archive is damaged: its content has another digest",
        ):
            deliver(one, check)
        assert is_clean(engine) and not deliver.connection.stored
    assert deliver(two)["changed"]  # and where a recipe would show it first:
    with pytest.raises(
        Exception,
        match="^layer sha256:.* of the archive is damaged: its content has another digest",
    ):
        deliver(one)
    assert is_clean(engine) and not deliver.connection.stored


def secret(tmp_path, like):
    """A file of the controller that is no business of an archive's, as long as the blob ``like``."""
    (tmp_path / "secret").write_bytes(b"\x1f\x8b secret " + os.urandom(like.stat().st_size - 10))
    return tmp_path / "secret"


def layer_blob(layout, other):
    """The blob of the layer that only one of two layouts has."""
    return next(
        path
        for path in (layout / "blobs" / "sha256").iterdir()
        if path.read_bytes()[:2] == b"\x1f\x8b"
        and not (other / "blobs" / "sha256" / path.name).exists()
    )


@pytest.mark.parametrize("delta", (True, False))
@pytest.mark.parametrize("way", ("link", "directory", "fifo", "hard link"))
def test_a_layout_leads_to_no_other_file_of_the_controller(engine, deliver, tmp_path, way, delta):
    """Not a byte of one is sent, and a FIFO is not waited for."""
    (one, _first), (two, _second) = versions(tmp_path)
    assert deliver(two)["changed"]
    blob = layer_blob(one, two)
    other = secret(tmp_path, blob)
    if way == "directory":
        (one / "blobs" / "sha256").rename(tmp_path / "sha256")
        (one / "blobs" / "sha256").symlink_to(tmp_path / "sha256")
        (tmp_path / "sha256" / blob.name).unlink()
        other.rename(tmp_path / "sha256" / blob.name)
    else:
        blob.unlink()
        {
            "link": lambda: blob.symlink_to(other),
            "fifo": lambda: os.mkfifo(blob),
            "hard link": lambda: blob.hardlink_to(other),
        }[way]()
    with pytest.raises(Exception, match="is damaged: ") as caught:
        deliver(one, name="shop/web:2", delta=delta)
    assert (
        not deliver.connection.stored
        and deliver.connection.sent < 500
        and is_clean(engine)
        and "\n" not in str(caught.value)
    )


@pytest.mark.parametrize("name", ("index.json", "oci-layout", "manifest.json"))
def test_a_layouts_documents_are_files_of_it(engine, task, deliver, tmp_path, name):
    (one, _first), _second = versions(tmp_path)
    (tmp_path / "elsewhere").write_text('{"imageLayoutVersion": "1.0.0", "manifests": []}')
    with contextlib.suppress(FileNotFoundError):
        (one / name).unlink()
    (one / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(
        Exception, match=f"is damaged: {name} is a symbolic link; accepted: a regular file"
    ):
        deliver(one)
    with pytest.raises(
        EngineError, match=f"is damaged: {name} is a symbolic link; accepted: a regular file"
    ):
        task(
            engine, source="load", path=str(one), name=NAME
        )  # where the layout lies on the host itself


def test_a_blob_that_is_replaced_while_it_is_sent(engine, deliver, tmp_path):
    (one, _first), (two, _second) = versions(tmp_path)
    blob = layer_blob(one, two)
    other = secret(tmp_path, blob)

    def replace(name, data):
        if blob.exists() and not blob.is_symlink():
            blob.unlink()
            blob.symlink_to(other)
        return data

    kept, delivery_channel.CHUNK = delivery_channel.CHUNK, 1 << 14
    try:
        with pytest.raises(Exception, match="symbolic link"):
            deliver(one, on_store=replace, delta=False)
    finally:
        delivery_channel.CHUNK = kept


def test_an_older_archive_is_checked_by_its_configuration(engine, deliver, tmp_path):
    """docker save before 25 has no digests of its layers: the configuration has those of their content."""
    (tmp_path / "tree").mkdir()
    good, bad = layer([member(b"f", b"good" * 100)]), layer([member(b"f", b"evil" * 100)])
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [digest_of(good)]},
        }
    ).encode()
    for name, data in (
        ("c.json", config),
        ("layer.tar", bad),
        (
            "manifest.json",
            json.dumps(
                [{"Config": "c.json", "RepoTags": [NAME], "Layers": ["layer.tar"]}]
            ).encode(),
        ),
    ):
        (tmp_path / "tree" / name).write_bytes(data)
    run(
        "tar",
        "-cf",
        str(tmp_path / "bad.tar"),
        "-C",
        str(tmp_path / "tree"),
        "c.json",
        "layer.tar",
        "manifest.json",
    )
    for path in (tmp_path / "tree", tmp_path / "bad.tar"):
        with pytest.raises(
            Exception,
            match="^layer sha256:.* of the archive is damaged: its content has another digest",
        ):
            deliver(path)
        assert not deliver.connection.stored
    (tmp_path / "tree" / "layer.tar").write_bytes(good)
    assert deliver(tmp_path / "tree")["changed"]


def test_what_nobody_comes_back_for_goes_by_itself(engine):
    spool = delivery_spool.Spool(engine, "sha256:" + "a" * 64)
    spool.make()
    name = digest_of(b"").partition(":")[2]
    (open(os.path.join(spool.path, name), "w")).close()
    with Engine(engine.paths.data, engine.paths.run):
        assert spool.parts() == [name]
    old = time.time() - delivery_spool.AGE - 10
    os.utime(spool.path, (old, old))
    with Engine(engine.paths.data, engine.paths.run):
        assert not os.path.exists(engine.paths.deliveries)


def test_a_host_without_room_is_told_before_anything_is_sent(
    engine, deliver, tmp_path, monkeypatch
):
    one = versions(tmp_path)[0][0]
    real = receiver._wanted
    monkeypatch.setattr(receiver, "_wanted", lambda *words: dict(real(*words), free=1000))
    with pytest.raises(Exception, match="no space left in .* for shop/web:1: it needs at least"):
        deliver(one)
    assert deliver.connection.stored == [] and is_clean(engine)


def test_what_an_image_has_lost_is_delivered_again(engine, deliver, tmp_path):
    one, first = versions(tmp_path)[0]
    deliver(one)
    before = tree(engine, NAME, tmp_path)
    lost = json.loads(engine.blobs.read(first))["layers"][1]["digest"]
    engine.blobs.remove(lost)
    again = deliver(one)
    assert (
        again["changed"]
        and engine.blobs.has(lost)
        and tree(engine, NAME, tmp_path) == before
        and is_clean(engine)
    )
    assert again["delivery"]["layers"] + again["delivery"]["rebuilt"] == 1


def test_the_policy_of_the_host_is_asked(engine, deliver, tmp_path):
    one = versions(tmp_path)[0][0]
    engine.paths.policy = str(tmp_path / "policy.json")
    with open(engine.paths.policy, "w") as file:
        json.dump(
            {
                "default": [{"type": "insecureAcceptAnything"}],
                "transports": {"controller": {"": [{"type": "reject"}]}},
            },
            file,
        )
    with pytest.raises(EngineError, match="from the controller"):
        deliver(one)
    assert deliver.connection.stored == [] and is_clean(engine)


def test_the_engine_refuses_a_task_without_its_other_half(engine, task):
    with pytest.raises(EngineError, match="source: 'controller' is not valid"):
        task(engine, name=NAME, source="controller", path="/x")


def test_input_that_does_not_fit(engine, deliver, tmp_path):
    one = versions(tmp_path)[0][0]
    (tmp_path / "junk").write_bytes(b"junk" * 1000)
    for words, options in (
        ("not a tar archive|neither", {"path": tmp_path / "junk"}),
        ("existing archive", {"path": tmp_path / "none"}),
        ("is not valid", {"path": one, "name": "Shop"}),
        ("a name with a tag", {"path": one, "name": "a@sha256:" + "a" * 64}),
    ):
        with pytest.raises(Exception, match=words):
            deliver(options.pop("path"), **options)


def test_the_cache_makes_a_file_once_and_only_whole(tmp_path):
    cache = delivery_cache.Cache(str(tmp_path / "cache"))

    def fails(file):
        file.write(b"half")
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        cache.made("thing", fails)
    made = []
    for _number in range(2):
        path = cache.made("thing", lambda file: made.append(file.write(b"whole")))
    assert made == [5] and open(path, "rb").read() == b"whole"
    old = time.time() - delivery_cache.AGE - 10
    os.utime(path, (old, old))
    cache.sweep()
    assert not os.path.exists(path)


def test_the_sweep_leaves_locks_that_are_held(tmp_path):
    """Without its name, the lock would be another one for the next: two would make one file."""
    cache = delivery_cache.Cache(str(tmp_path / "cache"))
    old = time.time() - delivery_cache.AGE - 10

    def make(file):
        locks = [entry.path for entry in os.scandir(cache.path) if entry.path != file.name]
        for path in locks:
            os.utime(path, (old, old))
        delivery_cache.Cache(cache.path).sweep()
        assert locks and all(map(os.path.exists, locks))

    cache.made("thing", make)
    cache.sweep()
    assert sorted(os.listdir(cache.path)) == [delivery_cache.SWEEP, "thing"]


def test_contents_are_cut_out_of_a_stream():
    data = bytes(range(256)) * 40
    chunks = [data[start : start + 100] for start in range(0, len(data), 100)]
    for ranges in (
        [(0, 1)],
        [(5, 500)],
        [(0, len(data))],
        [(99, 2), (101, 99), (200, 1), (5000, 240)],
        [],
    ):
        assert b"".join(delivery_source._cut(iter(chunks), ranges)) == b"".join(
            data[offset : offset + size] for offset, size in ranges
        )
