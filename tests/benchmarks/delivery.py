# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What delivering an image from the controller costs: bytes that really go over SSH, and time, on hosts of tests/hosts.

    /usr/bin/python3 tests/benchmarks/delivery.py [--hosts 3] [--docker] [--scratch DIRECTORY]

The image is that of the pull benchmark (sample_image.py); its next version is a rebuild: the base layer stays, all others have other
times, and 20 Python files one more line. Bytes are those of the hosts' network interfaces, both directions, with all of TCP's, SSH's and
Ansible's own; a task that does nothing is counted beside them. ``--docker`` delivers archives as of docker save instead of OCI layouts.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zlib

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / "tests"))

from common import sample_image  # noqa: E402
from support.fleet import namespaces, roots  # noqa: E402

CHANGED = 20  # files that get a line more


def rebuilt(layout, target):
    """The next version of the image in ``layout``, written into the directory ``target``; returns it."""
    if target.exists():
        return target
    half = target.with_suffix(".new")
    shutil.rmtree(half, ignore_errors=True)
    index = json.loads((layout / "index.json").read_text())
    body = json.loads(blob(layout, index["manifests"][0]["digest"]).read_text())

    def layers():
        for item in body["layers"][1:]:
            yield lambda layer, item=item: again(layer, blob(layout, item["digest"]))

    made = sample_image.Layout(half)
    made.write(layers())
    put_below(made, layout, body)
    half.rename(target)
    return target


def put_below(made, layout, body):
    """Put the lowest layer of an image as it is below the layers of another layout."""
    index = json.loads((made.where / "index.json").read_text())
    upper = json.loads(blob(made.where, index["manifests"][0]["digest"]).read_text())
    config, lowest = (
        json.loads(blob(where, item["config"]["digest"]).read_text())
        for where, item in ((made.where, upper), (layout, body))
    )
    config["rootfs"]["diff_ids"].insert(0, lowest["rootfs"]["diff_ids"][0])
    config["history"].insert(0, lowest["history"][0])
    upper["layers"].insert(0, body["layers"][0])
    shutil.copy(blob(layout, body["layers"][0]["digest"]), made.blobs)
    upper["config"] = made._put(json.dumps(config).encode(), upper["config"]["mediaType"])
    item = made._put(json.dumps(upper).encode(), upper["mediaType"])
    index["manifests"] = [dict(item, annotations=index["manifests"][0]["annotations"])]
    (made.where / "index.json").write_text(json.dumps(index))


def blob(layout, digest):
    return layout / "blobs" / "sha256" / digest[7:]


def again(layer, path):
    """The members of the layer at ``path`` as a rebuild makes them."""
    left = CHANGED
    with tarfile.open(path, "r|gz") as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isreg() else None
            member.mtime += 86400
            if "mtime" in member.pax_headers:
                member.pax_headers = dict(
                    member.pax_headers,
                    mtime="%d.%09d" % (member.mtime, zlib.crc32(os.fsencode(member.name)) % 10**9),
                )
            if (
                left
                and member.name.endswith(".py")
                and member.name.startswith("app/")
                and member.size
            ):
                left -= 1
                data = content.read() + b"# changed\n"
                member.size = len(data)
                content = io.BytesIO(data)
            layer.archive.addfile(member, content)
            layer.size += member.size
            layer.entries += 1


def as_docker(layout, target, name):
    """The image of a layout as an archive of docker save."""
    if not target.exists():
        subprocess.run(
            ["skopeo", "copy", "-q", f"oci:{layout}:t", f"docker-archive:{target}:{name}"],
            check=True,
        )
    return target


def traffic(fleet):
    """Bytes that have gone through each host's interface, both directions."""
    done = subprocess.run(
        ["nsenter", f"--net={fleet.fabric}", "ip", "-s", "-j", "link"],
        stdout=subprocess.PIPE,
        check=True,
    )
    return {
        link["ifname"]: link["stats64"]["rx"]["bytes"] + link["stats64"]["tx"]["bytes"]
        for link in json.loads(done.stdout)
        if link["ifname"].startswith("v")
    }


def play(fleet, scratch, title, task, *options):
    """Run one task on all hosts, and print what it took."""
    book = scratch / "play.json"
    book.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": [task]}]))
    before, began = traffic(fleet), time.monotonic()
    done = fleet.run(
        ansible(),
        book,
        *options,
        cwd=scratch,
        environment={
            "ANSIBLE_FORKS": "20",
            "ANSIBLE_PIPELINING": "True",
            "XDG_CACHE_HOME": str(scratch / "cache"),
            "ANSIBLE_COLLECTIONS_PATH": str(scratch / "collections"),
            "PYCONTAINER_PROGRESS": "off",
        },
    )
    took, after = time.monotonic() - began, traffic(fleet)
    if done.returncode:
        raise SystemExit(done.stdout)
    each = sorted(after[name] - before[name] for name in before)
    print(
        "%-52s %7.2f s  %12s bytes a host" % (title, took, f"{each[len(each) // 2]:,}"), flush=True
    )


def ansible():
    return CHECKOUT / ".venv" / "bin" / "ansible-playbook"


def collections(scratch):
    """The collection as a user has it."""
    place = scratch / "collections" / "ansible_collections" / "pycontainer" / "engine"
    for name in ("meta", "plugins"):
        shutil.copytree(CHECKOUT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CHECKOUT / "galaxy.yml", place)


def deliver(name, path, **options):
    return {
        "pycontainer.engine.image": dict(
            {"name": name, "source": "controller", "path": str(path)}, **options
        )
    }


def measure(fleet, scratch, one, two):
    ping = {"ansible.builtin.ping": None}
    play(fleet, scratch, "ping, the first connection", ping)
    play(fleet, scratch, "ping", ping)
    play(fleet, scratch, "the engine comes", {"pycontainer.engine.volume": {"name": "there"}})
    play(
        fleet,
        scratch,
        "a module that changes nothing",
        {"pycontainer.engine.volume": {"name": "there"}},
    )
    play(fleet, scratch, "the image, for the first time", deliver("bench:1", one))
    play(fleet, scratch, "again: nothing to do", deliver("bench:1", one))
    play(fleet, scratch, "the next version, in check mode", deliver("bench:2", two), "--check")
    play(fleet, scratch, "the next version", deliver("bench:2", two))
    play(fleet, scratch, "again: nothing to do", deliver("bench:2", two))
    play(
        fleet,
        scratch,
        "it is removed again",
        {"pycontainer.engine.image": {"name": "bench:2", "state": "absent"}},
    )
    play(fleet, scratch, "the next version once more, all prepared", deliver("bench:2", two))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--hosts", type=int, default=3)
    parser.add_argument("--docker", action="store_true")
    parser.add_argument("--scratch", default=str(roots.CACHE.parent / "bench"))
    given = parser.parse_args()
    os.makedirs(given.scratch, exist_ok=True)
    place = pathlib.Path(given.scratch)
    one = sample_image.make(place)
    two = rebuilt(one, place / (f"{one.name}-rebuilt"))
    if given.docker:
        one, two = (
            as_docker(layout, place / (layout.name + ".tar"), "bench:%d" % number)
            for number, layout in ((1, one), (2, two))
        )
    fleet = namespaces.Fleet("bench-delivery")
    with tempfile.TemporaryDirectory(dir=given.scratch) as scratch:
        scratch = pathlib.Path(scratch)
        collections(scratch)
        try:
            measure(fleet.up(given.hosts), scratch, one, two)
            print(
                "largest process on the controller: %d MiB"
                % (resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10)
            )
        finally:
            fleet.down()


if __name__ == "__main__":
    main()
