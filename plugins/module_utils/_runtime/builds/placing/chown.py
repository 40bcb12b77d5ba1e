# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``--chown`` of COPY and ADD: whose the files are, by the users and groups of the image."""

from __future__ import annotations

from ...errors import InvalidInput
from ...kernel.mounts import users


def owner_of(root, text, option):
    """``(uid, gid)`` of ``user[:group]`` by the files of the root that is open; None for "". A number alone is the group too, and a part that
    is empty is root's. :raises InvalidInput:"""
    if not text:
        return None
    try:
        user, colon, group = text.partition(":")
        if not colon:
            group = user if user.isdigit() else None
        return users.resolve(
            root, (user or "0") + (":%s" % (group or "0") if group is not None else "")
        )[:2]
    except InvalidInput as error:
        raise InvalidInput(option, text, error.accepted) from None
