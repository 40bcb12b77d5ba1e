# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resolve ``USER`` and ``--chown``, names or numbers, by the users and groups of an image."""

from __future__ import annotations

from ...errors import InvalidInput
from ...kernel.mounts import users


def owner_of(root: int, text: str, option: str) -> tuple[int, int] | None:
    """Return ``(uid, gid)`` of ``user[:group]`` by the files of the open root; None for "".

    A number alone is the group too, and a part that is empty is root's.
    :raises InvalidInput: naming ``option``.
    """
    if not text:
        return None
    try:
        user, colon, group = text.partition(":")
        wanted = user or "0"
        if colon:
            wanted += f":{group or 0}"
        elif user.isdigit():
            wanted += f":{user}"
        uid, gid = users.resolve(root, wanted)[:2]
        return uid, gid
    except InvalidInput as error:
        raise InvalidInput(option, text, error.accepted) from None
