# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-test's sanity tests, and the linters of what it does not look at. `make sanity` runs this."""

from __future__ import annotations

import fnmatch
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
import yaml

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(sys.executable).parent
LICENCE = "SPDX-License-" + "Identifier: GPL-3.0-or-later"  # not a licence of this file's
PYTHON = "%d.%d" % sys.version_info[:2]

# ansible-test fetches pip for its virtual environments from a host that may not be reachable; Python brings one.
GET_PIP = """\
import ensurepip
import sys

ensurepip.bootstrap(upgrade=True)
sys.exit(0)
"""


def run(*command, cwd=CHECKOUT, **environment):
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env=dict(os.environ, PATH=f"{BIN}:{os.environ['PATH']}", **environment),
    )
    assert done.returncode == 0, done.stdout[-60000:]
    return done.stdout


def tracked():
    """The files that belong to the project: those that git knows, or would take."""
    listing = run("git", "ls-files", "--cached", "--others", "--exclude-standard")
    return [path for path in listing.splitlines() if (CHECKOUT / path).is_file()]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """What is published, where ansible-test wants it: in .../ansible_collections/pycontainer/engine, as a git repository."""
    collection = (
        tmp_path_factory.mktemp("sanity") / "ansible_collections" / "pycontainer" / "engine"
    )
    left_out = yaml.safe_load((CHECKOUT / "galaxy.yml").read_text())["build_ignore"]
    for path in tracked():
        parents = [path, *map(str, pathlib.PurePath(path).parents)]
        if not any(fnmatch.fnmatch(parent, pattern) for parent in parents for pattern in left_out):
            (collection / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(CHECKOUT / path, collection / path, follow_symlinks=False)
    (collection / ".gitignore").write_text("/tests/output/\n__pycache__/\n")
    run("git", "init", "-q", cwd=collection)
    run("git", "add", "-A", cwd=collection)
    return collection


@pytest.mark.timeout(1200)
def test_ansible_test(exported):
    home = pathlib.Path.home() / ".ansible" / "test" / "cache"
    data = subprocess.run(
        [
            BIN / "python",
            "-c",
            "import ansible_test._internal.python_requirements as r, inspect; "
            "print(inspect.getsource(r))",
        ],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env=dict(os.environ, PYTHONPATH=""),
    ).stdout
    home.mkdir(parents=True, exist_ok=True)
    for version in set(re.findall(r"'(2\d\.\d(?:\.\d)?)'", data)):
        stub = home / (f"get_pip_{version.replace('.', '_')}.py")
        if not stub.exists():
            stub.write_text(GET_PIP)
    try:
        run("ansible-test", "sanity", "--venv", "--color", "no", "--python", PYTHON, cwd=exported)
    except AssertionError as error:
        wrong = [line for line in str(error).splitlines() if re.match("(E? *)?(ERROR|FATAL)", line)]
        raise AssertionError("\n".join(wrong)) from None


def test_documentation_of_every_module():
    names = [
        "pycontainer.engine." + path.stem
        for path in (CHECKOUT / "plugins" / "modules").glob("*.py")
    ]
    run("ansible-doc", "--type", "module", "--json", *names)
    run("ansible-doc", "--type", "role", "--json", "pycontainer.engine.host")


def test_playbooks_are_well_formed():
    for book in (CHECKOUT / "playbooks").glob("*.yml"):
        run("ansible-playbook", "--syntax-check", book, cwd="/")


def test_collection_can_be_built_and_installed(exported, tmp_path):
    run("ansible-galaxy", "collection", "build", "--output-path", tmp_path, cwd=exported)
    (archive,) = tmp_path.glob("*.tar.gz")
    run(
        "ansible-galaxy",
        "collection",
        "install",
        "--offline",
        "--no-deps",
        "--force",
        "-p",
        tmp_path / "installed",
        archive,
        cwd=tmp_path,
    )
    assert (
        tmp_path
        / "installed/ansible_collections/pycontainer/engine/plugins/module_utils/_runtime/deploy/install.py"
    ).exists()


def test_licences(tmp_path):
    """On what belongs to the project alone: reuse walks through the rest too, and tests of hosts build roots there at the same time."""
    for path in tracked():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CHECKOUT / path, tmp_path / path, follow_symlinks=False)
    run("reuse", "--root", tmp_path, "lint", "--lines", cwd=tmp_path)


def test_changelog():
    run("antsibull-changelog", "lint")


def test_shell_scripts():
    scripts = [path for path in tracked() if path.endswith(".sh") or path == ".ci/run"]
    run("shellcheck", *scripts)


def test_python_files():
    run("ruff", "check", "--quiet", ".")
    run("ruff", "format", "--quiet", "--check", ".")


def test_types():
    run("mypy")


def test_files_begin_with_copyright_and_licence():
    for path in tracked():
        if path.endswith((".py", ".sh")):
            head = (CHECKOUT / path).read_text(encoding="utf-8").splitlines()[:5]
            assert any("Copyright (c)" in line for line in head) and any(
                LICENCE in line for line in head
            ), path


def test_no_line_is_too_long():
    for path in tracked():
        if path.endswith((".py", ".sh", ".yml", ".yaml")):
            for number, line in enumerate(
                (CHECKOUT / path).read_text(encoding="utf-8").splitlines(), 1
            ):
                assert len(line) <= 160, "%s:%d has %d characters" % (path, number, len(line))
