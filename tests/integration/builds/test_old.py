# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds as on older kernels, and below another umask: the same image."""

from __future__ import annotations

import os

import pytest
from pycontainer.containers.spec import container_mounts
from pycontainer.kernel.mounts import mounts, overlay, rootfs

TEXT = r"""FROM box:1 AS one
RUN mkdir -p /o/p && echo 1 > /o/p/f && ln -s p /o/l && chmod 750 /o
FROM box:1
WORKDIR /w/x
COPY --from=one /o ./
COPY --from=one /o/l/f /data/new/
COPY a* d /in/
COPY --link a /link/a
ADD --chown=33:34 d/b /lib/b
RUN --mount=from=one,source=/o/l,target=/m --mount=target=/c,rw --mount=type=cache,target=/k --mount=type=tmpfs,target=/t \
  cat /m/f > /y && touch /c/n && rm -r /srv/data
RUN <<X
#!/bin/sh
umask > /umask; ls -ld /w > /ls; mkdir /srv/data; : > /srv/data/z
X
"""
FILES = {"a": "1", "d/b": "2", "d/s/c": "3", ".dockerignore": "x"}
ARGS = {"SOURCE_DATE_EPOCH": "1700000000"}


@pytest.mark.parametrize(
    "modules", [[overlay], [overlay, mounts], [overlay, mounts, rootfs], [rootfs]]
)
def test_older_kernels(builder, monkeypatch, modules):
    new = builder(TEXT, FILES, args=ARGS)
    for module in modules:
        monkeypatch.setattr(module, "FORCE_WALK" if module is rootfs else "FORCE_OLD", True)
    if mounts in modules:  # what is decided by the kernel's version
        monkeypatch.setattr(container_mounts, "ALL_READ_ONLY", (99, 0))
    old = builder(TEXT, FILES, args=ARGS, nocache=True, name="t:2")
    assert builder.tree(new, times=True) == builder.tree(old, times=True)
    assert new["id"] == old["id"]


def test_another_umask(builder):
    path = builder.context(FILES)
    new = builder(TEXT, path=path, args=ARGS)
    saved = os.umask(0o077)
    try:
        old = builder(TEXT, path=path, args=ARGS, nocache=True, name="t:2")
    finally:
        os.umask(saved)
    tree = builder.tree(new, times=True)
    assert tree == builder.tree(old, times=True) and new["id"] == old["id"]
    assert (
        tree["w/x"][0] == "40755"
        and tree["in/s/c"][0] == "100644"
        and tree["umask"][3] == b"0022\n"
    )
