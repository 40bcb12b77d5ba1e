# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Built images in other tools' hands: through a registry, the same tree in umoci and buildah, the same configuration in skopeo."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
from pycontainer import images

from .conftest import tree

TEXT = """FROM box:1
RUN rm -r /srv/data && mkdir -m 750 /srv/data && echo new > /srv/data/new && chown 33:34 /srv/data
RUN rm /etc/group && ln /etc/passwd /hard && mkfifo /fifo && chmod 4755 /bin/busybox
RUN mv /usr /usr2 && rm /srv/data/new
COPY --chown=5:6 d /in/
COPY --link d/f /linked/f
HEALTHCHECK --interval=5s CMD true
ONBUILD RUN true
EXPOSE 80
LABEL a="b c"
"""


@pytest.fixture
def pushed(builder, registry):
    """``(name in the registry, record)``."""
    name = registry + "/built:1"
    record = builder(TEXT, {"d/f": "1", "d/e/g": "2"}, name=name)
    plan = images.plan_local(builder.engine, name)
    images.plan_push(plan, [name], images.Registries())
    plan.apply()
    return name, record


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")


def run(*words):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout


def test_umoci_and_skopeo(builder, pushed, tmp_path):
    need("skopeo", "umoci")
    name, record = pushed
    run(
        "skopeo",
        "copy",
        "-q",
        "--src-tls-verify=false",
        "docker://" + name,
        f"oci:{tmp_path / 'out'}:t",
    )
    run("umoci", "unpack", "--image", f"{tmp_path / 'out'}:t", str(tmp_path / "bundle"))
    assert tree(str(tmp_path / "bundle" / "rootfs"), times=True) == builder.tree(record, times=True)
    described = json.loads(
        run("skopeo", "inspect", "--config", "--tls-verify=false", "docker://" + name)
    )
    assert described["config"]["Labels"] == {"a": "b c"} and described["config"][
        "ExposedPorts"
    ] == {"80/tcp": {}}
    assert len([entry for entry in described["history"] if not entry.get("empty_layer")]) == len(
        described["rootfs"]["diff_ids"]
    )


def test_buildah(builder, pushed, tmp_path):
    need("buildah")
    name, record = pushed
    store = [
        "--root",
        str(tmp_path / "root"),
        "--runroot",
        str(tmp_path / "run"),
        "--storage-driver",
        "vfs",
    ]
    run("buildah", *store, "pull", "-q", "--tls-verify=false", name)
    described = json.loads(run("buildah", *store, "inspect", "--type", "image", name))["Docker"]
    assert described["config"]["Healthcheck"] == {
        "Test": ["CMD-SHELL", "true"],
        "Interval": 5000000000,
    } and described["config"]["OnBuild"] == ["RUN true"]
    (found,) = json.loads(run("buildah", *store, "images", "--json"))
    assert record["id"].startswith("sha256:" + found["id"])


def test_a_built_image_comes_back_as_it_was(builder, pushed):
    name, record = pushed
    before = builder.tree(record, times=True)
    images.plan_absent(builder.engine, name).apply()
    images.plan_absent(builder.engine, "box:1").apply()
    images.plan_present(builder.engine, name).apply()
    again = images.get(builder.engine, name)
    assert (
        again["id"] == record["id"]
        and again["manifest"] == record["manifest"]
        and builder.tree(again, times=True) == before
    )
