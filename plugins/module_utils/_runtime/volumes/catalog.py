# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The volumes of a host: database rows, directories, and the containers that use them.

A volume is its row. A directory without a row is left over from a killed task; ``recovery`` removes
it.
"""

from __future__ import annotations

import datetime
import os
import re
import secrets

from .. import units
from ..errors import Conflict, InvalidInput, NotFound
from ..events import journal
from ..kernel.files import project_quota
from ..kernel.mounts import rootfs
from ..store import tree_removal
from ..store.atomic_files import Damaged, read_json, sync_directory
from ..store.database import decode, encode, now
from . import driver, quota

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any, TypedDict

    from ..engine import Engine
    from ..store.database import Row

    class Volume(TypedDict):
        """A volume's definition: its row of the table ``volumes``."""

        name: str
        driver_options: dict[str, str]  # of type, device, o; or size
        labels: dict[str, str]
        anonymous: bool  # it goes with its container
        created: float  # seconds since the epoch

    class UsedVolume(Volume):
        """A volume, and the names of the containers that mount it."""

        users: list[str]


NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{1,127}")


def check_name(name: object) -> str:
    """Check a volume's name, which becomes a directory's, and return it.

    :raises InvalidInput: when it is not accepted.
    """
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise InvalidInput(
            "name",
            name,
            "a volume's name: 2 to 128 letters, digits, '_', '.', '-', the first a letter or digit",
        )
    return name


def get(engine: Engine, name: str | None) -> Volume | None:
    """Return a volume by its name, or None."""
    row = engine.db.one("SELECT * FROM volumes WHERE name = ?", name)
    return _volume(row) if row else None


def require(engine: Engine, name: str) -> Volume:
    """Return a volume by its name.

    :raises NotFound: when there is none.
    """
    volume = get(engine, name)
    if volume is None:
        raise NotFound(f"volume {name} does not exist")
    return volume


def _volume(row: Row) -> Volume:
    said = decode(row["options"])
    return {
        "name": row["name"],
        "driver_options": said["driver_options"],
        "labels": said["labels"],
        "anonymous": bool(row["anonymous"]),
        "created": row["created"],
    }


def path(engine: Engine, name: str) -> str:
    """Return the directory that a volume's mounts show."""
    directory: str = engine.paths.volume(name)
    return os.path.join(directory, "_data")


def has(engine: Engine, name: str, subpath: str) -> bool:
    """Tell whether there is something at a path below a volume's root, where no link leads out."""
    root = os.open(path(engine, name), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.close(rootfs.open_in_root(root, subpath, os.O_PATH))
    except OSError:
        return False
    finally:
        os.close(root)
    return True


def create(
    engine: Engine,
    name: str | None = None,
    driver_options: Mapping[str, Any] | None = None,
    labels: Mapping[str, str] | None = None,
    anonymous: bool = False,
    fill: Callable[[str], None] | None = None,
) -> str:
    """Create a volume; an existing one is left as it is.

    :param fill: called with the new directory, which it gives a content.
    :returns: its name, a new random one where none is given.
    :raises InvalidInput, Unsupported: for driver options that can't work.
    """
    name = check_name(name or secrets.token_hex(32))
    options = driver.check(driver_options or {})
    if get(engine, name) is not None:
        return name
    check_new(engine, options)
    with engine.locks.hold("volume", name):
        engine.db.refresh()
        if get(engine, name) is not None:
            return name
        with engine.operations.record("create-volume", name=name):
            try:
                _make_directory(engine, name)
                quota.begin(path(engine, name), options)
                if fill is not None:
                    fill(path(engine, name))
                    quota.check_filled(path(engine, name), options)
                engine.db.run(
                    "INSERT INTO volumes (name, options, anonymous, created) VALUES (?, ?, ?, ?)",
                    name,
                    encode({"driver_options": options, "labels": labels or {}}),
                    int(anonymous),
                    now(),
                )
            except BaseException:
                clear(engine, name)
                raise
    _tell(engine, "create", name)
    return name


def check_new(engine: Engine, driver_options: Mapping[str, Any]) -> None:
    """Check that a new volume can have these driver options.

    :raises InvalidInput, Unsupported: for options that can't work.
    """
    quota.check(engine, driver.check(driver_options))


def _tell(engine: Engine, action: str, name: str) -> None:
    journal.write(engine.paths, ("volume", action, name, {"driver": "local"}))


def _make_directory(engine: Engine, name: str) -> None:
    directory = engine.paths.volume(name)
    tree_removal.remove(directory)
    os.mkdir(directory, 0o700)
    data = os.path.join(directory, "_data")
    os.mkdir(data, 0o755)
    os.chmod(data, 0o755)  # whatever the umask
    sync_directory(directory)


def update_labels(engine: Engine, name: str, labels: Mapping[str, str]) -> None:
    """Replace a volume's labels."""
    _update(engine, name, {"labels": labels})


def update_options(engine: Engine, name: str, options: Mapping[str, str]) -> None:
    """Replace the driver options in a volume's row."""
    _update(engine, name, {"driver_options": options})


def _update(engine: Engine, name: str, change: Mapping[str, Any]) -> None:
    with engine.db.transaction() as connection:
        row = connection.execute("SELECT options FROM volumes WHERE name = ?", (name,)).fetchone()
        connection.execute(
            "UPDATE volumes SET options = ? WHERE name = ?",
            (encode({**decode(row["options"]), **change}), name),
        )


def remove(engine: Engine, name: str) -> None:
    """Remove a volume with its content.

    :raises NotFound: when there is no such volume.
    :raises Conflict: when a container uses it.
    """
    with engine.locks.hold("volume", name):
        require(engine, name)
        check_unused(engine, name)
        if not engine.db.make_room():  # nor a reserve any more: its content goes first
            clear(engine, name)
        with engine.operations.record("remove-volume", name=name):
            engine.db.run("DELETE FROM volumes WHERE name = ?", name)
            clear(engine, name)
    _tell(engine, "destroy", name)


def clear(engine: Engine, name: str) -> None:
    """Remove a volume's directory, after unmounting it."""
    data = path(engine, name)
    driver.detach(data)
    project_quota.release(data)
    tree_removal.remove(engine.paths.volume(name))


def attach(engine: Engine, name: str) -> None:
    """Mount what a volume's options name on its directory. A directory of the store needs no mount.

    A container that starts waits here while the volume's content is replaced, or is saved or copied
    with its containers frozen.

    :raises HostError: when the kernel refuses.
    """
    volume = get(engine, name)
    if volume is None:
        return
    mount = driver.is_mount(volume["driver_options"])
    with engine.locks.hold("volume", name, shared=not mount):
        if not mount:
            return
        driver.attach(name, path(engine, name), volume["driver_options"])


def check_unused(engine: Engine, name: str) -> None:
    """Check that no container mounts the volume.

    :raises Conflict: when one does.
    """
    users = used_by(engine, name)
    if users:
        raise Conflict(f"volume {name} is used by container {', '.join(users)}; remove that first")


def used_by(engine: Engine, name: str) -> list[str]:
    """Return the names of the containers that mount a volume, running or not."""
    return users(engine).get(name, [])


def users(engine: Engine) -> dict[str, list[str]]:
    """Return ``{volume: [names of the containers that mount it]}``."""
    found: dict[str, list[str]] = {}
    for row in engine.db.all("SELECT id, name, definition FROM containers ORDER BY name"):
        try:
            has = of_container(engine, row["id"])
        except (Damaged, AttributeError, KeyError, TypeError):
            has = _perhaps(engine, decode(row["definition"]))
        for volume in has:
            found.setdefault(volume, []).append(row["name"])
    return found


def _perhaps(engine: Engine, definition: Mapping[str, Any]) -> list[str]:
    """Return the volumes that a container with damaged documents may mount.

    These are the ones in its definition, and all anonymous ones.
    """
    asked = [
        entry.get("source")
        for option in ("volumes", "mounts", "inherited")
        for entry in definition.get(option) or ()
        if isinstance(entry, dict)
    ]
    return [
        row["name"]
        for row in engine.db.all("SELECT name, anonymous FROM volumes")
        if row["anonymous"] or row["name"] in asked
    ]


def of_container(engine: Engine, ident: str) -> list[str]:
    """Return the volumes that a container's config.json mounts."""
    config = read_json(os.path.join(engine.paths.container(ident), "config.json"))
    if config is None:
        raise Damaged(f"container {ident[:12]}: its config.json is gone")
    below = engine.paths.volumes + "/"
    return sorted(
        {
            entry["source"][len(below) :].partition("/")[0]
            for entry in config.get("mounts", ())
            if entry.get("type") == "bind" and entry.get("source", "").startswith(below)
        }
    )


def drop_anonymous(engine: Engine, names: Iterable[str]) -> None:
    """Remove those of ``names`` that are anonymous and that no container uses."""
    for name in names:
        volume = get(engine, name)
        if volume is not None and volume["anonymous"] and not used_by(engine, name):
            remove(engine, name)


def listing(engine: Engine, filters: Mapping[str, Any] | None = None) -> list[UsedVolume]:
    """Return the volumes that ``filters`` select, by name.

    :param filters: each a value, or a list of which one must match (of labels: all). ``dangling``:
        true or false. ``name``: part of it, or a regular expression. ``label``: ``key`` or
        ``key=value``. ``driver``.
    :raises InvalidInput: for an unknown filter or an impossible value.
    """
    chosen = {
        key: values if isinstance(values, (list, tuple)) else [values]
        for key, values in (filters or {}).items()
    }
    unknown = set(chosen) - {"dangling", "driver", "name", "label"}
    if unknown:
        raise InvalidInput("filters", sorted(unknown)[0], "dangling, driver, name, label")
    who = users(engine)
    rows: list[UsedVolume] = [
        {**_volume(row), "users": who.get(row["name"], [])}
        for row in engine.db.all("SELECT * FROM volumes ORDER BY name")
    ]
    tests: dict[str, list[Any]] = {
        "dangling": [
            units.truth(value, "filters.dangling") for value in chosen.get("dangling", ())
        ],
        "name": [units.pattern(value, "filters.name") for value in chosen.get("name", ())],
    }
    return [
        row
        for row in rows
        if _selected(row, dict(chosen, **{key: tests[key] for key in tests if key in chosen}))
    ]


def _selected(volume: UsedVolume, chosen: Mapping[str, Sequence[Any]]) -> bool:
    if "dangling" in chosen and (not volume["users"]) not in chosen["dangling"]:
        return False
    if "name" in chosen and not any(
        expression.search(volume["name"]) for expression in chosen["name"]
    ):
        return False
    if "driver" in chosen and "local" not in chosen["driver"]:
        return False
    for key, equals, text in (str(label).partition("=") for label in chosen.get("label", ())):
        if key not in volume["labels"] or (equals and volume["labels"][key] != text):
            return False
    return True


def inspect(engine: Engine, name: str) -> dict[str, Any]:
    """Return a volume in the form of ``docker volume inspect``.

    :raises NotFound: when there is none.
    """
    volume = require(engine, name)
    made = (
        datetime.datetime.fromtimestamp(volume["created"], datetime.timezone.utc)
        .isoformat(timespec="seconds")
        .replace("+00:00", "Z")
    )
    return {
        "CreatedAt": made,
        "Driver": "local",
        "Labels": volume["labels"],
        "Mountpoint": path(engine, name),
        "Name": name,
        "Options": volume["driver_options"],
        "Scope": "local",
        "Anonymous": volume["anonymous"],
    }
