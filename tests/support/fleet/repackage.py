# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make Debian packages into those of another package manager: ``repackage.py rpm|pacman FROM TO``, run on a test host as root.

Each package has the files, the name in the other's manner, the version and the dependencies that are in ``FROM``, too.
"""

from __future__ import annotations

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SPEC = """\
Name: {name}
Version: {version}
Release: 1
Summary: of Debian
License: free
AutoReqProv: no
{requires}
%define __spec_install_post %{{nil}}
%define debug_package %{{nil}}
%description
of Debian
%install
cp -a {tree}/. %{{buildroot}}
%files -f {tree}.files
"""

PKGINFO = """\
pkgname = {name}
pkgver = {version}-1
pkgdesc = of Debian
url = file:///
builddate = 1
packager = nobody
size = 1
arch = any
{requires}
"""


def field(package, name):
    return subprocess.run(
        ["dpkg-deb", "--field", package, name], stdout=subprocess.PIPE, text=True, check=True
    ).stdout.strip()


def run(*command, **options):
    subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL, **options)


def rpm(tree, target, text):
    files = [path for path in tree.rglob("*") if path.is_symlink() or not path.is_dir()]
    pathlib.Path(f"{tree}.files").write_text(
        "".join(f'"/{path.relative_to(tree)}"\n' for path in files)
    )
    spec = pathlib.Path(f"{tree}.spec")
    spec.write_text(text)
    run(
        "rpmbuild",
        "-bb",
        "--quiet",
        "--define",
        f"_rpmdir {target}",
        "--define",
        f"_topdir {tree}.build",
        spec,
    )


def pacman(tree, target, text):
    (tree / ".PKGINFO").write_text(text)
    name = re.search("pkgname = (.*)", text).group(1)
    run(
        "tar",
        "-C",
        tree,
        "-czf",
        target / (f"{name}.pkg.tar.gz"),
        ".PKGINFO",
        *[path.name for path in tree.iterdir() if path.name != ".PKGINFO"],
    )


KINDS = {  # how one is made, its text, a line for what it wants, a name in its manner, what lists all of them
    "rpm": (rpm, SPEC, "Requires: %s", lambda name: name, ["createrepo_c", "--quiet", "."]),
    "pacman": (
        pacman,
        PKGINFO,
        "depend = %s",
        lambda name: re.sub("^python3-", "python-", name),
        ["sh", "-c", "exec repo-add --quiet debian.db.tar.gz *.pkg.tar.gz"],
    ),
}


def main(kind, source, target):
    make, text, wants, named, listing = KINDS[kind]
    packages = {field(path, "Package"): path for path in sorted(pathlib.Path(source).glob("*.deb"))}
    target = pathlib.Path(target)
    target.mkdir()
    with tempfile.TemporaryDirectory() as work:
        for name, path in packages.items():
            tree = pathlib.Path(work, name)
            run("dpkg-deb", "-x", path, tree)
            shutil.rmtree(tree / "usr/share/doc", ignore_errors=True)
            for top in (
                "bin",
                "lib",
                "sbin",
            ):  # links to those in /usr, which only dpkg does not mind
                if (tree / top).is_dir():
                    run("cp", "-a", tree / top, tree / "usr")
                    shutil.rmtree(tree / top)
            version = re.sub(
                "[^0-9.]", ".", field(path, "Version").rpartition(":")[2].partition("-")[0]
            )
            needed = [
                word.split()[0].partition(":")[0]
                for words in field(path, "Depends").split(",")
                for word in words.split("|")
                if word.strip()
            ]
            requires = "\n".join(wants % named(word) for word in needed if word in packages)
            make(
                tree,
                target,
                text.format(name=named(name), version=version, requires=requires, tree=tree),
            )
    run(*listing, cwd=target)


if __name__ == "__main__":
    main(*sys.argv[1:])
