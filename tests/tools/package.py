# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the collection's archive so that one commit always gives the same bytes.

    package.py DIRECTORY        puts pycontainer-engine-VERSION.tar.gz there and prints its path and SHA-256

ansible-galaxy writes the time of the build, and files in the order in which the file system lists them. Both are settled here: the time is
SOURCE_DATE_EPOCH, else that of the commit (https://reproducible-builds.org/specs/source-date-epoch/).
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
FILES, MANIFEST = "FILES.json", "MANIFEST.json"


def moment():
    """Seconds since the epoch that all files get."""
    told = os.environ.get("SOURCE_DATE_EPOCH")
    return int(
        told
        or subprocess.run(
            ["git", "log", "-1", "--format=%ct"], cwd=CHECKOUT, stdout=subprocess.PIPE, check=True
        ).stdout
    )


def members(path):
    """{name: bytes, or None for a directory} of an archive."""
    with tarfile.open(path) as archive:
        return {
            member.name: archive.extractfile(member).read() if member.isfile() else None
            for member in archive
        }


def settle(found):
    """Put FILES.json in order, and its checksum into MANIFEST.json."""
    listing = json.loads(found[FILES])
    listing["files"].sort(key=lambda entry: entry["name"])
    found[FILES] = json.dumps(listing, indent=1, sort_keys=True).encode()
    manifest = json.loads(found[MANIFEST])
    manifest["file_manifest_file"]["chksum_sha256"] = hashlib.sha256(found[FILES]).hexdigest()
    found[MANIFEST] = json.dumps(manifest, indent=1, sort_keys=True).encode()


def packed(found, time, executable):
    """The bytes of the archive. :param executable: names of the files that may be executed."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in sorted(found, key=lambda name: (name not in (MANIFEST, FILES), name)):
            member = tarfile.TarInfo(name)
            member.mtime = time
            if found[name] is None:
                member.type, member.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(member)
            else:
                member.size, member.mode = len(found[name]), 0o755 if name in executable else 0o644
                archive.addfile(member, io.BytesIO(found[name]))
    return gzip.compress(plain.getvalue(), mtime=time)


def main(directory):
    with tempfile.TemporaryDirectory() as place:
        subprocess.run(
            [
                pathlib.Path(sys.executable).parent / "ansible-galaxy",
                "collection",
                "build",
                "--output-path",
                place,
            ],
            cwd=CHECKOUT,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        built = next(pathlib.Path(place).glob("*.tar.gz"))
        with tarfile.open(built) as archive:
            executable = {
                member.name for member in archive if member.isfile() and member.mode & 0o100
            }
        found = members(built)
    settle(found)
    target = pathlib.Path(directory) / built.name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(packed(found, moment(), executable))
    print(f"{hashlib.sha256(target.read_bytes()).hexdigest()}  {target}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
