# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What checked tasks would have brought to a host: kept for the later tasks of the same run, which would find it in earnest.

A file for each host in Ansible's own temporary directory of the run, since each task of a host is a process of its own. Facts would be seen
by users, and a cache of facts would keep them for other runs.
"""

from __future__ import annotations

import hashlib
import json
import os

from ansible import constants as C
from ansible_collections.pycontainer.engine.plugins.module_utils._runtime import errors
from ansible_collections.pycontainer.engine.plugins.module_utils._runtime.untrusted import (
    json_reader,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ansible_collections.pycontainer.engine.plugins.plugin_utils._engine_action import (
        EngineAction,
    )


KEPT = (
    "Id",
    "RepoTags",
    "RepoDigests",
    "Config",
    "Created",
    "Architecture",
    "Os",
    "Variant",
    "Size",
)  # of an image, for those who come later
MOST = 1 << 20  # bytes of all that a host is told


OTHERS = "others"  # the file of secrets, configs, networks, volumes and containers, beside that of images


def _path(action: EngineAction, task_vars: dict[str, Any] | None, subject: str = "") -> str:
    host = action._task.delegate_to or (task_vars or {}).get("inventory_hostname") or ""
    return os.path.join(
        C.DEFAULT_LOCAL_TMP,
        f"pycontainer-foretold-{subject}{hashlib.sha256(host.encode()).hexdigest()[:32]}.json",
    )


def images_for(action: EngineAction, task_vars: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Return the images that earlier tasks of the run would have brought to the task's host
    (``_runtime/images/plans/foretold.py``).
    """
    return _kept(_path(action, task_vars))


def others_for(action: EngineAction, task_vars: dict[str, Any] | None) -> list[list[str]]:
    """Return ``[kind, name]`` of the secrets, configs, networks, volumes and containers that earlier tasks of
    the run would have made.
    """
    return _kept(_path(action, task_vars, OTHERS))


def _kept(path: str) -> list[Any]:
    try:
        with open(path, "rb") as file:
            return json_reader.load(file.read(), "what earlier tasks would have brought", kind=list)
    except FileNotFoundError:
        return []


def remember_other(
    action: EngineAction,
    kind: str,
    name: str,
    result: dict[str, Any],
    task_vars: dict[str, Any] | None,
    gone: bool = False,
) -> None:
    """Keep what a checked task said of a secret, config, network, volume or container.

    :param kind: "secret", "config", "network", "volume" or "container". :param gone: it would be removed.
    """
    if result.get("failed") or not (gone or result.get("changed")):
        return
    before = others_for(action, task_vars)
    found = [entry for entry in before if entry != [kind, name]]
    if not gone:
        found.append([kind, name])
    if found != before:
        _write(_path(action, task_vars, OTHERS), found)


def remember(
    action: EngineAction,
    arguments: dict[str, Any],
    result: dict[str, Any],
    task_vars: dict[str, Any] | None,
) -> None:
    """Keep what a checked task of the module ``image`` said."""
    gone = arguments.get("state") == "absent"
    if result.get("failed") or not (gone or result.get("changed")):
        return
    image = result.get("image") or {}
    names = set(_names(arguments)) | set(image.get("RepoTags") or ())
    keep(action, names, image, task_vars, gone)


def keep(
    action: EngineAction,
    names: Iterable[str],
    image: dict[str, Any],
    task_vars: dict[str, Any] | None,
    gone: bool = False,
) -> None:
    """Keep that a checked task would give an image these names.

    :param image: what is known of it, {} where nothing is. :param gone: the names would be removed.
    """
    image = {key: value for key, value in image.items() if key in KEPT}
    found = images_for(action, task_vars)
    if not gone:  # a name that it has already is the earlier task's: this one gives it others
        names = set(names).difference(
            *(entry["names"] for entry in found if entry["image"].get("Id") == image.get("Id"))
        )
    for entry in found:
        entry["names"] = [name for name in entry["names"] if name not in names]
    if not gone and names:
        found.append(
            {
                "names": sorted(names),
                "image": image,
                "task": action._task.get_name(include_role_fqcn=False),
            }
        )
    _write(_path(action, task_vars), found)


def _write(path: str, found: list[Any]) -> None:
    text = json.dumps(found)
    if len(text) > MOST:
        return
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(path + ".new", path)


def _names(arguments: dict[str, Any]) -> list[str]:
    from ansible_collections.pycontainer.engine.plugins.module_utils._runtime.images import (
        task as images,  # here: most tasks do not need it
    )

    tags = arguments.get("tags") or []
    try:
        return images.names_of(
            dict(arguments, tags=tags.split(",") if isinstance(tags, str) else tags)
        )
    except errors.EngineError:
        return []
